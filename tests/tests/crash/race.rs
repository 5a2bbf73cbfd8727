//! Many runs at once on one target, and another program at work on the same tables.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::Running;
use ptah_wasm_tests::dump::{difference, dump, dump_with_history};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::{TestTarget, try_execute_on};

use crate::chain::{STEPS, chain};
use crate::{count, on, put, undisturbed};

/// How long a runner may take among seven others, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(100);

/// A package of one table and so many revisions.
fn line(name: &str, revisions: usize) -> GuestPackage {
    let mut package = GuestPackage::new(name);
    for at in 1..=revisions {
        let (id, before) = (format!("{at:03}"), format!("{:03}", at - 1));
        let before: &[&str] = if at == 1 { &[] } else { &[&before] };
        package = package.revision(&id, before, "One more").upgrade([match at {
            1 => create_table(name, |t| {
                t.id("id");
            }),
            at => add_column(name, Column::integer(format!("column_{at}"))),
        }]);
    }
    package
}

on_every_database! {
    async fn of_eight_runners_one_applies_and_the_others_wait_or_report(target: &TestTarget) {
        let dialect = target.dialect();
        let (whole, _) = undisturbed(target).await;
        let (mut longest, mut reported, mut waited) = (Duration::ZERO, 0, 0);
        let rounds = count("PTAH_CRASH_ROUNDS", 10);
        for round in 1..=rounds {
            let target = TestTarget::new(dialect).await;
            put(&target, "chain.wasm", &chain());
            let begun = Instant::now();
            // In every other round half of them do not wait.
            let words = |runner: usize| match round % 2 == 0 && runner < 4 {
                true => "upgrade --lock-timeout 0 chain.wasm",
                false => "upgrade chain.wasm",
            };
            let runs: Vec<Running> = (0..8).map(|runner| on(&target, words(runner)).start()).collect();
            let (mut applied, mut appliers) = (Vec::new(), 0);
            for run in runs {
                let done = run.wait_within(DEADLINE.saturating_sub(begun.elapsed()));
                waited += usize::from(done.stderr.contains("waiting for the target"));
                if done.shown.contains("lock-timeout") && done.status.code() == Some(7) {
                    reported += 1;
                    done.says(&["is locked by another run"]);
                } else {
                    let steps = |line: &&str| line.contains(": running upgrade");
                    let before = applied.len();
                    applied.extend(done.ends(0).stderr.lines().filter(steps).map(str::to_owned));
                    appliers += usize::from(applied.len() > before);
                }
            }
            longest = longest.max(begun.elapsed());
            applied.sort();
            assert_eq!((applied.len(), appliers), (STEPS, 1), "{dialect}, round {round}: {applied:#?}");
            assert_eq!(difference(&whole, &dump_with_history(&target).await), None, "{dialect}, round {round}");
        }
        println!("\n{dialect}: {rounds} rounds of 8 runners: {waited} runs waited, {reported} reported; the longest round took {longest:.1?}");
    }

    async fn eight_packages_on_one_target_all_succeed(target: &TestTarget) {
        let names: Vec<String> = (1..=8).map(|number| format!("line_{number}")).collect();
        for name in &names {
            put(target, &format!("{name}.wasm"), &line(name, 3));
        }
        let runs: Vec<Running> = names.iter().map(|name| on(target, &format!("upgrade {name}.wasm")).start()).collect();
        for run in runs {
            let done = run.wait_within(DEADLINE).ends(0);
            assert_eq!(done.stderr.matches(": running upgrade").count(), 3, "{}", done.stderr);
        }
        let state = on(target, "current").ok().stdout;
        assert_eq!(state.lines().count(), 8, "{state}");
        assert!(dump(target).await.contains("line_8"));
    }

    async fn a_run_of_another_package_gets_in_between_the_steps_of_a_long_one(target: &TestTarget) {
        gets_in_between(target, 400, |row| vec![bulk_insert("long", ["id"], [(row,)])]).await;
    }

    async fn a_run_of_another_package_gets_in_between_steps_that_ask_for_rows(target: &TestTarget) {
        gets_in_between(target, 150, |row| vec![
            bulk_insert("long", ["id"], [(row,)]),
            expect_rows("SELECT max(id) AS id FROM long", (), [(i64::from(row),)]),
        ])
        .await;
    }
}

