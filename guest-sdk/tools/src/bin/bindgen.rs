//! Writes `guest-sdk/rust/src/bindings.rs`, and the copies of the contract that the crates carry, from `wit/`.
//!
//! Run it after every change of the contract:
//!
//! ```text
//! cargo run --manifest-path guest-sdk/tools/Cargo.toml --bin bindgen            # writes
//! cargo run --manifest-path guest-sdk/tools/Cargo.toml --bin bindgen -- --check # fails if anything would change
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

const WORLD: &str = "migrations";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let check = std::env::args().any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let sdk = root.join("guest-sdk/rust");

    let mut outputs = vec![(sdk.join("src/bindings.rs"), bindings(&root.join("wit"))?)];
    let mut contract: Vec<_> = fs::read_dir(root.join("wit"))?.collect::<Result<_, _>>()?;
    contract.sort_by_key(|entry| entry.file_name());
    for entry in contract {
        let text = fs::read(entry.path())?;
        for copy in [sdk.join("wit"), root.join("runtime/wit")] {
            outputs.push((copy.join(entry.file_name()), text.clone()));
        }
    }

    let mut stale = false;
    for (path, wanted) in outputs {
        if fs::read(&path).is_ok_and(|found| found == wanted) {
            continue;
        }
        stale = true;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        if check {
            eprintln!("out of date: {shown}");
        } else {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, wanted)?;
            eprintln!("wrote {shown}");
        }
    }
    Ok(if check && stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The source of the bindings for the contract in a folder.
fn bindings(wit: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let options = Opts {
        format: true,
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: Some("__export_migrations".into()),
        default_bindings_module: Some("ptah_guest::bindings".into()),
        runtime_path: Some("::ptah_guest::__rt".into()),
        additional_derive_attributes: vec!["PartialEq".into()],
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().ok_or("the generator wrote nothing")?;
    // Every record, variant and enum, but no resource, derives Clone.
    let source = std::str::from_utf8(source)?;
    let plain = "#[derive(Clone";
    let with_serde = format!("#[cfg_attr(feature = \"serde\", derive(serde::Serialize, serde::Deserialize))]\n{plain}");
    Ok(source.replace(plain, &with_serde).into_bytes())
}
