//! What the schema says about changes of rows. They leave it as it is.

use super::{Column, ModelType, Rules, Schema, SchemaError, Table, find, invalid, names};
use crate::operation::{ColumnType, Dml, Expr, Ident, Value, coerce};

/// Checks rows to be inserted.
pub(super) fn bulk_insert(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    names: &[Ident],
    rows: &[Vec<Value>],
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let columns = insert_columns(table, table_name, names, rows.is_empty())?;
    for (number, row) in rows.iter().enumerate() {
        check_length(number, row.len(), columns.len())?;
        for (column, value) in columns.iter().zip(row) {
            check_value(rules, table_name, column, value)
                .map_err(|error| invalid(format!("row {}: {error}", number + 1)))?;
        }
    }
    Ok(())
}

/// Checks one statement.
pub(super) fn execute(schema: &Schema, rules: &Rules, statement: &Dml) -> Result<(), SchemaError> {
    let table_name = statement.table();
    let table = find::table(schema, table_name)?;
    match statement {
        Dml::Insert { columns, rows, .. } => {
            let columns = insert_columns(table, table_name, columns, rows.is_empty())?;
            for (number, row) in rows.iter().enumerate() {
                check_length(number, row.len(), columns.len())?;
                for (column, value) in columns.iter().zip(row) {
                    if !value.columns().is_empty() {
                        return Err(invalid("VALUES mentions a column"));
                    }
                    check_assigned(rules, table_name, column, value)
                        .map_err(|error| invalid(format!("row {}: {error}", number + 1)))?;
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
                check_mentions(table, table_name, value)?;
                check_assigned(rules, table_name, column, value)?;
            }
            condition.iter().try_for_each(|condition| check_mentions(table, table_name, condition))
        }
        Dml::Delete { condition, .. } => {
            condition.iter().try_for_each(|condition| check_mentions(table, table_name, condition))
        }
    }
}

/// The columns of an INSERT; those left out have to do without a value.
fn insert_columns<'a>(
    table: &'a Table,
    table_name: &Ident,
    names: &[Ident],
    no_rows: bool,
) -> Result<Vec<&'a Column>, SchemaError> {
    if names.is_empty() || no_rows {
        return Err(invalid(format!("no column or no row to insert into table {table_name}")));
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

fn check_assigned(rules: &Rules, table_name: &Ident, column: &Column, value: &Expr) -> Result<(), SchemaError> {
    match value {
        Expr::Value(value) => check_value(rules, table_name, column, value),
        _ => Ok(()),
    }
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
    let asked = asked_types(rules, column, column_type);
    let fits = asked.iter().any(|asked| coerce(value, *asked).is_ok());
    match coerce(value, column_type) {
        Err(error) if !fits => {
            Err(invalid(format!("the value for column {} of table {table_name} is {error}", column.name)))
        }
        _ => Ok(()),
    }
}

/// The other types that a column may have been asked for as, where the dialect makes them alike.
fn asked_types(rules: &Rules, column: &Column, column_type: ColumnType) -> Vec<ColumnType> {
    let numbered = if column.auto_increment { super::AutoIncrement::Yes } else { super::AutoIncrement::No };
    [ColumnType::BigInteger, ColumnType::TimestampWithZone]
        .into_iter()
        .filter(|asked| {
            (rules.canonical)(*asked, numbered) == column_type && asked.is_integer() == column_type.is_integer()
        })
        .collect()
}

fn check_mentions(table: &Table, table_name: &Ident, expr: &Expr) -> Result<(), SchemaError> {
    expr.columns().into_iter().try_for_each(|name| find::column(table, table_name, name).map(|_| ()))
}
