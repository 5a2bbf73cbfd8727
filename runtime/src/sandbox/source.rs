//! The bytes of a component: digested as they come, and held in memory only where they have to be, since a component
//! whose code and description are kept is mostly not looked at any further.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use sha2::{Digest as _, Sha256};

use super::SandboxError;

/// Bytes that are digested at a time.
const PART: usize = 64 << 10;

/// A component and its digest.
pub(crate) struct Source {
    bytes: Bytes,
    pub(crate) length: usize,
    pub(super) digest: [u8; 32],
}

enum Bytes {
    Here(Vec<u8>),
    /// In an open file, which somebody may write to: whatever is read of it is digested again.
    There(File),
}

impl Source {
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), digest: Sha256::digest(&bytes).into(), bytes: Bytes::Here(bytes) }
    }

    /// Digests an open file up to `limit` bytes and one, by which its length tells that it is too large.
    pub(crate) fn of_file(file: File, limit: usize) -> io::Result<Self> {
        let (mut hasher, mut length, mut part) = (Sha256::new(), 0, vec![0; PART]);
        while length <= limit {
            match (&file).read(&mut part) {
                Ok(0) => break,
                Ok(read) => {
                    length += read;
                    hasher.update(part.get(..read).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { length, digest: hasher.finalize().into(), bytes: Bytes::There(file) })
    }

    /// All of it.
    ///
    /// # Errors
    /// Its file cannot be read, or holds something else by now.
    pub(super) fn read(&self) -> Result<Cow<'_, [u8]>, SandboxError> {
        let mut file = match &self.bytes {
            Bytes::Here(bytes) => return Ok(bytes.into()),
            Bytes::There(file) => file,
        };
        let mut bytes = Vec::with_capacity(self.length);
        let limit = u64::try_from(self.length).unwrap_or(u64::MAX).saturating_add(1);
        let read = file.rewind().and_then(|()| file.take(limit).read_to_end(&mut bytes));
        read.map_err(|error| SandboxError::Changed(error.to_string()))?;
        if Sha256::digest(&bytes)[..] != self.digest {
            return Err(SandboxError::Changed("it is another one by now".to_owned()));
        }
        Ok(bytes.into())
    }
}
