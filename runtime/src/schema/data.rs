//! What the schema says about changes of rows. They leave it as it is.

use super::kind::Kind;
use super::scope::{Columns, Scope, Source};
use super::{Column, Rules, Schema, SchemaError, Table, find, invalid, names};
use crate::operation::{ColumnType, Conflict, ConflictAction, Dml, Expr, Ident, InsertSource, Query, Value, coerce};

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

/// Checks one statement that was resolved.
pub(super) fn execute(schema: &Schema, rules: &Rules, statement: &Dml) -> Result<(), SchemaError> {
    let table_name = statement.table();
    let table = find::table(schema, table_name)?;
    let scope = Scope::of_table(table, table_name).reading(schema);
    match statement {
        Dml::Insert { columns, source, conflict, .. } => {
            let columns = insert_columns(table, table_name, columns)?;
            match source {
                InsertSource::Rows(rows) => {
                    for (number, row) in rows.iter().enumerate() {
                        check_length(number, row.len(), columns.len())?;
                        for (column, value) in columns.iter().zip(row) {
                            check_in_values(scope, rules, column, value)
                                .map_err(|error| invalid(format!("row {}: {error}", number + 1)))?;
                        }
                    }
                }
                InsertSource::Query(query) => check_source(scope, rules, &columns, query)?,
            }
            conflict.iter().try_for_each(|conflict| check_conflict(scope, rules, table, conflict))
        }
        Dml::Update { assignments, with, joins, condition, .. } => {
            let named = schema.yielded(with)?;
            let sources = schema.joined(table_name, table, &named, joins)?;
            let scope = if joins.is_empty() { scope } else { Scope { sources: &sources, ..scope } };
            check_assignments(scope, rules, assignments)?;
            condition.iter().try_for_each(|condition| scope.check_condition(condition))
        }
        Dml::Delete { condition, .. } => condition.iter().try_for_each(|condition| scope.check_condition(condition)),
    }
}

fn check_in_values(scope: Scope<'_>, rules: &Rules, column: &Column, value: &Expr) -> Result<(), SchemaError> {
    let (table_name, no_columns) = (scope.table_name(), Scope { table: None, ..scope });
    if !value.columns().is_empty() {
        return Err(invalid("VALUES mentions a column"));
    }
    match value {
        Expr::Value(value) => check_inserted(rules, table_name, column, value),
        other => check_assigned(no_columns, table_name, column, other),
    }
}

/// What a query yields, against the columns that it is inserted into.
fn check_source(scope: Scope<'_>, rules: &Rules, columns: &[&Column], query: &Query) -> Result<(), SchemaError> {
    let table_name = scope.table_name();
    let outputs = Scope { table: None, ..scope }.outputs(query)?;
    if outputs.len() != columns.len() {
        return Err(invalid(format!("the query yields {} values for {} columns", outputs.len(), columns.len())));
    }
    for (at, (column, output)) in columns.iter().zip(&outputs).enumerate() {
        let constants = query.selects().map(|select| {
            select.items.get(at).and_then(|(_, item)| match item {
                Expr::Value(value) => Some(value),
                _ => None,
            })
        });
        // A constant has to fit by itself; where all are constants that is enough.
        let mut all_constant = true;
        for constant in constants {
            match constant {
                Some(value) => check_inserted(rules, table_name, column, value)?,
                None => all_constant = false,
            }
        }
        let own = Kind::of_column(column);
        if !all_constant && !own.takes(&output.kind) {
            return Err(cannot_take(table_name, column, &own, &output.kind));
        }
    }
    Ok(())
}

fn check_assignments(scope: Scope<'_>, rules: &Rules, assignments: &[(Ident, Expr)]) -> Result<(), SchemaError> {
    let (Some((table, table_name)), false) = (scope.table, assignments.is_empty()) else {
        return Err(invalid("UPDATE sets no column"));
    };
    names::no_duplicates(table_name, assignments.iter().map(|(name, _)| name))?;
    for (name, value) in assignments {
        let column = find::column(table, table_name, name)?;
        check_not_computed(table_name, column)?;
        match value {
            Expr::Value(value) => check_value(rules, table_name, column, value)?,
            other => check_assigned(scope, table_name, column, other)?,
        }
    }
    Ok(())
}

/// The key that may be there already has to be one, and what is set must not hang on the order of the assignments,
/// which MariaDB makes one after the other.
fn check_conflict(scope: Scope<'_>, rules: &Rules, table: &Table, conflict: &Conflict) -> Result<(), SchemaError> {
    let table_name = scope.table_name();
    if table_name.is_like(Conflict::EXCLUDED) {
        return Err(invalid(format!("a table called {table_name} cannot have ON CONFLICT")));
    }
    names::no_duplicates(table_name, &conflict.columns)?;
    conflict.columns.iter().try_for_each(|name| find::column(table, table_name, name).map(|_| ()))?;
    if conflict.columns.is_empty() {
        return match conflict.action {
            ConflictAction::Nothing => Ok(()),
            ConflictAction::Update(_) => Err(invalid("ON CONFLICT DO UPDATE needs the columns of the key")),
        };
    }
    if !table.unique_keys().any(|key| same_columns(&key, &conflict.columns)) {
        return Err(invalid(format!(
            "({}) is no primary key and no unique constraint of table {table_name}",
            find::listed(&conflict.columns)
        )));
    }
    let ConflictAction::Update(assignments) = &conflict.action else { return Ok(()) };
    let excluded = Ident::internal(Conflict::EXCLUDED);
    let sources = [Source { alias: &excluded, columns: Columns::Table(table) }];
    check_assignments(Scope { sources: &sources, ..scope }, rules, assignments)?;
    for (at, (name, value)) in assignments.iter().enumerate() {
        if conflict.columns.contains(name) {
            return Err(invalid(format!("{name} is of the key that is there already, and cannot be set")));
        }
        let mut queries = 0;
        value.each_query(&mut |_| queries += 1);
        if queries > 0 {
            return Err(invalid("a subquery may not stand in ON CONFLICT"));
        }
        let set_before = |column: &&Ident| assignments.iter().take(at).any(|(name, _)| name == *column);
        if let Some(column) = value.columns().into_iter().find(set_before) {
            return Err(invalid(format!("{column} is set before {name} is computed from it")));
        }
    }
    Ok(())
}

