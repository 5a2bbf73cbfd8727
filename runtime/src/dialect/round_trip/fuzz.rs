//! Expressions of every position: random trees come back from every dialect, and hostile text is refused or becomes
//! nothing but what is on the lists. `PTAH_FUZZ_CASES` sets the number of cases.

use sqlparser::ast;
use sqlparser::dialect::{Dialect as Grammars, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::pieces::PIECES;
use super::queries::{bare, ident, schema, words};
use super::*;
use crate::dialect::{Rendered, render};
use crate::operation::{
    CheckSpec, ColumnSpec, Computed, ComputedStorage, Constraint, Index, IndexKey, IndexOrder, IndexPart, Op,
};

const POSITIONS: [Position; 6] =
    [Position::Check, Position::Default, Position::Index, Position::Predicate, Position::Computed, Position::Statement];
const GRAMMARS: [Grammar; 4] = [Grammar::Portable, Grammar::Sqlite, Grammar::Postgres, Grammar::Mariadb];

fn config() -> ProptestConfig {
    let cases = std::env::var("PTAH_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(256);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// An expression of any kind for any position.
fn placed() -> BoxedStrategy<(Position, Expr)> {
    let tree = prop_oneof![2 => conditions(3), 1 => integers(3), 1 => texts(3)];
    (prop::sample::select(POSITIONS.to_vec()), tree)
        .prop_map(|(position, expr)| match position {
            Position::Default => (position, folded(&without_columns(&expr))),
            _ => (position, folded(&expr)),
        })
        .boxed()
}

/// With the sign of a constant in the constant, as the parser has it.
fn folded(expr: &Expr) -> Expr {
    expr.map(&|expr| match expr {
        Expr::Unary(UnaryOperator::Negate, operand) => match &*operand {
            Expr::Value(value) => value.negated().map_or_else(|| negated(operand.clone()), Expr::Value),
            _ => negated(operand),
        },
        other => other,
    })
}

fn negated(operand: Box<Expr>) -> Expr {
    Expr::Unary(UnaryOperator::Negate, operand)
}

/// With a constant in the place of every column.
fn without_columns(expr: &Expr) -> Expr {
    expr.map(&|expr| match expr {
        Expr::Column(name) => Expr::Value(match name.as_str() {
            "bo" => Value::Boolean(true),
            "v" | "t" => Value::Text("it's".into()),
            "bin" => Value::Binary(vec![0]),
            "dt" => Value::date("2026-01-02").unwrap(),
            "tm" => Value::time("10:00:00").unwrap(),
            "ts" => Value::timestamp("2026-01-02 10:00:00").unwrap(),
            "u" => Value::uuid("67e55044-10b1-426f-9247-bb680e5fe0c8").unwrap(),
            _ => Value::Integer(7),
        }),
        other => other,
    })
}

fn soup() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(vec![";", "\\", "\n", "\u{0}", "é", "\u{202e}", "’", "\u{ff07}", "DROP TABLE t"]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    (prop::collection::vec(piece, 1..12), any::<bool>())
        .prop_map(|pieces| pieces.0.join(if pieces.1 { " " } else { "" }))
        .boxed()
}

/// A text that was fine, in some grammar, with something else in the middle of it.
fn spoilt() -> BoxedStrategy<String> {
    (placed(), 0..4_usize, soup(), any::<prop::sample::Index>(), 0..4_usize)
        .prop_map(|((_, expr), grammar, soup, at, length)| {
            let mut text = match grammar {
                0 => render_portable(&expr),
                other => render_expr(Dialect::ALL[other - 1], &expr),
            };
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let start = at.index(places.len());
            let end = places.get(start + length).copied().unwrap_or(text.len());
            text.replace_range(places[start]..end, &soup);
            text
        })
        .boxed()
}

/// MariaDB's grammar under NO_BACKSLASH_ESCAPES, which the sessions have.
#[derive(Debug)]
struct Plain;

impl Grammars for Plain {
    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        letter == '`'
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        letter.is_alphabetic() || letter == '_' || letter == '@' || letter == '$'
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        self.is_identifier_start(letter) || letter.is_ascii_digit()
    }
}

/// Parses what was rendered as someone else would, and refuses every construct that is not listed here.
fn listed(dialect: Dialect, position: Position, sql: &str) -> Result<(), String> {
    let grammar: &dyn Grammars = match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Mariadb => &Plain,
    };
    let parser = Parser::new(grammar).with_recursion_limit(5_000).try_with_sql(sql);
    let mut parser = parser.map_err(|error| error.to_string())?;
    let parsed = parser.parse_expr().map_err(|error| error.to_string())?;
    if parser.peek_token_ref().token != sqlparser::tokenizer::Token::EOF {
        return Err("there is more than an expression".into());
    }
    walk(dialect, position, &parsed)
}

fn walk(dialect: Dialect, position: Position, expr: &ast::Expr) -> Result<(), String> {
    let all = |inner: &[&ast::Expr]| inner.iter().try_for_each(|inner| walk(dialect, position, inner));
    let clock = matches!(position, Position::Default | Position::Statement);
    let mark = if dialect == Dialect::Mariadb { '`' } else { '"' };
    match expr {
        ast::Expr::Nested(inner) => all(&[inner]),
        ast::Expr::Identifier(name) if name.quote_style == Some(mark) && position != Position::Default => Ok(()),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null
            | ast::Value::Boolean(_)
            | ast::Value::Number(_, false)
            | ast::Value::SingleQuotedString(_)
            | ast::Value::HexStringLiteral(_) => Ok(()),
            other => Err(format!("the constant {other:?}")),
        },
        ast::Expr::TypedString(typed)
            if matches!(
                typed.data_type,
                ast::DataType::Date | ast::DataType::Time(..) | ast::DataType::Timestamp(..)
            ) =>
        {
            Ok(())
        }
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Not | ast::UnaryOperator::Minus, expr } => all(&[expr]),
        ast::Expr::BinaryOp { left, op, right } => {
            use ast::BinaryOperator::{
                And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus, StringConcat,
            };
            match op {
                And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | Plus | Minus | Multiply | Divide | Modulo => {}
                StringConcat if dialect != Dialect::Mariadb => {}
                other => return Err(format!("the operator {other}")),
            }
            all(&[left, right])
        }
        ast::Expr::IsNull(inner)
        | ast::Expr::IsNotNull(inner)
        | ast::Expr::IsTrue(inner)
        | ast::Expr::IsNotTrue(inner)
        | ast::Expr::IsFalse(inner)
        | ast::Expr::IsNotFalse(inner) => all(&[inner]),
        ast::Expr::InList { expr, list, .. } => {
            all(&[expr])?;
            all(&list.iter().collect::<Vec<_>>())
        }
        ast::Expr::Between { expr, low, high, .. } => all(&[expr, low, high]),
        ast::Expr::Like { any: false, escape_char: None, expr, pattern, .. } => all(&[expr, pattern]),
        ast::Expr::Cast { kind: ast::CastKind::DoubleColon, expr, data_type, format: None }
            if dialect == Dialect::Postgres =>
        {
            let constant =
                matches!(&**expr, ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)));
            let known = match data_type {
                ast::DataType::DoublePrecision | ast::DataType::Bytea | ast::DataType::Uuid | ast::DataType::JSON => {
                    true
                }
                // A label; which enumerations there are is the model's to know.
                ast::DataType::Custom(name, modifiers) => {
                    matches!(name.0.as_slice(), [ast::ObjectNamePart::Identifier(name)] if name.quote_style == Some('"'))
                        && modifiers.is_empty()
                        && clock
                }
                _ => false,
            };
            if constant && known { Ok(()) } else { Err(format!("the cast to {data_type}")) }
        }
        ast::Expr::Cast { kind: ast::CastKind::Cast, expr, data_type, format: None }
            if position == Position::Statement =>
        {
            let known = matches!(
                data_type,
                ast::DataType::Text
                    | ast::DataType::Char(None)
                    | ast::DataType::Integer(None)
                    | ast::DataType::BigInt(None)
                    | ast::DataType::Signed
                    | ast::DataType::Real
                    | ast::DataType::Double(_)
                    | ast::DataType::DoublePrecision
            );
            if known { all(&[expr]) } else { Err(format!("the cast to {data_type}")) }
        }
        ast::Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => all(&[expr]),
        ast::Expr::Substring { expr, substring_from, substring_for, .. } => {
            all(&[expr])?;
            all(&substring_from.iter().chain(substring_for).map(|inner| &**inner).collect::<Vec<_>>())
        }
        ast::Expr::Function(function) => {
            let name = function.name.to_string();
            let plain = function.over.is_none()
                && function.filter.is_none()
                && function.null_treatment.is_none()
                && function.within_group.is_empty();
            let known = match name.as_str() {
                "CURRENT_TIMESTAMP" | "CURRENT_DATE" | "curdate" => clock,
                "lower" | "upper" | "abs" | "coalesce" | "nullif" | "replace" => true,
                "json_type" => dialect != Dialect::Postgres && position == Position::Statement,
                "json_typeof" => dialect == Dialect::Postgres && position == Position::Statement,
                "length" => dialect != Dialect::Mariadb,
                "char_length" | "concat" => dialect == Dialect::Mariadb,
                _ => false,
            };
            if !plain || !known {
                return Err(format!("the function {name}"));
            }
            match &function.args {
                ast::FunctionArguments::None => Ok(()),
                ast::FunctionArguments::List(list) if list.clauses.is_empty() && list.duplicate_treatment.is_none() => {
                    list.args.iter().try_for_each(|argument| match argument {
                        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner)) => all(&[inner]),
                        other => Err(format!("the argument {other}")),
                    })
                }
                other => Err(format!("the arguments {other}")),
            }
        }
        other => Err(format!("the construct {other:?}")),
    }
}

