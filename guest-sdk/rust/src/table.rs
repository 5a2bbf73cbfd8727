//! Building tables, columns, indexes and constraints: methods on the contract's own records.

use crate::bindings::ptah::migration::schema::{ColumnChanges, CommentChange, DefaultChange};
use crate::bindings::ptah::migration::types::{
    Check, Column, ColumnType, Comment, Computed, ComputedStorage, Constraint, ConstraintSelector, DefaultValue,
    Demand, EnumType, ForeignKey, Index, IndexKey, IndexOrder, IndexPart, LargeSize, NumericType, PrimaryKey,
    ReferentialAction, SqlText, Table, UniqueConstraint,
};

/// Names in order: of columns, mostly.
pub(crate) fn names<I>(names: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    names.into_iter().map(Into::into).collect()
}

/// A method for each column type, on [`Table`] (adds the column) and on [`Column`] (makes one).
macro_rules! columns_of_type {
    ($($(#[$doc:meta])* $method:ident($($argument:ident: $of:ty),*) => $column_type:expr;)*) => {
        /// A column of each type; it may hold NULL until [`not_null`](Column::not_null) is said.
        impl Column {
            $($(#[$doc])* pub fn $method(name: impl Into<String> $(, $argument: $of)*) -> Column {
                Column::new(name, $column_type)
            })*
        }

        /// Adds a column of each type; it may hold NULL until [`not_null`](Column::not_null) is said.
        impl Table {
            $($(#[$doc])* pub fn $method(&mut self, name: impl Into<String> $(, $argument: $of)*) -> &mut Column {
                self.column(Column::new(name, $column_type))
            })*
        }
    };
}

columns_of_type! {
    /// True or false.
    boolean() => ColumnType::Boolean;
    /// A 16-bit signed integer.
    small_integer() => ColumnType::SmallInteger;
    /// A 32-bit signed integer.
    integer() => ColumnType::Integer;
    /// A 64-bit signed integer.
    big_integer() => ColumnType::BigInteger;
    /// An exact decimal: `precision` digits in all, `scale` of them after the point.
    numeric(precision: u8, scale: u8) => ColumnType::Numeric(NumericType { precision, scale });
    /// A 32-bit IEEE 754 number.
    float() => ColumnType::Float;
    /// A 64-bit IEEE 754 number.
    double() => ColumnType::Double;
    /// Text of at most so many characters (1 to 16,383).
    varchar(length: u32) => ColumnType::Varchar(Some(length));
    /// Text without a bound, declared as `VARCHAR`. MariaDB has none.
    unbounded_varchar() => ColumnType::Varchar(None);
    /// Text of at most so many characters (1 to 255), filled up with spaces where the database does so.
    char(length: u32) => ColumnType::Char(length);
    /// Text without a declared bound; on MariaDB of at most 65,535 bytes.
    text() => ColumnType::Text;
    /// Text of one of MariaDB's larger types.
    large_text(size: LargeSize) => ColumnType::LargeText(size);
    /// Bytes; on MariaDB at most 65,535.
    binary() => ColumnType::Binary;
    /// Bytes of one of MariaDB's larger types.
    large_binary(size: LargeSize) => ColumnType::LargeBinary(size);
    /// A calendar date.
    date() => ColumnType::Date;
    /// A time of day, to the microsecond.
    time() => ColumnType::Time(6);
    /// A time of day with so many digits after the second, 0 to 6.
    time_to(digits: u8) => ColumnType::Time(digits);
    /// A date and time without a zone, to the microsecond.
    timestamp() => ColumnType::Timestamp(6);
    /// A date and time without a zone, with so many digits after the second, 0 to 6.
    timestamp_to(digits: u8) => ColumnType::Timestamp(digits);
    /// A moment in time, kept in UTC, to the microsecond.
    timestamp_tz() => ColumnType::TimestampWithZone(6);
    /// A moment in time, kept in UTC, with so many digits after the second, 0 to 6.
    timestamp_tz_to(digits: u8) => ColumnType::TimestampWithZone(digits);
    /// A UUID.
    uuid() => ColumnType::Uuid;
    /// A JSON document.
    json() => ColumnType::Json;
    /// A JSON document that PostgreSQL keeps parsed (`jsonb`).
    json_binary() => ColumnType::JsonBinary;
    /// One of the labels of an enumeration, see [`EnumType::new`].
    enumeration(of: &EnumType) => ColumnType::Enumeration(of.clone());
}

impl EnumType {
    /// An enumeration: its name and its labels in order. On PostgreSQL a column of it wants it to be there, which
    /// [`Op::create_enum`](crate::Op::create_enum) sees to; elsewhere it is part of the column.
    pub fn new<L>(name: &str, labels: L) -> EnumType
    where
        L: IntoIterator,
        L::Item: Into<String>,
    {
        EnumType { name: Some(name.into()), labels: names(labels) }
    }
}

impl Column {
    /// A column that may hold NULL and has no default.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Column {
        Column {
            name: name.into(),
            column_type,
            nullable: true,
            default: None,
            auto_increment: false,
            numbered_once: false,
            computed: None,
            comment: None,
        }
    }

    /// It may not hold NULL.
    pub fn not_null(&mut self) -> &mut Column {
        self.nullable = false;
        self
    }

    /// What it holds when an INSERT leaves it out: a constant, or [`sql`](crate::sql).
    pub fn default(&mut self, value: impl Into<DefaultValue>) -> &mut Column {
        self.default = Some(value.into());
        self
    }

    /// The database numbers it. Only for an integer column that alone is the primary key.
    pub fn auto_increment(&mut self) -> &mut Column {
        self.auto_increment = true;
        self
    }

    /// It is numbered, and no number is ever given again; only SQLite makes a difference, by AUTOINCREMENT.
    pub fn numbered_once(&mut self) -> &mut Column {
        self.numbered_once = true;
        self.auto_increment()
    }

    /// The database works it out of other columns of the row when that is written, such as `lower("title")`, and keeps
    /// it.
    pub fn computed_stored(&mut self, expression: impl Into<SqlText>) -> &mut Column {
        self.computed = Some(Computed { expression: expression.into(), storage: ComputedStorage::Stored });
        self
    }

    /// The database works it out of other columns of the row when it is read. PostgreSQL has no such column.
    pub fn computed_virtual(&mut self, expression: impl Into<SqlText>) -> &mut Column {
        self.computed = Some(Computed { expression: expression.into(), storage: ComputedStorage::Virtual });
        self
    }

    /// Its comment; see [`Comment::if_supported`] for SQLite, which has none.
    pub fn comment(&mut self, comment: impl Into<Comment>) -> &mut Column {
        self.comment = Some(comment.into());
        self
    }
}

impl Table {
    /// A table without columns yet.
    pub fn new(name: &str) -> Table {
        Table { name: name.into(), columns: Vec::new(), constraints: Vec::new(), comment: None }
    }

    /// Adds a column.
    #[allow(clippy::indexing_slicing, reason = "it was pushed just now")]
    pub fn column(&mut self, column: Column) -> &mut Column {
        let at = self.columns.len();
        self.columns.push(column);
        &mut self.columns[at]
    }

    /// Adds an auto-incrementing 64-bit integer column that is the primary key.
    pub fn id(&mut self, name: &str) -> &mut Column {
        self.primary_key([name]);
        self.big_integer(name).not_null().auto_increment()
    }

    /// Adds the primary key.
    pub fn primary_key<I>(&mut self, columns: I) -> &mut PrimaryKey
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        match self.constraint(PrimaryKey { name: None, columns: names(columns) }) {
            Constraint::PrimaryKey(added) => added,
            _ => unreachable!(),
        }
    }

    /// Adds a unique constraint over some columns.
    pub fn unique<I>(&mut self, columns: I) -> &mut UniqueConstraint
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        match self.constraint(UniqueConstraint::new(columns)) {
            Constraint::Unique(added) => added,
            _ => unreachable!(),
        }
    }

    /// Adds a foreign key from some columns to a table's key columns.
    pub fn foreign_key<I, J>(&mut self, columns: I, referred_table: &str, referred_columns: J) -> &mut ForeignKey
    where
        I: IntoIterator,
        I::Item: Into<String>,
        J: IntoIterator,
        J::Item: Into<String>,
    {
        match self.constraint(ForeignKey::new(columns, referred_table, referred_columns)) {
            Constraint::ForeignKey(added) => added,
            _ => unreachable!(),
        }
    }

    /// Adds a check over columns of the table, such as `length("title") > 0`.
    pub fn check(&mut self, condition: impl Into<SqlText>) -> &mut Check {
        match self.constraint(Check::new(condition)) {
            Constraint::Check(added) => added,
            _ => unreachable!(),
        }
    }

    /// Sets the table's comment; see [`Comment::if_supported`] for SQLite, which has none.
    pub fn comment(&mut self, comment: impl Into<Comment>) {
        self.comment = Some(comment.into());
    }

    #[allow(clippy::indexing_slicing, reason = "it was pushed just now")]
    fn constraint(&mut self, constraint: impl Into<Constraint>) -> &mut Constraint {
        let at = self.constraints.len();
        self.constraints.push(constraint.into());
        &mut self.constraints[at]
    }
}

