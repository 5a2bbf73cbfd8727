//! The binary; everything is in the library.

fn main() -> std::process::ExitCode {
    ptah_wasm::cli::main()
}
