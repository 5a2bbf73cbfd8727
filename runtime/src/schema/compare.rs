//! How two models differ, in words for an operator.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Check, CheckCondition, Column, ModelDefault, ModelType, Schema, Table, find};
use crate::operation::{
    ColumnDefault, ColumnType, ComputedStorage, Expr, ForeignKey, Ident, Index, IndexKey, IndexOrder, IndexPart, Key,
    ReferentialAction,
};

/// Writes an expression in words for people.
type Show = fn(&Expr) -> String;

/// The dialect's own name of a type.
type Native<'a> = &'a dyn Fn(&ColumnType) -> String;

/// The differences between an expected and a found schema, one a line: `table pages: column title: type is
/// varchar(50), expected text`. Empty for schemas that are the same. `show` writes an expression and
/// `native` a type, which is what a column of no portable type is told to become: the model knows no SQL.
pub fn compare(expected: &Schema, found: &Schema, show: Show, native: Native<'_>) -> Vec<String> {
    let names: BTreeSet<&Ident> = expected.tables.keys().chain(found.tables.keys()).collect();
    let mut report = Vec::new();
    let enums: BTreeSet<&Ident> = expected.enums.keys().chain(found.enums.keys()).collect();
    for name in enums {
        match (expected.enums.get(name), found.enums.get(name)) {
            (Some(_), None) => report.push(format!("enumeration {name} is missing")),
            (None, Some(_)) => report.push(format!("enumeration {name} is not expected")),
            (Some(expected), Some(found)) => {
                differ(&mut report, &format!("enumeration {name}: it"), &expected.to_string(), &found.to_string());
            }
            (None, None) => {}
        }
    }
    for name in names {
        match (expected.tables.get(name), found.tables.get(name)) {
            (Some(_), None) => report.push(format!("table {name} is missing")),
            (None, Some(_)) => report.push(format!("table {name} is not expected")),
            (Some(expected), Some(found)) => {
                let lines = compare_tables(expected, found, show, native);
                report.extend(lines.into_iter().map(|line| format!("table {name}: {line}")));
            }
            (None, None) => {}
        }
    }
    report
}

fn compare_tables(expected: &Table, found: &Table, show: Show, native: Native<'_>) -> Vec<String> {
    let mut report = compare_columns(&expected.columns, &found.columns, show, native);
    let mut each =
        |kind: &str, expected: Vec<Entry>, found: Vec<Entry>| compare_entries(&mut report, kind, expected, found);
    let key_entry = |key: &Key| Entry::new(key.name.as_ref(), format!("over {}", find::listed(&key.columns)));
    let primary = |table: &Table| table.primary_key.iter().map(key_entry).collect();
    each("primary key", primary(expected), primary(found));
    let uniques = |table: &Table| table.uniques.iter().map(key_entry).collect();
    each("unique constraint", uniques(expected), uniques(found));
    let foreign_keys = |table: &Table| table.foreign_keys.iter().map(foreign_key_entry).collect();
    each("foreign key", foreign_keys(expected), foreign_keys(found));
    let checks = |table: &Table| table.checks.iter().map(|check| check_entry(check, show)).collect();
    each("check", checks(expected), checks(found));
    let indexes = |table: &Table| table.indexes.iter().map(|index| index_entry(index, show)).collect();
    each("index", indexes(expected), indexes(found));
    let opaque = |table: &Table| {
        let entry = |one: &super::Opaque| Entry {
            name: Some(format!("{} {}", one.kind, one.name)),
            content: one.definition.clone(),
        };
        table.opaque.iter().map(entry).collect()
    };
    each("object", opaque(expected), opaque(found));
    differ(&mut report, "comment", &shown_text(expected.comment.as_deref()), &shown_text(found.comment.as_deref()));
    report
}

fn compare_columns(expected: &[Column], found: &[Column], show: Show, native: Native<'_>) -> Vec<String> {
    let mut report = Vec::new();
    let by_name = |columns: &'_ [Column], name: &Ident| columns.iter().position(|column| column.name == *name);
    for column in expected {
        match found.iter().find(|other| other.name == column.name) {
            None => report.push(format!("column {} is missing", column.name)),
            Some(other) => {
                let lines = compare_column(column, other, show, native);
                report.extend(lines.into_iter().map(|line| format!("column {}: {line}", column.name)));
            }
        }
    }
    for column in found.iter().filter(|column| by_name(expected, &column.name).is_none()) {
        report.push(format!("column {} is not expected", column.name));
    }
    // The order of those on both sides; what is missing or too much has been said.
    let order = |columns: &[Column], others: &[Column]| {
        let both = columns.iter().filter(|column| by_name(others, &column.name).is_some());
        both.map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    differ(&mut report, "the order of the columns", &order(expected, found), &order(found, expected));
    report
}

fn compare_column(expected: &Column, found: &Column, show: Show, native: Native<'_>) -> Vec<String> {
    let mut report = Vec::new();
    let portable =
        matches!((&expected.column_type, &found.column_type), (ModelType::Portable(_), ModelType::Portable(_)));
    let type_of = |column: &Column| match &column.column_type {
        ModelType::Portable(name) if portable => name.to_string(),
        ModelType::Portable(name) => native(name).to_lowercase(),
        ModelType::Opaque(text) => text.clone(),
    };
    let null = |column: &Column| if column.nullable { "nullable" } else { "not null" };
    let numbered = |column: &Column| if column.auto_increment { "on" } else { "off" };
    let extra = |column: &Column| if column.extra.is_empty() { "none".to_owned() } else { column.extra.join(", ") };
    differ(&mut report, "type", &type_of(expected), &type_of(found));
    differ(&mut report, "nullability", null(expected), null(found));
    differ(
        &mut report,
        "default",
        &shown_default(expected.default.as_ref(), show),
        &shown_default(found.default.as_ref(), show),
    );
    differ(&mut report, "auto-increment", numbered(expected), numbered(found));
    differ(&mut report, "computed", &shown_computed(expected, show), &shown_computed(found, show));
    differ(&mut report, "comment", &shown_text(expected.comment.as_deref()), &shown_text(found.comment.as_deref()));
    differ(&mut report, "other attributes", &extra(expected), &extra(found));
    report
}

fn differ(report: &mut Vec<String>, what: &str, expected: &str, found: &str) {
    if expected != found {
        report.push(format!("{what} is {found}, expected {expected}"));
    }
}

/// A constraint, index or other object of a table.
struct Entry {
    name: Option<String>,
    content: String,
}

impl Entry {
    fn new(name: Option<&Ident>, content: String) -> Self {
        Self { name: name.map(|name| name.as_str().to_owned()), content }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.content),
            None => f.write_str(&self.content),
        }
    }
}

