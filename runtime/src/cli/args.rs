//! What the command line takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::dialect::Dialect;
use crate::import::{AlembicImport, Build};
use crate::migrate::Repair;
use crate::policy::Profile;

/// Applies per-package database migrations whose steps are sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "ptah-wasm", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 other errors, 2 wrong usage, 3 a package cannot be used, \
4 the target's state needs a decision, 5 a step of a guest failed or was stopped, 6 the database refused a \
statement, 7 the database or its lock cannot be had, 8 of several targets not all came to the same end, 130 \
interrupted.";

/// Options of every verb.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The target: sqlite:FILE, postgres://…[?schema=NAME], mysql://…; TLS options as sqlx takes them. Several
    /// for `upgrade` and `current` [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database: Vec<String>,
    /// A target by its name in `[targets]` of ptah.toml; several for `upgrade` and `current`
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "database")]
    pub(super) target: Vec<String>,
    /// The configuration file [default: ptah.toml in the current folder, if there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Seconds to wait for another run on the same target, and for locks that others hold on its tables
    #[arg(long, global = true, default_value_t = 60, value_name = "SECONDS")]
    pub(super) lock_timeout: u64,
    /// Seconds that one statement may take
    #[arg(long, global = true, default_value_t = 900, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) statement_timeout: u64,
    /// Folder of compiled code [default: the user's cache folder]
    #[arg(long, global = true, env = "PTAH_WASM_CACHE", value_name = "DIR")]
    pub(super) cache: Option<PathBuf>,
    /// The limits of packages: default, or language-runtime for those in Python and JavaScript [default: ptah.toml's]
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) limits_profile: Option<Profile>,
    /// One JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Only errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Debug messages of the packages too
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    #[command(flatten)]
    OnTarget(TargetVerb),
    /// Show what a package file holds, without any database
    Inspect(InspectArgs),
    /// Make a package out of another tool's project
    Import {
        #[command(subcommand)]
        from: ImportFrom,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TargetVerb {
    /// Bring packages to a revision (their head without one)
    Upgrade(UpgradeArgs),
    /// Take a package back to a revision, or to base
    Downgrade(DowngradeArgs),
    /// Make a package's latest schema where nothing is there, and run populate steps
    Populate(PopulateArgs),
    /// Show which revisions are recorded
    Current(PackagesArgs),
    /// Show the revisions of packages and which are applied
    History(HistoryArgs),
    /// List the registered packages and where they stand
    List,
    /// Explain a step that was begun on the target and not finished, and settle it if asked
    Repair(RepairArgs),
}

#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    /// Packages: a path or a registered name, each with an optional :REV [default: all registered ones]
    #[arg(value_name = "PKG[:REV]")]
    pub(super) packages: Vec<String>,
    /// Take over tables that are there already and equal the base schema or that of a revision; =REV says
    /// which, where several match
    #[arg(long, value_name = "REV", num_args = 0..=1, require_equals = true, conflicts_with = "sql")]
    pub(super) adopt: Option<Option<String>>,
    /// Start from base, step by step, where no version is recorded
    #[arg(long)]
    pub(super) force: bool,
    /// Show what would be done and do nothing
    #[arg(long, conflicts_with = "sql")]
    pub(super) dry_run: bool,
    /// Forget a step that stands unfinished first, as `repair --discard` does
    #[arg(long, conflicts_with_all = ["sql", "dry_run"])]
    pub(super) discard_journal: bool,
    /// How many targets at a time [default: twice the number of processors]
    #[arg(long, conflicts_with = "sql", value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Print the statements from base (PKG:FROM:TO for a part) without any database
    #[arg(long, requires = "dialect")]
    pub(super) sql: bool,
    /// The dialect of --sql: sqlite, postgres or mariadb
    #[arg(long, requires = "sql", value_name = "DIALECT")]
    pub(super) dialect: Option<Dialect>,
    /// With --sql: ptah-db-schema and the stamp instead of the steps
    #[arg(long, requires = "sql")]
    pub(super) populate: bool,
}

