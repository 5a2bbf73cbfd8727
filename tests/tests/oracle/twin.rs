//! A model and the database that it is held against.

use std::collections::BTreeMap;

use ptah_wasm::database::{Connection, DatabaseError};
use ptah_wasm::dialect::{CatalogTable, Dialect, Statement, quote, render_portable};
use ptah_wasm::operation::{Change, ColumnDefault, ColumnSpec, Expr, Ident, Op};
use ptah_wasm::plan::{Plan, Planner};
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::schema::{Schema, compare};
use ptah_wasm_tests::target::TestTarget;

use crate::build::ident;

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The model and the database took it.
    Taken,
    /// The model or the renderer refused it.
    Refused(String),
    /// The database refused it for the rows that are there; nothing has changed.
    Conflict(String),
}

pub(crate) struct Twin {
    dialect: Dialect,
    schema: Schema,
    connection: Connection,
    /// Rows of each table.
    rows: BTreeMap<Ident, u64>,
}

impl Twin {
    pub(crate) async fn new(target: &TestTarget) -> Self {
        let connection = target.target().connect_to_change().await.unwrap();
        Self { dialect: target.dialect(), schema: Schema::default(), connection, rows: BTreeMap::new() }
    }

    /// One of tables that are there already.
    pub(crate) async fn of_what_is_there(target: &TestTarget) -> Self {
        let mut twin = Self::new(target).await;
        twin.schema = twin.found().await.unwrap();
        twin.rows = twin.count().await;
        twin
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Plans on the model as it is.
    pub(crate) fn planner(&self) -> Planner {
        Planner::new(self.dialect, self.schema.clone(), Access::default(), Limits::default())
    }

    /// Pushes one operation. An error is a find: the database refused what the model took, or is not what
    /// the model says.
    pub(crate) async fn push(&mut self, op: &Op) -> Result<Outcome, String> {
        let mut planner = self.planner();
        if let Err(error) = planner.push(op.clone()) {
            return Ok(Outcome::Refused(error.to_string()));
        }
        let (plan, after) = planner.finish();
        let statements: Vec<&Statement> = plan.statements().collect();
        let values = self.untouched(op);
        let before = self.ask(&values).await;
        let outcome = match self.apply(&statements).await {
            Ok(()) => {
                self.schema = after;
                self.follow(op).await;
                Outcome::Taken
            }
            Err((error, _)) if is_conflict(self.dialect, op, &error) => Outcome::Conflict(error.to_string()),
            Err((error, sql)) => return Err(format!("{}: {error}\n  {sql}", self.dialect)),
        };
        self.equal().await.map_err(|error| {
            let sql: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
            format!("{}: after {outcome:?}: {error}\n  {}", self.dialect, sql.join("\n  "))
        })?;
        match self.ask(&values).await == before {
            true => Ok(outcome),
            false => Err(format!("{}: after {outcome:?} other values than before", self.dialect)),
        }
    }

    /// A query over all that an operation leaves alone of the rows; none where it changes rows or names. SQLite alone
    /// builds tables anew, and only there it is looked at.
    fn untouched(&self, op: &Op) -> Option<String> {
        let renames = matches!(op, Op::RenameTable { .. } | Op::RenameColumn { .. } | Op::DropTable { .. });
        if self.dialect != Dialect::Sqlite || op.is_data() || renames {
            return None;
        }
        let gone = |table: &Ident, column: &Ident| match op {
            Op::DropColumn { table: own, name } | Op::AlterColumn { table: own, name, .. } => {
                own == table && name == column
            }
            _ => false,
        };
        let tables = self.schema.tables.iter().map(|(name, table)| {
            let kept = table.columns.iter().map(|column| &column.name).filter(|column| !gone(name, column));
            let shown = kept.map(|column| format!("quote({})", quote(self.dialect, column)));
            let shown = shown.collect::<Vec<_>>().join(" || ',' || ");
            let shown = if shown.is_empty() { "''" } else { shown.as_str() };
            // A key that becomes an INTEGER is the row id from then on.
            let is_key = |column: &Ident| table.primary_key.as_ref().is_some_and(|key| key.columns == [column.clone()]);
            let is_moved = matches!(op, Op::AlterColumn { table, name: column, .. } if table == name && is_key(column));
            let has_none = table.opaque.iter().any(|one| one.name == "WITHOUT ROWID");
            let row_id = if has_none || is_moved { "0" } else { "rowid" };
            format!("SELECT {row_id}, {shown} FROM {}", quote(self.dialect, name))
        });
        let tables: Vec<String> = tables.collect();
        (!tables.is_empty()).then(|| tables.join(" UNION ALL "))
    }

    async fn ask(&mut self, query: &Option<String>) -> Vec<Vec<Option<String>>> {
        match query {
            Some(query) => {
                let mut rows = self.connection.fetch(query).await.unwrap();
                rows.sort();
                rows
            }
            None => Vec::new(),
        }
    }

    /// Applies a plan from the empty schema to this one, as a step is: in one transaction, which on MariaDB
    /// the first schema statement ends. The number of the operation that rows do not allow, if there is one.
    pub(crate) async fn step(&mut self, plan: &Plan, after: Schema) -> Result<Option<usize>, String> {
        self.connection.begin().await.unwrap();
        for (number, planned) in plan.operations.iter().enumerate() {
            for statement in &planned.statements {
                let Err(error) = self.connection.execute(&statement.sql).await else { continue };
                self.connection.rollback().await.unwrap();
                if is_conflict(self.dialect, &planned.op, &error) {
                    return Ok(Some(number));
                }
                return Err(format!("{}: {error}\n  {}", self.dialect, statement.sql));
            }
        }
        self.connection.commit().await.map_err(|error| format!("COMMIT: {error}"))?;
        self.schema = after;
        self.rows = self.count().await;
        self.equal().await.map_err(|error| format!("{}: {error}", self.dialect))?;
        Ok(None)
    }

    pub(crate) async fn must(&mut self, op: Op) {
        match self.push(&op).await {
            Ok(Outcome::Taken) => {}
            Ok(other) => panic!("{other:?}\n{}", serde_json::to_string(&op).unwrap()),
            Err(error) => panic!("{error}\n{}", serde_json::to_string(&op).unwrap()),
        }
    }

    /// Refused by the model or the renderer, on this dialect.
    pub(crate) async fn must_not(&mut self, op: Op) {
        match self.push(&op).await {
            Ok(Outcome::Refused(_)) => {}
            Ok(other) => panic!("{other:?}\n{}", serde_json::to_string(&op).unwrap()),
            Err(error) => panic!("{error}\n{}", serde_json::to_string(&op).unwrap()),
        }
    }

    /// In one transaction, which on MariaDB holds no schema statement.
    async fn apply(&mut self, statements: &[&Statement]) -> Result<(), (DatabaseError, String)> {
        self.connection.begin().await.unwrap();
        for statement in statements {
            if let Err(error) = self.connection.execute(&statement.sql).await {
                self.connection.rollback().await.unwrap();
                return Err((error, statement.sql.clone()));
            }
        }
        self.connection.commit().await.map_err(|error| (error, "COMMIT".to_owned()))
    }

    /// Follows the number of rows that every table must have.
    async fn follow(&mut self, op: &Op) {
        match op {
            Op::CreateTable { table } => {
                self.rows.insert(table.name.clone(), 0);
            }
            Op::DropTable { name } => {
                self.rows.remove(name);
            }
            Op::RenameTable { name, new_name } => {
                let rows = self.rows.remove(name).unwrap();
                self.rows.insert(new_name.clone(), rows);
            }
            Op::BulkInsert { table, rows, .. } => *self.rows.get_mut(table).unwrap() += rows.len() as u64,
            Op::Execute { .. } => self.rows = self.count().await,
            _ => {}
        }
    }

    async fn count(&mut self) -> BTreeMap<Ident, u64> {
        let counts: Vec<String> = self
            .schema
            .tables
            .keys()
            .map(|name| format!("SELECT '{name}', count(*) FROM {}", quote(self.dialect, name)))
            .collect();
        if counts.is_empty() {
            return BTreeMap::new();
        }
        let rows = self.connection.fetch(&counts.join(" UNION ALL ")).await.unwrap();
        rows.iter().map(|row| (ident(row[0].as_ref().unwrap()), row[1].as_ref().unwrap().parse().unwrap())).collect()
    }

    /// What the database holds.
    async fn found(&mut self) -> Result<Schema, String> {
        let catalog = self.connection.catalog().await.unwrap();
        let enums = catalog.enums.into_iter().map(|(name, of)| (ident(&name), of)).collect();
        let mut found = Schema { enums, ..Schema::default() };
        for (name, table) in catalog.tables {
            match table {
                CatalogTable::Readable(table) => {
                    found.tables.insert(ident(&name), table);
                }
                CatalogTable::Unreadable(reason) => return Err(format!("table {name} cannot be read: {reason}")),
            }
        }
        Ok(found)
    }

    async fn equal(&mut self) -> Result<(), String> {
        let found = self.found().await?;
        let written =
            |schema: &Schema, name: &Ident| schema.tables.get(name).is_some_and(|table| !table.written.0.is_empty());
        if let Some(lost) = found.tables.keys().find(|name| written(&found, name) && !written(&self.schema, name)) {
            return Err(format!("how table {lost} is written was lost on the way"));
        }
        let differences = compare(&self.schema, &found, render_portable, &|name| format!("{name:?}"));
        if !differences.is_empty() {
            return Err(differences.join("\n  "));
        }
        if self.schema != found || self.schema.digest() != found.digest() {
            let shown = |schema: &Schema| serde_json::to_string(schema).unwrap();
            let (model, found) = (shown(&self.schema), shown(&found));
            return Err(format!("compare finds no difference, but there is one\nmodel {model}\nfound {found}"));
        }
        let counted = self.count().await;
        if counted != self.rows {
            return Err(format!("rows are {counted:?}, not {:?}", self.rows));
        }
        Ok(())
    }
}

/// Whether a database refuses rows: duplicates, NULLs, values that do not convert, checks and references that
/// they do not meet; or a value that a default works out to, which the model does not do.
fn is_conflict(dialect: Dialect, op: &Op, error: &DatabaseError) -> bool {
    let DatabaseError::Refused { code, message } = error else { return false };
    match dialect {
        // abs() of the smallest integer has no code of its own.
        Dialect::Sqlite if message == "integer overflow" => true,
        Dialect::Sqlite => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 19 | 20)),
        Dialect::Postgres => code.starts_with("22") || code.starts_with("23"),
        Dialect::Mariadb if code == "1067" => has_computed_default(op),
        Dialect::Mariadb => [
            "167", "1048", "1062", "1138", "1264", "1265", "1292", "1365", "1366", "1406", "1451", "1452", "1467",
            "1690", "1916", "4025",
        ]
        .contains(&code.as_str()),
    }
}

fn has_computed_default(op: &Op) -> bool {
    let computed =
        |default: &ColumnDefault| matches!(default, ColumnDefault::Expression(expr) if !matches!(expr, Expr::Value(_)));
    let column = |column: &ColumnSpec| column.default.as_ref().is_some_and(computed);
    match op {
        Op::CreateTable { table } => table.columns.iter().any(column),
        Op::AddColumn { column: added, .. } => column(added),
        // A kept default may not fit a new type.
        Op::AlterColumn { changes, .. } => match &changes.default {
            Change::Set(default) => computed(default),
            Change::Keep => changes.column_type.is_some(),
            Change::Clear => false,
        },
        _ => false,
    }
}
