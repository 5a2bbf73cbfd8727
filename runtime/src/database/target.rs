//! A database URL, parsed once: which database, which schema of it, how to connect.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use url::Url;

use super::{DatabaseError, Identity};
use crate::dialect::{Dialect, SessionSettings};

/// One database to run on. Neither `Debug` nor the label shows a login.
#[derive(Clone)]
pub struct Target {
    pub(super) place: Place,
    label: String,
    settings: SessionSettings,
}

/// Where a target is.
#[derive(Clone)]
pub(super) enum Place {
    Sqlite { options: SqliteConnectOptions, path: PathBuf, writable: Writable },
    Postgres { options: PgConnectOptions, schema: Option<String> },
    Mariadb { options: MySqlConnectOptions },
}

/// Whether the URL of a SQLite file allows writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writable {
    Yes,
    No,
}

/// What may stand after `?` besides `schema`.
const POSTGRES_PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
const MARIADB_PARAMETERS: [&str; 9] =
    ["sslmode", "ssl-mode", "sslca", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key", "socket"];

impl Target {
    /// Parses `sqlite:PATH`, `postgres://…[?schema=NAME]` or `mariadb://…/DATABASE` (also `mysql://`).
    ///
    /// # Errors
    /// Another scheme, a parameter that means nothing here, or no database named. The message never repeats
    /// the URL.
    pub fn parse(url: &str) -> Result<Self, DatabaseError> {
        match url.split_once(':') {
            Some(("sqlite", path)) => sqlite(url, path),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => postgres(url),
            Some(("mysql" | "mariadb", rest)) if rest.starts_with("//") => mariadb(url),
            _ => Err(invalid("it must begin with sqlite:, postgres:// or mariadb://")),
        }
    }

    /// Which kind of database it is.
    pub fn dialect(&self) -> Dialect {
        match self.place {
            Place::Sqlite { .. } => Dialect::Sqlite,
            Place::Postgres { .. } => Dialect::Postgres,
            Place::Mariadb { .. } => Dialect::Mariadb,
        }
    }

    /// What people call it: the URL without a login, `postgres://host:port/database?schema=name`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The same with these timeouts for every session.
    #[must_use]
    pub fn with_settings(mut self, settings: SessionSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The timeouts of every session.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The schema that its URL names, on PostgreSQL.
    pub(crate) fn schema(&self) -> Option<&str> {
        match &self.place {
            Place::Postgres { schema, .. } => schema.as_deref(),
            _ => None,
        }
    }

    /// The same for two targets that are one, as far as can be told without asking a server.
    pub fn identity(&self) -> String {
        match &self.place {
            Place::Sqlite { path, .. } => format!("sqlite:{}", real_path(path).display()),
            Place::Postgres { .. } | Place::Mariadb { .. } => self.label.clone(),
        }
    }

    /// The database file, on SQLite.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.label).finish()
    }
}

impl FromStr for Target {
    type Err = DatabaseError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::parse(url)
    }
}

/// How many links lead from one to the next at most; Linux follows as many.
const LINKS: usize = 40;

/// A file's own path, whatever links lead to it; it need not be there, and links may lead to where it will be.
pub(crate) fn real_path(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..LINKS {
        match file.read_link() {
            Ok(to) if !file.exists() => file = file.parent().unwrap_or(Path::new("")).join(to),
            _ => break,
        }
    }
    let real = file.canonicalize().or_else(|_| {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        folder.canonicalize().map(|folder| folder.join(file.file_name().unwrap_or_default()))
    });
    real.unwrap_or(file)
}

fn invalid(reason: impl Into<String>) -> DatabaseError {
    DatabaseError::Url(reason.into())
}

