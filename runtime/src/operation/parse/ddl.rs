//! DDL: CREATE, ALTER and DROP of tables, indexes and enumerations → operations. The statement is read token by token, so that nothing
//! in it can be overlooked; its expressions are read as everywhere.

use sqlparser::ast;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::column::ColumnText;
use super::expr::Reader;
use super::syntax::{self, Syntax};
use super::{Grammar, ParseError, ParseLimits, refused, unsupported};
use crate::operation::{
    ColumnDefault, Constraint, Ddl, DdlAction, DdlStatement, Demand, Ident, IdentKind, Index, IndexKey, IndexOrder,
    IndexPart, Key, Needs, Op, Position, TableSpec, When,
};

pub(super) type Result<T> = std::result::Result<T, ParseError>;

/// Reads one statement.
pub(super) struct DdlReader<'a> {
    pub(super) parser: Parser<'a>,
    pub(super) syntax: &'a Syntax,
    pub(super) limits: &'a ParseLimits,
    pub(super) needs: Needs,
    pub(super) done: Vec<Ddl>,
}

pub(super) fn op(op: Op) -> DdlAction {
    DdlAction::Op(op)
}

impl<'a> DdlReader<'a> {
    pub(super) fn new(parser: Parser<'a>, syntax: &'a Syntax, limits: &'a ParseLimits) -> Self {
        Self { parser, syntax, limits, needs: Needs::Nothing, done: Vec::new() }
    }

    /// The whole statement.
    pub(super) fn read(mut self) -> Result<DdlStatement> {
        if self.keyword(Keyword::CREATE) {
            self.create()?;
        } else if self.keyword(Keyword::DROP) {
            self.drop()?;
        } else if self.keywords(&[Keyword::ALTER, Keyword::TABLE]) {
            self.alter_table()?;
        } else if self.is(Grammar::Postgres) && self.keywords(&[Keyword::ALTER, Keyword::TYPE]) {
            self.alter_type()?;
        } else if self.keywords(&[Keyword::ALTER, Keyword::INDEX]) && self.is(Grammar::Postgres) {
            let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
            let name = self.constraint_name()?;
            self.expect(&[Keyword::RENAME, Keyword::TO], "ALTER INDEX … RENAME TO")?;
            let new_name = self.constraint_name()?;
            self.push(DdlAction::RenameIndex(name, new_name), when);
        } else {
            return Err(unsupported(
                "only CREATE, ALTER and DROP of tables, indexes and enumerations are allowed as DDL",
            ));
        }
        match self.parser.peek_token_ref().token {
            Token::EOF => Ok(DdlStatement { needs: self.needs, parts: self.done }),
            _ => Err(unsupported(format!("what follows {} is not allowed", self.place()))),
        }
    }

