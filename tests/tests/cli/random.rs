//! Runs killed at any instant: whatever the instant, the next run ends where an undisturbed one does.

use std::time::{Duration, Instant};

use ptah_wasm_tests::dump::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::{on, put};

const KILLS: u64 = 20;
const STEPS: usize = 4;

/// Every step makes a table of its own, fills it and indexes it.
fn work() -> GuestPackage {
    let mut package = GuestPackage::new("work");
    for at in 1..=STEPS {
        let (id, before, table) = (format!("{at:03}"), format!("{:03}", at - 1), format!("work_{at}"));
        let down: &[&str] = if at == 1 { &[] } else { &[&before] };
        let rows: Vec<(String,)> = (0..50).map(|row| (format!("{row} {}", "x".repeat(100)),)).collect();
        package = package.revision(&id, down, "Make and fill").upgrade([
            create_table(&table, |t| {
                t.id("id");
                t.varchar("name", 200).not_null();
            }),
            Action::Repeat(30, vec![bulk_insert(&table, ["name"], rows)]),
            create_index(&table, Index::new(format!("{table}_name"), ["name"])),
            add_column(&table, Column::text("more")),
            execute(format!(r#"UPDATE "{table}" SET "more" = "name" WHERE "id" > ?"#).as_str(), (10,)),
        ]);
    }
    package
}

on_every_database! {
    async fn a_run_killed_at_any_instant_is_settled_by_the_next(target: &TestTarget) {
        let package = work();
        put(target.folder(), "work.wasm", &package);
        on(target, "inspect work.wasm").ok();
        let begun = Instant::now();
        on(target, "upgrade work.wasm").ok();
        let whole_run = begun.elapsed();
        let expected = dump(target).await;
        let mut cut = 0;
        for seed in 1..=KILLS {
            // The instants are spread over the run; which they hit is the machine's choice.
            let instant = whole_run.mul_f64(seed as f64 / KILLS as f64);
            let target = TestTarget::new(target.dialect()).await;
            put(target.folder(), "work.wasm", &package);
            let mut run = on(&target, "upgrade work.wasm").start();
            std::thread::sleep(instant);
            cut += usize::from(run.is_running());
            let killed = run.kill();
            let killed_at = Instant::now();
            on(&target, "upgrade work.wasm").ok();
            assert!(killed_at.elapsed() < whole_run + Duration::from_secs(10), "{:?}", killed_at.elapsed());
            let found = dump(&target).await;
            assert!(found == expected, "killed after {instant:?} of {whole_run:?}:\n{}\n{found}", killed.stderr);
        }
        println!("{cut} of {KILLS} runs were cut short");
        assert!(cut > 0, "no run was cut short");
    }
}
