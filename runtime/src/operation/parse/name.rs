//! Names, and what a column is a column of.

use sqlparser::ast;

use super::expr::Reader;
use super::{Grammar, ParseError, refused, unsupported};
use crate::operation::{Conflict, Expr, Ident, IdentKind, Position};

type Result<T> = std::result::Result<T, ParseError>;

impl Reader<'_> {
    /// A name as it is written; PostgreSQL folds one without quotes to lower case.
    pub(super) fn ident(&self, name: &ast::Ident) -> Result<Ident> {
        let quote = match self.syntax.grammar {
            Grammar::Portable | Grammar::Postgres => &['"'][..],
            Grammar::Sqlite => &['"', '`'],
            Grammar::Mariadb => &['`'],
        };
        let parse = |text: &str| {
            Ident::parse(IdentKind::Object, self.ident_limit, text).map_err(|error| refused(error.to_string()))
        };
        match name.quote_style {
            Some(found) if !quote.contains(&found) => Err(refused("a text literal stands where a name belongs")),
            None if self.syntax.grammar == Grammar::Postgres => parse(&name.value.to_ascii_lowercase()),
            _ => parse(&name.value),
        }
    }

    pub(super) fn column(&self, name: &ast::Ident) -> Result<Expr> {
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default") {
            return Err(unsupported("DEFAULT is not allowed: leave the column out"));
        }
        let column = self.ident(name)?;
        match self.position {
            Position::Default => Err(refused(format!("a default may not refer to a column: {column}"))),
            _ => Ok(Expr::Column(column)),
        }
    }

    pub(super) fn qualified_column(&self, parts: &[ast::Ident]) -> Result<Expr> {
        if let ([source, name], Some(table)) = (parts, &self.table) {
            let source = self.ident(source)?;
            let inside = |name: &Ident| self.aliases.iter().any(|alias| alias.is_like(name.as_str()));
            let is_target = self.alias.as_ref().unwrap_or(table).is_like(source.as_str());
            if is_target && !inside(&source) && (self.joined || self.queries > 0) {
                if inside(table) {
                    return Err(unsupported(format!(
                        "a subquery of the statement reads {table} too: give it an alias there"
                    )));
                }
                return Ok(Expr::Field(table.clone(), self.ident(name)?));
            }
            if is_target && self.queries == 0 {
                return self.column(name);
            }
            if self.joined {
                return Ok(Expr::Field(source, self.ident(name)?));
            }
        }
        match (parts, &self.table) {
            ([source, name], _) if self.queries > 0 => Ok(Expr::Field(self.ident(source)?, self.ident(name)?)),
            ([source, name], _) if self.excluded && self.ident(source)?.is_like(Conflict::EXCLUDED) => {
                Ok(Expr::Field(Ident::internal(Conflict::EXCLUDED), self.ident(name)?))
            }
            _ => Err(refused("a column may only be qualified by the table of the statement")),
        }
    }

    /// Whether a name is that of the table of the statement.
    pub(super) fn is_target(&self, name: &ast::Ident) -> Result<bool> {
        let target = self.alias.as_ref().or(self.table.as_ref());
        let name = self.ident(name)?;
        Ok(target.is_some_and(|target| target.is_like(name.as_str())))
    }
}
