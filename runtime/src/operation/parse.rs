//! SQL text → the closed types. Stub signatures first.

use super::{Dml, Expr, Position, Value};

/// In which grammar a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// The contract's own: `"name"`, `'text'`, `||`, `?`.
    Portable,
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
    /// MariaDB's.
    Mariadb,
}

/// Bounds on what is parsed.
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Depth of a tree.
    pub depth: usize,
    /// Nodes of an expression.
    pub expression_nodes: usize,
    /// Nodes of a statement.
    pub statement_nodes: usize,
    /// Longest name of the dialect, bytes.
    pub ident: usize,
}

/// Why a text did not become a closed type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not allowed or not understood.
    #[error("{0}")]
    Refused(String),
    /// Larger than the limits.
    #[error("{0}")]
    TooLarge(String),
}

/// Parses an expression for a position. Parameters are refused.
pub fn parse_expr(_grammar: Grammar, _position: Position, _limits: &ParseLimits, _text: &str) -> Result<Expr, ParseError> {
    todo!()
}

/// Parses one INSERT, UPDATE or DELETE and binds `parameters` in order.
pub fn parse_dml(_grammar: Grammar, _limits: &ParseLimits, _text: &str, _parameters: &[Value]) -> Result<Dml, ParseError> {
    todo!()
}

/// Parses an expression as a server prints it. None for one that the closed type cannot express.
pub fn parse_server_expr(_grammar: Grammar, _position: Position, _text: &str) -> Option<Expr> {
    todo!()
}
