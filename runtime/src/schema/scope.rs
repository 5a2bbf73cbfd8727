//! Where an expression stands: the columns that it may mention, by source or without one.

use std::cell::Cell;

use super::kind::Kind;
use super::query::Output;
use super::typing::not_found;
use super::{Schema, SchemaError, Table, find};
use crate::operation::{ColumnType, Ident};

/// The columns that an expression may mention.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    /// The table whose columns stand without a source, and its name.
    pub(super) table: Option<(&'a Table, &'a Ident)>,
    /// The sources of the query that it stands in.
    pub(super) sources: &'a [Source<'a>],
    /// All tables that a query may read.
    pub(super) schema: Option<&'a Schema>,
    /// What the queries of a WITH around it yield.
    pub(super) named: &'a [(&'a Ident, Vec<Output>)],
    /// The scope around it.
    pub(super) outer: Option<&'a Scope<'a>>,
    /// Set when a name is found further out.
    pub(super) leaves: Option<&'a Cell<bool>>,
}

/// A source of a query under its alias.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) alias: &'a Ident,
    pub(super) columns: Columns<'a>,
}

/// The columns of a source.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns<'a> {
    Table(&'a Table),
    Query(&'a [Output]),
}

impl<'a> Columns<'a> {
    /// The names of the columns in order.
    pub(super) fn names(self) -> Box<dyn Iterator<Item = &'a Ident> + 'a> {
        match self {
            Self::Table(table) => Box::new(table.columns.iter().map(|column| &column.name)),
            Self::Query(outputs) => Box::new(outputs.iter().map(|output| &output.name)),
        }
    }

    /// Kind and type of a column.
    pub(super) fn find(self, name: &Ident) -> Option<(Kind, Option<ColumnType>)> {
        match self {
            Self::Table(table) => {
                table.column(name).map(|column| (Kind::of_column(column), column.portable_type().cloned()))
            }
            Self::Query(outputs) => outputs
                .iter()
                .find(|output| output.name == *name)
                .map(|output| (output.kind.clone(), output.exact.clone())),
        }
    }
}

impl<'a> Scope<'a> {
    /// The columns of one table.
    pub(super) fn of_table(table: &'a Table, name: &'a Ident) -> Self {
        Self { table: Some((table, name)), ..Self::default() }
    }

    /// The same with subqueries, which may read the tables of a schema.
    pub(super) fn reading(self, schema: &'a Schema) -> Self {
        Self { schema: Some(schema), ..self }
    }

    /// The name of the one table, for messages.
    pub(super) fn table_name(&self) -> &'a Ident {
        static NONE: std::sync::LazyLock<Ident> = std::sync::LazyLock::new(|| Ident::internal(""));
        self.table.map_or(&NONE, |(_, name)| name)
    }

    /// The columns called by a source's alias.
    pub(super) fn source(&self, alias: &Ident) -> Option<Columns<'a>> {
        if let Some(source) = self.sources.iter().find(|source| source.alias == alias) {
            return Some(source.columns);
        }
        match self.table {
            Some((table, name)) if name == alias => return Some(Columns::Table(table)),
            _ => {}
        }
        let found = self.outer?.source(alias);
        if let (Some(_), Some(leaves)) = (found, self.leaves) {
            leaves.set(true);
        }
        found
    }

    /// Kind and type of a column of a source.
    pub(super) fn field(&self, alias: &Ident, name: &Ident) -> Result<(Kind, Option<ColumnType>), SchemaError> {
        let columns = self.source(alias).ok_or_else(|| not_found(format!("the query has no source {alias}")))?;
        columns.find(name).ok_or_else(|| not_found(format!("{alias} has no column {name}")))
    }

    /// Kind and type of a column of the one table.
    pub(super) fn column(&self, name: &Ident) -> Result<(Kind, Option<ColumnType>), SchemaError> {
        match self.table {
            Some((table, table_name)) => {
                let column = find::column(table, table_name, name)?;
                Ok((Kind::of_column(column), column.portable_type().cloned()))
            }
            None => Err(not_found(format!("there is no column {name} here"))),
        }
    }
}
