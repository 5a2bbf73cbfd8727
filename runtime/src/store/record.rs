//! Recording one applied step: its version rows, the tables it owns, what it relies on and its history row, all in
//! the transaction that the caller opened.

use serde::{Deserialize, Serialize};

use crate::database::{Connection, DatabaseError};
use crate::dialect::{Dialect, literal};
use crate::operation::Value;
use crate::revision::Dependency;

use super::StoreError;
use super::history::{Author, HistoryEntry, Newest, appended, newest_row};
use super::journal::clearing;
use super::layout::{OBJECTS, OBJECTS_LAYOUT, VERSIONS, VERSIONS_LAYOUT, column, equals, words};

/// Everything to record about one applied step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it did, in full.
    pub entry: HistoryEntry,
    /// What it makes of the package's version rows.
    pub versions: VersionChange,
    /// What it makes of who owns which table, in order.
    pub tables: Vec<OwnerChange>,
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

/// A change of who owns a table or an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerChange {
    /// The package created or adopted it.
    Owned(String),
    /// It is gone.
    Dropped(String),
    /// The package created or adopted the enumeration.
    EnumOwned(String),
    /// The enumeration is gone.
    EnumDropped(String),
    /// It has another name; its owner and origin stay.
    Renamed {
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
}

/// Records a step in the caller's transaction; its history row is the newest then. The tables must be there (see
/// [`super::ensure_tables`]). Every statement names the package: no other package's rows are touched.
///
/// # Errors
/// What the database answers; [`StoreError::Changed`] if the version rows are not the expected ones.
pub async fn record(connection: &mut Connection, step: &StepRecord) -> Result<Newest, StoreError> {
    let newest = Newest::read(&connection.fetch(&newest_row(connection.dialect())).await?)?;
    record_all(connection, newest, std::slice::from_ref(step)).await
}

/// As [`record`], several in order, the first of them after the row that is known to be the newest: by [`newest_row`] in
/// the same transaction, or as this run wrote it since it has the target's lock. All in one message.
///
/// # Errors
/// As [`record`].
pub async fn record_all(
    connection: &mut Connection,
    newest: Newest,
    steps: &[StepRecord],
) -> Result<Newest, StoreError> {
    let (writes, newest) = writes(connection.dialect(), newest, steps)?;
    send(connection, &writes).await?;
    Ok(newest)
}

/// As [`record_all`], of a step that was announced: it goes off the journal with it. Begins the transaction if none is
/// open.
///
/// # Errors
/// As [`record`].
pub async fn record_announced(
    connection: &mut Connection,
    newest: Newest,
    steps: &[StepRecord],
) -> Result<Newest, StoreError> {
    let (mut writes, newest) = writes(connection.dialect(), newest, steps)?;
    writes.push(Write::any(clearing(connection.dialect())));
    send(connection, &writes).await?;
    Ok(newest)
}

/// A statement, and what is wrong unless it touches just one row.
struct Write {
    sql: String,
    otherwise: Option<String>,
}

impl Write {
    fn any(sql: String) -> Self {
        Self { sql, otherwise: None }
    }

    fn one(sql: String, otherwise: String) -> Self {
        Self { sql, otherwise: Some(otherwise) }
    }
}

async fn send(connection: &mut Connection, writes: &[Write]) -> Result<(), StoreError> {
    let statements: Vec<&str> = writes.iter().map(|write| write.sql.as_str()).collect();
    let sent = match connection.in_transaction() {
        true => connection.send(&statements).await,
        false => connection.begin_and_send(&statements).await,
    };
    let answers = sent.map_err(DatabaseError::from)?;
    let wrong = writes.iter().zip(answers).find_map(|(write, answer)| {
        let otherwise = write.otherwise.as_ref()?;
        (answer.done.touched != 1).then(|| StoreError::Changed(otherwise.clone()))
    });
    wrong.map_or(Ok(()), Err)
}

