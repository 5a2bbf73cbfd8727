//! What a rebuild keeps: one test for each thing that others are known to lose.

use super::*;

/// Alters `p` and holds the answers of queries, every other object and the definition of `p` but for one change
/// against what they were.
async fn keeps(target: &TestTarget, make: &str, actions: Vec<Action>, changed: (&str, &str), queries: &[&str]) {
    let probe = TestTarget::new(Dialect::Sqlite).await;
    probe.execute(&format!("CREATE TABLE c (id INTEGER); {make}")).await;
    let mut expected = Vec::new();
    for query in queries {
        expected.push(values(&probe, query).await);
    }
    assert!(expected.iter().all(|rows| !rows.is_empty()), "{expected:?}");
    let (objects, definition) = (others(&probe).await, body(&probe).await);
    altered(target, make, actions).await.unwrap();
    for (query, expected) in queries.iter().zip(expected) {
        assert_eq!(values(target, query).await, expected, "{query}");
    }
    let own =
        |objects: Vec<String>| objects.into_iter().filter(|line| !line.starts_with("table|c|")).collect::<Vec<_>>();
    assert_eq!(own(others(target).await), own(objects));
    let (from, to) = changed;
    assert!(definition.contains(from), "{definition}");
    assert_eq!(body(target).await, definition.replacen(from, to, 1));
}

#[test]
fn the_rows_of_children_that_a_delete_would_take_along() {
    for action in ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"] {
        on_sqlite(async |target: &TestTarget| {
            let make = format!(
                "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT);
                 DROP TABLE c; CREATE TABLE c (id INTEGER PRIMARY KEY, pid INT DEFAULT 9 REFERENCES p (id) ON DELETE {action});
                 CREATE TABLE g (cid INT REFERENCES c (id) ON DELETE CASCADE);
                 INSERT INTO p VALUES (1, 10), (7, 70); INSERT INTO c VALUES (1, 1), (2, 7); INSERT INTO g VALUES (1), (2)"
            );
            let queries = ["SELECT * FROM p", "SELECT * FROM c", "SELECT * FROM g"];
            keeps(target, &make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
        });
    }
}

#[test]
fn the_rows_that_refer_to_rows_of_their_own_table() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, up INT REFERENCES p (id) ON DELETE CASCADE);
             INSERT INTO p VALUES (1, 10, NULL), (2, 20, 1), (3, 30, 3)";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM p"]).await;
    });
}

#[test]
fn a_delete_in_the_same_step_still_takes_the_children_along() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT);
             DROP TABLE c; CREATE TABLE c (id INTEGER PRIMARY KEY, pid INT REFERENCES p (id) ON DELETE CASCADE);
             CREATE TABLE other (pid INT REFERENCES p (id) ON DELETE SET NULL);
             INSERT INTO p VALUES (1, 10), (2, 20), (3, 30); INSERT INTO c VALUES (1, 1), (2, 2), (3, 3);
             INSERT INTO other VALUES (1), (2), (3)";
        let delete = |id: i64| execute(r#"DELETE FROM "p" WHERE "id" = ?"#, (id,));
        altered(target, make, vec![delete(1), not_null("x"), delete(2)]).await.unwrap();
        assert_eq!(values(target, "SELECT * FROM p").await, ["3|30"]);
        assert_eq!(values(target, "SELECT * FROM c").await, ["3|3"]);
        assert_eq!(values(target, "SELECT * FROM other").await, ["NULL", "NULL", "3"]);
    });
}

