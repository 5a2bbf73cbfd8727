//! What the servers were seen to print. The conditions are in `checks.txt`.

use super::*;

#[test]
fn what_the_servers_print_means_what_was_sent() {
    let mut lines = include_str!("checks.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    while let Some(sent) = lines.next() {
        let expr = parse_expr(Grammar::Portable, Position::Check, &LIMITS, sent).unwrap();
        for dialect in [Dialect::Postgres, Dialect::Mariadb] {
            let printed = lines.next().unwrap().trim();
            let back = parse_server_expr(dialect.grammar(), Position::Check, printed);
            let back = back.unwrap_or_else(|| panic!("{dialect} {sent}: not understood: {printed}"));
            assert_eq!(normal_form(dialect, &back), normal_form(dialect, &expr), "{dialect} {sent}: {printed}");
        }
        count += 1;
    }
    assert!(count > 90);
}

#[test]
fn what_the_closed_type_cannot_express_stays_opaque() {
    for (grammar, printed) in [
        (Grammar::Postgres, "CASE WHEN (a > 1) THEN true ELSE false END"),
        (Grammar::Postgres, "((t)::bpchar = 'x'::bpchar)"),
        (Grammar::Postgres, "(dt < now())"),
        (Grammar::Postgres, "(a = ANY (b))"),
        (Grammar::Postgres, "(t ~ '^x'::text)"),
        (Grammar::Postgres, "(ts > 'infinity'::timestamp without time zone)"),
        (Grammar::Mariadb, "`a` = 1 xor `b` = 2"),
        (Grammar::Mariadb, "octet_length(`v`) > 3"),
        (Grammar::Mariadb, "`a` DIV 2 = 1"),
        (Grammar::Mariadb, "cast(`v` as char charset utf8mb4) = 'x'"),
        (Grammar::Mariadb, "json_valid(`j`)"),
        (Grammar::Sqlite, "a GLOB 'x*'"),
        // Sixteen, and not a byte.
        (Grammar::Sqlite, "a > 0x10"),
        (Grammar::Sqlite, "-0xff < a"),
    ] {
        assert_eq!(parse_server_expr(grammar, Position::Check, printed), None, "{printed}");
    }
    // Whole seconds are not what the contract's current time is.
    assert_eq!(parse_server_expr(Grammar::Mariadb, Position::Default, "current_timestamp()"), None);
}

#[test]
fn an_introducer_and_escapes_are_read_as_mariadb_means_them() {
    let read = |printed: &str| parse_server_expr(Grammar::Mariadb, Position::Default, printed);
    let text = |text: &str| Some(Expr::Value(Value::Text(text.into())));
    assert_eq!(read("_utf8mb4'x'"), text("x"));
    assert_eq!(read(r"'a\'b\\c\nd''e'"), text("a'b\\c\nd'e"));
    assert_eq!(read(r"'a\\_%'"), text("a\\_%"));
    assert_eq!(read("0xdead"), Some(Expr::Value(Value::Binary(vec![0xde, 0xad]))));
}

