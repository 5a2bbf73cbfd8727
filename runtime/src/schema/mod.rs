//! The schema model, pure: what an operation makes of it, how two of them compare, and its digest. What
//! differs by dialect comes in as [`Rules`], plain data that `dialect/` supplies.

mod column;
mod compare;
mod conform;
mod constraint;
mod create;
mod creation;
mod data;
mod enumeration;
mod exact;
mod find;
mod immutable;
mod index;
mod inverse;
mod joins;
mod kind;
mod names;
mod own;
mod query;
mod rename;
mod scope;
mod table;
mod tables;
mod typed;
mod typing;
mod used;

#[cfg(test)]
mod tests;

pub use compare::compare;
pub use conform::conform;
pub use creation::creations;
pub(crate) use data::same_columns;
pub use inverse::inverse;
pub use table::{Check, CheckCondition, Column, ModelDefault, ModelType, Opaque, Schema, Table, Written};
pub use tables::{Changes, Tables};
pub use typed::{Answer, typed, typed_query};

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::operation::{ColumnDefault, ColumnType, Expr, Ident, Op};

/// How a dialect shapes the model.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Longest name in bytes.
    pub ident_limit: usize,
    /// How unnamed constraints are named.
    pub default_names: DefaultNames,
    /// MariaDB: the one name that a primary key has there, whatever was asked for.
    pub primary_key_name: Option<&'static str>,
    /// Names that no constraint or index may have, in lower case.
    pub reserved_names: &'static [&'static str],
    /// In which scope the name of an index is unique.
    pub index_scope: NameScope,
    /// In which scope the name of a primary key or unique constraint is unique.
    pub key_scope: NameScope,
    /// In which scope the name of a foreign key is unique.
    pub foreign_key_scope: NameScope,
    /// MariaDB: a foreign key brings an index of its own name unless one covers its columns, and that index
    /// goes when another one covers them, and with the foreign key.
    pub foreign_key_makes_index: bool,
    /// PostgreSQL and SQLite: a foreign key may name the columns of the key that it refers to in any order, and a column may
    /// refer to an integer of another width.
    pub loose_references: bool,
    /// What goes with a column that is dropped, where the database is asked to in its own words.
    pub goes_with_column: GoesWithColumn,
    /// PostgreSQL: a foreign key hangs on the one of equal keys that the server chose.
    pub references_one_key: bool,
    /// MariaDB: RESTRICT and NO ACTION are one thing, which InnoDB prints as RESTRICT where no action is said; the
    /// model holds NO ACTION for both.
    pub restrict_is_no_action: bool,
    /// MariaDB: a unique index is a unique constraint.
    pub unique_index_is_constraint: bool,
    /// MariaDB: a JSON column is a text with a check of the column's name.
    pub json_is_check: bool,
    /// PostgreSQL: an enumeration is a type of its own; elsewhere it is part of its column.
    pub named_enums: bool,
    /// MariaDB: a text that becomes an enumeration and is none of its labels is taken for the number of one.
    pub labels_by_number: bool,
    /// Names that no type of the schema may have, in lower case: those of the database's own come first.
    pub reserved_types: &'static [&'static str],
    /// SQLite: altering a column leaves alone what the model cannot express of it, as its definition is changed in place.
    pub keeps_attributes: bool,
    /// Whether tables and columns can have comments.
    pub comments: bool,
    /// The canonical portable type of those that the dialect makes alike.
    pub canonical: fn(ColumnType, AutoIncrement) -> ColumnType,
    /// SQLite: a sole INTEGER primary key column is numbered by the database whether asked or not.
    pub integer_key_is_auto_increment: bool,
    /// The normal form in which two expressions compare equal when the server takes them for the same.
    pub normal_form: fn(&Expr) -> Expr,
    /// The normal form of a default for a column of that (canonical) type.
    pub default_form: fn(&ColumnDefault, &ColumnType) -> ColumnDefault,
}

/// What a database drops with a column unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesWithColumn {
    /// SQLite: nothing.
    Nothing,
    /// MariaDB: checks, indexes and unique constraints over nothing else.
    WhatIsOverItAlone,
    /// PostgreSQL: all of its table that names it.
    WhatNamesIt,
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

/// In which scope a name is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameScope {
    /// The table.
    Table,
    /// The whole schema; for indexes and keys together with the tables.
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

fn invalid(message: impl Into<String>) -> SchemaError {
    SchemaError::Invalid(message.into())
}

