//! The command line: takes arguments, calls the library, prints. The only place that prints.

mod args;
mod import;
mod output;
mod registry;
mod targets;
mod verbs;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::config::ConfigError;
use crate::import::{Finding, ImportError};
use crate::migrate::{ErrorKind, Interrupt, MigrateError, Migrator, Options};
use crate::rollout::{Rollout, RolloutTarget};
use crate::sandbox::{CacheLocation, Compiler, Sandbox};
use args::{Cli, Common, ImportFrom, TargetVerb, Verb};
use output::Output;
use registry::{Registry, Targets};

/// What goes wrong on the command line.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Usage(String),
    /// Of several targets, each of which had its say.
    #[error("{message}")]
    Targets { code: u8, message: String },
    #[error("{error}")]
    Import { error: ImportError, findings: Vec<Finding> },
    #[error("cannot write to standard output: {0}")]
    Write(#[from] std::io::Error),
}

impl CliError {
    /// The documented exit code.
    fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Write(_) => 1,
            Self::Usage(_) => 2,
            Self::Migrate(error) => code(error),
            Self::Targets { code, .. } => *code,
            Self::Import { error, .. } => match error {
                ImportError::Usage(_) => 2,
                ImportError::Package(_) => 3,
                ImportError::Other(_) => 1,
                ImportError::Interrupted(_) => 130,
            },
        }
    }
}

/// Several targets came to several ends.
const PARTIAL: u8 = 8;

/// The documented exit code of a failure.
fn code(error: &MigrateError) -> u8 {
    code_of(&error.kind)
}

fn code_of(kind: &ErrorKind) -> u8 {
    match kind {
        ErrorKind::TargetTwice { .. } | ErrorKind::NoTarget => 2,
        ErrorKind::Package(_) | ErrorKind::Sandbox(_) => 3,
        ErrorKind::Graph(_)
        | ErrorKind::GivenTwice
        | ErrorKind::NotByName(_)
        | ErrorKind::MissingDependency(_)
        | ErrorKind::Needed { .. }
        | ErrorKind::Adoptable { .. }
        | ErrorKind::Differs { .. }
        | ErrorKind::Outside(_)
        | ErrorKind::InFlight(_)
        | ErrorKind::Pending(_)
        | ErrorKind::Offline(_)
        | ErrorKind::DataDependent => 4,
        ErrorKind::Step(_) | ErrorKind::Behind { .. } => 5,
        ErrorKind::Refused { .. } | ErrorKind::Unanswered { .. } | ErrorKind::OddValue(_) => 6,
        ErrorKind::Blocked { .. }
        | ErrorKind::Database(_)
        | ErrorKind::Store(_)
        | ErrorKind::Lock(_)
        | ErrorKind::CutShort { .. }
        | ErrorKind::Unstable => 7,
        ErrorKind::Ended { error, .. } => code_of(error),
        ErrorKind::Interrupted(_) => 130,
        ErrorKind::Task(_) => 1,
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::sandbox::compile_if_asked();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let output = Output::new(&cli.common);
    let registry = match Registry::read(&cli.common) {
        Ok(registry) => registry,
        Err(error) => return output.fail(&error),
    };
    // Several threads come with their price, which only many targets are worth.
    let mut runtime = match registry.has_many_targets(&cli.common) {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&error.into()),
    };
    let interrupt = Interrupt::default();
    let done = runtime.block_on(async {
        tokio::spawn(watch_signals(interrupt.clone()));
        run(cli, &output, &registry, &interrupt).await
    });
    // A guest that does not end by itself is stopped by its limits; nobody waits for it here.
    runtime.shutdown_background();
    match done {
        Ok(()) if interrupt.is_raised() => output::finished_nevertheless(),
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => output.fail(&error),
    }
}

