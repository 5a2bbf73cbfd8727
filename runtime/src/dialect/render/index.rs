//! Indexes: made and dropped.

use super::schema_statement;
use crate::dialect::{Dialect, Statement, quote};
use crate::operation::{Ident, Index, IndexOrder};

/// `CREATE INDEX`.
pub(super) fn create(dialect: Dialect, table_name: &Ident, index: &Index) -> Vec<Statement> {
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
    let (name, table) = (quote(dialect, &index.name), quote(dialect, table_name));
    vec![schema_statement(format!("CREATE {unique}INDEX {name} ON {table} ({})", columns.join(", ")))]
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
