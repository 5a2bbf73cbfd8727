//! What a plan of one package holds: its steps, and where it ends for now.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::plan::Plan;
use crate::revision::Dependency;
use crate::sandbox::{RunValues, StepCall};
use crate::store::{InFlight, Kind, OwnerChange};

/// What will happen to one package on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackagePlan {
    /// The package.
    pub package: String,
    /// The digest of its components.
    pub component_digest: String,
    /// The heads recorded beforehand, sorted.
    pub recorded: Vec<String>,
    /// The heads recorded afterwards, sorted.
    pub records: Vec<String>,
    /// The steps in order; empty when there is nothing to do.
    pub steps: Vec<PlannedStep>,
    /// The step that comes next and asks for rows: what it does depends on the answer, and so may everything after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dependent: Option<DataDependent>,
    #[serde(skip)]
    pub(super) run: RunValues,
}

/// A step that asks for rows while nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataDependent {
    /// What it is.
    #[serde(flatten)]
    pub kind: StepKind,
    /// What it does before its first question.
    pub plan: Arc<Plan>,
}

/// One step of a [`PackagePlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// What it is.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Ptah's log line.
    pub line: String,
    /// What it does to the schema and rows.
    pub plan: Arc<Plan>,
    /// Recorded heads that go.
    pub remove: Vec<String>,
    /// Recorded heads that come.
    pub add: Vec<String>,
    /// Revisions that are recorded as applied without having been run.
    pub stamps: Vec<String>,
    /// Tables that become the package's own.
    pub claims: Vec<String>,
    /// Tables that cease to be.
    pub releases: Vec<String>,
    /// Enumerations that become the package's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claimed_enums: Vec<String>,
    /// Enumerations that cease to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub released_enums: Vec<String>,
    /// Tables that get another name, old and new: their origin stays with them.
    pub renames: Vec<(String, String)>,
    /// What is relied on from now on, by this step or by one that it stamps: recorded, so that the other
    /// package cannot take it away.
    pub requires: Vec<(String, Dependency)>,
    /// Fuel that the guest used while it was planned.
    pub fuel: u64,
    /// Whether the guest asked for the run's clock or seed, so that another run may plan otherwise.
    pub reads_run_values: bool,
    /// Whether the guest asked for rows, so that on other rows it may do otherwise.
    pub reads_rows: bool,
    /// The digest of the package's own tables afterwards.
    pub schema_digest: String,
}

impl PackagePlan {
    /// It and what was done after it.
    pub(super) fn and(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        Self { recorded: self.recorded, steps: self.steps, ..next }
    }

    /// It with its first so many steps alone.
    pub(super) fn first(&self, steps: usize) -> Self {
        let steps: Vec<PlannedStep> = self.steps.iter().take(steps).cloned().collect();
        let mut records: BTreeSet<String> = self.recorded.iter().cloned().collect();
        for step in &steps {
            records.retain(|head| !step.remove.contains(head));
            records.extend(step.add.iter().cloned());
        }
        Self { records: records.into_iter().collect(), steps, data_dependent: None, ..self.clone() }
    }
}

impl PlannedStep {
    /// Whether it is the unfinished step and begins with the statements that were applied of that.
    pub(super) fn goes_on_from(&self, flight: &InFlight) -> bool {
        let mut planned = self.plan.statements();
        self.kind.subject() == flight.step
            && self.kind.recorded() == flight.kind
            && flight.applied().iter().all(|applied| planned.next().is_some_and(|found| found.sql == applied.sql))
    }

    /// What it makes of who owns which table and which enumeration.
    pub(super) fn owner_changes(&self) -> Vec<OwnerChange> {
        let dropped = self.releases.iter().cloned().map(OwnerChange::Dropped);
        let renamed = self.renames.iter().cloned().map(|(from, to)| OwnerChange::Renamed { from, to });
        let owned = self.claims.iter().cloned().map(OwnerChange::Owned);
        let released = self.released_enums.iter().cloned().map(OwnerChange::EnumDropped);
        let claimed = self.claimed_enums.iter().cloned().map(OwnerChange::EnumOwned);
        dropped.chain(released).chain(renamed).chain(owned).chain(claimed).collect()
    }
}

/// What a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepKind {
    /// A populate step.
    Populate {
        /// Its name.
        name: String,
    },
    /// Tables that are there become the package's own.
    Adopt {
        /// As which revisions; none for base.
        revisions: Vec<String>,
    },
    /// A revision's upgrade.
    Upgrade {
        /// The revision.
        revision: String,
    },
    /// A revision's downgrade.
    Downgrade {
        /// The revision.
        revision: String,
    },
}

impl From<StepCall<'_>> for StepKind {
    fn from(call: StepCall<'_>) -> Self {
        match call {
            StepCall::Populate(name) => Self::Populate { name: name.to_owned() },
            StepCall::Upgrade(id) => Self::Upgrade { revision: id.to_owned() },
            StepCall::Downgrade(id) => Self::Downgrade { revision: id.to_owned() },
        }
    }
}

impl StepKind {
    /// What the history calls it.
    pub(super) fn recorded(&self) -> Kind {
        match self {
            Self::Populate { .. } => Kind::Populate,
            Self::Adopt { .. } => Kind::Adopt,
            Self::Upgrade { .. } => Kind::Upgrade,
            Self::Downgrade { .. } => Kind::Downgrade,
        }
    }

    /// What messages call it.
    pub fn title(&self) -> String {
        match self {
            Self::Populate { name } => format!("populate {name}"),
            Self::Adopt { .. } => "adopt".to_owned(),
            Self::Upgrade { revision } => format!("upgrade {revision}"),
            Self::Downgrade { revision } => format!("downgrade {revision}"),
        }
    }
}
