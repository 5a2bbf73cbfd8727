//! Other sessions that hold locks on a package's tables, and statements that take too long.

use std::time::{Duration, Instant};

use ptah_wasm::database::Connection;
use ptah_wasm::dialect::SessionSettings;
use ptah_wasm::migrate::ErrorKind;
use ptah_wasm::policy::Limits;
use ptah_wasm_tests::on_every_database;

use super::*;

fn shop() -> GuestPackage {
    GuestPackage::new("shop")
        .revision("001", &[], "Create orders")
        .upgrade([
            create_table("orders", |t| {
                t.id("id");
                t.integer("n");
            }),
            bulk_insert("orders", ["n"], [(1,), (2,)]),
        ])
        .revision("002", &["001"], "Change orders")
        .upgrade([add_column("orders", Column::integer("m")), execute(r#"UPDATE "orders" SET "n" = "n" + 1"#, ())])
}

/// At revision 001, with a migrator that waits for locks for so long.
async fn at_first<'t>(target: &'t TestTarget, patience: Duration, session: SessionSettings) -> (Run<'t>, Arc<Package>) {
    let lock_timeout = patience;
    let limits = Limits { session, ..Limits::default() };
    let run = Run::with(target, Options { lock_timeout, limits, ..options() });
    let package = run.open(&shop());
    let goal = Upgrade { goal: Goal::Revision("001".into()), ..Upgrade::to_head(package.clone()) };
    run.upgrade_as(goal).await.unwrap();
    run.said();
    (run, package)
}

/// Some other program in the middle of its work.
async fn holder(target: &TestTarget) -> Connection {
    let mut holder = target.target().connect_to_change().await.unwrap();
    holder.begin().await.unwrap();
    holder.execute("UPDATE orders SET n = n WHERE id = 1").await.unwrap();
    holder
}

fn quick() -> SessionSettings {
    SessionSettings { lock_timeout: Duration::from_secs(1), ..SessionSettings::default() }
}

on_every_database! {
    async fn a_step_waits_while_another_program_holds_its_table(target: &TestTarget) {
        let (run, package) = at_first(target, Duration::from_secs(60), quick()).await;
        let mut holder = holder(target).await;
        let (upgraded, ()) = tokio::join!(run.upgrade(&package), async {
            tokio::time::sleep(Duration::from_millis(3_500)).await;
            holder.rollback().await.unwrap();
        });
        upgraded.unwrap();
        let said = run.said();
        assert_eq!(said, [
            "shop: running upgrade 001 -> 002, Change orders",
            "shop: upgrade 002: another session holds a lock, trying again",
        ]);
        assert_eq!(target.fetch("SELECT n FROM orders ORDER BY id").await, [[Some("2".to_owned())], [Some("3".to_owned())]]);
        assert_eq!(run.history().await, ["shop upgrade 001 applied", "shop upgrade 002 applied"]);
        run.model_holds("shop").await;
    }

    async fn a_step_that_stays_blocked_says_so_and_changes_nothing(target: &TestTarget) {
        let (run, package) = at_first(target, Duration::from_secs(3), quick()).await;
        let before = run.catalog().await;
        let mut held = holder(target).await;
        let started = Instant::now();
        let error = run.upgrade(&package).await.unwrap_err();
        let took = started.elapsed();
        assert!(took > Duration::from_secs(2), "{took:?}");
        let text = error.to_string();
        for part in ["shop: upgrade 002: on ", target.target().label(), "another session holds a lock that is needed"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        held.rollback().await.unwrap();
        assert_eq!(run.versions().await, ["shop 001"]);
        assert!(run.catalog().await == before);
        // Nothing of the first try is in the way of the next.
        run.upgrade(&package).await.unwrap();
        assert_eq!(target.fetch("SELECT n FROM orders ORDER BY id").await, [[Some("2".to_owned())], [Some("3".to_owned())]]);
        run.model_holds("shop").await;
    }
}

on_every_database! {
    async fn without_patience_a_step_is_tried_once(target: &TestTarget) {
        let (run, package) = at_first(target, Duration::ZERO, quick()).await;
        let mut held = holder(target).await;
        run.upgrade(&package).await.unwrap_err();
        assert_eq!(run.said(), ["shop: running upgrade 001 -> 002, Change orders"]);
        held.rollback().await.unwrap();
    }

    async fn a_statement_that_takes_too_long_is_stopped_and_named(target: &TestTarget) {
        let session = SessionSettings { statement_timeout: Duration::from_secs(1), ..SessionSettings::default() };
        let (run, package) = at_first(target, Duration::from_secs(60), session).await;
        slow_down(target).await;
        let error = run.upgrade(&package).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::Refused { .. }), "{error:?}");
        let text = error.to_string();
        for part in ["shop: upgrade 002: on ", target.target().label(), "statement 2 of 2", "its limit is 1 s", "UPDATE"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert_eq!(run.versions().await, ["shop 001"]);
        // Nobody holds a row any more.
        target.execute("DELETE FROM orders WHERE id = 7").await;
    }
}

/// Makes every change of an order take minutes.
async fn slow_down(target: &TestTarget) {
    match target.dialect() {
        Dialect::Sqlite => {
            target.execute("CREATE TABLE many (n INTEGER)").await;
            target
                .execute(
                    "INSERT INTO many WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) \
                     SELECT n FROM c",
                )
                .await;
            target
                .execute(
                    "CREATE TRIGGER slow BEFORE UPDATE ON orders BEGIN \
                     SELECT count(*) FROM many a, many b, many c WHERE a.n + b.n + c.n = 0; END",
                )
                .await;
        }
        Dialect::Postgres => {
            target
                .execute(
                    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                     'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'",
                )
                .await;
            target.execute("CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow()").await;
        }
        Dialect::Mariadb => {
            target
                .execute(
                    "CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW \
                     SET @n = (SELECT count(*) FROM seq_1_to_10000000 a, seq_1_to_10000000 b WHERE a.seq + b.seq = 0)",
                )
                .await;
        }
    }
}
