//! Whether a value fits a column, and what it is there. The same on every dialect.

use super::value::invalid;
use super::{ColumnType, Value, ValueError};

const OTHER_TYPE: &str = ": it is of another type";
const RANGE: &str = ": it is out of range";

/// The value as a column of that type holds it: a text becomes a date in a date column, and so on. NULL
/// fits everywhere.
///
/// # Errors
/// The value is of another kind, out of range, too long or has more digits than the column.
pub fn coerce(value: &Value, column_type: &ColumnType) -> Result<Value, ValueError> {
    if *value == Value::Null {
        return Ok(Value::Null);
    }
    // A label is a text wherever it goes.
    if let Value::Label(name, label) = value {
        return match column_type {
            ColumnType::Enumeration(of) if name.is_some() && of.name.is_some() && *name != of.name => {
                Err(invalid("enumeration", OTHER_TYPE))
            }
            _ => coerce(&Value::Text(label.as_str().to_owned()), column_type),
        };
    }
    match *column_type {
        ColumnType::Boolean => boolean(value),
        ColumnType::SmallInteger => integer(value, "small-integer", i64::from(i16::MIN), i64::from(i16::MAX)),
        ColumnType::Integer => integer(value, "integer", i64::from(i32::MIN), i64::from(i32::MAX)),
        ColumnType::BigInteger => integer(value, "big-integer", i64::MIN, i64::MAX),
        ColumnType::Numeric { precision, scale } => numeric(value, usize::from(precision), usize::from(scale)),
        ColumnType::Float => float(value),
        ColumnType::Double => double(value),
        ColumnType::Varchar(None) => same(value, "varchar", |value| matches!(value, Value::Text(_))),
        ColumnType::Varchar(Some(length)) => match value {
            Value::Text(text) if is_longer(text, length) => Err(invalid("varchar", ": it is longer than the column")),
            Value::Text(_) => Ok(value.clone()),
            _ => Err(invalid("varchar", OTHER_TYPE)),
        },
        ColumnType::Char(length) => match value {
            Value::Text(text) if is_longer(text.trim_end_matches(' '), length) => {
                Err(invalid("char", ": it is longer than the column"))
            }
            Value::Text(text) => Ok(Value::Text(text.trim_end_matches(' ').to_owned())),
            _ => Err(invalid("char", OTHER_TYPE)),
        },
        ColumnType::Text | ColumnType::LargeText(_) => same(value, "text", |value| matches!(value, Value::Text(_))),
        ColumnType::Binary | ColumnType::LargeBinary(_) => {
            same(value, "binary", |value| matches!(value, Value::Binary(_)))
        }
        ColumnType::Date => text_or(value, "date", Value::date, |value| matches!(value, Value::Date(_))),
        ColumnType::Time(digits) => {
            let time = text_or(value, "time", Value::time, |value| matches!(value, Value::Time(_)));
            time.map(|time| cut(time, digits))
        }
        ColumnType::Timestamp(digits) => timestamp(value).map(|timestamp| cut(timestamp, digits)),
        ColumnType::TimestampWithZone(digits) => {
            let is_moment = |value: &Value| matches!(value, Value::TimestampWithZone(_));
            let moment = text_or(value, "timestamp-with-zone", Value::timestamp_with_zone, is_moment);
            moment.map(|moment| cut(moment, digits))
        }
        ColumnType::Uuid => text_or(value, "uuid", Value::uuid, |value| matches!(value, Value::Uuid(_))),
        ColumnType::Enumeration(ref of) => match value {
            Value::Text(text) => of
                .labels
                .iter()
                .find(|label| label.as_str() == text)
                .map(|label| Value::Label(of.name.clone(), label.clone()))
                .ok_or_else(|| invalid("enumeration", ": it is none of its labels")),
            _ => Err(invalid("enumeration", OTHER_TYPE)),
        },
        ColumnType::Json | ColumnType::JsonBinary => {
            text_or(value, "json", |text| Value::json(text), |value| matches!(value, Value::Json(_)))
        }
    }
}

fn is_longer(text: &str, length: u32) -> bool {
    text.chars().nth(usize::try_from(length).unwrap_or(usize::MAX)).is_some()
}

fn same(value: &Value, expected: &'static str, fits: fn(&Value) -> bool) -> Result<Value, ValueError> {
    if fits(value) { Ok(value.clone()) } else { Err(invalid(expected, OTHER_TYPE)) }
}

/// A truth value, also as SQLite and MariaDB keep one and PostgreSQL reads one.
fn boolean(value: &Value) -> Result<Value, ValueError> {
    let truth = match value {
        Value::Boolean(truth) => Some(*truth),
        Value::Integer(number @ (0 | 1)) => Some(*number == 1),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" => Some(true),
            "0" | "f" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    };
    truth.map(Value::Boolean).ok_or_else(|| invalid("boolean", OTHER_TYPE))
}

