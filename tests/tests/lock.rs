//! One runner per target at a time, on every database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ptah_wasm::database::Target;
use ptah_wasm::dialect::Dialect;
use ptah_wasm::store::{LockError, WorkLock, acquire};
use ptah_wasm_tests::target::TestTarget;
use ptah_wasm_tests::{on_databases, on_every_database};

/// Another process that holds the lock.
struct Holder(Child);

impl Holder {
    fn of(target: &TestTarget) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hold-lock"))
            .arg(target.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }

    /// `kill -9`
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}

on_every_database! {
    async fn a_held_lock_is_refused_after_the_timeout_and_its_holder_is_named(target: &TestTarget) {
        let holder = Holder::of(target);
        let mut told = Vec::new();
        let started = Instant::now();
        let error = acquire(&target.target(), Duration::from_millis(700), |holder| told.push(holder.clone())).await.unwrap_err();
        let LockError::Held { holder: named, waited, .. } = error else { panic!("{error:?}") };
        assert!(waited >= Duration::from_millis(700) && started.elapsed() < Duration::from_secs(3), "{waited:?}");
        assert_eq!(told, std::slice::from_ref(&named), "told once");
        let expected = match target.dialect() {
            Dialect::Sqlite => format!("process {}", holder.0.id()),
            Dialect::Postgres => format!(":{} (PostgreSQL session ", holder.0.id()),
            // The server does not know the process behind a session.
            Dialect::Mariadb => "ptah@127.0.0.1:".to_owned(),
        };
        assert!(named.to_string().contains(&expected), "{named}");
    }

    async fn the_lock_of_a_killed_process_is_free_within_five_seconds(target: &TestTarget) {
        let mut holder = Holder::of(target);
        assert!(acquire(&target.target(), Duration::ZERO, |_| {}).await.is_err());
        holder.kill();
        let lock = acquire(&target.target(), Duration::from_secs(5), |_| {}).await.unwrap();
        lock.release().await;
    }

    async fn two_runs_of_one_process_exclude_each_other_too(target: &TestTarget) {
        let lock = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
        let error = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap_err();
        assert!(matches!(error, LockError::Held { .. }));
        lock.release().await;
        acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
    }

    async fn a_dropped_lock_is_free(target: &TestTarget) {
        drop(acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap());
        acquire(&target.target(), Duration::from_secs(5), |_| {}).await.unwrap();
    }

    async fn who_waits_gets_the_lock_when_it_is_released(target: &TestTarget) {
        let lock = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            lock.release().await;
        };
        let parsed = target.target();
        let (taken, ()) = tokio::join!(acquire(&parsed, Duration::from_secs(10), |_| {}), release);
        taken.unwrap();
    }

    async fn locks_of_two_databases_are_two(target: &TestTarget) {
        let other = TestTarget::new(target.dialect()).await;
        let _lock = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
        acquire(&other.target(), Duration::ZERO, |_| {}).await.unwrap();
    }

    async fn a_lock_is_checked_against_the_server(target: &TestTarget) {
        let mut lock = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
        lock.check().await.unwrap();
        let kill = match target.dialect() {
            Dialect::Sqlite => return,
            Dialect::Postgres => {
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())".to_owned()
            }
            Dialect::Mariadb => {
                let sessions = target.fetch("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()").await;
                format!("KILL {}", sessions[0][0].clone().unwrap())
            }
        };
        target.execute(&kill).await;
        assert!(matches!(lock.check().await, Err(LockError::Lost(_))));
        acquire(&target.target(), Duration::from_secs(5), |_| {}).await.unwrap();
    }
}

