//! Reading answers row by row, within bounds: what a guest asks for may be larger than what it may have.

use futures_util::stream::{BoxStream, TryStreamExt as _};
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, TypeInfo as _, ValueRef as _};

use super::session::Session;
use crate::dialect::Cell;

impl Session {
    /// Sends one query. None: its answer has more rows or bytes than these.
    pub(super) async fn answer(
        &mut self,
        sql: &str,
        rows: usize,
        bytes: usize,
    ) -> Result<Option<Vec<Vec<Cell>>>, sqlx::Error> {
        // Safe: every query comes from `dialect/`, where names and values are quoted.
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite { connection, watch, .. } => {
                let _running = watch.start();
                collect(query.fetch(connection), rows, bytes, sqlite_cell).await
            }
            Self::Postgres(connection) => collect(query.fetch(connection), rows, bytes, postgres_cell).await,
            Self::Mariadb(connection) => collect(query.fetch(connection), rows, bytes, mariadb_cell).await,
        }
    }
}

async fn collect<R: Row>(
    mut stream: BoxStream<'_, Result<R, sqlx::Error>>,
    rows: usize,
    bytes: usize,
    cell: fn(&R, usize) -> Result<Cell, sqlx::Error>,
) -> Result<Option<Vec<Vec<Cell>>>, sqlx::Error> {
    let (mut collected, mut left) = (Vec::new(), bytes);
    while let Some(row) = stream.try_next().await? {
        let cells = (0..row.len()).map(|at| cell(&row, at)).collect::<Result<Vec<_>, _>>()?;
        let weight = cells.iter().map(Cell::weight).sum();
        match left.checked_sub(weight) {
            Some(rest) if collected.len() < rows => left = rest,
            _ => return Ok(None),
        }
        collected.push(cells);
    }
    Ok(Some(collected))
}

/// Each value has a type of its own there.
fn sqlite_cell(row: &SqliteRow, at: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => Cell::Integer(row.try_get_unchecked(at)?),
        "REAL" => Cell::Real(row.try_get_unchecked(at)?),
        "TEXT" => match String::from_utf8(row.try_get_unchecked(at)?) {
            Ok(text) => Cell::Text(text),
            Err(other) => Cell::Bytes(other.into_bytes()),
        },
        _ => Cell::Bytes(row.try_get_unchecked(at)?),
    })
}

/// The simple protocol sends every value as text.
fn postgres_cell(row: &PgRow, at: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    value.as_str().map(|text| Cell::Text(text.to_owned())).map_err(sqlx::Error::Decode)
}

fn mariadb_cell(row: &MySqlRow, at: usize) -> Result<Cell, sqlx::Error> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
    Ok(match bytes.map(String::from_utf8) {
        None => Cell::Null,
        Some(Ok(text)) => Cell::Text(text),
        Some(Err(other)) => Cell::Bytes(other.into_bytes()),
    })
}
