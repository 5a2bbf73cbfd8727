//! Shapes of a table that a server refuses, or quietly makes something else of: keys over types that
//! cannot be compared or are too long, checks over columns that the server itself changes. Refused here,
//! while the step is planned, so that no such statement fails half way.

use crate::dialect::{Dialect, Unsupported};
use crate::operation::{ColumnType, Ident, ReferentialAction};
use crate::schema::{CheckCondition, ModelType, Table};

/// InnoDB's longest key, in bytes; utf8mb4 takes four a character. A longer index is cut to a prefix, a
/// longer unique constraint becomes a hash.
const MARIADB_KEY_BYTES: u32 = 3_072;

/// Refuses what is wrong with a table after an operation and was not wrong before.
pub(super) fn check(dialect: Dialect, before: Option<&Table>, after: &Table) -> Result<(), Unsupported> {
    let known = before.map(|table| problems(dialect, table)).unwrap_or_default();
    match problems(dialect, after).into_iter().find(|problem| !known.contains(problem)) {
        Some(problem) => Err(Unsupported(problem)),
        None => Ok(()),
    }
}

fn problems(dialect: Dialect, table: &Table) -> Vec<String> {
    match dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres => keys(table).filter_map(|key| postgres_key(table, &key)).collect(),
        Dialect::Mariadb => {
            let keys = keys(table).filter_map(|key| mariadb_key(table, &key));
            keys.chain(mariadb_checks(table)).collect()
        }
    }
}

/// The columns of everything that is or has an index.
fn keys(table: &Table) -> impl Iterator<Item = Vec<&Ident>> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| key.columns.iter().collect());
    keys.chain(table.indexes.iter().map(|index| index.columns.iter().map(|column| &column.name).collect()))
}

fn portable(table: &Table, column: &Ident) -> Option<ColumnType> {
    match table.column(column)?.column_type {
        ModelType::Portable(column_type) => Some(column_type),
        ModelType::Opaque(_) => None,
    }
}

fn postgres_key(table: &Table, key: &[&Ident]) -> Option<String> {
    let json = key.iter().find(|column| portable(table, column) == Some(ColumnType::Json))?;
    Some(format!("PostgreSQL has no key or index over a json column such as {json}"))
}

fn mariadb_key(table: &Table, key: &[&Ident]) -> Option<String> {
    let mut bytes = 0_u32;
    for column in key {
        match portable(table, column) {
            Some(ColumnType::Text | ColumnType::Binary | ColumnType::Json) => {
                return Some(format!(
                    "MariaDB has no key or index over the whole of a text, binary or json column such as {column}; a \
                     varchar has a bound"
                ));
            }
            Some(ColumnType::Varchar(length)) => bytes = bytes.saturating_add(length.saturating_mul(4)),
            _ => {}
        }
    }
    let columns = key.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(", ");
    (bytes > MARIADB_KEY_BYTES).then(|| {
        format!("a key or index over {columns} is too long for MariaDB: {MARIADB_KEY_BYTES} bytes, four a character")
    })
}

/// MariaDB takes no check over a column that it numbers or that a foreign key changes.
fn mariadb_checks(table: &Table) -> Vec<String> {
    let changes = |action| matches!(action, ReferentialAction::Cascade | ReferentialAction::SetNull);
    let mut problems = Vec::new();
    for check in &table.checks {
        let CheckCondition::Portable(condition) = &check.condition else { continue };
        for name in condition.columns() {
            if table.column(name).is_some_and(|column| column.auto_increment) {
                problems.push(format!("MariaDB takes no check over the auto-increment column {name}"));
            }
            let changing = table.foreign_keys.iter().any(|key| {
                key.columns.contains(name) && (changes(key.on_update) || key.on_delete == ReferentialAction::SetNull)
            });
            if changing {
                problems.push(format!(
                    "MariaDB takes no check over column {name}, which a foreign key changes by its action"
                ));
            }
        }
    }
    problems
}
