//! A guest that may ask for rows, run in another thread: planning stays where it is and sees to its questions.

use std::sync::mpsc::sync_channel;

use super::plan::Planning;
use super::planned::{DataDependent, PlannedStep, StepKind};
use super::plans::Step;
use super::{ErrorKind, MigrateError};
use crate::operation::Value;
use crate::plan::{Plan, PlannedOp, Planner, Question};
use crate::policy::Access;
use crate::sandbox::{Answered, Asked, Desk, Guest, LogEvent, StepCall, StepError, StepOutcome};
use crate::schema::{Changes, Schema};
use crate::store;

/// What a step is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Performance {
    /// To be applied.
    Real,
    /// To see what it makes of the schema: it finds all tables empty.
    Rehearsal,
}

/// What of a step that is asking is answered as it was in an earlier run.
#[derive(Default)]
pub(super) struct Repeated {
    /// What it did that nobody was told yet.
    operations: Vec<PlannedOp>,
    answers: usize,
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
        let (ends, ended) = sync_channel(1);
        self.repeated.take();
        let desk = Desk { asks, answers: answered };
        let (guest, step, values) = (guest.clone(), Step::from(call), self.guests.run.clone());
        let job = move || {
            let mut log = Vec::new();
            let made = guest.run(step.call(), planner, &values, Some(desk), &mut |event| log.push(event));
            // Somebody waits for it.
            let _ = ends.send((made, log));
        };
        if let Err(error) = self.worker.borrow_mut().begin(job) {
            return (Err(StepError::Trap(format!("no thread can be started: {error}"))), false);
        }
        let mut has_asked = false;
        while let Ok(asked) = asked.recv() {
            has_asked = true;
            alone();
            if answers.send(self.answer(asking, asked)).is_err() {
                break;
            }
        }
        match ended.recv() {
            Ok((made, mut said)) => {
                log.append(&mut said);
                (made, has_asked)
            }
            Err(_) => (Err(StepError::Trap("its thread ended abnormally".into())), has_asked),
        }
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

    fn answer_really(&self, asking: &Asking<'_>, mut asked: Asked) -> Result<Answered, MigrateError> {
        let mut repeated = self.repeated.borrow_mut();
        repeated.operations.append(&mut asked.segment);
        let mut after = asked.schema.clone();
        for name in &asking.access.referable {
            after.tables.remove(name);
        }
        let so_far = Plan::of(repeated.operations.clone());
        let changes = Changes::of(asking.own, &after);
        if let Some(conflict) = self.snapshot.conflict(&self.info.name, asking.own, &changes, &so_far) {
            return Err(ErrorKind::Outside(conflict).into());
        }
        if let Some(answer) = self.answer_again(asking, &so_far, repeated.answers, &asked.question)? {
            repeated.answers += 1;
            if let Answered::Refused(_) = answer {
                repeated.operations.pop();
            }
            return Ok(answer);
        }
        asked.segment = std::mem::take(&mut repeated.operations);
        let Some(line) = &self.line else {
            let plan = so_far.into();
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

    /// What a step that another run left unfinished was answered to the same question. None where that did not come so far.
    ///
    /// # Errors
    /// It is not the step that is planned, or it did or asked something else.
    fn answer_again(
        &self,
        asking: &Asking<'_>,
        so_far: &Plan,
        answers: usize,
        question: &Question,
    ) -> Result<Option<Answered>, MigrateError> {
        let Some(left) = self.guests.unfinished.as_deref().filter(|_| !self.is_asking.get()) else { return Ok(None) };
        let otherwise = |what: &str| Err(ErrorKind::InFlight(what.to_owned()).into());
        let (kind, plan) = match self.first_step() {
            Some(first) => (&first.kind, &*first.plan),
            None => (&asking.kind, so_far),
        };
        let is_that = (kind.recorded(), kind.subject()) == (left.kind, left.step.clone());
        let mut planned = plan.statements().map(|statement| statement.sql.as_str());
        let mut same = |count: usize| {
            let written = left.statements.iter().take(count).map(|statement| Some(statement.sql.as_str()));
            written.into_iter().all(|written| planned.next() == written)
        };
        let replies = left.conversation.iter().flat_map(|said| &said.answers);
        match replies.into_iter().nth(answers).filter(|_| self.first_step().is_none()) {
            _ if !is_that => otherwise("the package does not begin with this step"),
            None if same(left.position) => Ok(None),
            None => otherwise("the package does not begin with the statements that were applied"),
            Some(reply) if reply.question != question.words(self.snapshot.dialect) => {
                otherwise("it asks something else")
            }
            Some(reply) if reply.is_after(plan) && same(reply.after) => Ok(Some(match &reply.answer {
                store::Answered::Rows(rows) => Answered::Rows(rows.clone()),
                store::Answered::Touched(count) => Answered::Touched(*count),
                store::Answered::Drawn(number) => Answered::Drawn(*number),
                store::Answered::Done => Answered::Done,
                store::Answered::Refused(refusal) => Answered::Refused(refusal.clone()),
            })),
            Some(_) => otherwise("it does something else before it asks"),
        }
    }

    /// Whether the step that was pushed last is the one that another run left open, known whole by now without a question more.
    pub(super) fn ends_what_was_left(&self) -> bool {
        let left = self.guests.unfinished.as_deref().filter(|left| left.is_open());
        self.planned() == 1 && left.zip(self.first_step()).is_some_and(|(left, first)| first.goes_on_from(left))
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
        claimed_enums: Vec::new(),
        released_enums: Vec::new(),
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
        Question::Attempt { .. } => Some(Answered::Done),
        Question::Drawn { .. } => None,
        Question::Query { query, .. } => {
            query.on_empty_tables().map(|row: Option<Vec<Value>>| Answered::Rows(row.into_iter().collect()))
        }
    }
}
