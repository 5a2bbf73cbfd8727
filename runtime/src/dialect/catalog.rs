//! Introspection: which queries to send, and what their rows mean. Stub signatures first.

use super::{Catalog, Dialect, TextRow};

/// The queries whose results [`read`] takes, in order. All columns are text.
pub fn queries(_dialect: Dialect) -> Vec<&'static str> {
    todo!()
}

/// Builds the catalog from the rows of each of [`queries`]. Never fails: what cannot be read is opaque or
/// unreadable.
pub fn read(_dialect: Dialect, _results: &[Vec<TextRow>]) -> Catalog {
    todo!()
}
