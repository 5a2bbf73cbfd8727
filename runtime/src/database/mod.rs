//! The only place where a database is spoken to: URLs, connections, transactions, errors. Statements come in
//! as text that `dialect/` and `store/` made, rows go out as text. Decides nothing about schemas or revisions.

mod answer;
mod error;
#[cfg(feature = "failpoints")]
mod failpoint;
mod identity;
mod message;
mod session;
mod setup;
mod target;
mod watchdog;

pub use error::DatabaseError;
pub use identity::Identity;
pub use message::{Answer, Stopped};
pub use session::Done;
pub use target::Target;
pub(crate) use target::real_path;

use std::time::Duration;

use session::Session;
use watchdog::Watchdog;

use crate::dialect::{self, Catalog, Cell, Dialect, TextRow, catalog};

/// How often a query of the catalog is sent that other sessions keep from being answered whole, and how soon again.
const LOOKS: u32 = 1_000;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Reading: nothing is created, and the database refuses to write.
    Look,
    /// Changing.
    Change,
    /// Holding a lock: it touches no table, and nothing hangs on its settings.
    Hold,
}

/// One session of a target, set up and checked. Dropped while a transaction is open or a call is under way, it
/// closes and the database rolls back.
pub struct Connection {
    /// None once closed. A call takes it out and puts it back: a cancelled one thus closes it.
    session: Option<Session>,
    dialect: Dialect,
    label: String,
    transaction: Transaction,
    watchdog: Watchdog,
    /// Whether its statements are counted: not before it is set up.
    #[cfg(feature = "failpoints")]
    is_counted: bool,
}

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement failed: only a rollback is taken.
    Failed,
}

impl Target {
    /// Connects to read. None: the SQLite file does not exist, and it stays so.
    ///
    /// # Errors
    /// Unreachable, refused login, an unsupported server, a missing schema, settings that do not hold.
    pub async fn connect_to_look(&self) -> Result<Option<Connection>, DatabaseError> {
        Connection::open(self, Purpose::Look).await
    }

    /// Connects to change; creates a missing SQLite file.
    ///
    /// # Errors
    /// As [`Self::connect_to_look`], and a file or folder without write permission.
    pub async fn connect_to_change(&self) -> Result<Connection, DatabaseError> {
        Connection::open(self, Purpose::Change).await?.ok_or(DatabaseError::Closed)
    }

    /// Connects to a server only to hold a lock there.
    ///
    /// # Errors
    /// Unreachable, refused login.
    pub(crate) async fn connect_to_hold(&self) -> Result<Connection, DatabaseError> {
        Connection::open(self, Purpose::Hold).await?.ok_or(DatabaseError::Closed)
    }
}

impl Connection {
    async fn open(target: &Target, purpose: Purpose) -> Result<Option<Self>, DatabaseError> {
        let Some(session) = Session::open(target, purpose, target.settings()).await? else {
            return Ok(None);
        };
        let mut connection = Self {
            session: Some(session),
            dialect: target.dialect(),
            label: target.label().to_owned(),
            transaction: Transaction::None,
            watchdog: Watchdog::new(target),
            #[cfg(feature = "failpoints")]
            is_counted: false,
        };
        if purpose != Purpose::Hold {
            setup::pin(&mut connection, target, purpose).await?;
        }
        #[cfg(feature = "failpoints")]
        (connection.is_counted = purpose == Purpose::Change);
        Ok(Some(connection))
    }

    /// Makes a session that looked one that changes, set up and checked anew. None: it is gone or cannot be one, and is
    /// closed; whatever is wrong with it, a new one will say.
    pub(crate) async fn into_changing(mut self, target: &Target) -> Option<Self> {
        match tokio::time::timeout(session::CONNECT_TIMEOUT, self.change_from_now_on(target)).await {
            Ok(Ok(())) => Some(self),
            Ok(Err(_)) | Err(_) => {
                self.close().await;
                None
            }
        }
    }

