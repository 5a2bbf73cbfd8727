//! The normal form of expressions and defaults: two that a server prints alike become equal. Every rule
//! here was read off what PostgreSQL 15 and MariaDB 10.11 print.

use super::Dialect;
use crate::operation::{
    BinaryOperator, ColumnDefault, ColumnType, Expr, UnaryOperator, Value, coerce, cut, without_zeros,
};

/// See [`crate::schema::Rules::normal_form`]. Done to what is planned and to what was read back.
pub fn normal_form(dialect: Dialect, expr: &Expr) -> Expr {
    match expr {
        Expr::Value(value) => Expr::Value(normal_value(dialect, value)),
        // Queries and what belongs to them stand in no check and no default.
        Expr::Column(_)
        | Expr::Field(..)
        | Expr::Case { .. }
        | Expr::Aggregate { .. }
        | Expr::Rank { .. }
        | Expr::Scalar(_)
        | Expr::Exists(_)
        | Expr::InQuery { .. } => expr.clone(),
        Expr::Unary(UnaryOperator::Not, operand) if dialect == Dialect::Mariadb => negation(operand),
        Expr::Unary(operator, operand) => {
            let operand = normal_form(dialect, operand);
            match (operator, &operand) {
                (UnaryOperator::Negate, Expr::Value(value)) => match value.negated() {
                    Some(negated) => Expr::Value(negated),
                    None => Expr::Unary(*operator, Box::new(operand)),
                },
                _ => Expr::Unary(*operator, Box::new(operand)),
            }
        }
        Expr::Binary(left, operator @ (BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Concat), right) => {
            join(*operator, condition(dialect, *operator, left), condition(dialect, *operator, right))
        }
        Expr::Binary(left, operator, right) => {
            comparison(dialect, normal_form(dialect, left), *operator, normal_form(dialect, right))
        }
        Expr::Cast(operand, to) => Expr::Cast(Box::new(normal_form(dialect, operand)), *to),
        Expr::IsNull { operand, negated } => {
            Expr::IsNull { operand: Box::new(normal_form(dialect, operand)), negated: *negated }
        }
        Expr::Is { operand, truth, negated } => {
            Expr::Is { operand: Box::new(normal_form(dialect, operand)), truth: *truth, negated: *negated }
        }
        Expr::In { operand, items, negated } => {
            let items = items.iter().map(|item| normal_form(dialect, item)).collect();
            in_list(dialect, normal_form(dialect, operand), items, *negated)
        }
        Expr::Between { operand, low, high, negated } => {
            let (operand, low, high) =
                (normal_form(dialect, operand), normal_form(dialect, low), normal_form(dialect, high));
            match (dialect, negated) {
                (Dialect::Postgres, false) => join(
                    BinaryOperator::And,
                    binary(operand.clone(), BinaryOperator::GreaterOrEqual, low),
                    binary(operand, BinaryOperator::LessOrEqual, high),
                ),
                (Dialect::Postgres, true) => join(
                    BinaryOperator::Or,
                    binary(operand.clone(), BinaryOperator::Less, low),
                    binary(operand, BinaryOperator::Greater, high),
                ),
                _ => Expr::Between {
                    operand: Box::new(operand),
                    low: Box::new(compared(dialect, low)),
                    high: Box::new(compared(dialect, high)),
                    negated: *negated,
                },
            }
        }
        Expr::Like { operand, pattern, negated } => Expr::Like {
            operand: Box::new(normal_form(dialect, operand)),
            pattern: Box::new(normal_form(dialect, pattern)),
            negated: *negated,
        },
        Expr::Call(function, arguments) => {
            Expr::Call(*function, arguments.iter().map(|argument| normal_form(dialect, argument)).collect())
        }
    }
}

