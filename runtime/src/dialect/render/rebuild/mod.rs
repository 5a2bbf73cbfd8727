//! What SQLite's ALTER TABLE lacks: the table is built anew under another name, out of its own definition as SQLite
//! keeps it, the rows are copied, the two change names in the schema table, and the old one is dropped.
//!
//! Changing names is an UPDATE of `sqlite_schema`, which is what SQLite's own RENAME does. Unlike DROP and RENAME it
//! leaves alone whatever goes by the table's name: references, and so the rows of children that a DROP would
//! delete; triggers; views; the last number given. Foreign keys hold all the while. `docs/decisions` has the story.

mod convert;
mod edit;

use convert::Conversion;

use super::{data_statement, index, schema_statement};
use crate::dialect::definition::{ClauseKind, Definition};
use crate::dialect::literal::quoted;
use crate::dialect::{Dialect, Statement, Unsupported};
use crate::operation::{Ident, Index, Op};
use crate::schema::{Column, ModelType, Schema, Table, Written, same_columns};

/// What the name of a table begins with while it is built anew; that of the table follows.
pub const REBUILT: &str = "ptah_db_rebuilt_";

/// Carries the definitions of tables over an operation that has statements of its own. One that is not understood
/// is forgotten: only a rebuild needs it.
pub(super) fn follow(op: &Op, before: &Schema, after: &mut Schema, statements: &[Statement]) {
    let made = statements.first().filter(|_| matches!(op, Op::CreateTable { .. }));
    match (made, after.tables.get_mut(op.subject())) {
        (Some(made), Some(table)) => std::sync::Arc::make_mut(table).written = Written(made.sql.clone()),
        _ => drop(edit::follow(op, before, after)),
    }
}

/// Changes the definition of a table as an operation says that has no statement.
///
/// # Errors
/// A definition that is not understood.
pub(super) fn change(op: &Op, before: &Schema, after: &mut Schema) -> Result<(), Unsupported> {
    edit::follow(op, before, after)
}

/// Builds a table anew, from how it was to how it is after one or more operations. One transaction has to hold all of
/// it.
///
/// # Errors
/// What cannot be carried over; nothing is left out silently.
pub fn rebuild(name: &Ident, before: &Table, after: &Table) -> Result<Vec<Statement>, Unsupported> {
    let parse = |table: &Table| {
        Definition::parse(&table.written.0)
            .ok_or_else(|| refused(name, "its definition is not one that can be taken apart"))
    };
    let (old, new) = (parse(before)?, parse(after)?);
    // The statement that lets names change has to find the same parenthesis in it.
    if before.written.0.find('(') != Some(old.body) {
        return Err(refused(name, "there is a comment before its columns"));
    }
    check(name, before, after, &new)?;
    let rebuilt = format!("{REBUILT}{name}");
    let copied = copied(name, before, after, &old, &new)?;
    let guard = Guard { name: name.as_str(), rebuilt: &rebuilt, copied: &copied };
    let mut statements = guard.begin();
    statements.push(schema_statement(edit::under(&after.written.0, &new, &rebuilt)));
    statements.push(copy(name, &rebuilt, before, after, &copied));
    statements.extend(guard.values());
    let indexes = indexes(name, before)?;
    statements.extend(indexes.iter().map(|(index, _)| schema_statement(format!("DROP INDEX {}", quoted('"', index)))));
    statements.extend(exchange(name.as_str(), &rebuilt, before).into_iter().map(schema_statement));
    statements.push(schema_statement(format!("DROP TABLE {}", quoted('"', &rebuilt))));
    statements.extend(indexes.into_iter().map(|(_, sql)| schema_statement(sql)));
    statements.extend(guard.end());
    Ok(statements)
}

fn refused(name: &Ident, why: &str) -> Unsupported {
    Unsupported(format!("SQLite cannot do it in place, and table {name} cannot be built anew: {why}"))
}

fn has_option(table: &Table, option: &str) -> bool {
    table.opaque.iter().any(|opaque| opaque.kind == "option" && opaque.name == option)
}

