//! What of a query is taken over, and what is refused by name.

use super::*;
use crate::operation::{
    Aggregate, Conflict, ConflictAction, Dml, Join, JoinKind, OrderBy, Ordering, RankKey, Ranking, Select, Source,
    Union,
};

fn query(sql: &str) -> Result<Query, ParseError> {
    parse_query(Grammar::Portable, &LIMITS, sql, &[])
}

fn field(source: &str, name: &str) -> Expr {
    Expr::Field(ident(source), ident(name))
}

fn source(name: &str, alias: &str) -> Source {
    Source { name: ident(name), alias: ident(alias) }
}

#[test]
fn every_part_of_a_query_is_taken_over() {
    let count = Expr::Aggregate { function: Aggregate::Count, distinct: false, argument: None };
    let found = parse_query(
        Grammar::Portable,
        &LIMITS,
        "WITH recent AS (SELECT id FROM posts WHERE year > ?) \
         SELECT DISTINCT a.name, count(*) AS posts FROM authors AS a LEFT JOIN recent r ON r.id = a.post \
         WHERE a.name <> '' GROUP BY a.name HAVING count(*) > 1 \
         UNION ALL SELECT x, 0 FROM others ORDER BY posts DESC NULLS LAST, name LIMIT 10 OFFSET ?",
        &[Value::Integer(2000), Value::Integer(3)],
    );
    let select = Select {
        distinct: false,
        stars: Vec::new(),
        items: vec![(ident("id"), column("id"))],
        from: Some(source("posts", "posts")),
        joins: vec![],
        condition: Some(binary(column("year"), BinaryOperator::Greater, integer(2000))),
        group_by: vec![],
        having: None,
    };
    let inner = Query { with: vec![], select, unions: vec![], order: vec![], limit: None, offset: None };
    let first = Select {
        distinct: true,
        stars: Vec::new(),
        items: vec![(ident("name"), field("a", "name")), (ident("posts"), count.clone())],
        from: Some(source("authors", "a")),
        joins: vec![Join {
            kind: JoinKind::Left,
            source: source("recent", "r"),
            on: binary(field("r", "id"), BinaryOperator::Equal, field("a", "post")),
        }],
        condition: Some(binary(field("a", "name"), BinaryOperator::NotEqual, text(""))),
        group_by: vec![field("a", "name")],
        having: Some(binary(count, BinaryOperator::Greater, integer(1))),
    };
    let second = Select {
        distinct: false,
        stars: Vec::new(),
        items: vec![(ident("x"), column("x")), (ident("column2"), integer(0))],
        from: Some(source("others", "others")),
        joins: vec![],
        condition: None,
        group_by: vec![],
        having: None,
    };
    let key = |name: &str, descending| Ordering { by: OrderBy::Output(ident(name)), descending, text: false };
    assert_eq!(
        found,
        Ok(Query {
            with: vec![(ident("recent"), inner)],
            select: first,
            unions: vec![(Union::All, second)],
            order: vec![key("posts", true), key("name", false)],
            limit: Some(10),
            offset: Some(3),
        })
    );
}

#[test]
fn subqueries_case_and_aggregates_are_expressions() {
    let one = |sql: &str| query(sql).unwrap().select.items.remove(0).1;
    let inner = || Box::new(query("SELECT max(b) FROM u").unwrap());
    assert_eq!(one("SELECT (SELECT max(b) FROM u) FROM t"), Expr::Scalar(inner()));
    assert_eq!(one("SELECT EXISTS (SELECT max(b) FROM u) FROM t"), Expr::Exists(inner()));
    assert_eq!(
        one("SELECT NOT EXISTS (SELECT max(b) FROM u)"),
        Expr::Unary(UnaryOperator::Not, Box::new(Expr::Exists(inner())))
    );
    assert_eq!(
        one("SELECT a NOT IN (SELECT max(b) FROM u) FROM t"),
        Expr::InQuery { operand: Box::new(column("a")), query: inner(), negated: true }
    );
    assert_eq!(
        one("SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END FROM t"),
        Expr::Case {
            operand: Some(Box::new(column("a"))),
            arms: vec![(integer(1), text("x"))],
            otherwise: Some(Box::new(text("y")))
        }
    );
    assert_eq!(
        one("SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC, c) + 1 FROM t"),
        binary(
            Expr::Rank {
                ranking: Ranking::RowNumber,
                partition: vec![column("a")],
                order: vec![
                    RankKey { by: column("b"), descending: true, text: false },
                    RankKey { by: column("c"), descending: false, text: false }
                ],
            },
            BinaryOperator::Add,
            integer(1)
        )
    );
    assert_eq!(
        one("SELECT SUM(DISTINCT a) FROM t"),
        Expr::Aggregate { function: Aggregate::Sum, distinct: true, argument: Some(Box::new(column("a"))) }
    );
}

