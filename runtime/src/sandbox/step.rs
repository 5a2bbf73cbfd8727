//! One run of a guest: a store of its own, the state that its calls change, and what came out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use super::bindings::exports::ptah::migration::migration as export;
use super::budget::{self, Budget};
use super::error::{CallError, StepError};
use super::log::LogEvent;
use super::ready::Ready;
use super::rows::Desk;
use crate::plan::Planner;
use crate::policy::{Limits, room};
use crate::revision::{Dependency, PackageInfo, PopulateStep, Revision};

/// Which export a step calls, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepCall<'a> {
    /// The populate step of this name.
    Populate(&'a str),
    /// The upgrade of this revision.
    Upgrade(&'a str),
    /// The downgrade of this revision.
    Downgrade(&'a str),
}

/// The only clock and randomness that a guest has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunValues {
    /// When the run started: RFC 3339 in UTC to the microsecond.
    pub started: String,
    /// A random number drawn for the run.
    pub seed: u64,
}

/// What a step that came to its end leaves.
#[derive(Debug)]
pub struct StepOutcome {
    /// The plan so far, ready to be finished.
    pub planner: Planner,
    /// Fuel used.
    pub fuel: u64,
    /// Whether the guest asked for its [`RunValues`]: they are then part of the plan's key.
    pub run_values_read: bool,
}

/// A statement of the plan as the guest holds it: the place of its operation.
#[derive(Debug)]
#[allow(unreachable_pub)] // the bindings re-export it
pub struct PlannedStatement(pub(super) usize);

/// What host calls see and change.
pub(super) struct State {
    /// None while the package describes itself.
    pub(super) planner: Option<Planner>,
    pub(super) budget: Budget,
    pub(super) handles: ResourceTable,
    /// None where nobody answers.
    pub(super) desk: Option<Desk>,
    /// How long the guest waited for answers.
    pub(super) waited: Waited,
    pub(super) run: RunValues,
    pub(super) run_values_read: bool,
    pub(super) log: Vec<LogEvent>,
}

impl State {
    fn new(planner: Option<Planner>, limits: &Limits, run: &RunValues, desk: Option<Desk>) -> Self {
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(limits.handles);
        Self {
            planner,
            budget: Budget::new(limits.clone()),
            handles,
            desk,
            waited: Waited::default(),
            run: run.clone(),
            run_values_read: false,
            log: Vec::new(),
        }
    }

    /// Charges a call that carries so many bytes and gives it the plan to work on. Every import but `log`
    /// goes through here, so that `describe` cannot use one.
    pub(super) fn planned_call(&mut self, bytes: usize) -> Result<&mut Planner, CallError> {
        self.budget.call(bytes)?;
        self.planner.as_mut().ok_or_else(|| {
            StepError::Denied("a package may use nothing but `log` while it describes itself".into()).into()
        })
    }
}

/// Calls an export in a fresh instance; the guest's log is handed over however that ends.
fn run<R>(
    guest: &Ready,
    interrupted: &Arc<AtomicBool>,
    state: State,
    log: &mut dyn FnMut(LogEvent),
    call: impl FnOnce(&export::Guest, &mut Store<State>) -> wasmtime::Result<R>,
) -> Result<(R, State, u64), StepError> {
    let limits = state.budget.limits().clone();
    let first = guest.first();
    let mut store = new_store(first.engine(), interrupted, state, &limits).map_err(|error| ended(&error, &limits))?;
    let mut instance = first.instantiate(&mut store);
    if let Some(instead) = instance.as_ref().err().and_then(|error| guest.instead(error)) {
        let (instead, state) = (instead?, store.into_data());
        store = new_store(instead.engine(), interrupted, state, &limits).map_err(|error| ended(&error, &limits))?;
        instance = instead.instantiate(&mut store);
    }
    let result = instance
        .and_then(|instance| call(instance.ptah_migration_migration(), &mut store))
        .map_err(|error| ended(&error, &limits));
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or_default());
    let mut state = store.into_data();
    std::mem::take(&mut state.log).into_iter().for_each(log);
    // A guest cannot catch the trap of a denied call; this holds even if one day it could.
    if let Some(fatal) = state.planner.as_ref().and_then(Planner::fatal) {
        return Err(fatal.clone().into());
    }
    Ok((result?, state, fuel))
}

/// Time that does not count, in microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Waited(Arc<AtomicU64>);

