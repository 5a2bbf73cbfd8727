//! What `sqlparser` is told of a grammar, and the bounds on what it is given: its work and the depth of
//! the tree that it builds depend on the tokens, so these are counted first.

use sqlparser::ast;
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::{Keyword, RESERVED_FOR_COLUMN_ALIAS};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

use super::{Grammar, ParseError, ParseLimits, refused, too_large};

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A package.
    Guest,
    /// A database server that prints what it holds.
    Server,
}

/// A grammar as `sqlparser` takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub(super) grammar: Grammar,
    pub(super) source: Source,
}

impl Syntax {
    fn is_server(&self, grammar: Grammar) -> bool {
        self.grammar == grammar && self.source == Source::Server
    }
}

// The precedence of operators, from the manuals. MariaDB prints `a = b in (1, 2)` for `a = (b in (1, 2))`
// and `a = 1 is null` for `(a = 1) is null`; the others print every parenthesis.
const COMPARISON: u8 = 18;
const PREDICATE: u8 = 20;
const SQLITE_ORDER: u8 = 22;
const OTHER: u8 = 24;
const SUM: u8 = 30;
const PRODUCT: u8 = 40;
const SQLITE_CONCAT: u8 = 45;

impl Dialect for Syntax {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        match self.grammar {
            Grammar::Portable | Grammar::Postgres => ch == '"',
            Grammar::Sqlite => ch == '"' || ch == '`',
            Grammar::Mariadb => ch == '`',
        }
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        // MariaDB prints its literals with escapes whatever the session says.
        self.is_server(Grammar::Mariadb)
    }

    fn supports_string_escape_constant(&self) -> bool {
        self.is_server(Grammar::Postgres)
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        self.grammar == Grammar::Mariadb
    }

    fn supports_dollar_placeholder(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        self.is_server(Grammar::Postgres)
    }

    fn is_column_alias(&self, keyword: &Keyword, _parser: &mut Parser) -> bool {
        // `INSERT … SELECT 1 ON CONFLICT …`
        *keyword != Keyword::ON && !RESERVED_FOR_COLUMN_ALIAS.contains(keyword)
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        match prec {
            Precedence::Or => 5,
            Precedence::And => 10,
            Precedence::Xor => 12,
            Precedence::UnaryNot => 15,
            Precedence::Is if matches!(self.grammar, Grammar::Postgres | Grammar::Portable) => 17,
            Precedence::Is | Precedence::Eq if self.grammar == Grammar::Sqlite => PREDICATE,
            Precedence::Is | Precedence::Eq => COMPARISON,
            Precedence::Like | Precedence::Between => PREDICATE,
            Precedence::PgOther | Precedence::Pipe | Precedence::Colon | Precedence::Caret | Precedence::Ampersand => {
                OTHER
            }
            Precedence::PlusMinus => SUM,
            Precedence::MulDivModOp => PRODUCT,
            Precedence::AtTz => 46,
            Precedence::DoubleColon => 50,
            Precedence::Period => 100,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        let sqlite = self.grammar == Grammar::Sqlite;
        match &parser.peek_token_ref().token {
            Token::Lt | Token::LtEq | Token::Gt | Token::GtEq if sqlite => Some(Ok(SQLITE_ORDER)),
            Token::StringConcat if sqlite => Some(Ok(SQLITE_CONCAT)),
            Token::StringConcat | Token::DoubleTilde | Token::ExclamationMarkDoubleTilde => Some(Ok(OTHER)),
            Token::Word(word) if is_mod(self, word) => Some(Ok(PRODUCT)),
            _ => None,
        }
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<ast::Expr, ParserError>> {
        // MariaDB prints `!x` for a NOT that it could not push further down; it binds tightest.
        if !(self.is_server(Grammar::Mariadb) && parser.consume_token(&Token::ExclamationMark)) {
            return None;
        }
        Some(
            parser
                .parse_subexpr(SQLITE_CONCAT)
                .map(|operand| ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(operand) }),
        )
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &ast::Expr,
        precedence: u8,
    ) -> Option<Result<ast::Expr, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        if !is_mod(self, word) {
            return None;
        }
        parser.advance_token();
        Some(parser.parse_subexpr(precedence).map(|right| ast::Expr::BinaryOp {
            left: Box::new(expr.clone()),
            op: ast::BinaryOperator::Modulo,
            right: Box::new(right),
        }))
    }
}

fn is_mod(syntax: &Syntax, word: &Word) -> bool {
    syntax.grammar == Grammar::Mariadb && word.quote_style.is_none() && word.value.eq_ignore_ascii_case("mod")
}

