//! Statements that make or drop an index concurrently. Such a one works in several transactions of its own and waits for
//! other sessions' in between. Where it does not get through, its index is left behind, not valid: that one is
//! dropped before the state of the tables is judged, and the statement sent again.

use std::time::Instant;

use super::flight::{Looks, holds};
use super::journaled::{Flying, is_blocked};
use crate::database::DatabaseError;
use crate::dialect::concurrent;
use crate::store::FlightStatement;

impl Flying<'_> {
    /// Sends one that leads to these looks, again and again while other sessions hold what it needs.
    pub(super) async fn send_concurrent(&mut self, sql: &str, leaves: &Looks) -> Result<(), DatabaseError> {
        loop {
            let begun = Instant::now();
            let error = match self.try_concurrent(sql, leaves).await {
                Err(error) if is_blocked(&error) => error,
                done => return done,
            };
            if !self.patience.again_since(begun).await {
                return Err(error);
            }
            self.sweep().await?;
            // A drop is done with that.
            if holds(leaves, &self.connection.catalog().await?) {
                return Ok(());
            }
        }
    }

    async fn try_concurrent(&mut self, sql: &str, leaves: &Looks) -> Result<(), DatabaseError> {
        for table in leaves.keys() {
            let builds = self.connection.fetch(&concurrent::other_builds(table)).await?;
            if builds.into_iter().flatten().flatten().any(|number| number != "0") {
                let message = format!("another session builds an index of the table {table} concurrently");
                return Err(DatabaseError::Busy { code: concurrent::BLOCKED.to_owned(), message });
            }
        }
        self.wait_long(sql).await
    }

    /// Sends a statement that waits for locks as long as the step may.
    async fn wait_long(&mut self, sql: &str) -> Result<(), DatabaseError> {
        // By themselves: what shares a message shares a transaction.
        self.connection.execute(&concurrent::lock_timeout(self.patience.limit())).await?;
        let sent = self.connection.execute(sql).await;
        if sent.as_ref().err().is_none_or(|error| !error.ends_the_session()) {
            self.connection.execute(&concurrent::lock_timeout(self.patience.once())).await?;
        }
        sent.map(|_| ())
    }

    /// Drops what concurrent statements of the step left behind.
    pub(super) async fn sweep(&mut self) -> Result<(), DatabaseError> {
        let statements = self.flight.statements.iter();
        let indexes = statements.filter_map(|statement| Some((statement, statement.concurrent.as_deref()?)));
        let tables = |(statement, index): (&'_ FlightStatement, &'_ str)| {
            let tables = statement.leaves.keys().cloned();
            tables.map(|table| (table, index.to_owned())).collect::<Vec<_>>()
        };
        let indexes: Vec<(String, String)> = indexes.flat_map(tables).collect();
        let pairs = indexes.iter().map(|(table, index)| (table.as_str(), index.as_str()));
        let Some(query) = concurrent::left_behind(pairs) else { return Ok(()) };
        loop {
            let left = self.connection.fetch(&query).await?.into_iter().flatten().flatten().next();
            let Some(index) = left else { return Ok(()) };
            let begun = Instant::now();
            match self.wait_long(&concurrent::drop(&index)).await {
                Err(error) if is_blocked(&error) && self.patience.again_since(begun).await => {}
                done => done?,
            }
        }
    }
}
