//! SQLite: what a table consists of comes from the pragmas; names, checks and collations, which no pragma
//! tells, from the parsed CREATE TABLE. Where the two disagree the table is unreadable.

use std::collections::BTreeMap;

use sqlparser::ast::{
    self, ColumnOption, ConstraintReferenceMatchKind, CreateTable, Expr, ForeignKeyConstraint, OrderBySort,
    ReferentialAction as Action, Statement, TableConstraint,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use super::declared::{column_default, model_type};
use super::{
    cell, check, column_name, computed, constraint_name, empty_table, expression, file, group, index_key,
    is_bookkeeping, object_name, of, opaque, optional, rows,
};
use crate::dialect::definition::{Definition, IndexText};
use crate::dialect::{Catalog, Dialect, TextRow};
use crate::operation::{
    ColumnType, ComputedStorage, ForeignKey, Ident, Index, IndexKey, IndexOrder, IndexPart, Key, Position,
    ReferentialAction,
};
use crate::schema::{Column, ModelType, Table, Written};

// Virtual tables are left out of the pragmas: asking about one whose module is missing is an error.
pub(super) const QUERIES: &[&str] = &[
    "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY type, name",
    r#"SELECT m.name, x.name, x.type, CAST(x."notnull" AS TEXT), x.dflt_value, CAST(x.pk AS TEXT), CAST(x.hidden AS TEXT)
        FROM main.sqlite_schema m, pragma_table_xinfo(m.name, 'main') x
        WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY m.name, x.cid"#,
    r#"SELECT m.name, CAST(f.id AS TEXT), f."from"
        FROM main.sqlite_schema m, pragma_foreign_key_list(m.name, 'main') f
        WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY m.name, f.id DESC, f.seq"#,
    r#"SELECT m.name, l.name, CAST(l."unique" AS TEXT), l.origin, CAST(l.partial AS TEXT),
        CAST(x.cid AS TEXT), x.name, CAST(x."desc" AS TEXT), x.coll
        FROM main.sqlite_schema m, pragma_index_list(m.name, 'main') l, pragma_index_xinfo(l.name, 'main') x
        WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND x.key = 1 ORDER BY m.name, l.name, x.seqno"#,
];

const DIALECT: Dialect = Dialect::Sqlite;
const DIFFERS: &str = "its definition and what the database says of it differ";

/// What the database says, by table.
struct Facts<'a> {
    entries: &'a [TextRow],
    columns: BTreeMap<&'a str, Vec<&'a TextRow>>,
    foreign_keys: BTreeMap<&'a str, Vec<&'a TextRow>>,
    index_columns: BTreeMap<&'a str, Vec<&'a TextRow>>,
}

pub(super) fn read(results: &[Vec<TextRow>]) -> Catalog {
    let facts = Facts {
        entries: rows(results, 0),
        columns: group(rows(results, 1), 0),
        foreign_keys: group(rows(results, 2), 0),
        index_columns: group(rows(results, 3), 0),
    };
    let mut catalog = Catalog::default();
    for row in facts.entries {
        let (kind, name, table) = (cell(row, 0), cell(row, 1), cell(row, 2));
        if name.to_ascii_lowercase().starts_with("sqlite_") || (kind == "index" && is_bookkeeping(table)) {
            continue;
        }
        match kind {
            "table" => file(&mut catalog, DIALECT, name, |_| facts.table(name, cell(row, 3))),
            // Triggers have names of their own; they are read with their table.
            "trigger" => {}
            other => {
                catalog.other_names.insert(name.to_owned(), other.to_owned());
            }
        }
    }
    catalog
}

