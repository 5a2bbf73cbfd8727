//! Every limit of a running guest, obeyed and violated.

use std::time::{Duration, Instant};

use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::StepError;

use crate::wat::{Guest, OK};
use crate::{exceeded, upgrade};

const LOG: (&str, &str, &str) = ("log", "message", "(param i32 i32 i32)");

/// Calls `code` so many times.
fn repeated(times: usize, code: &str) -> String {
    format!(
        "(local $i i32) (local.set $i (i32.const {times})) \
         (loop $again {code} (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) {OK}"
    )
}

fn logging(times: usize, bytes: usize) -> Guest {
    Guest::new(&repeated(times, &format!("(call $message (i32.const 1) (i32.const 64) (i32.const {bytes}))")))
        .import(LOG.0, LOG.1, LOG.2)
}

#[test]
fn fuel() {
    let counting = |times| Guest::new(&repeated(times, ""));
    let limits = Limits { fuel: 50_000, ..Limits::default() };
    assert!(upgrade(&limits, &counting(1_000)).unwrap().fuel < 50_000);
    assert!(exceeded(upgrade(&limits, &counting(1_000_000))).contains("50000 units of fuel"));
    assert!(exceeded(upgrade(&limits, &Guest::new("(loop (br 0)) unreachable"))).contains("fuel"));
}

#[test]
fn a_bulk_operation_costs_fuel_by_the_byte() {
    let fill = "(memory.fill (i32.const 8192) (i32.const 0) (i32.const 65536))";
    assert!(upgrade(&Limits::default(), &Guest::new(&format!("{fill} {OK}"))).unwrap().fuel > 65_536);
}

