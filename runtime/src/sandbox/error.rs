//! Why a component is not taken, and why a step did not come to its end.

use super::bindings::ptah::migration::types;
use crate::operation::{IdentError, LabelError, ParseError, ValueError};
use crate::plan::PlanError;
use crate::policy::PolicyError;
use crate::schema::SchemaError;

/// Why a component cannot be run here. Names no file: the bytes came from the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// Not WebAssembly in its binary form.
    #[error("not a WebAssembly component: {0}")]
    NotWasm(&'static str),
    /// Its file is not what was opened any more.
    #[error("it was changed while it was open: {0}")]
    Changed(String),
    /// A module, not a component.
    #[error("this is a core module; turn it into a component with `wasm-tools component new`")]
    CoreModule,
    /// Cut off or malformed, or using a proposal that is switched off.
    #[error("not a valid WebAssembly component: {0}")]
    Invalid(String),
    /// A component of another world.
    #[error(
        "not a migration package: it does not export `{}`{}",
        super::preflight::EXPORT,
        if .exports.is_empty() { String::new() } else { format!("; it exports {}", .exports.join(", ")) }
    )]
    OtherWorld {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// Built from another version of the contract.
    #[error("built for {found}; this runner has ptah:migration@{}", super::preflight::VERSION)]
    OtherVersion {
        /// The interface that says so.
        found: String,
    },
    /// Imports that nothing here provides.
    #[error("it imports what no package may have: {}{}", .imports.join(", "), wasi_hint(.imports))]
    UnknownImports {
        /// Their names, in order.
        imports: Vec<String>,
    },
    /// Larger than the limits.
    #[error("{0}")]
    LimitExceeded(String),
    /// The compiler refused it.
    #[error("cannot compile the component: {0}")]
    Compile(String),
    /// It is not in the cache, and nothing was named that compiles it.
    #[error(
        "it is not in the cache of compiled code, and no compiler is set: set `Options::compiler` to the program \
         `ptah-wasm`, to this program itself, or to this process"
    )]
    NoCompiler,
    /// What was named to compile it does not.
    #[error("cannot compile with {program}: {reason}")]
    Compiler {
        /// The program.
        program: String,
        /// Why not.
        reason: String,
    },
    /// The runner was told to stop while it was compiled.
    #[error("interrupted while it was compiled")]
    Interrupted,
    /// The engine could not be set up.
    #[error("cannot set up the sandbox: {0}")]
    Engine(String),
}

fn wasi_hint(imports: &[String]) -> &'static str {
    if imports.iter().any(|import| import.starts_with("wasi:")) {
        "; a package runs without WASI: build Rust for wasm32-unknown-unknown, Python with `componentize-py … \
         --stub-wasi`, JavaScript with `componentize-js … --disable all`"
    } else {
        ""
    }
}

/// The case of an error that a guest returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestErrorKind {
    /// Something of that name was there already.
    AlreadyExists,
    /// Nothing of that name was there.
    NotFound,
    /// The request made no sense.
    Invalid,
    /// Something was denied.
    Denied,
    /// The dialect could not do it.
    Unsupported,
    /// A budget was spent.
    LimitExceeded,
    /// The database refused rows.
    Refused,
    /// The guest's own reason.
    Failed,
}

impl GuestErrorKind {
    /// The name of the case in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyExists => "already-exists",
            Self::NotFound => "not-found",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::LimitExceeded => "limit-exceeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Why a step did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The guest returned an error: its own, or one of a call that it did not handle.
    #[error("{}: {message}", .kind.as_str())]
    Guest {
        /// Its case.
        kind: GuestErrorKind,
        /// Its message, escaped and cut.
        message: String,
    },
    /// The step did what it may not.
    #[error("denied: {0}")]
    Denied(String),
    /// A limit was reached; the message names it and its value.
    #[error("limit exceeded: {0}")]
    LimitExceeded(String),
    /// The guest crashed.
    #[error("the guest crashed: {0}")]
    Trap(String),
    /// The runner was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// Its code was to be fetched from the cache and is not there any more, nor can it be compiled.
    #[error(transparent)]
    Component(#[from] SandboxError),
}

/// How a host call fails: with an error that the guest sees, or with the end of the step.
#[derive(Debug)]
#[allow(unreachable_pub)] // the bindings re-export it
pub enum CallError {
    /// The guest may handle it.
    Guest(types::Error),
    /// The step is over, whatever the guest does.
    Fatal(StepError),
}

impl CallError {
    /// The trap that ends the step. An error that the guest would see has no place where a call cannot
    /// fail, so it ends the step too.
    pub(super) fn into_trap(self) -> wasmtime::Error {
        match self {
            Self::Fatal(error) => error.into(),
            Self::Guest(error) => StepError::from(error).into(),
        }
    }
}

impl From<types::Error> for CallError {
    fn from(error: types::Error) -> Self {
        Self::Guest(error)
    }
}

impl From<StepError> for CallError {
    fn from(error: StepError) -> Self {
        Self::Fatal(error)
    }
}

impl From<IdentError> for CallError {
    fn from(error: IdentError) -> Self {
        Self::Guest(types::Error::Invalid(error.to_string()))
    }
}

impl From<LabelError> for CallError {
    fn from(error: LabelError) -> Self {
        Self::Guest(types::Error::Invalid(error.to_string()))
    }
}

impl From<ValueError> for CallError {
    fn from(error: ValueError) -> Self {
        Self::Guest(types::Error::Invalid(error.to_string()))
    }
}

impl From<ParseError> for CallError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Unsupported(message) => Self::Guest(types::Error::Unsupported(message)),
            ParseError::Refused(message) | ParseError::TooLarge(message) => Self::Guest(types::Error::Invalid(message)),
        }
    }
}

impl From<PlanError> for CallError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Schema(SchemaError::AlreadyExists(message)) => Self::Guest(types::Error::AlreadyExists(message)),
            PlanError::Schema(SchemaError::NotFound(message)) => Self::Guest(types::Error::NotFound(message)),
            PlanError::Schema(SchemaError::Invalid(message)) => Self::Guest(types::Error::Invalid(message)),
            PlanError::Unsupported(error) => Self::Guest(types::Error::Unsupported(error.to_string())),
            PlanError::Policy(error) => Self::Fatal(error.into()),
        }
    }
}

impl From<PolicyError> for StepError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Denied(message) => Self::Denied(message),
            PolicyError::LimitExceeded(message) => Self::LimitExceeded(message),
        }
    }
}

impl From<types::Error> for StepError {
    fn from(error: types::Error) -> Self {
        let (kind, message) = match error {
            types::Error::AlreadyExists(message) => (GuestErrorKind::AlreadyExists, message),
            types::Error::NotFound(message) => (GuestErrorKind::NotFound, message),
            types::Error::Invalid(message) => (GuestErrorKind::Invalid, message),
            types::Error::Denied(message) => (GuestErrorKind::Denied, message),
            types::Error::Unsupported(message) => (GuestErrorKind::Unsupported, message),
            types::Error::LimitExceeded(message) => (GuestErrorKind::LimitExceeded, message),
            types::Error::Refused(refusal) => (GuestErrorKind::Refused, super::answer::refused(&refusal)),
            types::Error::Failed(message) => (GuestErrorKind::Failed, message),
        };
        Self::Guest { kind, message: super::log::escaped(&message, MESSAGE_CHARS) }
    }
}

/// Characters of a guest's error message that are kept.
const MESSAGE_CHARS: usize = 1_024;
