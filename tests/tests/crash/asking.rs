//! A step that asks for rows and is cut short where statements commit by themselves: what the next run makes of it.

use std::os::unix::process::ExitStatusExt as _;

use ptah_wasm_tests::dump::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_databases;
use ptah_wasm_tests::target::TestTarget;

use crate::{failing, on, put, statements};

/// A lottery, and what its second step does.
fn lottery(actions: impl Into<Vec<Action>>) -> GuestPackage {
    GuestPackage::new("lottery")
        .revision("001", &[], "Create")
        .upgrade([
            create_table("draws", |t| {
                t.id("id");
                t.timestamp_tz("drawn");
                t.big_integer("lot");
                t.integer("n");
            }),
            execute("INSERT INTO draws (n) VALUES (1), (2)", ()),
        ])
        .revision("002", &["001"], "Draw")
        .upgrade(actions)
}

fn draw() -> Action {
    Action::InsertRun("draws".into(), "drawn".into(), "lot".into())
}

/// Where a step is written down that is known whole.
const CONCLUDES: &str = "UPDATE `ptah_db_journal` SET `id`";

/// Ends a run where it is about to send the first statement that begins like this.
async fn cut_short(target: &TestTarget, package: &GuestPackage, statement: &str) {
    let log = target.folder().join("statements");
    let rehearsal = TestTarget::new(target.dialect()).await;
    on_base(&rehearsal).await;
    on_base(target).await;
    put(target, "lottery.wasm", package);
    put(&rehearsal, "lottery.wasm", package);
    failing(&rehearsal, "upgrade lottery.wasm").env("PTAH_FAILPOINT_LOG", &log).run();
    let sent = statements(&log);
    std::fs::remove_file(&log).unwrap();
    let at = sent.iter().position(|sent| sent.starts_with(statement)).unwrap() + 1;
    let done = failing(target, "upgrade lottery.wasm").env("PTAH_FAILPOINT", format!("before:{at}")).run();
    assert_eq!(done.status.signal(), Some(9), "{done:?}");
}

async fn value(target: &TestTarget, sql: &str) -> String {
    target.fetch(sql).await[0][0].clone().unwrap_or_default()
}

