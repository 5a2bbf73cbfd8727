//! Indexes, and those that MariaDB makes for foreign keys.

use super::data::same_columns;
use super::names::{self, NameKind};
use super::scope::Scope;
use super::{Rules, Schema, SchemaError, Table, find, invalid};
use crate::operation::{Expr, ForeignKey, Ident, Index, IndexKey, IndexOrder, IndexPart, Key};

/// The most columns that a key or index may have on every dialect (MariaDB has the lowest limit).
const KEY_COLUMNS: usize = 16;

/// Makes an index.
pub(super) fn create(schema: &mut Schema, rules: &Rules, table_name: &Ident, index: &Index) -> Result<(), SchemaError> {
    let index = build(find::table(schema, table_name)?, rules, table_name, index)?;
    let plain = index.columns();
    check_name(schema, rules, table_name, NameKind::Index, &index.name, plain.as_deref().unwrap_or_default())?;
    if rules.foreign_key_makes_index && index.name.as_str().contains("_ibfk_") {
        return Err(invalid(format!("the name {} is one that the database gives to foreign keys", index.name)));
    }
    let table = find::table_mut(schema, table_name)?;
    drop_covered(table, rules, plain.as_deref().unwrap_or_default());
    let ascending = index.parts.iter().all(|part| part.order == IndexOrder::Ascending);
    match plain {
        Some(columns) if rules.unique_index_is_constraint && index.unique && ascending => {
            table.uniques.push(Key { name: Some(index.name), columns });
        }
        _ => table.indexes.push(index),
    }
    table.sort();
    Ok(())
}

/// The index of the model that a request makes: its expressions in the normal form, of which one that is nothing but
/// a column is that column.
fn build(table: &Table, rules: &Rules, table_name: &Ident, asked: &Index) -> Result<Index, SchemaError> {
    let scope = Scope::of_table(table, table_name);
    let at = format!("the index {} of table {table_name}", asked.name);
    let mut parts = Vec::with_capacity(asked.parts.len());
    for part in &asked.parts {
        let key = match &part.key {
            IndexKey::Column(name) => IndexKey::Column(name.clone()),
            IndexKey::Expression(expression) => match (rules.normal_form)(expression) {
                Expr::Column(name) => IndexKey::Column(name),
                normal => {
                    scope.check_index(&at, expression)?;
                    IndexKey::Expression(normal)
                }
            },
        };
        parts.push(IndexPart { key, order: part.order });
    }
    check_count(table_name, parts.len())?;
    let columns: Vec<&Ident> = parts.iter().filter_map(IndexPart::name).collect();
    names::no_duplicates(table_name, columns.iter().copied())?;
    columns.into_iter().try_for_each(|column| find::column(table, table_name, column).map(|_| ()))?;
    if let Some(predicate) = &asked.predicate {
        scope.check_predicate(&at, predicate)?;
    }
    let predicate = asked.predicate.as_ref().map(rules.normal_form);
    Ok(Index { name: asked.name.clone(), parts, unique: asked.unique, predicate })
}

/// Refuses the name of a new index or key over these columns that is taken. On MariaDB it may be that of a foreign key which it
/// serves, and comes in the place of that one's own index.
pub(super) fn check_name(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    kind: NameKind,
    name: &Ident,
    columns: &[Ident],
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let serves = |key: &ForeignKey| is_called(key, name) && columns.starts_with(&key.columns);
    if !rules.foreign_key_makes_index || !table.foreign_keys.iter().any(serves) {
        return names::check_own(schema, rules, table_name, kind, name);
    }
    let mut others = schema.clone();
    let table = find::table_mut(&mut others, table_name)?;
    drop_covered(table, rules, columns);
    table.foreign_keys.retain(|key| !serves(key));
    names::check_own(&others, rules, table_name, kind, name)
}

/// Refuses the name of a new foreign key that is taken. On MariaDB it may be that of an index or key which serves it.
pub(super) fn check_foreign_key_name(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    name: &Ident,
    columns: &[Ident],
) -> Result<(), SchemaError> {
    let folded = name.folded();
    let serves = |index: &Index| index.name.is_like(&folded) && index_covers(index, columns);
    let is_served_by =
        |key: &Key| key.name.as_ref().is_some_and(|own| own.is_like(&folded)) && key.columns.starts_with(columns);
    let table = find::table(schema, table_name)?;
    let is_served = table.indexes.iter().any(serves) || table.uniques.iter().any(is_served_by);
    if !rules.foreign_key_makes_index || !is_served {
        return names::check_own(schema, rules, table_name, NameKind::ForeignKey, name);
    }
    let mut others = schema.clone();
    let table = find::table_mut(&mut others, table_name)?;
    table.indexes.retain(|index| !serves(index));
    table.uniques.retain(|key| !is_served_by(key));
    names::check_own(&others, rules, table_name, NameKind::ForeignKey, name)
}

