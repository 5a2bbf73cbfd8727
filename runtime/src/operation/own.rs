//! Functions of one kind of database alone, allowed in its own grammar: what scripts say and no other database has by the same
//! meaning. They are rendered as they were written.

use serde::{Deserialize, Serialize};

use super::{Expr, Grammar, Value};

/// Such a function. Arity and constants are checked where text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnFunction {
    /// `hex(x)` of SQLite and MariaDB.
    Hex,
    /// `randomblob(n)` of SQLite, of a constant up to [`OwnFunction::MOST_RANDOM`].
    RandomBlob,
    /// `random()` of SQLite: a 64-bit integer.
    Random,
    /// `strftime(format, 'now')` of SQLite, the format being a constant.
    Strftime,
    /// `gen_random_uuid()` of PostgreSQL, `uuid()` of MariaDB.
    RandomUuid,
    /// `clock_timestamp()` of PostgreSQL.
    ClockTimestamp,
    /// `round(x)` and `round(x, n)`, in the way of the database.
    Round,
    /// `x -> key` of PostgreSQL and SQLite.
    JsonKey,
    /// `x ->> key` of PostgreSQL and SQLite.
    JsonKeyText,
    /// `x #> '{path}'` of PostgreSQL.
    JsonPath,
    /// `x #>> '{path}'` of PostgreSQL.
    JsonPathText,
    /// `json_extract(x, path)` of SQLite and MariaDB.
    JsonExtract,
    /// `json_unquote(x)` of MariaDB.
    JsonUnquote,
    /// `json_quote(x)` of SQLite.
    JsonQuote,
}

impl OwnFunction {
    /// The most bytes that `randomblob` makes.
    pub const MOST_RANDOM: i64 = 256;

    /// The function of this name in a grammar.
    pub fn of(grammar: Grammar, name: &str) -> Option<Self> {
        use Grammar::{Mariadb, Portable, Postgres, Sqlite};
        Some(match (name, grammar) {
            (_, Portable) => return None,
            ("hex", Sqlite | Mariadb) => Self::Hex,
            ("randomblob", Sqlite) => Self::RandomBlob,
            ("random", Sqlite) => Self::Random,
            ("strftime", Sqlite) => Self::Strftime,
            ("gen_random_uuid", Postgres) | ("uuid", Mariadb) => Self::RandomUuid,
            ("clock_timestamp", Postgres) => Self::ClockTimestamp,
            ("round", _) => Self::Round,
            ("json_extract", Sqlite | Mariadb) => Self::JsonExtract,
            ("json_unquote", Mariadb) => Self::JsonUnquote,
            ("json_quote", Sqlite) => Self::JsonQuote,
            _ => return None,
        })
    }

    /// Whether it may differ from call to call, or from run to run.
    pub fn is_volatile(self) -> bool {
        matches!(self, Self::RandomBlob | Self::Random | Self::Strftime | Self::RandomUuid | Self::ClockTimestamp)
    }

    /// Whether it has this many operands, and constants where it needs them.
    pub fn fits(self, arguments: &[Expr]) -> bool {
        let key = |argument: &Expr| matches!(argument, Expr::Value(Value::Text(_) | Value::Integer(_)));
        match (self, arguments) {
            (Self::Random | Self::RandomUuid | Self::ClockTimestamp, []) => true,
            (Self::RandomBlob, [Expr::Value(Value::Integer(bytes))]) => (1..=Self::MOST_RANDOM).contains(bytes),
            (Self::Strftime, [Expr::Value(Value::Text(_))]) => true,
            (Self::Hex | Self::JsonUnquote | Self::JsonQuote | Self::Round, [_]) => true,
            (Self::Round, [_, Expr::Value(Value::Integer(digits))]) => (0..=30).contains(digits),
            (Self::JsonKey | Self::JsonKeyText, [_, path]) => key(path),
            (Self::JsonExtract | Self::JsonPath | Self::JsonPathText, [_, Expr::Value(Value::Text(_))]) => true,
            _ => false,
        }
    }

    /// Whether it is written as an operator between its operands.
    pub fn is_operator(self) -> bool {
        matches!(self, Self::JsonKey | Self::JsonKeyText | Self::JsonPath | Self::JsonPathText)
    }
}
