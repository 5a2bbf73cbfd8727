//! How long the texts may become that a statement makes. A query of a WITH can put together what the one before it put
//! together, so that a short statement asks for more than any memory holds.

use super::{
    BinaryOperator, ConflictAction, Dml, Expr, Function, Ident, InsertSource, Join, OrderBy, OwnFunction, Query, Value,
};

/// What a text counts that `replace` puts in without being a constant. It may be longer.
const UNKNOWN: u64 = 256;

/// What a letter may become in the other case, in bytes: `ΐ` has two of them, and in capitals six.
const CASES: u64 = 3;

/// What can be named, innermost last, with what its texts count: how many times as long as the longest text of a row or
/// constant they may be.
#[derive(Clone, Default)]
struct Scope<'q> {
    with: Vec<(&'q Ident, u64)>,
    sources: Vec<(&'q Ident, u64)>,
}

impl Expr {
    /// As [`Query::text_growth`].
    pub(super) fn text_growth(&self) -> u64 {
        of_expr(self, &Scope::default())
    }
}

impl Query {
    /// How many times as long as the longest text that it is made of any text in it may become; 1 where it makes none.
    pub(super) fn text_growth(&self) -> u64 {
        of_query(self, &Scope::default())
    }
}

impl Dml {
    /// As [`Query::text_growth`].
    pub(super) fn text_growth(&self) -> u64 {
        let scope = Scope::default();
        let of = |expr: &Expr| of_expr(expr, &scope);
        let of_all = |exprs: &mut dyn Iterator<Item = &Expr>| exprs.map(of).max().unwrap_or(1);
        match self {
            Self::Insert { source, conflict, .. } => {
                let source = match source {
                    InsertSource::Rows(rows) => of_all(&mut rows.iter().flatten()),
                    InsertSource::Query(query) => of_query(query, &scope),
                };
                match conflict.as_ref().map(|conflict| &conflict.action) {
                    // It may set what was to come.
                    Some(ConflictAction::Update(assignments)) => {
                        source.saturating_mul(of_all(&mut assignments.iter().map(|(_, expr)| expr)))
                    }
                    Some(ConflictAction::Nothing) | None => source,
                }
            }
            Self::Update { assignments, with, joins, condition, .. } => {
                let queries: Vec<(&Ident, u64)> =
                    with.iter().map(|(name, query)| (name, of_query(query, &scope))).collect();
                let mut inside = Scope::default();
                for Join { source, .. } in joins {
                    let named = queries.iter().find(|(name, _)| name.is_like(source.name.as_str()));
                    inside.sources.push((&source.alias, named.map_or(1, |(_, count)| *count)));
                }
                let exprs = assignments.iter().map(|(_, expr)| expr).chain(joins.iter().map(|join| &join.on));
                exprs.chain(condition).map(|expr| of_expr(expr, &inside)).max().unwrap_or(1)
            }
            Self::Delete { condition, .. } => of_all(&mut condition.iter()),
        }
    }
}

fn of_query<'q>(query: &'q Query, outside: &Scope<'q>) -> u64 {
    let mut scope = outside.clone();
    for (name, inner) in &query.with {
        let count = of_query(inner, &scope);
        scope.with.push((name, count));
    }
    let orders = query.order.iter().filter_map(|ordering| match &ordering.by {
        OrderBy::Expr(expr) => Some(expr),
        OrderBy::Output(_) => None,
    });
    let mut orders: Vec<&Expr> = orders.collect();
    let mut most = 1;
    for select in query.selects() {
        let mut inside = scope.clone();
        for source in select.sources() {
            let named = scope.with.iter().rev().find(|(name, _)| name.is_like(source.name.as_str()));
            inside.sources.push((&source.alias, named.map_or(1, |(_, count)| *count)));
        }
        // Only a query of one SELECT is ordered by expressions.
        if !select.stars.is_empty() {
            most = inside.sources.iter().map(|(_, count)| *count).fold(most, u64::max);
        }
        let exprs = select.expressions().chain(orders.drain(..));
        most = exprs.map(|expr| of_expr(expr, &inside)).fold(most, u64::max);
    }
    most
}

fn of_expr<'q>(expr: &'q Expr, scope: &Scope<'q>) -> u64 {
    let of = |expr: &'q Expr| of_expr(expr, scope);
    let operands = || expr.children().into_iter().map(of).max().unwrap_or(1);
    match expr {
        Expr::Field(alias, _) => {
            let named = scope.sources.iter().filter(|(source, _)| source.is_like(alias.as_str()));
            named.map(|(_, count)| *count).max().unwrap_or(1)
        }
        Expr::Column(_) => scope.sources.iter().map(|(_, count)| *count).max().unwrap_or(1),
        Expr::Binary(left, BinaryOperator::Concat, right) => of(left).saturating_add(of(right)),
        Expr::Call(Function::Replace, _) => {
            let replaced = of_replace(expr, scope);
            replaced.text.saturating_mul(replaced.times)
        }
        Expr::Call(Function::Lower | Function::Upper, _) => operands().saturating_mul(CASES),
        Expr::Call(Function::Own(own), arguments) => operands().saturating_mul(match (own, arguments.as_slice()) {
            (OwnFunction::Hex, _) => 2,
            // Its digits, and quotes that are escaped.
            (OwnFunction::Strftime, _) | (OwnFunction::JsonQuote | OwnFunction::JsonKey | OwnFunction::JsonPath, _) => {
                6
            }
            (OwnFunction::RandomBlob, [Expr::Value(Value::Integer(bytes))]) => bytes.unsigned_abs(),
            _ => 1,
        }),
        _ => operands().max(expr.query().map_or(1, |query| of_query(query, scope))),
    }
}

/// One `replace` in another, down to the text in which they replace.
struct Replaced<'q> {
    /// What the text counts.
    text: u64,
    /// How many times as long they make it.
    times: u64,
    /// What they put in.
    put: Vec<&'q str>,
}

fn of_replace<'q>(expr: &'q Expr, scope: &Scope<'q>) -> Replaced<'q> {
    let Expr::Call(Function::Replace, arguments) = expr else {
        return Replaced { text: of_expr(expr, scope), times: 1, put: Vec::new() };
    };
    let [text, from, Expr::Value(Value::Text(to))] = arguments.as_slice() else {
        let most = arguments.iter().map(|argument| of_expr(argument, scope)).max().unwrap_or(1);
        return Replaced { text: most.saturating_mul(UNKNOWN), times: 1, put: Vec::new() };
    };
    let inner = of_replace(text, scope);
    let (times, touches) = match from {
        Expr::Value(Value::Text(from)) => {
            let is_part = |put: &&str| put.chars().any(|letter| from.contains(letter));
            (to.len().div_ceil(from.len().max(1)), inner.put.iter().any(is_part))
        }
        // Of one byte at least.
        _ => (to.len(), true),
    };
    let times = times.max(1) as u64;
    match touches {
        true => Replaced { text: inner.text.saturating_mul(inner.times), times, put: vec![to] },
        // It finds nothing in what the others put in: each letter is replaced once.
        false => {
            let put = inner.put.into_iter().chain([to.as_str()]).collect();
            Replaced { text: inner.text, times: inner.times.max(times), put }
        }
    }
}
