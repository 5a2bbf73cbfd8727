//! Plans that were made, by all that they follow from: the plan key. Who asks for the same again is given the same
//! plan, so that a guest runs once, however many targets are in the state that it is asked about.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::guest::Outcome;
use super::{ErrorKind, MigrateError};
use crate::dialect::Dialect;
use crate::sandbox::{LogEvent, RunValues, StepCall};
use crate::schema::Schema;
use crate::store::InFlight;

/// How many plans are kept, and how much SQL in all. With one more all of them are forgotten and made again as they
/// are asked for.
const PLANS: usize = 1_000;
const SQL_BYTES: usize = 64 << 20;

/// What a guest makes of a schema follows from these alone. Contract and limits are those of the sandbox, which all who
/// share plans have in common; there are no capabilities yet that differ.
#[derive(Debug)]
pub(super) struct Key {
    /// The digest of the component that has the step.
    pub(super) component: String,
    pub(super) step: Step,
    pub(super) dialect: Dialect,
    /// The package's own tables.
    pub(super) own: Schema,
    /// Those of other packages that it may refer to.
    pub(super) referable: Schema,
}

/// A [`StepCall`] that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Populate(String),
    Upgrade(String),
    Downgrade(String),
}

impl From<StepCall<'_>> for Step {
    fn from(call: StepCall<'_>) -> Self {
        match call {
            StepCall::Populate(name) => Self::Populate(name.to_owned()),
            StepCall::Upgrade(id) => Self::Upgrade(id.to_owned()),
            StepCall::Downgrade(id) => Self::Downgrade(id.to_owned()),
        }
    }
}

impl Step {
    pub(super) fn call(&self) -> StepCall<'_> {
        match self {
            Self::Populate(name) => StepCall::Populate(name),
            Self::Upgrade(id) => StepCall::Upgrade(id),
            Self::Downgrade(id) => StepCall::Downgrade(id),
        }
    }
}

impl Key {
    fn is_that_of(&self, other: &Self) -> bool {
        self.dialect == other.dialect
            && self.component == other.component
            && self.own.is_twin_of(&other.own)
            && self.referable.is_twin_of(&other.referable)
    }
}

/// What a guest made and said.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) outcome: Outcome,
    pub(super) log: Vec<LogEvent>,
}

/// The guests as one run asks them, from its first plan to its last.
#[derive(Debug, Clone)]
pub(super) struct Guests {
    pub(super) plans: Arc<Plans>,
    /// The clock and the seed that they see.
    pub(super) run: RunValues,
    /// Whether none is run: what it would do is known already, or there is no plan.
    only_known: bool,
    /// The step that another run left unfinished: it comes first, and its guest is answered again what it was answered.
    pub(super) unfinished: Option<Arc<InFlight>>,
}

impl Guests {
    pub(super) fn new(plans: Arc<Plans>) -> Result<Self, MigrateError> {
        let seed = getrandom::u64().map_err(|error| ErrorKind::Task(format!("no randomness: {error}")))?;
        let now = jiff::Timestamp::now().round(jiff::Unit::Microsecond).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Ok(Self { plans, run: RunValues { started: format!("{now:.6}"), seed }, only_known: false, unfinished: None })
    }

    /// As they are asked while the target is locked: nobody waits for a guest.
    pub(super) fn only_known(&self) -> Self {
        Self { only_known: true, ..self.clone() }
    }

    /// As they are asked for a plan that goes on with a step: one that asked for rows sees the clock and the seed of then.
    pub(super) fn repeating(&self, step: &InFlight) -> Self {
        let then = step.conversation.as_ref().map(|said| RunValues { started: step.started.clone(), seed: said.seed });
        let run = then.unwrap_or_else(|| self.run.clone());
        Self { run, unfinished: Some(Arc::new(step.clone())), ..self.clone() }
    }

