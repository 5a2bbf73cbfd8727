//! What the tables say, read at once, and kept up to date by [`State::apply`] while steps are recorded.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::Connection;
use crate::dialect::TextRow;
use crate::revision::Dependency;

use super::StoreError;
use super::history::{HISTORY_DIGESTED, HistoryEntry, Kind, Outcome, heads_of};
use super::journal::{self, InFlight};
use super::layout::{
    self, ForeignVersionTable, HISTORY, JOURNAL, LAYOUT, OBJECTS, OBJECTS_LAYOUT, VERSIONS, VERSIONS_LAYOUT,
};
use super::record::{OwnerChange, StepRecord};

/// What is recorded on a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The recorded heads of each package that has any.
    pub versions: BTreeMap<String, BTreeSet<String>>,
    /// Who owns each table.
    pub tables: BTreeMap<String, Owner>,
    /// Who owns each enumeration that is a type of its own.
    pub enums: BTreeMap<String, Owner>,
    /// What applied steps rely on.
    pub dependencies: Vec<Requirement>,
    /// A step that was announced and not finished.
    pub journal: Option<InFlight>,
    /// The revisions of each package that its history says are applied, and its recorded heads.
    pub applied: BTreeMap<String, BTreeSet<String>>,
    /// The populate steps of each package that ran since it was last at base.
    pub populated: BTreeMap<String, BTreeSet<String>>,
    /// Which of the tables are there.
    pub(super) present: BTreeSet<String>,
    /// Whether the version of their layout is recorded.
    pub(super) has_layout: bool,
    pub(super) foreign_versions: Option<ForeignVersionTable>,
}

/// Who owns a table or an enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The package.
    pub package: String,
    /// The history row of the step that created or adopted it.
    pub history_id: i64,
}

/// An applied step that relies on a revision of another package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The package that relies on it.
    pub package: String,
    /// Its revision or populate step.
    pub step: String,
    /// What it relies on.
    pub on: Dependency,
}

/// Reads everything. `present` is the catalog's `bookkeeping`: absent tables are as good as empty ones. Reads as of
/// one moment, inside a transaction as that sees it.
///
/// # Errors
/// What the database answers; a layout of a later version; rows that no version of this program writes.
pub async fn load(connection: &mut Connection, present: &BTreeSet<String>) -> Result<State, StoreError> {
    let own_transaction = !connection.in_transaction();
    if own_transaction {
        connection.begin_to_look().await?;
    }
    let state = read(connection, present).await;
    if own_transaction {
        connection.rollback().await?;
    }
    state
}

async fn read(connection: &mut Connection, present: &BTreeSet<String>) -> Result<State, StoreError> {
    let dialect = connection.dialect();
    let mut state = State { present: present.clone(), ..State::default() };
    // First of all: these say how the other tables are laid out.
    let queries = [(OBJECTS, OBJECTS_LAYOUT.select(dialect, "")), (VERSIONS, ForeignVersionTable::query(dialect))];
    let [objects, columns] = ask(connection, present, queries).await?;
    for row in objects.unwrap_or_default() {
        state.read_object(&row)?;
    }
    state.dependencies.sort();
    if let Some(columns) = columns {
        state.foreign_versions = ForeignVersionTable::read(columns)?;
    }
    let queries = [
        (HISTORY, history_digest(connection)),
        (VERSIONS, VERSIONS_LAYOUT.select(dialect, "")),
        (JOURNAL, journal::query(dialect)),
    ];
    let [history, versions, journal] = ask(connection, present, queries).await?;
    for row in history.unwrap_or_default() {
        let entry = digest_entry(&row)?;
        state.follow(&entry);
    }
    for row in versions.unwrap_or_default() {
        // A row without a version, as another program may leave for base, records nothing.
        if let [Some(package), Some(version)] = row.as_slice()
            && !version.is_empty()
        {
            state.versions.entry(package.clone()).or_default().insert(version.clone());
            state.applied.entry(package.clone()).or_default().insert(version.clone());
        }
    }
    state.journal = journal::read_rows(journal.unwrap_or_default())?;
    Ok(state)
}

/// Sends the queries of the tables that are there, in one message; the rows of each.
async fn ask<const N: usize>(
    connection: &mut Connection,
    present: &BTreeSet<String>,
    queries: [(&str, String); N],
) -> Result<[Option<Vec<TextRow>>; N], StoreError> {
    let is_there = queries.each_ref().map(|(table, _)| present.contains(*table));
    let asked = queries.iter().zip(is_there).filter(|(_, there)| *there).map(|((_, query), _)| query.as_str());
    let asked: Vec<&str> = asked.collect();
    let mut answers = connection.fetch_all(&asked).await?.into_iter();
    Ok(is_there.map(|there| if there { answers.next() } else { None }))
}

/// Only the columns that the state follows from: a history may be long.
fn history_digest(connection: &Connection) -> String {
    let dialect = connection.dialect();
    let names: Vec<String> = HISTORY_DIGESTED.iter().map(|name| layout::column(dialect, name)).collect();
    let (table, id) = (layout::column(dialect, HISTORY), layout::column(dialect, "id"));
    format!("SELECT {} FROM {table} ORDER BY {id}", names.join(", "))
}

