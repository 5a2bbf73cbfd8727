//! A fresh session's settings: pinned, then read back. A session whose settings do not hold is refused.

use super::target::Place;
use super::{Connection, DatabaseError, Purpose, Target};
use crate::dialect::{Dialect, SessionSettings, check_session, session_check, session_statements, shadows};

/// Checks the server, pins schema and settings, and makes a connection to look read-only.
pub(super) async fn pin(connection: &mut Connection, target: &Target, purpose: Purpose) -> Result<(), DatabaseError> {
    let settings = target.settings();
    match connection.dialect() {
        // Reading the schema's version reads the file's header: a file of another kind shows here.
        Dialect::Sqlite => drop(connection.fetch("PRAGMA schema_version").await?),
        Dialect::Mariadb => check_mariadb(connection).await?,
        Dialect::Postgres => {}
    }
    for statement in session_statements(connection.dialect(), settings) {
        connection.execute(&statement).await?;
    }
    if let Place::Postgres { schema, .. } = &target.place {
        pin_schema(connection, schema.as_deref()).await?;
        notice_a_dead_client(connection).await?;
    }
    read_back(connection, settings).await?;
    if purpose == Purpose::Look {
        connection
            .execute(match connection.dialect() {
                Dialect::Sqlite => "PRAGMA query_only = ON",
                Dialect::Postgres => "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                Dialect::Mariadb => "SET SESSION TRANSACTION READ ONLY",
            })
            .await?;
    }
    Ok(())
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
        Some(schema) => {
            let text = schema.replace('\'', "''");
            let question = format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = '{text}'");
            if one(connection, &question).await?.is_none() {
                return Err(unsupported(
                    connection,
                    format!(
                        "there is no schema \"{schema}\"; a schema is created only when asked: CREATE SCHEMA \"{schema}\""
                    ),
                ));
            }
            schema.to_owned()
        }
        None => match one(connection, "SELECT current_schema()").await? {
            Some(schema) if !schema.starts_with("pg_") => schema,
            _ => {
                return Err(unsupported(connection, "the login has no schema of its own; name one with ?schema=NAME"));
            }
        },
    };
    connection.execute("SET search_path = pg_catalog, pg_temp").await?;
    if let Some(shadow) = one(connection, &shadows(&schema)).await? {
        return Err(unsupported(
            connection,
            format!("the schema \"{schema}\" holds {shadow}, which would be called in place of PostgreSQL's own"),
        ));
    }
    let quoted = schema.replace('"', "\"\"");
    connection.execute(&format!("SET search_path = \"{quoted}\", pg_temp")).await?;
    let now = one(connection, "SELECT current_schema()").await?;
    if now.as_deref() != Some(schema.as_str()) {
        return Err(unsupported(connection, format!("the login may not use the schema \"{schema}\"")));
    }
    Ok(())
}

/// Lets the server end a long statement soon after its client died, which it otherwise notices when it answers.
async fn notice_a_dead_client(connection: &mut Connection) -> Result<(), DatabaseError> {
    let setting = "SELECT set_config(name, '2s', false) FROM pg_catalog.pg_settings \
                   WHERE name = 'client_connection_check_interval'";
    match connection.fetch(setting).await {
        // The server is older, or its system cannot do it.
        Err(DatabaseError::Refused { .. }) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Refuses a session that did not take its settings, and tells the watchdog which one it is.
async fn read_back(connection: &mut Connection, settings: &SessionSettings) -> Result<(), DatabaseError> {
    let dialect = connection.dialect();
    let check = session_check(dialect, settings);
    let row = connection.fetch(&check.question).await?.into_iter().next().unwrap_or_default();
    let (session, strays) = check_session(dialect, &check, &row);
    if !strays.is_empty() {
        return Err(unsupported(connection, format!("the session does not hold its settings: {}", strays.join(", "))));
    }
    if let Some(session) = session {
        connection.watchdog.watch(session);
    }
    Ok(())
}
