//! The binary from outside: what a user types, sees and gets back. One file a topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod blocked;
mod compile;
mod crash;
mod docs;
mod graphs;
mod guests;
mod import;
mod long;
mod offline;
mod packages;
mod rollout;
mod targets;
mod verbs;
mod words;

use std::path::Path;

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::{Ptah, ptah};
use ptah_wasm_tests::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::target::TestTarget;

/// A package of two revisions: 001 makes a table, 002 gives it a column.
fn pages() -> GuestPackage {
    GuestPackage::new("pages")
        .title("Pages")
        .revision("001", &[], "Create pages")
        .upgrade([create_table("pages", |t| {
            t.id("id");
            t.varchar("title", 200).not_null();
        })])
        .downgrade([drop_table("pages")])
        .revision("002", &["001"], "Add summary")
        .upgrade([add_column("pages", Column::text("summary"))])
        .downgrade([drop_column("pages", "summary")])
}

/// Another package of one table.
fn notes() -> GuestPackage {
    GuestPackage::new("notes")
        .title("Notes")
        .revision("n1", &[], "Create notes")
        .upgrade([create_table("notes", |t| {
            t.id("id");
        })])
        .downgrade([drop_table("notes")])
}

/// Writes a package into a folder.
fn put(folder: &Path, file: &str, package: &GuestPackage) {
    std::fs::write(folder.join(file), package.build()).unwrap();
}

/// Whether nothing was ever made there.
async fn is_empty(target: &TestTarget) -> bool {
    (target.dialect() == Dialect::Sqlite && !target.folder().join("test.db").exists())
        || target.tables().await.is_empty()
}

/// A run in the target's folder on the target.
fn on(target: &TestTarget, words: &str) -> Ptah {
    ptah(target.folder()).args(words).on(target)
}

/// Runs on a target that holds the package `pages` at 001, expects this exit code and these parts on stderr, and that
/// nothing at all was changed. The same with `--json`, with the message in the one document on stdout.
async fn refused(target: &TestTarget, words: &str, code: i32, parts: &[&str]) {
    if !target.folder().join("pages.wasm").exists() {
        put(target.folder(), "pages.wasm", &pages());
        on(target, "upgrade pages.wasm:001").ok();
    }
    let before = dump::whole(target).await;
    let done = on(target, words).run().ends(code).says(&["error: "]).says(parts).prints(&[]);
    assert!(!done.stderr.contains('\u{1b}'), "{}", done.stderr);
    let document = on(target, words).arg("--json").run().ends(code).json();
    assert_eq!(document["error"]["code"], code);
    let message = document["error"]["message"].as_str().unwrap();
    for part in parts {
        assert!(message.contains(part), "{part:?}: {message}");
    }
    assert_eq!(dump::whole(target).await, before, "{words} changed something");
}
