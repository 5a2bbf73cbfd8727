//! A run that ends in the middle of a step: killed, interrupted, or kept out by another one.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::migrate::{Migrator, Options};
use ptah_wasm::sandbox::Compiler;
use ptah_wasm_tests::binary::{Done, Running, binary, ptah};
use ptah_wasm_tests::dump::{self, dump};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, SqliteConnection};

use crate::{on, pages, put};

/// Its step 002 has four statements, of which the third changes the table `gate`.
fn work() -> GuestPackage {
    GuestPackage::new("work")
        .revision("001", &[], "Make")
        .upgrade([
            create_table("work", |t| {
                t.id("id");
                t.varchar("name", 50).not_null();
            }),
            create_table("gate", |t| {
                t.id("id");
                t.integer("number");
            }),
            bulk_insert("gate", ["number"], [(1,)]),
        ])
        .revision("002", &["001"], "Widen")
        .upgrade([
            add_column("work", Column::text("more")),
            // With ids of its own: counters are not rolled back anywhere.
            bulk_insert("work", ["id", "name"], (1..100).map(|at| (at, format!("name {at}"))).collect::<Vec<_>>()),
            add_column("gate", Column::text("more")),
            create_index("work", Index::new("work_name", ["name"])),
        ])
        .revision("003", &["002"], "Widen again")
        .upgrade([add_column("work", Column::text("last"))])
}

/// A session of the test's own that holds `gate`, so that a run stops there: on SQLite at the end of the step.
enum Hold {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mariadb(MySqlConnection),
}

impl Hold {
    async fn gate(target: &TestTarget) -> Self {
        let query = |sql: &str| sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match target.dialect() {
            Dialect::Sqlite => {
                let mut connection = SqliteConnection::connect(target.url()).await.unwrap();
                query("BEGIN; SELECT * FROM gate").fetch_all(&mut connection).await.unwrap();
                Self::Sqlite(connection)
            }
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(target.url()).await.unwrap();
                query("BEGIN; LOCK TABLE gate IN SHARE MODE").execute(&mut connection).await.unwrap();
                Self::Postgres(connection)
            }
            Dialect::Mariadb => {
                let mut connection = MySqlConnection::connect(target.url()).await.unwrap();
                query("START TRANSACTION").execute(&mut connection).await.unwrap();
                query("SELECT * FROM gate").fetch_all(&mut connection).await.unwrap();
                Self::Mariadb(connection)
            }
        }
    }

    async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::Mariadb(connection) => connection.close().await.unwrap(),
        }
    }
}

