//! Queries and what is around them: every name is looked up in the model, so that a server has nothing to guess, and
//! what is costly by its very form is refused.

use std::cell::Cell;
use std::sync::Arc;

use super::exact::either;
use super::joins::expanded;
use super::kind::Kind;
use super::scope::{Columns, Scope, Source};
use super::typing::{mismatch, not_found};
use super::{Column, Schema, SchemaError, Table, find, invalid};
use crate::operation::{
    ColumnType, Conflict, ConflictAction, Dml, Expr, Ident, InsertSource, OrderBy, Ordering, Query, Select, Value,
    coerce,
};

type Result<T> = std::result::Result<T, SchemaError>;

/// A column that a query yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) name: Ident,
    pub(super) kind: Kind,
    pub(super) exact: Option<ColumnType>,
    /// The value where it is a constant.
    pub(super) constant: Option<Value>,
    /// Whether it differs from row to row, as far as its form tells.
    pub(super) varies: bool,
}

impl Output {
    /// Whether it is a constant that is a value of another column's type.
    fn fits(&self, other: &Self) -> bool {
        matches!((&self.constant, &other.exact), (Some(value), Some(exact)) if coerce(value, exact).is_ok())
    }
}

impl Schema {
    /// The same query with every column called by its source, once all of them are found and fit.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_query(&self, query: &Query) -> std::result::Result<Query, SchemaError> {
        Scope::default().reading(self).query(query).map(|(query, _)| query)
    }

    /// The same statement with every column of a query called by its source, once all of them are found and fit.
    ///
    /// # Errors
    /// A table or column that is not there, one that may be meant twice, types that do not fit, a join or subquery
    /// that relates nothing.
    pub fn resolve(&self, statement: &Dml) -> std::result::Result<Dml, SchemaError> {
        let table_name = statement.table();
        let table = self.tables.get(table_name);
        let all_columns = || {
            let named = |table: &Arc<Table>| table.columns.iter().map(|column| column.name.clone()).collect();
            table.map(named).unwrap_or_default()
        };
        let root = table.map(|table| Scope::of_table(table, table_name)).unwrap_or_default().reading(self);
        let constants = Scope::default().reading(self);
        let stored = |column: &Ident, value: Expr| match table.and_then(|table| table.column(column)) {
            Some(column) => as_text(value, column),
            None => value,
        };
        let assigned = |scope: Scope<'_>, assignments: &[(Ident, Expr)]| {
            let each = assignments.iter().map(|(name, value)| Ok((name.clone(), stored(name, scope.resolve(value)?))));
            each.collect::<Result<Vec<_>>>()
        };
        Ok(match statement {
            Dml::Insert { table: _, columns, source, conflict } => {
                let columns = if columns.is_empty() { all_columns() } else { columns.clone() };
                let cell = |(at, value): (usize, &Expr)| {
                    let value = constants.resolve(value)?;
                    Ok(if let Some(column) = columns.get(at) { stored(column, value) } else { value })
                };
                let source = match source {
                    InsertSource::Rows(rows) => {
                        let row = |row: &Vec<Expr>| row.iter().enumerate().map(cell).collect();
                        InsertSource::Rows(rows.iter().map(row).collect::<Result<_>>()?)
                    }
                    InsertSource::Query(query) => {
                        let mut query = constants.query(query)?.0;
                        // The parts of a UNION are of one type.
                        let items = query.select.items.iter_mut().filter(|_| query.unions.is_empty());
                        for ((_, item), column) in items.zip(&columns) {
                            *item = stored(column, item.clone());
                        }
                        InsertSource::Query(Box::new(query))
                    }
                };
                Dml::Insert {
                    table: table_name.clone(),
                    columns,
                    source,
                    conflict: match conflict {
                        Some(Conflict { columns, action: ConflictAction::Update(assignments) }) => {
                            let excluded = Ident::internal(Conflict::EXCLUDED);
                            let sources: Vec<Source<'_>> = table
                                .map(|table| Source { alias: &excluded, columns: Columns::Table(table) })
                                .into_iter()
                                .collect();
                            let assignments = assigned(Scope { sources: &sources, ..root }, assignments)?;
                            Some(Conflict { columns: columns.clone(), action: ConflictAction::Update(assignments) })
                        }
                        other => other.clone(),
                    },
                }
            }
            Dml::Update { table: _, assignments, with: _, joins, condition } if joins.is_empty() => Dml::Update {
                table: table_name.clone(),
                assignments: assigned(root, assignments)?,
                with: Vec::new(),
                joins: Vec::new(),
                condition: condition.as_ref().map(|condition| root.resolve(condition)).transpose()?,
            },
            Dml::Update { table: _, assignments, with, joins, condition } => {
                let table = find::table(self, table_name)?;
                let (mut queries, mut named) = (Vec::with_capacity(with.len()), Vec::with_capacity(with.len()));
                for (name, query) in with {
                    self.check_named(name)?;
                    let (query, outputs) = constants.query(query)?;
                    queries.push((name.clone(), query));
                    named.push((name.clone(), outputs));
                }
                let sources = self.joined(table_name, table, &named, joins)?;
                let all = Scope { sources: &sources, ..Scope::default() }.reading(self);
                let condition = condition.as_ref().map(|condition| all.resolve(condition)).transpose()?;
                Dml::Update {
                    table: table_name.clone(),
                    assignments: assigned(all, assignments)?,
                    with: queries,
                    joins: all.joins(joins, condition.as_ref())?,
                    condition,
                }
            }
            Dml::Delete { table: _, condition } => Dml::Delete {
                table: table_name.clone(),
                condition: condition.as_ref().map(|condition| root.resolve(condition)).transpose()?,
            },
        })
    }

    /// Refuses a query of a WITH that is called like a table.
    fn check_named(&self, name: &Ident) -> Result<()> {
        match self.tables.keys().any(|table| name.is_like(table.as_str())) {
            true => Err(invalid(format!("{name} in WITH is the name of a table"))),
            false => Ok(()),
        }
    }
}

