//! Queries: SELECT with joins, groups, unions, order and named queries. As in [`super::dml`] every part of
//! `sqlparser`'s structs is named.

use std::collections::BTreeSet;

use sqlparser::ast;

use super::expr::Reader;
use super::{ParseError, refused, too_large, unsupported};
use crate::operation::{
    BinaryOperator, Expr, Ident, Join, JoinKind, OrderBy, Ordering, Query, Select, Source, Union, Value,
};

/// Where `*` stands, and of which source.
type Star = (usize, Option<Ident>);

/// What a SELECT yields, each under a name of its own, and the `*` among it.
type Items = (Vec<(Ident, Expr)>, Vec<Star>);

type Result<T> = std::result::Result<T, ParseError>;

/// Tables and named queries that one statement may read, each as often as it is named.
pub(super) const SOURCES: usize = 16;

/// Queries inside one another.
const NESTED: usize = 8;

fn refuse_if(condition: bool, what: &str) -> Result<()> {
    if condition { Err(unsupported(format!("{what} not allowed"))) } else { Ok(()) }
}

impl Reader<'_> {
    /// Takes over a query.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        if self.queries >= NESTED {
            return Err(too_large(format!("more than {NESTED} queries stand inside one another")));
        }
        self.enter()?;
        self.queries += 1;
        let around = self.aliases.len();
        self.derived.push(Vec::new());
        let mut read = self.whole_query(query);
        if let (Ok(read), Some(derived)) = (&mut read, self.derived.pop()) {
            read.with.extend(derived);
        }
        self.aliases.truncate(around);
        self.queries -= 1;
        self.leave();
        read
    }

    fn whole_query(&mut self, query: &ast::Query) -> Result<Query> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        refuse_if(fetch.is_some(), "FETCH is")?;
        refuse_if(!locks.is_empty() || for_clause.is_some(), "FOR UPDATE and the like are")?;
        refuse_if(
            settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty(),
            "this form of a query is",
        )?;
        let around = std::mem::take(&mut self.yields);
        let with = with.as_ref().map(|with| self.with(with)).transpose()?.unwrap_or_default();
        let (select, unions) = self.union(body)?;
        let order = order_by.as_ref().map(|order| self.order(order, &select, &unions)).transpose()?.unwrap_or_default();
        if !unions.is_empty() && order.iter().any(|key| matches!(key.by, OrderBy::Expr(_))) {
            return Err(unsupported("a UNION is ordered by what it yields"));
        }
        let (limit, offset) = self.limit(limit_clause.as_ref())?;
        self.yields = around;
        Ok(Query { with, select, unions, order, limit, offset })
    }

    pub(super) fn with(&mut self, with: &ast::With) -> Result<Vec<(Ident, Query)>> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        refuse_if(*recursive, "WITH RECURSIVE is")?;
        let mut named: Vec<(Ident, Query)> = Vec::with_capacity(cte_tables.len());
        for ast::Cte { alias, query, from, materialized, closing_paren_token: _ } in cte_tables {
            refuse_if(from.is_some() || materialized.is_some(), "this form of WITH is")?;
            let name = self.plain_alias(alias)?;
            if named.iter().any(|(other, _)| name.is_like(other.as_str())) {
                return Err(refused(format!("WITH has the name {name} twice")));
            }
            named.push((name, self.query(query)?));
        }
        Ok(named)
    }

    pub(super) fn plain_alias(&self, alias: &ast::TableAlias) -> Result<Ident> {
        let ast::TableAlias { explicit: _, name, columns, at } = alias;
        refuse_if(!columns.is_empty() || at.is_some(), "an alias with columns is")?;
        self.ident(name)
    }

    /// A chain of UNIONs, which leans to the left.
    fn union(&mut self, body: &ast::SetExpr) -> Result<(Select, Vec<(Union, Select)>)> {
        let mut rights = Vec::new();
        let mut first = body;
        while let ast::SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            refuse_if(*op != ast::SetOperator::Union, "EXCEPT and INTERSECT are")?;
            let kind = match set_quantifier {
                ast::SetQuantifier::All => Union::All,
                ast::SetQuantifier::None | ast::SetQuantifier::Distinct => Union::Distinct,
                _ => return Err(unsupported("this kind of UNION is not allowed")),
            };
            self.node()?;
            rights.push((kind, &**right));
            first = left;
        }
        let select = self.select(first)?;
        let mut unions = Vec::with_capacity(rights.len());
        for (kind, right) in rights.into_iter().rev() {
            let right = self.select(right)?;
            if matches!((right.width(), select.width()), (Some(right), Some(left)) if right != left) {
                return Err(refused("the parts of a UNION yield different numbers of columns"));
            }
            unions.push((kind, right));
        }
        Ok((select, unions))
    }

    fn select(&mut self, body: &ast::SetExpr) -> Result<Select> {
        let ast::SetExpr::Select(select) = body else {
            return Err(unsupported(match body {
                ast::SetExpr::Query(_) => "a part of a UNION stands without parentheses, ORDER BY and LIMIT",
                _ => "only SELECT is allowed here",
            }));
        };
        let ast::Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = &**select;
        refuse_if(into.is_some(), "SELECT INTO is")?;
        refuse_if(!named_window.is_empty() || qualify.is_some(), "window functions are")?;
        refuse_if(
            !optimizer_hints.is_empty()
                || select_modifiers.is_some()
                || top.is_some()
                || exclude.is_some()
                || !lateral_views.is_empty()
                || prewhere.is_some()
                || !connect_by.is_empty()
                || !cluster_by.is_empty()
                || !distribute_by.is_empty()
                || !sort_by.is_empty()
                || value_table_mode.is_some()
                || *flavor != ast::SelectFlavor::Standard,
            "this form of SELECT is",
        )?;
        let distinct = match distinct {
            None | Some(ast::Distinct::All) => false,
            Some(ast::Distinct::Distinct) => true,
            Some(ast::Distinct::On(_)) => return Err(unsupported("DISTINCT ON is not allowed")),
        };
        let (from, joins) = self.from(from)?;
        self.yields = true;
        let (items, stars) = self.items(projection)?;
        self.yields = false;
        let group_by = match group_by {
            ast::GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => {
                keys.iter().map(|key| self.key(key, &items, &stars)).collect::<Result<Vec<_>>>()?
            }
            _ => return Err(unsupported("this form of GROUP BY is not allowed")),
        };
        let condition = selection.as_ref().map(|condition| self.expr(condition)).transpose()?;
        let having = having.as_ref().map(|condition| self.expr(condition)).transpose()?;
        Ok(Select { distinct, items, stars, from, joins, condition, group_by, having })
    }

    /// A key of GROUP BY or ORDER BY. A number is the place of what the query yields.
    fn key(&mut self, key: &ast::Expr, items: &[(Ident, Expr)], stars: &[Star]) -> Result<Expr> {
        match self.expr(key)? {
            Expr::Value(Value::Integer(place)) if stars.is_empty() => {
                let item = usize::try_from(place).ok().and_then(|place| items.get(place.checked_sub(1)?));
                match item {
                    Some((_, expr @ (Expr::Column(_) | Expr::Field(..)))) => Ok(expr.clone()),
                    Some(_) => {
                        Err(unsupported("a place in GROUP BY or ORDER BY is that of a column: say the expression"))
                    }
                    None => Err(refused(format!("the query yields no column {place}"))),
                }
            }
            Expr::Value(_) => Err(unsupported("GROUP BY and ORDER BY take columns and expressions, no constants")),
            other => Ok(other),
        }
    }

    fn items(&mut self, projection: &[ast::SelectItem]) -> Result<Items> {
        let mut names = BTreeSet::new();
        let mut items = Vec::with_capacity(projection.len());
        let mut stars = Vec::new();
        for (place, item) in projection.iter().enumerate() {
            let (expr, alias) = match item {
                ast::SelectItem::UnnamedExpr(expr) => (self.expr(expr)?, None),
                ast::SelectItem::ExprWithAlias { expr, alias } => (self.expr(expr)?, Some(self.ident(alias)?)),
                ast::SelectItem::Wildcard(options) if *options == ast::WildcardAdditionalOptions::default() => {
                    self.node()?;
                    stars.push((items.len(), None));
                    continue;
                }
                ast::SelectItem::QualifiedWildcard(
                    ast::SelectItemQualifiedWildcardKind::ObjectName(source),
                    options,
                ) if *options == ast::WildcardAdditionalOptions::default() => {
                    let [ast::ObjectNamePart::Identifier(source)] = source.0.as_slice() else {
                        return Err(unsupported("a table may not be qualified by a schema"));
                    };
                    self.node()?;
                    stars.push((items.len(), Some(self.ident(source)?)));
                    continue;
                }
                _ => return Err(unsupported("this form of * is not allowed: name the columns")),
            };
            let own = match &expr {
                Expr::Column(name) | Expr::Field(_, name) => Some(name.clone()),
                _ => None,
            };
            let name = match (alias, own) {
                (Some(alias), _) if names.contains(&alias.folded()) => {
                    return Err(refused(format!("the query yields two columns {alias}")));
                }
                (Some(alias), _) => alias,
                (None, Some(own)) if !names.contains(&own.folded()) => own,
                _ => Ident::internal(format!("column{}", place + 1)),
            };
            names.insert(name.folded());
            items.push((name, expr));
        }
        if items.is_empty() && stars.is_empty() {
            return Err(refused("SELECT needs a column"));
        }
        Ok((items, stars))
    }

    fn from(&mut self, from: &[ast::TableWithJoins]) -> Result<(Option<Source>, Vec<Join>)> {
        let Some(ast::TableWithJoins { relation, joins }) = from.first() else { return Ok((None, Vec::new())) };
        let around = self.aliases.len();
        let first = self.source(relation)?;
        self.aliases.push(first.alias.clone());
        let mut read = self.joins(joins, around)?;
        for ast::TableWithJoins { relation, joins } in from.iter().skip(1) {
            read.push(self.join(JoinKind::Inner, relation, &ast::JoinConstraint::None, around)?);
            read.extend(self.joins(joins, around)?);
        }
        Ok((Some(first), read))
    }

    /// Joins of sources that stand after those from `around` on.
    pub(super) fn joins(&mut self, joins: &[ast::Join], around: usize) -> Result<Vec<Join>> {
        let mut read = Vec::with_capacity(joins.len());
        for ast::Join { relation, global, join_operator } in joins {
            refuse_if(*global, "GLOBAL is")?;
            let (kind, constraint) = match join_operator {
                ast::JoinOperator::Join(constraint)
                | ast::JoinOperator::Inner(constraint)
                | ast::JoinOperator::CrossJoin(constraint) => (JoinKind::Inner, constraint),
                ast::JoinOperator::Left(constraint) | ast::JoinOperator::LeftOuter(constraint) => {
                    (JoinKind::Left, constraint)
                }
                _ => return Err(unsupported("only JOIN and LEFT JOIN are allowed")),
            };
            read.push(self.join(kind, relation, constraint, around)?);
        }
        Ok(read)
    }

    /// One more source. What relates it may stand in WHERE.
    pub(super) fn join(
        &mut self,
        kind: JoinKind,
        relation: &ast::TableFactor,
        constraint: &ast::JoinConstraint,
        around: usize,
    ) -> Result<Join> {
        let source = self.source(relation)?;
        let before = self.aliases.get(around..).unwrap_or_default();
        if before.iter().any(|alias| source.alias.is_like(alias.as_str())) {
            return Err(refused(format!("two sources are called {}: give one an alias", source.alias)));
        }
        let only = if let [only] = before { Some(only.clone()) } else { None };
        self.aliases.push(source.alias.clone());
        let on = match constraint {
            ast::JoinConstraint::On(on) => self.expr(on)?,
            ast::JoinConstraint::None if kind == JoinKind::Inner => Expr::Value(Value::Boolean(true)),
            ast::JoinConstraint::Using(columns) if let Some(left) = only => {
                let mut on = None;
                for column in columns {
                    let [ast::ObjectNamePart::Identifier(column)] = column.0.as_slice() else {
                        return Err(refused("USING takes names of columns"));
                    };
                    let column = self.ident(column)?;
                    self.node()?;
                    let [left, right] =
                        [&left, &source.alias].map(|of| Box::new(Expr::Field(of.clone(), column.clone())));
                    let equal = Expr::Binary(left, BinaryOperator::Equal, right);
                    on = Some(match on {
                        None => equal,
                        Some(on) => Expr::Binary(Box::new(on), BinaryOperator::And, Box::new(equal)),
                    });
                }
                on.ok_or_else(|| refused("USING takes names of columns"))?
            }
            _ => return Err(unsupported("a join needs ON, with an equality of columns of both sides")),
        };
        Ok(Join { kind, source, on })
    }

    /// A query in FROM, which is one with a name of its own.
    fn derived(&mut self, subquery: &ast::Query, alias: Option<&ast::TableAlias>) -> Result<Source> {
        let query = self.query(subquery)?;
        self.named += 1;
        let name = Ident::internal(format!("ptah_db_query{}", self.named));
        let Some(derived) = self.derived.last_mut() else {
            return Err(unsupported("a subquery beside the table of the statement is not allowed"));
        };
        derived.push((name.clone(), query));
        let alias = alias.map(|alias| self.plain_alias(alias)).transpose()?;
        Ok(Source { alias: alias.unwrap_or_else(|| name.clone()), name })
    }

    fn source(&mut self, relation: &ast::TableFactor) -> Result<Source> {
        self.node()?;
        self.sources += 1;
        if self.sources > SOURCES {
            return Err(too_large(format!("the statement reads from more than {SOURCES} tables")));
        }
        if let ast::TableFactor::Derived { lateral: false, subquery, alias, sample: None } = relation {
            return self.derived(subquery, alias.as_ref());
        }
        let ast::TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        else {
            return Err(unsupported("only tables and subqueries can be selected from"));
        };
        refuse_if(args.is_some(), "a function in FROM is")?;
        refuse_if(
            !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty(),
            "a hint or partition is",
        )?;
        let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
            return Err(unsupported("a table may not be qualified by a schema"));
        };
        let name = self.ident(name)?;
        let alias = alias.as_ref().map(|alias| self.plain_alias(alias)).transpose()?;
        Ok(Source { alias: alias.unwrap_or_else(|| name.clone()), name })
    }

    fn order(&mut self, order: &ast::OrderBy, select: &Select, unions: &[(Union, Select)]) -> Result<Vec<Ordering>> {
        let ast::OrderBy { kind: ast::OrderByKind::Expressions(keys), interpolate: None } = order else {
            return Err(unsupported("this form of ORDER BY is not allowed"));
        };
        let mut read = Vec::with_capacity(keys.len());
        for key in keys {
            let descending = descending(key)?;
            let by = match self.key(&key.expr, &select.items, &select.stars)? {
                Expr::Column(name) if select.items.iter().any(|(item, _)| *item == name) => OrderBy::Output(name),
                Expr::Column(name) if !unions.is_empty() && !select.stars.is_empty() => OrderBy::Output(name),
                other => match select.items.iter().find(|(_, item)| *item == other) {
                    Some((name, _)) => OrderBy::Output(name.clone()),
                    None => OrderBy::Expr(other),
                },
            };
            read.push(Ordering { by, descending, text: false });
        }
        Ok(read)
    }

    fn limit(&mut self, limit: Option<&ast::LimitClause>) -> Result<(Option<u64>, Option<u64>)> {
        let Some(limit) = limit else { return Ok((None, None)) };
        let (limit, offset, limit_by) = match limit {
            ast::LimitClause::LimitOffset { limit, offset, limit_by } => (limit, offset, limit_by),
            ast::LimitClause::OffsetCommaLimit { offset, limit } => {
                return Ok((Some(self.count(limit)?), Some(self.count(offset)?)));
            }
        };
        refuse_if(!limit_by.is_empty(), "LIMIT BY is")?;
        let Some(limit) = limit else {
            return Err(unsupported("OFFSET needs a LIMIT"));
        };
        let limit = self.count(limit)?;
        let offset = match offset {
            None => None,
            Some(ast::Offset { value, rows: _ }) => Some(self.count(value)?),
        };
        Ok((Some(limit), offset))
    }

    fn count(&mut self, expr: &ast::Expr) -> Result<u64> {
        match self.expr(expr)? {
            Expr::Value(Value::Integer(number)) => u64::try_from(number).ok(),
            _ => None,
        }
        .ok_or_else(|| refused("LIMIT and OFFSET take a whole number that is not negative"))
    }
}

/// Whether the largest comes first by a key of an order.
pub(super) fn descending(key: &ast::OrderByExpr) -> Result<bool> {
    let ast::OrderByExpr { expr: _, options: ast::OrderByOptions { sort, nulls_first }, with_fill } = key;
    refuse_if(with_fill.is_some(), "WITH FILL is")?;
    let descending = match sort {
        None | Some(ast::OrderBySort::Asc) => false,
        Some(ast::OrderBySort::Desc) => true,
        Some(_) => return Err(unsupported("this form of ORDER BY is not allowed")),
    };
    if nulls_first.is_some_and(|first| first == descending) {
        return Err(unsupported("NULLs are the smallest here: first, with DESC last"));
    }
    Ok(descending)
}
