//! `upgrade --sql`: no database at all, and what it prints runs.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::{Ptah, ptah};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use tempfile::TempDir;

use crate::{notes, on, pages, put};

const UNREACHABLE: &str = "postgres://me:hunter2@127.0.0.1:1/x";

fn sql(folder: &TempDir, words: &str) -> Ptah {
    ptah(folder.path()).args("upgrade --sql --dialect").args(words).env("DATABASE_URL", UNREACHABLE)
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let latest = create_table("pages", |t| {
        t.id("id");
        t.varchar("title", 200).not_null();
        t.text("summary");
    });
    put(folder.path(), "pages.wasm", &pages().populate("ptah-db-schema", [latest]));
    put(folder.path(), "notes.wasm", &notes());
    folder
}

#[test]
fn a_script_needs_no_database_and_says_nothing_else() {
    let folder = folder();
    for dialect in ["sqlite", "postgres", "mariadb"] {
        let done = sql(&folder, dialect).arg("pages.wasm").ok();
        assert_eq!(done.stderr, "", "{dialect}");
        for part in [
            "ON_ERROR_STOP",
            "-- pages: running upgrade None -> 001, Create pages",
            "CREATE TABLE",
            "ADD COLUMN",
            "ptah_db_versions",
        ] {
            assert!(done.stdout.contains(part), "{dialect}: no {part}\n{}", done.stdout);
        }
        let json = sql(&folder, dialect).args("--json pages.wasm").ok().json();
        assert_eq!(json["dialect"], dialect);
        assert_eq!(json["steps"].as_array().unwrap().len(), 2);
    }
    assert!(!folder.path().join("ptah.db").exists());
}

#[test]
fn parts_of_a_chain_and_populate_are_scripts_too() {
    let folder = folder();
    let done = sql(&folder, "sqlite pages.wasm:001").ok();
    assert!(done.stdout.contains("None -> 001") && !done.stdout.contains("ADD COLUMN"), "{}", done.stdout);
    let done = sql(&folder, "sqlite pages.wasm:001:002").ok();
    assert!(
        done.stdout.contains("001 -> 002") && !done.stdout.contains("-- pages: running upgrade None"),
        "{}",
        done.stdout
    );
    assert_eq!(sql(&folder, "sqlite pages.wasm:base:head").ok().stdout, sql(&folder, "sqlite pages.wasm").ok().stdout);
    let done = sql(&folder, "sqlite --populate pages.wasm").ok();
    assert!(done.stdout.contains("-- pages: populated, stamped 002"), "{}", done.stdout);
    sql(&folder, "sqlite --populate notes.wasm").run().ends(4).says(&["notes: ", "ptah-db-schema"]);
    // What only others depend on goes by its steps, as it does in an upgrade.
    let done = sql(&folder, "sqlite --populate notes.wasm pages.wasm:head").ok();
    assert!(
        done.stdout.contains("-- pages: populated, stamped 002")
            && done.stdout.contains("-- notes: running upgrade None"),
        "{}",
        done.stdout
    );
    sql(&folder, "sqlite --populate pages.wasm:001").run().ends(2).says(&["001: --populate"]);
    sql(&folder, "sqlite pages.wasm:001:009").run().ends(4).says(&["there is no revision 009"]);
    sql(&folder, "sqlite pages.wasm:009:002").run().ends(4).says(&["there is no revision 009"]);
    sql(&folder, "sqlite pages.wasm:002:001").run().ends(4).says(&["behind"]);
}

#[test]
fn what_cannot_be_known_offline_is_refused_by_name() {
    let folder = folder();
    let leaning =
        GuestPackage::new("leaning").revision("l1", &[], "Lean").depends_on("notes:n1").upgrade([create_table(
            "leaning",
            |t| {
                t.id("id");
                t.big_integer("note");
                t.foreign_key(["note"], "notes", ["id"]);
            },
        )]);
    put(folder.path(), "leaning.wasm", &leaning);
    sql(&folder, "postgres leaning.wasm").run().ends(4).says(&["leaning: ", "notes:n1", "cannot be known offline"]);
    let done = sql(&folder, "postgres leaning.wasm notes.wasm").ok();
    assert!(done.stdout.find("notes: running").unwrap() < done.stdout.find("leaning: running").unwrap());
    sql(&folder, "postgres").run().ends(2).says(&["no package named"]);
}

on_every_database! {
    async fn a_script_that_was_run_is_what_an_upgrade_records(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        put(target.folder(), "notes.wasm", &notes());
        let dialect = match target.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
            Dialect::Mariadb => "mariadb",
        };
        let script = on(target, "upgrade --sql pages.wasm:001 notes.wasm").arg("--dialect").arg(dialect).ok().stdout;
        target.execute(&script).await;
        on(target, "current").ok().prints(&["notes: n1", "pages: 001"]);
        on(target, "upgrade pages.wasm notes.wasm").ok().says(&["pages: running upgrade 001 -> 002", "notes: at n1"]);
        on(target, "downgrade pages.wasm:base").ok();
        on(target, "downgrade notes.wasm:base").ok();
        on(target, "current").ok().prints(&[]);
    }
}
