//! What came of every target: a row each that holds little, and each distinct plan once.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Ended, RolloutTarget, ended_abnormally};
use crate::migrate::{ErrorKind, MigrateError, PackagePlan, PackageState};

/// What came of all targets.
#[derive(Debug)]
pub struct Report {
    /// A row a target, in the order in which they were given.
    pub targets: Vec<Row>,
    /// The plans that were applied, or would be, by their digests.
    pub plans: Vec<SharedPlan>,
    /// How often a guest was run.
    pub guest_runs: usize,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was brought on.
    Applied,
    /// It would be.
    Planned,
    /// It was where it should be.
    NothingToDo,
    /// It was not, or not wholly: its error says why.
    Failed,
    /// Asked to stop, it ended before its goal.
    Interrupted,
    /// Asked to stop, it was not begun.
    NotStarted,
}

/// One target.
#[derive(Debug)]
pub struct Row {
    /// What the operator calls it.
    pub name: Option<String>,
    /// Its label: never a login.
    pub target: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The packages in the order in which they were taken; of a target that failed those of which something was
    /// applied.
    pub packages: Vec<PackageRow>,
    /// The digest of what was applied, or would be, wholly; see [`Report::plans`].
    pub plan: Option<String>,
    /// Why it failed; it does not name the target again.
    pub error: Option<MigrateError>,
    /// How long it took, without its wait for others.
    pub duration_ms: u64,
}

impl Row {
    /// What the operator calls the target, else its label.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.target)
    }
}

/// A package on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageRow {
    /// Its name.
    pub package: String,
    /// The heads recorded before, sorted.
    pub recorded: Vec<String>,
    /// The heads recorded afterwards, sorted.
    pub records: Vec<String>,
    /// How many steps were applied, or would be.
    pub steps: usize,
}

/// A plan that some targets have in common, statement by statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedPlan {
    /// SHA-256 over all that it does.
    pub digest: String,
    /// On how many targets.
    pub targets: usize,
    /// The packages in order.
    pub packages: Vec<PackagePlan>,
}

/// Where packages stand on one target.
#[derive(Debug)]
pub struct Look {
    /// What the operator calls it.
    pub name: Option<String>,
    /// Its label: never a login.
    pub target: String,
    /// Each package, or why it is not known.
    pub states: Result<Vec<PackageState>, MigrateError>,
}

/// How many targets came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// All of them.
    pub targets: usize,
    /// Brought on.
    pub applied: usize,
    /// They would be brought on.
    pub planned: usize,
    /// Where they should be.
    pub nothing_to_do: usize,
    /// Failed.
    pub failed: usize,
    /// Stopped half way.
    pub interrupted: usize,
    /// Not begun.
    pub not_started: usize,
    /// Distinct plans.
    pub plans: usize,
    /// How often a guest was run for them.
    pub guest_runs: usize,
}

impl Report {
    /// Counts.
    pub fn summary(&self) -> Summary {
        let of = |outcome| self.targets.iter().filter(|row| row.outcome == outcome).count();
        Summary {
            targets: self.targets.len(),
            applied: of(Outcome::Applied),
            planned: of(Outcome::Planned),
            nothing_to_do: of(Outcome::NothingToDo),
            failed: of(Outcome::Failed),
            interrupted: of(Outcome::Interrupted),
            not_started: of(Outcome::NotStarted),
            plans: self.plans.len(),
            guest_runs: self.guest_runs,
        }
    }
}

/// Rows and plans as they come in.
#[derive(Debug, Default)]
pub(super) struct Collected {
    rows: Vec<Option<Row>>,
    ended: usize,
    plans: BTreeMap<String, SharedPlan>,
}

impl Collected {
    pub(super) fn new(targets: usize) -> Self {
        Self { rows: std::iter::repeat_with(|| None).take(targets).collect(), ..Self::default() }
    }

