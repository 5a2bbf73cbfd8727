//! A CREATE TABLE or CREATE INDEX taken apart as SQLite's grammar has it: columns with their types and clauses, table
//! constraints, parts of an index, each with its place in the text. Owns the reading; what is made of it, introspection and rebuilds decide.

mod index;
mod lex;

pub(super) use index::IndexText;

use std::ops::Range;

use lex::{Kind, Token};

/// A name in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

impl Name {
    /// SQLite compares names without regard to ASCII case.
    pub(super) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

/// A definition taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: Name,
    /// Where the parenthesis is that opens its body.
    pub(super) body: usize,
    pub(super) columns: Vec<ColumnText>,
    /// Table constraints.
    pub(super) constraints: Vec<Clause>,
    /// Where the body ends, behind its parenthesis.
    pub(super) end: usize,
    /// What follows: `STRICT`, `WITHOUT ROWID`.
    pub(super) options: Vec<&'static str>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnText {
    pub(super) name: Name,
    /// Its declared type; empty where it has none.
    pub(super) declared: Range<usize>,
    pub(super) clauses: Vec<Clause>,
    pub(super) span: Range<usize>,
}

/// A constraint, or another clause of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) name: Option<String>,
    pub(super) kind: ClauseKind,
    /// With its name and all that follows.
    pub(super) span: Range<usize>,
}

/// What a clause is. The columns are those listed, none for a clause of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClauseKind {
    PrimaryKey { columns: Vec<Name> },
    Unique { columns: Vec<Name> },
    ForeignKey { columns: Vec<Name>, referred: Name, referred_columns: Vec<Name> },
    Check { condition: Range<usize> },
    NotNull,
    Null,
    Default,
    Collate,
    Generated { expression: Range<usize> },
}

impl Definition {
    /// Takes the text of a CREATE TABLE apart; none where it is not what is understood here.
    pub(super) fn parse(sql: &str) -> Option<Self> {
        let tokens = lex::tokens(sql)?;
        let mut parser = Parser { sql, tokens: &tokens, at: 0 };
        parser.words(&["CREATE", "TABLE"])?;
        let name = parser.name()?;
        let body = parser.start();
        parser.eat(Kind::Open)?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        loop {
            match parser.table_constraint()? {
                Some(constraint) => constraints.push(constraint),
                None => columns.push(parser.column()?),
            }
            if parser.eat(Kind::Comma).is_none() {
                break;
            }
        }
        parser.eat(Kind::Close)?;
        let end = parser.end();
        let options = parser.options()?;
        (!columns.is_empty()).then_some(Self { name, body, columns, constraints, end, options })
    }

    /// Every clause of a column, with the column, and then every table constraint.
    pub(super) fn clauses(&self) -> impl Iterator<Item = (Option<&ColumnText>, &Clause)> {
        let of_columns =
            self.columns.iter().flat_map(|column| column.clauses.iter().map(move |one| (Some(column), one)));
        of_columns.chain(self.constraints.iter().map(|one| (None, one)))
    }

    /// The conditions of its checks, in order.
    pub(super) fn conditions<'s>(&self, sql: &'s str) -> Vec<&'s str> {
        let of = |clause: &Clause| match &clause.kind {
            ClauseKind::Check { condition } => sql.get(condition.clone()),
            _ => None,
        };
        self.clauses().filter_map(|(_, clause)| of(clause)).collect()
    }

    /// Whether something in it says of which table a column is (`pages.id`): only its own can be meant.
    pub(super) fn qualifies(sql: &str) -> bool {
        let tokens = lex::tokens(sql).unwrap_or_default();
        tokens.windows(2).any(|pair| match pair {
            [name, dot] => matches!(name.kind, Kind::Word | Kind::Quoted) && sql.get(dot.span.clone()) == Some("."),
            _ => false,
        })
    }

    /// The column of that name.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnText> {
        self.columns.iter().find(|column| column.name.is(name))
    }

    /// Where its last column or constraint ends.
    pub(super) fn last(&self) -> usize {
        let columns = self.columns.iter().map(|column| column.span.end);
        columns.chain(self.constraints.iter().map(|clause| clause.span.end)).max().unwrap_or(self.body)
    }
}

impl ColumnText {
    /// What the database works out its values from.
    pub(super) fn generated(&self) -> Option<&Range<usize>> {
        self.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Generated { expression } => Some(expression),
            _ => None,
        })
    }

    /// Whether the database works its values out.
    pub(super) fn is_generated(&self) -> bool {
        self.generated().is_some()
    }
}

