//! What a target holds at one moment: its catalog and the runner's bookkeeping. Planning works on a copy
//! and carries its own changes forward in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ErrorKind, MigrateError};
use crate::database::{Connection, Target};
use crate::dialect::{Catalog, CatalogTable, Dialect, catalog};
use crate::operation::Ident;
use crate::plan::Plan;
use crate::schema::{Changes, NameScope, Schema, Table, same_columns};
use crate::store::{self, InFlight, Owner, OwnerChange, State, StepRecord, StoreError};

/// How often the catalog is read while other programs change it.
const ATTEMPTS: usize = 5;

/// How much of a target is looked at.
#[derive(Clone, Copy)]
enum Depth<'a> {
    /// The whole catalog and the bookkeeping.
    Everything,
    /// The bookkeeping.
    Records,
    /// The bookkeeping, and everything unless that says enough.
    Unless(&'a (dyn Fn(&State) -> bool + Sync)),
}

/// A target at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) dialect: Dialect,
    /// For messages: the target without its password, or the dialect of an offline script.
    pub(super) label: String,
    pub(super) catalog: Catalog,
    pub(super) state: State,
}

impl Snapshot {
    /// A database that holds nothing.
    pub(super) fn empty(dialect: Dialect, label: String) -> Self {
        Self { dialect, label, catalog: Catalog::default(), state: State::default() }
    }

    /// Looks at the target through a connection of its own, which is closed before this returns.
    pub(super) async fn look(target: &Target) -> Result<Self, MigrateError> {
        Self::look_at(target, Depth::Everything).await
    }

    /// As [`Self::look`], at the bookkeeping alone: the catalog names its tables and no other.
    pub(super) async fn look_at_records(target: &Target) -> Result<Self, MigrateError> {
        Self::look_at(target, Depth::Records).await
    }

    /// As [`Self::look`], or as [`Self::look_at_records`] where those are enough: the catalog costs more than all else. The
    /// connection, which knows the catalog by then, is kept for what comes next.
    pub(super) async fn look_unless(
        target: &Target,
        is_enough: &(dyn Fn(&State) -> bool + Sync),
        kept: &mut Option<Connection>,
    ) -> Result<Self, MigrateError> {
        Self::look_through(target, Depth::Unless(is_enough), kept).await
    }

    async fn look_at(target: &Target, depth: Depth<'_>) -> Result<Self, MigrateError> {
        let mut opened = None;
        let found = Self::look_through(target, depth, &mut opened).await;
        Connection::close_any(&mut opened).await;
        found
    }

    /// Through a new connection, which is left in `opened` in place of the one that was there.
    async fn look_through(
        target: &Target,
        depth: Depth<'_>,
        opened: &mut Option<Connection>,
    ) -> Result<Self, MigrateError> {
        let label = target.label().to_owned();
        Connection::close_any(opened).await;
        match target.connect_to_look().await {
            Ok(None) => Ok(Self::empty(target.dialect(), label)),
            Ok(Some(connection)) => Self::read_to(target, opened.insert(connection), depth).await,
            Err(error) => Err(MigrateError::from(error).on(&label)),
        }
    }

    /// Looks at the target through a connection that is open already, catalog and bookkeeping as of one moment
    /// where the database can.
    pub(super) async fn read(target: &Target, connection: &mut Connection) -> Result<Self, MigrateError> {
        Self::read_to(target, connection, Depth::Everything).await
    }

