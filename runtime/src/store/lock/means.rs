//! What the locks are made of: files beside a SQLite database, named locks of a server's session elsewhere.

use sha2::{Digest, Sha256};

use super::file::Files;
use super::{Holder, LockError};
use crate::database::{Connection, DatabaseError, Target};
use crate::dialect::{Dialect, TextRow, literal};
use crate::operation::Value;

/// The first of the two numbers of the advisory locks on PostgreSQL; the second one says of what.
const TARGET: i32 = 0x7074_6168; // ptah
const QUEUE: i32 = 0x7074_6171; // ptaq
const PACKAGE: i32 = 0x7074_6172; // ptar
pub(super) const WORK: i32 = 0x7074_6177; // ptaw

/// What a try for a target came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Taken,
    /// First in the queue.
    Next,
    Later,
}

/// What the locks of one run are tried with; kept between tries.
pub(super) enum Means {
    Files(Files),
    Postgres { connection: Connection, schema: String },
    Mariadb { connection: Connection, database: String },
}

impl Means {
    pub(super) async fn new(target: &Target) -> Result<Self, LockError> {
        if let Some(database) = target.file() {
            return Ok(Self::Files(Files::new(target, database)?));
        }
        let mut connection = target.connect_to_hold().await?;
        if target.dialect() == Dialect::Mariadb {
            // The session says nothing for as long as the run takes.
            let database = connection.fetch("SET SESSION wait_timeout = 604800; SELECT DATABASE()").await?;
            let database = first(database).unwrap_or_default();
            return Ok(Self::Mariadb { connection, database });
        }
        // Advisory locks are of one database, so the key is of the schema.
        let schema = match target.schema() {
            Some(schema) => schema.to_owned(),
            None => first(connection.fetch("SELECT pg_catalog.current_schema()").await?).unwrap_or_default(),
        };
        connection.execute("SET search_path = pg_catalog, pg_temp").await?;
        match connection.execute("SET idle_session_timeout = 0").await {
            // Before PostgreSQL 14 there is no such setting, and no idle session is ended either.
            Ok(_) | Err(DatabaseError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self::Postgres { connection, schema })
    }

    /// Tries to be the run of a package.
    pub(super) async fn try_package(&mut self, package: &str) -> Result<bool, LockError> {
        let (connection, question) = match self {
            Self::Files(files) => return files.try_package(package),
            Self::Postgres { connection, schema } => {
                (connection, format!("SELECT pg_try_advisory_lock({PACKAGE}, {})", key(&of_package(schema, package))))
            }
            Self::Mariadb { connection, database } => {
                (connection, format!("SELECT GET_LOCK({}, 0)", quoted(&of_package(database, package))))
            }
        };
        Ok(first(connection.fetch(&question).await?).is_some_and(|answer| is_yes(&answer)))
    }

    /// Tries to take the target, in turn. `is_next`: it holds the queue already.
    pub(super) async fn try_target(&mut self, is_next: bool) -> Result<Turn, LockError> {
        let (connection, question) = match self {
            Self::Files(files) => return files.try_target(),
            Self::Postgres { connection, schema } => {
                let key = key(schema);
                let take = format!(
                    "CASE WHEN pg_try_advisory_lock({TARGET}, {key}) \
                     THEN CASE WHEN pg_advisory_unlock({QUEUE}, {key}) THEN 'taken' ELSE 'taken' END ELSE 'next' END"
                );
                let question = match is_next {
                    true => format!("SELECT {take}"),
                    false => format!("SELECT CASE WHEN pg_try_advisory_lock({QUEUE}, {key}) THEN {take} END"),
                };
                (connection, question)
            }
            Self::Mariadb { connection, database } => {
                let (target, queue) = (quoted(database), quoted(&of_queue(database)));
                let take =
                    format!("IF(GET_LOCK({target}, 0) = 1, IF(RELEASE_LOCK({queue}) = 1, 'taken', 'taken'), 'next')");
                let question = match is_next {
                    true => format!("SELECT {take}"),
                    false => format!("SELECT IF(GET_LOCK({queue}, 0) = 1, {take}, NULL)"),
                };
                (connection, question)
            }
        };
        Ok(match first(connection.fetch(&question).await?).as_deref() {
            Some("taken") => Turn::Taken,
            Some(_) => Turn::Next,
            None => Turn::Later,
        })
    }

    /// Whether somebody is in the queue.
    pub(super) async fn is_wanted(&mut self) -> Result<bool, LockError> {
        let (connection, question) = match self {
            Self::Files(files) => return Ok(files.is_wanted()),
            Self::Postgres { connection, schema } => {
                let key = key(schema);
                let question = format!(
                    "SELECT CASE WHEN pg_try_advisory_lock({QUEUE}, {key}) \
                     THEN NOT pg_advisory_unlock({QUEUE}, {key}) ELSE true END"
                );
                (connection, question)
            }
            Self::Mariadb { connection, database } => {
                (connection, format!("SELECT IS_USED_LOCK({}) IS NOT NULL", quoted(&of_queue(database))))
            }
        };
        Ok(first(connection.fetch(&question).await?).is_some_and(|answer| is_yes(&answer)))
    }

    pub(super) async fn let_go_of_target(&mut self) -> Result<(), LockError> {
        let (connection, question) = match self {
            Self::Files(files) => return files.let_go_of_target(),
            Self::Postgres { connection, schema } => {
                (connection, format!("SELECT pg_advisory_unlock({TARGET}, {})", key(schema)))
            }
            Self::Mariadb { connection, database } => {
                (connection, format!("SELECT RELEASE_LOCK({})", quoted(database)))
            }
        };
        connection.fetch(&question).await?;
        Ok(())
    }

    pub(super) async fn holds_target(&mut self) -> bool {
        let (connection, question) = match self {
            Self::Files(_) => return true,
            Self::Postgres { connection, schema } => {
                let question = format!(
                    "SELECT count(*) FROM pg_catalog.pg_locks WHERE pid = pg_backend_pid() AND {}",
                    is_lock(TARGET, key(schema))
                );
                (connection, question)
            }
            Self::Mariadb { connection, database } => {
                (connection, format!("SELECT IS_USED_LOCK({}) = CONNECTION_ID()", quoted(database)))
            }
        };
        connection.fetch(&question).await.ok().and_then(first).as_deref() == Some("1")
    }

    /// Who holds the target, or is the run of this package.
    pub(super) async fn holder(&mut self, package: Option<&str>) -> Result<Holder, LockError> {
        match self {
            Self::Files(files) => Ok(files.holder()),
            Self::Postgres { connection, schema } => {
                let lock = match package {
                    Some(package) => is_lock(PACKAGE, key(&of_package(schema, package))),
                    None => is_lock(TARGET, key(schema)),
                };
                let question = format!(
                    "SELECT concat_ws(' ', nullif(a.application_name, ''), '(PostgreSQL session', l.pid || ',', 'user', \
                     a.usename || coalesce(', from ' || host(a.client_addr), '') || ')') \
                     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                     WHERE l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
                     AND {lock}"
                );
                Ok(first(connection.fetch(&question).await?).into())
            }
            Self::Mariadb { connection, database } => {
                let name = package.map_or_else(|| database.clone(), |package| of_package(database, package));
                let session = first(connection.fetch(&format!("SELECT IS_USED_LOCK({})", quoted(&name))).await?);
                let Some(session) = session.and_then(|id| id.parse::<u64>().ok()) else {
                    return Ok(None.into());
                };
                let question = format!(
                    "SELECT CONCAT(user, '@', host, ' (MariaDB session ', id, ')') \
                     FROM information_schema.processlist WHERE id = {session}"
                );
                let seen =
                    first(connection.fetch(&question).await?).unwrap_or_else(|| format!("MariaDB session {session}"));
                Ok(Some(seen).into())
            }
        }
    }

    /// Lets go of everything, and waits until the database knows.
    pub(super) async fn close(mut self) {
        // A server may take its time to notice a goodbye. If this fails the session's end frees the locks.
        let question = match &self {
            Self::Files(_) => {
                let _ = self.let_go_of_target().await;
                return;
            }
            Self::Postgres { .. } => "SELECT pg_advisory_unlock_all()",
            Self::Mariadb { .. } => "SELECT RELEASE_ALL_LOCKS()",
        };
        if let Self::Postgres { mut connection, .. } | Self::Mariadb { mut connection, .. } = self {
            let _ = connection.fetch(question).await;
            connection.close().await;
        }
    }
}

/// A condition on `pg_locks`.
pub(super) fn is_lock(class: i32, key: i32) -> String {
    format!(
        "locktype = 'advisory' AND granted AND classid = {class}::oid \
         AND objid = ({key}::bigint & 4294967295)::oid AND objsubid = 2"
    )
}

/// What the lock of a package's run is of.
fn of_package(place: &str, package: &str) -> String {
    // Neither name holds a zero.
    format!("{place}\0{package}")
}

fn of_queue(database: &str) -> String {
    format!("{database}\0")
}

/// The second number of an advisory lock. Two with one number merely wait for each other.
pub(super) fn key(of: &str) -> i32 {
    let digest: [u8; 32] = Sha256::digest(of.as_bytes()).into();
    let [a, b, c, d, ..] = digest;
    i32::from_be_bytes([a, b, c, d])
}

/// A lock's name on MariaDB, where they are of the whole server and of 64 characters at most.
pub(super) fn lock_name(of: &str) -> String {
    let digest = crate::hex(&Sha256::digest(of.as_bytes()));
    format!("ptah_wasm.{}", digest.get(..40).unwrap_or_default())
}

fn quoted(of: &str) -> String {
    literal(Dialect::Mariadb, &text(lock_name(of)), None)
}

pub(super) fn text(text: String) -> Value {
    Value::Text(text)
}

pub(super) fn first(rows: Vec<TextRow>) -> Option<String> {
    rows.into_iter().flatten().next().flatten()
}

pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer, "t" | "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_name_fits_and_differs_by_database() {
        assert!(lock_name(&"n".repeat(64)).len() <= 64);
        assert_ne!(lock_name("a"), lock_name("A"));
        assert_ne!(key("a"), key("b"));
        assert_ne!(lock_name("a"), lock_name(&of_queue("a")));
        assert_ne!(lock_name(&of_package("a", "b")), lock_name(&of_package("a", "c")));
    }
}
