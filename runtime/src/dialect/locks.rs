//! The locks of a step that are taken before anything else.
//!
//! On PostgreSQL a statement that waits for its table holds a snapshot meanwhile. A concurrent index build of another
//! program waits for such snapshots, and the statement for the build: a deadlock, of which the build becomes the victim.
//! `LOCK TABLE` waits without a snapshot; and where a step changes rows first and the table later, it has the lock that
//! it needs in the end from the beginning.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dialect, quote};
use crate::operation::{Ident, Op};

/// What a table is locked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// Writers: for an index.
    Share,
    /// Everybody.
    Exclusive,
}

/// The statements that lock the tables which these operations change, are there before them, and which the database
/// would have a statement of theirs wait for. Mostly none.
pub fn table_locks<'a>(dialect: Dialect, operations: impl IntoIterator<Item = &'a Op>) -> Vec<String> {
    if dialect != Dialect::Postgres {
        return Vec::new();
    }
    let mut made: BTreeSet<&Ident> = BTreeSet::new();
    let mut modes: BTreeMap<&Ident, Mode> = BTreeMap::new();
    for op in operations {
        let table = op.table();
        let mode = match op {
            Op::CreateTable { .. } => {
                made.insert(table);
                continue;
            }
            Op::BulkInsert { .. } | Op::Execute { .. } => continue,
            Op::CreateIndex { .. } => Mode::Share,
            _ => Mode::Exclusive,
        };
        if !made.contains(table) {
            let held = modes.entry(table).or_insert(mode);
            *held = mode.max(*held);
        }
        if let Op::RenameTable { new_name, .. } = op {
            made.insert(new_name);
        }
    }
    let statement = |(mode, words): (Mode, &str)| {
        let tables = modes.iter().filter(|(_, found)| **found == mode);
        let names: Vec<String> = tables.map(|(name, _)| quote(dialect, name)).collect();
        (!names.is_empty()).then(|| format!("LOCK TABLE {} IN {words} MODE", names.join(", ")))
    };
    [(Mode::Exclusive, "ACCESS EXCLUSIVE"), (Mode::Share, "SHARE")].into_iter().filter_map(statement).collect()
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
        assert_eq!(table_locks(Dialect::Postgres, &ops), [r#"LOCK TABLE "a", "c" IN ACCESS EXCLUSIVE MODE"#]);
        assert_eq!(table_locks(Dialect::Sqlite, &ops), [""; 0]);
    }
}