fn writes(dialect: Dialect, newest: Newest, steps: &[StepRecord]) -> Result<(Vec<Write>, Newest), StoreError> {
    let (mut writes, mut newest) = (Vec::new(), newest);
    for step in steps {
        let package = &step.entry.package;
        let row = appended(dialect, newest, &step.entry, step.author.as_ref())?;
        writes.push(Write::any(row.sql));
        newest = row.newest;
        writes.extend(version_writes(dialect, package, &step.versions)?);
        for change in &step.tables {
            let mut statements = owner_statements(dialect, package, newest.id(), change)?;
            let last = statements.pop();
            writes.extend(statements.into_iter().map(Write::any));
            let (what, name) = match change {
                OwnerChange::Owned(name) | OwnerChange::Dropped(name) | OwnerChange::Renamed { from: name, .. } => {
                    ("table", name)
                }
                OwnerChange::EnumOwned(name) | OwnerChange::EnumDropped(name) => ("enumeration", name),
            };
            let otherwise = format!("{what} {name} is no longer recorded as {package}'s");
            writes.extend(last.map(|sql| Write::one(sql, otherwise)));
        }
        for released in &step.releases {
            writes.push(Write::any(delete_object(dialect, "dependency", package, ("step", released))));
        }
        for on in &step.relies_on {
            let name = dependency_name(package, &step.entry.step, on);
            writes.push(Write::any(delete_object(dialect, "dependency", package, ("name", &name))));
            let values = dependency_values(package, &step.entry.step, on, newest.id());
            writes.push(Write::any(OBJECTS_LAYOUT.insert(dialect, &values)?));
        }
    }
    Ok((writes, newest))
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

/// A head that comes takes the row of one that goes, as long as there are both.
fn version_writes(dialect: Dialect, package: &str, change: &VersionChange) -> Result<Vec<Write>, StoreError> {
    let (table, version) = (column(dialect, VERSIONS), column(dialect, "version_num"));
    let of_package = equals(dialect, "package", package);
    let gone = |head: &String| format!("{package} is no longer recorded at {head}");
    let mut writes = Vec::new();
    for (at, head) in change.remove.iter().enumerate() {
        let this = equals(dialect, "version_num", head);
        let statement = match change.add.get(at) {
            Some(next) => {
                VERSIONS_LAYOUT.check(&[words(package), words(next)])?;
                let next = literal(dialect, &words(next), None);
                format!("UPDATE {table} SET {version} = {next} WHERE {of_package} AND {this}")
            }
            None => format!("DELETE FROM {table} WHERE {of_package} AND {this}"),
        };
        writes.push(Write::one(statement, gone(head)));
    }
    if change.remove.is_empty() && !change.add.is_empty() {
        // What another program may have left for base, where the package alone is the key.
        let nothing = format!("DELETE FROM {table} WHERE {of_package} AND ({version} IS NULL OR {version} = '')");
        writes.push(Write::any(nothing));
    }
    for head in change.add.iter().skip(change.remove.len()) {
        writes.push(Write::any(VERSIONS_LAYOUT.insert(dialect, &[words(package), words(head)])?));
    }
    Ok(writes)
}

/// The statements that record who owns a table; the last of them touches one row.
pub(super) fn owner_statements(
    dialect: Dialect,
    package: &str,
    history_id: i64,
    change: &OwnerChange,
) -> Result<Vec<String>, StoreError> {
    let objects = column(dialect, OBJECTS);
    let kind = match change {
        OwnerChange::Owned(_) | OwnerChange::Dropped(_) | OwnerChange::Renamed { .. } => "table",
        OwnerChange::EnumOwned(_) | OwnerChange::EnumDropped(_) => "enum",
    };
    let this = |name: &str| {
        let conditions = [("kind", kind), ("name", name), ("package", package)];
        conditions.map(|(of, text)| equals(dialect, of, text)).join(" AND ")
    };
    // A table of that name that somebody dropped behind the runner's back may still be recorded.
    let forget = |name: &str| format!("DELETE FROM {objects} WHERE {}", this(name));
    Ok(match change {
        OwnerChange::Owned(name) | OwnerChange::EnumOwned(name) => {
            let empty = || words("");
            let history_id = Value::Integer(history_id);
            let values = [words(kind), words(name), words(package), empty(), empty(), empty(), history_id];
            vec![forget(name), OBJECTS_LAYOUT.insert(dialect, &values)?]
        }
        OwnerChange::Dropped(name) | OwnerChange::EnumDropped(name) => vec![forget(name)],
        OwnerChange::Renamed { from, to } => {
            let to_value = literal(dialect, &words(to), None);
            let name = column(dialect, "name");
            vec![forget(to), format!("UPDATE {objects} SET {name} = {to_value} WHERE {}", this(from))]
        }
    })
}

/// Deletes a package's objects of a kind, where a column has the given text.
fn delete_object(dialect: Dialect, kind: &str, package: &str, only: (&str, &str)) -> String {
    let conditions =
        [equals(dialect, "kind", kind), equals(dialect, "package", package), equals(dialect, only.0, only.1)];
    format!("DELETE FROM {} WHERE {}", column(dialect, OBJECTS), conditions.join(" AND "))
}
