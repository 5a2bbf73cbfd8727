//! Enumerations: texts of a closed list. A [`Label`] is made in one place and is one on every database.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::Ident;

/// One value of an enumeration: printable ASCII of at most 63 bytes, without a space at its end, as PostgreSQL takes no
/// more and MariaDB keeps no such space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Label(Arc<str>);

/// Why a text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The empty text.
    #[error("a label is empty")]
    Empty,
    /// More bytes than PostgreSQL takes.
    #[error("the label {label:?} is longer than {} bytes", Label::BYTES)]
    TooLong {
        /// The label, cut.
        label: String,
    },
    /// Not what every database keeps as it is.
    #[error("the label {0:?} is not of printable ASCII characters, or ends with a space")]
    Character(String),
}

impl Label {
    /// The most bytes of a label.
    pub const BYTES: usize = 63;

    /// The only constructor.
    ///
    /// # Errors
    /// The text is none that every database keeps as it is.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let shown = || text.chars().take(80).collect::<String>();
        if text.is_empty() {
            return Err(LabelError::Empty);
        }
        if text.len() > Self::BYTES {
            return Err(LabelError::TooLong { label: shown() });
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || text.ends_with(' ') {
            return Err(LabelError::Character(shown()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What tells it from others of its enumeration: MariaDB's collations take case and spaces for nothing.
    pub fn folded(&self) -> String {
        self.0.trim().to_ascii_lowercase()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An enumeration. On PostgreSQL it is a type of its own, called by its name; on MariaDB it is part of its column and
/// has no name in the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnumType {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Ident>,
    /// Its labels in order.
    pub labels: Vec<Label>,
}

impl EnumType {
    /// The most labels that one may have: as many as MariaDB tells apart by one byte.
    pub const LABELS: usize = 255;

    /// Whether that is its name.
    pub fn is(&self, name: &Ident) -> bool {
        self.name.as_ref() == Some(name)
    }

    /// Characters of its longest label.
    pub fn longest(&self) -> usize {
        self.labels.iter().map(|label| label.as_str().len()).max().unwrap_or_default()
    }
}

impl fmt::Display for EnumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<String> = self.labels.iter().map(|label| format!("'{label}'")).collect();
        match &self.name {
            Some(name) => write!(f, "enumeration {name}({})", labels.join(", ")),
            None => write!(f, "enumeration({})", labels.join(", ")),
        }
    }
}

/// Where a new label goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelPlace {
    /// Behind all others.
    End,
    /// In front of this one.
    Before(Label),
    /// Behind this one.
    After(Label),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_label_is_what_every_database_keeps_as_it_is() {
        for text in ["a", "in progress", " a", "it's", "a\\b", "\"", "a,b", "%s", &"x".repeat(63)] {
            assert_eq!(Label::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a ", "\u{e4}", "a\nb", "a\0", "\u{7f}", &"x".repeat(64)] {
            assert!(Label::parse(text).is_err(), "{text:?}");
            assert!(serde_json::from_value::<Label>(text.into()).is_err(), "{text:?}");
        }
    }
}
