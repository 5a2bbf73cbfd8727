//! What brings tables that another tool made to the model's own types and names without loss.

use super::{Rules, Schema, Table, index};
use crate::operation::{Change, ColumnChanges, ColumnType, Ident, Index, IndexPart, Op};

/// The operations that bring `found` nearer to `expected`: a column of a type that holds less than the one expected is
/// widened to it, and the index that the database made for a foreign key without a name gets the name of the foreign
/// key, as every such index has in the model. None where nothing differs in that way.
pub fn conform(expected: &Schema, found: &Schema, rules: &Rules) -> Vec<Op> {
    let both = found.tables.iter().filter_map(|(name, found)| Some((name, expected.tables.get(name)?, found)));
    both.flat_map(|(name, expected, found)| {
        let mut operations = widened(name, expected, found);
        operations.extend(renamed(name, expected, found, rules));
        operations
    })
    .collect()
}

fn widened(name: &Ident, expected: &Table, found: &Table) -> Vec<Op> {
    let narrow = found.columns.iter().filter_map(|column| {
        let wanted = expected.column(&column.name)?.portable_type()?;
        is_shorter(column.portable_type()?, wanted).then(|| Op::AlterColumn {
            table: name.clone(),
            name: column.name.clone(),
            changes: ColumnChanges {
                column_type: Some(wanted.clone()),
                nullable: None,
                default: Change::Keep,
                comment: Change::Keep,
            },
        })
    });
    narrow.collect()
}

/// Whether it is the same type but for fewer digits after the second.
fn is_shorter(found: &ColumnType, wanted: &ColumnType) -> bool {
    use ColumnType::{Time, Timestamp, TimestampWithZone};
    match (found, wanted) {
        (Time(few), Time(more))
        | (Timestamp(few), Timestamp(more))
        | (TimestampWithZone(few), TimestampWithZone(more)) => few < more,
        _ => false,
    }
}

fn renamed(name: &Ident, expected: &Table, found: &Table, rules: &Rules) -> Vec<Op> {
    let mut free: Vec<&Index> = found.indexes.iter().filter(|index| !has(expected, &index.name)).collect();
    let mut operations = Vec::new();
    for wanted in expected.indexes.iter().filter(|index| !has(found, &index.name)) {
        if !rules.foreign_key_makes_index || !index::is_implicit(expected, wanted) {
            continue;
        }
        let serves = |other: &&Index| {
            other.parts == wanted.parts
                && other.predicate == wanted.predicate
                && other.unique == wanted.unique
                && is_named_after_its_column(other)
        };
        if let Some(position) = free.iter().position(serves) {
            let index = free.remove(position);
            operations.push(Op::RenameIndex {
                table: name.clone(),
                name: index.name.clone(),
                new_name: wanted.name.clone(),
            });
        }
    }
    operations
}

fn has(table: &Table, name: &Ident) -> bool {
    table.indexes.iter().any(|index| index.name == *name)
}

/// How MariaDB calls an index without a name: after its first column, with `_2` and so on where that is taken.
fn is_named_after_its_column(index: &Index) -> bool {
    let first = index.parts.first().and_then(IndexPart::name).map_or("", Ident::as_str);
    match index.name.as_str().strip_prefix(first) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('_').is_some_and(|number| number.parse::<u8>().is_ok()),
        None => false,
    }
}
