//! Session settings, pinned on every connection. Stub signature first.

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

/// The statements that pin a fresh session.
pub fn session_statements(_dialect: Dialect, _settings: &SessionSettings) -> Vec<String> {
    todo!()
}
