//! Several tables in one statement: what relates them, what `*` stands for, and which rows come first.

use std::collections::BTreeSet;

use super::kind::Kind;
use super::query::{Output, comparable};
use super::scope::{Columns, Scope, Source};
use super::typing::not_found;
use super::{Schema, SchemaError, Table, find, invalid};
use crate::operation::{BinaryOperator, Expr, Ident, Join, JoinKind, OrderBy, Ordering, Query, Select, UnaryOperator};

type Result<T> = std::result::Result<T, SchemaError>;

impl Schema {
    /// The sources of a joined UPDATE: its table first. What its named queries yield goes before tables.
    pub(super) fn joined<'a>(
        &'a self,
        table_name: &'a Ident,
        table: &'a Table,
        named: &'a [(Ident, Vec<Output>)],
        joins: &'a [Join],
    ) -> Result<Vec<Source<'a>>> {
        let mut sources = vec![Source { alias: table_name, columns: Columns::Table(table) }];
        for Join { source, .. } in joins {
            let columns = match named.iter().find(|(name, _)| *name == source.name) {
                Some((_, outputs)) => Columns::Query(outputs),
                None => Columns::Table(find::table(self, &source.name)?),
            };
            sources.push(Source { alias: &source.alias, columns });
        }
        Ok(sources)
    }

    /// What the named queries of a joined UPDATE yield, once they are resolved.
    pub(super) fn yielded(&self, with: &[(Ident, Query)]) -> Result<Vec<(Ident, Vec<Output>)>> {
        let scope = Scope::default().reading(self);
        with.iter().map(|(name, query)| Ok((name.clone(), scope.outputs(query)?))).collect()
    }
}

impl Scope<'_> {
    /// Resolves joins of the sources after the first. What relates an inner one may stand in WHERE too.
    pub(super) fn joins(&self, joins: &[Join], condition: Option<&Expr>) -> Result<Vec<Join>> {
        let mut resolved = Vec::with_capacity(joins.len());
        for (place, join) in joins.iter().enumerate() {
            // Only what stands to the left is in sight.
            let (left, _) = self.sources.split_at(self.sources.len().min(place + 1));
            let seen = Scope { sources: self.sources.get(..place + 2).unwrap_or(self.sources), ..*self };
            let on = seen.resolve(&join.on)?;
            self.condition(&on, "ON")?;
            let before = |alias: &Ident| left.iter().any(|source| source.alias == alias);
            let by_condition = condition.filter(|_| join.kind == JoinKind::Inner);
            if !std::iter::once(&on).chain(by_condition).any(|on| seen.relates(on, &join.source.alias, before)) {
                return Err(invalid(format!(
                    "the join with {} needs an equality of a column of it and one of what stands before it",
                    join.source.alias
                )));
            }
            resolved.push(Join { kind: join.kind, source: join.source.clone(), on });
        }
        Ok(resolved)
    }

    /// The order of rows of which only the first are taken and none was said: by the keys of the tables, else by what is
    /// yielded.
    pub(super) fn first_rows(&self, select: &Select, outputs: &[Output], alone: bool) -> Result<Vec<Ordering>> {
        let grouped = !select.group_by.is_empty() || select.expressions().any(Expr::has_aggregate);
        let is_constant = |(_, item): &(Ident, Expr)| matches!(item, Expr::Value(_));
        if alone && (select.from.is_none() || select.items.iter().all(is_constant) && !grouped) {
            return Ok(Vec::new());
        }
        if alone && !select.distinct && !grouped {
            let sources = self.sources_of(select)?;
            let keys = sources.iter().map(|source| match source.columns {
                Columns::Table(table) => table.primary_key.as_ref().map(|key| (source.alias, &key.columns)),
                Columns::Query(_) => None,
            });
            if let Some(keys) = keys.collect::<Option<Vec<_>>>() {
                let fields = keys.into_iter().flat_map(|(alias, columns)| {
                    columns.iter().map(move |name| Expr::Field(alias.clone(), name.clone()))
                });
                let order: Vec<_> =
                    fields.map(|field| Ordering { by: OrderBy::Expr(field), descending: false, text: false }).collect();
                return Scope { sources: &sources, ..*self }.order(select, &order);
            }
        }
        let each = outputs.iter().map(|output| {
            comparable(&output.kind, "what LIMIT without ORDER BY is taken of")?;
            Ok(Ordering {
                by: OrderBy::Output(output.name.clone()),
                descending: false,
                text: output.kind == Kind::Text,
            })
        });
        each.collect()
    }

    /// Whether one of the conditions is an equality of what is worked out of columns of the source, and of others alone, and
    /// differs from row to row on either side.
    pub(super) fn relates(&self, on: &Expr, source: &Ident, is_other: impl Fn(&Ident) -> bool + Copy) -> bool {
        match on {
            Expr::Binary(left, BinaryOperator::And, right) => {
                self.relates(left, source, is_other) || self.relates(right, source, is_other)
            }
            Expr::Binary(left, BinaryOperator::Equal, right) => {
                let all = |expr: &Expr, test: &dyn Fn(&Ident) -> bool| {
                    self.varies(expr) && expr.fields().iter().all(|(of, _)| test(of))
                };
                let own = |alias: &Ident| alias == source;
                all(left, &own) && all(right, &is_other) || all(right, &own) && all(left, &is_other)
            }
            _ => false,
        }
    }

    /// Whether an expression differs from row to row, as far as its form tells: a column, or what keeps most values of one
    /// apart. A constant does not, whatever stands around it.
    pub(super) fn varies(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Column(_) | Expr::Rank { .. } => true,
            Expr::Field(of, name) => {
                let source = self.sources.iter().find(|source| source.alias == of);
                let outputs = match source.map(|source| source.columns) {
                    Some(Columns::Query(outputs)) => outputs,
                    _ => return true,
                };
                outputs.iter().find(|output| output.name == *name).is_none_or(|output| output.varies)
            }
            Expr::Cast(operand, _) | Expr::Unary(UnaryOperator::Negate, operand) => self.varies(operand),
            Expr::Aggregate { argument, .. } => argument.as_deref().is_some_and(|argument| self.varies(argument)),
            // What the others are for the first one is not without.
            Expr::Call(_, arguments) => arguments.first().is_some_and(|argument| self.varies(argument)),
            Expr::Binary(left, BinaryOperator::Concat, right) => self.varies(left) || self.varies(right),
            Expr::Binary(left, BinaryOperator::Add | BinaryOperator::Subtract, right) => {
                self.varies(left) && right.fields().is_empty() || self.varies(right) && left.fields().is_empty()
            }
            Expr::Case { arms, otherwise, .. } => {
                arms.iter().map(|(_, then)| then).chain(otherwise.as_deref()).all(|then| self.varies(then))
            }
            _ => false,
        }
    }
}

