//! A run that is killed at any of its statements, and the next one: together they leave what an undisturbed run leaves.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::{Done, Ptah, binary};
use ptah_wasm_tests::dump::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::{on, put};

/// A chain that creates, alters, indexes, seeds and updates.
fn chain() -> GuestPackage {
    GuestPackage::new("chain")
        .revision("001", &[], "Create")
        .upgrade([
            create_table("author", |t| {
                t.id("id");
                t.varchar("name", 50).not_null();
            }),
            create_table("book", |t| {
                t.id("id");
                t.varchar("title", 80).not_null();
                t.integer("author");
            }),
            bulk_insert("author", ["id", "name"], [(1, "Ann"), (2, "Bob")]),
            bulk_insert("book", ["id", "title", "author"], [(1, "One", 1), (2, "Two", 2)]),
        ])
        .revision("002", &["001"], "Widen")
        .upgrade([
            add_column("book", Column::integer("pages")),
            execute(r#"UPDATE "book" SET "pages" = "id" * 100"#, ()),
            create_index("book", Index::new("book_pages", ["pages"])),
            rename_column("author", "name", "full_name"),
            add_column("author", Column::text("about")),
            execute(r#"UPDATE "author" SET "about" = "full_name""#, ()),
            execute(r#"DELETE FROM "book" WHERE "id" = 2"#, ()),
        ])
        .revision("003", &["002"], "Move")
        .upgrade([
            create_table("shelf", |t| {
                t.id("id");
                t.integer("number").not_null();
            }),
            bulk_insert("shelf", ["id", "number"], [(1, 7)]),
            rename_table("shelf", "rack"),
            drop_index("book", "book_pages"),
            add_column("rack", Column::text("spare")),
            drop_column("rack", "spare"),
        ])
}

/// The binary that ends itself at a statement.
fn failing(target: &TestTarget, words: &str, failpoint: &str) -> Done {
    Ptah::of(Path::new(env!("CARGO_BIN_EXE_failpoint-ptah-wasm")), target.folder())
        .env("PTAH_WASM_CACHE", binary().with_file_name("ptah-wasm-test-cache"))
        .env("PTAH_FAILPOINT", failpoint)
        .args(words)
        .on(target)
        .run()
}

/// Everything that a run leaves: schema, rows, bookkeeping, and the whole history in order but for times and the hashes
/// that follow from them.
async fn left(target: &TestTarget) -> String {
    let columns = "package, kind, step, heads_before, heads_after, outcome, error, actor, host, component_digest, \
                   plan_digest, schema_digest, fuel, operations, statements, seed, runner_version";
    let history = target.fetch(&format!("SELECT {columns} FROM ptah_db_history ORDER BY id")).await;
    format!("{}{history:#?}", dump(target).await)
}

/// Kills a run at its Nth statement and lets the next one finish; false where a run has no Nth statement. What
/// was begun needs no package.
async fn survives(dialect: Dialect, failpoint: &str, undisturbed: &str) -> bool {
    let target = TestTarget::new(dialect).await;
    put(target.folder(), "chain.wasm", &chain());
    let done = failing(&target, "upgrade chain.wasm", failpoint);
    let was_killed = done.status.signal() == Some(9);
    assert!(was_killed || done.status.success(), "{failpoint}: {done:?}");
    std::fs::remove_file(target.folder().join("chain.wasm")).unwrap();
    let repaired = on(&target, "repair --resume").ok();
    put(target.folder(), "chain.wasm", &chain());
    let next = on(&target, "upgrade chain.wasm").ok();
    let left = left(&target).await;
    assert_eq!(left, undisturbed, "{dialect}, {failpoint}\n{}{}{}", done.stderr, repaired.stderr, next.stderr);
    was_killed
}

on_every_database! {
    async fn a_run_that_is_killed_at_any_statement_is_finished_by_the_next(target: &TestTarget) {
        put(target.folder(), "chain.wasm", &chain());
        on(target, "upgrade chain.wasm").ok();
        let undisturbed = left(target).await;
        for moment in ["before", "during"] {
            let mut number = 1;
            while survives(target.dialect(), &format!("{moment}:{number}"), &undisturbed).await {
                number += 1;
            }
            assert!(number > 40, "only {number} statements {moment}");
        }
    }
}
