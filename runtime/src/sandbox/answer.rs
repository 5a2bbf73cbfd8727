//! The schema model → what `inspect` tells a guest.

use super::bindings::ptah::migration::{inspect, types};
use crate::dialect::{self, Dialect};
use crate::operation::{ColumnDefault, ColumnType, Ident, Index, IndexOrder, Key, ReferentialAction, Value};
use crate::schema::{CheckCondition, Column, ModelDefault, ModelType, Table};

pub(super) fn dialect(dialect: Dialect) -> types::Dialect {
    // Not a decision by dialect, only its name in the contract.
    match dialect {
        Dialect::Sqlite => types::Dialect::Sqlite,
        Dialect::Postgres => types::Dialect::Postgres,
        Dialect::Mariadb => types::Dialect::Mariadb,
    }
}

pub(super) fn columns(target: Dialect, table: &Table) -> Vec<inspect::ColumnInfo> {
    table.columns.iter().map(|found| column(target, found)).collect()
}

fn column(target: Dialect, column: &Column) -> inspect::ColumnInfo {
    let (portable, native_type) = match &column.column_type {
        ModelType::Portable(portable) => (Some(column_type(*portable)), dialect::type_name(target, *portable)),
        ModelType::Opaque(native) => (None, native.clone()),
    };
    inspect::ColumnInfo {
        name: column.name.to_string(),
        column_type: portable,
        native_type,
        nullable: column.nullable,
        default: column.default.as_ref().map(default),
        auto_increment: column.auto_increment,
        comment: column.comment.clone(),
    }
}

fn default(default: &ModelDefault) -> types::DefaultValue {
    match default {
        ModelDefault::Portable(ColumnDefault::Value(constant)) => types::DefaultValue::Value(value(constant)),
        ModelDefault::Portable(ColumnDefault::Expression(expr)) => {
            types::DefaultValue::Expression(portable(dialect::render_portable(expr)))
        }
        ModelDefault::Opaque(text) => types::DefaultValue::Expression(native(text)),
    }
}

fn portable(text: String) -> types::SqlText {
    types::SqlText { text, syntax: types::SqlSyntax::Portable }
}

fn native(text: &str) -> types::SqlText {
    types::SqlText { text: text.to_owned(), syntax: types::SqlSyntax::Target }
}

pub(super) fn constraints(table: &Table) -> Vec<types::Constraint> {
    let primary_key = table.primary_key.iter().map(|Key { name, columns }| {
        types::Constraint::PrimaryKey(types::PrimaryKey { name: text(name.as_ref()), columns: texts(columns) })
    });
    let uniques = table.uniques.iter().map(|Key { name, columns }| {
        types::Constraint::Unique(types::UniqueConstraint { name: text(name.as_ref()), columns: texts(columns) })
    });
    let foreign_keys = table.foreign_keys.iter().map(|key| {
        types::Constraint::ForeignKey(types::ForeignKey {
            name: text(key.name.as_ref()),
            columns: texts(&key.columns),
            referred_table: key.referred_table.to_string(),
            referred_columns: texts(&key.referred_columns),
            on_update: referential_action(key.on_update),
            on_delete: referential_action(key.on_delete),
        })
    });
    let checks = table.checks.iter().map(|check| {
        types::Constraint::Check(types::Check {
            name: text(check.name.as_ref()),
            condition: match &check.condition {
                CheckCondition::Portable(expr) => portable(dialect::render_portable(expr)),
                CheckCondition::Opaque(condition) => native(condition),
            },
        })
    });
    primary_key.chain(uniques).chain(foreign_keys).chain(checks).collect()
}

pub(super) fn indexes(table: &Table) -> Vec<types::Index> {
    table.indexes.iter().map(index).collect()
}

fn index(index: &Index) -> types::Index {
    let columns = index.columns.iter().map(|column| types::IndexColumn {
        name: column.name.to_string(),
        order: match column.order {
            IndexOrder::Ascending => types::IndexOrder::Ascending,
            IndexOrder::Descending => types::IndexOrder::Descending,
        },
    });
    types::Index { name: index.name.to_string(), columns: columns.collect(), unique: index.unique }
}

fn text(name: Option<&Ident>) -> Option<String> {
    name.map(ToString::to_string)
}

fn texts(names: &[Ident]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn value(value: &Value) -> types::Value {
    match value {
        Value::Null => types::Value::Null,
        Value::Boolean(truth) => types::Value::Boolean(*truth),
        Value::Integer(number) => types::Value::Integer(*number),
        Value::Double(number) => types::Value::Double(number.get()),
        Value::Numeric(text) => types::Value::Numeric(text.clone()),
        Value::Text(text) => types::Value::Text(text.clone()),
        Value::Binary(bytes) => types::Value::Binary(bytes.clone()),
        Value::Date(text) => types::Value::Date(text.clone()),
        Value::Time(text) => types::Value::Time(text.clone()),
        Value::Timestamp(text) => types::Value::Timestamp(text.clone()),
        // The canonical form is UTC without a suffix; the contract's is RFC 3339.
        Value::TimestampWithZone(text) => types::Value::TimestampWithZone(format!("{}Z", text.replace(' ', "T"))),
        Value::Uuid(text) => types::Value::Uuid(text.clone()),
        Value::Json(text) => types::Value::Json(text.clone()),
    }
}

fn column_type(column_type: ColumnType) -> types::ColumnType {
    match column_type {
        ColumnType::Boolean => types::ColumnType::Boolean,
        ColumnType::SmallInteger => types::ColumnType::SmallInteger,
        ColumnType::Integer => types::ColumnType::Integer,
        ColumnType::BigInteger => types::ColumnType::BigInteger,
        ColumnType::Numeric { precision, scale } => types::ColumnType::Numeric(types::NumericType { precision, scale }),
        ColumnType::Double => types::ColumnType::Double,
        ColumnType::Varchar(length) => types::ColumnType::Varchar(length),
        ColumnType::Text => types::ColumnType::Text,
        ColumnType::Binary => types::ColumnType::Binary,
        ColumnType::Date => types::ColumnType::Date,
        ColumnType::Time => types::ColumnType::Time,
        ColumnType::Timestamp => types::ColumnType::Timestamp,
        ColumnType::TimestampWithZone => types::ColumnType::TimestampWithZone,
        ColumnType::Uuid => types::ColumnType::Uuid,
        ColumnType::Json => types::ColumnType::Json,
    }
}

fn referential_action(action: ReferentialAction) -> types::ReferentialAction {
    match action {
        ReferentialAction::NoAction => types::ReferentialAction::NoAction,
        ReferentialAction::Restrict => types::ReferentialAction::Restrict,
        ReferentialAction::Cascade => types::ReferentialAction::Cascade,
        ReferentialAction::SetNull => types::ReferentialAction::SetNull,
    }
}
