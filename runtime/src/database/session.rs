//! The enum of the drivers' connections, and what differs between them: opening, sending one statement,
//! reading rows as text.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::mysql::{MySqlConnection, MySqlQueryResult};
use sqlx::postgres::{PgConnection, PgQueryResult};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteQueryResult};
use sqlx::{AssertSqlSafe, ColumnIndex, ConnectOptions, Connection as _, Decode, Either, Row, ValueRef};

use super::target::{Place, Writable};
use super::{DatabaseError, Purpose, Target, error};
use crate::dialect::{SessionSettings, TextRow};

/// How long a connection may take to come about.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a statement of a message answers, bit by bit.
pub(super) enum Item {
    Row(TextRow),
    Done(Done),
}

/// What a statement did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// How many rows it touched.
    pub touched: u64,
    /// The number that the database drew last for a row, where it says so unasked: PostgreSQL does not. Of what came before
    /// if the statement drew none.
    pub drawn: Option<i64>,
}

impl From<SqliteQueryResult> for Done {
    fn from(done: SqliteQueryResult) -> Self {
        Self { touched: done.rows_affected(), drawn: Some(done.last_insert_rowid()) }
    }
}

impl From<PgQueryResult> for Done {
    fn from(done: PgQueryResult) -> Self {
        Self { touched: done.rows_affected(), drawn: None }
    }
}

impl From<MySqlQueryResult> for Done {
    fn from(done: MySqlQueryResult) -> Self {
        Self { touched: done.rows_affected(), drawn: i64::try_from(done.last_insert_id()).ok() }
    }
}

/// A driver's connection. Dropped, it closes, and the database rolls back what was open.
pub(super) enum Session {
    /// `made`: this connection made the file.
    Sqlite {
        connection: SqliteConnection,
        watch: Watch,
        made: bool,
    },
    Postgres(PgConnection),
    Mariadb(MySqlConnection),
}

