//! One step while it is applied: what it records, and what is said of it when the database refuses it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::account::{ROLLED_BACK, cut, refusal};
use super::planned::{PackagePlan, PlannedStep, StepKind};
use super::{ErrorKind, MigrateError, flight};
use crate::database::{Connection, DatabaseError, Identity};
use crate::dialect::{Dialect, SessionSettings, Statement, table_locks};
use crate::operation::{Ident, Op};
use crate::store::{
    self, Author, FlightState, HistoryEntry, InFlight, Kind, Newest, Outcome, State, StepRecord, VersionChange,
};

/// One step while it is applied.
pub(super) struct Applying<'a> {
    pub(super) plan: &'a PackagePlan,
    pub(super) step: &'a PlannedStep,
    /// What is recorded on the target so far.
    pub(super) state: &'a mut State,
    pub(super) started: Instant,
}

impl Applying<'_> {
    pub(super) async fn ensure_tables(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        Ok(store::ensure_tables(connection, self.state, &self.plan.package, &self.versions()).await?)
    }

    pub(super) fn missing_tables(&self, dialect: Dialect) -> Result<Vec<String>, MigrateError> {
        Ok(store::missing_tables(dialect, self.state, &self.plan.package, &self.versions())?)
    }

    pub(super) fn owns(&self, table: &Ident) -> bool {
        self.state.tables.get(table.as_str()).is_some_and(|owner| owner.package == self.plan.package)
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
    pub(super) fn records(&self) -> Vec<StepRecord> {
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
            tables: self.step.owner_changes(),
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

    pub(super) async fn record(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        let newest = Newest::read(&connection.fetch(&store::newest_row(connection.dialect())).await?)?;
        store::record_all(connection, newest, &self.records()).await?;
        Ok(())
    }

    /// Takes what was committed into the state. Ids of history rows matter to nobody here.
    pub(super) fn follow(&mut self) {
        for record in self.records() {
            self.state.apply(&record, 0);
        }
    }

    /// Writes the failure to the history, in a transaction of its own. Best effort: the failure itself is what
    /// the caller is told, and where the connection is gone there is nothing to write on. An interrupt is no
    /// failure: the step is as if it never ran.
    pub(super) async fn account_for(&self, connection: &mut Connection, error: &MigrateError) {
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
    pub(super) fn in_flight(&self, dialect: Dialect, settings: &SessionSettings) -> InFlight {
        let operations = self.step.plan.with_effects(dialect);
        let locks = |ops: &[&Op]| table_locks(dialect, settings, ops.iter().copied(), |table| self.owns(table));
        let mut records = self.records();
        records.iter_mut().for_each(|record| record.author = Some(Author::current()));
        InFlight {
            package: self.plan.package.clone(),
            kind: self.step.kind.recorded(),
            step: self.step.kind.subject(),
            plan_digest: self.step.plan.digest.clone(),
            statements: flight::statements(dialect, &operations, locks),
            earlier: flight::earlier(&operations),
            counters: BTreeMap::new(),
            records,
            conversation: None,
            position: 0,
            state: FlightState::Running,
            error: None,
            started: self.plan.run.started.clone(),
            holder: Identity::current().to_string(),
        }
    }

    /// Commits the step. What is only checked then, as a deferred foreign key, may be refused like any statement.
    pub(super) async fn commit(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        let total = self.step.plan.statements().count();
        connection.commit().await.map_err(|error| match error {
            error if error.is_of_a_constraint() => {
                let (sql, message, after) = ("COMMIT".to_owned(), refusal(&error), ROLLED_BACK.to_owned());
                ErrorKind::Refused { position: total, total, sql, message, after }.into()
            }
            other => other.into(),
        })
    }
}

/// A statement that did not go through in the transaction of its step, so many of so many.
pub(super) fn refused(statement: &Statement, position: usize, total: usize, error: &DatabaseError) -> ErrorKind {
    let (sql, message, after) = (cut(&statement.sql), refusal(error), ROLLED_BACK.to_owned());
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
