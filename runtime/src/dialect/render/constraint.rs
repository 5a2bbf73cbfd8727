//! Constraints: their clauses in CREATE TABLE and ADD, and dropping them.

use super::{names, schema_statement};
use crate::dialect::{Dialect, Statement, Unsupported, quote, render_expr};
use crate::operation::{ForeignKey, Ident, IndexPart, Key, ReferentialAction};
use crate::schema::{Check, CheckCondition, Table};

/// The clauses of every constraint of a table that is not part of a column's definition, and on PostgreSQL no [`repeated`] key.
pub(super) fn clauses(dialect: Dialect, table: &Table) -> Result<Vec<String>, Unsupported> {
    let inline =
        |key: &Key| table.columns.iter().any(|column| super::column::inline_key(dialect, table, column) == Some(key));
    let mut clauses = Vec::new();
    clauses.extend(table.primary_key.iter().filter(|key| !inline(key)).map(|key| primary_key(dialect, key)));
    let told = |key: &&Key| dialect != Dialect::Postgres || !is_repeated(table, key);
    clauses.extend(table.uniques.iter().filter(told).map(|key| unique(dialect, key)));
    clauses.extend(table.foreign_keys.iter().map(|key| foreign_key(dialect, key)));
    for found in &table.checks {
        clauses.push(check(dialect, found)?);
    }
    Ok(clauses)
}

/// Whether another key before it is over the same columns.
fn is_repeated(table: &Table, key: &Key) -> bool {
    let before = table.uniques.iter().take_while(|other| !std::ptr::eq(*other, key));
    table.primary_key.iter().chain(before).any(|other| other.columns == key.columns)
}

/// The statements that make the keys of a new table which PostgreSQL would take for one with another if CREATE TABLE had
/// them all.
pub(super) fn repeated(dialect: Dialect, name: &Ident, table: &Table) -> Vec<Statement> {
    let keys = table.uniques.iter().filter(|key| dialect == Dialect::Postgres && is_repeated(table, key));
    let add = |key| schema_statement(format!("ALTER TABLE {} ADD {}", quote(dialect, name), unique(dialect, key)));
    keys.map(add).collect()
}

fn named(dialect: Dialect, name: Option<&Ident>, clause: String) -> String {
    match name {
        Some(name) => format!("CONSTRAINT {} {clause}", quote(dialect, name)),
        None => clause,
    }
}

fn primary_key(dialect: Dialect, key: &Key) -> String {
    // MariaDB calls every primary key PRIMARY.
    let name = key.name.as_ref().filter(|_| dialect != Dialect::Mariadb);
    named(dialect, name, format!("PRIMARY KEY ({})", names(dialect, &key.columns)))
}

fn unique(dialect: Dialect, key: &Key) -> String {
    named(dialect, key.name.as_ref(), format!("UNIQUE ({})", names(dialect, &key.columns)))
}

/// The actions are always spelled out: left out they mean NO ACTION, but RESTRICT on MariaDB.
fn foreign_key(dialect: Dialect, key: &ForeignKey) -> String {
    let clause = format!(
        "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
        names(dialect, &key.columns),
        quote(dialect, &key.referred_table),
        names(dialect, &key.referred_columns),
        action(key.on_delete),
        action(key.on_update),
    );
    named(dialect, key.name.as_ref(), clause)
}

fn action(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
    }
}

fn check(dialect: Dialect, check: &Check) -> Result<String, Unsupported> {
    match &check.condition {
        CheckCondition::Portable(condition) => {
            Ok(named(dialect, check.name.as_ref(), format!("CHECK ({})", render_expr(dialect, condition))))
        }
        CheckCondition::Opaque(_) => Err(Unsupported("the contract cannot express this check".into())),
    }
}

