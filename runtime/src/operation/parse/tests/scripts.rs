//! What migration scripts write, in the words of each database.

use super::*;
use crate::operation::{CastType, Join, JoinKind, OwnFunction, Source};

#[test]
fn what_is_on_no_list_is_unsupported_and_what_makes_no_sense_invalid() {
    for sql in ["DROP TABLE t", "UPDATE t SET a = pg_sleep(1)", "DELETE FROM t USING u", "UPDATE s.t SET a = 1"] {
        assert!(matches!(dml(Grammar::Portable, sql, &[]), Err(ParseError::Unsupported(_))), "{sql}");
    }
    for sql in ["", "UPDATE t SET", "DELETE FROM t WHERE a = ?", "INSERT INTO t (a, b) VALUES (1)", "DELETE FROM t x y"]
    {
        assert!(matches!(dml(Grammar::Portable, sql, &[]), Err(ParseError::Refused(_))), "{sql}");
    }
}

#[test]
fn comments_are_left_out_and_hide_nothing() {
    let plain = dml(Grammar::Portable, "DELETE FROM t WHERE a = 1", &[]);
    for grammar in GRAMMARS {
        for sql in [
            "-- it's gone\nDELETE FROM t /* \"x */ WHERE a = 1; -- x",
            "/* a */ DELETE FROM t WHERE a /* -- */ = 1 /* ; */ ;",
        ] {
            assert_eq!(dml(grammar, sql, &[]), plain, "{grammar:?}: {sql}");
        }
        // A mark in a comment does not hide how much stands after it.
        let long = format!("-- '\nDELETE FROM t WHERE a IN ({})", "1,".repeat(300_000));
        assert!(matches!(dml(grammar, &long, &[]), Err(ParseError::TooLarge(_))));
        let long = format!("/* ' */ DELETE FROM t WHERE a IN ({})", "1,".repeat(300_000));
        assert!(matches!(dml(grammar, &long, &[]), Err(ParseError::TooLarge(_))));
    }
    // There two signs are two signs unless a space follows.
    let signs = dml(Grammar::Mariadb, "DELETE FROM t WHERE a = 1--1", &[]);
    assert!(matches!(signs, Ok(Dml::Delete { condition: Some(Expr::Binary(..)), .. })), "{signs:?}");
}

#[test]
fn what_a_grammar_says_in_its_own_words_is_taken_over() {
    let a = || Box::new(column("a"));
    let is = |truth, negated| Expr::Is { operand: a(), truth, negated };
    let same = |right: Expr, otherwise: Expr| {
        Expr::Call(Function::Coalesce, vec![binary(column("a"), BinaryOperator::Equal, right), otherwise])
    };
    let no = || Expr::Value(Value::Boolean(false));
    let null = |name: &str| Expr::IsNull { operand: Box::new(column(name)), negated: false };
    let both = binary(null("a"), BinaryOperator::And, null("b"));
    let case =
        Expr::Case { operand: None, arms: vec![(column("a"), integer(1))], otherwise: Some(Box::new(integer(0))) };
    let empty = |name: &str| Expr::Call(Function::Coalesce, vec![column(name), text("")]);
    let first_three = || {
        let cast = Expr::Cast(a(), CastType::Text);
        Expr::Call(Function::Substr, vec![cast, integer(1), integer(3)])
    };
    for (grammar, sql, expected) in [
        (Grammar::Portable, "a IS TRUE", is(true, false)),
        (Grammar::Mariadb, "a IS NOT FALSE", is(false, true)),
        (Grammar::Sqlite, "a IS 1", same(integer(1), no())),
        (Grammar::Sqlite, "a IS 'x'", same(text("x"), no())),
        (Grammar::Sqlite, "a IS NOT b", Expr::Unary(UnaryOperator::Not, Box::new(same(column("b"), both.clone())))),
        (Grammar::Postgres, "a IS NOT DISTINCT FROM b", same(column("b"), both.clone())),
        (Grammar::Mariadb, "a <=> b", same(column("b"), both)),
        (Grammar::Sqlite, "datetime('now')", Expr::Call(Function::CurrentTimestamp, Vec::new())),
        (Grammar::Postgres, "now()", Expr::Call(Function::CurrentTimestamp, Vec::new())),
        (Grammar::Mariadb, "now()", Expr::Call(Function::CurrentTimestamp, Vec::new())),
        (Grammar::Sqlite, "ifnull(a, 1)", Expr::Call(Function::Coalesce, vec![column("a"), integer(1)])),
        (Grammar::Mariadb, "if(a, 1, 0)", case.clone()),
        (Grammar::Sqlite, "iif(a, 1, 0)", case),
        (Grammar::Postgres, "left(a, 3)", Expr::Call(Function::Substr, vec![column("a"), integer(1), integer(3)])),
        (Grammar::Postgres, "a::text::float", Expr::Cast(Box::new(Expr::Cast(a(), CastType::Text)), CastType::Double)),
        (Grammar::Sqlite, "CAST(a AS FLOAT)", Expr::Cast(a(), CastType::Double)),
        (Grammar::Mariadb, "CAST(a AS SIGNED)", Expr::Cast(a(), CastType::Integer)),
        (Grammar::Sqlite, "hex(a)", Expr::Call(Function::Own(OwnFunction::Hex), vec![column("a")])),
        (Grammar::Mariadb, "CAST(a AS CHAR(3))", first_three()),
        (Grammar::Postgres, "a::varchar(3)", first_three()),
        (Grammar::Sqlite, "CAST(a AS VARCHAR(3))", Expr::Cast(a(), CastType::Text)),
        (Grammar::Postgres, "CAST('Ünix' AS varchar(3))", text("Üni")),
        (Grammar::Sqlite, "CAST('Ünix' AS varchar(3))", text("Ünix")),
        (Grammar::Sqlite, "json_type(a)", Expr::Call(Function::JsonType, vec![column("a")])),
        (Grammar::Postgres, "json_typeof(a)", Expr::Call(Function::JsonType, vec![column("a")])),
        (Grammar::Postgres, "concat(a, '-', b)", {
            binary(binary(empty("a"), BinaryOperator::Concat, text("-")), BinaryOperator::Concat, empty("b"))
        }),
    ] {
        let read = parse_expr(grammar, Position::Statement, &LIMITS, sql);
        assert_eq!(read, Ok(expected), "{grammar:?}: {sql}");
    }
    let bound = dml(Grammar::Postgres, "UPDATE t SET a = CAST($1 AS jsonb)", &[Value::Text("{}".into())]);
    let Ok(Dml::Update { assignments, .. }) = bound else { panic!("{bound:?}") };
    assert_eq!(assignments, [(ident("a"), Expr::Value(Value::Json("{}".into())))]);
    for (grammar, sql) in [
        (Grammar::Portable, "json_type(a) = 'x'"),
        (Grammar::Portable, "ifnull(a, 1)"),
        (Grammar::Postgres, "datetime('now')"),
        (Grammar::Sqlite, "datetime('now', '-1 day')"),
        (Grammar::Sqlite, "CAST(a AS NUMERIC)"),
        (Grammar::Postgres, "CAST(a AS char(3))"),
        (Grammar::Postgres, "left(a, -1)"),
    ] {
        assert!(
            matches!(parse_expr(grammar, Position::Statement, &LIMITS, sql), Err(ParseError::Unsupported(_))),
            "{sql}"
        );
    }
}

