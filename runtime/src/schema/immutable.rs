//! What an index may be over and a column computed from: expressions that yield the same whenever and wherever they
//! are worked out. The strictest database's view, as in [`super::typing`]: PostgreSQL asks it of every function that it calls.

use super::kind::Kind;
use super::scope::Scope;
use super::{Column, SchemaError, find, invalid};
use crate::operation::{ColumnType, Expr, Function};

/// Why a moment and a time without a zone do not go together.
const MOMENT: &str = "takes a time without a zone for a moment or a moment for one, which depends on the session";

impl Scope<'_> {
    /// Checks an expression that an index is over.
    pub(super) fn check_index(&self, at: &str, expression: &Expr) -> Result<(), SchemaError> {
        match self.kind(expression)? {
            // What a document holds has an order on SQLite, whatever it is.
            Kind::Any if expression.has_own() => self.check_immutable(at, expression),
            kind @ (Kind::Json | Kind::Any) => Err(invalid(format!("{at} is over {kind}, which has no order"))),
            _ => self.check_immutable(at, expression),
        }
    }

    /// Checks the condition on the rows that an index is over.
    pub(super) fn check_predicate(&self, at: &str, condition: &Expr) -> Result<(), SchemaError> {
        self.check_condition(condition)?;
        self.check_immutable(at, condition)
    }

    /// Checks what a column is computed from.
    pub(super) fn check_computed(&self, at: &str, column: &Column, expression: &Expr) -> Result<(), SchemaError> {
        let (own, kind) = (Kind::of_column(column), self.kind(expression)?);
        // An enumeration becomes a text by a cast that may change.
        if !own.takes(&kind) || (own == Kind::Text && matches!(kind, Kind::Enumeration(_))) {
            return Err(invalid(format!("{at} is {own} and cannot take {kind}")));
        }
        self.check_immutable(at, expression)?;
        let depends = matches!(
            (column.portable_type(), self.exact(expression)),
            (Some(ColumnType::TimestampWithZone(_)), Some(ColumnType::Date | ColumnType::Timestamp(_)))
                | (Some(ColumnType::Date | ColumnType::Timestamp(_)), Some(ColumnType::TimestampWithZone(_)))
        );
        if depends {
            return Err(invalid(format!("{at} has an expression that {MOMENT}")));
        }
        // What comes before a column cannot come from it.
        let (before, others) = match self.table {
            Some((table, _)) => {
                let own = table.columns.iter().position(|other| other.name == column.name);
                table.columns.split_at(own.unwrap_or(table.columns.len()))
            }
            None => (&[][..], &[][..]),
        };
        for name in expression.columns() {
            let is_before = before.iter().any(|other| other.name == *name);
            let is_late = |other: &&Column| other.name == *name && (other.computed.is_some() || *name == column.name);
            if !is_before && others.iter().any(|other| is_late(&other)) {
                return Err(invalid(format!("{at} is computed from {name}, which does not stand before it")));
            }
        }
        Ok(())
    }

    fn check_immutable(&self, at: &str, expression: &Expr) -> Result<(), SchemaError> {
        if expression.columns().is_empty() {
            return Err(invalid(format!("{at} has an expression that mentions no column")));
        }
        self.immutable(expression).map_err(|why| invalid(format!("{at} has an expression that {why}")))
    }

    fn immutable(&self, expression: &Expr) -> Result<(), String> {
        match expression {
            // Whatever the column is, whether it is NULL is plain.
            Expr::IsNull { operand, .. } if matches!(**operand, Expr::Column(_)) => return Ok(()),
            Expr::Column(name) => {
                let Some((table, table_name)) = self.table else { return Ok(()) };
                let column = find::column(table, table_name, name).map_err(|error| error.to_string())?;
                if column.portable_type().is_none() || !column.extra.is_empty() {
                    return Err(format!("uses column {name}, which has properties that the contract cannot express"));
                }
            }
            Expr::Call(function, _) if function.is_volatile() => {
                return Err("depends on the time or on chance".to_owned());
            }
            Expr::Cast(operand, _) => match self.kind(operand) {
                Ok(Kind::Any | Kind::Text | Kind::Number | Kind::Double) => {}
                _ => return Err("casts what is neither a text nor a number".to_owned()),
            },
            Expr::Field(..)
            | Expr::Case { .. }
            | Expr::Aggregate { .. }
            | Expr::Rank { .. }
            | Expr::Scalar(_)
            | Expr::Exists(_)
            | Expr::InQuery { .. } => return Err("holds what belongs into a statement".to_owned()),
            Expr::Binary(_, operator, _) if !operator.is_comparison() => {}
            Expr::Binary(..)
            | Expr::In { .. }
            | Expr::Between { .. }
            | Expr::Call(Function::Coalesce | Function::NullIf, _)
                if self.mixes_moments(&expression.children()) =>
            {
                return Err(MOMENT.to_owned());
            }
            _ => {}
        }
        expression.children().into_iter().try_for_each(|child| self.immutable(child))
    }

    /// Whether some of them are moments and some dates or times without a zone: constants take the other's type.
    fn mixes_moments(&self, operands: &[&Expr]) -> bool {
        let computed = operands.iter().filter(|operand| !matches!(operand, Expr::Value(_)));
        let types: Vec<ColumnType> = computed.filter_map(|operand| self.exact(operand)).collect();
        types.iter().any(|exact| matches!(exact, ColumnType::TimestampWithZone(_)))
            && types.iter().any(|exact| matches!(exact, ColumnType::Date | ColumnType::Timestamp(_)))
    }
}
