//! What an operation does to the tables: what tells whether it took effect, and what takes it back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dialect::{self, Dialect, Rendered, Statement};
use crate::operation::{Ident, Op};
use crate::schema::{self, Schema, Table};

/// What an operation does to the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The tables that it changes.
    pub changes: Vec<TableEffect>,
    /// The statements that take it back, in order; none where nothing does.
    pub undo: Option<Vec<Statement>>,
    /// Whether rows that it inserts may be numbered by the database.
    pub numbers_rows: bool,
}

/// One table before and after an operation; none where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEffect {
    /// Its name.
    pub name: Ident,
    /// Before.
    pub before: Option<Arc<Table>>,
    /// After.
    pub after: Option<Arc<Table>>,
}

impl Effect {
    pub(super) fn of(dialect: Dialect, op: &Op, statements: &[Statement], before: &Schema, after: &Schema) -> Self {
        if op.is_data() {
            return Self::on_rows(op, after);
        }
        let names: BTreeSet<&Ident> = before.tables.keys().chain(after.tables.keys()).collect();
        let changes = names.into_iter().filter_map(|name| {
            let (old, new) = (before.tables.get(name), after.tables.get(name));
            let same = match (old, new) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old == new,
                _ => false,
            };
            (!same).then(|| TableEffect { name: name.clone(), before: old.cloned(), after: new.cloned() })
        });
        let changes: Vec<TableEffect> = changes.collect();
        if changes.is_empty() && statements.is_empty() {
            return Self { changes, undo: Some(Vec::new()), numbers_rows: false };
        }
        let undo = schema::inverse(op, dialect.rules(), before, after).and_then(|back| {
            if let Op::CreateTable { table } = op {
                return Some(vec![dialect::drop_made(dialect, &table.name)]);
            }
            // It must do wherever among its statements the operation ended.
            let mut ended = after.clone();
            if let Some(leaves) = statements.iter().find_map(|statement| statement.leaves.clone()) {
                ended.tables.insert(op.subject().clone(), leaves);
            }
            match dialect::render(dialect, &back, &ended, &mut before.clone()) {
                Ok(Rendered::Statements(statements)) => Some(statements),
                Ok(Rendered::Rebuild) | Err(_) => None,
            }
        });
        Self { changes, undo, numbers_rows: false }
    }

    /// Of an operation that changes rows.
    fn on_rows(op: &Op, schema: &Schema) -> Self {
        let table = schema.tables.get(op.subject());
        let numbers_rows = table.is_some_and(|table| table.columns.iter().any(|column| column.auto_increment));
        Self { changes: Vec::new(), undo: None, numbers_rows }
    }
}
