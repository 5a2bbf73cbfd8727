//! What is refused before anything compiles it.

use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::SandboxError;

use crate::sandbox;
use crate::wat::{Guest, OK, component_of};

fn refused(bytes: &[u8]) -> SandboxError {
    refused_by(Limits::default(), bytes)
}

fn refused_by(limits: Limits, bytes: &[u8]) -> SandboxError {
    let sandbox = sandbox(limits);
    let error = sandbox.load(bytes).map(|_| ()).unwrap_err();
    assert_eq!(sandbox.compiled(), 0, "it was compiled: {error}");
    error
}

#[test]
fn what_is_no_component_is_told_for_what_it_is() {
    let text = b"(component)".as_slice();
    let native = b"\x7fELF\x02\x01\x01\x00".as_slice();
    for (bytes, expected) in
        [(b"".as_slice(), "empty"), (b"hello, world", "begin"), (text, "binary form"), (native, "native code")]
    {
        let error = refused(bytes);
        assert!(matches!(error, SandboxError::NotWasm(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_core_module_is_refused_with_how_to_make_a_component_of_it() {
    let error = refused(&wat::parse_str("(module)").unwrap());
    assert_eq!(error, SandboxError::CoreModule);
    assert!(error.to_string().contains("wasm-tools component new"));
}

#[test]
fn every_truncated_file_is_refused() {
    let whole = Guest::new(OK).component();
    for length in (0..whole.len()).step_by(7) {
        let taken = sandbox(Limits::default()).load(&whole[..length]).is_ok();
        // Only names and producers, which are custom sections (0), may be missing.
        assert!(!taken || whole[length] == 0, "{length} of {} bytes were taken", whole.len());
    }
    assert!(refused(&whole[..whole.len() / 2]).to_string().contains("cut off"));
}

#[test]
fn a_component_of_another_world_is_refused_with_what_it_exports() {
    let wit = "package acme:tool@1.0.0; interface run { go: func(); } world tool { export run; }";
    let text = "(module (func (export \"acme:tool/run@1.0.0#go\")))";
    let error = refused(&component_of(text, &[wit], "tool"));
    assert_eq!(error, SandboxError::OtherWorld { exports: vec!["acme:tool/run@1.0.0".into()] });
}

#[test]
fn another_version_of_the_contract_is_named() {
    let wit = "package ptah:migration@0.9.0; interface migration { describe: func(); } world w { export migration; }";
    let text = "(module (func (export \"ptah:migration/migration@0.9.0#describe\")))";
    let error = refused(&component_of(text, &[wit], "w")).to_string();
    assert!(error.contains("0.9.0") && error.contains("0.1.0"), "{error}");
}

#[test]
fn every_unknown_import_is_named_and_wasi_with_how_to_build_without_it() {
    let packages = [
        "package wasi:cli@0.2.0; interface environment { get: func() -> u32; }",
        "package acme:tool@1.0.0; interface net { open: func(); }",
        "package ptah:migration@0.1.0; interface migration { describe: func(); } \
         interface secrets { query: func(); } \
         world w { import wasi:cli/environment@0.2.0; import acme:tool/net@1.0.0; import secrets; export migration; }",
    ];
    let text = r#"(module
        (import "wasi:cli/environment@0.2.0" "get" (func (result i32)))
        (import "acme:tool/net@1.0.0" "open" (func))
        (import "ptah:migration/secrets@0.1.0" "query" (func))
        (func (export "ptah:migration/migration@0.1.0#describe")))"#;
    let error = refused(&component_of(text, &packages, "w"));
    let SandboxError::UnknownImports { imports } = &error else { panic!("{error:?}") };
    for import in ["wasi:cli/environment@0.2.0", "acme:tool/net@1.0.0", "ptah:migration/secrets@0.1.0"] {
        assert!(imports.iter().any(|found| found == import), "{import} is not among {imports:?}");
    }
    assert!(error.to_string().contains("wasm32-unknown-unknown"), "{error}");
}

#[test]
fn a_component_that_exports_more_is_taken() {
    let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_dir(wit).unwrap();
    let extra = resolve
        .push_str(
            "x.wit",
            "package acme:more; world w { include ptah:migration/migrations@0.1.0; export init: func(); }",
        )
        .unwrap();
    let world = resolve.select_world(&[extra], Some("w")).unwrap();
    let text = Guest::new(OK).text_with("(func (export \"init\"))");
    let guest = sandbox(Limits::default()).load(&crate::wat::encode(&text, &resolve, world)).unwrap();
    assert_eq!(guest.describe().unwrap().name, "demo");
}

#[test]
fn imports_are_listed_in_order() {
    let guest = Guest::new(OK).import("log", "message", "(param i32 i32 i32)").import("run", "seed", "(result i64)");
    let guest = sandbox(Limits::default()).load(&guest.component()).unwrap();
    assert!(guest.imports().contains(&"ptah:migration/log@0.1.0".to_owned()));
    assert!(guest.imports().contains(&"ptah:migration/run@0.1.0".to_owned()));
    assert!(guest.imports().iter().all(|import| import.starts_with("ptah:migration/")));
}

#[test]
fn size_and_counts_are_limited() {
    let bytes = Guest::new(OK).component();
    let size = bytes.len();
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let exact = Limits { component_bytes: size, modules: 8, instances: 8, ..Limits::default() };
    assert!(sandbox(exact).load(&bytes).is_ok());
    let too_small = Limits { component_bytes: size - 1, ..Limits::default() };
    for (limits, what) in [
        (too_small, "bytes"),
        (with(|limits| limits.modules = 0), "core modules"),
        (with(|limits| limits.instances = 0), "memories"),
        (with(|limits| limits.functions = 2), "functions"),
        (with(|limits| limits.function_bytes = 4), "bytes in one function"),
        (with(|limits| limits.function_locals = 0), "locals"),
        (with(|limits| limits.function_parameters = 1), "parameters"),
        (with(|limits| limits.block_depth = 0), "nested blocks"),
        (with(|limits| limits.function_branches = 0), "branches"),
        (with(|limits| limits.variables_by_blocks = 0), "variables times blocks"),
        (with(|limits| limits.imports = 0), "imports"),
        (with(|limits| limits.items = 10), "types, exports, elements"),
        (with(|limits| limits.memory_bytes = 65_536), "bytes in one memory or table from the start"),
    ] {
        let error = refused_by(limits, &bytes);
        assert!(matches!(&error, SandboxError::LimitExceeded(message) if message.contains(what)), "{what}: {error:?}");
    }
}

/// Each level makes twice as many instances as the one below.
fn fan_out(levels: usize) -> Vec<u8> {
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..levels {
        let below = level - 1;
        text = format!(
            "(component $c{level} {text} (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
        );
    }
    wat::parse_str(text).unwrap()
}

#[test]
fn components_that_multiply_are_refused_at_once() {
    let limits = Limits { component_depth: 100, ..Limits::default() };
    let started = std::time::Instant::now();
    let error = refused_by(limits, &fan_out(30)).to_string();
    assert!(error.contains("instances"), "{error}");
    assert!(started.elapsed() < std::time::Duration::from_millis(500));
    assert!(refused(&fan_out(6)).to_string().contains("nested components"));
}

#[test]
fn proposals_that_are_switched_off_are_refused() {
    for (reason, fields) in [
        ("threads must be enabled", "(memory (export \"memory\") 2 2 shared)"),
        ("memory64 must be enabled", "(memory (export \"memory\") i64 2)"),
        ("multiple memories", "(memory (export \"memory\") 2) (memory 1)"),
        ("tail calls support is not enabled", "(memory (export \"memory\") 2) (func $x return_call $x)"),
        ("exceptions proposal not enabled", "(memory (export \"memory\") 2) (tag) (func throw 0)"),
        ("gc proposal not supported", "(memory (export \"memory\") 2) (type (struct))"),
        ("function references required", "(memory (export \"memory\") 2) (func (param (ref func)))"),
        (
            "relaxed SIMD support is not enabled",
            "(memory (export \"memory\") 2) (func (param v128 v128) (result v128) \
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
        ),
        (
            "wide arithmetic support is not enabled",
            "(memory (export \"memory\") 2) (func (param i64 i64 i64 i64) (result i64 i64) \
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
        ),
        ("custom page sizes proposal must be enabled", "(memory (export \"memory\") 2000 (pagesize 1))"),
    ] {
        let guest = Guest::new(OK).fields(fields);
        let error = sandbox(Limits::default()).load(&guest.unchecked_component()).map(|_| ());
        let Err(SandboxError::Invalid(message)) = &error else { panic!("{reason}: {error:?}") };
        assert!(message.contains(reason), "{reason}: {message}");
    }
}

#[test]
fn options_and_builtins_of_the_component_interface_that_are_switched_off_are_refused() {
    let module = r#"(core module $m (func (export "f") (result i32) i32.const 0) (func (export "g") (param i32 i32 i32)
        (result i32) i32.const 0)) (core instance $i (instantiate $m))"#;
    for part in [
        r#"(func (canon lift (core func $i "f") async (callback (func $i "g"))))"#,
        r#"(func (canon lift (core func $i "f") async))"#,
        r#"(core func (canon task.cancel))"#,
        r#"(core func (canon backpressure.inc))"#,
        r#"(type $s (stream u8)) (core func (canon stream.new $s))"#,
        r#"(type $s (future u8)) (core func (canon future.new $s))"#,
        r#"(core func (canon error-context.drop))"#,
        r#"(core func (canon thread.available_parallelism))"#,
        r#"(core func (canon waitable-set.new))"#,
        r#"(core func (canon context.get i32 0))"#,
    ] {
        let text = format!("(component {module} {part})");
        let error = refused(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{part}: {error}")));
        assert!(matches!(error, SandboxError::Invalid(_)), "{part}: {error:?}");
    }
}
