//! Applying a plan: under the lock, to a target that is found as it was planned for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::account::{cut, refusal};
use super::journaled::Flying;
use super::plan::{PackagePlan, PlannedStep, StepKind, Verb};
use super::settle::{self, Departure};
use super::snapshot::Snapshot;
use super::{ErrorKind, Event, MigrateError, Migrator, Upgrade, flight};

use crate::database::{Connection, DatabaseError, Identity, Stopped};
use crate::dialect::{Dialect, Statement, StatementKind, TextRow, bookkeeping, table_locks};
use crate::store::{
    self, Author, FlightState, HistoryEntry, InFlight, Kind, Newest, Outcome, State, StepRecord, TargetLock,
    VersionChange,
};

/// How often a plan is made anew because something else than a run changed the target meanwhile.
const ATTEMPTS: usize = 5;

const ROLLED_BACK: &str = "\n  the step is rolled back";

impl Migrator {
    /// Plans and applies one verb, after what another run may have left under way.
    pub(super) async fn run(&self, verb: Verb, given: &[Upgrade]) -> Result<PackagePlan, MigrateError> {
        let name = verb.package().info().name.clone();
        let label = self.target.label().to_owned();
        let place = |error: MigrateError| error.of(&name).on(&label);
        let (mut attempts, mut records) = (0, None);
        while attempts < ATTEMPTS {
            let snapshot = Snapshot::look(&self.target).await.map_err(place)?;
            // What other runs get done is no reason to give up: they end.
            attempts = if records.as_ref() == Some(&snapshot.state) { attempts + 1 } else { 1 };
            records = Some(snapshot.state.clone());
            if snapshot.state.journal.as_ref().is_some_and(|flight| flight.state != FlightState::Refused) {
                self.settle().await.map_err(place)?;
                continue;
            }
            let (plan, departure) = match self.plan_from(verb.clone(), given, snapshot.clone()).await {
                Ok((plan, departure, _)) => (plan, departure),
                Err(error) if self.is_certain(&error, &snapshot).await.map_err(place)? => return Err(error),
                Err(_) => {
                    (self.observer)(&Event::Replanning { package: name.clone() });
                    continue;
                }
            };
            if plan.steps.is_empty() {
                self.say_up_to_date(&plan);
                return Ok(plan);
            }
            let mut held = self.hold().await.map_err(place)?;
            let applied = self.apply_on(&mut held.connection, &plan, departure, &snapshot).await;
            held.release().await;
            match applied.map_err(place)? {
                Applied::Done => return Ok(plan),
                Applied::TargetChanged => (self.observer)(&Event::Replanning { package: name.clone() }),
            }
        }
        Err(place(ErrorKind::Unstable.into()))
    }

    fn say_up_to_date(&self, plan: &PackagePlan) {
        (self.observer)(&Event::UpToDate { package: plan.package.clone(), recorded: plan.recorded.clone() });
    }

    /// Whether a plan failed for what the target is, and not for another runner's step that was seen half way.
    async fn is_certain(&self, error: &MigrateError, planned_on: &Snapshot) -> Result<bool, MigrateError> {
        let again = match *error.kind {
            ErrorKind::Interrupted(_) => return Ok(true),
            // The account of a step that another runner is at right now: it ends before the lock is free.
            ErrorKind::InFlight(_) => {
                let lock = self.lock().await?;
                let again = Snapshot::look(&self.target).await;
                lock.release().await;
                again?
            }
            _ => Snapshot::look(&self.target).await?,
        };
        Ok(again == *planned_on)
    }

    pub(super) async fn lock(&self) -> Result<TargetLock, MigrateError> {
        let waiting = |holder: &store::Holder| (self.observer)(&Event::Waiting { holder: holder.to_string() });
        let acquired = self.interrupt.unless_raised(store::acquire(&self.target, self.runner_timeout, waiting)).await;
        Ok(acquired.ok_or(ErrorKind::Interrupted("nothing was changed"))??)
    }

