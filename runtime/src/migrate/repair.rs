//! A step that stands unfinished: what is known of it, and settling it by the operator's word.

use serde::Serialize;

use super::account::cut;
use super::journaled::Flying;
use super::settle::{self, title};
use super::snapshot::Snapshot;
use super::{ErrorKind, Event, MigrateError, Migrator, flight};
use crate::store::{self, FlightState, InFlight};

/// How to settle an unfinished step. None of them has its package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repair {
    /// Apply what is left; a statement that was refused is tried again. Refused where only its package knows what is left.
    Resume,
    /// Take back what was applied. Refused where not all of it can be.
    Undo,
    /// Forget the step and leave the tables as they are, the package's own.
    Discard,
}

/// What became of an unfinished step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// The step as it was found.
    pub step: Unfinished,
    /// What was done about it.
    pub by: Repair,
}

/// A step that was begun on a target and not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// Its package.
    pub package: String,
    /// Which step: `upgrade 002`.
    pub step: String,
    /// What became of it.
    pub state: FlightState,
    /// How many of its statements are applied, by what its tables look like; none if they look like nothing that it
    /// made of them.
    pub applied: Option<usize>,
    /// How many statements it has.
    pub statements: usize,
    /// The statement that comes next, cut.
    pub next: Option<String>,
    /// Why it was refused.
    pub error: Option<String>,
    /// When its run started.
    pub started: String,
    /// Whose run it was.
    pub holder: String,
    /// Who is at work on the target right now, if anybody is.
    pub at_work: Option<String>,
    /// Whether it asks for rows, so that only its package knows what comes next.
    pub needs_package: bool,
    /// Whether all that is applied can be taken back.
    pub can_be_undone: bool,
    /// The tables that it changes.
    pub tables: Vec<String>,
    /// Indexes of its that are there and not valid: they are dropped before anything else is done.
    pub left_behind: Vec<String>,
}

impl Unfinished {
    fn of(found: &Snapshot, step: &InFlight, at_work: Option<String>) -> Self {
        let applied = flight::position(&step.earlier, &step.statements, step.position, &found.catalog);
        let here = InFlight { position: applied.unwrap_or(step.position), ..step.clone() };
        Self {
            package: step.package.clone(),
            step: title(step),
            state: step.state,
            applied,
            statements: step.statements.len(),
            next: here.next().map(|statement| cut(&statement.sql)),
            error: step.error.clone(),
            started: step.started.clone(),
            holder: step.holder.clone(),
            at_work,
            needs_package: step.is_open(),
            can_be_undone: applied.is_some() && here.can_be_undone(),
            tables: step.earlier.keys().cloned().collect(),
            left_behind: found.left_behind(step),
        }
    }

    /// What the next run does about it by itself.
    pub fn outlook(&self) -> &'static str {
        match (self.state, self.applied) {
            _ if self.at_work.is_some() => "a run is at work on the target: it may be finished in a moment",
            (FlightState::Undoing, _) => "the next run that changes the target undoes the rest",
            (_, None) => "every run that changes the target is refused until it is settled: `repair --discard`",
            (FlightState::Running, _) if self.needs_package => {
                "the next upgrade of the package goes on from there: it asks for rows, so no other run can"
            }
            (FlightState::Running, _) => "the next run that changes the target goes on from there",
            (FlightState::Refused, _) => {
                "the next upgrade of the package goes on from there, if its plan begins with the statements applied"
            }
        }
    }
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.state {
            FlightState::Running => "was begun and not finished",
            FlightState::Undoing => "was being undone, which is not finished",
            FlightState::Refused => "was refused by the database half way",
        };
        writeln!(f, "{} {} {what}, started {} by {}", self.package, self.step, self.started, self.holder)?;
        let tables = self.tables.join(", ");
        match self.applied {
            Some(applied) if tables.is_empty() => writeln!(f, "  partial {applied} of {}", self.statements)?,
            Some(applied) => writeln!(f, "  partial {applied} of {}: so the tables {tables} say", self.statements)?,
            None => writeln!(
                f,
                "  of {} statements: the tables {tables} look like nothing that it made of them",
                self.statements
            )?,
        }
        for index in &self.left_behind {
            writeln!(f, "  the index {index} is there and not valid: it is dropped first")?;
        }
        if let Some(next) = &self.next {
            writeln!(f, "  next: {next}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "  {}", error.replace('\n', "\n  "))?;
        }
        if let Some(at_work) = &self.at_work {
            writeln!(f, "  at work: {at_work}")?;
        }
        let undo = if self.can_be_undone { "can be undone" } else { "cannot all be undone" };
        write!(f, "  {}; what is applied {undo}", self.outlook())
    }
}