fn text_or(
    value: &Value,
    expected: &'static str,
    parse: fn(&str) -> Result<Value, ValueError>,
    fits: fn(&Value) -> bool,
) -> Result<Value, ValueError> {
    match value {
        Value::Text(text) => parse(text),
        _ => same(value, expected, fits),
    }
}

fn timestamp(value: &Value) -> Result<Value, ValueError> {
    match value {
        // A moment is kept in UTC and loses its zone.
        Value::TimestampWithZone(text) => Ok(Value::Timestamp(text.clone())),
        // So does a text that names one, whether or not the dialect tells the two types apart.
        Value::Text(text) => Value::timestamp(text).or_else(|error| match Value::timestamp_with_zone(text) {
            Ok(Value::TimestampWithZone(utc)) => Ok(Value::Timestamp(utc)),
            _ => Err(error),
        }),
        _ => same(value, "timestamp", |value| matches!(value, Value::Timestamp(_))),
    }
}

/// A time with at most so many digits after the second: what is beyond them is left out, as MariaDB does it.
pub(crate) fn cut(value: Value, digits: u8) -> Value {
    let short = |text: String| match text.split_once('.') {
        None => text,
        Some((whole, fraction)) => {
            match fraction.get(..usize::from(digits)).unwrap_or(fraction).trim_end_matches('0') {
                "" => whole.to_owned(),
                kept => format!("{whole}.{kept:0<6}"),
            }
        }
    };
    match value {
        Value::Time(text) => Value::Time(short(text)),
        Value::Timestamp(text) => Value::Timestamp(short(text)),
        Value::TimestampWithZone(text) => Value::TimestampWithZone(short(text)),
        other => other,
    }
}

fn integer(value: &Value, expected: &'static str, low: i64, high: i64) -> Result<Value, ValueError> {
    let number = match value {
        Value::Integer(number) => *number,
        // A decimal without a fraction, however it is spelt.
        Value::Numeric(text) => without_zeros(text).parse().map_err(|_| invalid(expected, RANGE))?,
        _ => return Err(invalid(expected, OTHER_TYPE)),
    };
    if (low..=high).contains(&number) { Ok(Value::Integer(number)) } else { Err(invalid(expected, RANGE)) }
}

/// Kept as it is given, as SQLite does; the other databases round it to 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what the databases do")]
fn float(value: &Value) -> Result<Value, ValueError> {
    match double(value).map_err(|_| invalid("float", OTHER_TYPE))? {
        Value::Double(number) if !(number.get() as f32).is_finite() => Err(invalid("float", RANGE)),
        fitting => Ok(fitting),
    }
}

fn double(value: &Value) -> Result<Value, ValueError> {
    let fail = || invalid("double", RANGE);
    match value {
        Value::Double(_) => Ok(value.clone()),
        Value::Integer(number) => number.to_string().parse().map_err(|_| fail()).and_then(Value::double),
        Value::Numeric(text) => text.parse().map_err(|_| fail()).and_then(Value::double),
        _ => Err(invalid("double", OTHER_TYPE)),
    }
}