    async fn apply_on(
        &self,
        connection: &mut Connection,
        plan: &PackagePlan,
        departure: Departure,
        planned_on: &Snapshot,
    ) -> Result<Applied, MigrateError> {
        if Snapshot::read(&self.target, connection).await? != *planned_on {
            return Ok(Applied::TargetChanged);
        }
        let mut state = planned_on.state.clone();
        state.journal = None;
        let mut begun = None;
        match departure {
            Departure::Clean => {}
            Departure::Continuing(flight) => begun = Some(flight.position),
            Departure::Leaving(record) => {
                settle::leave(connection, &record).await?;
                state.apply(&record, 0);
            }
        }
        for (number, step) in plan.steps.iter().enumerate() {
            let title = step.kind.title();
            let applied = || (number > 0).then(|| plan.first(number));
            if self.interrupt.is_raised() {
                let error = MigrateError::from(ErrorKind::Interrupted("nothing of this step was applied"));
                return Err(error.at(title).after(applied()));
            }
            let mut applying = Applying { plan, step, state: &mut state, started: Instant::now() };
            let begun = begun.take();
            if let Some(position) = begun {
                let line = format!("{title} goes on after {position} of {} statements", step.plan.statements().count());
                (self.observer)(&Event::Settling { package: plan.package.clone(), line });
            }
            (self.observer)(&Event::Step { package: plan.package.clone(), line: step.line.clone() });
            let done = match self.target.dialect().has_transactional_ddl() {
                true => self.apply_in_one(connection, &mut applying).await,
                false => self.apply_journaled(connection, &mut applying, begun).await,
            };
            done.map_err(|error| error.at(title).after(applied()))?;
        }
        Ok(Applied::Done)
    }

    /// Statements, version, ownership and history in one transaction, tried again while others hold their locks.
    async fn apply_in_one(&self, connection: &mut Connection, applying: &mut Applying<'_>) -> Result<(), MigrateError> {
        let mut patience = self.patience(&applying.plan.package, applying.step.kind.title());
        let mut error = loop {
            match self.try_in_one(connection, applying).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind.is_blocked() && patience.again().await => {}
                Err(error) => break error,
            }
        };
        if error.kind.is_blocked() && self.interrupt.is_raised() {
            error = ErrorKind::Interrupted("this step is rolled back").into();
        }
        if let ErrorKind::Blocked { waited, .. } = &mut *error.kind {
            *waited = patience.waited();
        }
        applying.account_for(connection, &error).await;
        Err(error)
    }

    async fn try_in_one(&self, connection: &mut Connection, applying: &mut Applying<'_>) -> Result<(), MigrateError> {
        match self.apply_inside(connection, applying).await {
            Ok(()) => {
                connection.commit().await?;
                applying.follow();
                Ok(())
            }
            Err(error) => {
                // A rollback that fails closes the connection, which rolls back too.
                let _ = connection.rollback().await;
                Err(error)
            }
        }
    }

    /// All statements but the records in one message, as far as it holds them.
    async fn apply_inside(&self, connection: &mut Connection, applying: &Applying<'_>) -> Result<(), MigrateError> {
        let (dialect, plan) = (connection.dialect(), &applying.step.plan);
        let locks = table_locks(dialect, plan.operations.iter().map(|planned| &planned.op));
        let tables = applying.missing_tables(dialect)?;
        let newest = store::newest_row(dialect);
        let own = plan.statements().map(|statement| &statement.sql);
        let all = locks.iter().chain(&tables).chain(own).chain([&newest]);
        let all: Vec<&str> = all.map(String::as_str).collect();
        // A message that is dropped half way closes its connection, and the database rolls back.
        let Some(sent) = self.interrupt.unless_raised(connection.begin_and_send(&all)).await else {
            return Err(ErrorKind::Interrupted("this step is rolled back").into());
        };
        let newest = match sent {
            Ok(mut answers) => Newest::read(&answers.pop().unwrap_or_default().rows)?,
            Err(Stopped { at, error }) => {
                let mut statements = plan.statements().enumerate();
                let is_blocked = matches!(error, DatabaseError::Busy { .. });
                let stopped = match at {
                    Some(at) if at < locks.len() && is_blocked => {
                        statements.find(|(_, found)| found.kind == StatementKind::Schema)
                    }
                    Some(at) => at.checked_sub(locks.len() + tables.len()).and_then(|at| statements.nth(at)),
                    None => None,
                };
                return Err(match stopped {
                    Some((index, statement)) => {
                        applying.refused(index, statement, &error, ROLLED_BACK.to_owned()).into()
                    }
                    None => error.into(),
                });
            }
        };
        store::record_all(connection, newest, &applying.records()).await?;
        Ok(())
    }

    /// Announced in the journal first; an interrupt waits for the end of the step. What goes wrong once it is announced is
    /// accounted for there. `begun`: so many of its statements are applied, and it is in the journal already.
    async fn apply_journaled(
        &self,
        connection: &mut Connection,
        applying: &mut Applying<'_>,
        begun: Option<usize>,
    ) -> Result<(), MigrateError> {
        let mut flight = applying.in_flight(connection.dialect());
        match announce(connection, applying, &mut flight, begun).await {
            Ok(()) if flight.statements.is_empty() => {}
            Ok(()) => {
                let patience = self.patience(&applying.plan.package, applying.step.kind.title());
                Flying::new(connection, &mut flight, patience).finish().await?;
                applying.follow();
                return Ok(());
            }
            Err(error) => {
                applying.account_for(connection, &error).await;
                return Err(error);
            }
        }
        let answers = connection.begin_and_send(&[&store::newest_row(connection.dialect())]).await;
        let newest = Newest::read(&answers.map_err(DatabaseError::from)?.pop().unwrap_or_default().rows)?;
        store::record_all(connection, newest, &applying.records()).await?;
        connection.commit().await?;
        applying.follow();
        Ok(())
    }
}