struct Parser<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The end of the token before.
    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |token| token.span.end)
    }

    fn start(&self) -> usize {
        self.peek().map_or(self.sql.len(), |token| token.span.start)
    }

    fn eat(&mut self, kind: Kind) -> Option<()> {
        (self.peek()?.kind == kind).then(|| self.at += 1)
    }

    /// Whether the next token but `ahead` is that keyword.
    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| {
            token.kind == Kind::Word
                && self.sql.get(token.span.clone()).is_some_and(|text| text.eq_ignore_ascii_case(word))
        })
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn words(&mut self, words: &[&str]) -> Option<()> {
        words.iter().all(|word| self.word(word)).then_some(())
    }

    fn name(&mut self) -> Option<Name> {
        let token = self.peek()?;
        let name = Name { text: lex::name(self.sql, token)?, span: token.span.clone() };
        self.at += 1;
        Some(name)
    }

    /// What stands between parentheses, without them.
    fn group(&mut self) -> Option<Range<usize>> {
        self.eat(Kind::Open)?;
        let start = self.end();
        let mut depth = 1_usize;
        while depth > 0 {
            match self.peek()?.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Some(start..self.end().checked_sub(1)?)
    }

    /// A list of columns, each by its first token: a collation or an order may follow.
    fn list(&mut self) -> Option<Vec<Name>> {
        let first = self.at + 1;
        self.group()?;
        let (mut names, mut depth, mut fresh) = (Vec::new(), 0_usize, true);
        for token in self.tokens.get(first..self.at.checked_sub(1)?)? {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.checked_sub(1)?,
                Kind::Comma if depth == 0 => fresh = true,
                _ if fresh => {
                    names.push(Name { text: lex::name(self.sql, token)?, span: token.span.clone() });
                    fresh = false;
                }
                _ => {}
            }
        }
        Some(names)
    }

    /// The options at the end; nothing else may stand there.
    fn options(&mut self) -> Option<Vec<&'static str>> {
        let mut options = Vec::new();
        while self.peek().is_some() {
            if !options.is_empty() {
                self.eat(Kind::Comma)?;
            }
            if self.word("STRICT") {
                options.push("STRICT");
            } else {
                self.words(&["WITHOUT", "ROWID"])?;
                options.push("WITHOUT ROWID");
            }
        }
        Some(options)
    }

    fn conflict(&mut self) -> Option<()> {
        if self.is_word("ON") && self.is_word_at(1, "CONFLICT") {
            self.at += 3;
        }
        Some(())
    }

    /// Outer none: not understood. Inner none: it is a column.
    #[allow(clippy::option_option)]
    fn table_constraint(&mut self) -> Option<Option<Clause>> {
        let start = self.start();
        if !["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| self.is_word(word)) {
            return Some(None);
        }
        let name = if self.word("CONSTRAINT") { Some(self.name()?.text) } else { None };
        let kind = if self.word("PRIMARY") {
            self.words(&["KEY"])?;
            ClauseKind::PrimaryKey { columns: self.list()? }
        } else if self.word("UNIQUE") {
            ClauseKind::Unique { columns: self.list()? }
        } else if self.word("CHECK") {
            ClauseKind::Check { condition: self.group()? }
        } else {
            self.words(&["FOREIGN", "KEY"])?;
            let columns = self.list()?;
            self.words(&["REFERENCES"])?;
            self.reference(columns)?
        };
        self.conflict()?;
        Some(Some(Clause { name, kind, span: start..self.end() }))
    }

    fn column(&mut self) -> Option<ColumnText> {
        let name = self.name()?;
        let declared_start = self.start();
        while !self.at_clause() && matches!(self.peek()?.kind, Kind::Word | Kind::Quoted | Kind::Text) {
            self.at += 1;
        }
        if self.end() > name.span.end && self.peek()?.kind == Kind::Open {
            self.group()?;
        }
        let declared =
            if self.end() == name.span.end { name.span.end..name.span.end } else { declared_start..self.end() };
        let mut clauses = Vec::new();
        while self.at_clause() {
            clauses.push(self.clause()?);
        }
        let span = name.span.start..self.end();
        Some(ColumnText { name, declared, clauses, span })
    }

    fn at_clause(&self) -> bool {
        [
            "CONSTRAINT",
            "PRIMARY",
            "NOT",
            "NULL",
            "UNIQUE",
            "CHECK",
            "DEFAULT",
            "COLLATE",
            "REFERENCES",
            "GENERATED",
            "AS",
        ]
        .iter()
        .any(|word| self.is_word(word))
    }

    fn clause(&mut self) -> Option<Clause> {
        let start = self.start();
        let name = if self.word("CONSTRAINT") { Some(self.name()?.text) } else { None };
        let kind = if self.word("PRIMARY") {
            self.words(&["KEY"])?;
            let _ = self.word("ASC") || self.word("DESC");
            self.conflict()?;
            self.word("AUTOINCREMENT");
            ClauseKind::PrimaryKey { columns: Vec::new() }
        } else if self.word("NOT") {
            self.words(&["NULL"])?;
            self.conflict()?;
            ClauseKind::NotNull
        } else if self.word("NULL") {
            self.conflict()?;
            ClauseKind::Null
        } else if self.word("UNIQUE") {
            self.conflict()?;
            ClauseKind::Unique { columns: Vec::new() }
        } else if self.word("CHECK") {
            let condition = self.group()?;
            self.conflict()?;
            ClauseKind::Check { condition }
        } else if self.word("DEFAULT") {
            self.default()?;
            ClauseKind::Default
        } else if self.word("COLLATE") {
            self.name()?;
            ClauseKind::Collate
        } else if self.word("REFERENCES") {
            self.reference(Vec::new())?
        } else {
            if self.word("GENERATED") {
                self.words(&["ALWAYS"])?;
            }
            self.words(&["AS"])?;
            let expression = self.group()?;
            let _ = self.word("STORED") || self.word("VIRTUAL");
            ClauseKind::Generated { expression }
        };
        Some(Clause { name, kind, span: start..self.end() })
    }

    fn default(&mut self) -> Option<()> {
        if self.peek()?.kind == Kind::Open {
            return self.group().map(|_| ());
        }
        let signed = self.peek().and_then(|token| self.sql.get(token.span.clone()));
        self.at += usize::from(matches!(signed, Some("-" | "+")));
        let one = matches!(self.peek()?.kind, Kind::Word | Kind::Quoted | Kind::Text | Kind::Other);
        one.then(|| self.at += 1)
    }

    /// What follows REFERENCES.
    fn reference(&mut self, columns: Vec<Name>) -> Option<ClauseKind> {
        let referred = self.name()?;
        let referred_columns =
            if self.peek().is_some_and(|token| token.kind == Kind::Open) { self.list()? } else { Vec::new() };
        loop {
            if self.is_word("ON") && !self.is_word_at(1, "CONFLICT") {
                // ON DELETE CASCADE, ON UPDATE SET NULL
                self.at += 2;
                self.at += if self.is_word("SET") || self.is_word("NO") { 2 } else { 1 };
            } else if self.word("MATCH") {
                self.name()?;
            } else if self.is_word("DEFERRABLE") || (self.is_word("NOT") && self.is_word_at(1, "DEFERRABLE")) {
                self.word("NOT");
                self.word("DEFERRABLE");
                if self.word("INITIALLY") {
                    self.name()?;
                }
            } else {
                return Some(ClauseKind::ForeignKey { columns, referred, referred_columns });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    const ODD: &str = "CREATE TABLE \"p\" (id integer primary key autoincrement, -- the key, (\n  \
        [a b] VARYING CHARACTER (10, 2) CONSTRAINT nn NOT NULL ON CONFLICT REPLACE DEFAULT -1.5e3 CHECK (\"a b\" <> 'x)')\n, \
        n collate nocase unique, g int generated always as (id + 1) stored, plain, d text default (lower('A')), \
        r int references q(x) on delete set null match full not deferrable initially immediate not null, \
        u uuid null default x'00', t as (id) , constraint \"k,k\" unique (n collate binary desc, plain) on conflict fail, \
        foreign key (r, plain) references p (id, n) on update no action deferrable, check (id > 0 /* ) */)) strict, without rowid";

    #[test]
    fn every_clause_has_its_place() {
        let definition = Definition::parse(ODD).unwrap();
        let shown: Vec<String> = definition
            .columns
            .iter()
            .map(|column| {
                let clauses: Vec<&str> = column.clauses.iter().map(|clause| &ODD[clause.span.clone()]).collect();
                format!("{}|{}|{}", column.name.text, &ODD[column.declared.clone()], clauses.join("|"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "id|integer|primary key autoincrement",
                "a b|VARYING CHARACTER (10, 2)|CONSTRAINT nn NOT NULL ON CONFLICT REPLACE|DEFAULT -1.5e3|CHECK (\"a b\" <> 'x)')",
                "n||collate nocase|unique",
                "g|int|generated always as (id + 1) stored",
                "plain||",
                "d|text|default (lower('A'))",
                "r|int|references q(x) on delete set null match full not deferrable initially immediate|not null",
                "u|uuid|null|default x'00'",
                "t||as (id)",
            ]
        );
        let constraints: Vec<&str> = definition.constraints.iter().map(|clause| &ODD[clause.span.clone()]).collect();
        assert_eq!(
            constraints,
            [
                "constraint \"k,k\" unique (n collate binary desc, plain) on conflict fail",
                "foreign key (r, plain) references p (id, n) on update no action deferrable",
                "check (id > 0 /* ) */)",
            ]
        );
        assert_eq!(definition.options, ["STRICT", "WITHOUT ROWID"]);
        assert_eq!(definition.conditions(ODD), ["\"a b\" <> 'x)'", "id > 0 /* ) */"]);
        let ClauseKind::Unique { columns } = &definition.constraints[0].kind else { unreachable!() };
        assert_eq!(columns.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), ["n", "plain"]);
    }

    #[test]
    fn what_is_not_understood_is_not_taken_apart() {
        for sql in [
            "CREATE VIRTUAL TABLE t USING fts5(a)",
            "CREATE TABLE t",
            "CREATE TABLE t (a",
            "CREATE TABLE t (a int (1) what())",
            "CREATE TABLE t (a) STRICT; DROP TABLE u",
            "CREATE TABLE t (a) STRICT STRICT",
        ] {
            assert_eq!(Definition::parse(sql), None, "{sql}");
        }
    }
}
