//! What a run tells as it goes.

use serde::Serialize;

use crate::sandbox::LogEvent;

/// Something that happened. [`std::fmt::Display`] gives the log line.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Another runner holds the target.
    Waiting {
        /// Who holds it.
        holder: String,
    },
    /// Another session holds a lock that a step needs; it is tried again.
    Blocked {
        /// Its package.
        package: String,
        /// The step.
        step: String,
    },
    /// A step begins to be applied.
    Step {
        /// Its package.
        package: String,
        /// Ptah's log line: `minicms: running upgrade None -> 001, Add column`.
        line: String,
    },
    /// A package needs nothing.
    UpToDate {
        /// The package.
        package: String,
        /// What is recorded.
        recorded: Vec<String>,
    },
    /// A guest says something while its step is planned.
    Guest {
        /// Its package.
        package: String,
        /// Its step.
        step: String,
        /// What it says.
        log: LogEvent,
    },
    /// A step was announced on the target and not finished: another runner is at it, or one ended in it.
    Unfinished {
        /// Its package.
        package: String,
        /// Which step, how far it got, and whose it is.
        line: String,
    },
    /// A step that another run left unfinished is brought to its end.
    Settling {
        /// Its package.
        package: String,
        /// What is done about it.
        line: String,
    },
    /// The target changed while the plan was made, so another one is made.
    Replanning {
        /// The package.
        package: String,
    },
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting { holder } => write!(f, "waiting for the target, which {holder} holds"),
            Self::Blocked { package, step } => {
                write!(f, "{package}: {step}: another session holds a lock, trying again")
            }
            Self::Step { line, .. } | Self::Unfinished { line, .. } => f.write_str(line),
            Self::UpToDate { package, recorded } if recorded.is_empty() => write!(f, "{package}: nothing to do"),
            Self::UpToDate { package, recorded } => {
                write!(f, "{package}: at {}, nothing to do", crate::revision::list(recorded))
            }
            Self::Guest { package, step, log } => write!(f, "{package}: {step}: {log}"),
            Self::Settling { package, line } => write!(f, "{package}: {line}"),
            Self::Replanning { package } => write!(f, "{package}: the target has changed, planning again"),
        }
    }
}
