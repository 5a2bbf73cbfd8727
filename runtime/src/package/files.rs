//! Opening the files of a package: through one `cap-std` folder, so that no name of a manifest leads out of
//! it, regular files only, each opened once and never read beyond its limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::PackageError;
use crate::sandbox::Source;

/// A folder that a package may read from.
pub(super) struct Folder {
    dir: Dir,
}

impl Folder {
    /// Opens the folder that the operator named.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())? })
    }

    /// Reads a text in the folder or in one below it, by a name that the package gives. `name` is what errors call it.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, PackageError> {
        check_inside(name)?;
        let file = self.open_regular(name)?;
        let mut bytes = Vec::new();
        let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(bound).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
        within(name, bytes.len(), limit).map(|()| bytes)
    }

    /// Digests a component, by a name as that of [`Self::read`].
    pub(super) fn component(&self, name: &str, limit: usize) -> Result<Source, PackageError> {
        check_inside(name)?;
        self.component_named(name, limit)
    }

    /// As [`Self::component`], by a name that the operator gave, which may hold any letter that the system takes.
    pub(super) fn component_named(&self, name: &str, limit: usize) -> Result<Source, PackageError> {
        let file = self.open_regular(name)?;
        let source = Source::of_file(file, limit).map_err(|error| unreadable(name, &error))?;
        within(name, source.length, limit).map(|()| source)
    }

    fn open_regular(&self, name: &str) -> Result<File, PackageError> {
        let unreadable = |error: io::Error| unreadable(name, &error);
        let mut options = OpenOptions::new();
        options.read(true);
        // Opening a pipe for reading waits for a writer otherwise.
        #[cfg(unix)]
        {
            let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits());
            let flags = flags.map_err(|error| unreadable(io::Error::other(error)))?;
            cap_std::fs::OpenOptionsExt::custom_flags(&mut options, flags);
        }
        let file = self.dir.open_with(name, &options).map_err(unreadable)?.into_std();
        match file.metadata().map_err(unreadable)?.is_file() {
            true => Ok(file),
            false => Err(PackageError::NotAFile { file: shown(name) }),
        }
    }
}

fn shown(name: &str) -> String {
    crate::sandbox::escaped(name, 200)
}

fn unreadable(name: &str, error: &io::Error) -> PackageError {
    match escapes(error) {
        true => PackageError::Outside { file: shown(name) },
        false => PackageError::Unreadable { file: shown(name), reason: error.to_string() },
    }
}

fn within(name: &str, length: usize, limit: usize) -> Result<(), PackageError> {
    if length > limit { Err(PackageError::TooLarge { file: shown(name), limit }) } else { Ok(()) }
}

/// Whether cap-std refused to follow a path out of the folder; it has no error kind of its own for that.
fn escapes(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// Refuses names that lead out of the folder, before anything is opened, on every platform alike.
fn check_inside(name: &str) -> Result<(), PackageError> {
    let inside = !name.is_empty()
        && !name.contains(['\\', ':', '\0'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside { Ok(()) } else { Err(PackageError::Outside { file: shown(name) }) }
}