impl Facts<'_> {
    fn table(&self, name: &str, sql: &str) -> Result<Table, String> {
        // Checks are read from the text itself: what `sqlparser` prints of a text with two quotes in a row, or one
        // after a backslash, is another text. Nor does it know every combination of options.
        let text = Definition::parse(sql);
        let definition = parse(text.as_ref().and_then(|text| sql.get(..text.end)).unwrap_or(sql))?;
        let text = text.ok_or("its definition is not understood")?;
        let mut checks = text.conditions(sql).into_iter();
        let mut table = Table { written: Written(sql.to_owned()), ..empty_table() };
        self.columns(name, &definition, &mut table)?;
        self.computed(name, &text, sql, &definition, &mut table)?;
        for (column, written) in definition.columns.iter().zip(table.columns.clone()) {
            for option in &column.options {
                self.column_constraint(&written.name, option, &mut checks, &mut table)?;
            }
        }
        for constraint in &definition.constraints {
            self.table_constraint(constraint, &mut checks, &mut table)?;
        }
        if checks.next().is_some() {
            return Err(DIFFERS.to_owned());
        }
        self.indexes(name, &mut table)?;
        self.cross_check(name, &mut table)?;
        self.number_key(name, &text.options, &mut table);
        table.opaque.extend(text.options.iter().map(|option| opaque("option", option, *option)));
        for row in self.entries.iter().filter(|row| cell(row, 0) == "trigger" && same(cell(row, 2), name)) {
            table.opaque.push(opaque("trigger", cell(row, 1), cell(row, 3)));
        }
        Ok(table)
    }

    fn columns(&self, name: &str, definition: &CreateTable, table: &mut Table) -> Result<(), String> {
        let described = of(&self.columns, name);
        if described.len() != definition.columns.len() {
            return Err(DIFFERS.to_owned());
        }
        for (row, written) in described.iter().zip(&definition.columns) {
            if !same(cell(row, 1), &written.name.value) {
                return Err(DIFFERS.to_owned());
            }
            let column_type = model_type(cell(row, 2));
            let generated = cell(row, 6) != "0";
            let default = match optional(row, 4) {
                Some(text) if !generated => column_default(text, &column_type),
                _ => None,
            };
            table.columns.push(Column {
                name: column_name(DIALECT, cell(row, 1))?,
                column_type,
                nullable: cell(row, 3) == "0",
                default,
                auto_increment: false,
                numbered_once: written.options.iter().any(|option| option.option.to_string() == "AUTOINCREMENT"),
                computed: None,
                comment: None,
                extra: written.options.iter().filter_map(|option| extra(&option.option)).collect(),
            });
        }
        Ok(())
    }

    /// What is computed stands in the text alone; an attribute as before where the model cannot hold it.
    fn computed(
        &self,
        name: &str,
        text: &Definition,
        sql: &str,
        definition: &CreateTable,
        table: &mut Table,
    ) -> Result<(), String> {
        if text.columns.len() != table.columns.len() {
            return Err(DIFFERS.to_owned());
        }
        let all = table.columns.clone();
        let rows = of(&self.columns, name).iter().zip(&text.columns).zip(&definition.columns);
        for (((row, place), written), column) in rows.zip(&mut table.columns) {
            let storage = match cell(row, 6) {
                "2" => ComputedStorage::Virtual,
                "3" => ComputedStorage::Stored,
                _ => continue,
            };
            let found = place.generated().and_then(|place| sql.get(place.clone()));
            column.computed = found.and_then(|text| computed(DIALECT, text, storage, &all));
            if column.computed.is_some() {
                let others = written.options.iter().map(|option| &option.option);
                let others = others.filter(|option| !matches!(option, ColumnOption::Generated { .. }));
                column.extra = others.filter_map(extra).collect();
            }
        }
        Ok(())
    }

    fn column_constraint<'a>(
        &self,
        column: &Ident,
        written: &ast::ColumnOptionDef,
        checks: &mut impl Iterator<Item = &'a str>,
        table: &mut Table,
    ) -> Result<(), String> {
        let name = written.name.as_ref().map(|name| name.value.as_str());
        let columns = || vec![column.clone()];
        match &written.option {
            ColumnOption::PrimaryKey(_) => match named(name) {
                Ok(name) => table.primary_key = Some(Key { name, columns: columns() }),
                Err(odd) => table.opaque.push(opaque("constraint", &odd, written.to_string())),
            },
            ColumnOption::Unique(_) => match named(name) {
                Ok(name) => table.uniques.push(Key { name, columns: columns() }),
                Err(odd) => table.opaque.push(opaque("constraint", &odd, written.to_string())),
            },
            ColumnOption::ForeignKey(key) => self.foreign_key(name, columns(), key, &written.to_string(), table),
            ColumnOption::Check(_) => add_check(name, checks.next().ok_or(DIFFERS)?, table),
            _ => {}
        }
        Ok(())
    }

    fn table_constraint<'a>(
        &self,
        written: &TableConstraint,
        checks: &mut impl Iterator<Item = &'a str>,
        table: &mut Table,
    ) -> Result<(), String> {
        let definition = written.to_string();
        match written {
            TableConstraint::PrimaryKey(key) => {
                let name = key.name.as_ref().map(|name| name.value.as_str());
                match (named(name), plain_columns(&key.columns)) {
                    (Ok(name), Some(columns)) => {
                        table.primary_key = Some(Key { name, columns: resolve(&table.columns, columns)? });
                    }
                    _ => table.opaque.push(opaque("constraint", name.unwrap_or_default(), definition)),
                }
            }
            TableConstraint::Unique(key) => {
                let name = key.name.as_ref().map(|name| name.value.as_str());
                match (named(name), plain_columns(&key.columns)) {
                    (Ok(name), Some(columns)) => {
                        let columns = resolve(&table.columns, columns)?;
                        table.uniques.push(Key { name, columns });
                    }
                    _ => table.opaque.push(opaque("constraint", name.unwrap_or_default(), definition)),
                }
            }
            TableConstraint::ForeignKey(key) => {
                let name = key.name.as_ref().map(|name| name.value.as_str());
                let columns = resolve(&table.columns, key.columns.iter().map(|column| column.value.as_str()))?;
                self.foreign_key(name, columns, key, &definition, table);
            }
            TableConstraint::Check(written_check) => {
                let name = written_check.name.as_ref().map(|name| name.value.as_str());
                add_check(name, checks.next().ok_or(DIFFERS)?, table);
            }
            _ => table.opaque.push(opaque("constraint", "", definition)),
        }
        Ok(())
    }

    fn foreign_key(
        &self,
        name: Option<&str>,
        columns: Vec<Ident>,
        written: &ForeignKeyConstraint,
        definition: &str,
        table: &mut Table,
    ) {
        let read = || {
            let (on_update, on_delete) = (action(written.on_update.as_ref())?, action(written.on_delete.as_ref())?);
            let plain = written.characteristics.is_none()
                && matches!(written.match_kind, None | Some(ConstraintReferenceMatchKind::Simple));
            let (referred_table, referred_columns) = self.referred(written)?;
            let name = named(name).ok()?;
            (plain && referred_columns.len() == columns.len()).then(|| ForeignKey {
                name,
                columns: columns.clone(),
                referred_table,
                referred_columns,
                on_update,
                on_delete,
            })
        };
        match read() {
            Some(key) => table.foreign_keys.push(key),
            None => table.opaque.push(opaque("constraint", name.unwrap_or_default(), definition)),
        }
    }

    /// The table and columns referred to, as they are really spelled; the primary key where none is given.
    fn referred(&self, written: &ForeignKeyConstraint) -> Option<(Ident, Vec<Ident>)> {
        let part = written.foreign_table.0.last().and_then(|part| part.as_ident())?;
        let (table, described) = match self.columns.iter().find(|(name, _)| same(name, &part.value)) {
            Some((name, described)) => (*name, described.as_slice()),
            None => (part.value.as_str(), &[][..]),
        };
        let mut key: Vec<_> = described.iter().filter(|row| cell(row, 5) != "0").collect();
        key.sort_by_key(|row| cell(row, 5).parse::<u32>().unwrap_or(u32::MAX));
        let columns = if written.referred_columns.is_empty() {
            key.iter().map(|row| object_name(DIALECT, cell(row, 1))).collect::<Option<Vec<_>>>()?
        } else {
            let spelled = |column: &ast::Ident| {
                let real = described.iter().map(|row| cell(row, 1)).find(|real| same(real, &column.value));
                object_name(DIALECT, real.unwrap_or(&column.value))
            };
            written.referred_columns.iter().map(spelled).collect::<Option<Vec<_>>>()?
        };
        Some((object_name(DIALECT, table)?, columns))
    }

    /// Created indexes; those of constraints are read with their constraint.
    fn indexes(&self, name: &str, table: &mut Table) -> Result<(), String> {
        for (index, rows) in self.index_groups(name, "c") {
            let entry = self.entries.iter().find(|row| cell(row, 0) == "index" && cell(row, 1) == index);
            let sql = entry.map(|row| cell(row, 3)).unwrap_or_default();
            match read_index(index, sql, &rows, &table.columns) {
                Some(index) => table.indexes.push(index),
                None => table.opaque.push(opaque("index", index, sql)),
            }
        }
        Ok(())
    }

    /// The index columns of a table by index, of one origin: `c` created, `u` unique, `pk`.
    fn index_groups(&self, name: &str, origin: &str) -> BTreeMap<&str, Vec<&TextRow>> {
        let mut groups: BTreeMap<&str, Vec<&TextRow>> = BTreeMap::new();
        for row in of(&self.index_columns, name).iter().filter(|row| cell(row, 3) == origin) {
            groups.entry(cell(row, 1)).or_default().push(row);
        }
        groups
    }

    /// Holds the keys that were parsed against those that the database reports.
    fn cross_check(&self, name: &str, table: &mut Table) -> Result<(), String> {
        let described = of(&self.columns, name);
        let mut key: Vec<_> = described.iter().filter(|row| cell(row, 5) != "0").collect();
        key.sort_by_key(|row| cell(row, 5).parse::<u32>().unwrap_or(u32::MAX));
        let key: Vec<&str> = key.iter().map(|row| cell(row, 1)).collect();
        let parsed: Vec<&str> = table.primary_key.iter().flat_map(|key| &key.columns).map(Ident::as_str).collect();
        let opaque_constraint = table.opaque.iter().any(|opaque| opaque.kind == "constraint");
        if key != parsed && !opaque_constraint {
            return Err(DIFFERS.to_owned());
        }
        let mut reported: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in of(&self.foreign_keys, name) {
            reported.entry(cell(row, 1)).or_default().push(cell(row, 2));
        }
        for columns in reported.values() {
            let parsed = |key: &ForeignKey| spells(&key.columns, columns);
            if !table.foreign_keys.iter().any(parsed) && !opaque_constraint {
                return Err(DIFFERS.to_owned());
            }
        }
        if reported.len() < table.foreign_keys.len() {
            return Err(DIFFERS.to_owned());
        }
        for rows in self.index_groups(name, "u").values() {
            let columns: Vec<&str> = rows.iter().map(|row| cell(row, 6)).collect();
            if !table.uniques.iter().any(|key| spells(&key.columns, &columns)) && !opaque_constraint {
                return Err(DIFFERS.to_owned());
            }
        }
        Ok(())
    }

    /// A sole INTEGER key is the row id, which is never NULL and numbered by the database whether
    /// AUTOINCREMENT is written or not; SQLite then makes no index for the key.
    fn number_key(&self, name: &str, options: &[&str], table: &mut Table) {
        let described = of(&self.columns, name);
        let mut key = described.iter().enumerate().filter(|(_, row)| cell(row, 5) != "0");
        let (Some((position, row)), None) = (key.next(), key.next()) else { return };
        let row_id = cell(row, 2).eq_ignore_ascii_case("INTEGER")
            && !options.contains(&"WITHOUT ROWID")
            && self.index_groups(name, "pk").is_empty();
        let Some(column) = table.columns.get_mut(position) else { return };
        if row_id {
            column.nullable = false;
            column.auto_increment = true;
        } else if column.column_type == ModelType::Portable(ColumnType::Integer) {
            // An integer key that is no row id is nothing that the contract makes.
            column.column_type = ModelType::Opaque(cell(row, 2).to_owned());
        }
    }
}

