//! Columns, constraints, indexes and tables as plain data: what a guest asks for and what the schema
//! model holds.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EnumType, Expr, Ident, Value};

/// How large a text or bytes may be on MariaDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LargeSize {
    /// 16 MiB.
    Medium,
    /// 4 GiB.
    Long,
}

/// A portable column type; the WIT `column-type`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// 16 bits.
    SmallInteger,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInteger,
    /// Exact decimal.
    Numeric {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Text of at most so many characters; of any number without a bound.
    Varchar(Option<u32>),
    /// Text of at most so many characters, without spaces at its end.
    Char(u32),
    /// Text.
    Text,
    /// Text in a larger type of MariaDB.
    LargeText(LargeSize),
    /// Bytes.
    Binary,
    /// Bytes in a larger type of MariaDB.
    LargeBinary(LargeSize),
    /// A date.
    Date,
    /// A time of day, with so many digits after the second.
    Time(u8),
    /// Date and time without zone, with so many digits after the second.
    Timestamp(u8),
    /// A moment, with so many digits after the second.
    TimestampWithZone(u8),
    /// A UUID.
    Uuid,
    /// A JSON document.
    Json,
    /// A JSON document that PostgreSQL keeps parsed.
    JsonBinary,
    /// One of a list of texts.
    Enumeration(Arc<EnumType>),
}

impl ColumnType {
    /// The most characters that a `varchar` may have anywhere: as long as SQLite takes any text.
    pub const VARCHAR: u32 = 1_000_000_000;
    /// The most digits after the second that a time has.
    pub const FRACTION: u8 = 6;

    /// Whether it is one of the three integer types.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::SmallInteger | Self::Integer | Self::BigInteger)
    }

    /// Whether it is one of the two types of documents.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::JsonBinary)
    }

    /// Whether it is a type of numbers.
    pub fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Numeric { .. } | Self::Float | Self::Double)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::SmallInteger => f.write_str("small-integer"),
            Self::Integer => f.write_str("integer"),
            Self::BigInteger => f.write_str("big-integer"),
            Self::Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Text => f.write_str("text"),
            Self::LargeText(LargeSize::Medium) => f.write_str("large-text(medium)"),
            Self::LargeText(LargeSize::Long) => f.write_str("large-text(long)"),
            Self::Binary => f.write_str("binary"),
            Self::LargeBinary(LargeSize::Medium) => f.write_str("large-binary(medium)"),
            Self::LargeBinary(LargeSize::Long) => f.write_str("large-binary(long)"),
            Self::Date => f.write_str("date"),
            Self::Time(digits) => write!(f, "time({digits})"),
            Self::Timestamp(digits) => write!(f, "timestamp({digits})"),
            Self::TimestampWithZone(digits) => write!(f, "timestamp-with-zone({digits})"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::JsonBinary => f.write_str("json-binary"),
            Self::Enumeration(of) => of.fmt(f),
        }
    }
}

/// A column default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnDefault {
    /// A constant.
    Value(Value),
    /// An expression without columns.
    Expression(Expr),
}

/// Whether an option that a dialect may lack is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Refused where it is lacking.
    Required,
    /// Left out where it is lacking.
    IfSupported,
}

/// A comment as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// The text.
    pub text: String,
    /// What to do on a dialect without comments.
    pub demand: Demand,
}

/// Whether the values of a computed column are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputedStorage {
    /// Worked out when a row is written.
    Stored,
    /// Worked out when it is read.
    Virtual,
}

/// How the values of a column come from other columns of the same row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Computed {
    /// Over columns of the table.
    pub expression: Expr,
    /// Whether the values are kept.
    pub storage: ComputedStorage,
}

/// A column as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnSpec {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Its default.
    pub default: Option<ColumnDefault>,
    /// Whether the database numbers it.
    pub auto_increment: bool,
    /// Whether it never gives a number again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub numbered_once: bool,
    /// How the database works out its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Its comment.
    pub comment: Option<Comment>,
}

