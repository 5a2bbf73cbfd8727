//! What a database answers when it does not do as asked: classed, and without row values.

use std::time::Duration;

use crate::dialect::SessionSettings;

/// Why a database did not do what was asked. No message holds a password, a URL's login or a row value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The URL cannot be used.
    #[error("invalid database URL: {0}")]
    Url(String),
    /// No connection came about.
    #[error("cannot connect to {target}: {reason}")]
    Unreachable {
        /// The target's label.
        target: String,
        /// Why.
        reason: String,
    },
    /// The server is of a kind or in a state that is not supported.
    #[error("{target}: {reason}")]
    Unsupported {
        /// The target's label.
        target: String,
        /// Why.
        reason: String,
    },
    /// The file is there and is no SQLite database.
    #[error("{0} is not a SQLite database")]
    NotADatabase(String),
    /// Nothing can be written there.
    #[error("{target} is read-only: {reason}")]
    ReadOnly {
        /// The target's label.
        target: String,
        /// What says so.
        reason: String,
    },
    /// Another session held a lock for longer than the lock timeout, or the two would have waited for each other.
    #[error("another session holds a lock that is needed: {message} ({code})")]
    Busy {
        /// SQLSTATE or number.
        code: String,
        /// The database's words.
        message: String,
    },
    /// The statement took longer than the statement timeout.
    #[error("the statement was stopped; its limit is {} s: {message} ({code})", limit.as_secs_f64())]
    StatementTimeout {
        /// How long a statement may take.
        limit: Duration,
        /// SQLSTATE or number.
        code: String,
        /// The database's words.
        message: String,
    },
    /// The database refused the statement.
    #[error("the database refused the statement: {message} ({code})")]
    Refused {
        /// SQLSTATE or number.
        code: String,
        /// The database's words without row values.
        message: String,
    },
    /// The connection broke off; what was not committed is rolled back.
    #[error("the connection to the database was lost: {0}")]
    Lost(String),
    /// The connection broke off during a commit.
    #[error("the connection to the database was lost during a commit: {0}; whether it took effect is not known")]
    CommitUnknown(String),
    /// The connection was closed, or a call on it was cancelled.
    #[error("the connection to the database is closed")]
    Closed,
    /// A begin inside a transaction, or a commit outside one or after an error: a mistake in the runner.
    #[error("transaction misuse: {0}")]
    Transaction(&'static str),
}

impl DatabaseError {
    /// Whether nothing more can be said on the connection, so that what became of a statement is not known.
    pub fn ends_the_session(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::CommitUnknown(_) | Self::Closed)
    }

    /// Whether rows do not keep a constraint: PostgreSQL's class 23, SQLite's SQLITE_CONSTRAINT.
    pub fn is_of_a_constraint(&self) -> bool {
        let Self::Refused { code, .. } = self else { return false };
        (code.len() == 5 && code.starts_with("23"))
            || code.parse::<u32>().is_ok_and(|code| code < 10_000 && code & 0xff == 19)
    }

    /// Whether a look met something that another session was just making or dropping. PostgreSQL looks some things up as
    /// they are now, not as of the transaction, and calls it an internal error; MariaDB has no table in a transaction that
    /// is younger than that (1412).
    pub fn is_torn(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "XX000" || code == "1412")
    }
}

/// The three databases' errors as one.
pub(super) fn classify(target: &str, settings: &SessionSettings, error: sqlx::Error) -> DatabaseError {
    let sqlx::Error::Database(database) = &error else {
        return DatabaseError::Lost(words(&error));
    };
    if let Some(error) = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        return postgres(target, settings, error);
    }
    if let Some(error) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return mariadb(target, settings, error.number(), error.message());
    }
    sqlite(target, settings, &database.code().unwrap_or_default(), database.message())
}

/// The text of an error that is not the database's own.
pub(super) fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) | sqlx::Error::Tls(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn postgres(target: &str, settings: &SessionSettings, error: &sqlx::postgres::PgDatabaseError) -> DatabaseError {
    use sqlx::postgres::PgSeverity;
    let code = error.code().to_owned();
    let message = match code.get(..2) {
        // "data exception": these messages quote the value.
        Some("22") => mask(error.message(), '"'),
        _ => error.message().to_owned(),
    };
    if matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        return DatabaseError::Lost(format!("{message} ({code})"));
    }
    match code.as_str() {
        "25006" => DatabaseError::ReadOnly { target: target.to_owned(), reason: message },
        "55P03" | "40P01" | "40001" => DatabaseError::Busy { code, message },
        "57014" => DatabaseError::StatementTimeout { limit: settings.statement_timeout, code, message },
        _ => DatabaseError::Refused { code, message },
    }
}

