//! What `sqlparser` is told of a grammar. Its work and the depth of the tree that it builds depend on the tokens, so these
//! are counted first.

use sqlparser::ast;
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::{Keyword, RESERVED_FOR_COLUMN_ALIAS};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use super::bounds::{Bounds, Depth, check_comment, has_more_code};
use super::{Grammar, ParseError, refused, too_large, unsupported};

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
/// What binds as tight as `::`, and nothing looser.
pub(super) const CAST: u8 = 47;

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
        self.grammar == Grammar::Postgres
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
        if self.grammar == Grammar::Sqlite && word.keyword == Keyword::IS && word.quote_style.is_none() {
            return is_same(parser, expr, precedence);
        }
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

/// SQLite's `a IS [NOT] b`, which is IS [NOT] DISTINCT FROM the other way round. What every grammar has after IS is left
/// alone.
fn is_same(parser: &mut Parser, left: &ast::Expr, precedence: u8) -> Option<Result<ast::Expr, ParserError>> {
    let negated = is_keyword(&parser.peek_nth_token_ref(1).token, Keyword::NOT);
    let next = &parser.peek_nth_token_ref(1 + usize::from(negated)).token;
    let common = [Keyword::NULL, Keyword::TRUE, Keyword::FALSE, Keyword::UNKNOWN, Keyword::DISTINCT, Keyword::JSON];
    if common.iter().any(|keyword| is_keyword(next, *keyword)) {
        return None;
    }
    (0..1 + usize::from(negated)).for_each(|_| parser.advance_token());
    let left = Box::new(left.clone());
    Some(parser.parse_subexpr(precedence).map(|right| match negated {
        true => ast::Expr::IsDistinctFrom(left, Box::new(right)),
        false => ast::Expr::IsNotDistinctFrom(left, Box::new(right)),
    }))
}

fn is_mod(syntax: &Syntax, word: &Word) -> bool {
    syntax.grammar == Grammar::Mariadb && word.quote_style.is_none() && word.value.eq_ignore_ascii_case("mod")
}

/// Parses the whole text as one expression.
pub(super) fn expression(syntax: &Syntax, bounds: &Bounds, text: &str) -> Result<ast::Expr, ParseError> {
    let tokens = tokens(syntax, bounds, text)?;
    if tokens.is_empty() {
        return Err(refused("the expression is empty"));
    }
    if tokens.contains(&Token::SemiColon) {
        return Err(unsupported("only one statement is allowed"));
    }
    let mut parser = Parser::new(syntax).with_recursion_limit(bounds.recursion()).with_tokens(tokens);
    let parsed = parser.parse_expr().map_err(|error| not_understood(&error))?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(parsed),
        _ => Err(refused("there is more text after the expression")),
    }
}

/// The tokens of one DDL statement, to be read one by one; a closing semicolon is left out.
pub(super) fn ddl<'a>(syntax: &'a Syntax, bounds: &Bounds, text: &str) -> Result<Parser<'a>, ParseError> {
    let mut tokens = tokens(syntax, bounds, text)?;
    if tokens.last() == Some(&Token::SemiColon) {
        tokens.pop();
    }
    if tokens.contains(&Token::SemiColon) {
        return Err(unsupported("only one statement is allowed"));
    }
    Ok(Parser::new(syntax).with_recursion_limit(bounds.recursion()).with_tokens(tokens))
}

/// What a statement has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// INSERT, UPDATE or DELETE, with WITH before it or not.
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
    let mut tokens = tokens(syntax, bounds, text)?;
    if tokens.last() == Some(&Token::SemiColon) {
        tokens.pop();
    }
    if tokens.contains(&Token::SemiColon) {
        return Err(unsupported("only one statement is allowed"));
    }
    match (kind, tokens.first()) {
        (_, None) => return Err(refused("the statement is empty")),
        (Kind::Dml, Some(Token::Word(word)))
            if matches!(word.keyword, Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE | Keyword::WITH) => {}
        (Kind::Dml, _) => return Err(unsupported("only INSERT, UPDATE and DELETE are allowed")),
        (Kind::Query, Some(Token::Word(word))) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH) => {}
        (Kind::Query, _) => return Err(unsupported("only SELECT is allowed")),
    }
    number_placeholders(&mut tokens);
    // `sqlparser` knows it of its own MySQL only.
    let is_ignoring = syntax.grammar == Grammar::Mariadb
        && matches!(tokens.as_slice(), [insert, ignore, ..]
            if is_keyword(insert, Keyword::INSERT) && is_keyword(ignore, Keyword::IGNORE));
    if is_ignoring {
        tokens.remove(1);
    }
    let mut parser = Parser::new(syntax).with_recursion_limit(bounds.recursion()).with_tokens(tokens);
    let mut parsed = parser.parse_statement().map_err(|error| not_understood(&error))?;
    if let ast::Statement::Insert(insert) = &mut parsed {
        insert.ignore |= is_ignoring;
    }
    match parser.peek_token_ref().token {
        Token::EOF => Ok(parsed),
        _ => Err(refused("there is more text after the statement")),
    }
}

