//! The states of DESIGN §2.3: what an upgrade or populate does, by what is recorded on the target and
//! which tables of the package are there.

use std::collections::BTreeSet;

use super::adopt::Past;
use super::guest::Outcome;
use super::plan::{Planning, Verb, requirements};
use super::planned::{PlannedStep, StepKind};
use super::{Adopt, ErrorKind, MigrateError, Populate, Start, Upgrade};
use crate::dialect::{render_portable, type_name};
use crate::operation::{ColumnType, Ident, Op};
use crate::revision::{self, BASE_SCHEMA, Goal, LATEST_SCHEMA, PopulateStep};
use crate::sandbox::{StepCall, StepError};
use crate::schema::{self, Schema};
use crate::store::State;

/// What a target says of a package.
enum Found {
    /// A version is recorded; or there are no revisions to record and the tables are its own.
    Recorded,
    /// Nothing is recorded and nothing of it is there.
    Nothing,
    /// Nothing is recorded, and what it owns is its base schema: it was downgraded to base.
    Base,
    /// Nothing is recorded, and what it owns is beside what its base schema and steps make: `ptah-db-schema` alone
    /// makes it, and it was left by a downgrade to base or made by a populate that stamps nothing.
    Beside,
    /// Nothing is recorded and tables of it are there.
    Tables(BTreeSet<String>, Vec<Past>),
}

/// Whether what is recorded alone says that there is nothing to do: no plan of this verb looks at a table then.
pub(super) fn is_done(verb: &Verb, state: &State) -> bool {
    let Verb::Upgrade(Upgrade { package, goal, adopt: Adopt::No, .. }) = verb else { return false };
    let info = package.info();
    // Whole tables that are missing would be made.
    if info.populate_step(LATEST_SCHEMA).is_some() || state.journal.is_some() {
        return false;
    }
    let pending = |heads| info.graph().and_then(|graph| graph.upgrade(heads, goal));
    state.versions.get(&info.name).is_some_and(|heads| pending(heads).is_ok_and(|pending| pending.is_empty()))
}