fn binary(left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

fn comparison(dialect: Dialect, left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    if opposite(operator).is_some() {
        binary(compared(dialect, left), operator, compared(dialect, right))
    } else {
        binary(left, operator, right)
    }
}

/// MariaDB makes a decimal or double next to a 64-bit column an integer if it is one.
fn compared(dialect: Dialect, operand: Expr) -> Expr {
    let whole = match (dialect, &operand) {
        (Dialect::Mariadb, Expr::Value(Value::Numeric(text))) => without_zeros(text).parse().ok(),
        (Dialect::Mariadb, Expr::Value(Value::Double(number))) => number.get().to_string().parse().ok(),
        _ => None,
    };
    whole.map_or(operand, |whole| Expr::Value(Value::Integer(whole)))
}

/// `left` and `right` joined so that a chain of one associative operator always leans to the left.
fn join(operator: BinaryOperator, left: Expr, right: Expr) -> Expr {
    let mut rest = Vec::new();
    let mut first = right;
    loop {
        match first {
            Expr::Binary(inner_left, found, inner_right) if found == operator => {
                rest.push(*inner_right);
                first = *inner_left;
            }
            other => {
                rest.push(other);
                break;
            }
        }
    }
    rest.into_iter().rev().fold(left, |chain, operand| binary(chain, operator, operand))
}

/// An operand of AND, OR or `||`. MariaDB compares a bare column there with zero.
fn condition(dialect: Dialect, operator: BinaryOperator, operand: &Expr) -> Expr {
    match operand {
        Expr::Column(_) if dialect == Dialect::Mariadb && operator != BinaryOperator::Concat => {
            binary(operand.clone(), BinaryOperator::NotEqual, Expr::Value(Value::Integer(0)))
        }
        _ => normal_form(dialect, operand),
    }
}

/// MariaDB pushes NOT down as far as it goes.
fn negation(operand: &Expr) -> Expr {
    let dialect = Dialect::Mariadb;
    let zero = || Expr::Value(Value::Integer(0));
    match operand {
        Expr::Column(_) => binary(operand.clone(), BinaryOperator::Equal, zero()),
        Expr::Value(Value::Boolean(truth)) => Expr::Value(Value::Integer(i64::from(!*truth))),
        Expr::Unary(UnaryOperator::Not, inner) => double_negation(inner),
        Expr::Binary(left, BinaryOperator::And, right) => {
            join(BinaryOperator::Or, negated_operand(left), negated_operand(right))
        }
        Expr::Binary(left, BinaryOperator::Or, right) => {
            join(BinaryOperator::And, negated_operand(left), negated_operand(right))
        }
        Expr::Binary(left, operator, right) if let Some(opposite) = opposite(*operator) => {
            comparison(dialect, normal_form(dialect, left), opposite, normal_form(dialect, right))
        }
        Expr::IsNull { operand, negated } => {
            Expr::IsNull { operand: Box::new(normal_form(dialect, operand)), negated: !*negated }
        }
        Expr::Is { operand, truth, negated } => {
            normal_form(dialect, &Expr::Is { operand: operand.clone(), truth: *truth, negated: !*negated })
        }
        Expr::In { operand, items, negated } => {
            normal_form(dialect, &Expr::In { operand: operand.clone(), items: items.clone(), negated: !*negated })
        }
        Expr::Between { operand, low, high, negated } => normal_form(
            dialect,
            &Expr::Between { operand: operand.clone(), low: low.clone(), high: high.clone(), negated: !*negated },
        ),
        Expr::Like { operand, pattern, negated } => {
            normal_form(dialect, &Expr::Like { operand: operand.clone(), pattern: pattern.clone(), negated: !*negated })
        }
        other => Expr::Unary(UnaryOperator::Not, Box::new(normal_form(dialect, other))),
    }
}

/// An operand of AND or OR under a NOT that moved in: there `NOT NOT x` is x.
fn negated_operand(operand: &Expr) -> Expr {
    match operand {
        Expr::Unary(UnaryOperator::Not, inner) if !matches!(**inner, Expr::Unary(UnaryOperator::Not, _)) => {
            condition(Dialect::Mariadb, BinaryOperator::And, inner)
        }
        _ => negation(operand),
    }
}

/// `NOT NOT x` on MariaDB: x where that is a condition, else its comparison with zero.
fn double_negation(inner: &Expr) -> Expr {
    let against_zero = |operator, operand: &Expr| {
        binary(normal_form(Dialect::Mariadb, operand), operator, Expr::Value(Value::Integer(0)))
    };
    match inner {
        Expr::Unary(UnaryOperator::Not, third) if is_condition(third) => negation(third),
        Expr::Unary(UnaryOperator::Not, third) => match &**third {
            Expr::Unary(UnaryOperator::Not, fourth) => double_negation(fourth),
            third => against_zero(BinaryOperator::Equal, third),
        },
        inner if is_condition(inner) => normal_form(Dialect::Mariadb, inner),
        inner => against_zero(BinaryOperator::NotEqual, inner),
    }
}

/// Whether MariaDB takes it for true or false by itself, NOT apart.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(_, operator, _) => {
            matches!(operator, BinaryOperator::And | BinaryOperator::Or) || opposite(*operator).is_some()
        }
        Expr::Value(Value::Boolean(_))
        | Expr::IsNull { .. }
        | Expr::Is { .. }
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists(_)
        | Expr::InQuery { .. } => true,
        Expr::Value(_)
        | Expr::Column(_)
        | Expr::Field(..)
        | Expr::Unary(..)
        | Expr::Call(..)
        | Expr::Case { .. }
        | Expr::Cast(..)
        | Expr::Aggregate { .. }
        | Expr::Rank { .. }
        | Expr::Scalar(_) => false,
    }
}

