//! The step under way, written down in one row before its first statement where statements commit by themselves. The
//! row holds everything that another run needs to finish the step or to take it back, without its package. On success it
//! goes in the transaction of the step's record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::database::{Connection, DatabaseError};
use crate::dialect::{Dialect, StatementKind, TextRow, literal};
use crate::operation::Value;
use crate::schema::Table;

use super::StoreError;
use super::conversation::{Conversation, line};
use super::history::{self, HistoryEntry, Kind};
use super::layout::{JOURNAL, JOURNAL_LAYOUT, column, count, words};
use super::record::StepRecord;

/// A step that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// The package.
    pub package: String,
    /// Upgrade, downgrade or populate.
    pub kind: Kind,
    /// The revision, or the populate step.
    pub step: String,
    /// The plan's digest.
    pub plan_digest: String,
    /// All its statements.
    pub statements: Vec<FlightStatement>,
    /// The tables that it changes as they were before it; none where there was none.
    pub earlier: BTreeMap<String, Option<Table>>,
    /// From where the database numbers rows of the tables that it adds rows to, as it was before; of tables that it makes
    /// from 1.
    pub counters: BTreeMap<String, u64>,
    /// What is recorded when it is done, in order.
    pub records: Vec<StepRecord>,
    /// What was said with its guest, if that asked for rows.
    pub conversation: Option<Conversation>,
    /// How many of its statements are known to have been applied. Of those that commit by themselves more may have
    /// been: the tables show it.
    pub position: usize,
    /// What became of it.
    pub state: FlightState,
    /// Why it was refused.
    pub error: Option<String>,
    /// When the run started, RFC 3339 in UTC.
    pub started: String,
    /// Who ran it.
    pub holder: String,
}

impl InFlight {
    /// The statements that are known to have been applied.
    pub fn applied(&self) -> &[FlightStatement] {
        self.statements.get(..self.position).unwrap_or_default()
    }

    /// The statement that comes next.
    pub fn next(&self) -> Option<&FlightStatement> {
        self.statements.get(self.position)
    }

    /// Whether everything that was applied can be taken back.
    pub fn can_be_undone(&self) -> bool {
        self.applied().iter().all(|statement| statement.undo.is_some())
    }

    /// Whether its guest has not said everything: only with its package it goes on.
    pub fn is_open(&self) -> bool {
        self.conversation.as_ref().is_some_and(|conversation| conversation.open)
    }

    /// Whether it is open and nobody refused anything: a run is at it, or died.
    pub fn is_left_open(&self) -> bool {
        self.is_open() && self.state == FlightState::Running
    }

    /// Whether the next run brings it to its end by itself.
    pub fn needs_no_guest(&self) -> bool {
        match self.state {
            FlightState::Running => !self.is_open(),
            FlightState::Undoing => true,
            FlightState::Refused => false,
        }
    }

    /// Whether rows were changed.
    pub fn changed_rows(&self) -> bool {
        self.applied().iter().any(|statement| statement.kind == StatementKind::Data)
    }
}

/// A statement of an announced step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlightStatement {
    /// Its text.
    pub sql: String,
    /// What it changes.
    pub kind: StatementKind,
    /// Whether it commits by itself; the others share a transaction with those next to them and their mark of progress.
    pub alone: bool,
    /// The index that it makes or drops concurrently, which it may leave behind, not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<String>,
    /// The statements that lock the tables of the transaction that it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// What the tables that it changes look like after it.
    pub leaves: BTreeMap<String, Look>,
    /// What takes it back; none where nothing does.
    pub undo: Option<Undo>,
    /// The table whose rows the database may number when it is sent.
    pub numbers: Option<Numbered>,
}

/// A table whose rows the database numbers: a transaction that ends does not give its numbers back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its name.
    pub table: String,
    /// Its name before the step; none where the step makes it.
    pub earlier: Option<String>,
}

/// What takes a statement back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Undo {
    /// The statements; none where the table goes that it is about.
    pub statements: Vec<String>,
    /// What tables look like when it is taken back.
    pub leaves: BTreeMap<String, Look>,
}

/// What a table looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// It is not there.
    Absent,
    /// It is there.
    Present,
    /// It is there and its model has this digest.
    Digest(String),
}

/// What became of an announced step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlightState {
    /// It is running, or its runner died.
    Running,
    /// It is being taken back, or the runner that did so died.
    Undoing,
    /// The database refused a statement, and what was applied cannot be taken back.
    Refused,
}

impl FlightState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Refused => "refused",
        }
    }
}

