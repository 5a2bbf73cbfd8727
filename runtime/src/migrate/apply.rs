//! Applying a plan: under the lock, to a target that is found as it was planned for.

use std::time::Instant;

use super::account::{SETTLE, cut, refusal};
use super::plan::{PackagePlan, PlannedStep, StepKind, Verb};
use super::snapshot::Snapshot;
use super::{ErrorKind, Event, Journal, MigrateError, Migrator, Upgrade};

use crate::database::{Connection, DatabaseError, Identity};
use crate::dialect::{Statement, StatementKind};
use crate::store::{
    self, FlightState, HistoryEntry, InFlight, Kind, Outcome, State, StepRecord, TargetLock, VersionChange,
};

/// How often a plan is made anew because the target changed meanwhile.
const ATTEMPTS: usize = 5;

impl Migrator {
    /// Plans and applies one verb.
    pub(super) async fn run(
        &self,
        verb: Verb,
        journal: Journal,
        given: &[Upgrade],
    ) -> Result<PackagePlan, MigrateError> {
        let name = verb.package().info().name.clone();
        let label = self.target.label().to_owned();
        let place = |error: MigrateError| error.of(&name).on(&label);
        for _ in 0..ATTEMPTS {
            let snapshot = Snapshot::look(&self.target).await.map_err(place)?;
            let (plan, _) = match self.plan(verb.clone(), journal, given, snapshot.clone()).await {
                Ok(planned) => planned,
                Err(error) if self.is_certain(&error, &snapshot).await.map_err(place)? => return Err(error),
                Err(_) => {
                    (self.observer)(&Event::Replanning { package: name.clone() });
                    continue;
                }
            };
            if plan.steps.is_empty() && snapshot.state.journal.is_none() {
                self.say_up_to_date(&plan);
                return Ok(plan);
            }
            let lock = self.lock().await.map_err(place)?;
            let applied = self.apply(&plan, &snapshot).await;
            lock.release().await;
            match applied.map_err(place)? {
                Applied::Done => {
                    if plan.steps.is_empty() {
                        self.say_up_to_date(&plan);
                    }
                    return Ok(plan);
                }
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

    async fn lock(&self) -> Result<TargetLock, MigrateError> {
        let waiting = |holder: &store::Holder| (self.observer)(&Event::Waiting { holder: holder.to_string() });
        let acquired = self.interrupt.unless_raised(store::acquire(&self.target, self.lock_timeout, waiting)).await;
        Ok(acquired.ok_or(ErrorKind::Interrupted("nothing was changed"))??)
    }

    async fn apply(&self, plan: &PackagePlan, planned_on: &Snapshot) -> Result<Applied, MigrateError> {
        let mut connection = self.target.connect_to_change().await?;
        let applied = self.apply_on(&mut connection, plan, planned_on).await;
        connection.close().await;
        applied
    }

    async fn apply_on(
        &self,
        connection: &mut Connection,
        plan: &PackagePlan,
        planned_on: &Snapshot,
    ) -> Result<Applied, MigrateError> {
        if Snapshot::read(&self.target, connection).await? != *planned_on {
            return Ok(Applied::TargetChanged);
        }
        let mut state = planned_on.state.clone();
        if let Some(account) = state.journal.take() {
            discard(connection, &account).await?;
        }
        for (number, step) in plan.steps.iter().enumerate() {
            let title = step.kind.title();
            let applied = || (number > 0).then(|| plan.first(number));
            if self.interrupt.is_raised() {
                let error = MigrateError::from(ErrorKind::Interrupted("nothing of this step was applied"));
                return Err(error.at(title).after(applied()));
            }
            (self.observer)(&Event::Step { package: plan.package.clone(), line: step.line.clone() });
            let mut applying = Applying { plan, step, state: &mut state, started: Instant::now() };
            let done = match self.target.dialect().has_transactional_ddl() {
                true => self.apply_in_one(connection, &mut applying).await,
                false => apply_journaled(connection, &mut applying).await,
            };
            if let Err(error) = done {
                applying.account_for(connection, &error).await;
                return Err(error.at(title).after(applied()));
            }
        }
        Ok(Applied::Done)
    }

    /// Statements, version, ownership and history in one transaction.
    async fn apply_in_one(&self, connection: &mut Connection, applying: &mut Applying<'_>) -> Result<(), MigrateError> {
        connection.begin().await?;
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

    async fn apply_inside(&self, connection: &mut Connection, applying: &Applying<'_>) -> Result<(), MigrateError> {
        applying.ensure_tables(connection).await?;
        for (index, statement) in applying.step.plan.statements().enumerate() {
            // A statement that is dropped half way closes its connection, and the database rolls back.
            let Some(sent) = self.interrupt.unless_raised(connection.execute(&statement.sql)).await else {
                return Err(ErrorKind::Interrupted("this step is rolled back").into());
            };
            if let Err(error) = sent {
                return Err(applying
                    .refused(index, statement, &error, "\n  the step is rolled back".to_owned())
                    .into());
            }
        }
        applying.record(connection).await
    }
}

/// Announced in the journal first; every schema statement commits by itself, every other one together with its
/// mark of progress. An interrupt waits for the end of the step.
async fn apply_journaled(connection: &mut Connection, applying: &mut Applying<'_>) -> Result<(), MigrateError> {
    applying.ensure_tables(connection).await?;
    let statements: Vec<&Statement> = applying.step.plan.statements().collect();
    if !statements.is_empty() {
        store::announce(connection, &applying.in_flight()).await?;
    }
    for (index, statement) in statements.iter().enumerate() {
        let sent = match statement.kind {
            StatementKind::Schema => connection.execute(&statement.sql).await.map(|_| ()),
            StatementKind::Data => execute_data(connection, statement, index + 1).await?,
        };
        if let Err(error) = sent {
            let after = format!("\n  partial {index} of {}: {SETTLE}", statements.len());
            // With the connection gone the account stays as it was announced, which says as much.
            let _ = store::refuse(connection, &refusal(&error)).await;
            return Err(applying.refused(index, statement, &error, after).into());
        }
        if statement.kind == StatementKind::Schema {
            store::advance(connection, index + 1).await?;
        }
    }
    connection.begin().await?;
    applying.record(connection).await?;
    if !statements.is_empty() {
        store::clear(connection).await?;
    }
    connection.commit().await?;
    applying.follow();
    Ok(())
}

/// Drops the account of a step that was cut short, and says so in the history.
async fn discard(connection: &mut Connection, account: &InFlight) -> Result<(), MigrateError> {
    connection.begin().await?;
    let entry = HistoryEntry {
        package: account.package.clone(),
        kind: Kind::DiscardJournal,
        step: account.step.clone(),
        outcome: Outcome::Applied,
        started: account.started.clone(),
        plan_digest: Some(account.plan_digest.clone()),
        statements: account.position as u64,
        ..HistoryEntry::default()
    };
    store::record(connection, &StepRecord { entry, ..StepRecord::default() }).await?;
    store::clear(connection).await?;
    Ok(connection.commit().await?)
}

/// A data statement and its mark of progress in one transaction. The outer result is a failure of the
/// bookkeeping, the inner one a refusal of the statement.
async fn execute_data(
    connection: &mut Connection,
    statement: &Statement,
    done: usize,
) -> Result<Result<(), DatabaseError>, MigrateError> {
    connection.begin().await?;
    if let Err(error) = connection.execute(&statement.sql).await {
        let _ = connection.rollback().await;
        return Ok(Err(error));
    }
    store::advance(connection, done).await?;
    connection.commit().await?;
    Ok(Ok(()))
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

    fn versions(&self) -> VersionChange {
        VersionChange { remove: self.step.remove.clone(), add: self.step.add.clone() }
    }

    fn kind(&self) -> Kind {
        match self.step.kind {
            StepKind::Populate { .. } => Kind::Populate,
            StepKind::Adopt { .. } => Kind::Adopt,
            StepKind::Upgrade { .. } => Kind::Upgrade,
            StepKind::Downgrade { .. } => Kind::Downgrade,
        }
    }

    fn entry(&self) -> HistoryEntry {
        let before = self.state.versions.get(&self.plan.package).cloned().unwrap_or_default();
        let mut after = before.clone();
        after.retain(|head| !self.step.remove.contains(head));
        after.extend(self.step.add.iter().cloned());
        HistoryEntry {
            package: self.plan.package.clone(),
            kind: self.kind(),
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
            relies_on: Vec::new(),
            releases,
            entry,
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

    async fn record(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        for record in self.records() {
            store::record(connection, &record).await?;
        }
        Ok(())
    }

    /// Takes what was committed into the state. Ids of history rows matter to nobody here.
    fn follow(&mut self) {
        for record in self.records() {
            self.state.apply(&record, 0);
        }
    }

    /// Writes the failure to the history, in a transaction of its own. Best effort: the failure itself is what
    /// the caller is told, and where the connection is gone there is nothing to write on.
    async fn account_for(&self, connection: &mut Connection, error: &MigrateError) {
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

    fn in_flight(&self) -> InFlight {
        InFlight {
            package: self.plan.package.clone(),
            kind: self.kind(),
            step: self.step.kind.subject(),
            plan_digest: self.step.plan.digest.clone(),
            statements: self.step.plan.statements().map(|statement| statement.sql.clone()).collect(),
            position: 0,
            state: FlightState::Running,
            error: None,
            started: self.plan.run.started.clone(),
            holder: Identity::current().to_string(),
        }
    }

    fn refused(&self, index: usize, statement: &Statement, error: &DatabaseError, after: String) -> ErrorKind {
        ErrorKind::Refused {
            position: index + 1,
            total: self.step.plan.statements().count(),
            sql: cut(&statement.sql),
            message: refusal(error),
            after,
        }
    }
}
