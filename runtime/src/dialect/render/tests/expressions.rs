//! Indexes over expressions and over some of the rows, and computed columns, in the snapshot.

use super::script::{column, foreign_key, ident, keep, key};
use crate::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Computed, ComputedStorage, Constraint,
    ConstraintSelector, Expr, Grammar, Index, IndexKey, IndexOrder, IndexPart, Op, ParseLimits, Position,
    ReferentialAction, TableSpec, Value, parse_expr,
};

fn expr(position: Position, text: &str) -> Expr {
    parse_expr(Grammar::Portable, position, &ParseLimits::DEFAULT, text).unwrap()
}

fn index(name: &str, parts: &[(&str, IndexOrder)], predicate: Option<&str>) -> Index {
    let part = |(text, order): &(&str, IndexOrder)| IndexPart {
        key: IndexKey::Expression(expr(Position::Index, text)),
        order: *order,
    };
    let predicate = predicate.map(|text| expr(Position::Predicate, text));
    Index { name: ident(name), parts: parts.iter().map(part).collect(), unique: false, predicate }
}

fn create_index(index: Index) -> Op {
    Op::CreateIndex { table: ident("persons"), index, online: None }
}

fn computed(name: &str, column_type: ColumnType, storage: ComputedStorage, text: &str) -> ColumnSpec {
    let expression = expr(Position::Computed, text);
    ColumnSpec { computed: Some(Computed { expression, storage }), ..column(name, column_type) }
}

fn add(column: ColumnSpec) -> Op {
    Op::AddColumn { table: ident("persons"), column }
}

fn alter(name: &str, changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: ident("persons"), name: ident(name), changes }
}

fn drop_column(name: &str) -> Op {
    Op::DropColumn { table: ident("persons"), name: ident(name) }
}

fn persons() -> Op {
    let id = ColumnSpec { nullable: false, auto_increment: true, ..column("id", ColumnType::BigInteger) };
    let table = TableSpec {
        name: ident("persons"),
        columns: vec![
            id,
            column("email", ColumnType::Varchar(Some(80))),
            column("age", ColumnType::Integer),
            column("born", ColumnType::Date),
            column("made", ColumnType::TimestampWithZone(6)),
            column("deleted", ColumnType::Timestamp(6)),
            computed("handle", ColumnType::Varchar(Some(90)), ComputedStorage::Stored, "lower(email) || '''s'"),
        ],
        constraints: vec![Constraint::PrimaryKey(key(None, &["id"]))],
        comment: None,
    };
    Op::CreateTable { table }
}

/// Title and operation.
pub(super) fn expressions() -> Vec<(&'static str, Op)> {
    use ComputedStorage::{Stored, Virtual};
    use IndexOrder::{Ascending, Descending};
    let unique = |index: Index| Index { unique: true, ..index };
    let to_age = |on_delete| {
        let key = crate::operation::ForeignKey { on_delete, ..foreign_key(Some("of_age"), "twice", "persons", "id") };
        Op::CreateConstraint { table: ident("persons"), constraint: Constraint::ForeignKey(key) }
    };
    let set = |default| ColumnChanges { default: Change::Set(ColumnDefault::Value(default)), ..keep() };
    vec![
        ("with a computed column", persons()),
        (
            "over expressions",
            create_index(index(
                "ix_handle",
                &[("lower(email)", Ascending), ("age + 1", Descending), ("(age)", Ascending)],
                None,
            )),
        ),
        (
            "unique, over some of the rows",
            create_index(unique(index(
                "ux_alive",
                &[("email", Ascending)],
                Some("deleted IS NULL AND age BETWEEN 18 AND 99"),
            ))),
        ),
        (
            "over what depends on the session's time zone",
            create_index(index("ix_late", &[("made > deleted", Ascending)], None)),
        ),
        ("over no column", create_index(index("ix_one", &[("1 + 1", Ascending)], None))),
        ("of a condition over no column", create_index(index("ix_one", &[("age", Ascending)], Some("1 = 1")))),
        ("of no condition", create_index(index("ix_one", &[("age", Ascending)], Some("age + 1")))),
        ("computed and stored", add(computed("twice", ColumnType::BigInteger, Stored, "age * 2"))),
        ("computed and virtual", add(computed("adult", ColumnType::Boolean, Virtual, "age >= 18"))),
        ("computed from a computed one", add(computed("shout", ColumnType::Text, Stored, "upper(handle)"))),
        ("computed from the key that is numbered", add(computed("next", ColumnType::BigInteger, Stored, "id + 1"))),
        ("computed from itself", add(computed("self", ColumnType::Integer, Virtual, "self + 1"))),
        ("computed from no column", add(computed("one", ColumnType::Integer, Stored, "1 + 1"))),
        ("computed from another kind", add(computed("text", ColumnType::Text, Stored, "age > 1"))),
        ("a moment computed from a day", add(computed("noon", ColumnType::TimestampWithZone(6), Stored, "born"))),
        (
            "computed, and not nullable",
            add(ColumnSpec { nullable: false, ..computed("known", ColumnType::Integer, Stored, "coalesce(age, 0)") }),
        ),
        (
            "the type of a column that an expression of an index uses",
            alter("email", ColumnChanges { column_type: Some(ColumnType::Text), ..keep() }),
        ),
        (
            "the type of a column that another one is computed from",
            alter("age", ColumnChanges { column_type: Some(ColumnType::BigInteger), ..keep() }),
        ),
        (
            "the type of a computed column",
            alter("twice", ColumnChanges { column_type: Some(ColumnType::Text), ..keep() }),
        ),
        ("the default of a computed column", alter("twice", set(Value::Integer(1)))),
        ("the nullability of a computed column", alter("twice", ColumnChanges { nullable: Some(false), ..keep() })),
        ("the default of a column that an index uses", alter("age", set(Value::Integer(1)))),
        (
            "a column that an index and a column use",
            Op::RenameColumn { table: ident("persons"), name: ident("email"), new_name: ident("address") },
        ),
        ("a column that another one is computed from", drop_column("age")),
        ("a column that the condition of an index uses", drop_column("deleted")),
        ("that gives a computed column a value", to_age(ReferentialAction::SetNull)),
        ("of a computed column", to_age(ReferentialAction::Cascade)),
        (
            "of a computed column",
            Op::DropConstraint { table: ident("persons"), which: ConstraintSelector::Name(ident("of_age")) },
        ),
        (
            "into a computed column",
            Op::BulkInsert { table: ident("persons"), columns: vec![ident("handle")], rows: vec![vec![Value::Null]] },
        ),
        ("a computed column", drop_column("twice")),
        ("over expressions", Op::DropIndex { table: ident("persons"), name: ident("ix_handle"), online: None }),
    ]
}
