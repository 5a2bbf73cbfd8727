//! Rows against the schema.

use super::*;
use crate::operation::{Dml, InsertSource};

fn insert(table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Op {
    Op::BulkInsert { table: name(table), columns: names(columns), rows }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn update(assignments: &[(&str, &str)], condition: Option<&str>) -> Op {
    let assignments = assignments.iter().map(|(column, value)| (name(column), expr(value))).collect();
    Op::Execute {
        statement: Dml::Update {
            table: name("pages"),
            assignments,
            with: Vec::new(),
            joins: Vec::new(),
            condition: condition.map(expr),
        },
    }
}

fn delete(condition: &str) -> Op {
    Op::Execute { statement: Dml::Delete { table: name("pages"), condition: Some(expr(condition)) } }
}

fn insert_exprs(columns: &[&str], values: &[&str]) -> Op {
    let rows = vec![values.iter().map(|value| expr(value)).collect()];
    Op::Execute {
        statement: Dml::Insert {
            table: name("pages"),
            columns: names(columns),
            source: InsertSource::Rows(rows),
            conflict: None,
        },
    }
}

#[test]
fn rows_that_fit_are_taken_and_change_no_schema() {
    accepted(vec![
        insert("pages", &["title"], vec![vec![text("a")], vec![text("b")]]),
        insert("pages", &["title"], vec![]),
        insert("pages", &["id", "title"], vec![vec![Value::Null, text("a")], vec![Value::Integer(7), text("b")]]),
        insert("pages", &["title", "body", "hits"], vec![vec![text("a"), Value::Null, Value::Integer(1)]]),
        insert_exprs(&["title", "hits"], &["lower('A')", "1 + 2"]),
        update(&[("hits", "hits + 1"), ("body", "title || ' ' || hits")], Some("title LIKE 'a%' AND body IS NULL")),
        update(&[("body", "NULL")], None),
        delete("id IN (1, 2) OR hits BETWEEN 1 AND 2"),
    ]);
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        apply(&mut schema, dialect.rules(), &insert("pages", &["title"], vec![vec![text("a")]])).unwrap();
        assert_eq!(schema, base(dialect));
    }
}

#[test]
fn rows_and_statements_that_do_not_fit_are_refused() {
    let secret = "a secret that is much longer than the fifty characters of a title";
    refused(vec![
        (insert("none", &["a"], vec![vec![Value::Null]]), "table none does not exist"),
        (insert("pages", &["none"], vec![vec![Value::Null]]), "no column none"),
        (insert("pages", &[], vec![vec![]]), "no column"),
        (insert("pages", &["title", "TITLE"], vec![vec![text("a"), text("b")]]), "named twice"),
        (insert("pages", &["title"], vec![vec![text("a")], vec![]]), "row 2 has 0 values for 1 columns"),
        (insert("pages", &["title"], vec![vec![Value::Null]]), "row 1: column title of table pages cannot hold NULL"),
        (insert("pages", &["body"], vec![vec![text("a")]]), "column title of table pages is not nullable"),
        (insert("pages", &["title"], vec![vec![text(secret)]]), "longer than the column"),
        (insert("users", &["email", "age"], vec![vec![text("a"), Value::Integer(40_000)]]), "out of range"),
        (insert_exprs(&["title"], &["body"]), "VALUES mentions a column"),
        (insert_exprs(&["title"], &["1 + 1 = 2"]), "cannot take boolean"),
        (update(&[], None), "sets no column"),
        (update(&[("title", "NULL")], None), "cannot hold NULL"),
        (update(&[("id", "NULL")], None), "cannot hold NULL"),
        (update(&[("title", "'a'"), ("title", "'b'")], None), "named twice"),
        (update(&[("hits", "none + 1")], None), "no column none"),
        (update(&[("hits", "title")], None), "cannot take text"),
        (update(&[("hits", "1")], Some("hits")), "not boolean"),
        (delete("none = 1"), "no column none"),
        (delete("title = 1"), "cannot be compared"),
        (delete("title AND hits = 1"), "not boolean"),
        (delete("-title = 1"), "not a number"),
        (delete("coalesce(title, 1) = 'a'"), "cannot be compared or mixed"),
    ]);
}

#[test]
fn a_refusal_never_shows_the_value() {
    let mut schema = base(Dialect::Sqlite);
    let secret = "hunter2".repeat(20);
    let op = insert("pages", &["title"], vec![vec![text(&secret)]]);
    let error = apply(&mut schema, Dialect::Sqlite.rules(), &op).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_key_that_sqlite_numbers_holds_64_bits() {
    let op = insert("pages", &["id", "title"], vec![vec![Value::Integer(1 << 40), text("a")]]);
    for dialect in Dialect::ALL {
        assert_eq!(apply(&mut base(dialect), dialect.rules(), &op).is_ok(), dialect == Dialect::Sqlite, "{dialect}");
    }
}
