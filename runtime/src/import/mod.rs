//! Packages out of other tools' projects. What reads them is written in Python, as the projects are, and carried in
//! this program (`sdk.rs`): it parses the files of a project and executes none of them. Here it is started, and its
//! answer taken. Fetching libraries and making components (`build.py`) is its part too.

mod python;
mod sdk;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What to import from an Alembic project, and how. Paths are taken from the current folder.
#[derive(Debug, Clone, Serialize)]
pub struct AlembicImport {
    /// Its folder, or its alembic.ini.
    pub project: PathBuf,
    /// The folder to make; `packages/NAME` without one.
    pub output: Option<PathBuf>,
    /// The package's name; the application's, or its folder's without one.
    pub name: Option<String>,
    /// Its title; the name without one.
    pub title: Option<String>,
    /// Its version; the application's without one.
    pub package_version: Option<String>,
    /// Modules of the application to take along.
    pub vendor: Vec<String>,
    /// Folders in which modules are looked for first.
    pub path: Vec<PathBuf>,
    /// Stand-ins for modules: `MODULE=FILE`, or a file that is named after the module.
    pub shim: Vec<String>,
    /// Libraries at a version: `NAME==VERSION`.
    pub pin: Vec<String>,
    /// What exists before the first revision: a file, or `FILE:NAME`.
    pub base_schema: Option<String>,
    /// `KEY=TEMPLATE`, or a JSON file; what env.py says without any.
    pub naming_convention: Vec<String>,
    /// That the application runs every revision in a transaction of its own; what env.py says without it.
    pub transaction_per_migration: bool,
    /// Whether the component is built, or only its source made.
    pub build: Build,
}

/// How far an import goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "bool")]
pub enum Build {
    /// The component is there afterwards.
    Component,
    /// Only its source.
    SourceOnly,
}

impl From<Build> for bool {
    fn from(build: Build) -> Self {
        build == Build::Component
    }
}

/// What was found and made.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Imported {
    /// The package's name.
    pub package: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The folder that was made, if one was.
    pub folder: Option<String>,
    /// The component that was made, if one was.
    pub component: Option<String>,
    /// The revisions, in the order of their files.
    pub revisions: Vec<ImportedRevision>,
    /// Revisions that revise nothing.
    pub bases: Vec<String>,
    /// Revisions that nothing revises.
    pub heads: Vec<String>,
    /// Names of constraints that scripts leave unnamed.
    pub naming_convention: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether the application runs every revision in a transaction of its own.
    pub transaction_per_migration: bool,
    /// Modules that come along.
    pub modules: Vec<String>,
    /// What there is to say.
    pub findings: Vec<Finding>,
}

/// A revision as its script describes it.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ImportedRevision {
    /// Its id.
    pub id: String,
    /// The ids that it revises.
    pub down_revisions: Vec<String>,
    /// Its branch labels.
    pub branch_labels: Vec<String>,
    /// What it depends on, as the script says it: ids or branch labels.
    pub depends_on: Vec<String>,
    /// Its message.
    pub message: String,
    /// Its script, from the project's folder.
    pub file: String,
}

/// Something to know about a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, from the project's folder.
    pub file: String,
    /// The line, from 1; 0 for the whole file.
    pub line: u32,
    /// What it is.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is made because of it.
    Error,
    /// A step will be stopped, or something does not come along.
    Warning,
    /// Worth knowing.
    Note,
}

/// Why nothing, or no component, was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The project cannot be carried over as it is.
    #[error("{0}")]
    Package(String),
    /// Python, the package index or a file.
    #[error("{0}")]
    Other(String),
    /// It was asked to stop.
    #[error("{0}")]
    Interrupted(String),
}

#[derive(Deserialize)]
struct Document {
    error: Option<Failure>,
    #[serde(flatten)]
    imported: Imported,
}

#[derive(Deserialize)]
struct Failure {
    kind: String,
    message: String,
}

/// Imports an Alembic project. Nothing of it is executed here: its scripts are read, and run for the first time within
/// the component, when that is built. What was found is returned beside the error too, as far as it was known.
pub fn alembic(import: &AlembicImport) -> (Imported, Option<ImportError>) {
    let answer = serde_json::to_vec(import)
        .map_err(|error| ImportError::Other(format!("a path is not text: {error}")))
        .and_then(|request| python::ask(&request));
    let document = match answer {
        Ok(document) => document,
        Err(error) => return (Imported::default(), Some(error)),
    };
    match serde_json::from_slice(&document) {
        Ok(Document { error, imported }) => {
            let error = error.map(|Failure { kind, message }| match kind.as_str() {
                "usage" => ImportError::Usage(message),
                "package" => ImportError::Package(message),
                "interrupted" => ImportError::Interrupted(message),
                _ => ImportError::Other(message),
            });
            (imported, error)
        }
        Err(error) => {
            (Imported::default(), Some(ImportError::Other(format!("the Python SDK does not answer: {error}"))))
        }
    }
}
