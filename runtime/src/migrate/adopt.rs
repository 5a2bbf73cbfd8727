//! Tables that are there already: which state of the package they equal, and taking them over as that.

use std::collections::BTreeSet;

use super::guest::Outcome;
use super::plan::{Planning, requirements};
use super::planned::{PlannedStep, StepKind};
use super::{Adopt, ErrorKind, MigrateError};
use crate::dialect::{render_portable, type_name};
use crate::operation::{ColumnType, Op};
use crate::revision::{self, BASE_SCHEMA, Goal};
use crate::sandbox::StepCall;
use crate::schema::{self, Schema};

/// One state that the package's chain goes through.
pub(super) struct Past {
    /// The heads then; none at base.
    pub(super) heads: Vec<String>,
    pub(super) schema: Schema,
}

impl Past {
    fn label(&self) -> String {
        if self.heads.is_empty() { "base".to_owned() } else { self.heads.join("+") }
    }
}

impl Planning<'_> {
    /// Every state from base to head, and the name of every table that the package ever has. Ends early
    /// where a step cannot be planned here, as with a dependency that is not met.
    pub(super) fn replay(&self) -> (Vec<Past>, BTreeSet<String>) {
        let mut ever = BTreeSet::new();
        let mut note = |schema: &Schema| ever.extend(schema.names().map(|name| name.as_str().to_owned()));
        let mut past = Vec::new();
        let base = self.made_from_nothing(BASE_SCHEMA).ok().flatten();
        let mut at = base.map_or_else(Schema::default, |outcome| outcome.after);
        let mut heads: BTreeSet<String> = BTreeSet::new();
        note(&at);
        past.push(Past { heads: Vec::new(), schema: at.clone() });
        for step in self.graph.order() {
            let elsewhere = step.depends_elsewhere(&self.info.name);
            let planned = self.require(&elsewhere).and_then(|()| self.rehearse(StepCall::Upgrade(&step.id), &at));
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

    /// What the package's tables are at some heads; none where a step on the way cannot be planned here.
    fn past_at(&self, heads: &BTreeSet<String>) -> Result<Option<Past>, MigrateError> {
        let applied = self.graph.applied(heads)?;
        let mut schema = self.made_from_nothing(BASE_SCHEMA).ok().flatten().map(|base| base.after).unwrap_or_default();
        for step in self.graph.order().iter().filter(|step| applied.contains(step.id.as_str())) {
            let Ok(outcome) = self.rehearse(StepCall::Upgrade(&step.id), &schema) else { return Ok(None) };
            schema = outcome.after;
        }
        Ok(Some(Past { heads: heads.iter().cloned().collect(), schema }))
    }

    /// Where a version is recorded but no table is the package's own, as another program leaves it: the tables
    /// become its own once the operator says so.
    pub(super) fn take_over(&mut self, adopt: &Adopt) -> Result<(), MigrateError> {
        let name = &self.info.name;
        if !self.snapshot.owned(name).is_empty() || self.snapshot.unclaimed(name).is_empty() {
            return Ok(());
        }
        let Some(past) = self.past_at(&self.snapshot.heads(name))? else { return Ok(()) };
        let unclaimed = self.snapshot.unclaimed(name);
        let tables = past.schema.names().map(|table| table.as_str().to_owned());
        let tables: BTreeSet<String> = tables.filter(|table| unclaimed.contains(table)).collect();
        if tables.is_empty() { Ok(()) } else { self.adopt(adopt, tables, &[past]) }
    }

    /// Takes over tables that are there, as the revision whose schema they equal.
    pub(super) fn adopt(&mut self, adopt: &Adopt, tables: BTreeSet<String>, past: &[Past]) -> Result<(), MigrateError> {
        if let Adopt::Revision(wanted) = adopt
            && !past.iter().any(|state| state.label() == *wanted)
        {
            self.graph.resolve(&Goal::Revision(wanted.clone()))?;
        }
        let found = self.snapshot.schema(&tables);
        let mut judged = Vec::with_capacity(past.len());
        for state in past {
            judged.push(match &found {
                Ok(found) => self.judge(state, found)?,
                Err((table, reason)) => {
                    let differences = vec![format!("table {table}: cannot be read: {reason}")];
                    Judged { state, outcome: None, differences }
                }
            });
        }
        let equal: Vec<&Judged<'_>> = judged.iter().filter(|one| one.differences.is_empty()).collect();
        if equal.is_empty() {
            let nearest =
                judged.into_iter().filter(|one| !one.state.schema.is_empty()).min_by_key(|one| one.differences.len());
            let (nearest, differences) = match nearest {
                Some(one) => (one.state.label(), one.differences),
                None => ("base".to_owned(), tables.iter().map(|table| format!("table {table}: unexpected")).collect()),
            };
            return Err(ErrorKind::Differs { nearest, differences }.into());
        }
        let matching = match (adopt, equal.as_slice()) {
            (Adopt::Matching, [only]) => Some(*only),
            (Adopt::Revision(wanted), all) => all.iter().find(|one| one.state.label() == *wanted).copied(),
            _ => None,
        };
        let Some(judged) = matching else {
            let matches = equal.iter().map(|one| one.state.label()).collect();
            let altered: BTreeSet<String> = equal.iter().flat_map(|one| one.altered()).collect();
            let (tables, altered) = (tables.into_iter().collect(), altered.into_iter().collect());
            return Err(ErrorKind::Adoptable { tables, matches, altered }.into());
        };
        let (state, altered) = (judged.state, judged.altered());
        let heads: BTreeSet<String> = state.heads.iter().cloned().collect();
        let stamps: BTreeSet<&str> = self.graph.applied(&heads)?;
        let stamped: Vec<_> = self.graph.order().iter().filter(|step| stamps.contains(step.id.as_str())).collect();
        let elsewhere = |step: &revision::Revision| step.depends_elsewhere(&self.info.name);
        let requires = stamped.iter().flat_map(|step| requirements(&step.id, &elsewhere(step))).collect();
        let stamps: Vec<String> = stamped.iter().map(|step| step.id.clone()).collect();
        let claims: Vec<String> = tables.difference(&self.snapshot.owned(&self.info.name)).cloned().collect();
        for name in &claims {
            self.snapshot.claim(&self.info.name, name);
        }
        let (claimed_enums, claims) =
            claims.into_iter().partition(|name| self.snapshot.catalog.enums.contains_key(name));
        self.after = None;
        let recorded = self.snapshot.heads(&self.info.name);
        let add = state.heads.iter().filter(|head| !recorded.contains(*head)).cloned().collect();
        let found = self.own()?;
        let outcome = match &judged.outcome {
            Some(outcome) => outcome.clone(),
            None => self.conformed(&found, Vec::new())?,
        };
        let altered: Vec<&str> = altered.iter().map(String::as_str).collect();
        let line = format!(
            "{}: adopted {}{}, stamped {}",
            self.info.name,
            tables.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            if altered.is_empty() { String::new() } else { format!(" (altered {})", altered.join(", ")) },
            state.label()
        );
        let kind = StepKind::Adopt { revisions: state.heads.clone() };
        let step = self.step(kind, line, &found, outcome, &[])?;
        self.push(PlannedStep { add, stamps, claims, claimed_enums, requires, ..step })
    }

    /// Holds the tables that are there against one state, after what brings them to its types and names without loss.
    fn judge<'p>(&self, state: &'p Past, found: &Schema) -> Result<Judged<'p>, MigrateError> {
        let native = |name: &ColumnType| type_name(self.snapshot.dialect, name);
        let operations = schema::conform(&state.schema, found, self.snapshot.dialect.rules());
        let outcome = match operations.is_empty() {
            true => None,
            false => Some(self.conformed(found, operations)?),
        };
        let after = outcome.as_ref().map_or(found, |outcome| &outcome.after);
        let differences = schema::compare(&state.schema, after, render_portable, &native);
        Ok(Judged { state, outcome, differences })
    }

    /// Plans what brings tables nearer to a state. What the model refuses stays a difference.
    fn conformed(&self, found: &Schema, operations: Vec<Op>) -> Result<Outcome, MigrateError> {
        let (mut planner, access) = self.planner(found)?;
        for op in operations {
            let _ = planner.push(op);
        }
        Ok(Outcome::planned(planner, &access))
    }
}

/// One state that the tables on the target were held against.
struct Judged<'p> {
    state: &'p Past,
    /// What makes them equal to it, where they are not by themselves.
    outcome: Option<Outcome>,
    differences: Vec<String>,
}

impl Judged<'_> {
    /// The tables that adopting it alters.
    fn altered(&self) -> BTreeSet<String> {
        let operations = self.outcome.iter().flat_map(|outcome| &outcome.plan.operations);
        operations.map(|planned| planned.op.subject().as_str().to_owned()).collect()
    }
}
