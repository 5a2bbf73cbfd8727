//! The runner as its own compiler: a child that ends with it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ptah_wasm_tests::binary::{Running, ptah};

/// A component that the preflight takes and that takes seconds to compile.
fn slow() -> Vec<u8> {
    let body = "(local.set 1 (i32.add (local.get 0) (i32.load (local.get 1))))".repeat(4_000);
    let functions = format!("(func (param i32) (local i32) {body})").repeat(40);
    wat::parse_str(format!(
        "(component (core module (memory 1) {functions}) (instance $i) \
         (export \"ptah:migration/migration@0.1.0\" (instance $i)))"
    ))
    .unwrap()
}

/// The process that compiles for this one.
fn compiler_of(run: &Running) -> PathBuf {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let children = format!("/proc/{0}/task/{0}/children", run.id());
        if let Some(child) = std::fs::read_to_string(children).unwrap_or_default().split_whitespace().next() {
            let child = PathBuf::from(format!("/proc/{child}"));
            let command = std::fs::read(child.join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains("compile-component") {
                return child;
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("it has no child");
}

fn kilobytes(process: &std::path::Path, what: &str) -> u64 {
    let status = std::fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

fn begin() -> (tempfile::TempDir, Running, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("slow.wasm"), slow()).unwrap();
    let run = ptah(folder.path())
        .env("PTAH_WASM_CACHE", folder.path().join("cache"))
        .env("DATABASE_URL", "postgres://me:secret@localhost/x")
        .args("upgrade slow.wasm")
        .start();
    let child = compiler_of(&run);
    (folder, run, child)
}

#[test]
fn a_process_with_little_address_space_runs_guests_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pages.wasm"), crate::pages().build()).unwrap();
    let run = ptah(folder.path()).args("upgrade pages.wasm").on_url("sqlite:a.db");
    let bounded = run.through("sh", &["-c", "ulimit -v 12000000; exec \"$@\"", "sh"]);
    bounded.ok().says(&["running upgrade 001 -> 002"]);
}

#[test]
fn what_the_runner_has_from_its_parent_is_closed_in_the_child() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("slow.wasm"), slow()).unwrap();
    // A file, and one whose number is large.
    let inheriting = "exec 7<slow.wasm 300>lock; exec \"$@\"";
    let run = ptah(folder.path())
        .env("PTAH_WASM_CACHE", folder.path().join("cache"))
        .args("upgrade slow.wasm")
        .through("bash", &["-c", inheriting, "bash"])
        .start();
    let child = compiler_of(&run);
    let open = |process: &std::path::Path| -> Vec<String> {
        let entries = std::fs::read_dir(process.join("fd")).unwrap();
        // One may be closed meanwhile.
        let links = entries.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        links.map(|link| link.display().to_string()).collect()
    };
    let files = |process: &std::path::Path| open(process).iter().filter(|file| file.starts_with('/')).count();
    let runner = std::path::PathBuf::from(format!("/proc/{}", run.id()));
    assert!(files(&runner) >= 2, "{:?}", open(&runner));
    let started = Instant::now();
    while files(&child) > 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", open(&child));
    }
    run.kill();
    ends_soon(&child);
}

fn ends_soon(process: &std::path::Path) {
    let started = Instant::now();
    // A process that nobody has waited for yet has ended too.
    let runs = || std::fs::read(process.join("cmdline")).is_ok_and(|command| !command.is_empty());
    while runs() {
        assert!(started.elapsed() < Duration::from_secs(2), "the compiler outlives the runner");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_child_never_sees_the_database_and_is_bounded() {
    let (_folder, run, child) = begin();
    let environment = String::from_utf8(std::fs::read(child.join("environ")).unwrap()).unwrap();
    let command = String::from_utf8(std::fs::read(child.join("cmdline")).unwrap()).unwrap();
    let bounded = |limits: &str| {
        limits.contains(&format!("{:<26}{:<21}{:<21}", "Max address space", 1_u64 << 30, 1_u64 << 30))
            && limits.contains(&format!("{:<26}{:<21}{:<21}", "Max cpu time", 20, 21))
    };
    let started = Instant::now();
    while !bounded(&std::fs::read_to_string(child.join("limits")).unwrap()) {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", std::fs::read_to_string(child.join("limits")));
    }
    // What compiling costs is not the runner's.
    let runner = kilobytes(&PathBuf::from(format!("/proc/{}", run.id())), "VmHWM");
    assert!(runner < 60_000, "{runner} kB");
    assert!(!environment.contains("secret") && !command.contains("secret"), "{environment}{command}");
    run.kill();
    ends_soon(&child);
}

#[test]
fn a_runner_that_is_interrupted_or_killed_takes_its_compiler_with_it() {
    for signal in ["INT", "TERM", "KILL"] {
        let (_folder, run, child) = begin();
        run.signal(signal);
        let done = run.wait();
        assert!(!done.status.success(), "{done:?}");
        ends_soon(&child);
    }
}
