//! From words on the command line to packages and a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use super::args::Common;
use super::output::Output;
use crate::config::{Config, Registered};
use crate::database::Target;
use crate::migrate::{Adopt, Goal, MigrateError, Migrator, Start, Upgrade};
use crate::package::Package;
use crate::policy::Limits;
use crate::revision::PackageInfo;
use crate::rollout::RolloutTarget;
use crate::sandbox::Sandbox;

/// Where a verb goes.
pub(super) enum Targets {
    /// To one target, whose URL this is.
    One(String),
    /// To several, or to all of `[targets]`.
    Many(Vec<RolloutTarget>),
}

const DEFAULT_CONFIG: &str = "ptah.toml";
const DEFAULT_DATABASE: &str = "sqlite:ptah.db";

/// What SQLite may take of memory in the process, which is the command's own: far more than it takes unless a text grows.
const SQLITE_MEMORY: u64 = 512 << 20;

/// The configuration, and how to find packages.
pub(super) struct Registry {
    config: Config,
}

/// A package as a word on the command line named it.
pub(super) struct Named {
    pub(super) package: Arc<Package>,
    /// What stood behind the colon.
    pub(super) revision: Option<String>,
    force: bool,
    adopt: bool,
}

impl Named {
    /// As an upgrade: the word's revision, else the head.
    pub(super) fn upgrade(self, force: bool, adopt: Option<&Option<String>>) -> Upgrade {
        let goal = match self.revision.as_deref() {
            None | Some("head") => Goal::Head,
            Some(revision) => Goal::Revision(revision.to_owned()),
        };
        let adopt = match adopt {
            Some(Some(revision)) => Adopt::Revision(revision.clone()),
            Some(None) => Adopt::Matching,
            None if self.adopt => Adopt::Matching,
            None => Adopt::No,
        };
        let start = if force || self.force { Start::Base } else { Start::Latest };
        Upgrade { package: self.package, goal, start, adopt }
    }
}

impl Registry {
    pub(super) fn read(common: &Common) -> Result<Self, CliError> {
        let config = match &common.config {
            Some(path) => Config::read(path)?,
            None => Config::read_if_there(Path::new(DEFAULT_CONFIG))?,
        };
        Ok(Self { config })
    }

    /// The target or targets by flag, environment, configuration, or default.
    pub(super) fn targets(&self, common: &Common, output: &Output) -> Result<Targets, CliError> {
        let all = &self.config.targets;
        let find = |name: &String| match all.get(name) {
            Some(url) => Ok((Some(name.clone()), url.clone())),
            None => {
                let known: Vec<&str> = all.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
                Err(CliError::Usage(format!("{name} is no target of ptah.toml (there: {known})")))
            }
        };
        let urls: Vec<&String> = common.database.iter().filter(|url| !url.is_empty()).collect();
        let named = match (urls.as_slice(), common.target.as_slice()) {
            ([], [name]) => return Ok(Targets::One(find(name)?.1)),
            ([], []) => match (database_url()?, &self.config.database) {
                (Some(url), _) => {
                    if !all.is_empty() {
                        output.note("using DATABASE_URL, not the [targets] of ptah.toml");
                    }
                    return Ok(Targets::One(url));
                }
                (None, Some(url)) => return Ok(Targets::One(url.clone())),
                (None, None) if all.is_empty() => {
                    output.note("no --database, DATABASE_URL or ptah.toml: using ptah.db in the current folder");
                    return Ok(Targets::One(DEFAULT_DATABASE.to_owned()));
                }
                (None, None) => all.iter().map(|(name, url)| (Some(name.clone()), url.clone())).collect(),
            },
            ([], names) => names.iter().map(find).collect::<Result<Vec<_>, _>>()?,
            ([url], _) => return Ok(Targets::One((*url).clone())),
            (urls, _) => urls.iter().map(|url| (None, (*url).clone())).collect(),
        };
        let target = |(name, url): (Option<String>, String)| {
            let target = Target::parse(&url).map_err(|error| match &name {
                Some(name) => MigrateError::from(error).on(name),
                None => error.into(),
            })?;
            Ok(RolloutTarget { name, target })
        };
        Ok(Targets::Many(named.into_iter().map(target).collect::<Result<_, MigrateError>>()?))
    }

    /// Whether there may be many targets.
    pub(super) fn has_many_targets(&self, common: &Common) -> bool {
        common.database.len() > 1 || common.target.len() > 1 || !self.config.targets.is_empty()
    }

