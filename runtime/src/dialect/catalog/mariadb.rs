//! MariaDB: the database of the connection, out of `information_schema`. Unique indexes with only ascending
//! columns are unique constraints here, as the server does not tell the two apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    cell, check, column_name, computed, constraint_name, default, empty_table, file, group, object_name, of, opaque,
    optional, precision_and_scale, rows,
};
use crate::dialect::literal::quoted;
use crate::dialect::{Catalog, Dialect, TextRow};
use crate::operation::{
    ColumnType, ComputedStorage, EnumType, ForeignKey, Ident, Index, IndexOrder, IndexPart, Key, Label, LargeSize,
    ReferentialAction,
};
use crate::schema::{Column, ModelDefault, ModelType, Table};

pub(super) const QUERIES: &[&str] = &[
    // Tables: name, kind, engine, collation if it is neither the database's nor the server's for utf8mb4,
    // options, comment.
    "SELECT CAST(t.table_name AS CHAR), CAST(t.table_type AS CHAR), CAST(t.engine AS CHAR),
        CASE WHEN t.table_collation <> s.default_collation_name AND t.table_collation <> COALESCE(
            (SELECT collation_name FROM information_schema.collations
              WHERE character_set_name = 'utf8mb4' AND is_default = 'Yes'), '')
          THEN CAST(t.table_collation AS CHAR) END,
        CAST(t.create_options AS CHAR), CAST(t.table_comment AS CHAR)
      FROM information_schema.tables t JOIN information_schema.schemata s ON s.schema_name = t.table_schema
      WHERE t.table_schema = DATABASE() AND t.table_type <> 'TEMPORARY' ORDER BY t.table_name",
    // Columns: table, name, type, nullable, default, extra, collation if not the table's, comment, generation
    // expression.
    "SELECT CAST(c.table_name AS CHAR), CAST(c.column_name AS CHAR), CAST(c.column_type AS CHAR),
        CAST(c.is_nullable AS CHAR), CAST(c.column_default AS CHAR), CAST(c.extra AS CHAR),
        CASE WHEN c.collation_name <> t.table_collation THEN CAST(c.collation_name AS CHAR) END,
        CAST(c.column_comment AS CHAR), CAST(c.generation_expression AS CHAR)
      FROM information_schema.columns c JOIN information_schema.tables t
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name
      WHERE c.table_schema = DATABASE() AND t.table_schema = DATABASE() ORDER BY c.table_name, c.ordinal_position",
    // Index columns: table, index, not unique, column, order, prefix, method, ignored, comment.
    "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), CAST(non_unique AS CHAR), CAST(column_name AS CHAR),
        CAST(collation AS CHAR), CAST(sub_part AS CHAR), CAST(index_type AS CHAR), CAST(ignored AS CHAR),
        CAST(index_comment AS CHAR)
      FROM information_schema.statistics WHERE table_schema = DATABASE()
      ORDER BY table_name, index_name, seq_in_index",
    // Foreign keys: table, name, on update, on delete, match.
    "SELECT CAST(table_name AS CHAR), CAST(constraint_name AS CHAR), CAST(update_rule AS CHAR),
        CAST(delete_rule AS CHAR), CAST(match_option AS CHAR)
      FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()
      ORDER BY table_name, constraint_name",
    // Their columns: table, name, column, referred table, referred column, whether that is in this database.
    "SELECT CAST(table_name AS CHAR), CAST(constraint_name AS CHAR), CAST(column_name AS CHAR),
        CAST(referenced_table_name AS CHAR), CAST(referenced_column_name AS CHAR),
        CASE WHEN referenced_table_schema = DATABASE() THEN 'here' ELSE 'elsewhere' END
      FROM information_schema.key_column_usage
      WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
      ORDER BY table_name, constraint_name, ordinal_position",
    // Checks: table, name, level, condition.
    "SELECT CAST(table_name AS CHAR), CAST(constraint_name AS CHAR), CAST(level AS CHAR), CAST(check_clause AS CHAR)
      FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()
      ORDER BY table_name, constraint_name",
    // Triggers: table, name, definition. A column more than a warning has.
    "SELECT CAST(event_object_table AS CHAR), CAST(trigger_name AS CHAR),
        CAST(CONCAT_WS(' ', action_timing, event_manipulation, action_statement) AS CHAR), NULL
      FROM information_schema.triggers WHERE event_object_schema = DATABASE()
      ORDER BY event_object_table, trigger_name",
];

