//! Per-package database migrations whose steps are sandboxed WebAssembly components.
//!
//! An application brings its packages to their heads when it starts, or refuses to start while steps are
//! pending; each is one call of a [`migrate::Migrator`]:
//!
//! ```no_run
//! use ptah_wasm::migrate::{MigrateError, Migrator, Options, Upgrade};
//! use ptah_wasm::sandbox::Compiler;
//!
//! # async fn start() -> Result<(), MigrateError> {
//! // A package is compiled once, by a child process with limits of its own: here by the installed runner.
//! let options = Options { compiler: Compiler::Program("/usr/bin/ptah-wasm".into()), ..Options::default() };
//! let migrator = Migrator::with_options("sqlite:app.db", options)?.observed_by(|event| eprintln!("{event}"));
//! let crowd = migrator.open("crowd.wasm")?;
//! let minicms = migrator.open("minicms.wasm")?;
//!
//! // Migrate …
//! let upgrades = [Upgrade::to_head(crowd.clone()), Upgrade::to_head(minicms.clone())];
//! migrator.upgrade(&upgrades).await?;
//!
//! // … or refuse.
//! migrator.check(&[crowd, minicms]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A step runs against a model of the schema and leaves a [`plan::Plan`]; the plan is rendered and applied. How that
//! goes through the code is in `docs/architecture.md`. The command line (the default feature `cli`) is a thin
//! layer over the same calls.

#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod database;
pub mod dialect;
#[cfg(feature = "cli")]
pub mod import;
pub mod migrate;
pub mod operation;
pub mod package;
pub mod plan;
pub mod policy;
pub mod revision;
pub mod rollout;
pub mod sandbox;
pub mod schema;
pub mod store;

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