    fn create(&mut self) -> Result<()> {
        if self.keyword(Keyword::TABLE) {
            return self.create_table();
        }
        if self.is(Grammar::Postgres) && self.keyword(Keyword::TYPE) {
            return self.create_type();
        }
        let unique = self.keyword(Keyword::UNIQUE);
        self.expect(&[Keyword::INDEX], "CREATE TABLE or CREATE [UNIQUE] INDEX")?;
        let online = self.concurrently();
        let when = self.when(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS], When::Missing);
        let name = self.constraint_name()?;
        self.expect(&[Keyword::ON], "ON")?;
        let table = self.table_name()?;
        self.btree()?;
        let parts = self.index_parts()?;
        self.btree()?;
        let predicate = if self.keyword(Keyword::WHERE) {
            let expr = self.parser.parse_expr().map_err(|error| syntax::not_understood(&error))?;
            Some(self.expression(Position::Predicate, &expr)?)
        } else {
            None
        };
        self.push(op(Op::CreateIndex { table, index: Index { name, parts, unique, predicate }, online }), when);
        Ok(())
    }

    fn create_table(&mut self) -> Result<()> {
        let if_missing = self.keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
        let name = self.table_name()?;
        if if_missing {
            self.needs = Needs::NoTable(name.clone());
        }
        if !self.parser.consume_token(&Token::LParen) {
            return Err(unsupported("CREATE TABLE … AS and LIKE are not allowed: name the columns"));
        }
        let (mut columns, mut constraints, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match self.table_constraint()? {
                Some(AddedKey::Constraint(constraint)) => constraints.push(constraint),
                Some(AddedKey::Index(index)) => indexes.push(index),
                None => {
                    let ColumnText { column, constraints: own } = self.column()?;
                    columns.push(column);
                    constraints.extend(own);
                }
            }
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.token(&Token::RParen)?;
        self.table_options()?;
        if self.is(Grammar::Postgres) {
            constraints = equal_keys_joined(constraints);
        }
        self.push(
            op(Op::CreateTable { table: TableSpec { name: name.clone(), columns, constraints, comment: None } }),
            When::Always,
        );
        for index in indexes {
            self.push(op(Op::CreateIndex { table: name.clone(), index, online: None }), When::Always);
        }
        Ok(())
    }

    /// Options that say what is so in any case.
    pub(super) fn table_options(&mut self) -> Result<()> {
        while self.is(Grammar::Mariadb) {
            if self.keyword(Keyword::ENGINE) {
                let _ = self.parser.consume_token(&Token::Eq);
                let engine = self.word()?;
                if !engine.eq_ignore_ascii_case("innodb") {
                    return Err(unsupported("only ENGINE=InnoDB is allowed"));
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    /// After DROP TABLE or DROP TYPE.
    fn drop_each(&mut self, drop: fn(Ident) -> Op) -> Result<()> {
        let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
        loop {
            let name = self.table_name()?;
            self.push(op(drop(name)), when);
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.behaviour();
        Ok(())
    }

    fn drop(&mut self) -> Result<()> {
        if self.keyword(Keyword::TABLE) {
            return self.drop_each(|name| Op::DropTable { name });
        }
        if self.is(Grammar::Postgres) && self.keyword(Keyword::TYPE) {
            return self.drop_each(|name| Op::DropEnum { name });
        }
        self.expect(&[Keyword::INDEX], "DROP TABLE or DROP INDEX")?;
        let online = self.concurrently();
        let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
        let name = self.constraint_name()?;
        if self.is(Grammar::Mariadb) || self.parser.peek_keyword(Keyword::ON) {
            self.expect(&[Keyword::ON], "ON with the table of the index")?;
            let table = self.table_name()?;
            self.push(op(Op::DropIndex { table, name, online }), when);
        } else {
            self.push(DdlAction::DropIndex(name, online), when);
        }
        self.behaviour();
        Ok(())
    }

    /// The default after DEFAULT.
    pub(super) fn default(&mut self) -> Result<ColumnDefault> {
        // As tight as a cast: what follows belongs to the column.
        let parsed = self.parser.parse_subexpr(syntax::CAST).map_err(|error| syntax::not_understood(&error))?;
        Ok(ColumnDefault::Expression(self.expression(Position::Default, &parsed)?))
    }

    pub(super) fn index_parts(&mut self) -> Result<Vec<IndexPart>> {
        self.token(&Token::LParen)?;
        let mut parts = Vec::new();
        loop {
            let parsed = self.parser.parse_expr().map_err(|error| syntax::not_understood(&error))?;
            let key = match self.expression(Position::Index, &parsed)? {
                crate::operation::Expr::Column(name) => IndexKey::Column(name),
                other => IndexKey::Expression(other),
            };
            let descending = self.keyword(Keyword::DESC);
            if !descending {
                self.keyword(Keyword::ASC);
            }
            parts.push(IndexPart {
                key,
                order: if descending { IndexOrder::Descending } else { IndexOrder::Ascending },
            });
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.token(&Token::RParen)?;
        Ok(parts)
    }

    /// A constraint or key of a table, if one stands here.
    pub(super) fn table_constraint(&mut self) -> Result<Option<AddedKey>> {
        let named = self.keyword(Keyword::CONSTRAINT);
        let starts = [Keyword::PRIMARY, Keyword::UNIQUE, Keyword::FOREIGN, Keyword::CHECK];
        let mut name = None;
        if named && !starts.iter().any(|keyword| self.parser.peek_keyword(*keyword)) {
            name = Some(self.constraint_name()?);
        }
        if self.keywords(&[Keyword::PRIMARY, Keyword::KEY]) {
            let columns = self.columns()?;
            return Ok(Some(AddedKey::Constraint(Constraint::PrimaryKey(Key { name, columns }))));
        }
        if self.keyword(Keyword::UNIQUE) {
            let _ = self.is(Grammar::Mariadb) && (self.keyword(Keyword::KEY) || self.keyword(Keyword::INDEX));
            if self.is(Grammar::Mariadb) && name.is_none() && self.parser.peek_token_ref().token != Token::LParen {
                name = Some(self.constraint_name()?);
            }
            let columns = self.columns()?;
            return Ok(Some(AddedKey::Constraint(Constraint::Unique(Key { name, columns }))));
        }
        if self.keywords(&[Keyword::FOREIGN, Keyword::KEY]) {
            if self.is(Grammar::Mariadb) && self.parser.peek_token_ref().token != Token::LParen {
                return Err(unsupported("the name of a foreign key stands after CONSTRAINT"));
            }
            let columns = self.columns()?;
            let key = self.references(name, columns)?;
            return Ok(Some(AddedKey::Constraint(Constraint::ForeignKey(key))));
        }
        if self.keyword(Keyword::CHECK) {
            return Ok(Some(AddedKey::Constraint(Constraint::Check(self.check(name)?))));
        }
        if named {
            return Err(refused("a constraint is PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK"));
        }
        if self.is(Grammar::Mariadb) && (self.keyword(Keyword::INDEX) || self.keyword(Keyword::KEY)) {
            let name = self.constraint_name()?;
            let parts = self.index_parts()?;
            return Ok(Some(AddedKey::Index(Index { name, parts, unique: false, predicate: None })));
        }
        Ok(None)
    }

    fn concurrently(&mut self) -> Option<Demand> {
        (self.is(Grammar::Postgres) && self.keyword(Keyword::CONCURRENTLY)).then_some(Demand::Required)
    }

    /// `USING btree`, which every index is.
    fn btree(&mut self) -> Result<()> {
        if self.keyword(Keyword::USING) && !self.word()?.eq_ignore_ascii_case("btree") {
            return Err(unsupported("only an index USING btree is allowed"));
        }
        Ok(())
    }

    /// CASCADE and RESTRICT: what something depends on is not dropped in any case.
    pub(super) fn behaviour(&mut self) {
        let _ = self.keyword(Keyword::CASCADE) || self.keyword(Keyword::RESTRICT);
    }

    pub(super) fn push(&mut self, action: DdlAction, when: When) {
        self.done.push(Ddl { action, when });
    }

    pub(super) fn is(&self, grammar: Grammar) -> bool {
        self.syntax.grammar == grammar
    }

    pub(super) fn keyword(&mut self, keyword: Keyword) -> bool {
        self.parser.parse_keyword(keyword)
    }

    pub(super) fn keywords(&mut self, keywords: &[Keyword]) -> bool {
        self.parser.parse_keywords(keywords)
    }

    pub(super) fn when(&mut self, keywords: &[Keyword], when: When) -> When {
        if self.keywords(keywords) { when } else { When::Always }
    }

    pub(super) fn expect(&mut self, keywords: &[Keyword], what: &str) -> Result<()> {
        if self.keywords(keywords) { Ok(()) } else { Err(unsupported(format!("only {what} is allowed here"))) }
    }

    pub(super) fn token(&mut self, token: &Token) -> Result<()> {
        if self.parser.consume_token(token) {
            return Ok(());
        }
        Err(unsupported(format!("what follows {} is not allowed: {token} is missing", self.place())))
    }

    /// The word before what stands next, for messages.
    fn place(&mut self) -> String {
        self.parser.prev_token();
        match self.parser.next_token().token {
            Token::Word(word) => word.value.chars().take(64).collect(),
            _ => "that".to_owned(),
        }
    }

    fn word(&mut self) -> Result<String> {
        match self.parser.next_token().token {
            Token::Word(word) => Ok(word.value),
            _ => Err(refused("a word is missing")),
        }
    }

    pub(super) fn identifier(&mut self) -> Result<ast::Ident> {
        self.parser.parse_identifier().map_err(|error: ParserError| syntax::not_understood(&error))
    }

    pub(super) fn reader(&self, position: Position) -> Reader<'a> {
        Reader::new(self.syntax, position, self.limits, self.limits.expression_nodes, &[])
    }

    pub(super) fn ident(&self, name: &ast::Ident) -> Result<Ident> {
        self.reader(Position::Check).ident(name)
    }

    /// The name of a column, or a new one of a table.
    pub(super) fn name(&mut self) -> Result<Ident> {
        let name = self.identifier()?;
        self.ident(&name)
    }

    /// The name of a table, which has no schema before it.
    pub(super) fn table_name(&mut self) -> Result<Ident> {
        let name = self.name()?;
        match self.parser.peek_token_ref().token {
            Token::Period => Err(unsupported("a table may not be qualified by a schema")),
            _ => Ok(name),
        }
    }

    /// The name of a constraint or index.
    pub(super) fn constraint_name(&mut self) -> Result<Ident> {
        let name = self.identifier()?;
        let is_folded = name.quote_style.is_none() && self.is(Grammar::Postgres);
        let text = if is_folded { name.value.to_ascii_lowercase() } else { name.value };
        Ident::parse(IdentKind::Constraint, self.limits.ident, &text).map_err(|error| refused(error.to_string()))
    }

    pub(super) fn columns(&mut self) -> Result<Vec<Ident>> {
        self.token(&Token::LParen)?;
        let mut columns = vec![self.name()?];
        while self.parser.consume_token(&Token::Comma) {
            columns.push(self.name()?);
        }
        self.token(&Token::RParen)?;
        Ok(columns)
    }

    pub(super) fn expression(&self, position: Position, parsed: &ast::Expr) -> Result<crate::operation::Expr> {
        let expr = self.reader(position).expr(parsed)?;
        super::check_growth(self.limits, expr.text_growth())?;
        Ok(expr)
    }
}

/// PostgreSQL makes one key of those of a CREATE TABLE that are over the same columns: the primary key, or else the first. It
/// gets the first name that one of them has.
fn equal_keys_joined(constraints: Vec<Constraint>) -> Vec<Constraint> {
    let primary = constraints.iter().find_map(|one| match one {
        Constraint::PrimaryKey(key) => Some(key.columns.clone()),
        _ => None,
    });
    let mut name_of_primary = None;
    let mut joined: Vec<Constraint> = Vec::with_capacity(constraints.len());
    for one in constraints {
        let Constraint::Unique(key) = one else {
            joined.push(one);
            continue;
        };
        let known = joined.iter_mut().find_map(|other| match other {
            Constraint::Unique(other) if other.columns == key.columns => Some(other),
            _ => None,
        });
        match known {
            _ if primary.as_ref() == Some(&key.columns) => name_of_primary = name_of_primary.or(key.name),
            Some(known) => known.name = known.name.take().or(key.name),
            None => joined.push(Constraint::Unique(key)),
        }
    }
    for one in &mut joined {
        if let Constraint::PrimaryKey(key) = one {
            key.name = key.name.take().or_else(|| name_of_primary.take());
        }
    }
    joined
}

/// What `ADD` and CREATE TABLE take beside columns.
pub(super) enum AddedKey {
    Constraint(Constraint),
    Index(Index),
}
