//! Adding and dropping constraints.

use std::collections::BTreeSet;

use super::names::{self, Chooser, NameKind};
use super::scope::Scope;
use super::{Check, CheckCondition, ModelType, Rules, Schema, SchemaError, Table, create, find, index, invalid};
use crate::operation::{
    CheckSpec, ColumnType, Constraint, ConstraintSelector, ForeignKey, Ident, Key, ReferentialAction,
};

/// Adds a constraint to a table that exists.
pub(super) fn create(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    constraint: &Constraint,
) -> Result<(), SchemaError> {
    find::table(schema, table_name)?;
    add(schema, rules, table_name, constraint, &BTreeSet::new())
}

/// Adds a constraint; `reserved` names are not taken for one without a name.
pub(super) fn add(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    constraint: &Constraint,
    reserved: &BTreeSet<String>,
) -> Result<(), SchemaError> {
    let chooser = Chooser { schema, rules, table: table_name, reserved };
    match constraint {
        Constraint::PrimaryKey(key) => {
            let key = primary_key(&chooser, key)?;
            let table = find::table_mut(schema, table_name)?;
            index::drop_covered(table, rules, &key.columns);
            table.primary_key = Some(key);
            create::number_key(table, rules);
        }
        Constraint::Unique(key) => {
            let key = unique(&chooser, key)?;
            let table = find::table_mut(schema, table_name)?;
            index::drop_covered(table, rules, &key.columns);
            table.uniques.push(key);
        }
        Constraint::ForeignKey(key) => {
            let key = foreign_key(&chooser, key)?;
            let table = find::table_mut(schema, table_name)?;
            table.foreign_keys.push(key.clone());
            index::add_implicit(table, rules, &key);
        }
        Constraint::Check(check) => {
            let check = build_check(&chooser, check)?;
            find::table_mut(schema, table_name)?.checks.push(check);
        }
    }
    find::table_mut(schema, table_name)?.sort();
    Ok(())
}

/// The given name, once it is known to be free, else the dialect's own.
fn name_for(
    chooser: &Chooser<'_>,
    kind: NameKind,
    given: Option<&Ident>,
    default: impl FnOnce() -> Option<Ident>,
) -> Result<Option<Ident>, SchemaError> {
    match given {
        Some(name) => {
            names::check_own(chooser.schema, chooser.rules, chooser.table, kind, name)?;
            Ok(Some(name.clone()))
        }
        None => Ok(default()),
    }
}

fn primary_key(chooser: &Chooser<'_>, asked: &Key) -> Result<Key, SchemaError> {
    let table = find::table(chooser.schema, chooser.table)?;
    if table.primary_key.is_some() {
        return Err(SchemaError::AlreadyExists(format!("table {} has a primary key already", chooser.table)));
    }
    index::check_columns(table, chooser.table, &asked.columns)?;
    for name in &asked.columns {
        if find::column(table, chooser.table, name)?.nullable {
            let at = format!("column {name} of table {}", chooser.table);
            return Err(invalid(format!("{at} may hold NULL and cannot be part of the primary key")));
        }
    }
    let name = match chooser.rules.primary_key_name {
        Some(name) => Some(Ident::internal(name)),
        None => name_for(chooser, NameKind::Key, asked.name.as_ref(), || chooser.primary_key())?,
    };
    Ok(Key { name, columns: asked.columns.clone() })
}

fn unique(chooser: &Chooser<'_>, asked: &Key) -> Result<Key, SchemaError> {
    let table = find::table(chooser.schema, chooser.table)?;
    index::check_columns(table, chooser.table, &asked.columns)?;
    if let Some(name) = &asked.name {
        index::check_name(chooser.schema, chooser.rules, chooser.table, NameKind::Key, name, &asked.columns)?;
    }
    let name = asked.name.clone().or_else(|| chooser.unique(asked));
    let key = Key { name, columns: asked.columns.clone() };
    // Two without a name could not be told apart.
    if table.uniques.contains(&key) {
        let columns = find::listed(&key.columns);
        return Err(invalid(format!("table {} has a unique constraint over {columns} already", chooser.table)));
    }
    Ok(key)
}

