//! Applying a step whose statements commit by themselves, out of its row in the journal alone: from its first statement,
//! or from where a run that ended left it; and taking it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::account::{PARTIAL, UNDONE, cut, refusal};
use super::flight::{expected, holds, position, reach};
use super::patience::Patience;
use super::{ErrorKind, MigrateError};
use crate::database::{Connection, DatabaseError, Stopped};
use crate::dialect::bookkeeping::{self, set_counter};
use crate::dialect::{self, Refusal, TextRow, concurrent};
use crate::store::{self, FlightState, FlightStatement, HistoryEntry, InFlight, Newest, Numbered, Outcome, Undo};

/// A step under way and the session that it is applied on.
pub(super) struct Flying<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) flight: &'a mut InFlight,
    pub(super) patience: Patience<'a>,
    started: Instant,
    /// Whether statements from its position on may have been sent before.
    is_resumed: bool,
    /// From which place on the statements are an attempt.
    attempted: usize,
    /// Why that was refused.
    refusal: Option<Refusal>,
}

/// What comes after its last statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Its record.
    Recorded,
    /// More statements, which nobody knows yet.
    Marked,
}

impl<'a> Flying<'a> {
    pub(super) fn new(connection: &'a mut Connection, flight: &'a mut InFlight, patience: Patience<'a>) -> Self {
        let (started, attempted) = (Instant::now(), usize::MAX);
        Self { connection, flight, patience, started, is_resumed: false, attempted, refusal: None }
    }

    /// One that another run left.
    pub(super) fn resumed(connection: &'a mut Connection, flight: &'a mut InFlight, patience: Patience<'a>) -> Self {
        Self { is_resumed: true, ..Self::new(connection, flight, patience) }
    }

    /// Sets the step's position to where the tables show that it is. What is left behind on them goes first, see
    /// [`Self::sweep`].
    ///
    /// # Errors
    /// Tables that look like nothing that the step made of them.
    pub(super) async fn find(&mut self) -> Result<(), MigrateError> {
        let catalog = self.connection.catalog().await?;
        let flight = &mut *self.flight;
        match position(&flight.earlier, &flight.statements, flight.position, &catalog) {
            Some(found) => flight.position = found,
            None => return Err(ErrorKind::InFlight(super::account::unknown(flight)).into()),
        }
        Ok(())
    }

    /// Applies what is left and records the step, after the newest row of the history if that is known; which one is the
    /// newest then. A statement that is refused is accounted for, see [`Self::refused`].
    pub(super) async fn finish(mut self, mut newest: Option<Newest>) -> Result<Newest, MigrateError> {
        self.forward(Ending::Recorded, &mut newest).await?;
        let newest = match newest {
            Some(newest) => newest,
            None => {
                let newest = store::newest_row(self.connection.dialect());
                let answers = self.connection.begin_and_send(&[&newest]).await;
                Newest::read(&answers.map_err(DatabaseError::from)?.pop().unwrap_or_default().rows)?
            }
        };
        self.conclude(newest).await
    }

    /// As [`Self::finish`], but more of the step will follow. The last `attempted` statements have no effect and are no part of
    /// it if the database refuses them for their rows: then why.
    pub(super) async fn go_so_far(mut self, attempted: usize) -> Result<Option<Refusal>, MigrateError> {
        self.attempted = self.flight.statements.len().saturating_sub(attempted);
        self.forward(Ending::Marked, &mut None).await?;
        if self.refusal.is_some() {
            self.flight.statements.truncate(self.attempted);
        }
        Ok(self.refusal)
    }

