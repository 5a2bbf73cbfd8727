//! What was said with a guest that asks for rows, in the row of its step: what takes it to do again what it did, and every
//! answer that it was given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::database::Connection;
use crate::dialect::{Refusal, bookkeeping, literal};
use crate::operation::Value;
use crate::plan::Plan;

use super::StoreError;
use super::journal;
use super::layout::{JOURNAL, column, words};

/// What was said with a guest that asks for rows. With the same clock, seed and answers it does again what it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// The seed of its run; the clock is [`super::InFlight::started`].
    pub seed: u64,
    /// Whether more statements may follow.
    pub open: bool,
    /// How many rows the statements touched that are applied, by their place; of those that touch rows.
    pub touched: BTreeMap<usize, u64>,
    /// The numbers that the database drew for rows that they inserted, the last one of each, by their place.
    pub drawn: BTreeMap<usize, i64>,
    /// What it was answered, in order.
    pub answers: Vec<Reply>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How many statements of the step came before it.
    pub after: usize,
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: Answered,
}

impl Reply {
    /// Whether it came when this was planned. A statement that is attempted is planned before it is refused.
    pub fn is_after(&self, plan: &Plan) -> bool {
        let refused = match (&self.answer, plan.operations.last()) {
            (Answered::Refused(_), Some(last)) => last.statements.len(),
            _ => 0,
        };
        plan.statements().count() == self.after + refused
    }
}

/// What a question was answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Rows, each as long as the query has columns.
    Rows(Vec<Vec<Value>>),
    /// So many rows were touched.
    Touched(u64),
    /// The number that was drawn.
    Drawn(i64),
    /// The statement was done.
    Done,
    /// The statement was refused for its rows.
    Refused(Refusal),
}

/// A [`Conversation`] without its answers, as it is written down.
#[derive(Serialize, Deserialize)]
struct Head {
    seed: u64,
    open: bool,
    touched: BTreeMap<usize, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    drawn: BTreeMap<usize, i64>,
}

impl Conversation {
    pub(super) fn head(&self) -> Value {
        let (touched, drawn) = (self.touched.clone(), self.drawn.clone());
        let head = Head { seed: self.seed, open: self.open, touched, drawn };
        words(&serde_json::to_string(&head).unwrap_or_default())
    }

    /// Reads the two columns.
    pub(super) fn read(head: &str, answers: &str) -> Result<Self, serde_json::Error> {
        let Head { seed, open, touched, drawn } = serde_json::from_str(head)?;
        let answers = answers.lines().map(serde_json::from_str).collect::<Result<Vec<Reply>, _>>()?;
        Ok(Self { seed, open, touched, drawn, answers })
    }
}

/// One line, as JSON has no line feed in it.
pub(super) fn line(reply: &Reply) -> String {
    serde_json::to_string(reply).unwrap_or_default() + "\n"
}

/// What a statement takes besides an answer.
const BESIDES: i64 = 64 << 10;

/// Writes an answer down, before the guest is told.
///
/// # Errors
/// What the database answers; [`StoreError::AnswerTooLong`].
pub async fn answer(connection: &mut Connection, reply: &Reply) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let line = literal(dialect, &words(&line(reply)), None);
    let answers = column(dialect, "answers");
    if let Some(question) = bookkeeping::room_for_text(dialect, JOURNAL, &answers) {
        // A longer one would end the session, and would do so again.
        let room = connection.fetch(&question).await?.into_iter().flatten().next().flatten();
        let room = room.and_then(|room| room.parse::<i64>().ok()).unwrap_or(i64::MAX).saturating_sub(BESIDES);
        if i64::try_from(line.len()).unwrap_or(i64::MAX) > room {
            return Err(StoreError::AnswerTooLong { bytes: line.len(), room: room.max(0) });
        }
    }
    let joined = bookkeeping::joined(dialect, &answers, &line);
    journal::set(connection, &format!("{answers} = {joined}")).await
}
