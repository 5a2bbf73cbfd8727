//! A fresh, empty database for one test, on each of the three databases. A server that does not run is
//! started with `tests/servers.sh`; if that fails the test fails, it is never skipped.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ptah_wasm::database::Target;
use ptah_wasm::dialect::Dialect;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, Row, SqliteConnection, ValueRef};
use tempfile::TempDir;

/// Declares tests that run once on each database:
///
/// ```text
/// on_every_database! {
///     async fn a_fresh_database_is_empty(target: &TestTarget) {
///         assert!(target.fetch("SELECT 1").await.len() == 1);
///     }
/// }
/// ```
///
/// Each becomes a module of the test's name with the tests `sqlite`, `postgres` and `mariadb`.
#[macro_export]
macro_rules! on_every_database {
    ($($(#[$meta:meta])* async fn $name:ident($target:ident: &TestTarget) $body:block)+) => {
        $crate::on_databases! {$(
            $(#[$meta])* [sqlite postgres mariadb] async fn $name($target: &TestTarget) $body
        )+}
    };
}

/// As [`on_every_database`], for what only some of them have or do: `[postgres mariadb] async fn …`.
#[macro_export]
macro_rules! on_databases {
    (@tests [] $(#[$meta:meta])*) => {};
    (@tests [$dialect:ident $($others:ident)*] $(#[$meta:meta])*) => {
        $(#[$meta])*
        #[test]
        fn $dialect() {
            $crate::target::run(stringify!($dialect).parse().unwrap(), body);
        }

        $crate::on_databases!(@tests [$($others)*] $(#[$meta])*);
    };
    ($($(#[$meta:meta])* $dialects:tt async fn $name:ident($target:ident: &TestTarget) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($target: &$crate::target::TestTarget) $body

            $crate::on_databases!(@tests $dialects $(#[$meta])*);
        }
    )+};
}

/// Runs a test's body on a fresh database, where no runtime is at work.
pub fn run<T>(dialect: Dialect, body: impl AsyncFnOnce(&TestTarget) -> T) -> T {
    runtime().block_on(async {
        let target = TestTarget::new(dialect).await;
        body(&target).await
    })
}

/// Waits for what a test asks of a database, where no runtime is at work.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

/// Runs statements where no runtime is at work, as some other program would.
pub fn execute_on(dialect: Dialect, url: &str, sql: &str) {
    try_execute_on(dialect, url, sql).unwrap_or_else(|error| panic!("{dialect}: {sql}: {error}"));
}

/// As [`execute_on`], for statements that may be refused.
///
/// # Errors
/// What the database answers.
pub fn try_execute_on(dialect: Dialect, url: &str, sql: &str) -> Result<(), sqlx::Error> {
    runtime().block_on(send(dialect, url, sql))
}

async fn send(dialect: Dialect, url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    match dialect {
        Dialect::Sqlite => {
            let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await?;
            query.execute(&mut connection).await?;
            connection.close().await
        }
        Dialect::Postgres => {
            let mut connection = PgConnection::connect(url).await?;
            query.execute(&mut connection).await?;
            connection.close().await
        }
        Dialect::Mariadb => {
            let mut connection = MySqlConnection::connect(url).await?;
            query.execute(&mut connection).await?;
            connection.close().await
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One database, gone when dropped.
pub struct TestTarget {
    dialect: Dialect,
    url: String,
    /// The same for the driver, which knows no `?schema=`.
    login: String,
    /// Where its server's own database is; on SQLite nowhere.
    server: String,
    /// The database's name on a server; empty for one that is not dropped.
    name: String,
    /// Holds the database of a server that is used again and again, for this target alone.
    _hold: Option<PgConnection>,
    /// The test's own folder; on SQLite the file is in it.
    folder: TempDir,
}

impl TestTarget {
    /// Creates it.
    pub async fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::on_server(dialect, "").await,
            Dialect::Postgres => Self::emptied(&servers().postgres).await,
            Dialect::Mariadb => Self::on_server(dialect, &servers().mariadb).await,
        }
    }

    /// One of the databases of a PostgreSQL server that tests use one after the other: to make one takes the server longer
    /// than most tests take. It is emptied before.
    async fn emptied(server: &str) -> Self {
        let mut hold = PgConnection::connect(server).await.unwrap();
        let mut number = 0;
        while !yes(&mut hold, &format!("SELECT pg_try_advisory_lock({TEST}, {number})")).await {
            number += 1;
        }
        let name = format!("ptah_t_{number}");
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        if yes(&mut hold, &format!("SELECT count(*) = 1 FROM pg_database WHERE datname = '{name}'")).await {
            // Sessions of a process that was killed may still be at work.
            let of_clients =
                format!("FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'client backend'");
            while !yes(&mut hold, &format!("SELECT count(pg_terminate_backend(pid)) = 0 {of_clients}")).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            admin(Dialect::Postgres, server, &format!("ALTER DATABASE {name} RESET ALL")).await;
            if send(Dialect::Postgres, &url, EMPTY).await.is_err() {
                // It holds more than one transaction can drop.
                admin(Dialect::Postgres, server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
                admin(Dialect::Postgres, server, &create).await;
            }
        } else {
            admin(Dialect::Postgres, server, &create).await;
        }
        let folder = tempfile::Builder::new().prefix("ptah-test-").tempdir().unwrap();
        Self {
            dialect: Dialect::Postgres,
            login: url.clone(),
            url,
            server: server.to_owned(),
            name: String::new(),
            _hold: Some(hold),
            folder,
        }
    }

    /// Creates it on a server of one's own, given as the tests' servers are.
    pub async fn on_server(dialect: Dialect, server: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ptah_t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::Builder::new().prefix("ptah-test-").tempdir().unwrap();
        let (drop, create) = match dialect {
            Dialect::Sqlite => ("", ""),
            Dialect::Postgres => (" WITH (FORCE)", " TEMPLATE template0 ENCODING 'UTF8'"),
            Dialect::Mariadb => ("", " CHARACTER SET utf8mb4"),
        };
        admin(dialect, server, &format!("DROP DATABASE IF EXISTS {name}{drop}")).await;
        admin(dialect, server, &format!("CREATE DATABASE {name}{create}")).await;
        let url = match dialect {
            Dialect::Sqlite => format!("sqlite:{}", folder.path().join("test.db").display()),
            _ => format!("{}/{name}", server.rsplit_once('/').unwrap().0),
        };
        Self { dialect, login: url.clone(), url, server: server.to_owned(), name, _hold: None, folder }
    }

    /// So many more targets as one operator has them: SQLite files in one folder, schemas of this PostgreSQL database,
    /// MariaDB databases.
    pub async fn tenants(&self, count: usize) -> Vec<TestTarget> {
        let mut tenants = Vec::new();
        for number in 0..count {
            tenants.push(match self.dialect {
                Dialect::Postgres => {
                    let schema = format!("tenant_{number}");
                    self.execute(&format!("CREATE SCHEMA {schema}")).await;
                    TestTarget {
                        dialect: self.dialect,
                        url: format!("{}?schema={schema}", self.url),
                        login: format!("{}?options=-csearch_path%3D{schema}", self.url),
                        server: self.server.clone(),
                        name: String::new(),
                        _hold: None,
                        folder: tempfile::Builder::new().prefix("ptah-test-").tempdir().unwrap(),
                    }
                }
                Dialect::Sqlite | Dialect::Mariadb => TestTarget::new(self.dialect).await,
            });
        }
        tenants
    }

    /// Which kind of database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Its URL, for `--database`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL for the driver, which knows no `?schema=`.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Its URL, parsed.
    pub fn target(&self) -> Target {
        Target::parse(&self.url).unwrap()
    }

    /// A folder of the test's own. On SQLite it holds `test.db`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs statements as some other program would, on a connection of its own; on SQLite it creates the file.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.dialect));
    }

    /// As [`Self::execute`], for statements that may be refused.
    pub async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        send(self.dialect, &self.login, sql).await
    }

    /// The rows of a query, every value as text.
    pub async fn fetch(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.fetch_all(&[sql.to_owned()]).await.pop().unwrap()
    }

    /// The rows of each query, all asked on one connection.
    pub async fn fetch_all(&self, queries: &[String]) -> Vec<Vec<Vec<Option<String>>>> {
        let query = |sql: &String| sqlx::raw_sql(AssertSqlSafe(sql.clone()));
        let mut answers = Vec::new();
        match self.dialect {
            Dialect::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.login).await.unwrap();
                for sql in queries {
                    let rows = query(sql).fetch_all(&mut connection).await.unwrap();
                    let texts = rows
                        .iter()
                        .map(|row| (0..row.len()).map(|at| text(row.try_get_unchecked(at).unwrap())).collect());
                    answers.push(texts.collect());
                }
            }
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&self.login).await.unwrap();
                let value = |row: &sqlx::postgres::PgRow, at| {
                    let value = row.try_get_raw(at).unwrap();
                    (!value.is_null()).then(|| value.as_str().unwrap().to_owned())
                };
                for sql in queries {
                    let rows = query(sql).fetch_all(&mut connection).await.unwrap();
                    answers.push(rows.iter().map(|row| (0..row.len()).map(|at| value(row, at)).collect()).collect());
                }
            }
            Dialect::Mariadb => {
                let mut connection = MySqlConnection::connect(&self.login).await.unwrap();
                for sql in queries {
                    let rows = query(sql).fetch_all(&mut connection).await.unwrap();
                    let texts = rows
                        .iter()
                        .map(|row| (0..row.len()).map(|at| text(row.try_get_unchecked(at).unwrap())).collect());
                    answers.push(texts.collect());
                }
            }
        }
        answers
    }

    /// The tables that are there, sorted.
    pub async fn tables(&self) -> Vec<String> {
        let sql = match self.dialect {
            Dialect::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
            }
            Dialect::Postgres => "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
            Dialect::Mariadb => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
            }
        };
        self.fetch(sql).await.into_iter().flatten().flatten().collect()
    }
}

/// The first of the two numbers of the advisory locks by which tests hold databases.
const TEST: i32 = 0x7465_7374;

/// Leaves a PostgreSQL database as a new one is. Schema by schema: a transaction that drops many holds more locks than there are.
const EMPTY: &str = "DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('DROP EVENT TRIGGER %I', name); END LOOP; \
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); COMMIT; END LOOP; \
    CREATE SCHEMA public; \
    IF current_setting('server_version_num')::int < 150000 THEN GRANT ALL ON SCHEMA public TO PUBLIC; \
    ELSE ALTER SCHEMA public OWNER TO pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC; END IF; END $$";

/// What a question answers that is answered with one truth.
async fn yes(connection: &mut PgConnection, question: &str) -> bool {
    sqlx::raw_sql(AssertSqlSafe(question.to_owned())).fetch_one(connection).await.unwrap().try_get(0).unwrap()
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

impl Drop for TestTarget {
    fn drop(&mut self) {
        let (dialect, server, name) = (self.dialect, self.server.clone(), self.name.clone());
        let drop_it = match dialect {
            Dialect::Sqlite => return,
            _ if name.is_empty() => return,
            Dialect::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            Dialect::Mariadb => format!("DROP DATABASE IF EXISTS {name}"),
        };
        // In a thread of its own, as a runtime may be at work in this one.
        let _ = std::thread::spawn(move || runtime().block_on(admin(dialect, &server, &drop_it))).join();
    }
}

/// Runs one statement on a server's own database.
async fn admin(dialect: Dialect, server: &str, sql: &str) {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let done = match dialect {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => async { query.execute(&mut PgConnection::connect(server).await?).await.map(|_| ()) }.await,
        Dialect::Mariadb => {
            async { query.execute(&mut MySqlConnection::connect(server).await?).await.map(|_| ()) }.await
        }
    };
    done.unwrap_or_else(|error| panic!("{dialect}: {sql}: {error}"));
}

/// The servers' URLs: `PTAH_TEST_POSTGRES` (with a database to log in to) and `PTAH_TEST_MARIADB` (ending
/// in `/`).
pub struct Servers {
    /// PostgreSQL.
    pub postgres: String,
    /// MariaDB.
    pub mariadb: String,
}

/// From the environment, or started once per process.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        if let (Some(postgres), Some(mariadb)) = (given("PTAH_TEST_POSTGRES"), given("PTAH_TEST_MARIADB")) {
            return Servers { postgres, mariadb };
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers.sh");
        let output =
            Command::new("bash").arg(&script).arg("start").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        assert!(output.status.success(), "the test servers did not start: {}", output.status);
        let lines = String::from_utf8(output.stdout).unwrap();
        let line = |name: &str| {
            let value = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            given(name).or(value.map(str::to_owned)).unwrap_or_else(|| panic!("tests/servers.sh printed no {name}"))
        };
        Servers { postgres: line("PTAH_TEST_POSTGRES"), mariadb: line("PTAH_TEST_MARIADB") }
    })
}
