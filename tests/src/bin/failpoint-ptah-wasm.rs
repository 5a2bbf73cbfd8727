//! The binary `ptah-wasm` with fail-points: `PTAH_FAILPOINT=before:N`, `during:N` or `after:N` ends it at its Nth
//! statement as `kill -9` does.

fn main() -> std::process::ExitCode {
    ptah_wasm::cli::main()
}