/// Bounds on the tokens of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    /// Bytes outside of quotes, and so tokens.
    code: usize,
    /// Parentheses inside one another.
    nesting: usize,
    /// How deep a tree these tokens can make at worst.
    pub(super) tree: usize,
}

impl Bounds {
    pub(super) fn new(limits: &ParseLimits, nodes: usize) -> Self {
        Self {
            bytes: limits.bytes,
            code: nodes.saturating_mul(64),
            nesting: limits.depth.saturating_mul(2).saturating_add(8),
            tree: limits.depth.saturating_mul(20),
        }
    }

    /// `sqlparser`'s own bound on recursion: two levels for every parenthesis.
    fn recursion(&self) -> usize {
        self.nesting.saturating_mul(2)
    }
}

/// Parses the whole text as one expression.
pub(super) fn expression(syntax: &Syntax, bounds: &Bounds, text: &str) -> Result<ast::Expr, ParseError> {
    let tokens = tokens(syntax, bounds, text)?;
    if tokens.is_empty() {
        return Err(refused("the expression is empty"));
    }
    let mut parser = Parser::new(syntax).with_recursion_limit(bounds.recursion()).with_tokens(tokens);
    let parsed = parser.parse_expr().map_err(|error| not_understood(&error))?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(parsed),
        _ => Err(refused("there is more text after the expression")),
    }
}

/// What a statement has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// INSERT, UPDATE or DELETE.
    Dml,
    /// SELECT, with WITH before it or not.
    Query,
}

/// Parses the whole text as one statement of that kind; a closing semicolon may follow.
pub(super) fn statement(
    syntax: &Syntax,
    bounds: &Bounds,
    kind: Kind,
    text: &str,
) -> Result<ast::Statement, ParseError> {
    let mut tokens = tokens(syntax, bounds, text.trim_end().strip_suffix(';').unwrap_or(text))?;
    match (kind, tokens.first()) {
        (_, None) => return Err(refused("the statement is empty")),
        (Kind::Dml, Some(Token::Word(word)))
            if matches!(word.keyword, Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE) => {}
        (Kind::Dml, _) => return Err(refused("only INSERT, UPDATE and DELETE are allowed")),
        (Kind::Query, Some(Token::Word(word))) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH) => {}
        (Kind::Query, _) => return Err(refused("only SELECT is allowed")),
    }
    number_placeholders(&mut tokens);
    let mut parser = Parser::new(syntax).with_recursion_limit(bounds.recursion()).with_tokens(tokens);
    let parsed = parser.parse_statement().map_err(|error| not_understood(&error))?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(parsed),
        _ => Err(refused("there is more text after the statement")),
    }
}

/// Only the place of an error is told: its text would repeat what the guest sent.
fn not_understood(error: &ParserError) -> ParseError {
    match error {
        ParserError::RecursionLimitExceeded => too_large("the text is nested too deeply"),
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let place = text.rsplit_once(" at Line: ").map(|(_, place)| place).filter(|place| {
                place.len() < 40 && place.bytes().all(|byte| byte.is_ascii_digit() || b", :Colmun".contains(&byte))
            });
            match place {
                Some(place) => {
                    refused(format!("the text is not understood at line {}", place.to_lowercase().replace(':', "")))
                }
                None => refused("the text is not understood"),
            }
        }
    }
}

/// A bare `?` stands for the next parameter.
fn number_placeholders(tokens: &mut [Token]) {
    let mut next = 0_usize;
    for token in tokens {
        if let Token::Placeholder(name) = token
            && name == "?"
        {
            next += 1;
            *name = format!("?{next}");
        }
    }
}

