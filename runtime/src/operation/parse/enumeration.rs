//! CREATE and ALTER TYPE of an enumeration, and enumerations as types of columns.

use std::sync::Arc;

use sqlparser::ast::{self, DataType, EnumMember};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::ddl::{DdlReader, Result, op};
use super::{Grammar, refused, unsupported};
use crate::operation::{EnumType, Ident, Label, LabelPlace, Op, When};

/// Whether the parser takes a name without quotation marks for a type that databases have: what a server prints of an
/// enumeration of that name would not be read as its.
pub(crate) fn is_type_name(name: &str) -> bool {
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(name).and_then(|mut parser| parser.parse_data_type());
    parsed.is_ok_and(|parsed| !matches!(parsed, DataType::Custom(..)))
}

impl DdlReader<'_> {
    /// After CREATE TYPE.
    pub(super) fn create_type(&mut self) -> Result<()> {
        let name = self.table_name()?;
        self.expect(&[Keyword::AS, Keyword::ENUM], "CREATE TYPE … AS ENUM")?;
        self.token(&Token::LParen)?;
        let mut labels = Vec::new();
        if !self.parser.consume_token(&Token::RParen) {
            loop {
                labels.push(self.label()?);
                if !self.parser.consume_token(&Token::Comma) {
                    break;
                }
            }
            self.token(&Token::RParen)?;
        }
        self.push(op(Op::CreateEnum { name, labels }), When::Always);
        Ok(())
    }

    /// After ALTER TYPE.
    pub(super) fn alter_type(&mut self) -> Result<()> {
        let name = self.table_name()?;
        if self.keywords(&[Keyword::RENAME, Keyword::TO]) {
            let new_name = self.name()?;
            self.push(op(Op::RenameEnum { name, new_name }), When::Always);
        } else if self.keywords(&[Keyword::RENAME, Keyword::VALUE]) {
            let label = self.label()?;
            self.expect(&[Keyword::TO], "TO")?;
            let new_label = self.label()?;
            self.push(op(Op::RenameEnumValue { name, label, new_label }), When::Always);
        } else {
            self.expect(&[Keyword::ADD, Keyword::VALUE], "ALTER TYPE … ADD VALUE, RENAME VALUE or RENAME TO")?;
            let when = self.when(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS], When::Missing);
            let label = self.label()?;
            let place = if self.keyword(Keyword::BEFORE) {
                LabelPlace::Before(self.label()?)
            } else if self.keyword(Keyword::AFTER) {
                LabelPlace::After(self.label()?)
            } else {
                LabelPlace::End
            };
            self.push(op(Op::AddEnumValue { name, label, place }), when);
        }
        Ok(())
    }

    fn label(&mut self) -> Result<Label> {
        match self.parser.next_token().token {
            Token::SingleQuotedString(text) => label(&text),
            _ => Err(refused("a label of an enumeration is a text")),
        }
    }

    /// The enumeration that a type is, if it is one: on PostgreSQL any name that is no other type, its labels left out; on
    /// MariaDB the labels.
    pub(super) fn enumeration(&self, data_type: &DataType) -> Result<Option<Arc<EnumType>>> {
        let of = match data_type {
            DataType::Custom(name, modifiers) if self.is(Grammar::Postgres) && modifiers.is_empty() => {
                let name = self.type_name(name)?;
                EnumType { name: Some(name), labels: Vec::new() }
            }
            DataType::Enum(members, None) if self.is(Grammar::Mariadb) => {
                let labels = members.iter().map(|member| match member {
                    EnumMember::Name(text) => label(text),
                    EnumMember::NamedValue(..) => Err(unsupported("a label of an enumeration has no number")),
                });
                EnumType { name: None, labels: labels.collect::<Result<_>>()? }
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(of)))
    }

    fn type_name(&self, name: &ast::ObjectName) -> Result<Ident> {
        match name.0.as_slice() {
            [ast::ObjectNamePart::Identifier(name)] => self.ident(name),
            _ => Err(unsupported("a type may not be qualified by a schema")),
        }
    }
}

fn label(text: &str) -> Result<Label> {
    Label::parse(text).map_err(|error| refused(error.to_string()))
}
