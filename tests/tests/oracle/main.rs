//! The main oracle: after any sequence of operations that the model accepts, the database accepts the
//! rendered statements, and introspection reads back the very model. `PTAH_ORACLE_CASES` sets the number of
//! random sequences a dialect (default 40).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod random;
mod specs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use ptah_wasm::database::Connection;
use ptah_wasm::dialect::{CatalogTable, Dialect, render_portable};
use ptah_wasm::operation::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint, ConstraintSelector,
    Demand, ForeignKey, Grammar, Ident, IdentKind, Index, IndexColumn, IndexOrder, Key, Op, ParseLimits, Position,
    ReferentialAction, TableSpec, Value, parse_dml, parse_expr,
};
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::schema::{Schema, compare};
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use random::random_op;
use specs::*;

/// A model and the database that it is held against.
struct Twin {
    planner: Planner,
    connection: Connection,
}

impl Twin {
    async fn new(target: &TestTarget) -> Self {
        let limits = Limits::default();
        let planner = Planner::new(target.dialect(), Schema::default(), Access::default(), limits);
        Self { planner, connection: target.target().connect_to_change().await.unwrap() }
    }

    /// Pushes one operation; whether the model took it. What it took the database must take.
    async fn push(&mut self, op: Op) -> Result<bool, String> {
        let mut trial =
            Planner::new(self.planner.dialect(), self.planner.schema().clone(), Access::default(), Limits::default());
        if trial.push(op.clone()).is_err() {
            return Ok(false);
        }
        let after = trial.schema().clone();
        let (plan, _) = trial.finish();
        for statement in plan.statements() {
            if let Err(error) = self.connection.execute(&statement.sql).await {
                return Err(format!("{}: {error}\n  {}\n  {op:?}", self.planner.dialect(), statement.sql));
            }
        }
        self.planner = Planner::new(self.planner.dialect(), after, Access::default(), Limits::default());
        self.equal().await.map_err(|error| {
            format!(
                "{error}\nafter {op:?}\n{:#?}",
                plan.statements().map(|statement| &statement.sql).collect::<Vec<_>>()
            )
        })?;
        Ok(true)
    }

