//! Indexes that are made and dropped online: concurrently on PostgreSQL, whose steps are then no single transactions.

use std::time::Duration;

use ptah_wasm::database::Connection;
use ptah_wasm::dialect::SessionSettings;
use ptah_wasm::migrate::OfflineRange;
use ptah_wasm::policy::Limits;
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// A table with rows, of which two are alike.
fn shop() -> GuestPackage {
    GuestPackage::new("shop").revision("001", &[], "Make").upgrade([
        create_table("orders", |t| {
            t.id("id");
            t.varchar("place", 40);
            t.integer("n");
        }),
        bulk_insert("orders", ["place", "n"], [("here", 1), ("there", 2), ("here", 3)]),
    ])
}

fn by_place() -> Index {
    Index::new("orders_place", ["place", "n"])
}

/// Cannot be made.
fn unique() -> Index {
    Index::new("orders_once", ["place"]).unique().clone()
}

/// Its second step makes an index online, its third one drops it so.
fn online(demand: Demand) -> GuestPackage {
    shop()
        .revision("002", &["001"], "Index")
        .upgrade([
            add_column("orders", Column::integer("paid")),
            execute(r#"UPDATE "orders" SET "paid" = "n" * 2"#, ()),
            create_index_online("orders", by_place(), demand),
        ])
        .downgrade([drop_index_online("orders", "orders_place", demand), drop_column("orders", "paid")])
        .revision("003", &["002"], "No index")
        .upgrade([drop_index_online("orders", "orders_place", demand)])
        .downgrade([create_index_online("orders", by_place(), demand)])
}

/// At revision 001.
async fn at_first<'t>(target: &'t TestTarget, package: &GuestPackage) -> (Run<'t>, Arc<Package>) {
    at_first_with(target, package, options()).await
}

async fn at_first_with<'t>(
    target: &'t TestTarget,
    package: &GuestPackage,
    options: Options,
) -> (Run<'t>, Arc<Package>) {
    let run = Run::with(target, options);
    let package = run.open(package);
    run.upgrade_as(to(&package, "001")).await.unwrap();
    run.said();
    (run, package)
}

fn statements(plan: &PackagePlan) -> Vec<Vec<String>> {
    plan.steps.iter().map(|step| step.plan.statements().map(|statement| statement.sql.clone()).collect()).collect()
}

async fn indexes(target: &TestTarget) -> Vec<String> {
    let names =
        "SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE 'orders%' AND relname NOT LIKE '%key'";
    target.fetch(names).await.into_iter().flatten().flatten().collect()
}

/// Another program in the middle of a transaction that changed the table: a concurrent build waits for its end.
async fn writer(target: &TestTarget) -> Connection {
    let mut writer = target.target().connect_to_change().await.unwrap();
    writer.begin().await.unwrap();
    writer.execute("UPDATE orders SET n = n WHERE id = 1").await.unwrap();
    writer
}

fn patient(lock: Duration, patience: Duration) -> Options {
    let session = SessionSettings { lock_timeout: lock, ..SessionSettings::default() };
    Options { lock_timeout: patience, limits: Limits { session, ..Limits::default() }, ..options() }
}

on_every_database! {
    async fn an_index_is_made_and_dropped_online_where_the_database_can(target: &TestTarget) {
        let (run, package) = at_first(target, &online(Demand::IfSupported)).await;
        let plan = run.upgrade_as(to(&package, "002")).await.unwrap();
        run.model_holds("shop").await;
        let is_concurrent = statements(&plan)[0].iter().any(|sql| sql.contains("CONCURRENTLY"));
        assert_eq!(is_concurrent, target.dialect() == Dialect::Postgres);
        run.upgrade(&package).await.unwrap();
        run.model_holds("shop").await;
        run.downgrade(&package, Some("001")).await.unwrap();
        run.model_holds("shop").await;
        assert_eq!(run.versions().await, ["shop 001"]);
        let applied = ["upgrade 001", "upgrade 002", "upgrade 003", "downgrade 003", "downgrade 002"];
        assert_eq!(run.history().await, applied.map(|step| format!("shop {step} applied")));
        assert_eq!(run.migrator.unfinished().await.unwrap(), None);
        assert_eq!(target.fetch("SELECT n FROM orders ORDER BY id").await.len(), 3);
    }
}

