//! The states of DESIGN §2.3: what an upgrade or populate does, by what is recorded on the target and
//! which tables of the package are there.

use std::collections::BTreeSet;

use super::plan::{Outcome, PlannedStep, Planning, StepKind, requirements};
use super::{Adopt, ErrorKind, MigrateError, Populate, Start, Upgrade};
use crate::dialect::render_portable;
use crate::operation::{Ident, Op};
use crate::plan::Planner;
use crate::policy::{Access, Limits};
use crate::revision::{self, BASE_SCHEMA, Goal, LATEST_SCHEMA, PopulateStep};
use crate::sandbox::StepCall;
use crate::schema::{self, Schema};

/// What a target says of a package.
enum Found {
    /// A version is recorded; or there are no revisions to record and the tables are its own.
    Recorded,
    /// Nothing is recorded and nothing of it is there.
    Nothing,
    /// Nothing is recorded, and what it owns is its base schema: it was downgraded to base.
    Base,
    /// Nothing is recorded and tables of it are there.
    Tables(BTreeSet<String>, Vec<Past>),
}

/// One state that the package's chain goes through.
struct Past {
    /// The heads then; none at base.
    heads: Vec<String>,
    schema: Schema,
}

impl Past {
    fn label(&self) -> String {
        if self.heads.is_empty() { "base".to_owned() } else { self.heads.join("+") }
    }
}

