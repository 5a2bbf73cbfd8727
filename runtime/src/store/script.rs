//! The bookkeeping of an offline script, as statements: no history, which only a run can chain.

use super::layout::{
    HISTORY_LAYOUT, JOURNAL_LAYOUT, LAYOUT, OBJECTS, OBJECTS_LAYOUT, VERSIONS, VERSIONS_LAYOUT, column, count, equals,
    words,
};
use super::record::{dependency_values, owner_statements};
use super::{OwnerChange, StoreError, VersionChange};
use crate::dialect::Dialect;
use crate::revision::Dependency;

/// The statements that make the bookkeeping tables where they are missing.
///
/// # Errors
/// None that these constants can cause.
pub fn script_tables(dialect: Dialect) -> Result<Vec<String>, StoreError> {
    let layouts = [&VERSIONS_LAYOUT, &HISTORY_LAYOUT, &OBJECTS_LAYOUT, &JOURNAL_LAYOUT];
    let mut statements: Vec<String> = layouts.iter().map(|layout| layout.create(dialect)).collect();
    let layout = [words("layout"), words(""), words(""), words(""), words(""), words(""), count(LAYOUT.into())];
    let table = column(dialect, OBJECTS);
    statements.push(format!("DELETE FROM {table} WHERE {}", equals(dialect, "kind", "layout")));
    statements.push(OBJECTS_LAYOUT.insert(dialect, &layout)?);
    Ok(statements)
}

/// The statements that record what one step does to a package's version rows, to who owns which table and to what is
/// relied on (by which step of the package).
///
/// # Errors
/// A name that is longer than the tables take.
pub fn script_step(
    dialect: Dialect,
    package: &str,
    versions: &VersionChange,
    tables: &[OwnerChange],
    relies_on: &[(String, Dependency)],
) -> Result<Vec<String>, StoreError> {
    let of_package = equals(dialect, "package", package);
    let mut statements = Vec::new();
    for head in &versions.remove {
        let this = equals(dialect, "version_num", head);
        statements.push(format!("DELETE FROM {} WHERE {of_package} AND {this}", column(dialect, VERSIONS)));
    }
    for head in &versions.add {
        statements.push(VERSIONS_LAYOUT.insert(dialect, &[words(package), words(head)])?);
    }
    for change in tables {
        statements.extend(owner_statements(dialect, package, 0, change)?);
    }
    for (step, on) in relies_on {
        statements.push(OBJECTS_LAYOUT.insert(dialect, &dependency_values(package, step, on, 0))?);
    }
    Ok(statements)
}
