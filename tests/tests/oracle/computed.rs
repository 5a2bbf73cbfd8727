//! Indexes over expressions and over some of the rows, and computed columns, with rows in the tables.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Computed, ComputedStorage, Constraint,
    ConstraintSelector, Index, IndexKey, IndexOrder, IndexPart, Key, Op, Position, ReferentialAction, Value,
};
use ptah_wasm_tests::on_every_database;

use crate::build::{
    check, column, execute, expr, filtered, foreign_key, id, ident, idents, index, index_over, key, not_null, table,
};
use crate::twin::Twin;

fn computed(name: &str, column_type: ColumnType, storage: ComputedStorage, text: &str) -> ColumnSpec {
    let expression = expr(Position::Computed, text);
    ColumnSpec { computed: Some(Computed { expression, storage }), ..column(name, column_type) }
}

fn stored(name: &str, column_type: ColumnType, text: &str) -> ColumnSpec {
    computed(name, column_type, ComputedStorage::Stored, text)
}

fn of_reading(name: &str, column_type: ColumnType, text: &str) -> ColumnSpec {
    computed(name, column_type, ComputedStorage::Virtual, text)
}

fn on(index: Index) -> Op {
    Op::CreateIndex { table: ident("t"), index, online: None }
}

fn add(column: ColumnSpec) -> Op {
    Op::AddColumn { table: ident("t"), column }
}

fn keep() -> ColumnChanges {
    ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep }
}

fn alter(name: &str, changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: ident("t"), name: ident(name), changes }
}

fn rename(from: &str, to: &str) -> Op {
    Op::RenameColumn { table: ident("t"), name: ident(from), new_name: ident(to) }
}

