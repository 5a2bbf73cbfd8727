//! Answering guests that ask for rows: the target is taken hold of, the steps before theirs are applied, and what they did
//! so far is sent to the database, in the transaction that the step ends with. One that asks nothing never comes here.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::account::{NOT_BEGUN, account, cut, refusal};
use super::apply::Turn;
use super::open::{Open, Place};
use super::planned::PackagePlan;
use super::settle::{Departure, Held};
use super::snapshot::Snapshot;
use super::standby::Standby;
use super::{ErrorKind, Event, MigrateError, Migrator};
use crate::database::{Connection, DatabaseError};
use crate::dialect::{Cell, Dialect, Refusal, RefusalKind, read_answer, render_query};
use crate::operation::{Ident, Query, Value};
use crate::plan::Question;
use crate::sandbox::{Answered, Asked};
use crate::schema::Answer;
use crate::store::{self, State};

/// What planning asks of the run.
pub(super) enum Call {
    /// To answer a question; with the first one of a step the plan so far, whose last step is the one that asks.
    Ask(Option<Box<PackagePlan>>, Box<Asked>, SyncSender<Option<Answered>>),
    /// To apply the last step of the plan to its end, which was asking.
    Conclude(Box<PackagePlan>, SyncSender<Option<()>>),
}

/// From planning to the run. The run answers nothing once something went wrong, and knows what.
pub(super) struct Line(UnboundedSender<Call>);

/// A line and its other end.
pub(super) fn line() -> (Line, UnboundedReceiver<Call>) {
    let (sender, receiver) = unbounded_channel();
    (Line(sender), receiver)
}

impl Line {
    pub(super) fn ask(&self, first: Option<Box<PackagePlan>>, asked: Asked) -> Result<Answered, MigrateError> {
        self.call(|reply| Call::Ask(first, Box::new(asked), reply))
    }

    pub(super) fn conclude(&self, plan: Box<PackagePlan>) -> Result<(), MigrateError> {
        self.call(|reply| Call::Conclude(plan, reply))
    }

    fn call<T>(&self, call: impl FnOnce(SyncSender<Option<T>>) -> Call) -> Result<T, MigrateError> {
        let (reply, replied) = sync_channel(1);
        let sent = self.0.send(call(reply)).is_ok();
        let answer = if sent { replied.recv().ok().flatten() } else { None };
        answer.ok_or_else(|| ErrorKind::Interrupted("this step is rolled back").into())
    }
}

/// A run as far as guests had it started by asking.
pub(super) struct Live<'a> {
    migrator: &'a Migrator,
    planned_on: &'a Snapshot,
    /// From where the plan is applied.
    pub(super) departure: Departure,
    held: Option<Held>,
    state: State,
    /// The plan as it was known last, with its first `applied` steps applied.
    plan: Option<Box<PackagePlan>>,
    applied: usize,
    step: Option<Open>,
    end: Option<End>,
}

/// Why nothing is answered any more.
enum End {
    TargetChanged,
    /// Another run waits for the target.
    GaveWay,
    Failed(MigrateError),
}

/// What planning comes to.
type Planned = Result<(PackagePlan, Departure, Snapshot), MigrateError>;

/// What became of a run that answers.
pub(super) enum Closed {
    /// Nobody asked.
    Untouched(Box<Planned>),
    /// Somebody did, and the target was not as planned on. Nothing was done.
    TargetChanged,
    /// Somebody did, and another run has the target now.
    GaveWay {
        /// What is applied.
        plan: Option<Box<PackagePlan>>,
    },
    /// Somebody did.
    Ended {
        /// What is applied.
        plan: Option<Box<PackagePlan>>,
        /// Whether that is all.
        ended: Result<(), MigrateError>,
    },
}

