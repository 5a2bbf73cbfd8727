//! Enumerations: a type of its own on PostgreSQL, part of its column on MariaDB, a text on SQLite.

use std::sync::Arc;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnType, Constraint, EnumType, IndexOrder, Label, LabelPlace, Op, Position, Value,
};
use ptah_wasm::schema::Schema;
use ptah_wasm_tests::dice::Dice;
use ptah_wasm_tests::{on_databases, on_every_database};

use crate::build::{
    check, column, execute, filtered, id, ident, idents, index, index_over, key, not_null, table, with_default,
};
use crate::twin::{Outcome, Twin};

const NAMES: [&str; 5] = ["mood", "order", "Mixed", "t0", "state"];
/// What a server might read otherwise among them.
const LABELS: [&str; 10] = ["a", "b", "in progress", "it's", "a\\b", "\"", "x,y", "%s -- ;", "NULL", "Upper"];

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn labels(texts: &[&str]) -> Vec<Label> {
    texts.iter().map(|text| label(text)).collect()
}

fn of(name: &str, texts: &[&str]) -> ColumnType {
    ColumnType::Enumeration(Arc::new(EnumType { name: Some(ident(name)), labels: labels(texts) }))
}

fn create(name: &str, texts: &[&str]) -> Op {
    Op::CreateEnum { name: ident(name), labels: labels(texts) }
}

fn add(name: &str, text: &str, place: LabelPlace) -> Op {
    Op::AddEnumValue { name: ident(name), label: label(text), place }
}

fn retype(column_type: ColumnType) -> ColumnChanges {
    ColumnChanges { column_type: Some(column_type), nullable: None, default: Change::Keep, comment: Change::Keep }
}

fn alter(name: &str, changes: ColumnChanges) -> Op {
    Op::AlterColumn { table: ident("t"), name: ident(name), changes }
}

/// An enumeration for a column: one that is there, or any.
pub(crate) fn known(schema: &Schema, dice: &mut Dice) -> Arc<EnumType> {
    let there: Vec<&Arc<EnumType>> = schema.enums.values().collect();
    if !there.is_empty() && !dice.once_in(10) {
        return (*dice.pick(&there)).clone();
    }
    let count = 1 + dice.roll(4);
    Arc::new(EnumType { name: Some(ident(dice.word(&NAMES))), labels: labels(&LABELS[..count]) })
}

/// A random change of one.
pub(crate) fn operation(schema: &Schema, dice: &mut Dice) -> Op {
    let there = known(schema, dice);
    let (name, text) = (there.name.clone().unwrap(), label(dice.word(&LABELS)));
    match dice.roll(6) {
        0 | 1 => Op::CreateEnum { name: ident(dice.word(&NAMES)), labels: labels(&LABELS[..1 + dice.roll(5)]) },
        2 => Op::DropEnum { name },
        3 => Op::RenameEnum { name, new_name: ident(dice.word(&NAMES)) },
        4 => {
            let other = dice.pick(&there.labels).clone();
            let places = [LabelPlace::End, LabelPlace::Before(other.clone()), LabelPlace::After(other)];
            Op::AddEnumValue { name, label: text, place: dice.pick(&places).clone() }
        }
        _ => Op::RenameEnumValue { name, label: dice.pick(&there.labels).clone(), new_label: text },
    }
}

