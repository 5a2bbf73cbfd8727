//! What SQLite's ALTER TABLE lacks: the table is built anew. Every object that a rebuild is known to lose elsewhere
//! is there, with rows in every table, and must be there afterwards as it was; what cannot be kept is refused with
//! nothing changed.

mod kept;
mod refused;

use ptah_wasm::dialect::Dialect;

use super::*;

/// A package that owns the tables `p` and `c`; its second revision does these things.
fn package(actions: Vec<Action>) -> GuestPackage {
    let table = |name: &str| {
        create_table(name, |t| {
            t.id("id");
        })
    };
    GuestPackage::new("shop")
        .revision("001", &[], "Create")
        .upgrade([table("p"), table("c")])
        .revision("002", &["001"], "Alter")
        .upgrade(actions)
}

/// Has the tables of the package made otherwise behind its back, then takes it through its second revision.
async fn altered(target: &TestTarget, make: &str, actions: Vec<Action>) -> Result<PackagePlan, MigrateError> {
    let run = Run::on(target);
    let shop = run.open(&package(actions));
    run.upgrade_as(to(&shop, "001")).await.unwrap();
    target.execute(&format!("DROP TABLE p; {make}")).await;
    let upgraded = run.upgrade(&shop).await;
    if upgraded.is_ok() {
        run.model_holds("shop").await;
    }
    let problems = "SELECT count(*) FROM pragma_foreign_key_check UNION ALL SELECT * FROM pragma_integrity_check";
    assert_eq!(values(target, problems).await, ["0", "ok"]);
    let left = "SELECT name FROM sqlite_schema WHERE name LIKE 'ptah_db_rebuilt%' OR name LIKE 'ptah_db_guard%'";
    assert!(values(target, left).await.is_empty());
    upgraded
}

fn not_null(column: &str) -> Action {
    alter_column("p", column, ColumnChanges::new().set_not_null())
}

/// The rows of a query, each as its values with bars between.
async fn values(target: &TestTarget, query: &str) -> Vec<String> {
    let value = |value: Option<String>| value.unwrap_or_else(|| "NULL".into());
    let rows = target.fetch(query).await;
    rows.into_iter().map(|row| row.into_iter().map(value).collect::<Vec<_>>().join("|")).collect()
}

/// The text of the definition of `p` from its parenthesis on.
async fn body(target: &TestTarget) -> String {
    let sql = values(target, "SELECT sql FROM sqlite_schema WHERE name = 'p'").await.remove(0);
    sql[sql.find('(').unwrap()..].to_owned()
}

/// All but the definition of `p`.
async fn others(target: &TestTarget) -> Vec<String> {
    values(
        target,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema \
         WHERE NOT (type = 'table' AND name IN ('p', 'sqlite_sequence')) AND tbl_name NOT LIKE 'ptah_db_%' ORDER BY 1, 2",
    )
    .await
}

/// Runs a test's body on a fresh file.
fn on_sqlite(body: impl AsyncFn(&TestTarget)) {
    ptah_wasm_tests::target::run(Dialect::Sqlite, body);
}
