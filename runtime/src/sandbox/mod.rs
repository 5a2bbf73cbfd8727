//! Guests in wasmtime: compiling them, and running one step of one in a store of its own, within limits.
//! Decides nothing about operations: every host call is converted and handed to a
//! [`Planner`]. Calls are synchronous: in an async program run a step in
//! `tokio::task::spawn_blocking`.

mod answer;
mod bindings;
mod budget;
mod cache;
mod child;
mod compiler;
mod convert;
mod engine;
mod error;
mod host;
mod log;
mod preflight;
mod ready;
mod rows;
mod source;
mod step;
mod weight;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::Engine;

pub use cache::CacheLocation;
pub use child::compile_if_asked;
pub use compiler::Compiler;
pub use error::{GuestErrorKind, SandboxError, StepError};
pub use log::{LogEvent, LogLevel, escaped, is_deceptive, visible};
pub use rows::{Answered, Asked, Desk};
pub use step::{RunValues, StepCall, StepOutcome};

use crate::plan::Planner;
use crate::policy::Limits;
use crate::revision::PackageInfo;
use cache::{Cache, Described};
use ready::{Machines, Ready};
pub(crate) use source::Source;

/// Compiles and runs guests. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

struct Shared {
    /// Set up when code is first needed: a run that finds nothing to do mostly needs none.
    machines: OnceLock<Result<Arc<Machines>, SandboxError>>,
    limits: Limits,
    interrupted: Arc<AtomicBool>,
    compiler: Compiler,
    cache: Option<Cache>,
    cache_warning: Option<String>,
    compiled: AtomicUsize,
}

impl Sandbox {
    /// Opens the cache; one that cannot be used is no error: see [`Sandbox::cache_warning`]. The engine, whose thread
    /// ends with the last clone and guest, is set up when code is first to run.
    ///
    /// # Errors
    /// None so far: an engine that refuses the platform or the limits is found out by [`Sandbox::load`].
    pub fn new(limits: Limits, cache: CacheLocation, compiler: Compiler) -> Result<Self, SandboxError> {
        let (cache, cache_warning) = match Cache::open(cache, &limits) {
            Ok(cache) => (cache, None),
            Err(reason) => (None, Some(format!("compiled code is not kept: {reason}"))),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                machines: OnceLock::new(),
                limits,
                interrupted: Arc::new(AtomicBool::new(false)),
                compiler,
                cache,
                cache_warning,
                compiled: AtomicUsize::new(0),
            }),
        })
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Why compiled code is not kept, if it should have been; to be shown to the operator once.
    pub fn cache_warning(&self) -> Option<&str> {
        self.shared.cache_warning.as_deref()
    }

    /// How many components were compiled so far, rather than taken from the cache.
    pub fn compiled(&self) -> usize {
        self.shared.compiled.load(Ordering::Relaxed)
    }

    /// Ends every running and every later step with [`StepError::Interrupted`], and compiling in a child process with
    /// [`SandboxError::Interrupted`].
    pub fn interrupt(&self) {
        self.shared.interrupted.store(true, Ordering::Relaxed);
    }

    /// Checks and compiles a component, or takes it from the cache. Where that knows what the component says of itself,
    /// its code is only fetched when it is to run.
    ///
    /// # Errors
    /// It is no component of this contract, imports anything else, is larger than the limits or costs more than they
    /// allow to compile; or nothing is there that compiles it.
    pub fn load(&self, component: &[u8]) -> Result<Guest, SandboxError> {
        self.load_from(Source::of_bytes(component.to_vec()))
    }

    /// The same, of a component that may lie in a file.
    pub(crate) fn load_from(&self, component: Source) -> Result<Guest, SandboxError> {
        preflight::check_size(component.length, &self.shared.limits)?;
        let digest = component.digest;
        let (imports, info, code) = match self.shared.cache.as_ref().and_then(|cache| cache.described(&digest)) {
            Some(Described { imports, info, .. }) => (imports, Some(info), Code::Kept(component)),
            None => {
                let (imports, ready) = self.shared.ready(&component)?;
                (imports, None, Code::Ready(ready))
            }
        };
        let (sandbox, hex) = (self.clone(), crate::hex(&digest));
        Ok(Guest { shared: Arc::new(Loaded { sandbox, code: Mutex::new(code), imports, info, digest, hex }) })
    }
}

impl Shared {
    fn machines(&self) -> Result<&Arc<Machines>, SandboxError> {
        let made = self.machines.get_or_init(|| Machines::new(&self.limits).map(Arc::new));
        made.as_ref().map_err(Clone::clone)
    }

