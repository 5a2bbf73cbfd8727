//! The Python SDK as files in this program: those that a build needs, and the contract.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Files of a folder of this crate, each with its place below a folder of its own.
macro_rules! files {
    ($($from:literal => $to:literal: $($name:literal),+ $(,)?;)+) => {
        &[$($((concat!($to, "/", $name), include_str!(concat!("../../", $from, "/", $name)))),+),+]
    };
}

pub(super) const FILES: &[(&str, &str)] = files! {
    "python" => "guest-sdk/python": "build.py";
    "python/ptah_guest" => "guest-sdk/python/ptah_guest":
        "__init__.py", "batch.py", "compilers.py", "dbapi.py", "ddl.py", "dialect.py", "elements.py", "errors.py", "handled.py",
        "impl.py", "later.py", "needless.py", "package.py", "places.py", "populate.py", "questions.py", "reflection.py", "returning.py",
        "sandbox.py", "sql.py", "tables.py", "types.py", "using.py", "values.py";
    "python/ptah_import" => "guest-sdk/python/ptah_import":
        "__init__.py", "__main__.py", "command.py", "environment.py", "findings.py", "folder.py", "modules.py",
        "project.py", "scripts.py", "source.py", "surface.py";
    "wit" => "wit":
        "data.wit", "inspect.wit", "log.wit", "migration.wit", "rows.wit", "run.wit", "schema.wit", "types.wit";
};

/// A folder with these files, for its owner alone, that goes with this value.
pub(super) struct Sdk(PathBuf);

impl Sdk {
    pub(super) fn write() -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let folder = std::env::temp_dir().join(format!("ptah-wasm-sdk-{}", crate::hex(&random)));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // An error if something of that name is there, so nobody else has put anything into it.
        builder.create(&folder)?;
        let sdk = Self(folder);
        for (place, text) in FILES {
            let file = sdk.0.join(place);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, text)?;
        }
        Ok(sdk)
    }

    /// What is started.
    pub(super) fn program(&self) -> PathBuf {
        self.0.join("guest-sdk/python/ptah_import")
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The files of a folder of this crate with these endings.
    fn listed(folder: &str, to: &str, ending: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{to}/{name}")).collect()
    }

    #[test]
    fn all_files_of_the_python_sdk_and_of_the_contract_are_carried() {
        let mut expected = listed("wit", "wit", ".wit");
        for folder in ["", "/ptah_guest", "/ptah_import"] {
            expected.extend(listed(&format!("python{folder}"), &format!("guest-sdk/python{folder}"), ".py"));
        }
        let carried: BTreeSet<String> = FILES.iter().map(|(place, _)| (*place).to_owned()).collect();
        assert_eq!(carried, expected);
    }

    #[test]
    fn the_files_are_gone_when_nobody_needs_them() {
        let sdk = Sdk::write().unwrap();
        let folder = sdk.0.clone();
        assert!(folder.join("guest-sdk/python/build.py").is_file() && folder.join("wit/types.wit").is_file());
        drop(sdk);
        assert!(!folder.exists());
    }
}
