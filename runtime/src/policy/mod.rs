//! May this package do this? Ownership, references and budgets. Pure.

mod limits;

pub use limits::{Limits, Profile, room};

use std::collections::BTreeSet;

use crate::operation::{Constraint, Ident, Op, Query};
use crate::schema::Schema;

/// What a step may touch besides the tables that it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Tables of packages that the step's package depends on: it may inspect them and refer to their
    /// keys, and nothing else.
    pub referable: BTreeSet<Ident>,
}

/// Why an operation may not be; both kinds end the step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not this package's business.
    #[error("{0}")]
    Denied(String),
    /// A budget is spent.
    #[error("{0}")]
    LimitExceeded(String),
}

/// Denies a table of a package that the step's package depends on.
fn own(access: &Access, table: &Ident) -> Result<(), PolicyError> {
    if access.referable.contains(table) {
        return Err(PolicyError::Denied(format!("table {table} belongs to another package")));
    }
    Ok(())
}

/// Judges whose rows a query reads.
pub fn judge_query(access: &Access, query: &Query) -> Result<(), PolicyError> {
    let mut judged = Ok(());
    query.each_source(&mut |source| {
        if judged.is_ok() {
            judged = own(access, &source.name);
        }
    });
    judged
}

/// Judges who owns what an operation touches. `schema` holds only own tables and [`Access::referable`]
/// ones, so a table outside both is unknown rather than denied: the guest cannot tell whether it exists.
pub fn judge(access: &Access, schema: &Schema, limits: &Limits, op: &Op) -> Result<(), PolicyError> {
    op.subjects().into_iter().try_for_each(|table| own(access, table))?;
    if let Op::RenameTable { new_name, .. } = op {
        own(access, new_name)?;
    }
    let too_many = |what: &str, table: &Ident, limit: usize| {
        Err(PolicyError::LimitExceeded(format!("table {table} would have more than {limit} {what}")))
    };
    let constraints = |table: &Ident| {
        schema.tables.get(table).map_or(0, |found| {
            found.uniques.len()
                + found.foreign_keys.len()
                + found.checks.len()
                + found.indexes.len()
                + usize::from(found.primary_key.is_some())
        })
    };
    match op {
        Op::CreateTable { table } if table.columns.len() > limits.table_columns => {
            too_many("columns", &table.name, limits.table_columns)
        }
        Op::CreateTable { table } if table.constraints.len() > limits.table_constraints => {
            too_many("constraints", &table.name, limits.table_constraints)
        }
        Op::AddColumn { table, .. }
            if schema.tables.get(table).is_some_and(|found| found.columns.len() >= limits.table_columns) =>
        {
            too_many("columns", table, limits.table_columns)
        }
        Op::CreateIndex { table, .. }
        | Op::CreateConstraint {
            table,
            constraint: Constraint::Unique(_) | Constraint::ForeignKey(_) | Constraint::Check(_),
        } if constraints(table) >= limits.table_constraints => {
            too_many("indexes and constraints", table, limits.table_constraints)
        }
        _ => Ok(()),
    }
}
