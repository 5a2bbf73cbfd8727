//! Follows, in the definition that SQLite keeps of a table, what operations make of it: its own ALTER TABLE does
//! the same, and a rebuild takes the definition from here. Whatever an operation is not about stays as it is
//! written.

use std::ops::Range;
use std::sync::Arc;

use super::super::constraint::{self, Found};
use super::super::{column, find, find_column};
use crate::dialect::catalog::{condition, expression};
use crate::dialect::definition::{Clause, ClauseKind, ColumnText, Definition, Name};
use crate::dialect::{Dialect, Unsupported, normal_form, quote, render_expr};
use crate::operation::{Ident, Op, Position};
use crate::schema::{CheckCondition, Column, Schema, Table, Written};

const DIALECT: Dialect = Dialect::Sqlite;

/// A piece of the text, and what comes in its place.
type Edit = (Range<usize>, String);
type Edits = Result<Vec<Edit>, Unsupported>;

/// Carries the definitions of all tables over an operation that took `before` to `after`.
///
/// # Errors
/// A definition that is not understood, or in which what is meant is not found; it is forgotten.
pub(super) fn follow(op: &Op, before: &Schema, after: &mut Schema) -> Result<(), Unsupported> {
    let name = op.subject();
    match op {
        Op::CreateTable { .. } | Op::DropTable { .. } => Ok(()),
        Op::CreateIndex { .. } | Op::DropIndex { .. } | Op::RenameIndex { .. } => Ok(()),
        Op::BulkInsert { .. } | Op::Execute { .. } => Ok(()),
        Op::RenameConstraint { .. } | Op::DropUsedColumn { .. } => Err(not_found()),
        Op::CreateEnum { .. } | Op::DropEnum { .. } | Op::RenameEnum { .. } => Ok(()),
        Op::AddEnumValue { .. } | Op::RenameEnumValue { .. } => Ok(()),
        Op::RenameTable { new_name, .. } => {
            rewrite(after, new_name, |_, definition, _| Ok(vec![named(definition, new_name)]))?;
            references(after, new_name, |referred, _| {
                Vec::from_iter(referred.is(name.as_str()).then(|| (referred.span.clone(), quote(DIALECT, new_name))))
            })
        }
        Op::RenameColumn { name: column, new_name, .. } => {
            let columns = &find(before, name)?.columns;
            rewrite(after, name, |_, definition, sql| Ok(column_renamed(columns, definition, sql, column, new_name)))?;
            references(after, name, |referred, columns| match referred.is(name.as_str()) {
                true => names_renamed(columns, column, new_name),
                false => Vec::new(),
            })
        }
        Op::AddColumn { column, .. } => rewrite(after, name, |table, definition, _| {
            let added = column::definition(DIALECT, find_column(table, &column.name)?, None)?;
            // Where SQLite's own ALTER TABLE puts it: a definition that was read and one that was followed are the same.
            let end = match (definition.constraints.is_empty(), definition.columns.last()) {
                (false, Some(last)) => last.span.end,
                _ => definition.end.saturating_sub(1),
            };
            Ok(vec![(end..end, format!(", {added}"))])
        }),
        Op::DropColumn { name: column, .. } => rewrite(after, name, |_, definition, _| {
            let spans: Vec<&Range<usize>> = definition.columns.iter().map(|column| &column.span).collect();
            let position = definition.columns.iter().position(|found| found.name.is(column.as_str()));
            Ok(vec![(without(&spans, position)?, String::new())])
        }),
        Op::AlterColumn { name: column, .. } => {
            let old = find_column(find(before, name)?, column)?;
            rewrite(after, name, |table, definition, sql| {
                let written = definition.column(column.as_str()).ok_or_else(not_found)?;
                column_altered(sql, written, old, find_column(table, column)?)
            })
        }
        Op::CreateConstraint { .. } => {
            let old = find(before, name)?;
            rewrite(after, name, |table, definition, _| {
                let end = definition.last();
                // On a line of its own: SQLAlchemy reads names of constraints line by line.
                Ok(vec![(end..end, format!(",\n    {}", constraint::added(DIALECT, old, table)?))])
            })
        }
        Op::DropConstraint { .. } => {
            let old = find(before, name)?;
            rewrite(after, name, |table, definition, sql| {
                Ok(vec![(constraint_span(definition, sql, &constraint::difference(old, table)?)?, String::new())])
            })
        }
    }
}

