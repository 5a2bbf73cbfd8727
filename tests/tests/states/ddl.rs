//! DDL that a step says as text: what its conditions find, and what becomes of a step when a part of it does not fit.

use ptah_wasm_tests::on_every_database;

use super::*;

/// Whose second revision does this.
fn shelf<const N: usize>(actions: [Action; N]) -> GuestPackage {
    GuestPackage::new("shelf")
        .revision("001", &[], "Create books")
        .upgrade([ddl_text("CREATE TABLE books (id INTEGER NOT NULL, title VARCHAR(40), PRIMARY KEY (id))")])
        .downgrade([ddl_text("DROP TABLE books")])
        .revision("002", &["001"], "As text")
        .upgrade(actions)
}

on_every_database! {
    async fn what_is_there_or_missing_is_decided_by_the_model(target: &TestTarget) {
        let run = Run::on(target);
        let shelf = run.open(&shelf([
            ddl_text("CREATE TABLE IF NOT EXISTS books (other INTEGER)"),
            ddl_text("CREATE TABLE IF NOT EXISTS notes (id INTEGER NOT NULL PRIMARY KEY)"),
            ddl_text("ALTER TABLE IF EXISTS nothing ADD COLUMN IF NOT EXISTS a INTEGER, ADD COLUMN b INTEGER"),
            ddl_text("ALTER TABLE IF EXISTS books ADD COLUMN IF NOT EXISTS title TEXT, ADD COLUMN pages INTEGER"),
            ddl_text("ALTER TABLE books DROP COLUMN IF EXISTS nothing"),
            ddl_text("CREATE INDEX IF NOT EXISTS books_pages ON books (pages DESC)"),
            ddl_text("CREATE INDEX IF NOT EXISTS books_pages ON books (title)"),
            ddl_text("DROP INDEX IF EXISTS nothing"),
            ddl_text("DROP TABLE IF EXISTS nothing, notes"),
            execute("INSERT INTO books (id, title, pages) VALUES (1, 'Emma', 400)", ()),
        ]));
        let plan = run.upgrade_as(to(&shelf, "002")).await.unwrap();
        assert_eq!(plan.steps[1].plan.operations.len(), 5, "{:?}", plan.steps[1].plan);
        assert_eq!(target.tables().await.iter().filter(|name| !name.starts_with("ptah_")).collect::<Vec<_>>(), ["books"]);
        assert_eq!(target.fetch("SELECT id, title, pages FROM books").await.len(), 1);
    }

    async fn a_statement_that_is_refused_does_nothing_and_the_step_goes_on(target: &TestTarget) {
        let run = Run::on(target);
        let refused = |kind, text: &str| fails(kind, ddl_text(text));
        let shelf = run.open(&shelf([
            refused(ErrorKind::Unsupported, "CREATE VIEW titles AS SELECT title FROM books"),
            refused(ErrorKind::Unsupported, "ALTER TABLE books ADD COLUMN a INTEGER, OWNER TO somebody"),
            refused(ErrorKind::Unsupported, "DROP TABLE books; DROP TABLE books"),
            refused(ErrorKind::NotFound, "DROP INDEX nothing"),
            refused(ErrorKind::NotFound, "ALTER TABLE nothing ADD COLUMN a INTEGER"),
            refused(ErrorKind::AlreadyExists, "CREATE TABLE books (id INTEGER NOT NULL PRIMARY KEY)"),
            ddl_text("ALTER TABLE books ADD COLUMN pages INTEGER"),
        ]));
        let plan = run.upgrade_as(to(&shelf, "002")).await.unwrap();
        assert_eq!(plan.steps[1].plan.operations.len(), 1, "{:?}", plan.steps[1].plan);
        assert_eq!(run.versions().await, ["shelf 002"]);
    }

    async fn half_a_statement_ends_the_step(target: &TestTarget) {
        let run = Run::on(target);
        let half = "ALTER TABLE books ADD COLUMN pages INTEGER, ADD COLUMN title INTEGER";
        let shelf = run.open(&shelf([ignore(ddl_text(half)), ddl_text("CREATE TABLE more (id INTEGER NOT NULL PRIMARY KEY)")]));
        run.upgrade_as(to(&shelf, "001")).await.unwrap();
        let error = text(run.upgrade_as(to(&shelf, "002")).await);
        assert!(error.contains("upgrade 002") && error.contains("title"), "{error}");
        assert_eq!(run.versions().await, ["shelf 001"]);
        assert_eq!(target.tables().await.iter().filter(|name| !name.starts_with("ptah_")).collect::<Vec<_>>(), ["books"]);
    }
}
