//! What a column of SQLite declares of itself: its type and its default.

use super::{default, precision_and_scale};
use crate::dialect::Dialect;
use crate::operation::ColumnType;
use crate::schema::{ModelDefault, ModelType};

/// A default. SQLite makes a number of a text that spells one where the column's affinity is a number's, and other
/// tools write every default as a text.
pub(super) fn column_default(text: &str, column_type: &ModelType) -> Option<ModelDefault> {
    let spelled = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let number = spelled.filter(|spelled| match column_type {
        ModelType::Portable(column_type) if column_type.is_integer() => is_number(spelled, 0),
        ModelType::Portable(ColumnType::Boolean) => is_number(spelled, 0),
        ModelType::Portable(ColumnType::Numeric { .. } | ColumnType::Float | ColumnType::Double) => {
            is_number(spelled, 1)
        }
        _ => false,
    });
    default(Dialect::Sqlite, number.unwrap_or(text), column_type)
}

/// Whether a text is digits with at most so many points between them.
fn is_number(text: &str, points: usize) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.split('.');
    parts.clone().count() <= points + 1
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A declared type: those that the contract makes and their usual other spellings.
pub(super) fn model_type(declared: &str) -> ModelType {
    let upper = declared.to_ascii_uppercase();
    let (name, arguments) = match upper.split_once('(') {
        Some((name, rest)) => (name.trim_end(), rest.strip_suffix(')')),
        None => (upper.as_str(), None),
    };
    let portable = match (name, arguments) {
        ("BOOLEAN" | "BOOL", None) => Some(ColumnType::Boolean),
        ("SMALLINT", None) => Some(ColumnType::SmallInteger),
        ("INTEGER" | "INT", None) => Some(ColumnType::Integer),
        ("BIGINT", None) => Some(ColumnType::BigInteger),
        ("NUMERIC" | "DECIMAL", Some(arguments)) => {
            precision_and_scale(arguments).map(|(precision, scale)| ColumnType::Numeric { precision, scale })
        }
        ("FLOAT" | "REAL", None) => Some(ColumnType::Float),
        ("DOUBLE" | "DOUBLE PRECISION", None) => Some(ColumnType::Double),
        ("VARCHAR" | "CHARACTER VARYING", Some(length)) => {
            length.trim().parse().ok().map(|length| ColumnType::Varchar(Some(length)))
        }
        ("VARCHAR" | "CHARACTER VARYING", None) => Some(ColumnType::Varchar(None)),
        ("TEXT", None) => Some(ColumnType::Text),
        ("BLOB", None) => Some(ColumnType::Binary),
        ("DATE", None) => Some(ColumnType::Date),
        ("TIME", None) => Some(ColumnType::Time(ColumnType::FRACTION)),
        ("DATETIME" | "TIMESTAMP", None) => Some(ColumnType::Timestamp(ColumnType::FRACTION)),
        ("CHAR", Some(length)) if length.trim() == "32" => Some(ColumnType::Uuid),
        ("CHAR", Some(length)) => length.trim().parse().ok().map(ColumnType::Char),
        ("JSON", None) => Some(ColumnType::Json),
        _ => None,
    };
    portable.map_or_else(|| ModelType::Opaque(declared.to_owned()), ModelType::Portable)
}
