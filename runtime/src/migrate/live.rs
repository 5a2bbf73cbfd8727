//! Answering guests that ask for rows: the target is taken hold of, the steps before theirs are applied, and what they did
//! so far is sent to the database, in the transaction that the step ends with. One that asks nothing never comes here.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::account::{cut, refusal};
use super::apply::ROLLED_BACK;
use super::applying::Applying;
use super::planned::PackagePlan;
use super::settle::{Departure, Held};
use super::snapshot::Snapshot;
use super::{ErrorKind, Event, MigrateError, Migrator};
use crate::database::{Connection, DatabaseError};
use crate::dialect::{Dialect, Statement, read_answer, render_query, table_locks};
use crate::operation::{Ident, Query, Value};
use crate::plan::{Plan, PlannedOp, Question};
use crate::sandbox::{Answered, Asked};
use crate::schema::Answer;
use crate::store::State;

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
    /// Somebody did.
    Ended {
        /// What is applied.
        plan: Option<Box<PackagePlan>>,
        /// Whether that is all.
        ended: Result<(), MigrateError>,
    },
}

/// A step whose guest is asking: what of it is sent.
struct Open {
    started: Instant,
    operations: Vec<PlannedOp>,
    /// How many rows each of them touched.
    touched: Vec<u64>,
    statements: usize,
}

impl<'a> Live<'a> {
    pub(super) fn new(migrator: &'a Migrator, planned_on: &'a Snapshot) -> Self {
        let state = planned_on.state.clone();
        Self { migrator, planned_on, held: None, state, plan: None, applied: 0, step: None, end: None }
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
        let failed = |error: MigrateError| End::Failed(error);
        self.flush(asked.segment).await.map_err(failed)?;
        match asked.question {
            Question::Touched(place) => {
                let touched = self.step.as_ref().and_then(|step| step.touched.get(place));
                Ok(Answered::Touched(touched.copied().unwrap_or_default()))
            }
            Question::Query { query, columns } => {
                let answered = self.query(*query, &columns, asked.rows, asked.bytes).await;
                answered.map_err(failed)
            }
        }
    }

    /// Takes hold of the target and applies the steps before the one that asks.
    async fn begin(&mut self, plan: Box<PackagePlan>) -> Result<(), End> {
        let (migrator, planned_on) = (self.migrator, self.planned_on);
        if !migrator.target.dialect().has_transactional_ddl() {
            let reason = format!("it asks for rows, which is not possible on {} yet", migrator.target.dialect());
            return Err(End::Failed(ErrorKind::Offline(reason).into()));
        }
        let held = match self.held.take() {
            Some(held) => self.held.insert(held),
            None => {
                let held = self.held.insert(migrator.hold(Some(&plan.package)).await.map_err(End::Failed)?);
                let found = Snapshot::read(&migrator.target, &mut held.connection).await.map_err(End::Failed)?;
                if found != *planned_on {
                    return Err(End::TargetChanged);
                }
                held
            }
        };
        let plan = self.plan.insert(plan);
        let before = plan.steps.len().saturating_sub(1);
        for step in plan.steps.iter().take(before).skip(self.applied) {
            migrator.not_interrupted(step).map_err(End::Failed)?;
            let applied = migrator.apply_step(&mut held.connection, plan, step, &mut self.state, None).await;
            applied.map_err(End::Failed)?;
            self.applied += 1;
        }
        self.step = Some(Open { started: Instant::now(), operations: Vec::new(), touched: Vec::new(), statements: 0 });
        Ok(())
    }

