//! Many targets: the same packages brought to each of them, some at a time, each on its own account. What a step does
//! is planned once for all targets in the same state. How one target is brought on is the business of `migrate`.

mod report;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use report::{Look, Outcome, PackageRow, Report, Row, SharedPlan, Summary};

use crate::database::Target;
use crate::migrate::{ErrorKind, Event, Interrupt, MigrateError, Migrator, Options, PackagePlan, Upgrade};
use crate::package::Package;
use crate::sandbox::Sandbox;
use crate::store::LockError;
use report::Collected;

/// One of many targets.
#[derive(Debug, Clone)]
pub struct RolloutTarget {
    /// What the operator calls it; else it goes by its label.
    pub name: Option<String>,
    /// Where it is.
    pub target: Target,
}

impl fmt::Display for RolloutTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or(self.target.label()))
    }
}

/// Something that happened on one of the targets.
#[derive(Debug)]
pub enum RolloutEvent<'a> {
    /// As it is brought on.
    Target(&'a RolloutTarget, &'a Event),
    /// Another runner holds it: its turn comes again when all others had theirs.
    Deferred(&'a RolloutTarget, &'a MigrateError),
    /// It has ended: its row, and how many have ended with it.
    Ended(&'a Row, usize),
}

type Observer = Arc<dyn Fn(&RolloutEvent<'_>) + Send + Sync>;

/// Brings packages to many targets.
#[derive(Clone)]
pub struct Rollout {
    /// Of the first target; those of the others are made of it.
    migrator: Migrator,
    targets: Arc<[RolloutTarget]>,
    jobs: NonZeroUsize,
    lock_timeout: Duration,
    observer: Observer,
    interrupt: Interrupt,
}

impl Rollout {
    /// For these targets. Nothing is connected to yet.
    ///
    /// # Errors
    /// No target; one that is given twice, as far as can be told without asking a server; an engine that cannot be set
    /// up.
    pub fn new(targets: Vec<RolloutTarget>, options: Options) -> Result<Self, MigrateError> {
        let mut seen: BTreeMap<String, &RolloutTarget> = BTreeMap::new();
        for target in &targets {
            if let Some(other) = seen.insert(target.target.identity(), target) {
                let (one, other) = (other.to_string(), target.to_string());
                return Err(ErrorKind::TargetTwice { one, other }.into());
            }
        }
        let first = targets.first().ok_or(ErrorKind::NoTarget)?.target.clone();
        let lock_timeout = options.lock_timeout;
        let jobs = std::thread::available_parallelism().map_or(2, |cores| cores.get().saturating_mul(2));
        Ok(Self {
            migrator: Migrator::on_target(first, options)?,
            targets: targets.into(),
            jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
            lock_timeout,
            observer: Arc::new(|_| ()),
            interrupt: Interrupt::default(),
        })
    }

    /// How many targets are worked on at a time; without a word twice as many as there are processors. Each takes two
    /// connections at most.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Calls `observer` at everything that happens, from any thread.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Fn(&RolloutEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Stops when `interrupt` is raised: a target that is worked on as a [`Migrator`] does, and no other is begun.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Interrupt) -> Self {
        self.migrator = self.migrator.interrupted_by(interrupt.clone());
        self.interrupt = interrupt;
        self
    }

    /// Opens a package for all targets.
    ///
    /// # Errors
    /// As [`Migrator::open`].
    pub fn open(&self, path: impl Into<PathBuf>) -> Result<Arc<Package>, MigrateError> {
        self.migrator.open(path)
    }

    /// The sandbox that its packages run in.
    pub fn sandbox(&self) -> &Sandbox {
        self.migrator.sandbox()
    }

    /// The targets in order.
    pub fn targets(&self) -> &[RolloutTarget] {
        &self.targets
    }

    /// Brings packages to their goals on every target, as [`Migrator::upgrade`] does on one. What fails on a target is
    /// in its row and harms no other.
    ///
    /// # Errors
    /// What is wrong with the packages whatever the target: one given twice, no order among them.
    pub async fn upgrade(&self, packages: &[Upgrade]) -> Result<Report, MigrateError> {
        crate::migrate::check_order(packages)?;
        let packages: Arc<[Upgrade]> = packages.into();
        let work = move |migrator: Migrator| {
            let packages = packages.clone();
            async move { migrator.upgrade(&packages).await }
        };
        Ok(self.report(Outcome::Applied, work).await)
    }

    /// What [`Self::upgrade`] would do, as [`Migrator::plan_upgrade`] says it of one target. Changes nothing.
    ///
    /// # Errors
    /// As [`Self::upgrade`].
    pub async fn plan_upgrade(&self, packages: &[Upgrade]) -> Result<Report, MigrateError> {
        crate::migrate::check_order(packages)?;
        let packages: Arc<[Upgrade]> = packages.into();
        let work = move |migrator: Migrator| {
            let packages = packages.clone();
            async move { migrator.plan_upgrade(&packages).await }
        };
        Ok(self.report(Outcome::Planned, work).await)
    }

    /// Where packages stand on every target, in order, as [`Migrator::current`] says it of one.
    pub async fn current(&self, packages: &[Arc<Package>]) -> Vec<Look> {
        let packages: Arc<[Arc<Package>]> = packages.into();
        let looks = Arc::new(Mutex::new(BTreeMap::new()));
        let work = move |migrator: Migrator| {
            let packages = packages.clone();
            async move { migrator.current(&packages).await }
        };
        let taken = looks.clone();
        self.each(work, move |target, ended| {
            lock(&taken).insert(target, ended.result.unwrap_or_else(|| Err(ErrorKind::Interrupted(NOT_BEGUN).into())));
        })
        .await;
        let mut looks = std::mem::take(&mut *lock(&looks));
        let look = |(number, target): (usize, &RolloutTarget)| Look {
            name: target.name.clone(),
            target: target.target.label().to_owned(),
            states: looks.remove(&number).unwrap_or_else(|| Err(ended_abnormally())),
        };
        self.targets.iter().enumerate().map(look).collect()
    }

    async fn report<F>(&self, outcome: Outcome, work: impl Fn(Migrator) -> F + Clone + Send + Sync + 'static) -> Report
    where
        F: Future<Output = Result<Vec<PackagePlan>, MigrateError>> + Send,
    {
        let collected = Arc::new(Mutex::new(Collected::new(self.targets.len())));
        let (targets, observer, taking) = (self.targets.clone(), self.observer.clone(), collected.clone());
        let runs = self.migrator.guest_runs();
        self.each(work, move |number, ended| {
            let Some(target) = targets.get(number) else { return };
            // What is dear is done before the others are kept waiting.
            let (row, plan) = report::row(target, outcome, ended);
            let mut collected = lock(&taking);
            let count = collected.ended() + 1;
            observer(&RolloutEvent::Ended(&row, count));
            collected.take(number, row, plan);
        })
        .await;
        let collected = std::mem::take(&mut *lock(&collected));
        collected.finish(&self.targets, self.migrator.guest_runs() - runs)
    }

    /// Does the work on every target, so many at a time, and hands over what came of it as it comes.
    async fn each<T, F>(
        &self,
        work: impl Fn(Migrator) -> F + Clone + Send + Sync + 'static,
        take: impl Fn(usize, Ended<T>) + Clone + Send + Sync + 'static,
    ) where
        T: Send + 'static,
        F: Future<Output = Result<T, MigrateError>> + Send,
    {
        let turns = (0..self.targets.len()).map(|target| Turn {
            target,
            is_last: self.lock_timeout.is_zero(),
            applied: Vec::new(),
        });
        let queue: Arc<Mutex<VecDeque<Turn>>> = Arc::new(Mutex::new(turns.collect()));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..self.jobs.get().min(self.targets.len()) {
            let (rollout, queue, work, take) = (self.clone(), queue.clone(), work.clone(), take.clone());
            workers.spawn(async move {
                loop {
                    let Some(turn) = lock(&queue).pop_front() else { break };
                    if let Some(again) = rollout.turn(turn, &work, &take).await {
                        lock(&queue).push_back(again);
                    }
                }
            });
        }
        // One that ended abnormally leaves its target without an end, which is told there.
        while workers.join_next().await.is_some() {}
    }

    /// One target's turn; its next one, if another runner holds it.
    async fn turn<T, F>(
        &self,
        mut turn: Turn,
        work: &impl Fn(Migrator) -> F,
        take: &impl Fn(usize, Ended<T>),
    ) -> Option<Turn>
    where
        F: Future<Output = Result<T, MigrateError>>,
    {
        let target = self.targets.get(turn.target)?;
        if self.interrupt.is_raised() {
            take(turn.target, Ended { result: None, applied: turn.applied, duration: Duration::ZERO });
            return None;
        }
        let (observer, observed) = (self.observer.clone(), target.clone());
        let migrator = self
            .migrator
            .for_target(target.target.clone())
            .waiting_for(if turn.is_last { self.lock_timeout } else { Duration::ZERO })
            .observed_by(move |event| observer(&RolloutEvent::Target(&observed, event)));
        let started = Instant::now();
        match work(migrator).await {
            Err(mut error) if !turn.is_last && matches!(*error.kind, ErrorKind::Lock(LockError::Held { .. })) => {
                (self.observer)(&RolloutEvent::Deferred(target, &error));
                turn.applied.append(&mut error.applied);
                turn.is_last = true;
                Some(turn)
            }
            result => {
                take(turn.target, Ended { result: Some(result), applied: turn.applied, duration: started.elapsed() });
                None
            }
        }
    }
}

impl fmt::Debug for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollout").field("targets", &self.targets).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// A target that is to be worked on.
struct Turn {
    target: usize,
    /// Whether it waits for the target's lock; before that turn one that is held is left for later.
    is_last: bool,
    /// What its earlier turn applied.
    applied: Vec<PackagePlan>,
}

/// What came of a target.
struct Ended<T> {
    /// None: it was not begun.
    result: Option<Result<T, MigrateError>>,
    applied: Vec<PackagePlan>,
    duration: Duration,
}

const NOT_BEGUN: &str = "it was not begun";

fn ended_abnormally() -> MigrateError {
    ErrorKind::Task("nothing is known of what it did".to_owned()).into()
}

/// What a panic left behind is a row that is missing, which is told.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