fn parse(sql: &str) -> Result<CreateTable, String> {
    let statements =
        Parser::parse_sql(&SQLiteDialect {}, sql).map_err(|error| format!("its definition does not parse: {error}"))?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::CreateTable(table)]) => Ok(table),
        Ok([Statement::CreateVirtualTable { .. }]) => Err("it is a virtual table".to_owned()),
        _ => Err("its definition is no CREATE TABLE".to_owned()),
    }
}

/// SQLite compares names without regard to ASCII case.
fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

fn spells(names: &[Ident], texts: &[&str]) -> bool {
    names.len() == texts.len() && names.iter().zip(texts).all(|(name, text)| same(name.as_str(), text))
}

/// An optional constraint name, or the text of one that the model cannot hold.
fn named(name: Option<&str>) -> Result<Option<Ident>, String> {
    match name {
        Some(text) => constraint_name(DIALECT, text).map(Some).ok_or_else(|| text.to_owned()),
        None => Ok(None),
    }
}

/// The columns as their table spells them.
fn resolve<'a>(columns: &[Column], written: impl IntoIterator<Item = &'a str>) -> Result<Vec<Ident>, String> {
    let find = |text: &str| columns.iter().find(|column| same(column.name.as_str(), text));
    written.into_iter().map(|text| find(text).map(|column| column.name.clone()).ok_or(DIFFERS.to_owned())).collect()
}

