//! Recording one applied step: its version rows, the tables it owns, what it relies on and its history row, all in
//! the transaction that the caller opened.

use serde::{Deserialize, Serialize};

use crate::database::Connection;
use crate::dialect::{Dialect, literal};
use crate::operation::Value;
use crate::revision::Dependency;

use super::StoreError;
use super::history::{Author, HistoryEntry, append};
use super::layout::{OBJECTS, OBJECTS_LAYOUT, VERSIONS, VERSIONS_LAYOUT, column, equals, words};

/// Everything to record about one applied step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it did, in full.
    pub entry: HistoryEntry,
    /// What it makes of the package's version rows.
    pub versions: VersionChange,
    /// What it makes of who owns which table, in order.
    pub tables: Vec<TableChange>,
    /// What the step relies on from now on.
    pub relies_on: Vec<Dependency>,
    /// Steps of the package that rely on nothing any more: the one that was downgraded; at base all.
    pub releases: Vec<String>,
    /// Who did it, if not this process.
    pub author: Option<Author>,
}

/// A change of a package's version rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VersionChange {
    /// The heads that cease to be.
    pub remove: Vec<String>,
    /// The new heads.
    pub add: Vec<String>,
}

/// A change of who owns a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableChange {
    /// The package created or adopted it.
    Owned(String),
    /// It is gone.
    Dropped(String),
    /// It has another name; its owner and origin stay.
    Renamed {
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
}

/// Records a step in the caller's transaction; the number of its history row. The tables must be there (see
/// [`super::ensure_tables`]). Every statement names the package: no other package's rows are touched.
///
/// # Errors
/// What the database answers; [`StoreError::Changed`] if the version rows are not the expected ones.
pub async fn record(connection: &mut Connection, step: &StepRecord) -> Result<i64, StoreError> {
    let history_id = append(connection, &step.entry, step.author.as_ref()).await?;
    change_versions(connection, &step.entry.package, &step.versions).await?;
    for change in &step.tables {
        change_table(connection, &step.entry.package, history_id, change).await?;
    }
    for released in &step.releases {
        delete_object(connection, "dependency", &step.entry.package, ("step", released)).await?;
    }
    for on in &step.relies_on {
        let package = &step.entry.package;
        let name = dependency_name(package, &step.entry.step, on);
        delete_object(connection, "dependency", package, ("name", &name)).await?;
        let values = dependency_values(package, &step.entry.step, on, history_id);
        connection.execute(&OBJECTS_LAYOUT.insert(connection.dialect(), &values)?).await?;
    }
    Ok(history_id)
}

fn dependency_name(package: &str, step: &str, on: &Dependency) -> String {
    format!("{package}:{step} -> {}:{}", on.package, on.revision)
}

/// The row that says what a step relies on.
pub(super) fn dependency_values(package: &str, step: &str, on: &Dependency, history_id: i64) -> [Value; 7] {
    [
        words("dependency"),
        words(&dependency_name(package, step, on)),
        words(package),
        words(step),
        words(&on.package),
        words(&on.revision),
        Value::Integer(history_id),
    ]
}

async fn change_versions(connection: &mut Connection, package: &str, change: &VersionChange) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let (table, version) = (column(dialect, VERSIONS), column(dialect, "version_num"));
    let of_package = equals(dialect, "package", package);
    for head in &change.remove {
        let this = equals(dialect, "version_num", head);
        if connection.execute(&format!("DELETE FROM {table} WHERE {of_package} AND {this}")).await? != 1 {
            return Err(StoreError::Changed(format!("{package} is no longer recorded at {head}")));
        }
    }
    if !change.add.is_empty() {
        // What another program may have left for base, where the package alone is the key.
        connection
            .execute(&format!("DELETE FROM {table} WHERE {of_package} AND ({version} IS NULL OR {version} = '')"))
            .await?;
    }
    for head in &change.add {
        connection.execute(&VERSIONS_LAYOUT.insert(dialect, &[words(package), words(head)])?).await?;
    }
    Ok(())
}

async fn change_table(
    connection: &mut Connection,
    package: &str,
    history_id: i64,
    change: &TableChange,
) -> Result<(), StoreError> {
    let mut touched = 0;
    for statement in table_statements(connection.dialect(), package, history_id, change)? {
        touched = connection.execute(&statement).await?;
    }
    match (change, touched) {
        (_, 1) => Ok(()),
        (TableChange::Owned(name) | TableChange::Dropped(name) | TableChange::Renamed { from: name, .. }, _) => {
            Err(StoreError::Changed(format!("table {name} is no longer recorded as {package}'s")))
        }
    }
}

/// The statements that record who owns a table; the last of them touches one row.
pub(super) fn table_statements(
    dialect: Dialect,
    package: &str,
    history_id: i64,
    change: &TableChange,
) -> Result<Vec<String>, StoreError> {
    let objects = column(dialect, OBJECTS);
    let this = |name: &str| {
        let conditions = [("kind", "table"), ("name", name), ("package", package)];
        conditions.map(|(of, text)| equals(dialect, of, text)).join(" AND ")
    };
    // A table of that name that somebody dropped behind the runner's back may still be recorded.
    let forget = |name: &str| format!("DELETE FROM {objects} WHERE {}", this(name));
    Ok(match change {
        TableChange::Owned(name) => {
            let empty = || words("");
            let history_id = Value::Integer(history_id);
            let values = [words("table"), words(name), words(package), empty(), empty(), empty(), history_id];
            vec![forget(name), OBJECTS_LAYOUT.insert(dialect, &values)?]
        }
        TableChange::Dropped(name) => vec![forget(name)],
        TableChange::Renamed { from, to } => {
            let to_value = literal(dialect, &words(to), None);
            let name = column(dialect, "name");
            vec![forget(to), format!("UPDATE {objects} SET {name} = {to_value} WHERE {}", this(from))]
        }
    })
}

/// Deletes a package's objects of a kind, where a column has the given text.
async fn delete_object(
    connection: &mut Connection,
    kind: &str,
    package: &str,
    only: (&str, &str),
) -> Result<u64, StoreError> {
    let dialect = connection.dialect();
    let conditions =
        [equals(dialect, "kind", kind), equals(dialect, "package", package), equals(dialect, only.0, only.1)];
    let table = column(dialect, OBJECTS);
    Ok(connection.execute(&format!("DELETE FROM {table} WHERE {}", conditions.join(" AND "))).await?)
}