fn numeric(value: &Value, precision: usize, scale: usize) -> Result<Value, ValueError> {
    let number = match value {
        Value::Numeric(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => match Value::numeric(text)? {
            Value::Numeric(text) => text,
            _ => return Err(invalid("numeric", OTHER_TYPE)),
        },
        _ => return Err(invalid("numeric", OTHER_TYPE)),
    };
    let short = without_zeros(&number);
    let (whole, fraction) = short.split_once('.').unwrap_or((short, ""));
    let whole = whole.trim_start_matches('-').trim_start_matches('0');
    if fraction.len() > scale {
        return Err(invalid("numeric", ": it has more digits after the point than the column"));
    }
    if whole.len() + scale > precision {
        return Err(invalid("numeric", RANGE));
    }
    // The scale stays as given where the column has room for it.
    let given = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    Value::numeric(if given > scale { short } else { &number })
}

/// A decimal without zeros at the end of its fraction.
pub(crate) fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(text: &str) -> Value {
        Value::numeric(text).unwrap_or(Value::Null)
    }

    #[test]
    fn a_value_takes_the_form_of_its_column() {
        let text = |text: &str| Value::Text(text.into());
        for (value, column_type, expected) in [
            (Value::Null, ColumnType::Uuid, Value::Null),
            (Value::Integer(-32_768), ColumnType::SmallInteger, Value::Integer(-32_768)),
            (numeric("5.00"), ColumnType::Integer, Value::Integer(5)),
            (Value::Integer(7), ColumnType::Numeric { precision: 3, scale: 2 }, numeric("7")),
            (numeric("-9.9900"), ColumnType::Numeric { precision: 3, scale: 2 }, numeric("-9.99")),
            (numeric("0.99"), ColumnType::Numeric { precision: 2, scale: 2 }, numeric("0.99")),
            (text("1.50"), ColumnType::Numeric { precision: 3, scale: 2 }, numeric("1.50")),
            (text("2026-01-02"), ColumnType::Date, Value::Date("2026-01-02".into())),
            (text("2026-01-02T03:04:05"), ColumnType::Timestamp(6), Value::Timestamp("2026-01-02 03:04:05".into())),
            (
                Value::TimestampWithZone("2026-01-02 03:04:05".into()),
                ColumnType::Timestamp(6),
                Value::Timestamp("2026-01-02 03:04:05".into()),
            ),
            (
                text("2026-01-02T05:04:05+02:00"),
                ColumnType::Timestamp(6),
                Value::Timestamp("2026-01-02 03:04:05".into()),
            ),
            (text("10:00:00.999"), ColumnType::Time(0), Value::Time("10:00:00".into())),
            (text("10:00:00.123456"), ColumnType::Time(2), Value::Time("10:00:00.120000".into())),
            (
                text("2026-01-02 03:04:05.000999"),
                ColumnType::Timestamp(3),
                Value::Timestamp("2026-01-02 03:04:05".into()),
            ),
            (
                text("2026-01-02T03:04:05.5Z"),
                ColumnType::TimestampWithZone(1),
                Value::TimestampWithZone("2026-01-02 03:04:05.500000".into()),
            ),
            (text("äöü"), ColumnType::Varchar(Some(3)), text("äöü")),
            (text("äöü"), ColumnType::Varchar(None), text("äöü")),
            (text("äöü  "), ColumnType::Char(3), text("äöü")),
            (text("  "), ColumnType::Char(1), text("")),
            (text("{}"), ColumnType::JsonBinary, Value::Json("{}".into())),
            (text("{}"), ColumnType::Json, Value::Json("{}".into())),
            (Value::Integer(1), ColumnType::Boolean, Value::Boolean(true)),
            (text("0"), ColumnType::Boolean, Value::Boolean(false)),
            (text("True"), ColumnType::Boolean, Value::Boolean(true)),
        ] {
            assert_eq!(coerce(&value, &column_type), Ok(expected), "{value:?} into {column_type}");
        }
        assert_eq!(coerce(&numeric("1.5"), &ColumnType::Double), Value::double(1.5));
        assert_eq!(coerce(&Value::Integer(2), &ColumnType::Double), Value::double(2.0));
        assert_eq!(coerce(&numeric("0.1"), &ColumnType::Float), Value::double(0.1));
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        for (value, column_type) in [
            (Value::Integer(2), ColumnType::Boolean),
            (Value::Text("yes".into()), ColumnType::Boolean),
            (Value::Boolean(true), ColumnType::Integer),
            (Value::Integer(32_768), ColumnType::SmallInteger),
            (Value::Integer(1 << 31), ColumnType::Integer),
            (numeric("5.5"), ColumnType::Integer),
            (numeric("9223372036854775808"), ColumnType::BigInteger),
            (Value::Text("5".into()), ColumnType::Integer),
            (numeric("10"), ColumnType::Numeric { precision: 3, scale: 2 }),
            (numeric("1"), ColumnType::Numeric { precision: 2, scale: 2 }),
            (numeric("1.001"), ColumnType::Numeric { precision: 5, scale: 2 }),
            (Value::Text("abcd".into()), ColumnType::Varchar(Some(3))),
            (Value::Integer(1), ColumnType::Varchar(None)),
            (Value::Text("abcd".into()), ColumnType::Char(3)),
            (Value::Integer(1), ColumnType::Char(3)),
            (numeric(&"9".repeat(39)), ColumnType::Float),
            (Value::Text("1".into()), ColumnType::Float),
            (Value::Text("x".into()), ColumnType::Binary),
            (Value::Text("2026-02-30".into()), ColumnType::Date),
            (Value::Text("2026-01-01 10:00:00".into()), ColumnType::TimestampWithZone(6)),
            (Value::Timestamp("2026-01-01 10:00:00".into()), ColumnType::TimestampWithZone(6)),
            (Value::Integer(1), ColumnType::Text),
            (Value::Text("{".into()), ColumnType::Json),
        ] {
            assert!(coerce(&value, &column_type).is_err(), "{value:?} went into {column_type}");
        }
    }
}
