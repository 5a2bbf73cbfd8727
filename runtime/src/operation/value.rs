//! Typed values in canonical form. A text that is no valid value of its case never becomes a [`Value`],
//! and two spellings of one value become equal.

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::{Ident, Label};

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// SQL NULL.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite 64-bit number.
    Double(Finite),
    /// A decimal: sign, digits, point, digits; no leading zeros but one before the point, scale as given.
    Numeric(String),
    /// Text without U+0000.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// `YYYY-MM-DD`
    Date(String),
    /// `HH:MM:SS.ffffff`, the fraction only when it is not zero.
    Time(String),
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, the fraction only when it is not zero.
    Timestamp(String),
    /// The same in UTC, without a suffix.
    TimestampWithZone(String),
    /// Lower case with hyphens.
    Uuid(String),
    /// A JSON document, as given once it has parsed.
    Json(String),
    /// A label of an enumeration and its name, if it has one: what a text is that goes into such a column.
    Label(Option<Ident>, Label),
}

/// A 64-bit number that is neither NaN nor infinite; negative zero becomes zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Finite(f64);

impl Eq for Finite {}

impl Finite {
    /// None for NaN and infinities.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(if number == 0.0 { 0.0 } else { number }))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Why a text is no value of a type. Never holds the text: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {expected} value{hint}")]
pub struct ValueError {
    /// The type.
    pub expected: &'static str,
    hint: &'static str,
}

pub(super) fn invalid(expected: &'static str, hint: &'static str) -> ValueError {
    ValueError { expected, hint }
}

/// The longest decimal any dialect takes is 65 digits; PostgreSQL's larger ones are cut to that too.
const NUMERIC_DIGITS: usize = 65;

impl Value {
    /// A number from its text.
    pub fn double(number: f64) -> Result<Self, ValueError> {
        Finite::new(number).map(Self::Double).ok_or(invalid("double", ": NaN and infinities are refused"))
    }

    /// Text; U+0000 is refused, as PostgreSQL cannot hold it.
    pub fn text(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        if text.contains('\0') { Err(invalid("text", ": it holds U+0000")) } else { Ok(Self::Text(text)) }
    }

    /// A decimal, `[+-]digits[.digits]`.
    pub fn numeric(text: &str) -> Result<Self, ValueError> {
        let fail = || invalid("numeric", " such as -12.50");
        let (negative, digits) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !all_digits(whole)
            || !all_digits(fraction)
            || (digits.contains('.') && fraction.is_empty())
        {
            return Err(fail());
        }
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            rest => rest,
        };
        if whole.len() + fraction.len() > NUMERIC_DIGITS {
            return Err(invalid("numeric", ": more than 65 digits"));
        }
        let zero = whole == "0" && fraction.bytes().all(|byte| byte == b'0');
        let sign = if negative && !zero { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Self::Numeric(format!("{sign}{whole}{point}{fraction}")))
    }

    /// A date of the years 1 to 9999.
    pub fn date(text: &str) -> Result<Self, ValueError> {
        let fail = || invalid("date", ", YYYY-MM-DD");
        if text.len() != 10 {
            return Err(fail());
        }
        let date: civil::Date = text.parse().map_err(|_| fail())?;
        if date.year() < 1 { Err(fail()) } else { Ok(Self::Date(date.to_string())) }
    }

    /// A time of day to the microsecond.
    pub fn time(text: &str) -> Result<Self, ValueError> {
        let fail = || invalid("time", ", HH:MM:SS[.ffffff]");
        if text.contains(['+', '-', 'Z', 'z', 'T', 't']) {
            return Err(fail());
        }
        let time: civil::Time = text.parse().map_err(|_| fail())?;
        time_text(time).map(Self::Time).ok_or_else(fail)
    }

    /// A date and time to the microsecond, without a zone.
    pub fn timestamp(text: &str) -> Result<Self, ValueError> {
        let fail = || invalid("timestamp", ", YYYY-MM-DD HH:MM:SS[.ffffff]");
        let date_part = text.get(..10).ok_or_else(fail)?;
        let time_part = text.get(10..).and_then(|rest| rest.strip_prefix([' ', 'T'])).ok_or_else(fail)?;
        match (Self::date(date_part)?, Self::time(time_part)?) {
            (Self::Date(date), Self::Time(time)) => Ok(Self::Timestamp(format!("{date} {time}"))),
            _ => Err(fail()),
        }
    }