fn sqlite(url: &str, rest: &str) -> Result<Target, DatabaseError> {
    let (path_text, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let mut writable = Writable::Yes;
    for (key, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        match (&*key, &*value) {
            ("mode", "rw" | "rwc") => {}
            ("mode", "ro") => writable = Writable::No,
            ("mode", "memory") => return Err(in_memory()),
            // A value may be a secret: other programs take keys of encrypted files here.
            _ => return Err(invalid(format!("SQLite takes no such parameter {key}"))),
        }
    }
    let path_text = path_text.strip_prefix("//").unwrap_or(path_text);
    if path_text.contains(":memory:") {
        return Err(in_memory());
    }
    let parsed = SqliteConnectOptions::from_str(url).map_err(|error| invalid(super::error::words(&error)))?;
    let path = parsed.get_filename().to_owned();
    if path_text.is_empty() || path.as_os_str().is_empty() {
        return Err(invalid("it names no file, as in sqlite:app.db"));
    }
    if path_text.starts_with("file:") {
        return Err(invalid("a SQLite file is named by its path, as in sqlite:app.db"));
    }
    let label = format!("sqlite:{}", path.display());
    let options = SqliteConnectOptions::new().filename(&path).statement_cache_capacity(1).disable_statement_logging();
    Ok(Target { place: Place::Sqlite { options, path, writable }, label, settings: SessionSettings::default() })
}

fn in_memory() -> DatabaseError {
    invalid("a database in memory would be gone when the command ends; name a file, as in sqlite:app.db")
}

/// Parses a server's URL and checks its parameters; the driver would ignore a misspelt `sslmode`.
fn server(url: &str, known: &[&str]) -> Result<(Url, Option<String>), DatabaseError> {
    let mut url = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
    // It ended the login early: the rest of the password would be taken for a place, and shown.
    let cut =
        || invalid("a character of its login has a meaning in URLs and must be encoded: / is %2F, ? is %3F, # is %23");
    if url.fragment().is_some() || url.path().contains('@') {
        return Err(cut());
    }
    let has_more = url.query().is_some_and(|query| query.contains('@'));
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut schema = None;
    url.set_query(None);
    for (key, value) in pairs {
        if key == "schema" {
            schema = Some(value);
        } else if known.contains(&key.as_str()) || (key.starts_with("options[") && known.contains(&"options")) {
            url.query_pairs_mut().append_pair(&key, &value);
        } else {
            return Err(if has_more { cut() } else { invalid(format!("unknown parameter {key}")) });
        }
    }
    Ok((url, schema))
}

fn postgres(url: &str) -> Result<Target, DatabaseError> {
    let (url, schema) = server(url, &POSTGRES_PARAMETERS)?;
    if let Some(schema) = &schema {
        let folded = schema.to_ascii_lowercase();
        if schema.is_empty() || schema.len() > 63 || schema.contains('\0') {
            return Err(invalid("the schema's name must have 1 to 63 bytes"));
        }
        if folded.starts_with("pg_") || folded == "information_schema" {
            return Err(invalid("a schema of PostgreSQL's own cannot be migrated"));
        }
    }
    let mut options = PgConnectOptions::from_url(&url)
        .map_err(|error| invalid(super::error::words(&error)))?
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if options.get_application_name().is_none() {
        let mut name = format!("ptah-wasm {}", Identity::current());
        // PostgreSQL cuts at 63 bytes and replaces what is not ASCII.
        name.retain(|letter| letter.is_ascii_graphic() || letter == ' ');
        name.truncate(63);
        options = options.application_name(&name);
    }
    let database = options.get_database().unwrap_or(options.get_username());
    let mut label = match options.get_socket() {
        Some(socket) => format!("postgres://{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    };
    if let Some(address) = unbracketed(options.get_host()) {
        options = options.host(&address);
    }
    if let Some(schema) = &schema {
        label.push_str("?schema=");
        label.push_str(schema);
    }
    Ok(Target { place: Place::Postgres { options, schema }, label, settings: SessionSettings::default() })
}

/// An IPv6 address without the brackets that a URL puts around it and that the drivers would look up as a name.
fn unbracketed(host: &str) -> Option<String> {
    Some(host.strip_prefix('[')?.strip_suffix(']')?.to_owned())
}

fn mariadb(url: &str) -> Result<Target, DatabaseError> {
    let (url, schema) = server(url, &MARIADB_PARAMETERS)?;
    if schema.is_some() {
        return Err(invalid("MariaDB has no schemas inside a database; name the database in the path"));
    }
    let mut options = MySqlConnectOptions::from_url(&url)
        .map_err(|error| invalid(super::error::words(&error)))?
        .statement_cache_capacity(0)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    let Some(database) = options.get_database().map(ToOwned::to_owned) else {
        return Err(invalid("it names no database, as in mariadb://user@host/database"));
    };
    let label = match options.get_socket() {
        Some(socket) => format!("mariadb://{}/{database}", socket.display()),
        None => format!("mariadb://{}:{}/{database}", options.get_host(), options.get_port()),
    };
    if let Some(address) = unbracketed(options.get_host()) {
        options = options.host(&address);
    }
    Ok(Target { place: Place::Mariadb { options }, label, settings: SessionSettings::default() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_the_database_and_never_the_login() {
        for (url, label) in [
            ("sqlite:app.db", "sqlite:app.db"),
            ("sqlite://app.db?mode=rwc", "sqlite:app.db"),
            ("sqlite:///srv/app.db", "sqlite:/srv/app.db"),
            ("postgres://me:secret@db:5433/shop?schema=north&sslmode=require", "postgres://db:5433/shop?schema=north"),
            ("postgresql://me:secret@db/shop?password=secret2", "postgres://db:5432/shop"),
            ("mysql://me:secret@db/shop", "mariadb://db:3306/shop"),
            ("mariadb://me:secret@db:1/shop?ssl-mode=REQUIRED", "mariadb://db:1/shop"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.label(), label);
            assert!(!format!("{target:?} {target}").contains("secret"));
        }
    }

    #[test]
    fn an_ipv6_address_is_an_address_and_no_name() {
        for url in ["postgres://me:secret@[::1]:5433/shop", "mariadb://me:secret@[::1]:3307/shop"] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.label(), url.replace("me:secret@", ""));
            let host = match &target.place {
                Place::Postgres { options, .. } => options.get_host(),
                Place::Mariadb { options } => options.get_host(),
                Place::Sqlite { .. } => "",
            };
            assert_eq!(host, "::1");
        }
    }

    #[test]
    fn a_url_that_cannot_mean_one_database_is_refused_without_repeating_it() {
        for url in [
            "",
            "app.db",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite:x?mode=memory",
            "sqlite:x?vfs=y",
            "sqlite:file:x",
            "oracle://x",
            "mysql://secret@db/",
            "mysql://db/x?schema=y",
            "postgres://db/x?sslmod=require",
            "postgres://db/x?schema=",
            "postgres://db/x?schema=pg_temp",
            "postgres://me:secret@db:port/x",
            "postgres://me:12/secret@db/x",
            "postgres://me:12?secret@db/x",
            "postgres://me:12#secret@db/x",
            "mysql://me:12/secret@db/x",
            "mysql://me:12?secret=@db/x",
            "sqlite:x?key=secret",
            "postgres:me:secret@db/x",
            "mysql:me:secret@db/x",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_database_in_memory_is_refused_with_the_reason() {
        let error = Target::parse("sqlite::memory:").unwrap_err().to_string();
        assert!(error.contains("gone when the command ends"), "{error}");
    }
}