fn mariadb(target: &str, settings: &SessionSettings, number: u16, message: &str) -> DatabaseError {
    let code = number.to_string();
    let message = mariadb_words(number, message);
    match number {
        1290 | 1792 | 1836 => DatabaseError::ReadOnly { target: target.to_owned(), reason: message },
        1205 | 1213 => DatabaseError::Busy { code, message },
        1317 | 1969 => DatabaseError::StatementTimeout { limit: settings.statement_timeout, code, message },
        1053 | 1927 | 2006 | 2013 => DatabaseError::Lost(format!("{message} ({code})")),
        _ => DatabaseError::Refused { code, message },
    }
}

fn sqlite(target: &str, settings: &SessionSettings, code: &str, message: &str) -> DatabaseError {
    let (code, message) = (code.to_owned(), message.to_owned());
    match code.parse::<u32>().unwrap_or_default() & 0xff {
        5 | 6 => DatabaseError::Busy { code, message },
        8 => DatabaseError::ReadOnly { target: target.to_owned(), reason: message },
        9 => DatabaseError::StatementTimeout { limit: settings.statement_timeout, code, message },
        14 => {
            DatabaseError::ReadOnly { target: target.to_owned(), reason: format!("{message}; is its folder writable?") }
        }
        26 => DatabaseError::NotADatabase(target.to_owned()),
        _ => DatabaseError::Refused { code, message },
    }
}

/// MariaDB's words without values. Those that quote only names stay as they are.
fn mariadb_words(number: u16, message: &str) -> String {
    match number {
        1005
        | 1007
        | 1008
        | 1044..=1052
        | 1054
        | 1059..=1061
        | 1067..=1072
        | 1091
        | 1109
        | 1118
        | 1146
        | 1170
        | 1171
        | 1205
        | 1213
        | 1215
        | 1217
        | 1264
        | 1265
        | 1290
        | 1406
        | 1451
        | 1452
        | 1553
        | 1792
        | 1822
        | 1826
        | 1832..=1834
        | 1901
        | 1906
        | 1969
        | 4025 => message.to_owned(),
        // "Duplicate entry 'value' for key 'name'", "Incorrect integer value: 'value' for column `t`.`c` at row 1"
        _ => match message.rfind(" for key ").or_else(|| message.rfind(" for column ")) {
            Some(at) => {
                let (values, names) = message.split_at(at);
                format!("{}{names}", mask(values, '\''))
            }
            None => mask(message, '\''),
        },
    }
}

/// Everything from the first quote to the last becomes `'…'`.
fn mask(message: &str, quote: char) -> String {
    match (message.find(quote), message.rfind(quote)) {
        (Some(first), Some(last)) if last > first => {
            let (before, after) = (message.get(..first).unwrap_or_default(), message.get(last..).unwrap_or_default());
            format!("{before}{quote}…{after}")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_stays_in_a_message_and_names_do() {
        for (number, message, kept) in [
            (1062, "Duplicate entry 'secret for key x' for key 'uq_email'", "Duplicate entry '…' for key 'uq_email'"),
            (
                1366,
                "Incorrect integer value: 'secret' for column `d`.`t`.`c` at row 1",
                "Incorrect integer value: '…' for column `d`.`t`.`c` at row 1",
            ),
            (1292, "Truncated incorrect DOUBLE value: 'secret'", "Truncated incorrect DOUBLE value: '…'"),
            (1050, "Table 'pages' already exists", "Table 'pages' already exists"),
            (1064, "You have an error near 'INSERT 'secret'' at line 1", "You have an error near '…' at line 1"),
        ] {
            assert_eq!(mariadb_words(number, message), kept);
        }
        assert_eq!(
            mask("invalid input syntax for type integer: \"secret\"", '"'),
            "invalid input syntax for type integer: \"…\""
        );
    }
}
