//! Functions that one kind of database has alone, in what a step says in the target's own grammar: defaults, indexes, checks and
//! statements that read back as they were planned.

use ptah_wasm_tests::on_databases;

use super::*;

fn own(text: &str) -> SqlText {
    target_sql(text)
}

fn default(text: &str) -> Option<DefaultValue> {
    Some(DefaultValue::Expression(own(text)))
}

/// Runs it, reads it back, and takes it down and up again.
async fn holds(target: &TestTarget, upgrade: impl Into<Vec<Action>>) {
    let run = Run::on(target);
    let made = create_table("parts", |t| {
        t.id("id");
        t.json("doc");
        t.numeric("price", 8, 3);
        t.varchar("name", 80);
    });
    let package = GuestPackage::new("shelf")
        .revision("001", &[], "Create")
        .upgrade([made])
        .downgrade([drop_table("parts")])
        .revision("002", &["001"], "Own")
        .upgrade(upgrade);
    let package = run.open(&package);
    run.upgrade_as(to(&package, "002")).await.unwrap();
    run.model_holds("shelf").await;
}

/// The definition of a table as SQLite keeps it.
async fn kept(target: &TestTarget, table: &str) -> String {
    target.fetch(&format!("SELECT sql FROM sqlite_master WHERE name = '{table}'")).await[0][0].clone().unwrap()
}

const UUID4: &str = "lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2) || '-' \
                     || substr('89ab', abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6)))";