/// Whether a session of the run waits for the gate; on SQLite whether its step is under way.
async fn is_waiting(target: &TestTarget) -> bool {
    let sql = match target.dialect() {
        Dialect::Sqlite => return target.folder().join("test.db-journal").exists(),
        Dialect::Postgres => {
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        Dialect::Mariadb => {
            "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%' AND info LIKE 'ALTER%'"
        }
    };
    !target.fetch(sql).await.is_empty()
}

async fn until(what: &str, patience: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// A run of step 002 that stands at the gate.
async fn at_the_gate(target: &TestTarget) -> (Running, Hold) {
    put(target.folder(), "work.wasm", &work());
    on(target, "upgrade work.wasm:001").ok();
    let hold = Hold::gate(target).await;
    let run = on(target, "upgrade work.wasm").start();
    until("the run waits at the gate", Duration::from_secs(30), async || is_waiting(target).await).await;
    (run, hold)
}

/// A run that was sent a signal at the gate, and its own target. A run waits for two seconds there: where the machine is
/// so busy that they had passed before, another one is tried.
async fn interrupted_at_the_gate(dialect: Dialect, signal: &str) -> (TestTarget, Done) {
    for _ in 0..5 {
        let target = TestTarget::new(dialect).await;
        let (run, hold) = at_the_gate(&target).await;
        run.signal(signal);
        tokio::time::sleep(Duration::from_millis(300)).await;
        hold.release().await;
        let done = run.wait();
        if done.status.code() != Some(6) {
            return (target, done);
        }
    }
    panic!("no run was there in time for the signal")
}

/// What an undisturbed upgrade leaves.
async fn undisturbed(dialect: Dialect, package: &GuestPackage) -> String {
    let target = TestTarget::new(dialect).await;
    put(target.folder(), "work.wasm", package);
    on(&target, "upgrade work.wasm").ok();
    dump(&target).await
}

on_every_database! {
    async fn a_run_that_is_killed_in_the_middle_is_settled_by_the_next(target: &TestTarget) {
        put(target.folder(), "work.wasm", &work());
        on(target, "upgrade work.wasm:001").ok();
        let before = dump(target).await;
        let (run, hold) = at_the_gate(target).await;
        let done = run.kill();
        assert!(done.stderr.contains("work: running upgrade 001 -> 002"), "{}", done.stderr);
        until("nobody waits any more", Duration::from_secs(10), async || {
            target.dialect() == Dialect::Sqlite || !is_waiting(target).await
        }).await;
        hold.release().await;
        if target.dialect() == Dialect::Mariadb {
            on(target, "current work.wasm").ok().prints(&["work: 001 (2 pending)"]);
            on(target, "current").ok().says(&["work: upgrade 002 is under way or was cut short, partial 2 of 4"]);
            // What an application that refuses to start on a half-made schema asks.
            let options = Options { compiler: Compiler::Program(binary()), ..Options::default() };
            let migrator = Migrator::with_options(target.url(), options).unwrap();
            let package = migrator.open(target.folder().join("work.wasm")).unwrap();
            let refusal = migrator.check(&[package]).await.unwrap_err().to_string();
            assert!(refusal.contains("upgrade 002 is under way or was cut short"), "{refusal}");
            let account = dump::whole(target).await;
            on(target, "upgrade --dry-run work.wasm").run().ends(4).says(&["the next run that changes the target settles it"]);
            let explained = on(target, "repair").ok();
            assert!(explained.stdout.contains("work upgrade 002 was begun and not finished"), "{}", explained.stdout);
            assert!(explained.stdout.contains("the next run that changes the target goes on from there"), "{}", explained.stdout);
            assert_eq!(dump::whole(target).await, account);
            // Whatever the statement in flight came to.
            let next = on(target, "upgrade work.wasm").ok().says(&["work: resuming upgrade 002 after ", "running upgrade 002 -> 003"]);
            assert!(!next.stderr.contains("running upgrade 001"), "{}", next.stderr);
        } else {
            assert_eq!(dump(target).await, before);
            on(target, "upgrade work.wasm").ok().says(&["running upgrade 001 -> 002", "running upgrade 002 -> 003"]);
        }
        let plain = TestTarget::new(target.dialect()).await;
        put(plain.folder(), "work.wasm", &work());
        on(&plain, "upgrade work.wasm:001").ok();
        on(&plain, "upgrade work.wasm").ok();
        assert_eq!(dump(target).await, dump(&plain).await);
    }

    async fn an_interrupt_finishes_the_step_or_rolls_it_back_and_says_which(target: &TestTarget) {
        for signal in ["INT", "TERM"] {
            let (target, done) = interrupted_at_the_gate(target.dialect(), signal).await;
            let done = done.ends(130).says(&["interrupted: stopping"]);
            let finished = done.stderr.contains("error: work: upgrade 003: ");
            let (at, words) = match finished {
                true => ("work: 002 (1 pending)", "nothing of this step was applied"),
                false => ("work: 001 (2 pending)", "error: work: upgrade 002: "),
            };
            assert!(done.stderr.contains(words), "{}", done.stderr);
            assert!(finished || done.stderr.contains("rolled back"), "{}", done.stderr);
            assert!(finished || target.dialect() != Dialect::Mariadb, "{}", done.stderr);
            assert!(!finished || target.dialect() != Dialect::Postgres, "{}", done.stderr);
            on(&target, "current work.wasm").ok().prints(&[at]);
            on(&target, "upgrade work.wasm").ok();
            on(&target, "current work.wasm").ok().prints(&["work: 003 (head)"]);
            let failed = "SELECT COUNT(*) FROM ptah_db_history WHERE outcome <> 'applied'";
            assert_eq!(target.fetch(failed).await, [[Some("0".to_owned())]]);
        }
    }

    async fn an_interrupt_while_a_guest_runs_changes_nothing(target: &TestTarget) {
        let package = pages().revision("003", &["002"], "Spin").upgrade([Action::Message(Level::Info, "spinning".into()), Action::Loop]);
        put(target.folder(), "pages.wasm", &package);
        on(target, "upgrade pages.wasm:001").ok();
        let before = dump::whole(target).await;
        let run = on(target, "upgrade pages.wasm").start();
        std::thread::sleep(Duration::from_millis(300));
        run.signal("INT");
        let done = run.wait();
        // Out of fuel before the signal came, on a fast machine.
        if done.status.code() != Some(5) {
            done.ends(130).says(&["interrupted: nothing was changed"]);
        }
        assert_eq!(dump::whole(target).await, before);
    }

    async fn a_run_that_waits_names_the_holder_and_goes_on_when_that_one_dies(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        on(target, "upgrade pages.wasm:001").ok();
        let mut holder = Command::new(env!("CARGO_BIN_EXE_hold-lock"))
            .arg(target.url()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        let name = match target.dialect() {
            Dialect::Mariadb => "MariaDB session".to_owned(),
            _ => holder.id().to_string(),
        };
        let done = on(target, "upgrade --lock-timeout 1 pages.wasm").run().ends(7);
        let done = done.says(&["waiting for the target", "is locked by another run", &name]);
        assert!(!done.stderr.contains("running upgrade"), "{}", done.stderr);
        // Looking needs no lock, nor does a run with nothing to do.
        on(target, "current pages.wasm").ok().prints(&["pages: 001 (1 pending)"]);
        on(target, "upgrade --lock-timeout 0 pages.wasm:001").ok();
        let interrupted = on(target, "upgrade pages.wasm").start();
        let waiting = on(target, "upgrade pages.wasm").start();
        std::thread::sleep(Duration::from_millis(500));
        interrupted.signal("INT");
        interrupted.wait().ends(130).says(&["interrupted: nothing was changed"]);
        holder.kill().unwrap();
        let killed = Instant::now();
        waiting.wait().ends(0).says(&["pages: running upgrade 001 -> 002"]);
        assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
        holder.wait().unwrap();
    }

    async fn runs_at_once_do_each_step_once(target: &TestTarget) {
        put(target.folder(), "work.wasm", &work());
        let runs: Vec<Running> = (0..4).map(|_| on(target, "upgrade work.wasm").start()).collect();
        let mut applied = 0;
        for run in runs {
            applied += run.wait().ends(0).stderr.matches("work: running upgrade").count();
        }
        assert_eq!(applied, 3);
        assert_eq!(dump(target).await, undisturbed(target.dialect(), &work()).await);
    }
}

#[test]
fn bookkeeping_tables_that_were_made_in_part_are_completed() {
    ptah_wasm_tests::target::run(Dialect::Mariadb, async |target: &TestTarget| {
        put(target.folder(), "work.wasm", &work());
        on(target, "upgrade work.wasm").ok();
        let expected = dump(target).await;
        // A run that ended in the first statements of all, each of which commits by itself, leaves this.
        for left in [
            "ptah_db_versions, ptah_db_history, ptah_db_journal",
            "ptah_db_history, ptah_db_journal",
            "ptah_db_journal",
        ] {
            let target = TestTarget::new(Dialect::Mariadb).await;
            put(target.folder(), "work.wasm", &work());
            on(&target, "upgrade work.wasm").ok();
            target.execute("DROP TABLE work").await;
            target.execute("DROP TABLE gate").await;
            for table in ["versions", "history", "objects", "journal"] {
                target.execute(&format!("DELETE FROM ptah_db_{table}")).await;
            }
            target.execute(&format!("DROP TABLE {left}")).await;
            on(&target, "upgrade work.wasm").ok();
            assert_eq!(dump(&target).await, expected, "without {left}");
        }
    });
}

/// A Python that ends as an interrupted one does, once it is told.
const PYTHON: &str = "#!/bin/sh
[ \"$2\" = -c ] && exit 0
touch at-work
while [ ! -e go ]; do sleep 0.05; done
echo '{\"error\": {\"kind\": \"interrupted\", \"message\": \"interrupted: no component was made\"}}'
";

#[test]
#[cfg(unix)]
fn an_import_that_is_interrupted_says_so_and_leaves_no_files_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let (python, temporary) = (folder.path().join("python"), folder.path().join("tmp"));
        std::fs::write(&python, PYTHON).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(&temporary).unwrap();
        let import = ptah(folder.path()).args("import alembic app").env("PTAH_PYTHON", &python);
        let run = import.env("TMPDIR", &temporary).start();
        while !folder.path().join("at-work").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        run.signal(signal);
        std::fs::write(folder.path().join("go"), "").unwrap();
        run.wait().ends(130).says(&["interrupted: stopping", "error: interrupted: no component was made"]);
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    }
}
