//! Opening a package: one component file, or a folder with `ptah-package.toml`. The bytes that
//! are digested are the bytes that run: what is read again is digested again. What the package says about itself is checked here;
//! whether its revisions form a graph is `revision`'s business.

mod described;
mod files;
mod manifest;

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::policy::room;
use crate::revision::PackageInfo;
use crate::sandbox::{Guest, Sandbox, SandboxError, Source, StepCall, StepError};
use described::{Described, Steps};
use files::Folder;

/// A package that is ready to run.
#[derive(Debug)]
pub struct Package {
    path: PathBuf,
    info: PackageInfo,
    digest: String,
    components: Vec<Component>,
    guests: Vec<Guest>,
    steps: Steps,
}

/// A component of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its file, relative to the package.
    pub file: String,
    /// Its size.
    pub bytes: usize,
    /// SHA-256 of its bytes, in lower-case hex.
    pub digest: String,
    /// The interfaces that it imports, in its order: what it is able to do.
    pub imports: Vec<String>,
}

/// Why a package cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// There is nothing at the path, or it cannot be entered.
    #[error("cannot open {}: {reason}", .path.display())]
    NotFound {
        /// The path given.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A folder without a manifest.
    #[error("{} is a folder without {}", .path.display(), manifest::FILE)]
    NoManifest {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the package cannot be read.
    #[error("{file}: cannot read it: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// A name that leads out of the package's folder.
    #[error("{file}: it lies outside of the package's folder")]
    Outside {
        /// The name.
        file: String,
    },
    /// A folder, pipe or device.
    #[error("{file}: it is not a regular file")]
    NotAFile {
        /// The name.
        file: String,
    },
    /// A file beyond its limit.
    #[error("{file}: it is larger than {limit} bytes{}", room(*limit, |limits| limits.component_bytes))]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit: usize,
    },
    /// A manifest that does not parse or makes no sense.
    #[error("{}: {reason}", manifest::FILE)]
    Manifest {
        /// Why.
        reason: String,
    },
    /// A manifest that says something else than the components.
    #[error("{}: its {what} is {said:?}, but the components say {described:?}", manifest::FILE)]
    ManifestContradicts {
        /// Name or version.
        what: &'static str,
        /// What the manifest says.
        said: String,
        /// What the components say.
        described: String,
    },
    /// A component that cannot be run here.
    #[error("{file}: {source}")]
    Component {
        /// The file.
        file: String,
        /// Why.
        source: SandboxError,
    },
    /// A component that fails to describe itself.
    #[error("{file}: it does not describe itself: {source}")]
    Describe {
        /// The file.
        file: String,
        /// Why.
        source: StepError,
    },
    /// A description outside the grammar.
    #[error("{file}: {reason}")]
    Description {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// One step in two places.
    #[error("{what} is described twice: in {first} and in {second}")]
    Twice {
        /// The step.
        what: String,
        /// A file.
        first: String,
        /// Another, or the same.
        second: String,
    },
    /// Components of different packages.
    #[error("the components disagree on the {what}: {first} says {one:?}, {second} says {other:?}")]
    Disagreement {
        /// Name, title or version.
        what: &'static str,
        /// A file.
        first: String,
        /// What it says.
        one: String,
        /// Another.
        second: String,
        /// What that says.
        other: String,
    },
}

impl Package {
    /// Opens, checks and compiles a package: blocking, and at its longest while compiling.
    ///
    /// # Errors
    /// Anything of [`PackageError`]; each names the file.
    pub fn open(sandbox: &Sandbox, path: &Path) -> Result<Self, PackageError> {
        let not_found =
            |error: std::io::Error| PackageError::NotFound { path: path.to_owned(), reason: error.to_string() };
        // The operator may name a package by a link; inside of it no link may lead out.
        let real = path.canonicalize().map_err(not_found)?;
        if real.is_dir() {
            return Self::open_folder(sandbox, path, &Folder::open(&real).map_err(not_found)?);
        }
        let (Some(parent), Some(name)) = (real.parent(), real.file_name().and_then(|name| name.to_str())) else {
            return Err(PackageError::NotAFile { file: path.display().to_string() });
        };
        let folder = Folder::open(parent).map_err(not_found)?;
        let component = folder.component_named(name, sandbox.limits().component_bytes)?;
        let component = load_component(sandbox, name, component)?;
        let digest = component.described.digest.clone();
        Self::describe(sandbox, path, vec![component], digest)
    }

    fn open_folder(sandbox: &Sandbox, path: &Path, folder: &Folder) -> Result<Self, PackageError> {
        let text = folder.read(manifest::FILE, manifest::BYTES).map_err(|error| match error {
            PackageError::Unreadable { .. } if !path.join(manifest::FILE).exists() => {
                PackageError::NoManifest { path: path.to_owned() }
            }
            other => other,
        })?;
        let manifest = manifest::parse(&text, sandbox.limits().components)?;
        let components = manifest
            .components
            .iter()
            .map(|file| load_component(sandbox, file, folder.component(file, sandbox.limits().component_bytes)?))
            .collect::<Result<Vec<_>, _>>()?;
        let digest = folder_digest(&components);
        let package = Self::describe(sandbox, path, components, digest)?;
        for (what, said, described) in
            [("name", manifest.name, &package.info.name), ("version", manifest.version, &package.info.version)]
        {
            if said != *described {
                return Err(PackageError::ManifestContradicts { what, said, described: described.clone() });
            }
        }
        Ok(package)
    }

    fn describe(sandbox: &Sandbox, path: &Path, read: Vec<Read>, digest: String) -> Result<Self, PackageError> {
        let mut described = Vec::new();
        for Read { described: Component { file, .. }, guest } in &read {
            let info = guest.describe().map_err(|source| PackageError::Describe { file: file.clone(), source })?;
            described.push(Described { file, info });
        }
        let (info, steps) = described::merge(described, sandbox.limits())?;
        let (components, guests) = read.into_iter().map(|read| (read.described, read.guest)).unzip();
        Ok(Self { path: path.to_owned(), info, digest, components, guests, steps })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says it is: checked, all components taken together.
    pub fn info(&self) -> &PackageInfo {
        &self.info
    }

    /// Its digest in lower-case hex: of a single component the SHA-256 of its bytes; of a folder the SHA-256
    /// over the components' digests (as hex, each with a line feed) in the manifest's order.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its components in order.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The component that has the step. None if there is no such step.
    pub fn guest_for(&self, call: &StepCall<'_>) -> Option<&Guest> {
        let place = match call {
            StepCall::Populate(step) => self.steps.populate.get(*step),
            StepCall::Upgrade(revision) | StepCall::Downgrade(revision) => self.steps.revisions.get(*revision),
        };
        place.and_then(|place| self.guests.get(*place))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.info.name)
    }
}

struct Read {
    described: Component,
    guest: Guest,
}

fn load_component(sandbox: &Sandbox, file: &str, component: Source) -> Result<Read, PackageError> {
    let bytes = component.length;
    let guest = sandbox.load_from(component).map_err(|source| PackageError::Component { file: file.into(), source })?;
    let described =
        Component { file: file.into(), bytes, digest: guest.digest().to_owned(), imports: guest.imports().to_vec() };
    Ok(Read { described, guest })
}

fn folder_digest(components: &[Read]) -> String {
    let mut hasher = Sha256::new();
    for component in components {
        hasher.update(&component.described.digest);
        hasher.update(b"\n");
    }
    crate::hex(&hasher.finalize())
}