#[test]
fn an_update_may_look_at_other_tables() {
    let field = |source: &str, name: &str| Expr::Field(ident(source), ident(name));
    let on = binary(field("t", "id"), BinaryOperator::Equal, field("u", "t_id"));
    let expected = |on: Expr, condition: Option<Expr>| Dml::Update {
        table: ident("t"),
        assignments: vec![(ident("a"), field("u", "b"))],
        with: Vec::new(),
        joins: vec![Join { kind: JoinKind::Inner, source: Source { name: ident("u"), alias: ident("u") }, on }],
        condition,
    };
    let always = Expr::Value(Value::Boolean(true));
    for grammar in [Grammar::Portable, Grammar::Sqlite, Grammar::Postgres] {
        for sql in
            ["UPDATE t SET a = u.b FROM u WHERE t.id = u.t_id", "UPDATE t AS x SET a = u.b FROM u WHERE x.id = u.t_id"]
        {
            assert_eq!(dml(grammar, sql, &[]), Ok(expected(always.clone(), Some(on.clone()))), "{sql}");
        }
    }
    for sql in
        ["UPDATE t JOIN u ON t.id = u.t_id SET t.a = u.b", "UPDATE t x INNER JOIN u ON x.id = u.t_id SET x.a = u.b"]
    {
        assert_eq!(dml(Grammar::Mariadb, sql, &[]), Ok(expected(on.clone(), None)), "{sql}");
    }
    // An alias of the table itself is its name.
    let aliased = dml(
        Grammar::Portable,
        "DELETE FROM t AS d WHERE d.a = 1 AND EXISTS (SELECT 1 FROM t AS e WHERE e.b = d.b AND e.a < d.a)",
        &[],
    );
    let plain = dml(
        Grammar::Portable,
        "DELETE FROM t WHERE a = 1 AND EXISTS (SELECT 1 FROM t AS e WHERE e.b = t.b AND e.a < t.a)",
        &[],
    );
    assert!(aliased.is_ok(), "{aliased:?}");
    assert_eq!(aliased, plain);
    // One inside hides one outside.
    let hidden = dml(Grammar::Portable, "DELETE FROM t AS d WHERE EXISTS (SELECT 1 FROM u AS d WHERE d.b = 1)", &[]);
    let Ok(Dml::Delete { condition: Some(Expr::Exists(query)), .. }) = hidden else { panic!("{hidden:?}") };
    assert_eq!(query.select.condition, Some(binary(field("d", "b"), BinaryOperator::Equal, integer(1))));
}
