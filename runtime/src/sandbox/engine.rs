//! The wasmtime engine: which WebAssembly it takes, how it compiles, and the clock that ends endless
//! steps. Two engines of equal limits compile to the same code.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest, Sha256};

use wasmtime::{Config, Engine, EngineWeak, OptLevel, WasmBacktraceDetails, WasmFeatures};

use super::error::SandboxError;
use crate::policy::Limits;

/// How often running guests look whether they should stop.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What a guest may be made of: WebAssembly 2.0 with extended constants, as every toolchain for components
/// emits. Everything younger is off: it is where the engine's advisories are.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::COMPONENT_MODEL);

/// An engine that runs guests, and ends those that take too long.
pub(super) fn engine(limits: &Limits) -> Result<Engine, SandboxError> {
    let engine = compiling_engine(limits.stack_bytes)?;
    start_ticker(engine.weak())?;
    Ok(engine)
}

/// The same engine without its clock: good for compiling.
pub(super) fn compiling_engine(stack_bytes: usize) -> Result<Engine, SandboxError> {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        .wasm_features(FEATURES, true)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(stack_bytes)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Nobody is told an offset, and without the map there is a quarter less to keep and to authenticate.
        .generate_address_map(false)
        .native_unwind_info(false);
    Engine::new(&config).map_err(|error| SandboxError::Engine(error.to_string()))
}

/// What decides whether an engine can run compiled code.
pub(super) fn fingerprint(engine: &Engine) -> [u8; 32] {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// SHA-256 where a [`Hasher`] is asked for: the same in every process.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is.
    fn finish(&self) -> u64 {
        0
    }
}

/// Advances the epoch from a thread that ends with the engine.
fn start_ticker(engine: EngineWeak) -> Result<(), SandboxError> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("ptah-epoch".into())
        .spawn(tick)
        .map(drop)
        .map_err(|error| SandboxError::Engine(error.to_string()))
}
