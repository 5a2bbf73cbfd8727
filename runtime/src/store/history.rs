//! The history: one row for everything done, each holding the hash of the one before, so that a row that was
//! altered, removed or put in between shows.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::database::{Connection, Identity};
use crate::dialect::{Dialect, TextRow, literal};
use crate::operation::Value;

use super::StoreError;
use super::layout::{HISTORY, HISTORY_LAYOUT, column, count, words};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A revision was applied.
    #[default]
    Upgrade,
    /// A revision was undone.
    Downgrade,
    /// A populate step ran.
    Populate,
    /// A revision was recorded without running anything.
    Stamp,
    /// Tables that were there became the package's own.
    Adopt,
    /// The account of an unfinished step was cleared by an operator.
    DiscardJournal,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Upgrade, Self::Downgrade, Self::Populate, Self::Stamp, Self::Adopt, Self::DiscardJournal];

    /// Its name in records and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Populate => "populate",
            Self::Stamp => "stamp",
            Self::Adopt => "adopt",
            Self::DiscardJournal => "discard-journal",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It took effect.
    #[default]
    Applied,
    /// It did not, or not wholly; the error says.
    Failed,
}

impl Outcome {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Applied, Self::Failed].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What a run says about something it did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The package.
    pub package: String,
    /// What was done.
    pub kind: Kind,
    /// The revision, or the populate step.
    pub step: String,
    /// The recorded heads before.
    pub heads_before: BTreeSet<String>,
    /// The recorded heads after.
    pub heads_after: BTreeSet<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, without SQL values.
    pub error: Option<String>,
    /// When the run started, RFC 3339 in UTC.
    pub started: String,
    /// How long the step took.
    pub duration_ms: u64,
    /// The component's SHA-256.
    pub component_digest: Option<String>,
    /// The plan's digest.
    pub plan_digest: Option<String>,
    /// The digest of the package's schema afterwards.
    pub schema_digest: Option<String>,
    /// Fuel that the guest used.
    pub fuel: Option<u64>,
    /// Operations of the plan.
    pub operations: u64,
    /// Rows that it inserted in bulk.
    pub rows: u64,
    /// Statements sent.
    pub statements: u64,
    /// The run's seed, if the step read it.
    pub seed: Option<u64>,
}

/// Who did something, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The user who ran it.
    pub actor: String,
    /// The machine it ran on.
    pub host: String,
    /// The runner's version.
    pub runner_version: String,
}