const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// The type, the default, and how SQLite, PostgreSQL and MariaDB print it.
fn defaults() -> Vec<(ColumnType, ColumnDefault, [&'static str; 3])> {
    let numeric = ColumnType::Numeric { precision: 10, scale: 2 };
    let value = ColumnDefault::Value;
    let text = |text: &str| Value::Text(text.into());
    let call = |function| ColumnDefault::Expression(Expr::Call(function, Vec::new()));
    let operation =
        |left, operator, right| ColumnDefault::Expression(binary(Expr::Value(left), operator, Expr::Value(right)));
    vec![
        (ColumnType::Integer, value(Value::Integer(5)), ["5", "5", "5"]),
        (ColumnType::Integer, value(Value::Integer(-5)), ["-5", "'-5'::integer", "-5"]),
        (
            ColumnType::BigInteger,
            value(Value::Integer(i64::MIN)),
            ["-9223372036854775808", "'-9223372036854775808'::bigint", "-9223372036854775808"],
        ),
        (numeric.clone(), value(Value::numeric("9.9").unwrap()), ["9.9", "9.9", "9.90"]),
        (numeric.clone(), value(Value::numeric("-9.90").unwrap()), ["-9.90", "'-9.90'::numeric", "-9.90"]),
        (numeric.clone(), value(Value::Integer(10)), ["10", "10", "10.00"]),
        (ColumnType::Double, value(Value::double(1.5).unwrap()), ["1.5e0", "'1.5'::double precision", "1.5"]),
        (ColumnType::Double, value(Value::double(1e300).unwrap()), ["1e300", "'1e+300'::double precision", "1e300"]),
        (ColumnType::Double, value(Value::Integer(1)), ["1e0", "1", "1"]),
        (ColumnType::Double, value(Value::numeric("-0.1").unwrap()), ["-1e-1", "'-0.1'::numeric", "-0.1"]),
        (ColumnType::Boolean, value(Value::Boolean(true)), ["1", "true", "1"]),
        (ColumnType::Boolean, value(Value::Boolean(false)), ["0", "false", "0"]),
        (
            ColumnType::Varchar(Some(20)),
            value(text("a'b\\c")),
            [r"'a''b\c'", r"'a''b\c'::character varying", r"'a\'b\\c'"],
        ),
        (ColumnType::Text, value(text("")), ["''", "''::text", "''"]),
        (ColumnType::Text, value(text("10:00")), ["'10:00'", "'10:00'::text", "'10:00'"]),
        (ColumnType::Binary, value(Value::Binary(vec![0xde, 0xad])), ["X'dead'", r"'\xdead'::bytea", "X'dead'"]),
        (
            ColumnType::Date,
            value(Value::date("2024-01-01").unwrap()),
            ["'2024-01-01'", "'2024-01-01'::date", "'2024-01-01'"],
        ),
        (
            ColumnType::Time(6),
            value(Value::time("10:00:00.5").unwrap()),
            ["'10:00:00.500000'", "'10:00:00.5'::time without time zone", "'10:00:00.500000'"],
        ),
        (
            ColumnType::Timestamp(6),
            value(text("2024-01-01T10:00:00.25")),
            [
                "'2024-01-01 10:00:00.250000'",
                "'2024-01-01 10:00:00.25'::timestamp without time zone",
                "'2024-01-01 10:00:00.250000'",
            ],
        ),
        (
            ColumnType::TimestampWithZone(6),
            value(Value::timestamp_with_zone("2024-01-01T12:00:00+02:00").unwrap()),
            [
                "'2024-01-01 10:00:00'",
                "'2024-01-01 10:00:00+00'::timestamp with time zone",
                "'2024-01-01 10:00:00.000000'",
            ],
        ),
        (
            ColumnType::Uuid,
            value(Value::uuid(UUID).unwrap()),
            [
                "'67e5504410b1426f9247bb680e5fe0c8'",
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'::uuid",
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
            ],
        ),
        (
            ColumnType::Json,
            value(Value::json("{\"a\": 1}").unwrap()),
            ["'{\"a\": 1}'", "'{\"a\": 1}'::json", "'{\"a\": 1}'"],
        ),
        (
            ColumnType::TimestampWithZone(6),
            call(Function::CurrentTimestamp),
            ["CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", "current_timestamp(6)"],
        ),
        (
            ColumnType::Timestamp(6),
            call(Function::CurrentTimestamp),
            ["CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", "current_timestamp(6)"],
        ),
        (ColumnType::Date, call(Function::CurrentDate), ["CURRENT_DATE", "CURRENT_DATE", "curdate()"]),
        (
            ColumnType::Text,
            operation(text("a"), BinaryOperator::Concat, text("b")),
            ["('a' || 'b')", "('a'::text || 'b'::text)", "concat('a','b')"],
        ),
        (
            ColumnType::Boolean,
            operation(Value::Integer(1), BinaryOperator::Equal, Value::Integer(1)),
            ["(1 = 1)", "(1 = 1)", "(1 = 1)"],
        ),
    ]
}

#[test]
fn a_default_reads_back_as_it_was_planned() {
    for (column_type, default, printed) in defaults() {
        for (dialect, printed) in Dialect::ALL.into_iter().zip(printed) {
            let back = parse_server_expr(dialect.grammar(), Position::Default, printed);
            let back = ColumnDefault::Expression(back.unwrap_or_else(|| panic!("{dialect}: {printed}")));
            assert_eq!(
                default_normal_form(dialect, &back, &column_type),
                default_normal_form(dialect, &default, &column_type),
                "{dialect} {column_type}: {printed}"
            );
        }
    }
}

#[test]
fn a_constant_goes_into_a_column_in_the_form_of_its_type() {
    for (value, into, expected) in [
        (Value::Boolean(true), Some(ColumnType::Boolean), ["1", "TRUE", "TRUE"]),
        (Value::Integer(i64::MIN), None, ["-9223372036854775808"; 3]),
        (Value::double(1.0).unwrap(), None, ["1e0", "'1e0'::double precision", "1e0"]),
        (Value::Integer(1), Some(ColumnType::Double), ["1e0", "'1e0'::double precision", "1e0"]),
        (Value::Text("a'b\\".into()), None, ["'a''b\\'"; 3]),
        (Value::Binary(Vec::new()), None, ["X''", "'\\x'::bytea", "X''"]),
        (
            Value::uuid(UUID).unwrap(),
            None,
            [
                "'67e5504410b1426f9247bb680e5fe0c8'",
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'::uuid",
                "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
            ],
        ),
        (
            Value::Text("2024-01-01".into()),
            Some(ColumnType::Date),
            ["'2024-01-01'", "DATE '2024-01-01'", "DATE '2024-01-01'"],
        ),
        (
            Value::TimestampWithZone("2024-01-01 10:00:00".into()),
            None,
            [
                "'2024-01-01 10:00:00'",
                "TIMESTAMP WITH TIME ZONE '2024-01-01 10:00:00+00:00'",
                "TIMESTAMP '2024-01-01 10:00:00'",
            ],
        ),
    ] {
        assert_eq!(Dialect::ALL.map(|dialect| literal(dialect, &value, into.as_ref())), expected);
    }
    let name = Ident::parse(IdentKind::Constraint, 63, "fk a`b").unwrap();
    assert_eq!(Dialect::ALL.map(|dialect| quote(dialect, &name)), ["\"fk a`b\"", "\"fk a`b\"", "`fk a``b`"]);
}