fn not_found() -> Unsupported {
    Unsupported("SQLite cannot do it in place, and the table's definition is not one that can be taken apart".into())
}

/// Changes the definition of a table.
fn rewrite(
    schema: &mut Schema,
    name: &Ident,
    edits: impl FnOnce(&Table, &Definition, &str) -> Edits,
) -> Result<(), Unsupported> {
    let table = schema.tables.get_mut(name).map(Arc::make_mut).ok_or_else(not_found)?;
    let sql = std::mem::take(&mut table.written.0);
    let definition = Definition::parse(&sql).ok_or_else(not_found)?;
    let edits = edits(table, &definition, &sql)?;
    table.written = Written(edited(&sql, edits).ok_or_else(not_found)?);
    Ok(())
}

fn edited(sql: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for (place, new) in edits {
        text.push_str(sql.get(done..place.start)?);
        text.push_str(&new);
        done = place.end;
    }
    text.push_str(sql.get(done..)?);
    Some(text)
}

fn named(definition: &Definition, name: &Ident) -> Edit {
    (definition.name.span.clone(), quote(DIALECT, name))
}

/// A definition under another name, whose body follows at once.
pub(super) fn under(sql: &str, definition: &Definition, name: &str) -> String {
    format!("CREATE TABLE \"{name}\" {}", sql.get(definition.body..).unwrap_or_default())
}

/// Changes the references of every table that has some to one.
fn references(
    schema: &mut Schema,
    referred: &Ident,
    edits: impl Fn(&Name, &[Name]) -> Vec<Edit>,
) -> Result<(), Unsupported> {
    let refers = |table: &Arc<Table>| table.foreign_keys.iter().any(|key| key.referred_table == *referred);
    let tables = schema.tables.iter().filter(|(_, table)| refers(table));
    let names: Vec<Ident> = tables.map(|(name, _)| name.clone()).collect();
    names.iter().try_for_each(|name| {
        rewrite(schema, name, |_, definition, _| {
            let of = |clause: &Clause| match &clause.kind {
                ClauseKind::ForeignKey { referred, referred_columns, .. } => edits(referred, referred_columns),
                _ => Vec::new(),
            };
            Ok(definition.clauses().flat_map(|(_, clause)| of(clause)).collect())
        })
    })
}

fn names_renamed(names: &[Name], old: &Ident, new: &Ident) -> Vec<Edit> {
    let meant = names.iter().filter(|name| name.is(old.as_str()));
    meant.map(|name| (name.span.clone(), quote(DIALECT, new))).collect()
}

/// A column renamed in its own table but for references. The model refuses it where anything that it does not
/// understand may mention the column.
fn column_renamed(columns: &[Column], definition: &Definition, sql: &str, old: &Ident, new: &Ident) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    edits.extend(
        definition.columns.iter().flat_map(|column| names_renamed(std::slice::from_ref(&column.name), old, new)),
    );
    for (_, clause) in definition.clauses() {
        match &clause.kind {
            ClauseKind::PrimaryKey { columns: listed }
            | ClauseKind::Unique { columns: listed }
            | ClauseKind::ForeignKey { columns: listed, .. } => edits.extend(names_renamed(listed, old, new)),
            ClauseKind::Check { condition: place } => {
                let text = sql.get(place.clone()).unwrap_or_default();
                if let CheckCondition::Portable(found) = condition(DIALECT, text)
                    && found.columns().contains(old)
                {
                    let renamed = normal_form(DIALECT, &found.with_column_renamed(old, new));
                    edits.push((place.clone(), render_expr(DIALECT, &renamed)));
                }
            }
            ClauseKind::Generated { expression: place } => {
                let text = sql.get(place.clone()).unwrap_or_default();
                let found = expression(DIALECT, Position::Computed, text, columns);
                if let Some(renamed) = found.filter(|found| found.columns().contains(old)) {
                    let renamed = normal_form(DIALECT, &renamed.with_column_renamed(old, new));
                    edits.push((place.clone(), render_expr(DIALECT, &renamed)));
                }
            }
            _ => {}
        }
    }
    edits
}

