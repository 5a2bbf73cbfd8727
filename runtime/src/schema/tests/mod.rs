//! What the model accepts and refuses, on every dialect unless a test says otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod compare;
mod computed;
mod data;
mod inverse;
mod mariadb;
mod names;
mod query;
mod random;
mod shape;

use super::{Schema, SchemaError, Table, apply};
use crate::dialect::Dialect;
use crate::operation::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint, Demand, Expr,
    ForeignKey, Grammar, Ident, IdentKind, Index, IndexKey, IndexOrder, IndexPart, Key, Op, ParseLimits, Position,
    ReferentialAction, TableSpec, Value, parse_expr,
};

fn name(text: &str) -> Ident {
    Ident::parse(IdentKind::Constraint, 128, text).unwrap()
}

fn names(texts: &[&str]) -> Vec<Ident> {
    texts.iter().map(|text| name(text)).collect()
}

fn column(text: &str, column_type: ColumnType) -> ColumnSpec {
    let name = name(text);
    ColumnSpec {
        name,
        column_type,
        nullable: true,
        default: None,
        auto_increment: false,
        numbered_once: false,
        computed: None,
        comment: None,
    }
}

fn not_null(text: &str, column_type: ColumnType) -> ColumnSpec {
    ColumnSpec { nullable: false, ..column(text, column_type) }
}

fn numbered(text: &str) -> ColumnSpec {
    ColumnSpec { auto_increment: true, ..not_null(text, ColumnType::Integer) }
}

fn with_default(column: ColumnSpec, value: Value) -> ColumnSpec {
    ColumnSpec { default: Some(ColumnDefault::Value(value)), ..column }
}

fn comment(text: &str) -> Comment {
    Comment { text: text.into(), demand: Demand::IfSupported }
}

fn key(given: Option<&str>, columns: &[&str]) -> Key {
    Key { name: given.map(name), columns: names(columns) }
}

fn primary(columns: &[&str]) -> Constraint {
    Constraint::PrimaryKey(key(None, columns))
}

fn unique(given: Option<&str>, columns: &[&str]) -> Constraint {
    Constraint::Unique(key(given, columns))
}

fn foreign(given: Option<&str>, columns: &[&str], referred: &str, referred_columns: &[&str]) -> Constraint {
    Constraint::ForeignKey(ForeignKey {
        name: given.map(name),
        columns: names(columns),
        referred_table: name(referred),
        referred_columns: names(referred_columns),
        on_update: ReferentialAction::NoAction,
        on_delete: ReferentialAction::NoAction,
    })
}

fn expr(text: &str) -> Expr {
    let limits = ParseLimits { ident: 128, ..ParseLimits::DEFAULT };
    parse_expr(Grammar::Portable, Position::Check, &limits, text).unwrap()
}

fn check(given: Option<&str>, condition: &str) -> Constraint {
    Constraint::Check(CheckSpec { name: given.map(name), condition: expr(condition) })
}

fn index_of(given: &str, columns: &[(&str, IndexOrder)], unique: bool) -> Index {
    let parts = columns.iter().map(|(column, order)| IndexPart::column(name(column), *order));
    Index { name: name(given), parts: parts.collect(), unique, predicate: None }
}

fn create_table(text: &str, columns: Vec<ColumnSpec>, constraints: Vec<Constraint>) -> Op {
    Op::CreateTable { table: TableSpec { name: name(text), columns, constraints, comment: None } }
}

fn add_column(table: &str, column: ColumnSpec) -> Op {
    Op::AddColumn { table: name(table), column }
}

fn drop_column(table: &str, column: &str) -> Op {
    Op::DropColumn { table: name(table), name: name(column) }
}

fn rename_table(from: &str, to: &str) -> Op {
    Op::RenameTable { name: name(from), new_name: name(to) }
}

fn rename_column(table: &str, from: &str, to: &str) -> Op {
    Op::RenameColumn { table: name(table), name: name(from), new_name: name(to) }
}

const KEEP: ColumnChanges =
    ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep };

fn alter(table: &str, column: &str, changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: name(table), name: name(column), changes }
}

fn create_index(table: &str, given: &str, columns: &[&str]) -> Op {
    let columns: Vec<_> = columns.iter().map(|column| (*column, IndexOrder::Ascending)).collect();
    Op::CreateIndex { table: name(table), index: index_of(given, &columns, false), online: None }
}

fn drop_index(table: &str, given: &str) -> Op {
    Op::DropIndex { table: name(table), name: name(given), online: None }
}

fn constrain(table: &str, constraint: Constraint) -> Op {
    Op::CreateConstraint { table: name(table), constraint }
}

/// The schema after the operations, every one of which is accepted.
fn schema(dialect: Dialect, ops: &[Op]) -> Schema {
    let mut schema = Schema::default();
    for op in ops {
        apply(&mut schema, dialect.rules(), op).unwrap_or_else(|error| panic!("{dialect}: {}: {error}", op.name()));
    }
    schema
}

fn table(schema: &Schema, text: &str) -> Table {
    (*schema.tables[&name(text)]).clone()
}

/// Two tables that refer to one another's keys.
fn base(dialect: Dialect) -> Schema {
    let users = create_table(
        "users",
        vec![
            numbered("id"),
            not_null("email", ColumnType::Varchar(Some(100))),
            column("age", ColumnType::SmallInteger),
        ],
        vec![primary(&["id"]), unique(Some("users_email"), &["email"])],
    );
    let pages = create_table(
        "pages",
        vec![
            numbered("id"),
            not_null("title", ColumnType::Varchar(Some(50))),
            column("body", ColumnType::Text),
            column("parent", ColumnType::Integer),
            column("author", ColumnType::Integer),
            with_default(not_null("hits", ColumnType::Integer), Value::Integer(0)),
        ],
        vec![
            primary(&["id"]),
            foreign(Some("fk_parent"), &["parent"], "pages", &["id"]),
            foreign(Some("fk_author"), &["author"], "users", &["id"]),
            check(Some("title_given"), "length(title) > 0"),
        ],
    );
    schema(dialect, &[users, pages, create_index("pages", "ix_hits", &["hits"])])
}

/// Every dialect refuses every operation for a reason that holds the text, and leaves the schema alone.
fn refused(cases: Vec<(Op, &str)>) {
    for dialect in Dialect::ALL {
        let before = base(dialect);
        for (op, reason) in &cases {
            let mut after = before.clone();
            let error = apply(&mut after, dialect.rules(), op)
                .err()
                .unwrap_or_else(|| panic!("{dialect} took {op:?}, expected: {reason}"));
            assert!(error.to_string().contains(reason), "{dialect}: {op:?}: {error:?}, expected: {reason}");
            assert_eq!(after, before, "{dialect}: {op:?} was refused and changed the schema");
        }
    }
}

/// Every dialect accepts every operation on the same base.
fn accepted(cases: Vec<Op>) {
    for dialect in Dialect::ALL {
        for op in &cases {
            let mut after = base(dialect);
            let result = apply(&mut after, dialect.rules(), op);
            assert_eq!(result, Ok(()), "{dialect}: {op:?}");
        }
    }
}
