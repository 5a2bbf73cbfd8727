//! What a run does about a step that another one left unfinished: goes on with it, takes it back to its end, or plans
//! around what stands of it.

use std::time::Instant;

use super::account::{NOT_BEGUN, account, unknown};
use super::flight::position;
use super::journaled::Flying;
use super::live::Live;
use super::plan::Verb;
use super::planned::PackagePlan;
use super::plans::Guests;
use super::snapshot::Snapshot;
use super::standby::{FRESH, Standby};
use super::{ErrorKind, Event, MigrateError, Migrator, Upgrade};
use crate::database::Connection;
use crate::store::{
    self, FlightState, HistoryEntry, InFlight, Kind, Newest, Outcome, OwnerChange, State, StepRecord, TargetLock,
    WorkLock,
};

/// From where a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Departure {
    /// A target on which nothing is unfinished.
    Clean,
    /// The first step is the unfinished one, planned anew: it goes on after what was applied of it.
    Continuing(Box<InFlight>),
    /// The unfinished step is forgotten: the plan was made on what stands of it.
    Leaving(Box<StepRecord>),
}

impl Departure {
    /// Does what comes before the plan's first step; what stands of that.
    pub(super) async fn leave(
        &self,
        connection: &mut Connection,
        state: &mut State,
    ) -> Result<Option<Box<InFlight>>, MigrateError> {
        match self {
            Self::Clean => Ok(None),
            Self::Continuing(flight) => Ok(Some(flight.clone())),
            Self::Leaving(record) => {
                leave(connection, record).await?;
                state.apply(record, 0);
                Ok(None)
            }
        }
    }
}

/// A target held for changing, as a run of its own.
pub(super) struct Held {
    pub(super) lock: TargetLock,
    pub(super) connection: Connection,
    work: Option<WorkLock>,
    /// The newest row of the history, as long as it is one that this run wrote since it has the target.
    pub(super) newest: Option<Newest>,
}

impl Held {
    pub(super) async fn release(mut self) {
        if let Some(work) = self.work {
            work.release(&mut self.connection).await;
        }
        self.connection.close().await;
        self.lock.release().await;
    }
}

impl Migrator {
    /// Takes the lock, and where all statements that change the schema commit by themselves waits for the last one of a run
    /// that died. A run of a package names it, and uses what stands by.
    pub(super) async fn hold(&self, package: Option<&str>, standby: &mut Standby) -> Result<Held, MigrateError> {
        let begun = Instant::now();
        let lock = self.lock(package, standby).await;
        let mut looked = standby.looked.take();
        let connection = match looked.take_if(|_| self.target.file().is_none()) {
            Some(looked) if lock.is_ok() && begun.elapsed() < FRESH => looked.into_changing(&self.target).await,
            Some(looked) => {
                looked.close().await;
                None
            }
            None => None,
        };
        let lock = lock?;
        let connection = match connection {
            Some(connection) => connection,
            None => self.target.connect_to_change().await?,
        };
        // That of a file is closed when the next one is open: what lies beside the file need not be made anew.
        Connection::close_any(&mut looked).await;
        let mut held = Held { lock, connection, work: None, newest: None };
        if !self.target.dialect().has_transactional_ddl() {
            self.enter(&mut held).await?;
        }
        Ok(held)
    }

    /// As [`Self::hold`], for a step that stands in the journal.
    pub(super) async fn hold_to_settle(&self, package: Option<&str>) -> Result<Held, MigrateError> {
        let mut held = self.hold(package, &mut Standby::default()).await?;
        self.enter(&mut held).await?;
        Ok(held)
    }

    /// Waits for the last statement of a run that died, before others are sent that commit by themselves.
    pub(super) async fn enter(&self, held: &mut Held) -> Result<(), MigrateError> {
        if held.work.is_none() && self.target.dialect().has_lone_statements() {
            let entering = WorkLock::enter(&mut held.connection, self.runner_timeout);
            let entered = self.interrupt.unless_raised(entering).await;
            held.work = Some(entered.ok_or(ErrorKind::Interrupted("nothing was changed"))??);
        }
        Ok(())
    }

    /// Lets another run have the target if one waits for it, and takes it again after that one. Whether so. A run that
    /// would not wait for others itself does not.
    pub(super) async fn give_way(&self, held: &mut Held) -> Result<bool, MigrateError> {
        if self.runner_timeout.is_zero() || !held.lock.is_wanted().await? {
            return Ok(false);
        }
        if let Some(work) = held.work.take() {
            work.release(&mut held.connection).await;
        }
        held.newest = None;
        let taken = self.interrupt.unless_raised(held.lock.give_way(self.runner_timeout, self.waiting())).await;
        taken.ok_or(ErrorKind::Interrupted(NOT_BEGUN))??;
        if !self.target.dialect().has_transactional_ddl() {
            self.enter(held).await?;
        }
        Ok(true)
    }