/// What an expression becomes wherever it can stand; nothing where the model or the dialect refuses it.
fn statements(dialect: Dialect, position: Position, expr: &Expr) -> Vec<String> {
    let part = |key| IndexPart { key, order: IndexOrder::Ascending };
    let index = |key, predicate| Op::CreateIndex {
        table: ident("x"),
        index: Index { name: ident("i"), parts: vec![part(key)], unique: false, predicate },
        online: None,
    };
    let column = |column_type, default, computed| Op::AddColumn {
        table: ident("x"),
        column: ColumnSpec {
            name: ident("new"),
            column_type,
            nullable: true,
            default,
            auto_increment: false,
            numbered_once: false,
            computed,
            comment: None,
        },
    };
    let types =
        [ColumnType::Boolean, ColumnType::BigInteger, ColumnType::Double, ColumnType::Text, ColumnType::Timestamp(6)];
    let operations = match position {
        Position::Check => vec![Op::CreateConstraint {
            table: ident("x"),
            constraint: Constraint::Check(CheckSpec { name: Some(ident("k")), condition: expr.clone() }),
        }],
        Position::Default => {
            let default = || Some(ColumnDefault::Expression(expr.clone()));
            types.map(|column_type| column(column_type, default(), None)).to_vec()
        }
        Position::Index => vec![index(IndexKey::Expression(expr.clone()), None)],
        Position::Predicate => vec![index(IndexKey::Column(ident("a")), Some(expr.clone()))],
        Position::Computed => {
            let storage = if dialect == Dialect::Postgres { ComputedStorage::Stored } else { ComputedStorage::Virtual };
            let computed = || Some(Computed { expression: expr.clone(), storage });
            types.map(|column_type| column(column_type, None, computed())).to_vec()
        }
        Position::Statement | Position::Query => Vec::new(),
    };
    let mut sent = Vec::new();
    for op in operations {
        let before = schema();
        let mut after = before.clone();
        if crate::schema::apply(&mut after, dialect.rules(), &op).is_ok()
            && let Ok(Rendered::Statements(statements)) = render(dialect, &op, &before, &mut after)
        {
            sent.extend(statements.into_iter().map(|statement| statement.sql));
        }
    }
    sent
}

