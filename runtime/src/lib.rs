//! Per-package database migrations whose steps are sandboxed WebAssembly components.

#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod database;
pub mod dialect;
pub mod migrate;
pub mod operation;
pub mod package;
pub mod plan;
pub mod policy;
pub mod revision;
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