async fn run(cli: Cli, output: &Output, registry: &Registry, interrupt: &Interrupt) -> Result<(), CliError> {
    match cli.verb {
        Verb::Import { from: ImportFrom::Alembic(args) } => import::alembic(output, args.into()).await,
        Verb::Inspect(args) => verbs::inspect(&sandbox(&cli.common, output, registry)?, output, &args),
        Verb::OnTarget(TargetVerb::Upgrade(args)) if args.sql => {
            verbs::sql(&sandbox(&cli.common, output, registry)?, output, registry, &args)
        }
        Verb::OnTarget(verb) => {
            let url = match registry.targets(&cli.common, output)? {
                Targets::One(url) => url,
                Targets::Many(targets) => return many(verb, &cli.common, targets, output, registry, interrupt).await,
            };
            let migrator = Migrator::with_options(&url, options(&cli.common, registry))?;
            warn_of_cache(migrator.sandbox(), output);
            let migrator = migrator.observed_by(output.observer()).interrupted_by(interrupt.clone());
            match verb {
                TargetVerb::Upgrade(args) => verbs::upgrade(&migrator, output, registry, &args).await,
                TargetVerb::Downgrade(args) => verbs::downgrade(&migrator, output, registry, &args).await,
                TargetVerb::Populate(args) => verbs::populate(&migrator, output, registry, &args).await,
                TargetVerb::Current(args) => verbs::current(&migrator, output, registry, &args).await,
                TargetVerb::History(args) => verbs::history(&migrator, output, registry, &args).await,
                TargetVerb::List => verbs::list(&migrator, output, registry).await,
                TargetVerb::Repair(args) => verbs::repair(&migrator, output, &args).await,
            }
        }
    }
}

/// The verbs that take many targets.
async fn many(
    verb: TargetVerb,
    common: &Common,
    targets: Vec<RolloutTarget>,
    output: &Output,
    registry: &Registry,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let count = targets.len();
    if !matches!(verb, TargetVerb::Upgrade(_) | TargetVerb::Current(_)) {
        let message = format!("this verb takes one target and here are {count}: say which with --target or --database");
        return Err(CliError::Usage(message));
    }
    if matches!(&verb, TargetVerb::Upgrade(args) if args.discard_journal) {
        return Err(CliError::Usage(format!("--discard-journal is for one target and here are {count}")));
    }
    let mut rollout = Rollout::new(targets, options(common, registry))?.interrupted_by(interrupt.clone());
    warn_of_cache(rollout.sandbox(), output);
    rollout = rollout.observed_by(output.rollout_observer(count));
    match verb {
        TargetVerb::Upgrade(args) => {
            if let Some(jobs) = args.jobs {
                rollout = rollout.jobs(jobs);
            }
            targets::upgrade(&rollout, output, registry, &args).await
        }
        TargetVerb::Current(args) => targets::current(&rollout, output, registry, &args).await,
        _ => Ok(()),
    }
}

fn options(common: &Common, registry: &Registry) -> Options {
    Options {
        limits: registry.limits(common),
        cache: common.cache.clone().map_or(CacheLocation::Default, CacheLocation::Directory),
        compiler: Compiler::ThisProgram,
        lock_timeout: Duration::from_secs(common.lock_timeout),
    }
}

fn sandbox(common: &Common, output: &Output, registry: &Registry) -> Result<Sandbox, CliError> {
    let Options { limits, cache, compiler, .. } = options(common, registry);
    let sandbox = Sandbox::new(limits, cache, compiler).map_err(MigrateError::from)?;
    warn_of_cache(&sandbox, output);
    Ok(sandbox)
}

fn warn_of_cache(sandbox: &Sandbox, output: &Output) {
    if let Some(warning) = sandbox.cache_warning() {
        output.note(warning);
    }
}

/// The first signal asks the run to stop at the next safe point; the second ends the process.
async fn watch_signals(interrupt: Interrupt) {
    let mut asked = false;
    loop {
        if !signalled().await {
            return;
        }
        if asked {
            std::process::exit(130);
        }
        asked = true;
        interrupt.raise();
        output::interrupted();
    }
}

#[cfg(unix)]
async fn signalled() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
    tokio::select! {
        _ = terminate.recv() => true,
        pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
    }
}

#[cfg(not(unix))]
async fn signalled() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
