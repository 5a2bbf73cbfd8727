//! A session as its server sees it: whether it took its settings, which one it is, and how another session ends it.

use super::session::{MODES, SessionSettings, milliseconds, seconds};
use super::{Dialect, TextRow};

/// What a session is asked once it is pinned.
#[derive(Debug)]
pub struct SessionCheck {
    /// One query with one row.
    pub question: String,
    /// Settings and the values that they must have, in the order of the row's columns behind the first two, which
    /// say which session it is.
    pub expected: Vec<(&'static str, String)>,
}

/// Whether a server took all settings on which statements hang, and all timeouts.
pub fn session_check(dialect: Dialect, settings: &SessionSettings) -> SessionCheck {
    let (statement, lock, idle) = (settings.statement_timeout, settings.lock_timeout, settings.idle_timeout);
    let fixed: &[(&'static str, &str)] = match dialect {
        Dialect::Sqlite => &[
            ("foreign_keys", "1"),
            ("legacy_alter_table", "0"),
            ("ignore_check_constraints", "0"),
            ("recursive_triggers", "0"),
            ("trusted_schema", "0"),
        ],
        Dialect::Postgres => &[
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("TimeZone", "UTC"),
            ("DateStyle", "ISO, YMD"),
            ("IntervalStyle", "iso_8601"),
            ("transform_null_equals", "off"),
            ("row_security", "off"),
        ],
        Dialect::Mariadb => &[
            ("character_set_connection", "utf8mb4"),
            ("autocommit", "1"),
            ("time_zone", "+00:00"),
            ("foreign_key_checks", "1"),
            ("unique_checks", "1"),
            ("check_constraint_checks", "1"),
            ("sql_safe_updates", "0"),
        ],
    };
    let timeouts: Vec<(&'static str, String)> = match dialect {
        Dialect::Sqlite => vec![("busy_timeout", milliseconds(lock).to_string())],
        Dialect::Postgres => vec![
            ("statement_timeout", milliseconds(statement).to_string()),
            ("lock_timeout", milliseconds(lock).to_string()),
            ("idle_in_transaction_session_timeout", milliseconds(idle).to_string()),
        ],
        Dialect::Mariadb => vec![
            ("max_statement_time", seconds(statement).to_string()),
            ("lock_wait_timeout", seconds(lock).to_string()),
            ("innodb_lock_wait_timeout", seconds(lock).to_string()),
            ("idle_transaction_timeout", seconds(idle).to_string()),
        ],
    };
    let fixed_names = fixed.iter().map(|(name, _)| *name);
    let timeout_names = timeouts.iter().map(|(name, _)| *name);
    let question = match dialect {
        Dialect::Sqlite => {
            let names: Vec<&str> = fixed_names.chain(timeout_names).collect();
            let columns: Vec<String> = names.iter().map(|name| format!("(SELECT * FROM pragma_{name})")).collect();
            format!("SELECT NULL, NULL, {}", columns.join(", "))
        }
        Dialect::Postgres => {
            let value = |name| format!("pg_catalog.current_setting('{name}')");
            let milliseconds = |name| format!("(extract(epoch FROM {}::interval) * 1000)::bigint", value(name));
            let columns: Vec<String> = fixed_names.map(value).chain(timeout_names.map(milliseconds)).collect();
            format!(
                "SELECT pg_catalog.pg_backend_pid(), {STARTED}, {} \
                 FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())",
                columns.join(", ")
            )
        }
        Dialect::Mariadb => {
            let columns: Vec<String> = fixed_names
                .map(|name| format!("@@SESSION.{name}"))
                .chain(timeout_names.map(|name| format!("CAST(@@SESSION.{name} AS UNSIGNED)")))
                .chain(MODES.split(',').map(|mode| format!("FIND_IN_SET('{mode}', @@SESSION.sql_mode) > 0")))
                .chain(["FIND_IN_SET('ANSI_QUOTES', @@SESSION.sql_mode) > 0".to_owned()])
                .collect();
            format!("SELECT CONNECTION_ID(), NULL, {}", columns.join(", "))
        }
    };
    let mut expected: Vec<_> = fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(timeouts).collect();
    if dialect == Dialect::Mariadb {
        expected.extend(MODES.split(',').map(|_| ("sql_mode", "1".to_owned())));
        expected.push(("sql_mode", "0".to_owned()));
    }
    SessionCheck { question, expected }
}

/// When a session of PostgreSQL began, in a form that does not hang on settings: together with the process id it
/// is one session's and no other's.
const STARTED: &str = "extract(epoch FROM backend_start)::numeric";

/// A session of a server, for a statement that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSession {
    /// The server's process and when it began.
    Postgres(u32, String),
    /// The connection's number.
    Mariadb(u64),
}

/// Reads the answer to a [`session_check`]: the session, and what is not as it should be.
pub fn check_session(dialect: Dialect, check: &SessionCheck, row: &TextRow) -> (Option<ServerSession>, Vec<String>) {
    let column = |at: usize| row.get(at).and_then(Option::as_deref);
    let session = match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => column(0).and_then(|pid| pid.parse().ok()).and_then(|pid| {
            let started =
                column(1).filter(|text| text.chars().all(|letter| letter.is_ascii_digit() || letter == '.'))?;
            Some(ServerSession::Postgres(pid, started.to_owned()))
        }),
        Dialect::Mariadb => column(0).and_then(|id| id.parse().ok()).map(ServerSession::Mariadb),
    };
    let expected = check.expected.iter().enumerate();
    let strays = expected.filter(|(at, (_, value))| column(at + 2) != Some(value.as_str()));
    let told =
        strays.map(|(at, (name, value))| format!("{name} is {}, not {value}", column(at + 2).unwrap_or("unknown")));
    (session, told.collect())
}

