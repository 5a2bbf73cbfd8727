//! Running a package's guest on a model: for a plan, or only to see what a step makes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::asking::{Asking, Performance};
use super::plan::Planning;
use super::plans::{Key, Planned, Unplanned};
use super::{ErrorKind, Event, MigrateError};
use crate::plan::{Plan, Planner};
use crate::policy::Access;
use crate::revision::{self, GraphError, LATEST_SCHEMA};
use crate::sandbox::{LogEvent, StepCall, StepError};
use crate::schema::Schema;

/// What a guest made of a schema.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) plan: Arc<Plan>,
    /// The package's own tables afterwards.
    pub(super) after: Schema,
    pub(super) fuel: u64,
    pub(super) reads_run_values: bool,
    /// Whether it asked for rows.
    pub(super) reads_rows: bool,
}

impl Outcome {
    /// What operations of the runner's own make of it.
    pub(super) fn planned(planner: Planner, access: &Access) -> Self {
        let (plan, mut after) = planner.finish();
        for name in &access.referable {
            after.tables.remove(name);
        }
        Self { plan: Arc::new(plan), after, fuel: 0, reads_run_values: false, reads_rows: false }
    }

    /// Whether it is the same on every target with the same key.
    pub(super) fn is_shared(&self) -> bool {
        !self.reads_run_values && !self.reads_rows
    }
}

impl Planning<'_> {
    /// The tables of other packages that this one may refer to: those of every dependency that is met.
    fn referable(&self) -> Result<Schema, MigrateError> {
        let others = self.info.dependencies().into_iter().filter(|dependency| dependency.package != self.info.name);
        let met = others.filter(|dependency| self.is_met(dependency));
        let packages: BTreeSet<&str> = met.map(|dependency| dependency.package.as_str()).collect();
        let owned = packages.iter().flat_map(|name| self.snapshot.owned(name));
        // A table that the model cannot hold cannot be referred to; it is not this package's trouble.
        let readable: BTreeSet<String> = owned.filter(|table| self.snapshot.schema([table]).is_ok()).collect();
        self.snapshot
            .schema(&readable)
            .map_err(|(table, reason)| ErrorKind::Outside(format!("table {table}: {reason}")).into())
    }

    /// A planner over the package's own tables and those that it may refer to.
    pub(super) fn planner(&self, own: &Schema) -> Result<(Planner, Access), MigrateError> {
        Ok(self.planner_with(own, self.referable()?))
    }

    fn planner_with(&self, own: &Schema, referable: Schema) -> (Planner, Access) {
        let access = Access { referable: referable.tables.keys().cloned().collect() };
        let mut schema = own.clone();
        for (name, table) in referable.tables {
            schema.tables.insert(name, table);
        }
        let planner = Planner::new(self.snapshot.dialect, schema, access.clone(), self.limits.clone());
        (planner, access)
    }

    /// Runs one step of the guest on a model.
    pub(super) fn guest(&self, call: StepCall<'_>, own: &Schema) -> Result<Outcome, MigrateError> {
        let mut say = |log| {
            let (package, step) = (self.info.name.clone(), title(call));
            (self.observer)(&Event::Guest { package, step, log });
        };
        self.run_guest(call, own, Performance::Real, &mut say)
    }

    /// Runs one step of the guest on a model only to see what it makes: what it says is nobody's business.
    pub(super) fn rehearse(&self, call: StepCall<'_>, own: &Schema) -> Result<Outcome, MigrateError> {
        self.run_guest(call, own, Performance::Rehearsal, &mut |_| ())
    }

    fn run_guest(
        &self,
        call: StepCall<'_>,
        own: &Schema,
        performance: Performance,
        say: &mut dyn FnMut(LogEvent),
    ) -> Result<Outcome, MigrateError> {
        let title = title(call);
        if self.interrupt.is_raised() {
            return Err(MigrateError::from(ErrorKind::Interrupted("nothing was changed")).at(title));
        }
        let Some(guest) = self.package.guest_for(&call) else {
            let missing = match call {
                StepCall::Populate(name) => GraphError::UnknownPopulateStep(name.to_owned()),
                StepCall::Upgrade(id) | StepCall::Downgrade(id) => GraphError::UnknownRevision(id.to_owned()),
            };
            return Err(missing.into());
        };
        let referable = self.referable()?;
        let key = Key {
            component: guest.digest().to_owned(),
            step: call.into(),
            dialect: self.snapshot.dialect,
            own: own.clone(),
            referable: referable.clone(),
        };
        let planned = self.guests.get_or_run(key, |alone| {
            let (planner, access) = self.planner_with(own, referable);
            let mut log = Vec::new();
            let asking = Asking { kind: call.into(), own, access: &access, performance };
            let (made, reads_rows) = match guest.may_read_rows() {
                true => self.at_desk(guest, call, planner, &asking, alone, &mut log),
                false => (guest.run(call, planner, &self.guests.run, None, &mut |event| log.push(event)), false),
            };
            match made {
                Ok(made) => {
                    let planned = Outcome::planned(made.planner, &access);
                    let (fuel, reads_run_values) = (made.fuel, made.run_values_read);
                    Ok(Planned { outcome: Outcome { fuel, reads_run_values, reads_rows, ..planned }, log })
                }
                Err(error) => {
                    log.into_iter().for_each(&mut *say);
                    Err(error)
                }
            }
        });
        let planned = planned.map_err(|error| {
            if let Some(reason) = self.unanswered.take() {
                return reason.at(title.clone());
            }
            let kind = match error {
                Unplanned::Unknown => ErrorKind::Unstable,
                Unplanned::Failed(StepError::Interrupted) => ErrorKind::Interrupted("nothing was changed"),
                Unplanned::Failed(StepError::Component(error)) => ErrorKind::Sandbox(error),
                Unplanned::Failed(other) => ErrorKind::Step(other),
            };
            MigrateError::from(kind).at(title.clone())
        })?;
        planned.log.iter().cloned().for_each(say);
        Ok(planned.outcome.clone())
    }

    /// The schema that `ptah-db-schema` makes out of nothing, if the package has it.
    pub(super) fn latest(&self) -> Result<Option<Outcome>, MigrateError> {
        self.made_from_nothing(LATEST_SCHEMA)
    }

    /// What a populate step makes out of nothing, if the package has it.
    pub(super) fn made_from_nothing(&self, name: &str) -> Result<Option<Outcome>, MigrateError> {
        let mut made: Option<Outcome> = None;
        if self.info.populate_step(name).is_some() {
            for step in revision::populate_order(&self.info.populate_steps, &[name])? {
                self.require(&step.depends_on).map_err(|error| error.at(format!("populate {}", step.name)))?;
                let own = made.map_or_else(Schema::default, |outcome| outcome.after);
                made = Some(self.rehearse(StepCall::Populate(&step.name), &own)?);
            }
        }
        Ok(made)
    }
}

fn title(call: StepCall<'_>) -> String {
    match call {
        StepCall::Populate(name) => format!("populate {name}"),
        StepCall::Upgrade(id) => format!("upgrade {id}"),
        StepCall::Downgrade(id) => format!("downgrade {id}"),
    }
}
