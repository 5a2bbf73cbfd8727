//! Types within types: counted one by one before anything reads them by recursion, as the parser and the validator do.

use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, CoreType, FromReader as _};

use super::{invalid, within};
use crate::sandbox::SandboxError;
use crate::sandbox::engine::FEATURES;

/// How deep types of components and instances may stand within each other: those of an interface take two levels.
const LEVELS: u64 = 32;

/// The bytes of the binary format that begin a declaration of a type, the type of a component and that of an instance.
const DECLARED_TYPE: u8 = 0x01;
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

/// Reads the types of one section, which begins at `offset` of the file, and tells `count` of what is within them.
pub(super) fn nested(
    section: &[u8],
    offset: usize,
    mut count: impl FnMut(u64) -> Result<(), SandboxError>,
) -> Result<(), SandboxError> {
    let mut reader = BinaryReader::new_features(section, offset, FEATURES);
    // What is still to be read at each level: types, and further in declarations.
    let mut left = vec![reader.read_var_u32().map_err(invalid)?];
    while let Some(items) = left.last_mut() {
        let Some(fewer) = items.checked_sub(1) else {
            left.pop();
            continue;
        };
        *items = fewer;
        let mut ahead = reader.clone();
        let mut kind = ahead.read_u8().map_err(invalid)?;
        if left.len() > 1 {
            if kind != DECLARED_TYPE {
                let declaration = ComponentTypeDeclaration::from_reader(&mut reader).map_err(invalid)?;
                if let ComponentTypeDeclaration::CoreType(core) = &declaration {
                    count(within_core(core))?;
                }
                continue;
            }
            reader = ahead.clone();
            kind = ahead.read_u8().map_err(invalid)?;
        }
        if matches!(kind, COMPONENT | INSTANCE) {
            let declarations = ahead.read_var_u32().map_err(invalid)?;
            reader = ahead;
            count(u64::from(declarations))?;
            within("levels of types within types", left.len() as u64, LEVELS)?;
            left.push(declarations);
        } else {
            ComponentType::from_reader(&mut reader).map_err(invalid)?;
        }
    }
    Ok(())
}

/// How many declarations there are in a core type: those of a module, which has no modules in it.
pub(super) fn within_core(core: &CoreType<'_>) -> u64 {
    match core {
        CoreType::Module(declarations) => declarations.len() as u64,
        CoreType::Rec(_) => 0,
    }
}
