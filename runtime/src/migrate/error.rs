//! Why a run did not do what was asked, and where.

use std::path::Path;
use std::time::Duration;

use super::planned::PackagePlan;
use crate::database::DatabaseError;
use crate::package::PackageError;
use crate::revision::{Dependency, GraphError};
use crate::sandbox::{SandboxError, StepError};
use crate::store::{LockError, StoreError};

/// A failure with the package, step and target that it concerns.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", place(package.as_deref(), step.as_deref(), target.as_deref()))]
pub struct MigrateError {
    /// The package, where one is concerned.
    pub package: Option<String>,
    /// The step: `upgrade 001`, `populate ptah-db-schema`, …
    pub step: Option<String>,
    /// The target without its password.
    pub target: Option<String>,
    /// What was applied before it and stays: the packages before this one, and of this one the steps before the one
    /// that failed.
    pub applied: Vec<PackagePlan>,
    /// What went wrong.
    #[source]
    pub kind: Box<ErrorKind>,
}

fn place(package: Option<&str>, step: Option<&str>, target: Option<&str>) -> String {
    let mut text = String::new();
    for part in [package, step].into_iter().flatten() {
        text.push_str(part);
        text.push_str(": ");
    }
    if let Some(target) = target {
        text.push_str("on ");
        text.push_str(target);
        text.push_str(": ");
    }
    text
}

fn altering(tables: &[String]) -> String {
    let tables = tables.join(", ");
    if tables.is_empty() { tables } else { format!(", and alters {tables} without loss, as `--dry-run` with it shows") }
}