/// Writes a step down before its first statement, unless it has none.
async fn announce(
    connection: &mut Connection,
    applying: &Applying<'_>,
    flight: &mut InFlight,
    begun: Option<usize>,
) -> Result<(), MigrateError> {
    applying.ensure_tables(connection).await?;
    flight.counters = counters(connection, flight).await?;
    match begun {
        _ if flight.statements.is_empty() => {}
        None => store::announce(connection, flight).await?,
        Some(position) => {
            flight.position = position;
            store::replace(connection, flight).await?;
        }
    }
    Ok(())
}

/// From where rows of the tables are numbered that a step adds rows to.
async fn counters(connection: &mut Connection, flight: &InFlight) -> Result<BTreeMap<String, u64>, MigrateError> {
    let numbered = flight.statements.iter().filter_map(|statement| statement.numbers.as_ref());
    let tables: BTreeSet<&str> = numbered.filter_map(|numbered| numbered.earlier.as_deref()).collect();
    let Some(query) = bookkeeping::counters(connection.dialect(), tables) else { return Ok(BTreeMap::new()) };
    let rows = connection.fetch(&query).await?;
    let counter = |row: TextRow| match row.as_slice() {
        [Some(table), Some(number)] => Some((table.clone(), number.parse().ok()?)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(counter).collect())
}

enum Applied {
    Done,
    TargetChanged,
}

/// One step while it is applied.
struct Applying<'a> {
    plan: &'a PackagePlan,
    step: &'a PlannedStep,
    /// What is recorded on the target so far.
    state: &'a mut State,
    started: Instant,
}

