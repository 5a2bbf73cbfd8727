//! SQL text → the closed types. What they cannot express does not get through; nothing of the text itself
//! is ever passed on. Rendering is the dialect's business.
//!
//! `sqlparser` reads the text: [`bounds`] bounds what it is given, [`expr`], [`query`] and [`dml`] take over the
//! constructs of the allow-list from the tree that it builds.

mod alter;
mod bounds;
mod cast;
mod column;
mod ddl;
mod dml;
mod enumeration;
mod expr;
mod function;
mod name;
mod query;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod with;

use super::{DdlStatement, Dml, Expr, Position, Query, Value};
pub(crate) use enumeration::is_type_name;

use bounds::Bounds;
use expr::Reader;
use syntax::{Source, Syntax};

/// In which grammar a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// The contract's own: `"name"`, `'text'`, `||`, `?`.
    Portable,
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
    /// MariaDB's, with NO_BACKSLASH_ESCAPES as the session has it.
    Mariadb,
}

/// Bounds on what is parsed.
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Depth of a tree; a chain of one operator (`a AND b AND c`) counts as one level.
    pub depth: usize,
    /// Nodes of an expression.
    pub expression_nodes: usize,
    /// Nodes of a statement.
    pub statement_nodes: usize,
    /// How many times as long as the longest text that it is made of a text of a statement may become.
    pub text_growth: u64,
    /// Longest name of the dialect, bytes.
    pub ident: usize,
}

impl ParseLimits {
    /// Those of the default profile, with names of up to 63 bytes.
    pub const DEFAULT: Self = Self {
        bytes: 1 << 20,
        depth: 32,
        expression_nodes: 256,
        statement_nodes: 4_096,
        text_growth: 1_024,
        ident: 63,
    };
}

/// How deep a tree may be that a server's text makes: as deep as every function over trees can go on the stack of
/// a worker thread. A longer chain of ORs stays text.
const SERVER_TREE: usize = 400;

/// Bytes of a check or default, which a database keeps in its catalog.
const EXPRESSION_BYTES: usize = 16 << 10;

/// What an existing schema may hold: somewhat more than what a guest may send.
const SERVER_LIMITS: ParseLimits = ParseLimits {
    bytes: 1 << 20,
    depth: 64,
    expression_nodes: 4_096,
    statement_nodes: 4_096,
    text_growth: u64::MAX,
    ident: 128,
};

/// Why a text did not become a closed type. Never holds a part of the text but a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not understood, or it makes no sense.
    #[error("{0}")]
    Refused(String),
    /// SQL that is on no list.
    #[error("{0}")]
    Unsupported(String),
    /// Larger than the limits.
    #[error("{0}")]
    TooLarge(String),
}

fn refused(reason: impl Into<String>) -> ParseError {
    ParseError::Refused(reason.into())
}

fn unsupported(reason: impl Into<String>) -> ParseError {
    ParseError::Unsupported(reason.into())
}

fn too_large(reason: impl Into<String>) -> ParseError {
    ParseError::TooLarge(reason.into())
}

/// Parses an expression for a position. Parameters are refused.
pub fn parse_expr(grammar: Grammar, position: Position, limits: &ParseLimits, text: &str) -> Result<Expr, ParseError> {
    let expr = read_expr(Syntax { grammar, source: Source::Guest }, position, limits, text)?;
    check_growth(limits, expr.text_growth())?;
    Ok(expr)
}

/// Parses one INSERT, UPDATE or DELETE and binds `parameters` in order.
pub fn parse_dml(grammar: Grammar, limits: &ParseLimits, text: &str, parameters: &[Value]) -> Result<Dml, ParseError> {
    let syntax = Syntax { grammar, source: Source::Guest };
    let bounds = Bounds::new(limits, limits.statement_nodes);
    let statement = syntax::statement(&syntax, &bounds, syntax::Kind::Dml, text)?;
    let mut reader = Reader::new(&syntax, Position::Statement, limits, limits.statement_nodes, parameters);
    let dml = dml::read(&mut reader, statement)?;
    reader.finish()?;
    check_growth(limits, dml.text_growth())?;
    Ok(dml)
}

/// Parses one SELECT and binds `parameters` in order.
pub fn parse_query(
    grammar: Grammar,
    limits: &ParseLimits,
    text: &str,
    parameters: &[Value],
) -> Result<Query, ParseError> {
    let syntax = Syntax { grammar, source: Source::Guest };
    let bounds = Bounds::new(limits, limits.statement_nodes);
    let sqlparser::ast::Statement::Query(parsed) = syntax::statement(&syntax, &bounds, syntax::Kind::Query, text)?
    else {
        return Err(unsupported("only SELECT is allowed"));
    };
    let mut reader = Reader::new(&syntax, Position::Query, limits, limits.statement_nodes, parameters);
    let query = reader.query(&parsed)?;
    reader.finish()?;
    check_growth(limits, query.text_growth())?;
    Ok(query)
}

/// Parses one CREATE, ALTER or DROP of a table or index: what it comes to, in order.
pub fn parse_ddl(grammar: Grammar, limits: &ParseLimits, text: &str) -> Result<DdlStatement, ParseError> {
    let syntax = Syntax { grammar, source: Source::Guest };
    let bounds = Bounds::new(limits, limits.statement_nodes);
    let parser = syntax::ddl(&syntax, &bounds, text)?;
    ddl::DdlReader::new(parser, &syntax, limits).read()
}

fn check_growth(limits: &ParseLimits, growth: u64) -> Result<(), ParseError> {
    if growth > limits.text_growth {
        let most = limits.text_growth;
        return Err(too_large(format!("a text could become more than {most} times as long as what it is made of")));
    }
    Ok(())
}

/// Parses an expression as a server prints it. None for one that the closed type cannot express.
pub fn parse_server_expr(grammar: Grammar, position: Position, text: &str) -> Option<Expr> {
    read_expr(Syntax { grammar, source: Source::Server }, position, &SERVER_LIMITS, text).ok()
}

fn read_expr(syntax: Syntax, position: Position, limits: &ParseLimits, text: &str) -> Result<Expr, ParseError> {
    let mut bounds = Bounds::new(limits, limits.expression_nodes);
    match syntax.source {
        Source::Guest => bounds.bytes = bounds.bytes.min(EXPRESSION_BYTES),
        Source::Server => bounds.tree = SERVER_TREE,
    }
    let parsed = syntax::expression(&syntax, &bounds, text)?;
    Reader::new(&syntax, position, limits, limits.expression_nodes, &[]).expr(&parsed)
}
