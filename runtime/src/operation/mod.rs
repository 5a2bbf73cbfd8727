//! What a guest may ask for, as plain data: operations, names, types, values and the closed expression
//! and statement types. Knows neither WebAssembly nor databases.

mod coerce;
mod column;
mod ddl;
mod dml;
mod enumeration;
mod expr;
mod growth;
mod ident;
mod own;
mod parse;
mod query;
mod value;

pub use coerce::coerce;
pub(crate) use coerce::{cut, without_zeros};
pub use column::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Computed, ComputedStorage,
    Constraint, ConstraintSelector, Demand, ForeignKey, Index, IndexKey, IndexOrder, IndexPart, Key, LargeSize,
    ReferentialAction, TableSpec,
};
pub use ddl::{Ddl, DdlAction, DdlStatement, Needs, When};
pub use dml::{Conflict, ConflictAction, Dml, InsertSource};
pub use enumeration::{EnumType, Label, LabelError, LabelPlace};
pub use expr::{Aggregate, BinaryOperator, CastType, Expr, Function, Position, RankKey, Ranking, UnaryOperator};
pub use ident::{Ident, IdentError, IdentKind};
pub use own::OwnFunction;
pub(crate) use parse::is_type_name;
pub use parse::{Grammar, ParseError, ParseLimits, parse_ddl, parse_dml, parse_expr, parse_query, parse_server_expr};
pub use query::{Join, JoinKind, OrderBy, Ordering, Query, Select, Source, Union};
pub use value::{Finite, Value, ValueError};

use serde::Serialize;

/// One structured request of a guest. Its JSON form (this enum through serde) is canonical: the plan
/// digest is taken over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Op {
    /// Makes a table.
    CreateTable {
        /// The table.
        table: TableSpec,
    },
    /// Drops a table.
    DropTable {
        /// Its name.
        name: Ident,
    },
    /// Renames a table.
    RenameTable {
        /// Its name.
        name: Ident,
        /// The new one.
        new_name: Ident,
    },
    /// Adds a column.
    AddColumn {
        /// The table.
        table: Ident,
        /// The column.
        column: ColumnSpec,
    },
    /// Drops a column.
    DropColumn {
        /// The table.
        table: Ident,
        /// The column.
        name: Ident,
    },
    /// Drops a column and the constraints and indexes that the database drops with it: what DDL as text may come to.
    DropUsedColumn {
        /// The table.
        table: Ident,
        /// The column.
        name: Ident,
    },
    /// Renames a column.
    RenameColumn {
        /// The table.
        table: Ident,
        /// The column.
        name: Ident,
        /// The new name.
        new_name: Ident,
    },
    /// Changes a column.
    AlterColumn {
        /// The table.
        table: Ident,
        /// The column.
        name: Ident,
        /// What changes.
        changes: ColumnChanges,
    },
    /// Makes an index.
    CreateIndex {
        /// The table.
        table: Ident,
        /// The index.
        index: Index,
        /// Whether nobody is to be kept from writing to the table meanwhile.
        #[serde(skip_serializing_if = "Option::is_none")]
        online: Option<Demand>,
    },
    /// Drops an index.
    DropIndex {
        /// The table.
        table: Ident,
        /// The index.
        name: Ident,
        /// Whether nobody is to be kept from writing to the table meanwhile.
        #[serde(skip_serializing_if = "Option::is_none")]
        online: Option<Demand>,
    },
    /// Renames an index: what DDL as text may come to, and the runner asks for where it takes over a table.
    RenameIndex {
        /// The table.
        table: Ident,
        /// The index.
        name: Ident,
        /// The new name.
        new_name: Ident,
    },
    /// Adds a constraint.
    CreateConstraint {
        /// The table.
        table: Ident,
        /// The constraint.
        constraint: Constraint,
    },
    /// Drops a constraint.
    DropConstraint {
        /// The table.
        table: Ident,
        /// Which one.
        which: ConstraintSelector,
    },
    /// Renames a constraint: what DDL as text may come to.
    RenameConstraint {
        /// The table.
        table: Ident,
        /// The constraint.
        name: Ident,
        /// The new name.
        new_name: Ident,
    },
    /// Makes an enumeration of a name of its own.
    CreateEnum {
        /// Its name.
        name: Ident,
        /// Its labels in order.
        labels: Vec<Label>,
    },
    /// Drops an enumeration.
    DropEnum {
        /// Its name.
        name: Ident,
    },
    /// Renames an enumeration.
    RenameEnum {
        /// Its name.
        name: Ident,
        /// The new one.
        new_name: Ident,
    },
    /// Adds a label to an enumeration.
    AddEnumValue {
        /// The enumeration.
        name: Ident,
        /// The label.
        label: Label,
        /// Where it goes.
        place: LabelPlace,
    },
    /// Renames a label of an enumeration.
    RenameEnumValue {
        /// The enumeration.
        name: Ident,
        /// The label.
        label: Label,
        /// The new one.
        new_label: Label,
    },
    /// Inserts rows.
    BulkInsert {
        /// The table.
        table: Ident,
        /// The columns given.
        columns: Vec<Ident>,
        /// The rows, each as long as `columns`.
        rows: Vec<Vec<Value>>,
    },
    /// Runs one statement that changes rows of one table.
    Execute {
        /// The statement.
        statement: Dml,
    },
}

