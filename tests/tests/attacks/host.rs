//! What a host call can cost the host: each one little, and all of them together no more than the step's wall time.

use ptah_wasm::operation::{Index, IndexOrder, IndexPart};
use ptah_wasm::sandbox::{CacheLocation, Compiler, RunValues, Sandbox, StepCall, StepError};
use ptah_wasm_tests::guest::{self, Action, GuestPackage, add_column, create_table, ignore, sql};

use super::*;

/// A condition with as many nodes as there may be.
fn longest_condition() -> String {
    (0..60).map(|n| format!("\"c{n}\" > {n}")).collect::<Vec<_>>().join(" AND ")
}

/// The table that costs most to copy, compare and sort.
fn widest(name: &str) -> Op {
    let limits = planner(Dialect::Sqlite).parse_limits();
    let condition = parse_expr(Grammar::Portable, Position::Check, &limits, &longest_condition()).unwrap();
    let check = || Constraint::Check(CheckSpec { name: None, condition: condition.clone() });
    let columns = (0..250).map(|n| column(&format!("c{n}"), ColumnType::SmallInteger)).collect();
    let constraints = (0..60).map(|_| check()).collect();
    Op::CreateTable { table: TableSpec { name: ident(name), columns, constraints, comment: None } }
}

#[test]
fn no_single_call_takes_long() {
    for dialect in Dialect::ALL {
        let parse = |planner: &Planner, text: &str| {
            let statement = parse_dml(Grammar::Portable, &planner.parse_limits(), text, &[]).unwrap();
            Op::Execute { statement }
        };
        let mut wide = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
        soon("the widest table", || wide.push(widest("t")).unwrap());
        soon("a column that is there", || {
            wide.push(Op::AddColumn { table: ident("t"), column: column("c1", ColumnType::Integer) }).unwrap_err()
        });
        let name = Ident::parse(IdentKind::Constraint, 63, "i").unwrap();
        let parts = vec![IndexPart::column(ident("c1"), IndexOrder::Descending)];
        let index = Index { name: name.clone(), parts, unique: false, predicate: None };
        soon("an index", || wide.push(Op::CreateIndex { table: ident("t"), index, online: None }).unwrap());
        soon("no index", || wide.push(Op::DropIndex { table: ident("t"), name, online: None }).unwrap());
        let rename = |from, to| Op::RenameColumn { table: ident("t"), name: ident(from), new_name: ident(to) };
        soon("another name", || wide.push(rename("c5", "x")).unwrap());
        let all: Vec<Ident> = (10..250).map(|n| ident(&format!("c{n}"))).collect();
        let cells = vec![vec![Value::Integer(1); 240]; 270];
        soon("65,000 cells", || wide.push(Op::BulkInsert { table: ident("t"), columns: all, rows: cells }).unwrap());
        let list = (0..4_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let list = parse(&wide, &format!("DELETE FROM \"t\" WHERE \"c1\" IN ({list})"));
        soon("4,000 nodes", || wide.push(list).unwrap());

        let mut plain = planner(dialect);
        let long = format!("'{}' = \"a\"", "x".repeat(900_000));
        let deep = (0..30).fold(long, |inner, _| format!("({inner}) = TRUE"));
        soon("a long text 30 deep", || {
            let statement = parse(&plain, &format!("DELETE FROM \"t\" WHERE {deep}"));
            plain.push(statement).unwrap();
        });
        let rows = vec![vec![Value::Null]; 65_000];
        let insert = Op::BulkInsert { table: ident("t"), columns: vec![ident("b")], rows };
        soon("65,000 rows", || plain.push(insert).unwrap());
        for number in 0..1_900 {
            plain.push(table(&format!("t{number}"), Vec::new())).unwrap();
        }
        soon("one table more", || plain.push(table("last", Vec::new())).unwrap());
        soon("the digest", || plain.finish());
    }
}

#[test]
fn calls_that_cost_the_host_end_with_the_wall_time() {
    let table = create_table("t", |t| {
        (0..250).for_each(|n| {
            t.small_integer(format!("c{n}"));
        });
        (0..60).for_each(|_| {
            t.check(sql(longest_condition()));
        });
    });
    // Failing calls are no operations and cost little fuel; one of these copies the whole table.
    let again = Action::Repeat(90_000, vec![ignore(add_column("t", guest::Column::integer("c1")))]);
    let package = GuestPackage::new("slow").revision("001", &[], "").upgrade([table, again]).build();
    let limits = Limits { wall_time: Duration::from_secs(2), ..Limits::default() };
    let loaded = Sandbox::new(limits.clone(), CacheLocation::Off, Compiler::InProcess).unwrap().load(&package).unwrap();
    let planner = Planner::new(Dialect::Postgres, Schema::default(), Access::default(), limits);
    let started = Instant::now();
    let result = loaded.run(StepCall::Upgrade("001"), planner, &RunValues::default(), None, &mut |_| ());
    assert!(matches!(&result, Err(StepError::LimitExceeded(message)) if message.contains("2 s")), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
}