on_databases! {
    [postgres mariadb] async fn an_index_that_must_be_made_online_is(target: &TestTarget) {
        let (run, package) = at_first(target, &online(Demand::Required)).await;
        let plan = run.upgrade(&package).await.unwrap();
        run.model_holds("shop").await;
        let word = if target.dialect() == Dialect::Postgres { "CONCURRENTLY" } else { "LOCK=NONE" };
        assert!(statements(&plan).iter().all(|step| step.last().unwrap().contains(word)), "{plan:?}");
        run.downgrade(&package, Some("001")).await.unwrap();
        run.model_holds("shop").await;
    }

    [mariadb] async fn an_index_that_takes_the_place_of_a_foreign_keys_is_made_online_too(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Index").upgrade([
            create_table("items", |t| {
                t.id("id");
                t.big_integer("of").not_null();
                t.integer("count");
                t.foreign_key(["of"], "orders", ["id"]);
            }),
            create_index_online("items", Index::new("items_of", ["of", "count"]), Demand::Required),
        ]);
        let run = Run::on(target);
        let plan = run.upgrade(&run.open(&package)).await.unwrap();
        assert!(statements(&plan)[1][1].ends_with(", DROP INDEX `items_ibfk_1`, ALGORITHM=INPLACE, LOCK=NONE"), "{plan:?}");
        run.model_holds("shop").await;
    }

    [sqlite] async fn an_index_that_must_be_made_online_is_refused_while_it_is_planned(target: &TestTarget) {
        let (run, package) = at_first(target, &online(Demand::Required)).await;
        let before = run.everything().await;
        assert_says(run.upgrade(&package).await, &["shop: upgrade 002: ", "SQLite lets nobody write", "if-supported"]);
        assert_eq!(run.everything().await, before);
    }

    [postgres] async fn on_a_table_that_the_step_makes_an_index_is_part_of_its_transaction(target: &TestTarget) {
        let package = GuestPackage::new("shop").revision("001", &[], "Make").upgrade([
            create_table("made", |t| {
                t.id("id");
                t.integer("n");
            }),
            create_index_online("made", Index::new("first", ["n"]), Demand::Required),
            rename_table("made", "orders"),
            create_index_online("orders", Index::new("second", ["n", "id"]), Demand::IfSupported),
            drop_index_online("orders", "first", Demand::Required),
        ]);
        let run = Run::on(target);
        let plan = run.upgrade(&run.open(&package)).await.unwrap();
        assert!(!statements(&plan)[0].iter().any(|sql| sql.contains("CONCURRENTLY")), "{plan:?}");
        run.model_holds("shop").await;
    }

    [postgres] async fn a_step_that_asks_for_rows_makes_no_index_outside_its_transaction(target: &TestTarget) {
        let ask = || if_rows(r#"SELECT "id" FROM "orders""#, (), []);
        let make = |demand| create_index_online("orders", by_place(), demand);
        let unsupported = |action| fails(ErrorKind::Unsupported, action);
        let package = shop()
            .revision("002", &["001"], "Ask, then make")
            .upgrade([ask(), unsupported(make(Demand::Required)), make(Demand::IfSupported)])
            .revision("003", &["002"], "Drop, then ask")
            .upgrade([drop_index_online("orders", "orders_place", Demand::IfSupported), unsupported(ask())]);
        let (run, package) = at_first(target, &package).await;
        run.upgrade(&package).await.unwrap();
        run.model_holds("shop").await;
        assert_eq!(run.versions().await, ["shop 003"]);
    }

    [postgres] async fn an_index_that_its_rows_do_not_allow_leaves_nothing(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Index").upgrade([
            add_column("orders", Column::integer("paid")),
            create_index_online("orders", by_place(), Demand::Required),
            create_index_online("orders", unique(), Demand::Required),
        ]);
        let (run, package) = at_first(target, &package).await;
        let before = run.catalog().await;
        assert_says(run.upgrade(&package).await, &["refused statement 3 of 3", "could not create unique index", "was undone"]);
        assert!(run.catalog().await == before);
        assert_eq!(indexes(target).await, [""; 0]);
        assert_eq!(run.history().await, ["shop upgrade 001 applied", "shop upgrade 002 failed"]);
        target.execute("UPDATE orders SET place = place || id").await;
        run.upgrade(&package).await.unwrap();
        run.model_holds("shop").await;
    }

    [postgres] async fn a_corrected_package_without_an_online_index_goes_on_too(target: &TestTarget) {
        let with = |last: Action| {
            shop().revision("002", &["001"], "Index").upgrade([
                add_column("orders", Column::integer("paid")),
                execute(r#"UPDATE "orders" SET "paid" = "n" * 2"#, ()),
                last,
                add_column("orders", Column::text("memo")),
            ])
        };
        let (run, package) = at_first(target, &with(create_index_online("orders", unique(), Demand::Required))).await;
        assert_says(run.upgrade(&package).await, &["refused statement 3 of 4", "partial 2 of 4"]);
        assert_eq!(indexes(target).await, [""; 0]);
        let corrected = run.open(&with(create_index("orders", by_place())));
        run.said();
        run.upgrade(&corrected).await.unwrap();
        assert_eq!(run.said()[0], "shop: upgrade 002 goes on after 2 of 4 statements");
        run.model_holds("shop").await;
        let paid = target.fetch("SELECT sum(paid) FROM orders").await;
        assert_eq!(paid, [[Some("12".to_owned())]]);
    }

    [postgres] async fn a_build_waits_for_a_transaction_longer_than_a_lock_may_keep_others_waiting(target: &TestTarget) {
        let options = patient(Duration::from_millis(300), Duration::from_secs(60));
        let (run, package) = at_first_with(target, &online(Demand::Required), options).await;
        // It holds no lock that the column before it needs: what a build waits for at its end is what it may see.
        let mut reader = target.target().connect_to_change().await.unwrap();
        reader.begin_to_look().await.unwrap();
        reader.fetch("SELECT version_num FROM ptah_db_versions").await.unwrap();
        let wait = async {
            let building = "SELECT 1 FROM pg_stat_progress_create_index WHERE datname = current_database()";
            for _ in 0..2_000 {
                if !target.fetch(building).await.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(!target.fetch(building).await.is_empty(), "it waits");
            // Others go on meanwhile.
            target.execute("UPDATE orders SET n = 30 WHERE id = 3").await;
            reader.rollback().await.unwrap();
        };
        let (upgraded, ()) = tokio::join!(run.upgrade_as(to(&package, "002")), wait);
        upgraded.unwrap();
        assert!(!run.said().iter().any(|line| line.contains("trying again") && line.contains("index")), "{:?}", run.said());
        run.model_holds("shop").await;
    }

    [postgres] async fn a_build_that_stays_blocked_is_undone(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Index").upgrade([create_index_online("orders", by_place(), Demand::Required)]);
        let options = patient(Duration::from_millis(300), Duration::from_secs(2));
        let (run, package) = at_first_with(target, &package, options).await;
        let mut writer = writer(target).await;
        let (upgraded, ()) = tokio::join!(run.upgrade(&package), async {
            // Long enough for the build to give up, and not for what it left to be dropped.
            tokio::time::sleep(Duration::from_millis(3_000)).await;
            writer.rollback().await.unwrap();
        });
        assert_says(upgraded, &["shop: upgrade 002: on ", "another session holds a lock", "undone"]);
        assert_eq!(indexes(target).await, [""; 0]);
        run.upgrade(&package).await.unwrap();
        run.model_holds("shop").await;
    }

    [postgres] async fn what_an_unfinished_build_left_is_told_and_dropped_whatever_is_chosen(target: &TestTarget) {
        for how in [Repair::Resume, Repair::Undo, Repair::Discard] {
            let target = TestTarget::new(target.dialect()).await;
            let package = shop().revision("002", &["001"], "Index").upgrade([
                create_index_online("orders", by_place(), Demand::Required),
                create_index_online("orders", unique(), Demand::Required),
            ]);
            let (run, package) = at_first(&target, &package).await;
            let mut writer = writer(&target).await;
            // Gone while it builds, when the index is there: its session is ended, as of a client that is gone.
            let (upgraded, ()) = tokio::join!(run.upgrade(&package), async {
                let building = "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index \
                                WHERE datname = current_database() AND phase LIKE 'waiting%'";
                while target.fetch(building).await.is_empty() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            assert_says(upgraded, &["the next run goes on from there"]);
            let found = run.migrator.unfinished().await.unwrap().unwrap();
            assert_eq!((found.applied, &found.left_behind), (Some(0), &vec!["orders_place".to_owned()]));
            assert!(found.to_string().contains("the index orders_place is there and not valid: it is dropped first"));
            writer.rollback().await.unwrap();
            target.execute("UPDATE orders SET place = place || id").await;
            run.migrator.repair(how).await.unwrap().unwrap();
            assert_eq!(run.migrator.unfinished().await.unwrap(), None);
            let made = ["orders_once", "orders_place"];
            let mut left = indexes(&target).await;
            left.sort();
            assert_eq!(left, if how == Repair::Resume { &made[..] } else { &[] }, "{how:?}");
            run.upgrade(&package).await.unwrap();
            run.model_holds("shop").await;
        }
    }

    [postgres] async fn a_name_that_is_taken_meanwhile_is_not_taken_away(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Index").upgrade([
            create_index_online("orders", by_place(), Demand::Required),
            create_index_online("orders", unique(), Demand::Required),
        ]);
        let (run, package) = at_first(target, &package).await;
        let mut writer = writer(target).await;
        let (upgraded, ()) = tokio::join!(run.upgrade(&package), async {
            while target.fetch("SELECT 1 FROM pg_stat_progress_create_index WHERE datname = current_database()").await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            target.execute("CREATE TABLE orders_once (n integer)").await;
            writer.rollback().await.unwrap();
        });
        assert_says(upgraded, &["refused statement 2 of 2", "already exists", "undone"]);
        assert!(run.tables().await.contains(&"orders_once".to_owned()));
    }

    [postgres] async fn another_programs_build_on_the_table_is_waited_for(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Index").upgrade([create_index_online("orders", by_place(), Demand::Required)]);
        let (run, package) = at_first(target, &package).await;
        let mut writer = writer(target).await;
        let (url, dialect) = (target.url().to_owned(), target.dialect());
        let other = std::thread::spawn(move || {
            ptah_wasm_tests::target::try_execute_on(dialect, &url, "CREATE INDEX CONCURRENTLY other ON orders (n)")
        });
        while target.fetch("SELECT 1 FROM pg_stat_progress_create_index WHERE datname = current_database()").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (upgraded, ()) = tokio::join!(run.upgrade(&package), async {
            // Longer than the server waits before it looks for deadlocks.
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            writer.rollback().await.unwrap();
        });
        upgraded.unwrap();
        other.join().unwrap().unwrap();
        assert!(run.said().iter().any(|line| line.ends_with("trying again")));
        assert_eq!(indexes(target).await, ["orders_place"]);
        assert_eq!(target.fetch("SELECT 1 FROM pg_index WHERE NOT indisvalid").await.len(), 0);
    }

    [postgres] async fn a_script_ends_its_transaction_for_an_index_that_is_made_online(target: &TestTarget) {
        let run = Run::on(target);
        let package = run.open(&online(Demand::Required));
        let whole = [(package.clone(), OfflineRange::FromBase(Goal::Head))];
        let script = Migrator::offline(run.migrator.sandbox(), target.dialect(), &whole, |_| ()).unwrap();
        let text = script.text();
        for part in ["COMMIT;\nCREATE INDEX CONCURRENTLY \"orders_place\"", "\"n\");\nBEGIN;\n", "COMMIT;\nDROP INDEX CONCURRENTLY"] {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        assert!(text.contains("-- A step that ends its transaction on the way"), "{text}");
        // As a shell sends it: statement by statement.
        let mut connection = target.target().connect_to_change().await.unwrap();
        for step in &script.steps {
            let (begin, commit) = ("BEGIN".to_owned(), "COMMIT".to_owned());
            for statement in [&begin].into_iter().chain(&step.statements).chain([&commit]) {
                connection.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        }
        connection.close().await;
        run.upgrade(&package).await.unwrap();
        assert_eq!(run.said(), ["shop: at 003, nothing to do"]);
    }
}
