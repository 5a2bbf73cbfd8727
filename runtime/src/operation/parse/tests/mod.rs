//! What the parser takes, and how it refuses the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ddl;
mod query;
mod scripts;

use super::*;
use crate::operation::{BinaryOperator, Function, Ident, IdentKind, InsertSource, UnaryOperator};

const LIMITS: ParseLimits = ParseLimits::DEFAULT;
const GRAMMARS: [Grammar; 4] = [Grammar::Portable, Grammar::Sqlite, Grammar::Postgres, Grammar::Mariadb];

fn ident(name: &str) -> Ident {
    Ident::parse(IdentKind::Object, 63, name).unwrap()
}

fn column(name: &str) -> Expr {
    Expr::Column(ident(name))
}

fn integer(number: i64) -> Expr {
    Expr::Value(Value::Integer(number))
}

fn text(text: &str) -> Expr {
    Expr::Value(Value::Text(text.into()))
}

fn binary(left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

fn check(grammar: Grammar, sql: &str) -> Result<Expr, ParseError> {
    parse_expr(grammar, Position::Check, &LIMITS, sql)
}

fn portable(sql: &str) -> Expr {
    check(Grammar::Portable, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn refusal(result: Result<impl std::fmt::Debug, ParseError>) -> String {
    match result.unwrap_err() {
        ParseError::Refused(reason) | ParseError::Unsupported(reason) => reason,
        other @ ParseError::TooLarge(_) => panic!("{other:?}"),
    }
}

#[test]
fn every_construct_of_the_allow_list_is_taken_over() {
    use BinaryOperator::{Add, And, Concat, Equal, Multiply, NotEqual, Or};
    let boxed = |expr| Box::new(expr);
    for (sql, expected) in [
        ("price = 0", binary(column("price"), Equal, integer(0))),
        ("\"Price\" != 0", binary(column("Price"), NotEqual, integer(0))),
        ("a + b * 2", binary(column("a"), Add, binary(column("b"), Multiply, integer(2)))),
        ("(a + b) * 2", binary(binary(column("a"), Add, column("b")), Multiply, integer(2))),
        ("a OR b AND c", binary(column("a"), Or, binary(column("b"), And, column("c")))),
        ("a || 'x' || b", binary(binary(column("a"), Concat, text("x")), Concat, column("b"))),
        ("NOT a", Expr::Unary(UnaryOperator::Not, boxed(column("a")))),
        ("-a", Expr::Unary(UnaryOperator::Negate, boxed(column("a")))),
        ("a IS NULL", Expr::IsNull { operand: boxed(column("a")), negated: false }),
        ("a IS NOT NULL", Expr::IsNull { operand: boxed(column("a")), negated: true }),
        (
            "a NOT IN (1, 2)",
            Expr::In { operand: boxed(column("a")), items: vec![integer(1), integer(2)], negated: true },
        ),
        (
            "a BETWEEN 1 AND 2",
            Expr::Between {
                operand: boxed(column("a")),
                low: boxed(integer(1)),
                high: boxed(integer(2)),
                negated: false,
            },
        ),
        ("a NOT LIKE 'x%'", Expr::Like { operand: boxed(column("a")), pattern: boxed(text("x%")), negated: true }),
        ("character_length(a)", Expr::Call(Function::Length, vec![column("a")])),
        ("TRIM(a)", Expr::Call(Function::Trim, vec![column("a")])),
        ("substring(a, 1, 2)", Expr::Call(Function::Substr, vec![column("a"), integer(1), integer(2)])),
        ("substring(a FROM 1)", Expr::Call(Function::Substr, vec![column("a"), integer(1)])),
        ("concat(a, 'x', b)", binary(binary(column("a"), Concat, text("x")), Concat, column("b"))),
        ("coalesce(a, b, 1)", Expr::Call(Function::Coalesce, vec![column("a"), column("b"), integer(1)])),
        ("user", column("user")),
        ("date", column("date")),
    ] {
        assert_eq!(portable(sql), expected, "{sql}");
    }
}

#[test]
fn literals_become_typed_values() {
    for (sql, expected) in [
        ("-5", Value::Integer(-5)),
        ("-(5)", Value::Integer(-5)),
        ("- -5", Value::Integer(5)),
        ("-(-(-9223372036854775808))", Value::Integer(i64::MIN)),
        ("-9223372036854775808", Value::Integer(i64::MIN)),
        ("9223372036854775808", Value::Numeric("9223372036854775808".into())),
        ("1.50", Value::Numeric("1.50".into())),
        ("2.", Value::Numeric("2.0".into())),
        ("0x10", Value::Binary(vec![0x10])),
        ("-2.", Value::Numeric("-2.0".into())),
        (".5", Value::Numeric("0.5".into())),
        ("-1.5", Value::Numeric("-1.5".into())),
        ("1e3", Value::double(1000.0).unwrap()),
        ("TRUE", Value::Boolean(true)),
        ("NULL", Value::Null),
        ("'it''s \\ '", Value::Text("it's \\ ".into())),
        ("X'00ff'", Value::Binary(vec![0, 255])),
        ("DATE '2024-01-01'", Value::Date("2024-01-01".into())),
        ("TIMESTAMP '2024-01-01 10:00:00.50'", Value::Timestamp("2024-01-01 10:00:00.500000".into())),
        (
            "TIMESTAMP WITH TIME ZONE '2024-01-01 10:00:00+02:00'",
            Value::TimestampWithZone("2024-01-01 08:00:00".into()),
        ),
    ] {
        assert_eq!(portable(sql), Expr::Value(expected), "{sql}");
    }
}

#[test]
fn a_dialect_is_read_by_its_own_rules() {
    assert_eq!(check(Grammar::Postgres, "Price").unwrap(), column("price"));
    assert_eq!(check(Grammar::Postgres, "\"Price\"").unwrap(), column("Price"));
    assert_eq!(check(Grammar::Mariadb, "`Price`").unwrap(), column("Price"));
    assert_eq!(check(Grammar::Mariadb, "\"it\"").unwrap(), text("it"));
    assert_eq!(check(Grammar::Postgres, "'\\xdead'::bytea").unwrap(), Expr::Value(Value::Binary(vec![0xde, 0xad])));
    assert!(refusal(check(Grammar::Mariadb, "a || b")).contains("concat()"));
    assert!(refusal(check(Grammar::Mariadb, "length(a) > 1")).contains("char_length"));
    // SQLite orders before it compares for equality, and `||` binds tightest.
    assert_eq!(check(Grammar::Sqlite, "a = b < c").unwrap(), check(Grammar::Sqlite, "a = (b < c)").unwrap());
    assert_eq!(check(Grammar::Sqlite, "a || b * c").unwrap(), check(Grammar::Sqlite, "(a || b) * c").unwrap());
}

#[test]
fn what_the_closed_type_cannot_express_is_refused_by_name() {
    for (sql, reason) in [
        ("CASE WHEN a THEN 1 END = 1", "CASE"),
        ("CAST(a AS text) = 'x'", "casts"),
        ("a::text = 'x'", "CAST(x AS type)"),
        ("a IN (SELECT 1)", "subqueries"),
        ("EXISTS (SELECT 1)", "subqueries"),
        ("(SELECT 1) = 1", "subqueries"),
        ("count(*) > 1", "*"),
        ("sum(a) > 1", "aggregate"),
        ("pg_sleep(10) = 1", "pg_sleep"),
        ("load_extension('x')", "load_extension"),
        ("lower(a) OVER () = 'x'", "window"),
        ("lower(DISTINCT a) = 'x'", "plain"),
        ("public.lower(a) = 'x'", "schema"),
        ("t.a = 1", "qualified"),
        ("a = ?", "parameter"),
        ("a LIKE 'x' ESCAPE '!'", "ESCAPE"),
        ("a ~ 'x'", "~"),
        ("a @> b", "@>"),
        ("a & 1 = 1", "&"),
        ("a COLLATE \"C\" = 'x'", "COLLATE"),
        ("(a, b) = (1, 2)", "rows"),
        ("a = 1; DROP TABLE t", "one statement"),
        ("a = 1 /*! OR 1 */", "comments"),
        ("a = 1 /*M! OR 1 */", "comments"),
        ("a = 1 /* x /* y */", "comments"),
        ("a = 1 /* x", "understood"),
        ("a = 1 b", "more text"),
        ("a = 1)", "parenthesis"),
        ("(a = 1", "understood"),
        ("", "empty"),
        ("   ", "empty"),
        ("a = 'x", "understood"),
        ("a = \"x\0\"", "U+0000"),
        ("é = 1", "'é'"),
        ("\"a b\" = 1", "holds"),
        ("sqlite_x = 1", "reserved"),
        ("a = DEFAULT", "DEFAULT"),
        ("a IN ()", "understood"),
        ("CURRENT_TIMESTAMP > a", "time"),
        ("a = INTERVAL '1' DAY", "intervals"),
        ("a = N'x'", "string literal"),
        ("a = $$x$$", "parameter"),
        ("a = 1 XOR b = 1", "XOR"),
        ("a = 0x1", "hexadecimal"),
        ("a = 1e999", "range"),
        ("DATE '2024-13-01' = a", "typed literal"),
        ("trim(LEADING FROM a) = 'x'", "understood"),
        ("trim('x' FROM a) = 'x'", "trim"),
        ("lower() = a", "arguments"),
        ("coalesce(a) = 1", "arguments"),
        ("now(3) > a", "time"),
    ] {
        let found = refusal(check(Grammar::Portable, sql));
        assert!(found.contains(reason), "{sql}: {found}");
        assert!(found.len() < 120, "{found}");
    }
    assert!(refusal(parse_expr(Grammar::Portable, Position::Default, &LIMITS, "a + 1")).contains("column"));
    assert!(parse_expr(Grammar::Portable, Position::Default, &LIMITS, "CURRENT_TIMESTAMP").is_ok());
}

#[test]
fn a_long_text_is_never_repeated() {
    let secret = "hunter2".repeat(100);
    for sql in [
        format!("a = '{secret}"),
        format!("a = '{secret}' '{secret}'"),
        format!("{secret}(a) = 1"),
        format!("a b {secret}"),
    ] {
        for grammar in GRAMMARS {
            let error = check(grammar, &sql).unwrap_err().to_string();
            assert!(error.len() < 160, "{error}");
        }
    }
}

#[test]
fn hostile_sizes_are_refused_quickly_and_never_overflow() {
    let mega = 1 << 20;
    let many = |part: &str| part.repeat(mega / part.len());
    let texts = [
        many("("),
        many(")"),
        many("(("),
        many("NOT "),
        many("- "),
        many("a+"),
        many("a."),
        many("a("),
        many("a IN ("),
        many("CASE WHEN "),
        many("?,"),
        many("'"),
        many("''"),
        many("\""),
        many("`"),
        many("/*"),
        many("--\n"),
        many("[1,"),
        many("{"),
        many("$a$"),
        many("INTERVAL "),
        many("SELECT "),
        many("(SELECT "),
        many("a::b"),
        many("E'\\'"),
        many("0x"),
        many("1e"),
        many("b'0'"),
        many("array["),
        many("struct<"),
        many("\u{1F600}"),
        "(".repeat(70) + "a" + &")".repeat(70),
        "NOT ".repeat(600) + "a",
        "((a) -> ".repeat(60),
        "f(".repeat(70) + "1" + &")".repeat(70),
        "case when ".repeat(60) + "1",
        "a.".repeat(300) + "b",
        "interval ".repeat(300),
        "(a, ".repeat(70),
        "(VALUES ".repeat(60),
        "date ".repeat(300) + "'x'",
        "cast(".repeat(60) + "a",
        "not a in (".repeat(60),
        "x between ".repeat(100),
        "array[".repeat(70),
        "(SELECT 1 FROM t WHERE a IN ".repeat(60),
        "SELECT a FROM t UNION ".repeat(2_000) + "SELECT a FROM t",
        "t ".to_owned() + &"JOIN t ON a = b ".repeat(2_000),
        "CASE WHEN a THEN ".repeat(400) + "1",
        "WITH x AS (".repeat(60),
        "EXISTS (SELECT 1 WHERE ".repeat(60),
    ];
    for text in &texts {
        let started = std::time::Instant::now();
        for grammar in GRAMMARS {
            let _ = check(grammar, text);
            let _ = parse_dml(grammar, &LIMITS, text, &[]);
            let _ = parse_dml(grammar, &LIMITS, &format!("UPDATE t SET a = {text}"), &[]);
            let _ = parse_dml(grammar, &LIMITS, &format!("INSERT INTO t (a) VALUES ({text}"), &[]);
            let _ = parse_dml(grammar, &LIMITS, &format!("DELETE FROM {text}"), &[]);
            let _ = parse_dml(grammar, &LIMITS, &format!("INSERT INTO t (a) SELECT {text}"), &[]);
            let _ = parse_query(grammar, &LIMITS, &format!("SELECT a FROM {text}"), &[]);
            let _ = parse_query(grammar, &LIMITS, &format!("WITH x AS (SELECT {text}"), &[]);
            let _ = parse_query(grammar, &LIMITS, &format!("SELECT {text}"), &[]);
            let _ = parse_server_expr(grammar, Position::Check, text);
        }
        let spent = started.elapsed();
        assert!(spent.as_secs() < 5, "{:?} took {spent:?}", text.chars().take(20).collect::<String>());
    }
    assert!(matches!(check(Grammar::Portable, &"a".repeat(mega + 1)), Err(ParseError::TooLarge(_))));
}

fn dml(grammar: Grammar, sql: &str, parameters: &[Value]) -> Result<Dml, ParseError> {
    parse_dml(grammar, &LIMITS, sql, parameters)
}

#[test]
fn statements_over_one_table_are_taken_over() {
    assert_eq!(
        dml(
            Grammar::Portable,
            "INSERT INTO pages (id, title) VALUES (1, ?), (2, lower(?));",
            &[Value::Text("a".into()), Value::Text("B".into())]
        ),
        Ok(Dml::Insert {
            table: ident("pages"),
            columns: vec![ident("id"), ident("title")],
            source: InsertSource::Rows(vec![
                vec![integer(1), text("a")],
                vec![integer(2), Expr::Call(Function::Lower, vec![text("B")])],
            ]),
            conflict: None,
        })
    );
    assert_eq!(
        dml(
            Grammar::Portable,
            "update pages set title = pages.title || ?, n = n + 1 where pages.id = ?",
            &[Value::Text("x".into()), Value::Integer(7)]
        ),
        Ok(Dml::Update {
            table: ident("pages"),
            assignments: vec![
                (ident("title"), binary(column("title"), BinaryOperator::Concat, text("x"))),
                (ident("n"), binary(column("n"), BinaryOperator::Add, integer(1))),
            ],
            with: Vec::new(),
            joins: Vec::new(),
            condition: Some(binary(column("id"), BinaryOperator::Equal, integer(7))),
        })
    );
    assert_eq!(
        dml(Grammar::Portable, "DELETE FROM pages", &[]),
        Ok(Dml::Delete { table: ident("pages"), condition: None })
    );
}

#[test]
fn parameters_are_bound_by_place_and_all_of_them() {
    let two = [Value::Integer(1), Value::Null];
    let bound = dml(Grammar::Portable, "DELETE FROM t WHERE a BETWEEN ? AND ?", &two).unwrap();
    assert_eq!(dml(Grammar::Postgres, "DELETE FROM t WHERE a BETWEEN $1 AND $2", &two), Ok(bound.clone()));
    assert_eq!(dml(Grammar::Mariadb, "DELETE FROM `t` WHERE a BETWEEN ? AND ?", &two), Ok(bound.clone()));
    assert_eq!(dml(Grammar::Sqlite, "DELETE FROM t WHERE a BETWEEN ?1 AND ?2", &two), Ok(bound));
    for (grammar, sql, count) in [
        (Grammar::Portable, "DELETE FROM t WHERE a = ?", 0),
        (Grammar::Portable, "DELETE FROM t WHERE a = ?", 2),
        (Grammar::Portable, "DELETE FROM t WHERE a = ? AND b = ?", 1),
        (Grammar::Portable, "DELETE FROM t WHERE a = $1", 1),
        (Grammar::Portable, "DELETE FROM t WHERE a = :name", 1),
        (Grammar::Postgres, "DELETE FROM t WHERE a = ?", 1),
        (Grammar::Postgres, "DELETE FROM t WHERE a = $0", 1),
        (Grammar::Postgres, "DELETE FROM t WHERE a = $2", 2),
        (Grammar::Postgres, "DELETE FROM t WHERE a = $x", 1),
        (Grammar::Sqlite, "DELETE FROM t WHERE a = @x", 1),
        (Grammar::Mariadb, "DELETE FROM t WHERE a = @@version", 1),
    ] {
        assert!(dml(grammar, sql, &vec![Value::Integer(1); count]).is_err(), "{sql} with {count} was taken");
    }
}

#[test]
fn every_other_statement_is_refused_with_a_reason() {
    for (sql, reason) in [
        ("INSERT INTO t (a) SELECT 1, 2", "2 values for 1 columns"),
        ("INSERT INTO t (a) TABLE secrets", "only SELECT"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "columns of the key"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT x DO NOTHING", "columns of the key"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1 WHERE c = 1", "WHERE"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = other.b", "qualified"),
        ("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2", "ON CONFLICT"),
        ("INSERT INTO t (a) VALUES (1) RETURNING a", "RETURNING"),
        ("INSERT INTO t (a) VALUES ((SELECT 1, 2))", "2 columns"),
        ("INSERT INTO t (a) VALUES (count(1))", "in queries only"),
        ("INSERT INTO t (a, b) VALUES (1)", "1 values for 2 columns"),
        ("INSERT INTO t (a) VALUES (b)", "VALUES"),
        ("INSERT INTO t (a) VALUES (DEFAULT)", "DEFAULT"),
        ("INSERT INTO t DEFAULT VALUES", "needs VALUES"),
        ("INSERT INTO other.t (a) VALUES (1)", "schema"),
        ("INSERT t (a) VALUES (1)", "INTO"),
        ("REPLACE INTO t (a) VALUES (1)", "only INSERT"),
        ("UPDATE t SET a = 1 FROM u LEFT JOIN v ON u.id = v.id", "LEFT JOIN"),
        ("UPDATE t, u SET a = 1", "understood"),
        ("UPDATE t JOIN u ON t.id = u.id SET a = 1", "join"),
        ("UPDATE t AS x SET a = 1 WHERE x.a IN (SELECT t.a FROM t WHERE t.b = x.b)", "alias"),
        ("UPDATE t AS x SET a = t.b", "qualified"),
        ("UPDATE t SET (a, b) = (1, 2)", "SET (a, b)"),
        ("UPDATE t SET a = 1 RETURNING a", "RETURNING"),
        ("UPDATE t SET u.a = 1", "one table"),
        ("UPDATE t SET a = u.b", "qualified"),
        ("DELETE FROM t USING u", "USING"),
        ("DELETE FROM t, u", "one table"),
        ("DELETE FROM t LIMIT 1", "LIMIT"),
        ("DELETE FROM (SELECT 1)", "table"),
        ("DELETE FROM generate_series(1, 2)", "table"),
        ("DELETE t FROM t", "one table"),
        ("WITH RECURSIVE x AS (SELECT 1) DELETE FROM t", "RECURSIVE"),
        ("WITH x AS (SELECT 1) SELECT 1", "only INSERT"),
        ("WITH x AS (SELECT 1) DELETE FROM t ORDER BY a", "ORDER BY"),
        ("WITH x AS (SELECT 1), x AS (SELECT 2) DELETE FROM t", "twice"),
        ("WITH x AS (DELETE FROM t) DELETE FROM t", "only SELECT"),
        ("SELECT 1", "only INSERT"),
        ("DROP TABLE t", "only INSERT"),
        ("DELETE FROM t; DELETE FROM u", "one statement"),
        ("DELETE FROM t;;", "one statement"),
        ("DELETE FROM t WHERE a = 1 garbage", "more text"),
        ("DELETE FROM ptah_db_versions", "reserved"),
        ("DELETE FROM 't'", "name belongs"),
        ("", "empty"),
        (";", "empty"),
    ] {
        let found = refusal(dml(Grammar::Portable, sql, &[]));
        assert!(found.contains(reason), "{sql}: {found}");
    }
    for sql in [
        "UPDATE t SET a = 1 FROM u WHERE t.id = u.id",
        "UPDATE t JOIN u ON t.id = u.id SET u.a = 1",
        "UPDATE t JOIN t ON t.id = t.id SET a = 1",
        "INSERT INTO t SET a = 1",
        "DELETE FROM t ORDER BY a LIMIT 1",
        "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
        "UPDATE t SET a = 1 ORDER BY a",
        "DELETE LOW_PRIORITY FROM t",
        "DELETE FROM t PARTITION (p0)",
        "UPDATE \"t\" SET a = 1",
        "UPDATE t SET a = 1 # x",
    ] {
        refusal(dml(Grammar::Mariadb, sql, &[]));
    }
    for sql in
        ["INSERT OR REPLACE INTO t (a) VALUES (1)", "UPDATE OR IGNORE t SET a = 1", "REPLACE INTO t (a) VALUES (1)"]
    {
        refusal(dml(Grammar::Sqlite, sql, &[]));
    }
}

#[test]
fn a_statement_may_be_wide_but_not_deep() {
    let wide = format!("DELETE FROM t WHERE a IN ({})", vec!["1"; 4_000].join(", "));
    assert!(dml(Grammar::Portable, &wide, &[]).is_ok());
    let wider = format!("DELETE FROM t WHERE a IN ({})", vec!["1"; 4_096].join(", "));
    assert!(matches!(dml(Grammar::Portable, &wider, &[]), Err(ParseError::TooLarge(_))));
    let long = vec!["a = 1"; 40].join(" AND ");
    assert!(check(Grammar::Portable, &long).is_ok(), "a chain is one level");
    let longer = vec!["a = 1"; 100].join(" AND ");
    assert!(matches!(check(Grammar::Portable, &longer), Err(ParseError::TooLarge(_))));
    let deep = |levels: usize| "abs(".repeat(levels) + "1" + &")".repeat(levels);
    assert!(check(Grammar::Portable, &deep(31)).is_ok());
    assert!(matches!(check(Grammar::Portable, &deep(32)), Err(ParseError::TooLarge(_))));
}
