//! [`Op`]: everything that a step can ask for.

use std::borrow::Borrow;

use crate::bindings::ptah::migration::inspect::ColumnInfo;
use crate::bindings::ptah::migration::schema::{ColumnChanges, LabelPlace};
use crate::bindings::ptah::migration::types::{
    Column, Constraint, ConstraintSelector, Demand, Dialect, EnumType, Index, SqlText, Table,
};
use crate::bindings::ptah::migration::{data, inspect, log, run, schema};
use crate::rows::{Rows, Statement};
use crate::table::names;
use crate::value::Row;
use crate::{Result, rows};

/// What a step can ask for. Each call is checked at once against the model of the schema and becomes
/// part of the plan; the database sees it when the whole step is planned.
#[derive(Debug)]
pub struct Op {
    pub(crate) _private: (),
}

/// Tables.
impl Op {
    /// Makes a table with its constraints and comments.
    pub fn create_table(&mut self, name: &str, define: impl FnOnce(&mut Table)) -> Result<()> {
        let mut table = Table::new(name);
        define(&mut table);
        schema::create_table(&table)
    }

    /// Drops a table with its rows. A table that another one refers to is refused.
    pub fn drop_table(&mut self, name: &str) -> Result<()> {
        schema::drop_table(name)
    }

    /// Renames a table; foreign keys to it follow.
    pub fn rename_table(&mut self, name: &str, new_name: &str) -> Result<()> {
        schema::rename_table(name, new_name)
    }
}

/// Columns.
impl Op {
    /// Adds a column at the end of a table.
    pub fn add_column(&mut self, table: &str, column: impl Borrow<Column>) -> Result<()> {
        schema::add_column(table, column.borrow())
    }

    /// Drops a column that no constraint and no index uses.
    pub fn drop_column(&mut self, table: &str, name: &str) -> Result<()> {
        schema::drop_column(table, name)
    }

    /// Renames a column; constraints and indexes follow.
    pub fn rename_column(&mut self, table: &str, name: &str, new_name: &str) -> Result<()> {
        schema::rename_column(table, name, new_name)
    }

    /// Changes a column in place; what is not named stays. On SQLite every change is `Unsupported`.
    pub fn alter_column(&mut self, table: &str, name: &str, changes: impl Borrow<ColumnChanges>) -> Result<()> {
        schema::alter_column(table, name, changes.borrow())
    }
}

/// Indexes and constraints.
impl Op {
    /// Makes an index.
    pub fn create_index(&mut self, table: &str, index: impl Borrow<Index>) -> Result<()> {
        schema::create_index(table, index.borrow(), None)
    }

    /// Makes an index without keeping anybody from writing to the table meanwhile: concurrently on PostgreSQL, where the
    /// step is then not one transaction any more. SQLite cannot: there `demand` says whether it is an error or a plain index.
    pub fn create_index_online(&mut self, table: &str, index: impl Borrow<Index>, demand: Demand) -> Result<()> {
        schema::create_index(table, index.borrow(), Some(demand))
    }

    /// Drops an index.
    pub fn drop_index(&mut self, table: &str, name: &str) -> Result<()> {
        schema::drop_index(table, name, None)
    }

    /// Drops an index as [`Self::create_index_online`] makes one.
    pub fn drop_index_online(&mut self, table: &str, name: &str, demand: Demand) -> Result<()> {
        schema::drop_index(table, name, Some(demand))
    }

    /// Adds a constraint to a table that exists.
    pub fn create_constraint(&mut self, table: &str, constraint: impl Into<Constraint>) -> Result<()> {
        schema::create_constraint(table, &constraint.into())
    }

    /// Drops a constraint. On SQLite `Unsupported`.
    pub fn drop_constraint(&mut self, table: &str, which: ConstraintSelector) -> Result<()> {
        schema::drop_constraint(table, &which)
    }

    /// Does what one CREATE, ALTER or DROP of a table, an index or an enumeration says. It becomes the operations above, or the error
    /// `unsupported`.
    ///
    /// ```no_run
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// op.ddl_text("CREATE INDEX IF NOT EXISTS pages_title ON pages (title DESC)")
    /// # }
    /// ```
    pub fn ddl_text(&mut self, statement: impl Into<SqlText>) -> Result<()> {
        schema::ddl_text(&statement.into())
    }
}

/// Enumerations, which are types of their own on PostgreSQL.
impl Op {
    /// Makes an enumeration. Elsewhere it is part of its columns, and there is nothing to do.
    ///
    /// ```no_run
    /// # use ptah_guest::EnumType;
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// let state = EnumType::new("page_state", ["draft", "public"]);
    /// op.create_enum(&state)?;
    /// op.create_table("pages", |t| {
    ///     t.enumeration("state", &state).not_null().default("draft");
    /// })
    /// # }
    /// ```
    pub fn create_enum(&mut self, of: &EnumType) -> Result<()> {
        schema::create_enum(of.name.as_deref().unwrap_or_default(), &of.labels)
    }

    /// Drops an enumeration that no column is of.
    pub fn drop_enum(&mut self, name: &str) -> Result<()> {
        schema::drop_enum(name)
    }

    /// Renames an enumeration; columns follow.
    pub fn rename_enum(&mut self, name: &str, new_name: &str) -> Result<()> {
        schema::rename_enum(name, new_name)
    }

