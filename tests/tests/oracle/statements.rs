//! Every statement of the render snapshot, sent to the database that it is for.

use std::fmt;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{ColumnType, Constraint, ConstraintSelector, Op, ReferentialAction};
use ptah_wasm_tests::{on_databases, on_every_database};

use crate::build::{column, foreign_key, id, ident, key, table};
use crate::twin::Twin;

const SNAPSHOT: &str = include_str!("../../../runtime/src/dialect/render/tests/snapshot.txt");

/// A statement of the snapshot and the operation that it stands under.
struct Entry {
    title: &'static str,
    sql: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.title, self.sql)
    }
}

/// The statements of one dialect in their order: each operation goes on from the schema that those before it made.
fn statements(dialect: Dialect) -> Vec<Entry> {
    let mut found = Vec::new();
    let (mut title, mut here) = ("", false);
    let mut open = String::new();
    for line in SNAPSHOT.lines() {
        if let Some(operation) = line.strip_prefix("== ") {
            title = operation;
        } else if let Some(name) = line.strip_prefix("-- ") {
            here = name == dialect.as_str();
        } else if here {
            let said = ["nothing", "model: ", "refused: "].iter().any(|word| line.starts_with(word));
            if open.is_empty() && (said || line.is_empty()) {
                continue;
            }
            open.push_str(line);
            match open.strip_suffix(';') {
                Some(sql) => {
                    found.push(Entry { title, sql: sql.to_owned() });
                    open.clear();
                }
                None => open.push('\n'),
            }
        }
    }
    assert_eq!(open, "", "the snapshot ends inside a statement");
    found
}

on_every_database! {
    async fn every_statement_of_the_snapshot_is_accepted(target: &TestTarget) {
        let all = statements(target.dialect());
        let least = if target.dialect() == Dialect::Sqlite { 25 } else { 50 };
        assert!(all.len() >= least, "{}", all.len());
        let mut connection = target.target().connect_to_change().await.unwrap();
        for entry in &all {
            if let Err(error) = connection.execute(&entry.sql).await {
                panic!("{error}\n{entry}");
            }
        }
        connection.close().await;
    }
}

on_databases! {
    [mariadb] async fn an_index_that_another_foreign_key_needs_is_made_anew_under_its_name(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let refers = || foreign_key(&["owner"], "people", ReferentialAction::Cascade, ReferentialAction::NoAction);
        twin.must(table("people", vec![id()], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let columns = vec![id(), column("owner", ColumnType::BigInteger)];
        let constraints = vec![Constraint::PrimaryKey(key(&["id"])), refers(), refers()];
        twin.must(table("cats", columns, constraints)).await;
        let indexes = |twin: &Twin| -> Vec<String> {
            twin.schema().tables[&ident("cats")].indexes.iter().map(|index| index.name.to_string()).collect()
        };
        assert_eq!(indexes(&twin), ["cats_ibfk_2"]);
        let drop = |name: &str| Op::DropConstraint {
            table: ident("cats"),
            which: ConstraintSelector::Name(ident(name)),
        };
        twin.must(drop("cats_ibfk_2")).await;
        assert_eq!(indexes(&twin), ["cats_ibfk_1"]);
        twin.must(drop("cats_ibfk_1")).await;
        assert_eq!(indexes(&twin), [""; 0]);
    }
}
