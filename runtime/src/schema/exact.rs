//! The very type of an expression where it has one, whatever the dialect: what decides how an answer is read, and in
//! which form a constant beside it is written.

use super::scope::Scope;
use crate::operation::{
    Aggregate, BinaryOperator, CastType, ColumnType, Expr, Function, OwnFunction, UnaryOperator, Value,
};

/// A decimal with so many digits after the point.
fn numeric(scale: u8) -> ColumnType {
    ColumnType::Numeric { precision: 65, scale }
}

/// Digits after the point of an exact number.
fn scale(exact: &ColumnType) -> Option<u8> {
    match exact {
        ColumnType::Numeric { scale, .. } => Some(*scale),
        exact if exact.is_integer() => Some(0),
        _ => None,
    }
}

/// What holds a value of either type; none where that differs by dialect.
pub(super) fn either(left: &ColumnType, right: &ColumnType) -> Option<ColumnType> {
    use ColumnType::{
        BigInteger, Binary, Char, Double, Float, LargeBinary, LargeText, Text, Time, Timestamp, TimestampWithZone,
        Varchar,
    };
    match (left, right) {
        _ if left == right => Some(left.clone()),
        (Varchar(_) | Char(_) | Text | LargeText(_), Varchar(_) | Char(_) | Text | LargeText(_)) => Some(Text),
        (Binary | LargeBinary(_), Binary | LargeBinary(_)) => Some(Binary),
        (Float | Double, Float | Double) => Some(Double),
        (Time(left), Time(right)) => Some(Time(*left.max(right))),
        (Timestamp(left), Timestamp(right)) => Some(Timestamp(*left.max(right))),
        (TimestampWithZone(left), TimestampWithZone(right)) => Some(TimestampWithZone(*left.max(right))),
        _ if left.is_integer() && right.is_integer() => Some(BigInteger),
        _ => match (scale(left), scale(right)) {
            (Some(left), Some(right)) => Some(numeric(left.max(right))),
            (Some(_), None) if matches!(right, Double | Float) => Some(Double),
            (None, Some(_)) if matches!(left, Double | Float) => Some(Double),
            _ => None,
        },
    }
}