    /// The connection to a file that stands by does not wait with it: a run that made the file wants to be alone with it in
    /// the end.
    pub(super) async fn lock(&self, package: Option<&str>, standby: &mut Standby) -> Result<TargetLock, MigrateError> {
        let connected = standby.lock();
        let mut say = self.waiting();
        let on_wait = |holder: &store::Holder| {
            drop(standby.looked.take_if(|_| self.target.file().is_some()));
            say(holder);
        };
        let taking = async {
            match package {
                Some(package) => {
                    let lock = match connected.await {
                        Some(lock) => lock,
                        None => TargetLock::connect(&self.target).await?,
                    };
                    store::acquire_for(lock, package, self.runner_timeout, on_wait).await
                }
                None => store::acquire(&self.target, self.runner_timeout, on_wait).await,
            }
        };
        let taken = self.interrupt.unless_raised(taking).await;
        Ok(taken.ok_or(ErrorKind::Interrupted("nothing was changed"))??)
    }

    fn waiting(&self) -> impl FnMut(&store::Holder) + Send {
        |holder| (self.observer)(&Event::Waiting { holder: holder.to_string() })
    }

    /// Brings a step that a run left under way to its end, forwards or backwards. One that was refused is left as it is. It may
    /// be under way right now: a run of the same package names it and comes after the whole of the other one, which would
    /// give way to a run that only waits for the target.
    pub(super) async fn settle(&self, package: Option<&str>) -> Result<(), MigrateError> {
        let mut held = self.hold_to_settle(package).await?;
        let settled = self.settle_on(&mut held.connection).await;
        held.release().await;
        settled
    }

    async fn settle_on(&self, connection: &mut Connection) -> Result<(), MigrateError> {
        // Its run may have finished it while this one waited.
        let Some(mut flight) = Snapshot::read_records(&self.target, connection).await?.state.journal else {
            return Ok(());
        };
        match flight.state {
            _ if !flight.needs_no_guest() => Ok(()),
            FlightState::Refused => Ok(()),
            FlightState::Running => self.go_on(connection, &mut flight).await,
            FlightState::Undoing => self.go_back(connection, &mut flight).await,
        }
    }

    /// Applies what is left of a step.
    pub(super) async fn go_on(&self, connection: &mut Connection, flight: &mut InFlight) -> Result<(), MigrateError> {
        let place = |error: MigrateError, flight: &InFlight| error.of(&flight.package).at(title(flight));
        let patience = self.patience(&flight.package, title(flight));
        let mut flying = Flying::new(connection, flight, patience);
        let found = async {
            flying.sweep().await?;
            flying.find().await
        };
        if let Err(error) = found.await {
            return Err(place(error, flight));
        }
        let line =
            format!("resuming {} after {} of {} statements", title(flight), flight.position, flight.statements.len());
        (self.observer)(&Event::Settling { package: flight.package.clone(), line });
        let noted = store::note(connection, FlightState::Running, flight.position, None).await;
        noted.map_err(|error| place(error.into(), flight))?;
        let patience = self.patience(&flight.package, title(flight));
        let finished = Flying::resumed(connection, flight, patience).finish(None).await;
        finished.map(|_| ()).map_err(|error| place(error, flight))
    }

    /// Takes a step back.
    pub(super) async fn go_back(&self, connection: &mut Connection, flight: &mut InFlight) -> Result<(), MigrateError> {
        let line = format!("undoing {}, {} of {} statements", title(flight), flight.position, flight.statements.len());
        (self.observer)(&Event::Settling { package: flight.package.clone(), line });
        let patience = self.patience(&flight.package, title(flight));
        let mut flying = Flying::new(connection, flight, patience);
        let undone = async {
            flying.sweep().await?;
            flying.undo().await
        };
        undone.await.map_err(|error| error.of(&flight.package).at(title(flight)))
    }

