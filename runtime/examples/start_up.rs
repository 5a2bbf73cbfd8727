//! What an application does when it starts: migrate, or refuse to start while steps are pending. It is its own compiler
//! of packages, in child processes.
//!
//! ```text
//! cargo run --example start_up -- migrate sqlite:app.db example-packages/crowd/crowd.wasm
//! cargo run --example start_up -- check   sqlite:app.db example-packages/crowd/crowd.wasm
//! ```

#![allow(clippy::print_stderr)]

use std::process::ExitCode;

use ptah_wasm::migrate::{MigrateError, Migrator, Options, Upgrade};
use ptah_wasm::sandbox::Compiler;

/// The options of both.
fn options() -> Options {
    Options { compiler: Compiler::ThisProgram, ..Options::default() }
}

/// Brings the packages to their heads before the application serves anything.
async fn migrate(url: &str, packages: &[String]) -> Result<(), MigrateError> {
    let migrator = Migrator::with_options(url, options())?.observed_by(|event| eprintln!("{event}"));
    let upgrades = packages.iter().map(|path| Ok(Upgrade::to_head(migrator.open(path)?)));
    let upgrades = upgrades.collect::<Result<Vec<_>, MigrateError>>()?;
    migrator.upgrade(&upgrades).await?;
    Ok(())
}

/// Refuses to start while a step is pending; changes nothing.
async fn check(url: &str, packages: &[String]) -> Result<(), MigrateError> {
    let migrator = Migrator::with_options(url, options())?;
    let packages = packages.iter().map(|path| migrator.open(path)).collect::<Result<Vec<_>, _>>()?;
    migrator.check(&packages).await
}

fn main() -> ExitCode {
    // Comes back at once unless this process was started to compile a package.
    ptah_wasm::sandbox::compile_if_asked();
    start()
}

#[tokio::main]
async fn start() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [verb, url, packages @ ..] if verb == "migrate" => migrate(url, packages).await,
        [verb, url, packages @ ..] if verb == "check" => check(url, packages).await,
        _ => {
            eprintln!("usage: start_up migrate|check URL PACKAGE…");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => {
            eprintln!("starting");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("not starting: {error}");
            ExitCode::FAILURE
        }
    }
}
