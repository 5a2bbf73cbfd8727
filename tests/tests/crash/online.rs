//! Indexes that are built concurrently on PostgreSQL: runs that are killed while the server is at one, and others that are
//! at the target meanwhile.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use ptah_wasm::database::Connection;
use ptah_wasm_tests::binary::Running;
use ptah_wasm_tests::dump::{difference, dump_with_history};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_databases;
use ptah_wasm_tests::target::TestTarget;

use crate::race::upgraded_while_another_program_sends;
use crate::{count, failing, on, on_fresh_databases, put, statements};

const DEADLINE: Duration = Duration::from_secs(100);

/// The first statement of its second step.
#[derive(Clone, Copy, Debug)]
enum First {
    Create,
    Drop,
}

fn package(first: First) -> GuestPackage {
    let made = Index::new("page_code", ["code"]).unique().clone();
    let first = match first {
        First::Create => create_index_online("page", made, Demand::Required),
        First::Drop => drop_index_online("page", "page_words", Demand::Required),
    };
    GuestPackage::new("online")
        .revision("001", &[], "Make")
        .upgrade([
            create_table("page", |t| {
                t.id("id");
                t.varchar("code", 20);
                t.text("words");
            }),
            create_index("page", Index::new("page_words", ["words"])),
            bulk_insert("page", ["code", "words"], (1..100).map(|at| (format!("c{at}"), "words")).collect::<Vec<_>>()),
        ])
        .revision("002", &["001"], "Index")
        .upgrade([
            first,
            execute(r#"UPDATE "page" SET "words" = 'more ' || "code" WHERE "id" < 50"#, ()),
            create_index_online("page", Index::new("page_both", ["code", "words"]), Demand::Required),
            create_table("note", |t| {
                t.id("id");
                t.integer("n");
            }),
            bulk_insert("note", ["n"], [(1,), (2,)]),
        ])
}

/// Another program that changed a row of the table and has not committed.
async fn writer(target: &TestTarget) -> Connection {
    let mut writer = target.target().connect_to_change().await.unwrap();
    writer.begin().await.unwrap();
    writer.execute("UPDATE page SET words = words WHERE id = 1").await.unwrap();
    writer
}

/// The server is at a concurrent statement of a run, and waits for the writer.
async fn until_it_waits(target: &TestTarget) {
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                   AND query LIKE '%INDEX CONCURRENTLY%'";
    while target.fetch(waiting).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Ends the session of a run that was killed, as the server does when it notices.
async fn end_session(target: &TestTarget) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid() AND query LIKE '%INDEX CONCURRENTLY%'";
    target.fetch(end).await;
    let left = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INDEX CONCURRENTLY%' \
                AND pid <> pg_backend_pid()";
    while !target.fetch(left).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// A target with the first step applied, and a run of the second one that was killed while the server waits.
async fn killed_at_work(target: &TestTarget, first: First) -> Connection {
    put(target, "online.wasm", &package(first));
    on(target, "upgrade online.wasm:001").ok();
    let writer = writer(target).await;
    let run = on(target, "upgrade online.wasm").start();
    until_it_waits(target).await;
    assert_eq!(run.kill().status.signal(), Some(9));
    writer
}

/// The same, with an index left behind that is not valid.
async fn left_behind(target: &TestTarget, first: First) {
    let mut writer = killed_at_work(target, first).await;
    end_session(target).await;
    writer.rollback().await.unwrap();
}

async fn undisturbed(target: &TestTarget, first: First) -> String {
    put(target, "online.wasm", &package(first));
    on(target, "upgrade online.wasm").ok();
    dump_with_history(target).await
}

/// What becomes of the server's session and of the writer when the run is gone.
#[derive(Clone, Copy, Debug)]
enum After {
    /// The session is ended while it waits.
    Ended,
    /// The writer is done, and the session goes on with its statement.
    GoesOn,
    /// The writer is at it still when the next run begins.
    Blocked,
}

on_databases! {
    [postgres] async fn a_run_that_is_killed_while_it_builds_is_finished_by_the_next_without_its_package(target: &TestTarget) {
        let mut jobs = Vec::new();
        for first in [First::Create, First::Drop] {
            jobs.extend([After::Ended, After::GoesOn, After::Blocked].map(|after| (first, after)));
        }
        let wrong = on_fresh_databases(target.dialect(), &jobs, async |target, (first, after)| {
            let whole = undisturbed(&TestTarget::new(target.dialect()).await, *first).await;
            let mut writer = killed_at_work(target, *first).await;
            match after {
                After::Ended => end_session(target).await,
                After::GoesOn | After::Blocked => {}
            }
            if !matches!(after, After::Blocked) {
                writer.rollback().await.unwrap();
            }
            std::fs::remove_file(target.folder().join("online.wasm")).unwrap();
            let next = on(target, "repair --resume").start();
            if matches!(after, After::Blocked) {
                tokio::time::sleep(Duration::from_secs(4)).await;
                writer.rollback().await.unwrap();
            }
            let next = next.wait_within(DEADLINE).ends(0).says(&["online: resuming upgrade 002 after "]);
            put(target, "online.wasm", &package(*first));
            on(target, "upgrade online.wasm").ok().says(&["nothing to do"]);
            let differs = difference(&whole, &dump_with_history(target).await);
            differs.map(|lines| format!("{first:?}, {after:?}\n{lines}\n{}\n", next.stderr))
        });
        let wrong: Vec<String> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
    }

    [postgres] async fn a_run_that_is_killed_while_it_cleans_up_is_finished_by_the_next(target: &TestTarget) {
        for first in [First::Create, First::Drop] {
            let whole = undisturbed(&TestTarget::new(target.dialect()).await, first).await;
            let left = TestTarget::new(target.dialect()).await;
            left_behind(&left, first).await;
            let log = left.folder().join("statements");
            failing(&left, "upgrade online.wasm").env("PTAH_FAILPOINT_LOG", &log).ok();
            let statements = statements(&log);
            assert!(statements.iter().any(|sql| sql.starts_with("DROP INDEX CONCURRENTLY IF EXISTS")), "{statements:#?}");
            let failpoints: Vec<u64> = (1..=statements.len() as u64).collect();
            let wrong = on_fresh_databases(target.dialect(), &failpoints, async |target, number| {
                left_behind(target, first).await;
                let again = failing(target, "upgrade online.wasm").env("PTAH_FAILPOINT", format!("during:{number}")).run();
                assert_eq!(again.status.signal(), Some(9), "{number}: {again:?}");
                let next = on(target, "upgrade online.wasm").ok();
                let differs = difference(&whole, &dump_with_history(target).await);
                differs.map(|lines| format!("{first:?}, {number}\n{lines}\n{}\n", next.stderr))
            });
            let wrong: Vec<String> = wrong.into_iter().flatten().collect();
            assert!(wrong.is_empty(), "{}", wrong.concat());
        }
    }

    [postgres] async fn runs_that_wait_for_one_that_builds_do_not_keep_it_from_ending(target: &TestTarget) {
        put(target, "online.wasm", &package(First::Create));
        put(target, "other.wasm", &GuestPackage::new("other").revision("001", &[], "Make").upgrade([
            create_table("other", |t| {
                t.id("id");
            }),
        ]));
        on(target, "upgrade online.wasm:001").ok();
        let mut writer = writer(target).await;
        let first = on(target, "upgrade online.wasm").start();
        until_it_waits(target).await;
        let words = ["upgrade online.wasm", "upgrade other.wasm", "upgrade online.wasm other.wasm", "current", "repair"];
        let others: Vec<Running> = words.into_iter().map(|words| on(target, words).start()).collect();
        // Longer than the server waits before it looks for deadlocks.
        tokio::time::sleep(Duration::from_secs(3)).await;
        writer.rollback().await.unwrap();
        first.wait_within(DEADLINE).ends(0);
        for other in others {
            let done = other.wait_within(DEADLINE).ends(0);
            assert!(!done.stderr.contains("trying again"), "{}", done.stderr);
        }
        on(target, "upgrade online.wasm other.wasm").ok().says(&["online: at 002, nothing to do", "other: at 001, nothing to do"]);
    }

    [postgres] async fn runs_build_while_another_program_builds_indexes_of_another_table(target: &TestTarget) {
        let mut package = GuestPackage::new("busy").revision("000", &[], "Make").upgrade([
            create_table("busy", |t| {
                t.id("id");
                t.varchar("name", 200);
            }),
            bulk_insert("busy", ["id", "name"], (1..=2_000).map(|id| (id, format!("name {id}"))).collect::<Vec<_>>()),
        ]);
        let revisions = count("PTAH_CRASH_ROUNDS", 10);
        for at in 1..=revisions {
            let (id, before, name) = (format!("{at:03}"), format!("{:03}", at - 1), format!("busy_{at}"));
            // An index over an expression or a part is waited for by other builds.
            let over = Index { predicate: Some(sql(format!(r#""id" > {at}"#))), ..Index::new(&name, ["name"]) };
            package = package.revision(&id, &[&before], "Index").upgrade([
                create_index_online("busy", over, Demand::Required),
                execute(r#"UPDATE "busy" SET "name" = "name" || 'x' WHERE "id" < 50"#, ()),
                create_index_online("busy", Index::new(format!("{name}_all"), ["name", "id"]), Demand::Required),
                drop_index_online("busy", &name, Demand::Required),
            ]);
        }
        put(target, "busy.wasm", &package);
        on(target, "upgrade busy.wasm:000").ok();
        target.execute("CREATE TABLE elsewhere AS SELECT id, name FROM busy").await;
        let there = ["CREATE INDEX CONCURRENTLY there ON elsewhere (name) WHERE id > 3", "DROP INDEX CONCURRENTLY there"];
        upgraded_while_another_program_sends(target, there);
    }
}
