//! The locks of a step that are taken before anything else.
//!
//! On PostgreSQL a statement that waits for its table holds a snapshot meanwhile. A concurrent index build of another
//! program waits for such snapshots, and the statement for the build: a deadlock. So the tables that a step changes, and
//! those of the package that its foreign keys refer to, are locked first, while the transaction has seen nothing yet. It may
//! have a snapshot of the catalog even then; it therefore waits for less time than the server takes to look for
//! deadlocks, and is begun again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::session::milliseconds;
use super::{Dialect, SessionSettings, quote};
use crate::operation::{Constraint, ForeignKey, Ident, Op};

/// How long a transaction waits for its tables before it is begun again: well under the second that PostgreSQL's
/// `deadlock_timeout` is. Whoever comes later and waits behind it waits no longer.
const WAIT: Duration = Duration::from_millis(300);

/// What a table is locked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// Writers: for an index.
    Share,
    /// Writers, and whoever changes the table too: for a foreign key to it.
    ShareRowExclusive,
    /// Everybody.
    Exclusive,
}

/// The statements that lock the tables which these operations change, are there before them, and which the database
/// would have a statement of theirs wait for. Mostly none. `owns`: whether the package may lock a table that it refers to.
pub fn table_locks<'a>(
    dialect: Dialect,
    settings: &SessionSettings,
    operations: impl IntoIterator<Item = &'a Op>,
    owns: impl Fn(&Ident) -> bool,
) -> Vec<String> {
    if dialect != Dialect::Postgres {
        return Vec::new();
    }
    let mut made: BTreeSet<&Ident> = BTreeSet::new();
    let mut modes: BTreeMap<&Ident, Mode> = BTreeMap::new();
    let mut lock = |table: &'a Ident, mode: Mode, made: &BTreeSet<&Ident>| {
        if !made.contains(table) {
            let held = modes.entry(table).or_insert(mode);
            *held = mode.max(*held);
        }
    };
    for op in operations {
        for ForeignKey { referred_table, .. } in foreign_keys(op) {
            if owns(referred_table) {
                lock(referred_table, Mode::ShareRowExclusive, &made);
            }
        }
        match op {
            op if op.is_data() || op.is_enum() => {}
            Op::CreateTable { table } => {
                made.insert(&table.name);
            }
            Op::CreateIndex { table, .. } => lock(table, Mode::Share, &made),
            Op::RenameTable { name, new_name } => {
                lock(name, Mode::Exclusive, &made);
                made.insert(new_name);
            }
            other => lock(other.subject(), Mode::Exclusive, &made),
        }
    }
    let statement = |(mode, words): (Mode, &str)| {
        let tables = modes.iter().filter(|(_, found)| **found == mode);
        let names: Vec<String> = tables.map(|(name, _)| quote(dialect, name)).collect();
        (!names.is_empty()).then(|| format!("LOCK TABLE {} IN {words} MODE", names.join(", ")))
    };
    let words = [
        (Mode::Exclusive, "ACCESS EXCLUSIVE"),
        (Mode::ShareRowExclusive, "SHARE ROW EXCLUSIVE"),
        (Mode::Share, "SHARE"),
    ];
    let locks: Vec<String> = words.into_iter().filter_map(statement).collect();
    if locks.is_empty() {
        return locks;
    }
    let wait = |duration| format!("SET LOCAL lock_timeout = {}", milliseconds(duration));
    let (first, last) = (wait(settings.lock_timeout.min(WAIT)), wait(settings.lock_timeout));
    std::iter::once(first).chain(locks).chain([last]).collect()
}

fn foreign_keys(op: &Op) -> impl Iterator<Item = &ForeignKey> {
    let constraints = match op {
        Op::CreateTable { table } => table.constraints.as_slice(),
        Op::CreateConstraint { constraint, .. } => std::slice::from_ref(constraint),
        _ => &[],
    };
    constraints.iter().filter_map(|constraint| match constraint {
        Constraint::ForeignKey(key) => Some(key),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(name: &str) -> Ident {
        Ident::internal(name)
    }

    #[test]
    fn tables_that_are_there_and_change_their_shape_are_locked_once() {
        let drop = |table: &str, name: &str| Op::DropColumn { table: ident(table), name: ident(name) };
        let rename = Op::RenameTable { name: ident("a"), new_name: ident("b") };
        let ops = [drop("c", "x"), drop("c", "y"), rename, drop("b", "x")];
        let locks = |dialect| table_locks(dialect, &SessionSettings::default(), &ops, |_| true);
        let expected = [
            "SET LOCAL lock_timeout = 300",
            r#"LOCK TABLE "a", "c" IN ACCESS EXCLUSIVE MODE"#,
            "SET LOCAL lock_timeout = 2000",
        ];
        assert_eq!(locks(Dialect::Postgres), expected);
        assert_eq!(locks(Dialect::Sqlite), [""; 0]);
    }
}
