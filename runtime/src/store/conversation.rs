//! What was said with a guest that asks for rows, in the row of its step: what takes it to do again what it did, and every
//! answer that it was given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::database::Connection;
use crate::dialect::{bookkeeping, literal};
use crate::operation::Value;

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

/// What a question was answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Rows, each as long as the query has columns.
    Rows(Vec<Vec<Value>>),
    /// So many rows were touched.
    Touched(u64),
}

/// A [`Conversation`] without its answers, as it is written down.
#[derive(Serialize, Deserialize)]
struct Head {
    seed: u64,
    open: bool,
    touched: BTreeMap<usize, u64>,
}

impl Conversation {
    pub(super) fn head(&self) -> Value {
        let head = Head { seed: self.seed, open: self.open, touched: self.touched.clone() };
        words(&serde_json::to_string(&head).unwrap_or_default())
    }

    /// Reads the two columns.
    pub(super) fn read(head: &str, answers: &str) -> Result<Self, serde_json::Error> {
        let Head { seed, open, touched } = serde_json::from_str(head)?;
        let answers = answers.lines().map(serde_json::from_str).collect::<Result<Vec<Reply>, _>>()?;
        Ok(Self { seed, open, touched, answers })
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
