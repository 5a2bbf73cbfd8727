//! What a revision costs in process, beside the same statements and bookkeeping writes sent by hand; and what the
//! sandbox costs. `PTAH_BENCH_REVISIONS` and `PTAH_BENCH_ROUNDS` set the size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::migrate::{Migrator, Options};
use ptah_wasm::package::Package;
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{CacheLocation, Compiler, RunValues, Sandbox, StepCall};
use ptah_wasm::schema::Schema;
use ptah_wasm_benches::reference::{self, Journal, Step};
use ptah_wasm_benches::{HUNDRED, Kind, Row, milliseconds, rounds, size, to_revision};
use ptah_wasm_tests::guest::{Action, Dialect as GuestDialect, GuestPackage};
use ptah_wasm_tests::target::{TestTarget, run};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("hundred.wasm");
    let revisions = size("PTAH_BENCH_REVISIONS", 100).min(100);
    std::fs::write(&package, HUNDRED).unwrap();
    let bench = Core { package, cache: CacheLocation::Directory(folder.path().join("cache")), revisions };
    sandbox(&bench);
    for dialect in Dialect::ALL {
        run(dialect, async |target| bench.revisions(target).await);
    }
}

struct Core {
    package: std::path::PathBuf,
    cache: CacheLocation,
    revisions: usize,
}

impl Core {
    fn options(&self) -> Options {
        Options { cache: self.cache.clone(), compiler: Compiler::InProcess, ..Options::default() }
    }

    /// A fresh database of the target's kind; on SQLite a file in WAL mode, as the reference is measured.
    async fn fresh(&self, target: &TestTarget, count: usize) -> Vec<TestTarget> {
        let fresh = target.tenants(count).await;
        if target.dialect() == Dialect::Sqlite {
            for target in &fresh {
                target.execute("PRAGMA journal_mode = WAL").await;
            }
        }
        fresh
    }

    async fn revisions(&self, target: &TestTarget) {
        let dialect = target.dialect();
        let rounds = rounds(15);
        let fresh = self.fresh(target, 3 * (rounds + 1)).await;
        let (mut ours, mut by_hand, mut unjournaled) = (Vec::new(), Vec::new(), Vec::new());
        let steps = self.steps(&fresh[0]).await;
        for (round, fresh) in fresh.chunks_exact(3).enumerate() {
            let [own, other, third] = fresh else { panic!("three") };
            // Which side comes first changes, since the second one finds a warmer machine.
            let turns: &[usize] = if round % 2 == 0 { &[0, 1, 2] } else { &[2, 1, 0] };
            let mut times = [Duration::ZERO; 3];
            for turn in turns {
                times[*turn] = match turn {
                    0 => self.upgrade(own).await,
                    1 => apply(other, &steps, Journal::Kept).await,
                    _ if dialect.has_transactional_ddl() => Duration::ZERO,
                    _ => apply(third, &steps, Journal::None).await,
                };
            }
            // The first round is for warming up.
            if round > 0 {
                let each = |time: Duration| milliseconds(time) * 1e3 / self.revisions as f64;
                ours.push(each(times[0]));
                by_hand.push(each(times[1]));
                unjournaled.push(each(times[2]));
            }
        }
        let (settings, bound) = match dialect {
            Dialect::Sqlite => ("WAL, synchronous FULL", 1.30),
            Dialect::Postgres => ("durable settings", 1.10),
            Dialect::Mariadb => ("durable settings", 1.15),
        };
        let settings = if dialect != Dialect::Sqlite && std::env::var("PTAH_TEST_DURABLE").is_err() {
            "settings that survive no power cut"
        } else {
            settings
        };
        let name = format!(
            "core: {} one-statement revisions on {dialect} ({settings}), µs each, beside sqlx by hand",
            self.revisions
        );
        Row { name: &name, ours: &ours, reference: &by_hand, kind: Kind::Cost, bound: Some(bound) }.print();
        if dialect == Dialect::Sqlite {
            let over: Vec<f64> = ours.iter().zip(&by_hand).map(|(ours, by_hand)| ours - by_hand).collect();
            let name = format!("core: what a revision on {dialect} costs more than by hand, µs, beside 100 µs");
            Row { name: &name, ours: &over, reference: &[100.0], kind: Kind::Cost, bound: Some(1.0) }.print();
        }
        if !dialect.has_transactional_ddl() {
            let name =
                format!("core: the price of the journal on {dialect}, µs a revision by hand, with it and without");
            Row { name: &name, ours: &by_hand, reference: &unjournaled, kind: Kind::Told, bound: None }.print();
        }
    }

    fn open(&self, target: &TestTarget) -> (Migrator, Arc<Package>) {
        let migrator = Migrator::with_options(target.url(), self.options()).unwrap();
        let package = migrator.open(&self.package).unwrap();
        (migrator, package)
    }

