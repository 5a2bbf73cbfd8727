//! The books of a target as the tests write and read them.

use super::*;

/// Text that a careless quoting breaks.
pub(super) const ODD: &str = "it's \"odd\" \\ `tick` -- ; /* ü 🐦 */ %s ? :x $1\n\ttwo\\'";

pub(super) async fn connect(target: &TestTarget) -> Connection {
    target.target().connect_to_change().await.unwrap()
}

/// As a run that begins: which tables are there, and what they say.
pub(super) async fn load(target: &TestTarget) -> State {
    try_load(target).await.unwrap()
}

pub(super) async fn try_load(target: &TestTarget) -> Result<State, StoreError> {
    match target.target().connect_to_look().await.unwrap() {
        Some(mut connection) => {
            let catalog = connection.catalog().await?;
            store::load(&mut connection, &catalog.bookkeeping).await
        }
        None => Ok(State::default()),
    }
}

pub(super) async fn bookkeeping(connection: &mut Connection) -> BTreeSet<String> {
    let catalog = connection.catalog().await.unwrap();
    assert!(!catalog.tables.keys().any(|table| table.starts_with("ptah_db_")), "they are nobody's tables");
    catalog.bookkeeping
}

/// Records a step as a run does: tables first where they commit, else within.
pub(super) async fn record(connection: &mut Connection, state: &State, step: &StepRecord) -> Result<i64, StoreError> {
    let package = &step.entry.package;
    let within = connection.dialect().has_transactional_ddl();
    if !within {
        store::ensure_tables(connection, state, package, &step.versions).await?;
    }
    connection.begin().await?;
    let recorded = async {
        if within {
            store::ensure_tables(connection, state, package, &step.versions).await?;
        }
        store::record(connection, step).await.map(|newest| newest.id())
    }
    .await;
    match recorded {
        Ok(id) => connection.commit().await.map(|()| id).map_err(Into::into),
        Err(error) => {
            connection.rollback().await?;
            Err(error)
        }
    }
}

pub(super) fn heads(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// A step from some heads to others.
pub(super) fn step(package: &str, kind: Kind, name: &str, from: &[&str], to: &[&str]) -> StepRecord {
    let (from, to) = (heads(from), heads(to));
    StepRecord {
        entry: HistoryEntry {
            package: package.to_owned(),
            kind,
            step: name.to_owned(),
            heads_before: from.clone(),
            heads_after: to.clone(),
            started: "2026-01-02T03:04:05.000006Z".to_owned(),
            ..HistoryEntry::default()
        },
        versions: VersionChange {
            remove: from.difference(&to).cloned().collect(),
            add: to.difference(&from).cloned().collect(),
        },
        ..StepRecord::default()
    }
}

pub(super) fn upgrade(package: &str, from: &[&str], to: &str) -> StepRecord {
    step(package, Kind::Upgrade, to, from, &[to])
}

pub(super) fn owned(mut step: StepRecord, tables: &[&str]) -> StepRecord {
    step.tables = tables.iter().map(|table| OwnerChange::Owned((*table).to_owned())).collect();
    step
}

pub(super) async fn version_rows(target: &TestTarget) -> Vec<(String, String)> {
    let rows = target.fetch("SELECT package, version_num FROM ptah_db_versions ORDER BY package, version_num").await;
    rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap())).collect()
}

pub(super) fn rows(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(package, version)| ((*package).to_owned(), (*version).to_owned())).collect()
}

pub(super) fn versions(of: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    of.iter().map(|(package, ids)| ((*package).to_owned(), heads(ids))).collect()
}