/// Writes a step down before its first statement.
///
/// # Errors
/// What the database answers; [`StoreError::Changed`] if another step is written down.
pub async fn announce(connection: &mut Connection, step: &InFlight) -> Result<(), StoreError> {
    // There is one row at most.
    match connection.execute(&JOURNAL_LAYOUT.insert(connection.dialect(), &values(step))?).await {
        Ok(_) => Ok(()),
        Err(error @ DatabaseError::Refused { .. }) if !connection.in_transaction() => match read(connection).await? {
            Some(other) => Err(StoreError::Changed(format!("{}:{} is under way", other.package, other.step))),
            None => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Writes a step down in place of the one that is there: the same one, planned anew, or with more of it known. The answers
/// stay that it was given.
///
/// # Errors
/// What the database answers; [`StoreError::Changed`] if none is there.
pub async fn replace(connection: &mut Connection, step: &InFlight) -> Result<(), StoreError> {
    let names = JOURNAL_LAYOUT.columns.iter().map(|(name, _)| *name);
    let mut pairs: Vec<(&str, Value)> = names.zip(values(step)).collect();
    pairs.retain(|(name, _)| *name != "answers" || step.conversation.is_none());
    update(connection, &pairs).await
}

fn values(step: &InFlight) -> Vec<Value> {
    // Serialising plain data to memory has no failing case.
    vec![
        Value::Integer(1),
        words(&step.package),
        words(step.kind.as_str()),
        words(&step.step),
        words(&step.plan_digest),
        words(&serde_json::to_string(&step.statements).unwrap_or_default()),
        words(&serde_json::to_string(&step.earlier).unwrap_or_default()),
        words(&serde_json::to_string(&step.counters).unwrap_or_default()),
        words(&serde_json::to_string(&step.records).unwrap_or_default()),
        step.conversation.as_ref().map_or(Value::Null, Conversation::head),
        step.conversation
            .as_ref()
            .map_or(Value::Null, |said| words(&said.answers.iter().map(line).collect::<String>())),
        count(step.position as u64),
        words(step.state.as_str()),
        step.error.as_deref().map_or(Value::Null, words),
        words(&step.started),
        words(&step.holder.chars().take(255).collect::<String>()),
    ]
}

/// Notes that the first `position` statements are applied, and how many rows they touched where somebody may ask: in the
/// transaction of those that do not commit by themselves.
///
/// # Errors
/// What the database answers.
pub async fn advance(
    connection: &mut Connection,
    position: usize,
    conversation: Option<&Conversation>,
) -> Result<(), StoreError> {
    let mut values = vec![("position", count(position as u64))];
    values.extend(conversation.map(|said| ("conversation", said.head())));
    update(connection, &values).await
}

/// Notes what became of a step, how far it is, and why.
///
/// # Errors
/// What the database answers.
pub async fn note(
    connection: &mut Connection,
    state: FlightState,
    position: usize,
    error: Option<&str>,
) -> Result<(), StoreError> {
    let error = error.map_or(Value::Null, words);
    let values = [("state", words(state.as_str())), ("position", count(position as u64)), ("error", error)];
    update(connection, &values).await
}

/// Notes that a step cannot go on, together with its failure in the history.
///
/// # Errors
/// What the database answers.
pub async fn refuse(
    connection: &mut Connection,
    position: usize,
    error: &str,
    failure: &HistoryEntry,
) -> Result<(), StoreError> {
    connection.begin().await?;
    note(connection, FlightState::Refused, position, Some(error)).await?;
    history::append(connection, failure).await?;
    Ok(connection.commit().await?)
}

/// Takes a step that left nothing off, together with its failure in the history.
///
/// # Errors
/// What the database answers.
pub async fn give_up(connection: &mut Connection, failure: &HistoryEntry) -> Result<(), StoreError> {
    connection.begin().await?;
    clear(connection).await?;
    history::append(connection, failure).await?;
    Ok(connection.commit().await?)
}

/// Takes the step off: in the transaction of its record, or by the operator's word.
///
/// # Errors
/// What the database answers.
pub async fn clear(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute(&clearing(connection.dialect())).await?;
    Ok(())
}

pub(super) fn clearing(dialect: Dialect) -> String {
    format!("DELETE FROM {}", column(dialect, JOURNAL))
}

async fn update(connection: &mut Connection, values: &[(&str, Value)]) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let set: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{} = {}", column(dialect, name), literal(dialect, value, None)))
        .collect();
    self::set(connection, &set.join(", ")).await
}

pub(super) async fn set(connection: &mut Connection, set: &str) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let (table, id) = (column(dialect, JOURNAL), column(dialect, "id"));
    match connection.execute(&format!("UPDATE {table} SET {set} WHERE {id} = 1")).await? {
        1 => Ok(()),
        _ => Err(StoreError::Changed("the step under way was taken off the journal".to_owned())),
    }
}

/// What is under way.
async fn read(connection: &mut Connection) -> Result<Option<InFlight>, StoreError> {
    let query = query(connection.dialect());
    read_rows(connection.fetch(&query).await?)
}

/// Asks what is under way.
pub(super) fn query(dialect: Dialect) -> String {
    JOURNAL_LAYOUT.select(dialect, "")
}

/// Reads the answer.
pub(super) fn read_rows(rows: Vec<TextRow>) -> Result<Option<InFlight>, StoreError> {
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let damaged = || StoreError::Damaged(format!("the row of {JOURNAL} cannot be read"));
    let [
        _,
        Some(package),
        Some(kind),
        Some(step),
        Some(plan_digest),
        Some(statements),
        Some(earlier),
        Some(counters),
        Some(records),
        conversation,
        answers,
        Some(position),
        Some(state),
        error,
        Some(started),
        Some(holder),
    ] = row.as_slice()
    else {
        return Err(damaged());
    };
    let states = [FlightState::Running, FlightState::Undoing, FlightState::Refused];
    let flight = InFlight {
        package: package.clone(),
        kind: Kind::parse(kind).ok_or_else(damaged)?,
        step: step.clone(),
        plan_digest: plan_digest.clone(),
        statements: serde_json::from_str(statements).map_err(|_| damaged())?,
        earlier: serde_json::from_str(earlier).map_err(|_| damaged())?,
        counters: serde_json::from_str(counters).map_err(|_| damaged())?,
        records: serde_json::from_str(records).map_err(|_| damaged())?,
        conversation: match conversation {
            Some(head) => {
                Some(Conversation::read(head, answers.as_deref().unwrap_or_default()).map_err(|_| damaged())?)
            }
            None => None,
        },
        position: position.parse().map_err(|_| damaged())?,
        state: states.into_iter().find(|known| known.as_str() == state).ok_or_else(damaged)?,
        error: error.clone(),
        started: started.clone(),
        holder: holder.clone(),
    };
    if flight.position > flight.statements.len() || flight.records.is_empty() {
        return Err(damaged());
    }
    Ok(Some(flight))
}
