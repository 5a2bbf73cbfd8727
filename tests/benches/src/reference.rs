//! A migration runner as one writes it by hand with sqlx, for one package: the same statements of each step, and the
//! same writes to the same bookkeeping tables, with what is not known beforehand bound. It plans, checks and locks nothing.

use ptah_wasm::dialect::{Dialect, Statement, StatementKind};
use ptah_wasm::migrate::PackagePlan;
use ptah_wasm::store::script_tables;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, SqliteConnection};

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// The revision before it; empty at base.
    pub before: String,
    /// Its revision.
    pub revision: String,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// The tables that it makes.
    pub tables: Vec<String>,
}

/// Whether steps are announced in a journal, on MariaDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// They are, as ours are.
    Kept,
    /// They are not: a run that dies in the middle of one leaves no account.
    None,
}

/// The steps that a plan is made of.
pub fn steps(plan: &PackagePlan) -> Vec<Step> {
    let step = |step: &ptah_wasm::migrate::PlannedStep| Step {
        before: step.remove.first().cloned().unwrap_or_default(),
        revision: step.add.first().cloned().unwrap_or_default(),
        statements: step.plan.statements().cloned().collect(),
        tables: step.claims.clone(),
    };
    plan.steps.iter().map(step).collect()
}

/// What a step's row in the journal holds here, about as much as in ours: the statement, what the table looks like before
/// and after, how to take it back, the records.
const JOURNAL_BYTES: usize = 2_000;

/// What stands in the columns of a history row that are not the step's own.
const DIGEST: &str = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";

const HISTORY: &str = "ptah_db_history (id, package, kind, step, heads_before, heads_after, outcome, error, actor, host, \
    started, duration_ms, component_digest, plan_digest, schema_digest, fuel, operations, \"rows\", statements, seed, \
    runner_version, prev_hash, hash)";

const JOURNAL: &str = "ptah_db_journal (id, package, kind, step, plan_digest, statements, earlier, counters, records, \
    position, state, error, started, holder)";

/// Applies steps to a fresh database: connects, makes the bookkeeping tables, and closes.
///
/// # Errors
/// What the database answers.
pub async fn apply(dialect: Dialect, url: &str, steps: &[Step], journal: Journal) -> Result<(), sqlx::Error> {
    match dialect {
        Dialect::Sqlite => sqlite(url, steps, journal).await,
        Dialect::Postgres => postgres(url, steps, journal).await,
        Dialect::Mariadb => mariadb(url, steps, journal).await,
    }
}

fn marks(dialect: Dialect, count: usize) -> String {
    let mark = |at| if dialect == Dialect::Postgres { format!("${}", at + 1) } else { "?".to_owned() };
    (0..count).map(mark).collect::<Vec<_>>().join(", ")
}

macro_rules! written_by_hand {
    ($name:ident, $connection:ty, $dialect:expr) => {
        async fn $name(url: &str, steps: &[Step], journal: Journal) -> Result<(), sqlx::Error> {
            let dialect = $dialect;
            let in_one = dialect.has_transactional_ddl();
            let mark = |at: usize| if dialect == Dialect::Postgres { format!("${at}") } else { "?".to_owned() };
            let history = HISTORY.replace('"', if dialect == Dialect::Mariadb { "`" } else { "\"" });
            let history = format!("INSERT INTO {history} VALUES ({})", marks(dialect, 23));
            let update = format!(
                "UPDATE ptah_db_versions SET version_num = {} WHERE package = {} AND version_num = {}",
                mark(1),
                mark(2),
                mark(3)
            );
            let insert = format!("INSERT INTO ptah_db_versions VALUES ({})", marks(dialect, 2));
            let forget = format!(
                "DELETE FROM ptah_db_objects WHERE kind = 'table' AND name = {} AND package = {}",
                mark(1),
                mark(2)
            );
            let own = format!("INSERT INTO ptah_db_objects VALUES ({})", marks(dialect, 7));
            let announce = format!("INSERT INTO {JOURNAL} VALUES ({})", marks(dialect, 14));
            let sent = |sql: &str| sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
            let filler = "x".repeat(JOURNAL_BYTES / 2);

            let mut connection = <$connection>::connect(url).await?;
            for statement in script_tables(dialect).unwrap() {
                sent(&statement).execute(&mut connection).await?;
            }
            let mut previous = String::new();
            for (number, step) in (1_i64..).zip(steps) {
                if journal == Journal::Kept && !in_one {
                    sqlx::query(AssertSqlSafe(announce.as_str()))
                        .bind(1_i64)
                        .bind("long")
                        .bind("upgrade")
                        .bind(&step.revision)
                        .bind(DIGEST)
                        .bind(&filler)
                        .bind("{}")
                        .bind("{}")
                        .bind(&filler)
                        .bind(0_i64)
                        .bind("running")
                        .bind(None::<String>)
                        .bind("2026-11-28T00:00:00.000000Z")
                        .bind("me@here:1")
                        .execute(&mut connection)
                        .await?;
                }
                let is_alone = |statement: &&Statement| !in_one && statement.kind == StatementKind::Schema;
                for statement in step.statements.iter().filter(is_alone) {
                    sent(&statement.sql).execute(&mut connection).await?;
                }
                let mut transaction = connection.begin().await?;
                for statement in step.statements.iter().filter(|statement| !is_alone(statement)) {
                    sent(&statement.sql).execute(&mut *transaction).await?;
                }
                let hash = format!("{DIGEST:.56}{number:08}");
                sqlx::query(AssertSqlSafe(history.as_str()))
                    .bind(number)
                    .bind("long")
                    .bind("upgrade")
                    .bind(&step.revision)
                    .bind(&step.before)
                    .bind(&step.revision)
                    .bind("applied")
                    .bind(None::<String>)
                    .bind("me")
                    .bind("here")
                    .bind("2026-11-28T00:00:00.000000Z")
                    .bind(1_i64)
                    .bind(DIGEST)
                    .bind(DIGEST)
                    .bind(DIGEST)
                    .bind(100_000_i64)
                    .bind(1_i64)
                    .bind(0_i64)
                    .bind(step.statements.len() as i64)
                    .bind(None::<String>)
                    .bind("0.1.0")
                    .bind(&previous)
                    .bind(&hash)
                    .execute(&mut *transaction)
                    .await?;
                previous = hash;
                if step.before.is_empty() {
                    sqlx::query(AssertSqlSafe(insert.as_str()))
                        .bind("long")
                        .bind(&step.revision)
                        .execute(&mut *transaction)
                        .await?;
                } else {
                    sqlx::query(AssertSqlSafe(update.as_str()))
                        .bind(&step.revision)
                        .bind("long")
                        .bind(&step.before)
                        .execute(&mut *transaction)
                        .await?;
                }
                for table in &step.tables {
                    sqlx::query(AssertSqlSafe(forget.as_str()))
                        .bind(table)
                        .bind("long")
                        .execute(&mut *transaction)
                        .await?;
                    sqlx::query(AssertSqlSafe(own.as_str()))
                        .bind("table")
                        .bind(table)
                        .bind("long")
                        .bind("")
                        .bind("")
                        .bind("")
                        .bind(number)
                        .execute(&mut *transaction)
                        .await?;
                }
                if journal == Journal::Kept && !in_one {
                    sent("DELETE FROM ptah_db_journal").execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
            connection.close().await
        }
    };
}

written_by_hand!(sqlite, SqliteConnection, Dialect::Sqlite);
written_by_hand!(postgres, PgConnection, Dialect::Postgres);
written_by_hand!(mariadb, MySqlConnection, Dialect::Mariadb);
