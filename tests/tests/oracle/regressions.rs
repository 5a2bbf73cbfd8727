//! What the random sequences have found, kept as fixed ones.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Constraint, IndexOrder, Op, Position,
};
use ptah_wasm_tests::on_every_database;

use crate::build::{check, column, expr, id, ident, index, key, not_null, table};
use crate::twin::Twin;

/// A column with an expression for its default.
fn computed(column_type: ColumnType, text: &str) -> ColumnSpec {
    ColumnSpec { default: Some(ColumnDefault::Expression(expr(Position::Default, text))), ..column("c", column_type) }
}

on_every_database! {
    async fn a_check_with_quotes_and_backslashes_in_a_row_keeps_them(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let checks = [r"c <> 'a\'''", "c <> 'x''''y'", "c <> ''''", r"c <> '\\'''''"].map(check);
        twin.must(table("t", vec![column("c", ColumnType::Text)], checks.to_vec())).await;
    }

    async fn a_constant_written_as_an_expression_has_to_fit_its_column(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must_not(table("t", vec![computed(ColumnType::BigInteger, "-0.5")], vec![])).await;
        twin.must_not(table("t", vec![computed(ColumnType::Date, "'2026-02-30'")], vec![])).await;
        twin.must(table("t", vec![computed(ColumnType::BigInteger, "- - -7.0")], vec![])).await;
        twin.must(table("u", vec![computed(ColumnType::Boolean, "true")], vec![])).await;
    }

    async fn a_check_over_no_column_is_refused(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = || vec![column("a", ColumnType::Integer), not_null(column("b", ColumnType::Integer))];
        twin.must_not(table("t", columns(), vec![check("1 = 1")])).await;
        twin.must(table("t", columns(), vec![check("1 = b")])).await;
        twin.must(Op::DropColumn { table: ident("t"), name: ident("a") }).await;
    }

    async fn what_a_big_integer_is_compared_with_is_kept_as_it_is_written_or_refused(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = || vec![column("i", ColumnType::Integer), column("b", ColumnType::BigInteger)];
        let kept = [
            "b = 5.00", "b <> 1e3", "b > 0.5", "b = 1 + 2", "b BETWEEN 1e3 AND 6.0", "b IN (1e3, 5.0)", "b IN (5.0)",
            "i = 4 / 2", "b + 1 = 4 / 2", "b = -(-3)", "5.0 < b", "b < 2 * i",
        ].map(check);
        twin.must(table("t", columns(), kept.to_vec())).await;
        for computed in ["b = 4 / 2", "coalesce(1e3, 7) <> b", "b BETWEEN 1 AND 5.0 + 1", "NOT (i = 1 OR b < 2 * 2.5)"] {
            let op = table("u", columns(), vec![check(computed)]);
            if target.dialect() == Dialect::Mariadb { twin.must_not(op).await } else { twin.must(op.clone()).await }
            if target.dialect() != Dialect::Mariadb { twin.must(Op::DropTable { name: ident("u") }).await }
        }
    }

    async fn a_default_that_may_be_null_needs_a_nullable_column(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let integer = |text| computed(ColumnType::Integer, text);
        for (number, text) in ["nullif(1, 1)", "7 / 0", "7 % (2 - 2)", "length(nullif('a', 'a'))"].into_iter().enumerate() {
            twin.must_not(table("t", vec![not_null(integer(text))], vec![])).await;
            twin.must(table(&format!("n{number}"), vec![integer(text)], vec![])).await;
        }
        twin.must(table("t", vec![not_null(integer("coalesce(nullif(1, 1), 7 / 2)"))], vec![])).await;
        let nullable = ColumnChanges { column_type: None, nullable: Some(false), default: Change::Keep, comment: Change::Keep };
        twin.must_not(Op::AlterColumn { table: ident("n0"), name: ident("c"), changes: nullable }).await;
    }

    async fn a_row_that_is_too_wide_for_mariadb_is_refused_there_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let wide = |count: usize, column_type| -> Vec<ColumnSpec> {
            (0..count).map(|number| column(&format!("c{number}"), ColumnType::clone(&column_type))).collect()
        };
        let text = || column("t", ColumnType::Text);
        for (number, columns) in [
            wide(31, ColumnType::Varchar(Some(63))).into_iter().chain(wide(256, ColumnType::Text).split_off(244)).collect(),
            wide(256, ColumnType::Json),
            wide(196, ColumnType::Varchar(Some(10))),
            wide(256, ColumnType::Uuid),
            vec![column("a", ColumnType::Varchar(Some(16_382))), column("b", ColumnType::Integer)],
        ].into_iter().enumerate() {
            twin.must(table(&format!("t{number}"), columns, vec![])).await;
        }
        let grow = Op::AddColumn { table: ident("t4"), column: text() };
        for op in [
            table("u", wide(33, ColumnType::Varchar(Some(63))), vec![]),
            table("v", wide(197, ColumnType::Varchar(Some(10))), vec![]),
            table("w", wide(2, ColumnType::Varchar(Some(16_383))), vec![]),
            grow,
        ] {
            if target.dialect() == Dialect::Mariadb { twin.must_not(op).await } else { twin.must(op).await }
        }
    }

    async fn a_column_that_numbers_itself_stays_an_integer(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        twin.must(table("t", vec![id()], vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        let text = ColumnChanges {
            column_type: Some(ColumnType::Text), nullable: None, default: Change::Keep, comment: Change::Keep,
        };
        twin.must_not(Op::AlterColumn { table: ident("t"), name: ident("id"), changes: text }).await;
    }

    async fn a_key_that_is_too_long_for_mariadb_is_refused_there_while_planned(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let cents = |precision| ColumnType::Numeric { precision, scale: 0 };
        let with_key = |name: &str, length, other| {
            let columns = vec![column("a", ColumnType::Varchar(Some(length))), column("b", other)];
            table(name, columns, vec![Constraint::Unique(key(&["a", "b"]))])
        };
        for (number, (length, other)) in [
            (767, ColumnType::Integer), (766, ColumnType::Timestamp(6)), (766, ColumnType::Time(6)), (767, ColumnType::Date),
            (764, ColumnType::Uuid), (767, cents(9)), (766, ColumnType::Double),
        ].into_iter().enumerate() {
            twin.must(with_key(&format!("t{number}"), length, other)).await;
        }
        for (length, other) in [(767, ColumnType::BigInteger), (768, ColumnType::Boolean), (767, cents(10))] {
            let op = with_key("u", length, other);
            if target.dialect() == Dialect::Mariadb {
                twin.must_not(op).await;
            } else {
                twin.must(op).await;
                twin.must(Op::DropTable { name: ident("u") }).await;
            }
        }
    }

    async fn a_key_cannot_take_the_name_of_a_sequence_whose_column_was_renamed(target: &TestTarget) {
        let mut twin = Twin::new(target).await;
        let columns = vec![id(), column("a", ColumnType::Integer)];
        twin.must(table("t", columns, vec![Constraint::PrimaryKey(key(&["id"]))])).await;
        twin.must(Op::RenameColumn { table: ident("t"), name: ident("id"), new_name: ident("number") }).await;
        let op = Op::CreateIndex { table: ident("t"), index: index("t_id_seq", &[("a", IndexOrder::Ascending)], false), online: None };
        if target.dialect() == Dialect::Postgres { twin.must_not(op).await } else { twin.must(op).await }
    }
}
