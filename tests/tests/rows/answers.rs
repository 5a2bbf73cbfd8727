//! Answers as typed values: the same on every database.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_databases;

use super::*;

/// A table with a column of every type, and its rows.
fn kinds() -> [Action; 2] {
    let columns = [
        "id", "truth", "small", "whole", "big", "price", "real", "short", "long", "bytes", "day", "clock", "local",
        "moment", "token", "doc",
    ];
    let full = [
        Value::Integer(1),
        Value::Boolean(true),
        Value::Integer(-32_768),
        Value::Integer(2_147_483_647),
        Value::Integer(i64::MIN),
        numeric("-12.50"),
        Value::Double(0.1),
        Value::Text("ä 'quoted' \\".into()),
        Value::Text("line\nfeed".into()),
        Value::Binary(vec![0, 255, 39, 92]),
        Value::Date("0001-01-01".into()),
        Value::Time("23:59:59.5".into()),
        Value::Timestamp("2026-01-02 03:04:05.000001".into()),
        Value::TimestampWithZone("2026-01-02T05:04:05+02:00".into()),
        Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".into()),
        Value::Json(r#"{"a": [1, null]}"#.into()),
    ];
    let mut empty = vec![Value::Null; columns.len()];
    empty[0] = Value::Integer(2);
    [
        create_table("kinds", |t| {
            t.integer("id").not_null();
            t.boolean("truth");
            t.small_integer("small");
            t.integer("whole");
            t.big_integer("big");
            t.numeric("price", 8, 2);
            t.double("real");
            t.varchar("short", 40);
            t.text("long");
            t.binary("bytes");
            t.date("day");
            t.time("clock");
            t.timestamp("local");
            t.timestamp_tz("moment");
            t.uuid("token");
            t.json("doc");
            t.primary_key(["id"]);
        }),
        Action::BulkInsert("kinds".into(), columns.map(str::to_owned).to_vec(), vec![full.to_vec(), empty]),
    ]
}

on_databases! {
    [sqlite postgres mariadb] async fn every_type_comes_back_as_it_went_in(target: &TestTarget) {
        let [create, insert] = kinds();
        let Action::BulkInsert(_, _, mut rows) = insert.clone() else { unreachable!() };
        rows[0][11] = Value::Time("23:59:59.500000".into());
        rows[0][13] = match target.dialect() {
            Dialect::Postgres => Value::TimestampWithZone("2026-01-02T03:04:05Z".into()),
            _ => Value::Timestamp("2026-01-02 03:04:05".into()),
        };
        let query = "SELECT id, truth, small, whole, big, price, real, short, long, bytes, day, clock, local, moment, token, doc \
                     FROM kinds ORDER BY id";
        after(target, [create, insert, expect_rows(query, (), rows)]).await.unwrap();
    }

    [sqlite postgres mariadb] async fn what_is_computed_has_one_type_everywhere(target: &TestTarget) {
        let row = |values: Vec<Value>| [values];
        let integer = Value::Integer;
        after(target, [
            expect_rows(
                "SELECT count(*) AS n, sum(sold) AS sold, sum(price) AS price, min(CASE WHEN id = 1 THEN title ELSE NULL END) AS first, max(weight) AS heavy, avg(sold) AS mean FROM books",
                (),
                row(vec![integer(4), integer(17), numeric("10.80"), Value::Text("Zebra".into()), Value::Double(1.25), Value::Double(4.25)]),
            ),
            expect_rows(
                "SELECT sum(sold) AS sold, count(price) AS n, max(title) AS last FROM books WHERE id < 0",
                (),
                row(vec![Value::Null, integer(0), Value::Null]),
            ),
            expect_rows(
                "SELECT a.name, CASE WHEN b.sold > 5 THEN TRUE ELSE FALSE END AS many, b.price * 2 AS twice, b.sold IS NULL AS none, \
                 b.title || ' by ' || a.name AS whole FROM authors AS a LEFT JOIN books AS b ON b.author = a.id ORDER BY a.id, b.id",
                (),
                vec![
                    vec![Value::Text("Ann".into()), Value::Boolean(false), numeric("21.00"), Value::Boolean(false), Value::Text("Zebra by Ann".into())],
                    vec![Value::Text("Ann".into()), Value::Boolean(false), numeric("0.20"), Value::Boolean(false), Value::Text("apple by Ann".into())],
                    vec![Value::Text("Ben".into()), Value::Boolean(true), numeric("0.40"), Value::Boolean(false), Value::Text("Banana by Ben".into())],
                    vec![Value::Text("Eve".into()), Value::Boolean(false), Value::Null, Value::Boolean(true), Value::Null],
                ],
            ),
            expect_rows(
                "WITH sold AS (SELECT author, sum(sold) AS n FROM books GROUP BY author) \
                 SELECT a.token, s.n FROM authors AS a JOIN sold AS s ON s.author = a.id WHERE a.token = ?",
                ("67E55044-10B1-426F-9247-BB680E5FE0C8",),
                row(vec![Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".into()), integer(3)]),
            ),
            Action::ExpectAnswerColumns(
                sql("SELECT a.active, count(*) AS n, sum(b.price) AS price FROM authors AS a JOIN books AS b ON b.author = a.id GROUP BY a.active"),
                vec![],
                vec![
                    AnswerColumn { name: "active".into(), column_type: Some(ColumnType::Boolean) },
                    AnswerColumn { name: "n".into(), column_type: Some(ColumnType::BigInteger) },
                    AnswerColumn { name: "price".into(), column_type: Some(ColumnType::Numeric(NumericType { precision: 65, scale: 2 })) },
                ],
            ),
        ])
        .await
        .unwrap();
    }

    [sqlite] async fn a_value_that_is_none_of_its_columns_type_is_an_error(target: &TestTarget) {
        let ask = |column: &str| expect_rows(format!("SELECT {column} FROM kinds WHERE id = 3"), (), [(Value::Null,)]);
        let package = |column: &str| {
            GuestPackage::new("odd").revision("001", &[], "Make").upgrade(kinds()).revision("002", &["001"], "Ask").upgrade([ask(column)])
        };
        upgrade(target, &GuestPackage::new("odd").revision("001", &[], "Make").upgrade(kinds())).await.unwrap();
        for (column, odd) in [
            ("truth", "2"), ("truth", "'yes'"), ("small", "99999"), ("whole", "1.5"), ("whole", "'x'"), ("big", "1e300"),
            ("price", "'much'"), ("price", "0.125"), ("price", "1e10"), ("real", "'x'"), ("real", "9e999"), ("short", "X'ff'"),
            ("long", "X'00'"), ("bytes", "'text'"), ("day", "'2026-02-30'"), ("day", "5"), ("clock", "'25:00:00'"),
            ("local", "1700000000"), ("token", "'none'"), ("doc", "'{'"),
        ] {
            target.execute(&format!("DELETE FROM kinds WHERE id = 3; INSERT INTO kinds (id, {column}) VALUES (3, {odd})")).await;
            let error = upgrade(target, &package(column)).await.unwrap_err().to_string();
            assert!(error.contains(&format!("not of the type of {column}")), "{column} {odd}: {error}");
        }
    }
}
