//! A column in DDL: its type and what follows it.

use sqlparser::ast::DataType;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::ddl::{DdlReader, Result};
use super::{Grammar, refused, syntax, types, unsupported};
use crate::operation::{
    CheckSpec, ColumnSpec, ColumnType, Comment, Computed, ComputedStorage, Constraint, Demand, ForeignKey, Ident, Key,
    Position, ReferentialAction,
};

/// A column, and the constraints that stand with it.
pub(super) struct ColumnText {
    pub(super) column: ColumnSpec,
    pub(super) constraints: Vec<Constraint>,
}

impl DdlReader<'_> {
    pub(super) fn column_type(&mut self) -> Result<(DataType, ColumnType)> {
        let name = self.parser.parse_data_type().map_err(|error| syntax::not_understood(&error))?;
        let column_type = match self.enumeration(&name)? {
            Some(of) => ColumnType::Enumeration(of),
            None => types::column_type(self.syntax.grammar, &name)?,
        };
        Ok((name, column_type))
    }

    /// A name, a type, and whatever is said of it.
    pub(super) fn column(&mut self) -> Result<ColumnText> {
        let name = self.name()?;
        let serial = self.is(Grammar::Postgres).then(|| self.serial()).flatten();
        let is_serial = serial.is_some();
        let column_type = match serial {
            Some(column_type) => column_type,
            None => self.column_type()?.1,
        };
        let mut column = ColumnSpec {
            name: name.clone(),
            column_type,
            nullable: !is_serial,
            default: None,
            auto_increment: is_serial,
            numbered_once: false,
            computed: None,
            comment: None,
        };
        let mut constraints = Vec::new();
        let own = || vec![name.clone()];
        loop {
            let constraint = if self.keyword(Keyword::CONSTRAINT) { Some(self.constraint_name()?) } else { None };
            if self.keywords(&[Keyword::NOT, Keyword::NULL]) {
                column.nullable = false;
            } else if self.keyword(Keyword::NULL) {
                column.nullable = true;
            } else if self.keyword(Keyword::DEFAULT) {
                column.default = Some(self.default()?);
            } else if self.keywords(&[Keyword::PRIMARY, Keyword::KEY]) {
                column.nullable = false;
                constraints.push(Constraint::PrimaryKey(Key { name: constraint, columns: own() }));
            } else if self.keyword(Keyword::UNIQUE) {
                let _ = self.is(Grammar::Mariadb) && self.keyword(Keyword::KEY);
                constraints.push(Constraint::Unique(Key { name: constraint, columns: own() }));
            } else if self.parser.peek_keyword(Keyword::REFERENCES) {
                constraints.push(Constraint::ForeignKey(self.references(constraint, own())?));
            } else if self.keyword(Keyword::CHECK) {
                constraints.push(Constraint::Check(self.check(constraint)?));
            } else if constraint.is_some() {
                return Err(refused("a constraint is NOT NULL, PRIMARY KEY, UNIQUE, REFERENCES or CHECK"));
            } else if self.numbered() {
                column.auto_increment = true;
                column.numbered_once = self.is(Grammar::Sqlite);
            } else if self.keyword(Keyword::GENERATED) {
                if self.keywords(&[Keyword::BY, Keyword::DEFAULT, Keyword::AS, Keyword::IDENTITY]) {
                    column.auto_increment = true;
                    column.nullable = false;
                } else {
                    column.computed = Some(self.computed()?);
                }
            } else if self.is(Grammar::Mariadb) && self.keyword(Keyword::COMMENT) {
                let text = self.parser.parse_literal_string().map_err(|error| syntax::not_understood(&error))?;
                column.comment = Some(Comment { text, demand: Demand::Required });
            } else {
                return Ok(ColumnText { column, constraints });
            }
        }
    }

    /// The type of numbers that PostgreSQL draws.
    fn serial(&mut self) -> Option<ColumnType> {
        let Token::Word(word) = &self.parser.peek_token_ref().token else { return None };
        let found = match word.value.to_ascii_lowercase().as_str() {
            "smallserial" => ColumnType::SmallInteger,
            "serial" => ColumnType::Integer,
            "bigserial" => ColumnType::BigInteger,
            _ => return None,
        };
        self.parser.advance_token();
        Some(found)
    }

    fn numbered(&mut self) -> bool {
        match self.syntax.grammar {
            Grammar::Mariadb => self.keyword(Keyword::AUTO_INCREMENT),
            Grammar::Sqlite => self.keyword(Keyword::AUTOINCREMENT),
            Grammar::Portable | Grammar::Postgres => false,
        }
    }

    fn computed(&mut self) -> Result<Computed> {
        if !self.keywords(&[Keyword::ALWAYS, Keyword::AS]) || self.parser.peek_token_ref().token != Token::LParen {
            return Err(unsupported("only GENERATED ALWAYS AS (…) and GENERATED BY DEFAULT AS IDENTITY are allowed"));
        }
        let expression = self.parenthesised(Position::Computed)?;
        let storage = if self.keyword(Keyword::STORED) || self.keyword(Keyword::PERSISTENT) {
            ComputedStorage::Stored
        } else {
            self.keyword(Keyword::VIRTUAL);
            ComputedStorage::Virtual
        };
        Ok(Computed { expression, storage })
    }

    /// The condition after CHECK.
    pub(super) fn check(&mut self, name: Option<Ident>) -> Result<CheckSpec> {
        Ok(CheckSpec { name, condition: self.parenthesised(Position::Check)? })
    }

    fn parenthesised(&mut self, position: Position) -> Result<crate::operation::Expr> {
        self.token(&Token::LParen)?;
        let parsed = self.parser.parse_expr().map_err(|error| syntax::not_understood(&error))?;
        self.token(&Token::RParen)?;
        self.expression(position, &parsed)
    }

    /// What stands from REFERENCES on.
    pub(super) fn references(&mut self, name: Option<Ident>, columns: Vec<Ident>) -> Result<ForeignKey> {
        if !self.keyword(Keyword::REFERENCES) {
            return Err(refused("a foreign key needs REFERENCES"));
        }
        let referred_table = self.table_name()?;
        if self.parser.peek_token_ref().token != Token::LParen {
            return Err(unsupported("REFERENCES needs the columns that are referred to"));
        }
        let referred_columns = self.columns()?;
        let (mut on_update, mut on_delete) = (ReferentialAction::NoAction, ReferentialAction::NoAction);
        while self.keyword(Keyword::ON) {
            let place = if self.keyword(Keyword::DELETE) {
                &mut on_delete
            } else if self.keyword(Keyword::UPDATE) {
                &mut on_update
            } else {
                return Err(refused("ON DELETE or ON UPDATE is missing"));
            };
            *place = if self.keyword(Keyword::CASCADE) {
                ReferentialAction::Cascade
            } else if self.keyword(Keyword::RESTRICT) {
                ReferentialAction::Restrict
            } else if self.keywords(&[Keyword::SET, Keyword::NULL]) {
                ReferentialAction::SetNull
            } else if self.keywords(&[Keyword::NO, Keyword::ACTION]) {
                ReferentialAction::NoAction
            } else {
                return Err(unsupported("only CASCADE, RESTRICT, SET NULL and NO ACTION are allowed"));
            };
        }
        Ok(ForeignKey { name, columns, referred_table, referred_columns, on_update, on_delete })
    }
}
