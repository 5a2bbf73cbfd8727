//! Names: which are taken, and what a dialect calls a constraint that was given none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Column, DefaultNames, ModelType, NameScope, Rules, Schema, SchemaError, Table, find};
use crate::operation::{CheckSpec, ColumnType, ForeignKey, Ident, Key, is_type_name};

/// What a name of a table's own is for; the scope depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    Index,
    Key,
    ForeignKey,
    Check,
}

impl NameKind {
    fn scope(self, rules: &Rules) -> NameScope {
        match self {
            Self::Index => rules.index_scope,
            Self::Key => rules.key_scope,
            Self::ForeignKey => rules.foreign_key_scope,
            Self::Check => NameScope::Table,
        }
    }

    /// Whether it shares the scope of the tables.
    fn is_relation(self, rules: &Rules) -> bool {
        matches!(self, Self::Index | Self::Key) && self.scope(rules) == NameScope::Schema
    }
}

/// Every name of a constraint or index of a table.
fn own_names(table: &Table) -> impl Iterator<Item = (NameKind, &Ident)> {
    let keys = find::keys(table).filter_map(|key| key.name.as_ref()).map(|name| (NameKind::Key, name));
    let foreign_keys = table.foreign_keys.iter().filter_map(|key| key.name.as_ref());
    let checks = table.checks.iter().filter_map(|check| check.name.as_ref());
    let indexes = table.indexes.iter().map(|index| (NameKind::Index, &index.name));
    keys.chain(foreign_keys.map(|name| (NameKind::ForeignKey, name)))
        .chain(checks.map(|name| (NameKind::Check, name)))
        .chain(indexes)
}

fn exists(what: String) -> SchemaError {
    SchemaError::AlreadyExists(what)
}

/// Refuses the name of a new table that is taken.
pub(super) fn check_table(schema: &Schema, rules: &Rules, name: &Ident) -> Result<(), SchemaError> {
    let folded = name.folded();
    if let Some(found) = schema.tables.keys().find(|table| table.is_like(&folded)) {
        return Err(exists(format!("table {found} exists already")));
    }
    // A table is a type too.
    if let Some(found) = schema.enums.keys().find(|other| other.is_like(&folded)) {
        return Err(exists(format!("the name {name} is taken by the enumeration {found}")));
    }
    match relation_owner(schema, rules, &folded) {
        Some(table) => Err(exists(format!("the name {name} is taken by an index or sequence of table {table}"))),
        None => Ok(()),
    }
}

/// Refuses the name of a new enumeration that is taken, or that the database has for a type of its own.
pub(super) fn check_enum(schema: &Schema, rules: &Rules, name: &Ident) -> Result<(), SchemaError> {
    let folded = name.folded();
    // One with an underscore in front is that of an array.
    let is_taken = rules.reserved_types.contains(&folded.as_str()) || folded.starts_with('_') || is_type_name(&folded);
    if rules.named_enums && is_taken {
        return Err(SchemaError::Invalid(format!("the name {name} is that of a type that the database has")));
    }
    check_table(schema, rules, name)
}

/// The table that has an index or key of that name in the scope of the tables. Asked for every new name, so
/// it looks at nothing that cannot be meant.
fn relation_owner<'a>(schema: &'a Schema, rules: &Rules, folded: &str) -> Option<&'a Ident> {
    let indexes = NameKind::Index.is_relation(rules);
    let keys = NameKind::Key.is_relation(rules);
    if !indexes && !keys {
        return None;
    }
    let is_like = |name: &Ident| name.is_like(folded);
    let owns = |(name, table): &(&'a Ident, &Arc<Table>)| {
        (indexes && table.indexes.iter().any(|index| is_like(&index.name)))
            || (keys && find::keys(table).any(|key| key.name.as_ref().is_some_and(is_like)))
            || (folded.ends_with("_seq")
                && sequence(rules, name, table).is_some_and(|sequence| sequence.eq_ignore_ascii_case(folded)))
    };
    schema.tables.iter().find(owns).map(|(name, _)| name)
}

/// The sequence that numbers a column on PostgreSQL; it shares the scope of the tables.
fn sequence(rules: &Rules, name: &Ident, table: &Table) -> Option<String> {
    let column = table.columns.iter().find(|column| column.auto_increment)?;
    let has_sequences = rules.default_names == DefaultNames::Postgres;
    has_sequences.then(|| make_object_name(name.as_str(), column.name.as_str(), "seq", rules.ident_limit))
}