on_every_database! {
    async fn enumerations_read_back_as_the_model(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        for name in ["mood", "order", "Mixed"] {
            twin.must(create(name, &LABELS)).await;
            let columns = vec![
                id(),
                column("n", of(name, &LABELS)),
                not_null(with_default(column("d", of(name, &LABELS)), Value::Text("it's".into()))),
            ];
            let keys = vec![Constraint::PrimaryKey(key(&["id"]))];
            twin.must(table(&format!("of_{name}"), columns, keys)).await;
            let rows = LABELS.iter().map(|text| vec![Value::Text((*text).to_owned())]).collect();
            twin.must(Op::BulkInsert { table: ident(&format!("of_{name}")), columns: idents(&["n"]), rows }).await;
        }
        let found = target.fetch("SELECT n, d FROM of_mood ORDER BY id").await;
        let expected: Vec<Vec<Option<String>>> =
            LABELS.iter().map(|text| vec![Some((*text).to_owned()), Some("it's".to_owned())]).collect();
        assert_eq!(found, expected);
    }

    async fn expressions_over_enumerations_are_what_the_server_prints(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b", "it's"])).await;
        let mood = || of("mood", &["a", "b", "it's"]);
        let checks = ["\"m\" = 'a'", "\"m\" IN ('a', 'it''s')", "\"m\" <> 'b' OR \"m\" IS NULL", "\"m\" = \"o\""];
        let constraints = checks.iter().map(|text| check(text));
        let columns = vec![column("m", mood()), column("o", mood())];
        twin.must(table("t", columns, constraints.collect())).await;
        twin.must(Op::CreateIndex { table: ident("t"), index: index("by_m", &[("m", IndexOrder::Ascending)], false), online: None }).await;
        if target.dialect() != Dialect::Mariadb {
            let part = filtered(index("part", &[("o", IndexOrder::Ascending)], true), "\"m\" = 'a'");
            twin.must(Op::CreateIndex { table: ident("t"), index: part, online: None }).await;
            let over = index_over("over", &["\"m\" = 'a'"]);
            twin.must(Op::CreateIndex { table: ident("t"), index: over, online: None }).await;
        }
        let refused = ["\"m\" = 'c'", "\"m\" < 'b'", "\"m\" BETWEEN 'a' AND 'b'", "\"m\" LIKE 'a%'", "lower(\"m\") = 'a'"];
        for text in refused.iter().filter(|_| target.dialect() != Dialect::Sqlite) {
            twin.must_not(Op::CreateConstraint { table: ident("t"), constraint: check(text) }).await;
        }
    }

    async fn statements_over_enumerations_are_accepted(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        let columns = vec![id(), column("m", of("mood", &["a", "b"])), column("v", ColumnType::Varchar(Some(9)))];
        twin.must(table("t", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let text = |text: &str| Value::Text(text.to_owned());
        for (statement, parameters) in [
            ("INSERT INTO t (m, v) VALUES ('a', 'x'), (?, 'y'), (NULL, 'z')", vec![text("b")]),
            ("UPDATE t SET m = 'b' WHERE m = ? AND v = 'x'", vec![text("a")]),
            ("UPDATE t SET m = CASE WHEN v = 'y' THEN 'a' ELSE 'b' END", vec![]),
            ("UPDATE t SET m = coalesce(m, 'a'), v = m WHERE m IN ('a', 'b') OR m IS NULL", vec![]),
            ("UPDATE t SET v = CASE m WHEN 'a' THEN 'was a' ELSE 'was b' END", vec![]),
            ("INSERT INTO t (m, v) SELECT 'a', CAST(m AS VARCHAR) FROM t WHERE m <> 'b' ORDER BY m", vec![]),
            ("INSERT INTO t (m) SELECT 'a' UNION ALL SELECT m FROM t WHERE v = 'a'", vec![]),
            ("INSERT INTO t (m) SELECT max(v) FROM (SELECT 'x' AS v) AS n WHERE 1 = 0", vec![]),
        ] {
            if statement.contains("max(v)") {
                if target.dialect() != Dialect::Sqlite {
                    twin.must_not(execute(statement, &parameters)).await;
                }
                continue;
            }
            twin.must(execute(statement, &parameters)).await;
        }
        let found = target.fetch("SELECT m, count(*) FROM t GROUP BY m ORDER BY m").await;
        assert_eq!(found, [["a", "4"], ["b", "2"]].map(|row| row.map(|cell| Some(cell.to_owned())).to_vec()));
        let refused = [
            "INSERT INTO t (m) VALUES ('c')",
            "UPDATE t SET m = v",
            "UPDATE t SET m = upper('a')",
            "DELETE FROM t WHERE m = v",
            "DELETE FROM t WHERE m > 'a'",
            "DELETE FROM t WHERE m = 'c'",
            "UPDATE t SET v = v || m",
        ];
        for statement in refused.iter().filter(|_| target.dialect() != Dialect::Sqlite) {
            twin.must_not(execute(statement, &[])).await;
        }
    }

    async fn a_column_becomes_an_enumeration_and_a_text_again(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        twin.must(create("other", &["b", "c", "a"])).await;
        let (mood, other) = (|| of("mood", &["a", "b"]), || of("other", &["b", "c", "a"]));
        // On MariaDB a text does not become one.
        let (first, types) = match target.dialect() {
            Dialect::Mariadb => (mood(), vec![other(), mood(), ColumnType::Text]),
            _ => (
                ColumnType::Varchar(Some(20)),
                vec![mood(), other(), mood(), ColumnType::Text, other(), ColumnType::Varchar(Some(1)), mood()],
            ),
        };
        let with = with_default(column("c", first), Value::Text("a".into()));
        twin.must(table("t", vec![not_null(with)], vec![])).await;
        let rows = vec![vec![Value::Text("b".into())], vec![Value::Text("a".into())]];
        twin.must(Op::BulkInsert { table: ident("t"), columns: idents(&["c"]), rows }).await;
        for column_type in types {
            twin.must(alter("c", retype(column_type))).await;
        }
        let found = target.fetch("SELECT c FROM t ORDER BY c").await;
        assert_eq!(found, [[Some("a".to_owned())], [Some("b".to_owned())]]);
        if target.dialect() != Dialect::Sqlite {
            for refused in [ColumnType::Integer, ColumnType::Boolean, ColumnType::Date, ColumnType::Json] {
                twin.must_not(alter("c", retype(refused))).await;
            }
        }
    }
}

on_databases! {
    [postgres mariadb] async fn a_row_that_is_no_label_ends_a_change_of_type(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        let first = if target.dialect() == Dialect::Mariadb { of("mood", &["a", "c", "b"]) } else { ColumnType::Text };
        twin.must(table("t", vec![column("c", first)], vec![])).await;
        let rows = vec![vec![Value::Text("c".into())]];
        twin.must(Op::BulkInsert { table: ident("t"), columns: idents(&["c"]), rows }).await;
        let outcome = twin.push(&alter("c", retype(of("mood", &["a", "b"])))).await.unwrap();
        assert!(matches!(outcome, Outcome::Conflict(_)), "{outcome:?}");
    }

    [postgres] async fn an_enumeration_changes_with_its_columns(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        let with = with_default(column("c", of("mood", &["a", "b"])), Value::Text("a".into()));
        twin.must(table("t", vec![with], vec![])).await;
        twin.must(execute("INSERT INTO t (c) VALUES ('b')", &[])).await;
        twin.must(add("mood", "z", LabelPlace::End)).await;
        twin.must(add("mood", "first", LabelPlace::Before(label("a")))).await;
        twin.must(add("mood", "second", LabelPlace::After(label("first")))).await;
        twin.must(Op::RenameEnumValue { name: ident("mood"), label: label("a"), new_label: label("it's") }).await;
        twin.must(Op::RenameEnum { name: ident("mood"), new_name: ident("Feeling") }).await;
        twin.must(execute("INSERT INTO t (c) VALUES ('first'), ('z')", &[])).await;
        for refused in [
            create("Feeling", &["x"]),
            create("t", &["x"]),
            create("text", &["x"]),
            create("point", &["x"]),
            create("e", &["a", "A"]),
            create("e", &["a", " a"]),
            create("e", &["10:00:00.5"]),
            add("mood", "x", LabelPlace::End),
            add("Feeling", "z", LabelPlace::End),
            add("Feeling", "Z", LabelPlace::End),
            add("Feeling", "y", LabelPlace::Before(label("nowhere"))),
            Op::RenameEnumValue { name: ident("Feeling"), label: label("a"), new_label: label("b") },
            Op::RenameEnumValue { name: ident("Feeling"), label: label("b"), new_label: label("z") },
            Op::DropEnum { name: ident("Feeling") },
            Op::DropEnum { name: ident("mood") },
            Op::RenameTable { name: ident("t"), new_name: ident("Feeling") },
            table("Feeling", vec![id()], vec![]),
            table("u", vec![column("c", of("mood", &["a", "b"]))], vec![]),
            table("u", vec![column("c", of("Feeling", &["a", "b"]))], vec![]),
        ] {
            twin.must_not(refused).await;
        }
        twin.must(Op::DropTable { name: ident("t") }).await;
        twin.must(Op::DropEnum { name: ident("Feeling") }).await;
        twin.must(table("Feeling", vec![column("c", ColumnType::Integer)], vec![])).await;
    }

    [postgres] async fn an_enumeration_may_get_its_labels_later(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &[])).await;
        twin.must(table("t", vec![column("m", of("mood", &[]))], vec![])).await;
        twin.must_not(execute("INSERT INTO t (m) VALUES ('a')", &[])).await;
        twin.must(add("mood", "a", LabelPlace::End)).await;
        twin.must(execute("INSERT INTO t (m) VALUES ('a')", &[])).await;
    }

    [sqlite mariadb] async fn an_enumeration_of_a_column_has_labels(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must_not(create("mood", &[])).await;
        twin.must_not(table("t", vec![column("m", of("mood", &[]))], vec![])).await;
    }

    [postgres] async fn a_label_that_an_expression_may_hold_keeps_its_name(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        twin.must(table("t", vec![column("m", of("mood", &["a", "b"]))], vec![check("\"m\" = 'a'")])).await;
        let rename = || Op::RenameEnumValue { name: ident("mood"), label: label("a"), new_label: label("c") };
        twin.must_not(rename()).await;
        let which = ptah_wasm::operation::ConstraintSelector::Check(idents(&["m"]));
        twin.must(Op::DropConstraint { table: ident("t"), which }).await;
        twin.must(rename()).await;
    }

    [sqlite mariadb] async fn an_enumeration_is_part_of_its_columns(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        twin.must(table("t", vec![column("c", of("mood", &["a", "b"]))], vec![])).await;
        twin.must_not(add("mood", "c", LabelPlace::End)).await;
        twin.must_not(Op::RenameEnumValue { name: ident("mood"), label: label("a"), new_label: label("c") }).await;
        twin.must(alter("c", retype(of("mood", &["a", "b", "longer"])))).await;
        twin.must(execute("INSERT INTO t (c) VALUES ('longer')", &[])).await;
        twin.must(Op::DropEnum { name: ident("mood") }).await;
        let unnamed = EnumType { name: None, labels: labels(&["a"]) };
        twin.must(table("u", vec![column("c", ColumnType::Enumeration(Arc::new(unnamed)))], vec![])).await;
    }

    [postgres] async fn a_default_may_say_which_enumeration_it_is_of(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(create("mood", &["a", "b"])).await;
        let default = |text: &str| {
            let parsed = ptah_wasm::operation::parse_expr(
                target.dialect().grammar(),
                Position::Default,
                &ptah_wasm::operation::ParseLimits::DEFAULT,
                text,
            );
            let default = ptah_wasm::operation::ColumnDefault::Expression(parsed.unwrap());
            ptah_wasm::operation::ColumnSpec { default: Some(default), ..column("c", of("mood", &["a", "b"])) }
        };
        twin.must(table("t", vec![default("'a'::mood")], vec![])).await;
        twin.must_not(table("u", vec![default("'c'::mood")], vec![])).await;
        twin.must_not(table("u", vec![default("'a'::other")], vec![])).await;
    }
}
