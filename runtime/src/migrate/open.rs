//! A step whose guest is asking: what of it is sent to the database, in the transaction that it ends with, or where statements
//! commit by themselves in segments that the journal knows, with every answer.

use std::collections::BTreeMap;
use std::time::Instant;

use super::account::{GOES_ON, NOT_BEGUN, ROLLED_BACK};
use super::applying::{Applying, refused};
use super::journaled::{Flying, counters};
use super::planned::{PackagePlan, PlannedStep};
use super::{ErrorKind, MigrateError, Migrator, flight};
use crate::database::{Connection, Done, Stopped};
use crate::dialect::bookkeeping::last_drawn;
use crate::dialect::{Refusal, Statement, table_locks};
use crate::operation::Ident;
use crate::plan::{Plan, PlannedOp};
use crate::store::{self, Answered, Conversation, InFlight, Reply, State};

/// The step and where it is applied.
pub(super) struct Place<'a> {
    pub(super) migrator: &'a Migrator,
    pub(super) connection: &'a mut Connection,
    pub(super) plan: &'a PackagePlan,
    pub(super) step: &'a PlannedStep,
    pub(super) state: &'a mut State,
}

impl Place<'_> {
    fn is_in_one(&self) -> bool {
        self.connection.dialect().has_transactional_ddl()
    }

    fn title(&self) -> String {
        self.step.kind.title()
    }

    fn interrupted(&self) -> ErrorKind {
        ErrorKind::Interrupted(if self.is_in_one() { "this step is rolled back" } else { GOES_ON })
    }
}

/// What of a step is sent.
pub(super) struct Open {
    started: Instant,
    operations: Vec<PlannedOp>,
    /// How many rows the statements touched, by their place; of those that touch rows.
    touched: BTreeMap<usize, u64>,
    /// The numbers that the database drew, as far as it says so unasked, by the place of the statement.
    drawn: BTreeMap<usize, i64>,
    journal: Journal,
}

/// Its row in the journal.
enum Journal {
    /// There is none.
    Empty,
    /// Another run left it.
    Left(Box<InFlight>),
    /// It is this run's.
    Ours(Box<InFlight>),
    /// It was settled.
    Settled,
}

impl Open {
    /// One of which nothing is sent, or what another run left of it.
    pub(super) fn begun(left: Option<Box<InFlight>>) -> Self {
        let said = left.as_ref().and_then(|flight| flight.conversation.clone()).unwrap_or_default();
        let journal = left.map_or(Journal::Empty, Journal::Left);
        let (touched, drawn) = (said.touched, said.drawn);
        Self { started: Instant::now(), operations: Vec::new(), touched, drawn, journal }
    }

    /// How many operations are sent.
    pub(super) fn sent(&self) -> usize {
        self.operations.len()
    }

    fn statements(&self) -> usize {
        self.operations.iter().map(|planned| planned.statements.len()).sum()
    }

    /// Sends operations to the database; the first ones again while others hold their locks. An attempt is the last of them,
    /// and has no effect if it is refused for its rows: then why.
    pub(super) async fn flush(
        &mut self,
        at: &mut Place<'_>,
        mut segment: Vec<PlannedOp>,
        is_attempt: bool,
    ) -> Result<Option<Refusal>, MigrateError> {
        let attempt = segment.split_off(segment.len().saturating_sub(usize::from(is_attempt)));
        let refusal = match at.is_in_one() {
            true => self.flush_in_one(at, &segment, &attempt).await?,
            false => self.flush_journaled(at, &segment, &attempt).await?,
        };
        self.operations.extend(segment);
        self.operations.extend(attempt.into_iter().filter(|_| refusal.is_none()));
        Ok(refusal)
    }