/// One constraint of a table, as found by comparing the table before and after.
pub(super) enum Found<'a> {
    PrimaryKey(&'a Key),
    Unique(&'a Key),
    ForeignKey(&'a ForeignKey),
    Check(&'a Check),
}

impl Found<'_> {
    pub(super) fn name(&self) -> Option<&Ident> {
        match self {
            Self::PrimaryKey(key) | Self::Unique(key) => key.name.as_ref(),
            Self::ForeignKey(key) => key.name.as_ref(),
            Self::Check(check) => check.name.as_ref(),
        }
    }
}

/// The constraint that `more` has and `fewer` has not.
pub(super) fn difference<'a>(more: &'a Table, fewer: &Table) -> Result<Found<'a>, Unsupported> {
    let key = more.primary_key.as_ref().filter(|_| fewer.primary_key.is_none()).map(Found::PrimaryKey);
    let unique = || more.uniques.iter().find(|key| !fewer.uniques.contains(key)).map(Found::Unique);
    let foreign = || more.foreign_keys.iter().find(|key| !fewer.foreign_keys.contains(key)).map(Found::ForeignKey);
    let check = || more.checks.iter().find(|check| !fewer.checks.contains(check)).map(Found::Check);
    key.or_else(unique)
        .or_else(foreign)
        .or_else(check)
        .ok_or_else(|| Unsupported("the table has the very same constraint already, without a name".into()))
}

/// The clause of the constraint that a table has after an operation and had not before.
pub(super) fn added(dialect: Dialect, before: &Table, after: &Table) -> Result<String, Unsupported> {
    match difference(after, before)? {
        Found::PrimaryKey(key) => Ok(primary_key(dialect, key)),
        Found::Unique(key) => Ok(unique(dialect, key)),
        Found::ForeignKey(key) => Ok(foreign_key(dialect, key)),
        Found::Check(found) => check(dialect, found),
    }
}

/// `ADD CONSTRAINT`; on MariaDB together with the drop of the index of another foreign key that it replaces.
pub(super) fn create(
    dialect: Dialect,
    table: &Ident,
    before: &Table,
    after: &Table,
) -> Result<Vec<Statement>, Unsupported> {
    let clause = added(dialect, before, after)?;
    let replaced = super::index::replaced(dialect, before, after);
    Ok(vec![schema_statement(format!("ALTER TABLE {} ADD {clause}{replaced}", quote(dialect, table)))])
}

/// `DROP CONSTRAINT`; on MariaDB by kind, and with the index that the foreign key brought; where
/// another foreign key needs that one, the model has it under the other's name.
pub(super) fn drop(
    dialect: Dialect,
    table: &Ident,
    before: &Table,
    after: &Table,
) -> Result<Vec<Statement>, Unsupported> {
    let found = difference(before, after)?;
    let name = found
        .name()
        .map(|name| quote(dialect, name))
        .ok_or_else(|| Unsupported("the constraint has no name to drop it by".into()))?;
    let action = match (dialect, &found) {
        (Dialect::Mariadb, Found::PrimaryKey(_)) => "DROP PRIMARY KEY".to_owned(),
        (Dialect::Mariadb, Found::Unique(_)) => format!("DROP INDEX {name}"),
        (Dialect::Mariadb, Found::ForeignKey(_)) => {
            let gone = super::index::replaced(dialect, before, after);
            let come = after.indexes.iter().filter(|index| !before.indexes.contains(index));
            let come = come.map(|index| {
                let columns = names(dialect, index.parts.iter().filter_map(IndexPart::name));
                format!(", ADD INDEX {} ({columns})", quote(dialect, &index.name))
            });
            let come: String = come.collect();
            format!("DROP FOREIGN KEY {name}{gone}{come}")
        }
        _ => format!("DROP CONSTRAINT {name}"),
    };
    Ok(vec![schema_statement(format!("ALTER TABLE {} {action}", quote(dialect, table)))])
}

/// `RENAME CONSTRAINT`.
///
/// # Errors
/// Only PostgreSQL has it.
pub(super) fn rename(
    dialect: Dialect,
    table: &Ident,
    name: &Ident,
    new_name: &Ident,
) -> Result<Vec<Statement>, Unsupported> {
    if dialect != Dialect::Postgres {
        return Err(Unsupported(format!("{dialect} cannot rename a constraint; drop it and make it anew")));
    }
    let (table, name, new_name) = (quote(dialect, table), quote(dialect, name), quote(dialect, new_name));
    Ok(vec![schema_statement(format!("ALTER TABLE {table} RENAME CONSTRAINT {name} TO {new_name}"))])
}