#[test]
fn statements_hold_queries() {
    let Ok(Dml::Insert { source: InsertSource::Query(rows), conflict, .. }) = dml(
        Grammar::Portable,
        "INSERT INTO t (a, b) SELECT x, x FROM u ON CONFLICT (a) DO UPDATE SET b = excluded.b || t.b, c = c + 1",
        &[],
    ) else {
        panic!("it was refused")
    };
    assert_eq!(rows.select.items, [(ident("x"), column("x")), (ident("column2"), column("x"))]);
    let action = ConflictAction::Update(vec![
        (ident("b"), binary(field("excluded", "b"), BinaryOperator::Concat, column("b"))),
        (ident("c"), binary(column("c"), BinaryOperator::Add, integer(1))),
    ]);
    assert_eq!(conflict, Some(Conflict { columns: vec![ident("a")], action }));
    assert!(matches!(
        dml(Grammar::Portable, "INSERT INTO t (a) VALUES (1) ON CONFLICT (a, b) DO NOTHING", &[]),
        Ok(Dml::Insert { conflict: Some(Conflict { action: ConflictAction::Nothing, .. }), .. })
    ));
    for sql in [
        "UPDATE t SET a = (SELECT max(b) FROM u WHERE u.t = t.id) WHERE EXISTS (SELECT 1 FROM u WHERE u.t = t.id)",
        "DELETE FROM t WHERE a NOT IN (SELECT b FROM u WHERE b IS NOT NULL)",
        "INSERT INTO t (a) WITH x AS (SELECT b FROM u) SELECT b FROM x",
        "INSERT INTO t (a) VALUES ((SELECT max(b) FROM u))",
    ] {
        for grammar in GRAMMARS {
            assert!(dml(grammar, sql, &[]).is_ok(), "{sql}");
        }
    }
}

