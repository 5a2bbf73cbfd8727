//! The lock of the session that sends a step's statements.

use std::time::{Duration, Instant};

use super::means::{WORK, first, is_lock, is_yes, key, lock_name, text};
use super::{Holder, LockError, pause};
use crate::database::{Connection, DatabaseError};
use crate::dialect::{Dialect, literal};

/// Held by the session that sends a step's statements, where they commit by themselves: that of a runner that died
/// may be at one still, while its target lock is free already. Free when the session has ended, whatever it was at.
#[derive(Debug)]
pub struct WorkLock {
    let_go: String,
}

/// How it is asked for.
struct Questions {
    take: String,
    let_go: String,
    /// Which session has it.
    whose: String,
}

impl Questions {
    async fn on(connection: &mut Connection) -> Result<Self, DatabaseError> {
        if connection.dialect() == Dialect::Postgres {
            let schema = first(connection.fetch("SELECT pg_catalog.current_schema()").await?).unwrap_or_default();
            let key = key(&schema);
            return Ok(Self {
                take: format!("SELECT pg_catalog.pg_try_advisory_lock({WORK}, {key})"),
                let_go: format!("SELECT pg_catalog.pg_advisory_unlock({WORK}, {key})"),
                whose: format!("SELECT l.pid FROM pg_catalog.pg_locks l WHERE {}", is_lock(WORK, key)),
            });
        }
        let database = first(connection.fetch("SELECT DATABASE()").await?).unwrap_or_default();
        let name = literal(Dialect::Mariadb, &text(format!("{}.work", lock_name(&database))), None);
        Ok(Self {
            take: format!("SELECT GET_LOCK({name}, 0)"),
            let_go: format!("SELECT RELEASE_LOCK({name})"),
            whose: format!("SELECT IS_USED_LOCK({name})"),
        })
    }
}

impl WorkLock {
    /// Takes it, waiting for the statement of a runner that died.
    ///
    /// # Errors
    /// [`LockError::Held`] after the timeout, with the session that is at work still.
    pub async fn enter(connection: &mut Connection, timeout: Duration) -> Result<Self, LockError> {
        let started = Instant::now();
        let Questions { take, let_go, whose } = Questions::on(connection).await?;
        loop {
            // Asked again and again, as a wait within the server could not be interrupted.
            if first(connection.fetch(&take).await?).is_some_and(|answer| is_yes(&answer)) {
                return Ok(Self { let_go });
            }
            let waited = started.elapsed();
            if waited >= timeout {
                let session = first(connection.fetch(&whose).await?);
                let session = session.map_or_else(String::new, |id| format!(" {id}"));
                let holder = Holder(format!("the session{session} of a run that ended is at its last statement still"));
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
