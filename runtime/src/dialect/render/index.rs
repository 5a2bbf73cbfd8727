//! Indexes: made, renamed and dropped.

use super::schema_statement;
use crate::dialect::{Dialect, Statement, Unsupported, quote};
use crate::operation::{Ident, Index, IndexOrder};
use crate::schema::Table;

/// `CREATE INDEX`; on MariaDB together with the drop of the index of a foreign key that it replaces.
pub(super) fn create(
    dialect: Dialect,
    table_name: &Ident,
    index: &Index,
    before: &Table,
    after: &Table,
) -> Vec<Statement> {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let columns: Vec<_> = index
        .columns
        .iter()
        .map(|column| {
            let order = match column.order {
                IndexOrder::Ascending => "",
                IndexOrder::Descending => " DESC",
            };
            format!("{}{order}", quote(dialect, &column.name))
        })
        .collect();
    let (name, table, columns) = (quote(dialect, &index.name), quote(dialect, table_name), columns.join(", "));
    let replaced = replaced(dialect, before, after);
    vec![schema_statement(match replaced.as_str() {
        "" => format!("CREATE {unique}INDEX {name} ON {table} ({columns})"),
        _ => format!("ALTER TABLE {table} ADD {unique}INDEX {name} ({columns}){replaced}"),
    })]
}

/// The clauses that drop the indexes of foreign keys which a new key or index makes needless. MariaDB would drop them
/// unasked only as long as it remembers that it made them itself, which a dump and a renaming make it forget.
pub(super) fn replaced(dialect: Dialect, before: &Table, after: &Table) -> String {
    let gone = before.indexes.iter().filter(|index| !after.indexes.contains(index));
    gone.map(|index| format!(", DROP INDEX {}", quote(dialect, &index.name))).collect()
}

/// `DROP INDEX`; index names belong to the table on MariaDB, to the schema elsewhere.
pub(super) fn drop(dialect: Dialect, table: &Ident, name: &Ident) -> Vec<Statement> {
    let name = quote(dialect, name);
    let on = match dialect {
        Dialect::Mariadb => format!(" ON {}", quote(dialect, table)),
        Dialect::Sqlite | Dialect::Postgres => String::new(),
    };
    vec![schema_statement(format!("DROP INDEX {name}{on}"))]
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
