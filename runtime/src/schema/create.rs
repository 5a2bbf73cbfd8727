//! Making and dropping tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{
    AutoIncrement, Column, Rules, Schema, SchemaError, Table, column, constraint, find, index, invalid, names,
};
use crate::operation::{ColumnType, Constraint, Ident, Key, TableSpec};

/// Makes a table. Constraints with a name are made before those without, as on PostgreSQL, and foreign keys
/// last, so that they may refer to a key of the same table.
pub(super) fn create_table(schema: &mut Schema, rules: &Rules, spec: &TableSpec) -> Result<(), SchemaError> {
    names::check_table(schema, rules, &spec.name)?;
    if spec.columns.is_empty() {
        return Err(invalid(format!("table {} has no column", spec.name)));
    }
    for column in &spec.columns {
        column::check_enum(schema, rules, &spec.name, &column.name, &column.column_type)?;
    }
    names::no_duplicates(&spec.name, spec.columns.iter().map(|column| &column.name))?;
    let columns = spec.columns.iter().map(|column| column::build(rules, &spec.name, column));
    let table = Table {
        columns: columns.collect::<Result<_, _>>()?,
        comment: column::comment(rules, spec.comment.as_ref())?,
        ..Table::default()
    };
    spec.columns.iter().try_for_each(|column| column::check_computed(&table, &spec.name, column))?;
    schema.tables.insert(spec.name.clone(), Arc::new(table));
    let reserved: BTreeSet<String> = spec.constraints.iter().filter_map(name_of).map(Ident::folded).collect();
    let mut constraints: Vec<&Constraint> = spec.constraints.iter().collect();
    constraints.sort_by_key(|one| (matches!(one, Constraint::ForeignKey(_)), name_of(one).is_none()));
    for one in constraints {
        constraint::add(schema, rules, &spec.name, one, &reserved)?;
    }
    index::make_implicit(find::table_mut(schema, &spec.name)?, rules);
    check_auto_increment(find::table(schema, &spec.name)?, &spec.name)
}

fn name_of(constraint: &Constraint) -> Option<&Ident> {
    match constraint {
        Constraint::PrimaryKey(Key { name, .. }) | Constraint::Unique(Key { name, .. }) => name.as_ref(),
        Constraint::ForeignKey(key) => key.name.as_ref(),
        Constraint::Check(check) => check.name.as_ref(),
    }
}

/// An auto-incrementing column is the whole primary key.
fn check_auto_increment(table: &Table, name: &Ident) -> Result<(), SchemaError> {
    let key = table.primary_key.as_ref().map_or(&[][..], |key| &key.columns);
    let alone = |column: &&Column| key == std::slice::from_ref(&column.name);
    match table.columns.iter().filter(|column| column.auto_increment).find(|column| !alone(column)) {
        Some(column) => Err(invalid(format!(
            "column {} of table {name} is auto-increment but not alone the primary key",
            column.name
        ))),
        None => Ok(()),
    }
}

/// On SQLite an integer column that is alone the primary key is numbered unasked.
pub(super) fn number_key(table: &mut Table, rules: &Rules) {
    let key = table.primary_key.as_ref().map_or(&[][..], |key| &key.columns);
    let integer = (rules.canonical)(ColumnType::Integer, AutoIncrement::Yes);
    for column in &mut table.columns {
        let alone = key == std::slice::from_ref(&column.name);
        if alone && rules.integer_key_is_auto_increment && column.portable_type() == Some(&integer) {
            column.auto_increment = true;
        }
    }
}

/// Drops a table that no other one refers to.
pub(super) fn drop_table(schema: &mut Schema, name: &Ident) -> Result<(), SchemaError> {
    find::table(schema, name)?;
    if let Some((referring, _)) = find::references_to(schema, name).find(|(referring, _)| *referring != name) {
        return Err(invalid(format!("table {name} cannot be dropped: table {referring} refers to it")));
    }
    schema.tables.remove(name);
    Ok(())
}