    /// Sends operations to the database; the first ones again while others hold their locks.
    async fn flush(&mut self, segment: Vec<PlannedOp>) -> Result<(), MigrateError> {
        let (Some(held), Some(plan), Some(open)) = (&mut self.held, &self.plan, &mut self.step) else {
            return Err(ErrorKind::Task("a step was sent that was not begun".into()).into());
        };
        let Some(step) = plan.steps.get(self.applied) else {
            return Err(ErrorKind::Task("a step was sent that is not planned".into()).into());
        };
        let connection = &mut held.connection;
        let mut patience = self.migrator.patience(&plan.package, step.kind.title());
        let is_first = !connection.in_transaction();
        let applying = Applying { plan, step, state: &mut self.state, started: open.started };
        let touched = loop {
            let sent = async {
                if is_first {
                    let ops = segment.iter().map(|planned| &planned.op);
                    let settings = self.migrator.target.settings();
                    let locks = table_locks(connection.dialect(), settings, ops, |table| applying.owns(table));
                    connection.begin().await?;
                    for lock in &locks {
                        connection.execute(lock).await?;
                    }
                    applying.ensure_tables(connection).await?;
                }
                send(connection, &segment, open.statements).await
            };
            let sent = self.migrator.interrupt.unless_raised(sent).await;
            match sent.unwrap_or_else(|| Err(ErrorKind::Interrupted("this step is rolled back").into())) {
                Ok(touched) => break touched,
                Err(mut error) => {
                    let _ = connection.rollback().await;
                    if is_first && error.kind.is_blocked() && patience.again().await {
                        continue;
                    }
                    if let ErrorKind::Blocked { waited, .. } = &mut *error.kind {
                        *waited = patience.waited();
                    }
                    return Err(error);
                }
            }
        };
        open.statements += segment.iter().map(|planned| planned.statements.len()).sum::<usize>();
        open.touched.extend(touched);
        open.operations.extend(segment);
        Ok(())
    }

    async fn query(
        &mut self,
        mut query: Query,
        columns: &[(Ident, Answer)],
        rows: usize,
        bytes: usize,
    ) -> Result<Answered, MigrateError> {
        let Some(held) = &mut self.held else {
            return Err(ErrorKind::Task("a query was sent to nowhere".into()).into());
        };
        let connection = &mut held.connection;
        // One more tells that there are more.
        let most = u64::try_from(rows).unwrap_or(u64::MAX).saturating_add(1);
        query.limit = Some(query.limit.map_or(most, |limit| limit.min(most)));
        let sql = render_query(connection.dialect(), &query);
        let interrupted = || ErrorKind::Interrupted("this step is rolled back");
        let asked = self.migrator.interrupt.unless_raised(connection.answer(&sql, rows, bytes)).await;
        match asked.ok_or_else(interrupted)? {
            Ok(None) => Ok(Answered::TooMuch),
            Ok(Some(rows)) => read(connection.dialect(), columns, rows).map(Answered::Rows),
            Err(error) if error.ends_the_session() => Err(error.into()),
            Err(error) => Err(ErrorKind::Unanswered { sql: cut(&sql), message: refusal(&error) }.into()),
        }
    }

    /// Applies what is left of the step that asked, and records it.
    async fn conclude(&mut self, plan: Box<PackagePlan>) -> Result<(), End> {
        let plan = self.plan.insert(plan);
        let Some(step) = plan.steps.get(self.applied) else { return Ok(()) };
        let line = step.line.clone();
        let sent = self.step.as_ref().map_or(0, |open| open.operations.len());
        let rest = step.plan.operations.iter().skip(sent).cloned().collect();
        (self.migrator.observer)(&Event::Step { package: plan.package.clone(), line });
        self.flush(rest).await.map_err(End::Failed)?;
        let (Some(held), Some(plan), Some(open)) = (&mut self.held, &self.plan, &self.step) else { return Ok(()) };
        let Some(step) = plan.steps.get(self.applied) else { return Ok(()) };
        let mut applying = Applying { plan, step, state: &mut self.state, started: open.started };
        applying.record(&mut held.connection).await.map_err(End::Failed)?;
        held.connection.commit().await.map_err(|error| End::Failed(error.into()))?;
        applying.follow();
        self.step = None;
        self.applied += 1;
        Ok(())
    }

