//! Texts that are filled up with spaces, and documents that are kept parsed.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnType, Constraint, ForeignKey, IndexOrder, Op, ReferentialAction, Value,
};
use ptah_wasm_tests::on_every_database;

use crate::build::{check, column, execute, id, ident, idents, index, key, not_null, table, with_default};
use crate::twin::Twin;

fn text(text: &str) -> Value {
    Value::text(text).unwrap()
}

fn json(document: &str) -> Value {
    Value::json(document).unwrap()
}

fn retype(to: ColumnType) -> ColumnChanges {
    ColumnChanges { column_type: Some(to), nullable: None, default: Change::Keep, comment: Change::Keep }
}

on_every_database! {
    async fn a_text_that_is_filled_up_is_compared_without_its_spaces(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let code = with_default(not_null(column("code", ColumnType::Char(4))), text("ab  "));
        let columns = vec![id(), code, column("other", ColumnType::Char(30)), column("v", ColumnType::Varchar(Some(9))), column("free", ColumnType::Char(30))];
        let constraints = vec![
            Constraint::PrimaryKey(key(&["id"])),
            Constraint::Unique(key(&["code"])),
            check("code <> 'none' AND code IN ('ab', 'cd', 'é')"),
            check("length(other) > 0 OR other = code"),
        ];
        twin.must(table("t", columns, constraints)).await;
        let rows = [("ab", " x "), ("cd", "y"), ("é  ", "z")].map(|(code, v)| vec![text(code), text(v), text(v)]).to_vec();
        twin.must(Op::BulkInsert { table: ident("t"), columns: idents(&["code", "other", "v"]), rows }).await;
        twin.must(execute("UPDATE t SET free = other", &[])).await;
        twin.must_not(Op::CreateConstraint { table: ident("t"), constraint: check("other = v") }).await;
        twin.must(execute("UPDATE t SET other = 'found' WHERE code = 'cd  ' AND other = v", &[])).await;
        twin.must_not(execute("UPDATE t SET code = 'abcde'", &[])).await;
        twin.must_not(execute("DELETE FROM t WHERE code LIKE 'a%'", &[])).await;
        twin.must(execute("DELETE FROM t WHERE lower(code) = 'é'", &[])).await;
        let found = target.fetch("SELECT id, other FROM t ORDER BY id").await;
        let found: Vec<_> = found.iter().map(|row| row[1].as_deref().unwrap().trim_end()).collect();
        assert_eq!(found, [" x", "found"]);
        twin.must(Op::CreateIndex { table: ident("t"), index: index("by_other", &[("other", IndexOrder::Ascending)], false), online: None }).await;
        let change = |name: &str, to| Op::AlterColumn { table: ident("t"), name: ident(name), changes: retype(to) };
        twin.must(change("free", ColumnType::Varchar(Some(40)))).await;
        twin.must(change("free", ColumnType::Char(31))).await;
        twin.must_not(change("free", ColumnType::Char(0))).await;
        let long = change("free", ColumnType::Char(256));
        if target.dialect() == Dialect::Mariadb { twin.must_not(long).await } else { twin.must(long).await }
        let child = vec![column("code", ColumnType::Char(8))];
        let refers = Constraint::ForeignKey(ForeignKey {
            name: None,
            columns: idents(&["code"]),
            referred_table: ident("t"),
            referred_columns: idents(&["code"]),
            on_update: ReferentialAction::NoAction,
            on_delete: ReferentialAction::NoAction,
        });
        twin.must(table("child", child, vec![refers])).await;
        let rows = vec![vec![text("ab")]];
        twin.must(Op::BulkInsert { table: ident("child"), columns: idents(&["code"]), rows }).await;
    }

    async fn thirty_two_characters_are_a_uuid_on_sqlite_alone(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(table("t", vec![column("c", ColumnType::Char(32))], vec![])).await;
        let insert = |value| Op::BulkInsert { table: ident("t"), columns: idents(&["c"]), rows: vec![vec![value]] };
        twin.must(insert(text("67e5504410b1426f9247bb680e5fe0c8"))).await;
        let other = insert(text("something else"));
        if target.dialect() == Dialect::Sqlite { twin.must_not(other).await } else { twin.must(other).await }
    }

    async fn the_default_of_a_parsed_document_is_the_model_s(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let documents = [
            "{}", "[ 1,2 ]", r#"{"bb": 1, "a": {"y": null, "x": true}, "bb": -7}"#, r#""a\u00e9\"\\""#, "null", "9223372036854775807",
        ];
        let with = |document: &str| with_default(column("c", ColumnType::JsonBinary), json(document));
        for (number, document) in documents.iter().enumerate() {
            twin.must(table(&format!("t{number}"), vec![id(), with(document)], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        }
        let default = |document: &str| Op::AlterColumn {
            table: ident("t0"),
            name: ident("c"),
            changes: ColumnChanges {
                column_type: None, nullable: None, default: Change::Set(ColumnDefault::Value(json(document))), comment: Change::Keep,
            },
        };
        twin.must(default(r#"{"z": [], "y": ""}"#)).await;
        for document in ["[1.50]", "1e3", "123456789012345678901234567890"] {
            let op = default(document);
            if target.dialect() == Dialect::Postgres { twin.must_not(op).await } else { twin.must(op).await }
        }
        let change = |to| Op::AlterColumn { table: ident("t1"), name: ident("c"), changes: retype(to) };
        twin.must(change(ColumnType::Json)).await;
        twin.must(change(ColumnType::JsonBinary)).await;
    }
}
