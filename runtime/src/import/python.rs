//! The Python of this machine.

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

use super::ImportError;
use super::sdk::Sdk;

/// The interpreter, by the variable or as everybody calls it.
const VARIABLE: &str = "PTAH_PYTHON";
const NAME: &str = "python3";

/// Says nothing if it is new enough, and its version if not. The oldest Python can read it.
const PROBE: &str = "import sys; sys.version_info < (3, 11) and sys.exit('%d.%d' % sys.version_info[:2])";

/// Sends a request to the program of the SDK and returns its answer. It talks on this process's stderr.
pub(super) fn ask(request: &[u8]) -> Result<Vec<u8>, ImportError> {
    let python = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| NAME.into());
    check(&python)?;
    let failed = |what: &str, error: std::io::Error| ImportError::Other(format!("{what}: {error}"));
    let sdk = Sdk::write().map_err(|error| failed("cannot write the Python SDK into the temporary folder", error))?;
    let shown = python.to_string_lossy();
    // -I: neither the current folder nor PYTHONPATH say what its modules are; -B: nothing is left behind.
    let mut child = Command::new(&python)
        .args(["-I", "-B", "-X", "utf8"])
        .arg(sdk.program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&format!("cannot start {shown}"), error))?;
    // Should it have ended already, its answer says why.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(request);
    }
    let output = child.wait_with_output().map_err(|error| failed(&format!("cannot wait for {shown}"), error))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(ImportError::Other(format!("{shown} ended with {}", output.status))),
    }
}

fn check(python: &OsString) -> Result<(), ImportError> {
    let needed = format!("importing needs Python 3.11 or later, with pip; {VARIABLE} may name it");
    let shown = python.to_string_lossy();
    let probe = Command::new(python).args(["-I", "-c", PROBE]).stdin(Stdio::null()).output();
    let probe = probe.map_err(|error| {
        ImportError::Other(match error.kind() {
            ErrorKind::NotFound => format!("there is no {shown}: {needed}"),
            _ => format!("cannot start {shown}: {error}; {needed}"),
        })
    })?;
    if probe.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&probe.stderr);
    let version = said.lines().last().unwrap_or_default();
    Err(ImportError::Other(format!("{shown} is Python {version}: {needed}")))
}
