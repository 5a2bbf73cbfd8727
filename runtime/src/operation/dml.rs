//! The closed statement type: INSERT, UPDATE and DELETE over a single table.

use serde::Serialize;

use super::{Expr, Ident};

/// A statement that changes rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dml {
    /// `INSERT INTO table (columns) VALUES …`
    Insert {
        /// The table.
        table: Ident,
        /// The columns given.
        columns: Vec<Ident>,
        /// At least one row, each as long as `columns`; no columns inside.
        rows: Vec<Vec<Expr>>,
    },
    /// `UPDATE table SET … [WHERE …]`
    Update {
        /// The table.
        table: Ident,
        /// Column and new value, at least one.
        assignments: Vec<(Ident, Expr)>,
        /// Which rows; none for all.
        condition: Option<Expr>,
    },
    /// `DELETE FROM table [WHERE …]`
    Delete {
        /// The table.
        table: Ident,
        /// Which rows; none for all.
        condition: Option<Expr>,
    },
}

impl Dml {
    /// The table it changes.
    pub fn table(&self) -> &Ident {
        match self {
            Self::Insert { table, .. } | Self::Update { table, .. } | Self::Delete { table, .. } => table,
        }
    }
}
