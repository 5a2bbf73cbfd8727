//! The tests' guest: a component that does what a script in its own bytes says, so that a test makes any
//! package, well behaved or hostile, without compiling one.
//!
//! [`script`] is the grammar and how it lies in the component; the tests' `guest` module writes it. As a
//! library for the host this crate is only that grammar.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the host only writes scripts"))]

mod act;
pub mod script;

use ptah_guest::bindings::exports::ptah::migration::migration::{Guest, PackageInfo};
use ptah_guest::{Error, Result};
use script::{Action, CAPACITY, MAGIC};

/// Where the script is written into the component.
#[used]
static SCRIPT: [u8; CAPACITY] = {
    let mut bytes = [0; CAPACITY];
    let mut at = 0;
    while at < MAGIC.len() {
        bytes[at] = MAGIC[at];
        at += 1;
    }
    bytes
};

/// The body under a key. The compiler must not know what is there: it changes after it has run.
fn find(key: &str) -> Option<&'static [u8]> {
    script::find(std::hint::black_box(&SCRIPT), key)
}

struct Scripted;

impl Guest for Scripted {
    fn describe() -> PackageInfo {
        ptah_guest::__report_panics();
        if let Some(actions) = find("describe") {
            perform(actions).expect("describe");
        }
        postcard::from_bytes(find("info").expect("a script")).expect("package info")
    }

    fn populate(step: String) -> Result<()> {
        run("populate", &step)
    }

    fn upgrade(revision: String) -> Result<()> {
        run("upgrade", &revision)
    }

    fn downgrade(revision: String) -> Result<()> {
        run("downgrade", &revision)
    }
}

fn run(direction: &str, name: &str) -> Result<()> {
    ptah_guest::__report_panics();
    let key = format!("{direction}:{name}");
    match find(&key) {
        Some(actions) => perform(actions),
        None => Err(Error::NotFound(format!("the script has no {key}"))),
    }
}

fn perform(actions: &[u8]) -> Result<()> {
    let actions: Vec<Action> =
        postcard::from_bytes(actions).map_err(|error| Error::Failed(format!("the script is broken: {error}")))?;
    act::all(&actions)
}

#[cfg(target_family = "wasm")]
ptah_guest::bindings::__export_migrations!(Scripted with_types_in ptah_guest::bindings);
