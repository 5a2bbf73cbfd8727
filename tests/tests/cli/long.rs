//! A thousand revisions.

use std::time::{Duration, Instant};

use ptah_wasm_tests::binary::ptah;
use ptah_wasm_tests::guest::long;

use crate::put;

#[test]
fn a_thousand_revisions_are_applied_shown_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "long.wasm", &long("long", 1_000, 50));
    let run = |words: &str| ptah(folder.path()).args(words).args("--database sqlite:long.db");
    let done = run("upgrade long.wasm").ok();
    assert_eq!(done.stderr.lines().count(), 1_000);
    let begun = Instant::now();
    let history = run("history long.wasm").ok();
    println!("history of 1,000 revisions: {:?}", begun.elapsed());
    assert_eq!(history.stdout.lines().count(), 1_000);
    assert_eq!(history.stdout.lines().next().unwrap(), "long: r0999 -> r1000 (head, current), One more");
    run("upgrade long.wasm").ok().says(&["long: at r1000, nothing to do"]);
    run("downgrade long.wasm:r0990").ok();
    run("current long.wasm").ok().prints(&["long: r0990 (10 pending)"]);
}

/// What a process used of the processor so far, in user mode.
#[cfg(target_os = "linux")]
fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything; of the fields after it this is the twelfth, in hundredths of a second.
    let ticks: u64 = stat.rsplit(')').next()?.split_whitespace().nth(11)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The processor's time tells more than the clock, which the disk and other tests move.
#[cfg(target_os = "linux")]
#[test]
fn an_upgrade_over_many_revisions_takes_linear_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut times = Vec::new();
    for revisions in [200, 400, 800] {
        put(folder.path(), "long.wasm", &long("long", revisions, 10));
        ptah(folder.path()).args("inspect long.wasm").ok();
        let mut run =
            ptah(folder.path()).args("-q upgrade long.wasm --database").arg(format!("sqlite:{revisions}.db")).start();
        let mut used = Duration::ZERO;
        while run.is_running() {
            used = processor_time(run.id()).unwrap_or(used);
            std::thread::sleep(Duration::from_millis(5));
        }
        run.wait().ends(0);
        println!("upgrade over {revisions} revisions: {used:?}");
        times.push(used);
    }
    assert!(times[2] < times[0] * 12, "four times the revisions took {:?} instead of {:?}", times[2], times[0]);
}
