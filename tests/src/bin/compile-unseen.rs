//! Has a component compiled without a preflight, by a child process with so many MiB: `compile-unseen COMPILER FILE MIB`.
//! Prints what came of it, and by how many kB this process grew for it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::Compiler;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [compiler, file, mebibytes] = arguments.as_slice() else { std::process::exit(2) };
    let limits = Limits { compile_memory: mebibytes.parse::<usize>().unwrap() << 20, ..Limits::default() };
    let component = std::fs::read(file).unwrap();
    let before = peak();
    match Compiler::Program(compiler.into()).compile(&component, &limits) {
        Ok(code) => println!("{} bytes", code.len()),
        Err(error) => println!("{error}"),
    }
    println!("{}", peak() - before);
}

/// The most memory that this process has had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
