//! Introspection: which queries to send, and what their rows mean. Pure; whoever holds a connection sends
//! the queries. Whatever a database holds is untrusted here: what the model cannot express becomes an
//! opaque entry, a table that it cannot hold becomes unreadable with a reason, and nothing is left out.

mod declared;
mod mariadb;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{Catalog, CatalogTable, Dialect, TextRow, default_normal_form, normal_form};
use crate::operation::{
    ColumnDefault, Computed, ComputedStorage, Expr, Ident, IdentKind, IndexKey, Position, Value, parse_server_expr,
};
use crate::schema::{Check, CheckCondition, Column, ModelDefault, ModelType, Opaque, Table, Written};

/// The queries whose results [`read`] takes, in order. All columns are text.
pub fn queries(dialect: Dialect) -> Vec<&'static str> {
    match dialect {
        Dialect::Sqlite => sqlite::QUERIES.to_vec(),
        Dialect::Postgres => postgres::QUERIES.to_vec(),
        Dialect::Mariadb => mariadb::QUERIES.to_vec(),
    }
}

/// What to ask before the queries, which cost a new session much: without an answer there is nothing.
pub fn anything(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite | Dialect::Mariadb => None,
        Dialect::Postgres => Some(postgres::ANYTHING),
    }
}

/// What follows each of the queries in its message, and tells whether its answer is whole.
pub fn trailer(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => "",
        Dialect::Mariadb => "; SHOW WARNINGS",
    }
}

/// Takes off the rows what the [`trailer`] added. False: a table was left out of the answer, as another session was just
/// changing it.
pub fn is_whole(dialect: Dialect, rows: &mut Vec<TextRow>) -> bool {
    dialect != Dialect::Mariadb || mariadb::is_whole(rows)
}

/// Builds the catalog from the rows of each of [`queries`]. Never fails: what cannot be read is opaque or
/// unreadable.
pub fn read(dialect: Dialect, results: &[Vec<TextRow>]) -> Catalog {
    match dialect {
        Dialect::Sqlite => sqlite::read(results),
        Dialect::Postgres => postgres::read(results),
        Dialect::Mariadb => mariadb::read(results),
    }
}

/// The rows of one query; none if the caller sent fewer.
fn rows(results: &[Vec<TextRow>], query: usize) -> &[TextRow] {
    results.get(query).map(Vec::as_slice).unwrap_or_default()
}

/// A cell that may be NULL.
fn optional(row: &TextRow, column: usize) -> Option<&str> {
    row.get(column).and_then(Option::as_deref)
}

/// A cell; NULL is the empty text.
fn cell(row: &TextRow, column: usize) -> &str {
    optional(row, column).unwrap_or_default()
}

/// The rows by the text of one column, each group in the order that the query gave.
fn group(rows: &[TextRow], column: usize) -> BTreeMap<&str, Vec<&TextRow>> {
    let mut groups: BTreeMap<&str, Vec<&TextRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(cell(row, column)).or_default().push(row);
    }
    groups
}

/// The rows of one group.
fn of<'a, 'r>(groups: &'r BTreeMap<&'a str, Vec<&'a TextRow>>, name: &str) -> &'r [&'a TextRow] {
    groups.get(name).map(Vec::as_slice).unwrap_or_default()
}

fn ident(dialect: Dialect, kind: IdentKind, text: &str) -> Option<Ident> {
    Ident::parse(kind, dialect.rules().ident_limit, text).ok()
}

/// The name of a table or column, if the model can hold it.
fn object_name(dialect: Dialect, text: &str) -> Option<Ident> {
    ident(dialect, IdentKind::Object, text)
}

/// The name of a constraint or index, if the model can hold it.
fn constraint_name(dialect: Dialect, text: &str) -> Option<Ident> {
    ident(dialect, IdentKind::Constraint, text)
}

/// The name of a column, or why its table is unreadable.
fn column_name(dialect: Dialect, text: &str) -> Result<Ident, String> {
    object_name(dialect, text).ok_or_else(|| format!("its column {text:?} has a name that the contract does not allow"))
}

/// The names of the bookkeeping tables that are there, one a row: all that a verb needs which asks only what is
/// recorded. Reading the whole catalog takes longer the more tables there are.
pub fn bookkeeping_query(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN \
             ('ptah_db_versions', 'ptah_db_history', 'ptah_db_objects', 'ptah_db_journal')"
        }
        Dialect::Postgres => {
            "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname IN \
             ('ptah_db_versions', 'ptah_db_history', 'ptah_db_objects', 'ptah_db_journal')"
        }
        Dialect::Mariadb => {
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() AND \
             table_name IN ('ptah_db_versions', 'ptah_db_history', 'ptah_db_objects', 'ptah_db_journal')"
        }
    }
}