    /// How many targets have ended.
    pub(super) fn ended(&self) -> usize {
        self.ended
    }

    /// Takes a row in, and the plan that goes with it unless it is there.
    pub(super) fn take(&mut self, number: usize, row: Row, packages: Vec<PackagePlan>) {
        self.ended += 1;
        if let Some(digest) = &row.plan {
            let shared = self.plans.entry(digest.clone()).or_insert_with(|| SharedPlan {
                digest: digest.clone(),
                targets: 0,
                packages,
            });
            shared.targets += 1;
        }
        if let Some(place) = self.rows.get_mut(number) {
            *place = Some(row);
        }
    }

    pub(super) fn finish(self, targets: &[RolloutTarget], guest_runs: usize) -> Report {
        let rows = self.rows.into_iter().zip(targets).map(|(found, target)| {
            found.unwrap_or_else(|| Row { error: Some(ended_abnormally()), ..bare_row(target, Outcome::Failed) })
        });
        Report { targets: rows.collect(), plans: self.plans.into_values().collect(), guest_runs }
    }
}

fn bare_row(target: &RolloutTarget, outcome: Outcome) -> Row {
    Row {
        name: target.name.clone(),
        target: target.target.label().to_owned(),
        outcome,
        packages: Vec::new(),
        plan: None,
        error: None,
        duration_ms: 0,
    }
}

/// The row of a target, and the plan that was carried out on it, `done` being what that is called.
pub(super) fn row(target: &RolloutTarget, done: Outcome, ended: Ended<Vec<PackagePlan>>) -> (Row, Vec<PackagePlan>) {
    let (outcome, now, error) = match ended.result {
        None => (Outcome::NotStarted, Vec::new(), None),
        Some(Ok(plans)) => (done, plans, None),
        Some(Err(mut error)) => {
            let stopped = matches!(*error.kind, ErrorKind::Interrupted(_));
            let applied = std::mem::take(&mut error.applied);
            error.target = None;
            (if stopped { Outcome::Interrupted } else { Outcome::Failed }, applied, Some(error))
        }
    };
    let plans = join(ended.applied, now);
    let is_done = outcome == done;
    let outcome =
        if is_done && plans.iter().all(|plan| plan.steps.is_empty()) { Outcome::NothingToDo } else { outcome };
    let packages = plans.iter().map(|plan| PackageRow {
        package: plan.package.clone(),
        recorded: plan.recorded.clone(),
        records: plan.records.clone(),
        steps: plan.steps.len(),
    });
    let row = Row {
        packages: packages.collect(),
        plan: (outcome == done).then(|| digest(&plans)),
        error,
        duration_ms: u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
        ..bare_row(target, outcome)
    };
    (row, plans)
}

/// What two turns did, package by package.
fn join(earlier: Vec<PackagePlan>, later: Vec<PackagePlan>) -> Vec<PackagePlan> {
    let mut joined = earlier;
    for plan in later {
        match joined.iter_mut().find(|known| known.package == plan.package) {
            None => joined.push(plan),
            Some(known) => {
                known.steps.extend(plan.steps);
                known.records = plan.records;
                known.data_dependent = plan.data_dependent;
            }
        }
    }
    joined
}

/// SHA-256 over what is recorded before, every line and every statement.
fn digest(plans: &[PackagePlan]) -> String {
    let mut hasher = Sha256::new();
    let mut put = |text: &str| {
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    };
    for plan in plans {
        put(&plan.package);
        put(&plan.component_digest);
        plan.recorded.iter().for_each(|head| put(head));
        for step in &plan.steps {
            put(&step.line);
            put(&step.plan.digest);
            put(&step.schema_digest);
            step.plan.statements().for_each(|statement| put(&statement.sql));
        }
        if let Some(next) = &plan.data_dependent {
            put(&next.kind.title());
            next.plan.statements().for_each(|statement| put(&statement.sql));
        }
    }
    crate::hex(&hasher.finalize())
}
