//! Sessions of a server that stand by while a plan is made: the one that the target was looked at through, for what comes
//! next, and one that will hold the lock, which connects meanwhile. To connect costs more than most steps. For a moment
//! only: a guest that takes its time keeps no session.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Migrator;
use crate::database::Connection;
use crate::store::{LockError, TargetLock};

/// How long a session may have been idle and still be used: one that is idle for longer may have been cut on the way,
/// without a word. And how long one stands by.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// What stands by.
#[derive(Default)]
pub(super) struct Standby {
    /// The connection that the target was looked at through last.
    pub(super) looked: Option<Connection>,
    lock: Option<JoinHandle<Result<TargetLock, LockError>>>,
}

impl Standby {
    /// What will hold the lock; none if nothing of the kind stands by.
    pub(super) fn lock(&mut self) -> impl Future<Output = Option<TargetLock>> + use<> {
        let connecting = self.lock.take();
        // What went wrong goes wrong again when it is tried anew.
        async move { connecting?.await.ok()?.ok() }
    }

    /// Sends everybody home.
    pub(super) async fn close(&mut self) {
        Connection::close_any(&mut self.looked).await;
        if let Some(connecting) = self.lock.take() {
            connecting.abort();
            if let Ok(Ok(lock)) = connecting.await {
                lock.release().await;
            }
        }
    }
}

impl Migrator {
    /// Makes a plan that takes guests, and may take long, while sessions stand by for what comes after it. That of a file
    /// does not: it is there as soon as it is wanted.
    pub(super) async fn standing_by<T>(&self, standby: &mut Standby, planning: impl Future<Output = T>) -> T {
        if self.target.file().is_some() {
            standby.close().await;
            return planning.await;
        }
        let target = self.target.clone();
        let connecting = tokio::spawn(async move { TargetLock::connect(&target).await });
        if let Some(earlier) = standby.lock.replace(connecting) {
            // That of a plan that was thrown away has waited for long enough.
            earlier.abort();
        }
        let mut planning = std::pin::pin!(planning);
        tokio::select! {
            planned = &mut planning => return planned,
            () = tokio::time::sleep(FRESH) => {}
        }
        let (planned, ()) = tokio::join!(planning, standby.close());
        planned
    }
}
