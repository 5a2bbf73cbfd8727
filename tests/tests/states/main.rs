//! What upgrade, downgrade and populate make of a target, by the state that they find it in: through the
//! library, with scripted guests, on every database. One file a noun.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod adopt;
mod blocked;
mod chains;
mod crash;
mod ddl;
mod depends;
mod enumeration;
mod graph;
mod legacy;
mod neighbours;
mod offline;
mod online;
mod outside;
mod own;
mod partial;
mod populate;
mod race;
mod rebuild;
mod recorded;
mod refused;
mod rich;
mod rollout;
mod rounded;
mod sqlalchemy;
mod start;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ptah_wasm::dialect::{Catalog, CatalogTable, Dialect};
use ptah_wasm::migrate::{
    Adopt, Event, Goal, MigrateError, Migrator, Options, PackagePlan, Populate, Repair, Start, Upgrade,
};
use ptah_wasm::operation::{Ident, IdentKind};
use ptah_wasm::package::Package;
use ptah_wasm::sandbox::{CacheLocation, Compiler};
use ptah_wasm::schema::{Schema, Written};
use ptah_wasm::store::{self, HistoryRow};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::target::TestTarget;

/// A migrator on a test's target, with what it said.
struct Run<'t> {
    target: &'t TestTarget,
    migrator: Migrator,
    lines: Arc<Mutex<Vec<String>>>,
}

impl<'t> Run<'t> {
    fn on(target: &'t TestTarget) -> Self {
        Self::with(target, options())
    }

    fn with(target: &'t TestTarget, options: Options) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = lines.clone();
        let migrator = Migrator::with_options(target.url(), options).unwrap();
        let migrator = migrator.observed_by(move |event: &Event| heard.lock().unwrap().push(event.to_string()));
        Self { target, migrator, lines }
    }

    fn open(&self, package: &GuestPackage) -> Arc<Package> {
        open(&self.migrator, self.target.folder(), package).unwrap()
    }

    /// What was said since the last call.
    fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }

    async fn upgrade(&self, package: &Arc<Package>) -> Result<PackagePlan, MigrateError> {
        self.upgrade_as(Upgrade::to_head(package.clone())).await
    }

    async fn upgrade_as(&self, upgrade: Upgrade) -> Result<PackagePlan, MigrateError> {
        let mut plans = self.migrator.upgrade(&[upgrade]).await?;
        Ok(plans.remove(0))
    }

    async fn populate(&self, package: &Arc<Package>) -> Result<PackagePlan, MigrateError> {
        self.populate_as(&Upgrade::to_head(package.clone())).await
    }

    async fn populate_as(&self, upgrade: &Upgrade) -> Result<PackagePlan, MigrateError> {
        self.migrator.populate(upgrade, &Populate::Active).await
    }

    async fn populate_named(&self, package: &Arc<Package>, names: &[&str]) -> Result<PackagePlan, MigrateError> {
        let names = Populate::Named(names.iter().map(|name| (*name).to_owned()).collect());
        self.migrator.populate(&Upgrade::to_head(package.clone()), &names).await
    }

    async fn downgrade(&self, package: &Arc<Package>, target: Option<&str>) -> Result<PackagePlan, MigrateError> {
        self.migrator.downgrade(package, target).await
    }

    /// The tables that are there; none where there is no file yet.
    async fn tables(&self) -> Vec<String> {
        let lacks = self.target.dialect() == Dialect::Sqlite && !self.target.folder().join("test.db").exists();
        if lacks { Vec::new() } else { self.target.tables().await }
    }

    /// The version rows, as `package revision`.
    async fn versions(&self) -> Vec<String> {
        if !self.tables().await.contains(&"ptah_db_versions".to_owned()) {
            return Vec::new();
        }
        let rows = self.target.fetch("SELECT package, version_num FROM ptah_db_versions ORDER BY 1, 2").await;
        rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The history after its chain was verified, as `package kind step outcome`.
    async fn history(&self) -> Vec<String> {
        let rows = self.records().await;
        let line = |row: &HistoryRow| {
            let entry = &row.entry;
            format!("{} {} {} {}", entry.package, entry.kind.as_str(), entry.step, entry.outcome.as_str())
        };
        rows.iter().map(line).collect()
    }

    async fn records(&self) -> Vec<HistoryRow> {
        let rows = self.migrator.records(&[]).await.unwrap();
        store::verify_chain(&rows).unwrap();
        rows
    }

    async fn catalog(&self) -> Catalog {
        let Some(mut connection) = self.target.target().connect_to_look().await.unwrap() else {
            return Catalog::default();
        };
        let catalog = connection.catalog().await.unwrap();
        connection.close().await;
        catalog
    }

    /// What the target holds, whichever way SQLite has it written down.
    async fn shapes(&self) -> Catalog {
        let mut catalog = self.catalog().await;
        for table in catalog.tables.values_mut() {
            if let CatalogTable::Readable(table) = table {
                Arc::make_mut(table).written = Written::default();
            }
        }
        catalog
    }

    /// Everything that the target holds but the rows of the packages' tables.
    async fn everything(&self) -> String {
        let mut all = format!("{:#?}", self.catalog().await);
        for (table, order) in [
            ("ptah_db_versions", "package, version_num"),
            ("ptah_db_history", "id"),
            ("ptah_db_objects", "kind, name"),
            ("ptah_db_journal", "id"),
        ] {
            if self.tables().await.contains(&table.to_owned()) {
                let rows = self.target.fetch(&format!("SELECT * FROM {table} ORDER BY {order}")).await;
                write!(all, "\n{table}: {rows:#?}").unwrap();
            }
        }
        all
    }

    /// The tables that a package owns are what the last plan that was applied said they would be.
    async fn model_holds(&self, package: &str) {
        let states = self.migrator.current(&[]).await.unwrap();
        let state = states.iter().find(|state| state.package == package);
        let owned = state.map(|state| state.tables.clone()).unwrap_or_default();
        let catalog = self.catalog().await;
        let tables = owned
            .iter()
            .map(|name| {
                let CatalogTable::Readable(table) = &catalog.tables[name] else { panic!("{name} is unreadable") };
                (Ident::parse(IdentKind::Object, 128, name).unwrap(), table.clone())
            })
            .collect();
        let records = self.records().await;
        let planned = records.iter().rev().find(|row| {
            row.entry.package == package
                && row.entry.outcome == store::Outcome::Applied
                && row.entry.kind != store::Kind::DiscardJournal
        });
        let enums = state.map(|state| state.enums.clone()).unwrap_or_default().into_iter();
        let enums =
            enums.map(|name| (Ident::parse(IdentKind::Object, 128, &name).unwrap(), catalog.enums[&name].clone()));
        let enums = enums.collect();
        let schema = Schema { tables, enums };
        let planned = planned.and_then(|row| row.entry.schema_digest.clone());
        assert_eq!(planned, Some(schema.digest()), "{package}: {schema:#?}");
    }
}