#[test]
fn triggers_in_the_order_in_which_they_fire() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT); CREATE TABLE log (line TEXT);
             INSERT INTO p VALUES (1, 10); INSERT INTO log VALUES ('start');
             CREATE TRIGGER z AFTER INSERT ON P BEGIN INSERT INTO log VALUES ('z ' || new.x); END;
             CREATE TRIGGER a AFTER INSERT ON p BEGIN INSERT INTO log VALUES ('a ' || new.x); END;
             CREATE TRIGGER gone BEFORE DELETE ON p BEGIN INSERT INTO log VALUES ('gone'); END;
             CREATE TRIGGER elsewhere AFTER INSERT ON log WHEN new.line = 'x' BEGIN DELETE FROM p; END";
        let queries = [
            "SELECT * FROM p",
            "SELECT * FROM log",
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'p' COLLATE NOCASE ORDER BY rowid",
        ];
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
        target.execute("INSERT INTO p VALUES (2, 20)").await;
        let probe = TestTarget::new(Dialect::Sqlite).await;
        probe.execute(&format!("{make}; INSERT INTO p VALUES (2, 20)")).await;
        let log = "SELECT line FROM log ORDER BY rowid";
        assert_eq!(values(target, log).await, values(&probe, log).await);
    });
}

#[test]
fn views_over_the_table() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT); INSERT INTO p VALUES (1, 10);
             CREATE VIEW v AS SELECT id, x FROM p WHERE x > 5; CREATE VIEW broken AS SELECT a FROM nowhere;
             CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN INSERT INTO p VALUES (new.id, new.x); END";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM v"]).await;
        target.execute("INSERT INTO v VALUES (2, 20)").await;
        assert_eq!(values(target, "SELECT * FROM v").await, ["1|10", "2|20"]);
    });
}

#[test]
fn autoincrement_and_the_last_number_given() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, x INT);
             INSERT INTO p VALUES (1, 10), (99, 20); DELETE FROM p WHERE id = 99";
        let queries = ["SELECT * FROM p", "SELECT name, seq FROM sqlite_sequence WHERE name <> 'c'"];
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
        target.execute("INSERT INTO p (x) VALUES (30)").await;
        assert_eq!(values(target, "SELECT max(id) FROM p").await, ["100"]);
    });
}

#[test]
fn checks_without_a_name() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, y INT CHECK (y > 0), CHECK (y < 100), CONSTRAINT odd CHECK (y % 2 = 1));
             INSERT INTO p VALUES (1, 10, 11)";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM p"]).await;
        for y in [-1, 101, 2] {
            assert!(target.try_execute(&format!("INSERT INTO p (x, y) VALUES (1, {y})")).await.is_err(), "{y}");
        }
    });
}

#[test]
fn collations_of_columns_and_what_is_unique_under_them() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, n TEXT COLLATE NOCASE UNIQUE, m TEXT, UNIQUE (m COLLATE RTRIM));
             INSERT INTO p VALUES (1, 10, 'a', 'b')";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM p WHERE n = 'A'"]).await;
        assert!(target.try_execute("INSERT INTO p VALUES (2, 1, 'A', 'c')").await.is_err());
        assert!(target.try_execute("INSERT INTO p VALUES (2, 1, 'c', 'b  ')").await.is_err());
    });
}

#[test]
fn indexes_over_expressions_partial_descending_and_with_collations() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, n TEXT);
             CREATE INDEX \"by lower\" ON \"p\" ((lower(\"n\"))); CREATE INDEX \"part\" ON \"p\" (\"x\") WHERE (\"x\" > 5);
             CREATE INDEX \"desc\" ON \"p\" (\"x\" DESC); CREATE UNIQUE INDEX coll ON p (n COLLATE NOCASE DESC, id);
             CREATE UNIQUE INDEX hex ON p (n) WHERE x > 0x10; CREATE UNIQUE INDEX \"plain\" ON \"p\" (\"n\", \"x\"); INSERT INTO p VALUES (1, 10, 'a'), (2, 3, 'b')";
        let queries = [
            "SELECT * FROM p INDEXED BY part WHERE x > 5",
            "SELECT n FROM p INDEXED BY \"by lower\" WHERE lower(n) = 'a'",
        ];
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
    });
}

