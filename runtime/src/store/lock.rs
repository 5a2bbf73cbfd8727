//! One runner per target at a time. The lock lives exactly as long as what holds it: a session of its own on a
//! server, an open file beside a SQLite database. A runner that dies, however it dies, thereby lets go.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::database::{Connection, DatabaseError, Identity, Target, real_path};
use crate::dialect::{Dialect, literal};
use crate::operation::Value;

/// The first of the two numbers of every advisory lock on PostgreSQL: "ptah".
const POSTGRES_CLASS: i32 = 0x7074_6168;

/// How long to wait between two tries, drawn anew each time.
const PAUSE_MS: std::ops::Range<u64> = 50..250;

/// Who holds a target's lock, as far as the database tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the lock was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another runner holds it.
    #[error("{target} is locked by another run: {holder}; waited {:.1} s", waited.as_secs_f64())]
    Held {
        /// The target's label.
        target: String,
        /// Who.
        holder: Holder,
        /// For how long this one waited.
        waited: Duration,
    },
    /// The lock file cannot be made or opened.
    #[error("cannot lock {target} with the file {}: {reason}", path.display())]
    File {
        /// The target's label.
        target: String,
        /// The lock file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The lock's session ended while it was held.
    #[error("the lock on {0} was lost: its session ended")]
    Lost(String),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A target's lock. Dropped, it is free.
pub struct TargetLock {
    label: String,
    hold: Hold,
}

enum Hold {
    File(File),
    Session { connection: Connection, still_held: String, let_go: String },
}

/// Takes the lock, trying for `timeout`; `on_wait` is told once who holds it. A timeout of zero tries once.
///
/// On SQLite the file `<database>-ptah-lock` is made and stays, empty, when the lock is released.
///
/// # Errors
/// [`LockError::Held`] after the timeout, with the holder.
pub async fn acquire(
    target: &Target,
    timeout: Duration,
    mut on_wait: impl FnMut(&Holder),
) -> Result<TargetLock, LockError> {
    let started = Instant::now();
    let mut attempt = Attempt::new(target).await?;
    let mut told = false;
    loop {
        let holder = match attempt.try_once(target).await? {
            None => return Ok(TargetLock { label: target.label().to_owned(), hold: attempt.finish() }),
            Some(holder) => holder,
        };
        let waited = started.elapsed();
        if waited >= timeout {
            return Err(LockError::Held { target: target.label().to_owned(), holder, waited });
        }
        if !told {
            on_wait(&holder);
            told = true;
        }
        tokio::time::sleep(pause().min(timeout - waited)).await;
    }
}

impl TargetLock {
    /// Makes sure that the lock is still held: a server may have ended its session.
    ///
    /// # Errors
    /// [`LockError::Lost`].
    pub async fn check(&mut self) -> Result<(), LockError> {
        match &mut self.hold {
            Hold::File(_) => Ok(()),
            Hold::Session { connection, still_held, .. } => {
                let answer = connection.fetch(still_held).await.ok().and_then(first);
                if answer.as_deref() == Some("1") { Ok(()) } else { Err(LockError::Lost(self.label.clone())) }
            }
        }
    }

    /// Lets go, and waits until the database knows.
    pub async fn release(self) {
        match self.hold {
            // An empty lock file names no holder.
            Hold::File(file) => drop(file.set_len(0)),
            Hold::Session { mut connection, let_go, .. } => {
                // A server may take its time to notice a goodbye. If this fails the session's end frees the lock.
                let _ = connection.fetch(&let_go).await;
                connection.close().await;
            }
        }
    }
}

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

impl fmt::Debug for TargetLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetLock").field(&self.label).finish()
    }
}

/// What a lock is tried with; kept between tries.
enum Attempt {
    File { file: File, path: PathBuf },
    Postgres { connection: Connection, key: i32 },
    Mariadb { connection: Connection, name: String },
}

