//! Time, memory and stack of the host, which no fuel bounds.

use super::*;

/// `b` in front of so many BETWEENs or INs, each around the one before.
fn nested(levels: usize, what: &str) -> String {
    (0..levels).fold(r#""b""#.to_owned(), |inner, _| format!("({inner} {what})"))
}

#[test]
fn nested_repetition_takes_no_exponential_time_or_memory() {
    let between = nested(28, r#"BETWEEN "b" AND "b""#);
    let list = nested(28, r#"IN ("b", "b", "b")"#);
    for dialect in Dialect::ALL {
        for condition in [&between, &list] {
            soon("WHERE", || execute(dialect, &format!(r#"DELETE FROM "t" WHERE {condition}"#), &[])).unwrap_err();
            soon("CHECK", || check(dialect, condition)).unwrap_err();
        }
    }
}

#[test]
fn repetition_within_bounds_is_taken() {
    let between = nested(5, r#"BETWEEN "b" AND "b""#);
    let list = (0..100).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let condition = format!(r#"{between} AND abs("n") IN ({list}) AND lower("a") BETWEEN 'a' AND 'z'"#);
    for dialect in Dialect::ALL {
        execute(dialect, &format!(r#"DELETE FROM "t" WHERE {condition}"#), &[]).unwrap();
        check(dialect, &condition).unwrap();
    }
}

#[test]
fn a_parameter_that_stands_in_many_places_is_charged_for_each() {
    let places = vec!["?1"; 2_000].join(", ");
    let statement = format!(r#"DELETE FROM "t" WHERE "a" IN ({places})"#);
    for dialect in Dialect::ALL {
        execute(dialect, &statement, &[Value::text("x").unwrap()]).unwrap();
        let large = [Value::text("x".repeat(200_000)).unwrap()];
        soon("it", || execute(dialect, &statement, &large)).unwrap_err();
    }
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    for dialect in Dialect::ALL {
        let chains = [(r#""n""#, " + "), (r#""b""#, " AND "), (r#""b""#, " = "), (r#""a""#, " || ")];
        for (operand, operator) in chains {
            for length in [100, 300, 2_000] {
                let chain = vec![operand; length].join(operator);
                let condition = if "+||".contains(operator.trim()) { format!("({chain}) IS NULL") } else { chain };
                let statement = format!(r#"DELETE FROM "t" WHERE {condition}"#);
                let taken = on_a_small_stack(|| execute(dialect, &statement, &[]));
                assert_eq!(taken.is_ok(), length < 2_000, "{length} of {operator}: {taken:?}");
                let checked = on_a_small_stack(|| check(dialect, &condition));
                assert_eq!(checked.is_ok(), length == 100, "{length} of {operator}: {checked:?}");
            }
        }
        for operand in [r#"("b")"#, r#"("b" = "b")"#, r#"(("n") > (1))"#] {
            let chain = vec![operand; 600].join(" OR ");
            let statement = format!(r#"DELETE FROM "t" WHERE {chain}"#);
            let taken = on_a_small_stack(|| execute(dialect, &statement, &[]));
            assert!(taken.is_ok(), "{operand}: {taken:?}");
        }
        for length in [100, 300, 1_900] {
            let arguments = vec![r#""a""#; length].join(", ");
            let statement = format!(r#"DELETE FROM "t" WHERE concat({arguments}) IS NULL"#);
            let taken = on_a_small_stack(|| execute(dialect, &statement, &[]));
            assert_eq!(taken.is_ok(), length < 1_000, "concat of {length}: {taken:?}");
        }
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for depth in [30, 40, 70, 5_000, 100_000] {
        let texts = [
            format!("{}\"b\"{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}\"b\"", "NOT ".repeat(depth)),
            format!("{}\"n\" IS NULL", "- ".repeat(depth)),
            format!("{}\"n\"{} IS NULL", "abs(".repeat(depth), ")".repeat(depth)),
            format!("{}\"a\"{} IS NULL", "trim(".repeat(depth), ")".repeat(depth)),
            format!("{}\"n\"{}", "CASE WHEN ".repeat(depth), " THEN 1 END".repeat(depth)),
            format!("{}SELECT 1{}", "(".repeat(depth), ")".repeat(depth)),
            format!("EXISTS {}", "(SELECT ".repeat(depth)),
            format!("\"n\"{}", "::integer".repeat(depth)),
            format!("\"n\" {}", "[1]".repeat(depth)),
            format!("{}1", "INTERVAL ".repeat(depth)),
            format!("\"b\" {}", "COLLATE x ".repeat(depth)),
            format!("\"b\" {}", "IS NULL ".repeat(depth)),
            format!("\"b\" = {}", "ANY (".repeat(depth)),
            format!("\"b\" IN {}", "(\"b\" IN (".repeat(depth)),
        ];
        for text in texts {
            let statement = format!(r#"DELETE FROM "t" WHERE {text}"#);
            soon(&statement[..statement.len().min(60)], || {
                on_a_small_stack(|| {
                    let _ = execute(Dialect::Postgres, &statement, &[]);
                    let _ = check(Dialect::Mariadb, &text);
                })
            });
        }
    }
}

#[test]
fn a_name_that_is_no_column_is_never_taken_for_a_text() {
    // SQLite would take "titel" for 'titel' where no column has that name, and names regardless of case.
    for dialect in Dialect::ALL {
        for condition in
            [r#""titel" = 'x'"#, r#"'x' = "titel""#, r#""A" = 'x'"#, r#"lower("titel") = 'x'"#, r#""a" IN ("titel")"#]
        {
            execute(dialect, &format!(r#"DELETE FROM "t" WHERE {condition}"#), &[]).unwrap_err();
            check(dialect, condition).unwrap_err();
        }
        for statement in [
            r#"UPDATE "t" SET "a" = "titel""#,
            r#"UPDATE "t" SET "titel" = 'x'"#,
            r#"INSERT INTO "t" ("a") VALUES ("titel")"#,
            r#"INSERT INTO "t" ("titel") VALUES ('x')"#,
            r#"DELETE FROM "T" WHERE "a" = 'x'"#,
        ] {
            execute(dialect, statement, &[]).unwrap_err();
        }
    }
}