impl<'a> Live<'a> {
    pub(super) fn new(migrator: &'a Migrator, planned_on: &'a Snapshot) -> Self {
        let mut state = planned_on.state.clone();
        state.journal = None;
        let departure = Departure::Clean;
        Self { migrator, planned_on, departure, held: None, state, plan: None, applied: 0, step: None, end: None }
    }

    /// Whether anybody asked.
    pub(super) fn is_begun(&self) -> bool {
        self.held.is_some() || self.end.is_some()
    }

    /// Answers until planning has ended.
    pub(super) async fn answer(&mut self, mut calls: UnboundedReceiver<Call>) {
        let interrupt = &self.migrator.interrupt;
        loop {
            let Some(call) = interrupt.unless_raised(calls.recv()).await else {
                // Planning ends by itself then; what it asks meanwhile is not answered.
                self.migrator.sandbox.interrupt();
                return;
            };
            match call {
                None => return,
                Some(Call::Ask(plan, asked, reply)) => {
                    let answered = match self.end {
                        None => self.ask(plan, *asked).await,
                        Some(_) => return,
                    };
                    let _ = reply.send(self.unless_over(answered));
                }
                Some(Call::Conclude(plan, reply)) => {
                    let concluded = self.conclude(plan).await;
                    let _ = reply.send(self.unless_over(concluded));
                }
            }
        }
    }

    fn unless_over<T>(&mut self, answer: Result<T, End>) -> Option<T> {
        answer.map_err(|end| self.end = Some(end)).ok()
    }

    async fn ask(&mut self, plan: Option<Box<PackagePlan>>, asked: Asked) -> Result<Answered, End> {
        if let Some(plan) = plan {
            self.begin(plan).await?;
        }
        let answered = self.ask_at_last(asked).await;
        answered.map_err(End::Failed)
    }

    async fn ask_at_last(&mut self, asked: Asked) -> Result<Answered, MigrateError> {
        let migrator = self.migrator;
        let (Some(held), Some(plan), Some(open)) = (&mut self.held, &self.plan, &mut self.step) else {
            return Err(ErrorKind::Task("a step asks that was not begun".into()).into());
        };
        let Some(step) = plan.steps.get(self.applied) else {
            return Err(ErrorKind::Task("a step asks that is not planned".into()).into());
        };
        let connection = &mut held.connection;
        let at = &mut Place { migrator, connection, plan, step, state: &mut self.state };
        let is_attempt = matches!(asked.question, Question::Attempt { .. });
        let refusal = open.flush(at, asked.segment, is_attempt).await?;
        let words = asked.question.words(held.connection.dialect());
        let connection = &mut held.connection;
        let unknown = |what: &str| MigrateError::from(ErrorKind::InFlight(format!("it asks {what} of an earlier run")));
        let (answered, kept) = match asked.question {
            Question::Touched(place) => {
                let touched = open.touched(place).ok_or_else(|| unknown("how many rows a statement touched"))?;
                (Answered::Touched(touched), store::Answered::Touched(touched))
            }
            Question::Attempt { sql, tells_references } => match refusal {
                None => (Answered::Done, store::Answered::Done),
                Some(Refusal { kind: RefusalKind::ForeignKey, code }) if !tells_references => {
                    let message = format!("{} ({code})", RefusalKind::ForeignKey.words());
                    return Err(ErrorKind::Unanswered { what: "an attempt", sql: cut(&sql), message }.into());
                }
                Some(refusal) => (Answered::Refused(refusal.clone()), store::Answered::Refused(refusal)),
            },
            Question::Drawn { place, table, column } => {
                let drawn = open.drawn(connection, place, &table, &column).await?;
                let number = drawn.ok_or_else(|| unknown("which number was drawn for a row"))?;
                (Answered::Drawn(number), store::Answered::Drawn(number))
            }
            Question::Query { query, columns } => {
                let mut patience = migrator.patience(&plan.package, step.kind.title());
                let answer = loop {
                    let begun = Instant::now();
                    let asking = migrator.query(connection, (*query).clone(), &columns, asked.rows, asked.bytes);
                    match asking.await {
                        // A transaction does not outlive it.
                        Err(error)
                            if error.kind.is_blocked()
                                && !connection.in_transaction()
                                && patience.again(begun).await => {}
                        answer => break answer?,
                    }
                };
                match answer {
                    Some(rows) => (Answered::Rows(rows.clone()), store::Answered::Rows(rows)),
                    None => return Ok(Answered::TooMuch),
                }
            }
        };
        open.answered(connection, words, kept).await?;
        Ok(answered)
    }

