//! The tables of a schema: a map whose copies cost nothing, as every planned operation takes some of a schema that may
//! have hundreds of tables and changes one; and what a step changes of them.

use std::collections::{BTreeMap, btree_map};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::Serialize;

use super::table::{Schema, Table};
use crate::operation::{EnumType, Ident};

/// Tables by name. Copies share the map until one of them is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Tables(Arc<BTreeMap<Ident, Arc<Table>>>);

impl Tables {
    /// Whether the two are copies of each other of which none was changed.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Tables {
    type Target = BTreeMap<Ident, Arc<Table>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Tables {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl FromIterator<(Ident, Arc<Table>)> for Tables {
    fn from_iter<I: IntoIterator<Item = (Ident, Arc<Table>)>>(tables: I) -> Self {
        Self(Arc::new(tables.into_iter().collect()))
    }
}

impl IntoIterator for Tables {
    type Item = (Ident, Arc<Table>);
    type IntoIter = btree_map::IntoIter<Ident, Arc<Table>>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Tables {
    type Item = (&'a Ident, &'a Arc<Table>);
    type IntoIter = btree_map::Iter<'a, Ident, Arc<Table>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The tables and enumerations in which two schemas differ, each with its name: those that they share are the same ones.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// As they were: altered ones and those that are gone.
    pub old: BTreeMap<&'a Ident, &'a Arc<Table>>,
    /// As they are: altered ones and those that are made.
    pub new: BTreeMap<&'a Ident, &'a Arc<Table>>,
    /// Enumerations as they were.
    pub old_enums: BTreeMap<&'a Ident, &'a Arc<EnumType>>,
    /// Enumerations as they are.
    pub new_enums: BTreeMap<&'a Ident, &'a Arc<EnumType>>,
}

impl<'a> Changes<'a> {
    /// What `after` changes of `before`.
    pub fn of(before: &'a Schema, after: &'a Schema) -> Self {
        let mut changes = Self::default();
        changes.old_enums.extend(before.enums.iter().filter(|(name, of)| after.enums.get(*name) != Some(*of)));
        changes.new_enums.extend(after.enums.iter().filter(|(name, of)| before.enums.get(*name) != Some(*of)));
        if before.tables.is_same(&after.tables) {
            return changes;
        }
        let (mut before, mut after) = (before.tables.iter().peekable(), after.tables.iter().peekable());
        loop {
            let both = before.peek().zip(after.peek());
            let order = both.map(|((old, _), (new, _))| old.cmp(new));
            let old = if order.is_none_or(std::cmp::Ordering::is_le) { before.next() } else { None };
            let new = if order.is_none_or(std::cmp::Ordering::is_ge) { after.next() } else { None };
            match (old, new) {
                (None, None) => return changes,
                (Some((_, old)), Some((_, new))) if order.is_some() && Arc::ptr_eq(old, new) => {}
                (old, new) => {
                    changes.old.extend(old);
                    changes.new.extend(new);
                }
            }
        }
    }

    /// Those of [`Self::old`] without their names.
    pub fn tables_before(&self) -> impl Iterator<Item = &'a Table> {
        self.old.values().copied().map(Arc::as_ref)
    }

    /// Those of [`Self::new`] without their names.
    pub fn tables_after(&self) -> impl Iterator<Item = &'a Table> {
        self.new.values().copied().map(Arc::as_ref)
    }

    /// The names of the tables that are made.
    pub fn made(&self) -> impl Iterator<Item = &'a Ident> {
        self.new.keys().filter(|name| !self.old.contains_key(*name)).copied()
    }

    /// The names of the enumerations that are made.
    pub fn made_enums(&self) -> impl Iterator<Item = &'a Ident> {
        self.new_enums.keys().filter(|name| !self.old_enums.contains_key(*name)).copied()
    }

    /// The names of the enumerations that are gone.
    pub fn gone_enums(&self) -> impl Iterator<Item = &'a Ident> {
        self.old_enums.keys().filter(|name| !self.new_enums.contains_key(*name)).copied()
    }

    /// The names of the tables that are gone.
    pub fn gone(&self) -> impl Iterator<Item = &'a Ident> {
        self.old.keys().filter(|name| !self.new.contains_key(*name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(tables: &[(&str, &Arc<Table>)]) -> Schema {
        let named = tables.iter().map(|(name, table)| (Ident::internal(*name), Arc::clone(table)));
        Schema { tables: named.collect(), ..Schema::default() }
    }

    fn names<'a>(names: impl Iterator<Item = &'a Ident>) -> Vec<&'a str> {
        names.map(Ident::as_str).collect()
    }

    #[test]
    fn changes_are_the_tables_that_are_not_the_same_ones() {
        let [kept, altered, anew] = std::array::from_fn(|_| Arc::new(Table::default()));
        let before = schema(&[("altered", &altered), ("gone", &kept), ("kept", &kept)]);
        let after = schema(&[("altered", &anew), ("kept", &kept), ("made", &anew), ("zed", &kept)]);
        let changes = Changes::of(&before, &after);
        assert_eq!(names(changes.old.keys().copied()), ["altered", "gone"]);
        assert_eq!(names(changes.new.keys().copied()), ["altered", "made", "zed"]);
        assert_eq!((names(changes.made()), names(changes.gone())), (vec!["made", "zed"], vec!["gone"]));
        assert!(changes.old.values().any(|table| Arc::ptr_eq(table, &altered)));
        let back = Changes::of(&after, &before);
        assert_eq!((names(back.made()), names(back.gone())), (vec!["gone"], vec!["made", "zed"]));
    }

    #[test]
    fn what_is_equal_or_shared_makes_no_changes() {
        let table = Arc::new(Table::default());
        let one = schema(&[("a", &table), ("b", &table)]);
        for other in [one.clone(), schema(&[("a", &table), ("b", &table)])] {
            let changes = Changes::of(&one, &other);
            assert!(changes.old.is_empty() && changes.new.is_empty());
        }
        assert_eq!(names(Changes::of(&Schema::default(), &one).made()), ["a", "b"]);
    }
}
