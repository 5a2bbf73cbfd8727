//! The operations on indexes in the snapshot, and those on foreign keys that have an index on MariaDB.

use super::script::{add, drop, foreign_key, ident};
use crate::operation::{Constraint, ConstraintSelector, Index, IndexOrder, IndexPart, Op};

fn index(name: &str, columns: &[(&str, IndexOrder)], unique: bool) -> Index {
    let parts = columns.iter().map(|(name, order)| IndexPart::column(ident(name), *order)).collect();
    Index { name: ident(name), parts, unique, predicate: None }
}

fn create_index(table: &str, index: Index) -> Op {
    Op::CreateIndex { table: ident(table), index }
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
        ("unique", Op::DropIndex { table: ident("authors"), name: ident("ux_authors_age") }),
        (
            "of two columns",
            Op::RenameIndex { table: ident("posts"), name: ident("ix posts"), new_name: ident("ix.posts") },
        ),
        ("of two columns", Op::DropIndex { table: ident("posts"), name: ident("ix.posts") }),
        ("over a text without a bound", create_index("notes", index("ix_body", &[("body", Ascending)], false))),
        ("over a long varchar", create_index("every_long", index("ix_long", &[("long", Ascending)], false))),
        ("over a document", create_index("every_type", index("ix_json", &[("json", Ascending)], false))),
    ]
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
        ("one that replaces that of a foreign key", create_index("posts", wide())),
        ("a foreign key whose index was replaced", dropped("fourth")),
        ("another one", dropped("third")),
        ("one that no foreign key needs", Op::DropIndex { table: ident("posts"), name: ident("ix_position") }),
    ]
}
