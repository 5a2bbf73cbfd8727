//! INSERT, UPDATE and DELETE with queries in them.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;

use super::*;

on_every_database! {
    async fn rows_are_inserted_from_a_query(target: &TestTarget) {
        after(target, [
            create_table("sales", |t| {
                t.id("id");
                t.varchar("who", 40).not_null();
                t.integer("books").not_null();
                t.uuid("token");
                t.timestamp("at");
            }),
            execute(
                "INSERT INTO sales (who, books, token, at) \
                 WITH sold AS (SELECT author, sum(sold) AS books FROM books WHERE sold > ? GROUP BY author) \
                 SELECT a.name, s.books, coalesce(a.token, ?), '2026-01-02T03:04:05' FROM authors AS a JOIN sold AS s ON s.author = a.id \
                 UNION ALL SELECT ?, 0, '67E55044-10B1-426F-9247-BB680E5FE0C8', NULL WHERE NOT EXISTS (SELECT 1 FROM authors WHERE name = 'Zoe') \
                 ORDER BY name",
                (0, Value::Uuid("00000000-0000-0000-0000-00000000000a".into()), "Zoe"),
            ),
            execute("INSERT INTO sales (who, books) VALUES (lower('ALL'), (SELECT sum(sold) FROM books))", ()),
        ])
        .await
        .unwrap();
        let token = if target.dialect() == Dialect::Sqlite { "token" } else { "replace(cast(token AS char(36)), '-', '')" };
        assert_eq!(
            lines(target, &format!("SELECT who, books, {token} FROM sales ORDER BY id")).await,
            [
                "Ann 3 67e5504410b1426f9247bb680e5fe0c8",
                "Ben 7 0000000000000000000000000000000a",
                "Zoe 0 67e5504410b1426f9247bb680e5fe0c8",
                "all 17 -",
            ]
        );
    }

    async fn a_numbered_column_goes_past_the_numbers_that_a_query_gave(target: &TestTarget) {
        after(target, [
            execute("INSERT INTO authors (id, name) SELECT id + 100, name || ' II' FROM authors", ()),
            execute("INSERT INTO authors (name) VALUES ('Last')", ()),
        ])
        .await
        .unwrap();
        assert_eq!(lines(target, "SELECT id, name FROM authors WHERE name = 'Last'").await, ["104 Last"]);
    }

    async fn rows_are_changed_by_what_other_rows_say(target: &TestTarget) {
        after(target, [
            execute(
                "UPDATE authors SET born = (SELECT max(b.sold) FROM books AS b WHERE b.author = authors.id), \
                 active = CASE WHEN name IN (SELECT a.name FROM authors AS a WHERE a.born IS NULL) THEN TRUE ELSE NOT active END, \
                 token = CASE name WHEN 'Ben' THEN '67E55044-10B1-426F-9247-BB680E5FE0C8' ELSE token END",
                (),
            ),
            execute("UPDATE books SET sold = sold + (SELECT count(*) FROM books AS other WHERE other.author = books.author)", ()),
            execute("DELETE FROM books WHERE author IS NULL OR id IN (SELECT b.id FROM books AS b JOIN authors AS a ON a.id = b.author WHERE a.name = 'Ben')", ()),
            execute("DELETE FROM books WHERE price = (SELECT min(b.price) FROM books AS b)", ()),
        ])
        .await
        .unwrap();
        let truth = |sql: &str| match target.dialect() {
            Dialect::Postgres => format!("CASE WHEN {sql} THEN 1 ELSE 0 END"),
            _ => sql.to_owned(),
        };
        assert_eq!(
            lines(target, &format!("SELECT id, born, {}, token IS NULL FROM authors ORDER BY id", truth("active"))).await
                .iter().map(|line| line.replace(" t", " 1").replace(" f", " 0")).collect::<Vec<_>>(),
            ["1 3 0 0", "2 7 1 0", "3 - 0 0"]
        );
        assert_eq!(lines(target, "SELECT id, sold FROM books").await, ["1 5"]);
    }

    async fn a_row_that_is_there_is_changed_or_left(target: &TestTarget) {
        let upsert = |sql: &str| execute(sql, ());
        let package = [
            create_table("counts", |t| {
                t.varchar("word", 20).not_null();
                t.integer("n").not_null();
                t.integer("times").not_null().default(1);
                t.primary_key(["word"]);
            }),
            upsert("INSERT INTO counts (word, n) VALUES ('a', 1), ('b', 2)"),
            upsert("INSERT INTO counts (word, n) VALUES ('a', 10), ('c', 30) \
                    ON CONFLICT (word) DO UPDATE SET n = counts.n + excluded.n, times = times + 1"),
            upsert("INSERT INTO counts (word, n) VALUES ('b', 99), ('d', 4) ON CONFLICT (word) DO NOTHING"),
            upsert("INSERT INTO counts (word, n) SELECT c.word, c.n FROM counts AS c WHERE c.n > 3 \
                    ON CONFLICT (word) DO UPDATE SET n = excluded.n * 2"),
            upsert("INSERT INTO counts (word, n) SELECT 'b', 5 ON CONFLICT (word) DO NOTHING"),
        ];
        after(target, package).await.unwrap();
        assert_eq!(
            lines(target, "SELECT word, n, times FROM counts ORDER BY word").await,
            ["a 22 2", "b 2 1", "c 60 1", "d 8 1"]
        );
    }

    async fn mariadb_refuses_an_upsert_that_another_key_could_meet(target: &TestTarget) {
        let named = "INSERT INTO authors (name, born) VALUES ('Ann', 1) ON CONFLICT (name) DO UPDATE SET born = excluded.born";
        let numbered = "INSERT INTO authors (id, name) VALUES (1, 'Ann') ON CONFLICT (name) DO NOTHING";
        let numbered = execute(numbered, ());
        let second = match target.dialect() {
            Dialect::Mariadb => fails(ErrorKind::Unsupported, numbered),
            _ => numbered,
        };
        after(target, [execute(named, ()), second]).await.unwrap();
        assert_eq!(lines(target, "SELECT name, born FROM authors WHERE born = 1").await, ["Ann 1"]);
    }

    async fn statements_that_reach_too_far_are_refused(target: &TestTarget) {
        let hostile = [
            (ErrorKind::NotFound, "DELETE FROM books WHERE id IN (SELECT a FROM secrets)"),
            (ErrorKind::Invalid, "DELETE FROM books WHERE id IN (SELECT version_num FROM ptah_db_versions)"),
            (ErrorKind::Unsupported, "UPDATE books SET title = (SELECT max(usename) FROM pg_catalog.pg_user)"),
            (ErrorKind::Invalid, "UPDATE books SET title = (SELECT max(sql) FROM sqlite_schema)"),
            (ErrorKind::Unsupported, "UPDATE books SET title = (SELECT max(user) FROM mysql.user)"),
            (ErrorKind::Unsupported, "INSERT INTO books (title) SELECT load_file('x') FROM authors"),
            (ErrorKind::Invalid, "INSERT INTO books (title) SELECT title FROM books, authors"),
            (ErrorKind::Invalid, "INSERT INTO books (title) SELECT b.title FROM books AS b JOIN authors AS a ON TRUE"),
            (ErrorKind::NotFound, "UPDATE books SET title = (SELECT max(password) FROM users)"),
            (ErrorKind::NotFound, "UPDATE books SET title = \"Zebra\""),
            (ErrorKind::NotFound, "DELETE FROM books WHERE EXISTS (SELECT \"Zebra\" FROM authors)"),
        ];
        let actions = hostile.map(|(kind, sql)| fails(kind, execute(sql, ())));
        after(target, actions).await.unwrap();
        assert_eq!(lines(target, "SELECT count(*) FROM books").await, ["4"]);
        // A table of a package that it depends on: it may be referred to, and nothing else.
        let other = GuestPackage::new("other").revision("1", &[], "Make").depends_on("shop:001").upgrade([
            create_table("mine", |t| {
                t.id("id");
                t.varchar("name", 40);
            }),
            ignore(execute("INSERT INTO mine (name) SELECT a.name FROM authors AS a", ())),
        ]);
        let migrator = migrator(target);
        let shop = open(target, &migrator, &shop().revision("002", &["001"], "Change"));
        let other = open(target, &migrator, &other);
        let error = migrator.knowing([shop]).upgrade(&[Upgrade::to_head(other)]).await.unwrap_err();
        assert!(error.to_string().contains("denied: table authors belongs to another package"), "{error}");
    }
}
