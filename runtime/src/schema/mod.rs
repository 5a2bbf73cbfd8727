//! The schema model, pure: what an operation makes of it, how two of them compare, and its digest. What
//! differs by dialect comes in as [`Rules`], plain data that `dialect/` supplies.

mod table;

pub use table::{Check, CheckCondition, Column, ModelDefault, ModelType, Opaque, Schema, Table};

use crate::operation::{ColumnType, Expr, Op};

/// How a dialect shapes the model.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Longest name in bytes.
    pub ident_limit: usize,
    /// How unnamed constraints are named.
    pub default_names: DefaultNames,
    /// In which scope an index name is unique.
    pub index_scope: IndexScope,
    /// MariaDB: a foreign key brings an index of its own name unless one covers its columns.
    pub foreign_key_makes_index: bool,
    /// MariaDB: a unique index is a unique constraint.
    pub unique_index_is_constraint: bool,
    /// Whether tables and columns can have comments.
    pub comments: bool,
    /// The canonical portable type of those that the dialect makes alike.
    pub canonical: fn(ColumnType, AutoIncrement) -> ColumnType,
    /// SQLite: a sole INTEGER primary key column is numbered by the database whether asked or not.
    pub integer_key_is_auto_increment: bool,
    /// The normal form in which two expressions compare equal when the server takes them for the same.
    pub normal_form: fn(&Expr) -> Expr,
}

/// Whether a column is numbered by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoIncrement {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// How a dialect names a constraint that has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultNames {
    /// SQLite: not at all.
    None,
    /// PostgreSQL: `table_column_key`, …
    Postgres,
    /// MariaDB: `column`, `table_ibfk_1`, `CONSTRAINT_1`.
    Mariadb,
}

/// In which scope an index name is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexScope {
    /// The table.
    Table,
    /// The whole schema, together with table names.
    Schema,
}

/// Why an operation does not fit the model; becomes the WIT error of the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Something of that name is there.
    #[error("{0}")]
    AlreadyExists(String),
    /// Nothing of that name is there.
    #[error("{0}")]
    NotFound(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// Applies one operation. On an error the schema is as before.
pub fn apply(_schema: &mut Schema, _rules: &Rules, _op: &Op) -> Result<(), SchemaError> {
    todo!()
}

/// One difference between an expected and a found schema, for people: `table pages: column title: …`.
pub fn compare(_expected: &Schema, _found: &Schema) -> Vec<String> {
    todo!()
}

impl Schema {
    /// SHA-256 over the canonical JSON of the model, in lower-case hex.
    pub fn digest(&self) -> String {
        todo!()
    }
}
