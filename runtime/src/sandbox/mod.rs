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
mod rows;
mod step;
mod weight;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

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
use bindings::{Migrations, MigrationsPre};
use cache::{Cache, Kept};
use step::State;

/// Compiles and runs guests. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    linker: Linker<State>,
    limits: Limits,
    interrupted: Arc<AtomicBool>,
    compiler: Compiler,
    cache: Option<Cache>,
    cache_warning: Option<String>,
    compiled: AtomicUsize,
}

impl Sandbox {
    /// Sets up the engine; starts a thread that ends with the last clone and guest. A cache that cannot be
    /// used is no error: see [`Sandbox::cache_warning`].
    ///
    /// # Errors
    /// The engine refuses the platform or the limits.
    pub fn new(limits: Limits, cache: CacheLocation, compiler: Compiler) -> Result<Self, SandboxError> {
        let engine = engine::engine(&limits)?;
        let mut linker = Linker::new(&engine);
        Migrations::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .map_err(|error| SandboxError::Engine(error.to_string()))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let (cache, cache_warning) = match Cache::open(cache, &engine, &limits) {
            Ok(cache) => (cache, None),
            Err(reason) => (None, Some(format!("compiled code is not kept: {reason}"))),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                limits,
                interrupted,
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

    /// Checks and compiles a component, or takes it from the cache.
    ///
    /// # Errors
    /// It is no component of this contract, imports anything else, is larger than the limits or costs more than they
    /// allow to compile; or nothing is there that compiles it.
    pub fn load(&self, component: &[u8]) -> Result<Guest, SandboxError> {
        let shared = &self.shared;
        preflight::check_size(component, &shared.limits)?;
        let digest: [u8; 32] = Sha256::digest(component).into();
        let kept = shared.cache.as_ref().and_then(|cache| cache.load(&shared.engine, &digest));
        let Kept { component, imports } = match kept {
            Some(kept) => kept,
            None => self.compile(component, &digest)?,
        };
        let pre = unpanicked(|| shared.linker.instantiate_pre(&component).and_then(MigrationsPre::new))?
            .map_err(|error| SandboxError::Invalid(reason(&error)))?;
        Ok(Guest { shared: Arc::new(Loaded { sandbox: self.clone(), pre, imports, digest: crate::hex(&digest) }) })
    }

    fn compile(&self, component: &[u8], digest: &[u8; 32]) -> Result<Kept, SandboxError> {
        let shared = &self.shared;
        let imports = preflight::check(component, &shared.limits)?.imports;
        let code = shared.compiler.compile_for(&shared.engine, component, &shared.limits, &shared.interrupted)?;
        shared.compiled.fetch_add(1, Ordering::Relaxed);
        if let Some(cache) = &shared.cache {
            cache.keep(digest, &imports, &code);
        }
        let component = cache::deserialize(&shared.engine, &code);
        Ok(Kept { component: component.map_err(|error| SandboxError::Compile(reason(&error)))?, imports })
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

/// A component that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Guest {
    shared: Arc<Loaded>,
}

struct Loaded {
    sandbox: Sandbox,
    pre: MigrationsPre<State>,
    imports: Vec<String>,
    digest: String,
}

impl Guest {
    /// SHA-256 of the component's bytes, in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.shared.digest
    }

    /// The interfaces that it imports, in its order: what it is able to do.
    pub fn imports(&self) -> &[String] {
        &self.shared.imports
    }

    /// Whether it imports `rows`, so that a step of it may ask for rows.
    pub fn may_read_rows(&self) -> bool {
        self.shared.imports.iter().any(|import| import == rows::INTERFACE)
    }

    /// Asks the component what it is. The answer is unchecked.
    ///
    /// # Errors
    /// It crashed, reached a limit, or used an import other than `log`.
    pub fn describe(&self) -> Result<PackageInfo, StepError> {
        let sandbox = &self.shared.sandbox.shared;
        step::describe(&self.shared.pre, &sandbox.interrupted, &sandbox.limits)
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
        step::run_step(&self.shared.pre, &self.shared.sandbox.shared.interrupted, call, planner, values, desk, log)
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("imports", &self.shared.imports).finish_non_exhaustive()
    }
}