impl Schema {
    /// The table, and the column, for whose one row an INSERT has the database draw a number.
    ///
    /// # Errors
    /// It is no INSERT of one row given by VALUES, or nothing is drawn for it.
    pub fn drawn_by(&self, statement: &Dml) -> Result<(Ident, Ident), SchemaError> {
        let Dml::Insert { table: name, columns, source: InsertSource::Rows(rows), conflict: None } = statement else {
            return Err(invalid("a number is drawn for a row that an INSERT gives by VALUES alone".to_owned()));
        };
        let numbered = find::table(self, name)?.columns.iter().find(|column| column.auto_increment);
        match numbered.filter(|column| rows.len() == 1 && !columns.contains(&column.name)) {
            Some(column) => Ok((name.clone(), column.name.clone())),
            None => {
                Err(invalid(format!("the database draws no number, or not just one, for what is inserted into {name}")))
            }
        }
    }
}

/// Whether they are the same, in any order.
pub(crate) fn same_columns(left: &[Ident], right: &[Ident]) -> bool {
    left.len() == right.len() && left.iter().all(|column| right.contains(column))
}

/// The columns of an INSERT; those left out have to do without a value.
fn insert_columns<'a>(table: &'a Table, table_name: &Ident, names: &[Ident]) -> Result<Vec<&'a Column>, SchemaError> {
    if names.is_empty() {
        return Err(invalid(format!("no column to insert into table {table_name}")));
    }
    names::no_duplicates(table_name, names)?;
    let columns = names.iter().map(|name| find::column(table, table_name, name)).collect::<Result<Vec<_>, _>>()?;
    columns.iter().try_for_each(|column| check_not_computed(table_name, column))?;
    let needs_value = |column: &&Column| {
        let gets_one = column.default.is_some() || column.auto_increment || column.computed.is_some();
        !column.nullable && !gets_one && column.extra.is_empty()
    };
    match table.columns.iter().filter(needs_value).find(|column| !names.contains(&column.name)) {
        Some(left_out) => Err(invalid(format!(
            "column {} of table {table_name} is not nullable, has no default and is left out",
            left_out.name
        ))),
        None => Ok(columns),
    }
}

fn check_not_computed(table_name: &Ident, column: &Column) -> Result<(), SchemaError> {
    match column.computed {
        Some(_) => Err(invalid(format!("column {} of table {table_name} is computed and takes no value", column.name))),
        None => Ok(()),
    }
}

fn check_length(row: usize, values: usize, columns: usize) -> Result<(), SchemaError> {
    if values == columns {
        return Ok(());
    }
    Err(invalid(format!("row {} has {values} values for {columns} columns", row + 1)))
}

/// Checks that a column can take what an expression yields.
fn check_assigned(scope: Scope<'_>, table_name: &Ident, column: &Column, value: &Expr) -> Result<(), SchemaError> {
    // Its constants take the type of the column, if they can.
    let kind = scope.kind(&scope.typed(value, column.portable_type()))?;
    let own = Kind::of_column(column);
    if own.takes(&kind) { Ok(()) } else { Err(cannot_take(table_name, column, &own, &kind)) }
}

fn cannot_take(table_name: &Ident, column: &Column, own: &Kind, other: &Kind) -> SchemaError {
    invalid(format!("column {} of table {table_name} is {own} and cannot take {other}", column.name))
}

/// Checks that a value fits a column. Messages never hold the value.
fn check_value(rules: &Rules, table_name: &Ident, column: &Column, value: &Value) -> Result<(), SchemaError> {
    let Some(column_type) = column.portable_type() else { return Ok(()) };
    if *value == Value::Null {
        if column.nullable {
            return Ok(());
        }
        return Err(invalid(format!("column {} of table {table_name} cannot hold NULL", column.name)));
    }
    // A SQLite column that numbers itself is an INTEGER of 64 bits, whatever was asked for.
    let wide = column.auto_increment && rules.integer_key_is_auto_increment;
    match coerce(value, if wide { &ColumnType::BigInteger } else { column_type }) {
        Err(error) => Err(invalid(format!("the value for column {} of table {table_name} is {error}", column.name))),
        Ok(_) => Ok(()),
    }
}

/// Checks a value of an INSERT: NULL asks for the next number of a column that numbers itself.
fn check_inserted(rules: &Rules, table_name: &Ident, column: &Column, value: &Value) -> Result<(), SchemaError> {
    if column.auto_increment && *value == Value::Null { Ok(()) } else { check_value(rules, table_name, column, value) }
}
