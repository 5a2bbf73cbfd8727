//! Servers of one test's own, to be killed and to run out of space. The other tests' go on.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ptah_wasm::dialect::Dialect;
use tempfile::TempDir;

/// A PostgreSQL and a MariaDB that keep what they committed, as servers do in earnest. Stopped and removed when dropped.
pub struct OwnServers {
    folder: TempDir,
    postgres: String,
    mariadb: String,
}

fn script(verb: &str, folder: &Path, scarce: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(verb).arg(folder).env("PTAH_TEST_DURABLE", "1").stdin(Stdio::null());
    command.env("PTAH_TEST_SCARCE", scarce);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl OwnServers {
    /// Starts them.
    pub fn start() -> Self {
        Self::new("")
    }

    /// Starts them, until they are started again with room for 40 MB in all (MariaDB) or 24 MB in a file (PostgreSQL).
    pub fn start_with_scarce_space() -> Self {
        Self::new("1")
    }

    fn new(scarce: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("ptah-servers-").tempdir().unwrap();
        let lines = script("start", folder.path(), scarce);
        let url = |name: &str| {
            let found = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("no {name}: {lines}")).to_owned()
        };
        Self { postgres: url("PTAH_TEST_POSTGRES"), mariadb: url("PTAH_TEST_MARIADB"), folder }
    }

    /// Starts those again that do not run.
    pub fn start_again(&self) {
        script("start", self.folder.path(), "");
    }

    /// Stops them.
    pub fn stop(&self) {
        script("stop", self.folder.path(), "");
    }

    /// Where one's own database is.
    pub fn url(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => &self.postgres,
            Dialect::Mariadb => &self.mariadb,
        }
    }

    /// The process of one.
    pub fn process(&self, dialect: Dialect) -> String {
        let (prefix, file) = match dialect {
            Dialect::Mariadb => ("mariadb-", "data/mariadb.pid"),
            _ => ("postgres-", "data/postmaster.pid"),
        };
        let homes = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_meant = |home: &PathBuf| home.file_name().unwrap().to_string_lossy().starts_with(prefix);
        let home = homes.into_iter().find(is_meant).unwrap();
        let text = std::fs::read_to_string(home.join(file)).unwrap();
        text.lines().next().unwrap().trim().to_owned()
    }

    /// Ends one as `kill -9` does.
    pub fn kill(&self, dialect: Dialect) {
        let killed = Command::new("kill").arg("-KILL").arg(self.process(dialect)).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        self.stop();
    }
}
