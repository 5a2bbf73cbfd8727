//! Who runs this: shown to others that wait for a lock, and recorded in the history.

use std::fmt;
use std::sync::OnceLock;

/// The user, machine and process of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's login name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The process id.
    pub process: u32,
}

impl Identity {
    /// Asks the system, once; what it does not say is `unknown`.
    pub fn current() -> Self {
        static CURRENT: OnceLock<(String, String)> = OnceLock::new();
        let (user, host) = CURRENT.get_or_init(|| (user(), host())).clone();
        Self { user, host, process: std::process::id() }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.host, self.process)
    }
}

fn user() -> String {
    login_of_process().or_else(|| first_variable(&["USER", "LOGNAME", "USERNAME"])).unwrap_or_else(unknown)
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| first_variable(&["HOSTNAME", "COMPUTERNAME"]))
        .unwrap_or_else(unknown)
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn first_variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// The login name of this process's user, which variables may contradict.
#[cfg(unix)]
fn login_of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn login_of_process() -> Option<String> {
    None
}