    /// Takes hold of the target and applies the steps before the one that asks.
    async fn begin(&mut self, plan: Box<PackagePlan>) -> Result<(), End> {
        let migrator = self.migrator;
        let mut begun = None;
        match &mut self.held {
            Some(held) => {
                // Another run goes first, and then this one plans anew.
                let is_wanted = !migrator.runner_timeout.is_zero()
                    && held.lock.is_wanted().await.map_err(|error| End::Failed(error.into()))?;
                if is_wanted {
                    return Err(End::GaveWay);
                }
            }
            None => {
                let held = self
                    .held
                    .insert(migrator.hold(Some(&plan.package), &mut Standby::default()).await.map_err(End::Failed)?);
                let found = Snapshot::read(&migrator.target, &mut held.connection).await.map_err(End::Failed)?;
                if found != *self.planned_on {
                    return Err(End::TargetChanged);
                }
                begun = self.departure.leave(&mut held.connection, &mut self.state).await.map_err(End::Failed)?;
            }
        }
        let Some(held) = &mut self.held else { return Ok(()) };
        let plan = self.plan.insert(plan);
        let before = plan.steps.len().saturating_sub(1);
        for step in plan.steps.iter().take(before).skip(self.applied) {
            migrator.not_interrupted(step).map_err(End::Failed)?;
            let applied = migrator.apply_step(held, plan, step, &mut self.state, begun.take()).await;
            applied.map_err(End::Failed)?;
            self.applied += 1;
        }
        if let Some(left) = begun.as_ref().filter(|_| migrator.target.dialect().has_transactional_ddl()) {
            // It would be applied in one transaction, of which nothing can stand already.
            let why = format!("{}\n  the package asks for rows in that step", account(left));
            return Err(End::Failed(ErrorKind::InFlight(why).into()));
        }
        if let (Some(left), Some(step)) = (&begun, plan.steps.get(before)) {
            migrator.say_that_it_goes_on(plan, step, left);
        }
        self.step = Some(Open::begun(begun));
        Ok(())
    }

    /// Applies what is left of the step that asked, and records it.
    async fn conclude(&mut self, plan: Box<PackagePlan>) -> Result<(), End> {
        let migrator = self.migrator;
        if self.step.is_none() {
            // All that it asked was answered in an earlier run.
            self.begin(plan.clone()).await?;
        }
        let plan = self.plan.insert(plan);
        let Some(step) = plan.steps.get(self.applied) else { return Ok(()) };
        (migrator.observer)(&Event::Step { package: plan.package.clone(), line: step.line.clone() });
        let (Some(held), Some(open)) = (&mut self.held, &mut self.step) else { return Ok(()) };
        let connection = &mut held.connection;
        let concluded = open.conclude(&mut Place { migrator, connection, plan, step, state: &mut self.state }).await;
        concluded.map_err(End::Failed)?;
        held.newest = None;
        self.step = None;
        self.applied += 1;
        Ok(())
    }