    /// The limits by flag or configuration.
    pub(super) fn limits(&self, common: &Common) -> Limits {
        let mut limits = common.limits_profile.unwrap_or(self.config.limits).limits();
        limits.session.statement_timeout = Duration::from_secs(common.statement_timeout);
        limits.session.sqlite_memory = Some(SQLITE_MEMORY);
        limits
    }

    pub(super) fn registered(&self) -> &[Registered] {
        &self.config.packages
    }

    /// Opens what words name; without words every registered package.
    pub(super) fn open(&self, sandbox: &Sandbox, words: &[String]) -> Result<Vec<Named>, CliError> {
        if words.is_empty() {
            return self.config.packages.iter().map(|package| self.open_registered(sandbox, package, None)).collect();
        }
        words.iter().map(|word| self.open_one(sandbox, word)).collect()
    }

    pub(super) fn open_one(&self, sandbox: &Sandbox, word: &str) -> Result<Named, CliError> {
        let (name, revision) = self.split(word);
        let revision = revision.map(str::to_owned);
        if revision.as_deref() == Some("") {
            return Err(CliError::Usage(format!("{word}: a revision must follow the colon")));
        }
        if let Some(registered) = self.config.package(name) {
            return self.open_registered(sandbox, registered, revision);
        }
        let path = PathBuf::from(name);
        if !looks_like_path(name) && !path.exists() {
            let known: Vec<&str> = self.config.packages.iter().map(|package| package.name.as_str()).collect();
            let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
            let message = format!("{name} is neither a file nor a registered package (registered: {known})");
            return Err(CliError::Usage(message));
        }
        let package = Package::open(sandbox, &path).map_err(|error| MigrateError::opening(&path, error))?;
        // A path may be that of a registered package, whose settings then hold.
        let settings = self.config.package(&package.info().name);
        let settings = settings.filter(|found| same_file(&found.path, &path));
        Ok(Named {
            package: Arc::new(package),
            revision,
            force: settings.is_some_and(|found| found.force),
            adopt: settings.is_some_and(|found| found.adopt),
        })
    }

    fn open_registered(
        &self,
        sandbox: &Sandbox,
        registered: &Registered,
        revision: Option<String>,
    ) -> Result<Named, CliError> {
        let package =
            Package::open(sandbox, &registered.path).map_err(|error| MigrateError::from(error).of(&registered.name))?;
        let PackageInfo { name, .. } = package.info();
        if *name != registered.name {
            let path = registered.path.display();
            return Err(CliError::Usage(format!(
                "the configuration registers {path} as {}, but the package says that it is {name}",
                registered.name
            )));
        }
        Ok(Named { package: Arc::new(package), revision, force: registered.force, adopt: registered.adopt })
    }

    /// `PKG[:REV]` or `PKG:FROM:TO`, the colon of a path that exists left alone.
    fn split<'a>(&self, word: &'a str) -> (&'a str, Option<&'a str>) {
        let mut ends: Vec<usize> = word.match_indices(':').map(|(index, _)| index).collect();
        ends.push(word.len());
        let whole = |end: &usize| {
            let name = word.get(..*end).unwrap_or(word);
            self.config.package(name).is_some() || Path::new(name).exists()
        };
        let end = ends.iter().rev().copied().find(|end| whole(end)).or(ends.first().copied()).unwrap_or(word.len());
        (word.get(..end).unwrap_or(word), word.get(end + 1..))
    }
}

/// The variable of the environment, unless it is empty.
fn database_url() -> Result<Option<String>, CliError> {
    match std::env::var("DATABASE_URL") {
        Ok(url) => Ok(Some(url).filter(|url| !url.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(CliError::Usage("DATABASE_URL is no text in UTF-8".to_owned())),
    }
}

fn looks_like_path(name: &str) -> bool {
    name.contains(['/', std::path::MAIN_SEPARATOR]) || Path::new(name).extension().is_some_and(|end| end == "wasm")
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

impl Migrator {
    /// The packages that words name, for a verb that only looks; none for none registered.
    pub(super) fn open_words(&self, registry: &Registry, words: &[String]) -> Result<Vec<Arc<Package>>, CliError> {
        let named = registry.open(self.sandbox(), words)?;
        Ok(named.into_iter().map(|named| named.package).collect())
    }
}
