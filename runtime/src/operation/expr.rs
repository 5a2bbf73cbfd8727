//! The closed expression type. Whatever text a guest or a database supplies becomes one of these or is
//! refused (guest) or kept as opaque text (database); SQL is rendered from them alone.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Ident, Value};

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expr {
    /// A constant; a bound parameter is one too once it is bound.
    Value(Value),
    /// A column of the one table in scope.
    Column(Ident),
    /// A unary operator.
    Unary(UnaryOperator, Box<Expr>),
    /// A binary operator.
    Binary(Box<Expr>, BinaryOperator, Box<Expr>),
    /// `x IS [NOT] NULL`.
    IsNull {
        /// The operand.
        operand: Box<Expr>,
        /// Whether it is `IS NOT NULL`.
        negated: bool,
    },
    /// `x [NOT] IN (…)`, at least one item.
    In {
        /// The operand.
        operand: Box<Expr>,
        /// The items.
        items: Vec<Expr>,
        /// Whether it is `NOT IN`.
        negated: bool,
    },
    /// `x [NOT] BETWEEN low AND high`.
    Between {
        /// The operand.
        operand: Box<Expr>,
        /// The low end, included.
        low: Box<Expr>,
        /// The high end, included.
        high: Box<Expr>,
        /// Whether it is `NOT BETWEEN`.
        negated: bool,
    },
    /// `x [NOT] LIKE pattern`, without ESCAPE.
    Like {
        /// The operand.
        operand: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// Whether it is `NOT LIKE`.
        negated: bool,
    },
    /// A function of the allow-list.
    Call(Function, Vec<Expr>),
}

/// A unary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnaryOperator {
    /// `NOT`.
    Not,
    /// `-`.
    Negate,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryOperator {
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: integer division or not as the database does it.
    Divide,
    /// `%`
    Modulo,
    /// `||`; rendered as `concat()` on MariaDB.
    Concat,
}

/// A function of the allow-list. Arity is checked where text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// `lower(x)`
    Lower,
    /// `upper(x)`
    Upper,
    /// `length(x)` in characters; `char_length` on MariaDB.
    Length,
    /// `trim(x)` of spaces on both sides.
    Trim,
    /// `abs(x)`
    Abs,
    /// `coalesce(x, y, …)`, at least two.
    Coalesce,
    /// `nullif(x, y)`
    NullIf,
    /// `replace(x, from, to)`
    Replace,
    /// `substr(x, start[, length])`, 1 first.
    Substr,
    /// `CURRENT_TIMESTAMP`; of the statement, not of the run.
    CurrentTimestamp,
    /// `CURRENT_DATE`
    CurrentDate,
}

impl Function {
    /// Whether two calls with the same arguments may differ: such a function may not stand in a check.
    pub fn is_clock(self) -> bool {
        matches!(self, Self::CurrentTimestamp | Self::CurrentDate)
    }
}

/// Where an expression stands; decides which columns and functions it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A CHECK: columns of the table, no clock.
    Check,
    /// A column default: no column.
    Default,
    /// WHERE, SET and VALUES.
    Statement,
}

impl Expr {
    /// Its direct operands in order.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Value(_) | Self::Column(_) => Vec::new(),
            Self::Unary(_, operand) | Self::IsNull { operand, .. } => vec![operand],
            Self::Binary(left, _, right) => vec![left, right],
            Self::In { operand, items, .. } => std::iter::once(&**operand).chain(items).collect(),
            Self::Between { operand, low, high, .. } => vec![operand, low, high],
            Self::Like { operand, pattern, .. } => vec![operand, pattern],
            Self::Call(_, arguments) => arguments.iter().collect(),
        }
    }

    /// The columns it mentions.
    pub fn columns(&self) -> BTreeSet<&Ident> {
        let mut found = BTreeSet::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            if let Self::Column(name) = expr {
                found.insert(name);
            }
            open.extend(expr.children());
        }
        found
    }

    /// Its nodes when every operand stands as often as a server, or the normal form, repeats it: PostgreSQL makes
    /// two comparisons of a BETWEEN and one of each item of an IN. In operands of operands that grows
    /// exponentially, so this is what is limited; it ends at the largest number there is.
    pub(crate) fn expanded_nodes(&self) -> usize {
        let times = match self {
            Self::Between { .. } => 2,
            Self::In { items, .. } => items.len().max(1),
            _ => 1,
        };
        let mut children = self.children().into_iter().map(Self::expanded_nodes);
        let first = children.next().unwrap_or(0).saturating_mul(times);
        children.fold(first.saturating_add(times), usize::saturating_add)
    }

    /// The same expression with one column renamed.
    #[must_use]
    pub fn with_column_renamed(&self, from: &Ident, to: &Ident) -> Self {
        self.map(&|expr| match expr {
            Self::Column(name) if name == *from => Self::Column(to.clone()),
            other => other,
        })
    }

    /// Rebuilds the tree bottom up, `change` applied to every node after its operands.
    #[must_use]
    pub fn map(&self, change: &dyn Fn(Self) -> Self) -> Self {
        let deep = |expr: &Self| Box::new(expr.map(change));
        let rebuilt = match self {
            Self::Value(_) | Self::Column(_) => self.clone(),
            Self::Unary(operator, operand) => Self::Unary(*operator, deep(operand)),
            Self::Binary(left, operator, right) => Self::Binary(deep(left), *operator, deep(right)),
            Self::IsNull { operand, negated } => Self::IsNull { operand: deep(operand), negated: *negated },
            Self::In { operand, items, negated } => Self::In {
                operand: deep(operand),
                items: items.iter().map(|item| item.map(change)).collect(),
                negated: *negated,
            },
            Self::Between { operand, low, high, negated } => {
                Self::Between { operand: deep(operand), low: deep(low), high: deep(high), negated: *negated }
            }
            Self::Like { operand, pattern, negated } => {
                Self::Like { operand: deep(operand), pattern: deep(pattern), negated: *negated }
            }
            Self::Call(function, arguments) => {
                Self::Call(*function, arguments.iter().map(|argument| argument.map(change)).collect())
            }
        };
        change(rebuilt)
    }
}