impl Planning<'_> {
    pub(super) fn upgrade(&mut self, upgrade: &Upgrade) -> Result<(), MigrateError> {
        self.graph.resolve(&upgrade.goal)?;
        match self.find()? {
            Found::Recorded => self.recorded(upgrade),
            Found::Base => self.pending(&upgrade.goal),
            Found::Tables(tables, past) => {
                self.adopt(&upgrade.adopt, tables, &past)?;
                self.pending(&upgrade.goal)
            }
            Found::Nothing if self.latest_for(upgrade)? => self.populate_latest(),
            Found::Nothing | Found::Beside => {
                self.populate_base()?;
                self.pending(&upgrade.goal)
            }
        }
    }

    pub(super) fn populate(&mut self, upgrade: &Upgrade, steps: &Populate) -> Result<(), MigrateError> {
        let found = self.find()?;
        if matches!(found, Found::Recorded) && upgrade.adopt != Adopt::No {
            self.take_over(&upgrade.adopt)?;
        }
        match (found, upgrade.start) {
            (Found::Nothing, Start::Latest) if self.latest_for(upgrade)? => self.populate_latest()?,
            (Found::Tables(tables, past), _) => self.adopt(&upgrade.adopt, tables, &past)?,
            (Found::Base, Start::Latest) => {}
            _ => self.make_missing()?,
        }
        self.populate_steps(steps).map_err(|error| self.behind(error))
    }

    /// Says of a populate step that the guest gave up which revisions it may have missed.
    fn behind(&self, error: MigrateError) -> MigrateError {
        let heads = self.snapshot.heads(&self.info.name);
        let (ErrorKind::Step(StepError::Guest { .. }), Ok(applied)) = (&*error.kind, self.graph.applied(&heads)) else {
            return error;
        };
        let pending = self.graph.order().iter().map(|step| step.id.clone());
        let pending: Vec<String> = pending.filter(|id| !applied.contains(id.as_str())).collect();
        match *error.kind {
            ErrorKind::Step(failed) if !pending.is_empty() => {
                let at = heads.into_iter().collect::<Vec<_>>().join("+");
                MigrateError { kind: Box::new(ErrorKind::Behind { error: failed, at, pending }), ..error }
            }
            kind => MigrateError { kind: Box::new(kind), ..error },
        }
    }

    /// Whether the latest schema is made at once: the goal is the only head, and nobody asks for the steps.
    fn latest_for(&self, upgrade: &Upgrade) -> Result<bool, MigrateError> {
        let heads = self.graph.heads();
        // Several of them are no error here: `populate` needs none.
        if heads.len() > 1 && upgrade.goal == Goal::Head {
            return Ok(false);
        }
        let target = self.graph.resolve(&upgrade.goal)?;
        let whole = heads.len() <= 1 && target == heads.first().copied();
        Ok(whole && upgrade.start == Start::Latest && self.info.populate_step(LATEST_SCHEMA).is_some())
    }

    fn find(&self) -> Result<Found, MigrateError> {
        let name = &self.info.name;
        let owned = self.snapshot.owned(name);
        if !self.snapshot.heads(name).is_empty() || (self.info.revisions.is_empty() && !owned.is_empty()) {
            return Ok(Found::Recorded);
        }
        let unclaimed = self.snapshot.unclaimed(name);
        if unclaimed.is_empty() {
            return Ok(Found::Nothing);
        }
        let (past, ever) = self.replay();
        if !owned.is_empty() {
            let chain: BTreeSet<&Ident> = past.iter().flat_map(|state| state.schema.names()).collect();
            let mut own = self.own()?;
            own.tables.retain(|name, _| chain.contains(name));
            own.enums.retain(|name, _| chain.contains(name));
            if own.is_empty() && !unclaimed.iter().any(|table| !owned.contains(table) && ever.contains(table)) {
                return Ok(Found::Beside);
            }
            let native = |name: &ColumnType| type_name(self.snapshot.dialect, name);
            if past.first().is_some_and(|base| schema::compare(&base.schema, &own, render_portable, &native).is_empty())
            {
                return Ok(Found::Base);
            }
        }
        let present: BTreeSet<String> = unclaimed.into_iter().filter(|table| ever.contains(table)).collect();
        let present: BTreeSet<String> = present.union(&owned).cloned().collect();
        if present.is_empty() { Ok(Found::Nothing) } else { Ok(Found::Tables(present, past)) }
    }

    /// Makes the latest schema and stamps the head.
    fn populate_latest(&mut self) -> Result<(), MigrateError> {
        let order = revision::populate_order(&self.info.populate_steps, &[LATEST_SCHEMA])?;
        let head: Vec<String> = self.graph.heads().into_iter().map(str::to_owned).collect();
        for step in order {
            let name = &self.info.name;
            if step.name != LATEST_SCHEMA {
                self.populate_one(step, format!("{name}: populated {}, {}", step.name, step.title))?;
                continue;
            }
            let stamped: Vec<_> = self.graph.order().to_vec();
            let line = if head.is_empty() {
                format!("{name}: populated")
            } else {
                format!("{name}: populated, stamped {}", revision::list(&head))
            };
            let mut planned = self.plan_populate(step, line)?;
            for revision in &stamped {
                let elsewhere = revision.depends_elsewhere(&self.info.name);
                self.require(&elsewhere).map_err(|error| error.at(planned.kind.title()))?;
                planned.requires.extend(requirements(&revision.id, &elsewhere));
            }
            planned.add.clone_from(&head);
            planned.stamps = stamped.iter().map(|revision| revision.id.clone()).collect();
            self.push(planned)?;
        }
        Ok(())
    }

    /// A recorded package: whole tables that are nowhere, then the pending steps.
    fn recorded(&mut self, upgrade: &Upgrade) -> Result<(), MigrateError> {
        // A goal that makes no sense is said before anything is planned.
        let pending = self.graph.upgrade(&self.snapshot.heads(&self.info.name), &upgrade.goal)?;
        if !pending.is_empty() || upgrade.adopt != Adopt::No {
            self.take_over(&upgrade.adopt)?;
        }
        self.make_missing()?;
        self.pending(&upgrade.goal)
    }

    /// The names of all tables that steps not applied yet make, beyond the goal too, and before the first
    /// one the base schema. None where one of them cannot be planned here, so that nobody can know.
    fn future_tables(&self) -> Result<Option<BTreeSet<Ident>>, MigrateError> {
        let heads = self.snapshot.heads(&self.info.name);
        let applied = self.graph.applied(&heads)?;
        let mut at = self.own()?;
        if heads.is_empty() {
            let Ok(base) = self.made_from_nothing(BASE_SCHEMA) else { return Ok(None) };
            for base in base.into_iter().map(|base| base.after) {
                for (name, table) in base.tables {
                    at.tables.entry(name).or_insert(table);
                }
                for (name, of) in base.enums {
                    at.enums.entry(name).or_insert(of);
                }
            }
        }
        let mut made: BTreeSet<Ident> = at.names().cloned().collect();
        for step in self.graph.order().iter().filter(|step| !applied.contains(step.id.as_str())) {
            let planned = self.rehearse(StepCall::Upgrade(&step.id), &at);
            let Ok(Outcome { after, .. }) = planned else { return Ok(None) };
            at = after;
            made.extend(at.names().cloned());
        }
        Ok(Some(made))
    }

    /// Makes the whole tables of the latest schema that neither exist on the target nor are made by a step
    /// that is not applied yet.
    fn make_missing(&mut self) -> Result<(), MigrateError> {
        // Where what it depends on is not there yet, its tables cannot be made either.
        let order = match self.info.populate_step(LATEST_SCHEMA) {
            Some(_) => revision::populate_order(&self.info.populate_steps, &[LATEST_SCHEMA])?,
            None => return Ok(()),
        };
        if order.iter().any(|step| self.require(&step.depends_on).is_err()) {
            return Ok(());
        }
        let latest = match self.latest() {
            // What it makes on tables that are not empty says nothing of what is missing.
            Err(error) if matches!(*error.kind, ErrorKind::DataDependent) => None,
            latest => latest?,
        };
        let Some(latest) = latest else { return Ok(()) };
        let mut missing = latest.after;
        missing.tables.retain(|name, _| !self.snapshot.catalog.tables.contains_key(name.as_str()));
        missing.enums.retain(|name, _| !self.snapshot.catalog.enums.contains_key(name.as_str()));
        if missing.is_empty() {
            return Ok(());
        }
        let Some(future) = self.future_tables()? else { return Ok(()) };
        missing.tables.retain(|name, _| !future.contains(name));
        missing.enums.retain(|name, _| !future.contains(name));
        if missing.is_empty() {
            return Ok(());
        }
        let kind = StepKind::Populate { name: LATEST_SCHEMA.to_owned() };
        let own = self.own()?;
        let names: Vec<&str> = missing.names().map(Ident::as_str).collect();
        let line = format!("{}: populated {}", self.info.name, names.join(", "));
        let outcome = self.planned_by_runner(&own, schema::creations(&missing, self.snapshot.dialect.rules()))?;
        let depends_on = self.info.populate_step(LATEST_SCHEMA).map(|step| step.depends_on.clone()).unwrap_or_default();
        let step = self.step(kind, line, &own, outcome, &depends_on)?;
        self.push(step)
    }

    fn populate_steps(&mut self, wanted: &Populate) -> Result<(), MigrateError> {
        let own = |name: &str| name == LATEST_SCHEMA || name == BASE_SCHEMA;
        let steps = &self.info.populate_steps;
        let names: Vec<&str> = match wanted {
            Populate::Active => steps
                .iter()
                .filter(|step| step.active)
                .map(|step| step.name.as_str())
                .filter(|name| !own(name))
                .collect(),
            Populate::Named(names) => names.iter().map(String::as_str).collect(),
        };
        if names.contains(&BASE_SCHEMA) {
            return Err(ErrorKind::NotByName(BASE_SCHEMA.to_owned()).into());
        }
        for step in revision::populate_order(steps, &names)? {
            let recorded = self.snapshot.state.populated.get(&self.info.name);
            let recorded = recorded.is_some_and(|done| done.contains(&step.name));
            let named = matches!(wanted, Populate::Named(names) if names.contains(&step.name));
            if !own(&step.name) && (named || !recorded) {
                self.populate_one(step, format!("{}: populated {}, {}", self.info.name, step.name, step.title))?;
            }
        }
        Ok(())
    }

    fn populate_base(&mut self) -> Result<(), MigrateError> {
        if self.info.populate_step(BASE_SCHEMA).is_some() {
            for step in revision::populate_order(&self.info.populate_steps, &[BASE_SCHEMA])? {
                self.populate_one(step, format!("{}: populated {}", self.info.name, step.name))?;
            }
        }
        Ok(())
    }

    fn populate_one(&mut self, step: &PopulateStep, line: String) -> Result<(), MigrateError> {
        let planned = self.plan_populate(step, line)?;
        self.push(planned)
    }

    fn plan_populate(&mut self, step: &PopulateStep, line: String) -> Result<PlannedStep, MigrateError> {
        let kind = StepKind::Populate { name: step.name.clone() };
        self.require(&step.depends_on).map_err(|error| error.at(kind.title()))?;
        let own = self.own()?;
        let outcome = self.guest(StepCall::Populate(&step.name), &own)?;
        self.step(kind, line, &own, outcome, &step.depends_on)
    }

    /// Plans operations of the runner's own on the package's model.
    fn planned_by_runner(&self, own: &Schema, operations: Vec<Op>) -> Result<Outcome, MigrateError> {
        let (mut planner, access) = self.planner(own)?;
        for op in operations {
            planner.push(op).map_err(|error| {
                let reason = format!("the tables of {LATEST_SCHEMA} that are missing cannot be made here: {error}");
                MigrateError::from(ErrorKind::Outside(reason))
            })?;
        }
        Ok(Outcome::planned(planner, &access))
    }
}
