//! Compiling in a child process: what it may cost, and that nobody but the component pays for it.

use std::path::Path;
use std::time::{Duration, Instant};

use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::{CacheLocation, Compiler, Sandbox, SandboxError};
use ptah_wasm_tests::binary::binary;

use crate::wat::{Guest, OK};

fn child() -> Compiler {
    Compiler::Program(binary())
}

/// A component of one module with these fields.
fn module(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {fields}))")).unwrap()
}

/// As many loops within each other, over as many locals.
fn loops(count: usize) -> Vec<u8> {
    let begin: String =
        (0..count).map(|loop_| format!("loop local.get {loop_} local.set {} ", (loop_ * 7 + 1) % count)).collect();
    module(&format!("(func (local {}) {begin} {})", "i32 ".repeat(count), "local.get 0 br_if 0 end ".repeat(count)))
}

/// Each level has eight of the level below: a few hundred bytes, and eight to the power of its levels modules.
fn nested(levels: usize) -> Vec<u8> {
    let mut text = "(component $c0 (core module $m (func)) (core instance (instantiate $m)))".to_owned();
    for level in 1..levels {
        let below = format!("(instance (instantiate $c{}))", level - 1).repeat(8);
        text = format!("(component $c{level} {text} {below})");
    }
    wat::parse_str(text).unwrap()
}

fn exceeded(error: SandboxError) -> String {
    match error {
        SandboxError::LimitExceeded(message) => message,
        other => panic!("not a limit: {other:?}"),
    }
}

#[test]
fn a_child_makes_the_very_code_that_the_process_would() {
    let bytes = Guest::new(OK).component();
    let limits = Limits::default();
    let code = child().compile(&bytes, &limits).unwrap();
    assert!(code == Compiler::InProcess.compile(&bytes, &limits).unwrap());
    let sandbox = Sandbox::new(limits, CacheLocation::Off, child()).unwrap();
    assert_eq!(sandbox.load(&bytes).unwrap().describe().unwrap().name, "demo");
    assert_eq!(sandbox.compiled(), 1);
}

#[test]
fn what_does_not_compile_has_the_same_reason_from_a_child() {
    let limits = Limits::default();
    for bytes in [module("(func i32.add)"), b"\0asm\x0d\0\x01\0\x07\xff".to_vec(), vec![], b"(component)".to_vec()] {
        let own = Compiler::InProcess.compile(&bytes, &limits).unwrap_err();
        assert_eq!(child().compile(&bytes, &limits).unwrap_err(), own);
        assert!(matches!(own, SandboxError::Compile(_)));
    }
}

#[test]
fn without_a_compiler_only_what_is_kept_runs_and_the_error_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || CacheLocation::Directory(folder.path().join("kept"));
    let bytes = Guest::new(OK).component();
    let without = Sandbox::new(Limits::default(), kept(), Compiler::default()).unwrap();
    let error = without.load(&bytes).map(|_| ()).unwrap_err();
    assert_eq!(error, SandboxError::NoCompiler);
    assert!(error.to_string().contains("`Options::compiler`"), "{error}");
    Sandbox::new(Limits::default(), kept(), child()).unwrap().load(&bytes).unwrap();
    assert_eq!(without.load(&bytes).unwrap().describe().unwrap().name, "demo");
    assert_eq!(without.compiled(), 0);
}

/// Best of three, as other tests run meanwhile.
fn quickest(run: impl Fn()) -> Duration {
    let time = || {
        let started = Instant::now();
        run();
        started.elapsed()
    };
    time().min(time()).min(time())
}

#[test]
fn every_known_bomb_is_refused_within_a_tenth_of_a_second() {
    let sandbox = Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::Off).unwrap();
    let wide = "(local i32)".repeat(5_000);
    for (bomb, what) in [
        (loops(1_000), "variables times blocks"),
        (loops(1_999), "variables times blocks"),
        (nested(9), "nested components"),
        (nested(4), "instances"),
        (module(&"(func)".repeat(100_000)), "functions"),
        (module(&format!("(func {wide} {})", "block end ".repeat(2_000))), "variables times blocks"),
        (module(&format!("(func {wide})").repeat(101)), "locals in all"),
        (
            module(&format!("(func (local {}) {})", "i64 ".repeat(4_990), "block end ".repeat(40)).repeat(31)),
            "blocks in all",
        ),
        (module(&format!("(func {})", "block ".repeat(2_001) + &"end ".repeat(2_001))), "nested blocks"),
        (module(&format!("(func {})", "nop ".repeat(600_000))), "bytes in one function"),
        (module(&"(type (func))".repeat(10_001)), "types"),
        (module(&(0..1_001).map(|n| format!("(import \"a\" \"{n}\" (func))")).collect::<String>()), "imports"),
        (module("(memory 65536)"), "bytes in one memory"),
        (module("(table 10000000 funcref)"), "bytes in one memory or table"),
        (module(&"(table 1 funcref)".repeat(33)), "tables"),
    ] {
        let refuse = || {
            let error = exceeded(sandbox.load(&bomb).map(|_| ()).unwrap_err());
            assert!(error.contains(what), "{what}: {error}");
        };
        let took = quickest(refuse);
        assert!(took < Duration::from_millis(100), "{what}: {} bytes took {took:?}", bomb.len());
    }
}