impl Planning<'_> {
    pub(super) fn upgrade(&mut self, upgrade: &Upgrade) -> Result<(), MigrateError> {
        self.graph.resolve(&upgrade.goal)?;
        match self.find()? {
            Found::Recorded => self.recorded(&upgrade.goal),
            Found::Base => self.pending(&upgrade.goal),
            Found::Tables(tables, past) => {
                self.adopt(&upgrade.adopt, tables, &past)?;
                self.pending(&upgrade.goal)
            }
            Found::Nothing => match self.latest_for(upgrade)? {
                true => self.populate_latest(),
                false => {
                    if let Some(step) = self.info.populate_step(BASE_SCHEMA) {
                        self.populate_one(step, format!("{}: populated {}", self.info.name, step.name))?;
                    }
                    self.pending(&upgrade.goal)
                }
            },
        }
    }

    pub(super) fn populate(&mut self, upgrade: &Upgrade, steps: &Populate) -> Result<(), MigrateError> {
        match (self.find()?, upgrade.start) {
            (Found::Nothing, Start::Latest) if self.latest_for(upgrade)? => self.populate_latest()?,
            (Found::Tables(tables, past), Start::Latest) => self.adopt(&upgrade.adopt, tables, &past)?,
            (Found::Base, Start::Latest) => {}
            _ => self.make_missing()?,
        }
        self.populate_steps(steps)
    }

    /// Whether the latest schema is made at once: the goal is the only head, and nobody asks for the steps.
    fn latest_for(&self, upgrade: &Upgrade) -> Result<bool, MigrateError> {
        let target = self.graph.resolve(&upgrade.goal)?;
        let heads = self.graph.heads();
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
        if !owned.is_empty()
            && let Some(base) = self.made_from_nothing(BASE_SCHEMA)?
            && base.after == self.own()?
        {
            return Ok(Found::Base);
        }
        let (past, ever) = self.replay();
        let present: BTreeSet<String> = unclaimed.into_iter().filter(|table| ever.contains(table)).collect();
        let present: BTreeSet<String> = present.union(&owned).cloned().collect();
        if present.is_empty() { Ok(Found::Nothing) } else { Ok(Found::Tables(present, past)) }
    }

    /// Every state from base to head, and the name of every table that the package ever has. Ends early
    /// where a step cannot be planned here, as with a dependency that is not met.
    fn replay(&self) -> (Vec<Past>, BTreeSet<String>) {
        let mut ever = BTreeSet::new();
        let mut note = |schema: &Schema| ever.extend(schema.tables.keys().map(|name| name.as_str().to_owned()));
        let mut past = Vec::new();
        let base = self.made_from_nothing(BASE_SCHEMA).ok().flatten();
        let mut at = base.map_or_else(Schema::default, |outcome| outcome.after);
        let mut heads: BTreeSet<String> = BTreeSet::new();
        note(&at);
        past.push(Past { heads: Vec::new(), schema: at.clone() });
        for step in self.graph.order() {
            let planned = self.require(&step.depends_on).and_then(|()| self.guest(StepCall::Upgrade(&step.id), &at));
            let Ok(Outcome { after, .. }) = planned else { break };
            at = after;
            for parent in &step.down_revisions {
                heads.remove(parent);
            }
            heads.insert(step.id.clone());
            note(&at);
            past.push(Past { heads: heads.iter().cloned().collect(), schema: at.clone() });
        }
        if let Ok(Some(latest)) = self.latest() {
            note(&latest.after);
        }
        (past, ever)
    }

    /// Takes over tables that are there, as the revision whose schema they equal.
    fn adopt(&mut self, adopt: &Adopt, tables: BTreeSet<String>, past: &[Past]) -> Result<(), MigrateError> {
        let differences = |state: &Past| match self.snapshot.schema(&tables) {
            Ok(found) => schema::compare(&state.schema, &found, render_portable),
            Err((table, reason)) => vec![format!("table {table}: cannot be read: {reason}")],
        };
        let judged: Vec<(&Past, Vec<String>)> = past.iter().map(|state| (state, differences(state))).collect();
        let equal: Vec<&Past> =
            judged.iter().filter(|(_, differences)| differences.is_empty()).map(|(state, _)| *state).collect();
        if equal.is_empty() {
            let nearest = judged
                .into_iter()
                .filter(|(state, _)| !state.schema.tables.is_empty())
                .min_by_key(|(_, differences)| differences.len());
            let (nearest, differences) = match nearest {
                Some((state, differences)) => (state.label(), differences),
                None => ("base".to_owned(), tables.iter().map(|table| format!("table {table}: unexpected")).collect()),
            };
            return Err(ErrorKind::Differs { nearest, differences }.into());
        }
        let matching = match (adopt, equal.as_slice()) {
            (Adopt::Matching, [only]) => Some(*only),
            (Adopt::Revision(wanted), all) => all.iter().find(|state| state.label() == *wanted).copied(),
            _ => None,
        };
        let Some(state) = matching else {
            let matches = equal.iter().map(|state| state.label()).collect();
            return Err(ErrorKind::Adoptable { tables: tables.into_iter().collect(), matches }.into());
        };
        let heads: BTreeSet<String> = state.heads.iter().cloned().collect();
        let stamps: BTreeSet<&str> = self.graph.applied(&heads)?;
        let stamped: Vec<_> = self.graph.order().iter().filter(|step| stamps.contains(step.id.as_str())).collect();
        let requires = stamped.iter().flat_map(|step| requirements(&step.id, &step.depends_on)).collect();
        let stamps: Vec<String> = stamped.iter().map(|step| step.id.clone()).collect();
        let claims: Vec<String> = tables.difference(&self.snapshot.owned(&self.info.name)).cloned().collect();
        for table in &claims {
            self.snapshot.claim(&self.info.name, table);
        }
        let after = self.own()?;
        let (plan, _) =
            Planner::new(self.snapshot.dialect, Schema::default(), Access::default(), Limits::default()).finish();
        let line = format!(
            "{}: adopted {}, stamped {}",
            self.info.name,
            tables.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            state.label()
        );
        self.push(PlannedStep {
            kind: StepKind::Adopt { revisions: state.heads.clone() },
            line,
            plan,
            remove: Vec::new(),
            add: state.heads.clone(),
            stamps,
            claims,
            releases: Vec::new(),
            requires,
            fuel: 0,
            reads_run_values: false,
            schema_digest: after.digest(),
        });
        Ok(())
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
                self.require(&revision.depends_on).map_err(|error| error.at(planned.kind.title()))?;
                planned.requires.extend(requirements(&revision.id, &revision.depends_on));
            }
            planned.add.clone_from(&head);
            planned.stamps = stamped.iter().map(|revision| revision.id.clone()).collect();
            self.push(planned);
        }
        Ok(())
    }

    /// A recorded package: whole tables that are nowhere, then the pending steps.
    fn recorded(&mut self, goal: &Goal) -> Result<(), MigrateError> {
        // A goal that makes no sense is said before anything is planned.
        self.graph.upgrade(&self.snapshot.heads(&self.info.name), goal)?;
        self.make_missing()?;
        self.pending(goal)
    }

    /// The names of all tables that steps not applied yet make, beyond the goal too. None where one of
    /// them cannot be planned here, so that nobody can know.
    fn future_tables(&self) -> Result<Option<BTreeSet<Ident>>, MigrateError> {
        let applied = self.graph.applied(&self.snapshot.heads(&self.info.name))?;
        let mut at = self.own()?;
        let mut made = BTreeSet::new();
        for step in self.graph.order().iter().filter(|step| !applied.contains(step.id.as_str())) {
            let planned = self.guest(StepCall::Upgrade(&step.id), &at);
            let Ok(Outcome { after, .. }) = planned else { return Ok(None) };
            at = after;
            made.extend(at.tables.keys().cloned());
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
        let Some(latest) = self.latest()? else { return Ok(()) };
        let mut missing = latest.after;
        missing.tables.retain(|name, _| !self.snapshot.catalog.tables.contains_key(name.as_str()));
        if missing.tables.is_empty() {
            return Ok(());
        }
        let Some(future) = self.future_tables()? else { return Ok(()) };
        missing.tables.retain(|name, _| !future.contains(name));
        if missing.tables.is_empty() {
            return Ok(());
        }
        let kind = StepKind::Populate { name: LATEST_SCHEMA.to_owned() };
        let own = self.own()?;
        let names: Vec<&str> = missing.tables.keys().map(Ident::as_str).collect();
        let line = format!("{}: populated {}", self.info.name, names.join(", "));
        let outcome = self.planned_by_runner(&own, schema::creations(&missing, self.snapshot.dialect.rules()))?;
        let depends_on = self.info.populate_step(LATEST_SCHEMA).map(|step| step.depends_on.clone()).unwrap_or_default();
        let step = self.step(kind, line, &own, outcome, &depends_on)?;
        self.push(step);
        Ok(())
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

    fn populate_one(&mut self, step: &PopulateStep, line: String) -> Result<(), MigrateError> {
        let planned = self.plan_populate(step, line)?;
        self.push(planned);
        Ok(())
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
        let (plan, mut after) = planner.finish();
        after.tables.retain(|name, _| !access.referable.contains(name));
        Ok(Outcome { plan, after, fuel: 0, reads_run_values: false })
    }
}