/// Only the place of an error is told: its text would repeat what the guest sent.
pub(super) fn not_understood(error: &ParserError) -> ParseError {
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

/// Whether it is `0x10`, which `sqlparser` takes for `X'10'`: on SQLite the one is a number and the other bytes.
fn is_hexadecimal(token: &Token, span: Span) -> bool {
    let Token::HexStringLiteral(digits) = token else { return false };
    let length = span.end.column.saturating_sub(span.start.column);
    span.start.line == span.end.line && usize::try_from(length).is_ok_and(|length| length < digits.len() + 3)
}

/// The tokens without white space, all of them among those that an allowed text can hold.
fn tokens(syntax: &Syntax, bounds: &Bounds, text: &str) -> Result<Vec<Token>, ParseError> {
    if text.len() > bounds.bytes {
        return Err(too_large(format!("the text is longer than {} bytes", bounds.bytes)));
    }
    if text.contains('\0') {
        return Err(refused("the text holds U+0000"));
    }
    if has_more_code(text, bounds.code) {
        return Err(too_large("the text has too many parts"));
    }
    let all = Tokenizer::new(syntax, text)
        .tokenize_with_location()
        .map_err(|error| not_understood(&ParserError::TokenizerError(error.to_string())))?;
    let mut kept = Vec::with_capacity(all.len());
    let mut depth = Depth::default();
    for TokenWithSpan { token, span } in all {
        if syntax.grammar == Grammar::Sqlite && is_hexadecimal(&token, span) {
            return Err(unsupported("a hexadecimal number is not allowed; bytes are X'…'"));
        }
        match token {
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
                check_comment(&comment)?;
                continue;
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
        Token::Spaceship if syntax.grammar == Grammar::Mariadb => return Ok(()),
        // One at the end of a statement.
        Token::SemiColon => return Ok(()),
        Token::StringConcat if syntax.grammar == Grammar::Mariadb => "|| is OR on MariaDB: use concat()",
        Token::StringConcat => return Ok(()),
        Token::DoubleQuotedString(_) if syntax.grammar == Grammar::Mariadb => return Ok(()),
        Token::DoubleColon if syntax.grammar == Grammar::Postgres => return Ok(()),
        Token::DoubleColon => "x::type is not allowed: CAST(x AS type)",
        Token::Arrow | Token::LongArrow if matches!(syntax.grammar, Grammar::Sqlite | Grammar::Postgres) => {
            return Ok(());
        }
        Token::HashArrow | Token::HashLongArrow | Token::LBracket | Token::RBracket
            if syntax.grammar == Grammar::Postgres =>
        {
            return Ok(());
        }
        Token::DoubleTilde | Token::ExclamationMarkDoubleTilde | Token::EscapedStringLiteral(_)
            if syntax.is_server(Grammar::Postgres) =>
        {
            return Ok(());
        }
        Token::ExclamationMark if syntax.is_server(Grammar::Mariadb) => return Ok(()),
        Token::NationalStringLiteral(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_) => {
            "this kind of string literal is not allowed: use '…'"
        }
        Token::Char(found) => return Err(refused(format!("the character {found:?} is not allowed"))),
        other => {
            let shown = other.to_string();
            let shown = if shown.len() <= 4 { shown } else { "of this kind".to_owned() };
            return Err(unsupported(format!("the operator {shown} is not allowed")));
        }
    };
    Err(unsupported(reason))
}
