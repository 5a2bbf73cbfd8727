//! Revisions of one package as a graph: which order they run in, and what is recorded afterwards. Pure.

use serde::Serialize;

/// One revision as a package describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// The ids it revises; none for a base.
    pub down_revisions: Vec<String>,
    /// What it does.
    pub message: String,
    /// What must be applied first.
    pub depends_on: Vec<Dependency>,
}

/// A revision of another package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Dependency {
    /// The package.
    pub package: String,
    /// Its revision.
    pub revision: String,
}
