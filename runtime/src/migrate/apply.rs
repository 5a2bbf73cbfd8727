//! Applying a plan: under the lock, to a target that is found as it was planned for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::account::NOT_BEGUN;
use super::applying::{Applying, refused};
use super::journaled::{Flying, counters};
use super::live::{Closed, Live};
use super::plan::Verb;
use super::planned::{PackagePlan, PlannedStep};
use super::plans::Guests;
use super::settle::{Departure, Held};
use super::snapshot::Snapshot;
use super::standby::Standby;
use super::states::is_done;
use super::{ErrorKind, Event, MigrateError, Migrator, Upgrade};

use crate::database::{Connection, DatabaseError, Stopped};
use crate::dialect::{StatementKind, table_locks};
use crate::store::{self, Conversation, InFlight, Newest, State};

/// How often a plan is made anew because something else than a run changed the target meanwhile.
const ATTEMPTS: usize = 5;

/// A plan and the target that it was made on.
struct Prepared {
    plan: PackagePlan,
    departure: Departure,
    on: Snapshot,
}

impl Migrator {
    /// Plans and applies one verb, after what another run may have left under way.
    pub(super) async fn run(&self, verb: Verb, given: &[Upgrade]) -> Result<PackagePlan, MigrateError> {
        let name = verb.package().info().name.clone();
        let (mut done, mut standby) = (None, Standby::default());
        // All that a run may come to takes much room: nobody who calls it has it on the stack.
        let ended = Box::pin(self.run_to_its_end(&name, verb, given, &mut standby, &mut done)).await;
        standby.close().await;
        ended.map_err(|error| error.after(done).of(&name).on(self.target.label()))
    }

    /// What is applied is added to `done`; a run that gives way to others in between has it from several plans.
    /// `standby`: with the connection that the target was looked at through last, until it changes something.
    async fn run_to_its_end(
        &self,
        name: &str,
        verb: Verb,
        given: &[Upgrade],
        standby: &mut Standby,
        done: &mut Option<PackagePlan>,
    ) -> Result<PackagePlan, MigrateError> {
        let guests = Guests::new(self.plans.clone())?;
        let (mut attempts, mut records, mut seen) = (0, None, None);
        while attempts < ATTEMPTS {
            let on = match seen.take() {
                Some(seen) => seen,
                None => {
                    Snapshot::look_unless(&self.target, &|state| is_done(&verb, state), &mut standby.looked).await?
                }
            };
            // What other runs get done is no reason to give up: they end.
            attempts = if records.as_ref() == Some(&on.state) { attempts + 1 } else { 1 };
            records = Some(on.state.clone());
            if let Some(flight) = on.state.journal.as_ref().filter(|flight| flight.needs_no_guest()) {
                standby.close().await;
                self.settle(same(flight, name)).await?;
                continue;
            }
            let known = self.plan_of_what_is_known(&verb, given, &on, &guests, standby).await;
            let mut live = Live::new(self, &on);
            let planned = match known {
                Some(known) => Ok(known),
                // Boxed, as what waits inside is large.
                None => {
                    let planning = self.plan_from(verb.clone(), given, on.clone(), &guests, Some(&mut live));
                    self.standing_by(standby, Box::pin(planning)).await
                }
            };
            let planned = match Box::pin(live.close(planned)).await {
                Closed::Untouched(planned) => *planned,
                Closed::TargetChanged => {
                    (self.observer)(&Event::Replanning { package: name.to_owned() });
                    continue;
                }
                Closed::Ended { plan, ended } => {
                    add(done, plan.map(|plan| *plan));
                    ended?;
                    if let Some(done) = done.take() {
                        return Ok(done);
                    }
                    continue;
                }
                Closed::GaveWay { plan } => {
                    add(done, plan.map(|plan| *plan));
                    (self.observer)(&Event::Replanning { package: name.to_owned() });
                    continue;
                }
            };
            let (plan, departure) = match planned {
                Ok((plan, departure, _)) => (plan, departure),
                Err(error) if is_a_guests(&error) && on.state.journal.as_ref().is_some_and(InFlight::is_left_open) => {
                    self.give_up(&on, &error).await?;
                    continue;
                }
                Err(error) if self.is_certain(name, &error, &on).await? => return Err(error),
                Err(_) => {
                    (self.observer)(&Event::Replanning { package: name.to_owned() });
                    continue;
                }
            };
            if let Some(next) = &plan.data_dependent {
                return Err(MigrateError::from(ErrorKind::DataDependent).at(next.kind.title()));
            }
            let mut prepared = Prepared { plan, departure, on };
            if !prepared.plan.steps.is_empty() {
                let mut held = self.hold(Some(name), standby).await?;
                let applied = Box::pin(self.apply_on(&mut held, &mut prepared, &verb, given, &guests, done)).await;
                held.release().await;
                if let Applied::Not { on } = applied? {
                    (self.observer)(&Event::Replanning { package: name.to_owned() });
                    seen = Some(*on);
                    continue;
                }
            }
            let Some(done) = done.take() else {
                self.say_up_to_date(&prepared.plan);
                return Ok(prepared.plan);
            };
            return Ok(done);
        }
        Err(ErrorKind::Unstable.into())
    }

