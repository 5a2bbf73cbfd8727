//! Rows: bulk inserts and single statements, with every constant in the form of the column that it goes
//! into or is compared with.

use super::{data_statement, names};
use crate::dialect::{Dialect, Statement, Unsupported, literal, quote, render_expr};
use crate::operation::{BinaryOperator, ColumnType, Dml, Expr, Ident, Value, coerce};
use crate::schema::{ModelType, Table};

/// Rows of one INSERT at most.
const CHUNK_ROWS: usize = 500;
/// Bytes of one INSERT at most, unless a single row is larger.
const CHUNK_BYTES: usize = 256 << 10;

/// What MariaDB keeps in a TEXT or BLOB, in bytes.
const MARIADB_TEXT_BYTES: usize = 65_535;

/// Multi-row INSERTs.
///
/// # Errors
/// A constant that the column is too short for, as everywhere below.
pub(super) fn bulk_insert(
    dialect: Dialect,
    table_name: &Ident,
    columns: &[Ident],
    rows: &[Vec<Value>],
    table: &Table,
) -> Result<Vec<Statement>, Unsupported> {
    rows.iter().try_for_each(|row| fit(dialect, table, columns.iter().zip(row)))?;
    let rows = rows
        .iter()
        .map(|row| columns.iter().zip(row).map(|(column, value)| inserted(dialect, table, column, value)).collect());
    Ok(insert(dialect, table_name, columns, rows, table))
}

/// Refuses a text or bytes for which MariaDB's column is too short; the others' have no such bound.
fn fit<'a>(
    dialect: Dialect,
    table: &Table,
    cells: impl IntoIterator<Item = (&'a Ident, &'a Value)>,
) -> Result<(), Unsupported> {
    let long = |(column, value): &(&Ident, &Value)| {
        value.bytes() > MARIADB_TEXT_BYTES
            && matches!(type_of(table, column), Some(ColumnType::Text | ColumnType::Binary))
    };
    match cells.into_iter().find(|cell| dialect == Dialect::Mariadb && long(cell)) {
        Some((column, _)) => Err(Unsupported(format!(
            "column {column} holds at most {MARIADB_TEXT_BYTES} bytes on MariaDB, and a value for it is longer"
        ))),
        None => Ok(()),
    }
}

fn constant(expr: &Expr) -> Option<&Value> {
    match expr {
        Expr::Value(value) => Some(value),
        _ => None,
    }
}

/// One INSERT, UPDATE or DELETE.
pub(super) fn execute(dialect: Dialect, statement: &Dml, table: &Table) -> Result<Vec<Statement>, Unsupported> {
    let name = quote(dialect, statement.table());
    let filter = |condition: &Option<Expr>| match condition {
        Some(condition) => format!(" WHERE {}", expression(dialect, table, condition)),
        None => String::new(),
    };
    match statement {
        Dml::Insert { table: table_name, columns, rows } => {
            let cell = |(column, value): (&Ident, &Expr)| match value {
                Expr::Value(value) => inserted(dialect, table, column, value),
                other => expression(dialect, table, other),
            };
            for row in rows {
                fit(dialect, table, columns.iter().zip(row).filter_map(|(name, cell)| Some((name, constant(cell)?))))?;
            }
            let rows = rows.iter().map(|row| columns.iter().zip(row).map(cell).collect());
            Ok(insert(dialect, table_name, columns, rows, table))
        }
        Dml::Update { assignments, condition, .. } => {
            let constants = assignments.iter().filter_map(|(name, value)| Some((name, constant(value)?)));
            fit(dialect, table, constants)?;
            let assignments: Vec<_> = assignments
                .iter()
                .map(|(column, value)| {
                    format!("{} = {}", quote(dialect, column), assigned(dialect, table, column, value))
                })
                .collect();
            Ok(vec![data_statement(format!("UPDATE {name} SET {}{}", assignments.join(", "), filter(condition)))])
        }
        Dml::Delete { condition, .. } => Ok(vec![data_statement(format!("DELETE FROM {name}{}", filter(condition)))]),
    }
}

