//! Shapes of a table that a server refuses, or quietly makes something else of: keys over types that
//! cannot be compared or are too long, checks over columns that the server itself changes, texts that it
//! does not keep. Refused here, while the step is planned, so that no such statement fails half way.

use super::{computed, row, type_name};
use crate::dialect::normal::has_whole_numbers;
use crate::dialect::{Dialect, Unsupported};
use crate::operation::{BinaryOperator, ColumnDefault, ColumnType, Expr, Ident, IndexPart, ReferentialAction, Value};
use crate::schema::{CheckCondition, Column, ModelDefault, ModelType, Table};

/// InnoDB's longest key, in bytes; utf8mb4 takes four a character. A longer index is cut to a prefix, a
/// longer unique constraint becomes a hash.
const MARIADB_KEY_BYTES: usize = 3_072;

/// Refuses what is wrong with a table after an operation and was not wrong before.
pub(super) fn check(dialect: Dialect, before: Option<&Table>, after: &Table) -> Result<(), Unsupported> {
    let known = before.map(|table| problems(dialect, table)).unwrap_or_default();
    match problems(dialect, after).into_iter().find(|problem| !known.contains(problem)) {
        Some(problem) => Err(Unsupported(problem)),
        None => Ok(()),
    }
}

fn problems(dialect: Dialect, table: &Table) -> Vec<String> {
    let mut problems = computed::problems(dialect, table);
    problems.extend(long_varchars(dialect, table));
    match dialect {
        Dialect::Sqlite => problems.extend(sqlite_strict(table)),
        Dialect::Postgres => {
            problems.extend(keys(table).filter_map(|key| postgres_key(table, &key)));
            problems.extend(postgres_documents(table));
        }
        Dialect::Mariadb => {
            problems.extend(keys(table).filter_map(|key| mariadb_key(table, &key)));
            problems.extend(mariadb_checks(table));
            problems.extend(mariadb_texts(table));
            problems.extend(mariadb_types(table));
            problems.extend(row::too_long(table));
        }
    }
    problems
}

/// A STRICT table of SQLite has few types.
fn sqlite_strict(table: &Table) -> Vec<String> {
    if !table.opaque.iter().any(|opaque| opaque.kind == "option" && opaque.name == "STRICT") {
        return Vec::new();
    }
    let portable = |column: &Column| match &column.column_type {
        ModelType::Portable(column_type) if !column.auto_increment => Some(type_name(Dialect::Sqlite, column_type)),
        _ => None,
    };
    let lacking = |name: &String| !["INTEGER", "TEXT", "BLOB"].contains(&name.as_str());
    let named = table.columns.iter().filter_map(|column| Some((&column.name, portable(column).filter(lacking)?)));
    named.map(|(column, name)| format!("SQLite's STRICT tables lack the type {name} of column {column}")).collect()
}

/// The columns of everything that is or has an index, those in expressions apart.
fn keys(table: &Table) -> impl Iterator<Item = Vec<&Ident>> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| key.columns.iter().collect());
    keys.chain(table.indexes.iter().map(|index| index.parts.iter().filter_map(IndexPart::name).collect()))
}

fn portable<'a>(table: &'a Table, column: &Ident) -> Option<&'a ColumnType> {
    table.column(column)?.portable_type()
}

fn postgres_key(table: &Table, key: &[&Ident]) -> Option<String> {
    let json = key.iter().find(|column| portable(table, column) == Some(&ColumnType::Json))?;
    Some(format!("PostgreSQL has no key or index over a json column such as {json}"))
}