fn is_called(key: &ForeignKey, name: &Ident) -> bool {
    key.name.as_ref().is_some_and(|own| own.is_like(&name.folded()))
}

/// Checks the columns of an index, key or foreign key.
pub(super) fn check_columns(table: &Table, table_name: &Ident, columns: &[Ident]) -> Result<(), SchemaError> {
    check_count(table_name, columns.len())?;
    names::no_duplicates(table_name, columns)?;
    columns.iter().try_for_each(|column| find::column(table, table_name, column).map(|_| ()))
}

fn check_count(table_name: &Ident, count: usize) -> Result<(), SchemaError> {
    if (1..=KEY_COLUMNS).contains(&count) {
        return Ok(());
    }
    Err(invalid(format!("a key or index of table {table_name} has {count} columns, not 1 to {KEY_COLUMNS}")))
}

/// Drops an index.
pub(super) fn drop(schema: &mut Schema, rules: &Rules, table_name: &Ident, name: &Ident) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let constraint = table.uniques.iter().find(|key| key.name.as_ref() == Some(name));
    if let Some(key) = constraint.filter(|_| rules.unique_index_is_constraint) {
        check_key_drop(schema, rules, table_name, table, key)?;
    } else if let Some(key) = find::keys(table).find(|key| key.name.as_ref() == Some(name)) {
        let columns = find::listed(&key.columns);
        return Err(invalid(format!("{name} is the index of a constraint over {columns}: drop the constraint")));
    } else if !table.indexes.iter().any(|index| index.name == *name) {
        return Err(SchemaError::NotFound(format!("table {table_name} has no index {name}")));
    }
    let mut after = table.clone();
    after.uniques.retain(|key| constraint.is_none() || key.name.as_ref() != Some(name));
    after.indexes.retain(|index| index.name != *name);
    check_covered(&after, rules, table_name, name.as_str())?;
    *find::table_mut(schema, table_name)? = after;
    Ok(())
}

/// Renames an index that is no constraint's. One that serves a foreign key may take that one's name.
pub(super) fn rename(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    name: &Ident,
    new_name: &Ident,
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let index = table.indexes.iter().find(|index| index.name == *name);
    let index = index.ok_or_else(|| SchemaError::NotFound(format!("table {table_name} has no index {name}")))?;
    let renamed = Index { name: new_name.clone(), ..index.clone() };
    let is_taken = {
        let keys = find::keys(table).filter_map(|key| key.name.as_ref());
        keys.chain(table.indexes.iter().map(|one| &one.name)).any(|other| other.is_like(&new_name.folded()))
    };
    let serves = |key: &ForeignKey| is_called(key, new_name) && index_covers(&renamed, &key.columns);
    if !(rules.foreign_key_makes_index && table.foreign_keys.iter().any(serves)) {
        names::check_own(schema, rules, table_name, NameKind::Index, new_name)?;
    } else if is_taken {
        return Err(SchemaError::AlreadyExists(format!("the name {new_name} is taken by an index of {table_name}")));
    }
    let table = find::table_mut(schema, table_name)?;
    table.indexes.iter_mut().filter(|index| index.name == *name).for_each(|index| index.name = new_name.clone());
    table.sort();
    Ok(())
}

/// Whether a foreign key to the table of a key refers to that one, or to an equal one.
pub(super) fn is_referred_by(rules: &Rules, key: &Key, reference: &ForeignKey) -> bool {
    match rules.loose_references {
        true => same_columns(&key.columns, &reference.referred_columns),
        false => key.columns == reference.referred_columns,
    }
}

/// Refuses to drop a key of a table that a foreign key refers to, unless an equal one does as well. Which of them a foreign
/// key hangs on where it is one is not known.
pub(super) fn check_key_drop(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    table: &Table,
    key: &Key,
) -> Result<(), SchemaError> {
    let others = || find::keys(table).filter(|other| !std::ptr::eq(*other, key) && !rules.references_one_key);
    let referring = find::references_to(schema, table_name).find(|(_, reference)| {
        is_referred_by(rules, key, reference) && !others().any(|other| is_referred_by(rules, other, reference))
    });
    match referring {
        Some((referring, _)) => Err(invalid(format!(
            "the key over {} of table {table_name} cannot be dropped: a foreign key of table {referring} refers to it",
            find::listed(&key.columns)
        ))),
        None => Ok(()),
    }
}

