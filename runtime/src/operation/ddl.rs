//! A change of the schema as a text says it: operations, and when they are left out.

use super::{Demand, Ident, Op};

/// What a DDL statement comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdlStatement {
    /// Without which it does nothing at all.
    pub needs: Needs,
    /// Its parts in order.
    pub parts: Vec<Ddl>,
}

/// What a DDL statement wants to find. It is asked once, before the first part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A table of this name.
    Table(Ident),
    /// No table of this name.
    NoTable(Ident),
}

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
    /// Makes an index that a foreign key has meanwhile, if it could not do without one when the last operation is done.
    Cover(Op, Box<Op>),
    /// Drops the column of the table, and with it what the database drops with it.
    DropColumn(Ident, Ident),
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
}