    /// Comes to an end with what planning came to: applies what is left, or gives up the step whose guest was asking.
    pub(super) async fn close(mut self, planned: Planned) -> Closed {
        let end = self.end.take();
        let Some(mut held) = self.held.take() else {
            return match end {
                None => Closed::Untouched(Box::new(planned)),
                Some(End::TargetChanged | End::GaveWay) => Closed::TargetChanged,
                Some(End::Failed(error)) => Closed::Ended { plan: None, ended: Err(error) },
            };
        };
        let ended = match (end, planned) {
            (Some(End::TargetChanged), _) => {
                held.release().await;
                return Closed::TargetChanged;
            }
            (Some(End::GaveWay), _) => Ok(Turn::Given),
            (Some(End::Failed(error)), _) | (None, Err(error)) => Err(self.abandon(&mut held.connection, error).await),
            (None, Ok((plan, ..))) => self.finish(&mut held, plan).await,
        };
        held.release().await;
        let plan = self.plan.filter(|_| self.applied > 0).map(|plan| Box::new(plan.first(self.applied)));
        match ended {
            Ok(Turn::Given) => Closed::GaveWay { plan },
            Ok(Turn::Kept) => Closed::Ended { plan, ended: Ok(()) },
            Err(error) => Closed::Ended { plan, ended: Err(error) },
        }
    }

    async fn finish(&mut self, held: &mut Held, plan: PackagePlan) -> Result<Turn, MigrateError> {
        let migrator = self.migrator;
        let plan = self.plan.insert(Box::new(plan));
        while let Some(step) = plan.steps.get(self.applied) {
            migrator.not_interrupted(step)?;
            if !migrator.runner_timeout.is_zero() && held.lock.is_wanted().await? {
                return Ok(Turn::Given);
            }
            migrator.apply_step(held, plan, step, &mut self.state, None).await?;
            self.applied += 1;
        }
        Ok(Turn::Kept)
    }

    /// What becomes of the step that was asking.
    async fn abandon(&mut self, connection: &mut Connection, error: MigrateError) -> MigrateError {
        let (Some(plan), Some(open)) = (&mut self.plan, self.step.take()) else { return error };
        plan.steps.truncate(self.applied + 1);
        let Some(step) = plan.steps.get(self.applied) else { return error };
        let at = &mut Place { migrator: self.migrator, connection, plan, step, state: &mut self.state };
        open.abandon(at, error.at(step.kind.title())).await
    }
}

impl Migrator {
    /// The rows of an answer; none if there are more rows or bytes than these.
    async fn query(
        &self,
        connection: &mut Connection,
        mut query: Query,
        columns: &[(Ident, Answer)],
        rows: usize,
        bytes: usize,
    ) -> Result<Option<Vec<Vec<Value>>>, MigrateError> {
        // One more tells that there are more.
        let most = u64::try_from(rows).unwrap_or(u64::MAX).saturating_add(1);
        query.limit = Some(query.limit.map_or(most, |limit| limit.min(most)));
        let sql = render_query(connection.dialect(), &query);
        // What becomes of the step is said where it is given up.
        let interrupted = || ErrorKind::Interrupted(NOT_BEGUN);
        let asked = self.interrupt.unless_raised(connection.answer(&sql, rows, bytes)).await;
        match asked.ok_or_else(interrupted)? {
            Ok(found) => found.map(|rows| read(connection.dialect(), columns, rows)).transpose(),
            Err(error @ DatabaseError::Busy { .. }) => Err(error.into()),
            Err(error) if error.ends_the_session() => Err(error.into()),
            Err(error) => {
                Err(ErrorKind::Unanswered { what: "a query", sql: cut(&sql), message: refusal(&error) }.into())
            }
        }
    }
}

/// The values of an answer.
fn read(dialect: Dialect, columns: &[(Ident, Answer)], rows: Vec<Vec<Cell>>) -> Result<Vec<Vec<Value>>, MigrateError> {
    let row = |cells: Vec<Cell>| {
        let each = columns.iter().zip(cells).map(|((name, answer), cell)| {
            read_answer(dialect, answer, cell).ok_or_else(|| ErrorKind::OddValue(name.to_string()).into())
        });
        each.collect()
    };
    rows.into_iter().map(row).collect()
}