/// Compares by name, and what has none by content. What differs in nothing but its name is one line.
fn compare_entries(report: &mut Vec<String>, kind: &str, expected: Vec<Entry>, found: Vec<Entry>) {
    let mut open: BTreeMap<Option<String>, Vec<Entry>> = BTreeMap::new();
    for entry in found {
        open.entry(entry.name.clone()).or_default().push(entry);
    }
    let mut missing = Vec::new();
    for entry in expected {
        let others = open.entry(entry.name.clone()).or_default();
        let same = others.iter().position(|other| other.content == entry.content);
        match (same, &entry.name) {
            (Some(position), _) => {
                others.remove(position);
            }
            (None, Some(name)) if !others.is_empty() => {
                let other = others.remove(0);
                differ(report, &format!("{kind} {name}"), &entry.content, &other.content);
            }
            _ => missing.push(entry),
        }
    }
    let mut open: Vec<Entry> = open.into_values().flatten().collect();
    for entry in missing {
        match (&entry.name, open.iter().position(|other| other.name.is_some() && other.content == entry.content)) {
            (Some(name), Some(position)) => {
                let other = open.remove(position);
                report.push(format!("{kind} {other} is to be called {name}"));
            }
            _ => report.push(format!("{kind} {entry} is missing")),
        }
    }
    for entry in open {
        report.push(format!("{kind} {entry} is not expected"));
    }
}

fn foreign_key_entry(key: &ForeignKey) -> Entry {
    let content = format!(
        "of {} to {} ({}), on update {}, on delete {}",
        find::listed(&key.columns),
        key.referred_table,
        find::listed(&key.referred_columns),
        action(key.on_update),
        action(key.on_delete)
    );
    Entry::new(key.name.as_ref(), content)
}

fn action(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "no action",
        ReferentialAction::Restrict => "restrict",
        ReferentialAction::Cascade => "cascade",
        ReferentialAction::SetNull => "set null",
    }
}

fn check_entry(check: &Check, show: Show) -> Entry {
    let content = match &check.condition {
        CheckCondition::Portable(condition) => show(condition),
        CheckCondition::Opaque(text) => text.clone(),
    };
    Entry::new(check.name.as_ref(), content)
}

fn index_entry(index: &Index, show: Show) -> Entry {
    let part = |part: &IndexPart| {
        let key = match &part.key {
            IndexKey::Column(name) => name.to_string(),
            IndexKey::Expression(expression) => show(expression),
        };
        match part.order {
            IndexOrder::Ascending => key,
            IndexOrder::Descending => format!("{key} descending"),
        }
    };
    let parts = index.parts.iter().map(part).collect::<Vec<_>>().join(", ");
    let unique = if index.unique { "unique, " } else { "" };
    let rows = index.predicate.as_ref().map(|predicate| format!(" where {}", show(predicate))).unwrap_or_default();
    Entry::new(Some(&index.name), format!("{unique}over {parts}{rows}"))
}

fn shown_text(text: Option<&str>) -> String {
    text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
}

fn shown_computed(column: &Column, show: Show) -> String {
    column.computed.as_ref().map_or_else(
        || "no".to_owned(),
        |computed| {
            let storage = match computed.storage {
                ComputedStorage::Stored => "stored",
                ComputedStorage::Virtual => "virtual",
            };
            format!("{storage} from {}", show(&computed.expression))
        },
    )
}

fn shown_default(default: Option<&ModelDefault>, show: Show) -> String {
    match default {
        None => "none".to_owned(),
        Some(ModelDefault::Opaque(text)) => text.clone(),
        Some(ModelDefault::Portable(ColumnDefault::Expression(expr))) => show(expr),
        Some(ModelDefault::Portable(ColumnDefault::Value(value))) => show(&Expr::Value(value.clone())),
    }
}