/// The tokens without white space, all of them among those that an allowed text can hold.
fn tokens(syntax: &Syntax, bounds: &Bounds, text: &str) -> Result<Vec<Token>, ParseError> {
    if text.len() > bounds.bytes {
        return Err(too_large(format!("the text is longer than {} bytes", bounds.bytes)));
    }
    if text.contains('\0') {
        return Err(refused("the text holds U+0000"));
    }
    if code_bytes(text) > bounds.code {
        return Err(too_large("the text has too many parts"));
    }
    let all = Tokenizer::new(syntax, text)
        .tokenize()
        .map_err(|error| not_understood(&ParserError::TokenizerError(error.to_string())))?;
    let mut kept = Vec::with_capacity(all.len());
    let mut depth = Depth::default();
    for token in all {
        match token {
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
                return Err(refused("comments are not allowed"));
            }
            Token::Whitespace(_) => continue,
            _ => allowed(syntax, &token)?,
        }
        depth.take(&token, bounds)?;
        // An introducer says nothing that a UTF-8 session does not know.
        if syntax.is_server(Grammar::Mariadb)
            && matches!(token, Token::SingleQuotedString(_))
            && matches!(kept.last(), Some(Token::Word(word)) if word.quote_style.is_none() && word.value == "_utf8mb4")
        {
            kept.pop();
        }
        // `TRIM(BOTH FROM x)`, which `sqlparser` does not take without a text to trim, is `TRIM(x)`.
        if syntax.is_server(Grammar::Postgres)
            && is_keyword(&token, Keyword::FROM)
            && let [.., trim, Token::LParen, both] = kept.as_slice()
            && is_keyword(trim, Keyword::TRIM)
            && is_keyword(both, Keyword::BOTH)
        {
            kept.pop();
            continue;
        }
        kept.push(match token {
            Token::EscapedStringLiteral(text) => Token::SingleQuotedString(text),
            other => other,
        });
    }
    Ok(kept)
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword)
}

/// Bytes outside of quotes, every quotation counted as one.
fn code_bytes(text: &str) -> usize {
    let mut open = None;
    let mut count = 0;
    for byte in text.bytes() {
        match open {
            Some(quote) if byte == quote => open = None,
            Some(_) => {}
            None => {
                count += 1;
                if matches!(byte, b'\'' | b'"' | b'`') {
                    open = Some(byte);
                }
            }
        }
    }
    count
}

fn allowed(syntax: &Syntax, token: &Token) -> Result<(), ParseError> {
    let reason = match token {
        Token::Word(_)
        | Token::Number(_, false)
        | Token::SingleQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::Placeholder(_)
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Period
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod => return Ok(()),
        Token::DoubleEq if syntax.grammar == Grammar::Sqlite => return Ok(()),
        Token::StringConcat if syntax.grammar == Grammar::Mariadb => "|| is OR on MariaDB: use concat()",
        Token::StringConcat => return Ok(()),
        Token::DoubleQuotedString(_) if syntax.grammar == Grammar::Mariadb => return Ok(()),
        Token::DoubleColon if syntax.grammar == Grammar::Postgres => return Ok(()),
        Token::DoubleColon => "casts are not allowed",
        Token::LBracket
        | Token::RBracket
        | Token::DoubleTilde
        | Token::ExclamationMarkDoubleTilde
        | Token::EscapedStringLiteral(_)
            if syntax.is_server(Grammar::Postgres) =>
        {
            return Ok(());
        }
        Token::ExclamationMark if syntax.is_server(Grammar::Mariadb) => return Ok(()),
        Token::SemiColon => "only one statement is allowed",
        Token::NationalStringLiteral(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_) => {
            "this kind of string literal is not allowed: use '…'"
        }
        Token::Char(found) => return Err(refused(format!("the character {found:?} is not allowed"))),
        other => {
            let shown = other.to_string();
            let shown = if shown.len() <= 4 { shown } else { "of this kind".to_owned() };
            return Err(refused(format!("the operator {shown} is not allowed")));
        }
    };
    Err(refused(reason))
}

/// How deep a tree the tokens so far can make: every token may be one level above what stands in the
/// parentheses beside it; a comma begins anew.
#[derive(Default)]
struct Depth {
    /// For every open parenthesis: tokens since the last comma, depth inside, depth before that comma.
    outer: Vec<(usize, usize, usize)>,
    run: usize,
    inside: usize,
    before: usize,
}

impl Depth {
    fn take(&mut self, token: &Token, bounds: &Bounds) -> Result<(), ParseError> {
        match token {
            Token::LParen | Token::LBracket => {
                if self.outer.len() >= bounds.nesting {
                    return Err(too_large("the text has too many parentheses inside one another"));
                }
                self.outer.push((self.run, self.inside, self.before));
                (self.run, self.inside, self.before) = (0, 0, 0);
            }
            Token::RParen | Token::RBracket => {
                let depth = self.depth() + 1;
                let Some((run, inside, before)) = self.outer.pop() else {
                    return Err(refused("there is a parenthesis too many"));
                };
                (self.run, self.inside, self.before) = (run, inside.max(depth), before);
            }
            Token::Comma => {
                self.before = self.depth();
                (self.run, self.inside) = (0, 0);
            }
            _ => self.run += 1,
        }
        if self.depth() > bounds.tree {
            return Err(too_large("the text is nested too deeply"));
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.before.max(self.run + self.inside)
    }
}
