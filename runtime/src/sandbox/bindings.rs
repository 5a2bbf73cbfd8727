//! The contract as Rust types: generated from `wit/`, the only `bindgen!` of the project.

// What is generated is documented in the WIT, and calls typed functions that were checked when loaded.
#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::unwrap_used, clippy::expect_used)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "ptah:migration/migrations",
    imports: { default: trappable },
    trappable_error_type: { "ptah:migration/types.error" => super::error::CallError },
    with: {
        "ptah:migration/data.statement": super::step::PlannedStatement,
        "ptah:migration/rows.cursor": super::rows::Cursor,
    },
});
