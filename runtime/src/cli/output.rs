//! Printing: data on stdout, talk on stderr, colour only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::CliError;
use super::args::Common;
use crate::migrate::{Event, MigrateError};
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

#[derive(Serialize)]
struct Failure<'a> {
    error: FailureBody<'a>,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: u8,
    message: String,
    package: Option<&'a str>,
    step: Option<&'a str>,
    target: Option<&'a str>,
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
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
        self.line(&text)
    }

    /// Prints what happens, each event a line on stderr.
    pub(super) fn observer(self) -> impl Fn(&Event) + Send + Sync + 'static {
        move |event| {
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
    }

    /// Says what went wrong and turns it into the exit code.
    pub(super) fn fail(self, error: &CliError) -> ExitCode {
        let code = error.code();
        if self.json {
            let place = match error {
                CliError::Migrate(error) => Some(error),
                _ => None,
            };
            let part = |pick: fn(&MigrateError) -> &Option<String>| place.and_then(|error| pick(error).as_deref());
            let body = FailureBody {
                code,
                message: error.to_string(),
                package: part(|error| &error.package),
                step: part(|error| &error.step),
                target: part(|error| &error.target),
            };
            // With stdout gone there is still the exit code.
            let _ = self.document(&Failure { error: body });
        }
        talk(&format!("{ERROR}error:{ERROR:#} {}", visible(&error.to_string())));
        ExitCode::from(code)
    }
}

/// Says that the run is about to stop.
pub(super) fn interrupted() {
    talk("interrupted: stopping at the next safe point (again to stop at once)");
}

/// A line on stderr. With stderr gone there is nobody to tell.
fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
