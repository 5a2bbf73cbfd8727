//! Queries as SQL. Names were looked up before: every column is called by its source.

use super::Dialect;
use super::expr::{self, Target};
use crate::operation::{Expr, Ident, Join, JoinKind, OrderBy, Ordering, Query, Select, Source, Union};

/// A query as SQL.
pub fn render_query(dialect: Dialect, query: &Query) -> String {
    let mut sql = String::new();
    write(Target::Dialect(dialect), query, &mut sql);
    sql
}

/// A query in the contract's portable syntax.
#[cfg(test)]
pub(super) fn render_portable_query(query: &Query) -> String {
    let mut sql = String::new();
    write(Target::Portable, query, &mut sql);
    sql
}

pub(super) fn write(target: Target, query: &Query, sql: &mut String) {
    for (place, (name, named)) in query.with.iter().enumerate() {
        sql.push_str(if place == 0 { "WITH " } else { ", " });
        sql.push_str(&target.quote(name));
        sql.push_str(" AS (");
        write(target, named, sql);
        sql.push_str(if place + 1 == query.with.len() { ") " } else { ")" });
    }
    // What is ordered by code point is so in the answer already: a UNION or DISTINCT can be ordered by nothing else.
    let by_code_point = |place: usize| {
        let name = query.select.items.get(place).map(|(name, _)| name);
        query.order.iter().any(|key| key.text && matches!(&key.by, OrderBy::Output(output) if Some(output) == name))
    };
    write_select(target, &query.select, &by_code_point, sql);
    for (kind, select) in &query.unions {
        sql.push_str(match kind {
            Union::Distinct => " UNION ",
            Union::All => " UNION ALL ",
        });
        write_select(target, select, &by_code_point, sql);
    }
    for (place, key) in query.order.iter().enumerate() {
        sql.push_str(if place == 0 { " ORDER BY " } else { ", " });
        write_key(target, query, key, sql);
    }
    if let Some(limit) = query.limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    if let Some(offset) = query.offset {
        sql.push_str(&format!(" OFFSET {offset}"));
    }
}

fn write_select(target: Target, select: &Select, by_code_point: &dyn Fn(usize) -> bool, sql: &mut String) {
    sql.push_str(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
    for (place, (name, item)) in select.items.iter().enumerate() {
        sql.push_str(if place == 0 { "" } else { ", " });
        if by_code_point(place) {
            write_by_code_point(target, item, sql)
        } else {
            expr::write(target, item, sql)
        }
        sql.push_str(" AS ");
        sql.push_str(&target.quote(name));
    }
    match &select.from {
        Some(source) => {
            sql.push_str(" FROM ");
            write_source(target, source, sql);
        }
        // Where WHERE needs one.
        None if target == Target::Dialect(Dialect::Mariadb) => sql.push_str(" FROM DUAL"),
        None => {}
    }
    write_joins(target, &[], &select.joins, sql);
    let mut clause = |word: &str, expr: Option<&Expr>| {
        if let Some(expr) = expr {
            sql.push_str(word);
            expr::write(target, expr, sql);
        }
    };
    clause(" WHERE ", select.condition.as_ref());
    for (place, key) in select.group_by.iter().enumerate() {
        clause(if place == 0 { " GROUP BY " } else { ", " }, Some(key));
    }
    clause(" HAVING ", select.having.as_ref());
}

/// Joins of an UPDATE as SQL.
pub(super) fn render_joins(dialect: Dialect, with: &[(Ident, Query)], joins: &[Join]) -> String {
    let mut sql = String::new();
    write_joins(Target::Dialect(dialect), with, joins, &mut sql);
    sql
}

/// A source of an UPDATE as SQL.
pub(super) fn render_source(dialect: Dialect, with: &[(Ident, Query)], source: &Source) -> String {
    let mut sql = String::new();
    write_source_of(Target::Dialect(dialect), with, source, &mut sql);
    sql
}

fn write_joins(target: Target, with: &[(Ident, Query)], joins: &[Join], sql: &mut String) {
    for join in joins {
        sql.push_str(match join.kind {
            JoinKind::Inner => " JOIN ",
            JoinKind::Left => " LEFT JOIN ",
        });
        write_source_of(target, with, &join.source, sql);
        sql.push_str(" ON ");
        expr::write(target, &join.on, sql);
    }
}

/// A source of an UPDATE, where a named query stands in the place of its name: no WITH can stand before all of them.
fn write_source_of(target: Target, with: &[(Ident, Query)], source: &Source, sql: &mut String) {
    match with.iter().find(|(name, _)| *name == source.name) {
        Some((_, query)) => {
            sql.push('(');
            write(target, query, sql);
            sql.push_str(") AS ");
            sql.push_str(&target.quote(&source.alias));
        }
        None => write_source(target, source, sql),
    }
}

fn write_source(target: Target, source: &Source, sql: &mut String) {
    sql.push_str(&target.quote(&source.name));
    sql.push_str(" AS ");
    sql.push_str(&target.quote(&source.alias));
}

fn write_key(target: Target, query: &Query, key: &Ordering, sql: &mut String) {
    match &key.by {
        OrderBy::Output(name) => sql.push_str(&output(target, query, name)),
        OrderBy::Expr(expr) => write_ordered(target, expr, key.text, sql),
    }
    write_direction(target, key.descending, sql);
}

/// What rows are ordered by.
pub(super) fn write_ordered(target: Target, expr: &Expr, text: bool, sql: &mut String) {
    if text { write_by_code_point(target, expr, sql) } else { expr::write(target, expr, sql) }
}

/// NULLs are the smallest, which PostgreSQL has to be told.
pub(super) fn write_direction(target: Target, descending: bool, sql: &mut String) {
    sql.push_str(match (target, descending) {
        (Target::Dialect(Dialect::Postgres), false) => " NULLS FIRST",
        (Target::Dialect(Dialect::Postgres), true) => " DESC NULLS LAST",
        (_, false) => "",
        (_, true) => " DESC",
    });
}

/// A column of the answer by its place, which no column of a source can be taken for.
fn output(target: Target, query: &Query, name: &Ident) -> String {
    match (target, query.select.items.iter().position(|(item, _)| item == name)) {
        (Target::Dialect(_), Some(place)) => (place + 1).to_string(),
        _ => target.quote(name),
    }
}

fn write_by_code_point(target: Target, text: &Expr, sql: &mut String) {
    let collation = match target {
        Target::Dialect(Dialect::Sqlite) => " COLLATE BINARY",
        Target::Dialect(Dialect::Postgres) => " COLLATE pg_catalog.\"C\"",
        Target::Dialect(Dialect::Mariadb) => " COLLATE utf8mb4_nopad_bin",
        Target::Portable => return expr::write(target, text, sql),
    };
    sql.push('(');
    expr::write(target, text, sql);
    sql.push_str(collation);
    sql.push(')');
}
