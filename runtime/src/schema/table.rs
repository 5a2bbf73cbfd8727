//! The schema model: what tables look like on a target, in the dialect's own terms (types lowered,
//! default names filled in), so that a planned schema and an introspected one compare equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::tables::Tables;
use crate::operation::{ColumnDefault, ColumnType, Computed, EnumType, Expr, ForeignKey, Ident, Index, Key};

/// The tables that a package owns or may refer to on one target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Schema {
    /// By name.
    pub tables: Tables,
    /// The enumerations that are types of their own, by name; only those of the package.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub enums: BTreeMap<Ident, Arc<EnumType>>,
}

impl Schema {
    /// The names of its tables and enumerations.
    pub fn names(&self) -> impl Iterator<Item = &Ident> {
        self.tables.keys().chain(self.enums.keys())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.enums.is_empty()
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Its primary key.
    pub primary_key: Option<Key>,
    /// Its unique constraints, sorted by name, unnamed ones by columns. On MariaDB unique indexes with
    /// only ascending columns too, as it does not tell the two apart.
    pub uniques: Vec<Key>,
    /// Its foreign keys, sorted likewise.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its checks, sorted by name, unnamed ones by condition.
    pub checks: Vec<Check>,
    /// Its other indexes, sorted by name.
    pub indexes: Vec<Index>,
    /// Its comment; never the empty text.
    pub comment: Option<String>,
    /// What the model cannot express: counted in digests, preserved, never altered.
    pub opaque: Vec<Opaque>,
    /// How the database has it written down.
    #[serde(skip)]
    pub written: Written,
}

/// The statement that a database keeps of a table, which only SQLite does; empty elsewhere and where it is not
/// known. A table that has to be built anew keeps through it what the model has no place for. The model is the
/// same however it is written: this is part of no comparison and no digest.
#[derive(Debug, Clone, Default)]
pub struct Written(pub String);

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Written {}

/// A column as it is on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub column_type: ModelType,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Its default.
    pub default: Option<ModelDefault>,
    /// Whether the database numbers it.
    pub auto_increment: bool,
    /// Whether it never gives a number again, where there is a difference: AUTOINCREMENT of SQLite.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered_once: bool,
    /// How the database works out its values, in the normal form of the dialect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Its comment; never the empty text.
    pub comment: Option<String>,
    /// Anything else about it: collation other than the default, generated from what the closed type cannot express,
    /// ON UPDATE, invisible, … as the database prints it. Empty for every column that the contract makes.
    pub extra: Vec<String>,
}

/// A column type on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelType {
    /// The canonical portable type among those that the dialect makes alike.
    Portable(ColumnType),
    /// One that the contract cannot express, as the database calls it.
    Opaque(String),
}

/// A default on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelDefault {
    /// A constant or closed expression, normalised for the column's type.
    Portable(ColumnDefault),
    /// One that the closed type cannot express, as the database prints it.
    Opaque(String),
}

/// A check on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name; none only on SQLite.
    pub name: Option<Ident>,
    /// Its condition.
    pub condition: CheckCondition,
}

/// The condition of a check on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckCondition {
    /// The closed expression, in the normal form of the dialect.
    Portable(Expr),
    /// Text that the closed type cannot express, as the database prints it.
    Opaque(String),
}

/// Something on a table that the model cannot express: a trigger, an index of another method, an odd name, …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opaque {
    /// `trigger`, `index`, `constraint`, `column`, `option`, …
    pub kind: String,
    /// Its name, unchecked: for people and digests only.
    pub name: String,
    /// Its definition as the database prints it.
    pub definition: String,
}

impl Column {
    /// Whether it is computed from a column.
    pub fn is_computed_from(&self, name: &Ident) -> bool {
        self.computed.as_ref().is_some_and(|computed| computed.expression.columns().contains(name))
    }

    /// Its type where the contract can express it.
    pub fn portable_type(&self) -> Option<&ColumnType> {
        match &self.column_type {
            ModelType::Portable(column_type) => Some(column_type),
            ModelType::Opaque(_) => None,
        }
    }

    /// The enumeration that it is of.
    pub fn enum_type(&self) -> Option<&EnumType> {
        match self.portable_type()? {
            ColumnType::Enumeration(of) => Some(of),
            _ => None,
        }
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }

    /// A column of the enumeration of that name.
    pub fn column_of_enum(&self, name: &Ident) -> Option<&Ident> {
        let is_of = |column: &&Column| column.enum_type().is_some_and(|of| of.is(name));
        self.columns.iter().find(is_of).map(|column| &column.name)
    }

    /// The columns of its primary key, unique constraints and unique indexes; those of an index over expressions or
    /// over some of the rows are none.
    pub fn unique_keys(&self) -> impl Iterator<Item = Vec<Ident>> {
        let keys = self.primary_key.iter().chain(&self.uniques).map(|key| key.columns.clone());
        keys.chain(self.indexes.iter().filter(|index| index.unique).filter_map(Index::columns))
    }

    /// SHA-256 over its canonical JSON, in lower-case hex: what tells whether two tables look alike.
    pub fn digest(&self) -> String {
        // Serialising plain data to memory has no failing case.
        crate::hex(&Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }

    /// Puts everything whose order means nothing in the order of the model, so that a planned and an
    /// introspected table compare equal.
    pub(crate) fn sort(&mut self) {
        self.uniques.sort_by(|left, right| (&left.name, &left.columns).cmp(&(&right.name, &right.columns)));
        self.foreign_keys.sort_by_cached_key(|key| {
            let actions = (key.on_update as u8, key.on_delete as u8);
            (key.name.clone(), key.columns.clone(), key.referred_table.clone(), key.referred_columns.clone(), actions)
        });
        // Expressions have no order of their own; their canonical JSON has.
        self.checks.sort_by_cached_key(|check| {
            (check.name.clone(), serde_json::to_string(&check.condition).unwrap_or_default())
        });
        self.indexes.sort_by(|left, right| left.name.cmp(&right.name));
        self.opaque.sort();
    }
}