impl ErrorKind {
    /// Whether it says itself what stays of the step.
    pub(super) fn says_what_is_left(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Blocked { .. }
                | Self::CutShort { .. }
                | Self::Interrupted(_)
                | Self::Ended { .. }
        )
    }

    /// Whether another session held a lock, so that the same may succeed later.
    pub(super) fn is_blocked(&self) -> bool {
        matches!(
            self,
            Self::Blocked { .. }
                | Self::Database(DatabaseError::Busy { .. })
                | Self::Store(StoreError::Database(DatabaseError::Busy { .. }))
        )
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The package cannot be used.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The engine cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Revisions, steps or packages make no order, or a goal makes no sense.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// One package was given twice.
    #[error("the package is given twice")]
    GivenTwice,
    /// One target was given twice.
    #[error("{one} and {other} are the same target")]
    TargetTwice {
        /// What it is called.
        one: String,
        /// What it is also called.
        other: String,
    },
    /// There is no target.
    #[error("there is no target")]
    NoTarget,
    /// A guest's step failed or was stopped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A populate step failed on a schema that is older than the package's latest.
    #[error(
        "{error}\n  the package is at {}, and populate never runs a revision: `upgrade` it first ({} pending)",
        if .at.is_empty() { "base" } else { .at },
        .pending.join(", ")
    )]
    Behind {
        /// Why it failed.
        error: StepError,
        /// The recorded heads; empty for base.
        at: String,
        /// The revisions that are not applied.
        pending: Vec<String>,
    },
    /// A populate step that only the runner itself runs.
    #[error("{0} runs by itself where it is needed, not by name")]
    NotByName(String),
    /// Something must be applied first.
    #[error("it depends on {}:{}, which is not applied here; upgrade {} first, or give its package too", .0.package, .0.revision, .0.package)]
    MissingDependency(Dependency),
    /// Another package needs what a downgrade would take away.
    #[error("{dependent} depends on revision {revision}; downgrade that first")]
    Needed {
        /// The revision.
        revision: String,
        /// `package:step` that depends on it.
        dependent: String,
    },
    /// Tables of the package are there, not recorded as its own, and match.
    #[error(
        "its tables are there already ({}), not recorded as its own; they equal {}: {}{}",
        tables.join(", "),
        matches.join(" and "),
        if matches.len() > 1 { "`--adopt=REV` takes them over as one of these" } else { "`--adopt` takes them over" },
        altering(altered)
    )]
    Adoptable {
        /// The tables.
        tables: Vec<String>,
        /// `base`, or the revisions whose schema they equal.
        matches: Vec<String>,
        /// Those that are altered as they are taken over, without loss.
        altered: Vec<String>,
    },
    /// Tables of the package are there, and match nothing that it ever was.
    #[error("its tables are there already, not recorded as its own, and equal no revision; nearest is {nearest}:\n  {}", differences.join("\n  "))]
    Differs {
        /// `base`, or the revision that is nearest.
        nearest: String,
        /// How they differ from it.
        differences: Vec<String>,
    },
    /// A step would make something whose name is taken by something that is not the package's.
    #[error("{0}")]
    Outside(String),
    /// A step stands unfinished, and something must be decided about it.
    #[error("{0}")]
    InFlight(String),
    /// The database refused a statement. What the step did is rolled back, or accounted for.
    #[error("the database refused statement {position} of {total}: {message}\n  {sql}{after}")]
    Refused {
        /// Which statement, from 1.
        position: usize,
        /// Of how many.
        total: usize,
        /// The statement, cut.
        sql: String,
        /// The database's words, without row values.
        message: String,
        /// The state that this leaves.
        after: String,
    },
    /// The session ended at a statement.
    #[error("statement {position} of {total}: {error}; {after}")]
    CutShort {
        /// Which statement, from 1.
        position: usize,
        /// Of how many.
        total: usize,
        /// How it ended.
        error: DatabaseError,
        /// What becomes of the step.
        after: &'static str,
    },
    /// Other sessions held what a statement needs for too long. What the step did is rolled back, or accounted for.
    #[error(
        "statement {position} of {total} cannot run: {message}; tried for {} s\n  {sql}{after}",
        waited.as_secs_f64().round()
    )]
    Blocked {
        /// Which statement, from 1.
        position: usize,
        /// Of how many.
        total: usize,
        /// The statement, cut.
        sql: String,
        /// The database's words.
        message: String,
        /// For how long it was tried.
        waited: Duration,
        /// The state that this leaves.
        after: String,
    },
    /// The target changed again and again while it was planned for.
    #[error("the target keeps changing; nothing was done")]
    Unstable,
    /// The database refused what a guest asked, and the guest is not told.
    #[error("the database refused {what}: {message}\n  {sql}")]
    Unanswered {
        /// A query or an attempt.
        what: &'static str,
        /// It, cut.
        sql: String,
        /// The database's words, without row values.
        message: String,
    },
    /// A value that is none of its column's type.
    #[error("the database holds a value that is not of the type of {0} in the answer")]
    OddValue(String),
    /// A step ended badly that had asked for rows. What it did is rolled back, or accounted for.
    #[error("{error}{after}")]
    Ended {
        /// Why.
        error: Box<ErrorKind>,
        /// The state that this leaves.
        after: String,
    },
    /// Asked to stop.
    #[error("interrupted: {0}")]
    Interrupted(&'static str),
    /// Steps are pending where none may be.
    #[error("{}", .0.join("; "))]
    Pending(Vec<String>),
    /// A step asks for rows where nobody answers.
    #[error("it asks for rows, which only a run on a database answers")]
    DataDependent,
    /// What cannot be known without a database.
    #[error("{0}")]
    Offline(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The bookkeeping.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A task of the runner ended abnormally.
    #[error("the planning task ended abnormally: {0}")]
    Task(String),
}

impl MigrateError {
    /// A package that cannot be opened, called by its path where the error itself does not say it.
    pub fn opening(path: &Path, error: PackageError) -> Self {
        let path = path.display().to_string();
        let said = error.to_string().contains(&path);
        let error = Self::from(error);
        if said { error } else { error.of(&path) }
    }

    /// Says which package is concerned, unless that is said.
    #[must_use]
    pub fn of(mut self, package: &str) -> Self {
        self.package.get_or_insert_with(|| package.to_owned());
        self
    }

    /// Says which step is concerned, unless that is said.
    #[must_use]
    pub fn at(mut self, step: impl Into<String>) -> Self {
        self.step.get_or_insert_with(|| step.into());
        self
    }

    /// Says what was applied before all that it says already.
    #[must_use]
    pub(super) fn after(mut self, applied: impl IntoIterator<Item = PackagePlan>) -> Self {
        self.applied.splice(0..0, applied);
        self
    }

    /// Says which target is concerned, unless that is said.
    #[must_use]
    pub fn on(mut self, target: &str) -> Self {
        self.target.get_or_insert_with(|| target.to_owned());
        self
    }
}

impl<E: Into<ErrorKind>> From<E> for MigrateError {
    fn from(kind: E) -> Self {
        Self { package: None, step: None, target: None, applied: Vec::new(), kind: Box::new(kind.into()) }
    }
}
