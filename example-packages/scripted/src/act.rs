//! Does what a script's actions say.

use std::cell::Cell;
use std::fmt::Debug;
use std::hint::black_box;

use ptah_guest::bindings::ptah::migration::{data, inspect, log, rows, run, schema};
use ptah_guest::{Error, Result, SqlText, Value};

use crate::script::{Action, ErrorKind};

/// Does them in order until one fails.
pub(crate) fn all(actions: &[Action]) -> Result<()> {
    actions.iter().try_for_each(one)
}

fn one(action: &Action) -> Result<()> {
    match action {
        Action::CreateTable(table) => schema::create_table(table),
        Action::DropTable(name) => schema::drop_table(name),
        Action::RenameTable(name, new_name) => schema::rename_table(name, new_name),
        Action::AddColumn(table, column) => schema::add_column(table, column),
        Action::DropColumn(table, name) => schema::drop_column(table, name),
        Action::RenameColumn(table, name, new_name) => schema::rename_column(table, name, new_name),
        Action::AlterColumn(table, name, changes) => schema::alter_column(table, name, changes),
        Action::CreateIndex(table, index, online) => schema::create_index(table, index, *online),
        Action::DropIndex(table, name, online) => schema::drop_index(table, name, *online),
        Action::CreateConstraint(table, constraint) => schema::create_constraint(table, constraint),
        Action::DropConstraint(table, which) => schema::drop_constraint(table, which),
        Action::CreateEnum(name, labels) => schema::create_enum(name, labels),
        Action::DropEnum(name) => schema::drop_enum(name),
        Action::RenameEnum(name, new_name) => schema::rename_enum(name, new_name),
        Action::AddEnumValue(name, label, place) => schema::add_enum_value(name, label, place),
        Action::RenameEnumValue(name, label, new_label) => schema::rename_enum_value(name, label, new_label),
        Action::DdlText(statement) => schema::ddl_text(statement),

        Action::BulkInsert(table, columns, rows) => data::bulk_insert(table, columns, rows),
        Action::Execute(statement, parameters) => data::execute(statement, parameters).map(drop),
        Action::HoldStatements(count, statement) => {
            let held: Result<Vec<_>> = (0..*count).map(|_| data::execute(statement, &[])).collect();
            held.map(drop)
        }
        Action::InsertBytes(table, column, bytes) => {
            insert(table, [(column, Value::Text("x".repeat(*bytes as usize)))])
        }
        Action::InsertNan(table, column) => insert(table, [(column, Value::Double(f64::NAN))]),
        Action::InsertRun(table, started, seed) => {
            let now = Value::TimestampWithZone(run::started());
            insert(table, [(started, now), (seed, Value::Integer((run::seed() >> 1) as i64))])
        }

        Action::ExpectPages(query, parameters, rows, expected) => {
            same("rows", expected, &pages(query, parameters, *rows)?)
        }
        Action::ExpectAnswerColumns(query, parameters, expected) => {
            same("columns", expected, &rows::query(query, parameters)?.columns()?)
        }
        Action::InsertAnswer(query, parameters, table, columns) => {
            let cursor = rows::query(query, parameters)?;
            loop {
                let page = cursor.next(100)?;
                if page.is_empty() {
                    return Ok(());
                }
                data::bulk_insert(table, columns, &page)?;
            }
        }
        Action::HoldCursors(count, query) => {
            let held: Result<Vec<_>> = (0..*count).map(|_| rows::query(query, &[])).collect();
            held.map(drop)
        }
        Action::IfRows(query, parameters, actions) => match rows::query(query, parameters)?.next(1)?.is_empty() {
            true => Ok(()),
            false => all(actions),
        },
        Action::ExpectTouched(statements) => {
            let held: Result<Vec<_>> =
                statements.iter().map(|(statement, parameters, _)| data::execute(statement, parameters)).collect();
            for (held, (_, _, expected)) in held?.iter().zip(statements) {
                same("touched", expected, &rows::touched(held)?)?;
            }
            Ok(())
        }
        Action::Attempt(statement, parameters, expected) => {
            let refused = match rows::attempt(statement, parameters) {
                Err(Error::Refused(refusal)) if expected.is_some() => Some(refusal.kind),
                result => result.map(|_| None)?,
            };
            same("attempt", expected, &refused)
        }
        Action::ExpectDrawn(statement, parameters, expected) => {
            same("drawn", expected, &rows::drawn(&data::execute(statement, parameters)?)?)
        }
        Action::DrawnLate(first, second) => {
            let first = data::execute(first, &[])?;
            let _second = data::execute(second, &[])?;
            rows::drawn(&first).map(drop)
        }
        Action::RefusedBetween(first, second) => {
            let first = data::execute(first, &[])?;
            let _ = rows::attempt(second, &[]);
            rows::drawn(&first).map(drop)
        }

        Action::ExpectDialect(expected) => same("target-dialect", expected, &inspect::target_dialect()),
        Action::ExpectTables(expected) => same("tables", expected, &inspect::tables()),
        Action::ExpectEnums(expected) => same("enums", expected, &inspect::enums()),
        Action::ExpectColumns(table, expected) => {
            let mut found = inspect::columns(table)?;
            for (found, expected) in found.iter_mut().zip(expected) {
                if expected.native_type.is_empty() {
                    found.native_type.clear();
                }
            }
            same("columns", expected, &found)
        }
        Action::ExpectConstraints(table, expected) => same("constraints", expected, &inspect::constraints(table)?),
        Action::ExpectIndexes(table, expected) => same("indexes", expected, &inspect::indexes(table)?),
        Action::ExpectTableComment(table, expected) => same("table-comment", expected, &inspect::table_comment(table)?),
        Action::Report(table) => report(table),

        Action::Message(level, text) => {
            log::message(*level, text);
            Ok(())
        }
        Action::MessageBytes(bytes) => {
            log::message(log::Level::Info, &"x".repeat(*bytes as usize));
            Ok(())
        }
        Action::Progress(done, total) => {
            log::progress(*done, *total);
            Ok(())
        }

        Action::Fails(kind, action) => match one(action) {
            Err(error) if ErrorKind::of(&error) == *kind => Ok(()),
            other => Err(Error::Failed(format!("expected {kind:?}, found {other:?}"))),
        },
        Action::Ignore(action) => {
            let _ = one(action);
            Ok(())
        }
        Action::Repeat(times, actions) => (0..*times).try_for_each(|_| all(actions)),
        Action::OnDialect(dialect, actions) => {
            if inspect::target_dialect() == *dialect {
                all(actions)
            } else {
                Ok(())
            }
        }
        Action::Return(error) => Err(error.clone()),

        Action::ExpectFreshInstance => expect_fresh_instance(),
        #[cfg(target_arch = "wasm32")]
        Action::Trap => core::arch::wasm32::unreachable(),
        #[cfg(not(target_arch = "wasm32"))]
        Action::Trap => std::process::abort(),
        Action::Panic(message) => panic!("{message}"),
        Action::Loop => loop {
            black_box(());
        },
        Action::Allocate(bytes) => {
            allocate(*bytes as usize);
            Ok(())
        }
        Action::AllocateForever => loop {
            allocate(1 << 20);
        },
        Action::Recurse => {
            black_box(recurse(1));
            Ok(())
        }
    }
}