/// The columns of a key, unless one has an order or a collation.
fn plain_columns(columns: &[ast::IndexColumn]) -> Option<Vec<&str>> {
    columns.iter().map(plain_column).collect()
}

fn plain_column(column: &ast::IndexColumn) -> Option<&str> {
    match &column.column.expr {
        Expr::Identifier(name)
            if column.operator_class.is_none()
                && matches!(column.column.options.sort, None | Some(OrderBySort::Asc))
                && column.column.options.nulls_first.is_none() =>
        {
            Some(&name.value)
        }
        _ => None,
    }
}

fn add_check(name: Option<&str>, condition: &str, table: &mut Table) {
    match named(name) {
        Ok(name) => table.checks.push(check(DIALECT, name, condition)),
        Err(odd) => table.opaque.push(opaque("constraint", &odd, format!("CHECK ({condition})"))),
    }
}

fn action(written: Option<&Action>) -> Option<ReferentialAction> {
    match written {
        None | Some(Action::NoAction) => Some(ReferentialAction::NoAction),
        Some(Action::Restrict) => Some(ReferentialAction::Restrict),
        Some(Action::Cascade) => Some(ReferentialAction::Cascade),
        Some(Action::SetNull) => Some(ReferentialAction::SetNull),
        Some(Action::SetDefault) => None,
    }
}

