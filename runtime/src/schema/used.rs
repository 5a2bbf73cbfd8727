//! Dropping a column together with what its database drops with it. What would stay behind is in the way, as ever.

use super::{Check, CheckCondition, GoesWithColumn, Rules, Schema, SchemaError, Table, column, find, index};
use crate::operation::{Ident, Key, Op};

impl Schema {
    /// The operation that drops a column as its database does.
    pub fn drop_column(&self, rules: &Rules, table: Ident, name: Ident) -> Op {
        let used = column::drop(&mut self.clone(), &table, &name).is_err();
        match rules.goes_with_column {
            GoesWithColumn::WhatIsOverItAlone | GoesWithColumn::WhatNamesIt if used => {
                Op::DropUsedColumn { table, name }
            }
            _ => Op::DropColumn { table, name },
        }
    }
}

/// Drops a column, and what goes with it.
pub(super) fn drop(schema: &mut Schema, rules: &Rules, table_name: &Ident, name: &Ident) -> Result<(), SchemaError> {
    let mut after = schema.clone();
    find::column(find::table(&after, table_name)?, table_name, name)?;
    let table = find::table_mut(&mut after, table_name)?;
    // First what refers, in case it is to a key of the table itself.
    match rules.goes_with_column {
        GoesWithColumn::Nothing => {}
        GoesWithColumn::WhatIsOverItAlone => {
            table.checks.retain(|check| !is_over_alone(check, name));
            table.indexes.retain(|index| index.parts.len() > 1 || !find::index_uses(index, name));
        }
        GoesWithColumn::WhatNamesIt => {
            table.foreign_keys.retain(|key| !key.columns.contains(name));
            table.checks.retain(|check| !(is_portable(check) && find::check_uses(check, name)));
            table.indexes.retain(|index| !find::index_uses(index, name));
        }
    }
    let table = find::table(&after, table_name)?;
    let goes = |key: &&Key| match rules.goes_with_column {
        GoesWithColumn::Nothing => false,
        GoesWithColumn::WhatIsOverItAlone => key.columns == [name.clone()] && !is_primary(table, key),
        GoesWithColumn::WhatNamesIt => key.columns.contains(name),
    };
    for key in find::keys(table).filter(goes) {
        index::check_key_drop(&after, rules, table_name, table, key)?;
    }
    let is_left = |key: &Key| !goes(&key);
    let (primary_key, uniques) =
        (table.primary_key.clone().filter(is_left), table.uniques.iter().filter(|key| is_left(key)).cloned().collect());
    let table = find::table_mut(&mut after, table_name)?;
    table.primary_key = primary_key;
    table.uniques = uniques;
    index::check_covered(table, rules, table_name, &format!("column {name}"))?;
    column::drop(&mut after, table_name, name)?;
    *schema = after;
    Ok(())
}

fn is_primary(table: &Table, key: &Key) -> bool {
    table.primary_key.as_ref().is_some_and(|own| std::ptr::eq(own, key))
}

fn is_portable(check: &Check) -> bool {
    matches!(check.condition, CheckCondition::Portable(_))
}

/// Whether a check names a column and no other one.
fn is_over_alone(check: &Check, name: &Ident) -> bool {
    match &check.condition {
        CheckCondition::Portable(condition) => condition.columns().into_iter().eq([name]),
        CheckCondition::Opaque(_) => false,
    }
}
