//! Finding things in the model, and what depends on what there.

use std::sync::Arc;

use super::{Check, CheckCondition, Column, ModelDefault, Opaque, Schema, SchemaError, Table};
use crate::operation::{ConstraintSelector, ForeignKey, Ident, Index, Key, Op};

/// The table of that name.
pub(super) fn table<'a>(schema: &'a Schema, name: &Ident) -> Result<&'a Table, SchemaError> {
    schema.tables.get(name).map(|table| &**table).ok_or_else(|| no_table(name))
}

/// The table of that name, to be changed.
pub(super) fn table_mut<'a>(schema: &'a mut Schema, name: &Ident) -> Result<&'a mut Table, SchemaError> {
    schema.tables.get_mut(name).map(Arc::make_mut).ok_or_else(|| no_table(name))
}

fn no_table(name: &Ident) -> SchemaError {
    SchemaError::NotFound(format!("table {name} does not exist"))
}

/// The column of that name.
pub(super) fn column<'a>(table: &'a Table, table_name: &Ident, name: &Ident) -> Result<&'a Column, SchemaError> {
    table.column(name).ok_or_else(|| SchemaError::NotFound(format!("table {table_name} has no column {name}")))
}

impl Schema {
    /// The table that has an index of that name, that of a constraint not counted.
    pub fn table_of_index(&self, name: &Ident) -> Option<&Ident> {
        let has = |table: &Table| table.indexes.iter().any(|index| index.name == *name);
        self.tables.iter().find(|(_, table)| has(table)).map(|(table, _)| table)
    }

    /// The table that has a primary key or unique constraint of that name.
    pub fn table_of_key(&self, name: &Ident) -> Option<&Ident> {
        let has = |table: &Table| keys(table).any(|key| key.name.as_ref() == Some(name));
        self.tables.iter().find(|(_, table)| has(table)).map(|(table, _)| table)
    }

    /// Whether what an operation makes or drops is there, going by its name.
    pub fn has(&self, op: &Op) -> bool {
        if op.is_enum() {
            let labels = self.enums.get(op.subject()).map(|of| &of.labels);
            return match op {
                Op::AddEnumValue { label, .. } => labels.is_some_and(|labels| labels.contains(label)),
                _ => labels.is_some(),
            };
        }
        let Some(table) = self.tables.get(op.subject()) else { return false };
        let index = |name: &Ident| table.indexes.iter().any(|index| index.name == *name);
        let constraint = |name: &Ident| {
            let keys = keys(table).filter_map(|key| key.name.as_ref());
            let others = table.foreign_keys.iter().filter_map(|key| key.name.as_ref());
            let checks = table.checks.iter().filter_map(|check| check.name.as_ref());
            keys.chain(others).chain(checks).any(|other| other == name)
        };
        match op {
            Op::AddColumn { column, .. } => table.column(&column.name).is_some(),
            Op::DropColumn { name, .. } | Op::DropUsedColumn { name, .. } => table.column(name).is_some(),
            Op::CreateIndex { index: Index { name, .. }, .. } => index(name),
            Op::DropIndex { name, .. } => index(name) || constraint(name),
            Op::DropConstraint { which: ConstraintSelector::Name(name), .. } => constraint(name),
            _ => true,
        }
    }
}

/// Every foreign key of the schema that refers to a table, with the table it belongs to.
pub(super) fn references_to<'a>(
    schema: &'a Schema,
    referred: &'a Ident,
) -> impl Iterator<Item = (&'a Ident, &'a ForeignKey)> {
    schema
        .tables
        .iter()
        .flat_map(|(name, table)| table.foreign_keys.iter().map(move |key| (name, key)))
        .filter(move |(_, key)| key.referred_table == *referred)
}

/// The primary key and the unique constraints.
pub(super) fn keys(table: &Table) -> impl Iterator<Item = &Key> {
    table.primary_key.iter().chain(&table.uniques)
}

/// Whether a text that the model does not understand may mention a name: a match inside a longer word
/// counts too, as nothing is to be missed.
pub(super) fn mentions(text: &str, name: &Ident) -> bool {
    text.to_ascii_lowercase().contains(&name.folded())
}

/// Whether a check uses, or may use, a column.
pub(super) fn check_uses(check: &Check, column: &Ident) -> bool {
    match &check.condition {
        CheckCondition::Portable(condition) => condition.columns().contains(column),
        CheckCondition::Opaque(text) => mentions(text, column),
    }
}

/// Whether an index uses a column, as a part or in an expression.
pub(super) fn index_uses(index: &Index, column: &Ident) -> bool {
    index.parts.iter().any(|part| part.name() == Some(column))
        || index.expressions().any(|expression| expression.columns().contains(column))
}

/// What has an expression over a column that may hold constants of its type, for a message.
pub(super) fn expression_over(table: &Table, column: &Ident) -> Option<String> {
    if let Some(check) = table.checks.iter().find(|check| check_uses(check, column)) {
        return Some(format!("the check {}", shown(check.name.as_ref())));
    }
    let computes = |index: &&Index| index.expressions().any(|expression| expression.columns().contains(column));
    if let Some(index) = table.indexes.iter().find(computes) {
        return Some(format!("the index {}", index.name));
    }
    if let Some(user) = table.columns.iter().find(|other| other.is_computed_from(column)) {
        return Some(format!("the computed column {}", user.name));
    }
    opaque_mention(table, column)
}

/// What of a table the model does not understand, for a message: a constraint need not have a name.
pub(super) fn opaque_shown(opaque: &Opaque) -> String {
    let name = if opaque.name.is_empty() { "without a name" } else { &opaque.name };
    format!("the {} {name}", opaque.kind)
}

/// What of a table the model does not understand and may mention a name, for a message.
pub(super) fn opaque_mention(table: &Table, name: &Ident) -> Option<String> {
    let entry = table.opaque.iter().find(|opaque| mentions(&opaque.definition, name) || mentions(&opaque.name, name));
    if let Some(opaque) = entry {
        return Some(opaque_shown(opaque));
    }
    let opaque_check = |check: &&Check| match &check.condition {
        CheckCondition::Opaque(text) => mentions(text, name),
        CheckCondition::Portable(_) => false,
    };
    if let Some(check) = table.checks.iter().find(opaque_check) {
        return Some(format!("the check {}", shown(check.name.as_ref())));
    }
    let attribute = |column: &&Column| {
        let default = match &column.default {
            Some(ModelDefault::Opaque(text)) => mentions(text, name),
            _ => false,
        };
        column.name != *name && (default || column.extra.iter().any(|text| mentions(text, name)))
    };
    table.columns.iter().find(attribute).map(|column| format!("the column {}", column.name))
}

/// A constraint's name for messages.
pub(super) fn shown(name: Option<&Ident>) -> &str {
    name.map_or("without a name", Ident::as_str)
}

/// Column names for messages.
pub(super) fn listed(columns: &[Ident]) -> String {
    columns.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ")
}