/// Refuses the name of a new constraint or index of a table that is taken or reserved.
pub(super) fn check_own(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    kind: NameKind,
    name: &Ident,
) -> Result<(), SchemaError> {
    let folded = name.folded();
    if rules.reserved_names.contains(&folded.as_str()) {
        return Err(SchemaError::Invalid(format!("the name {name} is reserved on this database")));
    }
    if rules.default_names == DefaultNames::Postgres && kind.is_relation(rules) && folded.ends_with("_seq") {
        // A sequence keeps its name when its table or column is renamed, so the model cannot tell which are taken.
        return Err(SchemaError::Invalid(format!(
            "the name {name} ends as those that the database gives to sequences"
        )));
    }
    match taken(schema, rules, table_name, kind, &folded) {
        Some(by) => Err(exists(format!("the name {name} is taken by {by}"))),
        None => Ok(()),
    }
}

fn is_json_check(rules: &Rules, column_type: &ModelType) -> bool {
    rules.json_is_check && *column_type == ModelType::Portable(ColumnType::Json)
}

/// Refuses a column that is JSON from now on where its check would have the name of another constraint.
pub(super) fn check_json(
    rules: &Rules,
    table: &Table,
    name: &Ident,
    column_type: &ModelType,
) -> Result<(), SchemaError> {
    let folded = name.folded();
    if is_json_check(rules, column_type) && own_names(table).any(|(_, own)| own.is_like(&folded)) {
        return Err(exists(format!("json column {name} comes with a check of its name, which is taken")));
    }
    Ok(())
}

/// Whether two names of one table are in each other's way: an index is no constraint, though on MariaDB a foreign key may
/// come to need an index of its name.
fn meet(rules: &Rules, one: NameKind, other: NameKind) -> bool {
    match (one, other) {
        (NameKind::Index, NameKind::Check) | (NameKind::Check, NameKind::Index) => false,
        (NameKind::Index, NameKind::ForeignKey) | (NameKind::ForeignKey, NameKind::Index) => {
            rules.foreign_key_makes_index
        }
        _ => true,
    }
}

/// By what a name is taken in its scope.
fn taken(schema: &Schema, rules: &Rules, table_name: &Ident, kind: NameKind, folded: &str) -> Option<String> {
    let own = schema.tables.get(table_name);
    let is_it = |(other, name): (NameKind, &Ident)| meet(rules, kind, other) && name.is_like(folded);
    if own.is_some_and(|table| own_names(table).any(is_it)) {
        return Some(format!("a constraint or index of table {table_name}"));
    }
    let json = |column: &Column| is_json_check(rules, &column.column_type) && column.name.is_like(folded);
    if own.is_some_and(|table| table.columns.iter().any(json)) {
        return Some(format!("the check that json column {folded} of table {table_name} comes with"));
    }
    if kind.is_relation(rules) {
        if let Some(table) = schema.tables.keys().find(|table| table.is_like(folded)) {
            return Some(format!("table {table}"));
        }
        return relation_owner(schema, rules, folded).map(|table| format!("an index of table {table}"));
    }
    if kind.scope(rules) == NameScope::Schema {
        // Foreign keys, on MariaDB: indexes and keys are relations where they have this scope.
        let same = |table: &Table| {
            table.foreign_keys.iter().any(|key| key.name.as_ref().is_some_and(|name| name.is_like(folded)))
        };
        let owner = schema.tables.iter().find(|(_, table)| same(table));
        return owner.map(|(name, _)| format!("a constraint of table {name}"));
    }
    None
}

/// Refuses a list of names of one table with two that differ at most in case.
pub(super) fn no_duplicates<'a>(
    table_name: &Ident,
    names: impl IntoIterator<Item = &'a Ident>,
) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(name.folded())) {
        Some(twice) => Err(SchemaError::Invalid(format!("column {twice} of table {table_name} is named twice"))),
        None => Ok(()),
    }
}

/// Names for constraints without one, by the dialect's own rule; none on a dialect that has no such rule.
pub(super) struct Chooser<'a> {
    pub(super) schema: &'a Schema,
    pub(super) rules: &'a Rules,
    pub(super) table: &'a Ident,
    /// Names, folded, that the same operation gives to other constraints.
    pub(super) reserved: &'a BTreeSet<String>,
}

