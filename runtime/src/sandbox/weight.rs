//! How many bytes a host call carries, either way: what texts and bytes hold, and a fixed price for
//! every item of a list, so that a million empty items are not free.

use super::bindings::ptah::migration::{inspect, schema, types};

/// The price of an item or record besides its texts.
const ITEM: usize = 16;

/// The bytes that a value of the contract carries.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

impl Weight for str {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weight for String {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl<T: Weight> Weight for [T] {
    fn weight(&self) -> usize {
        self.iter().fold(0, |sum, item| sum.saturating_add(ITEM).saturating_add(item.weight()))
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        self.as_slice().weight()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weight::weight)
    }
}

impl Weight for types::Value {
    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Double(_) => 0,
            Self::Binary(bytes) => bytes.len(),
            Self::Numeric(text)
            | Self::Text(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::TimestampWithZone(text)
            | Self::Uuid(text)
            | Self::Json(text) => text.len(),
        }
    }
}

impl Weight for types::SqlText {
    fn weight(&self) -> usize {
        self.text.len()
    }
}

impl Weight for types::DefaultValue {
    fn weight(&self) -> usize {
        match self {
            Self::Value(value) => value.weight(),
            Self::Expression(text) => text.weight(),
        }
    }
}

impl Weight for types::Comment {
    fn weight(&self) -> usize {
        self.text.len()
    }
}

impl Weight for types::Column {
    fn weight(&self) -> usize {
        self.name.len()
            + self.column_type.weight()
            + self.default.weight()
            + self.computed.weight()
            + self.comment.weight()
    }
}

impl Weight for types::ColumnType {
    fn weight(&self) -> usize {
        if let Self::Enumeration(of) = self { of.weight() } else { 0 }
    }
}

impl Weight for types::EnumType {
    fn weight(&self) -> usize {
        self.name.weight() + self.labels.weight()
    }
}

impl Weight for types::Computed {
    fn weight(&self) -> usize {
        self.expression.weight()
    }
}

impl Weight for types::Constraint {
    fn weight(&self) -> usize {
        match self {
            Self::PrimaryKey(key) => key.name.weight() + key.columns.weight(),
            Self::Unique(key) => key.name.weight() + key.columns.weight(),
            Self::ForeignKey(key) => {
                key.name.weight() + key.columns.weight() + key.referred_table.len() + key.referred_columns.weight()
            }
            Self::Check(check) => check.name.weight() + check.condition.weight(),
        }
    }
}

impl Weight for types::ConstraintSelector {
    fn weight(&self) -> usize {
        match self {
            Self::Name(name) => name.len(),
            Self::PrimaryKey => 0,
            Self::Unique(columns) | Self::ForeignKey(columns) | Self::Check(columns) => columns.weight(),
        }
    }
}

impl Weight for types::IndexPart {
    fn weight(&self) -> usize {
        match &self.key {
            types::IndexKey::Column(name) => name.len(),
            types::IndexKey::Expression(text) => text.weight(),
        }
    }
}

impl Weight for types::Index {
    fn weight(&self) -> usize {
        self.name.len() + self.parts.weight() + self.predicate.weight()
    }
}

impl Weight for types::Table {
    fn weight(&self) -> usize {
        self.name.len() + self.columns.weight() + self.constraints.weight() + self.comment.weight()
    }
}

impl Weight for schema::LabelPlace {
    fn weight(&self) -> usize {
        match self {
            Self::End => 0,
            Self::Before(label) | Self::After(label) => label.len(),
        }
    }
}

impl Weight for schema::ColumnChanges {
    fn weight(&self) -> usize {
        let default = match &self.default {
            schema::DefaultChange::Set(default) => default.weight(),
            schema::DefaultChange::Keep | schema::DefaultChange::Clear => 0,
        };
        let comment = match &self.comment {
            schema::CommentChange::Set(comment) => comment.weight(),
            schema::CommentChange::Keep | schema::CommentChange::Clear => 0,
        };
        self.column_type.weight() + default + comment
    }
}

impl Weight for inspect::ColumnInfo {
    fn weight(&self) -> usize {
        self.name.len()
            + self.native_type.len()
            + self.default.weight()
            + self.computed.weight()
            + self.comment.weight()
    }
}
