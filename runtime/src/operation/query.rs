//! The closed query type: what may be read, and what INSERT … SELECT and subqueries are made of.

use serde::{Deserialize, Serialize};

use super::{Aggregate, BinaryOperator, Expr, Ident, Value};

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Query {
    /// Queries with a name, in order: each may be a source of those after it and of the query itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<(Ident, Query)>,
    /// The first SELECT.
    pub select: Select,
    /// Those that are joined to it, from left to right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unions: Vec<(Union, Select)>,
    /// Its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Ordering>,
    /// How many rows at most; without an order those that come first by the keys of the tables, once names are resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many rows are left out before; only with a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// How two SELECTs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Union {
    /// `UNION`: equal rows once.
    Distinct,
    /// `UNION ALL`.
    All,
}

/// One SELECT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Select {
    /// Whether equal rows are taken once.
    pub distinct: bool,
    /// What it yields, at least one, each under a name of its own.
    pub items: Vec<(Ident, Expr)>,
    /// Where among them `*` stands, and of which source; of all without one. None is left once names are resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stars: Vec<(usize, Option<Ident>)>,
    /// Where from; none for a single row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    /// What is joined to that, from left to right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<Join>,
    /// Which rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expr>,
    /// What rows are put together by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<Expr>,
    /// Which groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub having: Option<Expr>,
}

/// A table, or a query of the WITH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    /// Its name.
    pub name: Ident,
    /// What it is called here.
    pub alias: Ident,
}

/// A joined source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Join {
    /// What becomes of a row without a partner.
    pub kind: JoinKind,
    /// The source.
    pub source: Source,
    /// Which rows are partners.
    pub on: Expr,
}

/// What becomes of a row without a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinKind {
    /// It is left out.
    Inner,
    /// It stays if it stands on the left, with NULLs for the partner.
    Left,
}

/// One key of an order. NULLs are the smallest, texts go by code point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ordering {
    /// What rows are ordered by.
    pub by: OrderBy,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Whether it is texts that are ordered; known once the names are resolved.
    pub text: bool,
}

/// What rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderBy {
    /// What the query yields under this name.
    Output(Ident),
    /// An expression over the sources.
    Expr(Expr),
}

impl Select {
    /// Its sources from left to right.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.from.iter().chain(self.joins.iter().map(|join| &join.source))
    }

    /// How many columns it yields, if that can be told without the tables.
    pub fn width(&self) -> Option<usize> {
        self.stars.is_empty().then_some(self.items.len())
    }

    /// Its expressions, those of subqueries not among them.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let items = self.items.iter().map(|(_, expr)| expr);
        let joins = self.joins.iter().map(|join| &join.on);
        items.chain(joins).chain(&self.condition).chain(&self.group_by).chain(&self.having)
    }
}

impl Query {
    /// Its SELECTs in order, those of its WITH not among them.
    pub fn selects(&self) -> impl Iterator<Item = &Select> {
        std::iter::once(&self.select).chain(self.unions.iter().map(|(_, select)| select))
    }

    /// Whether it may be meant to yield one row at most: an aggregate, LIMIT 1, or rows that are found by an equality.
    pub fn may_be_single_row(&self) -> bool {
        fn finds(condition: &Expr) -> bool {
            match condition {
                Expr::Binary(left, BinaryOperator::And, right) => finds(left) || finds(right),
                Expr::Binary(_, BinaryOperator::Equal, _) => true,
                _ => false,
            }
        }
        let select = &self.select;
        let one =
            select.from.is_none() || (select.group_by.is_empty() && select.expressions().any(Expr::has_aggregate));
        self.limit == Some(1) || (self.unions.is_empty() && (one || select.condition.as_ref().is_some_and(finds)))
    }

    /// The row that it yields where every table is empty, if it yields one there. None where that is not told by its form
    /// alone.
    pub fn on_empty_tables(&self) -> Option<Option<Vec<Value>>> {
        let grouped = |select: &Select| !select.group_by.is_empty();
        let reads = |select: &Select| {
            let named = |source: &Source| self.with.iter().any(|(name, _)| *name == source.name);
            select.from.as_ref().is_some_and(|source| !named(source))
        };
        let aggregates = |select: &Select| !grouped(select) && select.expressions().any(Expr::has_aggregate);
        if self.selects().all(|select| reads(select) && !aggregates(select)) {
            return Some(None);
        }
        let select = &self.select;
        if !self.unions.is_empty()
            || select.having.is_some()
            || !reads(select)
            || self.offset.is_some_and(|rows| rows > 0)
        {
            return None;
        }
        let item = |(_, item): &(Ident, Expr)| match item {
            Expr::Aggregate { function: Aggregate::Count, .. } => Some(Value::Integer(0)),
            Expr::Aggregate { .. } => Some(Value::Null),
            Expr::Value(value) => Some(value.clone()),
            _ => None,
        };
        select.items.iter().map(item).collect::<Option<Vec<_>>>().map(Some)
    }

    /// Calls `found` with every expression of it, those of its WITH too, but not of subqueries.
    pub fn each_expression<'q>(&'q self, found: &mut dyn FnMut(&'q Expr)) {
        self.with.iter().for_each(|(_, query)| query.each_expression(found));
        self.selects().flat_map(Select::expressions).for_each(&mut *found);
        for ordering in &self.order {
            if let OrderBy::Expr(expr) = &ordering.by {
                found(expr);
            }
        }
    }

    /// Calls `found` with every source of it, of its WITH and of its subqueries.
    pub fn each_source<'q>(&'q self, found: &mut dyn FnMut(&'q Source)) {
        self.with.iter().for_each(|(_, query)| query.each_source(found));
        self.selects().flat_map(Select::sources).for_each(&mut *found);
        self.each_expression(&mut |expr| expr.each_query(&mut |query| query.each_source(found)));
    }
}