impl Scope<'_> {
    /// The same expression with every subquery in it resolved, and inside a query its columns too.
    pub(super) fn resolve(&self, expr: &Expr) -> Result<Expr> {
        expr.try_map(&mut |expr| {
            Ok(match expr {
                Expr::Column(name) if self.table.is_none() => self.find(&name)?,
                Expr::Field(source, name) => {
                    self.field(&source, &name)?;
                    Expr::Field(source, name)
                }
                Expr::Scalar(query) => {
                    if !query.may_be_single_row() {
                        return Err(invalid(
                            "a subquery that stands for a value has to be an aggregate without GROUP BY, to find its row by \
                             an equality, or to end in LIMIT 1",
                        ));
                    }
                    Expr::Scalar(Box::new(self.query(&query)?.0))
                }
                Expr::Rank { ranking, partition, mut order } => {
                    for key in &mut order {
                        key.text = self.kind(&key.by)? == Kind::Text;
                    }
                    Expr::Rank { ranking, partition, order }
                }
                Expr::Exists(query) => Expr::Exists(Box::new(self.query(&query)?.0)),
                Expr::InQuery { operand, query, negated } => {
                    // MariaDB takes it only in a FROM, where nothing around is in sight.
                    let apart = Scope { schema: self.schema, named: self.named, ..Scope::default() };
                    if query.limit.is_some() && apart.query(&query).is_err() && self.query(&query).is_ok() {
                        return Err(invalid("a subquery of IN with LIMIT may not mention columns of what is around it"));
                    }
                    Expr::InQuery { operand, query: Box::new(self.query(&query)?.0), negated }
                }
                other => other,
            })
        })
    }

    /// The source that a column without one is of: the innermost query's first.
    fn find(&self, name: &Ident) -> Result<Expr> {
        let mut found = self.sources.iter().filter(|source| source.columns.find(name).is_some());
        match (found.next(), found.next(), self.table, self.outer) {
            (Some(source), None, ..) => Ok(Expr::Field(source.alias.clone(), name.clone())),
            (Some(one), Some(other), ..) => {
                Err(invalid(format!("{name} may be of {} or of {}: say which", one.alias, other.alias)))
            }
            (None, _, Some((table, table_name)), _) if table.column(name).is_some() => {
                Ok(Expr::Field(table_name.clone(), name.clone()))
            }
            (None, _, _, Some(outer)) => {
                let found = outer.find(name)?;
                self.leaves.into_iter().for_each(|leaves| leaves.set(true));
                Ok(found)
            }
            _ => Err(not_found(format!("no source of the query has a column {name}"))),
        }
    }

    /// Resolves a query that stands in this scope.
    pub(super) fn query(&self, query: &Query) -> Result<(Query, Vec<Output>)> {
        let Some(schema) = self.schema else { return Err(invalid("a query may not stand here")) };
        let mut named = self.named.to_vec();
        let mut with = Vec::with_capacity(query.with.len());
        for (name, query) in &query.with {
            schema.check_named(name)?;
            // What stands around is not in sight there.
            let (query, outputs) = Scope { schema: Some(schema), named: &named, ..Scope::default() }.query(query)?;
            with.push((name.clone(), query));
            named.retain(|(other, _)| *other != name);
            named.push((name, outputs));
        }
        let inner = Scope { schema: Some(schema), named: &named, outer: Some(self), ..Scope::default() };
        let (select, mut order, mut outputs) = inner.select(&query.select, &query.order)?;
        let mut unions = Vec::with_capacity(query.unions.len());
        for (kind, select) in &query.unions {
            let (select, _, others) = inner.select(select, &[])?;
            if others.len() != outputs.len() {
                return Err(invalid("the parts of a UNION yield different numbers of columns"));
            }
            join_outputs(&mut outputs, others)?;
            unions.push((*kind, select));
        }
        if query.limit.is_some() && order.is_empty() {
            order = inner.first_rows(&select, &outputs, unions.is_empty())?;
        }
        Ok((Query { with, select, unions, order, limit: query.limit, offset: query.offset }, outputs))
    }

    /// Resolves a SELECT and the order of its rows, in the scope of what is around it.
    fn select(&self, select: &Select, order: &[Ordering]) -> Result<(Select, Vec<Ordering>, Vec<Output>)> {
        let sources = self.sources_of(select)?;
        let leaves = Cell::new(false);
        let all = Scope { sources: &sources, leaves: Some(&leaves), ..*self };
        let condition = select.condition.as_ref().map(|condition| all.resolve(condition)).transpose()?;
        condition.iter().try_for_each(|condition| all.condition(condition, "WHERE"))?;
        let joins = all.joins(&select.joins, condition.as_ref())?;
        // A key may be called as what the query yields.
        let key = |key: &Expr| match key {
            Expr::Column(name) if all.find(name).is_err() => {
                all.resolve(select.items.iter().find(|(item, _)| item == name).map_or(key, |(_, item)| item))
            }
            other => all.resolve(other),
        };
        let group_by = select.group_by.iter().map(key).collect::<Result<Vec<_>>>()?;
        for key in &group_by {
            if key.has_aggregate() || key.has_rank() {
                return Err(invalid("what is worked out of groups or of other rows may not stand in GROUP BY"));
            }
            comparable(&all.kind(key)?, "GROUP BY")?;
        }
        let having = select.having.as_ref().map(|condition| all.resolve(condition)).transpose()?;
        having.iter().try_for_each(|condition| all.check_condition(condition))?;
        let items = expanded(select, &sources)?
            .iter()
            .map(|(name, item)| Ok((name.clone(), all.resolve(item)?)))
            .collect::<Result<Vec<_>>>()?;
        let (distinct, stars, from) = (select.distinct, Vec::new(), select.from.clone());
        let resolved = Select { distinct, items, stars, from, joins, condition, group_by, having };
        let order = all.order(&resolved, order)?;
        let keys = order.iter().filter_map(|key| match &key.by {
            OrderBy::Expr(expr) => Some(expr),
            OrderBy::Output(_) => None,
        });
        let shown: Vec<&Expr> =
            resolved.items.iter().map(|(_, item)| item).chain(&resolved.having).chain(keys).collect();
        shown.iter().try_for_each(|expr| all.aggregates_own(expr))?;
        let is_grouped =
            !resolved.group_by.is_empty() || resolved.having.is_some() || shown.iter().any(|expr| expr.has_aggregate());
        if is_grouped {
            shown.iter().try_for_each(|expr| all.is_of_groups(expr, &resolved.group_by))?;
        }
        let outputs = all.items(&resolved)?;
        if resolved.distinct {
            outputs.iter().try_for_each(|output| comparable(&output.kind, "DISTINCT"))?;
        }
        if leaves.get() && !sources.is_empty() {
            self.is_bound(&resolved, &sources)?;
        }
        Ok((resolved, order, outputs))
    }

    pub(super) fn sources_of<'s>(&'s self, select: &'s Select) -> Result<Vec<Source<'s>>> {
        let each = select.sources().map(|source| {
            let named = self.named.iter().find(|(name, _)| **name == source.name);
            let table = self.schema.and_then(|schema| schema.tables.get(&source.name));
            let columns = match (named, table) {
                (Some((_, outputs)), _) => Columns::Query(outputs),
                (None, Some(table)) => Columns::Table(table),
                (None, None) => return Err(not_found(format!("table {} does not exist", source.name))),
            };
            Ok(Source { alias: &source.alias, columns })
        });
        each.collect()
    }

    /// A condition without aggregates.
    pub(super) fn condition(&self, condition: &Expr, place: &str) -> Result<()> {
        if condition.has_aggregate() {
            return Err(invalid(format!("an aggregate may not stand in {place}")));
        }
        self.check_condition(condition)
    }

    pub(super) fn order(&self, select: &Select, order: &[Ordering]) -> Result<Vec<Ordering>> {
        let each = order.iter().map(|key| {
            let by = match &key.by {
                OrderBy::Output(name) => OrderBy::Output(name.clone()),
                OrderBy::Expr(expr) => {
                    let expr = self.resolve(expr)?;
                    match select.items.iter().find(|(_, item)| *item == expr) {
                        Some((name, _)) => OrderBy::Output(name.clone()),
                        None if select.distinct => {
                            return Err(invalid("SELECT DISTINCT is ordered by what it yields"));
                        }
                        None => OrderBy::Expr(expr),
                    }
                }
            };
            let expr = match &by {
                OrderBy::Output(name) => select.items.iter().find(|(item, _)| item == name).map(|(_, item)| item),
                OrderBy::Expr(expr) => Some(expr),
            };
            let kind = expr.map_or(Ok(Kind::Any), |expr| self.kind(expr))?;
            comparable(&kind, "ORDER BY")?;
            Ok(Ordering { by, descending: key.descending, text: kind == Kind::Text })
        });
        each.collect()
    }

    /// An aggregate over columns of another query would be that query's.
    fn aggregates_own(&self, expr: &Expr) -> Result<()> {
        if let Expr::Aggregate { distinct, argument: Some(argument), .. } = expr {
            if *distinct {
                comparable(&self.kind(argument)?, "DISTINCT")?;
            }
            let foreign = |source: &Ident| !self.sources.iter().any(|own| own.alias == source);
            if argument.fields().iter().any(|(source, _)| foreign(source)) {
                return Err(invalid("an aggregate is over columns of its own query"));
            }
        }
        expr.children().into_iter().try_for_each(|child| self.aggregates_own(child))
    }

    /// Whether an expression has one value for a whole group.
    fn is_of_groups(&self, expr: &Expr, keys: &[Expr]) -> Result<()> {
        if keys.contains(expr) || matches!(expr, Expr::Aggregate { .. }) {
            return Ok(());
        }
        let mut fields = Vec::new();
        if let Expr::Field(source, name) = expr {
            fields.push((source, name));
        }
        if let Some(query) = expr.query() {
            query.each_expression(&mut |inner| fields.extend(inner.fields()));
        }
        let own = |source: &Ident| self.sources.iter().any(|own| own.alias == source);
        let is_key = |source: &Ident, name: &Ident| keys.contains(&Expr::Field(source.clone(), name.clone()));
        if let Some((source, name)) = fields.into_iter().find(|(source, name)| own(source) && !is_key(source, name)) {
            return Err(invalid(format!("{source}.{name} stands neither in GROUP BY nor in an aggregate")));
        }
        expr.children().into_iter().try_for_each(|child| self.is_of_groups(child, keys))
    }

    /// A query that is asked again for every row around it has to find its rows by an equality.
    fn is_bound(&self, select: &Select, sources: &[Source<'_>]) -> Result<()> {
        let all: Vec<Source<'_>> = sources.iter().chain(self.sources).copied().collect();
        let seen = Scope { sources: &all, ..*self };
        let conditions = select.condition.iter().chain(select.joins.iter().map(|join| &join.on));
        let outside = |other: &Ident| !sources.iter().any(|own| own.alias == other);
        let mut each = conditions.flat_map(|on| sources.iter().map(move |source| (on, source)));
        if each.any(|(on, source)| seen.relates(on, source.alias, outside)) {
            return Ok(());
        }
        Err(invalid(
            "a subquery that mentions columns of what is around it needs an equality of one of them and one of its own",
        ))
    }

    fn items(&self, select: &Select) -> Result<Vec<Output>> {
        let each = select.items.iter().map(|(name, item)| {
            let constant = if let Expr::Value(value) = item { Some(value.clone()) } else { None };
            let varies = self.varies(item);
            Ok(Output { name: name.clone(), kind: self.kind(item)?, exact: self.exact(item), constant, varies })
        });
        each.collect()
    }

    /// What a query that was resolved in this scope yields.
    pub(super) fn outputs(&self, query: &Query) -> Result<Vec<Output>> {
        let mut named = self.named.to_vec();
        for (name, query) in &query.with {
            let outputs = Scope { schema: self.schema, named: &named, ..Scope::default() }.outputs(query)?;
            named.retain(|(other, _)| *other != name);
            named.push((name, outputs));
        }
        let inner = Scope { schema: self.schema, named: &named, outer: Some(self), ..Scope::default() };
        let mut outputs = inner.outputs_of(&query.select)?;
        for (_, select) in &query.unions {
            join_outputs(&mut outputs, inner.outputs_of(select)?)?;
        }
        Ok(outputs)
    }

    fn outputs_of(&self, select: &Select) -> Result<Vec<Output>> {
        let sources = self.sources_of(select)?;
        Scope { sources: &sources, ..*self }.items(select)
    }
}