    async fn change_from_now_on(&mut self, target: &Target) -> Result<(), DatabaseError> {
        let reset = dialect::session_reset(self.dialect).ok_or(DatabaseError::Closed)?;
        if self.in_transaction() {
            return Err(DatabaseError::Transaction("a transaction is open already"));
        }
        self.execute(reset).await?;
        setup::pin(self, target, Purpose::Change).await?;
        #[cfg(feature = "failpoints")]
        (self.is_counted = true);
        Ok(())
    }

    /// Which kind of database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The target's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Sends one statement; the number of rows that it touched.
    ///
    /// # Errors
    /// What the database answers. Inside a transaction only [`Self::rollback`] is taken afterwards.
    pub async fn execute(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        let mut session = self.take()?;
        #[cfg(feature = "failpoints")]
        if self.is_counted {
            let result = self.watchdog.over(failpoint::around(&[sql], session.execute(sql))).await;
            return self.put_back(session, result);
        }
        let result = self.watchdog.over(session.execute(sql)).await;
        self.put_back(session, result)
    }

    /// Sends one query; every value as text.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn fetch(&mut self, sql: &str) -> Result<Vec<TextRow>, DatabaseError> {
        let mut session = self.take()?;
        let result = self.watchdog.over(session.fetch(sql)).await;
        self.put_back(session, result)
    }

    /// Sends one query whose answer is bounded. None: it has more rows, or more bytes, than that.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn answer(
        &mut self,
        sql: &str,
        rows: usize,
        bytes: usize,
    ) -> Result<Option<Vec<Vec<Cell>>>, DatabaseError> {
        let mut session = self.take()?;
        let result = self.watchdog.over(session.answer(sql, rows, bytes)).await;
        self.put_back(session, result)
    }

    /// Begins a transaction that will write: on SQLite it takes the file's write lock at once.
    ///
    /// # Errors
    /// As [`Self::execute`]; inside a transaction it is a mistake.
    pub async fn begin(&mut self) -> Result<(), DatabaseError> {
        self.begin_with(self.beginning()).await
    }

    fn beginning(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Dialect::Mariadb => "START TRANSACTION",
        }
    }

    /// Begins a transaction that only reads, as of one moment. Rolling it back ends it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_to_look(&mut self) -> Result<(), DatabaseError> {
        self.begin_with(match self.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Dialect::Mariadb => "START TRANSACTION READ ONLY",
        })
        .await
    }

    /// Whether a transaction is open, be it a failed one.
    pub fn in_transaction(&self) -> bool {
        self.transaction != Transaction::None
    }

    async fn begin_with(&mut self, statement: &str) -> Result<(), DatabaseError> {
        if self.transaction != Transaction::None {
            return Err(DatabaseError::Transaction("a transaction is open already"));
        }
        self.execute(statement).await?;
        self.transaction = Transaction::Open;
        Ok(())
    }

    /// Commits. On an error everything is rolled back.
    ///
    /// # Errors
    /// What the database answers; [`DatabaseError::CommitUnknown`] if the connection broke off meanwhile.
    pub async fn commit(&mut self) -> Result<(), DatabaseError> {
        if self.transaction != Transaction::Open {
            return Err(DatabaseError::Transaction("there is nothing to commit"));
        }
        match self.execute("COMMIT").await {
            Ok(_) => {
                self.transaction = Transaction::None;
                Ok(())
            }
            Err(DatabaseError::Lost(reason)) => Err(DatabaseError::CommitUnknown(reason)),
            Err(error) => {
                // Whether that went well is not the news.
                let _ = self.rollback().await;
                Err(error)
            }
        }
    }

    /// Rolls back; without a transaction it does nothing. If even that fails the connection is closed, which rolls back
    /// too; on a closed connection it waits until that has happened, as far as can be seen.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn rollback(&mut self) -> Result<(), DatabaseError> {
        if self.transaction == Transaction::None {
            return Ok(());
        }
        let failed = std::mem::replace(&mut self.transaction, Transaction::None) == Transaction::Failed;
        if self.session.is_none() {
            self.watchdog.settled().await;
            return Ok(());
        }
        let mut result = match self.execute("ROLLBACK").await {
            Err(DatabaseError::Refused { message, .. }) if dialect::is_rolled_back(self.dialect, &message) => Ok(0),
            result => result,
        };
        if let (Ok(_), true, Some(settings)) = (&result, failed, dialect::after_failure(self.dialect)) {
            result = self.execute(settings).await;
        }
        if result.is_err() {
            self.session = None;
        }
        result.map(|_| ())
    }

    /// Reads what the target holds, as of one moment; inside a transaction as that sees it.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn catalog(&mut self) -> Result<Catalog, DatabaseError> {
        let own_transaction = self.transaction == Transaction::None;
        if own_transaction {
            self.begin_to_look().await?;
        }
        let read = self.read_catalog().await;
        if own_transaction {
            self.rollback().await?;
        }
        read
    }

    async fn read_catalog(&mut self) -> Result<Catalog, DatabaseError> {
        let mut results = Vec::new();
        if let Some(question) = catalog::anything(self.dialect)
            && self.fetch(question).await?.is_empty()
        {
            return Ok(catalog::read(self.dialect, &results));
        }
        for query in catalog::queries(self.dialect) {
            results.push(self.fetch_whole(query).await?);
            // The first one lists what there is; the others, which cost a new session much, say what each of it is like.
            if results.iter().all(Vec::is_empty) {
                break;
            }
        }
        Ok(catalog::read(self.dialect, &results))
    }

    /// Sends a query of the catalog until no other session keeps it from being answered whole.
    async fn fetch_whole(&mut self, query: &str) -> Result<Vec<TextRow>, DatabaseError> {
        let message = format!("{query}{}", catalog::trailer(self.dialect));
        for _ in 0..LOOKS {
            let mut rows = self.fetch(&message).await?;
            if catalog::is_whole(self.dialect, &mut rows) {
                return Ok(rows);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let message = "tables are being changed all the time".to_owned();
        Err(DatabaseError::Busy { code: "1684".to_owned(), message })
    }

    /// Closes one that may be there.
    pub(crate) async fn close_any(kept: &mut Option<Self>) {
        if let Some(connection) = kept.take() {
            connection.close().await;
        }
    }

    /// Says goodbye. Merely dropping a connection is safe too.
    pub async fn close(mut self) {
        if self.transaction == Transaction::None && self.session.as_ref().is_some_and(Session::made_the_file) {
            // A new file is left as any program would make it. Where another program is at it already it stays so.
            let _ = self.execute("PRAGMA journal_mode = DELETE").await;
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
        self.watchdog.settled().await;
    }

    fn take(&mut self) -> Result<Session, DatabaseError> {
        if self.transaction == Transaction::Failed {
            return Err(DatabaseError::Transaction(
                "a statement of this transaction failed; only a rollback is possible",
            ));
        }
        self.session.take().ok_or(DatabaseError::Closed)
    }

    /// Takes the session back with what it answered. One that did not answer is closed.
    fn put_back<T>(&mut self, session: Session, result: Option<Result<T, sqlx::Error>>) -> Result<T, DatabaseError> {
        let Some(result) = result else {
            return Err(DatabaseError::Lost("a statement was not answered in time, nor was it when cancelled".into()));
        };
        match result.map_err(|error| error::classify(&self.label, self.watchdog.settings(), error)) {
            Ok(value) => {
                self.session = Some(session);
                Ok(value)
            }
            Err(error @ DatabaseError::Lost(_)) => Err(error),
            Err(error) => {
                if self.transaction == Transaction::Open {
                    self.transaction = Transaction::Failed;
                }
                self.session = Some(session);
                Err(error)
            }
        }
    }
}
