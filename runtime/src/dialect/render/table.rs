//! Tables: made, dropped, renamed.

use super::{check_comment, column, constraint, data_statement, schema_statement};
use crate::dialect::{Dialect, Statement, Unsupported, literal, quote};
use crate::operation::{ColumnType, ForeignKey, Ident, ReferentialAction, TableSpec, Value};
use crate::schema::Table;

/// Engine and character set are pinned, so that the defaults of the server and the database do not decide
/// whether foreign keys hold and every text fits. The collation is the server's own for utf8mb4.
const MARIADB_OPTIONS: &str = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// `CREATE TABLE` with everything but indexes, which are operations of their own.
pub(super) fn create(dialect: Dialect, spec: &TableSpec, table: &Table) -> Result<Vec<Statement>, Unsupported> {
    check_comment(dialect, spec.comment.as_ref())?;
    for column in &spec.columns {
        check_comment(dialect, column.comment.as_ref())?;
    }
    let mut parts = Vec::new();
    for column in &table.columns {
        parts.push(column::definition(dialect, column, column::inline_key(dialect, table, column))?);
    }
    parts.extend(constraint::clauses(dialect, table)?);
    let name = quote(dialect, &spec.name);
    let mut sql = format!("CREATE TABLE {name} (\n    {}\n)", parts.join(",\n    "));
    if dialect == Dialect::Mariadb {
        sql.push_str(MARIADB_OPTIONS);
        if let Some(comment) = &table.comment {
            sql.push_str(&format!(" COMMENT={}", comment_literal(dialect, Some(comment))));
        }
    }
    let mut statements = vec![schema_statement(sql)];
    statements.extend(constraint::repeated(dialect, &spec.name, table));
    if dialect == Dialect::Postgres {
        if let Some(comment) = &table.comment {
            let text = comment_literal(dialect, Some(comment));
            statements.push(schema_statement(format!("COMMENT ON TABLE {name} IS {text}")));
        }
        statements.extend(
            table
                .columns
                .iter()
                .filter(|column| column.comment.is_some())
                .map(|column| column::comment_on(&spec.name, column)),
        );
    }
    Ok(statements)
}

/// The model has refused it while another table refers to this one. SQLite deletes the rows first and so
/// trips over rows that refer to each other with RESTRICT: there they let go before.
pub(super) fn drop(dialect: Dialect, name: &Ident, table: &Table) -> Result<Vec<Statement>, Unsupported> {
    let mut statements = Vec::new();
    if dialect == Dialect::Sqlite {
        let own = |key: &&ForeignKey| key.referred_table == *name && key.on_delete == ReferentialAction::Restrict;
        for key in table.foreign_keys.iter().filter(own) {
            // A trigger would see the update.
            let silent = table.opaque.iter().all(|opaque| opaque.kind != "trigger");
            let nullable = |column| table.column(column).is_some_and(|column| column.nullable);
            let Some(column) = key.columns.iter().find(|column| silent && nullable(column)) else {
                return Err(Unsupported(format!(
                    "SQLite cannot drop table {name}, whose rows refer to each other with RESTRICT and cannot let go"
                )));
            };
            let (table, column) = (quote(dialect, name), quote(dialect, column));
            statements.push(data_statement(format!("UPDATE {table} SET {column} = NULL")));
        }
    }
    statements.push(schema_statement(format!("DROP TABLE {}", quote(dialect, name))));
    Ok(statements)
}

/// Drops a table that the step itself has made, whatever refers to it: what does so is made by the step too, and goes next.
pub fn drop_made(dialect: Dialect, name: &Ident) -> Statement {
    let table = quote(dialect, name);
    schema_statement(match dialect {
        Dialect::Sqlite => format!("DROP TABLE {table}"),
        Dialect::Postgres => format!("DROP TABLE {table} CASCADE"),
        // For this statement alone, so that no session stays without the checks.
        Dialect::Mariadb => format!("SET STATEMENT foreign_key_checks = 0 FOR DROP TABLE {table}"),
    })
}

/// Foreign keys, indexes and checks follow on every dialect.
pub(super) fn rename(dialect: Dialect, name: &Ident, new_name: &Ident) -> Vec<Statement> {
    let (name, new_name) = (quote(dialect, name), quote(dialect, new_name));
    vec![schema_statement(format!("ALTER TABLE {name} RENAME TO {new_name}"))]
}

/// The text of a comment; none clears it (PostgreSQL).
pub(super) fn comment_literal(dialect: Dialect, text: Option<&String>) -> String {
    let value = text.map_or(Value::Null, |text| Value::Text(text.clone()));
    literal(dialect, &value, Some(&ColumnType::Text))
}