    async fn must(&mut self, op: Op) {
        match self.push(op.clone()).await {
            Ok(true) => {}
            Ok(false) => {
                let mut trial = Planner::new(
                    self.planner.dialect(),
                    self.planner.schema().clone(),
                    Access::default(),
                    Limits::default(),
                );
                panic!("refused: {}\n{op:?}", trial.push(op.clone()).unwrap_err());
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Refused by the model or the renderer, on this dialect.
    async fn must_not(&mut self, op: Op) {
        match self.push(op.clone()).await {
            Ok(false) => {}
            Ok(true) => panic!("taken: {op:?}"),
            Err(error) => panic!("{error}"),
        }
    }

    async fn equal(&mut self) -> Result<(), String> {
        let catalog = self.connection.catalog().await.unwrap();
        let mut found = Schema::default();
        for (name, table) in catalog.tables {
            match table {
                CatalogTable::Readable(table) => {
                    found.tables.insert(ident(&name), table.into());
                }
                CatalogTable::Unreadable(reason) => return Err(format!("table {name} cannot be read: {reason}")),
            }
        }
        let differences = compare(self.planner.schema(), &found, render_portable);
        if !differences.is_empty() {
            return Err(format!("{}: {}", self.planner.dialect(), differences.join("\n  ")));
        }
        if self.planner.schema() != &found || self.planner.schema().digest() != found.digest() {
            return Err(format!(
                "compare finds no difference, but there is one\nmodel {:#?}\nfound {found:#?}",
                self.planner.schema()
            ));
        }
        Ok(())
    }
}

on_every_database! {
    async fn every_type_reads_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let mut columns = vec![id()];
        for (number, column_type) in TYPES.into_iter().enumerate() {
            columns.push(column(&format!("n{number}"), column_type));
            columns.push(not_null(column(&format!("m{number}"), column_type)));
        }
        twin.must(table("kinds", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        for (number, column_type) in TYPES.into_iter().enumerate() {
            for which in 0..6 {
                let mut names = vec![format!("n{number}")];
                let mut row = vec![value(column_type, which)];
                for (other, other_type) in TYPES.into_iter().enumerate() {
                    names.push(format!("m{other}"));
                    row.push(value(other_type, which));
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
        for (number, column_type) in TYPES.into_iter().enumerate() {
            for which in 0..6 {
                let with = with_default(column("c", column_type), value(column_type, which));
                let op = table(&format!("d{number}_{which}"), vec![with], vec![]);
                if column_type == ColumnType::Binary && target.dialect() == Dialect::Mariadb {
                    twin.must_not(op).await;
                } else {
                    twin.must(op).await;
                }
            }
        }
        for (number, (column_type, text)) in [
            (ColumnType::TimestampWithZone, "CURRENT_TIMESTAMP"),
            (ColumnType::Timestamp, "CURRENT_TIMESTAMP"),
            (ColumnType::Date, "CURRENT_DATE"),
            (ColumnType::Integer, "1 + 2 * 3"),
            (ColumnType::Text, "lower('ABC') || 'x'"),
            (ColumnType::Integer, "-5"),
            (ColumnType::Varchar(20), "coalesce(NULL, 'x')"),
        ].into_iter().enumerate() {
            let with = ColumnSpec {
                default: Some(ColumnDefault::Expression(expr(Position::Default, text))),
                ..column("c", column_type)
            };
            twin.must(table(&format!("e{number}"), vec![with], vec![])).await;
        }
    }

    async fn every_check_reads_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = || vec![
            column("a", ColumnType::Integer),
            column("b", ColumnType::Integer),
            column("price", ColumnType::Numeric { precision: 10, scale: 2 }),
            column("title", ColumnType::Varchar(50)),
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
        let alters = target.dialect() != Dialect::Sqlite;
        twin.must(table("users", vec![id(), not_null(column("name", ColumnType::Varchar(80)))], vec![
            Constraint::PrimaryKey(key(&["id"])), Constraint::Unique(key(&["name"])),
        ])).await;
        twin.must(table("order", vec![
            id(),
            column("select", ColumnType::BigInteger), column("u2", ColumnType::BigInteger),
            column("u3", ColumnType::BigInteger), column("parent", ColumnType::BigInteger),
            ColumnSpec { comment: comment("what's it \\ \"called\""), ..not_null(column("title", ColumnType::Varchar(200))) },
        ], vec![
            Constraint::PrimaryKey(key(&["id"])),
            foreign_key(&["select"], "users", Cascade, NoAction),
            foreign_key(&["u2"], "users", SetNull, Cascade),
            foreign_key(&["u3"], "users", Restrict, SetNull),
            foreign_key(&["parent"], "order", NoAction, Restrict),
            Constraint::Unique(key(&["title", "u2"])),
            check("length(title) > 1"),
        ])).await;
        twin.must(table("pair", vec![not_null(column("a", ColumnType::Integer)), not_null(column("b", ColumnType::Varchar(10)))], vec![
            Constraint::PrimaryKey(Key { name: Some(ident("pair_key")), columns: idents(&["b", "a"]) }),
        ])).await;
        let t = || ident("order");
        twin.must(Op::CreateIndex { table: t(), index: index("ix_title", &[("title", Descending), ("u2", Ascending)], false) }).await;
        twin.must(Op::CreateIndex { table: t(), index: index("ux_u3", &[("u3", Ascending)], true) }).await;
        twin.must(Op::CreateIndex { table: t(), index: index("ux_desc", &[("u3", Descending), ("id", Ascending)], true) }).await;
        twin.must(Op::AddColumn { table: t(), column: column("note", ColumnType::Text) }).await;
        twin.must(Op::AddColumn { table: t(), column: not_null(with_default(column("state", ColumnType::Varchar(10)), Value::Text("new".into()))) }).await;
        twin.must(Op::RenameColumn { table: t(), name: ident("title"), new_name: ident("heading") }).await;
        twin.must(Op::RenameTable { name: t(), new_name: ident("orders") }).await;
        let t = || ident("orders");
        twin.must(Op::RenameTable { name: ident("users"), new_name: ident("people") }).await;
        twin.must(Op::RenameColumn { table: ident("people"), name: ident("id"), new_name: ident("pid") }).await;
        twin.must(Op::DropIndex { table: t(), name: ident("ix_title") }).await;
        twin.must(Op::DropColumn { table: t(), name: ident("note") }).await;
        twin.must_not(Op::DropColumn { table: t(), name: ident("heading") }).await;
        twin.must_not(Op::DropTable { name: ident("people") }).await;
        let changes = ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep };
        let alter = |name: &str, changes: ColumnChanges| Op::AlterColumn { table: t(), name: ident(name), changes };
        let altered = [
            alter("state", ColumnChanges { column_type: Some(ColumnType::Text), ..changes.clone() }),
            alter("state", ColumnChanges { column_type: Some(ColumnType::Varchar(99)), nullable: Some(true), ..changes.clone() }),
            alter("state", ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Text("it's".into()))), ..changes.clone() }),
            alter("state", ColumnChanges { default: Change::Clear, comment: Change::Set(Comment { text: "s".into(), demand: Demand::Required }), ..changes.clone() }),
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
            if alters { twin.must(op).await } else { twin.must_not(op).await }
        }
        twin.must(Op::DropTable { name: t() }).await;
        twin.must(Op::DropTable { name: ident("people") }).await;
    }

    async fn statements_over_rows_are_accepted_with_every_kind_of_parameter(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let mut columns = vec![id()];
        columns.extend(TYPES.into_iter().enumerate().map(|(number, column_type)| column(&format!("c{number}"), column_type)));
        twin.must(table("rows", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        for (number, column_type) in TYPES.into_iter().enumerate() {
            for which in 0..6 {
                let value = value(column_type, which);
                twin.must(execute(&format!("INSERT INTO rows (c{number}) VALUES (?)"), std::slice::from_ref(&value))).await;
                twin.must(execute(&format!("UPDATE rows SET c{number} = ? WHERE c{number} IS NULL"), std::slice::from_ref(&value))).await;
                if column_type != ColumnType::Json {
                    twin.must(execute(&format!("DELETE FROM rows WHERE c{number} = ? AND id > 1000"), std::slice::from_ref(&value))).await;
                }
            }
        }
        twin.must(execute("UPDATE rows SET c7 = upper(c6) || '-' || coalesce(c7, 'x'), c2 = abs(c2) + 1 WHERE c2 < 100 AND (c6 LIKE 'a%' OR c0 = TRUE)", &[])).await;
        twin.must(Op::BulkInsert { table: ident("rows"), columns: idents(&["id", "c6"]), rows: vec![vec![Value::Integer(500), Value::Text("x".into())]] }).await;
        twin.must(execute("INSERT INTO rows (c6) VALUES ('after')", &[])).await;
        let found = target.fetch("SELECT count(*) FROM rows WHERE id > 500 AND c6 = 'after'").await;
        assert_eq!(found, [[Some("1".to_owned())]], "numbering goes on after an explicit key");
    }

    async fn random_sequences_leave_the_model_and_the_database_equal(target: &TestTarget) {
        let cases = std::env::var("PTAH_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
        let handle = tokio::runtime::Handle::current();
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
        let strategy = prop::collection::vec(prop::array::uniform8(any::<u8>()), 1..25);
        let outcome = tokio::task::block_in_place(|| runner.run(&strategy, |seeds| {
            handle.block_on(async {
                let mut twin = Twin::new(target).await;
                let mut trail = Vec::new();
                for seed in seeds {
                    let op = random_op(&twin.planner.schema().clone(), seed);
                    trail.push(op.clone());
                    if let Err(error) = twin.push(op).await {
                        wipe(target).await;
                        return Err(TestCaseError::fail(format!("{error}\ntrail:\n  {}", trail.iter().map(|op| serde_json::to_string(op).unwrap()).collect::<Vec<_>>().join("\n  "))));
                    }
                }
                wipe(target).await;
                Ok(())
            })
        }));
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
}

async fn wipe(target: &TestTarget) {
    match target.dialect() {
        Dialect::Sqlite => std::fs::remove_file(target.folder().join("test.db")).unwrap_or(()),
        Dialect::Postgres => target.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
        Dialect::Mariadb => {
            let name = target.url().rsplit('/').next().unwrap().to_owned();
            target.execute(&format!("DROP DATABASE {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
        }
    }
}
