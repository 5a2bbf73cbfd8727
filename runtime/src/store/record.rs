//! Recording one applied step: its version rows, the tables it owns, what it relies on and its history row, all in
//! the transaction that the caller opened.

use crate::database::Connection;
use crate::dialect::literal;
use crate::operation::Value;
use crate::revision::Dependency;

use super::StoreError;
use super::history::{HistoryEntry, append};
use super::layout::{OBJECTS, OBJECTS_LAYOUT, VERSIONS, VERSIONS_LAYOUT, column, equals, words};

/// Everything to record about one applied step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
}

/// A change of a package's version rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionChange {
    /// The heads that cease to be.
    pub remove: Vec<String>,
    /// The new heads.
    pub add: Vec<String>,
}

/// A change of who owns a table.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    let history_id = append(connection, &step.entry).await?;
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
    match change {
        TableChange::Owned(name) => {
            // A table that somebody dropped behind the runner's back and that is made again.
            delete_object(connection, "table", package, ("name", name)).await?;
            let values = [
                words("table"),
                words(name),
                words(package),
                words(""),
                words(""),
                words(""),
                Value::Integer(history_id),
            ];
            connection.execute(&OBJECTS_LAYOUT.insert(connection.dialect(), &values)?).await?;
        }
        TableChange::Dropped(name) => {
            if delete_object(connection, "table", package, ("name", name)).await? != 1 {
                return Err(StoreError::Changed(format!("table {name} is no longer recorded as {package}'s")));
            }
        }
        TableChange::Renamed { from, to } => {
            let dialect = connection.dialect();
            let statement = format!(
                "UPDATE {} SET {} = {} WHERE {} AND {} AND {}",
                column(dialect, OBJECTS),
                column(dialect, "name"),
                literal(dialect, &words(to), None),
                equals(dialect, "kind", "table"),
                equals(dialect, "name", from),
                equals(dialect, "package", package),
            );
            if connection.execute(&statement).await? != 1 {
                return Err(StoreError::Changed(format!("table {from} is no longer recorded as {package}'s")));
            }
        }
    }
    Ok(())
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