/// Columns that one SELECT may yield by `*`.
const STAR: usize = 4_096;

/// What a SELECT yields with the columns that `*` stands for in its place, each under a name of its own.
pub(super) fn expanded(select: &Select, sources: &[Source<'_>]) -> Result<Vec<(Ident, Expr)>> {
    let mut taken: BTreeSet<String> = select.items.iter().map(|(name, _)| name.folded()).collect();
    let mut items = Vec::with_capacity(select.items.len());
    let mut own = select.items.iter().enumerate().peekable();
    for (place, of) in &select.stars {
        while let Some((_, item)) = own.next_if(|(at, _)| at < place) {
            items.push(item.clone());
        }
        let matching = sources.iter().filter(|source| of.as_ref().is_none_or(|of| source.alias == of));
        let mut found = false;
        for source in matching {
            found = true;
            for name in source.columns.names() {
                let number = items.len() + 1;
                let mut numbered = (number..).map(|number| Ident::internal(format!("column{number}")));
                let free = |name: &Ident| !taken.contains(&name.folded());
                let shown = if free(name) { Some(name.clone()) } else { numbered.find(free) };
                let Some(shown) = shown.filter(|_| items.len() < STAR) else {
                    return Err(invalid(format!("SELECT * yields more than {STAR} columns")));
                };
                taken.insert(shown.folded());
                items.push((shown, Expr::Field(source.alias.clone(), name.clone())));
            }
        }
        match of {
            Some(of) if !found => return Err(not_found(format!("the query has no source {of}"))),
            None if !found => return Err(invalid("SELECT * needs FROM")),
            _ => {}
        }
    }
    items.extend(own.map(|(_, item)| item.clone()));
    Ok(items)
}
