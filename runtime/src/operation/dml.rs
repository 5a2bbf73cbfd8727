//! The closed statement type: INSERT, UPDATE and DELETE of one table's rows, with queries inside.

use serde::Serialize;

use super::{Expr, Ident, Join, Query, Source};

/// A statement that changes rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dml {
    /// `INSERT INTO table (columns) VALUES … | SELECT … [ON CONFLICT …]`
    Insert {
        /// The table.
        table: Ident,
        /// The columns given. None are all of them in the order of the table, until names are resolved.
        columns: Vec<Ident>,
        /// The rows.
        #[serde(flatten)]
        source: InsertSource,
        /// What becomes of a row whose key is there already; refused without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<Conflict>,
    },
    /// `UPDATE table SET … [FROM …] [WHERE …]`
    Update {
        /// The table.
        table: Ident,
        /// Column and new value, at least one.
        assignments: Vec<(Ident, Expr)>,
        /// Queries with a name, each whole by itself, that may be joined like a table; nothing else sees them.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        with: Vec<(Ident, Query)>,
        /// What its rows are joined with: a row without a partner stays as it is, and which of several partners counts is
        /// the database's own choice.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        joins: Vec<Join>,
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

/// Where the rows of an INSERT come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InsertSource {
    /// At least one row, each as long as the columns; no columns inside.
    Rows(Vec<Vec<Expr>>),
    /// A query that yields as much as there are columns.
    Query(Box<Query>),
}

/// `ON CONFLICT (columns) DO …`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Conflict {
    /// The columns of the key: the primary key or a unique constraint, in any order; none for any key, if nothing is done.
    pub columns: Vec<Ident>,
    /// What is done.
    pub action: ConflictAction,
}

/// What becomes of a row whose key is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictAction {
    /// It is left out.
    Nothing,
    /// The row that is there is changed: column and new value, at least one. The row that was to come is
    /// [`Conflict::EXCLUDED`].
    Update(Vec<(Ident, Expr)>),
}

impl Conflict {
    /// What the row that was to come is called.
    pub const EXCLUDED: &'static str = "excluded";
}

impl Dml {
    /// The table it changes.
    pub fn table(&self) -> &Ident {
        match self {
            Self::Insert { table, .. } | Self::Update { table, .. } | Self::Delete { table, .. } => table,
        }
    }

    /// Calls `found` with every source that it reads beside its table.
    pub fn each_source<'d>(&'d self, found: &mut dyn FnMut(&'d Source)) {
        if let Self::Update { joins, .. } = self {
            joins.iter().for_each(|join| found(&join.source));
        }
        self.each_query(&mut |query| query.each_source(found));
    }

    /// Calls `found` with each query in it.
    pub fn each_query<'d>(&'d self, found: &mut dyn FnMut(&'d Query)) {
        match self {
            Self::Insert { source, conflict, .. } => {
                match source {
                    InsertSource::Rows(rows) => rows.iter().flatten().for_each(|expr| expr.each_query(found)),
                    InsertSource::Query(query) => found(query),
                }
                if let Some(Conflict { action: ConflictAction::Update(assignments), .. }) = conflict {
                    assignments.iter().for_each(|(_, expr)| expr.each_query(found));
                }
            }
            Self::Update { assignments, with, joins, condition, .. } => {
                with.iter().for_each(|(_, query)| found(query));
                let exprs = assignments.iter().map(|(_, expr)| expr).chain(joins.iter().map(|join| &join.on));
                exprs.chain(condition).for_each(|expr| expr.each_query(found));
            }
            Self::Delete { condition, .. } => condition.iter().for_each(|expr| expr.each_query(found)),
        }
    }
}
