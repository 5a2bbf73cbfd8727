//! Compiled code kept on disk. Native code is only ever loaded from files that this user's runner wrote:
//! each begins with a MAC over its key and content, made with a secret that lies beside it. Whatever does not
//! verify is deleted and compiled again.
//!
//! Layout: `secret` (64 random bytes) and two files per component, limits and runner version, named by their keys, which begin
//! with their MAC. `.native`, also per engine: the length of the imports as four bytes, the imports, a line each, and the
//! code. What is kept passed the preflight under these very limits, so it is not looked at again. `.described`: what the
//! component says of itself, which is the same each time, so that most runs need not touch its code. Files appear by
//! renaming, so a reader sees a whole one or none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine::fingerprint;
use crate::dialect::SessionSettings;
use crate::policy::Limits;
use crate::revision::PackageInfo;

/// Where compiled code is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheLocation {
    /// In this folder, which is made if it lacks.
    Directory(PathBuf),
    /// In `ptah-wasm` under `XDG_CACHE_HOME`, else under `~/.cache`.
    Default,
    /// Nowhere.
    Off,
}

impl CacheLocation {
    fn directory(self) -> Result<Option<PathBuf>, String> {
        let from_home = || std::env::home_dir().map(|home| home.join(".cache"));
        match self {
            Self::Off => Ok(None),
            Self::Directory(directory) => Ok(Some(directory)),
            Self::Default => std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(from_home)
                .map(|base| Some(base.join("ptah-wasm")))
                .ok_or_else(|| "there is no home folder to keep it in".to_owned()),
        }
    }
}

/// Bytes of a key and of a MAC.
const LENGTH: usize = 32;

/// Bytes of the secret: one block of the hash.
const SECRET_LENGTH: usize = 64;

/// What the names of the files end with.
const CODE: &str = "native";
const DESCRIPTION: &str = "described";

/// Files of each kind that are kept; the oldest go first.
const ENTRIES: usize = 256;

/// Bytes that all files of a kind may have together; the oldest go first. Some packages compile to much more than they are.
const TOTAL_BYTES: u64 = 1 << 30;

/// After so long a file under its temporary name belongs to nobody.
const HALF_WRITTEN: Duration = Duration::from_secs(60 * 60);

/// Bytes of one file that are read at most.
const CODE_BYTES: u64 = (super::compiler::CODE_BYTES + (1 << 20)) as u64;
const DESCRIPTION_BYTES: u64 = 8 << 20;

/// A folder of compiled code and descriptions for one set of limits.
pub(super) struct Cache {
    directory: PathBuf,
    secret: [u8; SECRET_LENGTH],
    /// Of the limits.
    settings: [u8; LENGTH],
}

/// What a component was found to be.
#[derive(Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) info: PackageInfo,
    pub(super) imports: Vec<String>,
    /// The file of its code.
    code: String,
}

impl Cache {
    /// Opens or makes the folder and its secret. None if there is to be no cache.
    pub(super) fn open(location: CacheLocation, limits: &Limits) -> Result<Option<Self>, String> {
        let Some(directory) = location.directory()? else { return Ok(None) };
        let in_folder = |error: io::Error| format!("{}: {error}", directory.display());
        make_private_directory(&directory).map_err(in_folder)?;
        let secret = secret(&directory).map_err(in_folder)?;
        // Whatever is not the database's may decide what passes the preflight.
        let settings = format!("{:?}", Limits { session: SessionSettings::default(), ..limits.clone() });
        Ok(Some(Self { directory, secret, settings: Sha256::digest(settings).into() }))
    }

    /// Takes the imports and the compiled code of a component with this digest from the cache, and has it made ready. None,
    /// and the file deleted, for anything that does not verify or cannot be made ready.
    pub(super) fn load<R>(
        &self,
        engine: &Engine,
        digest: &[u8; LENGTH],
        ready: impl FnOnce(Vec<String>, &[u8]) -> Option<R>,
    ) -> Option<R> {
        self.read(&self.code_of(engine, digest), CODE_BYTES, |content| {
            let (length, rest) = content.split_first_chunk()?;
            let (imports, code) = rest.split_at_checked(u32::from_le_bytes(*length).try_into().ok()?)?;
            ready(std::str::from_utf8(imports).ok()?.lines().map(str::to_owned).collect(), code)
        })
    }

