//! Statements and queries on every database, through packages: the same answers everywhere, and nothing that a package
//! may not see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod answers;
mod attempts;
mod reads;
mod scripts;
mod statements;

use std::path::Path;
use std::sync::Arc;

use ptah_wasm::migrate::{MigrateError, Migrator, Options, PackagePlan, Repair, Upgrade};
use ptah_wasm::package::Package;
use ptah_wasm::sandbox::{CacheLocation, Compiler};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::target::TestTarget;

fn migrator(target: &TestTarget) -> Migrator {
    // Kept from one run of the tests to the next: compiling is most of their work.
    let cache = CacheLocation::Directory(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code"));
    let options = Options { cache, compiler: Compiler::InProcess, ..Options::default() };
    Migrator::with_options(target.url(), options).unwrap()
}

fn open(target: &TestTarget, migrator: &Migrator, package: &GuestPackage) -> Arc<Package> {
    let path = target.folder().join("package.wasm");
    std::fs::write(&path, package.build()).unwrap();
    migrator.open(path).unwrap()
}

/// Takes a package to its head.
async fn upgrade(target: &TestTarget, package: &GuestPackage) -> Result<PackagePlan, MigrateError> {
    let migrator = migrator(target);
    let package = open(target, &migrator, package);
    Ok(migrator.upgrade(&[Upgrade::to_head(package)]).await?.remove(0))
}

/// The shop after one more revision.
async fn after(target: &TestTarget, actions: impl Into<Vec<Action>>) -> Result<PackagePlan, MigrateError> {
    upgrade(target, &shop().revision("002", &["001"], "One more").upgrade(actions)).await
}

/// What a query answers, a line each row.
async fn lines(target: &TestTarget, sql: &str) -> Vec<String> {
    let value = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let rows = target.fetch(sql).await;
    rows.into_iter().map(|row| row.into_iter().map(value).collect::<Vec<_>>().join(" ")).collect()
}

/// A shop with a few rows: what the statements of these tests work on.
fn shop() -> GuestPackage {
    GuestPackage::new("shop").revision("001", &[], "Open").upgrade([
        create_table("authors", |t| {
            t.id("id");
            t.varchar("name", 40).not_null();
            t.integer("born");
            t.boolean("active").not_null().default(true);
            t.uuid("token");
            t.unique(["name"]);
        }),
        create_table("books", |t| {
            t.id("id");
            t.big_integer("author");
            t.varchar("title", 80).not_null();
            t.numeric("price", 8, 2);
            t.double("weight");
            t.integer("sold").not_null().default(0);
            t.timestamp("added");
            t.date("printed");
            t.time("opens");
            t.binary("cover");
            t.json("meta");
            t.foreign_key(["author"], "authors", ["id"]);
        }),
        bulk_insert(
            "authors",
            ["id", "name", "born", "active", "token"],
            [
                (1, "Ann", Some(1950), true, Some("67e55044-10b1-426f-9247-bb680e5fe0c8")),
                (2, "Ben", None, false, None),
                (3, "Eve", Some(1980), true, Some("00000000-0000-0000-0000-000000000001")),
            ],
        ),
        bulk_insert(
            "books",
            ["id", "author", "title", "price", "weight", "sold"],
            [
                (1, Some(1), "Zebra", Some(numeric("10.50")), Some(0.5), 3),
                (2, Some(1), "apple", Some(numeric("0.10")), Some(1.25), 0),
                (3, Some(2), "Banana", Some(numeric("0.20")), None, 7),
                (4, None, "Émile", None, Some(0.1), 7),
            ],
        ),
    ])
}

fn numeric(digits: &str) -> Value {
    Value::Numeric(digits.into())
}
