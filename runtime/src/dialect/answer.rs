//! Answers of a database as typed values: what each of them says for a value of a type, and nothing else taken for one.

use super::{Dialect, Unsupported};
use crate::operation::{ColumnType, Value, coerce};
use crate::schema::Answer;

/// One value of an answer as it comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A whole number, where the database says that it is one.
    Integer(i64),
    /// A floating-point number, where the database says that it is one.
    Real(f64),
    /// Text, or any value as the database prints it.
    Text(String),
    /// Bytes, or text that is none.
    Bytes(Vec<u8>),
}

impl Cell {
    /// Bytes of its text or bytes, and a price for the value itself.
    pub fn weight(&self) -> usize {
        const PRICE: usize = 16;
        match self {
            Self::Null | Self::Integer(_) | Self::Real(_) => PRICE,
            Self::Text(text) => PRICE + text.len(),
            Self::Bytes(bytes) => PRICE + bytes.len(),
        }
    }
}

/// Refuses to count the rows that an INSERT with ON CONFLICT touches where the database does not say.
pub fn counts_conflicts(dialect: Dialect) -> Result<(), Unsupported> {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => Ok(()),
        Dialect::Mariadb => {
            Err(Unsupported("MariaDB does not say how many rows an INSERT with ON CONFLICT touched".into()))
        }
    }
}

/// The value that a cell is. None: it is not of the column's type, as SQLite keeps what it is given, and other programs
/// give it what they like.
pub fn read_answer(dialect: Dialect, answer: &Answer, cell: Cell) -> Option<Value> {
    if cell == Cell::Null {
        return Some(Value::Null);
    }
    let exact = match answer {
        Answer::Exact(exact) => exact,
        Answer::Decimal => return decimal(cell),
    };
    let value = match (exact, cell) {
        (ColumnType::Boolean, cell) => boolean(dialect, cell)?,
        (ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger, cell) => match cell {
            Cell::Integer(number) => Value::Integer(number),
            Cell::Text(text) if dialect != Dialect::Sqlite => Value::numeric(&text).ok()?,
            _ => return None,
        },
        (ColumnType::Numeric { precision, scale }, cell) => numeric(dialect, *precision, *scale, cell)?,
        (ColumnType::Float, cell) if dialect != Dialect::Sqlite => shortest(&double(dialect, cell)?)?,
        (ColumnType::Double | ColumnType::Float, cell) => double(dialect, cell)?,
        (ColumnType::Binary | ColumnType::LargeBinary(_), cell) => Value::Binary(binary(dialect, cell)?),
        (
            ColumnType::Varchar(_)
            | ColumnType::Char(_)
            | ColumnType::Text
            | ColumnType::LargeText(_)
            | ColumnType::Enumeration(_),
            Cell::Text(text),
        ) => Value::text(text).ok()?,
        (ColumnType::Date, Cell::Text(text)) => Value::date(&text).ok()?,
        (ColumnType::Time(_), Cell::Text(text)) => Value::time(&text).ok()?,
        (ColumnType::Timestamp(_), Cell::Text(text)) => Value::timestamp(&text).ok()?,
        (ColumnType::TimestampWithZone(_), Cell::Text(text)) => moment(&text)?,
        (ColumnType::Uuid, Cell::Text(text)) => Value::uuid(&text).ok()?,
        (ColumnType::Json | ColumnType::JsonBinary, Cell::Text(text)) => Value::json(text).ok()?,
        // SQLite keeps a document that is a number as one.
        (ColumnType::Json, Cell::Integer(number)) => Value::json(number.to_string()).ok()?,
        (ColumnType::Json, Cell::Real(number)) => Value::json(format!("{number:?}")).ok()?,
        _ => return None,
    };
    match exact {
        // A column may be declared shorter than what SQLite keeps in it.
        ColumnType::Numeric { .. } => Some(value),
        exact => coerce(&value, exact).ok(),
    }
}

