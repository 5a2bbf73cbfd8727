//! Names and constants as SQL.

use super::Dialect;
use crate::operation::{ColumnType, Finite, Ident, Value, coerce};

/// A name, always quoted.
pub fn quote(dialect: Dialect, name: &Ident) -> String {
    let mark = if dialect == Dialect::Mariadb { '`' } else { '"' };
    quoted(mark, name.as_str())
}

/// A text between marks, each mark inside doubled. Backslashes stand for themselves: PostgreSQL sessions
/// have standard_conforming_strings, MariaDB ones NO_BACKSLASH_ESCAPES.
pub(super) fn quoted(mark: char, text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(mark);
    for found in text.chars() {
        if found == mark {
            quoted.push(mark);
        }
        quoted.push(found);
    }
    quoted.push(mark);
    quoted
}

/// A constant as SQL. With the type of the column that it goes into, in that type's own form (a UUID on
/// SQLite, a boolean on MariaDB); without, typed so that the server takes it for what it is.
pub fn literal(dialect: Dialect, value: &Value, into: Option<&ColumnType>) -> String {
    let coerced = into.and_then(|column_type| coerce(value, column_type).ok());
    let value = coerced.as_ref().unwrap_or(value);
    let text = |text: &str| quoted('\'', text);
    match (dialect, value) {
        (_, Value::Null) => "NULL".to_owned(),
        (Dialect::Sqlite, Value::Boolean(truth)) => u8::from(*truth).to_string(),
        (_, Value::Boolean(true)) => "TRUE".to_owned(),
        (_, Value::Boolean(false)) => "FALSE".to_owned(),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Numeric(number)) => number.clone(),
        (Dialect::Postgres, Value::Double(number)) => format!("'{:e}'::double precision", number.get()),
        (_, Value::Double(number)) => exponent(*number),
        (_, Value::Text(value)) => text(value),
        (Dialect::Postgres, Value::Label(Some(name), label)) => {
            format!("{}::{}", text(label.as_str()), quote(dialect, name))
        }
        (_, Value::Label(_, label)) => text(label.as_str()),
        (Dialect::Postgres, Value::Binary(bytes)) => format!("'\\x{}'::bytea", crate::hex(bytes)),
        (_, Value::Binary(bytes)) => format!("X'{}'", crate::hex(bytes)),
        (Dialect::Sqlite, Value::Uuid(uuid)) => text(&uuid.replace('-', "")),
        (Dialect::Postgres, Value::Uuid(value)) => format!("{}::uuid", text(value)),
        (Dialect::Postgres, Value::Json(value)) if into == Some(&ColumnType::JsonBinary) => {
            format!("{}::jsonb", text(value))
        }
        (Dialect::Postgres, Value::Json(value)) => format!("{}::json", text(value)),
        (Dialect::Postgres | Dialect::Mariadb, Value::Date(value)) => format!("DATE {}", text(value)),
        (Dialect::Postgres | Dialect::Mariadb, Value::Time(value)) => format!("TIME {}", text(value)),
        (Dialect::Postgres | Dialect::Mariadb, Value::Timestamp(value))
        | (Dialect::Mariadb, Value::TimestampWithZone(value)) => format!("TIMESTAMP {}", text(value)),
        (Dialect::Postgres, Value::TimestampWithZone(value)) => {
            format!("TIMESTAMP WITH TIME ZONE {}", text(&format!("{value}+00:00")))
        }
        (
            Dialect::Sqlite,
            Value::Date(value) | Value::Time(value) | Value::Timestamp(value) | Value::TimestampWithZone(value),
        )
        | (Dialect::Sqlite | Dialect::Mariadb, Value::Json(value))
        | (Dialect::Mariadb, Value::Uuid(value)) => text(value),
    }
}

/// A constant in the contract's portable syntax.
pub(super) fn portable_literal(value: &Value) -> String {
    let text = |text: &str| quoted('\'', text);
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(true) => "TRUE".to_owned(),
        Value::Boolean(false) => "FALSE".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Numeric(number) => number.clone(),
        Value::Double(number) => exponent(*number),
        Value::Text(value) => text(value),
        Value::Label(_, label) => text(label.as_str()),
        Value::Binary(bytes) => format!("X'{}'", crate::hex(bytes)),
        Value::Date(value) => format!("DATE {}", text(value)),
        Value::Time(value) => format!("TIME {}", text(value)),
        Value::Timestamp(value) => format!("TIMESTAMP {}", text(value)),
        Value::TimestampWithZone(value) => format!("TIMESTAMP WITH TIME ZONE {}", text(&format!("{value}+00:00"))),
        Value::Uuid(value) => format!("UUID {}", text(value)),
        Value::Json(value) => format!("JSON {}", text(value)),
    }
}

/// With an exponent always, which makes it a floating-point literal and no decimal; reads back exactly.
fn exponent(number: Finite) -> String {
    format!("{:e}", number.get())
}
