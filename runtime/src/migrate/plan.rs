//! Planning: which steps a verb takes on a target as it is, and what each of them does. Runs the guests;
//! touches no database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::guest::Outcome;
use super::plans::Guests;
use super::snapshot::Snapshot;
use super::states::is_done;
use super::{Adopt, ErrorKind, Interrupt, MigrateError, Migrator, Observer, Populate, Upgrade};
use crate::package::Package;
use crate::plan::Plan;
use crate::policy::Limits;
use crate::revision::{self, Dependency, Graph, Move, PackageInfo};
use crate::sandbox::{RunValues, StepCall};
use crate::schema::{Digests, Schema};
use crate::store::{Kind, TableChange};

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum Verb {
    /// To a goal.
    Upgrade(Upgrade),
    /// Back to a revision, or to base with none.
    Downgrade { package: Arc<Package>, target: Option<String> },
    /// The latest schema where nothing is there, and populate steps.
    Populate(Upgrade, Populate),
}

impl Verb {
    pub(super) fn package(&self) -> &Arc<Package> {
        match self {
            Self::Upgrade(upgrade) | Self::Populate(upgrade, _) => &upgrade.package,
            Self::Downgrade { package, .. } => package,
        }
    }
}

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
    #[serde(skip)]
    pub(super) run: RunValues,
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
    /// Tables that get another name, old and new: their origin stays with them.
    pub renames: Vec<(String, String)>,
    /// What is relied on from now on, by this step or by one that it stamps: recorded, so that the other
    /// package cannot take it away.
    pub requires: Vec<(String, Dependency)>,
    /// Fuel that the guest used while it was planned.
    pub fuel: u64,
    /// Whether the guest asked for the run's clock or seed, so that another run may plan otherwise.
    pub reads_run_values: bool,
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
        Self { records: records.into_iter().collect(), steps, ..self.clone() }
    }
}

impl PlannedStep {
    /// What it makes of who owns which table.
    pub(super) fn table_changes(&self) -> Vec<TableChange> {
        let dropped = self.releases.iter().cloned().map(TableChange::Dropped);
        let renamed = self.renames.iter().cloned().map(|(from, to)| TableChange::Renamed { from, to });
        let owned = self.claims.iter().cloned().map(TableChange::Owned);
        dropped.chain(renamed).chain(owned).collect()
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

/// Upgrades in dependency order.
pub(super) fn upgrade_order(upgrades: &[Upgrade]) -> Result<Vec<Upgrade>, MigrateError> {
    let mut names = BTreeSet::new();
    for upgrade in upgrades {
        if !names.insert(&upgrade.package.info().name) {
            return Err(MigrateError::from(ErrorKind::GivenTwice).of(&upgrade.package.info().name));
        }
    }
    let infos: Vec<&PackageInfo> = upgrades.iter().map(|upgrade| upgrade.package.info()).collect();
    let order = revision::package_order(&infos)?;
    Ok(order.into_iter().filter_map(|index| upgrades.get(index).cloned()).collect())
}

/// Whether there is an order among the packages.
pub(crate) fn check_order(upgrades: &[Upgrade]) -> Result<(), MigrateError> {
    upgrade_order(upgrades).map(|_| ())
}

impl Migrator {
    /// Plans one verb on a snapshot; the snapshot afterwards is the target as it will be.
    pub(super) async fn plan(
        &self,
        verb: Verb,
        given: &[Upgrade],
        snapshot: Snapshot,
        guests: &Guests,
    ) -> Result<(PackagePlan, Snapshot), MigrateError> {
        let (name, label) = (verb.package().info().name.clone(), snapshot.label.clone());
        let place = |error: MigrateError| error.of(&name).on(&label);
        let mut known = self.known.clone();
        known.extend(given.iter().map(|upgrade| upgrade.package.clone()));
        let observer = self.observer.clone();
        let limits = self.sandbox.limits().clone();
        let (guests, interrupt) = (guests.clone(), self.interrupt.clone());
        // No guest runs then, and no thread is needed for one.
        let is_short = is_done(&verb, &snapshot.state);
        let work = move || {
            let package = verb.package().clone();
            let mut planning = Planning::new(&package, &known, limits, &guests, &observer, &interrupt, snapshot)?;
            planning.verb(&verb)?;
            Ok::<_, MigrateError>(planning.finish())
        };
        if is_short {
            return work().map_err(place);
        }
        let mut task = tokio::task::spawn_blocking(work);
        let done = match self.interrupt.unless_raised(&mut task).await {
            Some(done) => done,
            None => {
                self.sandbox.interrupt();
                task.await
            }
        };
        done.map_err(|error| place(ErrorKind::Task(error.to_string()).into()))?.map_err(place)
    }
}

/// A plan in the making.
pub(super) struct Planning<'a> {
    pub(super) package: &'a Package,
    pub(super) info: &'a PackageInfo,
    pub(super) graph: Graph<'a>,
    pub(super) snapshot: Snapshot,
    /// Of each other package whose graph is known, the revisions that are applied on the target. Nothing of a
    /// package changes while another one is planned, so this is found once and not for every dependency.
    applied_elsewhere: BTreeMap<&'a str, BTreeSet<&'a str>>,
    pub(super) limits: Limits,
    pub(super) guests: &'a Guests,
    pub(super) observer: &'a Observer,
    pub(super) interrupt: &'a Interrupt,
    recorded: BTreeSet<String>,
    steps: Vec<PlannedStep>,
    /// The package's own tables after the last step, as [`Self::own`] would find them.
    pub(super) after: Option<Schema>,
    digests: Digests,
}

impl<'a> Planning<'a> {
    pub(super) fn new(
        package: &'a Package,
        known: &'a [Arc<Package>],
        limits: Limits,
        guests: &'a Guests,
        observer: &'a Observer,
        interrupt: &'a Interrupt,
        snapshot: Snapshot,
    ) -> Result<Self, MigrateError> {
        let info = package.info();
        let graph = Graph::new(&info.revisions)?;
        let recorded = snapshot.heads(&info.name);
        graph.applied(&recorded)?;
        let mut applied_elsewhere: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for other in known.iter().map(|package| package.info()).filter(|other| other.name != info.name) {
            let heads = snapshot.heads(&other.name);
            // One that makes no order, or lacks what is recorded, says nothing; it fails where it is run itself.
            if let Ok(applied) = Graph::new(&other.revisions).and_then(|graph| graph.applied(&heads)) {
                applied_elsewhere.entry(&other.name).or_default().extend(applied);
            }
        }
        Ok(Self {
            package,
            info,
            graph,
            snapshot,
            applied_elsewhere,
            limits,
            guests,
            observer,
            interrupt,
            recorded,
            steps: Vec::new(),
            after: None,
            digests: Digests::default(),
        })
    }

