//! Waiting for locks that other sessions hold. The database itself waits for a short while only, since whatever comes
//! later queues up behind a statement that waits for a whole table; then everybody else gets a turn, and it is tried again.

use std::time::{Duration, Instant};

use super::{Event, Interrupt, Migrator};
use crate::store;

/// How long a step has been waiting, and may.
pub(super) struct Patience<'a> {
    migrator: &'a Migrator,
    package: String,
    step: String,
    /// When it was first in vain.
    since: Option<Instant>,
}

impl Migrator {
    /// The patience of one step of a package.
    pub(super) fn patience(&self, package: &str, step: String) -> Patience<'_> {
        Patience { migrator: self, package: package.to_owned(), step, since: None }
    }
}

impl Patience<'_> {
    /// How long it is at most. A statement that keeps nobody waiting may wait for so long at once.
    pub(super) fn limit(&self) -> Duration {
        self.migrator.lock_timeout.max(self.once())
    }

    /// How long a statement waits that may keep others waiting.
    pub(super) fn once(&self) -> Duration {
        self.migrator.target.settings().lock_timeout
    }

    /// Whether to try once more, after a pause, what was first tried then. Not longer in all than for the lock of the target,
    /// and not after an interrupt. Of a try that got other things done first only the last of it is waiting.
    pub(super) async fn again(&mut self, begun: Instant) -> bool {
        let latest = Instant::now().checked_sub(self.once());
        self.again_since(latest.map_or(begun, |latest| begun.max(latest))).await
    }

    /// As [`Self::again`], of a try that was nothing but waiting.
    pub(super) async fn again_since(&mut self, begun: Instant) -> bool {
        let is_first = self.since.is_none();
        let since = *self.since.get_or_insert(begun);
        let left = self.migrator.lock_timeout.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        if is_first {
            let (package, step) = (self.package.clone(), self.step.clone());
            (self.migrator.observer)(&Event::Blocked { package, step });
        }
        self.pause(store::pause().min(left)).await
    }

    async fn pause(&self, duration: Duration) -> bool {
        let interrupt: &Interrupt = &self.migrator.interrupt;
        interrupt.unless_raised(tokio::time::sleep(duration)).await.is_some()
    }

    /// How long it has been in vain.
    pub(super) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