/// A whole number that goes into a column of texts becomes its digits, as every database makes them.
fn as_text(value: Expr, column: &Column) -> Expr {
    match value {
        Expr::Value(Value::Integer(number)) if Kind::of_column(column) == Kind::Text => {
            Expr::Value(Value::Text(number.to_string()))
        }
        other => other,
    }
}

/// What a UNION of the two yields.
fn join_outputs(outputs: &mut [Output], others: Vec<Output>) -> Result<()> {
    for (output, other) in outputs.iter_mut().zip(others) {
        (output.kind, output.exact) = match output.kind.common(&other.kind) {
            Some(kind) => {
                let exact = match (output.exact.take(), other.exact) {
                    (Some(left), Some(right)) => either(&left, &right),
                    (exact, None) if other.kind == Kind::Any => exact,
                    (None, exact) if output.kind == Kind::Any => exact,
                    _ => None,
                };
                (kind, exact)
            }
            None if other.fits(output) => (output.kind.clone(), output.exact.take()),
            None if output.fits(&other) => (other.kind, other.exact),
            None => return Err(mismatch(&output.kind, &other.kind)),
        };
        output.constant = None;
        output.varies &= other.varies;
    }
    Ok(())
}

/// Refuses what no database compares for equality.
pub(super) fn comparable(kind: &Kind, place: &str) -> Result<()> {
    match kind {
        Kind::Json | Kind::Any => Err(invalid(format!("{kind} may not stand in {place}"))),
        _ => Ok(()),
    }
}