    async fn steps(&self, target: &TestTarget) -> Vec<Step> {
        let (migrator, package) = self.open(target);
        let plans = migrator.plan_upgrade(&[to_revision(package, self.revisions)]).await.unwrap();
        reference::steps(&plans[0])
    }

    /// From connecting to closing; guests run anew.
    async fn upgrade(&self, target: &TestTarget) -> Duration {
        let (migrator, package) = self.open(target);
        let begun = Instant::now();
        let done = migrator.upgrade(&[to_revision(package, self.revisions)]).await.unwrap();
        let time = begun.elapsed();
        assert_eq!(done[0].steps.len(), self.revisions);
        time
    }
}

async fn apply(target: &TestTarget, steps: &[Step], journal: Journal) -> Duration {
    let begun = Instant::now();
    reference::apply(target.dialect(), target.login(), steps, journal).await.unwrap();
    begun.elapsed()
}

/// How long one of many runs takes, in µs, each round's.
fn each(count: usize, mut work: impl FnMut()) -> Vec<f64> {
    let round = |_| {
        let begun = Instant::now();
        (0..count).for_each(|_| work());
        milliseconds(begun.elapsed()) * 1e3 / count as f64
    };
    let mut times: Vec<f64> = (0..=rounds(15)).map(round).collect();
    times.remove(0);
    times
}

fn sandbox(bench: &Core) {
    let count = size("PTAH_BENCH_CALLS", 1_000);
    let limits = Limits::default();
    let sandbox = Sandbox::new(limits.clone(), bench.cache.clone(), Compiler::InProcess).unwrap();
    let values = RunValues { started: "2026-11-28T00:00:00.000000Z".into(), seed: 7 };
    let run = |guest: &ptah_wasm::sandbox::Guest| {
        let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), limits.clone());
        guest.run(StepCall::Upgrade("001"), planner, &values, None, &mut |_| ()).unwrap();
    };

    // The guest says that it has no such step.
    let nothing = |guest: &ptah_wasm::sandbox::Guest| {
        let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), limits.clone());
        guest.run(StepCall::Upgrade("none"), planner, &values, None, &mut |_| ()).unwrap_err();
    };

    let crowd = sandbox.load(&example("crowd")).unwrap();
    let name = "sandbox: store, instance, call and drop, of the example package crowd, µs, beside 50 µs";
    let step = each(count, || nothing(&crowd));
    Row { name, ours: &step, reference: &[50.0], kind: Kind::Cost, bound: Some(1.0) }.print();

    let calls = 10_000;
    let asking = Action::Repeat(calls, vec![Action::ExpectDialect(GuestDialect::Sqlite)]);
    let asking = GuestPackage::new("asking").revision("001", &[], "Ask").upgrade([asking]).build();
    let asking = sandbox.load(&asking).unwrap();
    let call: Vec<f64> = each(count.div_ceil(100), || run(&asking)).iter().map(|time| time / calls as f64).collect();
    let name = "sandbox: a host call without SQL (inspect.target-dialect), µs, beside 1 µs";
    Row { name, ours: &call, reference: &[1.0], kind: Kind::Cost, bound: Some(1.0) }.print();

    let bytes = of_100_kb();
    let path = bench.package.with_file_name("large.wasm");
    std::fs::write(&path, &bytes).unwrap();
    let open = || Package::open(&sandbox, &path).unwrap();
    drop(open());
    let name = |what: &str| {
        format!(
            "sandbox: opening a package of {} KB that is in the cache{what}, µs, beside 1000 µs",
            bytes.len() / 1_000
        )
    };
    let opened = each(count.div_ceil(10), || drop(open()));
    let row = |what: &str, ours: &[f64]| {
        let bound = Some(1.0);
        Row { name: &name(what), ours, reference: &[1_000.0], kind: Kind::Cost, bound }.print();
    };
    row("", &opened);
    let ran = each(count.div_ceil(10), || nothing(open().guest_for(&StepCall::Upgrade("001")).unwrap()));
    row(", and calling it once", &ran);
}

fn example(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-packages");
    std::fs::read(folder.join(name).join(format!("{name}.wasm"))).unwrap()
}

/// The example package minicms with its module in it again, until it has 100 KB: all of them are compiled and kept.
fn of_100_kb() -> Vec<u8> {
    let mut bytes = example("minicms");
    let (mut at, mut module) = (8, None);
    while at < bytes.len() && module.is_none() {
        // A section: its kind, its length, its bytes. A core module is of kind 1.
        let (kind, begins) = (bytes[at], at);
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            at += 1;
            length |= usize::from(bytes[at] & 0x7f) << shift;
            shift += 7;
            if bytes[at] < 0x80 {
                break;
            }
        }
        at += 1 + length;
        module = (kind == 1).then(|| bytes[begins..at].to_vec());
    }
    let module = module.unwrap();
    while bytes.len() < 100_000 {
        bytes.extend_from_slice(&module);
    }
    bytes
}
