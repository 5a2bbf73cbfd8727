//! The imports of the contract: each call is charged, converted and handed to the planner. No decision
//! is taken here.

use wasmtime::component::{Resource, ResourceTableError};

use super::answer;
use super::bindings::ptah::migration::{data, inspect, log, run, schema, types};
use super::convert::{self, Converter};
use super::error::{CallError, StepError};
use super::log::{LogEvent, LogLevel, escaped};
use super::step::{PlannedStatement, State};
use super::weight::Weight;
use crate::operation::{DdlStatement, Dml, Ident, Op};
use crate::schema::Table;

impl State {
    /// Charges a call, converts what it carries, and records the operation.
    fn plan(
        &mut self,
        bytes: usize,
        convert: impl FnOnce(&Converter) -> Result<Op, CallError>,
    ) -> Result<(), CallError> {
        let planner = self.planned_call(bytes)?;
        let op = convert(&Converter::new(planner))?;
        Ok(planner.push(op)?)
    }

    /// The statement that was planned last, for the guest to hold.
    pub(super) fn hold_last(&mut self) -> Result<Resource<PlannedStatement>, CallError> {
        let place = self.planned_call(0)?.operations().saturating_sub(1);
        self.handles.push(PlannedStatement(place)).map_err(|_| self.budget.too_many_handles().into())
    }

    /// Answers a question about one table.
    fn ask<A: Weight>(
        &mut self,
        table: &str,
        answer: impl FnOnce(crate::dialect::Dialect, &Table) -> A,
    ) -> Result<A, CallError> {
        let planner = self.planned_call(table.len())?;
        let name = Converter::new(planner).object(table)?;
        let found = planner.schema().tables.get(&name);
        let found = found.ok_or_else(|| types::Error::NotFound(format!("there is no table {name}")))?;
        let answer = answer(planner.dialect(), found);
        self.budget.carry(answer.weight())?;
        Ok(answer)
    }
}

impl types::Host for State {
    fn convert_error(&mut self, error: CallError) -> wasmtime::Result<types::Error> {
        match error {
            CallError::Guest(error) => Ok(error),
            CallError::Fatal(error) => Err(error.into()),
        }
    }
}

impl schema::Host for State {
    fn create_table(&mut self, table: types::Table) -> Result<(), CallError> {
        self.plan(table.weight(), |convert| Ok(Op::CreateTable { table: convert.table(table)? }))
    }

    fn drop_table(&mut self, name: String) -> Result<(), CallError> {
        self.plan(name.len(), |convert| Ok(Op::DropTable { name: convert.object(&name)? }))
    }

    fn rename_table(&mut self, name: String, new_name: String) -> Result<(), CallError> {
        self.plan(name.len() + new_name.len(), |convert| {
            Ok(Op::RenameTable { name: convert.object(&name)?, new_name: convert.object(&new_name)? })
        })
    }

    fn add_column(&mut self, table: String, column: types::Column) -> Result<(), CallError> {
        self.plan(table.len() + column.weight(), |convert| {
            Ok(Op::AddColumn { table: convert.object(&table)?, column: convert.column(column)? })
        })
    }

    fn drop_column(&mut self, table: String, name: String) -> Result<(), CallError> {
        self.plan(table.len() + name.len(), |convert| {
            Ok(Op::DropColumn { table: convert.object(&table)?, name: convert.object(&name)? })
        })
    }

    fn rename_column(&mut self, table: String, name: String, new_name: String) -> Result<(), CallError> {
        self.plan(table.len() + name.len() + new_name.len(), |convert| {
            Ok(Op::RenameColumn {
                table: convert.object(&table)?,
                name: convert.object(&name)?,
                new_name: convert.object(&new_name)?,
            })
        })
    }

