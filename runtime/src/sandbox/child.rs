//! The child process that compiles one component: it bounds itself before it reads anything, compiles what its parent
//! sends and sends back the code. Parent and child are one program; what they say to each other:
//!
//! - arguments: [`WORD`], then memory in bytes, processor time in seconds, the guest's stack and the component, in bytes;
//! - to the child: the component. Its input then stays open for as long as the parent wants the code;
//! - from the child: the [`greeting`], then the code; or the compiler's refusal, with the exit code [`REFUSED`].

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::Engine;

use super::{engine, error::SandboxError, reason, unpanicked};

/// The first argument of the child.
pub(super) const WORD: &str = "compile-component";

/// The child's exit code after a component that does not compile.
pub(super) const REFUSED: i32 = 65;

/// The child's exit code when it was not started as it should be.
const MISUSED: i32 = 64;

/// Whether this program's `main` called [`compile_if_asked`].
static ASKED: AtomicBool = AtomicBool::new(false);

/// Compiles a component and ends the process, if this process was started for that; returns at once otherwise. The
/// first line of the `main` of a program that is its own compiler, [`Compiler::ThisProgram`](super::Compiler::ThisProgram).
pub fn compile_if_asked() {
    ASKED.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(WORD)) {
        return;
    }
    let numbers: Option<Vec<u64>> = arguments.map(|argument| argument.to_str()?.parse().ok()).collect();
    let code = match numbers.as_deref() {
        Some(&[memory, seconds, stack, length]) => match close_inherited().and_then(|()| bound(memory, seconds)) {
            Ok(()) => answer(stack, length),
            Err(error) => misused(&format!("cannot limit itself: {error}")),
        },
        _ => misused("starts this itself, to compile a component; it is no command"),
    };
    std::process::exit(code)
}

pub(super) fn this_program_compiles() -> bool {
    ASKED.load(Ordering::Relaxed)
}

fn misused(why: &str) -> i32 {
    let _ = writeln!(io::stderr(), "ptah-wasm {why}");
    MISUSED
}

/// What the child says first: code is only taken from the same version with the same settings.
pub(super) fn greeting(engine: &Engine) -> String {
    format!("ptah-wasm {} {}\n", env!("CARGO_PKG_VERSION"), crate::hex(&engine::fingerprint(engine)))
}

/// Closes everything but the three pipes: files, sockets and locks that the parent has from its own parent, or opened
/// without close-on-exec, are none of the compiler's business.
#[cfg(unix)]
#[allow(unsafe_code)]
fn close_inherited() -> io::Result<()> {
    let folder = std::path::Path::new("/dev/fd");
    let number = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<i32>().ok();
    let listed: Vec<i32> = std::fs::read_dir(folder)?.filter_map(number).filter(|number| *number > 2).collect();
    // The one that listed them is closed already.
    let is_open = |number: &i32| folder.join(number.to_string()).symlink_metadata().is_ok();
    for number in listed.into_iter().filter(is_open) {
        // SAFETY: it is open, and no value of this process owns it: this is the beginning of a program that was started
        // to compile and does nothing else, before it opens anything.
        unsafe { rustix::io::close(number) }
    }
    Ok(())
}

/// There are none without being asked for.
#[cfg(not(unix))]
fn close_inherited() -> io::Result<()> {
    Ok(())
}

/// Sets the limits of this process for good.
#[cfg(unix)]
fn bound(memory: u64, seconds: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    for (resource, soft, hard) in
        [(Resource::Core, 0, 0), (Resource::As, memory, memory), (Resource::Cpu, seconds, seconds.saturating_add(1))]
    {
        // What was forbidden before cannot be allowed.
        let maximum = getrlimit(resource).maximum.map_or(hard, |maximum| maximum.min(hard));
        setrlimit(resource, Rlimit { current: Some(soft.min(maximum)), maximum: Some(maximum) })?;
    }
    Ok(())
}

/// There are no such limits: only the parent's patience ends the child.
#[cfg(not(unix))]
fn bound(_memory: u64, _seconds: u64) -> io::Result<()> {
    Ok(())
}

fn answer(stack: u64, length: u64) -> i32 {
    let mut component = Vec::new();
    // What cannot be sent has nobody to be told.
    let sent = match io::stdin().take(length).read_to_end(&mut component) {
        Ok(read) if read as u64 == length => {
            end_with_the_parent();
            send(usize::try_from(stack).unwrap_or(usize::MAX), &component)
        }
        _ => return misused("was not sent the whole component"),
    };
    sent.unwrap_or(MISUSED)
}

/// Ends this process when its parent closes its input, by will or by dying.
fn end_with_the_parent() {
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(MISUSED)
    });
}

fn send(stack_bytes: usize, component: &[u8]) -> io::Result<i32> {
    let engine = engine::compiling_engine(stack_bytes).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    out.write_all(greeting(&engine).as_bytes())?;
    let compiled = unpanicked(|| engine.precompile_component(component))
        .and_then(|code| code.map_err(|error| SandboxError::Compile(reason(&error))));
    let (bytes, code) = match compiled {
        Ok(code) => (code, 0),
        Err(SandboxError::Compile(reason)) => (reason.into_bytes(), REFUSED),
        Err(other) => (other.to_string().into_bytes(), REFUSED),
    };
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(code)
}
