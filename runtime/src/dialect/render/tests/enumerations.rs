//! Enumerations in the snapshot: their own operations, and those on columns and rows of them.

use std::sync::Arc;

use super::script::{column, ident, keep};
use crate::operation::{
    BinaryOperator, Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Dml, EnumType, Expr, Label,
    LabelPlace, Op, TableSpec, Value,
};

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn mood() -> ColumnType {
    let labels = ["good", "it's bad"].map(label).to_vec();
    ColumnType::Enumeration(Arc::new(EnumType { name: Some(ident("mood")), labels }))
}

fn alter(changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: ident("days"), name: ident("was"), changes }
}

/// Title and operation.
pub(super) fn enumerations() -> Vec<(&'static str, Op)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let default = ColumnDefault::Value(text("it's bad"));
    let columns = vec![
        ColumnSpec { default: Some(default.clone()), nullable: false, ..column("mood", mood()) },
        ColumnSpec { default: Some(default), ..column("was", ColumnType::Varchar(Some(20))) },
    ];
    let table = TableSpec { name: ident("days"), columns, constraints: vec![], comment: None };
    let name = || ident("mood");
    let is = |text: &str| {
        let label = Box::new(Expr::Value(Value::Text(text.to_owned())));
        Expr::Binary(Box::new(Expr::Column(ident("mood"))), BinaryOperator::Equal, label)
    };
    let case = Expr::Case {
        operand: None,
        arms: vec![(is("good"), Expr::Value(text("it's bad")))],
        otherwise: Some(Box::new(Expr::Value(text("good")))),
    };
    let update = Dml::Update {
        table: ident("days"),
        assignments: vec![(ident("mood"), case)],
        with: Vec::new(),
        joins: Vec::new(),
        condition: Some(is("good")),
    };
    vec![
        ("two labels", Op::CreateEnum { name: name(), labels: ["good", "it's bad"].map(label).to_vec() }),
        ("of an enumeration", Op::CreateTable { table }),
        (
            "labels",
            Op::BulkInsert { table: ident("days"), columns: vec![ident("mood")], rows: vec![vec![text("good")]] },
        ),
        ("labels", Op::Execute { statement: update }),
        ("to an enumeration", alter(ColumnChanges { column_type: Some(mood()), ..keep() })),
        ("to a text", alter(ColumnChanges { column_type: Some(ColumnType::Text), default: Change::Clear, ..keep() })),
        ("a type", Op::RenameEnum { name: name(), new_name: ident("feeling") }),
        ("the type again", Op::RenameEnum { name: ident("feeling"), new_name: name() }),
        ("at the end", Op::AddEnumValue { name: name(), label: label("fine"), place: LabelPlace::End }),
        (
            "in front",
            Op::AddEnumValue { name: name(), label: label("great"), place: LabelPlace::Before(label("good")) },
        ),
        (
            "a label that is a default",
            Op::RenameEnumValue { name: name(), label: label("it's bad"), new_label: label("bad") },
        ),
        ("one that a column is of", Op::DropEnum { name: name() }),
        ("with a column of an enumeration", Op::DropTable { name: ident("days") }),
        ("one that no column is of", Op::DropEnum { name: name() }),
    ]
}
