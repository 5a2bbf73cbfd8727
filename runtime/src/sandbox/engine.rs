//! The wasmtime engine: which WebAssembly it takes, how it compiles, and the clock that ends endless
//! steps. Two engines of equal limits compile to the same code.

use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, OptLevel, WasmBacktraceDetails, WasmFeatures};

use super::error::SandboxError;
use crate::policy::Limits;

/// How often running guests look whether they should stop.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What a guest may be made of: WebAssembly 2.0 with extended constants, as every toolchain for components
/// emits. Everything younger is off: it is where the engine's advisories are.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
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

pub(super) fn engine(limits: &Limits) -> Result<Engine, SandboxError> {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        .wasm_features(FEATURES, true)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false);
    let engine = Engine::new(&config).map_err(|error| SandboxError::Engine(error.to_string()))?;
    start_ticker(engine.weak())?;
    Ok(engine)
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
