//! Every operation on every dialect side by side, in `snapshot.txt`. The file is accepted by reading:
//! `PTAH_UPDATE_SNAPSHOTS=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod enumerations;
mod expressions;
mod indexes;
mod script;

use std::fmt::Write as _;

use super::*;
use crate::operation::{
    BinaryOperator, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Constraint, Dml, Expr,
    InsertSource, TableSpec, Value,
};
use crate::schema;
use script::{column, ident, keep, key, script};

/// What becomes of an operation; the schema goes on from there, or stays where it was refused.
fn step(dialect: Dialect, schema: &mut Schema, op: &Op) -> Result<Vec<Statement>, String> {
    let mut after = schema.clone();
    schema::apply(&mut after, dialect.rules(), op).map_err(|error| format!("model: {error}"))?;
    let refused = |error| format!("refused: {error}");
    let statements = match render(dialect, op, schema, &mut after).map_err(refused)? {
        Rendered::Statements(statements) => statements,
        Rendered::Rebuild => {
            let table = op.subject();
            rebuild(table, find(schema, table).unwrap(), find(&after, table).unwrap()).map_err(refused)?
        }
    };
    *schema = after;
    Ok(statements)
}

fn snapshot() -> String {
    let script = script();
    let mut schemas = Dialect::ALL.map(|dialect| (dialect, Schema::default()));
    let mut text = String::new();
    for (title, op) in &script {
        writeln!(text, "== {}: {title}", op.name()).unwrap();
        for (dialect, schema) in &mut schemas {
            writeln!(text, "-- {dialect}").unwrap();
            match step(*dialect, schema, op) {
                Ok(statements) if statements.is_empty() => writeln!(text, "nothing").unwrap(),
                Ok(statements) => {
                    for Statement { sql, .. } in statements {
                        writeln!(text, "{sql};").unwrap();
                    }
                }
                Err(reason) => writeln!(text, "{reason}").unwrap(),
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_operation_becomes_what_the_snapshot_says() {
    let rendered = snapshot();
    if std::env::var_os("PTAH_UPDATE_SNAPSHOTS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dialect/render/tests/snapshot.txt");
        std::fs::write(path, &rendered).unwrap();
    } else {
        for (number, (expected, found)) in include_str!("snapshot.txt").lines().zip(rendered.lines()).enumerate() {
            assert_eq!(expected, found, "line {}", number + 1);
        }
        assert_eq!(include_str!("snapshot.txt").lines().count(), rendered.lines().count());
    }
}

#[test]
fn the_script_has_every_operation() {
    let mut found: Vec<_> = script().iter().map(|(_, op)| op.name()).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 21, "{found:?}");
}

fn numbers_table(dialect: Dialect) -> Schema {
    let mut id = column("id", ColumnType::BigInteger);
    id.nullable = false;
    id.auto_increment = true;
    let table = TableSpec {
        name: ident("numbers"),
        columns: vec![id, column("body", ColumnType::Text)],
        constraints: vec![crate::operation::Constraint::PrimaryKey(key(None, &["id"]))],
        comment: None,
    };
    let mut schema = Schema::default();
    step(dialect, &mut schema, &Op::CreateTable { table }).unwrap();
    schema
}

#[test]
fn many_rows_are_cut_by_count_and_by_size() {
    let insert = |rows| Op::BulkInsert { table: ident("numbers"), columns: vec![ident("body")], rows };
    for dialect in Dialect::ALL {
        let mut schema = numbers_table(dialect);
        let small = vec![vec![Value::Text("x".into())]; 1_001];
        let statements = step(dialect, &mut schema, &insert(small)).unwrap();
        let rows: Vec<_> = statements.iter().map(|one| one.sql.lines().count() - 1).collect();
        assert_eq!(rows, [500, 500, 1]);
        assert!(statements.iter().all(|one| one.kind == StatementKind::Data));

        let large = vec![vec![Value::Text("x".repeat(60 << 10))]; 9];
        let statements = step(dialect, &mut schema, &insert(large)).unwrap();
        assert_eq!(statements.len(), 3);
        assert!(statements.iter().all(|one| one.sql.len() <= 256 << 10));

        let huge = vec![vec![Value::Text("x".repeat(300 << 10))]; 2];
        match step(dialect, &mut schema, &insert(huge)) {
            Ok(statements) => assert_eq!(statements.len(), 2, "one row is never cut"),
            Err(refused) => assert!(dialect == Dialect::Mariadb && refused.contains("65535"), "{refused}"),
        }
    }
}

#[test]
fn a_sequence_is_advanced_only_where_numbers_were_given_on_postgres() {
    for dialect in Dialect::ALL {
        for given in ["id", "body"] {
            let value = if given == "id" { Value::Integer(7) } else { Value::Text("x".into()) };
            let op = Op::Execute {
                statement: Dml::Insert {
                    table: ident("numbers"),
                    columns: vec![ident(given)],
                    source: InsertSource::Rows(vec![vec![Expr::Value(value)]]),
                    conflict: None,
                },
            };
            let statements = step(dialect, &mut numbers_table(dialect), &op).unwrap();
            let advances = statements.iter().any(|one| one.sql.contains("setval"));
            assert_eq!(advances, dialect == Dialect::Postgres && given == "id", "{dialect} {given}");
        }
    }
}

#[test]
fn a_hostile_text_stays_one_literal() {
    let text = r#"'; DROP TABLE numbers; -- \' " ` $$ /* "#;
    for dialect in Dialect::ALL {
        let op = Op::BulkInsert {
            table: ident("numbers"),
            columns: vec![ident("body")],
            rows: vec![vec![Value::Text(text.into())]],
        };
        let statements = step(dialect, &mut numbers_table(dialect), &op).unwrap();
        assert!(statements[0].sql.ends_with(&format!("('{}')", text.replace('\'', "''"))), "{}", statements[0].sql);
    }
}

#[test]
fn an_unrenderable_column_is_refused_and_not_flattened() {
    let dialect = Dialect::Mariadb;
    let before = numbers_table(dialect);
    let mut after = before.clone();
    let table = std::sync::Arc::make_mut(after.tables.get_mut(&ident("numbers")).unwrap());
    table.columns[1].extra.push("collation latin1_bin".into());
    table.columns[1].nullable = false;
    let changes = ColumnChanges { nullable: Some(false), ..keep() };
    let op = Op::AlterColumn { table: ident("numbers"), name: ident("body"), changes };
    assert!(render(dialect, &op, &before, &mut after).is_err());
}

#[test]
fn only_a_demanded_comment_is_refused_on_sqlite() {
    for (demand, refused) in [(Demand::Required, true), (Demand::IfSupported, false)] {
        let comment = Some(Comment { text: "why".into(), demand });
        let spec = ColumnSpec { comment, ..column("extra", ColumnType::Integer) };
        let op = Op::AddColumn { table: ident("numbers"), column: spec };
        let result = step(Dialect::Sqlite, &mut numbers_table(Dialect::Sqlite), &op);
        assert_eq!(result.is_err(), refused, "{result:?}");
    }
}

#[test]
fn what_mariadb_would_answer_as_question_marks_is_refused_there() {
    let text = "\u{1f600}";
    let spec = |name: &str| column(name, ColumnType::Varchar(Some(9)));
    let default = Some(ColumnDefault::Value(Value::Text(text.into())));
    let comment = Some(Comment { text: text.into(), demand: Demand::IfSupported });
    let check = Expr::Binary(
        Box::new(Expr::Column(ident("body"))),
        BinaryOperator::NotEqual,
        Box::new(Expr::Value(Value::Text(text.into()))),
    );
    let table = || ident("numbers");
    let operations = [
        Op::AddColumn { table: table(), column: ColumnSpec { default, ..spec("a") } },
        Op::AddColumn { table: table(), column: ColumnSpec { comment, ..spec("b") } },
        Op::CreateConstraint {
            table: table(),
            constraint: Constraint::Check(CheckSpec { name: None, condition: check }),
        },
    ];
    for op in operations {
        assert!(step(Dialect::Mariadb, &mut numbers_table(Dialect::Mariadb), &op).is_err(), "{op:?}");
        let refused = step(Dialect::Postgres, &mut numbers_table(Dialect::Postgres), &op);
        assert!(refused.is_ok(), "{refused:?}");
    }
}