/// A table of every kind of column, with rows.
async fn filled(twin: &mut Twin) {
    let columns = vec![
        id(),
        column("v", ColumnType::Varchar(Some(40))),
        column("t", ColumnType::Text),
        column("i", ColumnType::Integer),
        column("b", ColumnType::BigInteger),
        column("yes", ColumnType::Boolean),
        column("n", ColumnType::Numeric { precision: 10, scale: 2 }),
        column("d", ColumnType::Double),
        column("day", ColumnType::Date),
        column("at", ColumnType::Timestamp(6)),
        column("u", ColumnType::Uuid),
        column("j", ColumnType::Json),
        column("x", ColumnType::Binary),
    ];
    twin.must(table("t", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
    let rows = [
        r#"INSERT INTO "t" ("v", "t", "i", "b", "yes", "n", "d", "day", "at") VALUES ('Abc', 'it''s', 1, 2, TRUE, 1.5, 0.5, '2026-01-02', '2026-01-02 10:00:00')"#,
        r#"INSERT INTO "t" ("v", "t", "i", "b") VALUES ('x%', '', -7, 9), ('y', NULL, 2, 3)"#,
    ];
    for row in rows {
        twin.must(execute(row, &[])).await;
    }
}

/// Expressions of every kind; the type of each is that of a column which can take it.
const EXPRESSIONS: [(ColumnType, &str); 30] = [
    (ColumnType::Text, "lower(v)"),
    (ColumnType::Text, "upper(t) || '-' || v || 'z'"),
    (ColumnType::Text, "trim(v)"),
    (ColumnType::Text, "replace(t, 'a', 'b\\')"),
    (ColumnType::Varchar(Some(60)), "coalesce(v, t, 'it''s')"),
    (ColumnType::Varchar(Some(60)), "v"),
    (ColumnType::Text, "substr(v, 2, 3)"),
    (ColumnType::Text, "nullif(v, t)"),
    (ColumnType::Integer, "length(t)"),
    (ColumnType::BigInteger, "i + 1"),
    (ColumnType::BigInteger, "(i - b) * 2 % 7"),
    (ColumnType::BigInteger, "abs(-i)"),
    (ColumnType::BigInteger, "nullif(abs(i), 3)"),
    (ColumnType::Numeric { precision: 20, scale: 4 }, "n * 1.5"),
    (ColumnType::Numeric { precision: 20, scale: 4 }, "coalesce(n, 2, i)"),
    (ColumnType::Double, "d / 2 + 1e3"),
    (ColumnType::Double, "d - -3"),
    (ColumnType::Boolean, "yes"),
    (ColumnType::Boolean, "NOT yes"),
    (ColumnType::Boolean, "i > 1 AND NOT (b = 2 OR yes)"),
    (ColumnType::Boolean, "i IN (1, 2, -3)"),
    (ColumnType::Boolean, "v NOT IN ('a', 'it''s')"),
    (ColumnType::Boolean, "i BETWEEN 1 AND b"),
    (ColumnType::Boolean, "v LIKE 'a%'"),
    (ColumnType::Boolean, "v IS NULL"),
    (ColumnType::Boolean, "day < '2026-01-01'"),
    (ColumnType::Boolean, "at > day"),
    (ColumnType::Boolean, "u = '67e55044-10b1-426f-9247-bb680e5fe0c8'"),
    (ColumnType::Date, "day"),
    (ColumnType::Uuid, "u"),
];

on_every_database! {
    async fn an_index_over_expressions_or_some_rows_reads_back_or_is_refused_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        filled(&mut twin).await;
        let lacks = target.dialect() == Dialect::Mariadb;
        for (number, (column_type, text)) in EXPRESSIONS.into_iter().enumerate() {
            let over = index_over(&format!("ix{number}"), &[text]);
            let is_column = ["v", "yes", "day", "u"].contains(&text);
            if lacks && !is_column { twin.must_not(on(over)).await } else { twin.must(on(over)).await }
            if column_type == ColumnType::Boolean {
                let some = filtered(index(&format!("some{number}"), &[("i", IndexOrder::Descending)], true), text);
                if lacks { twin.must_not(on(some)).await } else { twin.must(on(some)).await }
            }
        }
        if !lacks {
            let mut many = index_over("many", &["lower(v)", "i", "i % 3", "t || v"]);
            many.parts[1].order = IndexOrder::Descending;
            many.parts[2].order = IndexOrder::Descending;
            let many = filtered(Index { unique: true, ..many }, "i IS NOT NULL AND (b > 1 AND (yes OR v <> 'x'))");
            twin.must(on(many)).await;
            for name in ["many", "some18", "ix0"] {
                twin.must(Op::DropIndex { table: ident("t"), name: ident(name), online: None }).await;
            }
        }
    }

    async fn what_no_index_may_be_over_is_refused_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        filled(&mut twin).await;
        for text in ["coalesce(j, j)", "1 + 1", "'x'", "nope", "lower(i)", "v + 1", "lower(nope)", "NULL"] {
            twin.must_not(on(index_over("no", &[text]))).await;
        }
        for text in ["1 = 1", "i + 1", "nope > 1", "v", "j = 'x'", "lower(v)"] {
            twin.must_not(on(filtered(index("no", &[("i", IndexOrder::Ascending)], false), text))).await;
        }
        twin.must_not(on(index_over("no", &[]))).await;
        twin.must_not(on(index_over("no", &["i"; 2]))).await;
        twin.must_not(on(index_over("no", &["lower(v)"; 17]))).await;
        let mut clock = index_over("no", &["i"]);
        clock.parts.push(IndexPart {
            key: IndexKey::Expression(expr(Position::Default, "CURRENT_TIMESTAMP")),
            order: IndexOrder::Ascending,
        });
        twin.must_not(on(clock)).await;
    }

    async fn a_moment_beside_a_time_without_a_zone_is_nothing_to_keep(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = vec![
            column("m", ColumnType::TimestampWithZone(6)), column("at", ColumnType::Timestamp(6)), column("day", ColumnType::Date),
        ];
        twin.must(table("t", columns, vec![])).await;
        // Only PostgreSQL has a type for moments, and asks the session's time zone.
        let depends = target.dialect() == Dialect::Postgres;
        for (number, text) in ["m > at", "at BETWEEN day AND m", "m IN (at, day)", "nullif(m, at) IS NULL", "coalesce(day, m) IS NULL"].into_iter().enumerate() {
            let op = add(stored(&format!("c{number}"), ColumnType::Boolean, text));
            if depends { twin.must_not(op).await } else { twin.must(op).await }
            if depends { twin.must_not(on(index_over("no", &[text]))).await }
        }
        for (number, (column_type, text)) in [
            (ColumnType::TimestampWithZone(6), "at"), (ColumnType::TimestampWithZone(6), "day"),
            (ColumnType::Timestamp(6), "m"), (ColumnType::Date, "m"),
        ].into_iter().enumerate() {
            let op = add(stored(&format!("d{number}"), column_type, text));
            if depends { twin.must_not(op).await } else { twin.must(op).await }
        }
        twin.must(add(stored("e", ColumnType::Boolean, "m > '2026-01-01T00:00:00Z' AND at > day"))).await;
        twin.must(add(stored("f", ColumnType::TimestampWithZone(6), "m"))).await;
    }

    async fn a_computed_column_reads_back_or_is_refused_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        filled(&mut twin).await;
        for (number, (column_type, text)) in EXPRESSIONS.into_iter().enumerate() {
            twin.must(add(stored(&format!("s{number}"), column_type.clone(), text))).await;
            let read = add(of_reading(&format!("r{number}"), column_type, text));
            if target.dialect() == Dialect::Postgres { twin.must_not(read).await } else { twin.must(read).await }
        }
        twin.must(execute(r#"INSERT INTO "t" ("v", "i", "b") VALUES ('Q', 3, 4)"#, &[])).await;
        twin.must(execute(r#"UPDATE "t" SET "v" = "s0", "i" = "i" + 1 WHERE "s9" > 0"#, &[])).await;
        twin.must(execute(r#"DELETE FROM "t" WHERE "s23""#, &[])).await;
    }

    async fn a_table_made_with_computed_columns_keeps_them_through_every_change(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = vec![
            id(),
            stored("low", ColumnType::Varchar(Some(40)), "lower(name)"),
            not_null(column("name", ColumnType::Varchar(Some(40)))),
            column("size", ColumnType::Integer),
            stored("twice", ColumnType::BigInteger, "size * 2"),
        ];
        let constraints = vec![
            Constraint::PrimaryKey(key(&["id"])), Constraint::Unique(key(&["low"])), check("twice < 100 OR low <> 'x'"),
        ];
        twin.must(table("t", columns, constraints)).await;
        twin.must(execute(r#"INSERT INTO "t" ("name", "size") VALUES ('One', 1), ('Two', 2)"#, &[])).await;
        twin.must(on(index("ix_twice", &[("twice", IndexOrder::Descending)], false))).await;
        if target.dialect() != Dialect::Mariadb {
            twin.must(on(filtered(index_over("ix_some", &["twice + size", "upper(low)"]), "size > 0 AND low <> ''"))).await;
        }
        twin.must(rename("size", "length")).await;
        twin.must(rename("name", "select")).await;
        twin.must(rename("twice", "double")).await;
        twin.must(Op::RenameTable { name: ident("t"), new_name: ident("order") }).await;
        twin.must(Op::RenameTable { name: ident("order"), new_name: ident("t") }).await;
        twin.must(alter("length", ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Integer(3))), ..keep() })).await;
        twin.must(alter("length", ColumnChanges { nullable: Some(false), ..keep() })).await;
        twin.must(alter("select", ColumnChanges { nullable: Some(true), ..keep() })).await;
        twin.must(add(column("other", ColumnType::Text))).await;
        twin.must(alter("other", ColumnChanges { column_type: Some(ColumnType::Varchar(Some(9))), ..keep() })).await;
        twin.must(Op::CreateConstraint { table: ident("t"), constraint: check("length > -5") }).await;
        twin.must(add(stored("third", ColumnType::BigInteger, "length * 3"))).await;
        twin.must(execute(r#"INSERT INTO "t" ("select") VALUES ('Three')"#, &[])).await;
        let refused = target.dialect() == Dialect::Mariadb;
        let not_null = alter("third", ColumnChanges { nullable: Some(false), ..keep() });
        if refused { twin.must_not(not_null).await } else { twin.must(not_null).await }
        for op in [
            alter("length", ColumnChanges { column_type: Some(ColumnType::BigInteger), ..keep() }),
            alter("third", ColumnChanges { column_type: Some(ColumnType::Integer), ..keep() }),
            alter("third", ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Integer(3))), ..keep() }),
            Op::DropColumn { table: ident("t"), name: ident("length") },
            Op::DropColumn { table: ident("t"), name: ident("double") },
            add(stored("id2", ColumnType::BigInteger, "later + 1")),
            add(ColumnSpec { default: Some(ColumnDefault::Value(Value::Integer(1))), ..stored("e", ColumnType::Integer, "length") }),
            execute(r#"INSERT INTO "t" ("select", "low") VALUES ('Four', 'four')"#, &[]),
            execute(r#"INSERT INTO "t" ("select", "third") SELECT "select", "third" FROM "t""#, &[]),
            execute(r#"UPDATE "t" SET "third" = 1"#, &[]),
            execute(r#"INSERT INTO "t" ("id", "select") VALUES (1, 'x') ON CONFLICT ("id") DO UPDATE SET "third" = 1"#, &[]),
            Op::BulkInsert { table: ident("t"), columns: idents(&["third"]), rows: vec![vec![Value::Integer(1)]] },
        ] {
            twin.must_not(op).await;
        }
        twin.must(execute(r#"INSERT INTO "t" ("select") VALUES ('THREE') ON CONFLICT ("low") DO NOTHING"#, &[])).await;
        twin.must(Op::DropColumn { table: ident("t"), name: ident("third") }).await;
        twin.must(Op::DropConstraint { table: ident("t"), which: ConstraintSelector::Unique(idents(&["low"])) }).await;
    }

    async fn what_a_dialect_lacks_of_computed_columns_is_refused_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let dialect = target.dialect();
        twin.must(table("p", vec![id()], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        use ReferentialAction::{Cascade, NoAction, SetNull};
        let refers = |column: &str, on_delete, on_update| foreign_key(&[column], "p", on_delete, on_update);
        let base = || column("a", ColumnType::BigInteger);
        let one = || vec![base(), stored("g", ColumnType::BigInteger, "a + 1")];
        let read = || vec![base(), of_reading("g", ColumnType::BigInteger, "a + 1")];
        let numbered = |spec| table("t", vec![id(), spec], vec![Constraint::PrimaryKey(key(&["id"]))]);
        let chain = |storage| {
            table("t", vec![base(), stored("g", ColumnType::BigInteger, "a + 1"), computed("h", ColumnType::BigInteger, storage, "g + 1")], vec![])
        };
        let backwards = table("t", vec![
            base(), stored("g", ColumnType::BigInteger, "h + 1"), stored("h", ColumnType::BigInteger, "a + 1"),
        ], vec![]);
        use Dialect::{Mariadb, Postgres, Sqlite};
        let cases = [
            (table("t", one(), vec![refers("g", NoAction, NoAction)]), vec![]),
            (table("t", one(), vec![refers("g", Cascade, NoAction)]), vec![]),
            (table("t", one(), vec![refers("g", SetNull, NoAction)]), vec![Sqlite, Postgres, Mariadb]),
            (table("t", one(), vec![refers("g", NoAction, Cascade)]), vec![Sqlite, Postgres, Mariadb]),
            (table("t", one(), vec![refers("a", SetNull, Cascade)]), vec![Mariadb]),
            (table("t", read(), vec![refers("a", SetNull, Cascade)]), vec![Postgres]),
            (table("t", read(), vec![refers("a", SetNull, Cascade), check("g > 0")]), vec![Postgres, Mariadb]),
            (table("t", read(), vec![refers("g", NoAction, NoAction)]), vec![Postgres]),
            (table("t", one(), vec![Constraint::Unique(key(&["g", "a"]))]), vec![]),
            (
                table("t", vec![base(), not_null(stored("g", ColumnType::BigInteger, "coalesce(a, 1)"))], vec![
                    Constraint::PrimaryKey(Key { name: Some(ident("k")), columns: idents(&["g"]) }),
                ]),
                vec![Sqlite, Mariadb],
            ),
            (table("t", vec![base(), not_null(stored("g", ColumnType::BigInteger, "coalesce(a, 1)"))], vec![]), vec![Mariadb]),
            (numbered(stored("g", ColumnType::BigInteger, "id + 1")), vec![Mariadb]),
            (numbered(of_reading("g", ColumnType::BigInteger, "id + 1")), vec![Postgres, Mariadb]),
            (chain(ComputedStorage::Stored), vec![Postgres]),
            (chain(ComputedStorage::Virtual), vec![Postgres]),
            (backwards, vec![Sqlite, Postgres, Mariadb]),
            (table("t", vec![base(), stored("g", ColumnType::Boolean, "a = 4 / 2")], vec![]), vec![Mariadb]),
            (table("t", vec![column("a", ColumnType::Text), stored("g", ColumnType::Text, "a || lower(coalesce('A', a))")], vec![]), vec![Postgres]),
            (table("t", vec![column("a", ColumnType::Text), stored("g", ColumnType::Boolean, "'a' BETWEEN 'A' AND a")], vec![]), vec![Postgres]),
            (table("t", vec![column("a", ColumnType::Text), stored("g", ColumnType::Text, "a || 'b' || coalesce('A', a)")], vec![]), vec![]),
            (table("t", vec![column("a", ColumnType::Text), stored("g", ColumnType::Text, "a || '\u{1f600}'")], vec![]), vec![Mariadb]),
        ];
        for (op, lacking) in cases {
            if lacking.contains(&dialect) {
                twin.must_not(op).await;
            } else {
                twin.must(op).await;
                twin.must(Op::DropTable { name: ident("t") }).await;
            }
        }
        // The other way round: the reference comes after the column.
        let late = [
            (vec![base()], add(stored("g", ColumnType::BigInteger, "a + 1")), vec![]),
            (vec![base(), column("g", ColumnType::BigInteger)], add(stored("h", ColumnType::BigInteger, "g + 1")), vec![]),
        ];
        for (columns, op, lacking) in late {
            twin.must(table("t", columns, vec![])).await;
            if lacking.contains(&dialect) { twin.must_not(op).await } else { twin.must(op).await }
            let refers = Op::CreateConstraint { table: ident("t"), constraint: refers("a", SetNull, NoAction) };
            let uses = twin.schema().tables[&ident("t")].columns.iter().any(|column| column.is_computed_from(&ident("a")));
            if dialect == Mariadb && uses { twin.must_not(refers).await } else { twin.must(refers).await }
            twin.must(Op::DropTable { name: ident("t") }).await;
        }
    }

    async fn a_unique_index_over_some_rows_or_an_expression_is_no_key(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        filled(&mut twin).await;
        if target.dialect() != Dialect::Mariadb {
            let some = filtered(index("some", &[("i", IndexOrder::Ascending)], true), "i > 0");
            twin.must(on(some)).await;
            let over = Index { unique: true, ..index_over("over", &["lower(v)"]) };
            twin.must(on(over)).await;
        }
        for column in ["i", "v"] {
            let insert = format!(r#"INSERT INTO "t" ("i", "v") VALUES (1, 'x') ON CONFLICT ("{column}") DO NOTHING"#);
            twin.must_not(execute(&insert, &[])).await;
        }
        let key = ptah_wasm::operation::ForeignKey {
            name: None,
            columns: idents(&["i"]),
            referred_table: ident("t"),
            referred_columns: idents(&["i"]),
            on_update: ReferentialAction::NoAction,
            on_delete: ReferentialAction::NoAction,
        };
        twin.must_not(Op::CreateConstraint { table: ident("t"), constraint: Constraint::ForeignKey(key) }).await;
    }
}
