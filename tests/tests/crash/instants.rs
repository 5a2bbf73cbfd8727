//! Runs killed at random instants. The seeds are fixed: they draw how long after its beginning, or after its first statement,
//! a run is killed. Where it stands then is the machine's choice, and printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ptah_wasm_tests::dice::Dice;
use ptah_wasm_tests::dump::{difference, dump_with_history};
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::chain::chain;
use crate::{brief, count, failing, on, on_fresh_databases, put, statements, undisturbed, work};

/// How long the parts of an undisturbed run take.
struct Span {
    planning: Duration,
    applying: Duration,
}

async fn span(target: &TestTarget) -> Span {
    put(target, "chain.wasm", &chain());
    let log = target.folder().join("statements");
    let begun = Instant::now();
    let mut run = failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT_LOG", &log).start();
    while !log.exists() && run.is_running() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let planning = begun.elapsed();
    run.wait().ends(0);
    Span { planning, applying: begun.elapsed() - planning }
}

/// What became of a run that was killed.
struct Killed {
    /// So many statements were sent; none if it had ended.
    sent: Option<usize>,
    next: String,
    differs: Option<String>,
}

/// Kills a run at an instant and lets the next one finish.
async fn killed(target: &TestTarget, seed: u64, span: &Span, undisturbed: &str) -> Killed {
    let mut dice = Dice(seed);
    // One in five is killed anywhere, the others after their first statement.
    let is_anywhere = dice.once_in(5);
    let length = if is_anywhere { span.planning + span.applying } else { span.applying };
    let wait = length.mul_f64(dice.roll(10_000) as f64 / 10_000.0);
    put(target, "chain.wasm", &chain());
    let log = target.folder().join("statements");
    let mut run = failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT_LOG", &log).start();
    while !is_anywhere && !log.exists() && run.is_running() {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(wait);
    let has_ended = !run.is_running();
    run.kill();
    let sent = statements(&log).len();
    let next = on(target, "upgrade chain.wasm").run();
    let differs = match next.status.success() {
        true => difference(undisturbed, &dump_with_history(target).await),
        false => Some(format!("the next run failed\n{}", next.stderr)),
    };
    let differs = differs.map(|lines| format!("{}, seed {seed}, killed after {wait:?}\n{lines}\n", target.dialect()));
    Killed { sent: (!has_ended).then_some(sent), next: work(&next.stderr), differs }
}

on_every_database! {
    async fn a_run_that_is_killed_at_any_instant_is_finished_by_the_next(target: &TestTarget) {
        let dialect = target.dialect();
        let (whole, statements) = undisturbed(target).await;
        let spans = on_fresh_databases(dialect, &[(); 4], async |target, ()| span(target).await);
        let mean = |of: fn(&Span) -> Duration| spans.iter().map(of).sum::<Duration>() / 4;
        let span = Span { planning: mean(|span| span.planning), applying: mean(|span| span.applying) };
        let seeds: Vec<u64> = (1..=count("PTAH_CRASH_INSTANTS", 20)).collect();
        let kills = on_fresh_databases(dialect, &seeds, async |target, seed| killed(target, *seed, &span, &whole).await);
        let mut table = format!("\n{dialect}: killed at {} random instants: at which statement; how often, what the next run did\n", seeds.len());
        let mut places: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
        for killed in &kills {
            *places.entry(killed.sent.unwrap_or(usize::MAX)).or_default().entry(&killed.next).or_default() += 1;
        }
        for (at, nexts) in &places {
            let place = match at {
                0 => "      (none sent yet)".to_owned(),
                &usize::MAX => "      (had ended)".to_owned(),
                at => format!("{at:4}  {}", brief(&statements[at - 1])),
            };
            let nexts: Vec<String> = nexts.iter().map(|(next, times)| format!("{times} × {next}")).collect();
            writeln!(table, "{place:66} {}", nexts.join("; ")).unwrap();
        }
        println!("{table}");
        let wrong: Vec<&str> = kills.iter().filter_map(|killed| killed.differs.as_deref()).collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
        let hits = places.range(1..usize::MAX).count();
        assert!(hits > 3, "only {hits} statements were hit: {places:?}");
    }
}
