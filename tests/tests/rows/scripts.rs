//! What migration scripts write: in the words of each target, and with as much said as its server needs.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;

use super::*;

/// A statement in the target's own grammar.
fn own(target: &TestTarget, sqlite: &str, postgres: &str, mariadb: &str) -> Action {
    execute(own_text(target, sqlite, postgres, mariadb), ())
}

fn own_text(target: &TestTarget, sqlite: &str, postgres: &str, mariadb: &str) -> SqlText {
    let text = match target.dialect() {
        Dialect::Sqlite => sqlite,
        Dialect::Postgres => postgres,
        Dialect::Mariadb => mariadb,
    };
    SqlText { text: text.to_owned(), syntax: SqlSyntax::Target }
}

fn same(target: &TestTarget, text: &str) -> Action {
    own(target, text, text, text)
}

on_every_database! {
    async fn rows_take_what_another_table_says(target: &TestTarget) {
        let from = "UPDATE books SET sold = a.born, title = a.name FROM authors a WHERE books.author = a.id AND a.born IS NOT NULL";
        let never = "UPDATE books SET sold = 0 WHERE NOT EXISTS (SELECT 1 FROM authors a WHERE a.id = books.author) AND author IS NOT NULL";
        after(target, [
            own(target, from, from, "UPDATE books b JOIN authors a ON b.author = a.id SET b.sold = a.born, b.title = a.name WHERE a.born IS NOT NULL"),
            own(target, never, never, "UPDATE books LEFT JOIN authors ON books.author = authors.id SET books.sold = 0 WHERE authors.id IS NULL AND books.author IS NOT NULL"),
            same(target, "UPDATE books SET sold = sold + (SELECT a.id FROM authors a WHERE a.id = books.author) WHERE author IS NOT NULL"),
            same(target, "DELETE FROM authors WHERE id IN (SELECT id FROM (SELECT a.id FROM authors a LEFT JOIN books b ON b.author = a.id WHERE b.id IS NULL) AS lonely)"),
        ])
        .await
        .unwrap();
        assert_eq!(
            lines(target, "SELECT id, sold, title FROM books ORDER BY id").await,
            ["1 1951 Ann", "2 1951 Ann", "3 9 Banana", "4 7 Émile"]
        );
        assert_eq!(lines(target, "SELECT name FROM authors ORDER BY id").await, ["Ann", "Ben"]);
    }

    async fn truth_is_said_as_the_database_says_it(target: &TestTarget) {
        after(target, [
            own(
                target,
                "UPDATE authors SET born = 1 WHERE active IS 1 -- it's true\n;",
                "UPDATE authors SET born = 1 WHERE active IS TRUE /* it's true */;",
                "UPDATE authors SET born = 1 WHERE active = 1 AND active IS TRUE",
            ),
            same(target, "UPDATE authors SET active = '0' WHERE active IS NOT FALSE AND name <> 'Eve'"),
            same(target, "UPDATE authors SET active = CASE WHEN name = 'Ben' THEN 1 ELSE 0 END WHERE active = false"),
            own(
                target,
                "UPDATE authors SET name = 'none' WHERE token IS NULL AND born IS NOT 1",
                "UPDATE authors SET name = 'none' WHERE token IS NULL AND born IS DISTINCT FROM 1",
                "UPDATE authors SET name = 'none' WHERE token IS NULL AND NOT (born <=> 1)",
            ),
        ])
        .await
        .unwrap();
        let truth = if target.dialect() == Dialect::Postgres { "active::int" } else { "active" };
        let sql = format!("SELECT name, born, {truth} FROM authors ORDER BY id");
        assert_eq!(lines(target, &sql).await, ["Ann 1 0", "none - 1", "Eve 1 1"]);
    }

    async fn a_table_is_copied_as_it_is(target: &TestTarget) {
        after(target, [
            create_table("copy", |t| {
                t.id("id");
                t.varchar("name", 40).not_null();
                t.integer("born");
                t.boolean("active").not_null();
                t.uuid("token");
                t.unique(["name"]);
            }),
            same(target, "INSERT INTO copy SELECT * FROM authors"),
            same(target, "INSERT INTO copy (name, active) VALUES ('Zoe', TRUE)"),
            own(
                target,
                "INSERT OR IGNORE INTO copy (name, active) VALUES ('Zoe', FALSE), ('Abe', FALSE)",
                "INSERT INTO copy (name, active) VALUES ('Zoe', FALSE), ('Abe', FALSE) ON CONFLICT DO NOTHING",
                "INSERT IGNORE INTO copy (name, active) VALUES ('Zoe', FALSE), ('Abe', FALSE)",
            ),
            same(target, "UPDATE copy AS c SET born = 5 WHERE c.name = 'Zoe' AND NOT EXISTS (SELECT 1 FROM copy d WHERE d.name = c.name AND d.id <> c.id)"),
        ])
        .await
        .unwrap();
        assert_eq!(
            lines(target, "SELECT name, born FROM copy ORDER BY name").await,
            ["Abe -", "Ann 1950", "Ben -", "Eve 1980", "Zoe 5"]
        );
    }

    async fn what_is_asked_without_ceremony_is_answered(target: &TestTarget) {
        let ask = |text: &str| own_text(target, text, text, text);
        after(target, [
            expect_rows(ask("SELECT * FROM authors WHERE id = 2"), (), [(2, "Ben", Value::Null, false, Value::Null)]),
            expect_rows(ask("SELECT b.title, a.* FROM books b, authors a WHERE a.id = b.author AND b.sold = 7"), (),
                [("Banana", 2, "Ben", Value::Null, false, Value::Null)]),
            expect_rows(ask("SELECT id FROM authors LIMIT 1"), (), [(1,)]),
            expect_rows(ask("SELECT id FROM authors LIMIT 2 OFFSET 1"), (), [(2,), (3,)]),
            expect_rows(ask("SELECT 1 FROM authors WHERE name = 'Ann' LIMIT 1"), (), [(1,)]),
            expect_rows(ask("SELECT DISTINCT sold FROM books LIMIT 2"), (), [(0,), (3,)]),
            expect_rows(ask("SELECT author AS who, count(*) FROM books WHERE author IS NOT NULL GROUP BY who ORDER BY 1"), (), [(1, 2), (2, 1)]),
            expect_rows(ask("SELECT n FROM (SELECT author, count(*) AS n FROM books GROUP BY author) AS per JOIN authors ON authors.id = per.author WHERE authors.name = 'Ann'"), (), [(2,)]),
            expect_rows(ask("SELECT title FROM books WHERE author IN (SELECT id FROM authors WHERE name > 'A' LIMIT 1) ORDER BY id"), (), [("Zebra",), ("apple",)]),
            expect_rows(ask("SELECT a.name FROM authors a JOIN books b ON b.title = lower(replace(a.name, 'Ann', 'APPLE'))"), (), [("Ann",)]),
            expect_rows(own_text(target,
                "SELECT CAST(id AS TEXT), CAST('7' || id AS INTEGER) FROM authors WHERE id = 2",
                "SELECT id::text, CAST('7' || id AS bigint) FROM authors WHERE id = 2",
                "SELECT CAST(id AS CHAR), CAST(concat('7', id) AS SIGNED) FROM authors WHERE id = 2"), (), [("2", 72)]),
            expect_rows(own_text(target,
                "SELECT substr(CAST(title AS VARCHAR(9)), 1, 3) AS t FROM books WHERE id = 2",
                "SELECT title::varchar(3) AS t FROM books WHERE id = 2",
                "SELECT CAST(title AS CHAR(3)) AS t FROM books WHERE id = 2"), (), [("app",)]),
        ])
        .await
        .unwrap();
    }

    async fn a_query_that_is_named_in_front_is_read_by_the_statement(target: &TestTarget) {
        let named = |text: &str| match target.dialect() {
            // Its grammar has none there.
            Dialect::Mariadb => execute(text, ()),
            _ => same(target, text),
        };
        let from = "WITH sums AS (SELECT b.author, sum(b.sold) AS n FROM books AS b WHERE b.author IS NOT NULL GROUP BY b.author) \
                    UPDATE authors SET born = sums.n FROM sums WHERE sums.author = authors.id";
        let set = "WITH sums AS (SELECT b.author, sum(b.sold) AS n FROM books AS b WHERE b.author IS NOT NULL GROUP BY b.author) \
                   UPDATE authors SET born = (SELECT s.n FROM sums AS s WHERE s.author = authors.id) \
                   WHERE id IN (SELECT s.author FROM sums AS s)";
        let no_place = same(target, "WITH x AS (SELECT id FROM authors) DELETE FROM books WHERE id IN (SELECT x.id FROM x WHERE x.id > 9)");
        after(target, [
            if target.dialect() == Dialect::Mariadb { fails(ErrorKind::Unsupported, no_place) } else { no_place },
            named(from),
            named(set),
            named("WITH one AS (SELECT id, title FROM books WHERE sold = 7), two AS (SELECT o.id, o.title FROM one AS o WHERE o.title > 'A') \
                   DELETE FROM books WHERE id IN (SELECT t.id FROM two AS t WHERE t.title = 'Banana') AND EXISTS (SELECT 1 FROM one)"),
            named("WITH young AS (SELECT a.name FROM authors AS a WHERE a.born = 3) \
                   INSERT INTO books (title, sold) SELECT 'by ' || y.name, 5 FROM young AS y"),
            named("WITH found AS (SELECT b.id FROM books AS b WHERE b.title = 'apple') UPDATE books SET sold = 1 \
                   WHERE id IN (SELECT found.id FROM found)"),
            named("WITH unused AS (SELECT id FROM authors) DELETE FROM books WHERE title = 'Zebra'"),
            execute("WITH more AS (SELECT a.id FROM authors AS a WHERE a.name = ?) UPDATE books SET author = ? \
                     WHERE author IS NULL AND EXISTS (SELECT 1 FROM more)", ("Eve", 3)),
            fails(ErrorKind::Invalid, named("WITH authors AS (SELECT b.id FROM books AS b) DELETE FROM books WHERE id IN (SELECT authors.id FROM authors)")),
            fails(ErrorKind::Unsupported, same(target, "WITH x AS (SELECT id FROM books) SELECT id FROM x")),
            own(
                target,
                "UPDATE books SET sold = x.n FROM (SELECT a.id, a.born AS n FROM authors a) AS x WHERE x.id = books.author AND x.n = 1980",
                "UPDATE books SET sold = x.n FROM (SELECT a.id, a.born AS n FROM authors a) AS x WHERE x.id = books.author AND x.n = 1980",
                "UPDATE books JOIN (SELECT a.id, a.born AS n FROM authors a) AS x ON x.id = books.author SET books.sold = x.n WHERE x.n = 1980",
            ),
            fails(ErrorKind::NotFound, named("WITH x AS (SELECT id FROM nothing) DELETE FROM books WHERE id IN (SELECT id FROM x)")),
            fails(ErrorKind::Unsupported, named("WITH RECURSIVE x AS (SELECT id FROM books) DELETE FROM books WHERE id IN (SELECT id FROM x)")),
        ])
        .await
        .unwrap();
        assert_eq!(lines(target, "SELECT id, born FROM authors ORDER BY id").await, ["1 3", "2 7", "3 1980"]);
        assert_eq!(lines(target, "SELECT title, sold, author FROM books ORDER BY id").await, ["apple 1 1", "Émile 1980 3", "by Ann 1980 3"]);
    }

    async fn a_whole_number_becomes_a_text_where_it_goes_into_one(target: &TestTarget) {
        let statements = [
            "UPDATE books SET title = 0 WHERE id = 1",
            "UPDATE books SET title = -12 WHERE id = 2",
            "INSERT INTO books (title, sold) VALUES (12345678901, 1)",
            "INSERT INTO books (title, sold) SELECT 7, b.id FROM books b WHERE b.id = 3",
            "UPDATE books SET title = CASE WHEN sold = 7 THEN 1 ELSE 2 END WHERE id IN (3, 4)",
        ];
        let mut actions: Vec<Action> = statements.map(|text| same(target, text)).into();
        actions.extend([
            create_table("short", |t| {
                t.varchar("a", 3);
            }),
            fails(ErrorKind::Invalid, same(target, "INSERT INTO short (a) VALUES (1234)")),
            fails(ErrorKind::Invalid, same(target, "INSERT INTO short (a) VALUES (TRUE)")),
            fails(ErrorKind::Invalid, same(target, "DELETE FROM books WHERE title = 0")),
        ]);
        after(target, actions).await.unwrap();
        assert_eq!(
            lines(target, "SELECT title FROM books ORDER BY id").await,
            ["0", "-12", "1", "1", "12345678901", "7"]
        );
    }

    async fn a_document_tells_of_what_kind_it_is(target: &TestTarget) {
        let kinds = own_text(target,
            "SELECT json_type(meta) FROM books WHERE id < 3 ORDER BY id",
            "SELECT json_typeof(meta) FROM books WHERE id < 3 ORDER BY id",
            "SELECT json_type(meta) FROM books WHERE id < 3 ORDER BY id");
        let (array, number) = match target.dialect() {
            Dialect::Sqlite => ("array", "real"),
            Dialect::Postgres => ("array", "number"),
            Dialect::Mariadb => ("ARRAY", "DOUBLE"),
        };
        let mut actions = vec![
            same(target, "UPDATE books SET meta = '[1]' WHERE id = 1"),
            same(target, "UPDATE books SET meta = '1.5' WHERE id = 2"),
            expect_rows(kinds, (), [(array,), (number,)]),
        ];
        if target.dialect() != Dialect::Mariadb {
            actions.push(own(target,
                "UPDATE books SET weight = CASE WHEN json_type(meta) = 'real' THEN CAST(meta AS FLOAT) ELSE NULL END",
                "UPDATE books SET weight = CASE WHEN json_typeof(meta) = 'number' THEN meta::text::float ELSE NULL END",
                ""));
        }
        after(target, actions).await.unwrap();
        if target.dialect() != Dialect::Mariadb {
            assert_eq!(lines(target, "SELECT id, weight FROM books WHERE weight IS NOT NULL").await, ["2 1.5"]);
        }
    }

    async fn what_is_on_no_list_says_so(target: &TestTarget) {
        let refused = |kind, text: &str| fails(kind, same(target, text));
        after(target, [
            refused(ErrorKind::Unsupported, "DELETE FROM books WHERE title REGEXP 'x'"),
            refused(ErrorKind::Unsupported, "UPDATE books SET title = pg_read_file('x')"),
            refused(ErrorKind::Unsupported, "TRUNCATE books"),
            refused(ErrorKind::NotFound, "DELETE FROM nothing"),
            refused(ErrorKind::NotFound, "UPDATE books SET nothing = 1"),
            refused(ErrorKind::NotFound, "DELETE FROM books WHERE nothing = 1"),
            refused(ErrorKind::NotFound, "DELETE FROM books WHERE id IN (SELECT nothing.id FROM authors)"),
            refused(ErrorKind::Invalid, "DELETE FROM books WHERE"),
            refused(ErrorKind::Invalid, "DELETE FROM books WHERE id IN (SELECT a.id FROM authors a WHERE a.born = books.sold LIMIT 1)"),
            refused(ErrorKind::Invalid, "DELETE FROM books WHERE id IN (SELECT a.id FROM authors a, books b WHERE a.id > b.id)"),
        ])
        .await
        .unwrap();
    }
}
