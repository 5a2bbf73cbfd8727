//! The lock of the session that sends a step's statements.

use std::time::{Duration, Instant};

use super::means::{first, lock_name, text};
use super::{Holder, LockError, pause};
use crate::database::Connection;
use crate::dialect::{Dialect, literal};

/// Held by the session that sends a step's statements, where statements commit by themselves: that of a runner that died
/// may be at one still, while its target lock is free already. Free when the session has ended, whatever it was at.
#[derive(Debug)]
pub struct WorkLock {
    let_go: String,
}

impl WorkLock {
    /// Takes it, waiting for the statement of a runner that died.
    ///
    /// # Errors
    /// [`LockError::Held`] after the timeout, with the session that is at work still.
    pub async fn enter(connection: &mut Connection, timeout: Duration) -> Result<Self, LockError> {
        let started = Instant::now();
        let database = first(connection.fetch("SELECT DATABASE()").await?).unwrap_or_default();
        let name = literal(Dialect::Mariadb, &text(format!("{}.work", lock_name(&database))), None);
        loop {
            // Asked again and again, as a wait within the server could not be interrupted.
            let taken = first(connection.fetch(&format!("SELECT GET_LOCK({name}, 0)")).await?);
            if taken.as_deref() == Some("1") {
                return Ok(Self { let_go: format!("SELECT RELEASE_LOCK({name})") });
            }
            let waited = started.elapsed();
            if waited >= timeout {
                let session = first(connection.fetch(&format!("SELECT IS_USED_LOCK({name})")).await?);
                let session = session.map_or_else(String::new, |id| format!(" {id}"));
                let holder =
                    Holder(format!("the MariaDB session{session} of a run that ended is at its last statement still"));
                return Err(LockError::Held { target: connection.label().to_owned(), holder, waited });
            }
            tokio::time::sleep(pause().min(timeout - waited)).await;
        }
    }

    /// Lets go, and waits until the database knows.
    pub async fn release(self, connection: &mut Connection) {
        // If this fails the session's end frees it.
        let _ = connection.fetch(&self.let_go).await;
    }
}