/// Ends the statement that a session is at, for another session of the same login to send.
pub fn stop_statement(session: &ServerSession) -> String {
    match session {
        ServerSession::Postgres(pid, started) => postgres_session("pg_cancel_backend", *pid, started),
        ServerSession::Mariadb(id) => format!("KILL QUERY {id}"),
    }
}

/// Ends a session, for another session of the same login to send.
pub fn stop_session(session: &ServerSession) -> String {
    match session {
        ServerSession::Postgres(pid, started) => postgres_session("pg_terminate_backend", *pid, started),
        ServerSession::Mariadb(id) => format!("KILL CONNECTION {id}"),
    }
}

fn postgres_session(function: &str, pid: u32, started: &str) -> String {
    format!(
        "SELECT pg_catalog.{function}({pid}) FROM pg_catalog.pg_stat_get_activity({pid}) WHERE {STARTED} = {started}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect) -> SessionCheck {
        session_check(dialect, &SessionSettings::default())
    }

    fn answer(dialect: Dialect) -> TextRow {
        let values = check(dialect).expected.into_iter().map(|(_, value)| Some(value));
        [Some("7".to_owned()), Some("1.5".to_owned())].into_iter().chain(values).collect()
    }

    #[test]
    fn a_setting_that_a_server_did_not_take_is_told() {
        for dialect in Dialect::ALL {
            let check = check(dialect);
            assert_eq!(check_session(dialect, &check, &answer(dialect)).1, Vec::<String>::new());
            for at in 2..answer(dialect).len() {
                for other in [None, Some("off".to_owned()), Some("86400".to_owned())] {
                    let mut answer = answer(dialect);
                    answer.splice(at..=at, [other.clone()]);
                    let told = check_session(dialect, &check, &answer).1;
                    let is_same = check.expected.get(at - 2).map(|(_, value)| value.clone()) == other;
                    assert_eq!(told.len(), usize::from(!is_same), "{dialect}: {told:?}");
                }
            }
            assert!(!check_session(dialect, &check, &Vec::new()).1.is_empty());
        }
    }

    #[test]
    fn a_session_is_only_known_by_numbers() {
        let mut hostile = answer(Dialect::Postgres);
        hostile.splice(1..2, [Some("1; DROP TABLE t".to_owned())]);
        assert_eq!(check_session(Dialect::Postgres, &check(Dialect::Postgres), &hostile).0, None);
        let session = check_session(Dialect::Postgres, &check(Dialect::Postgres), &answer(Dialect::Postgres)).0;
        assert_eq!(session, Some(ServerSession::Postgres(7, "1.5".to_owned())));
        let session = check_session(Dialect::Mariadb, &check(Dialect::Mariadb), &answer(Dialect::Mariadb)).0;
        assert_eq!(session, Some(ServerSession::Mariadb(7)));
    }
}