    /// With rows at the end of a step that is recorded then their transaction is open, and the history's newest row known.
    async fn forward(&mut self, ending: Ending, newest: &mut Option<Newest>) -> Result<(), MigrateError> {
        let total = self.flight.statements.len();
        let begun = self.flight.position;
        let (mut marked, mut at) = (begun, begun);
        while let Some(statement) = self.flight.statements.get(at).cloned() {
            if statement.alone {
                if at > marked && at == reach(&self.flight.earlier, &self.flight.statements, marked) {
                    self.mark(at).await?;
                    marked = at;
                }
                let sent = match statement.concurrent.is_some() {
                    true => {
                        let (sql, leaves) = (statement.sql.clone(), statement.leaves.clone());
                        Box::pin(self.send_concurrent(&sql, &leaves)).await
                    }
                    false => send(self.connection, &mut self.patience, &statement.sql).await,
                };
                if let Err(error) = sent {
                    self.flight.position = marked;
                    return Err(self.refused(at, error).await);
                }
                at += 1;
                continue;
            }
            let locks = statement.locks.clone();
            if self.is_resumed && at == begun {
                self.reset_counters(at).await?;
            }
            // An attempt is sent by itself.
            let longest = self.attempted.checked_sub(at).filter(|before| *before > 0).unwrap_or(usize::MAX);
            let rows = self.flight.statements.iter().skip(at).take_while(|statement| !statement.alone).take(longest);
            let mut together: Vec<&str> = rows.map(|statement| statement.sql.as_str()).collect();
            let end = at + together.len();
            together.splice(0..0, locks.iter().map(String::as_str));
            let newest_row = store::newest_row(self.connection.dialect());
            let is_end = end == total && ending == Ending::Recorded;
            let asks = is_end && newest.is_none();
            together.extend(asks.then_some(newest_row.as_str()));
            let begun = Instant::now();
            let mut answers = match self.connection.begin_and_send(&together).await {
                Ok(answers) => answers,
                Err(Stopped { at: stopped, error }) => {
                    // A rollback that fails closes the connection, which rolls back too.
                    let _ = self.connection.rollback().await;
                    if at >= self.attempted
                        && let DatabaseError::Refused { code, .. } = &error
                        && let Some(refusal) = dialect::refusal(self.connection.dialect(), code)
                    {
                        // What stands before it is applied, and more of the step follows. Its numbers are lost, as in any program.
                        self.mark(at).await?;
                        self.flight.position = at;
                        self.refusal = Some(refusal);
                        return Ok(());
                    }
                    self.flight.position = marked;
                    if !error.ends_the_session() {
                        // Numbers that are lost are worth no second error.
                        let _ = self.reset_counters(at).await;
                    }
                    if is_blocked(&error) && self.patience.again(begun).await {
                        continue;
                    }
                    return Err(self
                        .refused(at + stopped.unwrap_or_default().saturating_sub(locks.len()), error)
                        .await);
                }
            };
            if asks {
                *newest = Some(Newest::read(&answers.pop().unwrap_or_default().rows)?);
            }
            if is_end {
                return Ok(());
            }
            if let Some(conversation) = &mut self.flight.conversation {
                for (at, answer) in (at..).zip(answers.iter().skip(locks.len())) {
                    conversation.touched.insert(at, answer.done.touched);
                    let draws = self.flight.statements.get(at).is_some_and(|statement| statement.numbers.is_some());
                    conversation.drawn.extend(answer.done.drawn.filter(|_| draws).map(|number| (at, number)));
                }
            }
            at = end;
            self.mark(at).await?;
            self.connection.commit().await?;
            marked = at;
        }
        if ending == Ending::Marked && total > marked {
            self.mark(total).await?;
        }
        self.flight.position = total;
        Ok(())
    }

    /// Notes how far it is, and how many rows were touched where that may be asked.
    async fn mark(&mut self, at: usize) -> Result<(), MigrateError> {
        Ok(store::advance(self.connection, at, self.flight.conversation.as_ref()).await?)
    }

    /// Has the rows that the next statements insert numbered as if those had not been sent before.
    async fn reset_counters(&mut self, at: usize) -> Result<(), MigrateError> {
        let next = self.flight.statements.iter().skip(at).take_while(|statement| !statement.alone);
        let mut counters = BTreeMap::new();
        for Numbered { table, earlier } in next.filter_map(|statement| statement.numbers.as_ref()) {
            let number = earlier.as_ref().map_or(Some(1), |name| self.flight.counters.get(name).copied());
            counters.extend(number.map(|number| (table, number)));
        }
        for (table, number) in counters {
            if let Some(statement) = set_counter(self.connection.dialect(), table, number) {
                self.connection.execute(&statement).await?;
            }
        }
        Ok(())
    }

    /// Records the step after the newest row of the history and takes it off the journal, in the transaction that is open or
    /// in one of its own.
    async fn conclude(self, newest: Newest) -> Result<Newest, MigrateError> {
        let duration = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for record in &mut self.flight.records {
            record.entry.duration_ms = duration;
        }
        let newest = store::record_announced(self.connection, newest, &self.flight.records).await?;
        self.connection.commit().await?;
        Ok(newest)
    }

    /// What becomes of the step when a statement does not go through: with the connection gone, nothing, the next run goes
    /// on; else it is taken back where that is possible, and stays as it is where not.
    async fn refused(&mut self, index: usize, error: DatabaseError) -> MigrateError {
        let total = self.flight.statements.len();
        if error.ends_the_session() {
            let after = "the next run goes on from there";
            return ErrorKind::CutShort { position: index + 1, total, error, after }.into();
        }
        let sql = self.flight.statements.get(index).map(|statement| cut(&statement.sql)).unwrap_or_default();
        let message = refusal(&error);
        let waited = is_blocked(&error).then(|| self.patience.waited());
        let is_taken = matches!(&error, DatabaseError::Refused { code, .. } if concurrent::is_taken(code));
        let refused = |after: &str| {
            let (position, sql, message, after) = (index + 1, sql.clone(), message.clone(), after.to_owned());
            match waited {
                Some(waited) => ErrorKind::Blocked { position, total, sql, message, waited, after },
                None => ErrorKind::Refused { position, total, sql, message, after },
            }
        };
        if !is_taken && let Err(other) = self.sweep().await {
            return refused(&format!("\n  {other}")).into();
        }
        let after = Box::pin(self.give_up(&|after| refused(after).to_string())).await;
        refused(&after).into()
    }

