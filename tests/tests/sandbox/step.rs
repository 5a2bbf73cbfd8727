//! One step of a guest: what it may ask for, what comes out, and how it ends.

use ptah_wasm::operation::Op;
use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::{GuestErrorKind, LogEvent, LogLevel, StepError};

use crate::wat::{Guest, OK, words};
use crate::{sandbox, upgrade, upgrade_logged};

/// Makes table `t` with an integer column `id`. The column is at 2048, its name at 3000, `t` at 3002.
fn create_table(name: usize, then: &str) -> Guest {
    let call = format!(
        "(call $create-table (i32.const {name}) (i32.const 1) (i32.const 2048) (i32.const 1) \
         (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))"
    );
    let column = format!("{}\\02{}", words(&[3000, 2]), "\\00".repeat(71));
    Guest::new(&format!("{call} {then}"))
        .import("schema", "create-table", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
        .fields(&format!(
            "(memory (export \"memory\") 2) (data (i32.const 2048) \"{column}\") (data (i32.const 3000) \"idt;\")"
        ))
}

#[test]
fn a_call_becomes_an_operation_of_the_plan() {
    let outcome = upgrade(&Limits::default(), &create_table(3002, OK)).unwrap();
    assert!(outcome.fuel > 0);
    assert!(!outcome.run_values_read);
    let (plan, schema) = outcome.planner.finish();
    assert!(matches!(&plan.operations[0].op, Op::CreateTable { table } if table.name.as_str() == "t"));
    assert_eq!(schema.tables.len(), 1);
}

#[test]
fn a_name_outside_the_grammar_is_an_error_that_the_guest_may_handle() {
    let handled = upgrade(&Limits::default(), &create_table(3003, OK)).unwrap();
    assert!(handled.planner.finish().0.operations.is_empty());
    let passed_on = upgrade(&Limits::default(), &create_table(3003, "(i32.const 512)")).unwrap_err();
    let StepError::Guest { kind, message } = passed_on else { panic!("{passed_on:?}") };
    assert_eq!(kind, GuestErrorKind::Invalid);
    assert!(message.contains("\";\""), "{message}");
}

#[test]
fn an_error_of_the_guest_ends_the_step() {
    let error = upgrade(&Limits::default(), &Guest::new("(i32.const 32)")).unwrap_err();
    assert_eq!(error, StepError::Guest { kind: GuestErrorKind::Failed, message: "no".into() });
}

#[test]
fn a_crash_is_told_in_a_line_without_offsets() {
    let StepError::Trap(message) = upgrade(&Limits::default(), &Guest::new("unreachable")).unwrap_err() else {
        panic!("not a trap")
    };
    assert!(message.contains("unreachable") && !message.contains("0x") && !message.contains('\n'), "{message}");
}

#[test]
fn a_result_outside_of_memory_is_a_crash() {
    let error = upgrade(&Limits::default(), &Guest::new("(i32.const -4)")).unwrap_err();
    assert!(matches!(error, StepError::Trap(_)), "{error:?}");
}

#[test]
fn reading_the_run_values_is_noted() {
    let guest = Guest::new(&format!("(drop (call $seed)) {OK}")).import("run", "seed", "(result i64)");
    assert!(upgrade(&Limits::default(), &guest).unwrap().run_values_read);
}

#[test]
fn two_runs_use_the_same_fuel() {
    let run = || upgrade(&Limits::default(), &create_table(3002, OK)).unwrap().fuel;
    assert_eq!(run(), run());
}

#[test]
fn every_step_gets_a_fresh_instance() {
    let guest = Guest::new(
        "(global.set $seen (i32.add (global.get $seen) (i32.const 1))) \
         (if (i32.gt_u (global.get $seen) (i32.const 1)) (then (return (i32.const 32)))) (i32.const 16)",
    )
    .fields("(memory (export \"memory\") 2) (global $seen (mut i32) (i32.const 0))");
    for _ in 0..2 {
        upgrade(&Limits::default(), &guest).unwrap();
    }
}

#[test]
fn messages_are_escaped_and_progress_is_thinned() {
    let guest = Guest::new(&format!(
        "(call $message (i32.const 2) (i32.const 3000) (i32.const 5))
         (call $progress (i64.const 1) (i32.const 1) (i64.const 9))
         (call $progress (i64.const 2) (i32.const 1) (i64.const 9)) {OK}"
    ))
    .import("log", "message", "(param i32 i32 i32)")
    .import("log", "progress", "(param i64 i32 i64)")
    .fields("(memory (export \"memory\") 2) (data (i32.const 3000) \"a\\1b[2J\")");
    let (result, log) = upgrade_logged(&Limits::default(), &guest);
    result.unwrap();
    assert_eq!(
        log,
        [
            LogEvent::Message { level: LogLevel::Warn, text: "a\\u{1b}[2J".into() },
            LogEvent::Progress { done: 2, total: Some(9) },
        ]
    );
}

#[test]
fn what_a_guest_logged_before_it_crashed_is_not_lost() {
    let guest = Guest::new("(call $message (i32.const 1) (i32.const 64) (i32.const 2)) unreachable").import(
        "log",
        "message",
        "(param i32 i32 i32)",
    );
    let (result, log) = upgrade_logged(&Limits::default(), &guest);
    assert!(result.is_err());
    assert_eq!(log, [LogEvent::Message { level: LogLevel::Info, text: "no".into() }]);
}

#[test]
fn a_package_may_log_but_nothing_else_while_it_describes_itself() {
    let logs = Guest::new(OK)
        .import("log", "message", "(param i32 i32 i32)")
        .before_describe("(call $message (i32.const 1) (i32.const 64) (i32.const 2))");
    let sandbox = sandbox(Limits::default());
    assert_eq!(sandbox.load(&logs.component()).unwrap().describe().unwrap().name, "demo");
    for (interface, function, signature, call) in [
        ("run", "seed", "(result i64)", "(drop (call $seed))"),
        ("inspect", "target-dialect", "(result i32)", "(drop (call $target-dialect))"),
        (
            "schema",
            "drop-table",
            "(param i32 i32 i32)",
            "(call $drop-table (i32.const 64) (i32.const 2) (i32.const 512))",
        ),
    ] {
        let guest = Guest::new(OK).import(interface, function, signature).before_describe(call);
        let error = sandbox.load(&guest.component()).unwrap().describe().unwrap_err();
        assert!(matches!(error, StepError::Denied(_)), "{function}: {error:?}");
    }
}

#[test]
fn an_interrupted_runner_ends_its_steps() {
    let sandbox = sandbox(Limits::default());
    let guest = sandbox.load(&Guest::new(OK).before_describe("(loop (br 0))").component()).unwrap();
    let running = std::thread::spawn(move || guest.describe());
    std::thread::sleep(std::time::Duration::from_millis(50));
    sandbox.interrupt();
    assert_eq!(running.join().unwrap().unwrap_err(), StepError::Interrupted);
}
