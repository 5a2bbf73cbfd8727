//! Verbs that only look: nothing here writes, not even the bookkeeping tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::account::unfinished;
use super::snapshot::Snapshot;
use super::{ErrorKind, Event, MigrateError, Migrator};
use crate::package::Package;
use crate::revision::Revision;
use crate::store::{self, HistoryRow, InFlight};

/// Where one package stands on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageState {
    /// The package.
    pub package: String,
    /// Its recorded heads, sorted; empty for base.
    pub recorded: Vec<String>,
    /// The heads of its revisions, sorted; none when only the target knows the package.
    pub heads: Option<Vec<String>>,
    /// The revisions still to be applied up to all heads, in order.
    pub pending: Vec<Pending>,
    /// The populate steps recorded as run, sorted.
    pub populated: Vec<String>,
    /// The tables that it owns, sorted.
    pub tables: Vec<String>,
    /// The enumerations that it owns, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enums: Vec<String>,
}

impl PackageState {
    /// Whether everything that the package has is applied.
    pub fn is_up_to_date(&self) -> bool {
        self.pending.is_empty()
    }
}

/// A revision that is not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Its id.
    pub revision: String,
    /// What it does.
    pub message: String,
}

/// One revision of a package and what the target says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Current {
    /// The revision.
    #[serde(flatten)]
    pub revision: Revision,
    /// Whether it is applied.
    pub applied: bool,
    /// Whether it is recorded as a current head of the target.
    pub current: bool,
    /// Whether nothing revises it.
    pub head: bool,
}

impl Migrator {
    /// Where the given packages stand; with none given, every package recorded on the target.
    ///
    /// # Errors
    /// The database; a recorded revision that a given package does not have; revisions that make no order.
    pub async fn current(&self, packages: &[Arc<Package>]) -> Result<Vec<PackageState>, MigrateError> {
        let snapshot = Snapshot::look(&self.target).await?;
        self.say_unfinished(&snapshot);
        if !packages.is_empty() {
            return packages.iter().map(|package| state_of(&snapshot, package)).collect();
        }
        let owners = snapshot.state.tables.values().chain(snapshot.state.enums.values()).map(|owner| &owner.package);
        let names: BTreeSet<&String> = snapshot.state.versions.keys().chain(owners).collect();
        Ok(names.into_iter().map(|name| bare_state(&snapshot, name)).collect())
    }

    fn say_unfinished(&self, snapshot: &Snapshot) {
        if let Some(step) = &snapshot.state.journal {
            (self.observer)(&Event::Unfinished { package: step.package.clone(), line: unfinished(step) });
        }
    }

    /// The revisions of a package in order, and which of them are applied.
    ///
    /// # Errors
    /// As [`Migrator::current`].
    pub async fn history(&self, package: &Package) -> Result<Vec<Current>, MigrateError> {
        let info = package.info();
        let snapshot = Snapshot::look_at_records(&self.target).await?;
        self.say_unfinished(&snapshot);
        let place = |error: MigrateError| error.of(&info.name).on(&snapshot.label);
        let recorded = snapshot.heads(&info.name);
        let graph = info.graph().map_err(|error| place(error.into()))?;
        let applied = graph.applied(&recorded).map_err(|error| place(error.into()))?;
        let heads = graph.heads();
        let line = graph.order().iter().map(|revision| Current {
            applied: applied.contains(revision.id.as_str()),
            current: recorded.contains(&revision.id),
            head: heads.binary_search(&revision.id.as_str()).is_ok(),
            revision: (*revision).clone(),
        });
        Ok(line.collect())
    }

    /// What was ever done on the target, oldest first, for these packages or all.
    ///
    /// # Errors
    /// The database.
    pub async fn records(&self, packages: &[String]) -> Result<Vec<HistoryRow>, MigrateError> {
        let place = |error: MigrateError| error.on(self.target.label());
        let opened = self.target.connect_to_look().await.map_err(|error| place(error.into()))?;
        let Some(mut connection) = opened else { return Ok(Vec::new()) };
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let rows = match Snapshot::read(&self.target, &mut connection).await {
            Ok(found) => {
                let rows = store::history(&mut connection, &found.catalog.bookkeeping, &names).await;
                rows.map_err(MigrateError::from)
            }
            Err(error) => Err(error),
        };
        connection.close().await;
        rows.map_err(place)
    }

    /// Refuses while any of the packages has a step to be applied, or one that was begun and not finished:
    /// what an application calls before it starts.
    ///
    /// # Errors
    /// [`ErrorKind::Pending`], naming packages and revisions; or as [`Migrator::current`].
    pub async fn check(&self, packages: &[Arc<Package>]) -> Result<(), MigrateError> {
        let snapshot = Snapshot::look_at_records(&self.target).await?;
        let states = packages.iter().map(|package| state_of(&snapshot, package)).collect::<Result<Vec<_>, _>>()?;
        let behind = states.iter().filter(|state| !state.is_up_to_date());
        let mut behind: Vec<String> = behind
            .map(|state| {
                let pending: Vec<&str> = state.pending.iter().map(|step| step.revision.as_str()).collect();
                let at = crate::revision::list(&state.recorded);
                format!("{}: at {at}, pending {}", state.package, pending.join(", "))
            })
            .collect();
        let is_given = |step: &&InFlight| states.iter().any(|state| state.package == step.package);
        behind.extend(snapshot.state.journal.iter().filter(is_given).map(unfinished));
        if behind.is_empty() {
            return Ok(());
        }
        Err(MigrateError::from(ErrorKind::Pending(behind)).on(self.target.label()))
    }
}

fn bare_state(snapshot: &Snapshot, name: &str) -> PackageState {
    let populated = snapshot.state.populated.get(name);
    let owned = snapshot.owned(name).into_iter();
    let (enums, tables) = owned.partition(|name| snapshot.catalog.enums.contains_key(name));
    PackageState {
        package: name.to_owned(),
        recorded: snapshot.heads(name).into_iter().collect(),
        heads: None,
        pending: Vec::new(),
        populated: populated.into_iter().flatten().cloned().collect(),
        tables,
        enums,
    }
}

fn state_of(snapshot: &Snapshot, package: &Package) -> Result<PackageState, MigrateError> {
    let info = package.info();
    let place = |error: MigrateError| error.of(&info.name).on(&snapshot.label);
    let graph = info.graph().map_err(|error| place(error.into()))?;
    let applied = graph.applied(&snapshot.heads(&info.name)).map_err(|error| place(error.into()))?;
    let pending = graph.order().iter().filter(|revision| !applied.contains(revision.id.as_str()));
    let pending = pending.map(|step| Pending { revision: step.id.clone(), message: step.message.clone() }).collect();
    let heads = graph.heads().into_iter().map(str::to_owned).collect();
    Ok(PackageState { heads: Some(heads), pending, ..bare_state(snapshot, &info.name) })
}