    /// The plan of this key: the one that was made, or what `run` makes. Once that calls what it is given nobody waits for it
    /// any more: it is of no use to others.
    pub(super) fn get_or_run<E>(
        &self,
        key: Key,
        run: impl FnOnce(&mut dyn FnMut()) -> Result<Planned, E>,
    ) -> Result<Arc<Planned>, Unplanned<E>> {
        match self.only_known {
            true => self.plans.known(&key, &self.run).ok_or(Unplanned::Unknown),
            false => self.plans.get_or_run(key, &self.run, run).map_err(Unplanned::Failed),
        }
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub(super) enum Unplanned<E> {
    /// The guest would have to be run.
    Unknown,
    Failed(E),
}

/// The plans of all targets that share them.
#[derive(Debug, Default)]
pub(super) struct Plans {
    kept: Mutex<Kept>,
    runs: AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    places: HashMap<Step, Vec<Arc<Place>>>,
    count: usize,
    sql_bytes: usize,
}

/// Where one plan is or will be. Who makes it holds `made`; who wants it meanwhile waits.
#[derive(Debug)]
struct Place {
    key: Key,
    made: Mutex<Made>,
}

#[derive(Debug)]
enum Made {
    NotYet,
    Shared(Arc<Planned>),
    /// The guest failed, or asked for the values of its run: each run asks it for itself. What the last one was told.
    ForEach(Option<(RunValues, Arc<Planned>)>),
}

impl Made {
    /// Of a guest that each run asks for itself. What it does on rows is known only while it does it.
    fn of_one(values: &RunValues, planned: &Arc<Planned>) -> Self {
        Self::ForEach((!planned.outcome.reads_rows).then(|| (values.clone(), planned.clone())))
    }

    fn planned(&self, values: &RunValues) -> Option<Arc<Planned>> {
        match self {
            Self::Shared(planned) => Some(planned.clone()),
            Self::ForEach(Some((seen, planned))) if seen == values => Some(planned.clone()),
            Self::ForEach(_) | Self::NotYet => None,
        }
    }
}

impl Plans {
    fn get_or_run<E>(
        &self,
        key: Key,
        values: &RunValues,
        run: impl FnOnce(&mut dyn FnMut()) -> Result<Planned, E>,
    ) -> Result<Arc<Planned>, E> {
        let run = |alone: &mut dyn FnMut()| {
            self.runs.fetch_add(1, Ordering::Relaxed);
            run(alone).map(Arc::new)
        };
        let place = self.place(key);
        let made = lock(&place.made);
        if let Some(planned) = made.planned(values) {
            return Ok(planned);
        }
        if let Made::ForEach(_) = &*made {
            drop(made);
            let planned = run(&mut || ())?;
            *lock(&place.made) = Made::of_one(values, &planned);
            return Ok(planned);
        }
        let mut made = Some(made);
        let planned = run(&mut || {
            if let Some(mut made) = made.take() {
                *made = Made::ForEach(None);
            }
        });
        let Some(mut made) = made else { return planned };
        *made = match &planned {
            Ok(planned) if planned.outcome.is_shared() => {
                let sql: usize = planned.outcome.plan.statements().map(|statement| statement.sql.len()).sum();
                lock(&self.kept).sql_bytes += sql;
                Made::Shared(planned.clone())
            }
            Ok(planned) => Made::of_one(values, planned),
            Err(_) => Made::ForEach(None),
        };
        planned
    }

    /// The plan of this key, if it was made.
    fn known(&self, key: &Key, values: &RunValues) -> Option<Arc<Planned>> {
        let place = lock(&self.kept).places.get(&key.step)?.iter().find(|place| place.key.is_that_of(key))?.clone();
        match place.made.try_lock() {
            Ok(made) => made.planned(values),
            Err(TryLockError::Poisoned(made)) => made.into_inner().planned(values),
            // It is being made.
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// How often a guest was run.
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    fn place(&self, key: Key) -> Arc<Place> {
        let mut kept = lock(&self.kept);
        let known = kept.places.get(&key.step).into_iter().flatten().find(|place| place.key.is_that_of(&key));
        if let Some(known) = known {
            return known.clone();
        }
        if kept.count >= PLANS || kept.sql_bytes > SQL_BYTES {
            *kept = Kept::default();
        }
        kept.count += 1;
        let step = key.step.clone();
        let place = Arc::new(Place { key, made: Mutex::new(Made::NotYet) });
        kept.places.entry(step).or_default().push(place.clone());
        place
    }
}

/// What a panic left behind is as good as before: a plan is there whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