/// Refuses what SQLite would refuse half way, or would take for something else.
fn check(name: &Ident, before: &Table, after: &Table, new: &Definition) -> Result<(), Unsupported> {
    let sql = &after.written.0;
    if Definition::qualifies(sql) {
        return Err(refused(name, "an expression in its definition says of which table a column is"));
    }
    let keyed = new.clauses().any(|(_, clause)| matches!(clause.kind, ClauseKind::PrimaryKey { .. }));
    if has_option(after, "WITHOUT ROWID") && !keyed {
        return Err(refused(name, "it has no row ids (WITHOUT ROWID) and needs its primary key"));
    }
    // Its rows are copied while they refer to the table as it was.
    let is_key = |key: &crate::operation::ForeignKey| {
        let mut keys = before.primary_key.iter().chain(&before.uniques).map(|found| &found.columns);
        let mut indexes = before.indexes.iter().filter(|index| index.unique).filter_map(Index::columns);
        let is_it = |columns: &[Ident]| same_columns(columns, &key.referred_columns);
        keys.any(|columns| is_it(columns)) || indexes.any(|columns| is_it(&columns))
    };
    let new_keys =
        after.foreign_keys.iter().filter(|key| key.referred_table == *name && !before.foreign_keys.contains(key));
    if new_keys.clone().any(|key| !is_key(key)) {
        return Err(refused(name, "it refers to a key of its own that is not there yet"));
    }
    Ok(())
}

/// A column whose values are carried over.
struct Copied<'a> {
    /// Its name, quoted.
    quoted: String,
    column: Option<&'a Column>,
    conversion: Option<Conversion>,
}

/// The columns that the table had and still has, but for those that the database works out.
fn copied<'a>(
    name: &Ident,
    before: &Table,
    after: &'a Table,
    old: &Definition,
    new: &Definition,
) -> Result<Vec<Copied<'a>>, Unsupported> {
    let mut copied = Vec::new();
    for written in new.columns.iter().filter(|column| !column.is_generated()) {
        if old.column(&written.name.text).is_none_or(|column| column.is_generated()) {
            continue;
        }
        let of = |table: &'_ Table| table.columns.iter().position(|column| written.name.is(column.name.as_str()));
        let column = of(after).and_then(|at| after.columns.get(at));
        let former = of(before).and_then(|at| before.columns.get(at));
        let quoted = quoted('"', &written.name.text);
        let conversion = match (former.map(|column| &column.column_type), column.map(|column| &column.column_type)) {
            (Some(ModelType::Portable(from)), Some(ModelType::Portable(to))) if from != to => {
                let found = convert::conversion(from, to, &quoted);
                Some(found.ok_or_else(|| refused(name, &format!("{from} does not become {to}")))?)
            }
            _ => None,
        };
        copied.push(Copied { quoted, column, conversion });
    }
    Ok(copied)
}

/// Copies the rows, with their row ids where these are not a column anyway and have a name to call them by. OR ABORT
/// overrules what the definition says ON CONFLICT: a row that is in the way of another is not left out.
fn copy(name: &Ident, rebuilt: &str, before: &Table, after: &Table, copied: &[Copied<'_>]) -> Statement {
    let mut columns: Vec<&str> = copied.iter().map(|column| column.quoted.as_str()).collect();
    let value =
        |column: &'_ Copied<'_>| column.conversion.as_ref().map_or(column.quoted.clone(), |to| to.value.clone());
    let mut values: Vec<String> = copied.iter().map(value).collect();
    let is_column = |table: &Table| table.columns.iter().any(|column| column.auto_increment);
    let is_taken = |name: &str| before.columns.iter().chain(&after.columns).any(|column| column.name.is_like(name));
    let is_hidden = !has_option(after, "WITHOUT ROWID") && !is_column(before) && !is_column(after);
    if let Some(row_id) = ["rowid", "_rowid_", "oid"].into_iter().find(|name| is_hidden && !is_taken(name)) {
        columns.insert(0, row_id);
        values.insert(0, row_id.to_owned());
    }
    let (columns, values) = (columns.join(", "), values.join(", "));
    data_statement(format!("INSERT OR ABORT INTO \"{rebuilt}\" ({columns}) SELECT {values} FROM \"{name}\""))
}

/// The indexes that belong to no constraint, with how each is made.
fn indexes(name: &Ident, table: &Table) -> Result<Vec<(String, String)>, Unsupported> {
    let mut indexes = Vec::new();
    for index in &table.indexes {
        let made = index::create(Dialect::Sqlite, name, index, None, table, table)?;
        indexes.extend(made.into_iter().map(|statement| (index.name.as_str().to_owned(), statement.sql)));
    }
    let opaque = table.opaque.iter().filter(|opaque| opaque.kind == "index");
    indexes.extend(opaque.map(|opaque| (opaque.name.clone(), opaque.definition.clone())));
    Ok(indexes)
}

/// Lets the two tables change names, and the indexes of their constraints with them. SQLite reads triggers after the
/// tables that they are for: they go to the end, in their order.
fn exchange(name: &str, rebuilt: &str, before: &Table) -> Vec<String> {
    let of_table = format!("type = 'trigger' AND tbl_name = '{name}' COLLATE NOCASE");
    let both = format!("tbl_name IN ('{name}', '{rebuilt}')");
    let mut statements = vec![
        "PRAGMA writable_schema = ON".to_owned(),
        format!(
            "UPDATE sqlite_schema SET tbl_name = CASE tbl_name WHEN '{name}' THEN '{rebuilt}' ELSE '{name}' END \
             WHERE type IN ('table', 'index') AND {both}"
        ),
        format!(
            "UPDATE sqlite_schema SET name = tbl_name, \
             sql = 'CREATE TABLE \"' || tbl_name || '\" ' || substr(sql, instr(sql, '(')) WHERE type = 'table' AND {both}"
        ),
        format!(
            "UPDATE sqlite_schema SET name = 'sqlite_autoindex_' || tbl_name || '_' || \
             replace(name, rtrim(name, '0123456789'), '') WHERE type = 'index' AND {both}"
        ),
    ];
    if before.opaque.iter().any(|opaque| opaque.kind == "trigger") {
        statements.push(format!(
            "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) \
             SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE {of_table} ORDER BY rowid"
        ));
        statements.push(format!(
            "DELETE FROM sqlite_schema WHERE {of_table} AND rowid NOT IN \
             (SELECT max(rowid) FROM sqlite_schema WHERE {of_table} GROUP BY name)"
        ));
    }
    statements.push("PRAGMA writable_schema = RESET".to_owned());
    statements
}

/// What has to hold before the step may be committed, as checks of a temporary table whose names the operator reads.
struct Guard<'a> {
    name: &'a str,
    rebuilt: &'a str,
    copied: &'a [Copied<'a>],
}

