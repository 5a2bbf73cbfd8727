//! What goes along with a statement that makes or drops an index concurrently, on PostgreSQL: what it waits for, and what
//! is left where it did not get through.

use std::time::Duration;

use super::session::milliseconds;
use super::{Dialect, literal, quote};
use crate::operation::{Ident, Value};

const DIALECT: Dialect = Dialect::Postgres;

/// What the server calls it that a lock was not to be had.
pub const BLOCKED: &str = "55P03";

/// Lets the statements that follow wait so long for locks, and for each transaction that a concurrent statement waits out:
/// it keeps nobody from reading or writing meanwhile.
pub fn lock_timeout(duration: Duration) -> String {
    format!("SET lock_timeout = {}", milliseconds(duration))
}

/// Asks how many other sessions build an index of this table concurrently. Whoever does so too waits for its table
/// with a snapshot, for which such a session waits in turn: the server ends one of the two.
pub fn other_builds(table: &str) -> String {
    format!(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_locks l ON l.pid = p.pid \
         JOIN pg_catalog.pg_class c ON c.oid = l.relation AND l.locktype = 'relation' \
         WHERE c.relnamespace = pg_catalog.quote_ident(pg_catalog.current_schema())::regnamespace AND c.relname = {} \
         AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid() \
         AND p.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
        text(table)
    )
}

/// Asks which of these indexes, each with its table, are there and not valid: none can be relied on, and each takes its
/// name. None where none is asked for.
pub fn left_behind<'a>(indexes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let pair = |(table, name)| format!("({}, {})", text(table), text(name));
    let pairs: Vec<String> = indexes.into_iter().map(pair).collect();
    (!pairs.is_empty()).then(|| {
        format!(
            "SELECT c.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
             WHERE c.relnamespace = pg_catalog.quote_ident(pg_catalog.current_schema())::regnamespace \
             AND NOT (i.indisvalid AND i.indisready) AND (t.relname::text, c.relname::text) IN ({}) ORDER BY 1",
            pairs.join(", ")
        )
    })
}

/// Drops one that was left behind.
pub fn drop(index: &str) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", quote(DIALECT, &Ident::internal(index)))
}

/// Whether a statement was refused because something else has its index's name: what is there is not its own.
pub fn is_taken(code: &str) -> bool {
    code == "42P07"
}

fn text(text: &str) -> String {
    literal(DIALECT, &Value::Text(text.to_owned()), None)
}
