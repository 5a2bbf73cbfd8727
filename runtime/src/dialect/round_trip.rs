//! Tests of rendering, parsing and normal form together: what is rendered parses back to the same, and
//! what the servers were seen to print means what was rendered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::{Dialect, default_normal_form, literal, normal_form, quote, render_expr, render_portable};
use crate::operation::{
    BinaryOperator, ColumnDefault, ColumnType, Expr, Function, Grammar, Ident, IdentKind, ParseLimits, Position,
    UnaryOperator, Value, parse_ddl, parse_dml, parse_expr, parse_query, parse_server_expr,
};

mod fuzz;
mod pieces;
mod printed;
mod queries;

const LIMITS: ParseLimits = ParseLimits { expression_nodes: 4_096, text_growth: u64::MAX, ..ParseLimits::DEFAULT };

fn column(name: &str) -> Expr {
    Expr::Column(Ident::parse(IdentKind::Object, 63, name).unwrap())
}

fn columns(names: &'static [&'static str]) -> BoxedStrategy<Expr> {
    prop::sample::select(names).prop_map(column).boxed()
}

fn values(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Expr> {
    strategy.prop_map(Expr::Value).boxed()
}

fn binary(left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), operator, Box::new(right))
}

fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    Expr::Call(function, arguments)
}

/// Integer expressions over the columns a, b and c.
fn integers(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        columns(&["a", "b", "c"]),
        values((-9_i64..9).prop_map(Value::Integer)),
        values(prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 31, -(1 << 31) - 1]).prop_map(Value::Integer)),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || integers(depth - 1);
    let arithmetic = prop::sample::select(vec![
        BinaryOperator::Add,
        BinaryOperator::Subtract,
        BinaryOperator::Multiply,
        BinaryOperator::Divide,
        BinaryOperator::Modulo,
    ]);
    prop_oneof![
        2 => leaf,
        2 => (inner(), arithmetic, inner()).prop_map(|(left, operator, right)| binary(left, operator, right)),
        1 => inner().prop_map(|operand| Expr::Unary(UnaryOperator::Negate, Box::new(operand))),
        1 => inner().prop_map(|operand| call(Function::Abs, vec![operand])),
        1 => texts(depth - 1).prop_map(|operand| call(Function::Length, vec![operand])),
        1 => prop::collection::vec(inner(), 2..4).prop_map(|operands| call(Function::Coalesce, operands)),
        1 => (columns(&["a", "b"]), inner()).prop_map(|(left, right)| call(Function::NullIf, vec![left, right])),
    ]
    .boxed()
}

/// Text expressions over the columns v and t.
fn texts(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![columns(&["v", "t"]), values("[a-c'\"`%_é\\\\\n\t ;-]{0,6}".prop_map(Value::Text))];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || texts(depth - 1);
    let unary = prop::sample::select(vec![Function::Lower, Function::Upper, Function::Trim]);
    prop_oneof![
        2 => leaf,
        2 => (inner(), columns(&["v", "t"]), inner()).prop_map(|(left, middle, right)| {
            binary(binary(left, BinaryOperator::Concat, middle), BinaryOperator::Concat, right)
        }),
        1 => (columns(&["v", "t"]), inner())
            .prop_map(|(left, right)| binary(left, BinaryOperator::Concat, binary(right, BinaryOperator::Concat, column("t")))),
        2 => (unary, inner()).prop_map(|(function, operand)| call(function, vec![operand])),
        1 => (inner(), inner(), inner()).prop_map(|(x, y, z)| call(Function::Replace, vec![x, y, z])),
        1 => (inner(), 1_i64..5, prop::option::of(1_i64..5)).prop_map(|(text, start, length)| {
            let numbers = [Some(start), length].into_iter().flatten().map(|n| Expr::Value(Value::Integer(n)));
            call(Function::Substr, std::iter::once(text).chain(numbers).collect())
        }),
        1 => (columns(&["v", "t"]), inner()).prop_map(|(left, right)| call(Function::Coalesce, vec![left, right])),
    ]
    .boxed()
}

fn decimals() -> BoxedStrategy<Expr> {
    values("-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?".prop_map(|text| Value::numeric(&text).unwrap()))
}