/// Runs a package of so many steps, and another one meanwhile.
async fn gets_in_between(target: &TestTarget, steps: usize, step: impl Fn(i32) -> Vec<Action>) {
    let mut long = GuestPackage::new("long").revision("r1", &[], "Make").upgrade([create_table("long", |t| {
        t.id("id");
    })]);
    for at in 2..=steps {
        let (id, before) = (format!("r{at}"), format!("r{}", at - 1));
        long = long.revision(&id, &[&before], "One more row").upgrade(step(at as i32));
    }
    put(target, "long.wasm", &long);
    put(target, "short.wasm", &line("short", 3));
    // Both are compiled by now.
    on(target, "upgrade --dry-run long.wasm short.wasm").ok();
    let run = on(target, "upgrade --lock-timeout 60 long.wasm").start();
    while target.try_execute("SELECT 1 FROM ptah_db_history").await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let short = on(target, "upgrade --lock-timeout 10 short.wasm").ok();
    assert_eq!(short.stderr.matches(": running upgrade").count(), 3, "{}", short.stderr);
    let long = run.wait_within(DEADLINE).ends(0);
    assert_eq!(long.stderr.matches(": running upgrade").count(), steps, "each step once");
    let history = target.fetch("SELECT package, version_num FROM ptah_db_versions ORDER BY package").await;
    assert_eq!(history.iter().flatten().flatten().collect::<Vec<_>>(), ["long", &format!("r{steps}"), "short", "003"]);
    let order = target.fetch("SELECT package FROM ptah_db_history ORDER BY id").await;
    let order: Vec<&str> = order.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(order.len(), steps + 3);
    assert!(order.last() == Some(&"long"), "{}: it waited for the end of the long one", target.dialect());
}

/// Upgrades `busy.wasm` while another program sends two statements again and again; both get through.
pub(crate) fn upgraded_while_another_program_sends(target: &TestTarget, statements: [&str; 2]) {
    let ended = AtomicBool::new(false);
    let (sent, refused) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let (mut sent, mut refused) = (0, Vec::new());
            while !ended.load(Ordering::SeqCst) {
                for sql in statements {
                    match try_execute_on(target.dialect(), target.url(), sql) {
                        Ok(()) => sent += 1,
                        Err(error) => refused.push(error.to_string()),
                    }
                }
            }
            (sent, refused)
        });
        let done = on(target, "upgrade busy.wasm").start().wait_within(DEADLINE);
        ended.store(true, Ordering::SeqCst);
        let sent = other.join().unwrap();
        done.ends(0);
        sent
    });
    println!("\n{}: {sent} statements of index builds meanwhile", target.dialect());
    assert!(sent > 1);
    assert_eq!(refused, Vec::<String>::new());
    on(target, "upgrade busy.wasm").ok().says(&["nothing to do"]);
}

/// What another program sends again and again meanwhile.
fn builds(dialect: Dialect) -> [&'static str; 2] {
    match dialect {
        Dialect::Postgres => ["CREATE INDEX CONCURRENTLY other ON busy (name)", "DROP INDEX CONCURRENTLY other"],
        Dialect::Mariadb => ["CREATE INDEX other ON busy (name)", "DROP INDEX other ON busy"],
        Dialect::Sqlite => ["CREATE INDEX other ON busy (name)", "DROP INDEX other"],
    }
}

on_every_database! {
    async fn an_upgrade_goes_through_while_another_program_builds_indexes_and_so_do_those(target: &TestTarget) {
        let rows: Vec<(i32, String)> = (1..=2_000).map(|id| (id, format!("name {id}"))).collect();
        let mut package = GuestPackage::new("busy").revision("000", &[], "Make").upgrade([
            create_table("busy", |t| {
                t.id("id");
                t.varchar("name", 200);
            }),
            bulk_insert("busy", ["id", "name"], rows),
        ]);
        let revisions = count("PTAH_CRASH_ROUNDS", 10);
        for at in 1..=revisions {
            let (id, before, column) = (format!("{at:03}"), format!("{:03}", at - 1), format!("column_{at}"));
            package = package.revision(&id, &[&before], "Alter and fill").upgrade([
                execute(r#"UPDATE "busy" SET "name" = "name" || 'x' WHERE "id" < 50"#, ()),
                add_column("busy", Column::integer(&column)),
                execute(sql(format!(r#"UPDATE "busy" SET "{column}" = 1 WHERE "id" < 50"#)), ()),
                create_index("busy", Index::new(format!("busy_{at}"), [column.as_str()])),
            ]);
        }
        put(target, "busy.wasm", &package);
        on(target, "upgrade busy.wasm:000").ok();
        upgraded_while_another_program_sends(target, builds(target.dialect()));
    }
}
