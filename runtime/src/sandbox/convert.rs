//! What a guest hands over → operations. Names become an [`Ident`], texts closed expressions, and values
//! are checked, here and nowhere further down.

use std::sync::Arc;

use super::bindings::ptah::migration::{schema, types};
use super::error::CallError;
use crate::operation::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Computed, ComputedStorage,
    Constraint, ConstraintSelector, DdlStatement, Demand, Dml, EnumType, Expr, ForeignKey, Grammar, Ident, IdentKind,
    Index, IndexKey, IndexOrder, IndexPart, Key, Label, LabelPlace, LargeSize, ParseLimits, Position, Query,
    ReferentialAction, TableSpec, Value, parse_ddl, parse_dml, parse_expr, parse_query,
};
use crate::plan::Planner;

/// What a conversion depends on.
pub(super) struct Converter {
    limits: ParseLimits,
    comment_bytes: usize,
    target: Grammar,
}

impl Converter {
    pub(super) fn new(planner: &Planner) -> Self {
        Self {
            limits: planner.parse_limits(),
            comment_bytes: planner.limits().comment_bytes,
            target: planner.dialect().grammar(),
        }
    }

    /// The name of a table or column.
    pub(super) fn object(&self, name: &str) -> Result<Ident, CallError> {
        Ok(Ident::parse(IdentKind::Object, self.limits.ident, name)?)
    }

    /// The names of columns.
    pub(super) fn objects(&self, names: &[String]) -> Result<Vec<Ident>, CallError> {
        names.iter().map(|name| self.object(name)).collect()
    }

    /// The name of a constraint or index.
    pub(super) fn constraint_name(&self, name: &str) -> Result<Ident, CallError> {
        Ok(Ident::parse(IdentKind::Constraint, self.limits.ident, name)?)
    }

    fn optional_name(&self, name: Option<&String>) -> Result<Option<Ident>, CallError> {
        name.map(|name| self.constraint_name(name)).transpose()
    }

    fn grammar(&self, syntax: types::SqlSyntax) -> Grammar {
        match syntax {
            types::SqlSyntax::Portable => Grammar::Portable,
            types::SqlSyntax::Target => self.target,
        }
    }

    fn expression(&self, position: Position, text: &types::SqlText) -> Result<Expr, CallError> {
        Ok(parse_expr(self.grammar(text.syntax), position, &self.limits, &text.text)?)
    }

    /// A statement with its parameters bound.
    pub(super) fn statement(&self, text: &types::SqlText, parameters: &[Value]) -> Result<Dml, CallError> {
        Ok(parse_dml(self.grammar(text.syntax), &self.limits, &text.text, parameters)?)
    }

    /// The parts of a DDL statement.
    pub(super) fn ddl(&self, text: &types::SqlText) -> Result<DdlStatement, CallError> {
        Ok(parse_ddl(self.grammar(text.syntax), &self.limits, &text.text)?)
    }

    /// A query with its parameters bound.
    pub(super) fn query(&self, text: &types::SqlText, parameters: &[Value]) -> Result<Query, CallError> {
        Ok(parse_query(self.grammar(text.syntax), &self.limits, &text.text, parameters)?)
    }

    fn default(&self, default: types::DefaultValue) -> Result<ColumnDefault, CallError> {
        Ok(match default {
            types::DefaultValue::Value(constant) => ColumnDefault::Value(value(constant)?),
            types::DefaultValue::Expression(text) => {
                ColumnDefault::Expression(self.expression(Position::Default, &text)?)
            }
        })
    }

    fn computed(&self, computed: &types::Computed) -> Result<Computed, CallError> {
        let storage = match computed.storage {
            types::ComputedStorage::Stored => ComputedStorage::Stored,
            types::ComputedStorage::Virtual => ComputedStorage::Virtual,
        };
        Ok(Computed { expression: self.expression(Position::Computed, &computed.expression)?, storage })
    }

    fn comment(&self, comment: types::Comment) -> Result<Comment, CallError> {
        if comment.text.len() > self.comment_bytes {
            let limit = self.comment_bytes;
            return Err(types::Error::Invalid(format!("a comment is longer than {limit} bytes")).into());
        }
        if comment.text.contains('\0') {
            return Err(types::Error::Invalid("a comment holds U+0000".into()).into());
        }
        Ok(Comment { text: comment.text, demand: demand(comment.demand) })
    }

