//! The wasmtime engine: which WebAssembly it takes, how it compiles, and the clock that ends endless
//! steps. Two engines of equal limits compile to the same code.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest, Sha256};

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails, WasmFeatures,
};

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

/// Instances that there are places for beforehand. Where more run at once, the others are given memory of their own.
const PLACES: u32 = 16;

/// Tables of a place: one of the guest, and those by which it and its imports find each other.
const TABLES: u32 = 4;

/// Bytes of a place that stay with it from one guest to the next, filled anew: those that guests mostly touch.
const RESIDENT_BYTES: usize = 1 << 20;

/// An engine that runs guests, and ends those that take too long. Every guest is given memory of its own.
pub(super) fn engine(limits: &Limits) -> Result<Engine, SandboxError> {
    ticking(&config(limits.stack_bytes))
}

/// The same with places that are reserved beforehand, which spares each guest the making of its own. It runs the same
/// compiled code, except of components that have more memories, or larger ones, than a place has.
///
/// # Errors
/// The system does not let so much address space be reserved.
pub(super) fn pooling_engine(limits: &Limits) -> Result<Engine, SandboxError> {
    let memory = limits.memory_bytes.next_multiple_of(64 << 10);
    let mut places = PoolingAllocationConfig::new();
    places
        .total_component_instances(PLACES)
        .total_core_instances(PLACES.saturating_mul(limits.instances))
        .max_core_instances_per_component(limits.instances)
        .total_memories(PLACES)
        .max_memories_per_component(1)
        .max_memory_size(memory)
        .total_tables(PLACES * TABLES)
        .max_tables_per_component(TABLES)
        // What grows beyond the limit is to end the step, and not only to be told no.
        .table_elements(16 * memory / size_of::<usize>())
        .max_unused_warm_slots(PLACES);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Elsewhere the first bytes would be filled anew, touched or not.
        places.linear_memory_keep_resident(RESIDENT_BYTES).pagemap_scan(Enabled::Auto);
    }
    ticking(config(limits.stack_bytes).allocation_strategy(places))
}

/// An engine without a clock: good for compiling.
pub(super) fn compiling_engine(stack_bytes: usize) -> Result<Engine, SandboxError> {
    made(&config(stack_bytes))
}

fn made(config: &Config) -> Result<Engine, SandboxError> {
    Engine::new(config).map_err(|error| SandboxError::Engine(error.to_string()))
}

fn ticking(config: &Config) -> Result<Engine, SandboxError> {
    let engine = made(config)?;
    start_ticker(engine.weak())?;
    Ok(engine)
}

/// What all engines have in common, and with it the code that they run.
fn config(stack_bytes: usize) -> Config {
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
    config
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