    /// Makes a component ready to run; what it imports.
    fn ready(&self, component: &Source) -> Result<(Vec<String>, Ready), SandboxError> {
        let machines = self.machines()?;
        let engine = machines.engine()?;
        let ready = |imports, code: &[u8]| machines.ready(code).map(|ready| (imports, ready));
        let kept = self.cache.as_ref();
        let kept =
            kept.and_then(|cache| cache.load(engine, &component.digest, |imports, code| ready(imports, code).ok()));
        match kept {
            Some(kept) => Ok(kept),
            None => {
                let (imports, code) = self.compile(engine, component)?;
                ready(imports, &code)
            }
        }
    }

    /// The imports of a component and its code.
    fn compile(&self, engine: &Engine, component: &Source) -> Result<(Vec<String>, Vec<u8>), SandboxError> {
        let bytes = component.read()?;
        let imports = preflight::check(&bytes, &self.limits)?.imports;
        let code = self.compiler.compile_for(engine, &bytes, &self.limits, &self.interrupted)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        if let Some(cache) = &self.cache {
            cache.keep(engine, &component.digest, &imports, &code);
        }
        Ok((imports, code))
    }
}

/// Runs the engine on a component of a package. A mistake in the engine that ends in a panic is the package's trouble
/// and not the program's.
fn unpanicked<R>(run: impl FnOnce() -> R) -> Result<R, SandboxError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .map_err(|_| SandboxError::Compile("the compiler failed on it".into()))
}

/// The compiler's words. They may hold names out of the file.
fn reason(error: &wasmtime::Error) -> String {
    escaped(&error.root_cause().to_string(), 400)
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

/// A component that can be run. Cheap to clone.
#[derive(Clone)]
pub struct Guest {
    shared: Arc<Loaded>,
}

struct Loaded {
    sandbox: Sandbox,
    code: Mutex<Code>,
    imports: Vec<String>,
    /// What it said of itself in an earlier run.
    info: Option<PackageInfo>,
    digest: [u8; 32],
    hex: String,
}

/// How far a component is on its way to be run.
enum Code {
    /// There is code of it in the cache. Its own bytes are for the case that this does not verify.
    Kept(Source),
    Ready(Ready),
}

impl Loaded {
    fn ready(&self) -> Result<Ready, SandboxError> {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        match &*code {
            Code::Ready(ready) => Ok(ready.clone()),
            Code::Kept(component) => {
                let (_, ready) = self.sandbox.shared.ready(component)?;
                *code = Code::Ready(ready.clone());
                Ok(ready)
            }
        }
    }
}

impl Guest {
    /// SHA-256 of the component's bytes, in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.shared.hex
    }

    /// The interfaces that it imports, in its order: what it is able to do.
    pub fn imports(&self) -> &[String] {
        &self.shared.imports
    }

    /// Whether it imports `rows`, so that a step of it may ask for rows.
    pub fn may_read_rows(&self) -> bool {
        self.shared.imports.iter().any(|import| import == rows::INTERFACE)
    }

    /// Asks the component what it is, or repeats what it said when it was asked before. The answer is unchecked.
    ///
    /// # Errors
    /// It crashed, reached a limit, or used an import other than `log`.
    pub fn describe(&self) -> Result<PackageInfo, StepError> {
        let Loaded { sandbox: Sandbox { shared }, info, imports, digest, .. } = &*self.shared;
        if let Some(info) = info {
            return Ok(info.clone());
        }
        let ready = self.shared.ready()?;
        let info = step::describe(&ready, &shared.interrupted, &shared.limits)?;
        if let Some(cache) = &shared.cache {
            cache.keep_description(ready.first().engine(), digest, imports, &info);
        }
        Ok(info)
    }

    /// Runs one step in a fresh instance. Its operations go to `planner`, its questions to `desk`; the limits are the
    /// planner's and those of the sandbox's engine. Without a desk it may not ask. What it logs comes when it has ended, however it ended.
    ///
    /// # Errors
    /// The guest returned an error, crashed, was denied something or reached a limit.
    pub fn run(
        &self,
        call: StepCall<'_>,
        planner: Planner,
        values: &RunValues,
        desk: Option<Desk>,
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<StepOutcome, StepError> {
        let ready = self.shared.ready()?;
        step::run_step(&ready, &self.shared.sandbox.shared.interrupted, call, planner, values, desk, log)
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("imports", &self.shared.imports).finish_non_exhaustive()
    }
}
