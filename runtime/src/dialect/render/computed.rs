//! What each dialect lacks of computed columns: refused here, while the step is planned, with the reason.

use std::collections::BTreeSet;

use super::shape::worked_out;
use crate::dialect::Dialect;
use crate::operation::{ComputedStorage, Expr, ForeignKey, Function, Ident, ReferentialAction};
use crate::schema::Table;

/// What is wrong with the computed columns of a table.
pub(super) fn problems(dialect: Dialect, table: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    for column in &table.columns {
        let Some(computed) = &column.computed else { continue };
        let (name, expression, storage) = (&column.name, &computed.expression, computed.storage);
        problems.extend(changed_by(table, name));
        let keyed = table.primary_key.as_ref().is_some_and(|key| key.columns.contains(name));
        match dialect {
            Dialect::Sqlite if keyed => {
                problems.push(format!("SQLite has no primary key over a computed column such as {name}"));
            }
            Dialect::Sqlite => {}
            Dialect::Postgres => problems.extend(postgres(table, name, expression, storage)),
            Dialect::Mariadb => {
                if keyed {
                    problems.push(format!("MariaDB has no primary key over a computed column such as {name}"));
                }
                if !column.nullable {
                    problems.push(format!("MariaDB has no NOT NULL for a computed column such as {name}; add a check"));
                }
                problems.extend(mariadb(table, name, expression, storage));
            }
        }
    }
    problems
}

/// A foreign key that would give a computed column a value, which no database does.
fn changed_by(table: &Table, name: &Ident) -> Option<String> {
    let key = table.foreign_keys.iter().find(|key| key.columns.contains(name) && changes(key))?;
    let shown = key.name.as_ref().map_or("without a name", Ident::as_str);
    Some(format!("the foreign key {shown} would change the computed column {name} by its action"))
}

fn changes(key: &ForeignKey) -> bool {
    use ReferentialAction::{Cascade, SetNull};
    matches!(key.on_update, Cascade | SetNull) || key.on_delete == SetNull
}

fn postgres(table: &Table, name: &Ident, expression: &Expr, storage: ComputedStorage) -> Vec<String> {
    let mut problems = Vec::new();
    if storage == ComputedStorage::Virtual {
        problems.push(format!("PostgreSQL has no virtual columns before version 18; make {name} a stored one"));
    }
    let is_computed = |column: &&&Ident| table.column(column).is_some_and(|column| column.computed.is_some());
    if let Some(other) = expression.columns().iter().find(is_computed) {
        problems.push(format!("PostgreSQL computes no column such as {name} from another computed one, {other}"));
    }
    if compares_constants(expression) {
        problems.push(format!(
            "PostgreSQL does not work out texts without columns in what {name} is computed from; write the result"
        ));
    }
    problems
}

/// Whether something in it is worked out at once and asks for a collation: PostgreSQL does that before it has
/// given one to a computed column's expression, and says that it could not determine which to use.
fn compares_constants(expression: &Expr) -> bool {
    let own = match expression {
        Expr::Call(Function::Lower | Function::Upper | Function::Replace | Function::NullIf, operands) => {
            operands.iter().all(is_constant)
        }
        Expr::Binary(left, operator, right) if operator.is_comparison() => is_constant(left) && is_constant(right),
        Expr::Like { operand, pattern, .. } => is_constant(operand) && is_constant(pattern),
        Expr::Between { operand, low, high, .. } => is_constant(operand) && (is_constant(low) || is_constant(high)),
        Expr::In { operand, items, .. } => is_constant(operand) && items.iter().any(is_constant),
        _ => false,
    };
    own || expression.children().into_iter().any(compares_constants)
}

/// Whether it is worked out at once: `coalesce` goes by its first argument.
fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Call(Function::Coalesce, arguments) => arguments.first().is_none_or(is_constant),
        Expr::Column(_) => false,
        other => other.children().into_iter().all(is_constant),
    }
}

fn mariadb(table: &Table, name: &Ident, expression: &Expr, storage: ComputedStorage) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(other) = worked_out(table, expression) {
        problems.push(format!(
            "MariaDB does not keep what the big-integer column {other} is compared with in the computed column {name} as \
             it is written; write that as an integer"
        ));
    }
    for source in sources(table, expression) {
        if table.column(source).is_some_and(|column| column.auto_increment) {
            problems.push(format!("MariaDB computes no column such as {name} from the auto-increment column {source}"));
        }
        let changed = table.foreign_keys.iter().any(|key| key.columns.contains(source) && changes(key));
        if changed && storage == ComputedStorage::Stored {
            problems.push(format!(
                "MariaDB computes no stored column such as {name} from {source}, which a foreign key changes by its \
                 action; make it a virtual one"
            ));
        }
    }
    problems
}

/// The columns that an expression uses, through computed ones too.
pub(super) fn sources<'a>(table: &'a Table, expression: &'a Expr) -> BTreeSet<&'a Ident> {
    let mut found = BTreeSet::new();
    let mut open = vec![expression];
    while let Some(expression) = open.pop() {
        for name in expression.columns() {
            if found.insert(name) {
                let column = table.column(name).and_then(|column| column.computed.as_ref());
                open.extend(column.map(|computed| &computed.expression));
            }
        }
    }
    found
}