#[test]
fn generated_columns_virtual_and_stored() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, v INT AS (id + 1), s INT GENERATED ALWAYS AS (id * 2) STORED, y INT);
             INSERT INTO p (id, x, y) VALUES (1, 10, 5), (4, 40, 6); CREATE INDEX \"by_v\" ON \"p\" (\"v\")";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM p"]).await;
        target.execute("INSERT INTO p (id, x) VALUES (5, 1)").await;
        assert_eq!(values(target, "SELECT v, s FROM p WHERE id = 5").await, ["6|10"]);
    });
}

#[test]
fn declared_types_that_nobody_knows_and_columns_without_one() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, u uuid, m money (10, 2), d DECIMAL(10,5), f FLOAT,
             \"double\" DOUBLE PRECISION, bare, l \"long type\" DEFAULT ('a''b' || 1));
             INSERT INTO p VALUES (1, 10, 'u', '1.50', 2.5, 1, 2, x'00ff', 'l'), (2, 20, 7, 'text', '3.0', 'x', NULL, 1.0, NULL)";
        let types = "SELECT id, x, u, m, d, f, \"double\", hex(bare), l, typeof(u), typeof(m), typeof(d), typeof(f), typeof(\"double\"), typeof(bare), typeof(l) FROM p";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &[types]).await;
    });
}

#[test]
fn strict_tables() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, a ANY, t TEXT) STRICT; INSERT INTO p VALUES (1, 10, '007', 'a'), (2, 20, 7, NULL)";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT *, typeof(a) FROM p"]).await;
        assert!(target.try_execute("INSERT INTO p VALUES (3, 'x', 1, 'a')").await.is_err());
    });
}

#[test]
fn tables_without_row_ids() {
    on_sqlite(async |target: &TestTarget| {
        let make =
            "CREATE TABLE p (code TEXT, x INT, n INT NOT NULL, PRIMARY KEY (n DESC, code)) WITHOUT ROWID, STRICT;
             CREATE TABLE child (n INT, code TEXT, FOREIGN KEY (n, code) REFERENCES p (n, code) ON DELETE CASCADE);
             INSERT INTO p VALUES ('a', 1, 1), ('b', 2, 2), ('c', 3, 2); INSERT INTO child VALUES (2, 'c')";
        let queries = ["SELECT * FROM p", "SELECT * FROM child"];
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
    });
}

#[test]
fn row_ids_that_can_be_seen() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (x INT, rowid TEXT, n TEXT PRIMARY KEY);
             INSERT INTO p (_rowid_, x, rowid, n) VALUES (5, 1, 'r', 'a'), (900, 2, 's', 'b'), (-3, 3, 't', 'c')";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT oid, * FROM p ORDER BY oid"])
            .await;
    });
}

#[test]
fn references_with_all_that_the_contract_has_no_word_for() {
    on_sqlite(async |target: &TestTarget| {
        let reference = "CONSTRAINT fk_o FOREIGN KEY (o) REFERENCES o ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED";
        let make = format!(
            "CREATE TABLE o (id INTEGER PRIMARY KEY); INSERT INTO o VALUES (1);
             CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, o INT, {reference}); INSERT INTO p VALUES (1, 10, 1);
             DROP TABLE c; CREATE TABLE c (id INTEGER PRIMARY KEY REFERENCES p MATCH FULL DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO c VALUES (1)"
        );
        let queries = ["SELECT * FROM p", "SELECT * FROM c"];
        keeps(target, &make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &queries).await;
        target.execute("PRAGMA foreign_keys = ON; DELETE FROM o").await;
        assert_eq!(values(target, "SELECT o FROM p").await, ["NULL"]);
    });
}