const DIALECT: Dialect = Dialect::Mariadb;
/// What `extra` says of a generated column.
const STORED: &str = "STORED GENERATED";
const VIRTUAL: &str = "VIRTUAL GENERATED";

/// What the database says, by table.
struct Facts<'a> {
    columns: BTreeMap<&'a str, Vec<&'a TextRow>>,
    indexes: BTreeMap<&'a str, Vec<&'a TextRow>>,
    foreign_keys: BTreeMap<&'a str, Vec<&'a TextRow>>,
    key_columns: BTreeMap<&'a str, Vec<&'a TextRow>>,
    checks: BTreeMap<&'a str, Vec<&'a TextRow>>,
    triggers: BTreeMap<&'a str, Vec<&'a TextRow>>,
}

/// A warning has three columns: level, code, message. 1684: a table was skipped.
pub(super) fn is_whole(rows: &mut Vec<TextRow>) -> bool {
    let is_warning = |row: &TextRow| row.len() == 3;
    let whole = !rows.iter().any(|row| is_warning(row) && cell(row, 1) == "1684");
    rows.retain(|row| !is_warning(row));
    whole
}

pub(super) fn read(results: &[Vec<TextRow>]) -> Catalog {
    let facts = Facts {
        columns: group(rows(results, 1), 0),
        indexes: group(rows(results, 2), 0),
        foreign_keys: group(rows(results, 3), 0),
        key_columns: group(rows(results, 4), 0),
        checks: group(rows(results, 5), 0),
        triggers: group(rows(results, 6), 0),
    };
    let mut catalog = Catalog::default();
    for row in rows(results, 0) {
        let (name, kind) = (cell(row, 0), cell(row, 1));
        match kind {
            "BASE TABLE" | "SYSTEM VERSIONED" => file(&mut catalog, DIALECT, name, |_| facts.table(name, row)),
            other => {
                catalog.other_names.insert(name.to_owned(), other.to_ascii_lowercase());
            }
        }
    }
    catalog
}

