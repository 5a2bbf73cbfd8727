//! The step under way, written down before it is applied where schema changes do not roll back: after a crash it
//! says what was in flight and how far it got. On success it goes with the step's record.

use crate::database::Connection;
use crate::dialect::literal;
use crate::operation::Value;

use super::StoreError;
use super::history::Kind;
use super::layout::{JOURNAL, JOURNAL_LAYOUT, column, count, words};

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
    pub statements: Vec<String>,
    /// How many of them are known to have been applied.
    pub position: usize,
    /// Whether it ran until it was cut off, or was refused.
    pub state: FlightState,
    /// Why it was refused.
    pub error: Option<String>,
    /// When the run started, RFC 3339 in UTC.
    pub started: String,
    /// Who ran it.
    pub holder: String,
}

impl InFlight {
    /// The statement that was sent, or would have been next: whether it took effect is not known.
    pub fn current(&self) -> Option<&str> {
        self.statements.get(self.position).map(String::as_str)
    }
}

/// What became of an announced step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlightState {
    /// It is running, or its runner died.
    Running,
    /// The database refused a statement.
    Refused,
}

impl FlightState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Refused => "refused",
        }
    }
}

/// Writes a step down before its first statement.
///
/// # Errors
/// What the database answers; [`StoreError::Changed`] if another step is written down.
pub async fn announce(connection: &mut Connection, step: &InFlight) -> Result<(), StoreError> {
    if let Some(other) = read(connection).await? {
        return Err(StoreError::Changed(format!("{}:{} is under way", other.package, other.step)));
    }
    let statements = serde_json::to_string(&step.statements).unwrap_or_default();
    let values = [
        Value::Integer(1),
        words(&step.package),
        words(step.kind.as_str()),
        words(&step.step),
        words(&step.plan_digest),
        words(&statements),
        count(step.position as u64),
        words(step.state.as_str()),
        step.error.as_deref().map_or(Value::Null, words),
        words(&step.started),
        words(&step.holder.chars().take(255).collect::<String>()),
    ];
    connection.execute(&JOURNAL_LAYOUT.insert(connection.dialect(), &values)?).await?;
    Ok(())
}

/// Notes that the first `position` statements are applied: in the transaction of a statement that changes rows, right
/// after one that changes the schema.
///
/// # Errors
/// What the database answers.
pub async fn advance(connection: &mut Connection, position: usize) -> Result<(), StoreError> {
    let value = count(position as u64);
    update(connection, &[("position", value)]).await
}

/// Notes that the database refused the statement after the applied ones.
///
/// # Errors
/// What the database answers.
pub async fn refuse(connection: &mut Connection, error: &str) -> Result<(), StoreError> {
    update(connection, &[("state", words(FlightState::Refused.as_str())), ("error", words(error))]).await
}

/// Takes the step off: in the transaction of its record, or by the operator's word.
///
/// # Errors
/// What the database answers.
pub async fn clear(connection: &mut Connection) -> Result<(), StoreError> {
    let table = column(connection.dialect(), JOURNAL);
    connection.execute(&format!("DELETE FROM {table}")).await?;
    Ok(())
}

async fn update(connection: &mut Connection, values: &[(&str, Value)]) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let set: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{} = {}", column(dialect, name), literal(dialect, value, None)))
        .collect();
    let (table, id) = (column(dialect, JOURNAL), column(dialect, "id"));
    match connection.execute(&format!("UPDATE {table} SET {} WHERE {id} = 1", set.join(", "))).await? {
        1 => Ok(()),
        _ => Err(StoreError::Changed("the step under way was taken off the journal".to_owned())),
    }
}

/// What is under way.
pub(super) async fn read(connection: &mut Connection) -> Result<Option<InFlight>, StoreError> {
    let query = JOURNAL_LAYOUT.select(connection.dialect(), "");
    let Some(row) = connection.fetch(&query).await?.into_iter().next() else {
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
        Some(position),
        Some(state),
        error,
        Some(started),
        Some(holder),
    ] = row.as_slice()
    else {
        return Err(damaged());
    };
    let states = [FlightState::Running, FlightState::Refused];
    Ok(Some(InFlight {
        package: package.clone(),
        kind: Kind::parse(kind).ok_or_else(damaged)?,
        step: step.clone(),
        plan_digest: plan_digest.clone(),
        statements: serde_json::from_str(statements).map_err(|_| damaged())?,
        position: position.parse().map_err(|_| damaged())?,
        state: states.into_iter().find(|known| known.as_str() == state).ok_or_else(damaged)?,
        error: error.clone(),
        started: started.clone(),
        holder: holder.clone(),
    }))
}