    async fn read_to(target: &Target, connection: &mut Connection, depth: Depth<'_>) -> Result<Self, MigrateError> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            connection.begin_to_look().await?;
            let read = Self::read_inside(target, connection, depth).await;
            connection.rollback().await?;
            match read {
                Err(error) if left > 0 && is_torn(&error.kind) => {}
                read => return read.map_err(|error| error.on(target.label())),
            }
        }
    }

    async fn read_inside(target: &Target, connection: &mut Connection, depth: Depth<'_>) -> Result<Self, MigrateError> {
        let (dialect, label) = (target.dialect(), target.label().to_owned());
        let mut records = None;
        if !matches!(depth, Depth::Everything) {
            let rows = connection.fetch(catalog::bookkeeping_query(dialect)).await?;
            let catalog = Catalog { bookkeeping: rows.into_iter().flatten().flatten().collect(), ..Catalog::default() };
            let state = store::load(connection, &catalog.bookkeeping).await?;
            match depth {
                Depth::Unless(is_enough) if !is_enough(&state) => records = Some((catalog.bookkeeping, state)),
                _ => return Ok(Self { dialect, label, catalog, state }),
            }
        }
        let catalog = connection.catalog().await?;
        let state = match records {
            Some((bookkeeping, state)) if bookkeeping == catalog.bookkeeping => state,
            _ => store::load(connection, &catalog.bookkeeping).await?,
        };
        Ok(Self { dialect, label, catalog, state })
    }

    /// As [`Self::read`], the bookkeeping alone.
    pub(super) async fn read_records(target: &Target, connection: &mut Connection) -> Result<Self, MigrateError> {
        Self::read_to(target, connection, Depth::Records).await
    }

    /// The target as it was before an unfinished step, apart from rows.
    pub(super) fn rewound(&self, flight: &InFlight) -> Self {
        let mut rewound = self.clone();
        rewound.state.journal = None;
        let (mut now, mut before) = (Schema::default(), Schema::default());
        for (name, table) in &flight.earlier {
            if let Some(CatalogTable::Readable(found)) = rewound.catalog.tables.remove(name) {
                now.tables.insert(Ident::internal(name.as_str()), found);
            }
            if let Some(table) = table {
                let table = Arc::new(table.clone());
                rewound.catalog.tables.insert(name.clone(), CatalogTable::Readable(table.clone()));
                before.tables.insert(Ident::internal(name.as_str()), table);
            }
        }
        rewound.carry_names(&Changes::of(&now, &before));
        rewound
    }

    /// The indexes that concurrent statements of an unfinished step left, not valid: the catalog has their names alone.
    pub(super) fn left_behind(&self, flight: &InFlight) -> Vec<String> {
        let made = flight.statements.iter().filter_map(|statement| statement.concurrent.as_deref());
        let is_valid = |name: &str| {
            self.catalog.tables.values().any(|table| match table {
                CatalogTable::Readable(table) => table.indexes.iter().any(|index| index.name.as_str() == name),
                CatalogTable::Unreadable(_) => false,
            })
        };
        let left: BTreeSet<&str> =
            made.filter(|name| self.catalog.other_names.contains_key(*name) && !is_valid(name)).collect();
        left.into_iter().map(str::to_owned).collect()
    }

    /// Who owns what stands of an unfinished step.
    pub(super) fn ownership(&self, flight: &InFlight) -> Vec<OwnerChange> {
        let owner = |name: &String| self.state.tables.get(name).map(|owner| owner.package.as_str());
        let is_there = |name: &String| self.catalog.tables.contains_key(name);
        let gone = flight.earlier.keys().filter(|name| !is_there(name) && owner(name) == Some(&flight.package));
        let made =
            flight.earlier.iter().filter(|(name, table)| table.is_none() && is_there(name) && owner(name).is_none());
        let gone = gone.cloned().map(OwnerChange::Dropped);
        gone.chain(made.map(|(name, _)| OwnerChange::Owned(name.clone()))).collect()
    }

    /// The target once an unfinished step is forgotten.
    pub(super) fn left(&self, record: &StepRecord) -> Self {
        let mut left = self.clone();
        left.state.journal = None;
        left.state.apply(record, 0);
        left
    }

    /// The names of the tables and enumerations that a package owns here and that still exist.
    pub(super) fn owned(&self, package: &str) -> BTreeSet<String> {
        let own = |(name, owner): (&String, &Owner)| (owner.package == package).then(|| name.clone());
        let tables = self.state.tables.iter().filter_map(own).filter(|name| self.catalog.tables.contains_key(name));
        let enums = self.state.enums.iter().filter_map(own).filter(|name| self.catalog.enums.contains_key(name));
        tables.chain(enums).collect()
    }

    /// The tables and enumerations that no other package owns.
    pub(super) fn unclaimed(&self, package: &str) -> BTreeSet<String> {
        let free = |owner: Option<&Owner>| owner.is_none_or(|owner| owner.package == package);
        let tables = self.catalog.tables.keys().filter(|name| free(self.state.tables.get(*name)));
        let enums = self.catalog.enums.keys().filter(|name| free(self.state.enums.get(*name)));
        tables.chain(enums).cloned().collect()
    }

    /// The recorded heads of a package.
    pub(super) fn heads(&self, package: &str) -> BTreeSet<String> {
        self.state.versions.get(package).cloned().unwrap_or_default()
    }

    /// The model of these tables and enumerations.
    ///
    /// # Errors
    /// The table that the model cannot hold, and why.
    pub(super) fn schema<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Result<Schema, (String, String)> {
        let mut schema = Schema::default();
        for name in names {
            if let Some(of) = self.catalog.enums.get(name) {
                schema.enums.insert(Ident::internal(name.as_str()), of.clone());
                continue;
            }
            match self.catalog.tables.get(name) {
                Some(CatalogTable::Readable(table)) => {
                    schema.tables.insert(Ident::internal(name.as_str()), table.clone());
                }
                Some(CatalogTable::Unreadable(reason)) => return Err((name.clone(), reason.clone())),
                None => return Err((name.clone(), "it is gone".to_owned())),
            }
        }
        Ok(schema)
    }

    /// Carries a step's changes forward: own tables and enumerations as they are afterwards, and who owns them.
    pub(super) fn carry(&mut self, package: &str, changes: &Changes<'_>) {
        for name in changes.gone() {
            self.catalog.tables.remove(name.as_str());
            self.state.tables.remove(name.as_str());
        }
        for (name, table) in &changes.new {
            self.catalog.tables.insert(name.as_str().to_owned(), CatalogTable::Readable(Arc::clone(table)));
        }
        for name in changes.made() {
            self.claim(package, name.as_str());
        }
        for name in changes.gone_enums() {
            self.catalog.enums.remove(name.as_str());
            self.state.enums.remove(name.as_str());
        }
        for (name, of) in &changes.new_enums {
            self.catalog.enums.insert(name.as_str().to_owned(), Arc::clone(of));
        }
        for name in changes.made_enums() {
            self.claim(package, name.as_str());
        }
        self.carry_names(changes);
    }

    /// Makes a table or an enumeration the package's own.
    pub(super) fn claim(&mut self, package: &str, name: &str) {
        let owner = Owner { package: package.to_owned(), history_id: 0 };
        let kind = match self.catalog.enums.contains_key(name) {
            true => &mut self.state.enums,
            false => &mut self.state.tables,
        };
        kind.insert(name.to_owned(), owner);
    }

    /// Names that share the scope of the tables follow the model in [`Catalog::other_names`].
    fn carry_names(&mut self, changes: &Changes<'_>) {
        let (old, new) = (self.scoped_names(changes.tables_before()), self.scoped_names(changes.tables_after()));
        for name in old.difference(&new) {
            self.catalog.other_names.remove(*name);
        }
        for name in new.difference(&old) {
            self.catalog.other_names.insert((*name).to_owned(), "index".to_owned());
        }
    }

    /// The names of indexes and keys that share the scope of the tables.
    fn scoped_names<'a>(&self, tables: impl IntoIterator<Item = &'a Table>) -> BTreeSet<&'a str> {
        let rules = self.dialect.rules();
        let mut names = BTreeSet::new();
        for table in tables {
            if rules.index_scope == NameScope::Schema {
                names.extend(table.indexes.iter().map(|index| index.name.as_str()));
            }
            if rules.key_scope == NameScope::Schema {
                let keys = table.primary_key.iter().chain(&table.uniques);
                names.extend(keys.filter_map(|key| key.name.as_ref()).map(Ident::as_str));
            }
        }
        names
    }

    /// What stands in the way of a step outside the package's own tables: a taken name, a reference from
    /// another table to something that goes.
    pub(super) fn conflict(
        &self,
        package: &str,
        before: &Schema,
        changes: &Changes<'_>,
        plan: &Plan,
    ) -> Option<String> {
        self.taken_table(package, before, changes)
            .or_else(|| self.used_enum(before, plan))
            .or_else(|| self.taken_name(before, changes))
            .or_else(|| self.broken_reference(before, changes, plan))
    }

    /// A new table or enumeration whose name is taken outside the package: a table is a type too.
    fn taken_table(&self, package: &str, before: &Schema, changes: &Changes<'_>) -> Option<String> {
        let tables = changes.made().map(|name| ("table", name, self.state.tables.get(name.as_str())));
        let enums = changes.made_enums().map(|name| ("enumeration", name, self.state.enums.get(name.as_str())));
        for (what, name, owner) in tables.chain(enums) {
            // Also where it is gone: the other package would take this one for its own.
            if let Some(owner) = owner.map(|owner| &owner.package).filter(|owner| *owner != package) {
                return Some(format!("{what} {name} is recorded as the package {owner}'s"));
            }
            if self.catalog.tables.keys().any(|other| name.is_like(other) && !before.tables.contains_key(&**other)) {
                return Some(format!("there is a table {name} already, which is not the package's"));
            }
            if self.catalog.enums.keys().any(|other| name.is_like(other) && !before.enums.contains_key(&**other)) {
                return Some(format!("there is an enumeration {name} already, which is not the package's"));
            }
            let mut others = self.catalog.other_names.iter().filter(|(other, _)| name.is_like(other));
            let own = |other: &str| self.scoped_names(before.tables.values().map(Arc::as_ref)).contains(other);
            if let Some((_, what)) = others.find(|(other, _)| !own(other)) {
                return Some(format!("there is {} {what} named {name} already", article(what)));
            }
        }
        None
    }

    /// A column outside the package of an enumeration that goes, if only to be made again.
    fn used_enum(&self, before: &Schema, plan: &Plan) -> Option<String> {
        let dropped: Vec<&Ident> = plan.dropped_enums().filter(|name| before.enums.contains_key(*name)).collect();
        if dropped.is_empty() {
            return None;
        }
        let others = self.catalog.tables.iter().filter(|(name, _)| !before.tables.contains_key(name.as_str()));
        for (table, found) in others {
            let CatalogTable::Readable(found) = found else { continue };
            let used = dropped.iter().find_map(|name| Some((name, found.column_of_enum(name)?)));
            if let Some((name, column)) = used {
                return Some(format!(
                    "column {column} of table {table}, which is not the package's, is of the enumeration {name}"
                ));
            }
        }
        None
    }

    /// A new index, key or foreign key whose name is taken outside the package's own tables.
    fn taken_name(&self, before: &Schema, changes: &Changes<'_>) -> Option<String> {
        let is_own = |other: &str| before.tables.contains_key(other);
        let (old, new) = (self.scoped_names(changes.tables_before()), self.scoped_names(changes.tables_after()));
        for name in new.difference(&old) {
            let taken = |other: &String| {
                name.eq_ignore_ascii_case(other)
                    && !self.scoped_names(before.tables.values().map(Arc::as_ref)).contains(&**other)
            };
            let table = self.catalog.tables.keys().any(|other| taken(other) && !is_own(other));
            if table || self.catalog.other_names.keys().any(taken) {
                return Some(format!("the name {name} of an index or key is taken by something else on the target"));
            }
        }
        if self.dialect.rules().foreign_key_scope != NameScope::Schema {
            return None;
        }
        let names = |table: &'_ Table| table.foreign_keys.iter().filter_map(|key| key.name.clone()).collect::<Vec<_>>();
        let old: BTreeSet<Ident> = changes.tables_before().flat_map(names).collect();
        let mut new = changes.tables_after().flat_map(names).filter(|name| !old.contains(name)).peekable();
        new.peek()?;
        let others = self.catalog.tables.iter().filter(|(other, _)| !is_own(other));
        let taken: BTreeSet<String> = others
            .filter_map(|(_, table)| if let CatalogTable::Readable(table) = table { Some(table) } else { None })
            .flat_map(|table| table.foreign_keys.iter().filter_map(|key| key.name.as_ref()).map(Ident::folded))
            .collect();
        let name = new.find(|name| taken.contains(&name.folded()))?;
        Some(format!("the name {name} of a foreign key is taken by another table on the target"))
    }

    /// A foreign key of a table outside `before` to a table that goes, is renamed, or loses the key. One that goes and is
    /// made again is gone all the same: SQLite takes the rows along that refer to it.
    fn broken_reference(&self, before: &Schema, changes: &Changes<'_>, plan: &Plan) -> Option<String> {
        let moved = plan.moved_tables();
        if changes.old.is_empty() && moved.is_empty() {
            return None;
        }
        let is_moved = |table: &Ident| moved.iter().any(|(from, _)| from == table.as_str());
        for (name, table) in &self.catalog.tables {
            let CatalogTable::Readable(table) = table else { continue };
            if before.tables.contains_key(name.as_str()) {
                continue;
            }
            for key in &table.foreign_keys {
                let Some(old) = before.tables.get(&key.referred_table) else { continue };
                if !changes.old.contains_key(&key.referred_table) && !is_moved(&key.referred_table) {
                    continue;
                }
                let is_key = |table: &Table| {
                    let mut keys = table.primary_key.iter().chain(&table.uniques);
                    keys.any(|found| same_columns(&found.columns, &key.referred_columns))
                };
                let found = changes.new.get(&key.referred_table).filter(|_| !is_moved(&key.referred_table));
                let stays = found.is_some_and(|referred| {
                    // A key that the model does not know stays as it is.
                    (is_key(referred) || !is_key(old))
                        && key.referred_columns.iter().all(|column| {
                            let (old, new) = (old.column(column), referred.column(column));
                            old.map(|column| &column.column_type) == new.map(|column| &column.column_type)
                        })
                });
                if !stays {
                    return Some(format!(
                        "table {name}, which is not the package's, refers to {} ({})",
                        key.referred_table,
                        key.referred_columns.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ")
                    ));
                }
            }
        }
        None
    }
}

/// Whether another look may see more.
fn is_torn(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Database(error) | ErrorKind::Store(StoreError::Database(error)) => error.is_torn(),
        _ => false,
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