impl Waited {
    pub(super) fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// The wall clock runs during host calls too, as they only change data in memory; but not while the guest waits for an
/// answer.
fn new_store(
    engine: &Engine,
    interrupted: &Arc<AtomicBool>,
    state: State,
    limits: &Limits,
) -> wasmtime::Result<Store<State>> {
    let waited = state.waited.clone();
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.budget);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(limits.call_bytes);
    let started = Instant::now();
    let (interrupted, wall_time) = (Arc::clone(interrupted), limits.wall_time);
    store.epoch_deadline_callback(move |_| {
        if interrupted.load(Ordering::Relaxed) {
            return Err(StepError::Interrupted.into());
        }
        if started.elapsed().saturating_sub(waited.get()) > wall_time {
            let seconds = wall_time.as_secs_f64();
            let room = room(seconds, |limits| limits.wall_time.as_secs_f64());
            return Err(StepError::LimitExceeded(format!("the step took longer than {seconds} s{room}")).into());
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store.set_epoch_deadline(1);
    Ok(store)
}

/// Says why the guest stopped, without offsets or anything that the guest wrote.
fn ended(error: &wasmtime::Error, limits: &Limits) -> StepError {
    if let Some(own) = error.downcast_ref::<StepError>() {
        return own.clone();
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::OutOfFuel => {
                let room = room(limits.fuel, |limits| limits.fuel);
                StepError::LimitExceeded(format!("the step used more than {} units of fuel{room}", limits.fuel))
            }
            Trap::StackOverflow => {
                StepError::LimitExceeded(format!("the guest's stack grew beyond {} bytes", limits.stack_bytes))
            }
            other => StepError::Trap(other.to_string()),
        };
    }
    let message = error.root_cause().to_string();
    // wasmtime keeps these two error types to itself.
    if message.contains("hostcalls has been exhausted") {
        return budget::call_bytes(limits);
    }
    if message.contains("resource limit exceeded") {
        return StepError::LimitExceeded(format!(
            "the guest has more than {} instances, memories or tables",
            limits.instances
        ));
    }
    StepError::Trap(super::log::escaped(&message, 200))
}

/// Asks a component what it is.
pub(super) fn describe(
    guest: &Ready,
    interrupted: &Arc<AtomicBool>,
    limits: &Limits,
) -> Result<PackageInfo, StepError> {
    let state = State::new(None, limits, &RunValues::default(), None);
    let (info, _, _) = run(guest, interrupted, state, &mut |_| (), |export, store| export.call_describe(store))?;
    Ok(package_info(info))
}

/// Runs one step of a component.
pub(super) fn run_step(
    guest: &Ready,
    interrupted: &Arc<AtomicBool>,
    call: StepCall<'_>,
    planner: Planner,
    values: &RunValues,
    desk: Option<Desk>,
    log: &mut dyn FnMut(LogEvent),
) -> Result<StepOutcome, StepError> {
    let limits = planner.limits().clone();
    let state = State::new(Some(planner), &limits, values, desk);
    let (result, state, fuel) = run(guest, interrupted, state, log, |export, store| match call {
        StepCall::Populate(step) => export.call_populate(store, step),
        StepCall::Upgrade(revision) => export.call_upgrade(store, revision),
        StepCall::Downgrade(revision) => export.call_downgrade(store, revision),
    })?;
    result?;
    let planner = state.planner.ok_or_else(|| StepError::Trap("the plan is gone".into()))?;
    Ok(StepOutcome { planner, fuel, run_values_read: state.run_values_read })
}

/// What the guest said, unchecked; one without a colon becomes a dependency on the empty revision, which
/// no grammar takes.
fn package_info(info: export::PackageInfo) -> PackageInfo {
    let dependencies = |texts: Vec<String>| {
        let dependency = |text: String| {
            let (package, revision) = text.split_once(':').unwrap_or((&text, ""));
            Dependency { package: package.to_owned(), revision: revision.to_owned() }
        };
        texts.into_iter().map(dependency).collect()
    };
    let revision = |found: export::Revision| Revision {
        id: found.id,
        down_revisions: found.down_revisions,
        message: found.message,
        depends_on: dependencies(found.depends_on),
    };
    let populate_step = |found: export::PopulateStep| PopulateStep {
        name: found.name,
        title: found.title,
        active: found.active,
        requires: found.requires,
        depends_on: dependencies(found.depends_on),
    };
    PackageInfo {
        name: info.name,
        title: info.title,
        version: info.version,
        revisions: info.revisions.into_iter().map(revision).collect(),
        populate_steps: info.populate_steps.into_iter().map(populate_step).collect(),
    }
}
