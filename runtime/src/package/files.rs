//! Reading the files of a package: through one `cap-std` folder, so that no name of a manifest leads out of
//! it, regular files only, each read once and never more than its limit.

use std::io::{self, Read};
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::PackageError;

/// A folder that a package may read from.
pub(super) struct Folder {
    dir: Dir,
}

impl Folder {
    /// Opens the folder that the operator named.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())? })
    }

    /// Reads a file in the folder or in one below it, by a name that the package gives. `name` is what errors call it.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, PackageError> {
        check_inside(name)?;
        self.read_named(name, limit)
    }

    /// As [`Self::read`], by a name that the operator gave, which may hold any letter that the system takes.
    pub(super) fn read_named(&self, name: &str, limit: usize) -> Result<Vec<u8>, PackageError> {
        let shown = || crate::sandbox::escaped(name, 200);
        let unreadable = |error: io::Error| match escapes(&error) {
            true => PackageError::Outside { file: shown() },
            false => PackageError::Unreadable { file: shown(), reason: error.to_string() },
        };
        let mut options = OpenOptions::new();
        options.read(true);
        // Opening a pipe for reading waits for a writer otherwise.
        #[cfg(unix)]
        {
            let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits());
            let flags = flags.map_err(|error| unreadable(io::Error::other(error)))?;
            cap_std::fs::OpenOptionsExt::custom_flags(&mut options, flags);
        }
        let file = self.dir.open_with(name, &options).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(PackageError::NotAFile { file: shown() });
        }
        let too_large = || PackageError::TooLarge { file: shown(), limit };
        let bound = u64::try_from(limit).unwrap_or(u64::MAX);
        if metadata.len() > bound {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
    }
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
    if inside { Ok(()) } else { Err(PackageError::Outside { file: crate::sandbox::escaped(name, 200) }) }
}
