//! ALTER TABLE: its parts one by one.

use sqlparser::ast::{self, DataType};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::column::ColumnText;
use super::ddl::{AddedKey, DdlReader, Result, op};
use super::{Grammar, syntax, unsupported};
use crate::operation::{
    Change, ColumnChanges, Constraint, ConstraintSelector, Ddl, DdlAction, Ident, Index, IndexOrder, IndexPart, Needs,
    Op, When,
};

impl DdlReader<'_> {
    pub(super) fn alter_table(&mut self) -> Result<()> {
        let if_there = self.keywords(&[Keyword::IF, Keyword::EXISTS]);
        self.keyword(Keyword::ONLY);
        let table = self.table_name()?;
        if if_there {
            self.needs = Needs::Table(table.clone());
        }
        loop {
            self.alter(&table)?;
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.keep_covered(&table);
        Ok(())
    }

    /// An index or primary key that is dropped and made anew in one statement may be what a foreign key needs: another index
    /// serves it meanwhile.
    fn keep_covered(&mut self, table: &Ident) {
        let dropped = self.done.iter().enumerate().find_map(|(at, ddl)| match &ddl.action {
            DdlAction::Op(op @ Op::DropIndex { .. }) => Some((at, op.clone())),
            DdlAction::Op(op @ Op::DropConstraint { which: ConstraintSelector::PrimaryKey, .. })
                if self.is(Grammar::Mariadb) =>
            {
                Some((at, op.clone()))
            }
            _ => None,
        });
        let Some((at, dropped)) = dropped else { return };
        let parts = |columns: &[Ident]| {
            columns.iter().map(|name| IndexPart::column(name.clone(), IndexOrder::Ascending)).collect::<Vec<_>>()
        };
        let made = self.done.iter().enumerate().skip(at).find_map(|(place, ddl)| match (&ddl.action, &dropped) {
            (
                DdlAction::Op(Op::CreateConstraint { constraint: Constraint::Unique(key), .. }),
                Op::DropIndex { name, .. },
            ) if key.name.as_ref() == Some(name) => Some((place, parts(&key.columns))),
            (DdlAction::Op(Op::CreateIndex { index, .. }), Op::DropIndex { name, .. }) if index.name == *name => {
                Some((place, index.parts.clone()))
            }
            (
                DdlAction::Op(Op::CreateConstraint { constraint: Constraint::PrimaryKey(key), .. }),
                Op::DropConstraint { .. },
            ) => Some((place, parts(&key.columns))),
            _ => None,
        });
        let Some((place, parts)) = made else { return };
        let (table, name) = (table.clone(), Ident::internal("ptah_meanwhile"));
        let index = Index { name: name.clone(), parts, unique: false, predicate: None };
        let (gone, made) = (
            Op::DropIndex { table: table.clone(), name, online: None },
            Op::CreateIndex { table, index, online: None },
        );
        let (made, when) = match &dropped {
            Op::DropIndex { .. } => (op(made), When::Always),
            _ => (DdlAction::Cover(made, Box::new(dropped)), When::Exists),
        };
        self.done.insert(place + 1, Ddl { action: op(gone), when });
        self.done.insert(at, Ddl { action: made, when: When::Always });
    }

    fn alter(&mut self, table: &Ident) -> Result<()> {
        if self.keyword(Keyword::ADD) {
            return self.add(table);
        }
        if self.keyword(Keyword::DROP) {
            return self.drop_part(table);
        }
        if self.keyword(Keyword::RENAME) {
            return self.rename(table);
        }
        if self.is(Grammar::Mariadb) && (self.keyword(Keyword::MODIFY) || self.keyword(Keyword::CHANGE)) {
            self.parser.prev_token();
            return self.modify(table);
        }
        if self.keyword(Keyword::ALTER) {
            self.keyword(Keyword::COLUMN);
            let name = self.name()?;
            let changes = self.column_changes(&name)?;
            self.push(op(Op::AlterColumn { table: table.clone(), name, changes }), When::Always);
            return Ok(());
        }
        if self.is(Grammar::Mariadb) && self.parser.peek_keyword(Keyword::ENGINE) {
            return self.table_options();
        }
        Err(unsupported("ALTER TABLE takes ADD, DROP, RENAME, ALTER COLUMN, and on MariaDB MODIFY and CHANGE"))
    }

    fn add(&mut self, table: &Ident) -> Result<()> {
        match self.table_constraint()? {
            Some(AddedKey::Constraint(constraint)) => {
                self.push(op(Op::CreateConstraint { table: table.clone(), constraint }), When::Always);
                return Ok(());
            }
            Some(AddedKey::Index(index)) => {
                self.push(op(Op::CreateIndex { table: table.clone(), index, online: None }), When::Always);
                return Ok(());
            }
            None => {}
        }
        self.keyword(Keyword::COLUMN);
        let when = self.when(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS], When::Missing);
        let ColumnText { column, constraints } = self.column()?;
        if when != When::Always && !constraints.is_empty() {
            return Err(unsupported("IF NOT EXISTS of a column with a key is not allowed"));
        }
        if self.parser.peek_keyword(Keyword::FIRST) || self.parser.peek_keyword(Keyword::AFTER) {
            return Err(unsupported("the place of a new column is not allowed: it is the last"));
        }
        self.push(op(Op::AddColumn { table: table.clone(), column }), when);
        for constraint in constraints {
            self.push(op(Op::CreateConstraint { table: table.clone(), constraint }), When::Always);
        }
        Ok(())
    }

    fn drop_part(&mut self, table: &Ident) -> Result<()> {
        let table = table.clone();
        let mariadb = self.is(Grammar::Mariadb);
        if self.keywords(&[Keyword::PRIMARY, Keyword::KEY]) {
            self.push(op(Op::DropConstraint { table, which: ConstraintSelector::PrimaryKey }), When::Always);
        } else if self.keyword(Keyword::CONSTRAINT) || (mariadb && self.keywords(&[Keyword::FOREIGN, Keyword::KEY])) {
            let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
            let which = ConstraintSelector::Name(self.constraint_name()?);
            self.behaviour();
            self.push(op(Op::DropConstraint { table, which }), when);
        } else if mariadb && (self.keyword(Keyword::INDEX) || self.keyword(Keyword::KEY)) {
            let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
            let name = self.constraint_name()?;
            self.push(op(Op::DropIndex { table, name, online: None }), when);
        } else {
            self.keyword(Keyword::COLUMN);
            let when = self.when(&[Keyword::IF, Keyword::EXISTS], When::Exists);
            let name = self.name()?;
            self.behaviour();
            self.push(
                match self.syntax.grammar {
                    Grammar::Postgres | Grammar::Mariadb => DdlAction::DropColumn(table, name),
                    Grammar::Portable | Grammar::Sqlite => op(Op::DropColumn { table, name }),
                },
                when,
            );
        }
        Ok(())
    }

    fn rename(&mut self, table: &Ident) -> Result<()> {
        let table = table.clone();
        if self.keyword(Keyword::TO) || (self.is(Grammar::Mariadb) && self.keyword(Keyword::AS)) {
            let new_name = self.name()?;
            self.push(op(Op::RenameTable { name: table, new_name }), When::Always);
            return Ok(());
        }
        if self.keyword(Keyword::CONSTRAINT) {
            if !self.is(Grammar::Postgres) {
                return Err(unsupported("RENAME CONSTRAINT is not allowed: drop it and add it"));
            }
            let name = self.constraint_name()?;
            self.expect(&[Keyword::TO], "TO")?;
            let new_name = self.constraint_name()?;
            self.push(op(Op::RenameConstraint { table, name, new_name }), When::Always);
            return Ok(());
        }
        if self.is(Grammar::Mariadb) && (self.keyword(Keyword::INDEX) || self.keyword(Keyword::KEY)) {
            let name = self.constraint_name()?;
            self.expect(&[Keyword::TO], "TO")?;
            let new_name = self.constraint_name()?;
            self.push(op(Op::RenameIndex { table, name, new_name }), When::Always);
            return Ok(());
        }
        self.keyword(Keyword::COLUMN);
        let name = self.name()?;
        self.expect(&[Keyword::TO], "TO")?;
        let new_name = self.name()?;
        self.push(op(Op::RenameColumn { table, name, new_name }), When::Always);
        Ok(())
    }

    /// `MODIFY a …` and `CHANGE a b …` say the whole column: what is not said of it is gone.
    fn modify(&mut self, table: &Ident) -> Result<()> {
        let change = self.keyword(Keyword::CHANGE);
        if !change {
            self.keyword(Keyword::MODIFY);
        }
        self.keyword(Keyword::COLUMN);
        let from = if change { Some(self.name()?) } else { None };
        let ColumnText { column, constraints } = self.column()?;
        if !constraints.is_empty() || column.computed.is_some() || column.auto_increment {
            return Err(unsupported("MODIFY takes the type, NULL, DEFAULT and COMMENT of a column"));
        }
        if self.parser.peek_keyword(Keyword::FIRST) || self.parser.peek_keyword(Keyword::AFTER) {
            return Err(unsupported("the place of a column is not allowed"));
        }
        let name = from.unwrap_or_else(|| column.name.clone());
        let changes = ColumnChanges {
            column_type: Some(column.column_type),
            nullable: Some(column.nullable),
            default: column.default.map_or(Change::Clear, Change::Set),
            comment: column.comment.map_or(Change::Clear, Change::Set),
        };
        self.push(op(Op::AlterColumn { table: table.clone(), name: name.clone(), changes }), When::Always);
        if name != column.name {
            self.push(op(Op::RenameColumn { table: table.clone(), name, new_name: column.name }), When::Always);
        }
        Ok(())
    }

    fn column_changes(&mut self, name: &Ident) -> Result<ColumnChanges> {
        let (default, comment) = (Change::Keep, Change::Keep);
        let mut changes = ColumnChanges { column_type: None, nullable: None, default, comment };
        if self.keyword(Keyword::TYPE) || self.keywords(&[Keyword::SET, Keyword::DATA, Keyword::TYPE]) {
            let (data_type, column_type) = self.column_type()?;
            changes.column_type = Some(column_type);
            if self.keyword(Keyword::USING) {
                let using = self.parser.parse_expr().map_err(|error| syntax::not_understood(&error))?;
                self.check_using(name, &data_type, &using)?;
            }
        } else if self.keywords(&[Keyword::SET, Keyword::DEFAULT]) {
            changes.default = Change::Set(self.default()?);
        } else if self.keywords(&[Keyword::DROP, Keyword::DEFAULT]) {
            changes.default = Change::Clear;
        } else if self.keywords(&[Keyword::SET, Keyword::NOT, Keyword::NULL]) {
            changes.nullable = Some(false);
        } else if self.keywords(&[Keyword::DROP, Keyword::NOT, Keyword::NULL]) {
            changes.nullable = Some(true);
        } else {
            return Err(unsupported("ALTER COLUMN takes TYPE, SET or DROP DEFAULT, and SET or DROP NOT NULL"));
        }
        Ok(changes)
    }

    /// The plain cast, by way of a text or not, is what is done in any case.
    fn check_using(&self, name: &Ident, data_type: &DataType, using: &ast::Expr) -> Result<()> {
        let is_text =
            |of: &DataType| matches!(of, DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None));
        let mut using = using;
        let plain = loop {
            using = match using {
                ast::Expr::Nested(inner) => inner,
                ast::Expr::Cast {
                    kind: ast::CastKind::DoubleColon | ast::CastKind::Cast,
                    expr,
                    data_type: to,
                    format: None,
                } if to == data_type || is_text(to) => expr,
                ast::Expr::Identifier(column) => break self.ident(column)? == *name,
                _ => break false,
            };
        };
        if plain { Ok(()) } else { Err(unsupported("USING is allowed for the plain cast of the column only")) }
    }
}
