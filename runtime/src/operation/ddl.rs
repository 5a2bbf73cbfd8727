//! A change of the schema as a text says it: operations, and when they are left out.

use super::{Demand, Ident, Op};

/// A part of a DDL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ddl {
    /// What is to be done.
    pub action: DdlAction,
    /// When.
    pub when: When,
}

/// What a part of a DDL statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DdlAction {
    /// An operation.
    Op(Op),
    /// Drops the index of that name, of whichever table.
    DropIndex(Ident, Option<Demand>),
    /// Gives the index of that name, of whichever table, another one.
    RenameIndex(Ident, Ident),
}

/// When an operation is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Never.
    Always,
    /// If what it is about is not there.
    Exists,
    /// If what it makes is there.
    Missing,
    /// If its table is not there.
    TableExists,
}
