//! Names. An [`Ident`] is made in one place and always satisfies the grammar, so that nothing further
//! down has to check one again. Quoting is the renderer's business.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de};

/// What a name names; the grammar depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentKind {
    /// A table or a column: `[A-Za-z_][A-Za-z0-9_]*`.
    Object,
    /// A constraint or an index: may also hold `.`, `-`, space and backtick.
    Constraint,
}

/// A name that satisfies the grammar of DESIGN §3. Shared, as every copy of a schema copies its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Ident(Arc<str>);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// The empty text.
    #[error("a name is empty")]
    Empty,
    /// More bytes than the dialect takes.
    #[error("the name {name:?} is longer than {limit} bytes")]
    TooLong {
        /// The name, cut.
        name: String,
        /// Bytes that the dialect takes.
        limit: usize,
    },
    /// A character outside the grammar.
    #[error("the name {name:?} holds {found:?}, which a name may not")]
    Character {
        /// The name, cut.
        name: String,
        /// The first character that does not fit.
        found: char,
    },
    /// A reserved prefix.
    #[error("the name {name:?} begins with {prefix:?}, which is reserved")]
    Reserved {
        /// The name.
        name: String,
        /// The prefix.
        prefix: &'static str,
    },
}

/// The longest name of any dialect, in bytes.
const LONGEST: usize = 128;

const RESERVED: [&str; 3] = ["ptah_db_", "sqlite_", "pg_"];

impl Ident {
    /// The only constructor for names that come from a package or a database.
    ///
    /// `limit` is the dialect's longest name in bytes.
    pub fn parse(kind: IdentKind, limit: usize, text: &str) -> Result<Self, IdentError> {
        let shown = || text.chars().take(80).collect::<String>();
        if text.is_empty() {
            return Err(IdentError::Empty);
        }
        if text.len() > limit {
            return Err(IdentError::TooLong { name: shown(), limit });
        }
        for (position, found) in text.char_indices() {
            let plain = found == '_' || found.is_ascii_alphabetic() || (position > 0 && found.is_ascii_digit());
            let wide = kind == IdentKind::Constraint && position > 0 && matches!(found, '.' | '-' | ' ' | '`');
            if !plain && !wide {
                return Err(IdentError::Character { name: shown(), found });
            }
        }
        // MariaDB refuses a trailing space in any name.
        if text.ends_with(' ') {
            return Err(IdentError::Character { name: shown(), found: ' ' });
        }
        let lower = text.to_ascii_lowercase();
        if let Some(prefix) = RESERVED.into_iter().find(|prefix| lower.starts_with(prefix)) {
            return Err(IdentError::Reserved { name: shown(), prefix });
        }
        Ok(Self(text.into()))
    }

    /// A name of the runner's own: the bookkeeping tables, and default names derived from valid ones.
    /// Never called with anything that a package or a database supplied as it is.
    pub(crate) fn internal(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names of one scope may not agree.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether its folded form is that of another text.
    pub fn is_like(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

/// From the runner's own records; held to the grammar all the same, in its widest form.
impl<'de> Deserialize<'de> for Ident {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(IdentKind::Constraint, LONGEST, &text).map_err(de::Error::custom)
    }
}

impl Borrow<str> for Ident {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Result<Ident, IdentError> {
        Ident::parse(IdentKind::Object, 63, text)
    }

    #[test]
    fn takes_plain_names_and_reserved_words() {
        for name in ["a", "_", "Order", "select", "x1_Y", &"n".repeat(63)] {
            assert_eq!(object(name).map(|ident| ident.as_str().to_owned()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn refuses_everything_outside_the_grammar() {
        for name in [
            "",
            "1a",
            "a b",
            "a.b",
            "a\"b",
            "a`b",
            "a;b",
            "a--",
            "a\0",
            "a\n",
            "é",
            "а",
            "a\u{200b}",
            "../x",
            "x'",
            "ptah_db_versions",
            "PTAH_DB_x",
            "sqlite_master",
            "pg_class",
            &"n".repeat(64),
        ] {
            assert!(object(name).is_err(), "{name:?} was taken");
        }
    }

    #[test]
    fn constraint_names_may_hold_a_few_more_characters() {
        for name in ["fk a.b-c", "uq`x"] {
            assert!(Ident::parse(IdentKind::Constraint, 63, name).is_ok());
            assert!(object(name).is_err());
        }
        for name in [" a", "a ", "-a", "a\"b", "a'b", "a;b"] {
            assert!(Ident::parse(IdentKind::Constraint, 63, name).is_err(), "{name:?} was taken");
        }
    }
}