impl PrimaryKey {
    /// A primary key of these columns.
    pub fn new<I>(columns: I) -> PrimaryKey
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        PrimaryKey { name: None, columns: names(columns) }
    }
}

impl UniqueConstraint {
    /// A unique constraint over these columns.
    pub fn new<I>(columns: I) -> UniqueConstraint
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        UniqueConstraint { name: None, columns: names(columns) }
    }
}

impl ForeignKey {
    /// A foreign key that refuses to leave a row without the one it refers to.
    pub fn new<I, J>(columns: I, referred_table: &str, referred_columns: J) -> ForeignKey
    where
        I: IntoIterator,
        I::Item: Into<String>,
        J: IntoIterator,
        J::Item: Into<String>,
    {
        ForeignKey {
            name: None,
            columns: names(columns),
            referred_table: referred_table.into(),
            referred_columns: names(referred_columns),
            on_update: ReferentialAction::NoAction,
            on_delete: ReferentialAction::NoAction,
        }
    }

    /// What happens when the key that it refers to changes.
    pub fn on_update(&mut self, action: ReferentialAction) -> &mut ForeignKey {
        self.on_update = action;
        self
    }

    /// What happens when the row that it refers to is deleted.
    pub fn on_delete(&mut self, action: ReferentialAction) -> &mut ForeignKey {
        self.on_delete = action;
        self
    }
}

