//! Expressions: from the tree of `sqlparser` to the closed type, construct by construct.

use sqlparser::ast;

use super::syntax::{Source, Syntax};
use super::{Grammar, ParseError, ParseLimits, refused, too_large, unsupported};
use crate::operation::{BinaryOperator, Expr, Function, Ident, Position, Query, UnaryOperator, Value};

type Result<T> = std::result::Result<T, ParseError>;

/// How many times over a node may be repeated by a server on average.
const EXPANSION: usize = 16;

/// Takes over expressions and keeps account of what they use.
pub(super) struct Reader<'a> {
    pub(super) syntax: &'a Syntax,
    pub(super) position: Position,
    /// The table whose name may stand before a column.
    pub(super) table: Option<Ident>,
    /// What it is called instead.
    pub(super) alias: Option<Ident>,
    /// Whether the statement has other sources beside it.
    pub(super) joined: bool,
    /// What the sources of queries around are called.
    pub(super) aliases: Vec<Ident>,
    /// The queries in the FROM of each query around, by the names that they were given.
    pub(super) derived: Vec<Vec<(Ident, Query)>>,
    /// How many there were.
    pub(super) named: usize,
    /// Whether `excluded` may stand before a column.
    pub(super) excluded: bool,
    /// Queries that are being read, one inside the other.
    pub(super) queries: usize,
    /// Whether what is read is yielded by a query.
    pub(super) yields: bool,
    /// Tables named in them so far.
    pub(super) sources: usize,
    pub(super) ident_limit: usize,
    pub(super) depth_limit: usize,
    depth: usize,
    node_limit: usize,
    nodes: usize,
    /// Nodes of the whole expressions so far, with what is repeated.
    expanded: usize,
    /// Bytes that bound parameters may still add: each place that one stands in is a copy.
    bytes_left: usize,
    parameters: &'a [Value],
    used: Vec<bool>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        syntax: &'a Syntax,
        position: Position,
        limits: &ParseLimits,
        node_limit: usize,
        parameters: &'a [Value],
    ) -> Self {
        Self {
            syntax,
            position,
            table: None,
            alias: None,
            joined: false,
            aliases: Vec::new(),
            derived: Vec::new(),
            named: 0,
            excluded: false,
            queries: 0,
            yields: false,
            sources: 0,
            ident_limit: limits.ident,
            depth_limit: limits.depth,
            depth: 0,
            node_limit,
            nodes: 0,
            expanded: 0,
            bytes_left: limits.bytes,
            parameters,
            used: vec![false; parameters.len()],
        }
    }

    /// Every parameter must have been used.
    pub(super) fn finish(&self) -> Result<()> {
        match self.used.iter().filter(|used| !**used).count() {
            0 => Ok(()),
            unused => Err(refused(format!("{unused} of {} parameters are not used", self.used.len()))),
        }
    }

    /// Counts one node.
    pub(super) fn node(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > self.node_limit {
            return Err(too_large(format!("the text has more than {} nodes", self.node_limit)));
        }
        Ok(())
    }

    /// Takes over an expression.
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let expr = without_parentheses(expr);
        self.enter()?;
        let read = self.construct(expr);
        self.leave();
        if self.depth == 0
            && let Ok(read) = &read
        {
            self.expanded(read)?;
        }
        read
    }

    /// Goes one level down, to a node.
    pub(super) fn enter(&mut self) -> Result<()> {
        if self.depth >= self.depth_limit {
            return Err(too_large(format!("the expression is more than {} levels deep", self.depth_limit)));
        }
        self.depth += 1;
        self.node()
    }

    /// Comes back up. After an error nothing more is read.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether queries may stand here.
    pub(super) fn is_statement(&self) -> bool {
        matches!(self.position, Position::Statement | Position::Query)
    }

    /// Counts what a server may make of a whole expression.
    fn expanded(&mut self, expr: &Expr) -> Result<()> {
        self.expanded = self.expanded.saturating_add(expr.expanded_nodes());
        if self.expanded > self.node_limit.saturating_mul(EXPANSION) {
            return Err(too_large("too much of the text stands in front of an IN or BETWEEN, which repeat it"));
        }
        Ok(())
    }

    pub(super) fn boxed(&mut self, expr: &ast::Expr) -> Result<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn construct(&mut self, expr: &ast::Expr) -> Result<Expr> {
        match expr {
            ast::Expr::Identifier(name) => self.column(name),
            ast::Expr::CompoundIdentifier(parts) => self.qualified_column(parts),
            ast::Expr::Value(value) => self.value(&value.value).map(Expr::Value),
            ast::Expr::TypedString(typed) => self.typed_string(typed).map(Expr::Value),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            ast::Expr::IsNull(operand) => Ok(Expr::IsNull { operand: self.boxed(operand)?, negated: false }),
            ast::Expr::IsNotNull(operand) => Ok(Expr::IsNull { operand: self.boxed(operand)?, negated: true }),
            ast::Expr::IsTrue(operand) => self.is(operand, true, false),
            ast::Expr::IsNotTrue(operand) => self.is(operand, true, true),
            ast::Expr::IsFalse(operand) => self.is(operand, false, false),
            ast::Expr::IsNotFalse(operand) => self.is(operand, false, true),
            ast::Expr::IsNotDistinctFrom(left, right) if self.syntax.source == Source::Guest => self.same(left, right),
            ast::Expr::IsDistinctFrom(left, right) if self.syntax.source == Source::Guest => {
                Ok(Expr::Unary(UnaryOperator::Not, Box::new(self.same(left, right)?)))
            }
            ast::Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            ast::Expr::Between { expr, negated, low, high } => Ok(Expr::Between {
                operand: self.boxed(expr)?,
                low: self.boxed(low)?,
                high: self.boxed(high)?,
                negated: *negated,
            }),
            ast::Expr::Like { escape_char: Some(_), .. } => Err(unsupported("LIKE with ESCAPE is not allowed")),
            ast::Expr::Like { any: true, .. } => Err(unsupported("LIKE ANY is not allowed")),
            ast::Expr::Like { negated, expr, pattern, any: false, escape_char: None } => {
                self.like(expr, pattern, *negated)
            }
            ast::Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                let Some(from) = substring_from else {
                    return Err(unsupported("substring() without a start is not allowed"));
                };
                let parts = std::iter::once(&**expr).chain([&**from]).chain(substring_for.as_deref());
                let arguments = parts.map(|part| self.expr(part)).collect::<Result<_>>()?;
                Ok(Expr::Call(Function::Substr, arguments))
            }
            ast::Expr::Trim {
                expr,
                trim_where: None | Some(ast::TrimWhereField::Both),
                trim_what: None,
                trim_characters: None,
            } => Ok(Expr::Call(Function::Trim, vec![self.expr(expr)?])),
            // `trim(both from x)`, as PostgreSQL prints it, is read as a column named "both" elsewhere.
            ast::Expr::Trim { .. } => Err(unsupported("only trim(x) is allowed")),
            ast::Expr::Function(function) => self.function(function),
            ast::Expr::Cast { kind, expr, data_type, format: None } => self.cast(kind, expr, data_type),
            ast::Expr::AnyOp { left, compare_op: ast::BinaryOperator::Eq, right, is_some: false } => {
                self.any_of_array(left, right, false)
            }
            ast::Expr::AllOp { left, compare_op: ast::BinaryOperator::NotEq, right } => {
                self.any_of_array(left, right, true)
            }
            ast::Expr::Case { case_token: _, end_token: _, operand, conditions, else_result }
                if self.is_statement() =>
            {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            ast::Expr::Subquery(query) if self.is_statement() => Ok(Expr::Scalar(self.subquery(query)?)),
            ast::Expr::Exists { subquery, negated } if self.is_statement() => {
                let exists = Expr::Exists(Box::new(self.query(subquery)?));
                Ok(if *negated { Expr::Unary(UnaryOperator::Not, Box::new(exists)) } else { exists })
            }
            ast::Expr::InSubquery { expr, subquery, negated } if self.is_statement() => {
                let operand = self.boxed(expr)?;
                let query = self.subquery(subquery)?;
                Ok(Expr::InQuery { operand, query, negated: *negated })
            }
            other => Err(unsupported(format!("{} not allowed", construct_name(other)))),
        }
    }

    fn is(&mut self, operand: &ast::Expr, truth: bool, negated: bool) -> Result<Expr> {
        Ok(Expr::Is { operand: self.boxed(operand)?, truth, negated })
    }

    /// Whether both are the same, NULLs too. What is read twice counts twice.
    fn same(&mut self, left: &ast::Expr, right: &ast::Expr) -> Result<Expr> {
        // `IS 1`, which is of a truth value where no other column says so.
        if self.syntax.grammar == Grammar::Sqlite
            && !self.is_statement()
            && let ast::Expr::Value(value) = right
            && let ast::Value::Number(digits, false) = &value.value
            && matches!(digits.as_str(), "0" | "1")
        {
            return self.is(left, digits == "1", false);
        }
        let equal = self.equal(left, right)?;
        let is_constant = |expr: &Expr| matches!(expr, Expr::Value(value) if *value != Value::Null);
        let otherwise = match &equal {
            Expr::Binary(left, _, right) if is_constant(left) || is_constant(right) => {
                Expr::Value(Value::Boolean(false))
            }
            _ => {
                let mut null = |operand| Ok(Box::new(Expr::IsNull { operand: self.boxed(operand)?, negated: false }));
                Expr::Binary(null(left)?, BinaryOperator::And, null(right)?)
            }
        };
        Ok(Expr::Call(Function::Coalesce, vec![equal, otherwise]))
    }

    fn equal(&mut self, left: &ast::Expr, right: &ast::Expr) -> Result<Expr> {
        Ok(Expr::Binary(self.boxed(left)?, BinaryOperator::Equal, self.boxed(right)?))
    }

    /// A subquery that yields one column.
    fn subquery(&mut self, query: &ast::Query) -> Result<Box<Query>> {
        let query = self.query(query)?;
        match query.select.width() {
            Some(1) | None => Ok(Box::new(query)),
            Some(found) => Err(refused(format!("a subquery yields {found} columns where one is needed"))),
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.boxed(operand)).transpose()?;
        let mut arms = Vec::with_capacity(conditions.len());
        for ast::CaseWhen { condition, result } in conditions {
            arms.push((self.expr(condition)?, self.expr(result)?));
        }
        if arms.is_empty() {
            return Err(refused("CASE needs WHEN"));
        }
        let otherwise = otherwise.map(|otherwise| self.boxed(otherwise)).transpose()?;
        Ok(Expr::Case { operand, arms, otherwise })
    }

    fn unary(&mut self, operator: ast::UnaryOperator, operand: &ast::Expr) -> Result<Expr> {
        match operator {
            ast::UnaryOperator::Not => Ok(Expr::Unary(UnaryOperator::Not, self.boxed(operand)?)),
            ast::UnaryOperator::Plus => self.expr(operand),
            ast::UnaryOperator::Minus => {
                // The smallest integer has no positive counterpart.
                if let ast::Expr::Value(value) = without_parentheses(operand)
                    && let ast::Value::Number(digits, false) = &value.value
                {
                    return number(&format!("-{digits}")).map(Expr::Value);
                }
                Ok(match self.expr(operand)? {
                    Expr::Value(value) => match value.negated() {
                        Some(negated) => Expr::Value(negated),
                        None => Expr::Unary(UnaryOperator::Negate, Box::new(Expr::Value(value))),
                    },
                    other => Expr::Unary(UnaryOperator::Negate, Box::new(other)),
                })
            }
            _ => Err(unsupported("only NOT, + and - are allowed before an expression")),
        }
    }

    fn binary(&mut self, left: &ast::Expr, operator: &ast::BinaryOperator, right: &ast::Expr) -> Result<Expr> {
        match operator {
            ast::BinaryOperator::PGLikeMatch => return self.like(left, right, false),
            ast::BinaryOperator::PGNotLikeMatch => return self.like(left, right, true),
            ast::BinaryOperator::Spaceship if self.syntax.source == Source::Guest => return self.same(left, right),
            other => {
                if let Some(part) = self.part_of_document(left, other, right)? {
                    return Ok(part);
                }
            }
        }
        let closed = binary_operator(operator)?;
        // A chain of one operator leans to the left as far as it is long; it counts as one level.
        let mut rights = vec![right];
        let mut first = left;
        while let ast::Expr::BinaryOp { left, op, right } = first
            && op == operator
        {
            self.node()?;
            rights.push(right);
            first = left;
        }
        // Only these two are written without a parenthesis for each; MariaDB's stack ends at some 500 of them.
        let is_flat = matches!(closed, BinaryOperator::And | BinaryOperator::Or);
        if !is_flat && rights.len() > self.depth_limit.saturating_mul(10) {
            return Err(too_large("a chain of operators is too long"));
        }
        let mut read = self.expr(first)?;
        for right in rights.into_iter().rev() {
            read = Expr::Binary(Box::new(read), closed, self.boxed(right)?);
        }
        Ok(read)
    }

    fn like(&mut self, operand: &ast::Expr, pattern: &ast::Expr, negated: bool) -> Result<Expr> {
        Ok(Expr::Like { operand: self.boxed(operand)?, pattern: self.boxed(pattern)?, negated })
    }

    pub(super) fn in_list(&mut self, operand: &ast::Expr, items: &[ast::Expr], negated: bool) -> Result<Expr> {
        if items.is_empty() {
            return Err(refused("IN needs at least one item"));
        }
        let operand = self.boxed(operand)?;
        let items = items.iter().map(|item| self.expr(item)).collect::<Result<_>>()?;
        Ok(Expr::In { operand, items, negated })
    }

    pub(super) fn value(&mut self, value: &ast::Value) -> Result<Value> {
        match value {
            ast::Value::Null => Ok(Value::Null),
            ast::Value::Boolean(truth) => Ok(Value::Boolean(*truth)),
            ast::Value::Number(digits, false) => number(digits),
            ast::Value::SingleQuotedString(text) => text_value(text),
            ast::Value::DoubleQuotedString(text) if self.syntax.grammar == Grammar::Mariadb => text_value(text),
            ast::Value::HexStringLiteral(_) if self.syntax.grammar == Grammar::Postgres => {
                Err(unsupported("X'…' is a bit string on PostgreSQL: use '\\x…'::bytea"))
            }
            ast::Value::HexStringLiteral(digits) => {
                bytes(digits).map(Value::Binary).ok_or_else(|| refused("X'…' must hold pairs of hexadecimal digits"))
            }
            ast::Value::Placeholder(name) => self.parameter(name),
            _ => Err(unsupported("this kind of literal is not allowed")),
        }
    }

    /// `?1` (a bare `?` has been numbered) or `$1`, as the grammar has it.
    fn parameter(&mut self, name: &str) -> Result<Value> {
        let sign = if self.syntax.grammar == Grammar::Postgres { '$' } else { '?' };
        if !self.is_statement() || self.syntax.source == Source::Server {
            return Err(refused("a parameter is allowed in a statement only"));
        }
        let given = self.parameters.len();
        let index = name
            .strip_prefix(sign)
            .and_then(|digits| digits.parse::<usize>().ok())
            .ok_or_else(|| refused(format!("a parameter is written {sign} here")))?;
        let missing = || refused(format!("parameter {index} is missing, {given} are given"));
        let slot = index.checked_sub(1).ok_or_else(missing)?;
        let value = self.parameters.get(slot).ok_or_else(missing)?;
        if let Some(used) = self.used.get_mut(slot) {
            *used = true;
        }
        self.bytes_left = self.bytes_left.checked_sub(value.bytes()).ok_or_else(|| {
            too_large("the parameters, each counted as often as it stands in the statement, have too many bytes")
        })?;
        Ok(value.clone())
    }
}

