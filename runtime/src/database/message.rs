//! Several statements in one message: what each of them answered, and at which one it ended.

use futures_util::StreamExt as _;

#[cfg(feature = "failpoints")]
use super::failpoint;
use super::session::{Done, Item, Session};
use super::watchdog::Watchdog;
use super::{Connection, DatabaseError, Transaction};
use crate::dialect::{self, Refusal, TextRow};

/// How much goes into one message; a longer statement has one of its own.
const MESSAGE_BYTES: usize = 256 << 10;
const MESSAGE_STATEMENTS: usize = 128;

/// What one statement answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it did.
    pub done: Done,
    /// The rows of a query, every value as text.
    pub rows: Vec<TextRow>,
}

/// Statements that did not all go through. Those before this one did, those behind it were not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Which of them it was, from 0; none: the BEGIN before them.
    pub at: Option<usize>,
    /// Why.
    pub error: DatabaseError,
}

impl From<Stopped> for DatabaseError {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

impl Connection {
    /// Sends statements, in as few messages as they fit into; what each of them answered.
    ///
    /// # Errors
    /// The first one that was refused; as [`Self::execute`].
    pub async fn send(&mut self, statements: &[&str]) -> Result<Vec<Answer>, Stopped> {
        let mut answers = Vec::with_capacity(statements.len());
        for message in messages(statements, self.longest_message()) {
            let result = match self.take() {
                Ok(mut session) => {
                    let result = self.converse(&mut session, message, &mut answers).await;
                    self.put_back(session, result)
                }
                Err(error) => Err(error),
            };
            result.map_err(|error| Stopped { at: Some(answers.len()), error })?;
        }
        Ok(answers)
    }

    /// Sends queries in one message; the rows of each, every value as text.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_all(&mut self, queries: &[&str]) -> Result<Vec<Vec<TextRow>>, DatabaseError> {
        let mut answers = Vec::with_capacity(queries.len());
        for message in messages(queries, MESSAGE_STATEMENTS) {
            let mut session = self.take()?;
            let sql = message.join("; ");
            let result = exchange(&self.watchdog, &mut session, &sql, message.len(), &mut answers).await;
            self.put_back(session, result)?;
        }
        Ok(answers.into_iter().map(|answer| answer.rows).collect())
    }

    /// As [`Self::begin`], with the first statements of the transaction in the same message. What they answered.
    ///
    /// # Errors
    /// As [`Self::send`]. Unless it was the BEGIN the transaction is to be rolled back.
    pub async fn begin_and_send(&mut self, statements: &[&str]) -> Result<Vec<Answer>, Stopped> {
        if self.transaction != Transaction::None {
            let error = DatabaseError::Transaction("a transaction is open already");
            return Err(Stopped { at: None, error });
        }
        self.transaction = Transaction::Open;
        let mut all = vec![self.beginning()];
        all.extend(statements);
        match self.send(&all).await {
            Ok(mut answers) => Ok(answers.split_off(1)),
            Err(Stopped { at, error }) => {
                let at = at.and_then(|at| at.checked_sub(1));
                if at.is_none() && !error.ends_the_session() {
                    self.transaction = Transaction::None;
                }
                Err(Stopped { at, error })
            }
        }
    }

    /// Sends statements inside the transaction that is open, which goes on where the database refuses them for their rows
    /// alone: they have no effect then, and the second answer is why.
    ///
    /// # Errors
    /// Every other refusal; as [`Self::execute`].
    pub async fn attempt(&mut self, statements: &[&str]) -> Result<Result<Vec<Answer>, Refusal>, DatabaseError> {
        let mut all = vec!["SAVEPOINT ptah_db_attempt"];
        all.extend(statements);
        all.push("RELEASE SAVEPOINT ptah_db_attempt");
        match self.send(&all).await {
            Ok(mut answers) => {
                answers.pop();
                Ok(Ok(answers.split_off(1)))
            }
            Err(Stopped { error, .. }) => match self.refusal(&error) {
                Some(refusal) => {
                    self.transaction = Transaction::Open;
                    self.send(&["ROLLBACK TO SAVEPOINT ptah_db_attempt", "RELEASE SAVEPOINT ptah_db_attempt"]).await?;
                    Ok(Err(refusal))
                }
                None => Err(error),
            },
        }
    }

    /// What an error inside the transaction is about, if it is about rows alone.
    fn refusal(&self, error: &DatabaseError) -> Option<Refusal> {
        match error {
            DatabaseError::Refused { code, .. } if self.in_transaction() => dialect::refusal(self.dialect, code),
            _ => None,
        }
    }

    async fn converse(
        &self,
        session: &mut Session,
        message: &[&str],
        answers: &mut Vec<Answer>,
    ) -> Option<Result<(), sqlx::Error>> {
        let sql = message.join("; ");
        #[cfg(feature = "failpoints")]
        if self.is_counted {
            return failpoint::around(message, exchange(&self.watchdog, session, &sql, message.len(), answers)).await;
        }
        exchange(&self.watchdog, session, &sql, message.len(), answers).await
    }

    #[cfg(not(feature = "failpoints"))]
    #[allow(clippy::unused_self)] // with that feature it looks
    fn longest_message(&self) -> usize {
        MESSAGE_STATEMENTS
    }

    /// A process can only be ended between two messages.
    #[cfg(feature = "failpoints")]
    fn longest_message(&self) -> usize {
        if self.is_counted && failpoint::is_set() { 1 } else { MESSAGE_STATEMENTS }
    }
}

/// Sends one message; every answer is waited for as that of a statement sent alone.
async fn exchange(
    watchdog: &Watchdog,
    session: &mut Session,
    sql: &str,
    statements: usize,
    answers: &mut Vec<Answer>,
) -> Option<Result<(), sqlx::Error>> {
    let mut items = session.send(sql);
    let (mut left, mut answer) = (statements, Answer::default());
    while let Some(item) = watchdog.over(items.next()).await? {
        match item {
            Ok(Item::Row(row)) => answer.rows.push(row),
            Ok(Item::Done(done)) => {
                answers.push(Answer { done, ..std::mem::take(&mut answer) });
                left = left.wrapping_sub(1);
            }
            Err(error) => return Some(Err(error)),
        }
    }
    let whole = if left == 0 { Ok(()) } else { Err(sqlx::Error::Protocol("statements without an answer".into())) };
    Some(whole)
}

/// The statements by message.
fn messages<'s>(statements: &'s [&'s str], longest: usize) -> impl Iterator<Item = &'s [&'s str]> {
    let mut rest = statements;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |sql: &&&str| {
            bytes += sql.len();
            bytes <= MESSAGE_BYTES
        };
        let count = rest.iter().take(longest).take_while(fits).count().max(1).min(rest.len());
        let (message, behind) = rest.split_at_checked(count).filter(|(message, _)| !message.is_empty())?;
        rest = behind;
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_all_statements_in_order_and_none_is_longer_than_it_must_be() {
        let long = "x".repeat(MESSAGE_BYTES / 2 + 1);
        let longer = "y".repeat(MESSAGE_BYTES + 1);
        let statements = ["a", "b", &long, &long, &longer, "c", "d", "e"];
        let made: Vec<&[&str]> = messages(&statements, 2).collect();
        assert_eq!(made.concat(), statements);
        assert_eq!(made.iter().map(|message| message.len()).collect::<Vec<_>>(), [2, 1, 1, 1, 2, 1]);
        assert_eq!(messages(&[], 2).count(), 0);
    }
}
