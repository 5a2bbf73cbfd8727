//! Indexes: made, renamed and dropped.

use super::schema_statement;
use crate::dialect::{Dialect, Statement, Unsupported, quote, render_expr};
use crate::operation::{Demand, Ident, Index, IndexKey, IndexOrder};
use crate::schema::Table;

/// `CREATE INDEX`; on MariaDB together with the drop of the index of a foreign key that it replaces.
///
/// # Errors
/// MariaDB has no index over expressions or over some of the rows; SQLite makes none online.
pub(super) fn create(
    dialect: Dialect,
    table_name: &Ident,
    index: &Index,
    online: Option<Demand>,
    before: &Table,
    after: &Table,
) -> Result<Vec<Statement>, Unsupported> {
    check(dialect, index)?;
    let online = Online::of(dialect, online)?;
    let unique = if index.unique { "UNIQUE " } else { "" };
    let parts: Vec<_> = index
        .parts
        .iter()
        .map(|part| {
            let key = match &part.key {
                IndexKey::Column(name) => quote(dialect, name),
                IndexKey::Expression(expression) => format!("({})", render_expr(dialect, expression)),
            };
            let order = match part.order {
                IndexOrder::Ascending => "",
                IndexOrder::Descending => " DESC",
            };
            format!("{key}{order}")
        })
        .collect();
    let (name, table, parts) = (quote(dialect, &index.name), quote(dialect, table_name), parts.join(", "));
    let rows = index.predicate.as_ref().map(|predicate| format!(" WHERE {}", render_expr(dialect, predicate)));
    let (rows, replaced) = (rows.unwrap_or_default(), replaced(dialect, before, after));
    let sql = match replaced.as_str() {
        "" => {
            let Online { concurrently, locks, .. } = online;
            format!("CREATE {unique}INDEX {concurrently}{name} ON {table} ({parts}){rows}{}", locks.join(""))
        }
        _ => format!("ALTER TABLE {table} ADD {unique}INDEX {name} ({parts}){replaced}{}", online.listed()),
    };
    Ok(vec![online.statement(sql, &index.name)])
}

/// What a statement says so that nobody is kept from writing to its table.
struct Online {
    /// On PostgreSQL.
    concurrently: &'static str,
    /// On MariaDB, which does without where it can anyway, and so refuses where it cannot.
    locks: &'static [&'static str],
}

impl Online {
    fn of(dialect: Dialect, demand: Option<Demand>) -> Result<Self, Unsupported> {
        let (concurrently, locks): (_, &[_]) = match (dialect, demand) {
            (Dialect::Postgres, Some(_)) => ("CONCURRENTLY ", &[]),
            (Dialect::Mariadb, Some(Demand::Required)) => ("", &[" ALGORITHM=INPLACE", " LOCK=NONE"]),
            (Dialect::Sqlite, Some(Demand::Required)) => {
                return Err(Unsupported(
                    "SQLite lets nobody write while it makes or drops an index; ask for it online with `if-supported`"
                        .into(),
                ));
            }
            _ => ("", &[]),
        };
        Ok(Self { concurrently, locks })
    }

    /// Behind the changes of an ALTER TABLE.
    fn listed(&self) -> String {
        self.locks.iter().map(|lock| format!(",{lock}")).collect()
    }

    fn statement(&self, sql: String, index: &Ident) -> Statement {
        let concurrent = (!self.concurrently.is_empty()).then(|| index.clone());
        Statement { concurrent, ..schema_statement(sql) }
    }
}

fn check(dialect: Dialect, index: &Index) -> Result<(), Unsupported> {
    if dialect == Dialect::Mariadb && index.predicate.is_some() {
        return Err(Unsupported(
            "MariaDB has no index over some of the rows; add a computed column that is NULL for the others, and an \
             index over it"
                .into(),
        ));
    }
    if dialect == Dialect::Mariadb && index.parts.iter().any(|part| part.name().is_none()) {
        return Err(Unsupported(
            "MariaDB has no index over an expression; add a computed column, and an index over it".into(),
        ));
    }
    Ok(())
}

/// The clauses that drop the indexes of foreign keys which a new key or index makes needless. MariaDB would drop them
/// unasked only as long as it remembers that it made them itself, which a dump and a renaming make it forget.
pub(super) fn replaced(dialect: Dialect, before: &Table, after: &Table) -> String {
    let gone = before.indexes.iter().filter(|index| !after.indexes.contains(index));
    gone.map(|index| format!(", DROP INDEX {}", quote(dialect, &index.name))).collect()
}

/// `DROP INDEX`; index names belong to the table on MariaDB, to the schema elsewhere.
///
/// # Errors
/// SQLite drops none online.
pub(super) fn drop(
    dialect: Dialect,
    table: &Ident,
    name: &Ident,
    online: Option<Demand>,
) -> Result<Vec<Statement>, Unsupported> {
    let online = Online::of(dialect, online)?;
    let (table, quoted) = (quote(dialect, table), quote(dialect, name));
    let sql = match dialect {
        // There DROP INDEX says nothing of locks.
        Dialect::Mariadb if !online.locks.is_empty() => {
            format!("ALTER TABLE {table} DROP INDEX {quoted}{}", online.listed())
        }
        Dialect::Mariadb => format!("DROP INDEX {quoted} ON {table}"),
        Dialect::Sqlite | Dialect::Postgres => format!("DROP INDEX {}{quoted}", online.concurrently),
    };
    Ok(vec![online.statement(sql, name)])
}

/// `RENAME INDEX`.
pub(super) fn rename(
    dialect: Dialect,
    table: &Ident,
    name: &Ident,
    new_name: &Ident,
) -> Result<Vec<Statement>, Unsupported> {
    let (table, name, new_name) = (quote(dialect, table), quote(dialect, name), quote(dialect, new_name));
    let sql = match dialect {
        Dialect::Mariadb => format!("ALTER TABLE {table} RENAME INDEX {name} TO {new_name}"),
        Dialect::Postgres => format!("ALTER INDEX {name} RENAME TO {new_name}"),
        Dialect::Sqlite => {
            return Err(Unsupported("SQLite cannot rename an index; drop it and make it anew".into()));
        }
    };
    Ok(vec![schema_statement(sql)])
}
