//! What the author of a hostile package would try. Each test names what must not come of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bombs;
mod catalog;
mod host;
mod neighbours;
mod terminal;
mod time;
mod values;

use std::time::{Duration, Instant};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    CheckSpec, ColumnSpec, ColumnType, Constraint, Grammar, Ident, IdentKind, Op, ParseError, Position, TableSpec,
    Value, parse_dml, parse_expr,
};
use ptah_wasm::plan::{PlanError, Planner};
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::schema::Schema;

/// The stack that host calls have at least: a worker's two MiB without what a guest may use before it calls.
const STACK: usize = (2 << 20) - (512 << 10);

/// Runs on a stack as small as they come.
fn on_a_small_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    on_a_stack(STACK, run)
}

fn on_a_stack<R: Send>(bytes: usize, run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

/// Fails if `run` takes longer than one host call may; a test build is some ten times slower than a release.
fn soon<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = run();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{what} took {took:?}");
    result
}

fn ident(name: &str) -> Ident {
    Ident::parse(IdentKind::Object, 63, name).unwrap()
}

fn column(name: &str, column_type: ColumnType) -> ColumnSpec {
    let name = ident(name);
    ColumnSpec {
        name,
        column_type,
        nullable: true,
        default: None,
        auto_increment: false,
        numbered_once: false,
        computed: None,
        comment: None,
    }
}

fn table(name: &str, constraints: Vec<Constraint>) -> Op {
    let columns =
        vec![column("b", ColumnType::Boolean), column("a", ColumnType::Text), column("n", ColumnType::Integer)];
    Op::CreateTable { table: TableSpec { name: ident(name), columns, constraints, comment: None } }
}

/// A planner over a table `t` with columns `b`, `a` and `n`: boolean, text, integer.
fn planner(dialect: Dialect) -> Planner {
    let mut planner = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
    planner.push(table("t", Vec::new())).unwrap();
    planner
}

/// Why a text or an operation was refused.
#[derive(Debug)]
#[allow(dead_code)] // shown when a test fails
enum Refused {
    Parse(ParseError),
    Plan(PlanError),
}

/// Everything that happens to a statement of a guest.
fn execute(dialect: Dialect, statement: &str, parameters: &[Value]) -> Result<(), Refused> {
    let mut planner = planner(dialect);
    let statement =
        parse_dml(Grammar::Portable, &planner.parse_limits(), statement, parameters).map_err(Refused::Parse)?;
    planner.push(Op::Execute { statement }).map_err(Refused::Plan)?;
    planner.finish();
    Ok(())
}

/// Everything that happens to a check of a guest.
fn check(dialect: Dialect, condition: &str) -> Result<(), Refused> {
    let mut planner = planner(dialect);
    let condition = parse_expr(Grammar::Portable, Position::Check, &planner.parse_limits(), condition);
    let check = Constraint::Check(CheckSpec { name: None, condition: condition.map_err(Refused::Parse)? });
    planner.push(table("u", vec![check])).map_err(Refused::Plan)?;
    planner.finish().1.digest();
    Ok(())
}
