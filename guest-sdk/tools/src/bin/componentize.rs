//! Turns a core module that carries its contract (as `ptah-guest` makes it) into a component.
//!
//! ```text
//! componentize guest.core.wasm -o guest.wasm
//! ```
//!
//! Leaves out every custom section (names, producers), so that the bytes depend on the code alone, and
//! refuses a component that imports anything but `ptah:migration`. `wasm-tools component new` does the
//! same but for these two points.

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

const USAGE: &str = "usage: componentize CORE.wasm -o COMPONENT.wasm";

fn main() -> ExitCode {
    match run() {
        Ok(said) => {
            eprintln!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("componentize: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, flag, output] = arguments.as_slice() else { return Err(USAGE.into()) };
    if flag != "-o" {
        return Err(USAGE.into());
    }
    let core = fs::read(input).map_err(|error| format!("{input}: {error}"))?;
    let component = componentize(&core).map_err(|error| format!("{input}: {error:#}"))?;
    let imports = imports(&component)?;
    if let Some(foreign) = imports.iter().find(|name| !name.starts_with("ptah:migration/")) {
        return Err(format!("{input}: it imports {foreign}, but a guest may only import ptah:migration").into());
    }
    fs::write(output, &component).map_err(|error| format!("{output}: {error}"))?;
    Ok(format!("{output}: {} bytes, imports {}", component.len(), imports.join(", ")))
}

fn componentize(core: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let component = ComponentEncoder::default().validate(true).module(core)?.encode()?;
    let component = without_custom_sections(&component)?;
    Validator::new_with_features(WasmFeatures::default()).validate_all(&component)?;
    Ok(component)
}

/// The names of what a component imports.
fn imports(component: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import?.name.name.to_string());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// A module or component without its custom sections, nor those of what it holds.
fn without_custom_sections(binary: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    const CUSTOM: u8 = 0;
    const CORE_MODULE: u8 = 1;
    const COMPONENT: u8 = 4;

    let nests = Parser::is_component(binary);
    let (header, mut rest) = binary.split_at_checked(8).ok_or("no header")?;
    let mut stripped = header.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = read_u32(after).ok_or("a broken section size")?;
        let (contents, after) = after.split_at_checked(size as usize).ok_or("a section cut short")?;
        rest = after;
        let nested = match id {
            CUSTOM => continue,
            CORE_MODULE | COMPONENT if nests => Some(without_custom_sections(contents)?),
            _ => None,
        };
        let contents = nested.as_deref().unwrap_or(contents);
        stripped.push(id);
        write_u32(&mut stripped, u32::try_from(contents.len())?);
        stripped.extend_from_slice(contents);
    }
    Ok(stripped)
}

fn read_u32(mut bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = bytes.split_first()?;
        bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes));
        }
    }
    None
}

fn write_u32(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
