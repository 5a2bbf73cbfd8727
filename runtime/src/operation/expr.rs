//! The closed expression type. Whatever text a guest or a database supplies becomes one of these or is
//! refused (guest) or kept as opaque text (database); SQL is rendered from them alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Ident, OwnFunction, Query, Value};

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expr {
    /// A constant; a bound parameter is one too once it is bound.
    Value(Value),
    /// A column of the one table in scope.
    Column(Ident),
    /// A column of a source of a query by the source's alias; `excluded` in an ON CONFLICT.
    Field(Ident, Ident),
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
    /// `x IS [NOT] TRUE` and `x IS [NOT] FALSE`.
    Is {
        /// The operand.
        operand: Box<Expr>,
        /// What it is compared with.
        truth: bool,
        /// Whether it is `IS NOT`.
        negated: bool,
    },
    /// `CAST(x AS type)`, as the database does it.
    Cast(Box<Expr>, CastType),
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
    /// `CASE [x] WHEN … THEN … [ELSE …] END`, at least one arm.
    Case {
        /// What the arms are compared with; without one they are conditions.
        operand: Option<Box<Expr>>,
        /// Condition or value, and result.
        arms: Vec<(Expr, Expr)>,
        /// The result where no arm fits; NULL without one.
        otherwise: Option<Box<Expr>>,
    },
    /// An aggregate over the rows of a query or group.
    Aggregate {
        /// Which.
        function: Aggregate,
        /// Whether equal values count once.
        distinct: bool,
        /// Over what; none for `count(*)`.
        argument: Option<Box<Expr>>,
    },
    /// `row_number() OVER (PARTITION BY … ORDER BY …)` and its like: the place of a row among others. Only in what a query
    /// yields.
    Rank {
        /// How rows are counted.
        ranking: Ranking,
        /// What the rows have in common that are counted together; all of them without any.
        partition: Vec<Expr>,
        /// In which order.
        order: Vec<RankKey>,
    },
    /// The one value of a query that yields one row at most; NULL for no row.
    Scalar(Box<Query>),
    /// `EXISTS (…)`.
    Exists(Box<Query>),
    /// `x [NOT] IN (SELECT …)`.
    InQuery {
        /// The operand.
        operand: Box<Expr>,
        /// A query of one column.
        query: Box<Query>,
        /// Whether it is `NOT IN`.
        negated: bool,
    },
}

/// What an expression is cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CastType {
    /// Text.
    Text,
    /// 64 bits.
    Integer,
    /// 64-bit floating point.
    Double,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// `count(*)`, `count(x)`
    Count,
    /// `sum(x)`
    Sum,
    /// `avg(x)`: a double on every dialect.
    Avg,
    /// `min(x)`
    Min,
    /// `max(x)`
    Max,
}

/// How rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// `row_number()`: each on its own. Which of equal ones comes first is the database's choice.
    RowNumber,
    /// `rank()`: equal ones alike, and as many numbers left out after them.
    Rank,
    /// `dense_rank()`: equal ones alike, and no number left out.
    DenseRank,
}

/// One key of the order that rows are counted in. NULLs are the smallest, texts go by code point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RankKey {
    /// What rows are ordered by.
    pub by: Expr,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Whether it is texts that are ordered; known once the names are resolved.
    pub text: bool,
}

/// A unary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnaryOperator {
    /// `NOT`.
    Not,
    /// `-`.
    Negate,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl BinaryOperator {
    /// Whether it compares its operands.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }
}

/// A function of the allow-list. Arity is checked where text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Of what kind a JSON document is, in the words of the dialect: `json_type(x)`, `json_typeof(x)` on PostgreSQL.
    JsonType,
    /// `CURRENT_TIMESTAMP`; of the statement, not of the run.
    CurrentTimestamp,
    /// `CURRENT_DATE`
    CurrentDate,
    /// One that a kind of database has alone.
    Own(OwnFunction),
}