fn digest_entry(row: &TextRow) -> Result<HistoryEntry, StoreError> {
    let damaged = || StoreError::Damaged(format!("a row of {HISTORY} cannot be read"));
    let [Some(package), Some(kind), Some(step), Some(outcome), heads_before, heads_after] = row.as_slice() else {
        return Err(damaged());
    };
    Ok(HistoryEntry {
        package: package.clone(),
        kind: Kind::parse(kind).ok_or_else(damaged)?,
        step: step.clone(),
        outcome: Outcome::parse(outcome).ok_or_else(damaged)?,
        heads_before: heads_of(heads_before.as_deref()),
        heads_after: heads_of(heads_after.as_deref()),
        ..HistoryEntry::default()
    })
}

impl State {
    /// Whether nothing was ever recorded here.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
            && self.tables.is_empty()
            && self.enums.is_empty()
            && self.journal.is_none()
            && self.applied.is_empty()
    }

    /// The tables that a package owns.
    pub fn tables_of<'a>(&'a self, package: &'a str) -> impl Iterator<Item = &'a str> {
        self.tables.iter().filter(move |(_, owner)| owner.package == package).map(|(table, _)| table.as_str())
    }

    /// Follows a record that was committed, so that the next step needs no reload. `history_id` is what
    /// [`super::record`] returned.
    pub fn apply(&mut self, record: &StepRecord, history_id: i64) {
        self.mark_tables_present(record);
        let package = &record.entry.package;
        let heads = self.versions.entry(package.clone()).or_default();
        heads.retain(|head| !record.versions.remove.contains(head));
        heads.extend(record.versions.add.iter().cloned());
        if heads.is_empty() {
            self.versions.remove(package);
        }
        for change in &record.tables {
            match change {
                OwnerChange::Owned(table) => {
                    self.tables.insert(table.clone(), Owner { package: package.clone(), history_id });
                }
                OwnerChange::Dropped(table) => {
                    self.tables.remove(table);
                }
                OwnerChange::EnumOwned(name) => {
                    self.enums.insert(name.clone(), Owner { package: package.clone(), history_id });
                }
                OwnerChange::EnumDropped(name) => {
                    self.enums.remove(name);
                }
                OwnerChange::Renamed { from, to } => {
                    if let Some(owner) = self.tables.remove(from) {
                        self.tables.insert(to.clone(), owner);
                    }
                }
            }
        }
        self.dependencies.retain(|held| held.package != *package || !record.releases.contains(&held.step));
        for on in &record.relies_on {
            let step = record.entry.step.clone();
            self.dependencies.push(Requirement { package: package.clone(), step, on: on.clone() });
        }
        self.dependencies.sort();
        self.dependencies.dedup();
        self.follow(&record.entry);
        if let Some(heads) = self.versions.get(package) {
            self.applied.entry(package.clone()).or_default().extend(heads.iter().cloned());
        }
    }

    fn mark_tables_present(&mut self, record: &StepRecord) {
        self.present.extend([VERSIONS, HISTORY, OBJECTS, JOURNAL].map(str::to_owned));
        self.has_layout = true;
        let package = &record.entry.package;
        let before = self.versions.get(package).map_or(0, BTreeSet::len);
        let heads = (before + record.versions.add.len()).saturating_sub(record.versions.remove.len());
        // It was widened for this.
        self.foreign_versions.take_if(|table| table.is_too_narrow(package, heads, &record.versions.add));
    }

    /// What one row of history means for what is applied.
    fn follow(&mut self, entry: &HistoryEntry) {
        if entry.outcome != Outcome::Applied {
            return;
        }
        let applied = self.applied.entry(entry.package.clone()).or_default();
        // Heads that another program had recorded are in no row of their own.
        applied.extend(entry.heads_before.iter().cloned());
        match entry.kind {
            Kind::Upgrade => {
                applied.insert(entry.step.clone());
            }
            Kind::Downgrade => {
                applied.remove(&entry.step);
            }
            Kind::Populate => {
                self.populated.entry(entry.package.clone()).or_default().insert(entry.step.clone());
            }
            // Every revision that is stamped has a row.
            Kind::Stamp => {
                applied.insert(entry.step.clone());
            }
            Kind::Adopt | Kind::DiscardJournal => {}
        }
        applied.extend(entry.heads_after.iter().cloned());
        if entry.kind == Kind::Downgrade && entry.heads_after.is_empty() {
            self.applied.remove(&entry.package);
            self.populated.remove(&entry.package);
        } else if applied.is_empty() {
            self.applied.remove(&entry.package);
        }
    }

    fn read_object(&mut self, row: &TextRow) -> Result<(), StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("a row of {OBJECTS} {what}"));
        let Some(row) = row.iter().cloned().collect::<Option<Vec<String>>>() else {
            return Err(damaged("holds a null"));
        };
        let [kind, name, package, step, on_package, on_revision, number] = row.as_slice() else {
            return Err(damaged("lacks a column"));
        };
        let number: i64 = number.parse().map_err(|_| damaged("has no number"))?;
        match kind.as_str() {
            "layout" => {
                let found = u32::try_from(number).unwrap_or(u32::MAX);
                if found > LAYOUT {
                    return Err(StoreError::NewerLayout { found, known: LAYOUT });
                }
                self.has_layout = true;
            }
            "table" => {
                self.tables.insert(name.clone(), Owner { package: package.clone(), history_id: number });
            }
            "enum" => {
                self.enums.insert(name.clone(), Owner { package: package.clone(), history_id: number });
            }
            "dependency" => self.dependencies.push(Requirement {
                package: package.clone(),
                step: step.clone(),
                on: Dependency { package: on_package.clone(), revision: on_revision.clone() },
            }),
            other => return Err(damaged(&format!("has the unknown kind {other:?}"))),
        }
        Ok(())
    }
}
