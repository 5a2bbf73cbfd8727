//! Many runs at once on one target.

use std::time::{Duration, Instant};

use ptah_wasm_tests::binary::Running;
use ptah_wasm_tests::dump::{difference, dump, dump_with_history};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

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
            let mut applied = Vec::new();
            for run in runs {
                let done = run.wait_within(DEADLINE.saturating_sub(begun.elapsed()));
                waited += usize::from(done.stderr.contains("waiting for the target"));
                if done.shown.contains("lock-timeout") && done.status.code() == Some(7) {
                    reported += 1;
                    done.says(&["is locked by another run"]);
                } else {
                    let steps = |line: &&str| line.contains(": running upgrade");
                    applied.extend(done.ends(0).stderr.lines().filter(steps).map(str::to_owned));
                }
            }
            longest = longest.max(begun.elapsed());
            applied.sort();
            assert_eq!(applied.len(), STEPS, "{dialect}, round {round}: {applied:#?}");
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
}
