//! What the rows mean, on rows that real servers answered. `fixtures/*.sql` is what the databases held,
//! `fixtures/*.json` what each query answered (SQLite 3.40, PostgreSQL 15, MariaDB 10.11).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use super::*;
use crate::dialect::render_portable;
use crate::operation::{IndexOrder, IndexPart, Key};
use crate::schema::Column;

fn recorded(dialect: Dialect) -> Vec<Vec<TextRow>> {
    let text = match dialect {
        Dialect::Sqlite => include_str!("fixtures/sqlite.json"),
        Dialect::Postgres => include_str!("fixtures/postgres.json"),
        Dialect::Mariadb => include_str!("fixtures/mariadb.json"),
    };
    serde_json::from_str(text).expect("a fixture is lists of rows of texts")
}

fn catalog(dialect: Dialect) -> Catalog {
    read(dialect, &recorded(dialect))
}

/// A catalog as lines that can be read.
fn show(catalog: &Catalog) -> String {
    let mut text = String::new();
    for (name, table) in &catalog.tables {
        text.push_str(&match table {
            CatalogTable::Readable(table) => format!("{name}\n    {}\n", describe(table).join("\n    ")),
            CatalogTable::Unreadable(reason) => format!("{name} is unreadable: {reason}\n"),
        });
    }
    for (name, what) in &catalog.other_names {
        text.push_str(&format!("{name} is taken: {what}\n"));
    }
    text
}

/// The table of a changed recording.
fn table(dialect: Dialect, results: &[Vec<TextRow>], name: &str) -> CatalogTable {
    read(dialect, results).tables.remove(name).expect("the table is listed")
}

fn describe(table: &Table) -> Vec<String> {
    let list = |names: &[Ident]| names.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ");
    let named = |name: &Option<Ident>| name.as_ref().map_or("-".to_owned(), |name| format!("{:?}", name.as_str()));
    let key = |kind: &str, key: &Key| format!("{kind} {} ({})", named(&key.name), list(&key.columns));
    let mut lines: Vec<String> = table.columns.iter().map(describe_column).collect();
    lines.extend(table.primary_key.iter().map(|found| key("primary key", found)));
    lines.extend(table.uniques.iter().map(|found| key("unique", found)));
    lines.extend(table.foreign_keys.iter().map(|key| {
        format!(
            "foreign key {} ({}) to {} ({}) update {:?} delete {:?}",
            named(&key.name),
            list(&key.columns),
            key.referred_table,
            list(&key.referred_columns),
            key.on_update,
            key.on_delete
        )
    }));
    lines.extend(table.checks.iter().map(|check| match &check.condition {
        CheckCondition::Portable(condition) => format!("check {} {}", named(&check.name), render_portable(condition)),
        CheckCondition::Opaque(text) => format!("check {} opaque {text}", named(&check.name)),
    }));
    lines.extend(table.indexes.iter().map(|index| {
        let part = |part: &IndexPart| {
            let key = match &part.key {
                IndexKey::Column(name) => name.to_string(),
                IndexKey::Expression(expression) => format!("({})", render_portable(expression)),
            };
            if part.order == IndexOrder::Descending { format!("{key} desc") } else { key }
        };
        let parts: Vec<_> = index.parts.iter().map(part).collect();
        let unique = if index.unique { "unique " } else { "" };
        let rows = index.predicate.as_ref().map(|predicate| format!(" where {}", render_portable(predicate)));
        format!("{unique}index {:?} ({}){}", index.name.as_str(), parts.join(", "), rows.unwrap_or_default())
    }));
    lines.extend(table.comment.iter().map(|comment| format!("comment {comment:?}")));
    lines.extend(table.opaque.iter().map(|found| format!("{} {:?}: {}", found.kind, found.name, found.definition)));
    lines
}

fn describe_column(column: &Column) -> String {
    let mut line = match &column.column_type {
        ModelType::Portable(column_type) => format!("{} {column_type}", column.name),
        ModelType::Opaque(text) => format!("{} opaque {text}", column.name),
    };
    if !column.nullable {
        line.push_str(" not null");
    }
    if column.auto_increment {
        line.push_str(" numbered");
    }
    match &column.default {
        Some(ModelDefault::Portable(ColumnDefault::Value(value))) => line.push_str(&format!(" default {value:?}")),
        Some(ModelDefault::Portable(ColumnDefault::Expression(expr))) => {
            line.push_str(&format!(" default {}", render_portable(expr)));
        }
        Some(ModelDefault::Opaque(text)) => line.push_str(&format!(" default opaque {text}")),
        None => {}
    }
    if let Some(computed) = &column.computed {
        line.push_str(&format!(" computed {} {:?}", render_portable(&computed.expression), computed.storage));
    }
    if let Some(comment) = &column.comment {
        line.push_str(&format!(" comment {comment:?}"));
    }
    for extra in &column.extra {
        line.push_str(&format!(" [{extra}]"));
    }
    line
}