impl Applying<'_> {
    async fn ensure_tables(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        Ok(store::ensure_tables(connection, self.state, &self.plan.package, &self.versions()).await?)
    }

    fn missing_tables(&self, dialect: Dialect) -> Result<Vec<String>, MigrateError> {
        Ok(store::missing_tables(dialect, self.state, &self.plan.package, &self.versions())?)
    }

    fn versions(&self) -> VersionChange {
        VersionChange { remove: self.step.remove.clone(), add: self.step.add.clone() }
    }

    fn entry(&self) -> HistoryEntry {
        let before = self.state.versions.get(&self.plan.package).cloned().unwrap_or_default();
        let mut after = before.clone();
        after.retain(|head| !self.step.remove.contains(head));
        after.extend(self.step.add.iter().cloned());
        HistoryEntry {
            package: self.plan.package.clone(),
            kind: self.step.kind.recorded(),
            step: self.step.kind.subject(),
            heads_before: before,
            heads_after: after,
            outcome: Outcome::Applied,
            error: None,
            started: self.plan.run.started.clone(),
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            component_digest: Some(self.plan.component_digest.clone()),
            plan_digest: Some(self.step.plan.digest.clone()),
            schema_digest: Some(self.step.schema_digest.clone()),
            fuel: Some(self.step.fuel),
            operations: self.step.plan.operations.len() as u64,
            rows: self.step.plan.rows() as u64,
            statements: self.step.plan.statements().count() as u64,
            seed: self.step.reads_run_values.then_some(self.plan.run.seed),
        }
    }

    /// The step's record, and one for each revision that it stamps.
    fn records(&self) -> Vec<StepRecord> {
        let entry = self.entry();
        let relied = self.state.dependencies.iter().filter(|held| held.package == self.plan.package);
        let releases = match &self.step.kind {
            // At base nothing is relied on any more, by populate steps neither.
            StepKind::Downgrade { .. } if entry.heads_after.is_empty() => {
                relied.map(|held| held.step.clone()).collect()
            }
            StepKind::Downgrade { revision } => vec![revision.clone()],
            _ => Vec::new(),
        };
        let heads = entry.heads_after.clone();
        let own = StepRecord {
            versions: self.versions(),
            tables: self.step.table_changes(),
            releases,
            entry,
            ..StepRecord::default()
        };
        let stamp = |revision: &String| StepRecord {
            entry: HistoryEntry {
                kind: Kind::Stamp,
                step: revision.clone(),
                heads_before: heads.clone(),
                heads_after: heads.clone(),
                plan_digest: None,
                fuel: None,
                operations: 0,
                rows: 0,
                statements: 0,
                ..own.entry.clone()
            },
            ..StepRecord::default()
        };
        let mut records: Vec<StepRecord> =
            std::iter::once(own.clone()).chain(self.step.stamps.iter().map(stamp)).collect();
        for (step, on) in &self.step.requires {
            // What a stamped revision relies on goes when that revision is downgraded.
            let wanted = |record: &&mut StepRecord| record.entry.step == *step;
            if let Some(record) = records.iter_mut().find(wanted) {
                record.relies_on.push(on.clone());
            }
        }
        records
    }

    /// Takes what was committed into the state. Ids of history rows matter to nobody here.
    fn follow(&mut self) {
        for record in self.records() {
            self.state.apply(&record, 0);
        }
    }

    /// Writes the failure to the history, in a transaction of its own. Best effort: the failure itself is what
    /// the caller is told, and where the connection is gone there is nothing to write on. An interrupt is no
    /// failure: the step is as if it never ran.
    async fn account_for(&self, connection: &mut Connection, error: &MigrateError) {
        if matches!(*error.kind, ErrorKind::Interrupted(_)) {
            return;
        }
        let entry = HistoryEntry {
            outcome: Outcome::Failed,
            error: Some(error.kind.to_string()),
            heads_after: self.entry().heads_before,
            ..self.entry()
        };
        let _ = connection.rollback().await;
        // A refusal of the first step of all rolled the tables back too.
        if matches!(*error.kind, ErrorKind::Refused { .. }) && connection.begin().await.is_ok() {
            let _ = store::ensure_tables(connection, self.state, &self.plan.package, &VersionChange::default()).await;
            let _ = connection.commit().await;
        }
        let _ = store::record_failure(connection, &entry).await;
    }

    /// The step as it is written down; who finishes it, this process is recorded.
    fn in_flight(&self, dialect: Dialect) -> InFlight {
        let mut records = self.records();
        records.iter_mut().for_each(|record| record.author = Some(Author::current()));
        InFlight {
            package: self.plan.package.clone(),
            kind: self.step.kind.recorded(),
            step: self.step.kind.subject(),
            plan_digest: self.step.plan.digest.clone(),
            statements: flight::statements(dialect, &self.step.plan),
            earlier: flight::earlier(&self.step.plan),
            counters: BTreeMap::new(),
            records,
            position: 0,
            state: FlightState::Running,
            error: None,
            started: self.plan.run.started.clone(),
            holder: Identity::current().to_string(),
        }
    }

    fn refused(&self, index: usize, statement: &Statement, error: &DatabaseError, after: String) -> ErrorKind {
        let (position, total) = (index + 1, self.step.plan.statements().count());
        let (sql, message) = (cut(&statement.sql), refusal(error));
        match error {
            DatabaseError::Busy { .. } => {
                ErrorKind::Blocked { position, total, sql, message, waited: Duration::ZERO, after }
            }
            error if error.ends_the_session() => {
                ErrorKind::CutShort { position, total, error: error.clone(), after: "the step is rolled back" }
            }
            _ => ErrorKind::Refused { position, total, sql, message, after },
        }
    }
}
