//! Queries against the schema: names, types, groups, and what is too costly.

use super::*;
use crate::operation::{Dml, OrderBy, parse_dml, parse_query};
use crate::schema::{Answer, typed_query};

fn answers(sql: &str) -> Result<Vec<(String, Answer)>, String> {
    let schema = base(Dialect::Postgres);
    let query = parse_query(Grammar::Portable, &ParseLimits::DEFAULT, sql, &[]).map_err(|error| error.to_string())?;
    let query = schema.resolve_query(&query).map_err(|error| error.to_string())?;
    let (_, answers) = typed_query(&schema, &query).map_err(|error| error.to_string())?;
    Ok(answers.into_iter().map(|(name, answer)| (name.to_string(), answer)).collect())
}

fn execute(sql: &str) -> Result<Dml, String> {
    let mut schema = base(Dialect::Postgres);
    let statement = parse_dml(Grammar::Portable, &ParseLimits::DEFAULT, sql, &[]).map_err(|error| error.to_string())?;
    let statement = schema.resolve(&statement).map_err(|error| error.to_string())?;
    let op = Op::Execute { statement: statement.clone() };
    apply(&mut schema, Dialect::Postgres.rules(), &op).map_err(|error| error.to_string())?;
    Ok(statement)
}

fn all_refused<T>(judge: impl Fn(&str) -> Result<T, String>, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (sql, reason) in cases {
        let said = judge(sql).err().unwrap_or_else(|| "it was taken".to_owned());
        if !said.contains(reason) {
            wrong.push(format!("{sql}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_query_yields_has_a_name_and_a_type() {
    use ColumnType::{BigInteger, Boolean, Double, Integer, Numeric, SmallInteger, Text, Varchar};
    for (item, expected) in [
        ("p.title", Answer::Exact(Varchar(Some(50)))),
        ("p.id + 1", Answer::Exact(BigInteger)),
        ("p.id * 1.50", Answer::Exact(Numeric { precision: 65, scale: 2 })),
        ("p.id / 2", Answer::Decimal),
        ("p.id / 2e0", Answer::Exact(Double)),
        ("p.id > 2", Answer::Exact(Boolean)),
        ("p.title || 'x'", Answer::Exact(Text)),
        ("length(p.title)", Answer::Exact(BigInteger)),
        ("coalesce(p.parent, p.id)", Answer::Exact(Integer)),
        ("CASE WHEN p.id > 1 THEN 'a' END", Answer::Exact(Text)),
        ("CASE p.id WHEN 1 THEN 2 ELSE u.age END", Answer::Exact(BigInteger)),
        ("u.age", Answer::Exact(SmallInteger)),
        ("(SELECT max(x.title) FROM pages AS x)", Answer::Exact(Varchar(Some(50)))),
        ("EXISTS (SELECT 1 FROM pages AS x WHERE x.parent = p.id)", Answer::Exact(Boolean)),
    ] {
        let sql = format!("SELECT {item} AS it FROM pages AS p JOIN users AS u ON u.id = p.author");
        assert_eq!(answers(&sql), Ok(vec![("it".to_owned(), expected)]), "{item}");
    }
    for (item, expected) in [
        ("count(*)", Answer::Exact(BigInteger)),
        ("sum(id)", Answer::Exact(BigInteger)),
        ("sum(id * 0.1)", Answer::Exact(Numeric { precision: 65, scale: 1 })),
        ("avg(id)", Answer::Exact(Double)),
        ("min(title)", Answer::Exact(Varchar(Some(50)))),
    ] {
        assert_eq!(
            answers(&format!("SELECT {item} AS it FROM pages")),
            Ok(vec![("it".to_owned(), expected)]),
            "{item}"
        );
    }
    assert_eq!(
        answers("WITH n AS (SELECT id AS x, title FROM pages) SELECT x FROM n UNION SELECT age FROM users"),
        Ok(vec![("x".to_owned(), Answer::Exact(BigInteger))])
    );
}

#[test]
fn every_column_of_a_query_is_called_by_its_source() {
    let field = |source: &str, column: &str| Expr::Field(name(source), name(column));
    let Ok(Dml::Update { condition: Some(Expr::Exists(query)), .. }) = execute(
        "UPDATE pages SET hits = 0 WHERE EXISTS (SELECT email FROM users AS u WHERE u.id = author ORDER BY email)",
    ) else {
        panic!("it was refused")
    };
    let equal = Expr::Binary(
        Box::new(field("u", "id")),
        crate::operation::BinaryOperator::Equal,
        Box::new(field("pages", "author")),
    );
    assert_eq!(query.select.items, [(name("email"), field("u", "email"))]);
    assert_eq!(query.select.condition, Some(equal));
    assert!(query.order[0].text && matches!(query.order[0].by, OrderBy::Output(_)));
}

#[test]
fn a_name_that_is_not_there_or_means_two_things_is_refused() {
    all_refused(
        answers,
        &[
            ("SELECT id FROM nothing", "table nothing does not exist"),
            ("SELECT nothing FROM pages", "no source of the query has a column nothing"),
            ("SELECT p.nothing FROM pages AS p", "p has no column nothing"),
            ("SELECT pages.id FROM pages AS p", "no source pages"),
            ("SELECT id FROM pages AS p JOIN users AS u ON u.id = p.author", "id may be of p or of u"),
            (
                "SELECT p.id FROM pages AS p JOIN users AS u ON u.id = x.id JOIN pages AS x ON x.id = p.id",
                "no source x",
            ),
            ("SELECT id FROM pages WHERE x.id = 1", "no source x"),
            ("WITH users AS (SELECT 1 AS a) SELECT a FROM users", "is the name of a table"),
            ("WITH a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT x FROM a", "table b does not exist"),
            (
                "SELECT (WITH w AS (SELECT max(id) AS m FROM users WHERE id = p.id) SELECT max(m) FROM w) FROM pages AS p",
                "no source p",
            ),
            ("SELECT id FROM \"Pages\"", "does not exist"),
            ("SELECT \"Id\" FROM pages", "no source"),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    all_refused(
        answers,
        &[
            ("SELECT NULL AS x", "not known"),
            ("SELECT id FROM pages WHERE title", "not boolean"),
            ("SELECT id FROM pages WHERE title = 1", "cannot be compared"),
            ("SELECT id FROM pages WHERE id IN (SELECT title FROM pages)", "cannot be compared"),
            ("SELECT id FROM pages UNION SELECT title FROM pages", "cannot be compared"),
            ("SELECT CASE WHEN hits > 1 THEN title ELSE id END FROM pages", "cannot be compared"),
            ("SELECT CASE title WHEN 1 THEN 2 END FROM pages", "cannot be compared"),
            ("SELECT sum(title) FROM pages", "not a number"),
            ("SELECT max(id > 1) FROM pages", "no min and no max"),
            ("SELECT id FROM pages WHERE count(*) > 1", "WHERE"),
            ("SELECT id, count(*) FROM pages", "neither in GROUP BY"),
            ("SELECT title, count(*) FROM pages GROUP BY id", "pages.title stands neither"),
            ("SELECT id FROM pages HAVING hits > 1", "neither in GROUP BY"),
            ("SELECT id FROM pages GROUP BY id ORDER BY hits", "neither in GROUP BY"),
            ("SELECT hits + 1 FROM pages GROUP BY hits + 2", "neither in GROUP BY"),
            ("SELECT id FROM pages GROUP BY max(id)", "GROUP BY"),
            ("SELECT DISTINCT title FROM pages ORDER BY id", "what it yields"),
            (
                "SELECT author, (SELECT max(u.id) FROM users AS u WHERE u.id = p.hits) FROM pages AS p GROUP BY author",
                "p.hits stands neither",
            ),
            (
                "SELECT id FROM pages AS p WHERE id = (SELECT max(p.id) FROM users AS u WHERE u.id = p.author)",
                "its own query",
            ),
            ("SELECT (SELECT id FROM users)", "LIMIT 1"),
            ("SELECT (SELECT max(id) FROM users GROUP BY age)", "LIMIT 1"),
        ],
    );
    for sql in [
        "SELECT hits + 1, count(*) FROM pages GROUP BY hits + 1 HAVING sum(id) > 1 ORDER BY count(*), hits + 1",
        "SELECT p.author, (SELECT max(u.email) FROM users AS u WHERE u.id = p.author) AS m FROM pages AS p GROUP BY p.author",
        "SELECT (SELECT id FROM users ORDER BY id LIMIT 1) AS x",
        "SELECT DISTINCT title AS t FROM pages ORDER BY title",
    ] {
        assert!(answers(sql).is_ok(), "{sql}: {:?}", answers(sql));
    }
}

#[test]
fn what_pairs_every_row_with_every_other_is_refused() {
    all_refused(
        answers,
        &[
            ("SELECT p.id FROM pages AS p JOIN users AS u ON TRUE", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON u.id > p.author", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON u.id = 1", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON p.id = p.author", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON u.id = p.author OR TRUE", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON u.id = u.age", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON NOT (u.id = p.id)", "needs an equality"),
            (
                "SELECT id FROM pages AS p WHERE EXISTS (SELECT 1 FROM users AS u WHERE u.id > p.id)",
                "needs an equality",
            ),
            ("SELECT (SELECT max(u.id) + p.id FROM users AS u) FROM pages AS p", "needs an equality"),
            // Of constants, whatever they are called and whatever stands around them.
            (
                "SELECT p.id FROM pages AS p JOIN (SELECT 1 AS k, id FROM users) AS u ON u.k = p.author",
                "needs an equality",
            ),
            (
                "WITH a AS (SELECT 1 AS k FROM pages), b AS (SELECT x.k FROM a AS x JOIN users AS y ON y.id = x.k + 0) \
                 SELECT count(*) FROM b",
                "needs an equality",
            ),
            (
                "SELECT p.id FROM pages AS p JOIN (SELECT 1 AS k FROM users UNION ALL SELECT id FROM users) AS u \
                 ON u.k = p.author",
                "needs an equality",
            ),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON p.id - p.id = u.id - u.id", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON p.id * 0 = u.id", "needs an equality"),
            ("SELECT p.id FROM pages AS p JOIN users AS u ON coalesce(1, p.id) = u.id", "needs an equality"),
            (
                "SELECT p.id FROM pages AS p JOIN (SELECT max(1) AS k FROM users GROUP BY id) AS u ON u.k = p.author",
                "needs an equality",
            ),
            (
                "SELECT p.id FROM pages AS p JOIN (SELECT count(*) AS k FROM users GROUP BY id) AS u ON u.k = p.author",
                "needs an equality",
            ),
            (
                "SELECT p.id FROM pages AS p JOIN users AS u ON (p.author IS NULL) = (u.age IS NULL)",
                "needs an equality",
            ),
            (
                "SELECT p.id FROM pages AS p JOIN users AS u ON CASE WHEN TRUE THEN 1 ELSE p.id END = u.id",
                "needs an equality",
            ),
        ],
    );
    for join in [
        "(SELECT max(id) AS k, age FROM users GROUP BY age) AS u ON u.k = p.author",
        "(SELECT coalesce(age, 0) + 1 AS k FROM users) AS u ON -u.k = p.author - 1",
        "users AS u ON CASE WHEN u.age IS NULL THEN u.id ELSE u.age END = p.author",
    ] {
        let sql = format!("SELECT p.id FROM pages AS p JOIN {join}");
        assert!(answers(&sql).is_ok(), "{sql}: {:?}", answers(&sql));
    }
    assert!(answers("SELECT p.id FROM pages AS p JOIN users AS u ON u.age > 3 AND p.author = u.id").is_ok());
    assert!(answers("SELECT (SELECT p.id + 1) AS x FROM pages AS p").is_ok());
}

#[test]
fn a_statement_with_queries_is_checked_whole() {
    all_refused(
        execute,
        &[
            ("INSERT INTO users (email) SELECT id FROM pages WHERE nothing = 1", "nothing"),
            ("INSERT INTO users (email, age) SELECT title, title FROM pages", "cannot take text"),
            ("INSERT INTO users (age) SELECT id FROM pages", "email of table users is not nullable"),
            ("INSERT INTO users (email) SELECT NULL FROM pages", "cannot hold NULL"),
            ("INSERT INTO users (email, age) SELECT title, 70000 FROM pages", "out of range"),
            ("INSERT INTO users (email) VALUES ((SELECT max(id > 1) FROM pages))", "no min"),
            ("INSERT INTO users (email) VALUES ('a') ON CONFLICT (age) DO NOTHING", "no primary key and no unique"),
            ("INSERT INTO users (email) VALUES ('a') ON CONFLICT (nothing) DO NOTHING", "no column nothing"),
            ("INSERT INTO users (email) VALUES ('a') ON CONFLICT (email) DO UPDATE SET email = 'b'", "is of the key"),
            (
                "INSERT INTO users (email) VALUES ('a') ON CONFLICT (email) DO UPDATE SET age = excluded.nothing",
                "nothing",
            ),
            ("INSERT INTO users (email) VALUES ('a') ON CONFLICT (email) DO UPDATE SET age = 'x'", "of another type"),
            (
                "INSERT INTO pages (id, title) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET hits = 1, author = pages.hits",
                "set before",
            ),
            (
                "INSERT INTO users (email) VALUES ('a') ON CONFLICT (email) DO UPDATE SET age = (SELECT max(hits) FROM pages)",
                "subquery",
            ),
            ("UPDATE pages SET title = (SELECT max(age) > 1 FROM users)", "cannot take boolean"),
            ("DELETE FROM pages WHERE author IN (SELECT email FROM users)", "cannot be compared"),
            ("DELETE FROM pages WHERE EXISTS (SELECT 1 FROM nothing)", "table nothing does not exist"),
            ("UPDATE nothing SET a = (SELECT max(id) FROM users)", "table nothing does not exist"),
        ],
    );
    for sql in [
        "INSERT INTO users (email, age) SELECT DISTINCT title, 7 FROM pages ON CONFLICT (email) DO UPDATE SET age = users.age + excluded.age",
        "UPDATE pages SET author = (SELECT u.id FROM users AS u WHERE u.email = title ORDER BY u.id LIMIT 1)",
        "DELETE FROM pages WHERE author NOT IN (SELECT id FROM users)",
    ] {
        assert!(execute(sql).is_ok(), "{sql}: {:?}", execute(sql));
    }
}