    async fn flush_in_one(
        &mut self,
        at: &mut Place<'_>,
        segment: &[PlannedOp],
        attempt: &[PlannedOp],
    ) -> Result<Option<Refusal>, MigrateError> {
        let mut patience = at.migrator.patience(&at.plan.package, at.title());
        let is_first = !at.connection.in_transaction();
        let applying = Applying { plan: at.plan, step: at.step, state: &mut *at.state, started: self.started };
        let connection = &mut *at.connection;
        let before = self.statements();
        let (done, refusal) = loop {
            let begun = Instant::now();
            let sent = async {
                if is_first {
                    let ops = segment.iter().chain(attempt).map(|planned| &planned.op);
                    let settings = at.migrator.target.settings();
                    let locks = table_locks(connection.dialect(), settings, ops, |table| applying.owns(table));
                    connection.begin().await?;
                    for lock in &locks {
                        connection.execute(lock).await?;
                    }
                    applying.ensure_tables(connection).await?;
                }
                send(connection, segment, attempt, before).await
            };
            let sent = at.migrator.interrupt.unless_raised(sent).await;
            match sent.unwrap_or_else(|| Err(ErrorKind::Interrupted("this step is rolled back").into())) {
                Ok(done) => break done,
                Err(mut error) => {
                    // A rollback that fails closes the connection, which rolls back too.
                    let _ = connection.rollback().await;
                    if is_first && error.kind.is_blocked() && patience.again(begun).await {
                        continue;
                    }
                    if let ErrorKind::Blocked { waited, .. } = &mut *error.kind {
                        *waited = patience.waited();
                    }
                    return Err(error);
                }
            }
        };
        for (at, done) in done {
            self.touched.insert(at, done.touched);
            self.drawn.extend(done.drawn.map(|number| (at, number)));
        }
        Ok(refusal)
    }

    /// Written down first with everything before it. Nothing interrupts it.
    async fn flush_journaled(
        &mut self,
        at: &mut Place<'_>,
        segment: &[PlannedOp],
        attempt: &[PlannedOp],
    ) -> Result<Option<Refusal>, MigrateError> {
        if segment.is_empty() && attempt.is_empty() && matches!(self.journal, Journal::Ours(_)) {
            return Ok(None);
        }
        let so_far: Vec<PlannedOp> = self.operations.iter().chain(segment).chain(attempt).cloned().collect();
        let step = PlannedStep { plan: Plan::of(so_far).into(), ..at.step.clone() };
        let mut flight = self.written(at, &step, &[segment, attempt].concat()).await?;
        if let Some(conversation) = &mut flight.conversation {
            conversation.open = true;
        }
        self.write(at, &flight).await?;
        let patience = at.migrator.patience(&at.plan.package, at.title());
        let is_left = matches!(self.journal, Journal::Left(_));
        // What stops it is accounted for there.
        self.journal = Journal::Settled;
        let flying = match is_left {
            true => Flying::resumed(at.connection, &mut flight, patience),
            false => Flying::new(at.connection, &mut flight, patience),
        };
        let attempted: usize = attempt.iter().map(|planned| planned.statements.len()).sum();
        let refusal = flying.go_so_far(attempted).await?;
        let said = flight.conversation.clone().unwrap_or_default();
        (self.touched, self.drawn) = (said.touched, said.drawn);
        self.journal = Journal::Ours(Box::new(flight));
        Ok(refusal)
    }

    /// The row of a step of which this much is known, `segment` being the end of it that is not applied.
    async fn written(
        &self,
        at: &mut Place<'_>,
        step: &PlannedStep,
        segment: &[PlannedOp],
    ) -> Result<InFlight, MigrateError> {
        let dialect = at.connection.dialect();
        let applying = Applying { plan: at.plan, step, state: &mut *at.state, started: self.started };
        let mut flight = applying.in_flight(dialect, at.migrator.target.settings());
        let conversation = Conversation { seed: at.plan.run.seed, ..Conversation::default() };
        flight.conversation = Some(conversation);
        // A table may have another name by now than it had before the step.
        let now = flight::statements(dialect, segment, |_| Vec::new());
        let found = counters(at.connection, &now).await?;
        let first = flight.statements.len().saturating_sub(now.len());
        for (statement, now) in flight.statements.iter().skip(first).zip(&now) {
            let name = |numbers: &Option<store::Numbered>| numbers.as_ref().and_then(|numbers| numbers.earlier.clone());
            if let (Some(earlier), Some(now)) = (name(&statement.numbers), name(&now.numbers))
                && let Some(number) = found.get(&now)
            {
                flight.counters.insert(earlier, *number);
            }
        }
        if let Journal::Left(before) | Journal::Ours(before) = &self.journal {
            flight.position = before.position;
            // Where some of these statements may have been sent before, numbers may be lost since then.
            let is_sent = matches!(self.journal, Journal::Left(_)) && before.next().is_some();
            let mut counters = before.counters.clone();
            match is_sent {
                true => flight.counters.extend(counters),
                false => {
                    counters.extend(std::mem::take(&mut flight.counters));
                    flight.counters = counters;
                }
            }
            flight.conversation = before.conversation.clone().or(flight.conversation);
        }
        Ok(flight)
    }