fn mariadb_key(table: &Table, key: &[&Ident]) -> Option<String> {
    let mut bytes = 0_usize;
    for column in key {
        match portable(table, column) {
            Some(
                ColumnType::Text
                | ColumnType::LargeText(_)
                | ColumnType::Binary
                | ColumnType::LargeBinary(_)
                | ColumnType::Json
                | ColumnType::JsonBinary,
            ) => {
                return Some(format!(
                    "MariaDB has no key or index over the whole of a text, binary or json column such as {column}; a \
                     varchar has a bound"
                ));
            }
            Some(ColumnType::Varchar(_) | ColumnType::Char(_)) => {
                let length = match portable(table, column) {
                    Some(ColumnType::Varchar(Some(length)) | ColumnType::Char(length)) => *length,
                    _ => u32::MAX,
                };
                bytes = bytes.saturating_add(usize::try_from(length).unwrap_or(usize::MAX).saturating_mul(4));
            }
            Some(other) => bytes = bytes.saturating_add(row::fixed_bytes(other)),
            None => {}
        }
    }
    let columns = key.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(", ");
    (bytes > MARIADB_KEY_BYTES).then(|| {
        format!("a key or index over {columns} is too long for MariaDB: {MARIADB_KEY_BYTES} bytes, four a character")
    })
}

/// MariaDB takes no check over a column that it numbers or that a foreign key changes, or over one computed from it. Where a big-integer
/// column is compared with a constant of another type it works out the constant and keeps the result.
fn mariadb_checks(table: &Table) -> Vec<String> {
    let changes = |action| matches!(action, ReferentialAction::Cascade | ReferentialAction::SetNull);
    let mut problems = Vec::new();
    for check in &table.checks {
        let CheckCondition::Portable(condition) = &check.condition else { continue };
        if let Some(name) = worked_out(table, condition) {
            problems.push(format!(
                "MariaDB does not keep what the big-integer column {name} is compared with in a check as it is \
                 written; write that as an integer"
            ));
        }
        for name in computed::sources(table, condition) {
            if table.column(name).is_some_and(|column| column.auto_increment) {
                problems.push(format!("MariaDB takes no check over the auto-increment column {name}"));
            }
            let changing = table.foreign_keys.iter().any(|key| {
                key.columns.contains(name) && (changes(key.on_update) || key.on_delete == ReferentialAction::SetNull)
            });
            if changing {
                problems.push(format!(
                    "MariaDB takes no check over column {name}, which a foreign key changes by its action"
                ));
            }
        }
    }
    problems
}

/// The big-integer column, if there is one, that an expression compares with a constant which MariaDB works out.
pub(super) fn worked_out<'a>(table: &Table, expression: &'a Expr) -> Option<&'a Ident> {
    let big = |operand: &'a Expr| match operand {
        Expr::Column(name) => Some(name).filter(|name| portable(table, name) == Some(&ColumnType::BigInteger)),
        _ => None,
    };
    let own = match expression {
        Expr::Binary(left, operator, right) if operator.is_comparison() => {
            big(left).filter(|_| changes(right)).or_else(|| big(right).filter(|_| changes(left)))
        }
        Expr::Between { operand, low, high, .. } => big(operand).filter(|_| changes(low) || changes(high)),
        Expr::In { operand, items, .. } => big(operand).filter(|_| items.len() == 1 && items.iter().any(changes)),
        _ => None,
    };
    own.or_else(|| expression.children().into_iter().find_map(|child| worked_out(table, child)))
}

/// Whether a constant may be worked out to an integer that it is not written as.
fn changes(constant: &Expr) -> bool {
    fn mixed(expression: &Expr) -> bool {
        let own = matches!(
            expression,
            Expr::Value(Value::Numeric(_) | Value::Double(_)) | Expr::Binary(_, BinaryOperator::Divide, _)
        );
        own || expression.children().into_iter().any(mixed)
    }
    // What is written as one constant the normal form follows.
    !matches!(constant, Expr::Value(_)) && constant.columns().is_empty() && mixed(constant)
}

/// Texts that are longer than a varchar of the dialect may be.
fn long_varchars(dialect: Dialect, table: &Table) -> Vec<String> {
    let most = match dialect {
        Dialect::Sqlite => ColumnType::VARCHAR,
        Dialect::Postgres => 10_485_760,
        // Four bytes each in the 65,535 of a row.
        Dialect::Mariadb => 16_383,
    };
    let most_filled = if dialect == Dialect::Mariadb { 255 } else { most };
    let too_long = table.columns.iter().filter_map(|column| match column.portable_type() {
        Some(ColumnType::Varchar(Some(length))) if *length > most => Some(format!(
            "a varchar of {dialect} has at most {most} characters, and column {} is to have {length}; make it a text",
            column.name
        )),
        Some(ColumnType::Char(length)) if *length > most_filled => Some(format!(
            "a char of {dialect} has at most {most_filled} characters, and column {} is to have {length}; make it a varchar",
            column.name
        )),
        _ => None,
    });
    too_long.collect()
}