fn opposite(operator: BinaryOperator) -> Option<BinaryOperator> {
    Some(match operator {
        BinaryOperator::Equal => BinaryOperator::NotEqual,
        BinaryOperator::NotEqual => BinaryOperator::Equal,
        BinaryOperator::Less => BinaryOperator::GreaterOrEqual,
        BinaryOperator::LessOrEqual => BinaryOperator::Greater,
        BinaryOperator::Greater => BinaryOperator::LessOrEqual,
        BinaryOperator::GreaterOrEqual => BinaryOperator::Less,
        _ => return None,
    })
}

/// PostgreSQL and MariaDB make `x IN (y)` a comparison. PostgreSQL keeps a list only of items without
/// columns, at least two, and compares with the others one by one after it.
fn in_list(dialect: Dialect, operand: Expr, items: Vec<Expr>, negated: bool) -> Expr {
    let (comparison, joint) = if negated {
        (BinaryOperator::NotEqual, BinaryOperator::And)
    } else {
        (BinaryOperator::Equal, BinaryOperator::Or)
    };
    let compare = |item: Expr| self::comparison(dialect, operand.clone(), comparison, item);
    let list = |items: Vec<Expr>| Expr::In { operand: Box::new(operand.clone()), items, negated };
    match (dialect, <[Expr; 1]>::try_from(items)) {
        (Dialect::Postgres | Dialect::Mariadb, Ok([item])) => compare(item),
        (_, Ok([item])) => list(vec![item]),
        (Dialect::Postgres, Err(items)) => {
            let constants = items.iter().filter(|item| item.columns().is_empty()).count();
            let (mut parts, rest) = if constants >= 2 {
                let (constant, rest) = items.into_iter().partition::<Vec<_>, _>(|item| item.columns().is_empty());
                (vec![list(constant)], rest)
            } else {
                (Vec::new(), items)
            };
            parts.extend(rest.into_iter().map(compare));
            let mut parts = parts.into_iter();
            match parts.next() {
                Some(first) => parts.fold(first, |chain, part| join(joint, chain, part)),
                None => list(Vec::new()),
            }
        }
        (_, Err(items)) => list(items),
    }
}

/// A constant as the server keeps it where no column tells its type.
fn normal_value(dialect: Dialect, value: &Value) -> Value {
    match (dialect, value) {
        (Dialect::Sqlite | Dialect::Mariadb, Value::Boolean(truth)) => Value::Integer(i64::from(*truth)),
        // Written without a point it is an integer to every server.
        (_, Value::Numeric(text)) => text.parse().map_or_else(|_| value.clone(), Value::Integer),
        (Dialect::Sqlite, Value::Uuid(text)) => Value::Text(text.replace('-', "")),
        // PostgreSQL prints a text next to a date as a date, in its own form.
        (Dialect::Postgres, Value::Text(text)) => moment(text).map_or_else(|| value.clone(), Value::Text),
        (Dialect::Postgres, Value::Timestamp(text) | Value::TimestampWithZone(text)) => {
            Value::Text(without_midnight(text))
        }
        (
            _,
            Value::Date(text)
            | Value::Time(text)
            | Value::Timestamp(text)
            | Value::TimestampWithZone(text)
            | Value::Uuid(text)
            | Value::Json(text),
        ) => Value::Text(text.clone()),
        _ => value.clone(),
    }
}

