//! Constants in the form of what they are beside: the column that they go into or are compared with. What a dialect
//! renders has gone through here.

use super::query::Output;
use super::scope::{Columns, Scope, Source};
use super::{Schema, Table};
use crate::operation::{
    BinaryOperator, ColumnType, Conflict, ConflictAction, Dml, Expr, Function, Ident, InsertSource, Join, OrderBy,
    Query, RankKey, Select, Value, coerce,
};

/// How a column of an answer is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As a value of this type.
    Exact(ColumnType),
    /// As a decimal whose digits after the point are the database's own.
    Decimal,
}

/// A query with its constants typed, and what it yields: name and type.
///
/// # Errors
/// A column whose type the contract cannot express.
pub fn typed_query(schema: &Schema, query: &Query) -> Result<(Query, Vec<(Ident, Answer)>), super::SchemaError> {
    let scope = Scope::default().reading(schema);
    let outputs = scope.outputs(query)?;
    let answers: Vec<(Ident, Answer)> = outputs.into_iter().map(answer).collect::<Result<_, _>>()?;
    let mut typed = scope.typed_query(query, &[]);
    widen_floats(&mut typed, &answers);
    Ok((typed, answers))
}

/// Adds a double zero to each float of an answer, as MariaDB prints six digits of one.
fn widen_floats(query: &mut Query, answers: &[(Ident, Answer)]) {
    let Ok(zero) = Value::double(0.0) else { return };
    for select in std::iter::once(&mut query.select).chain(query.unions.iter_mut().map(|(_, select)| select)) {
        for ((_, item), (_, answer)) in select.items.iter_mut().zip(answers) {
            if *answer == Answer::Exact(ColumnType::Float) {
                let zero = Box::new(Expr::Value(zero.clone()));
                *item = Expr::Binary(Box::new(item.clone()), BinaryOperator::Add, zero);
            }
        }
    }
}

fn answer(output: Output) -> Result<(Ident, Answer), super::SchemaError> {
    use super::kind::Kind;
    let answer = match (output.exact, output.kind) {
        (Some(exact), _) => Answer::Exact(exact),
        (None, Kind::Number) => Answer::Decimal,
        (None, Kind::Double) => Answer::Exact(ColumnType::Double),
        (None, Kind::Text | Kind::Enumeration(_)) => Answer::Exact(ColumnType::Text),
        (None, _) => {
            return Err(super::invalid(format!("the type of {} in the answer is not known", output.name)));
        }
    };
    Ok((output.name, answer))
}

/// A statement with its constants typed. Those that stand alone in a row of VALUES stay as they are.
pub fn typed(schema: &Schema, table: &Table, statement: &Dml) -> Dml {
    let name = statement.table();
    let scope = Scope::of_table(table, name).reading(schema);
    let constants = Scope { table: None, ..scope };
    let type_of = |column: &Ident| table.column(column).and_then(super::Column::portable_type);
    let assigned = |assignments: &[(Ident, Expr)]| {
        let each = assignments.iter().map(|(column, value)| (column.clone(), scope.typed(value, type_of(column))));
        each.collect::<Vec<_>>()
    };
    match statement {
        Dml::Insert { columns, source, conflict, .. } => {
            let types: Vec<Option<ColumnType>> = columns.iter().map(|column| type_of(column).cloned()).collect();
            let cell = |(value, column_type): (&Expr, &Option<ColumnType>)| match value {
                Expr::Value(_) => value.clone(),
                other => constants.typed(other, column_type.as_ref()),
            };
            let source = match source {
                InsertSource::Rows(rows) => {
                    InsertSource::Rows(rows.iter().map(|row| row.iter().zip(&types).map(cell).collect()).collect())
                }
                InsertSource::Query(query) => InsertSource::Query(Box::new(constants.typed_query(query, &types))),
            };
            let conflict = conflict.as_ref().map(|conflict| Conflict {
                columns: conflict.columns.clone(),
                action: match &conflict.action {
                    ConflictAction::Nothing => ConflictAction::Nothing,
                    ConflictAction::Update(assignments) => {
                        let excluded = Ident::internal(Conflict::EXCLUDED);
                        let columns = Columns::Table(table);
                        let sources = [Source { alias: &excluded, columns }];
                        let scope = Scope { sources: &sources, ..scope };
                        let each = assignments.iter();
                        let each = each.map(|(column, value)| (column.clone(), scope.typed(value, type_of(column))));
                        ConflictAction::Update(each.collect())
                    }
                },
            });
            Dml::Insert { table: name.clone(), columns: columns.clone(), source, conflict }
        }
        Dml::Update { assignments, with, joins, condition, .. } if !joins.is_empty() => {
            let named = schema.yielded(with).unwrap_or_default();
            let sources = schema.joined(name, table, &named, joins).unwrap_or_default();
            let scope = Scope { sources: &sources, ..constants };
            let on = |join: &Join| Join { on: scope.typed(&join.on, None), ..join.clone() };
            let each = assignments.iter();
            let each = each.map(|(column, value)| (column.clone(), scope.typed(value, type_of(column))));
            Dml::Update {
                table: name.clone(),
                assignments: each.collect(),
                with: with.iter().map(|(name, query)| (name.clone(), constants.typed_query(query, &[]))).collect(),
                joins: joins.iter().map(on).collect(),
                condition: condition.as_ref().map(|condition| scope.typed(condition, None)),
            }
        }
        Dml::Update { assignments, condition, .. } => Dml::Update {
            table: name.clone(),
            assignments: assigned(assignments),
            with: Vec::new(),
            joins: Vec::new(),
            condition: condition.as_ref().map(|condition| scope.typed(condition, None)),
        },
        Dml::Delete { condition, .. } => Dml::Delete {
            table: name.clone(),
            condition: condition.as_ref().map(|condition| scope.typed(condition, None)),
        },
    }
}