impl Attempt {
    async fn new(target: &Target) -> Result<Self, LockError> {
        if let Some(database) = target.file() {
            let path = lock_file(database);
            let file = open(&path).map_err(|error| file_error(target, &path, &error))?;
            return Ok(Self::File { file, path });
        }
        let mut connection = target.connect_to_hold().await?;
        if target.dialect() == Dialect::Mariadb {
            // The session says nothing for as long as the run takes.
            let database = connection.fetch("SET SESSION wait_timeout = 604800; SELECT DATABASE()").await?;
            let database = first(database).unwrap_or_default();
            return Ok(Self::Mariadb {
                connection,
                name: literal(Dialect::Mariadb, &text(lock_name(&database)), None),
            });
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
        Ok(Self::Postgres { connection, key: lock_key(&schema) })
    }

    /// None: taken.
    async fn try_once(&mut self, target: &Target) -> Result<Option<Holder>, LockError> {
        match self {
            Self::File { file, path } => match file.try_lock() {
                Ok(()) => {
                    sign(file).map_err(|error| file_error(target, path, &error))?;
                    Ok(None)
                }
                Err(TryLockError::WouldBlock) => Ok(Some(signature(path))),
                Err(TryLockError::Error(error)) => Err(file_error(target, path, &error)),
            },
            Self::Postgres { connection, key } => {
                let taken = connection.fetch(&format!("SELECT pg_try_advisory_lock({POSTGRES_CLASS}, {key})")).await?;
                if first(taken).as_deref() == Some("t") {
                    return Ok(None);
                }
                let question = format!(
                    "SELECT concat_ws(' ', nullif(a.application_name, ''), '(PostgreSQL session', l.pid || ',', 'user', \
                     a.usename || coalesce(', from ' || host(a.client_addr), '') || ')') \
                     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                     WHERE l.locktype = 'advisory' AND l.granted AND l.database = \
                     (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
                     AND l.classid = {POSTGRES_CLASS}::oid AND l.objid = ({key}::bigint & 4294967295)::oid AND l.objsubid = 2"
                );
                Ok(Some(named(first(connection.fetch(&question).await?))))
            }
            Self::Mariadb { connection, name } => {
                let taken = first(connection.fetch(&format!("SELECT GET_LOCK({name}, 0)")).await?);
                if taken.as_deref() == Some("1") {
                    return Ok(None);
                }
                let session = first(connection.fetch(&format!("SELECT IS_USED_LOCK({name})")).await?);
                let Some(session) = session.and_then(|id| id.parse::<u64>().ok()) else {
                    return Ok(Some(named(None)));
                };
                let question = format!(
                    "SELECT CONCAT(user, '@', host, ' (MariaDB session ', id, ')') \
                     FROM information_schema.processlist WHERE id = {session}"
                );
                let seen =
                    first(connection.fetch(&question).await?).unwrap_or_else(|| format!("MariaDB session {session}"));
                Ok(Some(Holder(seen)))
            }
        }
    }

    fn finish(self) -> Hold {
        match self {
            Self::File { file, .. } => Hold::File(file),
            Self::Postgres { connection, key } => Hold::Session {
                connection,
                still_held: format!(
                    "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted \
                     AND pid = pg_backend_pid() AND classid = {POSTGRES_CLASS}::oid \
                     AND objid = ({key}::bigint & 4294967295)::oid AND objsubid = 2"
                ),
                let_go: format!("SELECT pg_advisory_unlock({POSTGRES_CLASS}, {key})"),
            },
            Self::Mariadb { connection, name } => Hold::Session {
                connection,
                still_held: format!("SELECT IS_USED_LOCK({name}) = CONNECTION_ID()"),
                let_go: format!("SELECT RELEASE_LOCK({name})"),
            },
        }
    }
}

fn text(text: String) -> Value {
    Value::Text(text)
}

fn first(rows: Vec<crate::dialect::TextRow>) -> Option<String> {
    rows.into_iter().flatten().next().flatten()
}

fn named(holder: Option<String>) -> Holder {
    Holder(holder.unwrap_or_else(|| "a run that does not show itself".to_owned()))
}

/// A short time, drawn anew each time, so that those who wait do not all come back at once.
pub(crate) fn pause() -> Duration {
    let mut random = [0; 2];
    // Without randomness the pauses are merely all alike.
    let _ = getrandom::fill(&mut random);
    let span = PAUSE_MS.end - PAUSE_MS.start;
    Duration::from_millis(PAUSE_MS.start + u64::from(u16::from_le_bytes(random)) % span)
}

/// The second number of a schema's advisory lock. Two schemas with one number merely wait for each other.
fn lock_key(schema: &str) -> i32 {
    let digest: [u8; 32] = Sha256::digest(schema.as_bytes()).into();
    let [a, b, c, d, ..] = digest;
    i32::from_be_bytes([a, b, c, d])
}

/// A database's lock name on MariaDB, where lock names are of the whole server and of 64 characters at most.
fn lock_name(database: &str) -> String {
    let digest = crate::hex(&Sha256::digest(database.as_bytes()));
    format!("ptah_wasm.{}", digest.get(..40).unwrap_or_default())
}

/// Beside the database itself, whatever links lead to it.
fn lock_file(database: &Path) -> PathBuf {
    let mut path = real_path(database).into_os_string();
    path.push("-ptah-lock");
    path.into()
}

fn open(path: &Path) -> std::io::Result<File> {
    let folder_is_read_only =
        path.parent().and_then(|folder| folder.metadata().ok()).is_some_and(|folder| folder.permissions().readonly());
    if folder_is_read_only {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "its folder is read-only"));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn file_error(target: &Target, path: &Path, error: &std::io::Error) -> LockError {
    LockError::File { target: target.label().to_owned(), path: path.to_owned(), reason: error.to_string() }
}

/// Writes who holds the lock into its file.
fn sign(file: &mut File) -> std::io::Result<()> {
    let Identity { user, host, process } = Identity::current();
    let since = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
    let signature = serde_json::json!({ "user": user, "host": host, "process": process, "since": since });
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{signature}")
}

/// Who signed. The file was written by whoever could write there: its text is shown, never trusted.
fn signature(path: &Path) -> Holder {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(4_096).read_to_string(&mut text));
    let parsed = read.ok().and_then(|_| serde_json::from_str::<serde_json::Value>(&text).ok());
    let Some(signed) = parsed else {
        return named(None);
    };
    let field = |name: &str| {
        let shown = match signed.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => "?".to_owned(),
        };
        shown.chars().filter(|letter| !letter.is_control()).take(80).collect::<String>()
    };
    Holder(format!("{}@{}, process {}, since {}", field("user"), field("host"), field("process"), field("since")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_name_fits_and_differs_by_database() {
        assert!(lock_name(&"n".repeat(64)).len() <= 64);
        assert_ne!(lock_name("a"), lock_name("A"));
        assert_ne!(lock_key("a"), lock_key("b"));
    }

    #[test]
    fn the_lock_file_is_the_same_by_whatever_path_the_database_is_named() {
        let here = lock_file(Path::new("x.db"));
        assert_eq!(here, lock_file(Path::new("./x.db")));
        assert!(here.is_absolute() && here.to_string_lossy().ends_with("x.db-ptah-lock"));
    }
}
