//! The locks of a SQLite database: files beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Result, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::means::Turn;
use super::{Holder, LockError};
use crate::database::{Identity, Target, real_path};

/// The locks of one run on one database.
pub(super) struct Files {
    label: String,
    database: PathBuf,
    target: File,
    queue: Option<Passing>,
    package: Option<Passing>,
}

impl Files {
    pub(super) fn new(target: &Target, database: &Path) -> std::result::Result<Self, LockError> {
        // The same by whatever path the database is named.
        let database = real_path(database);
        let path = beside(&database, "lock");
        let file = open(&path).map_err(|error| failed(target.label(), &path, &error))?;
        Ok(Self { label: target.label().to_owned(), database, target: file, queue: None, package: None })
    }

    pub(super) fn try_package(&mut self, package: &str) -> std::result::Result<bool, LockError> {
        let digest = crate::hex(&Sha256::digest(package.as_bytes()));
        let path = beside(&self.database, &format!("run-{}", digest.get(..16).unwrap_or_default()));
        self.package = Passing::take(&path).map_err(|error| failed(&self.label, &path, &error))?;
        Ok(self.package.is_some())
    }

    pub(super) fn try_target(&mut self) -> std::result::Result<Turn, LockError> {
        let queue = beside(&self.database, "queue");
        if self.queue.is_none() && Passing::is_held(&queue) {
            return Ok(Turn::Later);
        }
        let path = beside(&self.database, "lock");
        match self.target.try_lock() {
            Ok(()) => {
                sign(&mut self.target).map_err(|error| failed(&self.label, &path, &error))?;
                self.queue = None;
                Ok(Turn::Taken)
            }
            Err(TryLockError::WouldBlock) => {
                if self.queue.is_none() {
                    self.queue = Passing::take(&queue).map_err(|error| failed(&self.label, &queue, &error))?;
                }
                Ok(if self.queue.is_some() { Turn::Next } else { Turn::Later })
            }
            Err(TryLockError::Error(error)) => Err(failed(&self.label, &path, &error)),
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        Passing::is_held(&beside(&self.database, "queue"))
    }

    pub(super) fn let_go_of_target(&self) -> std::result::Result<(), LockError> {
        // An empty lock file names no holder.
        let freed = self.target.set_len(0).and_then(|()| self.target.unlock());
        freed.map_err(|error| failed(&self.label, &beside(&self.database, "lock"), &error))
    }

    pub(super) fn holder(&self) -> Holder {
        signature(&beside(&self.database, "lock"))
    }
}

/// A lock file that is there only while somebody holds it, or was killed while he did.
struct Passing {
    path: PathBuf,
    _file: File,
}

impl Passing {
    /// None: somebody else holds it.
    fn take(path: &Path) -> Result<Option<Self>> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                // One that was taken away meanwhile is nobody's lock.
                Ok(()) if is_at(&file, path) => return Ok(Some(Self { path: path.to_owned(), _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn is_held(path: &Path) -> bool {
        // Mostly there is none.
        File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // Elsewhere nothing tells that a file was taken away.
        if cfg!(unix) {
            // What is left behind does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(found)) => (held.dev(), held.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn beside(database: &Path, what: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-ptah-");
    path.push(what);
    path.into()
}

fn open(path: &Path) -> Result<File> {
    let folder_is_read_only =
        path.parent().and_then(|folder| folder.metadata().ok()).is_some_and(|folder| folder.permissions().readonly());
    if folder_is_read_only {
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "its folder is read-only"));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn failed(label: &str, path: &Path, error: &std::io::Error) -> LockError {
    LockError::File { target: label.to_owned(), path: path.to_owned(), reason: error.to_string() }
}

/// Writes who holds the lock into its file.
fn sign(file: &mut File) -> Result<()> {
    let Identity { user, host, process } = Identity::current();
    let since = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
    let signature = serde_json::json!({ "user": user, "host": host, "process": process, "since": since });
    file.set_len(0)?;
    file.rewind()?;
    // In one piece: who reads it meanwhile sees all of it or nothing.
    file.write_all(format!("{signature}\n").as_bytes())
}

/// Who signed. The file was written by whoever could write there: its text is shown, never trusted.
fn signature(path: &Path) -> Holder {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(4_096).read_to_string(&mut text));
    let parsed = read.ok().and_then(|_| serde_json::from_str::<serde_json::Value>(&text).ok());
    let Some(signed) = parsed else {
        return None.into();
    };
    let field = |name: &str| {
        let shown = match signed.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => "?".to_owned(),
        };
        shown.chars().filter(|letter| !letter.is_control()).take(80).collect::<String>()
    };
    Holder(format!("{}@{}, process {}, since {}", field("user"), field("host"), field("process"), field("since")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_passes_leaves_no_file_and_is_one_persons() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue");
        let first = Passing::take(&path).unwrap().unwrap();
        assert!(Passing::is_held(&path) && Passing::take(&path).unwrap().is_none());
        drop(first);
        assert!(!Passing::is_held(&path));
        assert_eq!(path.exists(), cfg!(not(unix)));
        // What a run that was killed leaves is as good as nothing.
        std::fs::write(&path, "").unwrap();
        assert!(!Passing::is_held(&path));
        drop(Passing::take(&path).unwrap().unwrap());
    }

    #[test]
    fn a_lock_file_lies_beside_its_database() {
        assert_eq!(beside(Path::new("/a/x.db"), "lock"), Path::new("/a/x.db-ptah-lock"));
    }
}