    async fn write(&self, at: &mut Place<'_>, flight: &InFlight) -> Result<(), MigrateError> {
        match self.journal {
            Journal::Left(_) | Journal::Ours(_) => Ok(store::replace(at.connection, flight).await?),
            Journal::Empty | Journal::Settled => {
                let applying = Applying { plan: at.plan, step: at.step, state: &mut *at.state, started: self.started };
                applying.ensure_tables(at.connection).await?;
                Ok(store::announce(at.connection, flight).await?)
            }
        }
    }

    /// How many rows an operation touched; none where that is not known any more.
    pub(super) fn touched(&self, place: usize) -> Option<u64> {
        let first: usize = self.operations.iter().take(place).map(|planned| planned.statements.len()).sum();
        let statements = (first..).zip(&self.operations.get(place)?.statements);
        let counted = statements.filter(|(_, statement)| statement.touches_rows());
        counted.map(|(at, _)| self.touched.get(&at).copied()).sum()
    }

    /// The number that was drawn for the row that an operation inserts; none where that is not known any more.
    pub(super) async fn drawn(
        &self,
        connection: &mut Connection,
        place: usize,
        table: &Ident,
        column: &Ident,
    ) -> Result<Option<i64>, MigrateError> {
        let first: usize = self.operations.iter().take(place).map(|planned| planned.statements.len()).sum();
        let Some(question) = last_drawn(connection.dialect(), table, column) else {
            return Ok(self.drawn.get(&first).copied());
        };
        let answer = connection.fetch(&question).await?.into_iter().flatten().next().flatten();
        Ok(answer.and_then(|number| number.parse().ok()))
    }

    /// Writes an answer down where a run that dies leaves something of the step.
    pub(super) async fn answered(
        &mut self,
        connection: &mut Connection,
        question: String,
        answer: Answered,
    ) -> Result<(), MigrateError> {
        let after = self.statements();
        let Journal::Ours(flight) = &mut self.journal else { return Ok(()) };
        let reply = Reply { after, question, answer };
        store::answer(connection, &reply).await?;
        flight.conversation.get_or_insert_default().answers.push(reply);
        Ok(())
    }

    /// Applies what is left of the step, now that it is known whole, and records it.
    pub(super) async fn conclude(&mut self, at: &mut Place<'_>) -> Result<(), MigrateError> {
        let rest: Vec<PlannedOp> = at.step.plan.operations.iter().skip(self.sent()).cloned().collect();
        if !at.is_in_one() {
            return self.conclude_journaled(at, &rest).await;
        }
        self.flush(at, rest, false).await?;
        let mut applying = Applying { plan: at.plan, step: at.step, state: &mut *at.state, started: self.started };
        // Only now it is known which version is recorded.
        applying.ensure_tables(at.connection).await?;
        applying.record(at.connection).await?;
        let committed = applying.commit(at.connection).await;
        if committed.as_ref().is_err_and(|error| is_nobodys_fault(&error.kind)) {
            // Whether it took effect is not known.
            self.journal = Journal::Settled;
        }
        committed?;
        applying.follow();
        Ok(())
    }

