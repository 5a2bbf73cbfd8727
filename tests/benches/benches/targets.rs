//! How many targets a second are brought through 20 revisions of 3 statements, beside the same statements and
//! bookkeeping writes sent by hand, one target at a time and eight at a time. `PTAH_BENCH_TARGETS` (500) are divided over
//! the rounds, so that the two sides take turns; `PTAH_BENCH_DIALECT` names the one database to do it on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::migrate::{Migrator, Options, Upgrade};
use ptah_wasm::rollout::{Rollout, RolloutTarget};
use ptah_wasm::sandbox::{CacheLocation, Compiler};
use ptah_wasm_benches::reference::{self, Journal, Step};
use ptah_wasm_benches::{Kind, Row, rounds, size};
use ptah_wasm_tests::guest::{Column, GuestPackage, Index, bulk_insert, create_index, create_table};
use ptah_wasm_tests::target::{TestTarget, run};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("long.wasm");
    let revisions = size("PTAH_BENCH_REVISIONS", 20);
    std::fs::write(&package, three_statements(revisions).build()).unwrap();
    let options = Options {
        cache: CacheLocation::Directory(folder.path().join("cache")),
        compiler: Compiler::InProcess,
        ..Options::default()
    };
    let only = std::env::var("PTAH_BENCH_DIALECT").ok();
    let is_wanted = |dialect: &Dialect| only.as_deref().is_none_or(|only| dialect.as_str() == only);
    for dialect in Dialect::ALL.into_iter().filter(is_wanted) {
        for jobs in [1, 8] {
            run(dialect, async |target| bench(target, &package, &options, revisions, jobs).await);
        }
    }
}

/// Each revision makes a table, an index on it, and puts rows in.
fn three_statements(revisions: usize) -> GuestPackage {
    let mut package = GuestPackage::new("long");
    for at in 0..revisions {
        let (id, table) = (format!("r{:04}", at + 1), format!("table_{at}"));
        let before: Vec<String> = (at > 0).then(|| format!("r{at:04}")).into_iter().collect();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        package = package.revision(&id, &before, "One more").upgrade([
            create_table(&table, |t| {
                t.primary_key(["id"]);
                t.column(Column::integer("id")).not_null();
                t.varchar("title", 100).not_null();
            }),
            create_index(&table, Index::new(format!("ix_{table}"), ["title"])),
            bulk_insert(&table, ["id", "title"], [(1, "one"), (2, "two"), (3, "three")]),
        ]);
    }
    package
}

async fn bench(target: &TestTarget, package: &Path, options: &Options, revisions: usize, jobs: usize) {
    let dialect = target.dialect();
    let (targets, rounds) = (size("PTAH_BENCH_TARGETS", 500), rounds(20));
    let each = targets.div_ceil(rounds).max(1);
    let steps = steps(target, package, options).await;
    assert!(steps.len() == revisions && steps.iter().all(|step| step.statements.len() == 3), "{:?}", steps.first());
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    let rate = |time: Duration| each as f64 / time.as_secs_f64();
    let fresh = target.tenants(2 * each * rounds).await;
    for (round, fresh) in fresh.chunks_exact(2 * each).enumerate() {
        let (own, others) = fresh.split_at(each);
        if dialect == Dialect::Sqlite {
            for target in fresh {
                target.execute("PRAGMA journal_mode = WAL").await;
            }
        }
        if round % 2 == 0 {
            ours.push(rate(rollout(own, package, options, jobs).await));
            by_hand.push(rate(loops(others, &steps, jobs).await));
        } else {
            by_hand.push(rate(loops(others, &steps, jobs).await));
            ours.push(rate(rollout(own, package, options, jobs).await));
        }
    }
    let kind = match dialect {
        Dialect::Sqlite => "SQLite files (WAL, synchronous FULL)",
        Dialect::Postgres => "PostgreSQL schemas",
        Dialect::Mariadb => "MariaDB databases",
    };
    let name = format!(
        "targets: {} {kind}, {revisions} revisions of 3 statements, {jobs} at a time, targets a second, beside a loop by hand",
        each * rounds
    );
    Row { name: &name, ours: &ours, reference: &by_hand, kind: Kind::Rate, bound: Some(0.85) }.print();
}

async fn steps(target: &TestTarget, package: &Path, options: &Options) -> Vec<Step> {
    let migrator = Migrator::with_options(target.url(), options.clone()).unwrap();
    let package = migrator.open(package).unwrap();
    let plans = migrator.plan_upgrade(&[Upgrade::to_head(package)]).await.unwrap();
    reference::steps(&plans[0])
}

async fn rollout(targets: &[TestTarget], package: &Path, options: &Options, jobs: usize) -> Duration {
    let targets = targets.iter().map(|target| RolloutTarget { name: None, target: target.target() }).collect();
    let rollout = Rollout::new(targets, options.clone()).unwrap().jobs(NonZeroUsize::new(jobs).unwrap());
    let package = rollout.open(package).unwrap();
    let begun = Instant::now();
    let report = rollout.upgrade(&[Upgrade::to_head(package)]).await.unwrap();
    let time = begun.elapsed();
    assert!(report.targets.iter().all(|row| row.error.is_none()), "{report:?}");
    time
}

async fn loops(targets: &[TestTarget], steps: &[Step], jobs: usize) -> Duration {
    let (steps, turn): (Arc<[Step]>, _) = (steps.into(), Arc::new(Semaphore::new(jobs)));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for target in targets {
        let permit = turn.clone().acquire_owned().await.unwrap();
        let (dialect, login, steps) = (target.dialect(), target.login().to_owned(), steps.clone());
        running.spawn(async move {
            reference::apply(dialect, &login, &steps, Journal::Kept).await.unwrap();
            drop(permit);
        });
    }
    running.join_all().await;
    begun.elapsed()
}