fn boolean(dialect: Dialect, cell: Cell) -> Option<Value> {
    let truth = match (dialect, &cell) {
        (Dialect::Sqlite, Cell::Integer(number)) => match number {
            0 => false,
            1 => true,
            _ => return None,
        },
        (Dialect::Postgres | Dialect::Mariadb, Cell::Text(text)) => match text.as_str() {
            "0" | "f" => false,
            "1" | "t" => true,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Boolean(truth))
}

fn double(dialect: Dialect, cell: Cell) -> Option<Value> {
    match cell {
        Cell::Real(number) => Value::double(number).ok(),
        Cell::Integer(number) => coerce(&Value::Integer(number), &ColumnType::Double).ok(),
        Cell::Text(text) if dialect != Dialect::Sqlite => Value::double(text.parse().ok()?).ok(),
        _ => None,
    }
}

/// A number of 32 bits by the fewest digits that tell it from the others, as it was given.
#[expect(clippy::cast_possible_truncation, reason = "it has no more bits")]
fn shortest(value: &Value) -> Option<Value> {
    let Value::Double(number) = value else { return None };
    Value::double((number.get() as f32).to_string().parse().ok()?).ok()
}

/// A decimal with as many digits after the point as its type has. SQLite, which has no decimals, is a little beside it
/// with what it computes.
fn numeric(dialect: Dialect, precision: u8, scale: u8, cell: Cell) -> Option<Value> {
    let digits = usize::from(scale);
    let text = match cell {
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) if number.is_finite() => {
            let rounded = format!("{number:.digits$}");
            let distance = (number - rounded.parse::<f64>().ok()?).abs();
            if distance > number.abs().max(1.0) * 1e-9 {
                return None;
            }
            rounded
        }
        Cell::Text(text) if dialect != Dialect::Sqlite => text,
        _ => return None,
    };
    let Value::Numeric(text) = Value::numeric(&text).ok()? else { return None };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (kept, beyond) = fraction.split_at_checked(digits).unwrap_or((fraction, ""));
    if beyond.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let whole_digits = whole.trim_start_matches('-').trim_start_matches('0').len();
    if whole_digits + digits > usize::from(precision) {
        return None;
    }
    let point = if digits == 0 { "" } else { "." };
    Value::numeric(&format!("{whole}{point}{kept:0<digits$}")).ok()
}

/// A decimal as the database has it.
fn decimal(cell: Cell) -> Option<Value> {
    match cell {
        Cell::Integer(number) => Value::numeric(&number.to_string()).ok(),
        Cell::Real(number) if number.is_finite() => Value::numeric(&number.to_string()).ok(),
        Cell::Text(text) => Value::numeric(&text).ok(),
        _ => None,
    }
}

fn binary(dialect: Dialect, cell: Cell) -> Option<Vec<u8>> {
    match (dialect, cell) {
        (_, Cell::Bytes(bytes)) => Some(bytes),
        (Dialect::Postgres, Cell::Text(text)) => {
            let digits = text.strip_prefix("\\x")?.as_bytes();
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let pair = |pair: &[u8]| match pair {
                [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
                _ => None,
            };
            digits.chunks(2).map(pair).collect()
        }
        // Its protocol has one kind for both.
        (Dialect::Mariadb, Cell::Text(text)) => Some(text.into_bytes()),
        _ => None,
    }
}

/// A moment as PostgreSQL prints it, whose sessions are in UTC.
fn moment(text: &str) -> Option<Value> {
    match Value::timestamp(text.strip_suffix("+00")?).ok()? {
        Value::Timestamp(utc) => Some(Value::TimestampWithZone(utc)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_sqlite_keeps_as_a_number_is_read_as_the_document() {
        let read = |cell| read_answer(Dialect::Sqlite, &Answer::Exact(ColumnType::Json), cell);
        for (cell, text) in [(Cell::Integer(-5), "-5"), (Cell::Real(0.5), "0.5"), (Cell::Real(1e300), "1e300")] {
            assert_eq!(read(cell), Value::json(text).ok());
        }
        assert_eq!(read(Cell::Real(f64::INFINITY)), None);
    }
}
