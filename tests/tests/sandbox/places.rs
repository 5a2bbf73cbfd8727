//! Places that are reserved for guests beforehand: enough for most, and never a limit.

use std::sync::Barrier;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{RunValues, StepCall};
use ptah_wasm::schema::Schema;

use crate::wat::{Guest, OK};
use crate::{sandbox, upgrade};

/// Spins for a while, finds its memory as it was declared, and leaves it otherwise.
fn spinning() -> Guest {
    let untouched = "(i64.eqz (i64.or (i64.load (i32.const 100000)) (i64.load (i32.const 131064))))";
    let spin = "(local $i i32) (local.set $i (i32.const 20000000)) \
                (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let spoil = "(memory.fill (i32.const 100000) (i32.const 255) (i32.const 31072))";
    Guest::new(&format!("{spin} (if (i32.eqz {untouched}) (then unreachable)) {spoil} {OK}"))
}

#[test]
fn more_guests_run_at_once_than_there_are_places_and_none_sees_what_another_left() {
    let limits = Limits { wall_time: std::time::Duration::from_secs(60), ..Limits::default() };
    let guest = sandbox(limits.clone()).load(&spinning().component()).unwrap();
    let count = 48;
    let together = Barrier::new(count);
    let fuel: Vec<u64> = std::thread::scope(|scope| {
        let run = || {
            let run = || {
                let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), limits.clone());
                guest.run(StepCall::Upgrade("001"), planner, &RunValues::default(), None, &mut |_| ()).unwrap().fuel
            };
            together.wait();
            // Twice, the second time mostly where another one was.
            run().min(run())
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(fuel.iter().all(|used| *used == fuel[0] && *used > 20_000_000), "{fuel:?}");
}

#[test]
fn what_has_more_than_a_place_has_runs_all_the_same() {
    for fields in [
        "(memory (export \"memory\") 2) (table 0 funcref) (table 0 funcref) (table 0 funcref)",
        "(memory (export \"memory\") 2 65536) (table 1000000 funcref)",
    ] {
        upgrade(&Limits::default(), &Guest::new(OK).fields(fields)).unwrap();
    }
}

#[test]
fn limits_for_which_no_places_can_be_reserved_are_limits_still() {
    // A place has at most what the engine reserves for a memory.
    let limits = Limits { memory_bytes: 8 << 30, ..Limits::default() };
    upgrade(&limits, &Guest::new(OK)).unwrap();
    let grown = format!("(if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable)) {OK}");
    upgrade(&limits, &Guest::new(&grown)).unwrap();
}
