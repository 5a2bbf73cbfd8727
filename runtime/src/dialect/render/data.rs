//! Rows: bulk inserts and single statements, with every constant in the form of the column that it goes
//! into or is compared with.

use super::{data_statement, find, names};
use crate::dialect::query::{render_joins, render_source};
use crate::dialect::{Dialect, Statement, Unsupported, literal, quote, render_expr, render_query};
use crate::operation::{
    ColumnType, Conflict, ConflictAction, Dml, Expr, Ident, InsertSource, Join, JoinKind, Query, Value,
};
use crate::schema::{Schema, Table, same_columns, typed};

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
    Ok(insert(dialect, table_name, columns, rows, "", table))
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
pub(super) fn execute(dialect: Dialect, statement: &Dml, schema: &Schema) -> Result<Vec<Statement>, Unsupported> {
    let table = find(schema, statement.table())?;
    let name = quote(dialect, statement.table());
    let filter = |condition: &Option<Expr>| match condition {
        Some(condition) => format!(" WHERE {}", render_expr(dialect, condition)),
        None => String::new(),
    };
    match typed(schema, table, statement) {
        Dml::Insert { table: table_name, columns, source, conflict } => {
            let conflict = match &conflict {
                Some(conflict) => render_conflict(dialect, &table_name, &columns, conflict, table)?,
                None => String::new(),
            };
            match source {
                InsertSource::Rows(rows) => {
                    let cell = |(column, value): (&Ident, &Expr)| match value {
                        Expr::Value(value) => inserted(dialect, table, column, value),
                        other => render_expr(dialect, other),
                    };
                    for row in &rows {
                        let cells = columns.iter().zip(row);
                        fit(dialect, table, cells.filter_map(|(name, cell)| Some((name, constant(cell)?))))?;
                    }
                    let rows = rows.iter().map(|row| columns.iter().zip(row).map(cell).collect());
                    Ok(insert(dialect, &table_name, &columns, rows, &conflict, table))
                }
                InsertSource::Query(query) => {
                    for select in query.selects() {
                        let cells = columns.iter().zip(&select.items);
                        fit(dialect, table, cells.filter_map(|(name, (_, item))| Some((name, constant(item)?))))?;
                    }
                    Ok(insert_query(dialect, &table_name, &columns, &query, &conflict, table))
                }
            }
        }
        Dml::Update { table: table_name, assignments, with, joins, condition } => {
            let constants = assignments.iter().filter_map(|(name, value)| Some((name, constant(value)?)));
            fit(dialect, table, constants)?;
            if !joins.is_empty() {
                return joined_update(dialect, &table_name, &assignments, (&with, &joins), condition);
            }
            let set = render_assignments(dialect, &assignments, |column| quote(dialect, column));
            Ok(vec![data_statement(format!("UPDATE {name} SET {set}{}", filter(&condition)))])
        }
        Dml::Delete { condition, .. } => Ok(vec![data_statement(format!("DELETE FROM {name}{}", filter(&condition)))]),
    }
}

/// An UPDATE of rows that have a partner in other tables.
fn joined_update(
    dialect: Dialect,
    table: &Ident,
    assignments: &[(Ident, Expr)],
    (with, joins): (&[(Ident, Query)], &[Join]),
    condition: Option<Expr>,
) -> Result<Vec<Statement>, Unsupported> {
    let name = quote(dialect, table);
    if dialect == Dialect::Mariadb {
        let set = render_assignments(dialect, assignments, |column| own(dialect, table, column));
        let filter = condition.map(|condition| format!(" WHERE {}", render_expr(dialect, &condition)));
        let filter = filter.unwrap_or_default();
        return Ok(vec![data_statement(format!(
            "UPDATE {name}{} SET {set}{filter}",
            render_joins(dialect, with, joins)
        ))]);
    }
    if joins.iter().any(|join| join.kind == JoinKind::Left) {
        return Err(Unsupported(format!("{dialect} has no LEFT JOIN in an UPDATE")));
    }
    let set = render_assignments(dialect, assignments, |column| quote(dialect, column));
    let from: Vec<String> = joins.iter().map(|join| render_source(dialect, with, &join.source)).collect();
    let always = Expr::Value(Value::Boolean(true));
    let filters = joins.iter().map(|join| &join.on).filter(|on| **on != always).chain(&condition);
    let filters: Vec<String> = filters.map(|filter| render_expr(dialect, filter)).collect();
    Ok(vec![data_statement(format!(
        "UPDATE {name} SET {set} FROM {} WHERE {}",
        from.join(", "),
        filters.join(" AND ")
    ))])
}

