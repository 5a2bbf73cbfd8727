//! Names of column types in SQL → the types of the model. What is not here is `unsupported`.

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use super::{Grammar, ParseError, unsupported};
use crate::operation::{ColumnType, LargeSize};

/// The type of a column. A type that numbers its column, such as `serial`, is that of the numbers.
pub(super) fn column_type(grammar: Grammar, name: &DataType) -> Result<ColumnType, ParseError> {
    let sqlite = grammar == Grammar::Sqlite;
    let mariadb = grammar == Grammar::Mariadb;
    Ok(match name {
        DataType::Boolean | DataType::Bool => ColumnType::Boolean,
        DataType::TinyInt(Some(1)) if mariadb => ColumnType::Boolean,
        DataType::SmallInt(_) | DataType::Int2(_) => ColumnType::SmallInteger,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => ColumnType::Integer,
        DataType::BigInt(_) | DataType::Int8(_) => ColumnType::BigInteger,
        DataType::Numeric(size) | DataType::Decimal(size) | DataType::Dec(size) => numeric(size)?,
        DataType::Real | DataType::Float4 if grammar == Grammar::Postgres => ColumnType::Float,
        DataType::Float(ExactNumberInfo::None) if sqlite || mariadb => ColumnType::Float,
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float8 => ColumnType::Double,
        DataType::Float(ExactNumberInfo::None) if grammar == Grammar::Postgres => ColumnType::Double,
        DataType::Varchar(length) | DataType::CharacterVarying(length) => varchar(length.as_ref())?,
        // What SQLAlchemy calls a UUID there.
        DataType::Char(Some(CharacterLength::IntegerLength { length: 32, .. })) if sqlite => ColumnType::Uuid,
        DataType::Char(length) | DataType::Character(length) => char(length.as_ref())?,
        DataType::Text => ColumnType::Text,
        DataType::MediumText if mariadb => ColumnType::LargeText(LargeSize::Medium),
        DataType::LongText if mariadb => ColumnType::LargeText(LargeSize::Long),
        DataType::Bytea if !mariadb => ColumnType::Binary,
        DataType::Blob(None) if sqlite || mariadb => ColumnType::Binary,
        DataType::MediumBlob if mariadb => ColumnType::LargeBinary(LargeSize::Medium),
        DataType::LongBlob if mariadb => ColumnType::LargeBinary(LargeSize::Long),
        DataType::Date => ColumnType::Date,
        DataType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            ColumnType::Time(fraction(grammar, *digits)?)
        }
        DataType::Timestamp(digits, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            ColumnType::TimestampWithZone(fraction(grammar, *digits)?)
        }
        // MariaDB's own TIMESTAMP is another type.
        DataType::Timestamp(digits, _) if !mariadb => ColumnType::Timestamp(fraction(grammar, *digits)?),
        DataType::Datetime(digits) if sqlite || mariadb => ColumnType::Timestamp(fraction(grammar, *digits)?),
        DataType::Uuid => ColumnType::Uuid,
        DataType::JSON => ColumnType::Json,
        DataType::JSONB if grammar == Grammar::Postgres => ColumnType::JsonBinary,
        _ => return Err(unsupported("a column of this type is not allowed")),
    })
}

fn numeric(size: &ExactNumberInfo) -> Result<ColumnType, ParseError> {
    let (precision, scale) = match *size {
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::None => return Err(unsupported("numeric needs its digits: numeric(p, s)")),
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=65), Ok(scale)) if scale <= precision && scale <= 30 => {
            Ok(ColumnType::Numeric { precision, scale })
        }
        _ => Err(unsupported("numeric takes 1 to 65 digits, of them at most 30 after the point")),
    }
}

/// Digits after the second: six, but none on MariaDB, where nothing is said.
fn fraction(grammar: Grammar, digits: Option<u64>) -> Result<u8, ParseError> {
    let unsaid = if grammar == Grammar::Mariadb { 0 } else { ColumnType::FRACTION };
    match digits.map(u8::try_from) {
        None => Ok(unsaid),
        Some(Ok(digits)) if digits <= ColumnType::FRACTION => Ok(digits),
        _ => Err(unsupported("a time has at most six digits after the second")),
    }
}

/// One character, where nothing is said.
fn char(length: Option<&CharacterLength>) -> Result<ColumnType, ParseError> {
    match length {
        Some(CharacterLength::IntegerLength { length, unit: None }) => match u32::try_from(*length) {
            Ok(length @ 1..=ColumnType::VARCHAR) => Ok(ColumnType::Char(length)),
            _ => Err(unsupported(format!("char takes 1 to {} characters", ColumnType::VARCHAR))),
        },
        None => Ok(ColumnType::Char(1)),
        _ => Err(unsupported("char takes a number of characters")),
    }
}

fn varchar(length: Option<&CharacterLength>) -> Result<ColumnType, ParseError> {
    match length {
        Some(CharacterLength::IntegerLength { length, unit: None }) => match u32::try_from(*length) {
            Ok(length @ 1..=ColumnType::VARCHAR) => Ok(ColumnType::Varchar(Some(length))),
            _ => Err(unsupported(format!("varchar takes 1 to {} characters", ColumnType::VARCHAR))),
        },
        None => Ok(ColumnType::Varchar(None)),
        _ => Err(unsupported("varchar takes a number of characters")),
    }
}
