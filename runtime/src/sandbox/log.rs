//! What a guest says to the operator, made safe to show.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::Serialize;

/// Something that a guest said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "log", rename_all = "kebab-case")]
pub enum LogEvent {
    /// A message; its text is escaped.
    Message {
        /// How much it matters.
        level: LogLevel,
        /// Its text.
        text: String,
    },
    /// How far the step has come.
    Progress {
        /// So much is done.
        done: u64,
        /// Of so much, if known.
        total: Option<u64>,
    },
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { text, .. } => f.write_str(text),
            Self::Progress { done, total: Some(total) } => write!(f, "{done} of {total}"),
            Self::Progress { done, total: None } => write!(f, "{done}"),
        }
    }
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For the author of the package.
    Debug,
    /// For the operator.
    Info,
    /// Something to look at.
    Warn,
}

/// The text without anything that moves a terminal's cursor, hides or reorders text: such characters
/// are shown as `\u{…}`. Cut after so many characters.
pub fn escaped(text: &str, characters: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(characters));
    for (count, character) in text.chars().enumerate() {
        if count == characters {
            shown.push('…');
            break;
        }
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push(' '),
            other if is_deceptive(other) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(other));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// The same for a text of several lines: line feeds stay, and nothing is cut.
pub fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |character: char| character != '\n' && is_deceptive(character);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if hidden(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character is a control, reorders text (bidi) or is invisible.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{2800}'
                | '\u{fff0}'..='\u{fff8}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
        )
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_moves_the_cursor_or_reorders_text() {
        assert_eq!(escaped("a\u{1b}[2Jb\u{202e}c\nd", 100), "a\\u{1b}[2Jb\\u{202e}c\\nd");
        assert_eq!(escaped("grüße, 日本", 100), "grüße, 日本");
    }

    #[test]
    fn keeps_the_lines_of_a_long_text_and_nothing_else_that_moves_the_cursor() {
        assert_eq!(visible("a\nb\u{1b}[1A\rc\u{9b}2J\u{2800}"), "a\nb\\u{1b}[1A\\u{d}c\\u{9b}2J\\u{2800}");
        assert!(matches!(visible("a\nü"), Cow::Borrowed(_)));
    }

    #[test]
    fn cuts_long_messages() {
        assert_eq!(escaped("abcdef", 3), "abc…");
        assert_eq!(escaped("abc", 3), "abc");
    }
}
