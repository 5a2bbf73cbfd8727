//! Renaming tables and columns, and all that follows a name.

use std::sync::Arc;

use super::names;
use super::{CheckCondition, Rules, Schema, SchemaError, Table, column, find, invalid};
use crate::operation::{Expr, ForeignKey, Ident, IndexKey};

/// Renames a table; foreign keys to it follow. Default names stay as they are, but for those that InnoDB
/// derives from the table's name.
pub(super) fn rename_table(
    schema: &mut Schema,
    rules: &Rules,
    name: &Ident,
    new_name: &Ident,
) -> Result<(), SchemaError> {
    let table = find::table(schema, name)?;
    names::check_table(schema, rules, new_name)?;
    if let Some(opaque) = table.opaque.first() {
        return Err(not_followed(name, &find::opaque_shown(opaque)));
    }
    let others = schema.tables.iter().filter(|(other, _)| *other != name);
    let mention =
        others.filter_map(|(other, table)| find::opaque_mention(table, name).map(|what| (other, what))).next();
    if let Some((other, what)) = mention {
        return Err(not_followed(name, &format!("{what} of table {other}")));
    }
    let mut renamed = table.clone();
    if rules.foreign_key_makes_index {
        rename_foreign_keys(schema, rules, name, new_name, &mut renamed)?;
    }
    renamed.sort();
    schema.tables.remove(name);
    schema.tables.insert(new_name.clone(), Arc::new(renamed));
    each_reference(schema, name, |key| key.referred_table = new_name.clone());
    Ok(())
}

fn not_followed(name: &Ident, what: &str) -> SchemaError {
    invalid(format!("{name} cannot be renamed: {what} may mention it and would not follow"))
}

/// InnoDB renames every foreign key whose name begins with `{table}_ibfk_`.
fn rename_foreign_keys(
    schema: &Schema,
    rules: &Rules,
    name: &Ident,
    new_name: &Ident,
    table: &mut Table,
) -> Result<(), SchemaError> {
    let (old_prefix, new_prefix) = (names::ibfk_prefix(name.as_str()), names::ibfk_prefix(new_name.as_str()));
    for key in &mut table.foreign_keys {
        let rest = key.name.as_ref().and_then(|own| own.as_str().strip_prefix(&old_prefix));
        let Some(renamed) = rest.map(|rest| Ident::internal(format!("{new_prefix}{rest}"))) else { continue };
        if renamed.as_str().len() > rules.ident_limit {
            return Err(invalid(format!(
                "{name} cannot be renamed: its foreign key {renamed} would have too long a name"
            )));
        }
        // An index of that name is in nobody's way: the one that the foreign key brought may have kept it.
        let mut others =
            schema.tables.values().flat_map(|table| &table.foreign_keys).filter_map(|key| key.name.as_ref());
        if let Some(taken) = others.find(|other| other.is_like(&renamed.folded())) {
            let what = format!("{name} cannot be renamed: there is a foreign key {taken} already");
            return Err(SchemaError::AlreadyExists(what));
        }
        key.name = Some(renamed);
    }
    Ok(())
}

/// Changes every foreign key that refers to a table.
fn each_reference(schema: &mut Schema, referred: &Ident, change: impl Fn(&mut ForeignKey)) {
    for table in schema.tables.values_mut() {
        if table.foreign_keys.iter().any(|key| key.referred_table == *referred) {
            let table = Arc::make_mut(table);
            table.foreign_keys.iter_mut().filter(|key| key.referred_table == *referred).for_each(&change);
            table.sort();
        }
    }
}

/// Renames a column; constraints and indexes follow.
pub(super) fn rename_column(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    name: &Ident,
    new_name: &Ident,
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let renamed = find::column(table, table_name, name)?;
    column::check_free(table, table_name, new_name)?;
    names::check_json(rules, table, new_name, &renamed.column_type)?;
    if let Some(what) = find::opaque_mention(table, name) {
        return Err(not_followed(name, &what));
    }
    if let Some(own) = renamed.extra.iter().find(|text| find::mentions(text, name)) {
        return Err(not_followed(name, &format!("its own attribute {own}")));
    }
    let table = find::table_mut(schema, table_name)?;
    let rename = |own: &mut Ident| {
        if own == name {
            *own = new_name.clone();
        }
    };
    table.columns.iter_mut().for_each(|column| rename(&mut column.name));
    table.primary_key.iter_mut().chain(&mut table.uniques).flat_map(|key| &mut key.columns).for_each(rename);
    table.foreign_keys.iter_mut().flat_map(|key| &mut key.columns).for_each(rename);
    let follow = |expression: &mut Expr| {
        if expression.columns().contains(name) {
            *expression = (rules.normal_form)(&expression.with_column_renamed(name, new_name));
        }
    };
    let computed = table.columns.iter_mut().filter_map(|column| column.computed.as_mut());
    computed.for_each(|computed| follow(&mut computed.expression));
    for index in &mut table.indexes {
        for part in &mut index.parts {
            match &mut part.key {
                IndexKey::Column(own) => rename(own),
                IndexKey::Expression(expression) => follow(expression),
            }
        }
        index.predicate.iter_mut().for_each(follow);
    }
    for check in &mut table.checks {
        if let CheckCondition::Portable(condition) = &mut check.condition {
            follow(condition);
        }
    }
    table.sort();
    each_reference(schema, table_name, |key| key.referred_columns.iter_mut().for_each(rename));
    Ok(())
}
