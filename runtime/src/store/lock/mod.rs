//! One runner per target at a time. The lock lives exactly as long as what holds it: a session of its own on a
//! server, open files beside a SQLite database. A runner that dies, however it dies, thereby lets go.
//!
//! There are three locks behind it. Who holds the *target's* changes it; who holds that of its *queue* is the next one to
//! have the target; and a run keeps that of its *package* from beginning to end, so that what two runs of one package have
//! to do is done by the first. Between two steps a run looks whether somebody is in the queue, and if so gives way: lets go
//! of the target and goes to the end of the queue itself.
//!
//! Whoever waits asks again and again: on PostgreSQL a session that waits within the server holds a snapshot meanwhile,
//! for which an index that is built concurrently waits in turn.

mod file;
mod means;
mod work;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::database::{DatabaseError, Target};
use means::{Means, Turn};

pub use work::WorkLock;

/// How long to wait between two tries, drawn anew each time.
const PAUSE_MS: std::ops::Range<u64> = 50..250;

/// The same for the first in the queue: while it pauses a target may lie idle.
const SHORT_PAUSE_MS: std::ops::Range<u64> = 5..25;

/// How often at most a run looks whether another one waits: the first in the queue looks about as often.
const GLANCE: Duration = Duration::from_millis(25);

/// Who holds a target's lock, as far as the database tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Option<String>> for Holder {
    fn from(holder: Option<String>) -> Self {
        Self(holder.unwrap_or_else(|| "a run that does not show itself".to_owned()))
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
    means: Means,
    /// When it was last known that nobody was in the queue.
    glanced: Instant,
}

/// Takes the lock, trying for `timeout`; `on_wait` is told once who holds it. A timeout of zero tries once.
///
/// On SQLite the file `<database>-ptah-lock` is made and stays, empty, when the lock is released. Others beside it go.
///
/// # Errors
/// [`LockError::Held`] after the timeout, with the holder.
pub async fn acquire(
    target: &Target,
    timeout: Duration,
    mut on_wait: impl FnMut(&Holder) + Send,
) -> Result<TargetLock, LockError> {
    let mut lock = TargetLock::connect(target).await?;
    lock.take(&mut Wait::new(timeout, &mut on_wait)).await?;
    Ok(lock)
}

/// As [`acquire`], with what is to hold the lock, for a run of this package: after another run of it, wherever that one
/// gives way meanwhile.
///
/// # Errors
/// As [`acquire`].
pub async fn acquire_for(
    mut lock: TargetLock,
    package: &str,
    timeout: Duration,
    mut on_wait: impl FnMut(&Holder) + Send,
) -> Result<TargetLock, LockError> {
    let mut wait = Wait::new(timeout, &mut on_wait);
    while !lock.means.try_package(package).await? {
        wait.a_while(&mut lock, Some(package), PAUSE_MS).await?;
    }
    lock.take(&mut wait).await?;
    Ok(lock)
}

impl TargetLock {
    /// What can hold the target's lock, and does not yet: a session of its own, or files that are open.
    ///
    /// # Errors
    /// What the database answers; a file that cannot be made.
    pub async fn connect(target: &Target) -> Result<Self, LockError> {
        Ok(Self { label: target.label().to_owned(), means: Means::new(target).await?, glanced: Instant::now() })
    }

    /// Takes the target itself, in turn.
    async fn take(&mut self, wait: &mut Wait<'_>) -> Result<(), LockError> {
        let mut is_next = false;
        loop {
            let pause = match self.means.try_target(is_next).await? {
                Turn::Taken => {
                    self.glanced = Instant::now();
                    return Ok(());
                }
                Turn::Next => {
                    is_next = true;
                    SHORT_PAUSE_MS
                }
                Turn::Later => PAUSE_MS,
            };
            wait.a_while(self, None, pause).await?;
        }
    }

    /// Whether another run is in the queue for the target. Asked again within a few milliseconds, it says no.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn is_wanted(&mut self) -> Result<bool, LockError> {
        if self.glanced.elapsed() < GLANCE {
            return Ok(false);
        }
        let is_wanted = self.means.is_wanted().await?;
        self.glanced = Instant::now();
        Ok(is_wanted)
    }

    /// Lets those have the target who are in the queue, and takes it again after them: as [`acquire`].
    ///
    /// # Errors
    /// As [`acquire`]; then the target is somebody else's.
    pub async fn give_way(
        &mut self,
        timeout: Duration,
        mut on_wait: impl FnMut(&Holder) + Send,
    ) -> Result<(), LockError> {
        self.means.let_go_of_target().await?;
        self.take(&mut Wait::new(timeout, &mut on_wait)).await
    }

    /// Makes sure that the lock is still held: a server may have ended its session.
    ///
    /// # Errors
    /// [`LockError::Lost`].
    pub async fn check(&mut self) -> Result<(), LockError> {
        match self.means.holds_target().await {
            true => Ok(()),
            false => Err(LockError::Lost(self.label.clone())),
        }
    }

    /// Lets go, and waits until the database knows.
    pub async fn release(self) {
        self.means.close().await;
    }
}

impl fmt::Debug for TargetLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetLock").field(&self.label).finish()
    }
}

/// A wait with an end.
struct Wait<'a> {
    started: Instant,
    timeout: Duration,
    told: bool,
    on_wait: &'a mut (dyn FnMut(&Holder) + Send),
}

impl<'a> Wait<'a> {
    fn new(timeout: Duration, on_wait: &'a mut (dyn FnMut(&Holder) + Send)) -> Self {
        Self { started: Instant::now(), timeout, told: false, on_wait }
    }

    /// Waits for a while, unless it was long enough.
    async fn a_while(
        &mut self,
        lock: &mut TargetLock,
        package: Option<&str>,
        pause_ms: std::ops::Range<u64>,
    ) -> Result<(), LockError> {
        let waited = self.started.elapsed();
        if waited >= self.timeout {
            let holder = lock.means.holder(package).await?;
            return Err(LockError::Held { target: lock.label.clone(), holder, waited });
        }
        if !std::mem::replace(&mut self.told, true) {
            let holder = lock.means.holder(package).await?;
            (self.on_wait)(&holder);
        }
        tokio::time::sleep(drawn(pause_ms).min(self.timeout - waited)).await;
        Ok(())
    }
}

/// A short time, drawn anew each time, so that those who wait do not all come back at once.
pub(crate) fn pause() -> Duration {
    drawn(PAUSE_MS)
}

fn drawn(range: std::ops::Range<u64>) -> Duration {
    let mut random = [0; 2];
    // Without randomness the pauses are merely all alike.
    let _ = getrandom::fill(&mut random);
    let span = range.end - range.start;
    Duration::from_millis(range.start + u64::from(u16::from_le_bytes(random)) % span)
}