fn is_bookkeeping(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("ptah_db_")
}

/// Files a table under its name: bookkeeping, readable, or unreadable with the reason.
fn file(catalog: &mut Catalog, dialect: Dialect, name: &str, table: impl FnOnce(&Ident) -> Result<Table, String>) {
    if is_bookkeeping(name) {
        catalog.bookkeeping.insert(name.to_owned());
        return;
    }
    let read = match object_name(dialect, name) {
        Some(ident) => table(&ident),
        None => Err("its name is one that the contract does not allow".to_owned()),
    };
    let filed = match read {
        Ok(mut table) => {
            table.sort();
            CatalogTable::Readable(table.into())
        }
        Err(reason) => CatalogTable::Unreadable(reason),
    };
    catalog.tables.insert(name.to_owned(), filed);
}

fn empty_table() -> Table {
    Table {
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        opaque: Vec::new(),
        written: Written::default(),
    }
}

fn opaque(kind: &str, name: &str, definition: impl Into<String>) -> Opaque {
    Opaque { kind: kind.to_owned(), name: name.to_owned(), definition: definition.into() }
}

/// A check from its condition as the database prints it.
fn check(dialect: Dialect, name: Option<Ident>, text: &str) -> Check {
    Check { name, condition: condition(dialect, text) }
}

/// The condition of a check as the database prints it.
pub(super) fn condition(dialect: Dialect, text: &str) -> CheckCondition {
    match parse_server_expr(dialect.grammar(), Position::Check, text) {
        Some(condition) => CheckCondition::Portable(normal_form(dialect, &condition)),
        None => CheckCondition::Opaque(text.to_owned()),
    }
}

/// An expression over columns of its table as the database prints it, the columns as the table spells them; none for
/// one that the closed type cannot express.
pub(super) fn expression(dialect: Dialect, position: Position, text: &str, columns: &[Column]) -> Option<Expr> {
    let parsed = parse_server_expr(dialect.grammar(), position, text)?;
    let spelled = parsed.try_map(&mut |expr| match expr {
        Expr::Column(name) => {
            let found = columns.iter().find(|column| column.name.is_like(&name.folded()));
            found.map(|column| Expr::Column(column.name.clone())).ok_or(())
        }
        other => Ok(other),
    });
    spelled.ok().map(|expr| normal_form(dialect, &expr))
}

/// What a column is computed from, as the database prints it.
fn computed(dialect: Dialect, text: &str, storage: ComputedStorage, columns: &[Column]) -> Option<Computed> {
    let expression = expression(dialect, Position::Computed, text, columns)?;
    Some(Computed { expression, storage })
}

/// What a part of an index is over, from an expression as the database prints it.
fn index_key(dialect: Dialect, text: &str, columns: &[Column]) -> Option<IndexKey> {
    Some(match expression(dialect, Position::Index, text, columns)? {
        Expr::Column(name) => IndexKey::Column(name),
        other => IndexKey::Expression(other),
    })
}

/// A column default from its text as the database prints it; none for NULL, which every column has.
fn default(dialect: Dialect, text: &str, column_type: &ModelType) -> Option<ModelDefault> {
    let default = match parse_server_expr(dialect.grammar(), Position::Default, text) {
        Some(Expr::Value(Value::Null)) => return None,
        Some(Expr::Value(value)) => ColumnDefault::Value(value),
        Some(other) => ColumnDefault::Expression(other),
        None => return Some(ModelDefault::Opaque(text.to_owned())),
    };
    Some(match column_type {
        ModelType::Portable(column_type) => ModelDefault::Portable(default_normal_form(dialect, &default, column_type)),
        ModelType::Opaque(_) => ModelDefault::Opaque(text.to_owned()),
    })
}

/// A JSON list of names; the servers that can build one send lists so.
fn names(json: &str) -> Option<Vec<String>> {
    serde_json::from_str(json).ok()
}

/// The arguments of a type such as `NUMERIC(10, 2)`, given as `10,2`: precision and scale within the
/// bounds of the contract.
fn precision_and_scale(arguments: &str) -> Option<(u8, u8)> {
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=65).contains(&precision) && scale <= precision && scale <= 30).then_some((precision, scale))
}