#[test]
fn what_the_contract_has_no_word_for_of_the_very_column_that_is_altered() {
    let cleared = || alter_column("p", "x", ColumnChanges::new().set_nullable().clear_default());
    let text = || alter_column("p", "x", ColumnChanges::new().set_type(ColumnType::Text));
    for (column, action, changed) in [
        ("x TEXT COLLATE NOCASE", not_null("x"), ("NOCASE", "NOCASE NOT NULL")),
        (
            "x uuid NULL CHECK (length(x) > 1)",
            not_null("x"),
            (" NULL CHECK (length(x) > 1)", " CHECK (length(x) > 1) NOT NULL"),
        ),
        ("x money NOT NULL DEFAULT (hex('a') || x'00')", cleared(), (" NOT NULL DEFAULT (hex('a') || x'00')", "")),
        ("x INT AS (id * 1000) STORED", not_null("x"), ("STORED", "STORED NOT NULL")),
        ("x VARCHAR(9) /* which */ COLLATE RTRIM DEFAULT 'a'", text(), ("VARCHAR(9)", "TEXT")),
    ] {
        on_sqlite(async |target: &TestTarget| {
            let value = if column.contains("STORED") { "" } else { "; UPDATE p SET x = 'it'" };
            let columns = format!("id INTEGER PRIMARY KEY, {column}, y INT, UNIQUE (x)");
            let make = format!("CREATE TABLE p ({columns}); INSERT INTO p (id, y) VALUES (1, 2){value}");
            keeps(target, &make, vec![action.clone()], changed, &["SELECT *, typeof(x) FROM p"]).await;
        });
    }
}

#[test]
fn comments_conflict_clauses_and_the_way_it_is_written() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p ( -- the table (p)
               id INTEGER PRIMARY KEY ON CONFLICT REPLACE, -- the key
               x INT -- a number, (not null)
               , [odd] TEXT NOT NULL ON CONFLICT IGNORE DEFAULT 'a,(b' /* what, */
             ); INSERT INTO p VALUES (1, 10, 'o')";
        keeps(target, make, vec![not_null("x")], ("x INT", "x INT NOT NULL"), &["SELECT * FROM p"]).await;
    });
}

#[test]
fn several_alterations_in_a_row_are_one_rebuild() {
    on_sqlite(async |target: &TestTarget| {
        let make = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT, code TEXT); INSERT INTO p VALUES (1, 10, '7')";
        let mut reference = ForeignKey::new(["up"], "p", ["code"]);
        let actions = vec![
            not_null("x"),
            alter_column("p", "code", ColumnChanges::new().set_type(ColumnType::Integer)),
            create_constraint("p", UniqueConstraint::new(["code"])),
            add_column("p", Column::text("note").not_null().default(sql("lower('NONE')"))),
            execute(r#"UPDATE "p" SET "x" = 11"#, ()),
            create_constraint("p", Check::new(r#""x" > 10"#)),
            add_column("p", Column::integer("up")),
            // Before it can be referred to the key has to be there.
            create_constraint("p", &mut reference),
        ];
        let plan = altered(target, make, actions).await.unwrap();
        let operations = &plan.steps[0].plan.operations;
        let rebuilds: Vec<usize> = operations
            .iter()
            .map(|one| one.statements.iter().filter(|one| one.sql.starts_with("CREATE TABLE")).count())
            .collect();
        assert_eq!(rebuilds, [0, 0, 0, 1, 0, 1, 0, 1]);
        assert_eq!(values(target, "SELECT *, typeof(code) FROM p").await, ["1|11|7|none|NULL|integer"]);
    });
}

#[test]
fn a_violation_elsewhere_is_in_nobody_s_way() {
    on_sqlite(async |target: &TestTarget| {
        let run = Run::on(target);
        let shop = run.open(&package(vec![add_column("p", Column::integer("x").not_null().default(sql("1 + 1")))]));
        run.upgrade_as(to(&shop, "001")).await.unwrap();
        target.execute("PRAGMA foreign_keys = OFF; CREATE TABLE child (p INT REFERENCES p (id)); INSERT INTO child VALUES (77); CREATE TABLE mismatch (p INT REFERENCES child (p))").await;
        run.upgrade(&shop).await.unwrap();
        run.model_holds("shop").await;
    });
}