    /// Adds a label, which another step may then use. `Unsupported` where an enumeration is part of its columns: alter them.
    pub fn add_enum_value(&mut self, name: &str, label: &str, place: LabelPlace) -> Result<()> {
        schema::add_enum_value(name, label, &place)
    }

    /// Renames a label; rows and defaults follow. `Unsupported` as [`Self::add_enum_value`].
    pub fn rename_enum_value(&mut self, name: &str, label: &str, new_label: &str) -> Result<()> {
        schema::rename_enum_value(name, label, new_label)
    }
}

/// Rows.
impl Op {
    /// Inserts rows; a column that is left out takes its default.
    ///
    /// ```no_run
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// op.bulk_insert("pages", ["title", "views"], [("Home", 0), ("About", 3)])
    /// # }
    /// ```
    pub fn bulk_insert<C, R>(&mut self, table: &str, columns: C, rows: R) -> Result<()>
    where
        C: IntoIterator,
        C::Item: Into<String>,
        R: IntoIterator,
        R::Item: Row,
    {
        let rows: Vec<_> = rows.into_iter().map(Row::into_values).collect();
        data::bulk_insert(table, &names(columns), &rows)
    }

    /// Adds one INSERT, UPDATE or DELETE of rows of one table; each `?` takes a parameter in order. How many rows it
    /// touched it says when it is asked, see [`Statement::touched`].
    ///
    /// ```no_run
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// op.execute(r#"UPDATE "pages" SET "title" = ? WHERE "id" = ?"#, ("Start", 1))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn execute(&mut self, statement: impl Into<SqlText>, parameters: impl Row) -> Result<Statement> {
        data::execute(&statement.into(), &parameters.into_values()).map(Statement::new)
    }

    /// As [`Self::execute`], and sends the statement at once. [`Error::Refused`](crate::Error::Refused) is what the database has
    /// against its rows: then it has no effect, and the step may go on.
    ///
    /// ```no_run
    /// # use ptah_guest::{Error, RefusalKind};
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// match op.attempt(r#"INSERT INTO "pages" ("slug") VALUES (?)"#, ("home",)) {
    ///     Err(Error::Refused(refusal)) if refusal.kind == RefusalKind::Unique => {}
    ///     other => drop(other?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn attempt(&mut self, statement: impl Into<SqlText>, parameters: impl Row) -> Result<Statement> {
        rows::attempt(&statement.into(), &parameters.into_values())
    }

    /// Asks one SELECT over the package's own tables; each `?` takes a parameter in order. What the step did so far is
    /// done in the database then, and the answer has it. A step that asks runs for each target anew and not offline.
    ///
    /// ```no_run
    /// # fn step(op: &mut ptah_guest::Op) -> ptah_guest::Result<()> {
    /// for page in op.query(r#"SELECT "id", "title" FROM "pages" WHERE "id" > ? ORDER BY "id""#, (10,))? {
    ///     let page = page?;
    ///     let (id, title): (i64, String) = (page.get("id")?, page.get("title")?);
    ///     op.execute(r#"UPDATE "pages" SET "slug" = ? WHERE "id" = ?"#, (title.to_lowercase(), id))?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&mut self, statement: impl Into<SqlText>, parameters: impl Row) -> Result<Rows> {
        rows::query(&statement.into(), &parameters.into_values())
    }
}

/// Questions about the schema: what the package owns and may refer to, with what this step did so far.
impl Op {
    /// The dialect of the target.
    pub fn dialect(&self) -> Dialect {
        inspect::target_dialect()
    }

    /// The names of the tables, sorted.
    pub fn tables(&self) -> Vec<String> {
        inspect::tables()
    }

    /// Whether there is a table of this name.
    pub fn has_table(&self, name: &str) -> bool {
        inspect::tables().iter().any(|table| table == name)
    }

    /// The package's own enumerations that are types of their own, sorted by name.
    pub fn enums(&self) -> Vec<EnumType> {
        inspect::enums()
    }

    /// The columns of a table in order.
    pub fn columns(&self, table: &str) -> Result<Vec<ColumnInfo>> {
        inspect::columns(table)
    }

    /// The constraints of a table.
    pub fn constraints(&self, table: &str) -> Result<Vec<Constraint>> {
        inspect::constraints(table)
    }

    /// The indexes of a table that belong to no constraint.
    pub fn indexes(&self, table: &str) -> Result<Vec<Index>> {
        inspect::indexes(table)
    }

    /// The comment of a table.
    pub fn table_comment(&self, table: &str) -> Result<Option<String>> {
        inspect::table_comment(table)
    }
}

/// The run: messages to the operator, its clock and its randomness.
impl Op {
    /// Says something to the author of the package.
    pub fn debug(&self, text: &str) {
        log::message(log::Level::Debug, text);
    }

    /// Says something to the operator.
    pub fn info(&self, text: &str) {
        log::message(log::Level::Info, text);
    }

    /// Says something that the operator should look at.
    pub fn warn(&self, text: &str) {
        log::message(log::Level::Warn, text);
    }

    /// Says how far a long step has come: `done` of `total`, if that is known.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        log::progress(done, total);
    }

    /// When this run started, RFC 3339 in UTC; the only clock there is.
    pub fn started(&self) -> String {
        run::started()
    }

    /// A random number drawn for this run; the only randomness there is.
    pub fn seed(&self) -> u64 {
        run::seed()
    }
}
