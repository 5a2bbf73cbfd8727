//! How the tables are laid out, and the few statements that they need, built from that layout alone.

use crate::database::Connection;
use crate::dialect::{Dialect, TextRow, bookkeeping, literal, quote};
use crate::operation::{Ident, Value};

use super::record::VersionChange;
use super::{State, StoreError};

/// The recorded heads, one row each: the original Ptah's table.
pub const VERSIONS: &str = "ptah_db_versions";
/// What was done, append-only.
pub const HISTORY: &str = "ptah_db_history";
/// Who owns which table and what relies on what.
pub const OBJECTS: &str = "ptah_db_objects";
/// The step under way.
pub const JOURNAL: &str = "ptah_db_journal";

/// The version of this layout, kept in [`OBJECTS`] under the kind `layout`.
pub(super) const LAYOUT: u32 = 1;

/// Width of a package's name and of a step's.
pub(super) const NAME_WIDTH: u32 = 128;
/// Width of a revision id.
pub(super) const VERSION_WIDTH: u32 = 64;

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Text up to a length, never null.
    Text(u32),
    /// Text of any length or null.
    LongText,
    /// A whole number, never null.
    Number,
    /// A whole number or null.
    MaybeNumber,
}

/// A table's columns; the first `key` of them are its primary key.
pub(super) struct Layout {
    pub(super) table: &'static str,
    pub(super) key: usize,
    pub(super) columns: &'static [(&'static str, Shape)],
}

use Shape::{LongText, MaybeNumber, Number, Text};

pub(super) const VERSIONS_LAYOUT: Layout =
    Layout { table: VERSIONS, key: 2, columns: &[("package", Text(NAME_WIDTH)), ("version_num", Text(VERSION_WIDTH))] };

pub(super) const HISTORY_LAYOUT: Layout = Layout {
    table: HISTORY,
    key: 1,
    columns: &[
        ("id", Number),
        ("package", Text(NAME_WIDTH)),
        ("kind", Text(16)),
        ("step", Text(NAME_WIDTH)),
        ("heads_before", LongText),
        ("heads_after", LongText),
        ("outcome", Text(16)),
        ("error", LongText),
        ("actor", Text(255)),
        ("host", Text(255)),
        ("started", Text(32)),
        ("duration_ms", Number),
        ("component_digest", LongText),
        ("plan_digest", LongText),
        ("schema_digest", LongText),
        ("fuel", MaybeNumber),
        ("operations", Number),
        ("rows", Number),
        ("statements", Number),
        ("seed", LongText),
        ("runner_version", Text(32)),
        ("prev_hash", Text(64)),
        ("hash", Text(64)),
    ],
};

pub(super) const OBJECTS_LAYOUT: Layout = Layout {
    table: OBJECTS,
    key: 2,
    columns: &[
        ("kind", Text(16)),
        // A table's or enumeration's name, or `package:step -> package:revision` of a dependency.
        ("name", Text(512)),
        ("package", Text(NAME_WIDTH)),
        ("step", Text(NAME_WIDTH)),
        ("on_package", Text(NAME_WIDTH)),
        ("on_revision", Text(VERSION_WIDTH)),
        // Of a layout: its version.
        ("history_id", Number),
    ],
};

pub(super) const JOURNAL_LAYOUT: Layout = Layout {
    table: JOURNAL,
    key: 1,
    columns: &[
        // Always 1: there is one step under way at most.
        ("id", Number),
        ("package", Text(NAME_WIDTH)),
        ("kind", Text(16)),
        ("step", Text(NAME_WIDTH)),
        ("plan_digest", Text(128)),
        // All of them; how the tables that they change and their counters were before; what is recorded in the end: JSON.
        ("statements", LongText),
        ("earlier", LongText),
        ("counters", LongText),
        ("records", LongText),
        // Of a step that asked for rows: what its guest needs to do again what it did; and what it was answered, one line each: JSON.
        ("conversation", LongText),
        ("answers", LongText),
        ("position", Number),
        ("state", Text(16)),
        ("error", LongText),
        ("started", Text(32)),
        ("holder", Text(255)),
    ],
};

impl Layout {
    pub(super) fn create(&self, dialect: Dialect) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, shape)| {
                let name = column(dialect, name);
                match shape {
                    Text(width) => format!("{name} VARCHAR({width}) NOT NULL"),
                    LongText => format!("{name} {}", bookkeeping::long_text(dialect)),
                    Number => format!("{name} BIGINT NOT NULL"),
                    MaybeNumber => format!("{name} BIGINT"),
                }
            })
            .collect();
        let key: Vec<String> = self.columns.iter().take(self.key).map(|(name, _)| column(dialect, name)).collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({})){}",
            column(dialect, self.table),
            columns.join(", "),
            key.join(", "),
            bookkeeping::table_options(dialect)
        )
    }

    /// Whether values, in the order of the columns, fit.
    pub(super) fn check(&self, values: &[Value]) -> Result<(), StoreError> {
        for ((name, shape), value) in self.columns.iter().zip(values) {
            if let (Text(limit), Value::Text(text)) = (shape, value)
                && text.chars().count() > *limit as usize
            {
                let what = format!("{name} {:?}", text.chars().take(40).collect::<String>());
                return Err(StoreError::TooLong { what, limit: *limit });
            }
        }
        Ok(())
    }

    /// One row; `values` in the order of the columns.
    pub(super) fn insert(&self, dialect: Dialect, values: &[Value]) -> Result<String, StoreError> {
        self.check(values)?;
        let values: Vec<String> = values.iter().map(|value| literal(dialect, value, None)).collect();
        Ok(format!(
            "INSERT INTO {} ({}) VALUES ({})",
            column(dialect, self.table),
            self.names(dialect),
            values.join(", ")
        ))
    }

    /// All columns of the rows that `rest` (`WHERE …`, `ORDER BY …`) leaves.
    pub(super) fn select(&self, dialect: Dialect, rest: &str) -> String {
        format!("SELECT {} FROM {} {rest}", self.names(dialect), column(dialect, self.table))
    }

    fn names(&self, dialect: Dialect) -> String {
        self.columns.iter().map(|(name, _)| column(dialect, name)).collect::<Vec<_>>().join(", ")
    }
}