on_databases! {
    [sqlite] async fn sqlite_has_chance_clocks_and_documents(target: &TestTarget) {
        let mut key = Column::char("token", 36);
        key.default = default(UUID4);
        let mut made = Column::timestamp("made");
        made.default = default("strftime('%Y-%m-%d %H:%M:%f000', 'now')");
        let mut noted = Column::text("noted");
        noted.default = default("STRFTIME('%Y-%m-%d %H:%M:%f','now')||'000'");
        holds(target, [
            execute("INSERT INTO parts (doc, price) VALUES (?, 1.234), (?, 2)", (Value::Json(r#"{"a": {"b": 7}, "n": "x"}"#.into()), Value::Json(r#"{"a": {"b": 8}}"#.into()))),
            add_column("parts", key),
            add_column("parts", made),
            add_column("parts", noted),
            create_index("parts", Index { parts: vec![IndexPart { key: IndexKey::Expression(own("json_extract(doc, '$.a.b')")), order: IndexOrder::Ascending }], ..Index::new("parts_b", ["id"]) }),
            create_index("parts", Index { parts: vec![IndexPart { key: IndexKey::Expression(own("(made - made)")), order: IndexOrder::Ascending }], ..Index::new("parts_took", ["id"]) }),
            create_index("parts", Index { predicate: Some(own("CAST(json_extract(doc, '$.n') AS VARCHAR) IS NOT NULL")), parts: vec![IndexPart { key: IndexKey::Expression(own("CAST(json_extract(doc, '$.n') AS VARCHAR(20))")), order: IndexOrder::Ascending }], ..Index::new("parts_cast", ["id"]) }),
            create_constraint("parts", Constraint::Check(Check { name: Some("cast_is".into()), condition: own("CAST(price AS INTEGER) > -1") })),
            create_constraint("parts", Constraint::Check(Check { name: Some("b_is".into()), condition: own("json_extract(doc, '$.a.b') IS NOT NULL") })),
            execute(own("UPDATE parts SET name = doc ->> '$.n' WHERE json_extract(doc, '$.a.b') = 7"), ()),
            expect_rows(own("SELECT name, doc -> '$.a' AS a FROM parts WHERE id = 1"), (), [("x", Value::Json(r#"{"b":7}"#.into()))]),
            execute(own("UPDATE parts SET price = round(price, 1)"), ()),
            fails(ErrorKind::Unsupported, execute(own("UPDATE parts SET name = hex(randomblob(257))"), ())),
            fails(ErrorKind::Unsupported, create_constraint("parts", Constraint::Check(Check { name: None, condition: own("id > random()") }))),
            fails(ErrorKind::Unsupported, expect_rows(own("SELECT id FROM parts WHERE id > random()"), (), [(1,)])),
            fails(ErrorKind::Unsupported, execute(own("UPDATE parts SET name = strftime('%Y', 'now', '+1 day')"), ())),
        ])
        .await;
        let found = target.fetch("SELECT count(DISTINCT token), min(length(token)), min(length(made)), min(length(noted)), min(price) FROM parts").await;
        let found: Vec<&str> = found[0].iter().map(|value| value.as_deref().unwrap()).collect();
        assert_eq!(found, ["2", "36", "26", "26", "1.2"]);
    }

    [sqlite] async fn sqlite_gives_no_number_twice_where_that_is_asked_for(target: &TestTarget) {
        let run = Run::on(target);
        let package = GuestPackage::new("shelf").revision("001", &[], "Create").upgrade([
            create_table("once", |t| {
                t.primary_key(["id"]);
                t.column(Column::integer("id")).not_null().numbered_once();
                t.text("name");
            }),
            Action::DdlText(own("CREATE TABLE told (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT)")),
            execute("INSERT INTO once (name) VALUES ('a'), ('b')", ()),
            execute("DELETE FROM once WHERE name = 'b'", ()),
            // Built anew.
            create_constraint("once", Constraint::Check(Check { name: Some("named".into()), condition: sql("name <> ''") })),
            create_constraint("told", Constraint::Check(Check { name: Some("called".into()), condition: sql("name <> ''") })),
            expect_drawn("INSERT INTO once (name) VALUES ('c')", (), 3),
            fails(ErrorKind::Invalid, create_table("never", |t| {
                t.id("id");
                let column = t.integer("n");
                column.numbered_once = true;
            })),
        ]);
        run.upgrade(&run.open(&package)).await.unwrap();
        run.model_holds("shelf").await;
        for table in ["once", "told"] {
            assert!(kept(target, table).await.contains("PRIMARY KEY AUTOINCREMENT"), "{}", kept(target, table).await);
        }
    }

    [postgres mariadb] async fn elsewhere_no_number_is_given_twice_anyway(target: &TestTarget) {
        let run = Run::on(target);
        let package = GuestPackage::new("shelf").revision("001", &[], "Create").upgrade([create_table("once", |t| {
            t.primary_key(["id"]);
            t.column(Column::integer("id")).not_null().numbered_once();
        })]);
        run.upgrade(&run.open(&package)).await.unwrap();
        run.model_holds("shelf").await;
    }

    [postgres] async fn postgres_has_chance_clocks_and_documents(target: &TestTarget) {
        let mut key = Column::uuid("token");
        key.default = default("gen_random_uuid()");
        let mut text = Column::varchar("text_token", 36);
        text.default = default("(GEN_RANDOM_UUID())");
        let mut made = Column::timestamp_tz("made");
        made.default = default("now()");
        let mut noted = Column::timestamp_tz("noted");
        noted.default = default("clock_timestamp()");
        let mut binary = Column::text("extra");
        binary.column_type = ColumnType::JsonBinary;
        binary.default = default("'[]'::jsonb");
        let index = |name: &str, text: &str| {
            let part = IndexPart { key: IndexKey::Expression(own(text)), order: IndexOrder::Ascending };
            create_index("parts", Index { parts: vec![part], ..Index::new(name, ["id"]) })
        };
        holds(target, [
            execute("INSERT INTO parts (doc, price) VALUES (?, 1.25), (?, 2)", (Value::Json(r#"{"a": {"b": 7}, "n": "x"}"#.into()), Value::Json(r#"{"a": {"b": 8}}"#.into()))),
            add_column("parts", key),
            add_column("parts", text),
            add_column("parts", made),
            add_column("parts", noted),
            add_column("parts", binary),
            index("parts_b", "doc #>> '{a,b}'"),
            index("parts_n", "doc ->> 'n'"),
            index("parts_m", "CAST((doc ->> 'm') AS VARCHAR)"),
            create_constraint("parts", Constraint::Check(Check { name: Some("b_is".into()), condition: own("(doc -> 'a' ->> 'b') IS NOT NULL") })),
            execute(own("UPDATE parts SET name = doc ->> 'n' WHERE CAST(doc #>> '{a,b}' AS INTEGER) = 7"), ()),
            expect_rows(own("SELECT name, doc #> '{a}'::text[] AS a FROM parts WHERE id = 1"), (), [("x", Value::Json(r#"{"b": 7}"#.into()))]),
            execute(own("UPDATE parts SET price = round(price, 1)"), ()),
            fails(ErrorKind::Invalid, execute(own("UPDATE parts SET price = round(CAST(id AS double precision), 1)"), ())),
            index("parts_took", "noted - made"),
            fails(ErrorKind::Invalid, expect_rows(own("SELECT id FROM parts WHERE noted - made > noted - noted"), (), [(1,)])),
            fails(ErrorKind::Unsupported, create_constraint("parts", Constraint::Check(Check { name: None, condition: own("token <> gen_random_uuid()") }))),
            fails(ErrorKind::Unsupported, expect_rows(own("SELECT doc ->> name AS n FROM parts"), (), [("x",)])),
            fails(ErrorKind::Unsupported, execute("UPDATE parts SET token = gen_random_uuid()", ())),
        ])
        .await;
        let defaults = target.fetch("SELECT column_default FROM information_schema.columns WHERE table_name = 'parts' AND column_default IS NOT NULL ORDER BY ordinal_position").await;
        let defaults: Vec<&str> = defaults.iter().filter_map(|row| row[0].as_deref()).collect();
        assert_eq!(defaults, ["gen_random_uuid()", "gen_random_uuid()", "CURRENT_TIMESTAMP", "clock_timestamp()", "'[]'::jsonb"]);
        assert_eq!(target.fetch("SELECT count(DISTINCT token), min(price) FROM parts").await[0][0].as_deref(), Some("2"));
    }

    [mariadb] async fn mariadb_has_chance_and_documents(target: &TestTarget) {
        let mut key = Column::uuid("token");
        key.default = default("uuid()");
        let mut text = Column::varchar("text_token", 36);
        text.default = default("(UUID())");
        holds(target, [
            execute("INSERT INTO parts (doc, price) VALUES (?, 1.25), (?, 2)", (Value::Json(r#"{"a": {"b": 7}, "n": "x"}"#.into()), Value::Json(r#"{"a": {"b": 8}}"#.into()))),
            add_column("parts", key),
            add_column("parts", text),
            create_constraint("parts", Constraint::Check(Check { name: Some("b_is".into()), condition: own("json_extract(doc, '$.a.b') IS NOT NULL") })),
            execute(own("UPDATE parts SET name = json_unquote(json_extract(doc, '$.n')) WHERE json_extract(doc, '$.a.b') = 7"), ()),
            expect_rows(own("SELECT name, hex(name) AS h FROM parts WHERE id = 1"), (), [("x", "78")]),
            execute(own("UPDATE parts SET price = round(price, 1)"), ()),
            fails(ErrorKind::Unsupported, create_constraint("parts", Constraint::Check(Check { name: None, condition: own("token <> uuid()") }))),
            fails(ErrorKind::Invalid, execute(own("UPDATE parts SET name = json_extract(price, '$.a')"), ())),
        ])
        .await;
        assert_eq!(target.fetch("SELECT count(DISTINCT text_token), min(length(text_token)) FROM parts").await[0], [Some("2".into()), Some("36".into())]);
    }
}