#[test]
fn what_a_toolchain_makes_passes_and_leaves_room() {
    // A tenth of what a component may have is enough for the example packages.
    let limits = Limits { variables_by_blocks: 20_000, imports: 100, items: 1_000, ..Limits::default() };
    let sandbox = Sandbox::new(limits, CacheLocation::Off, child()).unwrap();
    for package in ["crowd", "minicms"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../example-packages/{package}/{package}.wasm"));
        sandbox.load(&std::fs::read(path).unwrap()).unwrap();
    }
}

#[test]
fn processor_time_is_limited() {
    let limits = Limits { compile_time: Duration::from_secs(1), ..Limits::default() };
    let error = exceeded(child().compile(&module(&"(func)".repeat(100_000)), &limits).unwrap_err());
    assert_eq!(error, "compiling it takes more than 1 s of processor time");
}

#[test]
fn memory_is_limited() {
    let limits = Limits { compile_memory: 256 << 20, ..Limits::default() };
    for bytes in [loops(2_000), nested(9)] {
        assert!(bytes.len() < 40_000);
        let error = exceeded(child().compile(&bytes, &limits).unwrap_err());
        assert_eq!(error, "compiling it takes more than 256 MiB of memory");
    }
}

#[test]
fn a_bomb_that_nobody_looked_at_costs_the_process_that_has_it_compiled_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.wasm");
    for (bomb, mebibytes) in [(loops(2_000), 256), (nested(9), 256), (module(&"(func)".repeat(100_000)), 1_024)] {
        std::fs::write(&file, &bomb).unwrap();
        let program = binary().with_file_name(format!("compile-unseen{}", std::env::consts::EXE_SUFFIX));
        let mut command = std::process::Command::new(program);
        let done = command.arg(binary()).arg(&file).arg(mebibytes.to_string()).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        let grown: u64 = said.lines().last().unwrap().parse().unwrap();
        assert!(done.status.success() && grown < 100_000, "{} bytes: {said}", bomb.len());
    }
}

#[cfg(unix)]
mod programs {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A compiler that is this script.
    fn script(folder: &Path, text: &str) -> Compiler {
        let path = folder.join("compiler");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Compiler::Program(path)
    }

    fn refused(compiler: &Compiler, limits: &Limits) -> SandboxError {
        let started = Instant::now();
        let error = compiler.compile(&Guest::new(OK).component(), limits).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        error
    }

    #[test]
    fn a_program_that_is_no_compiler_is_told_apart_from_a_bad_component() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let other = Compiler::Program(binary().with_file_name("no-such-program"));
        for (compiler, reason) in [(other, "No such file"), (Compiler::ThisProgram, "its `main` does not begin with")] {
            let error = refused(&compiler, &limits);
            assert!(matches!(error, SandboxError::Compiler { .. }) && error.to_string().contains(reason), "{error}");
        }
        for (text, reason) in [
            ("exit 0", "it is no compiler of ptah-wasm, exit status: 0"),
            ("echo gone wrong >&2; exit 3", "exit status: 3: gone wrong"),
            ("echo ptah-wasm 99.0 00", "of another version"),
            ("kill -9 $$", "signal: 9"),
        ] {
            let compiler = script(folder.path(), text);
            let error = refused(&compiler, &limits);
            assert!(matches!(error, SandboxError::Compiler { .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_compiler_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { compile_time: Duration::from_millis(200), ..Limits::default() };
        for text in ["exec sleep 60", "sleep 60", "cat > /dev/null; exec sleep 60"] {
            let error = exceeded(refused(&script(folder.path(), text), &limits));
            assert_eq!(error, "compiling it took longer than 2 s");
        }
    }

    #[test]
    fn an_interrupted_runner_ends_its_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = script(folder.path(), "exec sleep 60");
        let sandbox = Sandbox::new(Limits::default(), CacheLocation::Off, compiler).unwrap();
        let loading = std::thread::spawn({
            let sandbox = sandbox.clone();
            move || sandbox.load(&Guest::new(OK).component()).map(|_| ())
        });
        std::thread::sleep(Duration::from_millis(100));
        sandbox.interrupt();
        assert_eq!(loading.join().unwrap().unwrap_err(), SandboxError::Interrupted);
    }

    #[test]
    fn a_child_has_no_variable_and_no_open_file_of_its_parent() {
        use std::os::fd::AsRawFd;

        let folder = tempfile::tempdir().unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = (std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap(), socket);
        let database = std::fs::File::create(folder.path().join("app.db")).unwrap();
        let said = folder.path().join("said");
        let text = format!("{{ env; echo; ls -l /proc/$$/fd; }} > {}", said.display());
        refused(&script(folder.path(), &text), &Limits::default());
        drop(database);
        let said = std::fs::read_to_string(said).unwrap();
        let (variables, files) = said.split_once("\n\n").unwrap();
        for variable in variables.lines() {
            let name = variable.split('=').next().unwrap();
            // The last ones the shell adds itself.
            let known = ["RAYON_NUM_THREADS", "MALLOC_ARENA_MAX", "PWD", "OLDPWD", "SHLVL", "_"];
            assert!(known.contains(&name), "{variable}");
        }
        assert!(files.contains("pipe:"), "{files}");
        assert!(!files.contains("app.db") && !files.contains(socket.0.to_str().unwrap()), "{files}");
    }
}
