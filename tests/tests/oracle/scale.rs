//! Planning stays quick up to the limit on operations.

use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{ColumnType, Constraint, IndexOrder, Op, ReferentialAction};
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::schema::Schema;

use crate::build::{check, column, foreign_key, id, ident, index, key, not_null, table};

/// Plans so many tables that refer to the first one, each with an index.
fn plan(dialect: Dialect, tables: usize) -> Duration {
    let start = Instant::now();
    let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
    for number in 0..tables {
        let name = format!("table_{number}");
        let columns = vec![
            id(),
            not_null(column("title", ColumnType::Varchar(Some(100)))),
            column("first", ColumnType::BigInteger),
            column("amount", ColumnType::Integer),
        ];
        let constraints = vec![
            Constraint::PrimaryKey(key(&["id"])),
            Constraint::Unique(key(&["title"])),
            foreign_key(&["first"], "table_0", ReferentialAction::Cascade, ReferentialAction::NoAction),
            check("amount > 0 AND title <> ''"),
        ];
        planner.push(table(&name, columns, constraints)).unwrap();
        let by_amount = index(&format!("ix_{number}"), &[("amount", IndexOrder::Ascending)], false);
        planner.push(Op::CreateIndex { table: ident(&name), index: by_amount, online: None }).unwrap();
    }
    assert_eq!(planner.finish().0.operations.len(), 2 * tables);
    start.elapsed()
}

#[test]
fn the_largest_step_is_planned_in_a_moment() {
    for dialect in Dialect::ALL {
        let tables = Limits::default().operations / 2;
        let took = plan(dialect, tables);
        // About a second without optimisation on an idle machine; names are looked for in every table. The bound is for busy ones.
        assert!(took < Duration::from_secs(60), "{dialect}: {tables} tables and indexes took {took:?}");
    }
}
