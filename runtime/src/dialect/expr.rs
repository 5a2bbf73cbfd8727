//! Expressions as SQL.

use super::literal::{literal, portable_literal, quote, quoted};
use super::{Dialect, query};
use crate::operation::{
    Aggregate, BinaryOperator, CastType, Conflict, Expr, Function, Ident, OwnFunction, Ranking, UnaryOperator, Value,
};

/// An expression as SQL, parenthesised so that it parses back to the same tree.
pub fn render_expr(dialect: Dialect, expr: &Expr) -> String {
    let mut sql = String::new();
    write(Target::Dialect(dialect), expr, &mut sql);
    sql
}

/// An expression in the contract's portable syntax, for `inspect`.
pub fn render_portable(expr: &Expr) -> String {
    let mut sql = String::new();
    write(Target::Portable, expr, &mut sql);
    sql
}

/// What SQL is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Dialect(Dialect),
    Portable,
}

const MARIADB: Target = Target::Dialect(Dialect::Mariadb);

impl Target {
    /// A name, quoted.
    pub(super) fn quote(self, name: &Ident) -> String {
        match self {
            Self::Dialect(dialect) => quote(dialect, name),
            Self::Portable => quoted('"', name.as_str()),
        }
    }
}

pub(super) fn write(target: Target, expr: &Expr, sql: &mut String) {
    match expr {
        Expr::Value(value) => write_value(target, value, sql),
        Expr::Column(name) => sql.push_str(&target.quote(name)),
        // MariaDB's name for the row that was to come.
        Expr::Field(source, name) if target == MARIADB && source.as_str() == Conflict::EXCLUDED => {
            sql.push_str("VALUES(");
            sql.push_str(&target.quote(name));
            sql.push(')');
        }
        Expr::Field(source, name) => {
            sql.push_str(&target.quote(source));
            sql.push('.');
            sql.push_str(&target.quote(name));
        }
        Expr::Unary(operator, operand) => {
            sql.push_str(match operator {
                UnaryOperator::Not => "(NOT ",
                UnaryOperator::Negate => "(- ",
            });
            write(target, operand, sql);
            sql.push(')');
        }
        Expr::Binary(_, BinaryOperator::Concat, _) if target == MARIADB => {
            write_call(target, "concat", &chain(expr, BinaryOperator::Concat), sql);
        }
        Expr::Binary(_, operator @ (BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Concat), _) => {
            sql.push('(');
            write_list(target, &chain(expr, *operator), operator_text(*operator), sql);
            sql.push(')');
        }
        Expr::Binary(left, operator, right) => {
            sql.push('(');
            write(target, left, sql);
            sql.push_str(operator_text(*operator));
            write(target, right, sql);
            sql.push(')');
        }
        Expr::IsNull { operand, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " IS NOT NULL)" } else { " IS NULL)" });
        }
        Expr::Is { operand, truth, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " IS NOT " } else { " IS " });
            sql.push_str(if *truth { "TRUE)" } else { "FALSE)" });
        }
        Expr::Cast(operand, to) => {
            sql.push_str("CAST(");
            write(target, operand, sql);
            sql.push_str(" AS ");
            sql.push_str(cast_name(target, *to));
            sql.push(')');
        }
        Expr::In { operand, items, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " NOT IN (" } else { " IN (" });
            write_list(target, &items.iter().collect::<Vec<_>>(), ", ", sql);
            sql.push_str("))");
        }
        Expr::Between { operand, low, high, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
            write(target, low, sql);
            sql.push_str(" AND ");
            write(target, high, sql);
            sql.push(')');
        }
        Expr::Like { operand, pattern, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " NOT LIKE " } else { " LIKE " });
            write(target, pattern, sql);
            sql.push(')');
        }
        Expr::Call(function, arguments) => match (function, target) {
            (Function::CurrentTimestamp, MARIADB) => sql.push_str("CURRENT_TIMESTAMP(6)"),
            (Function::CurrentTimestamp, _) => sql.push_str("CURRENT_TIMESTAMP"),
            (Function::CurrentDate, MARIADB) => sql.push_str("curdate()"),
            (Function::CurrentDate, _) => sql.push_str("CURRENT_DATE"),
            (Function::Own(own), _) => write_own(target, *own, arguments, sql),
            _ => write_call(target, function_name(target, *function), &arguments.iter().collect::<Vec<_>>(), sql),
        },
        Expr::Case { operand, arms, otherwise } => {
            sql.push_str("CASE");
            if let Some(operand) = operand {
                sql.push(' ');
                write(target, operand, sql);
            }
            for (when, then) in arms {
                sql.push_str(" WHEN ");
                write(target, when, sql);
                sql.push_str(" THEN ");
                write(target, then, sql);
            }
            if let Some(otherwise) = otherwise {
                sql.push_str(" ELSE ");
                write(target, otherwise, sql);
            }
            sql.push_str(" END");
        }
        Expr::Aggregate { function, distinct, argument } => {
            sql.push_str(aggregate_name(*function));
            sql.push_str(if *distinct { "(DISTINCT " } else { "(" });
            match argument {
                Some(argument) if *function == Aggregate::Avg => write_double(target, argument, sql),
                Some(argument) => write(target, argument, sql),
                None => sql.push('*'),
            }
            sql.push(')');
        }
        Expr::Rank { ranking, partition, order } => {
            sql.push_str(ranking_name(*ranking));
            sql.push_str("() OVER (");
            for (place, key) in partition.iter().enumerate() {
                sql.push_str(if place == 0 { "PARTITION BY " } else { ", " });
                write(target, key, sql);
            }
            for (place, key) in order.iter().enumerate() {
                sql.push_str(match (place, partition.is_empty()) {
                    (0, true) => "ORDER BY ",
                    (0, false) => " ORDER BY ",
                    _ => ", ",
                });
                query::write_ordered(target, &key.by, key.text, sql);
                query::write_direction(target, key.descending, sql);
            }
            sql.push(')');
        }
        Expr::Scalar(query) => {
            sql.push('(');
            query::write(target, query, sql);
            sql.push(')');
        }
        Expr::Exists(query) => {
            sql.push_str("EXISTS (");
            query::write(target, query, sql);
            sql.push(')');
        }
        Expr::InQuery { operand, query, negated } => {
            sql.push('(');
            write(target, operand, sql);
            sql.push_str(if *negated { " NOT IN (" } else { " IN (" });
            // MariaDB has no LIMIT right there.
            let is_apart = target == MARIADB && query.limit.is_some();
            sql.push_str(if is_apart { "SELECT * FROM (" } else { "" });
            query::write(target, query, sql);
            if is_apart {
                sql.push_str(") AS ");
                sql.push_str(&target.quote(&Ident::internal("ptah_db_rows")));
            }
            sql.push_str("))");
        }
    }
}

