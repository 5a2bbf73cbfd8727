//! Runs that end before their end: killed at every statement and at random instants, cut off, out of space; and many of
//! them at once. Whatever happens, the next run leaves what an undisturbed one leaves.
//!
//! `just crash` runs these tests in numbers and shows their tables. `PTAH_CRASH_INSTANTS` says how many random instants
//! there are on each database (20), `PTAH_CRASH_ROUNDS` how many rounds of races (10).

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod asking;
mod boundaries;
mod chain;
mod cut;
mod full;
mod instants;
mod online;
mod race;
mod undone;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::{Ptah, binary, ptah};
use ptah_wasm_tests::dump::dump_with_history;
use ptah_wasm_tests::guest::GuestPackage;
use ptah_wasm_tests::target::{self, TestTarget};

/// A number that the environment may set.
fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is no number")))
}

/// Writes a package into a target's folder.
fn put(target: &TestTarget, file: &str, package: &GuestPackage) {
    std::fs::write(target.folder().join(file), package.build()).unwrap();
}

/// A run in the target's folder on the target.
fn on(target: &TestTarget, words: &str) -> Ptah {
    ptah(target.folder()).args(words).on(target)
}

/// As [`on`], of the binary with fail-points.
fn failing(target: &TestTarget, words: &str) -> Ptah {
    Ptah::of(Path::new(env!("CARGO_BIN_EXE_failpoint-ptah-wasm")), target.folder())
        .env("PTAH_WASM_CACHE", binary().with_file_name("ptah-wasm-test-cache"))
        .args(words)
        .on(target)
}

/// Does each job on a fresh database, several at a time: mostly it is a disk that is waited for. The results are in order.
fn on_fresh_databases<J: Sync, T: Send>(
    dialect: Dialect,
    jobs: &[J],
    work: impl AsyncFn(&TestTarget, &J) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { break };
                    let result = target::run(dialect, async |target| work(target, job).await);
                    results.lock().unwrap().insert(at, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

/// The statements that a run counted so far.
fn statements(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('\t')).map(|(_, sql)| sql.to_owned()).collect()
}

/// What is there once the chain was applied without a disturbance, and the statements that did it.
async fn undisturbed(target: &TestTarget) -> (String, Vec<String>) {
    put(target, "chain.wasm", &chain::chain());
    let log = target.folder().join("statements");
    failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT_LOG", &log).ok();
    (dump_with_history(target).await, statements(&log))
}

/// What a run says that it did, in a few words for a table: `003 from 2/3, 1 step`.
fn work(stderr: &str) -> String {
    let mut did = Vec::new();
    for line in stderr.lines() {
        if let Some((_, resumed)) = line.split_once(": resuming ") {
            let words: Vec<&str> = resumed.split(' ').collect();
            did.push(format!("{} from {}/{}", words[1], words[3], words[5]));
        }
    }
    match stderr.matches(": running upgrade").count() {
        0 if did.is_empty() => did.push("nothing".to_owned()),
        0 => {}
        1 => did.push("1 step".to_owned()),
        steps => did.push(format!("{steps} steps")),
    }
    did.join(", ")
}

/// The beginning of a statement, on one line.
fn brief(sql: &str) -> String {
    let line: String = sql.chars().take(58).collect();
    if line.len() < sql.len() { format!("{line}…") } else { line }
}
