//! Values at the edges: what the planner takes the server takes, and keeps.

use ptah_wasm::database::Connection;
use ptah_wasm::operation::{ColumnDefault, Index, IndexOrder, IndexPart};
use ptah_wasm_tests::on_every_database;

use super::*;

const TYPES: [(&str, ColumnType); 15] = [
    ("boolean", ColumnType::Boolean),
    ("small", ColumnType::SmallInteger),
    ("int", ColumnType::Integer),
    ("big", ColumnType::BigInteger),
    ("dec", ColumnType::Numeric { precision: 65, scale: 30 }),
    ("dbl", ColumnType::Double),
    ("vc", ColumnType::Varchar(Some(40))),
    ("txt", ColumnType::Text),
    ("bin", ColumnType::Binary),
    ("dat", ColumnType::Date),
    ("tim", ColumnType::Time(6)),
    ("ts", ColumnType::Timestamp(6)),
    ("tz", ColumnType::TimestampWithZone(6)),
    ("uid", ColumnType::Uuid),
    ("js", ColumnType::Json),
];

/// Texts that end literals, begin comments, stand for parameters, or are nothing that anybody types.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        "'",
        "''",
        "\\",
        "\\'",
        "\\\\'",
        "'; DROP TABLE t; --",
        "\"",
        "`",
        "$$",
        "$1",
        "?",
        "?1",
        ":name",
        "@x",
        "%",
        "%s",
        "*/",
        "/*",
        "/*!50000 x */",
        "--",
        "-- \n",
        "#",
        "\n",
        "\r\n",
        "\t",
        "\u{1}",
        "\u{8}",
        "\u{1a}",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{200b}",
        "\u{feff}",
        "é",
        "e\u{301}",
        "\u{fffd}",
        "\u{ffff}",
        "𝔘",
        "\u{10ffff}",
        "N'x'",
        "E'\\n'",
        "_utf8'x'",
        "{d '2020-01-01'}",
        "x' 'y",
        "a\\",
        "\\0",
        "\\n",
        "\\x41",
        "\\u0041",
        " ",
        "a ",
        "NULL",
        "DEFAULT",
        "\\N",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    texts.push("x".repeat(65_535));
    texts.push("x".repeat(65_536));
    texts.push("é".repeat(40_000));
    texts.push("'".repeat(70_000));
    texts.push("x".repeat(900_000));
    texts
}

fn values() -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    let mut add = |column, value: Result<Value, ptah_wasm::operation::ValueError>| {
        found.extend(value.ok().map(|value| (column, value)))
    };
    for text in texts() {
        add("vc", Value::text(text.clone()));
        add("txt", Value::text(text.clone()));
        add("bin", Ok(Value::Binary(text.into_bytes())));
    }
    add("bin", Ok(Value::Binary((0..=255).collect())));
    for number in [0, 1, -1, 32_767, -32_768, 2_147_483_647, -2_147_483_648, i64::MAX, i64::MIN, i64::MIN + 1] {
        for column in ["small", "int", "big", "dec", "dbl"] {
            add(column, Ok(Value::Integer(number)));
        }
    }
    for number in [0.0, -0.0, 0.1, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e22, 1e23, 123_456_789.123_456_79] {
        add("dbl", Value::double(number));
    }
    let nines = "9".repeat(35);
    for text in [
        "0",
        "-0",
        "0.0",
        "1.10",
        &format!("{nines}.{}", "9".repeat(30)),
        &format!("-{nines}"),
        &format!("0.{}1", "0".repeat(29)),
        "99999999999999999999",
        "0.1",
    ] {
        add("dec", Value::numeric(text));
        add("dbl", Value::numeric(text));
    }
    for text in ["0001-01-01", "0999-12-31", "1582-10-10", "1970-01-01", "2000-02-29", "9999-12-31", "1000-01-01"] {
        add("dat", Value::date(text));
        for time in ["00:00:00", "23:59:59.999999", "12:00:00.000001", "23:59:60"] {
            add("tim", Value::time(time));
            add("ts", Value::timestamp(&format!("{text} {time}")));
            add("tz", Value::timestamp_with_zone(&format!("{text}T{time}Z")));
            add("tz", Value::timestamp_with_zone(&format!("{text}T{time}+14:00")));
            add("tz", Value::timestamp_with_zone(&format!("{text}T{time}-12:00")));
        }
    }
    for text in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "67e5504410b1426f9247bb680e5fe0c8",
        "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
        "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        "12345678-1234-1234-9234-123456789012",
    ] {
        add("uid", Value::uuid(text));
    }
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for text in [
        "null",
        "true",
        "1",
        "-0",
        "1E+2",
        "1e5",
        "1e999",
        "1.0",
        "12345678901234567890123",
        "\"x\"",
        "\"\"",
        "\"'\"",
        "\"\\\\\"",
        "\"\\/\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\u{7f}\"",
        "\"\u{10ffff}\"",
        "\"\\u0001\"",
        "{}",
        "[]",
        " [1 , 2]\n",
        "{\"a\":1,\"a\":2}",
        "{\"\":0}",
        &format!("{}1{}", "{\"a\":".repeat(31), "}".repeat(31)),
        &format!("{}1{}", "[{\"a\":".repeat(15), "}]".repeat(15)),
        "\"\\ud83d\\ude00\\ud83d\\ude00\"",
        "\"a\u{2028}\"",
        &deep(30),
        &deep(31),
        &deep(32),
        &deep(33),
        &deep(60),
        &deep(120),
        &format!("[{}1]", "1,".repeat(100_000)),
    ] {
        add("js", Value::json(text));
    }
    found
}