impl Scope<'_> {
    /// The type of an expression that was checked; none where only its kind is known.
    pub(super) fn exact(&self, expr: &Expr) -> Option<ColumnType> {
        match expr {
            Expr::Value(value) => of_value(value),
            Expr::Column(name) => self.column(name).ok()?.1,
            Expr::Field(source, name) => self.field(source, name).ok()?.1,
            Expr::Unary(UnaryOperator::Negate, operand) => self.exact(operand).map(widened),
            Expr::Binary(left, operator, right) => self.exact_binary(left, *operator, right),
            Expr::Unary(UnaryOperator::Not, _)
            | Expr::IsNull { .. }
            | Expr::Is { .. }
            | Expr::In { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::Exists(_)
            | Expr::InQuery { .. } => Some(ColumnType::Boolean),
            Expr::Cast(_, CastType::Text) => Some(ColumnType::Text),
            Expr::Cast(_, CastType::Integer) => Some(ColumnType::BigInteger),
            Expr::Cast(_, CastType::Double) => Some(ColumnType::Double),
            Expr::Call(function, arguments) => match function {
                Function::Length => Some(ColumnType::BigInteger),
                Function::Abs => arguments.first().and_then(|argument| self.exact(argument)).map(widened),
                Function::Coalesce => self.all_exact(arguments),
                Function::NullIf => self.exact(arguments.first()?),
                Function::Lower
                | Function::Upper
                | Function::Trim
                | Function::Replace
                | Function::Substr
                | Function::JsonType => Some(ColumnType::Text),
                Function::CurrentTimestamp => None,
                Function::CurrentDate => Some(ColumnType::Date),
                Function::Own(own) => match own {
                    OwnFunction::Hex
                    | OwnFunction::JsonKeyText
                    | OwnFunction::JsonPathText
                    | OwnFunction::JsonUnquote => Some(ColumnType::Text),
                    OwnFunction::Random => Some(ColumnType::BigInteger),
                    OwnFunction::RandomUuid => Some(ColumnType::Uuid),
                    OwnFunction::JsonKey | OwnFunction::JsonPath | OwnFunction::JsonQuote => Some(ColumnType::Json),
                    OwnFunction::Round => arguments
                        .first()
                        .and_then(|argument| self.exact(argument))
                        .filter(|exact| matches!(exact, ColumnType::Double | ColumnType::Float))
                        .map(|_| ColumnType::Double),
                    OwnFunction::RandomBlob
                    | OwnFunction::Strftime
                    | OwnFunction::ClockTimestamp
                    | OwnFunction::JsonExtract => None,
                },
            },
            Expr::Case { arms, otherwise, .. } => {
                self.all_exact(arms.iter().map(|(_, then)| then).chain(otherwise.as_deref()))
            }
            Expr::Aggregate { function, argument, .. } => match (function, argument.as_deref()) {
                (Aggregate::Count, _) | (_, None) => Some(ColumnType::BigInteger),
                (Aggregate::Avg, _) => Some(ColumnType::Double),
                (Aggregate::Sum, Some(argument)) => self.exact(argument).map(widened),
                (Aggregate::Min | Aggregate::Max, Some(argument)) => self.exact(argument),
            },
            Expr::Rank { .. } => Some(ColumnType::BigInteger),
            Expr::Scalar(query) => self.only_output(query).ok()?.exact,
        }
    }

    fn exact_binary(&self, left: &Expr, operator: BinaryOperator, right: &Expr) -> Option<ColumnType> {
        match operator {
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Modulo => {
                either(&self.exact(left)?, &self.exact(right)?).map(widened)
            }
            BinaryOperator::Multiply => {
                let (left, right) = (self.exact(left)?, self.exact(right)?);
                match (either(&left, &right)?, scale(&left), scale(&right)) {
                    (ColumnType::Numeric { .. }, Some(left), Some(right)) => {
                        left.checked_add(right).filter(|scale| *scale <= 30).map(numeric)
                    }
                    (other, ..) => Some(widened(other)),
                }
            }
            // How many digits a quotient has is the database's own.
            BinaryOperator::Divide => {
                let double = |side| matches!(self.exact(side), Some(ColumnType::Double | ColumnType::Float));
                (double(left) || double(right)).then_some(ColumnType::Double)
            }
            BinaryOperator::Concat => Some(ColumnType::Text),
            _ => Some(ColumnType::Boolean),
        }
    }

    /// What holds all of them, NULLs apart.
    fn all_exact<'e>(&self, results: impl IntoIterator<Item = &'e Expr>) -> Option<ColumnType> {
        let mut found = None;
        for result in results.into_iter().filter(|result| **result != Expr::Value(Value::Null)) {
            let exact = self.exact(result)?;
            found = Some(match found {
                None => exact,
                Some(before) => either(&before, &exact)?,
            });
        }
        found
    }
}

/// A result of arithmetic, which may be larger than its operands.
fn widened(exact: ColumnType) -> ColumnType {
    match exact {
        exact if exact.is_integer() => ColumnType::BigInteger,
        ColumnType::Numeric { scale, .. } => numeric(scale),
        ColumnType::Float => ColumnType::Double,
        other => other,
    }
}

fn of_value(value: &Value) -> Option<ColumnType> {
    Some(match value {
        Value::Null | Value::Json(_) | Value::Label(..) => return None,
        Value::Boolean(_) => ColumnType::Boolean,
        Value::Integer(_) => ColumnType::BigInteger,
        Value::Double(_) => ColumnType::Double,
        Value::Numeric(text) => {
            let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            numeric(u8::try_from(digits).ok().filter(|scale| *scale <= 30)?)
        }
        Value::Text(_) => ColumnType::Text,
        Value::Binary(_) => ColumnType::Binary,
        Value::Date(_) => ColumnType::Date,
        Value::Time(_) => ColumnType::Time(ColumnType::FRACTION),
        Value::Timestamp(_) => ColumnType::Timestamp(ColumnType::FRACTION),
        Value::TimestampWithZone(_) => ColumnType::TimestampWithZone(ColumnType::FRACTION),
        Value::Uuid(_) => ColumnType::Uuid,
    })
}
