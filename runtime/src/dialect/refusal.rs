//! What it is about rows that a database refuses, by the code of its error.

use serde::{Deserialize, Serialize};

use super::Dialect;

/// Why a database refused a statement for its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What it is about.
    pub kind: RefusalKind,
    /// The database's own code.
    pub code: String,
}

/// What it is about rows that a database refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Two rows would agree in a key.
    Unique,
    /// A column that may not hold NULL would.
    NotNull,
    /// A row would refer to one that is not there.
    ForeignKey,
    /// A check would not hold.
    Check,
    /// A value does not fit into its column, or cannot be worked out.
    Value,
}

impl RefusalKind {
    /// What is said of it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unique => "two of them would agree in a key",
            Self::NotNull => "a column may not hold NULL",
            Self::ForeignKey => "one would refer to a row that is not there",
            Self::Check => "a check would not hold",
            Self::Value => "a value does not fit into its column, or cannot be worked out",
        }
    }
}

/// What an error with this code is about, if it is about rows alone: no error of a trigger, which may say anything.
///
/// Codes: PostgreSQL's appendix "PostgreSQL Error Codes", classes 22 and 23; MariaDB's "Error Code Reference"; SQLite's
/// "Result and Error Codes".
pub fn refusal(dialect: Dialect, code: &str) -> Option<Refusal> {
    use RefusalKind::{Check, ForeignKey, NotNull, Unique, Value};
    let kind = match dialect {
        Dialect::Sqlite => match code {
            "1555" | "2067" | "2579" => Unique,
            "1299" => NotNull,
            "787" => ForeignKey,
            "275" => Check,
            // SQLITE_MISMATCH, and SQLITE_CONSTRAINT_DATATYPE of a strict table.
            "20" | "3091" => Value,
            _ => return None,
        },
        Dialect::Postgres => match code {
            "23505" | "23P01" => Unique,
            "23502" => NotNull,
            "23503" | "23001" => ForeignKey,
            "23514" => Check,
            code if code.starts_with("22") => Value,
            _ => return None,
        },
        Dialect::Mariadb => match code {
            "1062" | "1586" => Unique,
            "1048" | "1364" => NotNull,
            "1216" | "1217" | "1451" | "1452" => ForeignKey,
            "4025" => Check,
            "1264" | "1265" | "1292" | "1365" | "1366" | "1406" | "1690" => Value,
            _ => return None,
        },
    };
    Some(Refusal { kind, code: code.to_owned() })
}
