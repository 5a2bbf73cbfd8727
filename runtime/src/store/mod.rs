//! The runner's own tables and locks: which revisions are recorded (`ptah_db_versions`), what was done
//! (`ptah_db_history`), who owns which table (`ptah_db_objects`), what is under way (`ptah_db_journal`), and that
//! only one runner is at work on a target. Decides nothing: it keeps what it is told.
//!
//! Tables are created by [`ensure_tables`], which only a command that changes something calls.

mod conversation;
mod history;
mod journal;
mod layout;
mod lock;
mod record;
mod script;
mod state;

pub use conversation::{Answered, Conversation, Reply, answer};
pub use history::{
    Author, ChainError, HistoryEntry, HistoryRow, Kind, Newest, Outcome, history, newest_row, record_failure,
    verify_chain,
};
pub use journal::{
    FlightState, FlightStatement, InFlight, Look, Numbered, Undo, advance, announce, clear, give_up, note, refuse,
    replace,
};
pub use layout::{HISTORY, JOURNAL, OBJECTS, VERSIONS, ensure_tables, missing_tables};
pub(crate) use lock::pause;
pub use lock::{Holder, LockError, TargetLock, WorkLock, acquire, acquire_for};
pub use record::{OwnerChange, StepRecord, VersionChange, record, record_all, record_announced};
pub use script::{script_step, script_tables};
pub use state::{Owner, Requirement, State, load};

use crate::database::DatabaseError;

/// Why the bookkeeping was not read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The tables were laid out by a later version.
    #[error("the bookkeeping tables have layout {found}, and this ptah-wasm knows up to {known}: use a newer one")]
    NewerLayout {
        /// The layout that is recorded.
        found: u32,
        /// The latest known here.
        known: u32,
    },
    /// The tables hold what no version of this program writes.
    #[error("the bookkeeping tables are damaged: {0}")]
    Damaged(String),
    /// What is recorded is not what this run began with: somebody wrote there without the lock.
    #[error("the bookkeeping tables were changed by another program meanwhile: {0}")]
    Changed(String),
    /// The answers of a step take more than the server has room for.
    #[error(
        "the answer takes {bytes} bytes where it is written down, and the server's max_allowed_packet leaves {room} for it: \
         ask for less in one step"
    )]
    AnswerTooLong {
        /// How long it is.
        bytes: usize,
        /// What is left of the room for the step's answers.
        room: i64,
    },
    /// A name or id is longer than the tables take.
    #[error("{what} is longer than {limit} characters")]
    TooLong {
        /// What it is.
        what: String,
        /// The column's width.
        limit: u32,
    },
}