#[derive(Debug, Args)]
pub(super) struct DowngradeArgs {
    /// The package and where to: PKG:REV or PKG:base
    #[arg(value_name = "PKG:REV")]
    pub(super) package: String,
    /// Show what would be done and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct PopulateArgs {
    /// The package: a path or a registered name
    #[arg(value_name = "PKG")]
    pub(super) package: String,
    /// Populate steps to run, recorded or not, after what they require
    #[arg(value_name = "STEP", conflicts_with_all = ["list", "all"])]
    pub(super) steps: Vec<String>,
    /// List the populate steps
    #[arg(short, long, conflicts_with = "all")]
    pub(super) list: bool,
    /// Run all active steps that are not recorded yet (what happens without step names)
    #[arg(short, long)]
    pub(super) all: bool,
    /// Take over tables that are there already, as in upgrade
    #[arg(long, value_name = "REV", num_args = 0..=1, require_equals = true)]
    pub(super) adopt: Option<Option<String>>,
    /// Show what would be done and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct PackagesArgs {
    /// Packages: a path or a registered name [default: the registered ones, else all that are recorded]
    #[arg(value_name = "PKG")]
    pub(super) packages: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Packages: a path or a registered name [default: the registered ones]
    #[arg(value_name = "PKG")]
    pub(super) packages: Vec<String>,
    /// What was ever done on the target instead, oldest first
    #[arg(long)]
    pub(super) records: bool,
}

#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// Apply what is left of it
    #[arg(long, conflicts_with_all = ["undo", "discard"])]
    pub(super) resume: bool,
    /// Take back what was applied of it
    #[arg(long, conflicts_with = "discard")]
    pub(super) undo: bool,
    /// Forget it, and leave the tables as they are
    #[arg(long)]
    pub(super) discard: bool,
}

impl RepairArgs {
    /// What is asked for; none: only to explain.
    pub(super) fn how(&self) -> Option<Repair> {
        let asked = [(self.resume, Repair::Resume), (self.undo, Repair::Undo), (self.discard, Repair::Discard)];
        asked.into_iter().find_map(|(asked, how)| asked.then_some(how))
    }
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A component, or a folder with ptah-package.toml
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportFrom {
    /// Make a package out of an Alembic project, without running anything of it
    #[command(after_help = IMPORT_HELP)]
    Alembic(AlembicArgs),
}

const IMPORT_HELP: &str = "Makes the folder of a package: its sources, and NAME.wasm built of them. Run it with \
`ptah-wasm upgrade --limits-profile language-runtime FOLDER`. Needs Python 3.11 or later with pip (PTAH_PYTHON may name it), \
which fetches Alembic, SQLAlchemy and the tool that makes components when they are first needed. What cannot be carried over \
is said with file and line; errors (exit code 3) leave nothing behind.";

#[derive(Debug, Args)]
pub(super) struct AlembicArgs {
    /// The project: its folder, or its alembic.ini
    #[arg(value_name = "DIR")]
    project: PathBuf,
    /// The folder to make; one that an import made is made anew [default: packages/NAME]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The package's name [default: the application's in pyproject.toml, else its folder's]
    #[arg(long)]
    name: Option<String>,
    /// Its title [default: the name]
    #[arg(long)]
    title: Option<String>,
    /// Its version [default: the application's in pyproject.toml, else 1.0.0]
    #[arg(long, value_name = "VERSION")]
    package_version: Option<String>,
    /// A pure-Python module or package of the application to take along, as app.constants
    #[arg(long, value_name = "MODULE")]
    vendor: Vec<String>,
    /// A folder in which modules are looked for first
    #[arg(long, value_name = "DIR")]
    path: Vec<PathBuf>,
    /// A stand-in for a module: MODULE=FILE, or a file that is named after the module (app.log.py)
    #[arg(long, value_name = "FILE")]
    shim: Vec<String>,
    /// Another version of a library, or another pure-Python library: sqlalchemy==1.4.54
    #[arg(long, value_name = "NAME==VERSION")]
    pin: Vec<String>,
    /// What exists before the first revision: a Python file with a function `upgrade`, a MetaData or a declarative
    /// base, or FILE:NAME
    #[arg(long, value_name = "FILE")]
    base_schema: Option<String>,
    /// The naming convention of the application's MetaData: KEY=TEMPLATE, or a JSON file [default: what env.py says]
    #[arg(long, value_name = "KEY=TEMPLATE")]
    naming_convention: Vec<String>,
    /// The application runs each revision in a transaction of its own [default: what env.py says]
    #[arg(long)]
    transaction_per_migration: bool,
    /// Make the sources only; guest-sdk/python/build.py makes a component of them
    #[arg(long)]
    no_build: bool,
}

impl From<AlembicArgs> for AlembicImport {
    fn from(args: AlembicArgs) -> Self {
        Self {
            project: args.project,
            output: args.output,
            name: args.name,
            title: args.title,
            package_version: args.package_version,
            vendor: args.vendor,
            path: args.path,
            shim: args.shim,
            pin: args.pin,
            base_schema: args.base_schema,
            naming_convention: args.naming_convention,
            transaction_per_migration: args.transaction_per_migration,
            build: if args.no_build { Build::SourceOnly } else { Build::Component },
        }
    }
}