fn without_midnight(timestamp: &str) -> String {
    timestamp.strip_suffix(" 00:00:00").unwrap_or(timestamp).to_owned()
}

/// The one spelling of a text that PostgreSQL may take for a time, a timestamp or a UUID.
pub(super) fn moment(text: &str) -> Option<String> {
    if text.len() > 64 {
        return None;
    }
    match Value::timestamp(text)
        .or_else(|_| Value::timestamp_with_zone(text))
        .or_else(|_| Value::time(text))
        .or_else(|_| Value::uuid(text))
    {
        Ok(Value::Timestamp(text) | Value::TimestampWithZone(text)) => Some(without_midnight(&text)),
        Ok(Value::Time(text) | Value::Uuid(text)) => Some(text),
        _ => None,
    }
}

/// A default in the form in which a planned and an introspected one compare equal: a constant in the
/// canonical form of the column's type, an expression in its [`normal_form`]. A default of NULL is no
/// default: leave it out before calling. A constant that does not fit the type stays as it is.
pub fn default_normal_form(dialect: Dialect, default: &ColumnDefault, column_type: &ColumnType) -> ColumnDefault {
    let constant = match default {
        ColumnDefault::Value(value) | ColumnDefault::Expression(Expr::Value(value)) => value.clone(),
        ColumnDefault::Expression(expr) => match normal_form(dialect, expr) {
            Expr::Value(value) => value,
            other => return ColumnDefault::Expression(other),
        },
    };
    ColumnDefault::Value(column_constant(dialect, constant, column_type))
}

/// A document as it is kept parsed: without its spaces, and every key once.
fn parsed_form(text: String) -> String {
    match serde_json::from_str(&text) {
        Ok(document) if has_whole_numbers(&document) => document.to_string(),
        _ => text,
    }
}

/// Whether all numbers of a document are integers of 64 bits: of those every reader makes the same.
pub(super) fn has_whole_numbers(document: &serde_json::Value) -> bool {
    match document {
        serde_json::Value::Number(number) => !number.is_f64(),
        serde_json::Value::Array(items) => items.iter().all(has_whole_numbers),
        serde_json::Value::Object(fields) => fields.values().all(has_whole_numbers),
        _ => true,
    }
}

fn column_constant(dialect: Dialect, constant: Value, column_type: &ColumnType) -> Value {
    let coerced = match (&constant, column_type) {
        (Value::Integer(number @ (0 | 1)), ColumnType::Boolean) => Ok(Value::Boolean(*number == 1)),
        (Value::Text(text), ColumnType::Timestamp(digits) | ColumnType::TimestampWithZone(digits)) => {
            let moment = Value::timestamp(text).or_else(|_| Value::timestamp_with_zone(text));
            moment.map(|moment| cut(moment, *digits))
        }
        _ => coerce(&constant, column_type),
    };
    match coerced {
        Ok(Value::Numeric(text)) => Value::Numeric(without_zeros(&text).to_owned()),
        // Only PostgreSQL has a type of its own for moments.
        Ok(Value::Timestamp(text) | Value::TimestampWithZone(text)) => {
            if dialect == Dialect::Postgres && matches!(column_type, ColumnType::TimestampWithZone(_)) {
                Value::TimestampWithZone(text)
            } else {
                Value::Timestamp(text)
            }
        }
        Ok(Value::Json(text)) if *column_type == ColumnType::JsonBinary => Value::Json(parsed_form(text)),
        Ok(Value::Label(None, label)) => Value::Text(label.as_str().to_owned()),
        Ok(value) => value,
        Err(_) => constant,
    }
}