on_databases! {
    [mariadb] async fn its_guest_sees_the_clock_the_seed_and_the_answers_that_it_saw(target: &TestTarget) {
        let asks = || [
            draw(),
            Action::InsertAnswer(sql("SELECT max(n) AS n FROM draws"), vec![], "draws".into(), vec!["n".into()]),
            expect_touched("UPDATE draws SET n = 7 WHERE n > 1", (), 2),
            add_column("draws", Column::integer("late")),
            draw(),
            expect_rows("SELECT count(*) AS c FROM draws", (), [(5,)]),
        ];
        cut_short(target, &lottery(asks()), "ALTER TABLE `draws` ADD COLUMN `late`").await;
        // Answered now, it would hear otherwise.
        target.execute("UPDATE draws SET n = 100 WHERE n = 1").await;
        let said = on(target, "upgrade lottery.wasm").ok();
        assert!(said.stderr.contains("lottery: upgrade 002 goes on after 3 of 5 statements"), "{}", said.stderr);
        assert_eq!(value(target, "SELECT count(*) FROM draws WHERE drawn IS NOT NULL").await, "2");
        assert_eq!(value(target, "SELECT count(DISTINCT drawn, lot) FROM draws").await, "1");
        assert_eq!(value(target, "SELECT group_concat(n ORDER BY id) FROM draws").await, "100,7,7");
        let same = "SELECT count(*) FROM ptah_db_history AS h JOIN draws AS d ON CAST(h.seed AS UNSIGNED) >> 1 = d.lot";
        assert_eq!(value(target, same).await, "2");
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_journal").await, "0");
    }

    [mariadb] async fn only_its_own_package_goes_on_with_it(target: &TestTarget) {
        let asks = |n: i64| lottery([
            create_table("prizes", |t| {
                t.id("id");
            }),
            expect_rows("SELECT n FROM draws WHERE n = ?", (n,), [(n,)]),
            execute("UPDATE draws SET lot = 1", ()),
            expect_touched("UPDATE draws SET lot = 2 WHERE n = 2", (), 1),
            add_column("draws", Column::integer("late")),
            expect_rows("SELECT late FROM draws WHERE n = 1", (), [(None::<i64>,)]),
        ]);
        cut_short(target, &asks(1), "ALTER TABLE `draws` ADD COLUMN `late`").await;
        let left = dump(target).await;
        let other = GuestPackage::new("other").revision("1", &[], "Make").upgrade([create_table("others", |t| {
            t.id("id");
        })]);
        put(target, "other.wasm", &other);
        let waits = "it asks for rows, so only the same run of the same package goes on with it";
        on(target, "upgrade other.wasm").run().ends(4).says(&["lottery", waits]);
        on(target, "downgrade lottery.wasm:base").run().ends(4).says(&[waits]);
        let shown = on(target, "repair").ok().stdout;
        assert!(shown.contains("partial 3 of 4") && shown.contains("the next upgrade of the package goes on"), "{shown}");
        on(target, "repair --resume").run().ends(4).says(&["only its package knows what comes next"]);
        on(target, "repair --undo").run().ends(4).says(&["nothing takes this statement back"]);
        put(target, "lottery.wasm", &asks(2));
        on(target, "upgrade lottery.wasm").run().ends(4).says(&[waits, "it asks something else"]);
        assert_eq!(dump(target).await, left);
        put(target, "lottery.wasm", &asks(1));
        on(target, "upgrade lottery.wasm").ok();
        on(target, "upgrade other.wasm").ok();
        on(target, "current lottery.wasm").ok().prints(&["lottery: 002 (head)"]);
    }

    [mariadb] async fn what_it_did_to_the_schema_alone_can_be_undone(target: &TestTarget) {
        let asks = |end: Action| lottery([
            add_column("draws", Column::integer("late")),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
            create_index("draws", Index::new("draws_n", ["n"])),
            expect_rows("SELECT n FROM draws WHERE n = 2", (), [(2,)]),
            end,
            expect_rows("SELECT n FROM draws WHERE n = 2", (), [(2,)]),
        ]);
        let well = || create_index("draws", Index::new("draws_lot", ["lot"]));
        on_base(target).await;
        let before = dump(target).await;
        cut_short(target, &asks(well()), "CREATE INDEX `draws_lot`").await;
        on(target, "repair --undo").ok();
        assert_eq!(dump(target).await, before);
        // A guest that fails when it is asked again ends like one that failed at once.
        cut_short(target, &asks(well()), "CREATE INDEX `draws_lot`").await;
        put(target, "lottery.wasm", &asks(Action::Trap));
        on(target, "upgrade lottery.wasm").run().ends(5).says(&["lottery: upgrade 002: on ", "the guest crashed"]);
        assert_eq!(dump(target).await, before);
        on(target, "repair").ok().prints(&[]);
        put(target, "lottery.wasm", &asks(well()));
        on(target, "upgrade lottery.wasm").ok();
    }

    [mariadb] async fn a_step_that_does_nothing_but_ask_is_finished_too(target: &TestTarget) {
        cut_short(target, &lottery([expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)])]), CONCLUDES).await;
        on(target, "upgrade lottery.wasm").ok();
        on(target, "upgrade lottery.wasm").ok();
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_journal").await, "0");
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_history").await, "2");
    }

    [mariadb] async fn answers_are_the_same_to_the_last_bit(target: &TestTarget) {
        let numbers = (1..=200).map(|at| (f64::from(at).sin() * 1.1e-17 / 3.0,));
        let asks = lottery([
            create_table("odds", |t| {
                t.id("id");
                t.double("odd");
            }),
            bulk_insert("odds", ["odd"], numbers),
            insert_answer("SELECT odd FROM odds ORDER BY id", (), "odds", ["odd"]),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
            add_column("draws", Column::integer("late")),
            expect_rows("SELECT n FROM draws WHERE n = 2", (), [(2,)]),
        ]);
        cut_short(target, &asks, "ALTER TABLE `draws` ADD COLUMN `late`").await;
        on(target, "upgrade lottery.wasm").ok();
        assert_eq!(value(target, "SELECT count(*) - count(DISTINCT odd) FROM odds").await, "200");
    }

    [mariadb] async fn rows_are_numbered_as_if_it_had_not_been_cut_short(target: &TestTarget) {
        let asks = lottery([
            execute("INSERT INTO draws (n) VALUES (3), (4)", ()),
            expect_touched("DELETE FROM draws WHERE n = 4", (), 1),
            execute("INSERT INTO draws (n) VALUES (5)", ()),
            execute("UPDATE draws SET n = 6 WHERE n = 5", ()),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
            execute("INSERT INTO draws (n) VALUES (7)", ()),
        ]);
        cut_short(target, &asks, "UPDATE `draws` SET `n` = 6").await;
        on(target, "upgrade lottery.wasm").ok();
        assert_eq!(value(target, "SELECT group_concat(id ORDER BY id) FROM draws").await, "1,2,3,5,6");
    }

    [mariadb] async fn what_fails_after_it_does_it_no_harm(target: &TestTarget) {
        let asks = lottery([
            execute("UPDATE draws SET n = 5 WHERE n = 2", ()),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
            execute("UPDATE draws SET n = 6 WHERE n = 5", ()),
        ]);
        let fails = asks.revision("003", &["002"], "Fail").upgrade([Action::Return(Error::Failed("no".into()))]);
        cut_short(target, &fails, CONCLUDES).await;
        on(target, "upgrade lottery.wasm").run().ends(5).says(&["goes on after 1 of", "upgrade 003", "failed: no"]);
        assert_eq!(value(target, "SELECT group_concat(n) FROM draws").await, "1,6");
        assert_eq!(value(target, "SELECT version_num FROM ptah_db_versions").await, "002");
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_journal").await, "0");
    }

    [mariadb] async fn a_guest_that_fails_on_what_stands_of_it_is_asked_once(target: &TestTarget) {
        let asks = |end: Action| lottery([
            drop_column("draws", "lot"),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
            end,
            expect_rows("SELECT n FROM draws WHERE n = 2", (), [(2,)]),
        ]);
        cut_short(target, &asks(add_column("draws", Column::integer("late"))), "ALTER TABLE `draws` ADD COLUMN `late`").await;
        put(target, "lottery.wasm", &asks(Action::Trap));
        on(target, "upgrade lottery.wasm").run().ends(5).says(&["table draws has no column lot"]);
        assert_eq!(value(target, "SELECT error FROM ptah_db_history WHERE outcome = 'failed'").await.lines().next(), Some("the guest crashed: wasm trap: wasm `unreachable` instruction executed"));
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_history").await, "2");
    }

    [mariadb] async fn an_interrupt_while_it_asks_leaves_it_to_the_next_run(target: &TestTarget) {
        on_base(target).await;
        let asks = lottery([
            create_table("prizes", |t| {
                t.id("id");
            }),
            expect_rows("SELECT n FROM draws WHERE n = 1", (), [(1,)]),
        ]);
        put(target, "lottery.wasm", &asks);
        let mut holder = target.target().connect_to_change().await.unwrap();
        holder.execute("LOCK TABLES draws WRITE").await.unwrap();
        let run = on(target, "upgrade lottery.wasm").start();
        while target.fetch("SHOW TABLES LIKE 'prizes'").await.is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        run.signal("INT");
        run.wait().ends(130).says(&["interrupted: the next run of the package goes on with this step"]);
        let blocked = on(target, "upgrade lottery.wasm --lock-timeout 3").run().ends(7);
        assert!(blocked.stderr.contains("the next run of the package goes on with this step"), "{}", blocked.stderr);
        holder.execute("UNLOCK TABLES").await.unwrap();
        holder.close().await;
        on(target, "upgrade lottery.wasm").ok();
        let history = target.fetch("SELECT step, outcome FROM ptah_db_history ORDER BY id").await;
        assert_eq!(history.len(), 2, "{history:?}");
    }

    [mariadb] async fn what_an_attempt_was_answered_it_hears_again(target: &TestTarget) {
        let asks = || lottery([
            attempt("INSERT INTO draws (n) VALUES (?)", (3,), None),
            attempt("INSERT INTO draws (id, n) VALUES (1, 9)", (), Some(RefusalKind::Unique)),
            expect_drawn("INSERT INTO draws (n) VALUES (?)", (4,), 4),
            add_column("draws", Column::integer("soon")),
            attempt("INSERT INTO draws (id, n) VALUES (2, 9)", (), Some(RefusalKind::Unique)),
            add_column("draws", Column::integer("late")),
            attempt("UPDATE draws SET late = 1 WHERE n > 2", (), None),
        ]);
        cut_short(target, &asks(), "ALTER TABLE `draws` ADD COLUMN `late`").await;
        // Asked now, the database would say otherwise.
        target.execute("DELETE FROM draws WHERE n < 3").await;
        on(target, "upgrade lottery.wasm").ok();
        assert_eq!(value(target, "SELECT group_concat(n, '-', late ORDER BY id) FROM draws").await, "3-1,4-1");
        assert_eq!(value(target, "SELECT count(*) FROM ptah_db_journal").await, "0");
        let digest = "SELECT plan_digest FROM ptah_db_history WHERE step = '002'";
        let resumed = value(target, digest).await;
        let whole = TestTarget::new(target.dialect()).await;
        on_base(&whole).await;
        put(&whole, "lottery.wasm", &asks());
        on(&whole, "upgrade lottery.wasm").ok();
        assert_eq!(value(&whole, digest).await, resumed);
    }
}

/// Applies the first step.
async fn on_base(target: &TestTarget) {
    put(target, "lottery.wasm", &lottery([]));
    on(target, "upgrade lottery.wasm:001").ok();
}