#[test]
fn wall_time() {
    let limits = Limits { fuel: u64::MAX >> 1, wall_time: Duration::from_millis(100), ..Limits::default() };
    assert!(upgrade(&limits, &Guest::new(OK)).is_ok());
    let started = Instant::now();
    assert!(exceeded(upgrade(&limits, &Guest::new("(loop (br 0)) unreachable"))).contains("0.1 s"));
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(100) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn memory() {
    let growing = |pages| {
        Guest::new(&format!("(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable)) {OK}"))
    };
    // Two pages are there from the start.
    let limits = Limits { memory_bytes: 64 * 65_536, ..Limits::default() };
    upgrade(&limits, &growing(61)).unwrap();
    assert!(exceeded(upgrade(&limits, &growing(63))).contains("4194304 bytes of memory"));
}

#[test]
fn tables_count_as_memory() {
    let growing = |elements| {
        Guest::new(&format!("(drop (table.grow $t (ref.null func) (i32.const {elements}))) {OK}"))
            .fields("(memory (export \"memory\") 2) (table $t 0 funcref)")
    };
    let limits = Limits { memory_bytes: 64 * 65_536, ..Limits::default() };
    upgrade(&limits, &growing(100_000)).unwrap();
    assert!(exceeded(upgrade(&limits, &growing(1_000_000))).contains("bytes of memory"));
}

#[test]
fn memory_that_is_declared_counts_before_anything_runs() {
    let limits = Limits { memory_bytes: 64 * 65_536, ..Limits::default() };
    // Each is within the limit, and both together are not.
    let guest = Guest::new(OK).fields("(memory (export \"memory\") 40) (table 300000 funcref)");
    assert!(exceeded(upgrade(&limits, &guest)).contains("bytes of memory"));
}

#[test]
fn counts_of_tables() {
    let tables = |count: usize| {
        Guest::new(OK).fields(&format!("(memory (export \"memory\") 2) {}", "(table 0 funcref)".repeat(count)))
    };
    let limits = Limits { instances: 16, ..Limits::default() };
    upgrade(&limits, &tables(15)).unwrap();
    let error = crate::sandbox(limits).load(&tables(17).component()).unwrap_err();
    assert_eq!(error.to_string(), "the component has 17 tables; the limit is 16");
}

#[test]
fn stack() {
    let recursing = |depth| {
        Guest::new(&format!("(call $down (i32.const {depth})) {OK}")).fields(
            "(memory (export \"memory\") 2) (func $down (param i32) (if (local.get 0) (then \
             (call $down (i32.sub (local.get 0) (i32.const 1))))))",
        )
    };
    upgrade(&Limits::default(), &recursing(1_000)).unwrap();
    assert!(exceeded(upgrade(&Limits::default(), &recursing(10_000_000))).contains("524288 bytes"));
}

#[test]
fn host_calls_whatever_they_do() {
    let limits = Limits { host_calls: 100, ..Limits::default() };
    upgrade(&limits, &logging(100, 2)).unwrap();
    assert!(exceeded(upgrade(&limits, &logging(101, 2))).contains("100 host calls"));
    // Calls that fail count too.
    let failing = |times| {
        let call = "(call $drop-table (i32.const 64) (i32.const 2) (i32.const 512))";
        Guest::new(&repeated(times, call)).import("schema", "drop-table", "(param i32 i32 i32)")
    };
    upgrade(&limits, &failing(100)).unwrap();
    assert!(exceeded(upgrade(&limits, &failing(101))).contains("100 host calls"));
}

#[test]
fn bytes_of_a_call() {
    let limits = Limits { call_bytes: 1_000, ..Limits::default() };
    upgrade(&limits, &logging(1, 1_000)).unwrap();
    assert!(exceeded(upgrade(&limits, &logging(1, 1_001))).contains("1000 bytes"));
}

#[test]
fn many_views_of_one_buffer_are_charged_one_by_one() {
    // 30,000 empty texts: 240,000 bytes of list, nothing else.
    let guest = |items: usize| {
        Guest::new(&format!(
            "(call $bulk-insert (i32.const 64) (i32.const 2) (i32.const 8192) (i32.const {items}) \
             (i32.const 0) (i32.const 0) (i32.const 512)) {OK}"
        ))
        .import("data", "bulk-insert", "(param i32 i32 i32 i32 i32 i32 i32)")
        .fields("(memory (export \"memory\") 8)")
    };
    let limits = Limits { call_bytes: 200_000, ..Limits::default() };
    upgrade(&limits, &guest(5_000)).unwrap();
    assert!(exceeded(upgrade(&limits, &guest(30_000))).contains("200000 bytes"));
}

#[test]
fn bytes_of_a_step() {
    let limits = Limits { step_bytes: 1_000, ..Limits::default() };
    upgrade(&limits, &logging(10, 100)).unwrap();
    assert!(exceeded(upgrade(&limits, &logging(11, 100))).contains("1000 bytes"));
}

#[test]
fn answers_count_as_bytes_of_a_step() {
    let asking =
        |times| Guest::new(&repeated(times, "(call $started (i32.const 512))")).import("run", "started", "(param i32)");
    let limits = Limits { step_bytes: 270, ..Limits::default() };
    upgrade(&limits, &asking(10)).unwrap();
    assert!(exceeded(upgrade(&limits, &asking(11))).contains("270 bytes"));
}

#[test]
fn log() {
    let limits = Limits { log_bytes: 1_000, ..Limits::default() };
    upgrade(&limits, &logging(333, 2)).unwrap();
    assert!(exceeded(upgrade(&limits, &logging(334, 2))).contains("logged more than 1000 bytes"));
}

#[test]
fn handles() {
    let statement = "DELETE FROM t";
    let executing = |times: usize, then: &str| {
        let length = statement.len();
        let call = format!(
            "(call $execute (i32.const 3000) (i32.const {length}) (i32.const 0) (i32.const 0) (i32.const 0) \
             (i32.const 512)) (if (i32.load8_u (i32.const 512)) (then unreachable)) {then}"
        );
        let table = "(call $create-table (i32.const 3012) (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 0) \
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))";
        let code = repeated(times, &call).replacen("(local.set", &format!("{table} (local.set"), 1);
        Guest::new(&code)
            .import("schema", "create-table", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
            .import("data", "execute", "(param i32 i32 i32 i32 i32 i32)")
            .import("data", "[resource-drop]statement", "(param i32)")
            .fields(&format!(
                "(memory (export \"memory\") 2) (data (i32.const 2048) \"{}\\02{}\") (data (i32.const 3000) \"{statement}\")",
                crate::wat::words(&[3012, 1]),
                "\\00".repeat(71),
            ))
    };
    let limits = Limits { handles: 8, ..Limits::default() };
    upgrade(&limits, &executing(8, "")).unwrap();
    assert!(exceeded(upgrade(&limits, &executing(9, ""))).contains("8 handles"));
    upgrade(&limits, &executing(20, "(call $drop-statement (i32.load (i32.const 516)))")).unwrap();
}

#[test]
fn operations_end_the_step_even_if_the_guest_goes_on() {
    let call = "(call $create-table (i32.const 64) (i32.const 2) (i32.const 2048) (i32.const 1) (i32.const 0) \
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))";
    let guest = Guest::new(&format!("{call} {OK}"))
        .import("schema", "create-table", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
        .fields(&format!(
            "(memory (export \"memory\") 2) (data (i32.const 2048) \"{}\\02{}\")",
            crate::wat::words(&[64, 2]),
            "\\00".repeat(71),
        ));
    upgrade(&Limits { operations: 1, ..Limits::default() }, &guest).unwrap();
    assert!(exceeded(upgrade(&Limits { operations: 0, ..Limits::default() }, &guest)).contains("0 operations"));
}

#[test]
fn comments() {
    let commenting = |bytes: usize| {
        let call = format!(
            "(call $create-table (i32.const 64) (i32.const 2) (i32.const 2048) (i32.const 1) (i32.const 0) \
             (i32.const 0) (i32.const 1) (i32.const 20000) (i32.const {bytes}) (i32.const 1) (i32.const 512))"
        );
        Guest::new(&format!("(memory.fill (i32.const 20000) (i32.const 97) (i32.const 2000)) {call} (i32.const 512)"))
            .import("schema", "create-table", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
            .fields(&format!(
                "(memory (export \"memory\") 2) (data (i32.const 2048) \"{}\\02{}\")",
                crate::wat::words(&[64, 2]),
                "\\00".repeat(71),
            ))
    };
    upgrade(&Limits::default(), &commenting(1_024)).unwrap();
    let error = upgrade(&Limits::default(), &commenting(1_025)).unwrap_err();
    assert!(matches!(&error, StepError::Guest { message, .. } if message.contains("1024")), "{error:?}");
}