    /// The plan, if it takes no guest to make it.
    async fn plan_of_what_is_known(
        &self,
        verb: &Verb,
        given: &[Upgrade],
        on: &Snapshot,
        guests: &Guests,
        standby: &Standby,
    ) -> Option<(PackagePlan, Departure, Snapshot)> {
        standby.looked.as_ref()?;
        if on.state.journal.is_none() {
            // What a plan says that is thrown away is said by the one that is made instead.
            let said: Arc<Mutex<Vec<Event>>> = Arc::default();
            let saying = said.clone();
            let hushed = self.clone().observed_by(move |event| {
                saying.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
            });
            let guests = guests.only_known();
            let known = Box::pin(hushed.plan_from(verb.clone(), given, on.clone(), &guests, None)).await;
            if let Ok(known) = known
                && known.0.data_dependent.is_none()
            {
                said.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|event| (self.observer)(event));
                return Some(known);
            }
        }
        None
    }

    fn say_up_to_date(&self, plan: &PackagePlan) {
        (self.observer)(&Event::UpToDate { package: plan.package.clone(), recorded: plan.recorded.clone() });
    }

    /// Whether a plan failed for what the target is, and not for another runner's step that was seen half way.
    async fn is_certain(&self, name: &str, error: &MigrateError, planned_on: &Snapshot) -> Result<bool, MigrateError> {
        let again = match *error.kind {
            ErrorKind::Interrupted(_) => return Ok(true),
            // The account of a step that another runner is at right now: it ends before the lock is free.
            ErrorKind::InFlight(_) => {
                let package = planned_on.state.journal.as_ref().and_then(|flight| same(flight, name));
                let lock = self.lock(package, &mut Standby::default()).await?;
                let again = Snapshot::look(&self.target).await;
                lock.release().await;
                again?
            }
            _ => Snapshot::look(&self.target).await?,
        };
        Ok(again == *planned_on)
    }

    /// Applies a plan to the target as it is by now. If that is not as it was planned for, the plan is made anew out of what
    /// guests are known to do there; where one would have to be asked, nothing more is done.
    async fn apply_on(
        &self,
        held: &mut Held,
        prepared: &mut Prepared,
        verb: &Verb,
        given: &[Upgrade],
        guests: &Guests,
        done: &mut Option<PackagePlan>,
    ) -> Result<Applied, MigrateError> {
        loop {
            let on = Snapshot::read(&self.target, &mut held.connection).await?;
            if on != prepared.on {
                let planned = self.plan_from(verb.clone(), given, on.clone(), &guests.only_known(), None).await;
                let Ok((plan, departure, _)) = planned else { return Ok(Applied::Not { on: Box::new(on) }) };
                *prepared = Prepared { plan, departure, on };
            }
            let mut applied = 0;
            let ended = self.apply_steps(held, prepared, &mut applied).await;
            add(done, (applied > 0).then(|| prepared.plan.first(applied)));
            if let Turn::Kept = ended? {
                return Ok(Applied::Done);
            }
        }
    }

    /// Counts the steps that are applied; all of them unless it gives way to another run.
    async fn apply_steps(
        &self,
        held: &mut Held,
        prepared: &Prepared,
        applied: &mut usize,
    ) -> Result<Turn, MigrateError> {
        let plan = &prepared.plan;
        let mut state = prepared.on.state.clone();
        state.journal = None;
        let mut begun = prepared.departure.leave(&mut held.connection, &mut state).await?;
        for step in &plan.steps {
            self.not_interrupted(step)?;
            let title = step.kind.title();
            if *applied > 0 && self.give_way(held).await.map_err(|error| error.at(title.clone()))? {
                return Ok(Turn::Given);
            }
            self.apply_step(held, plan, step, &mut state, begun.take()).await?;
            *applied += 1;
        }
        Ok(Turn::Kept)
    }

    /// Between steps.
    pub(super) fn not_interrupted(&self, next: &PlannedStep) -> Result<(), MigrateError> {
        match self.interrupt.is_raised() {
            true => Err(MigrateError::from(ErrorKind::Interrupted(NOT_BEGUN)).at(next.kind.title())),
            false => Ok(()),
        }
    }

    /// Applies one step of a plan, those before it being applied. `begun`: what stands of it and is in the journal.
    pub(super) async fn apply_step(
        &self,
        held: &mut Held,
        plan: &PackagePlan,
        step: &PlannedStep,
        state: &mut State,
        begun: Option<Box<InFlight>>,
    ) -> Result<(), MigrateError> {
        let title = step.kind.title();
        let mut applying = Applying { plan, step, state, started: Instant::now() };
        if let Some(left) = &begun {
            self.say_that_it_goes_on(plan, step, left);
        }
        (self.observer)(&Event::Step { package: plan.package.clone(), line: step.line.clone() });
        let dialect = self.target.dialect();
        let is_journaled = !dialect.has_transactional_ddl()
            || begun.is_some()
            || step.plan.statements().any(|statement| dialect.commits_alone(statement));
        let done = match is_journaled {
            // What it may come to takes much room.
            true => Box::pin(self.apply_journaled(held, &mut applying, begun)).await,
            false => self.apply_in_one(held, &mut applying).await,
        };
        done.map_err(|error| error.at(title))
    }

    /// Says after how many of the statements that are known of a step.
    pub(super) fn say_that_it_goes_on(&self, plan: &PackagePlan, step: &PlannedStep, left: &InFlight) {
        let known = step.plan.statements().count().max(left.statements.len());
        let line = format!("{} goes on after {} of {known} statements", step.kind.title(), left.position);
        (self.observer)(&Event::Settling { package: plan.package.clone(), line });
    }

    /// Statements, version, ownership and history in one transaction, tried again while others hold their locks.
    async fn apply_in_one(&self, held: &mut Held, applying: &mut Applying<'_>) -> Result<(), MigrateError> {
        let mut patience = self.patience(&applying.plan.package, applying.step.kind.title());
        let mut error = loop {
            let begun = Instant::now();
            let newest = held.newest.take();
            match self.try_in_one(&mut held.connection, applying, newest).await {
                Ok(newest) => {
                    held.newest = Some(newest);
                    return Ok(());
                }
                Err(error) if error.kind.is_blocked() && patience.again(begun).await => {}
                Err(error) => break error,
            }
        };
        if error.kind.is_blocked() && self.interrupt.is_raised() {
            error = ErrorKind::Interrupted("this step is rolled back").into();
        }
        if let ErrorKind::Blocked { waited, .. } = &mut *error.kind {
            *waited = patience.waited();
        }
        applying.account_for(&mut held.connection, &error).await;
        Err(error)
    }

    async fn try_in_one(
        &self,
        connection: &mut Connection,
        applying: &mut Applying<'_>,
        newest: Option<Newest>,
    ) -> Result<Newest, MigrateError> {
        match self.apply_inside(connection, applying, newest).await {
            Ok(newest) => {
                applying.commit(connection).await?;
                applying.follow();
                Ok(newest)
            }
            Err(error) => {
                // A rollback that fails closes the connection, which rolls back too.
                let _ = connection.rollback().await;
                Err(error)
            }
        }
    }

    /// All statements but the records in one message, as far as it holds them. `newest`: the newest row of the history, if
    /// that is known; which one is the newest then.
    async fn apply_inside(
        &self,
        connection: &mut Connection,
        applying: &Applying<'_>,
        newest: Option<Newest>,
    ) -> Result<Newest, MigrateError> {
        let (dialect, plan) = (connection.dialect(), &applying.step.plan);
        let ops = plan.operations.iter().map(|planned| &planned.op);
        let locks = table_locks(dialect, self.target.settings(), ops, |table| applying.owns(table));
        let tables = applying.missing_tables(dialect)?;
        let question = newest.is_none().then(|| store::newest_row(dialect));
        let own = plan.statements().map(|statement| &statement.sql);
        let all = locks.iter().chain(&tables).chain(own).chain(&question);
        let all: Vec<&str> = all.map(String::as_str).collect();
        // A message that is dropped half way closes its connection, and the database rolls back.
        let Some(sent) = self.interrupt.unless_raised(connection.begin_and_send(&all)).await else {
            return Err(ErrorKind::Interrupted("this step is rolled back").into());
        };
        let newest = match sent {
            Ok(mut answers) => match newest {
                Some(newest) => newest,
                None => Newest::read(&answers.pop().unwrap_or_default().rows)?,
            },
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
                    Some((index, statement)) => refused(statement, index + 1, plan.statements().count(), &error).into(),
                    None => error.into(),
                });
            }
        };
        Ok(store::record_all(connection, newest, &applying.records()).await?)
    }

    /// Announced in the journal first; an interrupt waits for the end of the step. What goes wrong once it is announced is
    /// accounted for there. `begun`: what stands of it and is in the journal already.
    async fn apply_journaled(
        &self,
        held: &mut Held,
        applying: &mut Applying<'_>,
        begun: Option<Box<InFlight>>,
    ) -> Result<(), MigrateError> {
        self.enter(held).await?;
        let newest = held.newest.take();
        let connection = &mut held.connection;
        let mut flight = applying.in_flight(connection.dialect(), self.target.settings());
        let is_announced = begun.is_some();
        match announce(connection, applying, &mut flight, begun).await {
            Ok(()) if flight.statements.is_empty() && !is_announced => {}
            Ok(()) => {
                let patience = self.patience(&applying.plan.package, applying.step.kind.title());
                let flying = match is_announced {
                    true => Flying::resumed(connection, &mut flight, patience),
                    false => Flying::new(connection, &mut flight, patience),
                };
                held.newest = Some(flying.finish(newest).await?);
                applying.follow();
                return Ok(());
            }
            Err(error) => {
                applying.account_for(connection, &error).await;
                return Err(error);
            }
        }
        connection.begin().await?;
        applying.record(connection).await?;
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
    begun: Option<Box<InFlight>>,
) -> Result<(), MigrateError> {
    applying.ensure_tables(connection).await?;
    flight.counters = counters(connection, &flight.statements).await?;
    match begun {
        None if flight.statements.is_empty() => {}
        None => store::announce(connection, flight).await?,
        Some(begun) => {
            flight.position = begun.position;
            flight.counters.extend(begun.counters);
            flight.conversation = begun.conversation.map(|said| Conversation { open: false, ..said });
            store::replace(connection, flight).await?;
        }
    }
    Ok(())
}

/// The package's name, if the step is its own.
fn same<'n>(flight: &InFlight, name: &'n str) -> Option<&'n str> {
    (flight.package == name).then_some(name)
}

/// Whether a guest is the reason why there is no plan.
fn is_a_guests(error: &MigrateError) -> bool {
    matches!(*error.kind, ErrorKind::Step(_) | ErrorKind::Behind { .. } | ErrorKind::Outside(_))
}

/// Adds what was applied to what was before.
fn add(done: &mut Option<PackagePlan>, applied: Option<PackagePlan>) {
    *done = match (done.take(), applied) {
        (Some(before), Some(applied)) => Some(before.and(applied)),
        (before, applied) => applied.or(before),
    };
}

enum Applied {
    Done,
    /// No more of it than was: the target is this by now, and a guest has to be asked about it.
    Not {
        on: Box<Snapshot>,
    },
}

/// What a run did between its steps.
pub(super) enum Turn {
    Kept,
    /// Another one had the target in between.
    Given,
}