impl Check {
    /// A check over columns of one table.
    pub fn new(condition: impl Into<SqlText>) -> Check {
        Check { name: None, condition: condition.into() }
    }
}

macro_rules! constraint_of {
    ($($kind:ident => $case:ident;)*) => {$(
        impl $kind {
            /// Its name; without one it gets the dialect's own default.
            pub fn named(&mut self, name: impl Into<String>) -> &mut $kind {
                self.name = Some(name.into());
                self
            }
        }
        impl From<$kind> for Constraint {
            fn from(constraint: $kind) -> Constraint {
                Constraint::$case(constraint)
            }
        }
        impl From<&mut $kind> for Constraint {
            fn from(constraint: &mut $kind) -> Constraint {
                Constraint::$case(constraint.clone())
            }
        }
    )*};
}

constraint_of! {
    PrimaryKey => PrimaryKey;
    UniqueConstraint => Unique;
    ForeignKey => ForeignKey;
    Check => Check;
}

impl ConstraintSelector {
    /// The constraint of this name.
    pub fn named(name: &str) -> ConstraintSelector {
        ConstraintSelector::Name(name.into())
    }

    /// The unique constraint over just these columns.
    pub fn unique_over<I>(columns: I) -> ConstraintSelector
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        ConstraintSelector::Unique(names(columns))
    }

    /// The foreign key of just these columns.
    pub fn foreign_key_of<I>(columns: I) -> ConstraintSelector
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        ConstraintSelector::ForeignKey(names(columns))
    }

    /// The check that mentions just these columns.
    pub fn check_of<I>(columns: I) -> ConstraintSelector
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        ConstraintSelector::Check(names(columns))
    }
}

