//! Looks at the bytes of a component before anything compiles them: is it one, of this contract, valid without what is
//! switched off, and small enough that compiling it is likely to be cheap? What it costs in truth is bounded where it
//! is compiled.

mod body;
mod types;
mod walk;

use wasmparser::Parser;

use super::error::SandboxError;
use crate::policy::Limits;

/// The version of the contract that is linked.
pub(super) const VERSION: &str = "0.1.0";

/// What every component must export.
pub(super) const EXPORT: &str = "ptah:migration/migration@0.1.0";

/// What is linked.
const IMPORTS: [&str; 7] = ["types", "schema", "inspect", "data", "rows", "log", "run"];

/// What a component says about itself on the outside.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The names of its imports in order.
    pub(super) imports: Vec<String>,
    exports: Vec<String>,
}

/// Checks the bytes.
///
/// # Errors
/// Everything that [`SandboxError`] names but the compiler's own refusal.
pub(super) fn check(component: &[u8], limits: &Limits) -> Result<Outside, SandboxError> {
    check_size(component.len(), limits)?;
    check_kind(component)?;
    let outside = walk::walk(component, limits)?;
    check_exports(&outside.exports)?;
    check_imports(&outside.imports)?;
    Ok(outside)
}

/// Checks how many bytes there are, which is all that is asked of a component that is kept.
pub(super) fn check_size(length: usize, limits: &Limits) -> Result<(), SandboxError> {
    within("bytes", length as u64, limits.component_bytes as u64)
}

fn check_kind(bytes: &[u8]) -> Result<(), SandboxError> {
    if bytes.starts_with(b"\x7fELF") {
        return Err(SandboxError::NotWasm("it is native code"));
    }
    if !bytes.starts_with(b"\0asm") {
        let text = bytes.trim_ascii_start();
        let is_text = text.starts_with(b"(component") || text.starts_with(b"(module");
        return Err(SandboxError::NotWasm(match bytes {
            [] => "the file is empty",
            _ if is_text => "it is WebAssembly text; only the binary form is taken",
            _ => "it does not begin like one",
        }));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(SandboxError::CoreModule);
    }
    if bytes.len() < 8 {
        return Err(SandboxError::Invalid("the file is cut off".into()));
    }
    if !Parser::is_component(bytes) {
        return Err(SandboxError::Invalid("it is of a WebAssembly version that this runner does not know".into()));
    }
    Ok(())
}

fn check_exports(exports: &[String]) -> Result<(), SandboxError> {
    if exports.iter().any(|name| name == EXPORT) {
        return Ok(());
    }
    match exports.iter().find(|name| name.starts_with("ptah:migration/migration@")) {
        Some(found) => Err(SandboxError::OtherVersion { found: shown(found) }),
        None => Err(SandboxError::OtherWorld { exports: exports.iter().take(8).map(|name| shown(name)).collect() }),
    }
}

fn check_imports(imports: &[String]) -> Result<(), SandboxError> {
    let linked = |import: &&String| {
        let interface = import.strip_prefix("ptah:migration/").and_then(|rest| rest.split_once('@'));
        interface.is_some_and(|(name, version)| version == VERSION && IMPORTS.contains(&name))
    };
    let unknown: Vec<&String> = imports.iter().filter(|import| !linked(import)).collect();
    let other_version = |import: &&String| {
        import
            .strip_prefix("ptah:migration/")
            .and_then(|rest| rest.split_once('@'))
            .is_some_and(|(name, version)| version != VERSION && IMPORTS.contains(&name))
    };
    match unknown.first() {
        None => Ok(()),
        Some(found) if unknown.iter().all(other_version) => Err(SandboxError::OtherVersion { found: shown(found) }),
        Some(_) => Err(SandboxError::UnknownImports { imports: unknown.iter().map(|name| shown(name)).collect() }),
    }
}

fn shown(name: &str) -> String {
    super::log::escaped(name, 128)
}

/// A count that is beyond its limit.
fn within(what: &str, count: u64, limit: u64) -> Result<(), SandboxError> {
    if count > limit {
        return Err(SandboxError::LimitExceeded(format!("the component has {count} {what}; the limit is {limit}")));
    }
    Ok(())
}

/// The parser's own words; they may hold names out of the file.
#[allow(clippy::needless_pass_by_value)]
fn invalid(error: wasmparser::BinaryReaderError) -> SandboxError {
    let cut = if error.message().contains("unexpected end") { "the file is cut off: " } else { "" };
    SandboxError::Invalid(super::log::escaped(&format!("{cut}{error}"), 400))
}