impl Author {
    /// This process.
    pub fn current() -> Self {
        let who = Identity::current();
        let cut = |text: String| text.chars().take(255).collect::<String>();
        Self { actor: cut(who.user), host: cut(who.host), runner_version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// One line for people: `3 2026-11-22T10:00:00Z crowd upgrade 001 applied`.
impl std::fmt::Display for HistoryRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let HistoryEntry { package, kind, step, outcome, started, error, .. } = &self.entry;
        write!(f, "{} {started} {package} {} {step} {}", self.id, kind.as_str(), outcome.as_str())?;
        write!(f, ", by {}@{}", self.actor, self.host)?;
        match error.as_deref().and_then(|error| error.lines().next()) {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// Its number, from 1 without gaps.
    pub id: i64,
    /// What the run said.
    #[serde(flatten)]
    pub entry: HistoryEntry,
    /// The user who ran it.
    pub actor: String,
    /// The machine it ran on.
    pub host: String,
    /// The runner's version.
    pub runner_version: String,
    /// The hash of the row before; of the first row the empty text.
    pub prev_hash: String,
    /// SHA-256 over everything else in this row.
    pub hash: String,
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history was altered: row {id} {reason}")]
pub struct ChainError {
    /// The row.
    pub id: i64,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The columns that the state follows from.
pub(super) const HISTORY_DIGESTED: [&str; 6] = ["package", "kind", "step", "outcome", "heads_before", "heads_after"];

/// The rows in order; of some packages only, unless none is named. `present` is the catalog's `bookkeeping`.
///
/// # Errors
/// What the database answers; rows that cannot be read.
pub async fn history(
    connection: &mut Connection,
    present: &BTreeSet<String>,
    packages: &[&str],
) -> Result<Vec<HistoryRow>, StoreError> {
    if !present.contains(HISTORY) {
        return Ok(Vec::new());
    }
    let dialect = connection.dialect();
    let some = match packages {
        [] => String::new(),
        _ => {
            let names: Vec<String> = packages.iter().map(|name| literal(dialect, &words(name), None)).collect();
            format!("WHERE {} IN ({}) ", column(dialect, "package"), names.join(", "))
        }
    };
    let query = HISTORY_LAYOUT.select(dialect, &format!("{some}ORDER BY {}", column(dialect, "id")));
    connection.fetch(&query).await?.iter().map(HistoryRow::read).collect()
}

/// Checks that the rows of all packages, in order, are as they were written. (That the newest ones were cut off does
/// not show.)
///
/// # Errors
/// The first row that is not.
pub fn verify_chain(rows: &[HistoryRow]) -> Result<(), ChainError> {
    let mut previous = "";
    for (row, id) in rows.iter().zip(1_i64..) {
        let reason = if row.id != id {
            "is missing or has another number"
        } else if row.prev_hash != previous {
            "does not follow the row before it"
        } else if row.hash != row.own_hash() {
            "does not have the hash that it was written with"
        } else {
            previous = &row.hash;
            continue;
        };
        return Err(ChainError { id, reason });
    }
    Ok(())
}

/// Records what did not take effect, in a transaction of its own. The tables must be there.
///
/// # Errors
/// What the database answers.
pub async fn record_failure(connection: &mut Connection, entry: &HistoryEntry) -> Result<i64, StoreError> {
    connection.begin().await?;
    match append(connection, entry).await {
        Ok(id) => {
            connection.commit().await?;
            Ok(id)
        }
        Err(error) => {
            connection.rollback().await?;
            Err(error)
        }
    }
}

/// The newest row, which the next one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    id: i64,
    hash: String,
}

impl Newest {
    /// Its number, 0 if there is none.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Reads the answer to [`newest_row`].
    ///
    /// # Errors
    /// A row that no version of this program writes.
    pub fn read(rows: &[TextRow]) -> Result<Self, StoreError> {
        match rows.first().map(Vec::as_slice) {
            Some([Some(id), Some(hash)]) => Ok(Self { id: id.parse().map_err(|_| damaged())?, hash: hash.clone() }),
            Some(_) => Err(damaged()),
            None => Ok(Self { id: 0, hash: String::new() }),
        }
    }
}

/// Asks for the newest row: under the target's lock and in the transaction that appends the next one.
pub fn newest_row(dialect: Dialect) -> String {
    let (table, id, hash) = (column(dialect, HISTORY), column(dialect, "id"), column(dialect, "hash"));
    format!("SELECT {id}, {hash} FROM {table} ORDER BY {id} DESC LIMIT 1")
}

/// A row in the making.
pub(super) struct Appended {
    pub(super) sql: String,
    /// It, once it is there.
    pub(super) newest: Newest,
}

/// The statement that appends a row, by this process if no author is named.
pub(super) fn appended(
    dialect: Dialect,
    newest: Newest,
    entry: &HistoryEntry,
    author: Option<&Author>,
) -> Result<Appended, StoreError> {
    let Author { actor, host, runner_version } = author.cloned().unwrap_or_else(Author::current);
    let (id, prev_hash) = (newest.id + 1, newest.hash);
    let mut row = HistoryRow { id, entry: entry.clone(), actor, host, runner_version, prev_hash, hash: String::new() };
    row.entry.error = row.entry.error.map(|error| error.replace('\0', ""));
    row.hash = row.own_hash();
    let mut values = row.values();
    values.push(Value::Text(row.hash.clone()));
    let sql = HISTORY_LAYOUT.insert(dialect, &values)?;
    Ok(Appended { sql, newest: Newest { id, hash: row.hash } })
}

/// Appends a row, by this process; its number. Call it under the target's lock.
pub(super) async fn append(connection: &mut Connection, entry: &HistoryEntry) -> Result<i64, StoreError> {
    let dialect = connection.dialect();
    let newest = Newest::read(&connection.fetch(&newest_row(dialect)).await?)?;
    let row = appended(dialect, newest, entry, None)?;
    connection.execute(&row.sql).await?;
    Ok(row.newest.id)
}

fn damaged() -> StoreError {
    StoreError::Damaged(format!("a row of {HISTORY} cannot be read"))
}

fn heads(heads: &BTreeSet<String>) -> Value {
    words(&heads.iter().map(String::as_str).collect::<Vec<_>>().join(","))
}

pub(super) fn heads_of(text: Option<&str>) -> BTreeSet<String> {
    text.unwrap_or_default().split(',').filter(|head| !head.is_empty()).map(str::to_owned).collect()
}

fn maybe(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| words(text))
}

impl HistoryRow {
    /// The values of all columns but the hash, in the order of the layout.
    fn values(&self) -> Vec<Value> {
        let entry = &self.entry;
        vec![
            Value::Integer(self.id),
            words(&entry.package),
            words(entry.kind.as_str()),
            words(&entry.step),
            heads(&entry.heads_before),
            heads(&entry.heads_after),
            words(entry.outcome.as_str()),
            maybe(entry.error.as_ref()),
            words(&self.actor),
            words(&self.host),
            words(&entry.started),
            count(entry.duration_ms),
            maybe(entry.component_digest.as_ref()),
            maybe(entry.plan_digest.as_ref()),
            maybe(entry.schema_digest.as_ref()),
            entry.fuel.map_or(Value::Null, count),
            count(entry.operations),
            count(entry.rows),
            count(entry.statements),
            // As text: it may be larger than a database's largest number.
            entry.seed.map_or(Value::Null, |seed| words(&seed.to_string())),
            words(&self.runner_version),
            words(&self.prev_hash),
        ]
    }

    /// SHA-256 over the columns' names and values, each value with its kind and length before it.
    fn own_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for ((name, _), value) in HISTORY_LAYOUT.columns.iter().zip(self.values()) {
            let (kind, text) = match value {
                Value::Text(text) => ("text", text),
                Value::Integer(number) => ("number", number.to_string()),
                _ => ("null", String::new()),
            };
            hasher.update(format!("{name} {kind} {} {text}\n", text.len()));
        }
        crate::hex(&hasher.finalize())
    }

    fn read(row: &TextRow) -> Result<Self, StoreError> {
        let at = |name: &str| -> Option<&String> {
            let position = HISTORY_LAYOUT.columns.iter().position(|(column, _)| *column == name)?;
            row.get(position)?.as_ref()
        };
        let text = |name: &str| at(name).cloned().ok_or_else(damaged);
        let number = |name: &str| at(name).and_then(|text| text.parse::<u64>().ok()).ok_or_else(damaged);
        let maybe_number = |name: &str| at(name).map(|text| text.parse::<u64>().map_err(|_| damaged())).transpose();
        Ok(Self {
            id: at("id").and_then(|text| text.parse().ok()).ok_or_else(damaged)?,
            entry: HistoryEntry {
                package: text("package")?,
                kind: Kind::parse(&text("kind")?).ok_or_else(damaged)?,
                step: text("step")?,
                heads_before: heads_of(at("heads_before").map(String::as_str)),
                heads_after: heads_of(at("heads_after").map(String::as_str)),
                outcome: Outcome::parse(&text("outcome")?).ok_or_else(damaged)?,
                error: at("error").cloned(),
                started: text("started")?,
                duration_ms: number("duration_ms")?,
                component_digest: at("component_digest").cloned(),
                plan_digest: at("plan_digest").cloned(),
                schema_digest: at("schema_digest").cloned(),
                fuel: maybe_number("fuel")?,
                operations: number("operations")?,
                rows: number("rows")?,
                statements: number("statements")?,
                seed: maybe_number("seed")?,
            },
            actor: text("actor")?,
            host: text("host")?,
            runner_version: text("runner_version")?,
            prev_hash: text("prev_hash")?,
            hash: text("hash")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<HistoryRow> {
        let mut rows: Vec<HistoryRow> = Vec::new();
        for id in 1..=length {
            let prev_hash = rows.last().map(|row| row.hash.clone()).unwrap_or_default();
            let entry = HistoryEntry { package: "crowd".into(), step: format!("{id:03}"), ..HistoryEntry::default() };
            let mut row = HistoryRow {
                id,
                entry,
                actor: "me".into(),
                host: "here".into(),
                runner_version: "0.1.0".into(),
                prev_hash,
                hash: String::new(),
            };
            row.hash = row.own_hash();
            rows.push(row);
        }
        rows
    }

    #[test]
    fn an_untouched_chain_holds() {
        assert_eq!(verify_chain(&chain(4)), Ok(()));
        assert_eq!(verify_chain(&[]), Ok(()));
    }

    #[test]
    fn a_row_that_was_altered_removed_or_swapped_shows() {
        let mut altered = chain(4);
        altered[1].entry.step = "666".into();
        assert_eq!(verify_chain(&altered).unwrap_err().id, 2);
        let mut rehashed = altered;
        rehashed[1].hash = rehashed[1].own_hash();
        assert_eq!(verify_chain(&rehashed).unwrap_err().id, 3);
        let mut removed = chain(4);
        removed.remove(2);
        assert_eq!(verify_chain(&removed).unwrap_err().id, 3);
        let mut swapped = chain(4);
        swapped.swap(1, 2);
        assert_eq!(verify_chain(&swapped).unwrap_err().id, 2);
    }

    #[test]
    fn a_value_cannot_move_from_one_column_to_the_next_unnoticed() {
        let rows = chain(1);
        let mut moved = rows[0].clone();
        moved.entry.error = Some(String::new());
        assert_ne!(rows[0].own_hash(), moved.own_hash());
    }
}
