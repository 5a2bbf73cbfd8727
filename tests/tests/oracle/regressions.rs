//! What the random sequences have found, kept as fixed ones.

use ptah_wasm::operation::{ColumnDefault, ColumnSpec, ColumnType, Op, Position};
use ptah_wasm_tests::on_every_database;

use crate::build::{check, column, expr, ident, not_null, table};
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
}