/// Refuses to drop the primary key of a column that the database numbers.
pub(super) fn check_primary_key_drop(table: &Table, table_name: &Ident, key: &Key) -> Result<(), SchemaError> {
    match table.columns.iter().any(|column| column.auto_increment && key.columns.contains(&column.name)) {
        true => Err(invalid(format!("the primary key of table {table_name} cannot be dropped: it is auto-increment"))),
        false => Ok(()),
    }
}

/// Whether some key or index begins with the columns, whatever their direction.
fn covers(table: &Table, columns: &[Ident]) -> bool {
    find::keys(table).any(|key| key.columns.starts_with(columns))
        || table.indexes.iter().any(|index| index_covers(index, columns))
}

fn index_covers(index: &Index, columns: &[Ident]) -> bool {
    let all_rows = index.predicate.is_none() && index.parts.len() >= columns.len();
    all_rows && index.parts.iter().zip(columns).all(|(own, asked)| own.name() == Some(asked))
}

/// Refuses a table in which a foreign key has lost the index that MariaDB wants for it.
pub(super) fn check_covered(
    table: &Table,
    rules: &Rules,
    table_name: &Ident,
    dropped: &str,
) -> Result<(), SchemaError> {
    let bare = table.foreign_keys.iter().find(|key| rules.foreign_key_makes_index && !covers(table, &key.columns));
    match bare {
        Some(key) => Err(invalid(format!(
            "{dropped} of table {table_name} cannot be dropped: the foreign key {} needs it",
            find::shown(key.name.as_ref())
        ))),
        None => Ok(()),
    }
}

/// Whether MariaDB made the index for a foreign key: it has its columns and its name, or, where the table
/// was renamed since, the one that it had then.
pub(super) fn is_implicit(table: &Table, index: &Index) -> bool {
    let plain = !index.unique && index.parts.iter().all(|part| part.order == IndexOrder::Ascending);
    plain
        && table.foreign_keys.iter().any(|key| {
            index.parts.len() == key.columns.len()
                && index_covers(index, &key.columns)
                && (key.name.as_ref() == Some(&index.name) || index.name.as_str().contains("_ibfk_"))
        })
}

/// Drops the indexes made for foreign keys that a new key or index over `columns` makes needless.
pub(super) fn drop_covered(table: &mut Table, rules: &Rules, columns: &[Ident]) {
    if !rules.foreign_key_makes_index {
        return;
    }
    let needless = |index: &Index| {
        columns.len() >= index.parts.len()
            && index.parts.iter().zip(columns).all(|(own, new)| own.name() == Some(new))
            && is_implicit(table, index)
    };
    let names: Vec<Ident> =
        table.indexes.iter().filter(|index| needless(index)).map(|index| index.name.clone()).collect();
    table.indexes.retain(|index| !names.contains(&index.name));
}

/// Makes the indexes of the foreign keys of a table that has no other indexes yet. In the order of their
/// names, in which the statement has them: of those with the same columns the last gets the index.
pub(super) fn make_implicit(table: &mut Table, rules: &Rules) {
    table.indexes.clear();
    for key in table.foreign_keys.clone() {
        add_implicit(table, rules, &key);
    }
    table.sort();
}

/// Adds the index that a foreign key, which the table has by now, brings with it: none if another one than
/// those made for foreign keys of the same columns or fewer covers it.
pub(super) fn add_implicit(table: &mut Table, rules: &Rules, key: &ForeignKey) {
    let Some(name) = key.name.clone().filter(|_| rules.foreign_key_makes_index) else { return };
    let before = table.indexes.clone();
    drop_covered(table, rules, &key.columns);
    if covers(table, &key.columns) {
        table.indexes = before;
        return;
    }
    let parts = key.columns.iter().map(|column| IndexPart::column(column.clone(), IndexOrder::Ascending));
    table.indexes.push(Index { name, parts: parts.collect(), unique: false, predicate: None });
}

/// Drops the index that came with a foreign key, which the table has no longer, unless another one needs
/// it: then it takes that one's name.
pub(super) fn drop_implicit(table: &mut Table, rules: &Rules, key: &ForeignKey) {
    let mut with_key = table.clone();
    with_key.foreign_keys.push(key.clone());
    let own = |index: &Index| {
        index.parts.len() == key.columns.len() && index_covers(index, &key.columns) && is_implicit(&with_key, index)
    };
    if !rules.foreign_key_makes_index || !table.indexes.iter().any(&own) {
        return;
    }
    table.indexes.retain(|index| !own(index));
    let bare: Vec<ForeignKey> =
        table.foreign_keys.iter().filter(|other| !covers(table, &other.columns)).cloned().collect();
    for other in bare {
        add_implicit(table, rules, &other);
    }
}
