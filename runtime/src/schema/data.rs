//! What the schema says about changes of rows. They leave it as it is.

use super::typing::{Kind, Scope};
use super::{Column, ModelType, Rules, Schema, SchemaError, Table, find, invalid, names};
use crate::operation::{ColumnType, Dml, Expr, Ident, Value, coerce};

/// Checks rows to be inserted. None at all is no error: rows that are computed may come to nothing.
pub(super) fn bulk_insert(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    names: &[Ident],
    rows: &[Vec<Value>],
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let columns = insert_columns(table, table_name, names)?;
    for (number, row) in rows.iter().enumerate() {
        check_length(number, row.len(), columns.len())?;
        for (column, value) in columns.iter().zip(row) {
            check_inserted(rules, table_name, column, value)
                .map_err(|error| invalid(format!("row {}: {error}", number + 1)))?;
        }
    }
    Ok(())
}

/// Checks one statement.
pub(super) fn execute(schema: &Schema, rules: &Rules, statement: &Dml) -> Result<(), SchemaError> {
    let table_name = statement.table();
    let table = find::table(schema, table_name)?;
    let scope = Scope { table, name: table_name };
    match statement {
        Dml::Insert { columns, rows, .. } => {
            let columns = insert_columns(table, table_name, columns)?;
            for (number, row) in rows.iter().enumerate() {
                check_length(number, row.len(), columns.len())?;
                for (column, value) in columns.iter().zip(row) {
                    if !value.columns().is_empty() {
                        return Err(invalid("VALUES mentions a column"));
                    }
                    let fits = match value {
                        Expr::Value(value) => check_inserted(rules, table_name, column, value),
                        other => check_assigned(scope, column, other),
                    };
                    fits.map_err(|error| invalid(format!("row {}: {error}", number + 1)))?;
                }
            }
            Ok(())
        }
        Dml::Update { assignments, condition, .. } => {
            if assignments.is_empty() {
                return Err(invalid("UPDATE sets no column"));
            }
            names::no_duplicates(table_name, assignments.iter().map(|(name, _)| name))?;
            for (name, value) in assignments {
                let column = find::column(table, table_name, name)?;
                match value {
                    Expr::Value(value) => check_value(rules, table_name, column, value)?,
                    other => check_assigned(scope, column, other)?,
                }
            }
            condition.iter().try_for_each(|condition| scope.check_condition(condition))
        }
        Dml::Delete { condition, .. } => condition.iter().try_for_each(|condition| scope.check_condition(condition)),
    }
}

/// The columns of an INSERT; those left out have to do without a value.
fn insert_columns<'a>(table: &'a Table, table_name: &Ident, names: &[Ident]) -> Result<Vec<&'a Column>, SchemaError> {
    if names.is_empty() {
        return Err(invalid(format!("no column to insert into table {table_name}")));
    }
    names::no_duplicates(table_name, names)?;
    let columns = names.iter().map(|name| find::column(table, table_name, name)).collect::<Result<Vec<_>, _>>()?;
    let needs_value = |column: &&Column| {
        !column.nullable && column.default.is_none() && !column.auto_increment && column.extra.is_empty()
    };
    match table.columns.iter().filter(needs_value).find(|column| !names.contains(&column.name)) {
        Some(left_out) => Err(invalid(format!(
            "column {} of table {table_name} is not nullable, has no default and is left out",
            left_out.name
        ))),
        None => Ok(columns),
    }
}

fn check_length(row: usize, values: usize, columns: usize) -> Result<(), SchemaError> {
    if values == columns {
        return Ok(());
    }
    Err(invalid(format!("row {} has {values} values for {columns} columns", row + 1)))
}

/// Checks that a column can take what an expression yields.
fn check_assigned(scope: Scope<'_>, column: &Column, value: &Expr) -> Result<(), SchemaError> {
    let kind = scope.kind(value)?;
    let own = Kind::of_column(column);
    if own.takes(kind) {
        return Ok(());
    }
    Err(invalid(format!("column {} of table {} is {own} and cannot take {kind}", column.name, scope.name)))
}

/// Checks that a value fits a column. Messages never hold the value.
fn check_value(rules: &Rules, table_name: &Ident, column: &Column, value: &Value) -> Result<(), SchemaError> {
    let ModelType::Portable(column_type) = column.column_type else { return Ok(()) };
    if *value == Value::Null {
        if column.nullable {
            return Ok(());
        }
        return Err(invalid(format!("column {} of table {table_name} cannot hold NULL", column.name)));
    }
    // A SQLite column that numbers itself is an INTEGER of 64 bits, whatever was asked for.
    let wide = column.auto_increment && rules.integer_key_is_auto_increment;
    match coerce(value, if wide { ColumnType::BigInteger } else { column_type }) {
        Err(error) => Err(invalid(format!("the value for column {} of table {table_name} is {error}", column.name))),
        Ok(_) => Ok(()),
    }
}

/// Checks a value of an INSERT: NULL asks for the next number of a column that numbers itself.
fn check_inserted(rules: &Rules, table_name: &Ident, column: &Column, value: &Value) -> Result<(), SchemaError> {
    if column.auto_increment && *value == Value::Null { Ok(()) } else { check_value(rules, table_name, column, value) }
}