    /// A moment, RFC 3339 with `Z` or an offset; becomes UTC.
    pub fn timestamp_with_zone(text: &str) -> Result<Self, ValueError> {
        let fail = || invalid("timestamp-with-zone", ", RFC 3339 with Z or an offset");
        // Taken apart and put together: jiff's own moments end two hours before the year 9999 does.
        let parts = jiff::fmt::temporal::Pieces::parse(text).map_err(|_| fail())?;
        let (Some(time), Some(offset)) = (parts.time(), parts.to_numeric_offset()) else { return Err(fail()) };
        let offset = jiff::SignedDuration::from_secs(offset.seconds().into());
        let utc = parts.date().to_datetime(time).checked_sub(offset).map_err(|_| fail())?;
        if utc.year() < 1 {
            return Err(fail());
        }
        let time = time_text(utc.time()).ok_or_else(fail)?;
        Ok(Self::TimestampWithZone(format!("{} {time}", utc.date())))
    }

    /// A UUID in any of its usual text forms.
    pub fn uuid(text: &str) -> Result<Self, ValueError> {
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| invalid("uuid", ""))?;
        Ok(Self::Uuid(uuid.hyphenated().to_string()))
    }

    /// A JSON document; the escape `\u0000` is refused, as PostgreSQL cannot hold it in all uses.
    pub fn json(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        if text.contains('\0') || text.contains("\\u0000") {
            return Err(invalid("json", ": it holds U+0000"));
        }
        // Parsed for its syntax alone, so a number of any size keeps its text.
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|_| invalid("json", ""))?;
        if !is_portable_json(&text) {
            return Err(invalid("json", ": it is nested more than 31 deep, or an escape in it is half a character"));
        }
        Ok(Self::Json(text))
    }

    /// The number with the other sign; none for what is no number.
    pub(crate) fn negated(&self) -> Option<Self> {
        match self {
            Self::Integer(number) => match number.checked_neg() {
                Some(negated) => Some(Self::Integer(negated)),
                None => Self::numeric(&number.unsigned_abs().to_string()).ok(),
            },
            Self::Double(number) => Self::double(-number.get()).ok(),
            Self::Numeric(text) => match text.strip_prefix('-') {
                Some(rest) => Self::numeric(rest).ok(),
                None => {
                    let negated = format!("-{text}");
                    // The smallest integer comes back from what has no place among integers.
                    match negated.parse() {
                        Ok(smallest @ i64::MIN) => Some(Self::Integer(smallest)),
                        _ => Self::numeric(&negated).ok(),
                    }
                }
            },
            _ => None,
        }
    }

    /// Bytes of its text or bytes; none for the others.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Double(_) => 0,
            Self::Binary(bytes) => bytes.len(),
            Self::Numeric(text)
            | Self::Text(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::TimestampWithZone(text)
            | Self::Uuid(text)
            | Self::Json(text) => text.len(),
            Self::Label(_, label) => label.as_str().len(),
        }
    }

    /// What messages call its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::Numeric(_) => "numeric",
            Self::Text(_) => "text",
            Self::Binary(_) => "binary",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::TimestampWithZone(_) => "timestamp-with-zone",
            Self::Uuid(_) => "uuid",
            Self::Json(_) => "json",
            Self::Label(..) => "enumeration",
        }
    }
}

/// Levels of nesting that MariaDB takes.
const JSON_LEVELS: usize = 31;

/// Whether a document that parses is one to every database: MariaDB refuses deep ones and half surrogates.
fn is_portable_json(text: &str) -> bool {
    let (mut levels, mut in_text, mut high) = (0_usize, false, false);
    let mut rest = text.chars();
    while let Some(found) = rest.next() {
        match (in_text, found) {
            (false, '[' | '{') => levels += 1,
            (false, ']' | '}') => levels = levels.saturating_sub(1),
            (false, '"') => in_text = true,
            (false, _) => {}
            (true, '\\') => {
                let unit = match rest.next() {
                    Some('u') => {
                        rest.by_ref().take(4).fold(0, |unit, digit| unit * 16 + digit.to_digit(16).unwrap_or(0))
                    }
                    _ => 0,
                };
                if (0xdc00..0xe000).contains(&unit) != high {
                    return false;
                }
                high = (0xd800..0xdc00).contains(&unit);
            }
            (true, _) if high => return false,
            (true, '"') => in_text = false,
            (true, _) => {}
        }
        if levels > JSON_LEVELS {
            return false;
        }
    }
    true
}