#[test]
fn what_a_query_cannot_express_is_refused_by_name() {
    let mut wrong = Vec::new();
    for (sql, reason) in [
        ("SELECT s.t.* FROM t", "schema"),
        ("SELECT a FROM t JOIN u ON t.a = u.a JOIN v USING (a)", "needs ON"),
        ("SELECT a FROM t LEFT JOIN u", "needs ON"),
        ("SELECT a FROM t, LATERAL (SELECT 1) AS u", "only tables"),
        ("SELECT a FROM t NATURAL JOIN u", "needs ON"),
        ("SELECT a FROM t RIGHT JOIN u ON t.a = u.a", "LEFT JOIN"),
        ("SELECT a FROM t FULL JOIN u ON t.a = u.a", "LEFT JOIN"),
        ("SELECT a FROM t JOIN t ON t.a = t.a", "alias"),
        ("SELECT a FROM generate_series(1, 1000000) AS x", "function in FROM"),
        ("SELECT a FROM information_schema.tables", "schema"),
        ("SELECT a FROM ptah_db_versions", "reserved"),
        ("SELECT a FROM sqlite_schema", "reserved"),
        ("SELECT a FROM pg_class", "reserved"),
        ("WITH RECURSIVE x AS (SELECT 1 AS a) SELECT a FROM x", "RECURSIVE"),
        ("WITH x AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM x", "understood"),
        ("WITH x (b) AS (SELECT 1 AS a) SELECT b FROM x", "alias with columns"),
        ("WITH x AS (SELECT 1 AS a), X AS (SELECT 2 AS a) SELECT a FROM x", "twice"),
        ("WITH x AS (DELETE FROM t) SELECT 1", "only SELECT"),
        ("SELECT a FROM t ORDER BY a OFFSET 1", "LIMIT"),
        ("SELECT a FROM t ORDER BY a LIMIT -1", "whole number"),
        ("SELECT a FROM t ORDER BY a LIMIT (SELECT 1)", "whole number"),
        ("SELECT a FROM t ORDER BY 2", "no column 2"),
        ("SELECT a + 1 FROM t GROUP BY 1", "of a column"),
        ("SELECT a FROM t GROUP BY 'a'", "no constants"),
        ("SELECT a FROM t ORDER BY a NULLS LAST", "smallest"),
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE"),
        ("SELECT a INTO x FROM t", "INTO"),
        ("SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON"),
        ("SELECT a, b AS a FROM t", "two columns"),
        ("SELECT a FROM t UNION SELECT a, b FROM t", "different numbers"),
        ("SELECT a FROM t EXCEPT SELECT a FROM u", "EXCEPT"),
        ("SELECT a FROM t INTERSECT SELECT a FROM u", "INTERSECT"),
        ("SELECT a FROM t UNION (SELECT a FROM u ORDER BY a)", "without parentheses"),
        ("SELECT a FROM t UNION SELECT a FROM u ORDER BY a + 1", "what it yields"),
        ("SELECT a FROM t GROUP BY ROLLUP (a)", "rollup"),
        ("SELECT a FROM t GROUP BY a WITH ROLLUP", "more text"),
        ("SELECT count(*) OVER () FROM t", "window"),
        ("SELECT row_number() OVER w FROM t WINDOW w AS (ORDER BY a)", "window"),
        ("SELECT row_number() OVER (ORDER BY a ROWS UNBOUNDED PRECEDING) FROM t", "PARTITION BY and ORDER BY only"),
        ("SELECT row_number(a) OVER (ORDER BY a) FROM t", "no argument"),
        ("SELECT a FROM t WHERE row_number() OVER (ORDER BY a) = 1", "what a query yields"),
        ("SELECT a FROM t ORDER BY row_number() OVER (ORDER BY a)", "what a query yields"),
        ("SELECT a FROM t JOIN u ON u.a = rank() OVER (ORDER BY a)", "what a query yields"),
        ("SELECT sum(row_number() OVER (ORDER BY a)) FROM t", "what a query yields"),
        ("SELECT rank() OVER (ORDER BY rank() OVER (ORDER BY a)) FROM t", "what a query yields"),
        ("SELECT (SELECT a FROM t ORDER BY rank() OVER (ORDER BY a) LIMIT 1)", "what a query yields"),
        ("SELECT rank() OVER (ORDER BY a NULLS LAST) FROM t", "smallest"),
        ("SELECT sum(count(a)) FROM t", "inside another"),
        ("SELECT count(DISTINCT *) FROM t", "*"),
        ("SELECT sum(*) FROM t", "*"),
        ("SELECT count(a, b) FROM t", "one argument"),
        ("SELECT string_agg(a, ',') FROM t", "string_agg"),
        ("SELECT count(a) FILTER (WHERE a > 1) FROM t", "more text"),
        ("SELECT pg_sleep(10)", "pg_sleep"),
        ("SELECT repeat('a', 1000000000)", "repeat"),
        ("SELECT CURRENT_TIMESTAMP", "time"),
        ("SELECT a FROM t WHERE b < now()", "time"),
        ("SELECT a IN (SELECT b, c FROM u) FROM t", "2 columns"),
        ("SELECT CAST(a AS xml) FROM t", "casts"),
        ("SELECT a /*! x */ FROM t", "comments"),
        ("SELECT a FROM t; SELECT b FROM t", "one statement"),
        ("SELECT 1; DROP TABLE t", "one statement"),
        ("DELETE FROM t", "only SELECT"),
        ("WITH x AS (SELECT 1 AS a) DELETE FROM t", "only SELECT"),
        ("VALUES (1)", "only SELECT"),
        ("TABLE t", "only SELECT"),
        ("EXPLAIN SELECT 1", "only SELECT"),
        ("(SELECT 1)", "only SELECT"),
        ("SELECT", "understood"),
        ("", "empty"),
    ] {
        let said = match query(sql) {
            Err(error) => error.to_string(),
            Ok(_) => "it was taken".to_owned(),
        };
        if !said.contains(reason) {
            wrong.push(format!("{sql}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_query_has_bounds_of_its_own() {
    let sources = |count: usize| {
        let joins: String = (1..count).map(|at| format!(" JOIN t AS t{at} ON t{at}.a = t.a")).collect();
        query(&format!("SELECT t.a FROM t{joins}"))
    };
    assert!(sources(16).is_ok());
    assert!(matches!(sources(17), Err(ParseError::TooLarge(_))));
    let nested = |levels: usize| query(&("SELECT (".repeat(levels - 1) + "SELECT 1" + &")".repeat(levels - 1)));
    assert!(nested(8).is_ok());
    assert!(matches!(nested(9), Err(ParseError::TooLarge(_))));
    let wide = format!("SELECT a FROM t WHERE a IN ({})", vec!["1"; 4_200].join(", "));
    assert!(matches!(query(&wide), Err(ParseError::TooLarge(_))));
}

#[test]
fn each_query_of_a_statement_has_with_it_what_it_reads_of_a_with_in_front() {
    let dml = |grammar, sql: &str| parse_dml(grammar, &LIMITS, sql, &[]);
    let named = "WITH x AS (SELECT t.a FROM t), y AS (SELECT x.a FROM x)";
    for grammar in [Grammar::Portable, Grammar::Sqlite, Grammar::Postgres] {
        for (front, inside) in [
            ("DELETE FROM u WHERE a IN (SELECT y.a FROM y)", "DELETE FROM u WHERE a IN (@ SELECT y.a FROM y)"),
            ("DELETE FROM u WHERE a = 1", "DELETE FROM u WHERE a = 1"),
            ("INSERT INTO u (a) SELECT y.a FROM y", "INSERT INTO u (a) @ SELECT y.a FROM y"),
            ("UPDATE u SET a = (SELECT max(y.a) FROM y)", "UPDATE u SET a = (@ SELECT max(y.a) FROM y)"),
        ] {
            let inside = dml(grammar, &inside.replace('@', named));
            assert_eq!(dml(grammar, &format!("{named} {front}")), inside, "{front}");
            assert!(inside.is_ok(), "{inside:?}");
        }
    }
    let joined = dml(Grammar::Portable, &format!("{named} UPDATE u SET a = z.a FROM y AS z WHERE z.a = u.a"));
    let Ok(Dml::Update { with, joins, .. }) = joined else { panic!("{joined:?}") };
    assert_eq!(with, [(ident("y"), query("WITH x AS (SELECT t.a FROM t) SELECT x.a FROM x").unwrap())]);
    assert_eq!(joins[0].source, Source { name: ident("y"), alias: ident("z") });
    assert!(matches!(dml(Grammar::Mariadb, &format!("{named} DELETE FROM u")), Err(ParseError::Unsupported(_))));
    // Each of them counts what it reads.
    let often = |times: usize| {
        let conditions = vec!["a IN (SELECT y.a FROM y)"; times].join(" AND ");
        dml(Grammar::Portable, &format!("{named} DELETE FROM u WHERE {conditions}"))
    };
    assert!(often(4).is_ok());
    assert!(matches!(often(5), Err(ParseError::TooLarge(_))));
}

/// So many queries, each of which doubles the text of the one before.
fn doubling(times: usize) -> String {
    let with: Vec<String> = (1..=times)
        .map(|at| match at {
            1 => "w1 AS (SELECT t.a || t.a AS a FROM t)".to_owned(),
            _ => format!("w{at} AS (SELECT w.a || w.a AS a FROM W{} AS w)", at - 1),
        })
        .collect();
    format!("WITH {} SELECT w.a FROM w{times} AS w", with.join(", "))
}

#[test]
fn a_text_may_become_so_many_times_as_long_and_no_more() {
    assert!(query(&doubling(10)).is_ok());
    assert!(matches!(query(&doubling(11)), Err(ParseError::TooLarge(_))));
    let dml = |sql: &str| parse_dml(Grammar::Portable, &LIMITS, sql, &[]);
    assert!(dml(&format!("INSERT INTO t (a) {}", doubling(10))).is_ok());
    let eight = doubling(8);
    let nested = "(SELECT max(u.a || v.a) AS a FROM w8 AS u JOIN w8 AS v ON u.a = v.a)";
    let (queries, _) = eight.split_once(" SELECT w.a FROM w8").unwrap();
    let quoted = |to: usize| format!("'{}'", "x".repeat(to));
    for (times, is_taken) in [(2_048, true), (2_049, false)] {
        let text = format!("length(replace(\"a\", 'xx', {})) > 1", quoted(times));
        assert_eq!(parse_expr(Grammar::Portable, Position::Check, &LIMITS, &text).is_ok(), is_taken, "{times}");
    }
    for (sql, is_taken) in [
        // By a thousand, and twice that.
        (format!("UPDATE t SET a = replace(a, 'xx', {})", quoted(2_000)), true),
        (format!("UPDATE t SET a = replace(a, 'x', {}) || a", quoted(1_024)), false),
        (format!("UPDATE t SET a = replace(replace(a, 'y', {}), 'x', {})", quoted(32), quoted(32)), true),
        (format!("UPDATE t SET a = replace(replace(a, 'y', {}), 'x', {})", quoted(33), quoted(32)), false),
        ("UPDATE t SET a = replace(a, b, '')".to_owned(), true),
        ("UPDATE t SET a = '/' || replace(a, b, c)".to_owned(), true),
        ("UPDATE t SET a = replace(a, b, '') || '@x'".to_owned(), true),
        (format!("UPDATE t SET a = replace(a, b, {})", quoted(1_025)), false),
        // Markup: none finds what another one put in.
        (
            "UPDATE t SET a = replace(replace(replace(replace(replace(a, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), \
             '\"', '&quot;'), '''', '&#39;')"
                .to_owned(),
            true,
        ),
        (format!("UPDATE t SET a = replace(replace(a, 'y', 'x'), 'z', {})", quoted(1_024)), true),
        (format!("UPDATE t SET a = replace(replace(a, 'y', 'xx'), 'x', {})", quoted(1_024)), false),
        ("UPDATE t SET a = upper(replace(upper(replace(a, 'x', 'y')), 'y', 'z'))".to_owned(), true),
        ("UPDATE t SET a = upper(upper(upper(upper(upper(upper(upper(a)))))))".to_owned(), false),
        ("UPDATE t SET a = replace(replace(a, 'x', b), 'x', b)".to_owned(), false),
        ("UPDATE t SET a = replace(a || b || a || b, 'x', b)".to_owned(), true),
        ("UPDATE t SET a = replace(a || b || a || b || a, 'x', b)".to_owned(), false),
        (format!("DELETE FROM t WHERE replace(a, 'x', {}) = 'x'", quoted(1_025)), false),
        (format!("INSERT INTO t (a) VALUES (replace('x', 'x', {}))", quoted(1_025)), false),
        (format!("INSERT INTO t (a) {queries} SELECT {nested} AS a FROM w8 AS x"), true),
        (format!("INSERT INTO t (a) {queries} SELECT {nested} || {nested} || 'x' AS a FROM w8 AS x"), false),
        (
            format!(
                "INSERT INTO t (a) {queries} SELECT x.a FROM w8 AS x ORDER BY replace(x.a, 'x', {}) LIMIT 1",
                quoted(5)
            ),
            false,
        ),
        (
            format!(
                "INSERT INTO t (a) {queries} SELECT x.a FROM w8 AS x ON CONFLICT (a) DO UPDATE SET a = excluded.a || t.a || 'x'"
            ),
            true,
        ),
        (
            format!(
                "INSERT INTO t (a) {queries} SELECT x.a FROM w8 AS x ON CONFLICT (a) DO UPDATE SET a = replace(excluded.a, 'x', {})",
                quoted(5)
            ),
            false,
        ),
    ] {
        match dml(&sql) {
            Ok(_) => assert!(is_taken, "{sql}"),
            Err(ParseError::TooLarge(reason)) => assert!(!is_taken && reason.contains("1024 times"), "{sql}: {reason}"),
            Err(other) => panic!("{sql}: {other}"),
        }
    }
}