impl Facts<'_> {
    fn table(&self, name: &str, described: &TextRow) -> Result<Table, String> {
        let mut table = empty_table();
        table.comment = Some(cell(described, 5)).filter(|text| !text.is_empty()).map(str::to_owned);
        let (of_columns, of_table): (Vec<&TextRow>, Vec<&TextRow>) =
            of(&self.checks, name).iter().copied().partition(|row| cell(row, 2) == "Column");
        let mut other_columns = of_columns;
        for row in of(&self.columns, name) {
            let own;
            (own, other_columns) = other_columns.into_iter().partition(|check| is_check_of(check, row));
            table.columns.push(column(row, &own)?);
        }
        let all = table.columns.clone();
        for (row, column) in of(&self.columns, name).iter().zip(&mut table.columns) {
            let items: Vec<&str> = cell(row, 5).split(", ").collect();
            let storage = match (items.contains(&STORED), items.contains(&VIRTUAL)) {
                (true, _) => ComputedStorage::Stored,
                (_, true) => ComputedStorage::Virtual,
                _ => continue,
            };
            column.computed = computed(DIALECT, cell(row, 8), storage, &all);
            if column.computed.is_none() {
                let kept = if storage == ComputedStorage::Stored { STORED } else { VIRTUAL };
                column.extra.push(format!("{kept} AS ({})", cell(row, 8)));
            }
        }
        for row in of_table {
            match constraint_name(DIALECT, cell(row, 1)) {
                Some(name) => table.checks.push(check(DIALECT, Some(name), cell(row, 3))),
                None => table.opaque.push(opaque("constraint", cell(row, 1), format!("CHECK ({})", cell(row, 3)))),
            }
        }
        for row in other_columns {
            table.opaque.push(opaque("constraint", cell(row, 1), format!("column CHECK ({})", cell(row, 3))));
        }
        self.indexes(name, &mut table);
        self.foreign_keys(name, &mut table);
        for row in of(&self.triggers, name) {
            table.opaque.push(opaque("trigger", cell(row, 1), cell(row, 2)));
        }
        for (option, value) in options(described) {
            table.opaque.push(opaque("option", option, value));
        }
        Ok(table)
    }

    fn indexes(&self, name: &str, table: &mut Table) {
        let mut indexes: BTreeMap<&str, Vec<&TextRow>> = BTreeMap::new();
        for row in of(&self.indexes, name) {
            indexes.entry(cell(row, 1)).or_default().push(row);
        }
        for (name, rows) in indexes {
            let ascending = |index: &Index| index.parts.iter().all(|part| part.order == IndexOrder::Ascending);
            let index = index(name, &rows);
            let columns = index.as_ref().filter(|index| index.unique && ascending(index)).and_then(Index::columns);
            match (index, columns) {
                (Some(index), Some(columns)) => {
                    let key = Key { name: Some(index.name), columns };
                    if name == "PRIMARY" {
                        table.primary_key = Some(key);
                    } else {
                        table.uniques.push(key);
                    }
                }
                (Some(index), None) if name != "PRIMARY" => table.indexes.push(index),
                _ => table.opaque.push(opaque("index", name, index_text(&rows))),
            }
        }
    }

    fn foreign_keys(&self, name: &str, table: &mut Table) {
        for described in of(&self.foreign_keys, name) {
            let name_of_key = cell(described, 1);
            let columns: Vec<&TextRow> =
                of(&self.key_columns, name).iter().filter(|row| cell(row, 1) == name_of_key).copied().collect();
            match foreign_key(described, &columns) {
                Some(key) => table.foreign_keys.push(key),
                None => table.opaque.push(opaque("constraint", name_of_key, foreign_key_text(described, &columns))),
            }
        }
    }
}

/// Whether a check of a column is this column's. It has the name that the column had when it was made, and
/// only its condition follows a rename.
fn is_check_of(check: &TextRow, column: &TextRow) -> bool {
    match cell(check, 3).strip_prefix("json_valid(`").and_then(|rest| rest.strip_suffix("`)")) {
        Some(name) => name == cell(column, 1),
        None => cell(check, 1) == cell(column, 1),
    }
}

/// A column with the checks that belong to it alone.
fn column(row: &TextRow, checks: &[&TextRow]) -> Result<Column, String> {
    let name = column_name(DIALECT, cell(row, 1))?;
    let (declared, generation) = (cell(row, 2), cell(row, 8));
    // JSON is an alias of LONGTEXT in a collation of its own with this check.
    let valid_json = format!("json_valid(`{name}`)");
    let is_json = declared == "longtext" && checks.iter().any(|check| cell(check, 3) == valid_json);
    let column_type = if is_json { ModelType::Portable(ColumnType::Json) } else { model_type(declared) };
    let conditions = checks.iter().map(|check| cell(check, 3)).filter(|text| !(is_json && *text == valid_json));
    let mut extra: Vec<String> = conditions.map(|text| format!("CHECK ({text})")).collect();
    if let Some(collation) = optional(row, 6).filter(|collation| !(is_json && *collation == "utf8mb4_bin")) {
        extra.push(format!("COLLATE {collation}"));
    }
    let mut auto_increment = false;
    for item in cell(row, 5).split(", ").filter(|item| !item.is_empty()) {
        match item {
            "auto_increment" => auto_increment = true,
            STORED | VIRTUAL => {}
            other => extra.push(other.to_owned()),
        }
    }
    let default = match optional(row, 4) {
        Some(text) if generation.is_empty() => column_default(text, &column_type),
        _ => None,
    };
    Ok(Column {
        name,
        column_type,
        nullable: cell(row, 3) == "YES",
        default,
        auto_increment,
        numbered_once: false,
        computed: None,
        comment: Some(cell(row, 7)).filter(|text| !text.is_empty()).map(str::to_owned),
        extra,
    })
}

