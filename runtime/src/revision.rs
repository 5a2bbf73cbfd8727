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

/// A populate step as a package describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PopulateStep {
    /// Its name.
    pub name: String,
    /// What it does.
    pub title: String,
    /// Whether it runs without being named.
    pub active: bool,
    /// Steps of this package that run before it.
    pub requires: Vec<String>,
    /// What must be applied first.
    pub depends_on: Vec<Dependency>,
}

/// What a package says it is: checked, and all its components taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageInfo {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Its revisions, in the order described.
    pub revisions: Vec<Revision>,
    /// Its populate steps, in the order described.
    pub populate_steps: Vec<PopulateStep>,
}
