//! The interface `rows`: a guest that asks is suspended until somebody answers, who sits at the other end of its
//! [`Desk`]. Its instance goes on with the answer.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use wasmtime::component::Resource;

use super::answer;
use super::bindings::ptah::migration::{rows, types};
use super::convert::{self, Converter};
use super::error::{CallError, StepError};
use super::step::{PlannedStatement, State};
use super::weight::Weight;
use crate::dialect::Refusal;
use crate::operation::{Ident, Value};
use crate::plan::{PlannedOp, Question};
use crate::schema::{Answer, Schema};

/// The interface's name, as components import it.
pub(super) const INTERFACE: &str = "ptah:migration/rows@0.1.0";

/// Where a guest asks its questions.
#[derive(Debug)]
pub struct Desk {
    /// To whoever answers.
    pub asks: SyncSender<Asked>,
    /// From there. An error ends the step.
    pub answers: Receiver<Result<Answered, StepError>>,
}

/// A question with what has to be done before it can be answered.
#[derive(Debug)]
pub struct Asked {
    /// The operations since the last question.
    pub segment: Vec<PlannedOp>,
    /// The model with all operations so far.
    pub schema: Schema,
    /// What is asked.
    pub question: Question,
    /// How many rows the answer may have.
    pub rows: usize,
    /// How many bytes the answer may have.
    pub bytes: usize,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The rows of a query, each as long as it has columns.
    Rows(Vec<Vec<Value>>),
    /// So many rows were touched.
    Touched(u64),
    /// The number that was drawn.
    Drawn(i64),
    /// The statement was done.
    Done,
    /// The statement was refused for its rows, and has no effect.
    Refused(Refusal),
    /// There are more rows or bytes than asked for.
    TooMuch,
}

/// An answer that a guest reads.
#[derive(Debug)]
#[allow(unreachable_pub)] // the bindings re-export it
pub struct Cursor {
    columns: Vec<(Ident, Answer)>,
    rows: VecDeque<Vec<types::Value>>,
}

impl State {
    /// Suspends the guest until there is an answer. Its clock stands still meanwhile.
    fn put(&mut self, question: Question) -> Result<Answered, CallError> {
        let (rows, bytes) = self.budget.answer_left();
        let (Some(desk), Some(planner)) = (&self.desk, &mut self.planner) else {
            return Err(not_here());
        };
        let asked = Asked { segment: planner.flush(), schema: planner.schema().clone(), question, rows, bytes };
        let since = Instant::now();
        let answered = desk.asks.send(asked).ok().and_then(|()| desk.answers.recv().ok());
        self.waited.add(since.elapsed());
        match answered {
            Some(Ok(Answered::TooMuch)) => Err(self.budget.answers_spent().into()),
            Some(answered) => Ok(answered?),
            None => Err(StepError::Interrupted.into()),
        }
    }

    /// The place of the operation of a statement that the guest holds.
    fn place(&mut self, statement: &Resource<PlannedStatement>) -> Result<usize, CallError> {
        self.planned_call(0)?;
        let held = self.handles.get(statement);
        let PlannedStatement(place) =
            *held.map_err(|_| StepError::Trap("it asked for a statement that it does not hold".into()))?;
        Ok(place)
    }

    fn cursor(&mut self, cursor: &Resource<Cursor>) -> Result<&mut Cursor, CallError> {
        self.handles
            .get_mut(cursor)
            .map_err(|_| StepError::Trap("it used a cursor that it does not hold".into()).into())
    }
}

