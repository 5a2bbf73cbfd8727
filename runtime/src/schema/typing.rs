//! Which expressions make sense for the types of a table's columns: the strictest database's view
//! (PostgreSQL's), so that what passes here is refused by none.

use super::kind::Kind;
use super::query::Output;
use super::scope::Scope;
use super::{Column, SchemaError, Table, invalid};
use crate::operation::{
    Aggregate, BinaryOperator, CastType, ColumnType, EnumType, Expr, Function, Ident, Label, Query, UnaryOperator,
    Value, coerce,
};

impl Scope<'_> {
    /// Checks a condition: WHERE or CHECK.
    pub(super) fn check_condition(&self, condition: &Expr) -> Result<(), SchemaError> {
        self.expect(condition, Kind::Boolean, "a condition")
    }

    /// The kind of an expression.
    ///
    /// # Errors
    /// A column that is not there, or an operator or function on what it does not take.
    pub(super) fn kind(&self, expr: &Expr) -> Result<Kind, SchemaError> {
        // A chain of operators is as deep as it is long: what it goes through takes little of the stack.
        match expr {
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right),
            other => self.kind_of_other(other),
        }
    }

    #[inline(never)]
    fn kind_of_other(&self, expr: &Expr) -> Result<Kind, SchemaError> {
        match expr {
            Expr::Value(Value::Label(Some(name), label)) => self.label(name, label),
            Expr::Value(value) => Ok(Kind::of_value(value)),
            Expr::Column(name) => self.column(name).map(|(kind, _)| kind),
            Expr::Field(source, name) => self.field(source, name).map(|(kind, _)| kind),
            Expr::Unary(UnaryOperator::Not, operand) => {
                self.expect(operand, Kind::Boolean, "an operand of NOT").map(|()| Kind::Boolean)
            }
            Expr::Unary(UnaryOperator::Negate, operand) => self.number(operand, "an operand of -"),
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right),
            Expr::IsNull { operand, .. } => self.kind(operand).map(|_| Kind::Boolean),
            Expr::Is { operand, .. } => {
                self.expect(operand, Kind::Boolean, "an operand of IS TRUE or FALSE").map(|()| Kind::Boolean)
            }
            Expr::Cast(operand, to) => self.cast(operand, *to),
            Expr::In { operand, items, .. } => {
                self.all_comparable(operand, items)?;
                Ok(Kind::Boolean)
            }
            Expr::Between { operand, low, high, .. } => {
                self.all_comparable(operand, [&**low, &**high])?.iter().try_for_each(ordered)?;
                Ok(Kind::Boolean)
            }
            Expr::Like { operand, pattern, .. } => {
                self.expect(operand, Kind::Text, "an operand of LIKE")?;
                self.expect(pattern, Kind::Text, "an operand of LIKE")?;
                if let Some(char @ ColumnType::Char(_)) = self.exact(operand) {
                    // PostgreSQL alone would see the spaces.
                    return Err(invalid(format!(
                        "LIKE of a {char} is refused: PostgreSQL alone sees the spaces at its end"
                    )));
                }
                Ok(Kind::Boolean)
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            Expr::Aggregate { function, argument, .. } => self.aggregate(*function, argument.as_deref()),
            Expr::Rank { partition, order, .. } => {
                let mut keys = partition.iter().chain(order.iter().map(|key| &key.by));
                keys.try_for_each(|key| super::query::comparable(&self.kind(key)?, "OVER")).map(|()| Kind::Number)
            }
            Expr::Exists(_) => Ok(Kind::Boolean),
            Expr::Scalar(query) => self.scalar(query),
            Expr::InQuery { operand, query, .. } => self.in_query(operand, query),
        }
    }

    /// A label that says of which enumeration it is: of one that the package has, or has a column of.
    fn label(&self, name: &Ident, label: &Label) -> Result<Kind, SchemaError> {
        let is_it = |of: &EnumType| of.is(name) && of.labels.contains(label);
        let has = |table: &Table| table.columns.iter().filter_map(Column::enum_type).any(is_it);
        let own = self.table.is_some_and(|(table, _)| has(table));
        let known = self.schema.is_some_and(|schema| {
            schema.enums.get(name).is_some_and(|of| is_it(of)) || schema.tables.values().any(|table| has(table))
        });
        match own || known {
            true => Ok(Kind::Enumeration(Some(name.clone()))),
            false => Err(not_found(format!("there is no enumeration {name} with the label {label}"))),
        }
    }

    fn cast(&self, operand: &Expr, to: CastType) -> Result<Kind, SchemaError> {
        let (from, to) = match (self.kind(operand)?, to) {
            (from, CastType::Text) => (from, Kind::Text),
            (from, CastType::Integer) => (from, Kind::Number),
            (from, CastType::Double) => (from, Kind::Double),
        };
        match from {
            Kind::Boolean | Kind::Binary | Kind::Interval => Err(invalid(format!("{from} cannot be cast"))),
            Kind::Any | Kind::Text | Kind::Number | Kind::Double | Kind::Json => Ok(to),
            _ if to == Kind::Text => Ok(to),
            _ => Err(invalid(format!("{from} cannot be cast to {to}"))),
        }
    }

    fn scalar(&self, query: &Query) -> Result<Kind, SchemaError> {
        self.only_output(query).map(|output| output.kind)
    }

    fn in_query(&self, operand: &Expr, query: &Query) -> Result<Kind, SchemaError> {
        let (kind, output) = (self.kind(operand)?, self.only_output(query)?);
        match (kind.common(&output.kind), operand, output.exact) {
            (Some(_), ..) => Ok(Kind::Boolean),
            (None, Expr::Value(value), Some(exact)) if coerce(value, &exact).is_ok() => Ok(Kind::Boolean),
            _ => Err(mismatch(&kind, &output.kind)),
        }
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        arms: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Result<Kind, SchemaError> {
        match operand {
            Some(operand) => self.all_comparable(operand, arms.iter().map(|(when, _)| when)).map(|_| ())?,
            None => arms.iter().try_for_each(|(when, _)| self.check_condition(when))?,
        }
        self.common_kind(arms.iter().map(|(_, then)| then).chain(otherwise))
    }

    /// The kind of whichever of them it is in the end. In a statement a constant takes the type of what is none.
    fn common_kind<'e>(&self, results: impl Iterator<Item = &'e Expr>) -> Result<Kind, SchemaError> {
        let (constants, others): (Vec<&Expr>, Vec<&Expr>) =
            results.partition(|result| matches!(result, Expr::Value(_)));
        let exact = others.iter().find_map(|result| self.exact(result)).filter(|_| self.schema.is_some());
        let mut kind = Kind::Any;
        for result in others.into_iter().chain(constants) {
            let other = self.kind(result)?;
            kind = match (kind.common(&other), result, &exact) {
                (Some(common), ..) => common,
                (None, Expr::Value(value), Some(exact)) if coerce(value, exact).is_ok() => kind,
                _ => return Err(mismatch(&kind, &other)),
            };
        }
        Ok(kind)
    }

    fn aggregate(&self, function: Aggregate, argument: Option<&Expr>) -> Result<Kind, SchemaError> {
        let Some(argument) = argument else { return Ok(Kind::Number) };
        match function {
            // How often equal values count is nobody's business where they have no equality.
            Aggregate::Count => self.kind(argument).map(|_| Kind::Number),
            Aggregate::Sum => self.number(argument, "an argument of sum"),
            Aggregate::Avg => self.number(argument, "an argument of avg").map(|_| Kind::Double),
            Aggregate::Min | Aggregate::Max => match self.kind(argument)? {
                kind @ (Kind::Boolean | Kind::Binary | Kind::Uuid | Kind::Json | Kind::Enumeration(_) | Kind::Any) => {
                    Err(invalid(format!("{kind} has no min and no max")))
                }
                kind => Ok(kind),
            },
        }
    }

    /// What a query of one column yields.
    pub(super) fn only_output(&self, query: &Query) -> Result<Output, SchemaError> {
        let mut outputs = self.outputs(query)?;
        match (outputs.pop(), outputs.is_empty()) {
            (Some(output), true) => Ok(output),
            _ => Err(invalid("a subquery yields more than one column")),
        }
    }

    fn binary(&self, left: &Expr, operator: BinaryOperator, right: &Expr) -> Result<Kind, SchemaError> {
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let (mut left, mut right) = (left, right);
                loop {
                    self.expect(right, Kind::Boolean, "an operand of AND or OR")?;
                    match left {
                        Expr::Binary(first, BinaryOperator::And | BinaryOperator::Or, second) => {
                            (left, right) = (first, second);
                        }
                        _ => break,
                    }
                }
                self.expect(left, Kind::Boolean, "an operand of AND or OR").map(|()| Kind::Boolean)
            }
            BinaryOperator::Equal | BinaryOperator::NotEqual => self.comparable(left, right).map(|_| Kind::Boolean),
            BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual => ordered(&self.comparable(left, right)?).map(|()| Kind::Boolean),
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Multiply | BinaryOperator::Divide => {
                match (self.kind(left)?, self.kind(right)?) {
                    // Not in statements: MariaDB would subtract the digits.
                    (Kind::Timestamp, Kind::Timestamp)
                        if operator == BinaryOperator::Subtract && self.schema.is_none() =>
                    {
                        Ok(Kind::Interval)
                    }
                    (left, right) if left.is_number() && right.is_number() => {
                        Ok(if left == Kind::Double || right == Kind::Double { Kind::Double } else { Kind::Number })
                    }
                    (left, right) => {
                        let other = if left.is_number() { right } else { left };
                        Err(invalid(format!("an operand is {other}, not a number")))
                    }
                }
            }
            BinaryOperator::Modulo => {
                self.expect(left, Kind::Number, "an operand of %")?;
                self.expect(right, Kind::Number, "an operand of %")?;
                Ok(Kind::Number)
            }
            BinaryOperator::Concat => {
                let kinds = [self.kind(left)?, self.kind(right)?];
                let texts = kinds.iter().all(|kind| matches!(kind, Kind::Any | Kind::Text | Kind::Number));
                if !texts || kinds == [Kind::Number, Kind::Number] {
                    return Err(invalid(format!("{} and {} cannot be joined by ||", kinds[0], kinds[1])));
                }
                Ok(Kind::Text)
            }
        }
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> Result<Kind, SchemaError> {
        let texts = |arguments: &[Expr]| {
            arguments.iter().try_for_each(|argument| self.expect(argument, Kind::Text, "an argument"))
        };
        match function {
            Function::Lower | Function::Upper | Function::Trim | Function::Replace => {
                texts(arguments).map(|()| Kind::Text)
            }
            Function::Length => texts(arguments).map(|()| Kind::Number),
            Function::Abs => match arguments.first() {
                Some(argument) => self.number(argument, "an argument of abs"),
                None => Ok(Kind::Number),
            },
            Function::Coalesce | Function::NullIf => self.common_kind(arguments.iter()),
            Function::Substr => {
                let Some((first, rest)) = arguments.split_first() else { return Ok(Kind::Text) };
                self.expect(first, Kind::Text, "the first argument of substr")?;
                rest.iter().try_for_each(|argument| self.expect(argument, Kind::Number, "an argument of substr"))?;
                Ok(Kind::Text)
            }
            Function::JsonType => match arguments.first().map(|argument| self.kind(argument)).transpose()? {
                None | Some(Kind::Json | Kind::Any) => Ok(Kind::Text),
                Some(kind) => Err(invalid(format!("{kind} is no JSON document"))),
            },
            Function::CurrentTimestamp => Ok(Kind::Timestamp),
            Function::CurrentDate => Ok(Kind::Date),
            Function::Own(own) => self.own_call(own, arguments),
        }
    }

    fn number(&self, expr: &Expr, what: &str) -> Result<Kind, SchemaError> {
        let kind = self.kind(expr)?;
        if kind.is_number() { Ok(kind) } else { Err(invalid(format!("{what} is {kind}, not a number"))) }
    }

    fn expect(&self, expr: &Expr, expected: Kind, what: &str) -> Result<(), SchemaError> {
        match self.kind(expr)? {
            Kind::Any => Ok(()),
            kind if kind == expected => Ok(()),
            kind => Err(invalid(format!("{what} is {kind}, not {expected}"))),
        }
    }

    /// Two operands that are compared; a constant takes the type of the column on the other side.
    fn comparable(&self, left: &Expr, right: &Expr) -> Result<Kind, SchemaError> {
        let left_kind = self.kind(left)?;
        self.comparable_as(left, &left_kind, right)
    }

    /// The operand of IN or BETWEEN with each of the others, as what the two are compared. Its kind is found once: asked for again and again
    /// it would take time exponential in the depth of such operands.
    fn all_comparable<'e>(
        &self,
        operand: &Expr,
        others: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<Vec<Kind>, SchemaError> {
        let kind = self.kind(operand)?;
        others.into_iter().map(|other| self.comparable_as(operand, &kind, other)).collect()
    }

    fn comparable_as(&self, left: &Expr, left_kind: &Kind, right: &Expr) -> Result<Kind, SchemaError> {
        let right_kind = self.kind(right)?;
        if self.schema.is_none()
            && matches!((self.fills_up(left), self.fills_up(right)), (Some(left), Some(right)) if left != right)
        {
            return Err(invalid(
                "only a statement compares a char with another text: each database has spaces in its own way",
            ));
        }
        match left_kind.common(&right_kind) {
            Some(kind) => Ok(kind),
            None if self.fits(left, right) => Ok(left_kind.clone()),
            None if self.fits(right, left) => Ok(right_kind),
            None => Err(mismatch(left_kind, &right_kind)),
        }
    }

    /// Whether a text may be one with spaces to fill it up; not known of a constant, which is what the other side is.
    fn fills_up(&self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::Value(_) => None,
            _ => Some(matches!(self.exact(expr), Some(ColumnType::Char(_)))),
        }
    }

    /// Whether a constant is one of the type of what it is compared with: a column, in a statement any expression.
    /// JSON has no equality.
    fn fits(&self, other: &Expr, value: &Expr) -> bool {
        let Expr::Value(value) = value else { return false };
        let is_column = matches!(other, Expr::Column(_) | Expr::Field(..));
        match self.exact(other) {
            Some(exact) if exact.is_json() => false,
            Some(exact) => {
                let is_typed = is_column || (self.schema.is_some() && !matches!(other, Expr::Value(_)));
                is_typed && coerce(value, &exact).is_ok()
            }
            // A type that the model does not know.
            None => is_column,
        }
    }
}