    /// Takes the step back, or notes that it stands half done; what is said of the state that this leaves. `failed` is
    /// what is said of the failure with that.
    pub(super) async fn give_up(&mut self, failed: &impl Fn(&str) -> String) -> String {
        // With an error of its own the account is as it was: the next run finds out.
        self.settle(failed).await.unwrap_or_else(|other| format!("\n  {other}"))
    }

    async fn settle(&mut self, failed: &impl Fn(&str) -> String) -> Result<String, MigrateError> {
        // A server may have done what it says it refused.
        self.find().await?;
        let applied = self.flight.position;
        if self.flight.can_be_undone() {
            let failure = failed(UNDONE);
            self.flight.error = Some(failure.clone());
            store::note(self.connection, FlightState::Undoing, applied, Some(&failure)).await?;
            self.undo().await?;
            return Ok(UNDONE.to_owned());
        }
        let after = format!("\n  partial {applied} of {}: {PARTIAL}", self.flight.statements.len());
        let failure = failed(&after);
        let entry = self.failure(&failure);
        store::refuse(self.connection, applied, &failure, &entry).await?;
        Ok(after)
    }

    /// Takes back what is applied, the last statement first, and writes the failure to the history.
    ///
    /// # Errors
    /// What the database answers; tables that do not look as before then. The next run tries again.
    pub(super) async fn undo(&mut self) -> Result<(), MigrateError> {
        let applied = self.flight.position;
        let undos = self.flight.statements.iter().take(applied).enumerate().rev();
        let undos = undos.filter_map(|(at, found)| Some((at, found.undo.clone()?, found.concurrent.is_some())));
        for (at, undo, is_concurrent) in undos.collect::<Vec<_>>() {
            let catalog = self.connection.catalog().await?;
            if !undo.statements.is_empty() && !holds(&undo.leaves, &catalog) {
                self.take_back(&undo, is_concurrent).await?;
            }
            store::advance(self.connection, at, None).await?;
        }
        let catalog = self.connection.catalog().await?;
        if !holds(&expected(&self.flight.earlier, &self.flight.statements, 0), &catalog) {
            return Err(ErrorKind::InFlight(super::account::not_as_before(self.flight)).into());
        }
        let error = self.flight.error.clone().unwrap_or_default();
        let entry = self.failure(&error);
        Ok(store::give_up(self.connection, &entry).await?)
    }

    /// Sends what takes a statement back: in one transaction, where the database has such a thing for it.
    async fn take_back(&mut self, undo: &Undo, is_concurrent: bool) -> Result<(), MigrateError> {
        let statements: Vec<&str> = undo.statements.iter().map(String::as_str).collect();
        if is_concurrent {
            for sql in statements {
                Box::pin(self.send_concurrent(sql, &undo.leaves)).await?;
            }
        } else if self.connection.dialect().has_transactional_ddl() {
            loop {
                let begun = Instant::now();
                match self.connection.begin_and_send(&statements).await {
                    Ok(_) => break self.connection.commit().await?,
                    Err(Stopped { error, .. }) => {
                        let _ = self.connection.rollback().await;
                        if !(is_blocked(&error) && self.patience.again(begun).await) {
                            return Err(error.into());
                        }
                    }
                }
            }
        } else {
            for sql in statements {
                send(self.connection, &mut self.patience, sql).await?;
            }
        }
        Ok(())
    }

    /// The history row of a failure.
    fn failure(&self, error: &str) -> HistoryEntry {
        let entry = self.flight.records.first().map(|record| record.entry.clone()).unwrap_or_default();
        HistoryEntry {
            outcome: Outcome::Failed,
            error: Some(error.to_owned()),
            heads_after: entry.heads_before.clone(),
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..entry
        }
    }
}

/// Sends a statement that commits by itself, again and again while other sessions hold what it needs: refused for
/// that, it had no effect.
async fn send(connection: &mut Connection, patience: &mut Patience<'_>, sql: &str) -> Result<(), DatabaseError> {
    loop {
        let begun = Instant::now();
        match connection.execute(sql).await {
            Err(error) if is_blocked(&error) && patience.again(begun).await => {}
            done => return done.map(|_| ()),
        }
    }
}

pub(super) fn is_blocked(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Busy { .. })
}

/// From where rows of the tables are numbered that a step adds rows to.
pub(super) async fn counters(
    connection: &mut Connection,
    statements: &[FlightStatement],
) -> Result<BTreeMap<String, u64>, MigrateError> {
    let numbered = statements.iter().filter_map(|statement| statement.numbers.as_ref());
    let tables: BTreeSet<&str> = numbered.filter_map(|numbered| numbered.earlier.as_deref()).collect();
    let Some(query) = bookkeeping::counters(connection.dialect(), tables) else { return Ok(BTreeMap::new()) };
    let rows = connection.fetch(&query).await?;
    let counter = |row: TextRow| match row.as_slice() {
        [Some(table), Some(number)] => Some((table.clone(), number.parse().ok()?)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(counter).collect())
}