    /// A table to make.
    pub(super) fn table(&self, table: types::Table) -> Result<TableSpec, CallError> {
        Ok(TableSpec {
            name: self.object(&table.name)?,
            columns: table.columns.into_iter().map(|column| self.column(column)).collect::<Result<_, _>>()?,
            constraints: table
                .constraints
                .into_iter()
                .map(|constraint| self.constraint(constraint))
                .collect::<Result<_, _>>()?,
            comment: table.comment.map(|comment| self.comment(comment)).transpose()?,
        })
    }

    fn column_type(&self, column_type: types::ColumnType) -> Result<ColumnType, CallError> {
        plain_type(column_type).or_else(|of| {
            let name = of.name.map(|name| self.object(&name)).transpose()?;
            Ok(ColumnType::Enumeration(Arc::new(EnumType { name, labels: labels(&of.labels)? })))
        })
    }

    /// A column to make.
    pub(super) fn column(&self, column: types::Column) -> Result<ColumnSpec, CallError> {
        Ok(ColumnSpec {
            name: self.object(&column.name)?,
            column_type: self.column_type(column.column_type)?,
            nullable: column.nullable,
            default: column.default.map(|default| self.default(default)).transpose()?,
            auto_increment: column.auto_increment,
            numbered_once: column.numbered_once,
            computed: column.computed.map(|computed| self.computed(&computed)).transpose()?,
            comment: column.comment.map(|comment| self.comment(comment)).transpose()?,
        })
    }

    /// A constraint to make.
    pub(super) fn constraint(&self, constraint: types::Constraint) -> Result<Constraint, CallError> {
        Ok(match constraint {
            types::Constraint::PrimaryKey(key) => Constraint::PrimaryKey(Key {
                name: self.optional_name(key.name.as_ref())?,
                columns: self.objects(&key.columns)?,
            }),
            types::Constraint::Unique(key) => Constraint::Unique(Key {
                name: self.optional_name(key.name.as_ref())?,
                columns: self.objects(&key.columns)?,
            }),
            types::Constraint::ForeignKey(key) => Constraint::ForeignKey(ForeignKey {
                name: self.optional_name(key.name.as_ref())?,
                columns: self.objects(&key.columns)?,
                referred_table: self.object(&key.referred_table)?,
                referred_columns: self.objects(&key.referred_columns)?,
                on_update: referential_action(key.on_update),
                on_delete: referential_action(key.on_delete),
            }),
            types::Constraint::Check(check) => Constraint::Check(CheckSpec {
                name: self.optional_name(check.name.as_ref())?,
                condition: self.expression(Position::Check, &check.condition)?,
            }),
        })
    }

    /// Which constraint is meant.
    pub(super) fn selector(&self, which: &types::ConstraintSelector) -> Result<ConstraintSelector, CallError> {
        Ok(match which {
            types::ConstraintSelector::Name(name) => ConstraintSelector::Name(self.constraint_name(name)?),
            types::ConstraintSelector::PrimaryKey => ConstraintSelector::PrimaryKey,
            types::ConstraintSelector::Unique(columns) => ConstraintSelector::Unique(self.objects(columns)?),
            types::ConstraintSelector::ForeignKey(columns) => ConstraintSelector::ForeignKey(self.objects(columns)?),
            types::ConstraintSelector::Check(columns) => ConstraintSelector::Check(self.objects(columns)?),
        })
    }

    /// An index to make.
    pub(super) fn index(&self, index: &types::Index) -> Result<Index, CallError> {
        let part = |part: &types::IndexPart| {
            let key = match &part.key {
                types::IndexKey::Column(name) => IndexKey::Column(self.object(name)?),
                types::IndexKey::Expression(text) => IndexKey::Expression(self.expression(Position::Index, text)?),
            };
            let order = match part.order {
                types::IndexOrder::Ascending => IndexOrder::Ascending,
                types::IndexOrder::Descending => IndexOrder::Descending,
            };
            Ok::<_, CallError>(IndexPart { key, order })
        };
        let predicate = index.predicate.as_ref().map(|text| self.expression(Position::Predicate, text));
        Ok(Index {
            name: self.constraint_name(&index.name)?,
            parts: index.parts.iter().map(part).collect::<Result<_, _>>()?,
            unique: index.unique,
            predicate: predicate.transpose()?,
        })
    }

    /// The aspects of a column to change.
    pub(super) fn changes(&self, changes: schema::ColumnChanges) -> Result<ColumnChanges, CallError> {
        Ok(ColumnChanges {
            column_type: changes.column_type.map(|column_type| self.column_type(column_type)).transpose()?,
            nullable: changes.nullable,
            default: match changes.default {
                schema::DefaultChange::Keep => Change::Keep,
                schema::DefaultChange::Set(default) => Change::Set(self.default(default)?),
                schema::DefaultChange::Clear => Change::Clear,
            },
            comment: match changes.comment {
                schema::CommentChange::Keep => Change::Keep,
                schema::CommentChange::Set(comment) => Change::Set(self.comment(comment)?),
                schema::CommentChange::Clear => Change::Clear,
            },
        })
    }
}

