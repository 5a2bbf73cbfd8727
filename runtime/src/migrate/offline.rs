//! `--sql`: the statements of an upgrade without any database, for someone else to run.

use std::sync::Arc;

use serde::Serialize;

use super::plan::Planning;
use super::planned::{PackagePlan, StepKind};
use super::plans::Guests;
use super::snapshot::Snapshot;
use super::{Adopt, ErrorKind, Interrupt, MigrateError, Migrator, Observer, Start, Upgrade};
use crate::dialect::{self, Dialect};
use crate::package::Package;
use crate::revision::{self, Goal, PackageInfo};
use crate::store::{self, VersionChange};

/// Which part of a package's chain a script holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfflineRange {
    /// Base schema and every step up to the goal.
    FromBase(Goal),
    /// The steps after one revision up to the goal.
    Between(String, Goal),
    /// `ptah-db-schema` and the stamp instead of steps; the steps of a package without it.
    Populate,
}

/// A script of statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    /// The dialect that it is for.
    pub dialect: Dialect,
    /// Settings that its literals rely on, to be run first.
    pub preamble: Vec<String>,
    /// Its steps in order.
    pub steps: Vec<ScriptStep>,
}

/// One step of a script, in a transaction of its own where that helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptStep {
    /// The package.
    pub package: String,
    /// The log line of the step.
    pub line: String,
    /// Its statements, bookkeeping included. What takes no transaction around it has a COMMIT before it and a BEGIN after it.
    pub statements: Vec<String>,
}

impl Script {
    /// The script as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |part: &str| {
            text.push_str(part);
            text.push('\n');
        };
        line(&format!("-- ptah-wasm {}, {}", env!("CARGO_PKG_VERSION"), self.dialect));
        line("-- A step that fails must be the last one that runs: psql -v ON_ERROR_STOP=1, sqlite3 -bail.");
        if let Some(note) = dialect::script_note(self.dialect, self.steps.iter().flat_map(|step| &step.statements)) {
            line(&format!("-- {note}"));
        }
        for statement in &self.preamble {
            line(&format!("{statement};"));
        }
        for step in &self.steps {
            line("");
            line(&format!("-- {}", step.line));
            line("BEGIN;");
            for statement in &step.statements {
                line(&format!("{statement};"));
            }
            line("COMMIT;");
        }
        text
    }
}

impl Migrator {
    /// The statements that take packages along their ranges on a database of this dialect, with version and
    /// ownership rows. Needs no database; the packages are taken in dependency order.
    ///
    /// # Errors
    /// What cannot be known without a database, by name: what another package owns that was not given; else
    /// as [`Migrator::upgrade`], as far as planning goes.
    pub fn offline(
        sandbox: &crate::sandbox::Sandbox,
        dialect: Dialect,
        packages: &[(Arc<Package>, OfflineRange)],
        observer: impl Fn(&super::Event) + Send + Sync + 'static,
    ) -> Result<Script, MigrateError> {
        let observer: Observer = Arc::new(observer);
        let infos: Vec<&PackageInfo> = packages.iter().map(|(package, _)| package.info()).collect();
        let known: Vec<Arc<Package>> = packages.iter().map(|(package, _)| package.clone()).collect();
        let guests = Guests::new(Arc::default())?;
        let mut snapshot = Snapshot::empty(dialect, format!("a {dialect} script"));
        let mut steps = Vec::new();
        for (package, range) in revision::package_order(&infos)?.into_iter().filter_map(|index| packages.get(index)) {
            let name = &package.info().name;
            let place = |error: MigrateError| offline_reason(error).of(name).on(&format!("a {dialect} script"));
            let interrupt = Interrupt::default();
            let plan = |snapshot: Snapshot, upgrade: Upgrade| {
                let limits = sandbox.limits().clone();
                let mut planning = Planning::new(package, &known, limits, &guests, &observer, &interrupt, snapshot)?;
                planning.upgrade(&upgrade)?;
                Ok(planning.finish())
            };
            let upgrade =
                |goal: Goal, start: Start| Upgrade { package: package.clone(), goal, start, adopt: Adopt::No };
            let (planned, after) = match range {
                OfflineRange::FromBase(goal) => plan(snapshot, upgrade(goal.clone(), Start::Base)),
                // What others depend on may do without; as in an upgrade it goes by its steps then.
                OfflineRange::Populate
                    if !infos.iter().any(|info| info.populate_step(revision::LATEST_SCHEMA).is_some()) =>
                {
                    let reason = format!("it has no populate step {}", revision::LATEST_SCHEMA);
                    Err(ErrorKind::Offline(reason).into())
                }
                OfflineRange::Populate => plan(snapshot, upgrade(Goal::Head, Start::Latest)),
                OfflineRange::Between(from, goal) => {
                    let from = if from == "base" { None } else { Some(from) };
                    let reached = match from {
                        None => Ok(snapshot),
                        Some(from) => {
                            plan(snapshot, upgrade(Goal::Revision(from.clone()), Start::Base)).map(|(_, after)| after)
                        }
                    };
                    reached.and_then(|reached| plan(reached, upgrade(goal.clone(), Start::Base)))
                }
            }
            .map_err(place)?;
            snapshot = after;
            steps.extend(script_steps(dialect, &planned)?);
        }
        if let Some(first) = steps.first_mut() {
            first.statements.splice(0..0, store::script_tables(dialect)?);
        }
        Ok(Script { dialect, preamble: dialect::script_preamble(dialect), steps })
    }
}

fn script_steps(dialect: Dialect, plan: &PackagePlan) -> Result<Vec<ScriptStep>, MigrateError> {
    let steps = plan.steps.iter().map(|step| {
        let mut statements = Vec::new();
        for statement in step.plan.statements() {
            let (before, after) =
                if statement.concurrent.is_some() { (Some("COMMIT"), Some("BEGIN")) } else { (None, None) };
            statements.extend(before.into_iter().chain([statement.sql.as_str()]).chain(after).map(str::to_owned));
        }
        let versions = VersionChange { remove: step.remove.clone(), add: step.add.clone() };
        let tables = step.owner_changes();
        statements.extend(store::script_step(dialect, &plan.package, &versions, &tables, &step.requires)?);
        Ok(ScriptStep { package: plan.package.clone(), line: step.line.clone(), statements })
    });
    steps.collect()
}

/// A dependency that is not met means, offline, that its package was not given.
fn offline_reason(error: MigrateError) -> MigrateError {
    match *error.kind {
        ErrorKind::MissingDependency(missing) => MigrateError {
            kind: Box::new(ErrorKind::Offline(format!(
                "it depends on {}:{}, and what {} owns cannot be known offline; give that package too",
                missing.package, missing.revision, missing.package
            ))),
            ..error
        },
        _ => error,
    }
}

impl StepKind {
    /// Its revision or populate step, as records name it.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Populate { name } => name.clone(),
            Self::Upgrade { revision } | Self::Downgrade { revision } => revision.clone(),
            Self::Adopt { revisions } => revision::list(revisions),
        }
    }
}