/// Every word that may stand outside quotes in those statements beside those of expressions.
const WORDS: &str = "CREATE INDEX ON WHERE ALTER TABLE ADD COLUMN CONSTRAINT CHECK DEFAULT GENERATED ALWAYS AS STORED VIRTUAL \
    BOOLEAN BOOL BIGINT DOUBLE PRECISION TEXT DATETIME TIMESTAMP WITHOUT WITH TIME ZONE \
    AND OR NOT IN BETWEEN LIKE IS NULL TRUE FALSE DATE X double precision bytea uuid json \
    lower upper length char_length trim abs coalesce nullif replace substr concat CURRENT_TIMESTAMP CURRENT_DATE curdate";

fn only_known_words(sql: &str) -> Result<(), String> {
    let bare = bare(sql);
    let known = |word: &&str| WORDS.split_whitespace().any(|known| known == *word);
    if let Some(strange) = words(&bare).into_iter().find(|word| !known(word)) {
        return Err(format!("the word {strange}"));
    }
    let sign = ["--", "/*", "#", ";", "\\", "@", "$", "{"].into_iter().find(|sign| bare.contains(sign));
    sign.map_or(Ok(()), |sign| Err(format!("the sign {sign}")))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_tree_of_any_position_comes_back_from_every_dialect(placed in placed()) {
        let (position, expr) = placed;
        let portable = render_portable(&expr);
        let back = parse_expr(Grammar::Portable, position, &LIMITS, &portable);
        prop_assert!(back.is_ok(), "{position:?}: {portable}: {back:?}");
        let back = back.unwrap();
        prop_assert_eq!(&render_portable(&back), &portable);
        for dialect in Dialect::ALL {
            let normal = normal_form(dialect, &expr);
            prop_assert_eq!(normal_form(dialect, &back), normal.clone(), "{}: {}", dialect, portable);
            let sql = render_expr(dialect, &normal);
            prop_assert_eq!(listed(dialect, position, &sql), Ok(()), "{}: {}", dialect, sql);
            let back = parse_expr(dialect.grammar(), position, &LIMITS, &sql);
            prop_assert!(back.is_ok(), "{dialect} {position:?}: {sql}: {back:?}");
            prop_assert_eq!(render_expr(dialect, &back.clone().unwrap()), sql.clone(), "{}", dialect);
            prop_assert_eq!(normal_form(dialect, &back.unwrap()), normal.clone(), "{}: {}", dialect, sql);
            if dialect == Dialect::Sqlite {
                // It keeps the text as it was sent.
                let kept = parse_server_expr(dialect.grammar(), position, &sql).map(|kept| normal_form(dialect, &kept));
                prop_assert_eq!(kept, Some(normal), "{}", sql);
            }
            for sent in statements(dialect, position, &expr) {
                prop_assert_eq!(only_known_words(&sent), Ok(()), "{}: {}", dialect, sent);
            }
        }
    }

    #[test]
    fn hostile_text_is_refused_or_becomes_nothing_but_what_is_listed(text in prop_oneof![soup(), spoilt()]) {
        for grammar in GRAMMARS {
            for position in POSITIONS {
                let server = parse_server_expr(grammar, position, &text);
                let Some(expr) = parse_expr(grammar, position, &LIMITS, &text).ok().or(server) else { continue };
                for dialect in Dialect::ALL {
                    let sql = render_expr(dialect, &normal_form(dialect, &expr));
                    if position != Position::Statement {
                        prop_assert_eq!(listed(dialect, position, &sql), Ok(()), "{}: {} from {}", dialect, sql, text);
                    }
                    for sent in statements(dialect, position, &expr) {
                        prop_assert_eq!(only_known_words(&sent), Ok(()), "{}: {} from {}", dialect, sent, text);
                    }
                }
            }
        }
    }
}

