//! Planning: which steps a verb takes on a target as it is, and what each of them does. Runs the guests;
//! touches no database.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::asking::Repeated;
use super::guest::Outcome;
use super::live::{Line, Live};
use super::planned::{DataDependent, PackagePlan, PlannedStep, StepKind};
use super::plans::Guests;
use super::snapshot::Snapshot;
use super::states::is_done;
use super::worker::Worker;
use super::{Adopt, ErrorKind, Interrupt, MigrateError, Migrator, Observer, Populate, Upgrade};
use crate::operation::Ident;
use crate::package::Package;
use crate::policy::Limits;
use crate::revision::{self, Dependency, Graph, Move, PackageInfo};
use crate::sandbox::StepCall;
use crate::schema::{Changes, Digests, Schema};

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
        live: Option<&mut Live<'_>>,
    ) -> Result<(PackagePlan, Snapshot), MigrateError> {
        let (name, label) = (verb.package().info().name.clone(), snapshot.label.clone());
        let place = |error: MigrateError| error.of(&name).on(&label);
        let mut known = self.known.clone();
        known.extend(given.iter().map(|upgrade| upgrade.package.clone()));
        let observer = self.observer.clone();
        let limits = self.sandbox.limits().clone();
        let (guests, interrupt) = (guests.clone(), self.interrupt.clone());
        let (line, answering) = match live {
            Some(live) => {
                let (line, calls) = super::live::line();
                (Some(line), Some((live, calls)))
            }
            None => (None, None),
        };
        // No guest runs then, and no thread is needed for one.
        let is_short = is_done(&verb, &snapshot.state);
        let work = move || {
            let package = verb.package().clone();
            let mut planning = Planning::new(&package, &known, limits, &guests, &observer, &interrupt, snapshot)?;
            planning.line = line;
            match planning.verb(&verb) {
                Err(error) if planning.data_dependent.borrow().is_none() => Err(error),
                _ => Ok::<_, MigrateError>(planning.finish()),
            }
        };
        if is_short {
            return work().map_err(place);
        }
        let mut task = tokio::task::spawn_blocking(work);
        if let Some((live, calls)) = answering {
            live.answer(calls).await;
        }
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
    /// To whoever answers questions about rows; none where nobody does.
    pub(super) line: Option<Line>,
    /// Where guests run that may ask for rows.
    pub(super) worker: RefCell<Worker>,
    /// Whether the step that is planned has asked for rows.
    pub(super) is_asking: Cell<bool>,
    /// What of it is answered as it was in an earlier run.
    pub(super) repeated: RefCell<Repeated>,
    /// Why a question was not answered.
    pub(super) unanswered: RefCell<Option<MigrateError>>,
    /// Where the plan ends because nobody answers.
    pub(super) data_dependent: RefCell<Option<DataDependent>>,
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
        let graph = info.graph()?;
        let recorded = snapshot.heads(&info.name);
        graph.applied(&recorded)?;
        let mut applied_elsewhere: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for other in known.iter().map(|package| package.info()).filter(|other| other.name != info.name) {
            let heads = snapshot.heads(&other.name);
            // One that makes no order, or lacks what is recorded, says nothing; it fails where it is run itself.
            if let Ok(applied) = other.graph().and_then(|graph| graph.applied(&heads)) {
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
            line: None,
            worker: RefCell::default(),
            is_asking: Cell::new(false),
            repeated: RefCell::default(),
            unanswered: RefCell::default(),
            data_dependent: RefCell::default(),
        })
    }

    pub(super) fn finish(self) -> (PackagePlan, Snapshot) {
        (self.so_far(), self.snapshot)
    }

    /// The plan as far as it goes.
    pub(super) fn so_far(&self) -> PackagePlan {
        PackagePlan {
            package: self.info.name.clone(),
            component_digest: self.package.digest().to_owned(),
            recorded: self.recorded.iter().cloned().collect(),
            records: self.snapshot.heads(&self.info.name).into_iter().collect(),
            steps: self.steps.clone(),
            data_dependent: self.data_dependent.borrow().clone(),
            run: self.guests.run.clone(),
        }
    }

    /// How many steps are planned.
    pub(super) fn planned(&self) -> usize {
        self.steps.len()
    }

    /// The first step, once it is planned.
    pub(super) fn first_step(&self) -> Option<&PlannedStep> {
        self.steps.first()
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
            self.require(&step.revision.depends_elsewhere(&self.info.name))
                .map_err(|error| error.at(format!("upgrade {id}")))?;
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
            StepKind::Upgrade { .. } => along.revision.depends_elsewhere(&self.info.name),
            _ => Vec::new(),
        };
        let mut step = self.step(kind, line, before, outcome, &depends_on)?;
        step.remove.clone_from(&along.remove);
        step.add.clone_from(&along.add);
        self.push(step)
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
        let Outcome { plan, after, fuel, reads_run_values, reads_rows } = outcome;
        let changes = Changes::of(before, &after);
        if let Some(conflict) = self.snapshot.conflict(&self.info.name, before, &changes, &plan) {
            return Err(MigrateError::from(ErrorKind::Outside(conflict)).at(kind.title()));
        }
        self.snapshot.carry(&self.info.name, &changes);
        let mut claims: BTreeSet<String> = changes.made().map(Ident::to_string).collect();
        let mut releases: BTreeSet<String> = changes.gone().map(Ident::to_string).collect();
        self.after = Some(after.clone());
        let text = |name: &Ident| name.as_str().to_owned();
        let claimed_enums = changes.made_enums().map(text).collect();
        let released_enums = changes.gone_enums().map(text).collect();
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
            claimed_enums,
            released_enums,
            renames,
            requires,
            fuel,
            reads_run_values,
            reads_rows,
            schema_digest: self.digests.of(&after),
            plan,
        })
    }

    /// Appends a step and carries what it records forward. One that was answered is applied before anything else is planned.
    pub(super) fn push(&mut self, step: PlannedStep) -> Result<(), MigrateError> {
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
        if self.is_asking.take() || self.ends_what_was_left() { self.conclude() } else { Ok(()) }
    }
}

/// What a step relies on, as it is recorded.
pub(super) fn requirements(step: &str, depends_on: &[Dependency]) -> Vec<(String, Dependency)> {
    depends_on.iter().map(|on| (step.to_owned(), on.clone())).collect()
}
