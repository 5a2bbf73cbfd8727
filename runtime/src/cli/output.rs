//! Printing: data on stdout, talk on stderr, colour only on a terminal.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::CliError;
use super::args::Common;
use super::targets::row_line;
use crate::import::{Finding, Severity};
use crate::migrate::{Event, MigrateError, PackagePlan};
use crate::rollout::RolloutEvent;
use crate::sandbox::{LogEvent, LogLevel, visible};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
    loudness: Loudness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loudness {
    Quiet,
    Normal,
    Verbose,
}

const ERROR: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold();
const WARNING: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const DIM: Style = Style::new().dimmed();

/// How many distinct messages of guests are told over all targets.
const HEARD: usize = 1_000;

#[derive(Serialize)]
struct Failure<'a> {
    error: FailureBody<'a>,
    /// Of an import.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a [Finding]>,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: u8,
    message: String,
    package: Option<&'a str>,
    step: Option<&'a str>,
    target: Option<&'a str>,
    applied: &'a [PackagePlan],
}

impl Output {
    pub(super) fn new(common: &Common) -> Self {
        let loudness = match (common.quiet, common.verbose) {
            (true, _) => Loudness::Quiet,
            (false, true) => Loudness::Verbose,
            (false, false) => Loudness::Normal,
        };
        Self { json: common.json, loudness }
    }

    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Something to know, on stderr.
    pub(super) fn note(self, text: &str) {
        if self.loudness != Loudness::Quiet {
            talk(&format!("{DIM}{}{DIM:#}", visible(text)));
        }
    }

    /// A line of data on stdout: byte for byte, as a script's literals may hold anything, unless a terminal would obey
    /// some of it.
    pub(super) fn line(self, text: &str) -> Result<(), CliError> {
        let mut stdout = std::io::stdout().lock();
        let shown = if stdout.is_terminal() { visible(text) } else { text.into() };
        Ok(writeln!(stdout, "{shown}")?)
    }

    /// The one JSON document on stdout.
    pub(super) fn document(self, value: &impl Serialize) -> Result<(), CliError> {
        document(value)
    }

    /// Prints what happens, each event a line on stderr.
    pub(super) fn observer(self) -> impl Fn(&Event) + Send + Sync + 'static {
        move |event| self.event(event)
    }

    fn event(self, event: &Event) {
        let shown = match event {
            Event::Guest { log: LogEvent::Message { level: LogLevel::Debug, .. }, .. } => {
                self.loudness == Loudness::Verbose
            }
            _ => self.loudness != Loudness::Quiet,
        };
        if !shown {
            return;
        }
        let text = event.to_string();
        let text = visible(&text);
        match event {
            Event::Guest { log: LogEvent::Message { level: LogLevel::Warn, .. }, .. } => {
                talk(&format!("{WARNING}{text}{WARNING:#}"));
            }
            Event::Guest { .. } => talk(&format!("{DIM}{text}{DIM:#}")),
            _ => talk(&text),
        }
    }

    /// Prints what happens on so many targets: a line for each as it ends, and what a guest says once for all of them.
    pub(super) fn rollout_observer(self, all: usize) -> impl Fn(&RolloutEvent<'_>) + Send + Sync + 'static {
        let heard: Mutex<BTreeSet<String>> = Mutex::default();
        move |event| match event {
            RolloutEvent::Target(_, event @ Event::Guest { .. }) => {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.len() < HEARD && heard.insert(event.to_string()) {
                    self.event(event);
                }
            }
            RolloutEvent::Target(_, Event::Step { .. } | Event::UpToDate { .. })
                if self.loudness != Loudness::Verbose => {}
            RolloutEvent::Target(target, event) => self.note(&format!("{target}: {event}")),
            RolloutEvent::Deferred(target, _) => {
                self.note(&format!("{target}: another run holds it, its turn comes again after the others"));
            }
            RolloutEvent::Ended(row, count) if row.error.is_some() => self.complain(&row_line(row, *count, all)),
            RolloutEvent::Ended(row, count) if self.loudness != Loudness::Quiet => {
                talk(&visible(&row_line(row, *count, all)));
            }
            RolloutEvent::Ended(..) => {}
        }
    }

    /// Something that went wrong while others go on, on stderr.
    pub(super) fn complain(self, text: &str) {
        talk(&format!("{ERROR}error:{ERROR:#} {}", visible(text)));
    }

    /// Something that was found in a project, with its place.
    pub(super) fn finding(self, finding: &Finding) {
        let place = match finding.line {
            0 => finding.file.clone(),
            line => format!("{}:{line}", finding.file),
        };
        let text = format!("{place}: {}", finding.message);
        match finding.severity {
            Severity::Error => self.complain(&text),
            Severity::Warning if self.loudness != Loudness::Quiet => {
                talk(&format!("{WARNING}warning:{WARNING:#} {}", visible(&text)));
            }
            Severity::Note => self.note(&format!("note: {text}")),
            Severity::Warning => {}
        }
    }

    /// Says what went wrong and turns it into the exit code.
    pub(super) fn fail(self, error: &CliError) -> ExitCode {
        let code = error.code();
        if self.json && !matches!(error, CliError::Targets { .. }) {
            let place = match error {
                CliError::Migrate(error) => Some(error),
                _ => None,
            };
            let part = |pick: fn(&MigrateError) -> &Option<String>| place.and_then(|error| pick(error).as_deref());
            let body = FailureBody {
                code,
                message: without_logins(&error.to_string()).into_owned(),
                package: part(|error| &error.package),
                step: part(|error| &error.step),
                target: part(|error| &error.target),
                applied: place.map(|error| error.applied.as_slice()).unwrap_or_default(),
            };
            // With stdout gone there is still the exit code.
            let findings = match error {
                CliError::Import { findings, .. } => Some(findings.as_slice()),
                _ => None,
            };
            let _ = self.document(&Failure { error: body, findings });
        }
        self.complain(&error.to_string());
        ExitCode::from(code)
    }
}

