//! Everything that differs between databases and is not a connection: rendering, introspection, session
//! settings, naming rules. The only place that matches on the dialect. Pure: queries go out as text,
//! rows come in as text.

mod answer;
pub mod bookkeeping;
pub mod catalog;
pub mod concurrent;
mod definition;
mod expr;
mod literal;
mod locks;
mod normal;
mod query;
mod refusal;
mod render;
#[cfg(test)]
mod round_trip;
mod rules;
mod server;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use answer::{Cell, counts_conflicts, read_answer};
pub use expr::{render_expr, render_portable};
use literal::quoted;
pub use literal::{literal, quote};
pub use locks::table_locks;
pub use normal::{default_normal_form, normal_form};
pub use query::render_query;
pub use refusal::{Refusal, RefusalKind, refusal};
pub use render::{REBUILT, Rendered, drop_made, rebuild, render, type_name};
pub use server::{ServerSession, SessionCheck, check_session, session_check, stop_session, stop_statement};
pub use session::{
    SessionSettings, after_failure, is_rolled_back, read_only, schema_facts, script_note, script_preamble,
    session_reset, session_statements, shadows,
};

use crate::operation::{EnumType, Grammar, Ident};
use crate::schema::{Rules, Table};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
}

/// One statement to send, one only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its text, without a closing semicolon.
    pub sql: String,
    /// What it changes.
    pub kind: StatementKind,
    /// The operation's table as this statement leaves it, where that is not how the whole operation leaves it.
    #[serde(skip)]
    pub leaves: Option<Arc<Table>>,
    /// The index that it makes or drops concurrently: it takes no transaction around it then, and where it does not get
    /// through the index may be there all the same, not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<Ident>,
}

impl Statement {
    /// Whether the rows that it touches are what its operation touches; a sequence that moves along is none.
    pub fn touches_rows(&self) -> bool {
        self.kind == StatementKind::Data && !self.sql.starts_with("SELECT ")
    }
}

/// What a statement changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatementKind {
    /// The schema: commits implicitly on MariaDB.
    Schema,
    /// Rows.
    Data,
}

/// What a dialect cannot do, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

/// One row of a catalog query: every column as text.
pub type TextRow = Vec<Option<String>>;

/// What a target holds, bookkeeping apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Every base table by its name (unchecked text), whoever owns it.
    pub tables: BTreeMap<String, CatalogTable>,
    /// Every enumeration that is a type of its own and that the model can hold, by its name.
    pub enums: BTreeMap<String, Arc<EnumType>>,
    /// Other names that a new table or index may collide with: views, sequences, indexes, types. Text as
    /// the database has it, with what it is.
    pub other_names: BTreeMap<String, String>,
    /// Which `ptah_db_*` tables are there.
    pub bookkeeping: BTreeSet<String>,
}

/// A table of a target. Two of them are equal only if they are written down alike too: a plan is for the table as it is.
#[derive(Debug, Clone)]
pub enum CatalogTable {
    /// One that the model can hold.
    Readable(Arc<Table>),
    /// One that it cannot, and why: a name outside the grammar, a definition that does not parse.
    Unreadable(String),
}

impl PartialEq for CatalogTable {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Readable(one), Self::Readable(other)) => one == other && one.written.0 == other.written.0,
            (Self::Unreadable(one), Self::Unreadable(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for CatalogTable {}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mariadb];

    /// How it shapes the schema model.
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::Sqlite => &rules::SQLITE,
            Self::Postgres => &rules::POSTGRES,
            Self::Mariadb => &rules::MARIADB,
        }
    }

    /// The grammar of SQL text in its own syntax.
    pub fn grammar(self) -> Grammar {
        match self {
            Self::Sqlite => Grammar::Sqlite,
            Self::Postgres => Grammar::Postgres,
            Self::Mariadb => Grammar::Mariadb,
        }
    }

    /// Whether schema changes roll back with their transaction.
    pub fn has_transactional_ddl(self) -> bool {
        self != Self::Mariadb
    }

    /// Whether it makes and drops indexes online by statements that take no transaction around them.
    pub fn builds_concurrently(self) -> bool {
        self == Self::Postgres
    }

    /// Whether some of its statements commit by themselves, so that a step may end half way.
    pub fn has_lone_statements(self) -> bool {
        self != Self::Sqlite
    }

    /// Whether a statement commits by itself, whatever transaction is open, or takes none around it.
    pub fn commits_alone(self, statement: &Statement) -> bool {
        let is_schema = statement.kind == StatementKind::Schema;
        statement.concurrent.is_some() || (is_schema && !self.has_transactional_ddl())
    }

    /// Its name on the command line and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|dialect| dialect.as_str() == name);
        known.ok_or_else(|| format!("{name} is none of sqlite, postgres, mariadb"))
    }
}