    fn alter_column(&mut self, table: String, name: String, changes: schema::ColumnChanges) -> Result<(), CallError> {
        self.plan(table.len() + name.len() + changes.weight(), |convert| {
            Ok(Op::AlterColumn {
                table: convert.object(&table)?,
                name: convert.object(&name)?,
                changes: convert.changes(changes)?,
            })
        })
    }

    fn create_index(
        &mut self,
        table: String,
        index: types::Index,
        online: Option<types::Demand>,
    ) -> Result<(), CallError> {
        self.plan(table.len() + index.weight(), |convert| {
            let online = online.map(convert::demand);
            Ok(Op::CreateIndex { table: convert.object(&table)?, index: convert.index(&index)?, online })
        })
    }

    fn drop_index(&mut self, table: String, name: String, online: Option<types::Demand>) -> Result<(), CallError> {
        self.plan(table.len() + name.len(), |convert| {
            let online = online.map(convert::demand);
            Ok(Op::DropIndex { table: convert.object(&table)?, name: convert.constraint_name(&name)?, online })
        })
    }

    fn create_enum(&mut self, name: String, labels: Vec<String>) -> Result<(), CallError> {
        self.plan(name.len() + labels.weight(), |convert| {
            Ok(Op::CreateEnum { name: convert.object(&name)?, labels: convert::labels(&labels)? })
        })
    }

    fn drop_enum(&mut self, name: String) -> Result<(), CallError> {
        self.plan(name.len(), |convert| Ok(Op::DropEnum { name: convert.object(&name)? }))
    }

    fn rename_enum(&mut self, name: String, new_name: String) -> Result<(), CallError> {
        self.plan(name.len() + new_name.len(), |convert| {
            Ok(Op::RenameEnum { name: convert.object(&name)?, new_name: convert.object(&new_name)? })
        })
    }

    fn add_enum_value(&mut self, name: String, label: String, place: schema::LabelPlace) -> Result<(), CallError> {
        self.plan(name.len() + label.len() + place.weight(), |convert| {
            let (label, place) = (convert::label(&label)?, convert::place(&place)?);
            Ok(Op::AddEnumValue { name: convert.object(&name)?, label, place })
        })
    }

    fn rename_enum_value(&mut self, name: String, label: String, new_label: String) -> Result<(), CallError> {
        self.plan(name.len() + label.len() + new_label.len(), |convert| {
            let (label, new_label) = (convert::label(&label)?, convert::label(&new_label)?);
            Ok(Op::RenameEnumValue { name: convert.object(&name)?, label, new_label })
        })
    }

    fn ddl_text(&mut self, statement: types::SqlText) -> Result<(), CallError> {
        let planner = self.planned_call(statement.weight())?;
        let mut is_begun = false;
        let DdlStatement { needs, parts } = Converter::new(planner).ddl(&statement)?;
        if !planner.meets(&needs) {
            return Ok(());
        }
        for ddl in parts {
            let pushed = match planner.ddl(ddl) {
                Ok(Some(op)) => planner.push(op).map(|()| is_begun = true),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match pushed.map_err(CallError::from) {
                // A statement that is half done is nothing that a guest could go on from.
                Err(CallError::Guest(error)) if is_begun => return Err(StepError::from(error).into()),
                other => other?,
            }
        }
        Ok(())
    }

    fn create_constraint(&mut self, table: String, constraint: types::Constraint) -> Result<(), CallError> {
        self.plan(table.len() + constraint.weight(), |convert| {
            Ok(Op::CreateConstraint { table: convert.object(&table)?, constraint: convert.constraint(constraint)? })
        })
    }

    fn drop_constraint(&mut self, table: String, which: types::ConstraintSelector) -> Result<(), CallError> {
        self.plan(table.len() + which.weight(), |convert| {
            Ok(Op::DropConstraint { table: convert.object(&table)?, which: convert.selector(&which)? })
        })
    }
}

impl data::Host for State {
    fn bulk_insert(
        &mut self,
        table: String,
        columns: Vec<String>,
        rows: Vec<Vec<types::Value>>,
    ) -> Result<(), CallError> {
        self.plan(table.len() + columns.weight() + rows.weight(), |convert| {
            Ok(Op::BulkInsert {
                table: convert.object(&table)?,
                columns: convert.objects(&columns)?,
                rows: rows.into_iter().map(convert::values).collect::<Result<_, _>>()?,
            })
        })
    }

