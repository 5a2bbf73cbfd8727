//! Functions, and the arrays that PostgreSQL prints.

use sqlparser::ast;

use super::expr::Reader;
use super::query::descending;
use super::syntax::Source;
use super::{Grammar, ParseError, refused, too_large, unsupported};
use crate::operation::{Aggregate, BinaryOperator, Expr, Function, OwnFunction, Position, RankKey, Ranking, Value};

type Result<T> = std::result::Result<T, ParseError>;

impl Reader<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Expr> {
        let ast::Function {
            name,
            uses_odbc_syntax: false,
            parameters: ast::FunctionArguments::None,
            args,
            within_group,
            filter: None,
            null_treatment: None,
            over,
        } = function
        else {
            return Err(unsupported("only plain function calls are allowed"));
        };
        if !within_group.is_empty() {
            return Err(unsupported("WITHIN GROUP is not allowed"));
        }
        let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
            return Err(unsupported("a function may not be qualified by a schema"));
        };
        let lower = name.value.to_ascii_lowercase();
        if let Some(over) = over {
            return self.rank(&lower, args, over);
        }
        let (distinct, arguments) = match args {
            ast::FunctionArguments::None => (false, &[][..]),
            ast::FunctionArguments::Subquery(_) => return Err(unsupported("subqueries are not allowed as arguments")),
            ast::FunctionArguments::List(list) if list.clauses.is_empty() => {
                (list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct), list.args.as_slice())
            }
            ast::FunctionArguments::List(_) => return Err(unsupported("only plain function calls are allowed")),
        };
        if self.queries > 0
            && let Some(aggregate) = aggregate(&lower)
        {
            return self.aggregate(aggregate, distinct, arguments);
        }
        if distinct {
            return Err(unsupported("only plain function calls are allowed"));
        }
        let arguments = arguments.iter().map(plain_argument).collect::<Result<Vec<_>>>()?;
        let name = lower;
        if let Some(clock) = self.clock(&name, &arguments)? {
            return Ok(clock);
        }
        if let Some(short) = self.shorthand(&name, &arguments)? {
            return Ok(short);
        }
        if name == "concat" {
            return self.concat(&arguments);
        }
        if let Some(own) = OwnFunction::of(self.syntax.grammar, &name) {
            return self.own(own, &name, &arguments);
        }
        let closed = self.function_of(&name)?;
        if closed == Function::JsonType && !self.is_statement() {
            return Err(unsupported(format!("{name}() is allowed in a statement only")));
        }
        let fits = match closed {
            Function::Coalesce => arguments.len() >= 2,
            Function::NullIf => arguments.len() == 2,
            Function::Replace => arguments.len() == 3,
            Function::Substr => matches!(arguments.len(), 2 | 3),
            _ => arguments.len() == 1,
        };
        if !fits {
            return Err(refused(format!("{name}() has a wrong number of arguments")));
        }
        let arguments = arguments.into_iter().map(|argument| self.expr(argument)).collect::<Result<_>>()?;
        Ok(Expr::Call(closed, arguments))
    }

    /// A function that the grammar's database has alone.
    fn own(&mut self, function: OwnFunction, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
        self.allow_volatile(function)?;
        let arguments = match (function, arguments) {
            (OwnFunction::Strftime, [format, moment]) if is_now(moment) => std::slice::from_ref(format),
            (OwnFunction::Strftime, _) => return Err(unsupported("strftime() takes a format and 'now'")),
            _ => arguments,
        };
        let arguments: Vec<Expr> = arguments.iter().map(|argument| self.expr(argument)).collect::<Result<_>>()?;
        match function.fits(&arguments) {
            true => Ok(Expr::Call(Function::Own(function), arguments)),
            false => Err(unsupported(format!("{name}() is not allowed with these arguments"))),
        }
    }

    /// Refuses what differs from call to call where it may not.
    fn allow_volatile(&self, function: OwnFunction) -> Result<()> {
        match self.position {
            Position::Default | Position::Statement => Ok(()),
            _ if !function.is_volatile() => Ok(()),
            _ => Err(unsupported(
                "chance and the time are allowed in a default and in a statement that changes rows only",
            )),
        }
    }

    /// `x -> key` and its like.
    pub(super) fn part_of_document(
        &mut self,
        document: &ast::Expr,
        operator: &ast::BinaryOperator,
        path: &ast::Expr,
    ) -> Result<Option<Expr>> {
        let function = match (operator, self.syntax.grammar) {
            (ast::BinaryOperator::Arrow, Grammar::Postgres | Grammar::Sqlite) => OwnFunction::JsonKey,
            (ast::BinaryOperator::LongArrow, Grammar::Postgres | Grammar::Sqlite) => OwnFunction::JsonKeyText,
            (ast::BinaryOperator::HashArrow, Grammar::Postgres) => OwnFunction::JsonPath,
            (ast::BinaryOperator::HashLongArrow, Grammar::Postgres) => OwnFunction::JsonPathText,
            _ => return Ok(None),
        };
        let arguments = vec![self.expr(document)?, self.expr(path)?];
        match function.fits(&arguments) {
            true => Ok(Some(Expr::Call(Function::Own(function), arguments))),
            false => Err(unsupported("a part of a document is taken by a constant key or path")),
        }
    }

    fn rank(&mut self, name: &str, arguments: &ast::FunctionArguments, over: &ast::WindowType) -> Result<Expr> {
        let ranking = match name {
            "row_number" => Ranking::RowNumber,
            "rank" => Ranking::Rank,
            "dense_rank" => Ranking::DenseRank,
            _ => return Err(unsupported("of window functions only row_number(), rank() and dense_rank() are allowed")),
        };
        let ast::WindowType::WindowSpec(ast::WindowSpec {
            window_name: None,
            partition_by,
            order_by,
            window_frame: None,
        }) = over
        else {
            return Err(unsupported("OVER takes PARTITION BY and ORDER BY only"));
        };
        if !matches!(arguments, ast::FunctionArguments::List(list) if list.args.is_empty() && list.clauses.is_empty()) {
            return Err(refused(format!("{name}() takes no argument")));
        }
        if !self.yields {
            return Err(unsupported(format!("{name}() is allowed in what a query yields only")));
        }
        // Not one inside the other.
        self.yields = false;
        let partition = partition_by.iter().map(|key| self.expr(key)).collect::<Result<_>>()?;
        let mut order = Vec::with_capacity(order_by.len());
        for key in order_by {
            let descending = descending(key)?;
            order.push(RankKey { by: self.expr(&key.expr)?, descending, text: false });
        }
        self.yields = true;
        Ok(Expr::Rank { ranking, partition, order })
    }

    fn aggregate(&mut self, function: Aggregate, distinct: bool, arguments: &[ast::FunctionArg]) -> Result<Expr> {
        let yields = std::mem::take(&mut self.yields);
        let argument = match arguments {
            [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)]
                if function == Aggregate::Count && !distinct =>
            {
                None
            }
            [argument] => Some(self.boxed(plain_argument(argument)?)?),
            _ => return Err(refused("an aggregate takes one argument")),
        };
        if argument.as_ref().is_some_and(|argument| argument.has_aggregate()) {
            return Err(refused("an aggregate stands inside another"));
        }
        self.yields = yields;
        Ok(Expr::Aggregate { function, distinct, argument })
    }

    fn function_of(&self, name: &str) -> Result<Function> {
        let mariadb = self.syntax.grammar == Grammar::Mariadb;
        Ok(match name {
            "lower" => Function::Lower,
            "upper" => Function::Upper,
            "lcase" if mariadb => Function::Lower,
            "ucase" if mariadb => Function::Upper,
            "length" if mariadb => return Err(unsupported("length() counts bytes on MariaDB: use char_length()")),
            "json_typeof" if self.syntax.grammar == Grammar::Postgres => Function::JsonType,
            "json_type" if matches!(self.syntax.grammar, Grammar::Sqlite | Grammar::Mariadb) => Function::JsonType,
            "length" | "char_length" | "character_length" => Function::Length,
            "trim" => Function::Trim,
            "abs" => Function::Abs,
            "coalesce" => Function::Coalesce,
            "nullif" => Function::NullIf,
            "replace" => Function::Replace,
            "substr" | "substring" => Function::Substr,
            "count" | "sum" | "avg" | "min" | "max" => {
                return Err(unsupported("aggregate functions are allowed in queries only"));
            }
            "total" | "group_concat" | "string_agg" | "array_agg" => {
                return Err(unsupported(format!("the aggregate function {name} is not allowed")));
            }
            _ => return Err(unsupported(format!("the function {} is not allowed", shown(name)))),
        })
    }

    /// What a grammar calls by a name of its own and is said by other means.
    fn shorthand(&mut self, name: &str, arguments: &[&ast::Expr]) -> Result<Option<Expr>> {
        let own = matches!(self.syntax.grammar, Grammar::Sqlite | Grammar::Mariadb);
        Ok(Some(match (name, arguments) {
            ("ifnull", [first, second]) if own => {
                Expr::Call(Function::Coalesce, vec![self.expr(first)?, self.expr(second)?])
            }
            ("iif" | "if", [when, then, otherwise]) if own && self.is_statement() => Expr::Case {
                operand: None,
                arms: vec![(self.expr(when)?, self.expr(then)?)],
                otherwise: Some(self.boxed(otherwise)?),
            },
            ("left", [text, length]) if self.syntax.grammar != Grammar::Sqlite => match self.expr(length)? {
                Expr::Value(Value::Integer(length @ 0..)) => {
                    let numbers = [1, length].map(|number| Expr::Value(Value::Integer(number)));
                    let arguments = std::iter::once(self.expr(text)?).chain(numbers).collect();
                    Expr::Call(Function::Substr, arguments)
                }
                _ => return Err(unsupported("left() takes a number that is not negative")),
            },
            _ => return Ok(None),
        }))
    }

    /// CURRENT_TIMESTAMP and CURRENT_DATE in the spellings of the grammar.
    fn clock(&mut self, name: &str, arguments: &[&ast::Expr]) -> Result<Option<Expr>> {
        let (name, arguments) = match (name, self.syntax.grammar, arguments) {
            ("datetime", Grammar::Sqlite, [argument]) if is_now(argument) => ("current_timestamp", &[][..]),
            ("date", Grammar::Sqlite, [argument]) if is_now(argument) => ("current_date", &[][..]),
            _ => (name, arguments),
        };
        let function = match (name, self.syntax.grammar) {
            ("current_timestamp", _) | ("now", Grammar::Portable | Grammar::Postgres | Grammar::Mariadb) => {
                Function::CurrentTimestamp
            }
            ("current_date", _) | ("curdate", Grammar::Mariadb) => Function::CurrentDate,
            _ => return Ok(None),
        };
        match self.position {
            Position::Check => return Err(refused("a check may not depend on the time")),
            Position::Computed => return Err(refused("a computed column may not depend on the time")),
            Position::Index | Position::Predicate => return Err(refused("an index may not depend on the time")),
            Position::Query => {
                return Err(unsupported("a query may not read the time: the run's own start is all there is"));
            }
            Position::Default | Position::Statement => {}
        }
        let microseconds = match arguments {
            [ast::Expr::Value(value)] => matches!(&value.value, ast::Value::Number(digits, false) if digits == "6"),
            // MariaDB means whole seconds when it prints no precision.
            [] => {
                !(self.syntax.grammar == Grammar::Mariadb
                    && self.syntax.source == Source::Server
                    && function == Function::CurrentTimestamp)
            }
            _ => false,
        };
        let date_with_arguments = function == Function::CurrentDate && !arguments.is_empty();
        if !microseconds || date_with_arguments {
            return Err(unsupported("the current time is taken to the microsecond: current_timestamp"));
        }
        Ok(Some(Expr::Call(function, Vec::new())))
    }

    /// `concat(a, b, …)`, where it is `a || b || …`: on the others it skips NULLs.
    fn concat(&mut self, arguments: &[&ast::Expr]) -> Result<Expr> {
        // Where it skips NULLs they are said to be empty.
        let skips = matches!(self.syntax.grammar, Grammar::Sqlite | Grammar::Postgres);
        let given = |expr: Expr| match expr {
            constant @ Expr::Value(Value::Text(_)) => constant,
            other if skips => Expr::Call(Function::Coalesce, vec![other, Expr::Value(Value::Text(String::new()))]),
            other => other,
        };
        let [first, second, rest @ ..] = arguments else {
            return Err(refused("concat() needs at least two arguments"));
        };
        // It becomes a chain as deep as it is long. One that is written out is bounded with its tokens.
        if arguments.len() > self.depth_limit.saturating_mul(10) {
            return Err(too_large("concat() has too many arguments"));
        }
        let mut read = given(self.expr(first)?);
        for argument in std::iter::once(second).chain(rest) {
            self.node()?;
            read = Expr::Binary(Box::new(read), BinaryOperator::Concat, Box::new(given(self.expr(argument)?)));
        }
        Ok(read)
    }

    /// `x = ANY (ARRAY[…])` and `x <> ALL (ARRAY[…])`: how PostgreSQL prints IN.
    pub(super) fn any_of_array(&mut self, operand: &ast::Expr, array: &ast::Expr, negated: bool) -> Result<Expr> {
        if self.syntax.source == Source::Guest {
            return Err(unsupported("arrays, ANY and ALL are not allowed"));
        }
        let mut array = array;
        loop {
            array = match array {
                ast::Expr::Nested(inner) => inner,
                ast::Expr::Cast { kind: ast::CastKind::DoubleColon, expr, .. } => expr,
                ast::Expr::Array(array) => return self.in_list(operand, &array.elem, negated),
                _ => return Err(unsupported("this use of ANY or ALL is not allowed")),
            };
        }
    }
}

fn is_now(argument: &ast::Expr) -> bool {
    match argument {
        ast::Expr::Value(value) => {
            matches!(&value.value, ast::Value::SingleQuotedString(text) if text.eq_ignore_ascii_case("now"))
        }
        _ => false,
    }
}

fn aggregate(name: &str) -> Option<Aggregate> {
    Some(match name {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "avg" => Aggregate::Avg,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => return None,
    })
}

fn plain_argument(argument: &ast::FunctionArg) -> Result<&ast::Expr> {
    match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Ok(expr),
        ast::FunctionArg::Unnamed(_) => Err(unsupported("* is not allowed as an argument")),
        _ => Err(unsupported("named arguments are not allowed")),
    }
}

/// A name that fits a message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
