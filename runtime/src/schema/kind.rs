//! The kinds of types: what the databases' operators and columns take alike.

use std::fmt;

use super::{Column, ModelType};
use crate::operation::{ColumnType, Ident, Value};

/// Types that the databases' operators take alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// NULL, and columns whose type the model does not know.
    Any,
    Boolean,
    /// Integers and decimals.
    Number,
    Double,
    Text,
    Binary,
    Date,
    Time,
    /// With a zone or without.
    Timestamp,
    /// What two timestamps are apart: no value of the contract, but something to compare and to index.
    Interval,
    Uuid,
    Json,
    /// Of that name, where it has one.
    Enumeration(Option<Ident>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "anything",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Double => "double",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Enumeration(_) => "enumeration",
        })
    }
}

impl Kind {
    pub(super) fn of_type(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger | ColumnType::Numeric { .. } => {
                Self::Number
            }
            ColumnType::Float | ColumnType::Double => Self::Double,
            ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Text | ColumnType::LargeText(_) => Self::Text,
            ColumnType::Binary | ColumnType::LargeBinary(_) => Self::Binary,
            ColumnType::Date => Self::Date,
            ColumnType::Time(_) => Self::Time,
            ColumnType::Timestamp(_) | ColumnType::TimestampWithZone(_) => Self::Timestamp,
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Json | ColumnType::JsonBinary => Self::Json,
            ColumnType::Enumeration(of) => Self::Enumeration(of.name.clone()),
        }
    }

    pub(super) fn of_column(column: &Column) -> Self {
        match &column.column_type {
            ModelType::Portable(column_type) => Self::of_type(column_type),
            ModelType::Opaque(_) => Self::Any,
        }
    }

    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) | Value::Numeric(_) => Self::Number,
            Value::Double(_) => Self::Double,
            Value::Text(_) => Self::Text,
            Value::Binary(_) => Self::Binary,
            Value::Date(_) => Self::Date,
            Value::Time(_) => Self::Time,
            Value::Timestamp(_) | Value::TimestampWithZone(_) => Self::Timestamp,
            Value::Uuid(_) => Self::Uuid,
            Value::Json(_) => Self::Json,
            Value::Label(name, _) => Self::Enumeration(name.clone()),
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Any | Self::Number | Self::Double)
    }

    /// What the two have in common as operands of a comparison; JSON has no order and no equality.
    pub(super) fn common(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Json, _) | (_, Self::Json) => None,
            (Self::Any, kind) | (kind, Self::Any) => Some(kind.clone()),
            (Self::Number | Self::Double, Self::Number | Self::Double) if self != other => Some(Self::Double),
            (Self::Date | Self::Timestamp, Self::Date | Self::Timestamp) if self != other => Some(Self::Timestamp),
            _ => (self == other).then(|| self.clone()),
        }
    }

    /// Whether an expression of the kind `other` may be stored in a column of this kind.
    pub(super) fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Number | Self::Double, Self::Number | Self::Double) => true,
            (Self::Date | Self::Timestamp, Self::Date | Self::Timestamp) => true,
            (Self::Text, Self::Number | Self::Uuid | Self::Enumeration(_)) => true,
            _ => self == other,
        }
    }

    /// Whether a column of the kind `other` can become one of this kind with its rows: what every database
    /// converts to the same value, or refuses for the rows that are there. Truth values and bytes have no text
    /// in common; doubles and times are written differently; a timestamp would lose its time as a date.
    pub(super) fn converts_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text, kind) => {
                matches!(
                    kind,
                    Self::Any | Self::Text | Self::Number | Self::Date | Self::Uuid | Self::Json | Self::Enumeration(_)
                )
            }
            (kind, Self::Text) => !matches!(kind, Self::Boolean | Self::Binary),
            (Self::Json, Self::Number | Self::Double) => true,
            (Self::Date, Self::Timestamp) => false,
            // By their labels.
            (Self::Enumeration(_), Self::Enumeration(_)) => true,
            _ => self.takes(other),
        }
    }
}