    fn execute(
        &mut self,
        statement: types::SqlText,
        parameters: Vec<types::Value>,
    ) -> Result<Resource<PlannedStatement>, CallError> {
        self.plan(statement.weight() + parameters.weight(), |convert| {
            let statement: Dml = convert.statement(&statement, &convert::values(parameters)?)?;
            Ok(Op::Execute { statement })
        })?;
        self.hold_last()
    }
}

impl data::HostStatement for State {
    fn drop(&mut self, statement: Resource<PlannedStatement>) -> wasmtime::Result<()> {
        self.budget.call(0)?;
        self.handles.delete(statement).map(drop).map_err(|_: ResourceTableError| {
            StepError::Trap("it gave back a statement that it does not hold".into()).into()
        })
    }
}

impl inspect::Host for State {
    fn target_dialect(&mut self) -> wasmtime::Result<types::Dialect> {
        let planner = self.planned_call(0).map_err(CallError::into_trap)?;
        Ok(answer::dialect(planner.dialect()))
    }

    fn tables(&mut self) -> wasmtime::Result<Vec<String>> {
        let planner = self.planned_call(0).map_err(CallError::into_trap)?;
        let tables: Vec<String> = planner.schema().tables.keys().map(Ident::to_string).collect();
        self.budget.carry(tables.weight())?;
        Ok(tables)
    }

    fn enums(&mut self) -> wasmtime::Result<Vec<types::EnumType>> {
        let planner = self.planned_call(0).map_err(CallError::into_trap)?;
        let enums: Vec<types::EnumType> = planner.schema().enums.values().map(|of| answer::enum_type(of)).collect();
        self.budget.carry(enums.weight())?;
        Ok(enums)
    }

    fn columns(&mut self, table: String) -> Result<Vec<inspect::ColumnInfo>, CallError> {
        self.ask(&table, answer::columns)
    }

    fn constraints(&mut self, table: String) -> Result<Vec<types::Constraint>, CallError> {
        self.ask(&table, answer::constraints)
    }

    fn indexes(&mut self, table: String) -> Result<Vec<types::Index>, CallError> {
        self.ask(&table, answer::indexes)
    }

    fn table_comment(&mut self, table: String) -> Result<Option<String>, CallError> {
        self.ask(&table, |_, table| table.comment.clone())
    }
}

impl log::Host for State {
    fn message(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        self.budget.call(text.len())?;
        let text = escaped(&text, self.budget.limits().log_bytes);
        self.budget.log(text.len())?;
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
        };
        self.log.push(LogEvent::Message { level, text });
        Ok(())
    }

    /// Keeps the last of several in a row: the log is handed over when the guest has ended.
    fn progress(&mut self, done: u64, total: Option<u64>) -> wasmtime::Result<()> {
        self.budget.call(0)?;
        if let Some(LogEvent::Progress { .. }) = self.log.last() {
            self.log.pop();
        }
        self.log.push(LogEvent::Progress { done, total });
        Ok(())
    }
}

impl run::Host for State {
    fn started(&mut self) -> wasmtime::Result<String> {
        self.planned_call(0).map_err(CallError::into_trap)?;
        self.run_values_read = true;
        self.budget.carry(self.run.started.len())?;
        Ok(self.run.started.clone())
    }

    fn seed(&mut self) -> wasmtime::Result<u64> {
        self.planned_call(0).map_err(CallError::into_trap)?;
        self.run_values_read = true;
        Ok(self.run.seed)
    }
}