pub(super) fn text_value(text: &str) -> Result<Value> {
    Value::text(text).map_err(|error| refused(error.to_string()))
}

fn without_parentheses(mut expr: &ast::Expr) -> &ast::Expr {
    while let ast::Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

/// A number: an integer where it fits 64 bits, else a decimal; with an exponent a double.
pub(super) fn number(text: &str) -> Result<Value> {
    let fail = || refused("a number is out of range");
    if text.contains(['e', 'E']) {
        return text.parse().ok().and_then(|number| Value::double(number).ok()).ok_or_else(fail);
    }
    if let Ok(integer) = text.parse() {
        return Ok(Value::Integer(integer));
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let zero = if digits.starts_with('.') { "0" } else { "" };
    // `2.` divides as `2.0` does, and not as an integer.
    let end = if digits.ends_with('.') { "0" } else { "" };
    Value::numeric(&format!("{sign}{zero}{digits}{end}")).map_err(|_| fail())
}

pub(super) fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

fn binary_operator(operator: &ast::BinaryOperator) -> Result<BinaryOperator> {
    Ok(match operator {
        ast::BinaryOperator::And => BinaryOperator::And,
        ast::BinaryOperator::Or => BinaryOperator::Or,
        ast::BinaryOperator::Eq => BinaryOperator::Equal,
        ast::BinaryOperator::NotEq => BinaryOperator::NotEqual,
        ast::BinaryOperator::Lt => BinaryOperator::Less,
        ast::BinaryOperator::LtEq => BinaryOperator::LessOrEqual,
        ast::BinaryOperator::Gt => BinaryOperator::Greater,
        ast::BinaryOperator::GtEq => BinaryOperator::GreaterOrEqual,
        ast::BinaryOperator::Plus => BinaryOperator::Add,
        ast::BinaryOperator::Minus => BinaryOperator::Subtract,
        ast::BinaryOperator::Multiply => BinaryOperator::Multiply,
        ast::BinaryOperator::Divide => BinaryOperator::Divide,
        ast::BinaryOperator::Modulo => BinaryOperator::Modulo,
        ast::BinaryOperator::StringConcat => BinaryOperator::Concat,
        ast::BinaryOperator::Xor => return Err(unsupported("XOR is not allowed")),
        _ => return Err(unsupported("this operator is not allowed")),
    })
}

/// What messages call a construct outside the allow-list, with its verb.
fn construct_name(expr: &ast::Expr) -> &'static str {
    match expr {
        ast::Expr::Case { .. } => "CASE is",
        ast::Expr::Cast { .. } | ast::Expr::Convert { .. } => "casts are",
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => "subqueries are",
        ast::Expr::ILike { .. } => "ILIKE is",
        ast::Expr::SimilarTo { .. } | ast::Expr::RLike { .. } => "regular expressions are",
        ast::Expr::IsDistinctFrom(..) | ast::Expr::IsNotDistinctFrom(..) => "IS DISTINCT FROM is",
        ast::Expr::Tuple(_) => "rows in parentheses are",
        ast::Expr::Array(_) | ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } => "arrays, ANY and ALL are",
        ast::Expr::Interval(_) => "intervals are",
        ast::Expr::Extract { .. } => "EXTRACT is",
        ast::Expr::Collate { .. } => "COLLATE is",
        ast::Expr::AtTimeZone { .. } => "AT TIME ZONE is",
        ast::Expr::Wildcard(_) | ast::Expr::QualifiedWildcard(..) => "* is",
        _ => "this construct is",
    }
}
