//! The operations of the snapshot, in order: each goes on from the schema that those before it made.

use crate::operation::{
    BinaryOperator, Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint,
    ConstraintSelector, Demand, Dml, Expr, ForeignKey, Function, Ident, InsertSource, Key, Op, ReferentialAction,
    TableSpec, Value,
};

pub(super) fn ident(text: &str) -> Ident {
    Ident::internal(text)
}

fn idents(names: &[&str]) -> Vec<Ident> {
    names.iter().map(|name| ident(name)).collect()
}

pub(super) fn column(name: &str, column_type: ColumnType) -> ColumnSpec {
    let name = ident(name);
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

fn not_null(name: &str, column_type: ColumnType) -> ColumnSpec {
    ColumnSpec { nullable: false, ..column(name, column_type) }
}

fn with_default(name: &str, column_type: ColumnType, default: Value) -> ColumnSpec {
    ColumnSpec { default: Some(ColumnDefault::Value(default)), ..not_null(name, column_type) }
}

fn computed(name: &str, column_type: ColumnType, default: Expr) -> ColumnSpec {
    ColumnSpec { default: Some(ColumnDefault::Expression(default)), ..not_null(name, column_type) }
}

fn numbered(name: &str, column_type: ColumnType) -> ColumnSpec {
    ColumnSpec { auto_increment: true, ..not_null(name, column_type) }
}

fn comment(text: &str, demand: Demand) -> Option<Comment> {
    Some(Comment { text: text.into(), demand })
}

pub(super) fn key(name: Option<&str>, columns: &[&str]) -> Key {
    Key { name: name.map(ident), columns: idents(columns) }
}

pub(super) fn foreign_key(name: Option<&str>, own: &str, table: &str, other: &str) -> ForeignKey {
    ForeignKey {
        name: name.map(ident),
        columns: idents(&[own]),
        referred_table: ident(table),
        referred_columns: idents(&[other]),
        on_update: ReferentialAction::NoAction,
        on_delete: ReferentialAction::NoAction,
    }
}

fn col(name: &str) -> Expr {
    Expr::Column(ident(name))
}

fn binary(left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

fn number(number: i64) -> Expr {
    Expr::Value(Value::Integer(number))
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn check(name: Option<&str>, condition: Expr) -> Constraint {
    Constraint::Check(CheckSpec { name: name.map(ident), condition })
}

fn table(name: &str, columns: Vec<ColumnSpec>, constraints: Vec<Constraint>) -> Op {
    Op::CreateTable { table: TableSpec { name: ident(name), columns, constraints, comment: None } }
}

fn add_column(table: &str, column: ColumnSpec) -> Op {
    Op::AddColumn { table: ident(table), column }
}

pub(super) fn keep() -> ColumnChanges {
    ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep }
}

fn alter(name: &str, changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: ident("posts"), name: ident(name), changes }
}

pub(super) fn add(table: &str, constraint: Constraint) -> Op {
    Op::CreateConstraint { table: ident(table), constraint }
}

pub(super) fn drop(table: &str, which: ConstraintSelector) -> Op {
    Op::DropConstraint { table: ident(table), which }
}

fn moment() -> Value {
    Value::timestamp_with_zone("2026-01-02T04:04:05.5+01:00").unwrap()
}

fn every_type() -> Vec<(&'static str, ColumnType, Value)> {
    vec![
        ("boolean", ColumnType::Boolean, Value::Boolean(true)),
        ("small", ColumnType::SmallInteger, Value::Integer(-5)),
        ("integer", ColumnType::Integer, Value::Integer(0)),
        ("big", ColumnType::BigInteger, Value::Integer(i64::MIN + 1)),
        ("numeric", ColumnType::Numeric { precision: 10, scale: 2 }, Value::Numeric("-12.50".into())),
        ("double", ColumnType::Double, Value::double(1.5e-7).unwrap()),
        ("varchar", ColumnType::Varchar(Some(40)), text("it's \\ \"x\"")),
        ("text", ColumnType::Text, text("")),
        ("binary", ColumnType::Binary, Value::Binary(vec![0, 255, 39])),
        ("date", ColumnType::Date, Value::Date("2026-01-02".into())),
        ("time", ColumnType::Time(6), Value::Time("03:04:05.000006".into())),
        ("timestamp", ColumnType::Timestamp(6), Value::Timestamp("2026-01-02 03:04:05".into())),
        ("moment", ColumnType::TimestampWithZone(6), moment()),
        ("uuid", ColumnType::Uuid, Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".into())),
        ("json", ColumnType::Json, Value::Json("{\"a\": [1, null]}".into())),
    ]
}

/// Title and operation.
pub(super) fn script() -> Vec<(&'static str, Op)> {
    let mut script = tables();
    script.extend(columns());
    script.extend(super::indexes::indexes());
    script.extend(constraints());
    script.extend(super::indexes::of_foreign_keys());
    script.extend(rows());
    script.extend(super::expressions::expressions());
    script.extend(super::enumerations::enumerations());
    script.push(("a check is over it alone", Op::DropUsedColumn { table: ident("authors"), name: ident("age") }));
    script.extend(ends());
    script
}

fn tables() -> Vec<(&'static str, Op)> {
    let commented = TableSpec {
        name: ident("notes"),
        columns: vec![ColumnSpec {
            comment: comment("it's \\ a column", Demand::IfSupported),
            ..column("body", ColumnType::Text)
        }],
        constraints: vec![],
        comment: comment("it's a table", Demand::IfSupported),
    };
    let demanded = TableSpec {
        name: ident("demanded"),
        columns: vec![column("body", ColumnType::Text)],
        constraints: vec![],
        comment: comment("it's a table", Demand::Required),
    };
    let cascade = ForeignKey {
        on_update: ReferentialAction::Cascade,
        on_delete: ReferentialAction::SetNull,
        ..foreign_key(Some("posts to authors"), "author", "authors", "id")
    };
    let restrict = ForeignKey { on_delete: ReferentialAction::Restrict, ..foreign_key(None, "parent", "posts", "id") };
    vec![
        (
            "every type",
            table("every_type", every_type().into_iter().map(|(name, of, _)| column(name, of)).collect(), vec![]),
        ),
        (
            "every type with a default",
            table(
                "every_default",
                every_type().into_iter().map(|(name, of, value)| with_default(name, of, value)).collect(),
                vec![],
            ),
        ),
        (
            "defaults that are expressions",
            table(
                "computed_defaults",
                vec![
                    computed("made", ColumnType::TimestampWithZone(6), Expr::Call(Function::CurrentTimestamp, vec![])),
                    computed("day", ColumnType::Date, Expr::Call(Function::CurrentDate, vec![])),
                    computed(
                        "sum",
                        ColumnType::Integer,
                        binary(number(1), BinaryOperator::Add, Expr::Call(Function::Abs, vec![number(-2)])),
                    ),
                ],
                vec![],
            ),
        ),
        (
            "a numbered key, a unique constraint and a check, all without names",
            table(
                "authors",
                vec![
                    numbered("id", ColumnType::Integer),
                    not_null("email", ColumnType::Varchar(Some(200))),
                    column("age", ColumnType::SmallInteger),
                ],
                vec![
                    Constraint::PrimaryKey(key(None, &["id"])),
                    Constraint::Unique(key(None, &["email"])),
                    check(None, binary(col("age"), BinaryOperator::GreaterOrEqual, number(0))),
                ],
            ),
        ),
        (
            "constraints with names, foreign keys with actions, one to the table itself",
            table(
                "posts",
                vec![
                    numbered("id", ColumnType::BigInteger),
                    column("author", ColumnType::Integer),
                    column("parent", ColumnType::BigInteger),
                    column("order", ColumnType::Integer),
                    column("title", ColumnType::Varchar(Some(100))),
                ],
                vec![
                    Constraint::PrimaryKey(key(Some("posts-pk"), &["id"])),
                    Constraint::Unique(key(Some("uq.`author`"), &["author", "order"])),
                    Constraint::ForeignKey(cascade),
                    Constraint::ForeignKey(restrict),
                    check(
                        Some("title or order"),
                        binary(
                            binary(
                                Expr::Call(Function::Length, vec![col("title")]),
                                BinaryOperator::Greater,
                                number(2),
                            ),
                            BinaryOperator::Or,
                            Expr::IsNull { operand: Box::new(col("order")), negated: false },
                        ),
                    ),
                ],
            ),
        ),
        (
            "a key of two columns",
            table(
                "pairs",
                vec![
                    not_null("left_id", ColumnType::Uuid),
                    not_null("right_id", ColumnType::Integer),
                    column("on", ColumnType::Boolean),
                ],
                vec![Constraint::PrimaryKey(key(None, &["left_id", "right_id"]))],
            ),
        ),
        ("comments where they are supported", Op::CreateTable { table: commented }),
        ("a long varchar", table("every_long", vec![column("long", ColumnType::Varchar(Some(769)))], vec![])),
        ("a comment that is demanded", Op::CreateTable { table: demanded }),
    ]
}

fn columns() -> Vec<(&'static str, Op)> {
    let commented =
        ColumnSpec { comment: comment("short", Demand::IfSupported), ..column("summary", ColumnType::Text) };
    let now = Expr::Call(Function::CurrentTimestamp, vec![]);
    vec![
        ("nullable, with a comment", add_column("posts", commented)),
        (
            "not nullable with a default",
            add_column("posts", with_default("state", ColumnType::Varchar(Some(9)), text("new"))),
        ),
        ("not nullable without a default", add_column("posts", not_null("slug", ColumnType::Varchar(Some(50))))),
        ("with an expression as its default", add_column("posts", computed("made", ColumnType::Timestamp(6), now))),
        (
            "in a check and an index",
            Op::RenameColumn { table: ident("posts"), name: ident("order"), new_name: ident("position") },
        ),
        ("its type", alter("state", ColumnChanges { column_type: Some(ColumnType::Text), ..keep() })),
        (
            "a shorter text is never cut",
            alter("state", ColumnChanges { column_type: Some(ColumnType::Varchar(Some(5))), ..keep() }),
        ),
        (
            "its type and default together",
            alter(
                "state",
                ColumnChanges {
                    column_type: Some(ColumnType::SmallInteger),
                    default: Change::Set(ColumnDefault::Value(Value::Integer(3))),
                    ..keep()
                },
            ),
        ),
        ("it may hold NULL", alter("state", ColumnChanges { nullable: Some(true), ..keep() })),
        ("it may not hold NULL", alter("state", ColumnChanges { nullable: Some(false), ..keep() })),
        (
            "its default is an expression",
            alter(
                "state",
                ColumnChanges {
                    default: Change::Set(ColumnDefault::Expression(binary(
                        number(2),
                        BinaryOperator::Multiply,
                        number(3),
                    ))),
                    ..keep()
                },
            ),
        ),
        ("it has no default", alter("state", ColumnChanges { default: Change::Clear, ..keep() })),
        (
            "its comment",
            alter(
                "state",
                ColumnChanges {
                    comment: Change::Set(Comment { text: "it's new".into(), demand: Demand::IfSupported }),
                    ..keep()
                },
            ),
        ),
        ("it has no comment", alter("state", ColumnChanges { comment: Change::Clear, ..keep() })),
        ("the type of a numbered key", alter("id", ColumnChanges { column_type: Some(ColumnType::Integer), ..keep() })),
        ("plain", Op::DropColumn { table: ident("posts"), name: ident("summary") }),
    ]
}

fn constraints() -> Vec<(&'static str, Op)> {
    vec![
        (
            "a check over a numbered column",
            add("posts", check(None, binary(col("id"), BinaryOperator::Greater, number(0)))),
        ),
        (
            "a check over a column that a foreign key changes",
            add("posts", check(None, binary(col("author"), BinaryOperator::Greater, number(0)))),
        ),
        ("a unique constraint", add("posts", Constraint::Unique(key(Some("uq_title"), &["title"])))),
        (
            "a unique constraint",
            Op::RenameConstraint { table: ident("posts"), name: ident("uq_title"), new_name: ident("uq title") },
        ),
        ("a unique constraint by its columns", drop("posts", ConstraintSelector::Unique(idents(&["title"])))),
        (
            "a check without a name",
            add("posts", check(None, binary(col("position"), BinaryOperator::Less, number(1_000)))),
        ),
        ("a check by its columns", drop("posts", ConstraintSelector::Check(idents(&["position"])))),
        ("a foreign key by its columns", drop("posts", ConstraintSelector::ForeignKey(idents(&["parent"])))),
        (
            "a foreign key without a name",
            add("posts", Constraint::ForeignKey(foreign_key(None, "parent", "posts", "id"))),
        ),
        ("the primary key", drop("pairs", ConstraintSelector::PrimaryKey)),
        ("the primary key", add("pairs", Constraint::PrimaryKey(key(Some("pk_pairs"), &["right_id", "left_id"])))),
        ("a check by its name", drop("posts", ConstraintSelector::Name(ident("title or order")))),
    ]
}

fn rows() -> Vec<(&'static str, Op)> {
    let all: Vec<_> = every_type();
    let equal = |name: &str, value: Value| binary(col(name), BinaryOperator::Equal, Expr::Value(value));
    let all_equal = all
        .iter()
        .filter(|(name, ..)| *name != "json")
        .map(|(name, _, value)| equal(name, value.clone()))
        .reduce(|left, right| binary(left, BinaryOperator::And, right));
    vec![
        (
            "every type, and NULL",
            Op::BulkInsert {
                table: ident("every_type"),
                columns: all.iter().map(|(name, ..)| ident(name)).collect(),
                rows: vec![
                    all.iter().map(|(.., value)| value.clone()).collect(),
                    all.iter().map(|_| Value::Null).collect(),
                ],
            },
        ),
        (
            "numbers for a numbered key",
            Op::BulkInsert {
                table: ident("authors"),
                columns: idents(&["id", "email"]),
                rows: vec![
                    vec![Value::Integer(41), text("a@example.org")],
                    vec![Value::Null, text("n@n")],
                    vec![Value::Integer(7), text("b@b")],
                ],
            },
        ),
        (
            "insert",
            Op::Execute {
                statement: Dml::Insert {
                    table: ident("authors"),
                    columns: idents(&["email", "age"]),
                    source: InsertSource::Rows(vec![vec![
                        binary(
                            Expr::Value(text("c")),
                            BinaryOperator::Concat,
                            Expr::Call(Function::Lower, vec![Expr::Value(text("@C.org"))]),
                        ),
                        Expr::Value(Value::Null),
                    ]]),
                    conflict: None,
                },
            },
        ),
        (
            "update, constants in the type of their column",
            Op::Execute {
                statement: Dml::Update {
                    table: ident("every_type"),
                    with: Vec::new(),
                    joins: Vec::new(),
                    assignments: vec![
                        (ident("uuid"), Expr::Value(text("67E55044-10B1-426F-9247-BB680E5FE0C8"))),
                        (ident("moment"), Expr::Value(text("2026-01-02T03:04:05.5Z"))),
                        (ident("integer"), binary(col("integer"), BinaryOperator::Add, number(1))),
                    ],
                    condition: all_equal,
                },
            },
        ),
        (
            "update, texts compared with typed columns",
            Op::Execute {
                statement: Dml::Update {
                    table: ident("every_type"),
                    with: Vec::new(),
                    joins: Vec::new(),
                    assignments: vec![(ident("text"), Expr::Value(Value::Null))],
                    condition: Some(binary(
                        equal("uuid", text("67e55044-10b1-426f-9247-bb680e5fe0c8")),
                        BinaryOperator::And,
                        binary(
                            Expr::In {
                                operand: Box::new(col("date")),
                                items: vec![Expr::Value(text("2026-01-02")), Expr::Value(text("2026-01-03"))],
                                negated: false,
                            },
                            BinaryOperator::And,
                            Expr::Between {
                                operand: Box::new(col("timestamp")),
                                low: Box::new(Expr::Value(text("2026-01-02T00:00:00"))),
                                high: Box::new(Expr::Value(text("2026-01-02 03:04:05.000000"))),
                                negated: false,
                            },
                        ),
                    )),
                },
            },
        ),
        (
            "delete",
            Op::Execute {
                statement: Dml::Delete {
                    table: ident("authors"),
                    condition: Some(binary(
                        Expr::Like {
                            operand: Box::new(col("email")),
                            pattern: Box::new(Expr::Value(text("%@b"))),
                            negated: false,
                        },
                        BinaryOperator::And,
                        Expr::IsNull { operand: Box::new(col("age")), negated: false },
                    )),
                },
            },
        ),
        ("delete all", Op::Execute { statement: Dml::Delete { table: ident("every_type"), condition: None } }),
    ]
}

fn ends() -> Vec<(&'static str, Op)> {
    vec![
        (
            "others refer to it, it refers to itself",
            Op::RenameTable { name: ident("posts"), new_name: ident("articles") },
        ),
        ("others refer to it", Op::RenameTable { name: ident("authors"), new_name: ident("people") }),
        ("a foreign key of a renamed table", drop("articles", ConstraintSelector::ForeignKey(idents(&["parent"])))),
        ("one that another refers to", Op::DropTable { name: ident("people") }),
        ("plain", Op::DropTable { name: ident("articles") }),
    ]
}