fn render_assignments(dialect: Dialect, assignments: &[(Ident, Expr)], target: impl Fn(&Ident) -> String) -> String {
    let each = assignments.iter().map(|(column, value)| {
        let value = match value {
            Expr::Value(value) => literal(dialect, value, None),
            other => render_expr(dialect, other),
        };
        format!("{} = {value}", target(column))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A column of the table that is inserted into, beside those of what is inserted.
fn own(dialect: Dialect, table: &Ident, column: &Ident) -> String {
    format!("{}.{}", quote(dialect, table), quote(dialect, column))
}

/// What becomes of a row whose key is there already. MariaDB does not say which key, and looks at all of them.
fn render_conflict(
    dialect: Dialect,
    table_name: &Ident,
    inserted: &[Ident],
    conflict: &Conflict,
    table: &Table,
) -> Result<String, Unsupported> {
    let any = conflict.columns.is_empty();
    let assignments = |assignments: &[(Ident, Expr)]| {
        // A column without a source may be meant twice there.
        let qualified = assignments.iter().map(|(name, value)| {
            let value = value.map(&|expr| match expr {
                Expr::Column(column) => Expr::Field(table_name.clone(), column),
                other => other,
            });
            (name.clone(), value)
        });
        let qualified: Vec<_> = qualified.collect();
        render_assignments(dialect, &qualified, |column| match dialect {
            Dialect::Mariadb => own(dialect, table_name, column),
            _ => quote(dialect, column),
        })
    };
    if dialect != Dialect::Mariadb {
        let action = match &conflict.action {
            ConflictAction::Nothing => "NOTHING".to_owned(),
            ConflictAction::Update(set) => format!("UPDATE SET {}", assignments(set)),
        };
        if any {
            return Ok(format!(" ON CONFLICT DO {action}"));
        }
        return Ok(format!(" ON CONFLICT ({}) DO {action}", names(dialect, &conflict.columns)));
    }
    // A number that the database gives is a new one.
    let numbered =
        |column: &Ident| !inserted.contains(column) && table.column(column).is_some_and(|column| column.auto_increment);
    let mut others = table.unique_keys().filter(|key| !any && !same_columns(key, &conflict.columns));
    if let Some(other) = others.find(|key| !key.iter().any(numbered)) {
        let other: Vec<&str> = other.iter().map(Ident::as_str).collect();
        return Err(Unsupported(format!(
            "ON CONFLICT on MariaDB would look at the key ({}) of table {table_name} too",
            other.join(", ")
        )));
    }
    if !any && table.opaque.iter().any(|opaque| opaque.kind == "index") {
        return Err(Unsupported(format!(
            "ON CONFLICT on MariaDB would look at every index of table {table_name}, and one of them is of an unknown kind"
        )));
    }
    // Nothing is what a column becomes that stays what it is; a computed one cannot even be that.
    let settable = |column: &&Ident| table.column(column).is_some_and(|column| column.computed.is_none());
    let others = table.columns.iter().map(|column| &column.name);
    let set = match (&conflict.action, conflict.columns.iter().chain(others).find(settable)) {
        (ConflictAction::Update(set), _) => assignments(set),
        (ConflictAction::Nothing, Some(key)) => {
            let key = own(dialect, table_name, key);
            format!("{key} = {key}")
        }
        (ConflictAction::Nothing, None) => return Err(Unsupported("ON CONFLICT has no columns".into())),
    };
    Ok(format!(" ON DUPLICATE KEY UPDATE {set}"))
}

/// An INSERT of what a query yields. What follows a query is set apart from it: SQLite takes ON for a part of a join,
/// and MariaDB columns of the query for columns of the table.
fn insert_query(
    dialect: Dialect,
    table_name: &Ident,
    columns: &[Ident],
    query: &Query,
    conflict: &str,
    table: &Table,
) -> Vec<Statement> {
    let mut rows = render_query(dialect, query);
    if !conflict.is_empty() {
        let alias = quote(dialect, &Ident::internal("ptah_db_rows"));
        rows = format!("SELECT * FROM ({rows}) AS {alias} WHERE {}", literal(dialect, &Value::Boolean(true), None));
    }
    let into = format!("INSERT INTO {} ({})", quote(dialect, table_name), names(dialect, columns));
    let mut statements = vec![data_statement(format!("{into}\n    {rows}{conflict}"))];
    statements.extend(advance(dialect, table_name, columns, table));
    statements
}

/// On PostgreSQL, the statement that moves a sequence past numbers that rows were given.
fn advance(dialect: Dialect, table_name: &Ident, columns: &[Ident], table: &Table) -> Option<Statement> {
    if dialect != Dialect::Postgres {
        return None;
    }
    let numbered = table.columns.iter().find(|column| column.auto_increment && columns.contains(&column.name))?;
    Some(advance_sequence(table_name, &numbered.name))
}

fn insert(
    dialect: Dialect,
    table_name: &Ident,
    columns: &[Ident],
    rows: impl Iterator<Item = Vec<String>>,
    conflict: &str,
    table: &Table,
) -> Vec<Statement> {
    let head = format!("INSERT INTO {} ({}) VALUES", quote(dialect, table_name), names(dialect, columns));
    let mut statements = Vec::new();
    let mut sql = head.clone();
    let mut count = 0;
    for row in rows {
        let row = format!("({})", row.join(", "));
        if count == CHUNK_ROWS || (count > 0 && sql.len() + row.len() > CHUNK_BYTES) {
            sql.push_str(conflict);
            statements.push(data_statement(std::mem::replace(&mut sql, head.clone())));
            count = 0;
        }
        sql.push_str(if count == 0 { "\n    " } else { ",\n    " });
        sql.push_str(&row);
        count += 1;
    }
    if count > 0 {
        sql.push_str(conflict);
        statements.push(data_statement(sql));
        statements.extend(advance(dialect, table_name, columns, table));
    }
    statements
}

/// Moves the sequence of an identity column past the numbers that rows were given, never back. SQLite
/// and MariaDB do that themselves.
fn advance_sequence(table: &Ident, column: &Ident) -> Statement {
    let dialect = Dialect::Postgres;
    let (quoted_table, quoted_column) = (quote(dialect, table), quote(dialect, column));
    let text = |text: &str| literal(dialect, &Value::Text(text.to_owned()), Some(&ColumnType::Text));
    data_statement(format!(
        "SELECT setval(s, m) FROM (SELECT pg_get_serial_sequence({}, {})::regclass AS s, max({quoted_column}) AS m FROM \
         {quoted_table}) AS x WHERE m > coalesce(pg_sequence_last_value(s), 0)",
        text(&quoted_table),
        text(column.as_str()),
    ))
}

fn type_of<'a>(table: &'a Table, column: &Ident) -> Option<&'a ColumnType> {
    table.column(column)?.portable_type()
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