/// A number as a double: what an average is of has then the same digits everywhere.
fn write_double(target: Target, number: &Expr, sql: &mut String) {
    let (before, after) = match target {
        Target::Dialect(Dialect::Postgres) => ("(", ")::double precision"),
        MARIADB => ("CAST(", " AS DOUBLE)"),
        _ => ("", ""),
    };
    sql.push_str(before);
    write(target, number, sql);
    sql.push_str(after);
}

fn cast_name(target: Target, to: CastType) -> &'static str {
    match (to, target) {
        (CastType::Text, MARIADB) => "CHAR",
        (CastType::Text, _) => "TEXT",
        (CastType::Integer, MARIADB) => "SIGNED",
        (CastType::Integer, Target::Dialect(Dialect::Postgres)) => "bigint",
        (CastType::Integer, _) => "INTEGER",
        (CastType::Double, Target::Dialect(Dialect::Sqlite)) => "REAL",
        (CastType::Double, MARIADB) => "DOUBLE",
        (CastType::Double, _) => "double precision",
    }
}

fn aggregate_name(function: Aggregate) -> &'static str {
    match function {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
    }
}

fn ranking_name(ranking: Ranking) -> &'static str {
    match ranking {
        Ranking::RowNumber => "row_number",
        Ranking::Rank => "rank",
        Ranking::DenseRank => "dense_rank",
    }
}

