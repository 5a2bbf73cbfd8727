//! What each portable column type is called on each dialect; the table is in `docs/types.md`.

use crate::dialect::Dialect;
use crate::operation::ColumnType;

/// The name of a column type.
pub fn type_name(dialect: Dialect, column_type: ColumnType) -> String {
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
        ColumnType::Double => pick("DOUBLE", "DOUBLE PRECISION", "DOUBLE"),
        ColumnType::Varchar(length) => format!("VARCHAR({length})"),
        ColumnType::Text => pick("TEXT", "TEXT", "TEXT"),
        ColumnType::Binary => pick("BLOB", "BYTEA", "BLOB"),
        ColumnType::Date => pick("DATE", "DATE", "DATE"),
        ColumnType::Time => pick("TIME", "TIME WITHOUT TIME ZONE", "TIME(6)"),
        ColumnType::Timestamp => pick("DATETIME", "TIMESTAMP WITHOUT TIME ZONE", "DATETIME(6)"),
        ColumnType::TimestampWithZone => pick("DATETIME", "TIMESTAMP WITH TIME ZONE", "DATETIME(6)"),
        ColumnType::Uuid => pick("CHAR(32)", "UUID", "UUID"),
        ColumnType::Json => pick("JSON", "JSON", "JSON"),
    }
}