/// What a foreign key does when the row it refers to changes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferentialAction {
    /// Refused at the end of the statement.
    NoAction,
    /// Refused at once.
    Restrict,
    /// Follows.
    Cascade,
    /// Becomes NULL.
    SetNull,
}

/// A primary key or unique constraint: its name, if it has one, and its columns in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its name. In the model none only on SQLite, which has no default names.
    pub name: Option<Ident>,
    /// Its columns.
    pub columns: Vec<Ident>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name, as in [`Key::name`].
    pub name: Option<Ident>,
    /// The referring columns.
    pub columns: Vec<Ident>,
    /// The table referred to.
    pub referred_table: Ident,
    /// The columns referred to, as many as `columns`.
    pub referred_columns: Vec<Ident>,
    /// When the key referred to changes.
    pub on_update: ReferentialAction,
    /// When the row referred to goes.
    pub on_delete: ReferentialAction,
}

/// A check constraint as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckSpec {
    /// Its name, as in [`Key::name`].
    pub name: Option<Ident>,
    /// The condition.
    pub condition: Expr,
}

/// Any constraint as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// The primary key.
    PrimaryKey(Key),
    /// A unique constraint.
    Unique(Key),
    /// A foreign key.
    ForeignKey(ForeignKey),
    /// A check.
    Check(CheckSpec),
}

/// Which constraint is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintSelector {
    /// By name.
    Name(Ident),
    /// The primary key.
    PrimaryKey,
    /// The unique constraint over these columns.
    Unique(Vec<Ident>),
    /// The foreign key of these columns.
    ForeignKey(Vec<Ident>),
    /// The check that mentions just these columns.
    Check(Vec<Ident>),
}

/// The order of a part of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexOrder {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// What a part of an index is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexKey {
    /// A column.
    #[serde(rename = "name")]
    Column(Ident),
    /// An expression over columns of the table.
    #[serde(rename = "expression")]
    Expression(Expr),
}

/// One part of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// What it is over.
    #[serde(flatten)]
    pub key: IndexKey,
    /// Its order.
    pub order: IndexOrder,
}

impl IndexPart {
    /// One over a column.
    pub fn column(name: Ident, order: IndexOrder) -> Self {
        Self { key: IndexKey::Column(name), order }
    }

    /// The column that it is over; none for an expression.
    pub fn name(&self) -> Option<&Ident> {
        match &self.key {
            IndexKey::Column(name) => Some(name),
            IndexKey::Expression(_) => None,
        }
    }

    fn expression(&self) -> Option<&Expr> {
        match &self.key {
            IndexKey::Column(_) => None,
            IndexKey::Expression(expression) => Some(expression),
        }
    }
}

/// An index that belongs to no constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: Ident,
    /// Its parts.
    #[serde(rename = "columns")]
    pub parts: Vec<IndexPart>,
    /// Whether it forbids duplicates.
    pub unique: bool,
    /// Which rows it is over; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Expr>,
}

impl Index {
    /// Its columns, if it is over nothing else and over all rows: what can be a key.
    pub fn columns(&self) -> Option<Vec<Ident>> {
        self.parts.iter().map(|part| part.name().cloned()).collect::<Option<_>>().filter(|_| self.predicate.is_none())
    }

    /// Its expressions, that for its rows among them.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(IndexPart::expression).chain(&self.predicate)
    }
}

/// A table as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSpec {
    /// Its name.
    pub name: Ident,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// Its constraints.
    pub constraints: Vec<Constraint>,
    /// Its comment.
    pub comment: Option<Comment>,
}

/// Keep, set or clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change<T> {
    /// As it is.
    Keep,
    /// To this.
    Set(T),
    /// To nothing.
    Clear,
}

/// The aspects of a column to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnChanges {
    /// The new type.
    pub column_type: Option<ColumnType>,
    /// The new nullability.
    pub nullable: Option<bool>,
    /// The default.
    pub default: Change<ColumnDefault>,
    /// The comment.
    pub comment: Change<Comment>,
}