/// One of the runner's own names, quoted: some of them are reserved words somewhere.
pub(super) fn column(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Ident::internal(name))
}

/// `"column" = 'text'`
pub(super) fn equals(dialect: Dialect, name: &str, text: &str) -> String {
    format!("{} = {}", column(dialect, name), literal(dialect, &words(text), None))
}

/// Text as a value; U+0000, which PostgreSQL cannot hold, goes.
pub(super) fn words(text: &str) -> Value {
    Value::Text(text.replace('\0', ""))
}

/// A count as a value.
pub(super) fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A version table that somebody else made and that is narrower than [`ensure_tables`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignVersionTable {
    /// Whether its key is the package alone.
    pub(super) one_row_per_package: bool,
    /// The key's name, if it has a key.
    pub(super) key: Option<String>,
    /// The widths of its columns where they are bounded.
    pub(super) package_width: Option<u32>,
    pub(super) version_width: Option<u32>,
}

impl ForeignVersionTable {
    /// Asks what it is like.
    pub(super) fn query(dialect: Dialect) -> String {
        bookkeeping::version_columns(dialect, VERSIONS)
    }

    /// Reads the answer. None: it is as wide as ours.
    pub(super) fn read(rows: Vec<TextRow>) -> Result<Option<Self>, StoreError> {
        let (mut key_columns, mut key) = (Vec::new(), None);
        let (mut package_width, mut version_width) = (None, None);
        for row in rows {
            let [Some(name), place, width, constraint] = row.as_slice() else {
                return Err(StoreError::Damaged(format!("the columns of {VERSIONS} cannot be read")));
            };
            let width = width.as_ref().and_then(|width| width.parse().ok());
            match name.as_str() {
                "package" => package_width = Some(width),
                "version_num" => version_width = Some(width),
                _ => {}
            }
            if place.is_some() {
                key_columns.push(name.clone());
            }
            key = key.or_else(|| constraint.clone());
        }
        let (Some(package_width), Some(version_width)) = (package_width, version_width) else {
            return Err(StoreError::Damaged(format!("{VERSIONS} lacks the columns package and version_num")));
        };
        let narrow = |width: Option<u32>, full: u32| width.is_some_and(|width| width < full);
        let one_row_per_package = key_columns == ["package"];
        let is_full =
            !one_row_per_package && !narrow(package_width, NAME_WIDTH) && !narrow(version_width, VERSION_WIDTH);
        Ok((!is_full).then_some(Self { one_row_per_package, key, package_width, version_width }))
    }

    /// Whether a package's heads after a change do not fit.
    pub(super) fn is_too_narrow(&self, package: &str, heads: usize, added: &[String]) -> bool {
        let exceeds = |width: Option<u32>, text: &str| width.is_some_and(|width| text.chars().count() > width as usize);
        (self.one_row_per_package && heads > 1)
            || exceeds(self.package_width, package)
            || added.iter().any(|id| exceeds(self.version_width, id))
    }
}

/// Creates the tables that are missing, and widens a version table of the original Ptah if the coming change of
/// `package` needs it. Where schema changes commit implicitly (MariaDB) it must be called before the transaction
/// of the step; elsewhere inside it, so that a step that fails leaves no trace.
///
/// # Errors
/// What the database answers.
pub async fn ensure_tables(
    connection: &mut Connection,
    state: &State,
    package: &str,
    coming: &VersionChange,
) -> Result<(), StoreError> {
    for statement in missing_tables(connection.dialect(), state, package, coming)? {
        connection.execute(&statement).await?;
    }
    Ok(())
}

/// The statements of [`ensure_tables`]: mostly none.
///
/// # Errors
/// None that these constants can cause.
pub fn missing_tables(
    dialect: Dialect,
    state: &State,
    package: &str,
    coming: &VersionChange,
) -> Result<Vec<String>, StoreError> {
    let layouts = [&VERSIONS_LAYOUT, &HISTORY_LAYOUT, &OBJECTS_LAYOUT, &JOURNAL_LAYOUT];
    let missing = layouts.into_iter().filter(|layout| !state.present.contains(layout.table));
    let mut statements: Vec<String> = missing.map(|layout| layout.create(dialect)).collect();
    if !state.has_layout {
        let layout = [words("layout"), words(""), words(""), words(""), words(""), words(""), count(LAYOUT.into())];
        // The table may be there without it, as on MariaDB a run may have ended between the two; and this run may have
        // written it already, for a step that was then refused.
        statements.push(format!("DELETE FROM {OBJECTS} WHERE {}", equals(dialect, "kind", "layout")));
        statements.push(OBJECTS_LAYOUT.insert(dialect, &layout)?);
    }
    if let Some(table) = &state.foreign_versions {
        let before = state.versions.get(package).map_or(0, |heads| heads.len());
        let heads = (before + coming.add.len()).saturating_sub(coming.remove.len());
        if table.is_too_narrow(package, heads, &coming.add) {
            let create = VERSIONS_LAYOUT.create(dialect);
            let columns = [("package", NAME_WIDTH), ("version_num", VERSION_WIDTH)];
            let widen = bookkeeping::widen_versions(dialect, VERSIONS, columns, table.key.as_deref(), &create);
            statements.extend(widen);
        }
    }
    Ok(statements)
}
