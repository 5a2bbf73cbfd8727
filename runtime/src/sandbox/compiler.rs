//! Where components are compiled: by default nowhere, and by a child process that has limits of its own, since a
//! component that is small to send may take minutes and gigabytes to compile, and a compiler that runs out of memory ends
//! its process.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::child::{self, REFUSED, WORD};
use super::{SandboxError, engine, escaped, reason, unpanicked};
use crate::policy::Limits;

/// What compiles a component that is not in the cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compiler {
    /// Nothing: it is an error that says how to choose.
    #[default]
    Off,
    /// A child process of this program, which must be `ptah-wasm` of the same version, or another whose `main` begins
    /// with [`compile_if_asked`](super::compile_if_asked).
    Program(PathBuf),
    /// A child process of the program that is running, whose `main` begins with
    /// [`compile_if_asked`](super::compile_if_asked).
    ThisProgram,
    /// The process itself, without any limit of time or memory: only for packages that are trusted not to be made to
    /// harm it.
    InProcess,
}

/// How often a compilation looks whether it should stop.
const POLL: Duration = Duration::from_millis(20);

/// How much longer than its processor time a compilation may take, on a machine that is busy.
const PATIENCE: u32 = 10;

/// Threads of the child, which each take a part of its address space.
const THREADS: usize = 4;

/// Bytes of native code of one component at most.
pub(super) const CODE_BYTES: usize = 512 << 20;

/// What of a child's complaints is read.
const COMPLAINT_BYTES: u64 = 4_096;

impl Compiler {
    /// Compiles a component to native code of an engine with these limits, without looking at the bytes first: what
    /// [`Sandbox::load`](super::Sandbox::load) does to components that are not kept, after its preflight.
    ///
    /// # Errors
    /// The compiler refuses it, reaches `compile_time` or `compile_memory`, or cannot be run.
    pub fn compile(&self, component: &[u8], limits: &Limits) -> Result<Vec<u8>, SandboxError> {
        let engine = engine::compiling_engine(limits.stack_bytes)?;
        self.compile_for(&engine, component, limits, &AtomicBool::new(false))
    }