fn write_value(target: Target, value: &Value, sql: &mut String) {
    let text = match target {
        Target::Dialect(dialect) => literal(dialect, value, None),
        Target::Portable => portable_literal(value),
    };
    // A sign is an operator where an expression goes on.
    if text.starts_with('-') {
        sql.push('(');
        sql.push_str(&text);
        sql.push(')');
    } else {
        sql.push_str(&text);
    }
}

fn write_call(target: Target, name: &str, arguments: &[&Expr], sql: &mut String) {
    sql.push_str(name);
    sql.push('(');
    write_list(target, arguments, ", ", sql);
    sql.push(')');
}

/// A function of one kind of database, as that writes it.
fn write_own(target: Target, function: OwnFunction, arguments: &[Expr], sql: &mut String) {
    let (name, operands) = (own_name(target, function), arguments.iter().collect::<Vec<_>>());
    match (function, operands.as_slice()) {
        (function, [operand, path]) if function.is_operator() => {
            sql.push('(');
            write(target, operand, sql);
            sql.push(' ');
            sql.push_str(name);
            sql.push(' ');
            write(target, path, sql);
            sql.push(')');
        }
        (OwnFunction::Strftime, [format]) => {
            sql.push_str(name);
            sql.push('(');
            write(target, format, sql);
            sql.push_str(", 'now')");
        }
        _ => write_call(target, name, &operands, sql),
    }
}

fn own_name(target: Target, function: OwnFunction) -> &'static str {
    match function {
        OwnFunction::Hex => "hex",
        OwnFunction::RandomBlob => "randomblob",
        OwnFunction::Random => "random",
        OwnFunction::Strftime => "strftime",
        OwnFunction::RandomUuid if target == MARIADB => "uuid",
        OwnFunction::RandomUuid => "gen_random_uuid",
        OwnFunction::ClockTimestamp => "clock_timestamp",
        OwnFunction::Round => "round",
        OwnFunction::JsonExtract => "json_extract",
        OwnFunction::JsonUnquote => "json_unquote",
        OwnFunction::JsonQuote => "json_quote",
        OwnFunction::JsonKey => "->",
        OwnFunction::JsonKeyText => "->>",
        OwnFunction::JsonPath => "#>",
        OwnFunction::JsonPathText => "#>>",
    }
}

fn write_list(target: Target, items: &[&Expr], separator: &str, sql: &mut String) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            sql.push_str(separator);
        }
        write(target, item, sql);
    }
}

/// The operands of a chain that leans to the left, in order.
fn chain(expr: &Expr, operator: BinaryOperator) -> Vec<&Expr> {
    let mut operands = Vec::new();
    let mut first = expr;
    while let Expr::Binary(left, found, right) = first
        && *found == operator
    {
        operands.push(&**right);
        first = left;
    }
    operands.push(first);
    operands.reverse();
    operands
}

fn operator_text(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::And => " AND ",
        BinaryOperator::Or => " OR ",
        BinaryOperator::Equal => " = ",
        BinaryOperator::NotEqual => " <> ",
        BinaryOperator::Less => " < ",
        BinaryOperator::LessOrEqual => " <= ",
        BinaryOperator::Greater => " > ",
        BinaryOperator::GreaterOrEqual => " >= ",
        BinaryOperator::Add => " + ",
        BinaryOperator::Subtract => " - ",
        BinaryOperator::Multiply => " * ",
        BinaryOperator::Divide => " / ",
        BinaryOperator::Modulo => " % ",
        BinaryOperator::Concat => " || ",
    }
}

fn function_name(target: Target, function: Function) -> &'static str {
    match function {
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Length if target == MARIADB => "char_length",
        Function::Length => "length",
        Function::Trim => "trim",
        Function::Abs => "abs",
        Function::Coalesce => "coalesce",
        Function::NullIf => "nullif",
        Function::Replace => "replace",
        Function::Substr => "substr",
        Function::JsonType if target == Target::Dialect(Dialect::Postgres) => "json_typeof",
        Function::JsonType => "json_type",
        Function::CurrentTimestamp => "current_timestamp",
        Function::CurrentDate => "current_date",
        Function::Own(own) => own_name(target, own),
    }
}
