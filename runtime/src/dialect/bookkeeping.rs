//! What the runner's own tables need of each dialect: column types, table options, and the widening of a
//! version table that the original Ptah wrote.

use super::{Dialect, literal, quote};
use crate::operation::{Ident, Value};

/// The type of a column of text of any length.
pub fn long_text(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => "TEXT",
        // Its TEXT ends at 64 KiB.
        Dialect::Mariadb => "LONGTEXT",
    }
}

/// What follows the columns of a table: names of packages and revisions differ by case.
pub fn table_options(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => "",
        Dialect::Mariadb => " ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    }
}

/// Asks from where the database numbers the rows of these tables: a name and a number each.
pub fn counters<'a>(dialect: Dialect, tables: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let text = |table: &str| literal(dialect, &Value::Text(table.to_owned()), None);
    let names: Vec<String> = tables.into_iter().map(text).collect();
    let asks = dialect == Dialect::Mariadb && !names.is_empty();
    asks.then(|| {
        format!(
            "SELECT CAST(table_name AS CHAR), CAST(auto_increment AS CHAR) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL AND table_name IN ({})",
            names.join(", ")
        )
    })
}

/// Has the database number the rows of a table from here, or from after the largest number there is. A transaction that is
/// rolled back does not give its numbers back.
pub fn set_counter(dialect: Dialect, table: &str, number: u64) -> Option<String> {
    let table = quote(dialect, &Ident::internal(table));
    (dialect == Dialect::Mariadb).then(|| format!("ALTER TABLE {table} AUTO_INCREMENT = {number}"))
}

/// Asks which number the session drew last for a table. None where the database says so with each statement.
pub fn last_drawn(dialect: Dialect, table: &Ident, column: &Ident) -> Option<String> {
    let text = |name: String| literal(dialect, &Value::Text(name), None);
    let (table, column) = (text(quote(dialect, table)), text(column.to_string()));
    (dialect == Dialect::Postgres).then(|| format!("SELECT currval(pg_get_serial_sequence({table}, {column}))"))
}

/// Two texts, the second behind the first.
pub fn joined(dialect: Dialect, first: &str, second: &str) -> String {
    match dialect {
        Dialect::Mariadb => format!("CONCAT({first}, {second})"),
        Dialect::Sqlite | Dialect::Postgres => format!("{first} || {second}"),
    }
}

/// Asks how many bytes more a text of the only row of a table may take. None where nothing short of a gigabyte is the limit.
pub fn room_for_text(dialect: Dialect, table: &str, column: &str) -> Option<String> {
    (dialect == Dialect::Mariadb)
        .then(|| format!("SELECT @@max_allowed_packet - coalesce((SELECT max(length({column})) FROM {table}), 0)"))
}

/// Asks for the primary key and the widths of a version table: one row for each of its columns, of the column's
/// name, its place in the primary key from 1 or none, its longest text or none, and the key's name or none.
pub fn version_columns(dialect: Dialect, table: &str) -> String {
    let table = literal(dialect, &Value::Text(table.to_owned()), None);
    match dialect {
        Dialect::Sqlite => {
            format!("SELECT lower(name), nullif(pk, 0), NULL, NULL FROM pragma_table_info({table}) ORDER BY cid")
        }
        Dialect::Postgres => format!(
            "SELECT a.attname, array_position(k.conkey, a.attnum), \
             CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END, k.conname \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             AND n.nspname = current_schema() JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             AND NOT a.attisdropped LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' \
             WHERE c.relname = {table} AND c.relkind IN ('r', 'p') ORDER BY a.attnum"
        ),
        Dialect::Mariadb => format!(
            "SELECT lower(c.column_name), k.ordinal_position, c.character_maximum_length, k.constraint_name \
             FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k \
             ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name \
             AND k.constraint_name = 'PRIMARY' \
             WHERE c.table_schema = DATABASE() AND c.table_name = {table} ORDER BY c.ordinal_position"
        ),
    }
}

/// The statements that give a version table of the original Ptah the key of two columns and their full width.
/// `key` is its primary key's name, if it has one; `create` makes the new table, on SQLite, which cannot alter one.
pub fn widen_versions(
    dialect: Dialect,
    table: &str,
    columns: [(&str, u32); 2],
    key: Option<&str>,
    create: &str,
) -> Vec<String> {
    let name = |text: &str| quote(dialect, &Ident::internal(text));
    let [(package, package_width), (version, version_width)] = columns;
    let (table_name, package, version) = (name(table), name(package), name(version));
    match dialect {
        Dialect::Sqlite => {
            let old = name(&format!("{table}_old"));
            vec![
                format!("ALTER TABLE {table_name} RENAME TO {old}"),
                create.to_owned(),
                format!(
                    "INSERT INTO {table_name} ({package}, {version}) SELECT {package}, {version} FROM {old} \
                     WHERE {version} <> ''"
                ),
                format!("DROP TABLE {old}"),
            ]
        }
        Dialect::Postgres => {
            let drop_key = key.map(|key| format!("DROP CONSTRAINT {}, ", name(key))).unwrap_or_default();
            vec![
                format!("DELETE FROM {table_name} WHERE {version} IS NULL OR {version} = ''"),
                format!(
                    "ALTER TABLE {table_name} {drop_key}ALTER COLUMN {package} TYPE VARCHAR({package_width}), \
                     ALTER COLUMN {version} TYPE VARCHAR({version_width}), ADD PRIMARY KEY ({package}, {version})"
                ),
            ]
        }
        Dialect::Mariadb => {
            let drop_key = if key.is_some() { "DROP PRIMARY KEY, " } else { "" };
            let text = |width| format!("VARCHAR({width}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL");
            vec![
                format!("DELETE FROM {table_name} WHERE {version} IS NULL OR {version} = ''"),
                format!(
                    "ALTER TABLE {table_name} {drop_key}MODIFY {package} {}, MODIFY {version} {}, \
                     ADD PRIMARY KEY ({package}, {version})",
                    text(package_width),
                    text(version_width)
                ),
            ]
        }
    }
}
