//! Differences in words, and the digest.

use super::*;
use crate::dialect::render_portable;
use crate::schema::{Digests, Opaque, compare};
use std::sync::Arc;

const NATIVE: fn(&ColumnType) -> String = |name| crate::dialect::type_name(Dialect::Mariadb, name);

#[test]
fn a_schema_does_not_differ_from_itself() {
    for dialect in Dialect::ALL {
        assert_eq!(compare(&base(dialect), &base(dialect), render_portable, &NATIVE), Vec::<String>::new());
        assert_eq!(base(dialect).digest(), base(dialect).digest());
        assert_eq!(base(dialect).digest().len(), 64);
    }
}

#[test]
fn schemas_in_a_row_have_the_digests_that_each_has_alone() {
    for dialect in Dialect::ALL {
        let (mut schema, mut digests) = (base(dialect), Digests::default());
        let mut digested = vec![digests.of(&schema)];
        for op in [
            create_table("aaa", vec![not_null("id", ColumnType::Integer)], vec![]),
            create_table("zzz", vec![not_null("id", ColumnType::Integer)], vec![]),
            add_column("aaa", column("more", ColumnType::Text)),
            rename_table("aaa", "yyy"),
            Op::DropTable { name: name("zzz") },
        ] {
            apply(&mut schema, dialect.rules(), &op).unwrap();
            digested.push(digests.of(&schema));
            assert_eq!(digested.last(), Some(&schema.digest()), "{dialect}: {op:?}");
        }
        let count = digested.len();
        assert_eq!(digested.into_iter().collect::<std::collections::BTreeSet<_>>().len(), count);
    }
}

#[test]
fn every_difference_is_said() {
    let expected = base(Dialect::Postgres);
    let differs = |ops: &[Op]| {
        let mut found = expected.clone();
        for op in ops {
            apply(&mut found, Dialect::Postgres.rules(), op).unwrap();
        }
        assert_ne!(found.digest(), expected.digest(), "{ops:?}");
        compare(&expected, &found, render_portable, &NATIVE)
    };
    let retype = ColumnChanges { column_type: Some(ColumnType::Varchar(Some(50))), ..KEEP };
    let drop = |text: &str| Op::DropConstraint {
        table: name("pages"),
        which: crate::operation::ConstraintSelector::Name(name(text)),
    };
    for (ops, line) in [
        (vec![alter("pages", "body", retype)], "table pages: column body: type is varchar(50), expected text"),
        (
            vec![alter("pages", "title", ColumnChanges { nullable: Some(true), ..KEEP })],
            "table pages: column title: nullability is nullable, expected not null",
        ),
        (
            vec![alter("pages", "hits", ColumnChanges { default: Change::Clear, ..KEEP })],
            "table pages: column hits: default is none, expected 0",
        ),
        (
            vec![alter("pages", "hits", ColumnChanges { comment: Change::Set(comment("c")), ..KEEP })],
            "table pages: column hits: comment is \"c\", expected none",
        ),
        (vec![drop_column("pages", "body")], "table pages: column body is missing"),
        (vec![add_column("pages", column("x", ColumnType::Text))], "table pages: column x is not expected"),
        (vec![Op::DropTable { name: name("pages") }], "table pages is missing"),
        (vec![create_table("t", vec![column("a", ColumnType::Text)], vec![])], "table t is not expected"),
        (vec![drop_index("pages", "ix_hits")], "table pages: index ix_hits (over hits) is missing"),
        (
            vec![drop_index("pages", "ix_hits"), create_index("pages", "ix_hits", &["title"])],
            "table pages: index ix_hits is over title, expected over hits",
        ),
        (
            vec![drop_index("pages", "ix_hits"), create_index("pages", "hits", &["hits"])],
            "table pages: index hits (over hits) is to be called ix_hits",
        ),
        (
            vec![drop("fk_author")],
            "table pages: foreign key fk_author (of author to users (id), on update no action, on delete no action) is \
             missing",
        ),
        (
            vec![constrain("users", unique(None, &["age"]))],
            "table users: unique constraint users_age_key (over age) is not expected",
        ),
    ] {
        assert_eq!(differs(&ops), [line]);
    }
    assert_eq!(
        differs(&[drop("title_given")]),
        ["table pages: check title_given ((length(\"title\") > 0)) is missing"]
    );
}

#[test]
fn a_type_that_is_not_portable_is_told_what_to_become() {
    let expected = schema(Dialect::Mariadb, &[create_table("t", vec![column("at", ColumnType::Timestamp(6))], vec![])]);
    let mut found = expected.clone();
    let table = Arc::make_mut(found.tables.get_mut(&name("t")).unwrap());
    table.columns[0].column_type = crate::schema::ModelType::Opaque("timestamp(6)".into());
    assert_eq!(
        compare(&expected, &found, render_portable, &NATIVE),
        ["table t: column at: type is timestamp(6), expected datetime(6)"]
    );
}

#[test]
fn the_order_of_columns_and_opaque_entries_count() {
    let expected = base(Dialect::Postgres);
    let mut found = expected.clone();
    let pages = Arc::make_mut(found.tables.get_mut(&name("pages")).unwrap());
    pages.columns.swap(1, 2);
    pages.opaque.push(Opaque { kind: "trigger".into(), name: "tr".into(), definition: "…".into() });
    assert_eq!(
        compare(&expected, &found, render_portable, &NATIVE),
        [
            "table pages: the order of the columns is id, body, title, parent, author, hits, expected id, title, body, \
             parent, author, hits",
            "table pages: object trigger tr (…) is not expected",
        ]
    );
}

#[test]
fn constraints_without_a_name_are_compared_by_content() {
    let t = |columns: &[&str]| {
        let specs = ["a", "b"].map(|text| column(text, ColumnType::Integer)).to_vec();
        schema(Dialect::Sqlite, &[create_table("t", specs, vec![unique(None, &["a"]), unique(None, columns)])])
    };
    assert_eq!(compare(&t(&["b"]), &t(&["b"]), render_portable, &NATIVE), Vec::<String>::new());
    assert_eq!(
        compare(&t(&["b"]), &t(&["a", "b"]), render_portable, &NATIVE),
        ["table t: unique constraint over b is missing", "table t: unique constraint over a, b is not expected"]
    );
}