/// The pages of an answer, the empty one at the end left out.
fn pages(query: &SqlText, parameters: &[Value], rows: u32) -> Result<Vec<Vec<Vec<Value>>>> {
    let cursor = rows::query(query, parameters)?;
    let mut pages = Vec::new();
    loop {
        match cursor.next(rows)? {
            page if page.is_empty() => return Ok(pages),
            page => pages.push(page),
        }
    }
}

fn insert<const N: usize>(table: &str, row: [(&String, Value); N]) -> Result<()> {
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().map(|(column, value)| (column.clone(), value)).unzip();
    data::bulk_insert(table, &columns, &[values])
}

fn same<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Failed(format!("{what}: expected {expected:?}, found {found:?}")))
}

fn report(table: &str) -> Result<()> {
    let found = (
        inspect::columns(table)?,
        inspect::constraints(table)?,
        inspect::indexes(table)?,
        inspect::table_comment(table)?,
    );
    let text = format!("{found:?}");
    log::message(log::Level::Info, &text);
    Ok(())
}

fn expect_fresh_instance() -> Result<()> {
    thread_local! {
        static USED: Cell<bool> = const { Cell::new(false) };
    }
    if USED.replace(true) {
        return Err(Error::Failed("this instance has run a step before".into()));
    }
    Ok(())
}

fn allocate(bytes: usize) {
    let mut block = vec![0u8; bytes];
    block.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::mem::forget(black_box(block));
}

/// Each call needs a frame of its own: its result is used after the call returns.
#[inline(never)]
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    let deeper = recurse(depth + 1);
    deeper.wrapping_add(frame[(deeper % 64) as usize])
}