impl Session {
    /// Opens one, not set up yet. None: there is no such file, and looking creates none.
    pub(super) async fn open(
        target: &Target,
        purpose: Purpose,
        settings: &SessionSettings,
    ) -> Result<Option<Self>, DatabaseError> {
        let opening = async {
            match &target.place {
                Place::Sqlite { options, path, writable } => {
                    open_sqlite(target, options, path, *writable, purpose, settings).await
                }
                Place::Postgres { options, .. } => {
                    options.connect().await.map(Self::Postgres).map(Some).map_err(|error| unreachable(target, &error))
                }
                Place::Mariadb { options } => {
                    options.connect().await.map(Self::Mariadb).map(Some).map_err(|error| unreachable(target, &error))
                }
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, opening).await.unwrap_or_else(|_| {
            Err(DatabaseError::Unreachable {
                target: target.label().to_owned(),
                reason: format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
            })
        })
    }

    /// Sends one statement; the number of rows that it touched.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        // Safe: every statement comes from `dialect/` or `store/`, where names and values are quoted.
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite { connection, watch, .. } => {
                let _running = watch.start();
                query.execute(connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres(connection) => query.execute(connection).await.map(|done| done.rows_affected()),
            Self::Mariadb(connection) => query.execute(connection).await.map(|done| done.rows_affected()),
        }
    }

    /// Sends statements in one message; for each of them in turn its rows, then what it did.
    pub(super) fn send(&mut self, sql: &str) -> BoxStream<'_, Result<Item, sqlx::Error>> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite { connection, watch, .. } => {
                let running = watch.start();
                let items = query.fetch_many(connection);
                Box::pin(items.map(move |item| {
                    // The next statement has begun.
                    running.again();
                    match item? {
                        Either::Left(done) => Ok(Item::Done(done.into())),
                        Either::Right(row) => byte_texts(&row).map(Item::Row),
                    }
                }))
            }
            Self::Postgres(connection) => Box::pin(query.fetch_many(connection).map(|item| match item? {
                Either::Left(done) => Ok(Item::Done(done.into())),
                Either::Right(row) => postgres_texts(&row).map(Item::Row),
            })),
            Self::Mariadb(connection) => Box::pin(query.fetch_many(connection).map(|item| match item? {
                Either::Left(done) => Ok(Item::Done(done.into())),
                Either::Right(row) => byte_texts(&row).map(Item::Row),
            })),
        }
    }

    /// Sends one query; every value as the database prints it.
    pub(super) async fn fetch(&mut self, sql: &str) -> Result<Vec<TextRow>, sqlx::Error> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite { connection, watch, .. } => {
                let _running = watch.start();
                query.fetch_all(connection).await?.iter().map(byte_texts).collect()
            }
            Self::Postgres(connection) => query.fetch_all(connection).await?.iter().map(postgres_texts).collect(),
            Self::Mariadb(connection) => query.fetch_all(connection).await?.iter().map(byte_texts).collect(),
        }
    }

    /// Whether it made the SQLite file that it is on.
    pub(super) fn made_the_file(&self) -> bool {
        matches!(self, Self::Sqlite { made: true, .. })
    }

    pub(super) async fn close(self) {
        let goodbye = async {
            // It is gone either way.
            let _ = match self {
                Self::Sqlite { connection, .. } => connection.close().await,
                Self::Postgres(connection) => connection.close().await,
                Self::Mariadb(connection) => connection.close().await,
            };
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// What a row of SQLite or MariaDB holds, as it comes.
fn byte_texts<R: Row>(row: &R) -> Result<TextRow, sqlx::Error>
where
    usize: ColumnIndex<R>,
    for<'r> Option<Vec<u8>>: Decode<'r, R::Database>,
{
    let text = |at| {
        let value: Option<Vec<u8>> = row.try_get_unchecked(at)?;
        Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    (0..row.len()).map(text).collect()
}

fn postgres_texts(row: &sqlx::postgres::PgRow) -> Result<TextRow, sqlx::Error> {
    (0..row.len())
        .map(|at| {
            let value = row.try_get_raw(at)?;
            if value.is_null() {
                return Ok(None);
            }
            // The simple protocol sends every value as text.
            value.as_str().map(|text| Some(text.to_owned())).map_err(sqlx::Error::Decode)
        })
        .collect()
}

fn unreachable(target: &Target, error: &sqlx::Error) -> DatabaseError {
    let reason = match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => error::words(other),
    };
    DatabaseError::Unreachable { target: target.label().to_owned(), reason }
}

async fn open_sqlite(
    target: &Target,
    options: &SqliteConnectOptions,
    path: &Path,
    writable: Writable,
    purpose: Purpose,
    settings: &SessionSettings,
) -> Result<Option<Session>, DatabaseError> {
    let there = path
        .try_exists()
        .map_err(|error| DatabaseError::Unreachable { target: target.label().to_owned(), reason: error.to_string() })?;
    match purpose {
        Purpose::Look | Purpose::Hold if !there => return Ok(None),
        Purpose::Look | Purpose::Hold => {}
        Purpose::Change => writable_file(target, path, writable)?,
    }
    // Looking opens for writing too, and `query_only` then forbids it: a file whose writer was killed has a
    // journal that must be rolled back before anybody can read.
    let mut options = options
        .clone()
        .create_if_missing(purpose == Purpose::Change)
        .read_only(writable == Writable::No)
        .busy_timeout(settings.lock_timeout);
    if !there {
        // Until it is closed again: a commit is then one write to the disk and not three.
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    let mut connection =
        options.connect().await.map_err(|error| match error::classify(target.label(), settings, error) {
            DatabaseError::ReadOnly { reason, .. } | DatabaseError::Lost(reason) => {
                DatabaseError::Unreachable { target: target.label().to_owned(), reason }
            }
            other => other,
        })?;
    let watch = Watch::new(settings.statement_timeout);
    let expired = watch.clone_expired();
    let mut handle =
        connection.lock_handle().await.map_err(|error| error::classify(target.label(), settings, error))?;
    handle.set_progress_handler(10_000, move || !expired());
    drop(handle);
    Ok(Some(Session::Sqlite { connection, watch, made: !there }))
}

/// SQLite opens a file without write permission silently for reading.
fn writable_file(target: &Target, path: &Path, writable: Writable) -> Result<(), DatabaseError> {
    let read_only = |reason: &str| DatabaseError::ReadOnly { target: target.label().to_owned(), reason: reason.into() };
    if writable == Writable::No {
        return Err(read_only("its URL says mode=ro"));
    }
    if path.metadata().is_ok_and(|file| file.permissions().readonly()) {
        return Err(read_only("the file has no write permission"));
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match folder.metadata() {
        Ok(found) if found.permissions().readonly() => Err(read_only("its folder has no write permission")),
        Ok(_) => Ok(()),
        Err(error) => Err(DatabaseError::Unreachable {
            target: target.label().to_owned(),
            reason: format!("its folder: {error}"),
        }),
    }
}

/// SQLite's statement timeout, which it lacks: asked every few thousand steps of its machine. Dropping the
/// connection while a statement runs stops that statement too.
pub(super) struct Watch {
    timeout: Duration,
    /// Milliseconds since `origin`; 0: now, [`NEVER`]: not.
    deadline: Arc<AtomicU64>,
    origin: Instant,
}

const NEVER: u64 = u64::MAX;

impl Watch {
    fn new(timeout: Duration) -> Self {
        Self { timeout, deadline: Arc::new(AtomicU64::new(NEVER)), origin: Instant::now() }
    }

    fn clone_expired(&self) -> impl Fn() -> bool + Send + 'static {
        let (deadline, origin) = (Arc::clone(&self.deadline), self.origin);
        move || deadline.load(Ordering::Relaxed) <= milliseconds(origin.elapsed())
    }

    /// Runs until the guard is dropped.
    pub(super) fn start(&self) -> Running<'_> {
        let running = Running(self);
        running.again();
        running
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.deadline.store(0, Ordering::Relaxed);
    }
}

pub(super) struct Running<'a>(&'a Watch);

impl Running<'_> {
    /// From now on.
    fn again(&self) {
        let Self(watch) = self;
        let deadline = milliseconds(watch.origin.elapsed()).saturating_add(milliseconds(watch.timeout));
        watch.deadline.store(deadline, Ordering::Relaxed);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.deadline.store(NEVER, Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}
