//! A guest that may ask for rows, run in a thread of its own: planning stays where it is and sees to its questions.

use std::sync::mpsc::sync_channel;

use super::plan::Planning;
use super::planned::{DataDependent, PlannedStep, StepKind};
use super::{ErrorKind, MigrateError};
use crate::operation::Value;
use crate::plan::{Plan, Planner, Question};
use crate::policy::Access;
use crate::sandbox::{Answered, Asked, Desk, Guest, LogEvent, StepCall, StepError, StepOutcome};
use crate::schema::Schema;

/// What a step is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Performance {
    /// To be applied.
    Real,
    /// To see what it makes of the schema: it finds all tables empty.
    Rehearsal,
}

/// The step that asks.
pub(super) struct Asking<'a> {
    pub(super) kind: StepKind,
    /// The package's own tables before it.
    pub(super) own: &'a Schema,
    pub(super) access: &'a Access,
    pub(super) performance: Performance,
}

impl Planning<'_> {
    /// Runs a step and sees to its questions; whether it asked any. `alone` is called at the first.
    pub(super) fn at_desk(
        &self,
        guest: &Guest,
        call: StepCall<'_>,
        planner: Planner,
        asking: &Asking<'_>,
        alone: &mut dyn FnMut(),
        log: &mut Vec<LogEvent>,
    ) -> (Result<StepOutcome, StepError>, bool) {
        let (asks, asked) = sync_channel(0);
        let (answers, answered) = sync_channel(1);
        let (desk, values) = (Desk { asks, answers: answered }, &self.guests.run);
        let mut has_asked = false;
        let ended = std::thread::scope(|scope| {
            let running = scope.spawn(|| guest.run(call, planner, values, Some(desk), &mut |event| log.push(event)));
            while let Ok(asked) = asked.recv() {
                has_asked = true;
                alone();
                if answers.send(self.answer(asking, asked)).is_err() {
                    break;
                }
            }
            running.join()
        });
        (ended.unwrap_or_else(|_| Err(StepError::Trap("its thread ended abnormally".into()))), has_asked)
    }

    fn answer(&self, asking: &Asking<'_>, asked: Asked) -> Result<Answered, StepError> {
        let answered = match asking.performance {
            Performance::Rehearsal => on_empty_tables(&asked.question).ok_or_else(|| ErrorKind::DataDependent.into()),
            Performance::Real => self.answer_really(asking, asked),
        };
        answered.map_err(|reason: MigrateError| {
            self.unanswered.replace(Some(reason));
            StepError::Interrupted
        })
    }

    fn answer_really(&self, asking: &Asking<'_>, asked: Asked) -> Result<Answered, MigrateError> {
        let mut after = asked.schema.clone();
        after.tables.retain(|name, _| !asking.access.referable.contains(name));
        let so_far = Plan::of(asked.segment.clone());
        if let Some(conflict) = self.snapshot.conflict(&self.info.name, asking.own, &after, &so_far) {
            return Err(ErrorKind::Outside(conflict).into());
        }
        let Some(line) = &self.line else {
            let plan = Plan::of(asked.segment).into();
            self.data_dependent.replace(Some(DataDependent { kind: asking.kind.clone(), plan }));
            return Err(ErrorKind::DataDependent.into());
        };
        let first = (!self.is_asking.replace(true)).then(|| {
            let mut plan = self.so_far();
            plan.steps.push(begun(asking.kind.clone()));
            Box::new(plan)
        });
        line.ask(first, asked)
    }

    /// Has the step applied to its end that was pushed last.
    pub(super) fn conclude(&self) -> Result<(), MigrateError> {
        match &self.line {
            Some(line) => line.conclude(Box::new(self.so_far())),
            None => Ok(()),
        }
    }
}

/// A step of which nothing is known but what it is.
fn begun(kind: StepKind) -> PlannedStep {
    PlannedStep {
        kind,
        line: String::new(),
        plan: Plan::of(Vec::new()).into(),
        remove: Vec::new(),
        add: Vec::new(),
        stamps: Vec::new(),
        claims: Vec::new(),
        releases: Vec::new(),
        renames: Vec::new(),
        requires: Vec::new(),
        fuel: 0,
        reads_run_values: false,
        reads_rows: true,
        schema_digest: String::new(),
    }
}

/// What a question is answered with where all tables are empty; none where that takes a database to say.
fn on_empty_tables(question: &Question) -> Option<Answered> {
    match question {
        Question::Touched(_) => Some(Answered::Touched(0)),
        Question::Query { query, .. } => {
            query.on_empty_tables().map(|row: Option<Vec<Value>>| Answered::Rows(row.into_iter().collect()))
        }
    }
}