/// Applies one operation. On an error the schema is as before.
///
/// # Errors
/// Whatever a database would refuse for the shape of the schema is refused here, with the same message on
/// every dialect.
pub fn apply(schema: &mut Schema, rules: &Rules, op: &Op) -> Result<(), SchemaError> {
    let name = op.subject();
    let before = schema.tables.get(name).cloned();
    let result = change(schema, rules, op);
    if result.is_err() {
        // No other table has changed, and no enumeration: what changes several is checked before it changes any.
        match before {
            Some(table) => schema.tables.insert(name.clone(), table),
            None => schema.tables.remove(name),
        };
    }
    result
}

fn change(schema: &mut Schema, rules: &Rules, op: &Op) -> Result<(), SchemaError> {
    match op {
        Op::CreateTable { table } => create::create_table(schema, rules, table),
        Op::DropTable { name } => create::drop_table(schema, name),
        Op::RenameTable { name, new_name } => rename::rename_table(schema, rules, name, new_name),
        Op::AddColumn { table, column } => column::add(schema, rules, table, column),
        Op::DropColumn { table, name } => column::drop(schema, table, name),
        Op::RenameColumn { table, name, new_name } => rename::rename_column(schema, rules, table, name, new_name),
        Op::AlterColumn { table, name, changes } => column::alter(schema, rules, table, name, changes),
        Op::CreateIndex { table, index, .. } => index::create(schema, rules, table, index),
        Op::DropIndex { table, name, .. } => index::drop(schema, rules, table, name),
        Op::RenameIndex { table, name, new_name } => index::rename(schema, rules, table, name, new_name),
        Op::CreateConstraint { table, constraint } => constraint::create(schema, rules, table, constraint),
        Op::DropUsedColumn { table, name } => used::drop(schema, rules, table, name),
        Op::DropConstraint { table, which } => constraint::drop(schema, rules, table, which),
        Op::RenameConstraint { table, name, new_name } => constraint::rename(schema, rules, table, name, new_name),
        Op::CreateEnum { name, labels } => enumeration::create(schema, rules, name, labels),
        Op::DropEnum { name } => enumeration::drop(schema, rules, name),
        Op::RenameEnum { name, new_name } => enumeration::rename(schema, rules, name, new_name),
        Op::AddEnumValue { name, label, place } => enumeration::add_value(schema, rules, name, label, place),
        Op::RenameEnumValue { name, label, new_label } => {
            enumeration::rename_value(schema, rules, name, label, new_label)
        }
        Op::BulkInsert { table, columns, rows } => data::bulk_insert(schema, rules, table, columns, rows),
        Op::Execute { statement } => data::execute(schema, rules, statement),
    }
}

impl Schema {
    /// SHA-256 over the canonical JSON of the model, in lower-case hex.
    pub fn digest(&self) -> String {
        Digests::default().of(self)
    }

    /// Whether the other one is equal and also written down alike: all that is planned on one of them holds for both.
    pub fn is_twin_of(&self, other: &Self) -> bool {
        let alike = |one: &Arc<Table>, other: &Arc<Table>| {
            Arc::ptr_eq(one, other) || (one == other && one.written.0 == other.written.0)
        };
        let pairs = self.tables.iter().zip(&other.tables);
        let tables = self.tables.is_same(&other.tables)
            || self.tables.len() == other.tables.len()
                && pairs.into_iter().all(|(one, other)| one.0 == other.0 && alike(one.1, other.1));
        tables && self.enums == other.enums
    }
}

/// Digests schemas that have most of their tables in common: a table that two in a row share is digested once.
#[derive(Debug, Default)]
pub struct Digests(Vec<(Ident, Arc<Table>, [u8; 32])>);

impl Digests {
    /// As [`Schema::digest`].
    pub fn of(&mut self, schema: &Schema) -> String {
        let mut hasher = Sha256::new();
        // Both in the order of the names.
        let mut known = std::mem::take(&mut self.0).into_iter().peekable();
        for (name, table) in &schema.tables {
            let is_it = |known: &Arc<Table>| Arc::ptr_eq(known, table);
            while known.next_if(|(other, known, _)| !is_it(known) && other <= name).is_some() {}
            let digest = match known.next_if(|(_, known, _)| is_it(known)) {
                Some((_, _, digest)) => digest,
                // Serialising plain data to memory has no failing case.
                None => Sha256::digest(serde_json::to_vec(&**table).unwrap_or_default()).into(),
            };
            hasher.update(name.as_str());
            hasher.update([0]);
            hasher.update(digest);
            self.0.push((name.clone(), table.clone(), digest));
        }
        for (name, of) in &schema.enums {
            hasher.update(name.as_str());
            hasher.update([1]);
            // Serialising plain data to memory has no failing case.
            hasher.update(Sha256::digest(serde_json::to_vec(&**of).unwrap_or_default()));
        }
        crate::hex(&hasher.finalize())
    }
}
