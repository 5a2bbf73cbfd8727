//! Fixed sequences: every type, default, check, key, reference, index and change, and statements over rows.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint, ConstraintSelector, Demand,
    ForeignKey, Ident, IdentKind, IndexOrder, Key, LargeSize, Op, Position, ReferentialAction, Value,
};
use ptah_wasm_tests::{on_databases, on_every_database};

use crate::build::{
    SIZES, TYPES, check, column, comment, execute, expr, foreign_key, id, ident, idents, index, key, not_null, table,
    value, with_default,
};
use crate::twin::{Outcome, Twin};

/// Nothing but another type.
fn retype(column_type: ColumnType) -> ColumnChanges {
    ColumnChanges { column_type: Some(column_type), nullable: None, default: Change::Keep, comment: Change::Keep }
}

on_every_database! {
    async fn every_type_reads_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let mut columns = vec![id()];
        for (number, column_type) in TYPES.into_iter().chain(SIZES).enumerate() {
            columns.push(column(&format!("n{number}"), column_type.clone()));
            columns.push(not_null(column(&format!("m{number}"), column_type)));
        }
        twin.must(table("kinds", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        for (number, column_type) in TYPES.into_iter().chain(SIZES).enumerate() {
            for which in 0..6 {
                let mut names = vec![format!("n{number}")];
                let mut row = vec![value(&column_type, which)];
                for (other, other_type) in TYPES.into_iter().chain(SIZES).enumerate() {
                    names.push(format!("m{other}"));
                    row.push(value(&other_type, which));
                }
                let columns = names.iter().map(|name| ident(name)).collect();
                twin.must(Op::BulkInsert { table: ident("kinds"), columns, rows: vec![row] }).await;
            }
        }
        for small in [ColumnType::SmallInteger, ColumnType::Integer] {
            let name = format!("auto_{}", if small == ColumnType::Integer { "i" } else { "s" });
            let id = ColumnSpec { column_type: small, ..id() };
            twin.must(table(&name, vec![id], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        }
    }

    async fn every_default_reads_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        for (number, column_type) in TYPES.into_iter().chain(SIZES).enumerate() {
            for which in 0..6 {
                let with = with_default(column("c", column_type.clone()), value(&column_type, which));
                let op = table(&format!("d{number}_{which}"), vec![with], vec![]);
                twin.must(op).await;
            }
        }
        for (number, (column_type, text)) in [
            (ColumnType::TimestampWithZone(6), "CURRENT_TIMESTAMP"),
            (ColumnType::Timestamp(6), "CURRENT_TIMESTAMP"),
            (ColumnType::TimestampWithZone(0), "CURRENT_TIMESTAMP"),
            (ColumnType::Timestamp(0), "CURRENT_TIMESTAMP"),
            (ColumnType::Timestamp(4), "CURRENT_TIMESTAMP"),
            (ColumnType::Date, "CURRENT_TIMESTAMP"),
            (ColumnType::Date, "CURRENT_DATE"),
            (ColumnType::Integer, "1 + 2 * 3"),
            (ColumnType::Text, "lower('ABC') || 'x'"),
            (ColumnType::Integer, "-5"),
            (ColumnType::Varchar(Some(20)), "coalesce(NULL, 'x')"),
        ].into_iter().enumerate() {
            let with = ColumnSpec {
                default: Some(ColumnDefault::Expression(expr(Position::Default, text))),
                ..column("c", column_type)
            };
            twin.must(table(&format!("e{number}"), vec![with], vec![])).await;
        }
    }

    async fn a_varchar_is_as_long_as_the_database_has_it(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let most = match target.dialect() {
            Dialect::Sqlite => 1_000_000_000,
            Dialect::Postgres => 10_485_760,
            // Beside the others of a row.
            Dialect::Mariadb => 16_000,
        };
        let long = |length| vec![id(), column("c", ColumnType::Varchar(Some(length)))];
        let keys = || vec![Constraint::PrimaryKey(key(&["id"]))];
        twin.must(table("t", long(most), keys())).await;
        twin.must_not(table("u", long(most + 1_000), keys())).await;
    }

    async fn a_varchar_without_a_bound_is_one_or_is_refused(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let unbounded = || with_default(column("c", ColumnType::Varchar(None)), Value::Text("x".into()));
        let type_of = |column_type| Op::AlterColumn { table: ident("u"), name: ident("c"), changes: retype(column_type) };
        twin.must(table("u", vec![id(), column("c", ColumnType::Text)], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let ops = [
            table("t", vec![unbounded()], vec![]),
            Op::AddColumn { table: ident("u"), column: ColumnSpec { name: ident("d"), ..unbounded() } },
            type_of(ColumnType::Varchar(None)),
            type_of(ColumnType::Varchar(Some(20))),
        ];
        let refused = if target.dialect() == Dialect::Mariadb { 3 } else { 0 };
        for (number, op) in ops.into_iter().enumerate() {
            if number < refused { twin.must_not(op).await } else { twin.must(op).await }
        }
    }

    async fn digits_after_the_second_come_and_go(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let all: [fn(u8) -> ColumnType; 3] = [ColumnType::Time, ColumnType::Timestamp, ColumnType::TimestampWithZone];
        for (number, of) in all.into_iter().enumerate() {
            let name = format!("t{number}");
            let columns = vec![id(), with_default(column("c", of(6)), value(&of(6), 1))];
            twin.must(table(&name, columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
            let row = vec![value(&of(6), 1)];
            twin.must(Op::BulkInsert { table: ident(&name), columns: idents(&["c"]), rows: vec![row] }).await;
            for digits in [3, 0, 1, 6] {
                twin.must(Op::AlterColumn { table: ident(&name), name: ident("c"), changes: retype(of(digits)) }).await;
            }
            twin.must_not(Op::AlterColumn { table: ident(&name), name: ident("c"), changes: retype(of(7)) }).await;
        }
    }

    async fn a_large_text_takes_what_a_text_of_mariadb_does_not(target: &TestTarget) {
        use LargeSize::{Long, Medium};
        let mut twin = Twin::new(target).await;
        let columns = vec![id(), column("c", ColumnType::LargeText(Medium)), column("b", ColumnType::LargeBinary(Medium))];
        twin.must(table("t", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let rows = vec![vec![Value::Text("x".repeat(70_000)), Value::Binary(vec![7; 70_000])]];
        twin.must(Op::BulkInsert { table: ident("t"), columns: idents(&["c", "b"]), rows }).await;
        let change = |name: &str, to| Op::AlterColumn { table: ident("t"), name: ident(name), changes: retype(to) };
        twin.must(change("c", ColumnType::LargeText(Long))).await;
        twin.must(change("b", ColumnType::LargeBinary(Long))).await;
        if target.dialect() == Dialect::Mariadb {
            twin.must_not(Op::CreateConstraint { table: ident("t"), constraint: Constraint::Unique(key(&["c"])) }).await;
        }
        twin.must(execute("DELETE FROM t", &[])).await;
        twin.must(change("c", ColumnType::Varchar(Some(20)))).await;
        twin.must(change("c", ColumnType::LargeText(Medium))).await;
        twin.must(change("b", ColumnType::Binary)).await;
    }

    async fn a_float_is_kept_with_32_bits_where_there_are_such(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let float = |number| Value::double(number).unwrap();
        twin.must(table("t", vec![id(), column("c", ColumnType::Float)], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let rows = [0.1, 16_777_215.0, -3.4e38].map(|number| vec![float(number)]).to_vec();
        twin.must(Op::BulkInsert { table: ident("t"), columns: idents(&["c"]), rows }).await;
        let rows = vec![vec![float(1e39)]];
        twin.must_not(Op::BulkInsert { table: ident("t"), columns: idents(&["c"]), rows }).await;
        let default = |number| ColumnChanges { default: Change::Set(ColumnDefault::Value(float(number))), ..retype(ColumnType::Float) };
        let with = |number| Op::AlterColumn { table: ident("t"), name: ident("c"), changes: default(number) };
        twin.must(with(0.123_456)).await;
        if target.dialect() == Dialect::Mariadb {
            twin.must_not(with(0.123_456_7)).await;
        } else {
            twin.must(with(0.123_456_7)).await;
        }
        let clear = ColumnChanges { default: Change::Clear, ..retype(ColumnType::Json) };
        let to_json = Op::AlterColumn { table: ident("t"), name: ident("c"), changes: clear };
        if target.dialect() == Dialect::Mariadb {
            twin.must_not(to_json).await;
            twin.must(Op::AlterColumn { table: ident("t"), name: ident("c"), changes: retype(ColumnType::Double) }).await;
        } else {
            twin.must(to_json).await;
        }
    }

    async fn every_check_reads_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = || vec![
            column("a", ColumnType::Integer),
            column("b", ColumnType::Integer),
            column("price", ColumnType::Numeric { precision: 10, scale: 2 }),
            column("title", ColumnType::Varchar(Some(50))),
            column("body", ColumnType::Text),
            column("flag", ColumnType::Boolean),
            column("day", ColumnType::Date),
            column("x", ColumnType::Double),
        ];
        for (number, text) in [
            "a > 0", "a >= -1 AND b <= 10", "a = 1 OR b <> 2 OR a < b", "NOT (a = b)", "price > 0", "price >= -1.5",
            "price * 2 < 100.25", "a + b - 3 > a * b", "a / 2 = 1", "a % 2 = 0", "title <> ''", "length(title) > 0",
            "lower(title) = title", "upper(body) LIKE 'A%'", "title NOT LIKE '%x'", "a IN (1, 2, 3)", "a IN (1)",
            "title IN ('draft', 'it''s')", "title NOT IN ('a', 'b\\')", "a BETWEEN 1 AND 10", "a NOT BETWEEN 1 AND 2",
            "a IS NULL", "b IS NOT NULL OR a IS NULL", "flag = TRUE", "flag OR a = 1", "NOT flag", "coalesce(a, b, 0) > 0",
            "nullif(a, 0) = 1", "abs(a) < 5", "trim(title) = title", "replace(title, 'a', 'b') <> 'c'",
            "substr(title, 1, 1) = 'x'", "substr(title, 2) = 'x'", "title || body <> 'ab'", "title || '-' || body || 'z' <> 'ab'",
            "x > 0.5", "x < 1e10", "-a < 3", "- a - -3 > 0", "(a + 1) * 2 > 0", "(a = 1) = (b = 2)", "(a > 1 AND b > 1) OR (a < 0 AND b < 0)",
            "a = 1 AND (b = 2 AND (a = 3 AND b = 4))", "NOT (a > 1 AND NOT (b > 2 OR a IS NULL))",
        ].into_iter().enumerate() {
            twin.must(table(&format!("c{number}"), columns(), vec![check(text)])).await;
        }
    }

    async fn keys_references_indexes_and_changes_read_back_as_the_model(target: &TestTarget) {
        use IndexOrder::{Ascending, Descending};
        use ReferentialAction::{Cascade, NoAction, Restrict, SetNull};
        let mut twin = Twin::new(target).await;
        let demand = if target.dialect() == Dialect::Sqlite { Demand::IfSupported } else { Demand::Required };
        twin.must(table("users", vec![id(), not_null(column("name", ColumnType::Varchar(Some(80))))], vec![
            Constraint::PrimaryKey(key(&["id"])), Constraint::Unique(key(&["name"])),
        ])).await;
        twin.must(table("order", vec![
            id(),
            column("select", ColumnType::BigInteger), column("u2", ColumnType::BigInteger),
            column("u3", ColumnType::BigInteger), column("parent", ColumnType::BigInteger),
            ColumnSpec { comment: comment("what's it \\ \"called\""), ..not_null(column("title", ColumnType::Varchar(Some(200)))) },
        ], vec![
            Constraint::PrimaryKey(key(&["id"])),
            foreign_key(&["select"], "users", Cascade, NoAction),
            foreign_key(&["u2"], "users", SetNull, Cascade),
            foreign_key(&["u3"], "users", Restrict, SetNull),
            foreign_key(&["parent"], "order", NoAction, Restrict),
            Constraint::Unique(key(&["title", "u2"])),
            check("length(title) > 1"),
        ])).await;
        twin.must(table("pair", vec![not_null(column("a", ColumnType::Integer)), not_null(column("b", ColumnType::Varchar(Some(10))))], vec![
            Constraint::PrimaryKey(Key { name: Some(ident("pair_key")), columns: idents(&["b", "a"]) }),
        ])).await;
        let t = || ident("order");
        twin.must(Op::CreateIndex { table: t(), index: index("ix_title", &[("title", Descending), ("u2", Ascending)], false), online: None }).await;
        twin.must(Op::CreateIndex { table: t(), index: index("ux_u3", &[("u3", Ascending)], true), online: None }).await;
        twin.must(Op::CreateIndex { table: t(), index: index("ux_desc", &[("u3", Descending), ("id", Ascending)], true), online: None }).await;
        twin.must(Op::AddColumn { table: t(), column: column("note", ColumnType::Text) }).await;
        twin.must(Op::AddColumn { table: t(), column: not_null(with_default(column("state", ColumnType::Varchar(Some(10))), Value::Text("new".into()))) }).await;
        twin.must(Op::RenameColumn { table: t(), name: ident("title"), new_name: ident("heading") }).await;
        twin.must(Op::RenameTable { name: t(), new_name: ident("orders") }).await;
        let t = || ident("orders");
        twin.must(Op::RenameTable { name: ident("users"), new_name: ident("people") }).await;
        twin.must(Op::RenameColumn { table: ident("people"), name: ident("id"), new_name: ident("pid") }).await;
        twin.must(Op::DropIndex { table: t(), name: ident("ix_title"), online: None }).await;
        twin.must(Op::DropColumn { table: t(), name: ident("note") }).await;
        twin.must_not(Op::DropColumn { table: t(), name: ident("heading") }).await;
        twin.must_not(Op::DropTable { name: ident("people") }).await;
        let changes = ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep };
        let alter = |name: &str, changes: ColumnChanges| Op::AlterColumn { table: t(), name: ident(name), changes };
        let altered = [
            alter("state", ColumnChanges { column_type: Some(ColumnType::Text), ..changes.clone() }),
            alter("state", ColumnChanges { column_type: Some(ColumnType::Varchar(Some(99))), nullable: Some(true), ..changes.clone() }),
            alter("state", ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Text("it's".into()))), ..changes.clone() }),
            alter("state", ColumnChanges { default: Change::Clear, comment: Change::Set(Comment { text: "s".into(), demand }), ..changes.clone() }),
            alter("state", ColumnChanges { comment: Change::Clear, nullable: Some(false), ..changes.clone() }),
            Op::DropConstraint { table: t(), which: ConstraintSelector::ForeignKey(idents(&["select"])) },
            Op::DropConstraint { table: t(), which: ConstraintSelector::Unique(idents(&["heading", "u2"])) },
            Op::DropConstraint { table: t(), which: ConstraintSelector::Check(idents(&["heading"])) },
            Op::CreateConstraint { table: t(), constraint: check("heading <> 'x'") },
            Op::CreateConstraint { table: t(), constraint: Constraint::Unique(key(&["select"])) },
            Op::CreateConstraint { table: t(), constraint: Constraint::ForeignKey(ForeignKey {
                name: Some(Ident::parse(IdentKind::Constraint, 63, "fk a.b-c").unwrap()),
                columns: idents(&["select"]), referred_table: ident("people"), referred_columns: idents(&["pid"]),
                on_update: NoAction, on_delete: SetNull,
            }) },
            Op::DropConstraint { table: ident("pair"), which: ConstraintSelector::PrimaryKey },
            Op::CreateConstraint { table: ident("pair"), constraint: Constraint::PrimaryKey(key(&["a"])) },
        ];
        for op in altered {
            twin.must(op).await;
        }
        twin.must(Op::DropTable { name: t() }).await;
        twin.must(Op::DropTable { name: ident("people") }).await;
    }

    async fn a_change_of_type_keeps_the_values_or_is_refused(target: &TestTarget) {
        use ColumnType::{
            BigInteger, Binary, Boolean, Date, Double, Integer, Json, Numeric, SmallInteger, Text, Time, Timestamp,
            TimestampWithZone, Uuid, Varchar,
        };
        let mut twin = Twin::new(target).await;
        let cents = Numeric { precision: 10, scale: 2 };
        let text = |text: &str| Value::Text(text.into());
        let changes = |column_type| {
            ColumnChanges { column_type: Some(column_type), nullable: None, default: Change::Keep, comment: Change::Keep }
        };
        for (number, (from, value, to, expected)) in [
            (SmallInteger, Value::Integer(-7), BigInteger, "-7"),
            (BigInteger, Value::Integer(-7), SmallInteger, "-7"),
            (Integer, Value::Integer(i64::from(i32::MIN)), Text, "-2147483648"),
            (Integer, Value::Integer(12), cents.clone(), "12.00"),
            (Integer, Value::Integer(12), Double, "12"),
            (cents.clone(), Value::numeric("-1.50").unwrap(), Varchar(Some(10)), "-1.50"),
            (cents.clone(), Value::numeric("-1.50").unwrap(), Integer, "-2"),
            (Double, Value::double(2.25).unwrap(), cents.clone(), "2.25"),
            (Date, value(&Date, 0), Text, "2026-02-28"),
            (Uuid, value(&Uuid, 0), Varchar(Some(36)), "67e55044-10b1-426f-9247-bb680e5fe0c8"),
            (Json, value(&Json, 0), Text, "{\"a\": [1, \"it's\"]}"),
            (Text, text("ünï \\ '"), Varchar(Some(7)), "ünï \\ '"),
            (Varchar(Some(5)), text("5"), Integer, "5"),
            (Text, text("1.5"), cents, "1.50"),
            (Text, text("2026-02-28"), Date, "2026-02-28"),
            (Text, text("67E55044-10B1-426F-9247-BB680E5FE0C8"), Uuid, "67e55044-10b1-426f-9247-bb680e5fe0c8"),
            (Text, text("[1]"), Json, "[1]"),
            (Integer, Value::Integer(12), Json, "12"),
            (Double, Value::double(2.25).unwrap(), Json, "2.25"),
        ].into_iter().enumerate() {
            let name = format!("t{number}");
            let mine = || ident(&name);
            twin.must(table(&name, vec![column("c", from.clone())], vec![])).await;
            twin.must(Op::BulkInsert { table: mine(), columns: idents(&["c"]), rows: vec![vec![value]] }).await;
            let alter = Op::AlterColumn { table: mine(), name: ident("c"), changes: changes(to.clone()) };
            twin.must(alter).await;
            let found = target.fetch(&format!("SELECT concat(c, '') FROM {name}")).await;
            // SQLite shows no more digits of a number than it has, and has a UUID without dashes.
            let same = |found: &str| match (target.dialect(), &to) {
                (Dialect::Sqlite, Double | Numeric { .. }) => found.parse::<f64>() == expected.parse::<f64>(),
                (Dialect::Sqlite, Uuid) => found == expected.replace('-', ""),
                _ => found == expected,
            };
            assert!(found[0][0].as_deref().is_some_and(same), "{from} to {to}: {found:?}");
        }
        for (number, (from, to)) in [
            (Boolean, Integer), (Integer, Boolean), (Boolean, Text), (Binary, Text), (Text, Binary), (Time(6), Text),
            (Timestamp(6), Text), (TimestampWithZone(6), Varchar(Some(50))), (Timestamp(6), Date), (Double, Text), (Boolean, Json),
            (Uuid, Binary), (Date, Time(6)), (Date, Integer),
        ].into_iter().enumerate() {
            let name = format!("u{number}");
            twin.must(table(&name, vec![column("c", from.clone())], vec![])).await;
            twin.must_not(Op::AlterColumn { table: ident(&name), name: ident("c"), changes: changes(to) }).await;
        }
    }

    async fn statements_over_rows_are_accepted_with_every_kind_of_parameter(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let mut columns = vec![id()];
        columns.extend(TYPES.into_iter().enumerate().map(|(number, column_type)| column(&format!("c{number}"), column_type)));
        twin.must(table("samples", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        for (number, column_type) in TYPES.into_iter().enumerate() {
            for which in 0..6 {
                let value = value(&column_type, which);
                twin.must(execute(&format!("INSERT INTO samples (c{number}) VALUES (?)"), std::slice::from_ref(&value))).await;
                twin.must(execute(&format!("UPDATE samples SET c{number} = ? WHERE c{number} IS NULL"), std::slice::from_ref(&value))).await;
                if column_type != ColumnType::Json {
                    twin.must(execute(&format!("DELETE FROM samples WHERE c{number} = ? AND id > 1000"), std::slice::from_ref(&value))).await;
                }
            }
        }
        twin.must(execute("UPDATE samples SET c7 = upper(c6) || '-' || coalesce(c7, 'x'), c2 = abs(c2) + 1 WHERE c2 < 100 AND (c6 LIKE 'a%' OR c0 = TRUE)", &[])).await;
        twin.must(Op::BulkInsert { table: ident("samples"), columns: idents(&["id", "c6"]), rows: vec![vec![Value::Integer(500), Value::Text("x".into())]] }).await;
        twin.must(execute("INSERT INTO samples (c6) VALUES ('after')", &[])).await;
        let found = target.fetch("SELECT count(*) FROM samples WHERE id > 500 AND c6 = 'after'").await;
        assert_eq!(found, [[Some("1".to_owned())]], "numbering goes on after an explicit key");
    }
}

on_databases! {
    [sqlite] async fn a_row_that_would_be_lost_by_a_change_of_type_ends_it(target: &TestTarget) {
        let change = |column_type| {
            ColumnChanges { column_type: Some(column_type), nullable: None, default: Change::Keep, comment: Change::Keep }
        };
        let cents = ColumnType::Numeric { precision: 20, scale: 2 };
        for (number, (declared, rows, to)) in [
            ("DOUBLE UNIQUE ON CONFLICT IGNORE", "(1.4), (1.3)", ColumnType::Integer),
            ("DOUBLE UNIQUE ON CONFLICT REPLACE", "(1.4), (1.3)", ColumnType::Integer),
            ("TEXT", "('123456789012345678.12')", cents.clone()),
            ("TEXT", "('9999999999999.999')", ColumnType::Numeric { precision: 20, scale: 3 }),
            ("TEXT", "('123456789012345678901')", cents),
            ("TEXT", "('9007199254740993.0')", ColumnType::BigInteger),
        ].into_iter().enumerate() {
            let name = format!("t{number}");
            target.execute(&format!("CREATE TABLE {name} (c {declared}); INSERT INTO {name} VALUES {rows}")).await;
            let mut twin = Twin::of_what_is_there(target).await;
            let alter = Op::AlterColumn { table: ident(&name), name: ident("c"), changes: change(to.clone()) };
            let outcome = twin.push(&alter).await.unwrap();
            assert!(matches!(outcome, Outcome::Conflict(_)), "{declared} {rows} to {to}: {outcome:?}");
        }
        target.execute("CREATE TABLE fits (c TEXT); INSERT INTO fits VALUES ('9223372036854775807')").await;
        let mut twin = Twin::of_what_is_there(target).await;
        twin.must(Op::AlterColumn { table: ident("fits"), name: ident("c"), changes: change(ColumnType::BigInteger) }).await;
    }
}
