//! `ptah.toml`: the registered packages and the database of an application.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::policy::Profile;

/// What `ptah.toml` says. Paths are resolved against the folder that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The target's URL.
    pub database: Option<String>,
    /// The URLs of many targets by their names, instead of one.
    pub targets: BTreeMap<String, String>,
    /// The limits of packages.
    pub limits: Profile,
    /// The registered packages in order.
    pub packages: Vec<Registered>,
}

/// A registered package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Its name; what it describes must agree.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its title for lists; the described one without it.
    pub title: Option<String>,
    /// Whether it always starts from base, step by step.
    #[serde(default)]
    pub force: bool,
    /// Whether tables that are there already and match become its own.
    #[serde(default)]
    pub adopt: bool,
}

/// Why `ptah.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It is not what it should be. The line itself is not shown: it may hold a password.
    #[error("{path}: line {line}: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It has one target and many.
    #[error("{path}: `database` is for one target and `[targets]` for many: leave one of them out")]
    DatabaseAndTargets {
        /// The file.
        path: PathBuf,
    },
    /// A name stands twice.
    #[error("{path}: package {name} is registered twice")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    #[serde(default)]
    targets: BTreeMap<String, String>,
    #[serde(default, rename = "limits-profile")]
    limits: Profile,
    #[serde(default, rename = "package")]
    packages: Vec<Registered>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, does not parse, has an unknown key or registers a name twice.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.into(), error })?;
        Self::parse(path, &text)
    }

    /// As [`Config::read`], with no file at all being an empty one.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_if_there(path: &Path) -> Result<Self, ConfigError> {
        match Self::read(path) {
            Err(ConfigError::Read { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            other => other,
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let parsed: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError::Parse { path: path.into(), line, reason: error.message().to_owned() }
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut names = BTreeSet::new();
        let mut packages = parsed.packages;
        for package in &mut packages {
            if !names.insert(package.name.clone()) {
                return Err(ConfigError::Twice { path: path.into(), name: package.name.clone() });
            }
            package.path = folder.join(&package.path);
        }
        if parsed.database.is_some() && !parsed.targets.is_empty() {
            return Err(ConfigError::DatabaseAndTargets { path: path.into() });
        }
        let database = parsed.database.map(|url| in_folder(folder, url));
        let targets = parsed.targets.into_iter().map(|(name, url)| (name, in_folder(folder, url))).collect();
        Ok(Self { database, targets, limits: parsed.limits, packages })
    }

    /// The registered package of that name.
    pub fn package(&self, name: &str) -> Option<&Registered> {
        self.packages.iter().find(|package| package.name == name)
    }
}

/// The URL of a SQLite file, its path resolved against a folder; any other as it is.
fn in_folder(folder: &Path, url: String) -> String {
    let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else { return url };
    let Some(folder) = folder.to_str().filter(|folder| !folder.is_empty()) else { return url };
    if path.is_empty() || path.starts_with('/') || path.starts_with(":memory:") || path.starts_with("file:") {
        return url;
    }
    // In a URL these stand for something else.
    let folder = folder.replace('%', "%25").replace('?', "%3F");
    format!("sqlite:{folder}/{path}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("app/ptah.toml"), text)
    }

    #[test]
    fn packages_are_resolved_against_the_folder_of_the_file() {
        let config =
            parse("database = 'sqlite:x.db'\n[[package]]\nname = 'a'\npath = 'a.wasm'\nforce = true\n").unwrap();
        assert_eq!(config.database.as_deref(), Some("sqlite:app/x.db"));
        assert_eq!(config.packages[0].path, Path::new("app/a.wasm"));
        assert!(config.packages[0].force && !config.packages[0].adopt);
    }

    #[test]
    fn targets_go_by_their_names_and_not_with_a_database() {
        let config = parse("[targets]\nsouth = 'postgres://db/x?schema=s'\nnorth = 'sqlite:n.db'\n").unwrap();
        let targets: Vec<(&str, &str)> = config.targets.iter().map(|(name, url)| (&**name, &**url)).collect();
        assert_eq!(targets, [("north", "sqlite:app/n.db"), ("south", "postgres://db/x?schema=s")]);
        let both = parse("database = 'sqlite:x.db'\n[targets]\nnorth = 'sqlite:n.db'\n");
        assert!(matches!(both, Err(ConfigError::DatabaseAndTargets { .. })));
    }

    #[test]
    fn only_the_relative_path_of_a_sqlite_file_is_resolved() {
        let here = Path::new("a 5%?");
        for (url, resolved) in [
            ("sqlite:x.db?mode=ro", "sqlite:a 5%25%3F/x.db?mode=ro"),
            ("sqlite://x.db", "sqlite:a 5%25%3F/x.db"),
            ("sqlite:/x.db", "sqlite:/x.db"),
            ("sqlite:///x.db", "sqlite:///x.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://db/x", "postgres://db/x"),
        ] {
            assert_eq!(in_folder(here, url.to_owned()), resolved);
        }
        assert_eq!(in_folder(Path::new(""), "sqlite:x.db".to_owned()), "sqlite:x.db");
    }

    #[test]
    fn a_name_registered_twice_an_unknown_key_and_bad_syntax_are_errors() {
        let twice = "[[package]]\nname = 'a'\npath = 'a'\n[[package]]\nname = 'a'\npath = 'b'\n";
        assert!(matches!(parse(twice), Err(ConfigError::Twice { .. })));
        assert!(matches!(parse("databse = 'x'"), Err(ConfigError::Parse { .. })));
        assert!(matches!(parse("["), Err(ConfigError::Parse { .. })));
        assert!(matches!(parse("limits-profile = 'large'"), Err(ConfigError::Parse { .. })));
    }

    #[test]
    fn a_profile_of_limits_goes_by_its_name() {
        assert_eq!(parse("").unwrap().limits, Profile::Default);
        assert_eq!(parse("limits-profile = 'language-runtime'").unwrap().limits, Profile::LanguageRuntime);
        for profile in Profile::ALL {
            assert_eq!(parse(&format!("limits-profile = '{}'", profile.as_str())).unwrap().limits, profile);
            assert_eq!(profile.as_str().parse(), Ok(profile));
        }
    }

    #[test]
    fn an_error_names_the_line_and_does_not_show_it() {
        for text in [
            "\n\ndatabase = \"postgres://me:a secret@db/x\" x\n",
            "\n\ndatabase = 'postgres://me:a\"secret@db/x\n",
            "\n\ndatabase = ['postgres://me:secret@db/x']\n",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("app/ptah.toml: line 3: ") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_an_empty_one_only_when_it_may_be() {
        let missing = Path::new("no-such-folder/ptah.toml");
        assert!(Config::read(missing).is_err());
        assert_eq!(Config::read_if_there(missing).unwrap(), Config::default());
    }
}
