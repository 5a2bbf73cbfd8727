//! Random sequences of operations, with rows in between.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::dice::Dice;
use crate::generate;
use crate::twin::{Outcome, Twin};

/// Sequences a dialect, unless `PTAH_ORACLE_CASES` says otherwise: what takes at most half a minute.
const CASES: u32 = 25;

on_every_database! {
    async fn random_sequences_leave_the_model_and_the_database_equal(target: &TestTarget) {
        let cases = std::env::var("PTAH_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
        let handle = tokio::runtime::Handle::current();
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 120, ..Config::default() };
        let mut runner = match std::env::var("PTAH_ORACLE_SEED") {
            Ok(seed) => {
                let mut bytes = [0; 32];
                bytes[..seed.len().min(32)].copy_from_slice(&seed.as_bytes()[..seed.len().min(32)]);
                TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
            }
            Err(_) => TestRunner::new(config),
        };
        let strategy = prop::collection::vec(any::<u64>(), 1..30);
        let outcome = tokio::task::block_in_place(|| runner.run(&strategy, |seeds| handle.block_on(one(target, &seeds))));
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
}

/// One sequence on a fresh database; its operations one a line where it fails.
async fn one(target: &TestTarget, seeds: &[u64]) -> Result<(), TestCaseError> {
    let mut twin = Twin::new(target).await;
    let mut trail = Vec::new();
    let mut result = Ok(());
    for seed in seeds {
        let op = generate::operation(twin.schema(), &mut Dice(*seed));
        let json = serde_json::to_string(&op).unwrap();
        match twin.push(&op).await {
            Ok(Outcome::Taken) => trail.push(json),
            Ok(Outcome::Conflict(reason)) => trail.push(format!("{json}  -- {reason}")),
            Ok(Outcome::Refused(_)) => {}
            Err(error) => {
                trail.push(json);
                result = Err(TestCaseError::fail(format!("{error}\n{}\n", trail.join("\n"))));
                break;
            }
        }
    }
    drop(twin);
    wipe(target).await;
    result
}

async fn wipe(target: &TestTarget) {
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