impl Op {
    /// The name under which messages mention it: `create-table`, …
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateTable { .. } => "create-table",
            Self::DropTable { .. } => "drop-table",
            Self::RenameTable { .. } => "rename-table",
            Self::AddColumn { .. } => "add-column",
            Self::DropColumn { .. } => "drop-column",
            Self::DropUsedColumn { .. } => "drop-used-column",
            Self::RenameColumn { .. } => "rename-column",
            Self::AlterColumn { .. } => "alter-column",
            Self::CreateIndex { .. } => "create-index",
            Self::DropIndex { .. } => "drop-index",
            Self::RenameIndex { .. } => "rename-index",
            Self::CreateConstraint { .. } => "create-constraint",
            Self::DropConstraint { .. } => "drop-constraint",
            Self::RenameConstraint { .. } => "rename-constraint",
            Self::CreateEnum { .. } => "create-enum",
            Self::DropEnum { .. } => "drop-enum",
            Self::RenameEnum { .. } => "rename-enum",
            Self::AddEnumValue { .. } => "add-enum-value",
            Self::RenameEnumValue { .. } => "rename-enum-value",
            Self::BulkInsert { .. } => "bulk-insert",
            Self::Execute { .. } => "execute",
        }
    }

    /// What it is about: a table or, where [`Self::is_enum`], an enumeration.
    pub fn subject(&self) -> &Ident {
        match self {
            Self::CreateTable { table } => &table.name,
            Self::DropTable { name }
            | Self::RenameTable { name, .. }
            | Self::CreateEnum { name, .. }
            | Self::DropEnum { name }
            | Self::RenameEnum { name, .. }
            | Self::AddEnumValue { name, .. }
            | Self::RenameEnumValue { name, .. } => name,
            Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::DropUsedColumn { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::AlterColumn { table, .. }
            | Self::CreateIndex { table, .. }
            | Self::DropIndex { table, .. }
            | Self::RenameIndex { table, .. }
            | Self::CreateConstraint { table, .. }
            | Self::DropConstraint { table, .. }
            | Self::RenameConstraint { table, .. }
            | Self::BulkInsert { table, .. } => table,
            Self::Execute { statement } => statement.table(),
        }
    }

    /// All that it names: what it is about, and the tables that its queries read.
    pub fn subjects(&self) -> Vec<&Ident> {
        let mut subjects = vec![self.subject()];
        if let Self::Execute { statement } = self {
            statement.each_source(&mut |source| subjects.push(&source.name));
        }
        subjects
    }

    /// Whether it is to keep nobody from writing to its table, and whether that is demanded.
    pub fn online(&self) -> Option<Demand> {
        match self {
            Self::CreateIndex { online, .. } | Self::DropIndex { online, .. } => *online,
            _ => None,
        }
    }

    /// The same, whoever is kept from writing meanwhile.
    pub fn not_online(&self) -> Self {
        let mut op = self.clone();
        if let Self::CreateIndex { online, .. } | Self::DropIndex { online, .. } = &mut op {
            *online = None;
        }
        op
    }

    /// Whether it is about an enumeration and no table.
    pub fn is_enum(&self) -> bool {
        matches!(
            self,
            Self::CreateEnum { .. }
                | Self::DropEnum { .. }
                | Self::RenameEnum { .. }
                | Self::AddEnumValue { .. }
                | Self::RenameEnumValue { .. }
        )
    }

    /// Whether it changes rows and not the schema.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::BulkInsert { .. } | Self::Execute { .. })
    }
}
