//! Components that are small to send and large to compile, or that the compiler has no answer to.

use ptah_wasm::sandbox::{CacheLocation, Compiler, Sandbox, SandboxError};

use super::*;

fn load(text: &str) -> SandboxError {
    let bytes = wat::parse_str(text).unwrap();
    let sandbox = Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess).unwrap();
    soon("refusing it", || sandbox.load(&bytes)).unwrap_err()
}

const EXPORT: &str = r#"(instance $i) (export "ptah:migration/migration@0.1.0" (instance $i))"#;

fn function(body: &str) -> String {
    format!(
        "(component (core module (func (param i32) (local i32) {body}) (func (param i32) (local i32) {body})) {EXPORT})"
    )
}

#[test]
fn branches_are_counted_before_anything_compiles_them() {
    let ifs = "(if (local.get 0) (then (local.set 1 (i32.const 1))))".repeat(20_000);
    let table = format!("(block (br_table {} (local.get 0)))", "0 ".repeat(60_000));
    for body in [ifs, table] {
        let error = load(&function(&body));
        assert!(matches!(&error, SandboxError::LimitExceeded(message) if message.contains("branches")), "{error:?}");
    }
    // Within bounds it is compiled; that the export lacks its functions is found out later.
    let fine = load(&function(&"(if (local.get 0) (then (local.set 1 (i32.const 1))))".repeat(1_000)));
    assert!(matches!(&fine, SandboxError::Invalid(message) if message.contains("describe")), "{fine:?}");
}

/// A component whose parts call each other with this type.
fn composed(types: &str, parameter: &str) -> String {
    let realloc = r#"(func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0)"#;
    format!(
        r#"(component
          (component $inner {types}
            (core module $m (memory (export "m") 1) {realloc} (func (export "g") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "a" {parameter})
              (canon lift (core func $i "g") (memory $i "m") (realloc (func $i "r")))))
          (component $outer {types}
            (import "f" (func $f (param "a" {parameter})))
            (core module $m (memory (export "m") 1) {realloc})
            (core instance $i (instantiate $m))
            (core func (canon lower (func $f) (memory $i "m") (realloc (func $i "r")))))
          (instance $a (instantiate $inner))
          (instance $b (instantiate $outer (with "f" (func $a "f"))))
          {EXPORT})"#
    )
}

#[test]
fn components_that_call_each_other_are_refused_and_do_not_reach_the_compiler() {
    // The engine panics on these with one memory a module, and with more writes code as large as the type.
    for (types, parameter) in [
        ("", "string"),
        ("(type $a (tuple u8 u8 u8 u8 u8 u8 u8 u8)) (type $b (tuple $a $a $a $a $a $a $a $a))", "(list $b)"),
    ] {
        let error = load(&composed(types, parameter));
        assert!(matches!(&error, SandboxError::Invalid(message) if message.contains("composed")), "{error:?}");
    }
    let own = format!(
        r#"(component
          (core module $m (memory (export "m") 1) (func (export "g")))
          (core instance $i (instantiate $m))
          (func $f (canon lift (core func $i "g")))
          (core func (canon lower (func $f)))
          {EXPORT})"#
    );
    assert!(load(&own).to_string().contains("composed"));
}

#[test]
fn names_of_a_component_cannot_write_on_the_terminal() {
    let name = "x\u{1b}[2J\u{202e}\nminicms: populated";
    for text in [
        format!(
            r#"(component (core module (func $f) (export "{name}" (func $f)) (export "{name}" (func $f))) {EXPORT})"#
        ),
        format!(
            r#"(component (core module (import "{name}" "{name}" (func))) (core instance (instantiate 0)) {EXPORT})"#
        ),
        format!(r#"(component (core module $m (export "{name}" (func 7))) {EXPORT})"#),
    ] {
        let Ok(bytes) = wat::parse_str(&text) else { continue };
        let error = Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess)
            .unwrap()
            .load(&bytes)
            .unwrap_err()
            .to_string();
        assert!(!error.contains(['\u{1b}', '\u{202e}', '\n']), "{error:?}");
    }
}

#[test]
fn types_within_types_do_not_exhaust_the_stack_or_the_time() {
    let chain = |levels: usize, of: &dyn Fn(usize) -> String| {
        (1..levels).fold("(type $t0 (list u8))".to_owned(), |text, level| {
            text + &format!("(type $t{level} {})", of(level - 1))
        })
    };
    for levels in [90, 110, 5_000] {
        for types in [
            chain(levels, &|below| format!("(list $t{below})")),
            chain(levels, &|below| format!("(option $t{below})")),
            chain(levels, &|below| format!("(tuple $t{below} $t{below})")),
            chain(levels, &|below| format!("(record (field \"a\" $t{below}) (field \"b\" $t{below}))")),
        ] {
            let last = levels - 1;
            let user = if types.contains("$t") {
                format!(
                    r#"(import "ptah:migration/log@0.1.0" (instance (export "f" (func (param "a" (list u8))))))
                  (core module $m (memory (export "m") 1) (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0)
                  (func (export "g") (param i32 i32))) (core instance $i (instantiate $m))
                  (func (param "a" $t{last}) (canon lift (core func $i "g") (memory $i "m") (realloc (func $i "r"))))"#
                )
            } else {
                String::new()
            };
            let Ok(bytes) = wat::parse_str(format!("(component {types} {user} {EXPORT})")) else { continue };
            soon("types", || {
                on_a_small_stack(|| {
                    let sandbox = Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess).unwrap();
                    assert!(sandbox.load(&bytes).is_err());
                })
            });
        }
    }
}

/// A component of nothing but one type, so many of its kind (0x41: of a component, 0x42: of an instance) within each other, and in
/// the innermost so many types of numbers.
fn types_within_types(kind: u8, levels: usize, innermost: usize) -> Vec<u8> {
    let number = |mut number: usize| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let mut types = vec![1];
    types.extend([kind, 1, 1].repeat(levels - 1));
    types.push(kind);
    types.extend(number(innermost));
    types.extend([1, 0x79].repeat(innermost));
    [b"\0asm\x0d\0\x01\0\x07".as_slice(), &number(types.len()), &types].concat()
}

#[test]
fn types_of_components_within_each_other_are_counted_before_anybody_reads_them() {
    let refused = |bytes: &[u8]| {
        on_a_small_stack(|| {
            let sandbox = Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess).unwrap();
            sandbox.load(bytes).unwrap_err().to_string()
        })
    };
    for kind in [0x41, 0x42] {
        for levels in [40, 1_000, 5_000, 300_000] {
            let error = soon("types", || refused(&types_within_types(kind, levels, 1)));
            assert!(
                error.contains("levels of types within types") || error.contains("types, exports"),
                "{levels}: {error}"
            );
        }
        let error = soon("types", || refused(&types_within_types(kind, 2, 20_000)));
        assert!(error.contains("types, exports, elements and the like"), "{error}");
        // These are as they should be: the component has no exports.
        let error = refused(&types_within_types(kind, 20, 50));
        assert!(!error.contains("types"), "{error}");
    }
}
