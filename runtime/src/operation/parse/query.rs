//! Queries: SELECT with joins, groups, unions, order and named queries. As in [`super::dml`] every part of
//! `sqlparser`'s structs is named.

use std::collections::BTreeSet;

use sqlparser::ast;

use super::expr::Reader;
use super::{ParseError, refused, too_large};
use crate::operation::{Expr, Ident, Join, JoinKind, OrderBy, Ordering, Query, Select, Source, Union, Value};

type Result<T> = std::result::Result<T, ParseError>;

/// Tables and named queries that one statement may read, each as often as it is named.
const SOURCES: usize = 16;

/// Queries inside one another.
const NESTED: usize = 8;

fn refuse_if(condition: bool, what: &str) -> Result<()> {
    if condition { Err(refused(format!("{what} not allowed"))) } else { Ok(()) }
}

impl Reader<'_> {
    /// Takes over a query.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        if self.queries >= NESTED {
            return Err(too_large(format!("more than {NESTED} queries stand inside one another")));
        }
        self.enter()?;
        self.queries += 1;
        let read = self.whole_query(query);
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
        let with = with.as_ref().map(|with| self.with(with)).transpose()?.unwrap_or_default();
        let (select, unions) = self.union(body)?;
        let order = order_by.as_ref().map(|order| self.order(order, &select)).transpose()?.unwrap_or_default();
        if !unions.is_empty() && order.iter().any(|key| matches!(key.by, OrderBy::Expr(_))) {
            return Err(refused("a UNION is ordered by what it yields"));
        }
        let (limit, offset) = self.limit(limit_clause.as_ref())?;
        if limit.is_some() && order.is_empty() {
            return Err(refused("LIMIT without ORDER BY would take any rows"));
        }
        Ok(Query { with, select, unions, order, limit, offset })
    }

    fn with(&mut self, with: &ast::With) -> Result<Vec<(Ident, Query)>> {
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

    fn plain_alias(&self, alias: &ast::TableAlias) -> Result<Ident> {
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
                _ => return Err(refused("this kind of UNION is not allowed")),
            };
            self.node()?;
            rights.push((kind, &**right));
            first = left;
        }
        let select = self.select(first)?;
        let mut unions = Vec::with_capacity(rights.len());
        for (kind, right) in rights.into_iter().rev() {
            let right = self.select(right)?;
            if right.items.len() != select.items.len() {
                return Err(refused("the parts of a UNION yield different numbers of columns"));
            }
            unions.push((kind, right));
        }
        Ok((select, unions))
    }

    fn select(&mut self, body: &ast::SetExpr) -> Result<Select> {
        let ast::SetExpr::Select(select) = body else {
            return Err(refused(match body {
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
            Some(ast::Distinct::On(_)) => return Err(refused("DISTINCT ON is not allowed")),
        };
        let (from, joins) = self.from(from)?;
        let items = self.items(projection)?;
        let group_by = match group_by {
            ast::GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => {
                keys.iter().map(|key| self.key(key)).collect::<Result<Vec<_>>>()?
            }
            _ => return Err(refused("this form of GROUP BY is not allowed")),
        };
        let condition = selection.as_ref().map(|condition| self.expr(condition)).transpose()?;
        let having = having.as_ref().map(|condition| self.expr(condition)).transpose()?;
        Ok(Select { distinct, items, from, joins, condition, group_by, having })
    }

    /// A key of GROUP BY or ORDER BY. A number there would be a place in one position and a constant in another.
    fn key(&mut self, key: &ast::Expr) -> Result<Expr> {
        match self.expr(key)? {
            Expr::Value(_) => Err(refused("GROUP BY and ORDER BY take columns and expressions, no constants")),
            other => Ok(other),
        }
    }

    fn items(&mut self, projection: &[ast::SelectItem]) -> Result<Vec<(Ident, Expr)>> {
        let mut names = BTreeSet::new();
        let mut items = Vec::with_capacity(projection.len());
        for (place, item) in projection.iter().enumerate() {
            let (expr, alias) = match item {
                ast::SelectItem::UnnamedExpr(expr) => (self.expr(expr)?, None),
                ast::SelectItem::ExprWithAlias { expr, alias } => (self.expr(expr)?, Some(self.ident(alias)?)),
                _ => return Err(refused("* is not allowed: name the columns")),
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
        if items.is_empty() {
            return Err(refused("SELECT needs a column"));
        }
        Ok(items)
    }

    fn from(&mut self, from: &[ast::TableWithJoins]) -> Result<(Option<Source>, Vec<Join>)> {
        let ast::TableWithJoins { relation, joins } = match from {
            [] => return Ok((None, Vec::new())),
            [one] => one,
            _ => return Err(refused("tables are joined by JOIN … ON, not by a comma")),
        };
        let first = self.source(relation)?;
        let mut aliases = vec![first.alias.clone()];
        let mut read = Vec::with_capacity(joins.len());
        for ast::Join { relation, global, join_operator } in joins {
            refuse_if(*global, "GLOBAL is")?;
            let (kind, constraint) = match join_operator {
                ast::JoinOperator::Join(constraint) | ast::JoinOperator::Inner(constraint) => {
                    (JoinKind::Inner, constraint)
                }
                ast::JoinOperator::Left(constraint) | ast::JoinOperator::LeftOuter(constraint) => {
                    (JoinKind::Left, constraint)
                }
                ast::JoinOperator::CrossJoin(_) => {
                    return Err(refused("CROSS JOIN is not allowed: it pairs every row with every other"));
                }
                _ => return Err(refused("only JOIN and LEFT JOIN are allowed")),
            };
            let ast::JoinConstraint::On(on) = constraint else {
                return Err(refused("a join needs ON, with an equality of columns of both sides"));
            };
            let source = self.source(relation)?;
            if aliases.iter().any(|alias| source.alias.is_like(alias.as_str())) {
                return Err(refused(format!("two sources are called {}: give one an alias", source.alias)));
            }
            aliases.push(source.alias.clone());
            read.push(Join { kind, source, on: self.expr(on)? });
        }
        Ok((Some(first), read))
    }

    fn source(&mut self, relation: &ast::TableFactor) -> Result<Source> {
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
            return Err(refused(match relation {
                ast::TableFactor::Derived { .. } => "a subquery in FROM is not allowed: give it a name with WITH",
                _ => "only tables can be selected from",
            }));
        };
        refuse_if(args.is_some(), "a function in FROM is")?;
        refuse_if(
            !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty(),
            "a hint or partition is",
        )?;
        let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
            return Err(refused("a table may not be qualified by a schema"));
        };
        self.node()?;
        self.sources += 1;
        if self.sources > SOURCES {
            return Err(too_large(format!("the statement reads from more than {SOURCES} tables")));
        }
        let name = self.ident(name)?;
        let alias = alias.as_ref().map(|alias| self.plain_alias(alias)).transpose()?;
        Ok(Source { alias: alias.unwrap_or_else(|| name.clone()), name })
    }

    fn order(&mut self, order: &ast::OrderBy, select: &Select) -> Result<Vec<Ordering>> {
        let ast::OrderBy { kind: ast::OrderByKind::Expressions(keys), interpolate: None } = order else {
            return Err(refused("this form of ORDER BY is not allowed"));
        };
        let mut read = Vec::with_capacity(keys.len());
        for ast::OrderByExpr { expr, options, with_fill } in keys {
            refuse_if(with_fill.is_some(), "WITH FILL is")?;
            let ast::OrderByOptions { sort, nulls_first } = options;
            let descending = match sort {
                None | Some(ast::OrderBySort::Asc) => false,
                Some(ast::OrderBySort::Desc) => true,
                Some(_) => return Err(refused("this form of ORDER BY is not allowed")),
            };
            if nulls_first.is_some_and(|first| first == descending) {
                return Err(refused("NULLs are the smallest here: first, with DESC last"));
            }
            let by = match self.key(expr)? {
                Expr::Column(name) if select.items.iter().any(|(item, _)| *item == name) => OrderBy::Output(name),
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
        let ast::LimitClause::LimitOffset { limit, offset, limit_by } = limit else {
            return Err(refused("LIMIT a, b is not allowed: LIMIT b OFFSET a"));
        };
        refuse_if(!limit_by.is_empty(), "LIMIT BY is")?;
        let Some(limit) = limit else {
            return Err(refused("OFFSET needs a LIMIT"));
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