    /// The same for an engine that is there, given up when `interrupted` is set.
    pub(super) fn compile_for(
        &self,
        engine: &Engine,
        component: &[u8],
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Vec<u8>, SandboxError> {
        match self {
            Self::Off => Err(SandboxError::NoCompiler),
            Self::InProcess => unpanicked(|| engine.precompile_component(component))?
                .map_err(|error| SandboxError::Compile(reason(&error))),
            Self::Program(program) => in_child(program, engine, component, limits, interrupted),
            Self::ThisProgram if child::this_program_compiles() => {
                let program = this_program().map_err(|error| SandboxError::Compiler {
                    program: "this program".into(),
                    reason: error.to_string(),
                })?;
                in_child(&program, engine, component, limits, interrupted)
            }
            Self::ThisProgram => Err(SandboxError::Compiler {
                program: "this program".into(),
                reason: "its `main` does not begin with `ptah_wasm::sandbox::compile_if_asked()`".into(),
            }),
        }
    }
}

/// The program that is running, even if its file has been replaced since.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps)] // elsewhere it may fail
fn this_program() -> io::Result<PathBuf> {
    Ok("/proc/self/exe".into())
}

#[cfg(not(target_os = "linux"))]
fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

fn in_child(
    program: &Path,
    engine: &Engine,
    component: &[u8],
    limits: &Limits,
    interrupted: &AtomicBool,
) -> Result<Vec<u8>, SandboxError> {
    let failed = |reason: String| SandboxError::Compiler { program: program.display().to_string(), reason };
    let broken = |error: io::Error| failed(error.to_string());
    let mut running = Running::start(program, component, limits).map_err(broken)?;
    let mut said = running.wait(limits, interrupted)?;
    if let Some(error) = said.limit(limits) {
        return Err(error);
    }
    let greeting = child::greeting(engine);
    if !said.out.starts_with(greeting.as_bytes()) {
        return Err(failed(said.misunderstood()));
    }
    let rest = said.out.split_off(greeting.len());
    match said.status.code() {
        Some(0) => Ok(rest),
        Some(REFUSED) => Err(SandboxError::Compile(escaped(&String::from_utf8_lossy(&rest), 400))),
        _ => Err(SandboxError::Compile(format!("the compiler failed on it ({})", said.status))),
    }
}

/// A child at work. Dropped, it is killed.
struct Running {
    child: Child,
    /// What it prints and what it complains about, whole, when it has closed both.
    out: Receiver<Vec<u8>>,
    complaint: Receiver<Vec<u8>>,
    /// Its input, handed back when all is sent, to be held open until then.
    _input: Receiver<ChildStdin>,
    started: Instant,
}

/// What a child left behind.
struct Said {
    status: ExitStatus,
    out: Vec<u8>,
    complaint: String,
}

impl Running {
    fn start(program: &Path, component: &[u8], limits: &Limits) -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS).to_string();
        let numbers =
            [limits.compile_memory as u64, compile_seconds(limits), limits.stack_bytes as u64, component.len() as u64];
        let mut child = Command::new(program)
            .arg(WORD)
            .args(numbers.map(|number| number.to_string()))
            // No password of a database reaches it. Every thread and every arena of an allocator takes address space.
            .env_clear()
            .envs([("RAYON_NUM_THREADS", threads.as_str()), ("MALLOC_ARENA_MAX", "2")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let started = Instant::now();
        let (Some(mut input), Some(out), Some(complaint)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            let _ = child.kill();
            return Err(io::Error::other("it has no input or output"));
        };
        let component = component.to_vec();
        let (give_back, input_again) = mpsc::channel();
        // These end with the child, which may be gone any time: then there is nobody to send to.
        std::thread::spawn(move || {
            if input.write_all(&component).is_ok() {
                let _ = give_back.send(input);
            }
        });
        let out = gathered(out.take(CODE_BYTES as u64));
        let complaint = gathered(complaint.take(COMPLAINT_BYTES));
        Ok(Self { child, out, complaint, _input: input_again, started })
    }

    /// Waits for its end, which comes at the latest when its time is over.
    fn wait(&mut self, limits: &Limits, interrupted: &AtomicBool) -> Result<Said, SandboxError> {
        let patience = limits.compile_time * PATIENCE;
        let mut out = None;
        loop {
            if interrupted.load(Ordering::Relaxed) {
                return Err(SandboxError::Interrupted);
            }
            if self.started.elapsed() > patience {
                let seconds = patience.as_secs_f64();
                return Err(SandboxError::LimitExceeded(format!("compiling it took longer than {seconds} s")));
            }
            if out.is_none() {
                match self.out.recv_timeout(POLL) {
                    Ok(bytes) => out = Some(bytes),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => out = Some(Vec::new()),
                }
                continue;
            }
            // Its output is closed: it is about to end.
            if let Ok(Some(status)) = self.child.try_wait() {
                let complaint = self.complaint.recv_timeout(POLL).unwrap_or_default();
                let complaint = String::from_utf8_lossy(&complaint).into_owned();
                return Ok(Said { status, out: out.unwrap_or_default(), complaint });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end in a thread of its own.
fn gathered(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (give, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = give.send(bytes);
    });
    receiver
}

/// Whole seconds, as the system counts them; at least one.
fn compile_seconds(limits: &Limits) -> u64 {
    u64::try_from(limits.compile_time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

impl Said {
    /// The limit that ended it, if one did.
    fn limit(&self, limits: &Limits) -> Option<SandboxError> {
        let message = match signal(self.status) {
            Some(Signal::ProcessorTime) => {
                format!("compiling it takes more than {} s of processor time", compile_seconds(limits))
            }
            // An allocation that fails ends a process so.
            Some(Signal::Abort) if self.complaint.contains("memory allocation") => out_of_memory(limits),
            _ if self.out.ends_with(b"Cannot allocate memory (os error 12)") => out_of_memory(limits),
            _ => return None,
        };
        Some(SandboxError::LimitExceeded(message))
    }

    /// Why no greeting came.
    fn misunderstood(&self) -> String {
        let complaint = escaped(self.complaint.trim(), 200);
        let between = if complaint.is_empty() { "" } else { ": " };
        match self.out.strip_prefix(b"ptah-wasm ") {
            Some(_) => format!("it is of another version than {}", env!("CARGO_PKG_VERSION")),
            None => format!("it is no compiler of ptah-wasm, {}{between}{complaint}", self.status),
        }
    }
}

fn out_of_memory(limits: &Limits) -> String {
    format!("compiling it takes more than {} MiB of memory", limits.compile_memory >> 20)
}

enum Signal {
    ProcessorTime,
    Abort,
    Other,
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<Signal> {
    use rustix::process::Signal as Raw;
    let raw = std::os::unix::process::ExitStatusExt::signal(&status)?;
    Some(match raw {
        _ if raw == Raw::XCPU.as_raw() => Signal::ProcessorTime,
        _ if raw == Raw::ABORT.as_raw() => Signal::Abort,
        _ => Signal::Other,
    })
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<Signal> {
    None
}
