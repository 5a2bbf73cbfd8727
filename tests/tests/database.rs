//! Connections, transactions and errors, on every database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use ptah_wasm::database::{DatabaseError, Target};
use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

on_every_database! {
    async fn what_is_committed_stays_and_what_is_rolled_back_does_not(target: &TestTarget) {
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.execute("CREATE TABLE t (n INTEGER)").await.unwrap();
        connection.begin().await.unwrap();
        assert_eq!(connection.execute("INSERT INTO t VALUES (1), (2)").await, Ok(2));
        connection.commit().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (3)").await.unwrap();
        connection.rollback().await.unwrap();
        let rows = connection.fetch("SELECT n, NULL FROM t ORDER BY n").await.unwrap();
        assert_eq!(rows, [[Some("1".to_owned()), None], [Some("2".to_owned()), None]]);
        connection.close().await;
    }

    async fn a_dropped_connection_rolls_back(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        drop(connection);
        let mut other = target.target().connect_to_change().await.unwrap();
        other.begin().await.unwrap();
        assert_eq!(other.execute("INSERT INTO t VALUES (2)").await, Ok(1));
        other.commit().await.unwrap();
        assert_eq!(target.fetch("SELECT n FROM t").await, [[Some("2".to_owned())]]);
    }

    async fn after_an_error_only_a_rollback_is_taken(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert!(matches!(connection.execute("INSERT INTO missing VALUES (1)").await, Err(DatabaseError::Refused { .. })));
        assert!(matches!(connection.execute("INSERT INTO t VALUES (2)").await, Err(DatabaseError::Transaction(_))));
        assert!(matches!(connection.commit().await, Err(DatabaseError::Transaction(_))));
        connection.rollback().await.unwrap();
        assert_eq!(connection.fetch("SELECT n FROM t").await, Ok(vec![]));
    }

    async fn a_begin_inside_a_transaction_is_an_error_that_loses_nothing(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert!(matches!(connection.begin().await, Err(DatabaseError::Transaction(_))));
        connection.commit().await.unwrap();
        assert_eq!(target.fetch("SELECT n FROM t").await.len(), 1);
    }

    async fn a_cancelled_call_closes_the_connection_and_rolls_back(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        let slow = match target.dialect() {
            Dialect::Sqlite => {
                "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000) SELECT count(*) FROM c"
            }
            Dialect::Postgres => "SELECT pg_sleep(60)",
            Dialect::Mariadb => "SELECT SLEEP(60)",
        };
        let cancelled = tokio::time::timeout(Duration::from_millis(200), connection.fetch(slow)).await;
        assert!(cancelled.is_err());
        assert_eq!(connection.execute("INSERT INTO t VALUES (2)").await, Err(DatabaseError::Closed));
        assert_eq!(connection.commit().await, Err(DatabaseError::Closed));
        // A server would notice when the statement is over; it is told.
        let mut other = target.target().connect_to_change().await.unwrap();
        let waited = Instant::now();
        loop {
            match other.execute("DELETE FROM t").await {
                Ok(rows) => break assert_eq!(rows, 0),
                Err(DatabaseError::Busy { .. }) if waited.elapsed() < Duration::from_secs(5) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn no_row_value_is_in_an_error(target: &TestTarget) {
        target.execute("CREATE TABLE t (email VARCHAR(20) NOT NULL, n INTEGER, CONSTRAINT uq_email UNIQUE (email))").await;
        target.execute("INSERT INTO t (email) VALUES ('canary')").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        let error = connection.execute("INSERT INTO t (email) VALUES ('canary')").await.unwrap_err();
        assert!(matches!(error, DatabaseError::Refused { .. }));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert!(error.to_string().contains("email"), "{error}");
        if target.dialect() != Dialect::Sqlite {
            let error = connection.execute("INSERT INTO t (email, n) VALUES ('x', 'canary')").await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    async fn a_connection_to_look_cannot_write(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_look().await.unwrap().unwrap();
        for sql in ["INSERT INTO t VALUES (1)", "CREATE TABLE u (n INTEGER)"] {
            let error = connection.execute(sql).await.unwrap_err();
            assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
        }
        assert_eq!(target.tables().await, ["t"]);
    }

    async fn a_lock_held_by_another_session_is_waited_for_and_then_named(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        target.execute("INSERT INTO t VALUES (1)").await;
        let mut holder = target.target().connect_to_change().await.unwrap();
        holder.begin().await.unwrap();
        holder.execute("UPDATE t SET n = 2").await.unwrap();
        let mut other = target.target().connect_to_change().await.unwrap();
        let waited = Instant::now();
        let error = async {
            other.begin().await?;
            other.execute("UPDATE t SET n = 3").await
        }.await.unwrap_err();
        assert!(matches!(error, DatabaseError::Busy { .. }), "{error:?}");
        assert!(waited.elapsed() > Duration::from_millis(1_500) && waited.elapsed() < Duration::from_secs(5));
    }
}

fn on_sqlite(body: impl AsyncFn(&TestTarget)) {
    ptah_wasm_tests::target::run(Dialect::Sqlite, body);
}

fn on_postgres(body: impl AsyncFn(&TestTarget)) {
    ptah_wasm_tests::target::run(Dialect::Postgres, body);
}

fn on_mariadb(body: impl AsyncFn(&TestTarget)) {
    ptah_wasm_tests::target::run(Dialect::Mariadb, body);
}

#[test]
fn looking_creates_no_sqlite_file() {
    on_sqlite(async |target| {
        assert!(target.target().connect_to_look().await.unwrap().is_none());
        assert_eq!(std::fs::read_dir(target.folder()).unwrap().count(), 0);
    });
}

#[test]
fn a_file_without_write_permission_is_read_only_and_can_be_looked_at() {
    on_sqlite(async |target| {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let file = target.folder().join("test.db");
        let mut permissions = file.metadata().unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&file, permissions).unwrap();
        let error = target.target().connect_to_change().await.err().unwrap();
        assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
        let mut connection = target.target().connect_to_look().await.unwrap().unwrap();
        assert_eq!(connection.fetch("SELECT * FROM t").await, Ok(vec![]));
    });
}

#[test]
fn a_file_of_another_kind_is_no_database() {
    on_sqlite(async |target| {
        std::fs::write(target.folder().join("test.db"), "this is a text about many things, none of them a database")
            .unwrap();
        for error in [target.target().connect_to_change().await.err(), target.target().connect_to_look().await.err()] {
            assert!(matches!(error, Some(DatabaseError::NotADatabase(_))), "{error:?}");
        }
    });
}

#[test]
fn a_folder_that_is_not_there_is_unreachable() {
    on_sqlite(async |target| {
        let missing = Target::parse(&format!("sqlite:{}", target.folder().join("missing/test.db").display())).unwrap();
        assert!(matches!(missing.connect_to_change().await.err(), Some(DatabaseError::Unreachable { .. })));
    });
}

#[test]
fn the_journal_mode_of_a_file_is_kept() {
    on_sqlite(async |target| {
        target.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(connection.fetch("PRAGMA journal_mode").await.unwrap(), [[Some("wal".to_owned())]]);
    });
}

#[test]
fn a_server_that_does_not_listen_is_unreachable() {
    on_sqlite(async |_| {
        for url in ["postgres://me:secret@127.0.0.1:1/x", "mysql://me:secret@127.0.0.1:1/x"] {
            let error = Target::parse(url).unwrap().connect_to_change().await.err().unwrap();
            assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"));
        }
    });
}

#[test]
fn a_schema_in_the_url_is_the_only_one_that_names_are_looked_up_in() {
    on_postgres(async |target| {
        target.execute("CREATE SCHEMA \"No\"\"rth\"; CREATE TABLE public.t (n INTEGER)").await;
        let north = Target::parse(&format!("{}?schema=No%22rth", target.url())).unwrap();
        let mut connection = north.connect_to_change().await.unwrap();
        assert!(
            matches!(connection.fetch("SELECT * FROM t").await, Err(DatabaseError::Refused { code, .. }) if code == "42P01")
        );
        connection.execute("CREATE TABLE t (n INTEGER)").await.unwrap();
        let found = target.fetch("SELECT schemaname FROM pg_tables WHERE tablename = 't' ORDER BY 1").await;
        assert_eq!(found, [[Some("No\"rth".to_owned())], [Some("public".to_owned())]]);
    });
}

#[test]
fn a_schema_that_is_not_there_is_an_error_and_is_not_created() {
    on_postgres(async |target| {
        let north = Target::parse(&format!("{}?schema=north", target.url())).unwrap();
        let error = north.connect_to_change().await.err().unwrap().to_string();
        assert!(error.contains("CREATE SCHEMA \"north\""), "{error}");
        assert!(target.fetch("SELECT 1 FROM pg_namespace WHERE nspname = 'north'").await.is_empty());
    });
}

#[test]
fn a_database_set_to_read_only_is_read_only() {
    on_postgres(async |target| {
        target
            .execute(&format!(
                "ALTER DATABASE {} SET default_transaction_read_only = on",
                target.url().rsplit_once('/').unwrap().1
            ))
            .await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        let error = connection.execute("CREATE TABLE t (n INTEGER)").await.unwrap_err();
        assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error:?}");
    });
}

#[test]
fn other_sessions_see_who_is_connected() {
    on_postgres(async |target| {
        let _connection = target.target().connect_to_change().await.unwrap();
        let found = target.fetch("SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name <> ''").await;
        let name = found[0][0].clone().unwrap();
        assert!(name.starts_with("ptah-wasm ") && name.ends_with(&format!(":{}", std::process::id())), "{name}");
    });
}

#[test]
fn a_mariadb_url_names_a_database() {
    on_mariadb(async |target| {
        let server = target.url().rsplit_once('/').unwrap().0;
        assert!(matches!(Target::parse(server), Err(DatabaseError::Url(_))));
        let missing = Target::parse(&format!("{server}/ptah_missing")).unwrap();
        assert!(matches!(missing.connect_to_change().await.err(), Some(DatabaseError::Unreachable { .. })));
    });
}

#[test]
fn tls_that_the_url_demands_and_the_server_lacks_is_an_error() {
    on_postgres(async |target| {
        let demanding = Target::parse(&format!("{}?sslmode=require", target.url())).unwrap();
        let error = demanding.connect_to_change().await.err().unwrap();
        assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error:?}");
    });
    on_mariadb(async |target| {
        let demanding = Target::parse(&format!("{}?ssl-mode=REQUIRED", target.url())).unwrap();
        let error = demanding.connect_to_change().await.err().unwrap();
        assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error:?}");
    });
}

#[test]
fn a_session_that_died_is_lost_and_what_was_not_committed_is_gone() {
    on_postgres(async |target| {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = target.target().connect_to_change().await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        target
            .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ptah-wasm %' AND datname = current_database()")
            .await;
        assert!(matches!(connection.commit().await, Err(DatabaseError::CommitUnknown(_))));
        assert_eq!(connection.execute("SELECT 1").await, Err(DatabaseError::Closed));
        assert!(target.fetch("SELECT * FROM t").await.is_empty());
    });
}

#[test]
fn a_file_that_is_made_is_left_without_a_log_beside_it() {
    ptah_wasm_tests::target::run(Dialect::Sqlite, async |target| {
        let mut connection = target.target().connect_to_change().await.unwrap();
        let mode = connection.fetch("PRAGMA journal_mode").await.unwrap();
        assert_eq!(mode, [[Some("wal".to_owned())]]);
        connection.execute("CREATE TABLE t (x INTEGER)").await.unwrap();
        connection.close().await;
        assert_eq!(target.fetch("PRAGMA journal_mode").await, [[Some("delete".to_owned())]]);
        let files = std::fs::read_dir(target.folder()).unwrap().count();
        assert_eq!(files, 1);
        // What is there already is left as it is.
        target.execute("PRAGMA journal_mode = WAL").await;
        target.target().connect_to_change().await.unwrap().close().await;
        assert_eq!(target.fetch("PRAGMA journal_mode").await, [[Some("wal".to_owned())]]);
    });
}
