//! Ends the process as `kill -9` does at a statement of one's choice: for tests of crashes, behind the feature
//! `failpoints`, which is never on by default.
//!
//! `PTAH_FAILPOINT=before:N`, `during:N` or `after:N`: before the Nth statement is sent, while the database is at it, or as
//! soon as it has answered. Statements are counted from 1 over the whole process: everything that a connection to
//! change sends once it is set up, BEGIN and COMMIT and the bookkeeping too; queries are only if they go along in a message
//! with others. A run that ends by itself had fewer. `PTAH_FAILPOINT_LOG=FILE` appends each counted statement to a file, `N<tab>statement` with `\n` for line
//! feeds.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long the database is left at a statement before the process ends: enough to receive it.
const DURING: Duration = Duration::from_millis(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    During,
    After,
}

/// Sends the statements of one message, unless this is where the process ends: then they are one.
pub(super) async fn around<T>(statements: &[&str], sending: impl Future<Output = T>) -> T {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut moment = None;
    for sql in statements {
        let number = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
        note(number, sql);
        moment = moment.or(chosen().filter(|(_, chosen)| *chosen == number).map(|(moment, _)| moment));
    }
    match moment {
        None => sending.await,
        Some(Moment::Before) => die(),
        Some(Moment::During) => {
            let _ = tokio::time::timeout(DURING, sending).await;
            die()
        }
        Some(Moment::After) => {
            let _ = sending.await;
            die()
        }
    }
}

/// Whether statements are counted: then each has a message of its own, so that one which is refused has none behind it.
pub(super) fn is_set() -> bool {
    static LOGGED: OnceLock<bool> = OnceLock::new();
    chosen().is_some() || *LOGGED.get_or_init(|| std::env::var_os("PTAH_FAILPOINT_LOG").is_some())
}

fn chosen() -> Option<(Moment, u64)> {
    static CHOSEN: OnceLock<Option<(Moment, u64)>> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let text = std::env::var("PTAH_FAILPOINT").ok()?;
        let parsed = text.split_once(':').and_then(|(moment, number)| {
            let moment = match moment {
                "before" => Moment::Before,
                "during" => Moment::During,
                "after" => Moment::After,
                _ => return None,
            };
            Some((moment, number.parse().ok()?))
        });
        // A test that misspells it shall not pass for a run without one.
        Some(parsed.unwrap_or_else(|| std::process::exit(101)))
    })
}

fn note(number: u64, sql: &str) {
    let Ok(path) = std::env::var("PTAH_FAILPOINT_LOG") else { return };
    let line = format!("{number}\t{}\n", sql.replace('\n', "\\n"));
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    // What cannot be written is missed by the test that reads it.
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

fn die() -> ! {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
