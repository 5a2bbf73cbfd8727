//! Random sequences of operations, with rows in between.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use ptah_wasm::dialect::Dialect;
use ptah_wasm::plan::{PlannedOp, Planner};
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::schema::Schema;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::generate;
use crate::twin::{Outcome, Twin};
use ptah_wasm_tests::dice::Dice;

/// Sequences a dialect, unless `PTAH_ORACLE_CASES` says otherwise: what takes at most half a minute.
const CASES: u32 = 24;

on_every_database! {
    async fn random_sequences_leave_the_model_and_the_database_equal(target: &TestTarget) {
        check(target, 1, 1..30, async |seeds| one_by_one(target, &seeds).await);
    }

    async fn a_random_step_leaves_the_model_and_the_database_equal(target: &TestTarget) {
        check(target, 2, 8..40, async |seeds| whole_step(target, &seeds).await);
    }
}

/// Runs a case for each of many lists of seeds, fewer of those that cost more.
fn check(target: &TestTarget, cost: u32, length: Range<usize>, case: impl AsyncFn(Vec<u64>) -> Result<(), String>) {
    let cases = std::env::var("PTAH_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let config = Config { cases: cases / cost, failure_persistence: None, max_shrink_iters: 120, ..Config::default() };
    let handle = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&prop::collection::vec(any::<u64>(), length), |seeds| {
            handle.block_on(async {
                let result = case(seeds).await;
                wipe(target).await;
                result.map_err(TestCaseError::fail)
            })
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Operation by operation, held against the database after each.
async fn one_by_one(target: &TestTarget, seeds: &[u64]) -> Result<(), String> {
    let mut twin = Twin::new(target).await;
    let mut trail = Vec::new();
    for seed in seeds {
        let op = generate::operation(twin.schema(), target.dialect().rules(), &mut Dice(*seed));
        let json = serde_json::to_string(&op).unwrap();
        match twin.push(&op).await {
            Ok(Outcome::Taken) => trail.push(json),
            Ok(Outcome::Conflict(reason)) => trail.push(format!("{json}  -- {reason}")),
            Ok(Outcome::Refused(_)) => {}
            Err(error) => {
                trail.push(json);
                return Err(format!("{error}\n{}\n", trail.join("\n")));
            }
        }
    }
    Ok(())
}

/// Planned as a whole, then applied. An operation that the rows do not allow is left out the next time.
async fn whole_step(target: &TestTarget, seeds: &[u64]) -> Result<(), String> {
    let mut left_out = BTreeSet::new();
    loop {
        let mut planner = Planner::new(target.dialect(), Schema::default(), Access::default(), Limits::default());
        let mut taken = Vec::new();
        for (position, seed) in seeds.iter().enumerate().filter(|(position, _)| !left_out.contains(position)) {
            let op = generate::operation(planner.schema(), target.dialect().rules(), &mut Dice(*seed));
            if planner.push(op).is_ok() {
                taken.push(position);
            }
        }
        let (plan, after) = planner.finish();
        let mut twin = Twin::new(target).await;
        match twin.step(&plan, after).await {
            Ok(None) => return Ok(()),
            Ok(Some(number)) => {
                left_out.insert(taken[number]);
            }
            Err(error) => {
                let json = |planned: &PlannedOp| serde_json::to_string(&planned.op).unwrap();
                let trail: Vec<String> = plan.operations.iter().map(json).collect();
                return Err(format!("{error}\n{}\n", trail.join("\n")));
            }
        }
        drop(twin);
        wipe(target).await;
    }
}

pub(crate) async fn wipe(target: &TestTarget) {
    match target.dialect() {
        Dialect::Sqlite => {
            for suffix in ["", "-journal", "-wal", "-shm"] {
                let _ = std::fs::remove_file(target.folder().join(format!("test.db{suffix}")));
            }
        }
        Dialect::Postgres => target.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
        Dialect::Mariadb => {
            let name = target.url().rsplit('/').next().unwrap().to_owned();
            target.execute(&format!("DROP DATABASE {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
        }
    }
}