    /// From here on it needs no guest.
    async fn conclude_journaled(&mut self, at: &mut Place<'_>, rest: &[PlannedOp]) -> Result<(), MigrateError> {
        let applying = Applying { plan: at.plan, step: at.step, state: &mut *at.state, started: self.started };
        applying.ensure_tables(at.connection).await?;
        let mut flight = self.written(at, at.step, rest).await?;
        if let Some(conversation) = &mut flight.conversation {
            conversation.open = false;
        }
        self.write(at, &flight).await?;
        let is_left = matches!(self.journal, Journal::Left(_));
        self.journal = Journal::Settled;
        let patience = at.migrator.patience(&at.plan.package, at.title());
        let flying = match is_left {
            true => Flying::resumed(at.connection, &mut flight, patience),
            false => Flying::new(at.connection, &mut flight, patience),
        };
        flying.finish(None).await?;
        Applying { plan: at.plan, step: at.step, state: &mut *at.state, started: self.started }.follow();
        Ok(())
    }

    /// Takes back what is sent, or accounts for what cannot be taken back, and writes the failure to the history; what the
    /// step ends with.
    pub(super) async fn abandon(mut self, at: &mut Place<'_>, error: MigrateError) -> MigrateError {
        let after = match &mut self.journal {
            // It says so itself.
            Journal::Settled => return error,
            Journal::Empty => {
                let _ = at.connection.rollback().await;
                let step = PlannedStep { plan: Plan::of(self.operations).into(), ..at.step.clone() };
                let applying = Applying { plan: at.plan, step: &step, state: &mut *at.state, started: self.started };
                applying.account_for(at.connection, &error).await;
                if at.connection.dialect().has_transactional_ddl() {
                    ROLLED_BACK.to_owned()
                } else {
                    format!("\n  {NOT_BEGUN}")
                }
            }
            Journal::Left(_) | Journal::Ours(_) if is_nobodys_fault(&error.kind) => format!("\n  {GOES_ON}"),
            Journal::Left(flight) | Journal::Ours(flight) => {
                let failed = error.kind.to_string();
                let patience = at.migrator.patience(&at.plan.package, at.step.kind.title());
                let mut flying = Flying::new(at.connection, flight, patience);
                flying.give_up(&|after| format!("{failed}{after}")).await
            }
        };
        let kind = match *error.kind {
            ErrorKind::Interrupted(_) => at.interrupted(),
            kind if kind.says_what_is_left() => kind,
            kind => ErrorKind::Ended { error: Box::new(kind), after },
        };
        MigrateError { kind: Box::new(kind), ..error }
    }
}

/// Whether a step ended for what is no answer to it: it is as good as one whose run died.
fn is_nobodys_fault(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Interrupted(_) | ErrorKind::CutShort { .. } => true,
        kind if kind.is_blocked() => true,
        ErrorKind::Database(error) | ErrorKind::Store(store::StoreError::Database(error)) => error.ends_the_session(),
        _ => false,
    }
}

/// Sends the statements of operations in order, and then those of an attempt; what each of those did that touch rows, by its
/// place, and why the attempt was refused.
async fn send(
    connection: &mut Connection,
    segment: &[PlannedOp],
    attempt: &[PlannedOp],
    before: usize,
) -> Result<(Vec<(usize, Done)>, Option<Refusal>), MigrateError> {
    let statements: Vec<&Statement> = segment.iter().flat_map(|planned| &planned.statements).collect();
    let attempted: Vec<&Statement> = attempt.iter().flat_map(|planned| &planned.statements).collect();
    let total = before + statements.len() + attempted.len();
    let mut done = Vec::new();
    for (at, &statement) in (before..).zip(&statements) {
        match connection.send(&[&statement.sql]).await {
            Ok(answers) if statement.touches_rows() => done.extend(answers.first().map(|answer| (at, answer.done))),
            Ok(_) => {}
            Err(Stopped { error, .. }) => return Err(refused(statement, at + 1, total, &error).into()),
        }
    }
    let Some(last) = attempted.last() else { return Ok((done, None)) };
    let sql: Vec<&str> = attempted.iter().map(|statement| statement.sql.as_str()).collect();
    match connection.attempt(&sql).await {
        Ok(Ok(answers)) => {
            let places = before + statements.len()..;
            done.extend(places.zip(answers).map(|(at, answer)| (at, answer.done)));
            Ok((done, None))
        }
        Ok(Err(refusal)) => Ok((done, Some(refusal))),
        Err(error) => Err(refused(last, total, total, &error).into()),
    }
}