impl Chooser<'_> {
    /// The name of a primary key.
    pub(super) fn primary_key(&self) -> Option<Ident> {
        match self.rules.default_names {
            DefaultNames::None => None,
            DefaultNames::Postgres => self.postgres(NameKind::Key, "", "pkey"),
            DefaultNames::Mariadb => self.rules.primary_key_name.map(Ident::internal),
        }
    }

    /// The name of a unique constraint.
    pub(super) fn unique(&self, key: &Key) -> Option<Ident> {
        match self.rules.default_names {
            DefaultNames::None => None,
            DefaultNames::Postgres => self.postgres(NameKind::Key, &addition(&key.columns), "key"),
            DefaultNames::Mariadb => {
                let column = key.columns.first().map_or("unique", Ident::as_str);
                let numbered = (2_u32..).map(|number| format!("{}_{number}", cut(column, self.rules.ident_limit - 8)));
                self.first_free(NameKind::Key, std::iter::once(column.to_owned()).chain(numbered))
            }
        }
    }

    /// The name of a foreign key.
    pub(super) fn foreign_key(&self, key: &ForeignKey) -> Option<Ident> {
        match self.rules.default_names {
            DefaultNames::None => None,
            DefaultNames::Postgres => self.postgres(NameKind::ForeignKey, &addition(&key.columns), "fkey"),
            DefaultNames::Mariadb => {
                let prefix = ibfk_prefix(cut(self.table.as_str(), self.rules.ident_limit - 14));
                let table = self.schema.tables.get(self.table);
                let names = table.into_iter().flat_map(|table| &table.foreign_keys).filter_map(|key| key.name.as_ref());
                let number = |name: &Ident| name.as_str().strip_prefix(&prefix)?.parse::<u32>().ok();
                let highest = names.filter_map(number).max().unwrap_or(0);
                let numbered = (highest.saturating_add(1)..).map(|number| format!("{prefix}{number}"));
                self.first_free(NameKind::ForeignKey, numbered)
            }
        }
    }

    /// The name of a check.
    pub(super) fn check(&self, check: &CheckSpec) -> Option<Ident> {
        match self.rules.default_names {
            DefaultNames::None => None,
            DefaultNames::Postgres => {
                let columns = check.condition.columns();
                let only = if columns.len() == 1 { columns.first().map_or("", |column| column.as_str()) } else { "" };
                self.postgres(NameKind::Check, only, "check")
            }
            DefaultNames::Mariadb => {
                self.first_free(NameKind::Check, (1_u32..).map(|number| format!("CONSTRAINT_{number}")))
            }
        }
    }

    /// PostgreSQL's ChooseConstraintName: the label is numbered until the name is free.
    fn postgres(&self, kind: NameKind, addition: &str, label: &str) -> Option<Ident> {
        let labels = std::iter::once(label.to_owned()).chain((1_u32..).map(|number| format!("{label}{number}")));
        let limit = self.rules.ident_limit;
        self.first_free(kind, labels.map(|label| make_object_name(self.table.as_str(), addition, &label, limit)))
    }

    fn first_free(&self, kind: NameKind, mut candidates: impl Iterator<Item = String>) -> Option<Ident> {
        let free = |candidate: &String| {
            let folded = candidate.to_ascii_lowercase();
            !self.reserved.contains(&folded)
                && !self.rules.reserved_names.contains(&folded.as_str())
                && taken(self.schema, self.rules, self.table, kind, &folded).is_none()
        };
        candidates.find(free).map(Ident::internal)
    }
}

/// What begins the default name of a foreign key on MariaDB, and what makes it follow its table's name.
pub(super) fn ibfk_prefix(table: &str) -> String {
    format!("{table}_ibfk_")
}

/// PostgreSQL's ChooseIndexNameAddition: the column names, joined until they are long enough.
fn addition(columns: &[Ident]) -> String {
    let mut joined = String::new();
    for column in columns {
        if !joined.is_empty() {
            joined.push('_');
        }
        joined.push_str(column.as_str());
        if joined.len() > 63 {
            break;
        }
    }
    joined
}

/// PostgreSQL's makeObjectName: the longer of the two names gives way until all fits.
fn make_object_name(first: &str, second: &str, label: &str, limit: usize) -> String {
    let overhead = label.len() + 1 + usize::from(!second.is_empty());
    let available = limit.saturating_sub(overhead);
    let (mut first_bytes, mut second_bytes) = (first.len(), second.len());
    while first_bytes + second_bytes > available {
        if first_bytes > second_bytes { first_bytes -= 1 } else { second_bytes -= 1 }
    }
    let parts = [cut(first, first_bytes), cut(second, second_bytes), label];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// At most so many bytes of a name; names of tables and columns are ASCII.
fn cut(name: &str, bytes: usize) -> &str {
    name.get(..bytes).unwrap_or(name)
}
