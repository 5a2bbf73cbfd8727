//! The operations on indexes in the snapshot, and those on foreign keys that have an index on MariaDB.

use super::script::{add, drop, foreign_key, ident};
use crate::operation::{Constraint, ConstraintSelector, Demand, Index, IndexOrder, IndexPart, Op};

fn index(name: &str, columns: &[(&str, IndexOrder)], unique: bool) -> Index {
    let parts = columns.iter().map(|(name, order)| IndexPart::column(ident(name), *order)).collect();
    Index { name: ident(name), parts, unique, predicate: None }
}

fn create_index(table: &str, index: Index) -> Op {
    Op::CreateIndex { table: ident(table), index, online: None }
}

/// Title and operation.
pub(super) fn indexes() -> Vec<(&'static str, Op)> {
    use IndexOrder::{Ascending, Descending};
    vec![
        (
            "two columns, one descending",
            create_index("posts", index("ix posts", &[("title", Ascending), ("position", Descending)], false)),
        ),
        ("unique", create_index("authors", index("ux_authors_age", &[("age", Ascending)], true))),
        ("unique", Op::DropIndex { table: ident("authors"), name: ident("ux_authors_age"), online: None }),
        (
            "of two columns",
            Op::RenameIndex { table: ident("posts"), name: ident("ix posts"), new_name: ident("ix.posts") },
        ),
        ("of two columns", Op::DropIndex { table: ident("posts"), name: ident("ix.posts"), online: None }),
        ("over a text without a bound", create_index("notes", index("ix_body", &[("body", Ascending)], false))),
        ("over a long varchar", create_index("every_long", index("ix_long", &[("long", Ascending)], false))),
        ("over a document", create_index("every_type", index("ix_json", &[("json", Ascending)], false))),
        ("online, if supported", create_online(index("ix_age", &[("age", Descending)], false), Demand::IfSupported)),
        ("unique, online", create_online(index("ux_age", &[("age", Ascending)], true), Demand::Required)),
        ("online", drop_online("ix_age", Demand::Required)),
        ("online, if supported", drop_online("ix_age", Demand::IfSupported)),
        ("online, if supported", drop_online("ux_age", Demand::IfSupported)),
    ]
}

fn create_online(index: Index, demand: Demand) -> Op {
    Op::CreateIndex { table: ident("authors"), index, online: Some(demand) }
}

fn drop_online(name: &str, demand: Demand) -> Op {
    Op::DropIndex { table: ident("authors"), name: ident(name), online: Some(demand) }
}

/// Title and operation.
pub(super) fn of_foreign_keys() -> Vec<(&'static str, Op)> {
    use IndexOrder::Ascending;
    let dropped = |name: &str| drop("posts", ConstraintSelector::Name(ident(name)));
    let wide = || index("ix_position", &[("position", Ascending), ("title", Ascending)], false);
    vec![
        (
            "a second one of its column",
            add("posts", Constraint::ForeignKey(foreign_key(Some("second"), "parent", "posts", "id"))),
        ),
        ("a foreign key whose index another one needs", dropped("second")),
        (
            "a foreign key that brings an index",
            add("posts", Constraint::ForeignKey(foreign_key(Some("third"), "position", "authors", "id"))),
        ),
        (
            "a foreign key that takes over the index of another one",
            add("posts", Constraint::ForeignKey(foreign_key(Some("fourth"), "position", "authors", "id"))),
        ),
        ("one that replaces that of a foreign key, online", {
            Op::CreateIndex { table: ident("posts"), index: wide(), online: Some(Demand::IfSupported) }
        }),
        ("a foreign key whose index was replaced", dropped("fourth")),
        ("another one", dropped("third")),
        (
            "one that no foreign key needs",
            Op::DropIndex { table: ident("posts"), name: ident("ix_position"), online: None },
        ),
    ]
}