    /// Keeps compiled code. A failure to write is no error: the next run compiles again.
    pub(super) fn keep(&self, engine: &Engine, digest: &[u8; LENGTH], imports: &[String], code: &[u8]) {
        let imports = imports.join("\n");
        let Ok(length) = u32::try_from(imports.len()) else { return };
        self.write(&self.code_of(engine, digest), &[&length.to_le_bytes(), imports.as_bytes(), code]);
    }

    /// What a component with this digest says of itself. None if that is not known or does not verify, or if there is no
    /// code of it that could be run.
    pub(super) fn described(&self, digest: &[u8; LENGTH]) -> Option<Described> {
        let parse = |content: &[u8]| serde_json::from_slice(content).ok();
        let described: Described = self.read(&self.description_of(digest), DESCRIPTION_BYTES, parse)?;
        self.directory.join(&described.code).is_file().then_some(described)
    }

    /// Keeps what a component said of itself. A failure to write is no error: the next run asks again.
    pub(super) fn keep_description(
        &self,
        engine: &Engine,
        digest: &[u8; LENGTH],
        imports: &[String],
        info: &PackageInfo,
    ) {
        let code = self.code_of(engine, digest).name;
        let described = Described { info: info.clone(), imports: imports.to_vec(), code };
        if let Ok(content) = serde_json::to_vec(&described) {
            self.write(&self.description_of(digest), &[&content]);
        }
    }

    fn code_of(&self, engine: &Engine, digest: &[u8; LENGTH]) -> Entry {
        self.entry(digest, &fingerprint(engine), CODE)
    }

    fn description_of(&self, digest: &[u8; LENGTH]) -> Entry {
        self.entry(digest, &[], DESCRIPTION)
    }

    fn entry(&self, digest: &[u8; LENGTH], engine: &[u8], kind: &str) -> Entry {
        let mut hasher = Sha256::new();
        for part in [digest.as_slice(), &self.settings, engine, env!("CARGO_PKG_VERSION").as_bytes(), kind.as_bytes()] {
            hasher.update(part);
        }
        let key: [u8; LENGTH] = hasher.finalize().into();
        Entry { name: format!("{}.{kind}", crate::hex(&key)), key }
    }

    /// Reads a file and takes its content apart, once its MAC is verified. None, and the file deleted, if either fails.
    fn read<R>(&self, entry: &Entry, limit: u64, take_apart: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
        let path = self.directory.join(&entry.name);
        let file = read_private(&path, limit).ok()?;
        let read = file
            .split_at_checked(LENGTH)
            .filter(|(tag, content)| self.mac(entry, &[content]).verify_slice(tag).is_ok())
            .and_then(|(_, content)| take_apart(content));
        if read.is_none() {
            let _ = fs::remove_file(&path);
        }
        read
    }

    fn write(&self, entry: &Entry, content: &[&[u8]]) {
        let tag = self.mac(entry, content).finalize().into_bytes();
        let kept = write_private(&self.directory, &tag, content).and_then(|temporary| {
            let path = self.directory.join(&entry.name);
            fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
        });
        if kept.is_ok() {
            let _ = self.prune();
        }
    }