#[test]
fn two_schemas_of_one_database_have_two_locks() {
    ptah_wasm_tests::target::run(Dialect::Postgres, async |target| {
        target.execute("CREATE SCHEMA north; CREATE SCHEMA south").await;
        let schema = |name: &str| Target::parse(&format!("{}?schema={name}", target.url())).unwrap();
        let _lock = acquire(&schema("north"), Duration::ZERO, |_| {}).await.unwrap();
        acquire(&schema("south"), Duration::ZERO, |_| {}).await.unwrap();
        assert!(acquire(&schema("north"), Duration::ZERO, |_| {}).await.is_err());
    });
}

#[test]
fn a_folder_that_takes_no_lock_file_is_an_error_that_names_it() {
    ptah_wasm_tests::target::run(Dialect::Sqlite, async |target| {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let writable = target.folder().metadata().unwrap().permissions();
        let mut permissions = writable.clone();
        permissions.set_readonly(true);
        std::fs::set_permissions(target.folder(), permissions).unwrap();
        let error = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap_err();
        std::fs::set_permissions(target.folder(), writable).unwrap();
        assert!(matches!(&error, LockError::File { path, .. } if path.ends_with("test.db-ptah-lock")), "{error:?}");
        assert!(error.to_string().contains("read-only"), "{error}");
    });
}

#[test]
fn a_linked_database_has_one_lock() {
    ptah_wasm_tests::target::run(Dialect::Sqlite, async |target| {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link.db");
        #[cfg(unix)]
        std::os::unix::fs::symlink(target.folder().join("test.db"), &link).unwrap();
        let linked = Target::parse(&format!("sqlite:{}", link.display())).unwrap();
        let _lock = acquire(&target.target(), Duration::ZERO, |_| {}).await.unwrap();
        assert!(matches!(acquire(&linked, Duration::ZERO, |_| {}).await, Err(LockError::Held { .. })));
    });
}

/// Where a link leads to before there is anything counts already.
#[test]
#[cfg(unix)]
fn a_link_to_a_database_that_is_not_there_yet_has_its_lock() {
    ptah_wasm_tests::target::run(Dialect::Sqlite, async |target| {
        let (one, other) = (target.folder().join("one.db"), target.folder().join("other.db"));
        std::os::unix::fs::symlink("other.db", &one).unwrap();
        std::os::unix::fs::symlink(target.folder().join("made.db"), &other).unwrap();
        let [linked, made] = [one, target.folder().join("made.db")]
            .map(|file| Target::parse(&format!("sqlite:{}", file.display())).unwrap());
        let _lock = acquire(&linked, Duration::ZERO, |_| {}).await.unwrap();
        assert!(matches!(acquire(&made, Duration::ZERO, |_| {}).await, Err(LockError::Held { .. })));
    });
}

on_databases! {
    [postgres mariadb] async fn the_last_statement_of_a_run_that_died_is_waited_for(target: &TestTarget) {
        let mut dead = target.target().connect_to_change().await.unwrap();
        WorkLock::enter(&mut dead, Duration::ZERO).await.unwrap();
        let mut next = target.target().connect_to_change().await.unwrap();
        let held = WorkLock::enter(&mut next, Duration::from_millis(300)).await.unwrap_err().to_string();
        assert!(held.contains("of a run that ended is at its last statement still"), "{held}");
        // The runner is gone in the middle of a statement, which the server goes on with for a while.
        let (sleep, running) = match target.dialect() {
            Dialect::Mariadb => ("sleep(2)", "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'CREATE%'"),
            _ => ("pg_sleep(2)::text", "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE%' AND state = 'active'"),
        };
        let statement = &format!("CREATE TABLE t AS SELECT {sleep} AS a");
        tokio::time::timeout(Duration::from_millis(300), dead.execute(statement)).await.unwrap_err();
        drop(dead);
        let work = WorkLock::enter(&mut next, Duration::from_secs(20)).await.unwrap();
        assert!(next.fetch(running).await.unwrap().is_empty());
        work.release(&mut next).await;
        WorkLock::enter(&mut target.target().connect_to_change().await.unwrap(), Duration::ZERO).await.unwrap();
    }
}