impl Guard<'_> {
    /// The new types and the condition on their values, each with the check's column.
    fn conditions(&self) -> impl Iterator<Item = (String, &Column, &str)> {
        self.copied.iter().enumerate().filter_map(|(number, copied)| {
            let fits = copied.conversion.as_ref()?.fits.as_deref()?;
            Some((format!("misfits_{number}"), copied.column?, fits))
        })
    }

    /// How many rows of the table, or of others that refer to it, refer to nothing.
    fn dangling(&self) -> String {
        let name = self.name;
        format!(
            "SELECT count(*) FROM (SELECT m.name FROM main.sqlite_schema m, pragma_foreign_key_list(m.name, 'main') f \
             WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND f.\"table\" = '{name}' COLLATE NOCASE \
             UNION SELECT '{name}') t, pragma_foreign_key_check(t.name, 'main') v \
             WHERE v.\"table\" = '{name}' COLLATE NOCASE OR v.parent = '{name}' COLLATE NOCASE"
        )
    }

    fn begin(&self) -> Vec<Statement> {
        let mut columns =
            vec!["dangling_before".to_owned(), "dangling INTEGER".to_owned(), "integrity TEXT".to_owned()];
        let mut checks = vec![
            format!("CONSTRAINT \"{} has rows that refer to nothing\" CHECK (dangling <= dangling_before)", self.name),
            format!("CONSTRAINT \"{} is not whole\" CHECK (integrity = 'ok')", self.name),
        ];
        for (misfits, column, _) in self.conditions() {
            columns.push(format!("{misfits} INTEGER"));
            let name = format!("a value of column {} does not fit its new type", column.name);
            checks.push(format!("CONSTRAINT \"{name}\" CHECK ({misfits} = 0)"));
        }
        columns.extend(checks);
        vec![
            schema_statement(format!("CREATE TEMP TABLE ptah_db_guard (\n    {}\n)", columns.join(",\n    "))),
            schema_statement(format!("INSERT INTO temp.ptah_db_guard (dangling_before) {}", self.dangling())),
        ]
    }

    fn values(&self) -> Vec<Statement> {
        let count = |(misfits, column, fits): (String, &Column, &str)| {
            let column = quoted('"', column.name.as_str());
            let rows = format!("FROM \"{}\" WHERE {column} IS NOT NULL AND ({fits}) IS NOT TRUE", self.rebuilt);
            schema_statement(format!("UPDATE temp.ptah_db_guard SET {misfits} = (SELECT count(*) {rows})"))
        };
        self.conditions().map(count).collect()
    }

    fn end(&self) -> Vec<Statement> {
        let whole = format!("SELECT group_concat(integrity_check) FROM pragma_integrity_check('{}')", self.name);
        vec![
            schema_statement(format!(
                "UPDATE temp.ptah_db_guard SET integrity = ({whole}), dangling = ({})",
                self.dangling()
            )),
            schema_statement("DROP TABLE temp.ptah_db_guard".to_owned()),
        ]
    }
}