fn insert(
    dialect: Dialect,
    table_name: &Ident,
    columns: &[Ident],
    rows: impl Iterator<Item = Vec<String>>,
    table: &Table,
) -> Vec<Statement> {
    let head = format!("INSERT INTO {} ({}) VALUES", quote(dialect, table_name), names(dialect, columns));
    let mut statements = Vec::new();
    let mut sql = head.clone();
    let mut count = 0;
    for row in rows {
        let row = format!("({})", row.join(", "));
        if count == CHUNK_ROWS || (count > 0 && sql.len() + row.len() > CHUNK_BYTES) {
            statements.push(data_statement(std::mem::replace(&mut sql, head.clone())));
            count = 0;
        }
        sql.push_str(if count == 0 { "\n    " } else { ",\n    " });
        sql.push_str(&row);
        count += 1;
    }
    if count > 0 {
        statements.push(data_statement(sql));
    }
    if dialect == Dialect::Postgres && !statements.is_empty() {
        let numbered = table.columns.iter().find(|column| column.auto_increment && columns.contains(&column.name));
        statements.extend(numbered.map(|column| advance_sequence(table_name, &column.name)));
    }
    statements
}

/// Moves the sequence of an identity column past the numbers that rows were given, never back. SQLite
/// and MariaDB do that themselves.
fn advance_sequence(table: &Ident, column: &Ident) -> Statement {
    let dialect = Dialect::Postgres;
    let (quoted_table, quoted_column) = (quote(dialect, table), quote(dialect, column));
    let text = |text: &str| literal(dialect, &Value::Text(text.to_owned()), Some(ColumnType::Text));
    data_statement(format!(
        "SELECT setval(s, m) FROM (SELECT pg_get_serial_sequence({}, {})::regclass AS s, max({quoted_column}) AS m FROM \
         {quoted_table}) AS x WHERE m > coalesce(pg_sequence_last_value(s), 0)",
        text(&quoted_table),
        text(column.as_str()),
    ))
}

fn type_of(table: &Table, column: &Ident) -> Option<ColumnType> {
    match table.column(column)?.column_type {
        ModelType::Portable(column_type) => Some(column_type),
        ModelType::Opaque(_) => None,
    }
}

/// What an UPDATE sets a column to.
fn assigned(dialect: Dialect, table: &Table, column: &Ident, value: &Expr) -> String {
    match value {
        Expr::Value(value) => literal(dialect, value, type_of(table, column)),
        other => expression(dialect, table, other),
    }
}

/// A constant that an INSERT puts into a column. NULL asks for the next number of a column that numbers
/// itself; PostgreSQL calls that DEFAULT.
fn inserted(dialect: Dialect, table: &Table, column: &Ident, value: &Value) -> String {
    let numbered = table.column(column).is_some_and(|column| column.auto_increment);
    if numbered && dialect == Dialect::Postgres && *value == Value::Null {
        return "DEFAULT".to_owned();
    }
    literal(dialect, value, type_of(table, column))
}

/// The value in the type of a column; as it is where it does not fit, for the server to judge.
fn typed(value: &Value, column_type: Option<ColumnType>) -> Value {
    column_type.and_then(|column_type| coerce(value, column_type).ok()).unwrap_or_else(|| value.clone())
}

/// An expression in which constants that are compared with a column have that column's type.
fn expression(dialect: Dialect, table: &Table, expr: &Expr) -> String {
    let like = |column: &Expr, value: &Expr| match (column, value) {
        (Expr::Column(column), Expr::Value(value)) => Box::new(Expr::Value(typed(value, type_of(table, column)))),
        _ => Box::new(value.clone()),
    };
    let compared = expr.map(&|expr| match expr {
        Expr::Binary(left, operator, right) if is_comparison(operator) => {
            let (new_left, new_right) = (like(&right, &left), like(&left, &right));
            Expr::Binary(new_left, operator, new_right)
        }
        Expr::In { operand, items, negated } => {
            let items = items.iter().map(|item| *like(&operand, item)).collect();
            Expr::In { operand, items, negated }
        }
        Expr::Between { operand, low, high, negated } => {
            let (low, high) = (like(&operand, &low), like(&operand, &high));
            Expr::Between { operand, low, high, negated }
        }
        other => other,
    });
    render_expr(dialect, &compared)
}

pub(super) fn is_comparison(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual
    )
}
