//! `ptah-package.toml`: which components form a package.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::PackageError;
use crate::sandbox::{escaped, is_deceptive};

/// The file's name.
pub(super) const FILE: &str = "ptah-package.toml";

/// Bytes of the file.
pub(super) const BYTES: usize = 64 << 10;

/// Its content. Name and version repeat what the components say, and must agree with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The package's name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Files of components, relative to the folder, in the order in which their revisions are listed.
    pub(super) components: Vec<String>,
}

/// Parses it; at least one component, at most so many, none twice.
pub(super) fn parse(bytes: &[u8], limit: usize) -> Result<Manifest, PackageError> {
    let wrong = |reason: String| PackageError::Manifest { reason };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))?;
    let manifest: Manifest = toml::from_str(text).map_err(|error| wrong(escaped(error.message(), 400)))?;
    if manifest.components.is_empty() {
        return Err(wrong("it lists no components".into()));
    }
    if manifest.components.len() > limit {
        return Err(wrong(format!("it lists more than {limit} components")));
    }
    // Errors and listings name the files as they are.
    if let Some(odd) = manifest.components.iter().find(|file| file.contains(is_deceptive)) {
        return Err(wrong(format!(
            "it names a file with a character that is invisible or moves text: {}",
            escaped(odd, 200)
        )));
    }
    let mut seen = BTreeSet::new();
    match manifest.components.iter().find(|file| !seen.insert(file.as_str())) {
        Some(twice) => Err(wrong(format!("it lists {twice:?} twice"))),
        None => Ok(manifest),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn reason(text: &str) -> String {
        parse(text.as_bytes(), 3).unwrap_err().to_string()
    }

    #[test]
    fn takes_components_in_the_order_written() {
        let manifest = parse(b"name = 'p'\nversion = '1'\ncomponents = ['b.wasm', 'a.wasm']", 3).unwrap();
        assert_eq!(manifest.components, ["b.wasm", "a.wasm"]);
    }

    #[test]
    fn refuses_what_it_does_not_know_and_what_makes_no_sense() {
        let with = |components: &str| format!("name = 'p'\nversion = '1'\ncomponents = {components}");
        assert!(reason("name = 'p'\nversion = '1'\ncomponents = ['a']\nscript = 'x'").contains("script"));
        assert!(reason("name = 'p'\ncomponents = ['a']").contains("version"));
        assert!(reason("name = ").contains("ptah-package.toml"));
        assert!(reason(&with("[]")).contains("no components"));
        assert!(reason(&with("[\"a\\u001b[2J\"]")).contains("invisible"));
        assert!(!reason("\"\\u001b[2J\" = 1").contains('\u{1b}'));
        assert!(reason(&with("['a', 'a']")).contains("twice"));
        assert!(reason(&with("['a', 'b', 'c', 'd']")).contains("more than 3"));
        assert!(parse(b"\xff", 3).is_err());
    }
}