    fn mac(&self, entry: &Entry, content: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.secret.into());
        mac.update(&entry.key);
        content.iter().for_each(|part| mac.update(part));
        mac
    }

    /// Deletes the oldest files beyond [`ENTRIES`] and [`TOTAL_BYTES`], and what killed runners left half written.
    fn prune(&self) -> io::Result<()> {
        let (mut code, mut descriptions) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            // Another runner may have deleted it since.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let Ok(modified) = metadata.modified() else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(CODE) => code.push((modified, path, metadata.len())),
                Some(DESCRIPTION) => descriptions.push((modified, path, metadata.len())),
                Some("new") if modified.elapsed().is_ok_and(|age| age > HALF_WRITTEN) => {
                    let _ = fs::remove_file(path);
                }
                _ => {}
            }
        }
        for mut entries in [code, descriptions] {
            entries.sort();
            let mut bytes = 0_u64;
            for (number, (_, path, length)) in entries.iter().rev().enumerate() {
                bytes = bytes.saturating_add(*length);
                if number >= ENTRIES || bytes > TOTAL_BYTES {
                    let _ = fs::remove_file(path);
                }
            }
        }
        Ok(())
    }
}

/// A file of the cache.
struct Entry {
    key: [u8; LENGTH],
    name: String,
}

/// Makes compiled code ready to run: what [`Compiler::compile_for`](super::Compiler) returned for this engine, in this
/// process or in one whose MAC was verified, and nothing else.
#[allow(unsafe_code)]
pub(super) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` must be what `Engine::precompile_component` returned. It comes from three places. `Shared::compile` has
    // it from the compiler in this very call: from the engine itself, or from a child process that ran the program which
    // the host named, said that it has the same version and settings, and ended without an error. `Cache::load` read
    // it into memory once and verified its MAC over these very bytes with a secret that only this user can read, so a
    // runner of this user wrote it in `keep`, which has it from the compiler. The MAC covers the key, so the code belongs to
    // this component and to an engine that is compatible. `Ready::instead` has it from a component that was made of such
    // code in this process. wasmtime checks its own version and settings once more.
    unsafe { Component::deserialize(engine, code) }
}

/// The secret, made if it lacks or if somebody else could have read or written it.
fn secret(directory: &Path) -> io::Result<[u8; SECRET_LENGTH]> {
    let path = directory.join("secret");
    let read = |path: &Path| {
        let bytes = read_private(path, SECRET_LENGTH as u64 + 1)?;
        <[u8; SECRET_LENGTH]>::try_from(bytes).map_err(|_| io::Error::other("the secret has the wrong length"))
    };
    if let Ok(found) = read(&path) {
        return Ok(found);
    }
    let mut fresh = [0; SECRET_LENGTH];
    getrandom::fill(&mut fresh).map_err(io::Error::other)?;
    let temporary = write_private(directory, &fresh, &[])?;
    // A link never replaces a file: of two runners that start at once, one wins and both read its secret.
    // Only a file that stays unreadable after that is replaced.
    let linked = fs::hard_link(&temporary, &path);
    if linked.is_err() && read(&path).is_err() {
        fs::rename(&temporary, &path)?;
    } else {
        let _ = fs::remove_file(&temporary);
    }
    read(&path)
}

/// Writes a new file that only this user can read, under a name that nobody can guess.
fn write_private(directory: &Path, head: &[u8], rest: &[&[u8]]) -> io::Result<PathBuf> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let path = directory.join(format!("{}.new", crate::hex(&name)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    file.write_all(head)
        .and_then(|()| rest.iter().try_for_each(|part| file.write_all(part)))
        .inspect_err(|_| drop(fs::remove_file(&path)))?;
    Ok(path)
}

/// Reads a file that belongs to this user and that nobody else can read or write.
fn read_private(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let bits = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, bits);
    }
    let file = options.open(path)?;
    check_private(&file, 0o077)?;
    let length = file.metadata()?.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn make_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    check_private(&File::open(directory)?, 0o022)
}

/// Refuses what another user owns, or what others may do something of `mode` with.
#[cfg(unix)]
fn check_private(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user owns it"));
    }
    if metadata.mode() & mode != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "other users have access to it"));
    }
    Ok(())
}

/// Where the owner of a file cannot be told, no compiled code is kept.
#[cfg(not(unix))]
fn check_private(_file: &File, _mode: u32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this platform does not tell who owns a file"))
}