/// An enumeration from its labels as the server prints them; none for one that the model cannot hold.
fn enum_type(printed: &str) -> Option<Arc<EnumType>> {
    let mut labels = Vec::new();
    let mut rest = printed;
    loop {
        let (mut text, mut left) = (String::new(), rest.strip_prefix('\'')?);
        loop {
            let (part, after) = left.split_once('\'')?;
            text.push_str(part);
            left = after;
            match left.strip_prefix('\'') {
                Some(after) => {
                    text.push('\'');
                    left = after;
                }
                None => break,
            }
        }
        // Whatever the session's mode is, a backslash is printed as two.
        labels.push(Label::parse(&text.replace("\\\\", "\\")).ok()?);
        match left.strip_prefix(',') {
            Some(after) => rest = after,
            None => break (left.is_empty() && labels.len() <= EnumType::LABELS).then_some(())?,
        }
    }
    Some(Arc::new(EnumType { name: None, labels }))
}

/// A default. That of a time is the clock to as many digits as the column has, whatever was asked for.
fn column_default(text: &str, column_type: &ModelType) -> Option<ModelDefault> {
    let digits = text.strip_prefix("current_timestamp(").and_then(|rest| rest.strip_suffix(')'));
    let is_clock = matches!(column_type, ModelType::Portable(ColumnType::Timestamp(_)))
        && digits.is_some_and(|digits| digits.len() <= 1);
    default(DIALECT, if is_clock { "current_timestamp(6)" } else { text }, column_type)
}

/// None for an index that the model cannot hold.
fn index(name: &str, rows: &[&TextRow]) -> Option<Index> {
    let column = |row: &&TextRow| {
        let order = match cell(row, 4) {
            "A" => IndexOrder::Ascending,
            "D" => IndexOrder::Descending,
            _ => return None,
        };
        // A unique constraint over a long text is kept by a hash of it; no one can ask for that otherwise.
        let method = cell(row, 6) == "BTREE" || (cell(row, 6) == "HASH" && cell(row, 2) == "0");
        let plain = optional(row, 5).is_none() && method && cell(row, 7) != "YES" && cell(row, 8).is_empty();
        object_name(DIALECT, cell(row, 3)).filter(|_| plain).map(|name| IndexPart::column(name, order))
    };
    Some(Index {
        name: constraint_name(DIALECT, name)?,
        parts: rows.iter().map(column).collect::<Option<_>>()?,
        unique: rows.iter().all(|row| cell(row, 2) == "0"),
        predicate: None,
    })
}

fn index_text(rows: &[&TextRow]) -> String {
    let first = rows.first().copied();
    let of_first = |column| first.map(|row| cell(row, column)).unwrap_or_default();
    let unique = if of_first(2) == "0" { "UNIQUE " } else { "" };
    let ignored = if of_first(7) == "YES" { " IGNORED" } else { "" };
    let column = |row: &&TextRow| {
        let prefix = optional(row, 5).map(|length| format!("({length})")).unwrap_or_default();
        let order = if cell(row, 4) == "D" { " DESC" } else { "" };
        format!("{}{prefix}{order}", cell(row, 3))
    };
    let columns: Vec<_> = rows.iter().map(column).collect();
    let comment = match of_first(8) {
        "" => String::new(),
        text => format!(" COMMENT {}", quoted('\'', text)),
    };
    format!("{unique}{} ({}){ignored}{comment}", of_first(6), columns.join(", "))
}

/// None for a foreign key that the model cannot hold.
fn foreign_key(described: &TextRow, rows: &[&TextRow]) -> Option<ForeignKey> {
    let name = |row: &&TextRow, column| object_name(DIALECT, cell(row, column));
    let here = cell(described, 4) == "NONE" && rows.iter().all(|row| cell(row, 5) == "here");
    let key = ForeignKey {
        name: Some(constraint_name(DIALECT, cell(described, 1))?),
        columns: rows.iter().map(|row| name(row, 2)).collect::<Option<Vec<Ident>>>()?,
        referred_table: name(rows.first()?, 3)?,
        referred_columns: rows.iter().map(|row| name(row, 4)).collect::<Option<Vec<Ident>>>()?,
        on_update: action(cell(described, 2))?,
        on_delete: action(cell(described, 3))?,
    };
    here.then_some(key)
}