fn moments(name: &'static str) -> BoxedStrategy<(Expr, Expr)> {
    let value = match name {
        "dt" => values("20[0-9]{2}-0[1-9]-1[0-9]".prop_map(|text| Value::date(&text).unwrap())),
        "tm" => values("1[0-9]:[0-5][0-9]:00(\\.[0-9]{6})?".prop_map(|text| Value::time(&text).unwrap())),
        _ => values(
            "20[0-9]{2}-0[1-9]-1[0-9] (00:00:00|1[0-9]:00:59(\\.[0-9]{1,6})?)"
                .prop_map(|text| Value::timestamp(&text).unwrap()),
        ),
    };
    value.prop_map(move |value| (column(name), value)).boxed()
}

fn is(operand: Expr, truth: bool, negated: bool) -> Expr {
    Expr::Is { operand: Box::new(operand), truth, negated }
}

/// Conditions over those columns and bo (boolean), price (numeric), d (double), dt, tm, ts and u.
fn conditions(depth: u32) -> BoxedStrategy<Expr> {
    let comparison = || {
        prop::sample::select(vec![
            BinaryOperator::Equal,
            BinaryOperator::NotEqual,
            BinaryOperator::Less,
            BinaryOperator::LessOrEqual,
            BinaryOperator::Greater,
            BinaryOperator::GreaterOrEqual,
        ])
    };
    let compare = |pairs: BoxedStrategy<(Expr, Expr)>| {
        (pairs, comparison()).prop_map(|((left, right), operator)| binary(left, operator, right))
    };
    let under = depth.saturating_sub(1);
    let leaf = prop_oneof![
        3 => compare((integers(under), integers(under)).boxed()),
        3 => compare((texts(under), texts(under)).boxed()),
        1 => compare(decimals().prop_map(|value| (column("price"), value)).boxed()),
        1 => compare(values((-1e30..1e30).prop_map(|number| Value::double(number).unwrap()))
            .prop_map(|value| (column("d"), value)).boxed()),
        1 => compare(prop_oneof![moments("dt"), moments("tm"), moments("ts")].boxed()),
        1 => compare("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"
            .prop_map(|text| (column("u"), Expr::Value(Value::uuid(&text).unwrap()))).boxed()),
        1 => compare(prop::collection::vec(any::<u8>(), 0..4)
            .prop_map(|bytes| (column("bin"), Expr::Value(Value::Binary(bytes)))).boxed()),
        1 => Just(column("bo")),
        1 => values(prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Boolean)]),
        1 => any::<bool>()
            .prop_map(|truth| call(Function::Coalesce, vec![column("bo"), Expr::Value(Value::Boolean(truth))])),
        1 => any::<bool>().prop_map(|truth| binary(column("bo"), BinaryOperator::Equal, Expr::Value(Value::Boolean(truth)))),
        2 => (prop_oneof![integers(under), texts(under)], any::<bool>())
            .prop_map(|(operand, negated)| Expr::IsNull { operand: Box::new(operand), negated }),
        1 => any::<(bool, bool)>().prop_map(|(truth, negated)| is(column("bo"), truth, negated)),
        2 => (integers(under), prop::collection::vec(integers(0), 1..4), any::<bool>())
            .prop_map(|(operand, items, negated)| Expr::In { operand: Box::new(operand), items, negated }),
        1 => (texts(under), prop::collection::vec(texts(0), 1..4), any::<bool>())
            .prop_map(|(operand, items, negated)| Expr::In { operand: Box::new(operand), items, negated }),
        2 => (integers(under), integers(under), integers(under), any::<bool>()).prop_map(|(operand, low, high, negated)| {
            Expr::Between { operand: Box::new(operand), low: Box::new(low), high: Box::new(high), negated }
        }),
        2 => (texts(under), texts(under), any::<bool>()).prop_map(|(operand, pattern, negated)| {
            Expr::Like { operand: Box::new(operand), pattern: Box::new(pattern), negated }
        }),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || conditions(depth - 1);
    let joint = prop::sample::select(vec![BinaryOperator::And, BinaryOperator::Or]);
    prop_oneof![
        3 => leaf,
        3 => (inner(), joint, inner()).prop_map(|(left, operator, right)| binary(left, operator, right)),
        2 => inner().prop_map(|operand| Expr::Unary(UnaryOperator::Not, Box::new(operand))),
        1 => (inner(), inner()).prop_map(|(left, right)| binary(left, BinaryOperator::Equal, right)),
        1 => (inner(), any::<(bool, bool)>()).prop_map(|(operand, (truth, negated))| is(operand, truth, negated)),
        1 => (inner(), any::<bool>()).prop_map(|(operand, negated)| Expr::IsNull { operand: Box::new(operand), negated }),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_parses_back_to_the_same_normal_form(expr in conditions(3)) {
        for dialect in Dialect::ALL {
            let sql = render_expr(dialect, &expr);
            let back = parse_expr(dialect.grammar(), Position::Check, &LIMITS, &sql);
            prop_assert!(back.is_ok(), "{dialect}: {sql}: {back:?}");
            let normal = normal_form(dialect, &expr);
            prop_assert_eq!(normal_form(dialect, &back.unwrap()), normal.clone(), "{}: {}", dialect, sql);
            prop_assert_eq!(normal_form(dialect, &normal), normal, "{}: not idempotent: {}", dialect, sql);
        }
        // SQLite keeps the text as it was sent.
        let sql = render_expr(Dialect::Sqlite, &expr);
        let back = parse_server_expr(Grammar::Sqlite, Position::Check, &sql).unwrap();
        prop_assert_eq!(normal_form(Dialect::Sqlite, &back), normal_form(Dialect::Sqlite, &expr));
    }

    #[test]
    fn the_portable_form_keeps_every_type(expr in conditions(3)) {
        let sql = render_portable(&expr);
        let back = parse_expr(Grammar::Portable, Position::Check, &LIMITS, &sql);
        prop_assert!(back.is_ok(), "{sql}: {back:?}");
        // Two spellings of one number are the only difference that text can make.
        prop_assert_eq!(normal_form(Dialect::Sqlite, &back.unwrap()), normal_form(Dialect::Sqlite, &expr), "{}", sql);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}", words in prop::collection::vec(prop::sample::select(vec![
        "a", "\"b\"", "`c`", "'x'", "\"", "'", "(", ")", ",", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL",
        "=", "<", "-", "||", "::", "text", "[", "]", "ARRAY", "ANY", "CASE", "WHEN", "END", "SELECT", "FROM", "t", "SET",
        "VALUES", "WHERE", "INSERT INTO", "UPDATE", "DELETE FROM", "?", "$1", ".", "*", "1", "1e5", "X'00'", "DATE", "trim",
        "substring", "lower", "JOIN", "ON", "IS TRUE", "IS 1", "<=>", "IS DISTINCT FROM", "CAST(a AS TEXT)", "(SELECT 1)", "t.*", "USING (a)", "OR IGNORE", "GROUP BY", "ORDER BY", "LIMIT", "UNION", "WITH", "AS", "count", "EXISTS", "CURRENT_TIMESTAMP", "MOD", "!", "/*", "*/", "--", ";", "\\", "E'\\''", "interval", "cast", "\n",
    ]), 0..30)) {
        for text in [text.as_str(), &words.join(" "), &words.concat()] {
            for grammar in [Grammar::Portable, Grammar::Sqlite, Grammar::Postgres, Grammar::Mariadb] {
                let _ = parse_expr(grammar, Position::Statement, &LIMITS, text);
                let _ = parse_server_expr(grammar, Position::Default, text);
                for start in ["", "INSERT INTO t (a) VALUES (", "UPDATE t SET a = ", "UPDATE t JOIN u ON ", "UPDATE t SET a = 1 FROM u WHERE ", "INSERT INTO t ", "DELETE FROM t WHERE ", "INSERT INTO t (a) SELECT "] {
                    let _ = parse_dml(grammar, &LIMITS, &format!("{start}{text}"), &[Value::Null]);
                }
                for start in ["", "CREATE TABLE t (a ", "ALTER TABLE t ", "CREATE INDEX i ON t (", "ALTER TABLE t ADD CHECK ("] {
                    let _ = parse_ddl(grammar, &LIMITS, &format!("{start}{text}"));
                }
                for start in ["", "SELECT ", "SELECT a FROM t ", "WITH x AS (SELECT 1 AS a) SELECT "] {
                    let _ = parse_query(grammar, &LIMITS, &format!("{start}{text}"), &[Value::Null]);
                }
            }
        }
    }
}
