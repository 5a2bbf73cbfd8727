//! Session settings, pinned on every connection, so that a statement means the same whatever the
//! server, the role and the database have as their defaults.

use std::time::Duration;

use super::{Dialect, literal};
use crate::operation::Value;

/// Timeouts of a session; every one is finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// One statement.
    pub statement_timeout: Duration,
    /// Waiting for a database lock (table or row).
    pub lock_timeout: Duration,
    /// Idle inside a transaction; on SQLite nobody can end that.
    pub idle_timeout: Duration,
    /// How many bytes of memory SQLite may take in the whole process, whoever uses it there; none leaves that as it is. It can
    /// be lowered later, not raised.
    pub sqlite_memory: Option<u64>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(15 * 60),
            lock_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(60),
            sqlite_memory: None,
        }
    }
}

/// The statements that pin a fresh session. SQLite has no statement or idle timeout. PostgreSQL's
/// `search_path` is the connection's business.
pub fn session_statements(dialect: Dialect, settings: &SessionSettings) -> Vec<String> {
    let mut statements = script_preamble(dialect);
    match dialect {
        Dialect::Sqlite => {
            statements.extend([
                format!("PRAGMA busy_timeout = {}", milliseconds(settings.lock_timeout)),
                "PRAGMA trusted_schema = OFF".to_owned(),
                "PRAGMA cell_size_check = ON".to_owned(),
            ]);
            statements.extend(settings.sqlite_memory.map(|bytes| format!("PRAGMA hard_heap_limit = {bytes}")));
        }
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

/// MariaDB's modes. NO_BACKSLASH_ESCAPES: literals are standard ones. NO_AUTO_VALUE_ON_ZERO: a zero is a zero.
/// SIMULTANEOUS_ASSIGNMENT: UPDATE reads the old values, as elsewhere.
pub(super) const MODES: &str = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_BACKSLASH_ESCAPES,\
                     NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,SIMULTANEOUS_ASSIGNMENT";

/// The settings without which rendered statements mean something else; they stand at the head of an
/// offline script too.
pub fn script_preamble(dialect: Dialect) -> Vec<String> {
    let modes = format!("SET SESSION sql_mode = '{MODES}'");
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
            &modes,
            "SET SESSION time_zone = '+00:00', foreign_key_checks = 1, unique_checks = 1, \
             check_constraint_checks = 1, explicit_defaults_for_timestamp = 1, sql_safe_updates = 0",
        ],
    };
    statements.iter().map(|&statement| statement.to_owned()).collect()
}

/// What takes back a setting that no rollback does, after a transaction whose statement failed: a rebuild on SQLite may
/// have ended in its middle.
pub fn after_failure(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::Sqlite).then_some("PRAGMA writable_schema = RESET")
}

/// Whether a rollback was refused since the database had rolled back by itself: as SQLite does where a file cannot grow
/// (its section "Response To Errors Within A Transaction").
pub fn is_rolled_back(dialect: Dialect, refusal: &str) -> bool {
    dialect == Dialect::Sqlite && refusal.contains("no transaction is active")
}

/// What keeps a session from writing.
pub fn read_only(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "PRAGMA query_only = ON",
        Dialect::Postgres => "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        Dialect::Mariadb => "SET SESSION TRANSACTION READ ONLY",
    }
}

/// What takes back what was set in a session, [`read_only`] above all, before it is used for something else and pinned anew. Its
/// server's, role's or database's own settings stay. None on SQLite, where opening the file anew costs nothing.
pub fn session_reset(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some("RESET ALL"),
        // The others are all pinned.
        Dialect::Mariadb => Some("SET SESSION tx_read_only = DEFAULT"),
    }
}

/// What whoever runs a script of these statements in the database's own shell has to know.
pub fn script_note<'a>(dialect: Dialect, statements: impl IntoIterator<Item = &'a String>) -> Option<&'static str> {
    let (begins, note) = match dialect {
        Dialect::Sqlite => (
            "PRAGMA writable_schema",
            "Newer versions of sqlite3 need -cmd '.dbconfig defensive off' too: tables are built anew.",
        ),
        Dialect::Postgres => {
            ("COMMIT", "A step that ends its transaction on the way is not undone where it fails after that.")
        }
        Dialect::Mariadb => return None,
    };
    statements.into_iter().any(|statement| statement.starts_with(begins)).then_some(note)
}

