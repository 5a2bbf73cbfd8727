//! Values under a new type. SQLite itself converts little and refuses nothing: what the other databases convert
//! is converted here, and what they refuse is found by a condition that every new value has to meet.

use crate::operation::ColumnType;

/// How values get from one type to another.
pub(super) struct Conversion {
    /// The new value out of the old one.
    pub(super) value: String,
    /// What every new value that is not NULL has to meet; none if all do.
    pub(super) fits: Option<String>,
}

/// A double without its fraction, halves to the even number, as the other databases have it.
fn to_even(c: &str) -> String {
    let whole = format!("CAST({c} AS INTEGER)");
    format!(
        "{whole} + CASE WHEN abs({c} - {whole}) > 0.5 OR abs({c} - {whole}) = 0.5 AND {whole} % 2 <> 0 \
         THEN CASE WHEN {c} < 0 THEN -1 ELSE 1 END ELSE 0 END"
    )
}

/// The conversion for a column, given quoted; none between types of which the one does not become the other.
pub(super) fn conversion(from: &ColumnType, to: &ColumnType, column: &str) -> Option<Conversion> {
    use ColumnType::{
        BigInteger, Char, Date, Double, Float, Integer, Json, Numeric, SmallInteger, Text, Timestamp,
        TimestampWithZone, Uuid, Varchar,
    };
    let c = column;
    let is_text = matches!(from, Text | Varchar(_) | Char(_));
    let is_number = from.is_number();
    let range = |low: i64, high: i64| format!("typeof({c}) = 'integer' AND {c} BETWEEN {low} AND {high}");
    // What is too large for an integer stays as it is, and does not fit.
    let rounded = || {
        let whole = match from {
            Float | Double => to_even(c),
            // Of a decimal halves go away from zero.
            _ => format!("CAST(round({c}) AS INTEGER)"),
        };
        format!("CASE WHEN typeof({c}) = 'real' AND abs({c}) < 9e18 THEN {whole} ELSE {c} END")
    };
    // A number with a point goes through a double, which holds 15 digits: what has more is made a value that never fits.
    let spelt = |digits: i16| {
        format!("CASE WHEN {c} GLOB '*[.eE]*' AND abs(CAST({c} AS REAL)) >= 1e{digits} THEN x'' ELSE {c} END")
    };
    let whole = || {
        if is_text {
            spelt(15)
        } else if from.is_integer() {
            c.to_owned()
        } else {
            rounded()
        }
    };
    let (value, fits) = match to {
        SmallInteger if is_number || is_text => (whole(), range(i16::MIN.into(), i16::MAX.into())),
        Integer if is_number || is_text => (whole(), range(i32::MIN.into(), i32::MAX.into())),
        BigInteger if is_number || is_text => (whole(), format!("typeof({c}) = 'integer'")),
        Numeric { precision, scale } if is_number || is_text => {
            let digits = 15 - i16::from(*scale);
            let exact = if is_text { format!("abs({c}) < 1e{digits} AND ") } else { String::new() };
            (
                match is_text {
                    true => spelt(digits),
                    // The others round the decimal number that is meant: 1.005 is a half, though its double is less. What is
                    // added makes up for that, and is less than the 15th digit.
                    false => {
                        format!("CASE WHEN typeof({c}) = 'real' THEN round({c} + {c} * 4e-16, {scale}) ELSE {c} END")
                    }
                },
                format!(
                    "typeof({c}) IN ('integer', 'real') AND abs({c}) < 1e{} AND (typeof({c}) = 'integer' OR {exact}round({c}, {scale}) = {c})",
                    precision.saturating_sub(*scale)
                ),
            )
        }
        Float | Double if is_number || is_text => (c.to_owned(), format!("typeof({c}) = 'real'")),
        Text | Varchar(_) | Char(_) => {
            let value = match from {
                Text | Varchar(_) | Char(_) | Date | SmallInteger | Integer | BigInteger => c.to_owned(),
                Json => format!("CAST({c} AS TEXT)"),
                Numeric { scale, .. } => decimal(c, *scale),
                Uuid => dashed(c),
                _ => return None,
            };
            let length = match to {
                Varchar(Some(length)) | Char(length) => format!(" AND length({c}) <= {length}"),
                _ => String::new(),
            };
            // Spaces at the end of a short text are none.
            let value = if matches!(to, Char(_)) { format!("rtrim({value}, ' ')") } else { value };
            (value, format!("typeof({c}) = 'text'{length}"))
        }
        Date if is_text => (c.to_owned(), format!("date({c}) IS {c}")),
        ColumnType::Time(_) if is_text => {
            (c.to_owned(), format!("time(substr({c}, 1, 8)) IS substr({c}, 1, 8) AND {}", fraction(c, 9)))
        }
        Timestamp(_) | TimestampWithZone(_) if is_text || *from == Date => (
            format!(
                "CASE WHEN length({c}) = 10 THEN {c} || ' 00:00:00' \
                 WHEN substr({c}, 11, 1) = 'T' THEN substr({c}, 1, 10) || ' ' || substr({c}, 12) ELSE {c} END"
            ),
            format!("datetime(substr({c}, 1, 19)) IS substr({c}, 1, 19) AND {}", fraction(c, 20)),
        ),
        Timestamp(_) | TimestampWithZone(_) if matches!(from, Timestamp(_) | TimestampWithZone(_)) => {
            return Some(as_it_is(c));
        }
        Uuid if is_text => {
            (format!("lower(replace({c}, '-', ''))"), format!("length({c}) = 32 AND {c} NOT GLOB '*[^0-9a-f]*'"))
        }
        // A column of this type makes a number of a text that spells one.
        Json if is_text => (c.to_owned(), format!("json_valid({c}) AND (typeof({c}) <> 'real' OR length({c}) < 16)")),
        Json if is_number => (c.to_owned(), format!("typeof({c}) IN ('integer', 'real')")),
        _ => return None,
    };
    Some(Conversion { value, fits: Some(fits) })
}

fn as_it_is(column: &str) -> Conversion {
    Conversion { value: column.to_owned(), fits: None }
}

/// A decimal with all the digits after the point that its type has.
fn decimal(c: &str, scale: u8) -> String {
    let zeros = if scale == 0 { String::new() } else { format!(" || '.{}'", "0".repeat(scale.into())) };
    format!(
        "CASE typeof({c}) WHEN 'integer' THEN CAST({c} AS TEXT){zeros} WHEN 'real' THEN printf('%.{scale}f', {c}) ELSE {c} END"
    )
}

fn dashed(c: &str) -> String {
    let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
    let parts = parts.map(|(start, length)| format!("substr({c}, {start}, {length})"));
    format!("CASE WHEN length({c}) = 32 THEN {} ELSE {c} END", parts.join(" || '-' || "))
}

/// That nothing or a point and up to six digits stand from a place on.
fn fraction(c: &str, from: usize) -> String {
    format!(
        "(length({c}) < {from} OR substr({c}, {from}) GLOB '.[0-9]*' AND substr({c}, {from} + 1) NOT GLOB '*[^0-9]*' \
         AND length({c}) <= {from} + 6)"
    )
}
