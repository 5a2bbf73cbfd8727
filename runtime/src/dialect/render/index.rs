//! Indexes: made, renamed and dropped.

use super::schema_statement;
use crate::dialect::{Dialect, Statement, Unsupported, quote, render_expr};
use crate::operation::{Ident, Index, IndexKey, IndexOrder};
use crate::schema::Table;

/// `CREATE INDEX`; on MariaDB together with the drop of the index of a foreign key that it replaces.
///
/// # Errors
/// MariaDB has no index over expressions or over some of the rows.
pub(super) fn create(
    dialect: Dialect,
    table_name: &Ident,
    index: &Index,
    before: &Table,
    after: &Table,
) -> Result<Vec<Statement>, Unsupported> {
    check(dialect, index)?;
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
    Ok(vec![schema_statement(match replaced.as_str() {
        "" => format!("CREATE {unique}INDEX {name} ON {table} ({parts}){rows}"),
        _ => format!("ALTER TABLE {table} ADD {unique}INDEX {name} ({parts}){replaced}"),
    })])
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