impl Migrator {
    /// The step that stands unfinished on the target, if one does. Changes nothing.
    ///
    /// # Errors
    /// The database.
    pub async fn unfinished(&self) -> Result<Option<Unfinished>, MigrateError> {
        let found = Snapshot::look(&self.target).await?;
        let Some(step) = &found.state.journal else { return Ok(None) };
        let at_work = match store::acquire(&self.target, std::time::Duration::ZERO, |_| ()).await {
            Ok(lock) => {
                lock.release().await;
                None
            }
            Err(store::LockError::Held { holder, .. }) => Some(holder.to_string()),
            Err(error) => return Err(MigrateError::from(error).on(self.target.label())),
        };
        Ok(Some(Unfinished::of(&found, step, at_work)))
    }

    /// Settles the step that stands unfinished on the target; none if none does.
    ///
    /// # Errors
    /// The database, or a statement that it refuses; what cannot be resumed or undone, and why.
    pub async fn repair(&self, by: Repair) -> Result<Option<Settled>, MigrateError> {
        let place = |error: MigrateError| error.on(self.target.label());
        if Snapshot::look_at_records(&self.target).await?.state.journal.is_none() {
            return Ok(None);
        }
        let mut held = self.hold_to_settle(None).await.map_err(place)?;
        let settled = async {
            let found = Snapshot::read(&self.target, &mut held.connection).await?;
            let Some(mut step) = found.state.journal.clone() else { return Ok(None) };
            let settled = Settled { step: Unfinished::of(&found, &step, None), by };
            let connection = &mut held.connection;
            match by {
                Repair::Discard => {
                    let patience = self.patience(&step.package, title(&step));
                    Flying::new(connection, &mut step, patience).sweep().await?;
                    let record = settle::leaving(&step, found.ownership(&step));
                    settle::leave(connection, &record).await?;
                }
                Repair::Resume if step.state == FlightState::Undoing => self.go_back(connection, &mut step).await?,
                Repair::Resume if step.is_open() => return Err(cannot_resume(&step)),
                Repair::Resume => self.go_on(connection, &mut step).await?,
                Repair::Undo if step.state == FlightState::Undoing => self.go_back(connection, &mut step).await?,
                Repair::Undo => {
                    step.position = settled.step.applied.unwrap_or(step.position);
                    if !settled.step.can_be_undone {
                        return Err(cannot_undo(&step, &settled.step));
                    }
                    let why = "undone by an operator";
                    step.error.get_or_insert_with(|| why.to_owned());
                    store::note(connection, FlightState::Undoing, step.position, step.error.as_deref()).await?;
                    self.go_back(connection, &mut step).await?;
                }
            }
            Ok(Some(settled))
        };
        let settled: Result<Option<Settled>, MigrateError> = settled.await;
        held.release().await;
        if let Ok(Some(Settled { step, by })) = &settled {
            let line = match by {
                Repair::Resume if step.state != FlightState::Undoing => format!("{} is finished", step.step),
                Repair::Discard => format!("{} is forgotten, its tables are as they were found", step.step),
                Repair::Resume | Repair::Undo => format!("{} is undone", step.step),
            };
            (self.observer)(&Event::Settling { package: step.package.clone(), line });
        }
        settled.map_err(place)
    }
}

/// Nobody but its package knows the rest of it.
fn cannot_resume(step: &InFlight) -> MigrateError {
    let why = "it asks for rows, so only its package knows what comes next: run that again, or `repair --undo` or `--discard`";
    MigrateError::from(ErrorKind::InFlight(why.to_owned())).of(&step.package).at(title(step))
}

/// Why not, with the first statement that stands in the way.
fn cannot_undo(step: &InFlight, seen: &Unfinished) -> MigrateError {
    let why = match step.applied().iter().find(|statement| statement.undo.is_none()) {
        _ if seen.applied.is_none() => super::account::unknown(step),
        Some(statement) => format!("nothing takes this statement back:\n  {}", cut(&statement.sql)),
        None => "not all of it can be undone".to_owned(),
    };
    MigrateError::from(ErrorKind::InFlight(why)).of(&step.package).at(title(step))
}