impl rows::Host for State {
    fn query(
        &mut self,
        statement: types::SqlText,
        parameters: Vec<types::Value>,
    ) -> Result<Resource<Cursor>, CallError> {
        let planner = self.planned_call(statement.weight() + parameters.weight())?;
        let query = Converter::new(planner).query(&statement, &convert::values(parameters)?)?;
        let question = planner.query(&query)?;
        let columns = match &question {
            Question::Query { columns, .. } => columns.clone(),
            _ => Vec::new(),
        };
        let Answered::Rows(rows) = self.put(question)? else { return Err(misanswered()) };
        let rows: VecDeque<Vec<types::Value>> =
            rows.iter().map(|row| row.iter().map(answer::value).collect()).collect();
        self.budget.answer(rows.len(), rows.iter().map(Weight::weight).sum())?;
        let pushed = self.handles.push(Cursor { columns, rows });
        pushed.map_err(|_| self.budget.too_many_handles().into())
    }

    fn attempt(
        &mut self,
        statement: types::SqlText,
        parameters: Vec<types::Value>,
    ) -> Result<Resource<PlannedStatement>, CallError> {
        if self.desk.is_none() {
            return Err(not_here());
        }
        let planner = self.planned_call(statement.weight() + parameters.weight())?;
        let statement = Converter::new(planner).statement(&statement, &convert::values(parameters)?)?;
        let question = planner.attempt(statement)?;
        match self.put(question)? {
            Answered::Done => self.hold_last(),
            Answered::Refused(refusal) => {
                self.planner.as_mut().ok_or_else(misanswered)?.take_back();
                Err(types::Error::Refused(answer::refusal(refusal)).into())
            }
            _ => Err(misanswered()),
        }
    }

    fn touched(&mut self, statement: Resource<PlannedStatement>) -> Result<u64, CallError> {
        let place = self.place(&statement)?;
        let question = self.planner.as_mut().ok_or_else(misanswered)?.touched(place)?;
        match self.put(question)? {
            Answered::Touched(count) => Ok(count),
            _ => Err(misanswered()),
        }
    }

    fn drawn(&mut self, statement: Resource<PlannedStatement>) -> Result<i64, CallError> {
        let place = self.place(&statement)?;
        let question = self.planner.as_mut().ok_or_else(misanswered)?.drawn(place)?;
        match self.put(question)? {
            Answered::Drawn(number) => Ok(number),
            _ => Err(misanswered()),
        }
    }
}

impl rows::HostCursor for State {
    fn columns(&mut self, cursor: Resource<Cursor>) -> Result<Vec<rows::AnswerColumn>, CallError> {
        self.planned_call(0)?;
        let columns: Vec<rows::AnswerColumn> =
            self.cursor(&cursor)?.columns.iter().map(answer::answer_column).collect();
        self.budget.carry(columns.iter().map(|column| column.name.len() + 16).sum())?;
        Ok(columns)
    }

    fn next(&mut self, cursor: Resource<Cursor>, max_rows: u32) -> Result<Vec<Vec<types::Value>>, CallError> {
        self.planned_call(0)?;
        if max_rows == 0 {
            return Err(types::Error::Invalid("a page of no rows was asked for".into()).into());
        }
        let limit = self.budget.limits().call_bytes;
        let rows = &mut self.cursor(&cursor)?.rows;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < usize::try_from(max_rows).unwrap_or(usize::MAX)
            && let Some(row) = rows.pop_front()
        {
            let weight = std::slice::from_ref(&row).weight();
            if !page.is_empty() && bytes + weight > limit {
                rows.push_front(row);
                break;
            }
            bytes += weight;
            page.push(row);
        }
        self.budget.carry(bytes)?;
        Ok(page)
    }

    fn drop(&mut self, cursor: Resource<Cursor>) -> wasmtime::Result<()> {
        self.budget.call(0)?;
        let deleted = self.handles.delete(cursor).map(drop);
        deleted.map_err(|_| StepError::Trap("it gave back a cursor that it does not hold".into()).into())
    }
}

fn not_here() -> CallError {
    StepError::Denied("rows cannot be asked for here".into()).into()
}

/// An answer to another question than was asked.
fn misanswered() -> CallError {
    StepError::Trap("the answer is none to the question".into()).into()
}