    pub(super) fn finish(self) -> (PackagePlan, Snapshot) {
        let plan = PackagePlan {
            package: self.info.name.clone(),
            component_digest: self.package.digest().to_owned(),
            recorded: self.recorded.into_iter().collect(),
            records: self.snapshot.heads(&self.info.name).into_iter().collect(),
            steps: self.steps,
            run: self.guests.run.clone(),
        };
        (plan, self.snapshot)
    }

    pub(super) fn verb(&mut self, verb: &Verb) -> Result<(), MigrateError> {
        match verb {
            Verb::Upgrade(upgrade) => self.upgrade(upgrade),
            Verb::Populate(upgrade, steps) => self.populate(upgrade, steps),
            Verb::Downgrade { target, .. } => self.downgrade(target.as_deref()),
        }
    }

    fn downgrade(&mut self, target: Option<&str>) -> Result<(), MigrateError> {
        let recorded = self.snapshot.heads(&self.info.name);
        let steps = self.graph.downgrade(&recorded, target)?;
        if !steps.is_empty() {
            self.take_over(&Adopt::No)?;
        }
        for step in steps {
            let id = &step.revision.id;
            let needed = self.snapshot.state.dependencies.iter().find(|requirement| {
                requirement.on.package == self.info.name
                    && requirement.on.revision == *id
                    && requirement.package != self.info.name
            });
            if let Some(requirement) = needed {
                let dependent = format!("{}:{}", requirement.package, requirement.step);
                let error = MigrateError::from(ErrorKind::Needed { revision: id.clone(), dependent });
                return Err(error.at(format!("downgrade {id}")));
            }
            let own = self.own()?;
            let outcome = self.guest(StepCall::Downgrade(id), &own)?;
            let line = format!(
                "{}: running downgrade {id} -> {}, {}",
                self.info.name,
                revision::list(&step.revision.down_revisions),
                step.revision.message
            );
            self.add(StepKind::Downgrade { revision: id.clone() }, line, &own, outcome, &step)?;
        }
        Ok(())
    }

    /// Plans the upgrade steps from what is recorded to a goal.
    pub(super) fn pending(&mut self, goal: &revision::Goal) -> Result<(), MigrateError> {
        let recorded = self.snapshot.heads(&self.info.name);
        for step in self.graph.upgrade(&recorded, goal)? {
            let id = &step.revision.id;
            self.require(&step.revision.depends_on).map_err(|error| error.at(format!("upgrade {id}")))?;
            let own = self.own()?;
            let outcome = self.guest(StepCall::Upgrade(id), &own)?;
            let line = format!(
                "{}: running upgrade {} -> {id}, {}",
                self.info.name,
                revision::list(&step.revision.down_revisions),
                step.revision.message
            );
            self.add(StepKind::Upgrade { revision: id.clone() }, line, &own, outcome, &step)?;
        }
        Ok(())
    }