fn foreign_key(chooser: &Chooser<'_>, asked: &ForeignKey) -> Result<ForeignKey, SchemaError> {
    let table = find::table(chooser.schema, chooser.table)?;
    let referred = find::table(chooser.schema, &asked.referred_table)?;
    index::check_columns(table, chooser.table, &asked.columns)?;
    index::check_columns(referred, &asked.referred_table, &asked.referred_columns)?;
    if !find::keys(referred).any(|key| index::is_referred_by(chooser.rules, key, asked)) {
        let columns = find::listed(&asked.referred_columns);
        return Err(invalid(format!(
            "{columns} is neither the primary key nor a unique constraint of table {}",
            asked.referred_table
        )));
    }
    if asked.columns.len() != asked.referred_columns.len() {
        return Err(invalid("a foreign key has not as many columns as the key that it refers to"));
    }
    for (own, other) in asked.columns.iter().zip(&asked.referred_columns) {
        let own = find::column(table, chooser.table, own)?;
        let other = find::column(referred, &asked.referred_table, other)?;
        if !agree(chooser.rules, &own.column_type, &other.column_type) {
            return Err(invalid(format!(
                "column {} of table {} is not of the type of {} of table {}, which it refers to",
                own.name, chooser.table, other.name, asked.referred_table
            )));
        }
        let sets_null = [asked.on_update, asked.on_delete].contains(&ReferentialAction::SetNull);
        if sets_null && !own.nullable {
            let at = format!("column {} of table {}", own.name, chooser.table);
            return Err(invalid(format!("{at} would be set to NULL by the foreign key but is not nullable")));
        }
        if asked.on_update == ReferentialAction::Cascade && other.nullable && !own.nullable {
            return Err(invalid(format!(
                "column {} of table {} is not nullable but follows {} of table {}, which is",
                own.name, chooser.table, other.name, asked.referred_table
            )));
        }
    }
    if let Some(name) = &asked.name {
        index::check_foreign_key_name(chooser.schema, chooser.rules, chooser.table, name, &asked.columns)?;
    }
    let name = asked.name.clone().or_else(|| chooser.foreign_key(asked));
    let held = |action| match action {
        ReferentialAction::Restrict if chooser.rules.restrict_is_no_action => ReferentialAction::NoAction,
        other => other,
    };
    Ok(ForeignKey { name, on_update: held(asked.on_update), on_delete: held(asked.on_delete), ..asked.clone() })
}

/// Whether a column may refer to another one: the same type, text of any length, or any two integers where the database
/// compares them. On SQLite what numbers itself is an INTEGER in any case.
fn agree(rules: &Rules, own: &ModelType, other: &ModelType) -> bool {
    match (own, other) {
        // How long a text may be is no part of what is compared, on no database.
        (ModelType::Portable(ColumnType::Varchar(_)), ModelType::Portable(ColumnType::Varchar(_)))
        | (ModelType::Portable(ColumnType::Char(_)), ModelType::Portable(ColumnType::Char(_))) => true,
        (ModelType::Portable(own), ModelType::Portable(other)) => {
            own == other || (rules.loose_references && own.is_integer() && other.is_integer())
        }
        _ => own == other,
    }
}

fn build_check(chooser: &Chooser<'_>, asked: &CheckSpec) -> Result<Check, SchemaError> {
    let table = find::table(chooser.schema, chooser.table)?;
    if asked.condition.columns().is_empty() {
        // MariaDB drops such a check together with any column.
        return Err(invalid(format!("a check of table {} mentions no column", chooser.table)));
    }
    Scope::of_table(table, chooser.table).check_condition(&asked.condition)?;
    let name = name_for(chooser, NameKind::Check, asked.name.as_ref(), || chooser.check(asked))?;
    Ok(Check { name, condition: CheckCondition::Portable((chooser.rules.normal_form)(&asked.condition)) })
}

