//! From words on the command line to packages and a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use super::args::Common;
use super::output::Output;
use crate::config::{Config, Registered};
use crate::migrate::{Adopt, Goal, MigrateError, Migrator, Start, Upgrade};
use crate::package::Package;
use crate::policy::Limits;
use crate::revision::PackageInfo;
use crate::sandbox::Sandbox;

const DEFAULT_CONFIG: &str = "ptah.toml";
const DEFAULT_DATABASE: &str = "sqlite:ptah.db";

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

    /// The URL by flag or environment, configuration, or default.
    pub(super) fn database(&self, common: &Common, output: &Output) -> String {
        if let Some(url) = common.database.as_ref().filter(|url| !url.is_empty()).or(self.config.database.as_ref()) {
            return url.clone();
        }
        output.note("no --database, DATABASE_URL or ptah.toml: using ptah.db in the current folder");
        DEFAULT_DATABASE.to_owned()
    }

    /// The limits by flag or configuration.
    pub(super) fn limits(&self, common: &Common) -> Limits {
        let mut limits = common.limits_profile.unwrap_or(self.config.limits).limits();
        limits.session.statement_timeout = Duration::from_secs(common.statement_timeout);
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