    /// The package's own tables as they are now.
    pub(super) fn own(&self) -> Result<Schema, MigrateError> {
        if let Some(after) = &self.after {
            return Ok(after.clone());
        }
        let owned = self.snapshot.owned(&self.info.name);
        self.snapshot.schema(&owned).map_err(|(table, reason)| {
            ErrorKind::Outside(format!("table {table} is not one that this runner can manage: {reason}")).into()
        })
    }

    /// Whether a dependency is applied on the target.
    pub(super) fn is_met(&self, dependency: &Dependency) -> bool {
        let state = &self.snapshot.state;
        if state.applied.get(&dependency.package).is_some_and(|applied| applied.contains(&dependency.revision)) {
            return true;
        }
        let revision = dependency.revision.as_str();
        if dependency.package == self.info.name {
            let heads = state.versions.get(&dependency.package);
            return heads
                .is_some_and(|heads| self.graph.applied(heads).is_ok_and(|applied| applied.contains(revision)));
        }
        self.applied_elsewhere.get(dependency.package.as_str()).is_some_and(|applied| applied.contains(revision))
    }

    /// Demands that all of these are met.
    pub(super) fn require(&self, dependencies: &[Dependency]) -> Result<(), MigrateError> {
        match dependencies.iter().find(|dependency| !self.is_met(dependency)) {
            None => Ok(()),
            Some(missing) => Err(ErrorKind::MissingDependency(missing.clone()).into()),
        }
    }

    /// Adds a step that moves along the graph.
    fn add(
        &mut self,
        kind: StepKind,
        line: String,
        before: &Schema,
        outcome: Outcome,
        along: &Move<'_>,
    ) -> Result<(), MigrateError> {
        let depends_on = match kind {
            StepKind::Upgrade { .. } => along.revision.depends_on.as_slice(),
            _ => &[],
        };
        let mut step = self.step(kind, line, before, outcome, depends_on)?;
        step.remove.clone_from(&along.remove);
        step.add.clone_from(&along.add);
        self.push(step);
        Ok(())
    }

    /// A step out of what a guest planned, checked against everything outside the package; its effect on
    /// the schema is carried forward. Heads and stamps are the caller's to fill in before [`Self::push`].
    pub(super) fn step(
        &mut self,
        kind: StepKind,
        line: String,
        before: &Schema,
        outcome: Outcome,
        depends_on: &[Dependency],
    ) -> Result<PlannedStep, MigrateError> {
        let Outcome { plan, after, fuel, reads_run_values } = outcome;
        if let Some(conflict) = self.snapshot.conflict(&self.info.name, before, &after, &plan) {
            return Err(MigrateError::from(ErrorKind::Outside(conflict)).at(kind.title()));
        }
        self.snapshot.carry(&self.info.name, before, &after);
        self.after = Some(after.clone());
        let names = |from: &Schema, without: &Schema| -> BTreeSet<String> {
            let names = from.tables.keys().filter(|name| !without.tables.contains_key(*name));
            names.map(|name| name.as_str().to_owned()).collect()
        };
        let (mut claims, mut releases) = (names(&after, before), names(before, &after));
        // Only where both names tell: a table that goes by a name that another one had is a new one.
        let mut renames = plan.renamed_tables();
        renames.retain(|(from, to)| releases.contains(from) && claims.remove(to));
        releases.retain(|name| !renames.iter().any(|(from, _)| from == name));
        let requires = requirements(&kind.subject(), depends_on);
        Ok(PlannedStep {
            kind,
            line,
            remove: Vec::new(),
            add: Vec::new(),
            stamps: Vec::new(),
            claims: claims.into_iter().collect(),
            releases: releases.into_iter().collect(),
            renames,
            requires,
            fuel,
            reads_run_values,
            schema_digest: self.digests.of(&after),
            plan,
        })
    }

    /// Appends a step and carries what it records forward.
    pub(super) fn push(&mut self, step: PlannedStep) {
        let state = &mut self.snapshot.state;
        let heads = state.versions.entry(self.info.name.clone()).or_default();
        for id in &step.remove {
            heads.remove(id);
        }
        heads.extend(step.add.iter().cloned());
        if heads.is_empty() {
            state.versions.remove(&self.info.name);
        }
        let applied = state.applied.entry(self.info.name.clone()).or_default();
        applied.extend(step.stamps.iter().cloned());
        match &step.kind {
            StepKind::Upgrade { revision } => {
                applied.insert(revision.clone());
            }
            StepKind::Downgrade { revision } => {
                applied.remove(revision);
                state.dependencies.retain(|kept| kept.package != self.info.name || kept.step != *revision);
            }
            StepKind::Populate { name } => {
                state.populated.entry(self.info.name.clone()).or_default().insert(name.clone());
            }
            StepKind::Adopt { .. } => {}
        }
        self.steps.push(step);
    }
}

/// What a step relies on, as it is recorded.
pub(super) fn requirements(step: &str, depends_on: &[Dependency]) -> Vec<(String, Dependency)> {
    depends_on.iter().map(|on| (step.to_owned(), on.clone())).collect()
}