/// Asks PostgreSQL for a function or operator of a schema that statements would call in place of the system's own:
/// though that comes first on the path, one whose arguments fit better is preferred (`lower(varchar)`,
/// `varchar = varchar`), and it runs with the rights of whoever runs the statement (CVE-2018-1058). To be sent
/// with nothing but `pg_catalog` on the path. Operators and functions over types of an extension are no danger, those over
/// an enumeration of the schema are.
pub fn shadows(schema: &str) -> String {
    let schema = literal(Dialect::Postgres, &Value::Text(schema.to_owned()), None);
    // Functions of expressions, of sequences, and of the runner's own queries.
    let functions = "'lower', 'upper', 'length', 'btrim', 'abs', 'replace', 'substr', 'substring', 'setval', 'max', \
                     'min', 'count', 'sum', 'avg', 'format', 'format_type', 'quote_ident', 'current_schema', 'obj_description', \
                     'col_description', 'to_jsonb', 'json_agg', 'unnest', 'array_position', 'set_config'";
    let types = "'bool', 'int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'varchar', 'text', 'bpchar', 'char', \
                 'name', 'oid', 'regclass', 'regnamespace', 'bytea', 'date', 'time', 'timestamp', 'timestamptz', \
                 'uuid', 'json', 'unknown', 'any', 'anyelement', 'anynonarray', 'anycompatible', \
                 'anycompatiblenonarray'";
    format!(
        "SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname = {schema} AND (p.proname IN ({functions}) OR p.proname LIKE 'pg\\_%') AND NOT EXISTS \
         (SELECT 1 FROM unnest(p.proargtypes) AS a JOIN pg_type t ON t.oid = a \
         WHERE t.typnamespace <> 'pg_catalog'::regnamespace AND NOT (p.proname = 'count' AND t.typtype = 'e' \
         AND t.typnamespace = n.oid)) UNION ALL \
         SELECT 'operator ' || o.oid::regoperator::text FROM pg_operator o \
         JOIN pg_namespace n ON n.oid = o.oprnamespace LEFT JOIN pg_type l ON l.oid = o.oprleft \
         LEFT JOIN pg_type r ON r.oid = o.oprright WHERE n.nspname = {schema} \
         AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', '||', '~~', '!~~', '->>', '~') \
         AND NOT (o.oprname = '%' AND l.typname IN ('text', 'varchar')) \
         AND (l.oid IS NULL OR l.typnamespace = 'pg_catalog'::regnamespace AND l.typname IN ({types}) \
         OR l.typtype = 'e' AND l.typnamespace = n.oid) \
         AND (r.oid IS NULL OR r.typnamespace = 'pg_catalog'::regnamespace AND r.typname IN ({types}) \
         OR r.typtype = 'e' AND r.typnamespace = n.oid) ORDER BY 1"
    )
}

/// Asks PostgreSQL for one row: whether there is such a schema, and whether it holds any function or operator. Only then
/// [`shadows`] need be asked, which reads all that there are. To be sent likewise.
pub fn schema_facts(schema: &str) -> String {
    let schema = literal(Dialect::Postgres, &Value::Text(schema.to_owned()), None);
    let namespace = format!("(SELECT oid FROM pg_namespace WHERE nspname = {schema})");
    format!(
        "SELECT {namespace} IS NOT NULL, EXISTS (SELECT 1 FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass \
         AND refobjid = {namespace} AND classid IN ('pg_proc'::regclass, 'pg_operator'::regclass))"
    )
}

/// At least 1: 0 means no timeout.
pub(super) fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis().clamp(1, i32::MAX as u128)
}

/// Rounded up, at least 1, within the bound of every MariaDB timeout.
pub(super) fn seconds(duration: Duration) -> u64 {
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
            sqlite_memory: None,
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