impl Index {
    /// An index over some columns, smallest first.
    pub fn new<I>(name: impl Into<String>, columns: I) -> Index
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let mut index = Index { name: name.into(), parts: Vec::new(), unique: false, predicate: None };
        columns.into_iter().for_each(|column| index.part(IndexKey::Column(column.into()), IndexOrder::Ascending));
        index
    }

    /// An index over an expression alone, such as `lower("title")`, smallest first. MariaDB has none.
    pub fn over(name: impl Into<String>, expression: impl Into<SqlText>) -> Index {
        let mut index = Index { name: name.into(), parts: Vec::new(), unique: false, predicate: None };
        index.part(IndexKey::Expression(expression.into()), IndexOrder::Ascending);
        index
    }

    /// Adds a column, largest first.
    pub fn descending(&mut self, column: impl Into<String>) -> &mut Index {
        self.part(IndexKey::Column(column.into()), IndexOrder::Descending);
        self
    }

    /// Adds an expression over columns of the table, such as `lower("title")`, smallest first. MariaDB has none.
    pub fn expression(&mut self, expression: impl Into<SqlText>) -> &mut Index {
        self.part(IndexKey::Expression(expression.into()), IndexOrder::Ascending);
        self
    }

    /// Adds an expression over columns of the table, largest first. MariaDB has none.
    pub fn descending_expression(&mut self, expression: impl Into<SqlText>) -> &mut Index {
        self.part(IndexKey::Expression(expression.into()), IndexOrder::Descending);
        self
    }

    /// It is over those rows alone that meet a condition, such as `"deleted" IS NULL`. MariaDB has no such index.
    pub fn filter(&mut self, condition: impl Into<SqlText>) -> &mut Index {
        self.predicate = Some(condition.into());
        self
    }

    /// No two of its rows may agree in all its parts.
    pub fn unique(&mut self) -> &mut Index {
        self.unique = true;
        self
    }

    fn part(&mut self, key: IndexKey, order: IndexOrder) {
        self.parts.push(IndexPart { key, order });
    }
}

impl Comment {
    /// A comment that is left out where the dialect has none.
    pub fn if_supported(text: impl Into<String>) -> Comment {
        Comment { text: text.into(), demand: Demand::IfSupported }
    }
}

impl From<&str> for Comment {
    /// A comment that is an error where the dialect has none.
    fn from(text: &str) -> Comment {
        Comment { text: text.into(), demand: Demand::Required }
    }
}

impl ColumnChanges {
    /// Changes nothing yet.
    pub fn new() -> ColumnChanges {
        ColumnChanges { column_type: None, nullable: None, default: DefaultChange::Keep, comment: CommentChange::Keep }
    }

    /// It gets another type.
    pub fn set_type(&mut self, column_type: ColumnType) -> &mut ColumnChanges {
        self.column_type = Some(column_type);
        self
    }

    /// It may hold NULL from now on.
    pub fn set_nullable(&mut self) -> &mut ColumnChanges {
        self.nullable = Some(true);
        self
    }

    /// It may not hold NULL any more.
    pub fn set_not_null(&mut self) -> &mut ColumnChanges {
        self.nullable = Some(false);
        self
    }

    /// It gets another default.
    pub fn set_default(&mut self, value: impl Into<DefaultValue>) -> &mut ColumnChanges {
        self.default = DefaultChange::Set(value.into());
        self
    }

    /// It has no default any more.
    pub fn clear_default(&mut self) -> &mut ColumnChanges {
        self.default = DefaultChange::Clear;
        self
    }

    /// It gets another comment.
    pub fn set_comment(&mut self, comment: impl Into<Comment>) -> &mut ColumnChanges {
        self.comment = CommentChange::Set(comment.into());
        self
    }

    /// It has no comment any more.
    pub fn clear_comment(&mut self) -> &mut ColumnChanges {
        self.comment = CommentChange::Clear;
        self
    }
}

impl Default for ColumnChanges {
    fn default() -> ColumnChanges {
        ColumnChanges::new()
    }
}
