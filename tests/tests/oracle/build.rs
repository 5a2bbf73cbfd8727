//! Short ways to write operations, the types, and values that fit them.

use ptah_wasm::operation::{
    CheckSpec, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint, Demand, Expr, ForeignKey, Grammar, Ident,
    IdentKind, Index, IndexKey, IndexOrder, IndexPart, Key, LargeSize, Op, ParseLimits, Position, ReferentialAction,
    TableSpec, Value, parse_dml, parse_expr,
};

/// Whatever a tree that is drawn may come to.
const LIMITS: ParseLimits = ParseLimits { text_growth: u64::MAX, ..ParseLimits::DEFAULT };

pub(crate) fn ident(text: &str) -> Ident {
    Ident::parse(IdentKind::Object, 63, text).unwrap()
}

pub(crate) fn expr(position: Position, text: &str) -> Expr {
    parse_expr(Grammar::Portable, position, &LIMITS, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn execute(text: &str, parameters: &[Value]) -> Op {
    Op::Execute { statement: parse_dml(Grammar::Portable, &LIMITS, text, parameters).unwrap() }
}

pub(crate) fn column(name: &str, column_type: ColumnType) -> ColumnSpec {
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

pub(crate) fn not_null(column: ColumnSpec) -> ColumnSpec {
    ColumnSpec { nullable: false, ..column }
}

pub(crate) fn with_default(column: ColumnSpec, value: Value) -> ColumnSpec {
    ColumnSpec { default: Some(ColumnDefault::Value(value)), ..column }
}

pub(crate) fn comment(text: &str) -> Option<Comment> {
    Some(Comment { text: text.to_owned(), demand: Demand::IfSupported })
}

pub(crate) fn idents(names: &[&str]) -> Vec<Ident> {
    names.iter().map(|name| ident(name)).collect()
}

pub(crate) fn key(columns: &[&str]) -> Key {
    Key { name: None, columns: idents(columns) }
}

pub(crate) fn id() -> ColumnSpec {
    ColumnSpec { nullable: false, auto_increment: true, ..column("id", ColumnType::BigInteger) }
}

pub(crate) const TYPES: [ColumnType; 16] = [
    ColumnType::Boolean,
    ColumnType::SmallInteger,
    ColumnType::Integer,
    ColumnType::BigInteger,
    ColumnType::Numeric { precision: 10, scale: 2 },
    ColumnType::Double,
    ColumnType::Varchar(Some(40)),
    ColumnType::Text,
    ColumnType::Binary,
    ColumnType::Date,
    ColumnType::Time(6),
    ColumnType::Timestamp(6),
    ColumnType::TimestampWithZone(6),
    ColumnType::Uuid,
    ColumnType::Json,
    ColumnType::Float,
];

/// What some dialects only have: times with fewer digits after the second, and larger texts.
pub(crate) const SIZES: [ColumnType; 14] = [
    ColumnType::LargeText(LargeSize::Medium),
    ColumnType::LargeText(LargeSize::Long),
    ColumnType::LargeBinary(LargeSize::Medium),
    ColumnType::LargeBinary(LargeSize::Long),
    ColumnType::Time(0),
    ColumnType::Time(2),
    ColumnType::Timestamp(0),
    ColumnType::Timestamp(3),
    ColumnType::TimestampWithZone(0),
    ColumnType::TimestampWithZone(5),
    ColumnType::Char(30),
    ColumnType::Char(32),
    ColumnType::Char(255),
    ColumnType::JsonBinary,
];

/// A value that fits a type; `which` picks among a few, the awkward ones among them.
pub(crate) fn value(column_type: &ColumnType, which: u8) -> Value {
    let pick = |values: &[&str]| values[usize::from(which) % values.len()].to_owned();
    match column_type {
        ColumnType::Enumeration(of) => Value::Text(of.labels[usize::from(which) % of.labels.len()].as_str().to_owned()),
        ColumnType::Boolean => Value::Boolean(which.is_multiple_of(2)),
        ColumnType::SmallInteger => Value::Integer([0, -1, 32_767, -32_768][usize::from(which) % 4]),
        ColumnType::Integer => Value::Integer([0, -1, 2_147_483_647, -2_147_483_648][usize::from(which) % 4]),
        ColumnType::BigInteger => Value::Integer([0, -7, i64::MAX, i64::MIN][usize::from(which) % 4]),
        ColumnType::Numeric { .. } => Value::numeric(&pick(&["0", "-1.50", "12345678.99", "9.9"])).unwrap(),
        ColumnType::Float => Value::double([0.0, -0.5, 0.1, 123_456.0][usize::from(which) % 4]).unwrap(),
        ColumnType::Double => Value::double([0.0, -0.5, 1e300, 2.25][usize::from(which) % 4]).unwrap(),
        ColumnType::Varchar(_) | ColumnType::Text | ColumnType::LargeText(_) => {
            Value::text(pick(&["", "it's", "a\\b\\'", "ünï ☃ \"q\" `t` -- x\n;", "NULL", "0x41"])).unwrap()
        }
        ColumnType::Binary | ColumnType::LargeBinary(_) => {
            Value::Binary([vec![], vec![0, 255, 39], vec![65]][usize::from(which) % 3].clone())
        }
        ColumnType::Date => Value::date(&pick(&["2026-02-28", "0999-12-31"])).unwrap(),
        ColumnType::Time(_) => Value::time(&pick(&["00:00:00", "23:59:59.999999", "10:20:30.5"])).unwrap(),
        ColumnType::Timestamp(_) => {
            Value::timestamp(&pick(&["2026-02-28 01:02:03", "1999-12-31 23:59:59.000001"])).unwrap()
        }
        ColumnType::TimestampWithZone(_) => {
            Value::timestamp_with_zone(&pick(&["2026-02-28T01:02:03+02:00", "1999-12-31T23:59:59.5Z"])).unwrap()
        }
        // On SQLite one of that length is a UUID.
        ColumnType::Char(32) => Value::text("67e5504410b1426f9247bb680e5fe0c8").unwrap(),
        ColumnType::Char(length) => {
            let text = pick(&["", "it's", "a\\b\\'", "ünï ☃ \"q\" `t` -- x;", "NULL", "0x41"]);
            Value::text(text.chars().take(*length as usize).collect::<String>()).unwrap()
        }
        ColumnType::Uuid => Value::uuid("67e55044-10b1-426f-9247-bb680e5fe0c8").unwrap(),
        ColumnType::Json | ColumnType::JsonBinary => {
            Value::json(pick(&["{\"a\": [1, \"it's\"]}", "[]", "\"x\\\\y\""])).unwrap()
        }
    }
}

pub(crate) fn table(name: &str, columns: Vec<ColumnSpec>, constraints: Vec<Constraint>) -> Op {
    Op::CreateTable { table: TableSpec { name: ident(name), columns, constraints, comment: comment("it's a table") } }
}

pub(crate) fn check(text: &str) -> Constraint {
    Constraint::Check(CheckSpec { name: None, condition: expr(Position::Check, text) })
}

pub(crate) fn foreign_key(
    columns: &[&str],
    referred: &str,
    on_delete: ReferentialAction,
    on_update: ReferentialAction,
) -> Constraint {
    Constraint::ForeignKey(ForeignKey {
        name: None,
        columns: idents(columns),
        referred_table: ident(referred),
        referred_columns: idents(&["id"]),
        on_update,
        on_delete,
    })
}

pub(crate) fn index(name: &str, columns: &[(&str, IndexOrder)], unique: bool) -> Index {
    let parts = columns.iter().map(|(name, order)| IndexPart::column(ident(name), *order)).collect();
    Index { name: ident(name), parts, unique, predicate: None }
}

/// An index over expressions.
pub(crate) fn index_over(name: &str, expressions: &[&str]) -> Index {
    let part = |text: &&str| IndexPart {
        key: IndexKey::Expression(expr(Position::Index, text)),
        order: IndexOrder::Ascending,
    };
    Index { parts: expressions.iter().map(part).collect(), ..index(name, &[], false) }
}

/// The same index over some of the rows.
pub(crate) fn filtered(index: Index, predicate: &str) -> Index {
    Index { predicate: Some(expr(Position::Predicate, predicate)), ..index }
}
