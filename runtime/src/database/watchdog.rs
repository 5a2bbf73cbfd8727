//! Ends a statement that its server should have ended, and one that nobody waits for any more. A server does not
//! notice that its client is gone while it is at a statement, whose locks then stay; so it is told on a second connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::session::Session;
use super::{Purpose, Target};
use crate::dialect::{ServerSession, SessionSettings, stop_session, stop_statement};

/// How much longer than its limit a statement may take before the watchdog ends it.
const GRACE: Duration = Duration::from_secs(3);

/// How long a statement that is being ended may take to answer, and how long ending it may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What watches over the statements of one connection.
pub(super) struct Watchdog {
    target: Arc<Target>,
    /// None on SQLite, where the connection ends its own statements, and until a session says which one it is.
    server: Option<ServerSession>,
    /// A session that is being ended because nobody waited for its answer.
    ending: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Watchdog {
    pub(super) fn new(target: &Target) -> Self {
        Self { target: Arc::new(target.clone()), server: None, ending: Arc::default() }
    }

    pub(super) fn settings(&self) -> &SessionSettings {
        self.target.settings()
    }

    /// Says which session of the server it is.
    pub(super) fn watch(&mut self, server: ServerSession) {
        self.server = Some(server);
    }

    /// What the call answers; None where nothing came even after it was cancelled, so that its connection is of no
    /// use. Dropped half way, it has the session ended.
    pub(super) async fn over<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = std::pin::pin!(call);
        let mut abandoned = Abandoned { watchdog: self, answered: false };
        let patience = self.settings().statement_timeout + GRACE;
        let mut answer = tokio::time::timeout(patience, &mut call).await.ok();
        if answer.is_none() {
            self.tell(stop_statement).await;
            answer = tokio::time::timeout(LAST_WORDS, &mut call).await.ok();
        }
        abandoned.answered = answer.is_some();
        answer
    }

    /// Waits until a session that was left alone is gone, and what it held is free.
    pub(super) async fn settled(&self) {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ending) = ending {
            let _ = ending.await;
        }
    }

    async fn tell(&self, what: fn(&ServerSession) -> String) {
        if let Some(server) = &self.server {
            tell(&self.target, &what(server)).await;
        }
    }
}

/// Sends one statement on a connection of its own. If that fails there is nothing more to be done.
async fn tell(target: &Target, sql: &str) {
    let telling = async {
        let settings = SessionSettings::default();
        if let Ok(Some(mut session)) = Session::open(target, Purpose::Change, &settings).await {
            let _ = session.fetch(sql).await;
            session.close().await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, telling).await;
}

/// A call that may be dropped before it is answered.
struct Abandoned<'a> {
    watchdog: &'a Watchdog,
    answered: bool,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let (false, Some(server)) = (self.answered, &self.watchdog.server) else { return };
        // Without a runtime the program is ending, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (target, sql) = (Arc::clone(&self.watchdog.target), stop_session(server));
        let ending = runtime.spawn(async move { tell(&target, &sql).await });
        *self.watchdog.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
    }
}