/// None for a fraction finer than a microsecond, which no dialect keeps.
fn time_text(time: civil::Time) -> Option<String> {
    let nanoseconds = time.subsec_nanosecond();
    if nanoseconds % 1_000 != 0 {
        return None;
    }
    let whole = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if nanoseconds == 0 { Some(whole) } else { Some(format!("{whole}.{:06}", nanoseconds / 1_000)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_value_become_equal() {
        assert_eq!(Value::numeric("+007.50"), Ok(Value::Numeric("7.50".into())));
        assert_eq!(Value::numeric("-0.0"), Ok(Value::Numeric("0.0".into())));
        assert_eq!(Value::timestamp("2026-01-02T03:04:05"), Value::timestamp("2026-01-02 03:04:05.000000"));
        assert_eq!(
            Value::timestamp_with_zone("2026-01-02T03:04:05+02:00"),
            Ok(Value::TimestampWithZone("2026-01-02 01:04:05".into()))
        );
        assert_eq!(
            Value::uuid("{67E55044-10B1-426F-9247-BB680E5FE0C8}"),
            Ok(Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".into()))
        );
        assert_eq!(Value::double(-0.0), Value::double(0.0));
    }

    #[test]
    fn a_moment_may_be_the_first_and_the_last_of_all() {
        let utc = |text: &str| Ok(Value::TimestampWithZone(text.into()));
        assert_eq!(Value::timestamp_with_zone("0001-01-01T00:00:00Z"), utc("0001-01-01 00:00:00"));
        assert_eq!(Value::timestamp_with_zone("9999-12-31T23:59:59.999999Z"), utc("9999-12-31 23:59:59.999999"));
        assert_eq!(Value::timestamp_with_zone("9999-12-31T23:59:59+14:00"), utc("9999-12-31 09:59:59"));
    }

    #[test]
    fn refuses_what_no_database_keeps() {
        for text in ["", ".", "1.", ".5", "1e5", "--1", "1_0", "NaN", &"9".repeat(66)] {
            assert!(Value::numeric(text).is_err(), "numeric {text:?} was taken");
        }
        for text in ["", "2026-02-30", "2026-1-1", "0000-01-01", "2026-01-01x", "20260101"] {
            assert!(Value::date(text).is_err(), "date {text:?} was taken");
        }
        for text in ["", "25:00:00", "10:00:00.0000001", "10:00:00Z"] {
            assert!(Value::time(text).is_err(), "time {text:?} was taken");
        }
        for text in ["", "2026-01-01", "2026-01-01 10:00:00Z", "é026-01-01 10:00:00"] {
            assert!(Value::timestamp(text).is_err(), "timestamp {text:?} was taken");
        }
        for text in [
            "2026-01-01 10:00:00",
            "2026-01-01",
            "2026-01-01T10:00Zx",
            "9999-12-31T23:59:59-00:01",
            "0001-01-01T00:00:00+00:01",
        ] {
            assert!(Value::timestamp_with_zone(text).is_err(), "moment {text:?} was taken");
        }
        assert!(Value::double(f64::NAN).is_err());
        assert!(Value::text("a\0b").is_err());
        assert!(Value::json("{").is_err());
        assert!(Value::json("\"\\u0000\"").is_err());
        for (half, whole) in
            [("\\ud83d", "\\ud83d\\ude00"), ("\\ude00", "]"), ("\\ud83dx", "\\\\ud83d"), ("\\ud83d\\n", "[")]
        {
            assert!(Value::json(format!("[\"{half}\"]")).is_err(), "{half}");
            assert!(Value::json(format!("[\"{whole}\"]")).is_ok(), "{whole}");
        }
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Value::json(nested(31)).is_ok() && Value::json(nested(32)).is_err());
        assert!(Value::uuid("x").is_err());
    }
}
