//! Enumerations that are types of their own, as PostgreSQL has them. Elsewhere one is part of its column, so that
//! there is nothing to make or drop, and no one place where a label could be added.

use super::schema_statement;
use crate::dialect::{Dialect, Statement, Unsupported, normal, quote, quoted};
use crate::operation::{Ident, Label, LabelPlace};

/// Labels with commas between.
pub(super) fn labels(labels: &[Label]) -> String {
    labels.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn text(label: &Label) -> String {
    quoted('\'', label.as_str())
}

/// `CREATE TYPE … AS ENUM`.
pub(super) fn create(dialect: Dialect, name: &Ident, labels: &[Label]) -> Result<Vec<Statement>, Unsupported> {
    if dialect != Dialect::Postgres {
        return Ok(Vec::new());
    }
    labels.iter().try_for_each(check)?;
    let labels = self::labels(labels);
    Ok(vec![schema_statement(format!("CREATE TYPE {} AS ENUM ({labels})", quote(dialect, name)))])
}

/// `DROP TYPE`. The model has refused it while a column is of the type.
pub(super) fn drop(dialect: Dialect, name: &Ident) -> Vec<Statement> {
    match dialect {
        Dialect::Postgres => vec![schema_statement(format!("DROP TYPE {}", quote(dialect, name)))],
        Dialect::Sqlite | Dialect::Mariadb => Vec::new(),
    }
}

/// `ALTER TYPE … RENAME TO`; columns follow.
pub(super) fn rename(dialect: Dialect, name: &Ident, new_name: &Ident) -> Vec<Statement> {
    let (name, new_name) = (quote(dialect, name), quote(dialect, new_name));
    match dialect {
        Dialect::Postgres => vec![schema_statement(format!("ALTER TYPE {name} RENAME TO {new_name}"))],
        Dialect::Sqlite | Dialect::Mariadb => Vec::new(),
    }
}

/// `ALTER TYPE … ADD VALUE`.
pub(super) fn add_value(
    dialect: Dialect,
    name: &Ident,
    label: &Label,
    place: &LabelPlace,
) -> Result<Vec<Statement>, Unsupported> {
    check(label)?;
    let place = match place {
        LabelPlace::End => String::new(),
        LabelPlace::Before(other) => format!(" BEFORE {}", text(other)),
        LabelPlace::After(other) => format!(" AFTER {}", text(other)),
    };
    alter(dialect, name, format!("ADD VALUE {}{place}", text(label)))
}

/// `ALTER TYPE … RENAME VALUE`.
pub(super) fn rename_value(
    dialect: Dialect,
    name: &Ident,
    label: &Label,
    new_label: &Label,
) -> Result<Vec<Statement>, Unsupported> {
    check(new_label)?;
    alter(dialect, name, format!("RENAME VALUE {} TO {}", text(label), text(new_label)))
}

fn alter(dialect: Dialect, name: &Ident, action: String) -> Result<Vec<Statement>, Unsupported> {
    match dialect {
        Dialect::Postgres => Ok(vec![schema_statement(format!("ALTER TYPE {} {action}", quote(dialect, name)))]),
        Dialect::Sqlite | Dialect::Mariadb => Err(Unsupported(format!(
            "an enumeration is part of its columns on {dialect}: give each column of {name} the new labels by altering it"
        ))),
    }
}

/// Refuses a label that the normal form of an expression would spell in another way.
fn check(label: &Label) -> Result<(), Unsupported> {
    match normal::moment(label.as_str()) {
        Some(spelt) if spelt != label.as_str() => {
            Err(Unsupported(format!("the label {label} looks like a time or a UUID that is spelt {spelt}")))
        }
        _ => Ok(()),
    }
}
