//! What the sandbox takes, what it refuses, and where a guest ends. One file a noun; guests are written as
//! text in `wat.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cache;
mod compile;
mod limits;
mod package;
mod places;
mod preflight;
mod step;
mod wat;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{CacheLocation, Compiler, LogEvent, RunValues, Sandbox, StepCall, StepError, StepOutcome};
use ptah_wasm::schema::Schema;

/// A sandbox of these limits that keeps nothing.
fn sandbox(limits: Limits) -> Sandbox {
    Sandbox::new(limits, CacheLocation::Off, Compiler::InProcess).unwrap()
}

/// Runs the upgrade of revision 001 on an empty SQLite schema.
fn upgrade(limits: &Limits, guest: &wat::Guest) -> Result<StepOutcome, StepError> {
    upgrade_logged(limits, guest).0
}

/// The same, with what the guest logged.
fn upgrade_logged(limits: &Limits, guest: &wat::Guest) -> (Result<StepOutcome, StepError>, Vec<LogEvent>) {
    let guest = sandbox(limits.clone()).load(&guest.component()).unwrap();
    let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), limits.clone());
    let values = RunValues { started: "2026-01-02T03:04:05.000006Z".into(), seed: 7 };
    let mut log = Vec::new();
    let result = guest.run(StepCall::Upgrade("001"), planner, &values, None, &mut |event| log.push(event));
    (result, log)
}

/// The message of a limit that was reached.
fn exceeded(result: Result<StepOutcome, StepError>) -> String {
    match result {
        Err(StepError::LimitExceeded(message)) => message,
        other => panic!("not a limit: {other:?}"),
    }
}