/// The kind of an expression without columns.
pub(super) fn kind_of_constant(expr: &Expr) -> Result<Kind, SchemaError> {
    Scope::default().kind(expr)
}

/// Whether an expression without columns may be NULL: through a NULL inside, `nullif`, or a division by
/// anything but a constant other than zero.
pub(super) fn may_be_null(expr: &Expr) -> bool {
    let any = |operands: &[&Expr]| operands.iter().any(|operand| may_be_null(operand));
    match expr {
        Expr::Value(value) => *value == Value::Null,
        Expr::Call(Function::NullIf, _) => true,
        Expr::Call(Function::Coalesce, arguments) => arguments.iter().all(may_be_null),
        Expr::IsNull { .. } | Expr::Is { .. } => false,
        Expr::Binary(left, BinaryOperator::Divide | BinaryOperator::Modulo, right) => {
            !is_other_than_zero(right) || any(&[left, right])
        }
        other => any(&other.children()),
    }
}

fn is_other_than_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Value(Value::Integer(number)) => *number != 0,
        Expr::Value(Value::Double(number)) => number.get() != 0.0,
        Expr::Value(Value::Numeric(text)) => text.contains(|digit| ('1'..='9').contains(&digit)),
        _ => false,
    }
}

pub(super) fn not_found(message: impl Into<String>) -> SchemaError {
    SchemaError::NotFound(message.into())
}

/// Refuses to ask which of two labels is the larger one: PostgreSQL goes by their order, MariaDB by their letters.
fn ordered(kind: &Kind) -> Result<(), SchemaError> {
    match kind {
        Kind::Enumeration(_) => Err(invalid("an enumeration has no order in which its labels are compared")),
        _ => Ok(()),
    }
}

pub(super) fn mismatch(left: &Kind, right: &Kind) -> SchemaError {
    invalid(format!("{left} and {right} cannot be compared or mixed"))
}
