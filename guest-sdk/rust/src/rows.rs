//! Answers out of the database: rows page by page, their values as Rust types, and how many rows a statement touched.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::bindings::ptah::migration::types::{SqlText, Value};
use crate::bindings::ptah::migration::{data, rows};
use crate::{AnswerColumn, Error, Result};

/// How many rows are fetched at once.
const PAGE: u32 = 100;

/// A statement of [`Op::execute`](crate::Op::execute) or [`Op::attempt`](crate::Op::attempt).
#[derive(Debug)]
pub struct Statement(data::Statement);

impl Statement {
    pub(crate) fn new(statement: data::Statement) -> Statement {
        Statement(statement)
    }

    /// How many rows it touched: inserted, deleted, or found by an UPDATE. What the step did so far is done in the
    /// database then. `Unsupported` on MariaDB for an INSERT with ON CONFLICT.
    pub fn touched(&self) -> Result<u64> {
        rows::touched(&self.0)
    }

    /// The number that the database drew for the row of an INSERT of one row, to be asked before the step inserts more into that
    /// table. What the step did so far is done in the database then.
    pub fn drawn(&self) -> Result<i64> {
        rows::drawn(&self.0)
    }
}

pub(crate) fn attempt(statement: &SqlText, parameters: &[Value]) -> Result<Statement> {
    rows::attempt(statement, parameters).map(Statement)
}

pub(crate) fn query(statement: &SqlText, parameters: &[Value]) -> Result<Rows> {
    let cursor = rows::query(statement, parameters)?;
    let columns = cursor.columns()?;
    Ok(Rows { cursor, columns: columns.into(), page: VecDeque::new() })
}

/// The answer to [`Op::query`](crate::Op::query), fetched as it is read.
#[derive(Debug)]
pub struct Rows {
    cursor: rows::Cursor,
    columns: Rc<[AnswerColumn]>,
    page: VecDeque<Vec<Value>>,
}

impl Rows {
    /// The columns in order.
    pub fn columns(&self) -> &[AnswerColumn] {
        &self.columns
    }

    /// The next row, if there is one: all that is asked for with `count(*)` or the like.
    pub fn first(mut self) -> Result<Option<Record>> {
        self.next().transpose()
    }
}

impl Iterator for Rows {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        if self.page.is_empty() {
            match self.cursor.next(PAGE) {
                Ok(page) => self.page = page.into(),
                Err(error) => return Some(Err(error)),
            }
        }
        let values = self.page.pop_front()?;
        Some(Ok(Record { columns: self.columns.clone(), values }))
    }
}

/// A row of an answer.
#[derive(Debug, Clone)]
pub struct Record {
    columns: Rc<[AnswerColumn]>,
    values: Vec<Value>,
}

impl Record {
    /// The value of a column. NULL is taken for an `Option`, and for nothing else.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T> {
        match self.columns.iter().position(|found| found.name == column) {
            Some(place) => self.at(place),
            None => Err(Error::NotFound(format!("the answer has no column {column}"))),
        }
    }

    /// The value of the column at a place, from 0.
    pub fn at<T: FromValue>(&self, place: usize) -> Result<T> {
        let value = self.values.get(place).cloned();
        let value = value.ok_or_else(|| Error::NotFound(format!("the answer has no column {place}")))?;
        T::from_value(value).ok_or_else(|| {
            let name = self.columns.get(place).map_or("", |column| &column.name);
            Error::Invalid(format!("the value of column {name} is of another type than was asked for"))
        })
    }

    /// All values in order.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// What a value of the contract can be taken for.
pub trait FromValue: Sized {
    /// None where it is of another type.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Option<Value> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Option<T>> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Option<bool> {
        if let Value::Boolean(truth) = value { Some(truth) } else { None }
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Option<f64> {
        if let Value::Double(number) = value { Some(number) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Option<Vec<u8>> {
        if let Value::Binary(bytes) = value { Some(bytes) } else { None }
    }
}

/// Everything that the contract carries as text: decimals, dates and times, UUIDs and documents too.
impl FromValue for String {
    fn from_value(value: Value) -> Option<String> {
        match value {
            Value::Text(text)
            | Value::Numeric(text)
            | Value::Date(text)
            | Value::Time(text)
            | Value::Timestamp(text)
            | Value::TimestampWithZone(text)
            | Value::Uuid(text)
            | Value::Json(text) => Some(text),
            Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Double(_) | Value::Binary(_) => None,
        }
    }
}

macro_rules! from_integer {
    ($($type:ty)+) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Option<$type> {
                if let Value::Integer(number) = value { number.try_into().ok() } else { None }
            }
        }
    )+};
}

from_integer!(i16 i32 i64 u32 u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn record(values: Vec<Value>) -> Record {
        let names = ["a", "b"];
        let columns = names.iter().map(|name| AnswerColumn { name: (*name).into(), column_type: None });
        Record { columns: columns.collect(), values }
    }

    #[test]
    fn a_value_is_taken_for_its_type_alone() {
        let record = record(vec![Value::Integer(7), Value::Null]);
        assert_eq!(record.get::<i64>("a").ok(), Some(7));
        assert_eq!(record.get::<Option<u32>>("a").ok(), Some(Some(7)));
        assert_eq!(record.get::<Option<String>>("b").ok(), Some(None));
        assert!(matches!(record.get::<String>("a"), Err(Error::Invalid(message)) if message.contains("column a")));
        assert!(record.get::<bool>("b").is_err());
        assert!(matches!(record.get::<i64>("c"), Err(Error::NotFound(_))));
        assert!(record.at::<Value>(2).is_err());
    }

    #[test]
    fn a_number_that_is_too_large_is_an_error() {
        assert!(record(vec![Value::Integer(70_000)]).at::<i16>(0).is_err());
        assert!(record(vec![Value::Integer(-1)]).at::<u64>(0).is_err());
    }
}