/// `fixtures/*.txt` are accepted by reading them beside `fixtures/*.sql`; `PTAH_UPDATE_SNAPSHOTS=1` writes
/// them anew.
#[test]
fn recorded_databases_read_as_their_snapshots() {
    let expected = [
        (Dialect::Sqlite, include_str!("fixtures/sqlite.txt")),
        (Dialect::Postgres, include_str!("fixtures/postgres.txt")),
        (Dialect::Mariadb, include_str!("fixtures/mariadb.txt")),
    ];
    for (dialect, expected) in expected {
        let found = show(&catalog(dialect));
        if std::env::var_os("PTAH_UPDATE_SNAPSHOTS").is_some() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dialect/catalog/fixtures");
            std::fs::write(format!("{folder}/{dialect}.txt"), &found).unwrap();
            continue;
        }
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{dialect}");
        }
        assert_eq!(found.len(), expected.len(), "{dialect}");
    }
}

#[test]
fn a_definition_that_disagrees_with_the_database_is_unreadable() {
    let (columns, foreign_keys, index_columns) = (1, 2, 3);
    for (query, column, other) in
        [(columns, 1, "b"), (columns, 5, "0"), (foreign_keys, 2, "c"), (index_columns, 6, "id")]
    {
        let mut rows = recorded(Dialect::Sqlite);
        for row in rows[query].iter_mut().filter(|row| cell(row, 0) == "by_column") {
            row[column] = Some(other.to_owned());
        }
        let read = table(Dialect::Sqlite, &rows, "by_column");
        assert!(matches!(read, CatalogTable::Unreadable(_)), "query {query} column {column}: {read:?}");
    }
}

#[test]
fn an_index_of_a_key_makes_an_integer_key_no_row_id() {
    let mut rows = recorded(Dialect::Sqlite);
    let column = |rows: &[Vec<TextRow>]| match table(Dialect::Sqlite, rows, "users") {
        CatalogTable::Readable(table) => table.columns[0].clone(),
        CatalogTable::Unreadable(reason) => panic!("{reason}"),
    };
    assert!(column(&rows).auto_increment);
    let key = ["users", "sqlite_autoindex_users_2", "1", "pk", "0", "0", "id", "0", "BINARY"];
    rows[3].push(key.map(|text| Some(text.to_owned())).to_vec());
    assert!(!column(&rows).auto_increment);
    assert_eq!(column(&rows).column_type, ModelType::Opaque("INTEGER".to_owned()));
}

#[test]
fn no_rows_are_an_empty_catalog() {
    for dialect in Dialect::ALL {
        assert_eq!(read(dialect, &[]), Catalog::default());
        let empty = vec![Vec::new(); queries(dialect).len()];
        assert_eq!(read(dialect, &empty), Catalog::default());
    }
}

#[test]
fn bookkeeping_tables_are_listed_as_such_and_nowhere_else() {
    for dialect in Dialect::ALL {
        let catalog = catalog(dialect);
        assert_eq!(catalog.bookkeeping, BTreeSet::from(["ptah_db_versions".to_owned()]));
        assert!(!catalog.tables.keys().chain(catalog.other_names.keys()).any(|name| name.starts_with("ptah_db_")));
    }
}

#[test]
fn a_name_outside_the_grammar_makes_a_table_unreadable_and_keeps_it_listed() {
    for dialect in Dialect::ALL {
        for name in ["with space", "odd_column_name"] {
            let read = table(dialect, &recorded(dialect), name);
            assert!(matches!(read, CatalogTable::Unreadable(_)), "{dialect} {name}: {read:?}");
        }
    }
}

/// Every column of every query in turn becomes NULL, junk, or too short.
#[test]
fn no_content_of_a_database_makes_reading_panic() {
    for dialect in Dialect::ALL {
        let rows = recorded(dialect);
        for query in 0..rows.len() {
            for column in 0..rows[query][0].len() {
                for junk in [None, Some("'\"`[((\u{0}é"), Some("4294967296"), Some("[\"a\", \"b\"]")] {
                    let mut changed = rows.clone();
                    changed[query].iter_mut().for_each(|row| row[column] = junk.map(str::to_owned));
                    read(dialect, &changed);
                }
                let mut changed = rows.clone();
                changed[query].iter_mut().for_each(|row| row.truncate(column));
                read(dialect, &changed);
            }
        }
    }
}
