//! WITH in front of INSERT, UPDATE and DELETE: what it names is a part of each query that reads it.

use super::expr::Reader;
use super::query::SOURCES;
use super::{ParseError, too_large};
use crate::operation::{Conflict, ConflictAction, Dml, Expr, Ident, InsertSource, Query};

type Result<T> = std::result::Result<T, ParseError>;

type Named = [(Ident, Query)];

impl Reader<'_> {
    /// A statement whose queries have with them what they read of these.
    pub(super) fn with_named(&mut self, statement: Dml, named: &Named) -> Result<Dml> {
        Ok(match statement {
            Dml::Insert { table, columns, source, conflict } => {
                let source = match source {
                    InsertSource::Rows(rows) => {
                        let row = |row: Vec<Expr>| row.iter().map(|value| self.inside(value, named)).collect();
                        InsertSource::Rows(rows.into_iter().map(row).collect::<Result<_>>()?)
                    }
                    InsertSource::Query(query) => InsertSource::Query(Box::new(self.completed(*query, named)?)),
                };
                let conflict = match conflict {
                    Some(Conflict { columns, action: ConflictAction::Update(set) }) => {
                        Some(Conflict { columns, action: ConflictAction::Update(self.assigned(set, named)?) })
                    }
                    other => other,
                };
                Dml::Insert { table, columns, source, conflict }
            }
            Dml::Update { table, assignments, with, joins, condition } => {
                let derived = with.into_iter().map(|(name, query)| Ok((name, self.completed(query, named)?)));
                let mut with = derived.collect::<Result<Vec<_>>>()?;
                for (at, (name, query)) in named.iter().enumerate() {
                    if joins.iter().any(|join| join.source.name == *name) {
                        let query = self.copied(query)?;
                        with.push((name.clone(), self.completed(query, named.get(..at).unwrap_or_default())?));
                    }
                }
                let mut joined = Vec::with_capacity(joins.len());
                for mut join in joins {
                    join.on = self.inside(&join.on, named)?;
                    joined.push(join);
                }
                let assignments = self.assigned(assignments, named)?;
                let condition = condition.map(|condition| self.inside(&condition, named)).transpose()?;
                Dml::Update { table, assignments, with, joins: joined, condition }
            }
            Dml::Delete { table, condition } => {
                Dml::Delete { table, condition: condition.map(|condition| self.inside(&condition, named)).transpose()? }
            }
        })
    }

    fn assigned(&mut self, set: Vec<(Ident, Expr)>, named: &Named) -> Result<Vec<(Ident, Expr)>> {
        set.into_iter().map(|(column, value)| Ok((column, self.inside(&value, named)?))).collect()
    }

    /// An expression whose subqueries have with them what they read.
    fn inside(&mut self, expr: &Expr, named: &Named) -> Result<Expr> {
        expr.try_map(&mut |expr| {
            Ok(match expr {
                Expr::Scalar(query) => Expr::Scalar(Box::new(self.completed(*query, named)?)),
                Expr::Exists(query) => Expr::Exists(Box::new(self.completed(*query, named)?)),
                Expr::InQuery { operand, query, negated } => {
                    Expr::InQuery { operand, query: Box::new(self.completed(*query, named)?), negated }
                }
                other => other,
            })
        })
    }

    /// A query with what it reads of these, and what that reads of those before, in front of its own named queries.
    fn completed(&mut self, mut query: Query, named: &Named) -> Result<Query> {
        let mut read = Vec::new();
        query.each_source(&mut |source| read.push(source.name.clone()));
        for (name, found) in named.iter().rev() {
            if read.contains(name) && !query.with.iter().any(|(own, _)| own == name) {
                found.each_source(&mut |source| read.push(source.name.clone()));
                query.with.insert(0, (name.clone(), self.copied(found)?));
            }
        }
        Ok(query)
    }

    /// One more copy, which counts as if it had been written there.
    fn copied(&mut self, query: &Query) -> Result<Query> {
        query.each_source(&mut |_| self.sources += 1);
        if self.sources > SOURCES {
            return Err(too_large(format!("the statement reads from more than {SOURCES} tables")));
        }
        Ok(query.clone())
    }
}
