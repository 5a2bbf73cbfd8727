//! Connections that break off: at a COMMIT, by the server's doing, with the server.

use std::time::Duration;

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::binary::{Running, ptah};
use ptah_wasm_tests::dice::Dice;
use ptah_wasm_tests::dump::{difference, dump_with_history};
use ptah_wasm_tests::on_databases;
use ptah_wasm_tests::own_server::OwnServers;
use ptah_wasm_tests::proxy::{Cut, Proxy};
use ptah_wasm_tests::target::{self, TestTarget};

use crate::chain::{STEPS, chain};
use crate::{count, failing, on, on_fresh_databases, put, statements, undisturbed, work};

/// Runs through a proxy that breaks off, then without; what is wrong then.
async fn cut(target: &TestTarget, cut: Cut, undisturbed: &str) -> Option<String> {
    put(target, "chain.wasm", &chain());
    let proxy = Proxy::to(target.url(), cut);
    let done = ptah(target.folder()).args("upgrade chain.wasm").on_url(proxy.url()).run();
    let said = done.clone().ends(7).says(&["lost during a commit", "whether it took effect is not known"]);
    let next = on(target, "upgrade chain.wasm").ok();
    let applied = said.stderr.matches(": running upgrade").count() + next.stderr.matches(": running upgrade").count();
    // A step whose COMMIT was not passed on is begun again; on MariaDB it is resumed, or was not said to run as it was asking.
    let goes_on = [": resuming ", " goes on after "].iter().any(|words| next.stderr.contains(words));
    let begun_again = usize::from(matches!(cut, Cut::Before(_)) && !goes_on);
    let differs = difference(undisturbed, &dump_with_history(target).await);
    let wrong = differs.or_else(|| (applied != STEPS + begun_again).then(|| format!("{applied} steps were applied")));
    wrong.map(|what| format!("{}, {cut:?}: {what}\n{}{}", target.dialect(), said.stderr, next.stderr))
}

/// Ends all sessions of a database but the one that asks for it.
async fn end_sessions(target: &TestTarget) {
    match target.dialect() {
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            target.fetch(all).await;
        }
        Dialect::Mariadb => {
            let all = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
            for id in target.fetch(all).await.into_iter().flatten().flatten() {
                // It may have ended by itself.
                let _ = target.try_execute(&format!("KILL CONNECTION {id}")).await;
            }
        }
    }
}

/// A run that has sent a statement, and how many more milliseconds it is left alone.
fn begun(target: &TestTarget, seed: u64) -> (Running, Duration) {
    put(target, "chain.wasm", &chain());
    let log = target.folder().join("statements");
    let mut run = failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT_LOG", &log).start();
    while !log.exists() && run.is_running() {
        std::thread::sleep(Duration::from_micros(200));
    }
    (run, Duration::from_millis(Dice(seed).roll(150) as u64))
}

on_databases! {
    [postgres mariadb] async fn a_commit_whose_answer_is_lost_took_effect_once(target: &TestTarget) {
        let (whole, _) = undisturbed(target).await;
        let fresh = TestTarget::new(target.dialect()).await;
        put(&fresh, "chain.wasm", &chain());
        let proxy = Proxy::to(fresh.url(), Cut::Nowhere);
        ptah(fresh.folder()).args("upgrade chain.wasm").on_url(proxy.url()).ok();
        let commits = proxy.commits();
        assert!(commits >= 4, "{commits}");
        let cuts: Vec<Cut> = (1..=commits).flat_map(|number| [Cut::Before(number), Cut::After(number)]).collect();
        let wrong = on_fresh_databases(target.dialect(), &cuts, async |target, at| cut(target, *at, &whole).await);
        println!("\n{}: cut before and after each of {commits} COMMITs", target.dialect());
        let wrong: Vec<String> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
    }

    [postgres mariadb] async fn a_run_whose_sessions_the_server_ends_is_finished_by_the_next(target: &TestTarget) {
        let (whole, _) = undisturbed(target).await;
        let seeds: Vec<u64> = (1..=count("PTAH_CRASH_INSTANTS", 20) / 2).collect();
        let ends = on_fresh_databases(target.dialect(), &seeds, async |target, seed| {
            let (run, wait) = begun(target, *seed);
            std::thread::sleep(wait);
            end_sessions(target).await;
            let done = run.wait();
            assert!(matches!(done.status.code(), Some(0 | 7)), "seed {seed}: {done:?}");
            let sent = statements(&target.folder().join("statements")).len();
            let next = on(target, "upgrade chain.wasm").ok();
            assert_eq!(difference(&whole, &dump_with_history(target).await), None, "seed {seed}\n{}{}", done.stderr, next.stderr);
            format!("{:3} sent, then {}", sent, work(&next.stderr))
        });
        println!("\n{}: sessions ended by the server\n{}", target.dialect(), ends.join("\n"));
        assert!(ends.iter().any(|end| !end.ends_with("nothing")), "no run was cut short: {ends:?}");
    }
}

#[test]
fn a_run_whose_server_is_killed_is_finished_by_the_next_when_it_is_back() {
    let servers = OwnServers::start();
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        let whole = target::run(dialect, async |target| undisturbed(target).await.0);
        let mut cut_short = 0;
        for seed in 1..=4 {
            let (run, wait, target) = target::block_on(async {
                let target = TestTarget::on_server(dialect, servers.url(dialect)).await;
                let (run, wait) = begun(&target, seed);
                (run, wait, target)
            });
            std::thread::sleep(wait);
            servers.kill(dialect);
            let done = run.wait();
            assert!(matches!(done.status.code(), Some(0 | 7)), "{dialect}, seed {seed}: {done:?}");
            on(&target, "upgrade chain.wasm").run().ends(7);
            servers.start_again();
            let next = on(&target, "upgrade chain.wasm").ok();
            cut_short += usize::from(!next.stderr.contains("nothing to do"));
            let left = target::block_on(dump_with_history(&target));
            assert_eq!(difference(&whole, &left), None, "{dialect}, seed {seed}\n{}{}", done.stderr, next.stderr);
        }
        println!("\n{dialect}: the server was killed 4 times, {cut_short} runs were cut short");
        assert!(cut_short > 0, "{dialect}");
    }
}