/// None for an index that the model cannot hold. What is an expression, and over which rows it is, only its text says.
fn read_index(name: &str, sql: &str, rows: &[&TextRow], columns: &[Column]) -> Option<Index> {
    let partial = rows.iter().any(|row| cell(row, 4) != "0");
    let has_expression = rows.iter().any(|row| cell(row, 5) == "-2");
    let text = if partial || has_expression { Some(IndexText::parse(sql)?) } else { None };
    let mut parts = Vec::with_capacity(rows.len());
    for (position, row) in rows.iter().enumerate() {
        let part = text.as_ref().and_then(|text| sql.get(text.parts.get(position)?.clone()));
        parts.push(index_part(row, part, columns)?);
    }
    let predicate = match text.and_then(|text| text.predicate) {
        Some(place) => Some(expression(DIALECT, Position::Predicate, sql.get(place)?, columns)?),
        None => None,
    };
    let unique = rows.iter().any(|row| cell(row, 2) == "1");
    (predicate.is_some() == partial).then_some(Index {
        name: constraint_name(DIALECT, name)?,
        parts,
        unique,
        predicate,
    })
}

/// None for a collation other than the column's own, or than that of an expression.
fn index_part(row: &TextRow, text: Option<&str>, columns: &[Column]) -> Option<IndexPart> {
    let (key, own) = match cell(row, 5) {
        "-2" => (index_key(DIALECT, text?, columns)?, "BINARY"),
        position => {
            let column = columns.get(position.parse::<usize>().ok()?)?;
            let own = column.extra.iter().find_map(|extra| extra.strip_prefix("COLLATE "));
            (IndexKey::Column(column.name.clone()), own.unwrap_or("BINARY"))
        }
    };
    let order = if cell(row, 7) == "1" { IndexOrder::Descending } else { IndexOrder::Ascending };
    same(cell(row, 8), own).then_some(IndexPart { key, order })
}

/// What a column says of itself beyond what the model has a place for.
fn extra(option: &ColumnOption) -> Option<String> {
    match option {
        ColumnOption::Null
        | ColumnOption::NotNull
        | ColumnOption::Default(_)
        | ColumnOption::Check(_)
        | ColumnOption::ForeignKey(_) => None,
        ColumnOption::PrimaryKey(key) => key.characteristics.map(|found| format!("PRIMARY KEY {found}")),
        ColumnOption::Unique(key) => key.characteristics.map(|found| format!("UNIQUE {found}")),
        ColumnOption::Collation(name) => {
            let name = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_ascii_uppercase());
            name.filter(|name| name != "BINARY").map(|name| format!("COLLATE {name}"))
        }
        other => Some(other.to_string()).filter(|text| text != "AUTOINCREMENT" && text != "ASC"),
    }
}