/// Drops a constraint.
pub(super) fn drop(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    which: &ConstraintSelector,
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let mut after = table.clone();
    match find_one(table, table_name, which)? {
        Found::PrimaryKey(key) => {
            index::check_key_drop(schema, rules, table_name, table, key)?;
            index::check_primary_key_drop(table, table_name, key)?;
            after.primary_key = None;
            index::check_covered(&after, rules, table_name, &format!("the key over {}", find::listed(&key.columns)))?;
        }
        Found::Unique(key) => {
            index::check_key_drop(schema, rules, table_name, table, key)?;
            after.uniques.retain(|other| other != key);
            index::check_covered(&after, rules, table_name, &format!("the key over {}", find::listed(&key.columns)))?;
        }
        Found::ForeignKey(key) => {
            after.foreign_keys.retain(|other| other != key);
            index::drop_implicit(&mut after, rules, key);
        }
        Found::Check(check) => after.checks.retain(|other| other != check),
    }
    after.sort();
    *find::table_mut(schema, table_name)? = after;
    Ok(())
}

/// Renames a constraint, and the index of a key with it.
pub(super) fn rename(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    name: &Ident,
    new_name: &Ident,
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let kind = match find_one(table, table_name, &ConstraintSelector::Name(name.clone()))? {
        Found::PrimaryKey(_) | Found::Unique(_) => NameKind::Key,
        Found::ForeignKey(_) => NameKind::ForeignKey,
        Found::Check(_) => NameKind::Check,
    };
    names::check_own(schema, rules, table_name, kind, new_name)?;
    let table = find::table_mut(schema, table_name)?;
    let keys = table.primary_key.iter_mut().chain(&mut table.uniques).map(|key| &mut key.name);
    let others = table.foreign_keys.iter_mut().map(|key| &mut key.name);
    let all = keys.chain(others).chain(table.checks.iter_mut().map(|check| &mut check.name));
    all.flatten().filter(|own| *own == name).for_each(|own| *own = new_name.clone());
    table.sort();
    Ok(())
}

/// A constraint of a table.
#[derive(Clone, Copy)]
enum Found<'a> {
    PrimaryKey(&'a Key),
    Unique(&'a Key),
    ForeignKey(&'a ForeignKey),
    Check(&'a Check),
}

fn find_one<'a>(table: &'a Table, table_name: &Ident, which: &ConstraintSelector) -> Result<Found<'a>, SchemaError> {
    let keys = table.primary_key.iter().map(Found::PrimaryKey).chain(table.uniques.iter().map(Found::Unique));
    let foreign_keys = table.foreign_keys.iter().map(Found::ForeignKey);
    let all = keys.chain(foreign_keys).chain(table.checks.iter().map(Found::Check));
    let mut found = all.filter(|one| is_meant(*one, which));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(invalid(format!("table {table_name} has more than one {}", described(which)))),
        (None, _) => Err(SchemaError::NotFound(format!("table {table_name} has no {}", described(which)))),
    }
}

fn is_meant(one: Found<'_>, which: &ConstraintSelector) -> bool {
    let name = match one {
        Found::PrimaryKey(key) | Found::Unique(key) => key.name.as_ref(),
        Found::ForeignKey(key) => key.name.as_ref(),
        Found::Check(check) => check.name.as_ref(),
    };
    match (which, one) {
        (ConstraintSelector::Name(asked), _) => name == Some(asked),
        (ConstraintSelector::PrimaryKey, Found::PrimaryKey(_)) => true,
        (ConstraintSelector::Unique(columns), Found::Unique(key)) => key.columns == *columns,
        (ConstraintSelector::ForeignKey(columns), Found::ForeignKey(key)) => key.columns == *columns,
        (ConstraintSelector::Check(columns), Found::Check(check)) => match &check.condition {
            CheckCondition::Portable(condition) => condition.columns() == columns.iter().collect::<BTreeSet<_>>(),
            CheckCondition::Opaque(_) => false,
        },
        _ => false,
    }
}

fn described(which: &ConstraintSelector) -> String {
    match which {
        ConstraintSelector::Name(name) => format!("constraint {name}"),
        ConstraintSelector::PrimaryKey => "primary key".to_owned(),
        ConstraintSelector::Unique(columns) => format!("unique constraint over {}", find::listed(columns)),
        ConstraintSelector::ForeignKey(columns) => format!("foreign key of {}", find::listed(columns)),
        ConstraintSelector::Check(columns) => format!("check of {}", find::listed(columns)),
    }
}