/// Says that the run is about to stop.
pub(super) fn interrupted() {
    talk("interrupted: stopping at the next safe point (again to stop at once)");
}

/// Says that an interrupt came when nothing was left to stop, and gives its exit code.
pub(super) fn finished_nevertheless() -> ExitCode {
    talk("interrupted: everything was done before it could stop");
    ExitCode::from(130)
}

/// Says what is wrong with the arguments, or shows the help that they ask for.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let is_mistake = error.use_stderr();
    let text = error.render();
    if !is_mistake {
        // With stdout gone nobody wants to know.
        let _ = write!(anstream::stdout(), "{}", text.ansi());
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let message = text.to_string();
        let message = without_logins(message.trim_start_matches("error: ").trim_end()).into_owned();
        let body = FailureBody { code: 2, message, package: None, step: None, target: None, applied: &[] };
        // With stdout gone there is still the exit code.
        let _ = document(&Failure { error: body, findings: None });
    }
    talk(text.ansi().to_string().trim_end());
    ExitCode::from(2)
}

/// The one JSON document on stdout.
fn document(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// A line on stderr, without logins. With stderr gone there is nobody to tell.
fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", without_logins(text));
}

/// What a user typed in the wrong place comes back in messages: of a URL in it the login is left out. Messages of the
/// library never hold one.
pub(super) fn without_logins(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`');
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        let (url, after) = url.split_at(url.find(is_end).unwrap_or(url.len()));
        kept.push_str(before);
        let (login, place) = url.rsplit_once('@').map_or((None, url), |(login, place)| (Some(login), place));
        kept.push_str(if login.is_some() { "…@" } else { "" });
        let (place, query) = place.split_once('?').map_or((place, None), |(place, query)| (place, Some(query)));
        kept.push_str(place);
        for (number, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            kept.push(if number == 0 { '?' } else { '&' });
            kept.push_str(if pair.starts_with("password=") { "password=…" } else { pair });
        }
        rest = after;
    }
    if kept.is_empty() {
        return Cow::Borrowed(text);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::without_logins;

    #[test]
    fn a_url_in_a_message_loses_its_login_and_nothing_else() {
        for (text, shown) in [
            ("nothing here", "nothing here"),
            ("'postgres://me:secret@db:1/x' found", "'postgres://…@db:1/x' found"),
            ("a://u:p/w@h/x and b://h/y?password=s&z=1!", "a://…@h/x and b://h/y?password=…&z=1!"),
            ("see https://example.org/x?y", "see https://example.org/x?y"),
        ] {
            assert_eq!(without_logins(text), shown);
        }
    }
}