#[test]
fn deep_and_long_text_is_refused_or_taken_without_a_panic() {
    let pairs = [
        ("(", ")"),
        ("NOT ", ""),
        ("- ", ""),
        ("a || ", ""),
        ("a AND ", ""),
        ("a OR NOT ", ""),
        ("a IN (", ")"),
        ("lower(", ")"),
        ("a BETWEEN 1 AND ", ""),
        ("coalesce(a, ", ")"),
        ("a = ", ""),
        ("/*", "*/"),
        ("[", "]"),
        ("'", "'"),
        ("\"", "\""),
        ("1, ", ""),
        ("a.", ""),
        ("(a, ", ")"),
        ("CASE WHEN ", " THEN 1 END"),
        ("(SELECT ", ")"),
        ("::text", ""),
        ("a IS NULL ", ""),
        ("é", ""),
        ("ARRAY[", "]"),
        ("E'\\", "'"),
        ("CAST(", " AS TEXT)"),
        ("a IN (1) IN (", ")"),
    ];
    for (open, close) in pairs {
        for count in [10, 40, 300, 5_000, 60_000] {
            let text = format!("{}a{}", open.repeat(count), close.repeat(count));
            for grammar in GRAMMARS {
                for position in POSITIONS {
                    let server = parse_server_expr(grammar, position, &text);
                    for expr in parse_expr(grammar, position, &LIMITS, &text).ok().into_iter().chain(server) {
                        for dialect in Dialect::ALL {
                            let _ = render_expr(dialect, &normal_form(dialect, &expr));
                            let _ = statements(dialect, position, &expr);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_listed_would_be_seen() {
    for (dialect, sql) in [
        (Dialect::Sqlite, "random()"),
        (Dialect::Sqlite, "(\"a\" COLLATE NOCASE)"),
        (Dialect::Sqlite, "(a = 1)"),
        (Dialect::Postgres, "('x'::regclass)"),
        (Dialect::Postgres, "(SELECT 1)"),
        (Dialect::Postgres, "CURRENT_TIMESTAMP"),
        (Dialect::Postgres, "(\"a\" ~ 'x')"),
        (Dialect::Mariadb, "(`a` || `b`)"),
        (Dialect::Mariadb, "sleep(1)"),
        (Dialect::Mariadb, "`a`; DROP TABLE `x`"),
    ] {
        assert!(listed(dialect, Position::Index, sql).is_err(), "{dialect}: {sql}");
    }
    assert!(only_known_words("CREATE INDEX \"i\" ON \"x\" (\"a\") -- x").is_err());
    assert!(only_known_words("CREATE INDEX \"i\" ON \"x\" (random())").is_err());
}