impl Scope<'_> {
    /// The expression with its constants in the form of what they are compared with, or go into.
    pub(super) fn typed(&self, expr: &Expr, into: Option<&ColumnType>) -> Expr {
        // A chain of operators is as deep as it is long: what it goes through takes little of the stack.
        match expr {
            Expr::Binary(left, operator, right) => {
                let (of_left, of_right) = match operator.is_comparison() {
                    true => (self.beside(right), self.beside(left)),
                    false => (None, None),
                };
                let left = Box::new(self.typed(left, of_left.as_ref()));
                Expr::Binary(left, *operator, Box::new(self.typed(right, of_right.as_ref())))
            }
            other => self.typed_other(other, into),
        }
    }

    #[inline(never)]
    fn typed_other(&self, expr: &Expr, into: Option<&ColumnType>) -> Expr {
        let alone = |expr: &Expr| self.typed(expr, None);
        let boxed = |expr: &Expr, into| Box::new(self.typed(expr, into));
        match expr {
            Expr::Value(value) => {
                let coerced = into.and_then(|into| coerce(value, into).ok());
                Expr::Value(coerced.unwrap_or_else(|| value.clone()))
            }
            Expr::Column(_) | Expr::Field(..) => expr.clone(),
            Expr::Unary(operator, operand) => Expr::Unary(*operator, boxed(operand, None)),
            Expr::Binary(left, operator, right) => Expr::Binary(boxed(left, None), *operator, boxed(right, None)),
            Expr::IsNull { operand, negated } => Expr::IsNull { operand: boxed(operand, None), negated: *negated },
            Expr::Is { operand, truth, negated } => {
                Expr::Is { operand: boxed(operand, None), truth: *truth, negated: *negated }
            }
            Expr::Cast(operand, to) => Expr::Cast(boxed(operand, None), *to),
            Expr::In { operand, items, negated } => {
                let exact = self.beside(operand);
                let items = items.iter().map(|item| self.typed(item, exact.as_ref())).collect();
                Expr::In { operand: boxed(operand, None), items, negated: *negated }
            }
            Expr::Between { operand, low, high, negated } => {
                let exact = self.beside(operand);
                Expr::Between {
                    operand: boxed(operand, None),
                    low: boxed(low, exact.as_ref()),
                    high: boxed(high, exact.as_ref()),
                    negated: *negated,
                }
            }
            Expr::Like { operand, pattern, negated } => {
                Expr::Like { operand: boxed(operand, None), pattern: boxed(pattern, None), negated: *negated }
            }
            Expr::Call(function, arguments) => {
                let into = match function {
                    Function::Coalesce => into.cloned().or_else(|| self.first_beside(arguments)),
                    Function::NullIf => arguments.first().and_then(|first| self.beside(first)).or(into.cloned()),
                    _ => None,
                };
                let into = into.as_ref();
                Expr::Call(*function, arguments.iter().map(|argument| self.typed(argument, into)).collect())
            }
            Expr::Case { operand, arms, otherwise } => {
                let when = operand.as_deref().and_then(|operand| self.beside(operand));
                let results = || arms.iter().map(|(_, then)| then).chain(otherwise.as_deref());
                let into = into.cloned().or_else(|| self.first_beside(results()));
                let (when, into) = (when.as_ref(), into.as_ref());
                Expr::Case {
                    operand: operand.as_deref().map(alone).map(Box::new),
                    arms: arms.iter().map(|(of, then)| (self.typed(of, when), self.typed(then, into))).collect(),
                    otherwise: otherwise.as_deref().map(|otherwise| boxed(otherwise, into)),
                }
            }
            Expr::Aggregate { function, distinct, argument } => Expr::Aggregate {
                function: *function,
                distinct: *distinct,
                argument: argument.as_deref().map(alone).map(Box::new),
            },
            Expr::Rank { ranking, partition, order } => Expr::Rank {
                ranking: *ranking,
                partition: partition.iter().map(alone).collect(),
                order: order.iter().map(|key| RankKey { by: alone(&key.by), ..key.clone() }).collect(),
            },
            Expr::Scalar(query) => Expr::Scalar(Box::new(self.typed_query(query, &[into.cloned()]))),
            Expr::Exists(query) => Expr::Exists(Box::new(self.typed_query(query, &[]))),
            Expr::InQuery { operand, query, negated } => {
                let output = self.only_output(query).ok().and_then(|output| output.exact);
                Expr::InQuery {
                    operand: boxed(operand, output.as_ref()),
                    query: Box::new(self.typed_query(query, &[self.beside(operand)])),
                    negated: *negated,
                }
            }
        }
    }

    /// The type that a constant takes beside an expression; none beside another constant.
    fn beside(&self, expr: &Expr) -> Option<ColumnType> {
        if matches!(expr, Expr::Value(_)) { None } else { self.exact(expr) }
    }

    fn first_beside<'e>(&self, results: impl IntoIterator<Item = &'e Expr>) -> Option<ColumnType> {
        results.into_iter().find_map(|result| self.beside(result))
    }

    /// A query with its constants typed; `into` is where its columns go, as far as that is known.
    fn typed_query(&self, query: &Query, into: &[Option<ColumnType>]) -> Query {
        self.with_named(query, |inner, with| {
            let mut types: Vec<Option<ColumnType>> = into.to_vec();
            types.resize(query.select.items.len(), None);
            if !query.unions.is_empty()
                && let Ok(outputs) = self.outputs(query)
            {
                for (into, output) in types.iter_mut().zip(outputs) {
                    *into = into.take().or(output.exact);
                }
            }
            let order = query.order.iter().map(|key| {
                let mut key = key.clone();
                if let OrderBy::Expr(expr) = &key.by {
                    key.by = OrderBy::Expr(inner.in_select(&query.select, |scope| scope.typed(expr, None)));
                }
                key
            });
            let typed_unions = query.unions.iter().map(|(kind, select)| (*kind, inner.typed_select(select, &types)));
            Query {
                with,
                select: inner.typed_select(&query.select, &types),
                unions: typed_unions.collect(),
                order: order.collect(),
                limit: query.limit,
                offset: query.offset,
            }
        })
    }

    /// Goes into a query: typed named queries first, then the scope of its SELECTs.
    fn with_named<R>(&self, query: &Query, inside: impl FnOnce(&Scope<'_>, Vec<(Ident, Query)>) -> R) -> R {
        let mut named = self.named.to_vec();
        let mut with = Vec::with_capacity(query.with.len());
        for (name, query) in &query.with {
            let scope = Scope { schema: self.schema, named: &named, ..Scope::default() };
            with.push((name.clone(), scope.typed_query(query, &[])));
            let outputs = scope.outputs(query).unwrap_or_default();
            named.retain(|(other, _)| *other != name);
            named.push((name, outputs));
        }
        inside(&Scope { schema: self.schema, named: &named, outer: Some(self), ..Scope::default() }, with)
    }

    fn in_select<R>(&self, select: &Select, inside: impl FnOnce(&Scope<'_>) -> R) -> R {
        let sources = self.sources_of(select).unwrap_or_default();
        inside(&Scope { sources: &sources, ..*self })
    }

    fn typed_select(&self, select: &Select, into: &[Option<ColumnType>]) -> Select {
        self.in_select(select, |scope| {
            let alone = |expr: &Expr| scope.typed(expr, None);
            let item = |((name, item), into): (&(Ident, Expr), &Option<ColumnType>)| {
                (name.clone(), scope.typed(item, into.as_ref()))
            };
            let mut typed = select.clone();
            typed.items = select.items.iter().zip(into).map(item).collect();
            for join in &mut typed.joins {
                join.on = alone(&join.on);
            }
            typed.condition = select.condition.as_ref().map(alone);
            typed.group_by = select.group_by.iter().map(alone).collect();
            typed.having = select.having.as_ref().map(alone);
            typed
        })
    }
}