fn foreign_key_text(described: &TextRow, rows: &[&TextRow]) -> String {
    let list = |column| rows.iter().map(|row| cell(row, column)).collect::<Vec<_>>().join(", ");
    let table = rows.first().map(|row| format!("{} ({})", cell(row, 3), cell(row, 5))).unwrap_or_default();
    let (on_update, on_delete) = (cell(described, 2), cell(described, 3));
    format!("FOREIGN KEY ({}) REFERENCES {table} ({}) ON UPDATE {on_update} ON DELETE {on_delete}", list(2), list(4))
}

fn action(rule: &str) -> Option<ReferentialAction> {
    match rule {
        // One thing to InnoDB; an action that was left out reads as RESTRICT.
        "NO ACTION" | "RESTRICT" => Some(ReferentialAction::NoAction),
        "CASCADE" => Some(ReferentialAction::Cascade),
        "SET NULL" => Some(ReferentialAction::SetNull),
        _ => None,
    }
}

/// What a table says of itself beyond what the contract makes.
fn options(described: &TextRow) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    if cell(described, 1) != "BASE TABLE" {
        options.push(("WITH SYSTEM VERSIONING", String::new()));
    }
    if cell(described, 2) != "InnoDB" {
        options.push(("ENGINE", cell(described, 2).to_owned()));
    }
    if let Some(collation) = optional(described, 3) {
        options.push(("COLLATE", collation.to_owned()));
    }
    if !cell(described, 4).is_empty() {
        options.push(("CREATE OPTIONS", cell(described, 4).to_owned()));
    }
    options
}

/// A type as the server prints it.
fn model_type(printed: &str) -> ModelType {
    let arguments = |name: &str| printed.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    let portable = match printed {
        "tinyint(1)" => Some(ColumnType::Boolean),
        "smallint(6)" => Some(ColumnType::SmallInteger),
        "int(11)" => Some(ColumnType::Integer),
        "bigint(20)" => Some(ColumnType::BigInteger),
        "float" => Some(ColumnType::Float),
        "double" => Some(ColumnType::Double),
        "text" => Some(ColumnType::Text),
        "mediumtext" => Some(ColumnType::LargeText(LargeSize::Medium)),
        "longtext" => Some(ColumnType::LargeText(LargeSize::Long)),
        "blob" => Some(ColumnType::Binary),
        "mediumblob" => Some(ColumnType::LargeBinary(LargeSize::Medium)),
        "longblob" => Some(ColumnType::LargeBinary(LargeSize::Long)),
        "date" => Some(ColumnType::Date),
        "time" => Some(ColumnType::Time(0)),
        "datetime" => Some(ColumnType::Timestamp(0)),
        "uuid" => Some(ColumnType::Uuid),
        _ => {
            let number = |name| arguments(name).and_then(|number| number.parse::<u32>().ok());
            let digits = |name| arguments(name)?.parse().ok().filter(|digits| *digits <= ColumnType::FRACTION);
            let decimal = || arguments("decimal").and_then(precision_and_scale);
            let decimal = || decimal().map(|(precision, scale)| ColumnType::Numeric { precision, scale });
            let varchar = || number("varchar").map(|length| ColumnType::Varchar(Some(length)));
            let char = || number("char").map(ColumnType::Char);
            let time = || digits("time").map(ColumnType::Time);
            let enumeration = || arguments("enum").and_then(enum_type).map(ColumnType::Enumeration);
            decimal()
                .or_else(enumeration)
                .or_else(varchar)
                .or_else(char)
                .or_else(time)
                .or_else(|| digits("datetime").map(ColumnType::Timestamp))
        }
    };
    portable.map_or_else(|| ModelType::Opaque(printed.to_owned()), ModelType::Portable)
}
