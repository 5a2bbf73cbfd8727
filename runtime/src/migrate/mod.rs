//! Orchestration: what an upgrade, downgrade or populate does to a target, step by step. Each verb plans
//! first, without a lock or a transaction, and then applies what was planned to a target that is found
//! unchanged under the lock.

mod account;
mod adopt;
mod apply;
mod applying;
mod asking;
mod concurrent;
mod error;
mod event;
mod flight;
mod guest;
mod journaled;
mod live;
mod look;
mod offline;
mod open;
mod patience;
mod plan;
mod planned;
mod plans;
mod repair;
mod settle;
mod snapshot;
mod standby;
mod states;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use error::{ErrorKind, MigrateError};
pub use event::Event;
pub use look::{Current, PackageState, Pending};
pub use offline::{OfflineRange, Script};
pub(crate) use plan::check_order;
pub use planned::{DataDependent, PackagePlan, PlannedStep, StepKind};
pub use repair::{Repair, Settled, Unfinished};

pub use crate::revision::Goal;

use crate::database::Target;
use crate::package::Package;
use crate::policy::Limits;
use crate::sandbox::{CacheLocation, Compiler, Sandbox};
use plans::{Guests, Plans};
use snapshot::Snapshot;

/// Whether tables that are there already, with no version recorded, become the package's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Adopt {
    /// No: finding them is an error.
    #[default]
    No,
    /// If they equal the base schema or that of just one revision.
    Matching,
    /// If they equal the schema of this revision (`base` for the base schema).
    Revision(String),
}

/// How a package without a recorded version starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the latest schema, if it has `ptah-db-schema` and goes to its head.
    #[default]
    Latest,
    /// From base, every step (`force` in `ptah.toml`).
    Base,
}

/// One package and where it is to go.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// The package.
    pub package: Arc<Package>,
    /// How far.
    pub goal: Goal,
    /// How it starts.
    pub start: Start,
    /// What to do with tables that are there already.
    pub adopt: Adopt,
}

impl Upgrade {
    /// To the head, adopting nothing.
    pub fn to_head(package: Arc<Package>) -> Self {
        Self { package, goal: Goal::Head, start: Start::default(), adopt: Adopt::default() }
    }
}

/// Which populate steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Populate {
    /// All active ones that are not recorded yet.
    Active,
    /// These, recorded or not, after what they require.
    Named(Vec<String>),
}

/// How a [`Migrator`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The limits of every step.
    pub limits: Limits,
    /// Where compiled code is kept.
    pub cache: CacheLocation,
    /// What compiles a package that is not kept there: nothing, unless the host chooses.
    pub compiler: Compiler,
    /// How long to wait for another runner on the same target.
    pub lock_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            cache: CacheLocation::Default,
            compiler: Compiler::Off,
            lock_timeout: Duration::from_secs(60),
        }
    }
}

/// How soon an interrupt is noticed.
const POLL: Duration = Duration::from_millis(50);

/// Says from another thread that a run is to stop: a transaction is rolled back; on MariaDB the step in
/// flight is finished first.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the run to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked to.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// What the future answers; none if the run was asked to stop before, and the future is dropped.
    async fn unless_raised<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        while !self.is_raised() {
            tokio::select! {
                answer = &mut future => return Some(answer),
                () = tokio::time::sleep(POLL) => {}
            }
        }
        None
    }
}

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Applies packages to one target.
#[derive(Clone)]
pub struct Migrator {
    target: Target,
    sandbox: Sandbox,
    plans: Arc<Plans>,
    lock_timeout: Duration,
    /// How long to wait for another runner.
    runner_timeout: Duration,
    observer: Observer,
    interrupt: Interrupt,
    known: Vec<Arc<Package>>,
}

impl Migrator {
    /// For a target with the default options: `sqlite:app.db`, `postgres://…?schema=…`, `mysql://…`.
    ///
    /// # Errors
    /// A URL that cannot be read. Nothing is connected to yet.
    pub fn new(url: &str) -> Result<Self, MigrateError> {
        Self::with_options(url, Options::default())
    }

    /// For a target with options.
    ///
    /// # Errors
    /// A URL that cannot be read, an engine that cannot be set up.
    pub fn with_options(url: &str, options: Options) -> Result<Self, MigrateError> {
        Self::on_target(Target::parse(url)?, options)
    }

    /// For a target that is parsed already.
    ///
    /// # Errors
    /// An engine that cannot be set up.
    pub fn on_target(target: Target, options: Options) -> Result<Self, MigrateError> {
        let target = target.with_settings(options.limits.session);
        let sandbox = Sandbox::new(options.limits, options.cache, options.compiler)?;
        Ok(Self {
            target,
            sandbox,
            plans: Arc::default(),
            lock_timeout: options.lock_timeout,
            runner_timeout: options.lock_timeout,
            observer: Arc::new(|_| ()),
            interrupt: Interrupt::default(),
            known: Vec::new(),
        })
    }

    /// The same for another target. The two have the engine and the plans in common: what one of them has planned the
    /// other takes where it finds the same schema.
    #[must_use]
    pub fn for_target(&self, target: Target) -> Self {
        let target = target.with_settings(self.sandbox.limits().session);
        Self { target, ..self.clone() }
    }

