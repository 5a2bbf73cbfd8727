//! What each portable column type is called on each dialect; the table is in `docs/types.md`.

use crate::dialect::{Dialect, quote};
use crate::operation::{ColumnType, LargeSize};

const MOMENT: [&str; 3] = ["DATETIME", "TIMESTAMP", "DATETIME"];

/// A type of so many digits after the second: PostgreSQL takes the most of them without a word, MariaDB none, and
/// SQLite keeps what it is given.
fn fractional(dialect: Dialect, names: [&str; 3], zone: &str, digits: u8) -> String {
    let [sqlite, postgres, mariadb] = names;
    match (dialect, digits) {
        (Dialect::Sqlite, _) => sqlite.to_owned(),
        (Dialect::Postgres, ColumnType::FRACTION) => format!("{postgres}{zone}"),
        (Dialect::Postgres, _) => format!("{postgres}({digits}){zone}"),
        (Dialect::Mariadb, 0) => mariadb.to_owned(),
        (Dialect::Mariadb, _) => format!("{mariadb}({digits})"),
    }
}

/// The name of a column type.
pub fn type_name(dialect: Dialect, column_type: &ColumnType) -> String {
    let pick = |sqlite: &str, postgres: &str, mariadb: &str| {
        match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
            Dialect::Mariadb => mariadb,
        }
        .to_owned()
    };
    match column_type {
        ColumnType::Boolean => pick("BOOLEAN", "BOOLEAN", "BOOL"),
        ColumnType::SmallInteger => pick("SMALLINT", "SMALLINT", "SMALLINT"),
        ColumnType::Integer => pick("INTEGER", "INTEGER", "INTEGER"),
        ColumnType::BigInteger => pick("BIGINT", "BIGINT", "BIGINT"),
        ColumnType::Numeric { precision, scale } => format!("NUMERIC({precision}, {scale})"),
        ColumnType::Float => pick("FLOAT", "REAL", "FLOAT"),
        ColumnType::Double => pick("DOUBLE", "DOUBLE PRECISION", "DOUBLE"),
        ColumnType::Varchar(Some(length)) => format!("VARCHAR({length})"),
        ColumnType::Varchar(None) => "VARCHAR".to_owned(),
        ColumnType::Char(length) => format!("CHAR({length})"),
        ColumnType::Text => pick("TEXT", "TEXT", "TEXT"),
        ColumnType::LargeText(LargeSize::Medium) => pick("TEXT", "TEXT", "MEDIUMTEXT"),
        ColumnType::LargeText(LargeSize::Long) => pick("TEXT", "TEXT", "LONGTEXT"),
        ColumnType::LargeBinary(LargeSize::Medium) => pick("BLOB", "BYTEA", "MEDIUMBLOB"),
        ColumnType::LargeBinary(LargeSize::Long) => pick("BLOB", "BYTEA", "LONGBLOB"),
        ColumnType::Binary => pick("BLOB", "BYTEA", "BLOB"),
        ColumnType::Date => pick("DATE", "DATE", "DATE"),
        ColumnType::Time(digits) => fractional(dialect, ["TIME"; 3], " WITHOUT TIME ZONE", *digits),
        ColumnType::Timestamp(digits) => fractional(dialect, MOMENT, " WITHOUT TIME ZONE", *digits),
        ColumnType::TimestampWithZone(digits) => fractional(dialect, MOMENT, " WITH TIME ZONE", *digits),
        ColumnType::Uuid => pick("CHAR(32)", "UUID", "UUID"),
        ColumnType::Json => pick("JSON", "JSON", "JSON"),
        ColumnType::JsonBinary => pick("JSON", "JSONB", "JSON"),
        ColumnType::Enumeration(of) => match (dialect, &of.name) {
            (Dialect::Sqlite, _) => format!("VARCHAR({})", of.longest()),
            (Dialect::Postgres, Some(name)) => quote(dialect, name),
            // The model has refused it on PostgreSQL.
            (Dialect::Postgres, None) | (Dialect::Mariadb, _) => format!("ENUM({})", super::labels(&of.labels)),
        },
    }
}
