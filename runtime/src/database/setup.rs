//! A fresh session's settings: pinned, then read back. A session whose settings do not hold is refused.

use super::target::Place;
use super::{Connection, DatabaseError, Purpose, Target};
use crate::dialect::{
    Dialect, SessionCheck, SessionSettings, TextRow, check_session, read_only, schema_facts, session_check,
    session_statements, shadows,
};

/// Checks the server, pins schema and settings, and makes a connection to look read-only: in as few messages as can be,
/// since every connection pays for them.
pub(super) async fn pin(connection: &mut Connection, target: &Target, purpose: Purpose) -> Result<(), DatabaseError> {
    let settings = target.settings();
    match connection.dialect() {
        Dialect::Sqlite => return pin_sqlite(connection, settings, purpose).await,
        Dialect::Mariadb => check_mariadb(connection).await?,
        Dialect::Postgres => {}
    }
    // By itself: a message is read as the settings before it have it.
    connection.fetch(&session_statements(connection.dialect(), settings).join("; ")).await?;
    if let Place::Postgres { schema, .. } = &target.place {
        pin_schema(connection, schema.as_deref()).await?;
        notice_a_dead_client(connection).await?;
    }
    let then = match purpose {
        Purpose::Look => format!("; {}", read_only(connection.dialect())),
        Purpose::Change | Purpose::Hold => String::new(),
    };
    read_back(connection, settings, &then).await
}

/// All in one message, as it reads each statement when the one before is done.
async fn pin_sqlite(
    connection: &mut Connection,
    settings: &SessionSettings,
    purpose: Purpose,
) -> Result<(), DatabaseError> {
    let (pinned, check) = (session_statements(Dialect::Sqlite, settings), session_check(Dialect::Sqlite, settings));
    // Reading the schema's version reads the file's header: a file of another kind shows here.
    let mut message = vec!["PRAGMA schema_version"];
    message.extend(pinned.iter().map(String::as_str));
    message.push(&check.question);
    let asked = message.len();
    if purpose == Purpose::Look {
        message.push(read_only(Dialect::Sqlite));
    }
    let mut answers = connection.fetch_all(&message).await?;
    answers.truncate(asked);
    let row = answers.pop().unwrap_or_default().into_iter().next().unwrap_or_default();
    hold(connection, &check, &row)
}

fn unsupported(connection: &Connection, reason: impl Into<String>) -> DatabaseError {
    DatabaseError::Unsupported { target: connection.label().to_owned(), reason: reason.into() }
}

/// The first value of a query's first row.
async fn one(connection: &mut Connection, sql: &str) -> Result<Option<String>, DatabaseError> {
    Ok(connection.fetch(sql).await?.into_iter().flatten().next().flatten())
}

async fn check_mariadb(connection: &mut Connection) -> Result<(), DatabaseError> {
    let version = one(connection, "SELECT VERSION()").await?.unwrap_or_default();
    if version.contains("MariaDB") {
        return Ok(());
    }
    Err(unsupported(connection, format!("this is a MySQL server ({version}); MySQL is not supported yet, MariaDB is")))
}

/// Makes one schema the only place where names are looked up, besides the system's, which come first implicitly;
/// `pg_temp` last, so that a temporary table hides nothing.
async fn pin_schema(connection: &mut Connection, wanted: Option<&str>) -> Result<(), DatabaseError> {
    let schema = match wanted {
        Some(schema) => schema.to_owned(),
        None => match one(connection, "SELECT current_schema()").await? {
            Some(schema) if !schema.starts_with("pg_") => schema,
            _ => {
                return Err(unsupported(connection, "the login has no schema of its own; name one with ?schema=NAME"));
            }
        },
    };
    let quoted = schema.replace('"', "\"\"");
    let (alone, pinned) = ("SET search_path = pg_catalog, pg_temp", format!("SET search_path = \"{quoted}\", pg_temp"));
    let facts = format!("{alone}; {}; {pinned}; SELECT current_schema()", schema_facts(&schema));
    let mut facts = connection.fetch(&facts).await?.into_iter().flatten().map(Option::unwrap_or_default);
    let mut fact = || facts.next().unwrap_or_default();
    let (is_there, has_callables, now) = (fact(), fact(), fact());
    if is_there != "t" {
        let missing =
            format!("there is no schema \"{schema}\"; a schema is created only when asked: CREATE SCHEMA \"{schema}\"");
        return Err(unsupported(connection, missing));
    }
    if has_callables != "f" {
        let shadow = format!("{alone}; {}; {pinned}", shadows(&schema));
        if let Some(shadow) = one(connection, &shadow).await? {
            return Err(unsupported(
                connection,
                format!("the schema \"{schema}\" holds {shadow}, which would be called in place of PostgreSQL's own"),
            ));
        }
    }
    if now != schema {
        return Err(unsupported(connection, format!("the login may not use the schema \"{schema}\"")));
    }
    Ok(())
}

/// Lets the server end a long statement soon after its client died, which it otherwise notices when it answers.
async fn notice_a_dead_client(connection: &mut Connection) -> Result<(), DatabaseError> {
    match connection.execute("SET client_connection_check_interval = '2s'").await {
        // The server is older, or its system cannot do it.
        Err(DatabaseError::Refused { .. }) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Refuses a session that did not take its settings, and tells the watchdog which one it is. What is to be sent `then`
/// goes along.
async fn read_back(connection: &mut Connection, settings: &SessionSettings, then: &str) -> Result<(), DatabaseError> {
    let check = session_check(connection.dialect(), settings);
    let row = connection.fetch(&format!("{}{then}", check.question)).await?.into_iter().next().unwrap_or_default();
    hold(connection, &check, &row)
}

fn hold(connection: &mut Connection, check: &SessionCheck, row: &TextRow) -> Result<(), DatabaseError> {
    let (session, strays) = check_session(connection.dialect(), check, row);
    if !strays.is_empty() {
        return Err(unsupported(connection, format!("the session does not hold its settings: {}", strays.join(", "))));
    }
    if let Some(session) = session {
        connection.watchdog.watch(session);
    }
    Ok(())
}
