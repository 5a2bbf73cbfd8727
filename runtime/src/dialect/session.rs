//! Session settings, pinned on every connection, so that a statement means the same whatever the
//! server, the role and the database have as their defaults.

use std::time::Duration;

use super::Dialect;

/// Timeouts of a session; every one is finite.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// One statement.
    pub statement_timeout: Duration,
    /// Waiting for a database lock (table or row).
    pub lock_timeout: Duration,
    /// Idle inside a transaction.
    pub idle_timeout: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(15 * 60),
            lock_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// The statements that pin a fresh session. SQLite has no statement or idle timeout. PostgreSQL's
/// `search_path` is the connection's business.
pub fn session_statements(dialect: Dialect, settings: &SessionSettings) -> Vec<String> {
    let mut statements = script_preamble(dialect);
    match dialect {
        Dialect::Sqlite => statements.extend([
            format!("PRAGMA busy_timeout = {}", milliseconds(settings.lock_timeout)),
            "PRAGMA trusted_schema = OFF".to_owned(),
            "PRAGMA cell_size_check = ON".to_owned(),
        ]),
        Dialect::Postgres => statements.extend([
            format!("SET statement_timeout = {}", milliseconds(settings.statement_timeout)),
            format!("SET lock_timeout = {}", milliseconds(settings.lock_timeout)),
            format!("SET idle_in_transaction_session_timeout = {}", milliseconds(settings.idle_timeout)),
            "SET quote_all_identifiers = off".to_owned(),
            "SET bytea_output = 'hex'".to_owned(),
            "SET extra_float_digits = 1".to_owned(),
        ]),
        Dialect::Mariadb => statements.push(format!(
            "SET SESSION max_statement_time = {}, lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}, \
             idle_transaction_timeout = {}, sql_quote_show_create = 1",
            seconds(settings.statement_timeout),
            seconds(settings.idle_timeout),
            lock = seconds(settings.lock_timeout),
        )),
    }
    statements
}

/// The settings without which rendered statements mean something else; they stand at the head of an
/// offline script too.
pub fn script_preamble(dialect: Dialect) -> Vec<String> {
    let statements: &[&str] = match dialect {
        Dialect::Sqlite => &[
            "PRAGMA foreign_keys = ON",
            // A rename is followed by the foreign keys that refer to the table.
            "PRAGMA legacy_alter_table = OFF",
            "PRAGMA ignore_check_constraints = OFF",
            "PRAGMA recursive_triggers = OFF",
        ],
        Dialect::Postgres => &[
            "SET client_encoding = 'UTF8'",
            "SET standard_conforming_strings = on",
            "SET TimeZone = 'UTC'",
            "SET DateStyle = 'ISO, YMD'",
            "SET IntervalStyle = 'iso_8601'",
            "SET client_min_messages = warning",
            "SET transform_null_equals = off",
            // Row security that would hide rows from a statement is an error, not a smaller result.
            "SET row_security = off",
        ],
        Dialect::Mariadb => &[
            "SET NAMES utf8mb4",
            // NO_BACKSLASH_ESCAPES: literals are standard ones. NO_AUTO_VALUE_ON_ZERO: a zero is a zero.
            // SIMULTANEOUS_ASSIGNMENT: UPDATE reads the old values, as elsewhere.
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
             NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,SIMULTANEOUS_ASSIGNMENT'",
            "SET SESSION time_zone = '+00:00', foreign_key_checks = 1, unique_checks = 1, \
             check_constraint_checks = 1, explicit_defaults_for_timestamp = 1, sql_safe_updates = 0",
        ],
    };
    statements.iter().map(|&statement| statement.to_owned()).collect()
}

/// At least 1: 0 means no timeout.
fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis().clamp(1, i32::MAX as u128)
}

/// Rounded up, at least 1, within the bound of every MariaDB timeout.
fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).clamp(1, 31_536_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_is_ever_rounded_to_none() {
        let settings = SessionSettings {
            statement_timeout: Duration::ZERO,
            lock_timeout: Duration::from_micros(1),
            idle_timeout: Duration::from_nanos(1),
        };
        for dialect in Dialect::ALL {
            for statement in session_statements(dialect, &settings) {
                let timeouts = statement.split([',', ';']).filter(|part| part.contains("time"));
                for part in timeouts.filter(|part| part.contains("timeout") || part.contains("statement_time")) {
                    assert!(part.trim().ends_with(" 1"), "{dialect}: {part}");
                }
            }
        }
    }

    #[test]
    fn a_session_pins_all_that_a_script_pins() {
        for dialect in Dialect::ALL {
            let session = session_statements(dialect, &SessionSettings::default());
            assert!(session.starts_with(&script_preamble(dialect)));
        }
    }
}
