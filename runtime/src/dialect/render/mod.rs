//! `Op` + model → statements: the one line from an operation to SQL. Each file owns the operations on its
//! noun. Names are always quoted, constants are literals, expressions come from the closed type; no text
//! is passed through.
//!
//! What a dialect cannot do is refused with a reason. Names of constraints come from the model after the
//! operation, where default names are filled in, so that a server never chooses one.

mod column;
mod computed;
mod constraint;
mod data;
mod enumeration;
mod index;
mod rebuild;
mod row;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use rebuild::{REBUILT, rebuild};
pub use table::drop_made;
pub use types::type_name;

use enumeration::labels;

use super::{Dialect, Statement, StatementKind, Unsupported, quote};
use crate::operation::{Change, ColumnChanges, Comment, Demand, Ident, Op};
use crate::schema::{Column, Schema, Table};

/// What becomes of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// These statements; none when it changes nothing on this dialect (a comment that may be left out).
    Statements(Vec<Statement>),
    /// SQLite has no statement for it: its table is built anew, see [`rebuild`].
    Rebuild,
}

/// Renders one operation that `schema::apply` took from `before` to `after`. On SQLite the definitions that the
/// tables have are carried from the one to the other.
///
/// # Errors
/// What the dialect cannot do is refused with the reason; nothing is dropped silently.
pub fn render(dialect: Dialect, op: &Op, before: &Schema, after: &mut Schema) -> Result<Rendered, Unsupported> {
    if matches!(
        op,
        Op::CreateTable { .. }
            | Op::AddColumn { .. }
            | Op::AlterColumn { .. }
            | Op::CreateIndex { .. }
            | Op::CreateConstraint { .. }
    ) {
        let name = op.subject();
        shape::check(dialect, before.tables.get(name).map(|table| &**table), find(after, name)?)?;
    }
    if dialect == Dialect::Sqlite && needs_rebuild(op, before, after)? {
        rebuild::change(op, before, after)?;
        return Ok(Rendered::Rebuild);
    }
    let statements = statements(dialect, op, before, after)?;
    if dialect == Dialect::Sqlite {
        rebuild::follow(op, before, after, &statements);
    }
    Ok(Rendered::Statements(statements))
}

/// Whether SQLite's ALTER TABLE cannot do it.
fn needs_rebuild(op: &Op, before: &Schema, after: &Schema) -> Result<bool, Unsupported> {
    match op {
        Op::AddColumn { table, column } => {
            check_comment(Dialect::Sqlite, column.comment.as_ref())?;
            Ok(column::needs_rebuild(find_column(find(after, table)?, &column.name)?))
        }
        Op::AlterColumn { table, name, changes } => {
            check_changed_comment(Dialect::Sqlite, changes)?;
            Ok(find_column(find(before, table)?, name)? != find_column(find(after, table)?, name)?)
        }
        Op::CreateConstraint { .. } | Op::DropConstraint { .. } => Ok(true),
        _ => Ok(false),
    }
}

fn statements(dialect: Dialect, op: &Op, before: &Schema, after: &Schema) -> Result<Vec<Statement>, Unsupported> {
    match op {
        Op::CreateTable { table } => table::create(dialect, table, find(after, &table.name)?),
        Op::DropTable { name } => table::drop(dialect, name, find(before, name)?),
        Op::RenameTable { name, new_name } => Ok(table::rename(dialect, name, new_name)),
        Op::AddColumn { table, column } => column::add(dialect, table, column, find(after, table)?),
        Op::DropColumn { table, name } | Op::DropUsedColumn { table, name } => {
            Ok(column::drop(dialect, table, name, find(before, table)?))
        }
        Op::RenameColumn { table, name, new_name } => {
            let renamed = find_column(find(after, table)?, new_name)?;
            Ok(column::rename(dialect, table, name, renamed))
        }
        Op::AlterColumn { table, name, changes } => {
            check_changed_comment(dialect, changes)?;
            let (old, new) = (find(before, table)?, find(after, table)?);
            let (old, new) = (find_column(old, name)?, find_column(new, name)?);
            if old == new { Ok(Vec::new()) } else { column::alter(dialect, table, old, new) }
        }
        Op::CreateIndex { table, index, online } => {
            let (before, after) = (find(before, table)?, find(after, table)?);
            if before == after {
                // The very index that the database made for a foreign key.
                return Ok(Vec::new());
            }
            // In the model it is in its normal form, or a constraint.
            let found = after.indexes.iter().find(|found| found.name == index.name).unwrap_or(index);
            index::create(dialect, table, found, *online, before, after)
        }
        Op::DropIndex { table, name, online } => index::drop(dialect, table, name, *online),
        Op::RenameIndex { table, name, new_name } => index::rename(dialect, table, name, new_name),
        Op::CreateConstraint { table, constraint: _ } => {
            constraint::create(dialect, table, find(before, table)?, find(after, table)?)
        }
        Op::DropConstraint { table, which: _ } => {
            constraint::drop(dialect, table, find(before, table)?, find(after, table)?)
        }
        Op::RenameConstraint { table, name, new_name } => constraint::rename(dialect, table, name, new_name),
        Op::CreateEnum { name, labels } => enumeration::create(dialect, name, labels),
        Op::DropEnum { name } => Ok(enumeration::drop(dialect, name)),
        Op::RenameEnum { name, new_name } => Ok(enumeration::rename(dialect, name, new_name)),
        Op::AddEnumValue { name, label, place } => enumeration::add_value(dialect, name, label, place),
        Op::RenameEnumValue { name, label, new_label } => enumeration::rename_value(dialect, name, label, new_label),
        Op::BulkInsert { table, columns, rows } => {
            data::bulk_insert(dialect, table, columns, rows, find(after, table)?)
        }
        Op::Execute { statement } => data::execute(dialect, statement, after),
    }
}

/// The table of that name. `schema::apply` has made sure of it, so the error is never seen.
fn find<'a>(schema: &'a Schema, name: &Ident) -> Result<&'a Table, Unsupported> {
    schema.tables.get(name).map(|table| &**table).ok_or_else(|| Unsupported(format!("there is no table {name}")))
}

/// The column of that name; see [`find`].
fn find_column<'a>(table: &'a Table, name: &Ident) -> Result<&'a Column, Unsupported> {
    table.column(name).ok_or_else(|| Unsupported(format!("there is no column {name}")))
}

/// Refuses a comment that is demanded where there are none.
fn check_comment(dialect: Dialect, comment: Option<&Comment>) -> Result<(), Unsupported> {
    match comment {
        Some(Comment { demand: Demand::Required, .. }) if dialect == Dialect::Sqlite => {
            Err(Unsupported("SQLite has no comments; ask for this one with `if-supported`".into()))
        }
        _ => Ok(()),
    }
}

fn check_changed_comment(dialect: Dialect, changes: &ColumnChanges) -> Result<(), Unsupported> {
    match &changes.comment {
        Change::Set(comment) => check_comment(dialect, Some(comment)),
        _ => Ok(()),
    }
}

/// A statement that changes the schema.
fn schema_statement(sql: String) -> Statement {
    Statement { sql, kind: StatementKind::Schema, leaves: None, concurrent: None }
}

/// A statement that changes rows.
fn data_statement(sql: String) -> Statement {
    Statement { sql, kind: StatementKind::Data, leaves: None, concurrent: None }
}

/// Quoted names with commas between.
fn names<'a>(dialect: Dialect, names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(|name| quote(dialect, name)).collect::<Vec<_>>().join(", ")
}
