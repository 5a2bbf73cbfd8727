//! What a rebuild refuses, and that then nothing has changed.

use super::*;

/// The step is refused in these words; the file holds what it held.
async fn refused(target: &TestTarget, make: &str, actions: Vec<Action>, message: &str) {
    let before = TestTarget::new(Dialect::Sqlite).await;
    before.execute(&format!("CREATE TABLE c (\n    \"id\" INTEGER NOT NULL PRIMARY KEY\n); {make}")).await;
    assert_says(altered(target, make, actions).await, &["shop: upgrade 002: on ", message]);
    let everything = "SELECT type, name, tbl_name, rootpage > 0, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'ptah_db_%' AND tbl_name <> 'c' ORDER BY 1, 2";
    assert_eq!(values(target, everything).await, values(&before, everything).await);
    assert_eq!(values(target, "SELECT * FROM p").await, values(&before, "SELECT * FROM p").await);
    assert_eq!(values(target, "SELECT version_num FROM ptah_db_versions").await, ["001"]);
}

#[test]
fn nulls_under_a_new_not_null() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT); INSERT INTO p VALUES (1, NULL)";
        refused(target, make, vec![not_null("x")], "NOT NULL constraint failed: p.x").await;
    });
}

#[test]
fn rows_that_a_new_check_key_or_reference_does_not_allow() {
    let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT); INSERT INTO p VALUES (1, 5), (2, 5)";
    for (constraint, message) in [
        (Constraint::from(Check::new(r#""x" > 5"#).named("large")), "CHECK constraint failed: large"),
        (Constraint::from(&mut UniqueConstraint::new(["x"])), "UNIQUE constraint failed"),
        (Constraint::from(&mut ForeignKey::new(["x"], "c", ["id"])), "FOREIGN KEY constraint failed"),
    ] {
        on_sqlite(async |target: &TestTarget| {
            refused(target, make, vec![create_constraint("p", constraint.clone())], message).await;
        });
    }
}

#[test]
fn values_that_do_not_become_the_new_type() {
    for (column_type, values, new_type) in [
        ("TEXT", "'abc'", ColumnType::Integer),
        ("TEXT", "'1.5'", ColumnType::BigInteger),
        ("TEXT", "'2026-02-30'", ColumnType::Date),
        ("TEXT", "'12345'", ColumnType::Varchar(Some(4))),
        ("TEXT", "'{'", ColumnType::Json),
        ("TEXT", "'67e55044'", ColumnType::Uuid),
        ("BIGINT", "40000", ColumnType::SmallInteger),
        ("DOUBLE", "1e300", ColumnType::BigInteger),
    ] {
        on_sqlite(async |target: &TestTarget| {
            let make = format!(
                "CREATE TABLE p (id INTEGER PRIMARY KEY, x {column_type}); INSERT INTO p VALUES (1, NULL), (2, {values})"
            );
            let alter = alter_column("p", "x", ColumnChanges::new().set_type(new_type.clone()));
            refused(target, &make, vec![alter], "a value of column x does not fit its new type").await;
        });
    }
}

#[test]
fn a_table_whose_rows_refer_to_nothing_already() {
    on_sqlite(async |target: &TestTarget| {
        let run = Run::on(target);
        let shop = run.open(&package(vec![not_null("x")]));
        run.upgrade_as(to(&shop, "001")).await.unwrap();
        target.execute("PRAGMA foreign_keys = OFF; DROP TABLE p; CREATE TABLE p (id INTEGER PRIMARY KEY, x INT REFERENCES c (id)); INSERT INTO p VALUES (1, 77)").await;
        assert_says(run.upgrade(&shop).await, &["FOREIGN KEY constraint failed"]);
        assert_eq!(values(target, "SELECT * FROM p").await, ["1|77"]);
    });
}

#[test]
fn what_cannot_be_carried_over_while_it_is_planned() {
    let cases = [
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, CHECK (p.x > 0))",
            not_null("x"),
            "says of which table a column is",
        ),
        (
            "CREATE TABLE p /* (id) */ (id INTEGER PRIMARY KEY, x INT)",
            not_null("x"),
            "there is a comment before its columns",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT) STRICT",
            alter_column("p", "x", ColumnChanges::new().set_type(ColumnType::BigInteger)),
            "SQLite's STRICT tables lack the type BIGINT of column x",
        ),
        (
            "CREATE TABLE p (id TEXT NOT NULL PRIMARY KEY, x INT) WITHOUT ROWID",
            drop_constraint("p", ConstraintSelector::PrimaryKey),
            "WITHOUT ROWID",
        ),
    ];
    for (make, action, message) in cases {
        on_sqlite(async |target: &TestTarget| refused(target, make, vec![action.clone()], message).await);
    }
}

/// Runs the rebuild of a table, one of its statements changed, as a transaction; what SQLite says.
async fn tampered(target: &TestTarget, from: &str, to: &str) -> String {
    let run = Run::on(target);
    let shop = run.open(&package(vec![not_null("x")]));
    run.upgrade_as(super::to(&shop, "001")).await.unwrap();
    target
        .execute(
            "DROP TABLE p; CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, y INT);
             DROP TABLE c; CREATE TABLE c (id INTEGER PRIMARY KEY REFERENCES p (id) ON DELETE CASCADE);
             INSERT INTO p VALUES (1, 10, NULL), (2, 20, 200); INSERT INTO c VALUES (1), (2)",
        )
        .await;
    let plan = run.migrator.plan_upgrade(&[Upgrade::to_head(shop)]).await.unwrap().remove(0);
    let statements: Vec<String> = plan.steps[0].plan.statements().map(|statement| statement.sql.clone()).collect();
    let script = format!("PRAGMA foreign_keys = ON; BEGIN; {}; COMMIT", statements.join(";\n"));
    assert!(script.contains(from), "{script}");
    match target.try_execute(&script.replacen(from, to, 1)).await {
        Ok(()) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_copy_that_is_not_whole_is_noticed_before_it_is_kept() {
    for (from, to, expected) in [
        ("FROM \"p\"", "FROM \"p\"", "nothing"),
        // A row that another one refers to is not copied.
        ("FROM \"p\"", "FROM \"p\" WHERE id = 1", "CHECK constraint failed: p has rows that refer to nothing"),
        // The definition says what the rows do not hold.
        (
            "PRAGMA writable_schema = RESET",
            "UPDATE sqlite_schema SET sql = replace(sql, 'y INT', 'y INT NOT NULL') WHERE name = 'p'; PRAGMA writable_schema = RESET",
            "CHECK constraint failed: p is not whole",
        ),
        // The names are not changed throughout.
        (
            "UPDATE sqlite_schema SET name = tbl_name",
            "UPDATE sqlite_schema SET name = name",
            "malformed database schema",
        ),
    ] {
        on_sqlite(async |target: &TestTarget| {
            let said = tampered(target, from, to).await;
            assert!(said.contains(expected), "{to}: {said}");
            let children = values(target, "SELECT id FROM c").await;
            assert_eq!(children, ["1", "2"]);
        });
    }
}