fn options() -> Options {
    // Kept from one run of the tests to the next: compiling is most of their work.
    let cache = CacheLocation::Directory(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code"));
    Options { cache, compiler: Compiler::InProcess, ..Options::default() }
}

/// Writes a package to a file and opens it.
fn open(migrator: &Migrator, folder: &Path, package: &GuestPackage) -> Result<Arc<Package>, MigrateError> {
    // One at a time: the tests of the other databases open the same package, and then find it compiled.
    static OPENING: Mutex<()> = Mutex::new(());
    let _one = OPENING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let file = tempfile::Builder::new().suffix(".wasm").tempfile_in(folder).unwrap();
    std::fs::write(file.path(), package.build()).unwrap();
    migrator.open(file.path())
}

/// An error's text.
fn text<T>(result: Result<T, MigrateError>) -> String {
    match result {
        Ok(_) => panic!("it went through"),
        Err(error) => error.to_string(),
    }
}

/// Asserts that an error says all of these.
#[track_caller]
fn assert_says<T>(result: Result<T, MigrateError>, parts: &[&str]) {
    let text = text(result);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn to(package: &Arc<Package>, revision: &str) -> Upgrade {
    Upgrade { goal: Goal::Revision(revision.to_owned()), ..Upgrade::to_head(package.clone()) }
}

fn forced(package: &Arc<Package>) -> Upgrade {
    Upgrade { start: Start::Base, ..Upgrade::to_head(package.clone()) }
}

fn adopting(package: &Arc<Package>) -> Upgrade {
    Upgrade { adopt: Adopt::Matching, ..Upgrade::to_head(package.clone()) }
}

fn adopting_as(package: &Arc<Package>, revision: &str) -> Upgrade {
    Upgrade { adopt: Adopt::Revision(revision.to_owned()), ..Upgrade::to_head(package.clone()) }
}

/// The chapter's example: `pages` is older than the first revision.
fn minicms() -> GuestPackage {
    let pages = |summary: bool| {
        create_table("pages", |t| {
            t.id("id");
            t.varchar("title", 200).not_null();
            if summary {
                t.text("summary");
            }
        })
    };
    GuestPackage::new("minicms")
        .populate("ptah-base-schema", [pages(false)])
        .populate("ptah-db-schema", [pages(true)])
        .revision("001", &[], "Add column")
        .upgrade([add_column("pages", Column::text("summary"))])
        .downgrade([drop_column("pages", "summary")])
        .revision("002", &["001"], "Move data")
        .upgrade([execute(r#"UPDATE "pages" SET "summary" = "title" WHERE "summary" IS NULL"#, ())])
}

/// A package without populate steps: its revisions begin with nothing.
fn crowd() -> GuestPackage {
    GuestPackage::new("crowd")
        .revision("001", &[], "Create users")
        .upgrade([create_table("users", |t| {
            t.id("id");
            t.varchar("name", 80).not_null();
        })])
        .downgrade([drop_table("users")])
        .revision("002", &["001"], "Add email")
        .upgrade([add_column("users", Column::varchar("email", 200))])
        .downgrade([drop_column("users", "email")])
}