fn everything() -> Op {
    let columns = TYPES.into_iter().map(|(name, column_type)| column(name, column_type)).collect();
    Op::CreateTable { table: TableSpec { name: ident("v"), columns, constraints: Vec::new(), comment: None } }
}

/// Plans one operation on a planner and sends it. None where the planner refuses it.
async fn sent(connection: &mut Connection, planner: &mut Planner, op: Op) -> Option<Result<(), String>> {
    let before = planner.schema().clone();
    planner.push(op.clone()).ok()?;
    let mut alone = Planner::new(planner.dialect(), before, Access::default(), Limits::default());
    alone.push(op).unwrap();
    for statement in alone.finish().0.statements() {
        if let Err(error) = connection.execute(&statement.sql).await {
            let sql: String = statement.sql.chars().take(200).collect();
            return Some(Err(format!("{error}: {sql}")));
        }
    }
    Some(Ok(()))
}

fn shown(value: &Value) -> String {
    format!("{value:?}").chars().take(100).collect()
}

on_every_database! {
    async fn every_value_that_is_planned_is_taken(target: &TestTarget) {
        let dialect = target.dialect();
        let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits { sql_bytes: usize::MAX, ..Limits::default() });
        let mut connection = target.target().connect_to_change().await.unwrap();
        sent(&mut connection, &mut planner, everything()).await.unwrap().unwrap();
        let mut wrong = Vec::new();
        let mut taken = 0;
        for (column, value) in values() {
            let insert = Op::BulkInsert { table: ident("v"), columns: vec![ident(column)], rows: vec![vec![value.clone()]] };
            match sent(&mut connection, &mut planner, insert).await {
                Some(Err(error)) => wrong.push(format!("{column} = {}: {error}", shown(&value))),
                Some(Ok(())) => taken += 1,
                None => {}
            }
            for name in [column, "txt"] {
                let delete = parse_dml(Grammar::Portable, &planner.parse_limits(), &format!("DELETE FROM \"v\" WHERE \"{name}\" = ?"), std::slice::from_ref(&value));
                if let Ok(statement) = delete
                    && let Some(Err(error)) = sent(&mut connection, &mut planner, Op::Execute { statement }).await
                {
                    wrong.push(format!("WHERE {name} = {}: {error}", shown(&value)));
                }
            }
        }
        assert!(taken > 300, "only {taken}");
        assert!(wrong.is_empty(), "{dialect}: {} of {}:\n{}", wrong.len(), values().len(), wrong.join("\n"));
    }

    async fn the_deepest_statement_that_is_planned_is_taken(target: &TestTarget) {
        let dialect = target.dialect();
        let mut planner = planner(dialect);
        let mut connection = target.target().connect_to_change().await.unwrap();
        for statement in std::mem::replace(&mut planner, super::planner(dialect)).finish().0.statements() {
            connection.execute(&statement.sql).await.unwrap();
        }
        let nested = |levels: usize, open: &str, close: &str| format!("{}\"n\"{} > 0", open.repeat(levels), close.repeat(levels));
        let mut wrong = Vec::new();
        let mut taken = 0;
        for (name, condition) in [
            ("sum 300", format!("{} > 0", vec!["\"n\""; 300].join(" + "))),
            ("sum 600", format!("{} > 0", vec!["(\"n\")"; 600].join(" + "))),
            ("difference 120", format!("{} > 0", vec!["\"n\""; 120].join(" - "))),
            ("or 600", vec!["(\"n\" = 1)"; 600].join(" OR ")),
            ("equal 300", vec!["\"b\""; 300].join(" = ")),
            ("concat 300", format!("concat({}) IS NULL", vec!["\"a\""; 300].join(", "))),
            ("in 4000", format!("\"n\" IN ({})", (0..4_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", "))),
            ("abs 28", nested(28, "abs(", ")")),
            ("minus 28", nested(28, "-(", ")")),
            ("between 5", (0..5).fold("\"b\"".to_owned(), |inner, _| format!("({inner} BETWEEN \"b\" AND \"b\")"))),
            ("not 28", format!("{} \"b\"", "NOT ".repeat(28))),
        ] {
            for text in [format!("DELETE FROM \"t\" WHERE {condition}"), format!("UPDATE \"t\" SET \"b\" = {condition} WHERE {condition}")] {
                let Ok(statement) = parse_dml(Grammar::Portable, &planner.parse_limits(), &text, &[]) else { continue };
                match sent(&mut connection, &mut planner, Op::Execute { statement }).await {
                    Some(Err(error)) => wrong.push(format!("{name}: {}", error.chars().take(120).collect::<String>())),
                    Some(Ok(())) => taken += 1,
                    None => {}
                }
            }
            let Ok(condition) = parse_expr(Grammar::Portable, Position::Check, &planner.parse_limits(), &condition) else { continue };
            let check = Constraint::Check(CheckSpec { name: None, condition });
            let made = table(&format!("t{}", name.replace(' ', "_")), vec![check]);
            if let Some(Err(error)) = sent(&mut connection, &mut planner, made).await {
                wrong.push(format!("CHECK {name}: {}", error.chars().take(120).collect::<String>()));
            }
        }
        assert!(taken >= 8, "only {taken}");
        assert!(wrong.is_empty(), "{dialect}: {taken} taken, refused:\n{}", wrong.join("\n"));
    }

    async fn a_text_is_kept_to_the_byte(target: &TestTarget) {
        let dialect = target.dialect();
        let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits { sql_bytes: usize::MAX, ..Limits::default() });
        let mut connection = target.target().connect_to_change().await.unwrap();
        sent(&mut connection, &mut planner, everything()).await.unwrap().unwrap();
        let hex = match dialect {
            Dialect::Postgres => "SELECT encode(convert_to(txt, 'UTF8'), 'hex'), encode(bin, 'hex') FROM v",
            Dialect::Sqlite | Dialect::Mariadb => "SELECT lower(hex(txt)), lower(hex(bin)) FROM v",
        };
        let clear = parse_dml(Grammar::Portable, &planner.parse_limits(), "DELETE FROM \"v\"", &[]).unwrap();
        for text in texts() {
            let row = vec![Value::text(text.clone()).unwrap(), Value::Binary(text.clone().into_bytes())];
            let insert = Op::BulkInsert { table: ident("v"), columns: vec![ident("txt"), ident("bin")], rows: vec![row] };
            if sent(&mut connection, &mut planner, insert).await.is_none() {
                continue;
            }
            let kept: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let found = connection.fetch(hex).await.unwrap();
            assert_eq!(found, [vec![Some(kept.clone()), Some(kept)]], "{}", text.escape_debug().take(60).collect::<String>());
            sent(&mut connection, &mut planner, Op::Execute { statement: clear.clone() }).await.unwrap().unwrap();
        }
    }

    async fn texts_in_defaults_and_checks_mean_the_same_to_another_session(target: &TestTarget) {
        let dialect = target.dialect();
        let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
        let mut connection = target.target().connect_to_change().await.unwrap();
        for (number, text) in texts().into_iter().filter(|text| text.len() < 100).enumerate() {
            let name = format!("d{number}");
            let quoted = text.replace('\'', "''");
            let condition = parse_expr(Grammar::Portable, Position::Check, &planner.parse_limits(), &format!("\"c\" <> '{quoted}x'")).unwrap();
            let default = Some(ColumnDefault::Value(Value::text(text.clone()).unwrap()));
            let columns = vec![
                column("i", ColumnType::Integer),
                ColumnSpec { default, ..column("c", ColumnType::Varchar(Some(200))) },
            ];
            let constraints = vec![Constraint::Check(CheckSpec { name: None, condition })];
            let table = TableSpec { name: ident(&name), columns, constraints, comment: None };
            match sent(&mut connection, &mut planner, Op::CreateTable { table }).await {
                None => continue,
                Some(made) => made.unwrap(),
            }
            let insert = Op::BulkInsert { table: ident(&name), columns: vec![ident("i")], rows: vec![vec![Value::Integer(1)]] };
            // Another program, with the server's own settings, reads the definition from the catalog.
            if dialect == Dialect::Mariadb {
                target.execute("FLUSH TABLES").await;
                target.execute(&format!("INSERT INTO {name} (i) VALUES (1)")).await;
            } else {
                target.execute(&format!("INSERT INTO {name} (i) VALUES (1)")).await;
            }
            sent(&mut connection, &mut planner, insert).await.unwrap().unwrap();
            let hex = match dialect {
                Dialect::Postgres => format!("SELECT DISTINCT encode(convert_to(c, 'UTF8'), 'hex') FROM {name}"),
                Dialect::Sqlite | Dialect::Mariadb => format!("SELECT DISTINCT lower(hex(c)) FROM {name}"),
            };
            let kept: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(connection.fetch(&hex).await.unwrap(), [vec![Some(kept)]], "{text:?}");
            let forbidden = Op::BulkInsert {
                table: ident(&name),
                columns: vec![ident("c")],
                rows: vec![vec![Value::text(format!("{text}x")).unwrap()]],
            };
            assert!(sent(&mut connection, &mut planner, forbidden).await.unwrap().is_err(), "{text:?} is not what the check forbids");
        }
    }

    async fn names_of_every_kind_stay_names(target: &TestTarget) {
        let dialect = target.dialect();
        let limit = dialect.rules().ident_limit;
        let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
        let mut connection = target.target().connect_to_change().await.unwrap();
        let long = "n".repeat(limit);
        for (number, name) in ["select", "TABLE", "Order", "user", "primary", "rowid", "oid", "ctid_", "xmin_", "_", "a1", "values", "default", "null", "true", "current_user", "key", "index", "check", "PRIMARY_", "dual", "public", "main", "temp", "database", "new", "old", "excluded", &long].into_iter().enumerate() {
            let table = TableSpec {
                name: ident_of(IdentKind::Object, limit, name),
                columns: vec![column("id", ColumnType::Integer), ColumnSpec { name: ident_of(IdentKind::Object, limit, name), ..column("x", ColumnType::Integer) }],
                constraints: Vec::new(),
                comment: None,
            };
            sent(&mut connection, &mut planner, Op::CreateTable { table }).await.unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
            let index = Index {
                name: ident_of(IdentKind::Constraint, limit, &format!("i{number}.a b-c`d``e`")),
                parts: vec![IndexPart::column(ident_of(IdentKind::Object, limit, name), IndexOrder::Descending)],
                predicate: None,
                unique: true,
            };
            let table = ident_of(IdentKind::Object, limit, name);
            sent(&mut connection, &mut planner, Op::CreateIndex { table: table.clone(), index: index.clone(), online: None }).await.unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
            let text = format!("UPDATE \"{name}\" SET \"{name}\" = \"{name}\".\"id\" + 1 WHERE \"{name}\".\"{name}\" IS NULL");
            let statement = parse_dml(Grammar::Portable, &planner.parse_limits(), &text, &[]).unwrap();
            sent(&mut connection, &mut planner, Op::Execute { statement }).await.unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
            sent(&mut connection, &mut planner, Op::DropIndex { table, name: index.name, online: None }).await.unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

fn ident_of(kind: IdentKind, limit: usize, name: &str) -> Ident {
    Ident::parse(kind, limit, name).unwrap()
}

#[test]
fn what_goes_into_the_catalog_is_short() {
    let long = format!("\"a\" <> '{}'", "x".repeat(16 << 10));
    for dialect in Dialect::ALL {
        check(dialect, &long).unwrap_err();
        check(dialect, &long.replace(&"x".repeat(500), "x")).unwrap();
        let with = |bytes: usize| {
            let default = Some(ColumnDefault::Value(Value::text("x".repeat(bytes)).unwrap()));
            Op::AddColumn { table: ident("t"), column: ColumnSpec { default, ..column("c", ColumnType::Text) } }
        };
        planner(dialect).push(with(16 << 10)).unwrap();
        planner(dialect).push(with((16 << 10) + 1)).unwrap_err();
    }
}