/// The place of one of several elements together with the comma that goes with it.
fn without(spans: &[&Range<usize>], position: Option<usize>) -> Result<Range<usize>, Unsupported> {
    let position = position.ok_or_else(not_found)?;
    let span = spans.get(position).ok_or_else(not_found)?;
    let before = position.checked_sub(1).and_then(|before| spans.get(before));
    Ok(match (before, spans.get(position + 1)) {
        (Some(before), _) => before.end..span.end,
        (None, Some(after)) => span.start..after.start,
        (None, None) => (*span).clone(),
    })
}

/// The place of a clause with the blanks before it. A line break may be the end of a comment and stays.
fn with_space(sql: &str, span: &Range<usize>) -> Range<usize> {
    let before = sql.get(..span.start).unwrap_or_default();
    before.trim_end_matches([' ', '\t']).len()..span.end
}

fn column_altered(sql: &str, written: &ColumnText, old: &Column, new: &Column) -> Edits {
    let mut edits: Vec<Edit> = Vec::new();
    let mut added = String::new();
    let mut remove = |kinds: &[ClauseKind]| {
        let clauses = written.clauses.iter().filter(|clause| kinds.contains(&clause.kind));
        edits.extend(clauses.map(|clause| (with_space(sql, &clause.span), String::new())));
    };
    if old.nullable != new.nullable {
        remove(if new.nullable { &[ClauseKind::NotNull] } else { &[ClauseKind::NotNull, ClauseKind::Null] });
        if !new.nullable {
            added.push_str(" NOT NULL");
        }
    }
    if old.default != new.default {
        remove(&[ClauseKind::Default]);
        if let Some(default) = &new.default {
            added.push_str(&format!(" DEFAULT {}", column::default_text(DIALECT, new, default)?));
        }
    }
    if old.column_type != new.column_type {
        let space = if written.declared.is_empty() { " " } else { "" };
        edits.push((written.declared.clone(), format!("{space}{}", column::column_type(DIALECT, new)?)));
    }
    edits.push((written.span.end..written.span.end, added));
    Ok(edits)
}

/// The place of a constraint, with its comma if it is one of the table's.
fn constraint_span(definition: &Definition, sql: &str, found: &Found<'_>) -> Result<Range<usize>, Unsupported> {
    let mut meant = definition.clauses().filter(|(column, clause)| is_meant(clause, *column, sql, found));
    if let Some((Some(_), clause)) = meant.next() {
        return Ok(with_space(sql, &clause.span));
    }
    let columns = definition.columns.iter().map(|column| &column.span);
    let spans: Vec<&Range<usize>> = columns.chain(definition.constraints.iter().map(|clause| &clause.span)).collect();
    let position = definition.constraints.iter().position(|clause| is_meant(clause, None, sql, found));
    without(&spans, position.map(|position| definition.columns.len() + position))
}

fn is_meant(clause: &Clause, own: Option<&ColumnText>, sql: &str, found: &Found<'_>) -> bool {
    let over = |listed: &[Name], columns: &[Ident]| {
        let names: Vec<&Name> = own.map(|column| &column.name).into_iter().chain(listed).collect();
        names.len() == columns.len() && names.iter().zip(columns).all(|(name, column)| name.is(column.as_str()))
    };
    let same = match (&clause.kind, found) {
        (ClauseKind::PrimaryKey { columns }, Found::PrimaryKey(key))
        | (ClauseKind::Unique { columns }, Found::Unique(key)) => over(columns, &key.columns),
        (ClauseKind::ForeignKey { columns, referred, .. }, Found::ForeignKey(key)) => {
            over(columns, &key.columns) && referred.is(key.referred_table.as_str())
        }
        (ClauseKind::Check { condition: place }, Found::Check(check)) => {
            sql.get(place.clone()).is_some_and(|text| condition(DIALECT, text) == check.condition)
        }
        _ => false,
    };
    same && clause.name.as_deref() == found.name().map(Ident::as_str)
}