/// A typed value in canonical form.
pub(super) fn value(value: types::Value) -> Result<Value, CallError> {
    Ok(match value {
        types::Value::Null => Value::Null,
        types::Value::Boolean(truth) => Value::Boolean(truth),
        types::Value::Integer(number) => Value::Integer(number),
        types::Value::Double(number) => Value::double(number)?,
        types::Value::Numeric(text) => Value::numeric(&text)?,
        types::Value::Text(text) => Value::text(text)?,
        types::Value::Binary(bytes) => Value::Binary(bytes),
        types::Value::Date(text) => Value::date(&text)?,
        types::Value::Time(text) => Value::time(&text)?,
        types::Value::Timestamp(text) => Value::timestamp(&text)?,
        types::Value::TimestampWithZone(text) => Value::timestamp_with_zone(&text)?,
        types::Value::Uuid(text) => Value::uuid(&text)?,
        types::Value::Json(text) => Value::json(text)?,
    })
}

/// A label of an enumeration.
pub(super) fn label(text: &str) -> Result<Label, CallError> {
    Ok(Label::parse(text)?)
}

/// Labels in order.
pub(super) fn labels(texts: &[String]) -> Result<Vec<Label>, CallError> {
    texts.iter().map(|text| label(text)).collect()
}

/// Where a label goes.
pub(super) fn place(place: &schema::LabelPlace) -> Result<LabelPlace, CallError> {
    Ok(match place {
        schema::LabelPlace::End => LabelPlace::End,
        schema::LabelPlace::Before(other) => LabelPlace::Before(label(other)?),
        schema::LabelPlace::After(other) => LabelPlace::After(label(other)?),
    })
}

/// Values in order.
pub(super) fn values(row: Vec<types::Value>) -> Result<Vec<Value>, CallError> {
    row.into_iter().map(value).collect()
}

/// A type that is no enumeration; that its numbers are in bounds is the model's to check.
fn plain_type(column_type: types::ColumnType) -> Result<ColumnType, types::EnumType> {
    Ok(match column_type {
        types::ColumnType::Boolean => ColumnType::Boolean,
        types::ColumnType::SmallInteger => ColumnType::SmallInteger,
        types::ColumnType::Integer => ColumnType::Integer,
        types::ColumnType::BigInteger => ColumnType::BigInteger,
        types::ColumnType::Numeric(types::NumericType { precision, scale }) => ColumnType::Numeric { precision, scale },
        types::ColumnType::Float => ColumnType::Float,
        types::ColumnType::Double => ColumnType::Double,
        types::ColumnType::Varchar(length) => ColumnType::Varchar(length),
        types::ColumnType::Char(length) => ColumnType::Char(length),
        types::ColumnType::Text => ColumnType::Text,
        types::ColumnType::LargeText(size) => ColumnType::LargeText(large_size(size)),
        types::ColumnType::Binary => ColumnType::Binary,
        types::ColumnType::LargeBinary(size) => ColumnType::LargeBinary(large_size(size)),
        types::ColumnType::Date => ColumnType::Date,
        types::ColumnType::Time(digits) => ColumnType::Time(digits),
        types::ColumnType::Timestamp(digits) => ColumnType::Timestamp(digits),
        types::ColumnType::TimestampWithZone(digits) => ColumnType::TimestampWithZone(digits),
        types::ColumnType::Uuid => ColumnType::Uuid,
        types::ColumnType::Json => ColumnType::Json,
        types::ColumnType::JsonBinary => ColumnType::JsonBinary,
        types::ColumnType::Enumeration(of) => return Err(of),
    })
}

fn large_size(size: types::LargeSize) -> LargeSize {
    match size {
        types::LargeSize::Medium => LargeSize::Medium,
        types::LargeSize::Long => LargeSize::Long,
    }
}

fn referential_action(action: types::ReferentialAction) -> ReferentialAction {
    match action {
        types::ReferentialAction::NoAction => ReferentialAction::NoAction,
        types::ReferentialAction::Restrict => ReferentialAction::Restrict,
        types::ReferentialAction::Cascade => ReferentialAction::Cascade,
        types::ReferentialAction::SetNull => ReferentialAction::SetNull,
    }
}

/// Whether an option is demanded.
pub(super) fn demand(demand: types::Demand) -> Demand {
    match demand {
        types::Demand::Required => Demand::Required,
        types::Demand::IfSupported => Demand::IfSupported,
    }
}