impl Function {
    /// Whether two calls with the same arguments may differ: such a function may stand in a default and a statement only.
    pub fn is_volatile(self) -> bool {
        match self {
            Self::CurrentTimestamp | Self::CurrentDate => true,
            Self::Own(own) => own.is_volatile(),
            _ => false,
        }
    }
}

/// Where an expression stands; decides which columns and functions it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A CHECK: columns of the table, no clock.
    Check,
    /// A column default: no column.
    Default,
    /// A part of an index: columns of the table, no clock.
    Index,
    /// Which rows an index is over: columns of the table, no clock.
    Predicate,
    /// What a column is computed from: columns of the table, no clock.
    Computed,
    /// WHERE, SET and VALUES.
    Statement,
    /// A query that is answered to the guest: no clock.
    Query,
}

impl Expr {
    /// Its direct operands in order; subqueries are none.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Value(_) | Self::Column(_) | Self::Field(..) | Self::Scalar(_) | Self::Exists(_) => Vec::new(),
            Self::Unary(_, operand)
            | Self::IsNull { operand, .. }
            | Self::Is { operand, .. }
            | Self::Cast(operand, _) => vec![operand],
            Self::Binary(left, _, right) => vec![left, right],
            Self::In { operand, items, .. } => std::iter::once(&**operand).chain(items).collect(),
            Self::Between { operand, low, high, .. } => vec![operand, low, high],
            Self::Like { operand, pattern, .. } => vec![operand, pattern],
            Self::Call(_, arguments) => arguments.iter().collect(),
            Self::Case { operand, arms, otherwise } => {
                let arms = arms.iter().flat_map(|(when, then)| [when, then]);
                operand.as_deref().into_iter().chain(arms).chain(otherwise.as_deref()).collect()
            }
            Self::Aggregate { argument, .. } => argument.as_deref().into_iter().collect(),
            Self::Rank { partition, order, .. } => partition.iter().chain(order.iter().map(|key| &key.by)).collect(),
            Self::InQuery { operand, .. } => vec![operand],
        }
    }

    /// Whether it has a function that one kind of database has alone.
    pub fn has_own(&self) -> bool {
        matches!(self, Self::Call(Function::Own(_), _)) || self.children().into_iter().any(Self::has_own)
    }

    /// The columns of sources that it mentions, those in subqueries too.
    pub fn fields(&self) -> Vec<(&Ident, &Ident)> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            if let Self::Field(source, name) = expr {
                found.push((source, name));
            }
            if let Some(query) = expr.query() {
                query.each_expression(&mut |inner| open.push(inner));
            }
            open.extend(expr.children());
        }
        found
    }

    /// The subquery that it is or compares with.
    pub fn query(&self) -> Option<&Query> {
        match self {
            Self::Scalar(query) | Self::Exists(query) | Self::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }

    /// Calls `found` with every subquery in it, but not with those inside these.
    pub fn each_query<'e>(&'e self, found: &mut dyn FnMut(&'e Query)) {
        if let Some(query) = self.query() {
            found(query);
        }
        self.children().into_iter().for_each(|child| child.each_query(found));
    }

    /// Whether there is an aggregate in it, those of subqueries not counted.
    pub fn has_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate { .. }) || self.children().into_iter().any(Self::has_aggregate)
    }

    /// Whether the place of a row is asked for in it, those of subqueries not counted.
    pub fn has_rank(&self) -> bool {
        matches!(self, Self::Rank { .. }) || self.children().into_iter().any(Self::has_rank)
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
        let mut nodes = children.fold(first.saturating_add(times), usize::saturating_add);
        if let Some(query) = self.query() {
            query.each_expression(&mut |expr| nodes = nodes.saturating_add(expr.expanded_nodes()));
        }
        nodes
    }

    /// The same expression with one column renamed.
    #[must_use]
    pub fn with_column_renamed(&self, from: &Ident, to: &Ident) -> Self {
        self.map(&|expr| match expr {
            Self::Column(name) if name == *from => Self::Column(to.clone()),
            other => other,
        })
    }

    /// Rebuilds the tree bottom up, `change` applied to every node after its operands. Subqueries stay as they are.
    #[must_use]
    pub fn map(&self, change: &dyn Fn(Self) -> Self) -> Self {
        match self.try_map(&mut |expr| Ok::<_, std::convert::Infallible>(change(expr))) {
            Ok(changed) => changed,
        }
    }

    /// As [`Self::map`], up to the first node that cannot be changed.
    ///
    /// # Errors
    /// The first of `change`.
    pub fn try_map<E>(&self, change: &mut dyn FnMut(Self) -> Result<Self, E>) -> Result<Self, E> {
        // A chain of operators is as deep as it is long: what it goes through takes little of the stack.
        let rebuilt = match self {
            Self::Binary(left, operator, right) => {
                let left = left.try_map(change).map(Box::new)?;
                Self::Binary(left, *operator, right.try_map(change).map(Box::new)?)
            }
            other => other.try_map_operands(change)?,
        };
        change(rebuilt)
    }

    #[inline(never)]
    fn try_map_operands<E>(&self, change: &mut dyn FnMut(Self) -> Result<Self, E>) -> Result<Self, E> {
        let mut deep = |expr: &Self| expr.try_map(change).map(Box::new);
        Ok(match self {
            Self::Value(_) | Self::Column(_) | Self::Field(..) | Self::Scalar(_) | Self::Exists(_) => self.clone(),
            Self::Unary(operator, operand) => Self::Unary(*operator, deep(operand)?),
            Self::Binary(left, operator, right) => Self::Binary(deep(left)?, *operator, deep(right)?),
            Self::IsNull { operand, negated } => Self::IsNull { operand: deep(operand)?, negated: *negated },
            Self::Is { operand, truth, negated } => {
                Self::Is { operand: deep(operand)?, truth: *truth, negated: *negated }
            }
            Self::Cast(operand, to) => Self::Cast(deep(operand)?, *to),
            Self::In { operand, items, negated } => Self::In {
                operand: deep(operand)?,
                items: items.iter().map(|item| item.try_map(change)).collect::<Result<_, E>>()?,
                negated: *negated,
            },
            Self::Between { operand, low, high, negated } => {
                Self::Between { operand: deep(operand)?, low: deep(low)?, high: deep(high)?, negated: *negated }
            }
            Self::Like { operand, pattern, negated } => {
                Self::Like { operand: deep(operand)?, pattern: deep(pattern)?, negated: *negated }
            }
            Self::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| argument.try_map(change)).collect::<Result<_, E>>()?;
                Self::Call(*function, arguments)
            }
            Self::Case { operand, arms, otherwise } => {
                let operand = operand.as_deref().map(deep).transpose()?;
                let arms = arms
                    .iter()
                    .map(|(when, then)| Ok((when.try_map(change)?, then.try_map(change)?)))
                    .collect::<Result<_, E>>()?;
                let otherwise = otherwise.as_deref().map(|result| result.try_map(change).map(Box::new)).transpose()?;
                Self::Case { operand, arms, otherwise }
            }
            Self::Aggregate { function, distinct, argument } => Self::Aggregate {
                function: *function,
                distinct: *distinct,
                argument: argument.as_deref().map(deep).transpose()?,
            },
            Self::Rank { ranking, partition, order } => {
                let partition = partition.iter().map(|key| key.try_map(change)).collect::<Result<_, E>>()?;
                let key = |key: &RankKey| Ok(RankKey { by: key.by.try_map(change)?, ..key.clone() });
                Self::Rank { ranking: *ranking, partition, order: order.iter().map(key).collect::<Result<_, E>>()? }
            }
            Self::InQuery { operand, query, negated } => {
                Self::InQuery { operand: deep(operand)?, query: query.clone(), negated: *negated }
            }
        })
    }
}