    /// Waits so long for another runner on the target, and for locks on tables as before.
    #[must_use]
    pub fn waiting_for(mut self, runner_timeout: Duration) -> Self {
        self.runner_timeout = runner_timeout;
        self
    }

    /// How often a guest was run, for all targets that share its plans.
    pub fn guest_runs(&self) -> usize {
        self.plans.runs()
    }

    /// Calls `observer` at everything that happens.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Stops when `interrupt` is raised.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Packages that are not to be run but whose revisions may be looked up.
    #[must_use]
    pub fn knowing(mut self, packages: impl IntoIterator<Item = Arc<Package>>) -> Self {
        self.known.extend(packages);
        self
    }

    /// Opens a package for this migrator: a component, or a directory with `ptah-package.toml`.
    ///
    /// # Errors
    /// Whatever is wrong with it, naming the file.
    pub fn open(&self, path: impl Into<PathBuf>) -> Result<Arc<Package>, MigrateError> {
        let path = path.into();
        Package::open(&self.sandbox, &path).map(Arc::new).map_err(|error| MigrateError::opening(&path, error))
    }

    /// The sandbox that its packages run in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The target without its password.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Brings packages to their goals, in dependency order. What was applied stays applied when a later
    /// step fails.
    ///
    /// # Errors
    /// See [`ErrorKind`]; the error names package, step and target, and says what was applied before.
    pub async fn upgrade(&self, packages: &[Upgrade]) -> Result<Vec<PackagePlan>, MigrateError> {
        let order = plan::upgrade_order(packages)?;
        let mut done = Vec::with_capacity(packages.len());
        for upgrade in order {
            match self.run(plan::Verb::Upgrade(upgrade), packages).await {
                Ok(plan) => done.push(plan),
                Err(error) => return Err(error.after(done.into_iter().filter(|plan| !plan.steps.is_empty()))),
            }
        }
        Ok(done)
    }

    /// What [`Migrator::upgrade`] would do. Changes nothing; a later package is planned as if the earlier
    /// ones had been applied. The last plan may end at a step that asks for rows.
    ///
    /// # Errors
    /// As [`Migrator::upgrade`], as far as planning goes.
    pub async fn plan_upgrade(&self, packages: &[Upgrade]) -> Result<Vec<PackagePlan>, MigrateError> {
        let order = plan::upgrade_order(packages)?;
        let mut snapshot = Snapshot::look(&self.target).await?;
        let mut done = Vec::with_capacity(packages.len());
        for upgrade in order {
            let guests = Guests::new(self.plans.clone())?;
            let (plan, _, after) =
                self.plan_from(plan::Verb::Upgrade(upgrade), packages, snapshot, &guests, None).await?;
            snapshot = after;
            let is_open = plan.data_dependent.is_some();
            done.push(plan);
            // What comes later may hang on what is not known.
            if is_open {
                break;
            }
        }
        Ok(done)
    }

    /// Takes a package back to a revision, or to base with none.
    ///
    /// # Errors
    /// A revision that is unknown, not applied, or that another package depends on; else as upgrade.
    pub async fn downgrade(&self, package: &Arc<Package>, target: Option<&str>) -> Result<PackagePlan, MigrateError> {
        let verb = plan::Verb::Downgrade { package: package.clone(), target: target.map(str::to_owned) };
        self.run(verb, &[]).await
    }

    /// What [`Migrator::downgrade`] would do.
    ///
    /// # Errors
    /// As [`Migrator::downgrade`], as far as planning goes.
    pub async fn plan_downgrade(
        &self,
        package: &Arc<Package>,
        target: Option<&str>,
    ) -> Result<PackagePlan, MigrateError> {
        let verb = plan::Verb::Downgrade { package: package.clone(), target: target.map(str::to_owned) };
        let snapshot = Snapshot::look(&self.target).await?;
        Ok(self.plan_from(verb, &[], snapshot, &Guests::new(self.plans.clone())?, None).await?.0)
    }

    /// Makes a package's latest schema where nothing of it is there, and runs populate steps. Never runs
    /// a revision.
    ///
    /// # Errors
    /// As [`Migrator::upgrade`]; an unknown populate step; a cycle among them.
    pub async fn populate(&self, upgrade: &Upgrade, steps: &Populate) -> Result<PackagePlan, MigrateError> {
        self.run(plan::Verb::Populate(upgrade.clone(), steps.clone()), &[]).await
    }

    /// What [`Migrator::populate`] would do.
    ///
    /// # Errors
    /// As [`Migrator::populate`], as far as planning goes.
    pub async fn plan_populate(&self, upgrade: &Upgrade, steps: &Populate) -> Result<PackagePlan, MigrateError> {
        let snapshot = Snapshot::look(&self.target).await?;
        let verb = plan::Verb::Populate(upgrade.clone(), steps.clone());
        Ok(self.plan_from(verb, &[], snapshot, &Guests::new(self.plans.clone())?, None).await?.0)
    }
}

impl std::fmt::Debug for Migrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrator").field("target", &self.target.label()).finish_non_exhaustive()
    }
}