    /// Comes to an end with what planning came to: applies what is left, or rolls back the step whose guest was asking.
    pub(super) async fn close(mut self, planned: Planned) -> Closed {
        let end = self.end.take();
        let Some(mut held) = self.held.take() else {
            return match end {
                None => Closed::Untouched(Box::new(planned)),
                Some(End::TargetChanged) => Closed::TargetChanged,
                Some(End::Failed(error)) => Closed::Ended { plan: None, ended: Err(error) },
            };
        };
        let ended = match (end, planned) {
            (Some(End::TargetChanged), _) => {
                held.release().await;
                return Closed::TargetChanged;
            }
            (Some(End::Failed(error)), _) | (None, Err(error)) => {
                self.roll_back(&mut held.connection, &error).await;
                Err(error)
            }
            (None, Ok((plan, ..))) => self.finish(&mut held.connection, plan).await,
        };
        held.release().await;
        let applied = self.plan.filter(|_| self.applied > 0).map(|plan| Box::new(plan.first(self.applied)));
        Closed::Ended { plan: applied, ended }
    }

    async fn finish(&mut self, connection: &mut Connection, plan: PackagePlan) -> Result<(), MigrateError> {
        let plan = self.plan.insert(Box::new(plan));
        while let Some(step) = plan.steps.get(self.applied) {
            self.migrator.not_interrupted(step)?;
            self.migrator.apply_step(connection, plan, step, &mut self.state, None).await?;
            self.applied += 1;
        }
        Ok(())
    }

    /// Nothing stays of the step that was asking but its failure in the history.
    async fn roll_back(&mut self, connection: &mut Connection, error: &MigrateError) {
        // A rollback that fails closes the connection, which rolls back too.
        let _ = connection.rollback().await;
        let (Some(plan), Some(open)) = (&mut self.plan, self.step.take()) else { return };
        plan.steps.truncate(self.applied + 1);
        let plan = plan.clone();
        if let Some(step) = plan.steps.get(self.applied) {
            let mut step = step.clone();
            step.plan = Plan::of(open.operations).into();
            let applying = Applying { plan: &plan, step: &step, state: &mut self.state, started: open.started };
            applying.account_for(connection, error).await;
        }
    }
}

/// Sends the statements of operations in order; how many rows each operation touched.
async fn send(connection: &mut Connection, segment: &[PlannedOp], before: usize) -> Result<Vec<u64>, MigrateError> {
    let mut touched = Vec::with_capacity(segment.len());
    let total = before + segment.iter().map(|planned| planned.statements.len()).sum::<usize>();
    let mut position = before;
    for planned in segment {
        let mut count = 0;
        for statement in &planned.statements {
            position += 1;
            match connection.execute(&statement.sql).await {
                Ok(rows) if statement.touches_rows() => count += rows,
                Ok(_) => {}
                Err(error) => return Err(refused(statement, position, total, &error).into()),
            }
        }
        touched.push(count);
    }
    Ok(touched)
}

fn refused(statement: &Statement, position: usize, total: usize, error: &DatabaseError) -> ErrorKind {
    let (sql, message, after) = (cut(&statement.sql), refusal(error), ROLLED_BACK.to_owned());
    match error {
        DatabaseError::Busy { .. } => {
            ErrorKind::Blocked { position, total, sql, message, waited: std::time::Duration::ZERO, after }
        }
        error if error.ends_the_session() => {
            ErrorKind::CutShort { position, total, error: error.clone(), after: "the step is rolled back" }
        }
        _ => ErrorKind::Refused { position, total, sql, message, after },
    }
}

/// The values of an answer.
fn read(
    dialect: Dialect,
    columns: &[(Ident, Answer)],
    rows: Vec<Vec<crate::dialect::Cell>>,
) -> Result<Vec<Vec<Value>>, MigrateError> {
    let row = |cells: Vec<crate::dialect::Cell>| {
        let each = columns.iter().zip(cells).map(|((name, answer), cell)| {
            read_answer(dialect, *answer, cell).ok_or_else(|| ErrorKind::OddValue(name.to_string()).into())
        });
        each.collect()
    };
    rows.into_iter().map(row).collect()
}
