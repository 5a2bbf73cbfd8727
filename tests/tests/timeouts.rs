//! What bounds a session of a database: its own timeouts, and the watchdog where they do not hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use ptah_wasm::database::{Connection, DatabaseError};
use ptah_wasm::dialect::{Dialect, SessionSettings};
use ptah_wasm_tests::target::TestTarget;
use ptah_wasm_tests::{on_databases, on_every_database};

/// A statement that takes minutes and waits for nothing.
fn slow(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000000) SELECT count(*) FROM c"
        }
        Dialect::Postgres => "SELECT pg_sleep(600)",
        Dialect::Mariadb => "SELECT count(*) FROM seq_1_to_10000000 a, seq_1_to_10000000 b WHERE a.seq + b.seq = 0",
    }
}

async fn connect(target: &TestTarget, settings: SessionSettings) -> Connection {
    target.target().with_settings(settings).connect_to_change().await.unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// With the table's one row changed and not committed.
async fn in_the_middle(target: &TestTarget, settings: SessionSettings) -> Connection {
    target.execute("CREATE TABLE t (n INTEGER)").await;
    target.execute("INSERT INTO t VALUES (1)").await;
    let mut connection = connect(target, settings).await;
    connection.begin().await.unwrap();
    connection.execute("UPDATE t SET n = 2").await.unwrap();
    connection
}

/// Nobody holds the row any more, and what was not committed is gone.
async fn is_free(target: &TestTarget) {
    let mut other = connect(target, SessionSettings::default()).await;
    other.begin().await.unwrap();
    assert_eq!(other.execute("UPDATE t SET n = 5 WHERE n = 1").await, Ok(1));
    other.commit().await.unwrap();
    other.close().await;
}

on_every_database! {
    async fn a_session_has_the_timeouts_that_were_asked_for(target: &TestTarget) {
        let settings = SessionSettings { statement_timeout: seconds(700), lock_timeout: seconds(3), idle_timeout: seconds(9), ..SessionSettings::default() };
        let mut connection = connect(target, settings).await;
        let (question, expected) = match target.dialect() {
            Dialect::Sqlite => ("SELECT * FROM pragma_busy_timeout", vec!["3000"]),
            Dialect::Postgres => (
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), \
                 current_setting('idle_in_transaction_session_timeout')",
                vec!["700s", "3s", "9s"],
            ),
            Dialect::Mariadb => (
                "SELECT @@max_statement_time, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@idle_transaction_timeout",
                vec!["700.000000", "3", "3", "9"],
            ),
        };
        let row: Vec<String> = connection.fetch(question).await.unwrap().remove(0).into_iter().flatten().collect();
        assert_eq!(row, expected);
        connection.close().await;
    }

    async fn a_slow_statement_is_stopped_and_nothing_stays_locked(target: &TestTarget) {
        let settings = SessionSettings { statement_timeout: seconds(1), ..SessionSettings::default() };
        let mut connection = in_the_middle(target, settings).await;
        let started = Instant::now();
        let error = connection.fetch(slow(target.dialect())).await.unwrap_err();
        assert!(matches!(error, DatabaseError::StatementTimeout { .. }), "{error:?}");
        assert!(error.to_string().contains("its limit is 1 s"), "{error}");
        assert!(started.elapsed() < seconds(4), "{:?}", started.elapsed());
        connection.rollback().await.unwrap();
        // The connection is good for more.
        assert_eq!(connection.fetch("SELECT n FROM t").await, Ok(vec![vec![Some("1".to_owned())]]));
        is_free(target).await;
    }

    async fn what_nobody_waits_for_any_more_is_ended_and_nothing_stays_locked(target: &TestTarget) {
        let mut connection = in_the_middle(target, SessionSettings::default()).await;
        let waited = tokio::time::timeout(Duration::from_millis(300), connection.fetch(slow(target.dialect()))).await;
        assert!(waited.is_err());
        assert_eq!(connection.execute("SELECT 1").await, Err(DatabaseError::Closed));
        let started = Instant::now();
        connection.rollback().await.unwrap();
        connection.close().await;
        assert!(started.elapsed() < seconds(3), "{:?}", started.elapsed());
        is_free(target).await;
    }
}

on_databases! {
    [postgres mariadb]
    async fn a_server_that_does_not_stop_a_statement_is_told_to(target: &TestTarget) {
        let settings = SessionSettings { statement_timeout: seconds(1), ..SessionSettings::default() };
        let mut connection = in_the_middle(target, settings).await;
        // As a pooler between the two might.
        connection.execute(match target.dialect() {
            Dialect::Postgres => "SET LOCAL statement_timeout = 0",
            _ => "SET SESSION max_statement_time = 0",
        }).await.unwrap();
        let started = Instant::now();
        let error = connection.fetch(slow(target.dialect())).await.unwrap_err();
        assert!(matches!(error, DatabaseError::StatementTimeout { .. }), "{error:?}");
        assert!(started.elapsed() > seconds(3) && started.elapsed() < seconds(8), "{:?}", started.elapsed());
        connection.rollback().await.unwrap();
        is_free(target).await;
    }

    [postgres mariadb]
    async fn a_session_that_idles_in_a_transaction_is_ended_and_nothing_stays_locked(target: &TestTarget) {
        let settings = SessionSettings { idle_timeout: seconds(1), ..SessionSettings::default() };
        let mut connection = in_the_middle(target, settings).await;
        tokio::time::sleep(seconds(3)).await;
        is_free(target).await;
        let error = connection.execute("UPDATE t SET n = 3").await.unwrap_err();
        assert!(matches!(error, DatabaseError::Lost(_)), "{error:?}");
        assert_eq!(connection.commit().await, Err(DatabaseError::Closed));
    }
}