    /// Plans a verb on a target as it is found. Where a step stands half done, a plan for its package that begins with what
    /// was applied goes on from there; any other one is made on what stands, unless rows were changed: those cannot be told
    /// from what the plan would do again.
    pub(super) async fn plan_from(
        &self,
        verb: Verb,
        given: &[Upgrade],
        snapshot: Snapshot,
        guests: &Guests,
        live: Option<&mut Live<'_>>,
    ) -> Result<(PackagePlan, Departure, Snapshot), MigrateError> {
        let Some(mut flight) = snapshot.state.journal.clone() else {
            let (plan, after) = self.plan(verb, given, snapshot, guests, live).await?;
            return Ok((plan, Departure::Clean, after));
        };
        let mut live = live;
        let name = verb.package().info().name.clone();
        let unsettled = |flight: &InFlight, why: &str| {
            let whose = if flight.package == name { String::new() } else { format!("{}: ", flight.package) };
            let error = MigrateError::from(ErrorKind::InFlight(format!("{whose}{}{why}", account(flight))));
            error.of(&name).on(&snapshot.label)
        };
        // Who only looks does not know whether it is under way right now.
        if flight.needs_no_guest() || (flight.is_open() && live.is_none()) {
            let line = super::account::unfinished(&flight);
            let kind = ErrorKind::InFlight(format!("{line}; the next run that changes the target settles it"));
            return Err(MigrateError::from(kind).of(&name).on(&snapshot.label));
        }
        let known = position(&flight.earlier, &flight.statements, flight.position, &snapshot.catalog);
        flight.position = known.unwrap_or(flight.position);
        if flight.package == name && known.is_none() {
            let kind = ErrorKind::InFlight(unknown(&flight));
            return Err(MigrateError::from(kind).of(&name).on(&snapshot.label));
        }
        if flight.package != name {
            let rewound = self.plan(verb, given, snapshot.rewound(&flight), guests, None).await;
            // What it would do may be about what the other one left half done.
            return match rewound? {
                (plan, after) if plan.steps.is_empty() && plan.data_dependent.is_none() => {
                    Ok((plan, Departure::Clean, after))
                }
                _ => Err(unsettled(&flight, "")),
            };
        }
        if let Some(live) = live.as_deref_mut() {
            live.departure = Departure::Continuing(Box::new(flight.clone()));
        }
        let repeating = guests.repeating(&flight);
        let rewound = self.plan(verb.clone(), given, snapshot.rewound(&flight), &repeating, live.as_deref_mut()).await;
        let is_begun = live.as_ref().is_some_and(|live| live.is_begun());
        let why = match rewound {
            Ok((plan, after)) if is_begun || plan.steps.first().is_some_and(|step| step.goes_on_from(&flight)) => {
                return Ok((plan, Departure::Continuing(Box::new(flight)), after));
            }
            Err(error) if flight.is_left_open() && matches!(*error.kind, ErrorKind::InFlight(_)) => {
                error.kind.to_string()
            }
            Err(error) if is_begun || flight.is_left_open() || matches!(*error.kind, ErrorKind::Interrupted(_)) => {
                return Err(error);
            }
            Ok((plan, _)) if plan.steps.is_empty() => "the package has nothing to do here".to_owned(),
            Ok(_) => "the package does not begin with the statements that were applied".to_owned(),
            Err(error) => format!("before the step it could not be planned: {}", error.kind),
        };
        if flight.changed_rows() || flight.is_left_open() {
            let rows = if flight.changed_rows() { ", and rows were changed" } else { "" };
            return Err(unsettled(&flight, &format!("\n  {why}{rows}")));
        }
        let record = leaving(&flight, snapshot.ownership(&flight));
        let departure = Departure::Leaving(Box::new(record.clone()));
        if let Some(live) = live.as_deref_mut() {
            live.departure = departure.clone();
        }
        let (plan, after) = self.plan(verb, given, snapshot.left(&record), guests, live).await?;
        match plan.steps.is_empty() && plan.data_dependent.is_none() {
            true => Err(unsettled(&flight, &format!("\n  {why}"))),
            false => Ok((plan, departure, after)),
        }
    }

    /// Takes back what a run left of a step whose guest fails by now, or accounts for it.
    pub(super) async fn give_up(&self, seen: &Snapshot, error: &MigrateError) -> Result<(), MigrateError> {
        let Some(mut flight) = seen.state.journal.clone() else { return Ok(()) };
        let mut held = self.hold(Some(&flight.package), &mut Standby::default()).await?;
        let found = Snapshot::read(&self.target, &mut held.connection).await;
        if found.as_ref().is_ok_and(|found| found == seen) {
            let failed = error.kind.to_string();
            let patience = self.patience(&flight.package, title(&flight));
            Flying::new(&mut held.connection, &mut flight, patience).give_up(&|after| format!("{failed}{after}")).await;
        }
        held.release().await;
        found.map(|_| ())
    }
}

/// What messages call an unfinished step.
pub(super) fn title(flight: &InFlight) -> String {
    format!("{} {}", flight.kind.as_str(), flight.step)
}

/// Forgets a step and says so in the history; what stands of its tables is the package's own.
pub(super) fn leaving(flight: &InFlight, tables: Vec<OwnerChange>) -> StepRecord {
    let first = flight.records.first().map(|record| record.entry.clone()).unwrap_or_default();
    let entry = HistoryEntry {
        package: flight.package.clone(),
        kind: Kind::DiscardJournal,
        step: flight.step.clone(),
        heads_before: first.heads_before.clone(),
        heads_after: first.heads_before,
        outcome: Outcome::Applied,
        started: flight.started.clone(),
        component_digest: first.component_digest,
        plan_digest: Some(flight.plan_digest.clone()),
        statements: flight.position as u64,
        ..HistoryEntry::default()
    };
    StepRecord { entry, tables, ..StepRecord::default() }
}

/// Takes a step off the journal with what [`leaving`] records.
pub(super) async fn leave(connection: &mut Connection, record: &StepRecord) -> Result<(), MigrateError> {
    connection.begin().await?;
    store::record(connection, record).await?;
    store::clear(connection).await?;
    Ok(connection.commit().await?)
}