/// Documents that PostgreSQL keeps as it has read them, so that it would not say a number back as it was written.
fn postgres_documents(table: &Table) -> Vec<String> {
    let changed = |column: &&Column| {
        let document = match &column.default {
            Some(ModelDefault::Portable(ColumnDefault::Value(Value::Json(document)))) => document,
            _ => return false,
        };
        let parsed = serde_json::from_str(document);
        column.portable_type() == Some(&ColumnType::JsonBinary)
            && !parsed.is_ok_and(|parsed| has_whole_numbers(&parsed))
    };
    let changed = table.columns.iter().filter(changed);
    let problem = |column: &Column| {
        format!(
            "the default of a json-binary column has whole numbers of 64 bits only, and that of {} another one",
            column.name
        )
    };
    changed.map(problem).collect()
}

/// What MariaDB has no type for, or prints less of than it keeps: a float to six digits.
fn mariadb_types(table: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    for column in &table.columns {
        match (column.portable_type(), &column.default) {
            (Some(ColumnType::Varchar(None)), _) => problems.push(format!(
                "MariaDB has no varchar without a bound, as column {} is to be; give it one, or make it a text",
                column.name
            )),
            (Some(ColumnType::Float), Some(ModelDefault::Portable(ColumnDefault::Value(Value::Double(number)))))
                if !has_six_digits(number.get()) =>
            {
                problems.push(format!(
                    "MariaDB does not say back more than six digits of a float: the default of column {}",
                    column.name
                ));
            }
            _ => {}
        }
    }
    problems
}

/// Whether a number is the same after it was kept with 32 bits and printed to six digits.
#[expect(clippy::cast_possible_truncation, reason = "it is what the server does")]
fn has_six_digits(number: f64) -> bool {
    format!("{:.5e}", number as f32).parse() == Ok(number)
}

/// MariaDB answers its own catalog in three bytes a character: what is beyond U+FFFF comes back as `?`, and a
/// MODIFY would write that.
fn mariadb_texts(table: &Table) -> Vec<String> {
    let lost = |text: &str| text.chars().any(|found| found > '\u{ffff}');
    let mut problems = Vec::new();
    let mut refuse = |what: String| {
        problems.push(format!("MariaDB does not keep the characters beyond U+FFFF of {what}"));
    };
    if table.comment.as_deref().is_some_and(lost) {
        refuse("the table comment".to_owned());
    }
    for column in &table.columns {
        if column.comment.as_deref().is_some_and(lost) {
            refuse(format!("the comment of column {}", column.name));
        }
        let default = match &column.default {
            Some(ModelDefault::Portable(ColumnDefault::Value(value))) => text_of(value).is_some_and(lost),
            Some(ModelDefault::Portable(ColumnDefault::Expression(expression))) => any_text(expression, &lost),
            _ => false,
        };
        if default {
            refuse(format!("the default of column {}", column.name));
        }
        if column.computed.as_ref().is_some_and(|computed| any_text(&computed.expression, &lost)) {
            refuse(format!("what column {} is computed from", column.name));
        }
    }
    for check in &table.checks {
        if matches!(&check.condition, CheckCondition::Portable(condition) if any_text(condition, &lost)) {
            refuse(format!("check {}", check.name.as_ref().map(Ident::as_str).unwrap_or_default()));
        }
    }
    problems
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Json(text) => Some(text),
        _ => None,
    }
}

fn any_text(expression: &Expr, is: &dyn Fn(&str) -> bool) -> bool {
    let own = matches!(expression, Expr::Value(value) if text_of(value).is_some_and(is));
    own || expression.children().into_iter().any(|child| any_text(child, is))
}
