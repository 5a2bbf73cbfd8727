//! The plan of one step: its operations in order, judged, applied to the model and rendered one by one as
//! the guest asks for them. Pure: knows neither the sandbox that feeds it nor the database that takes it.

mod added;
mod effect;
mod question;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use effect::{Effect, TableEffect};
pub use question::Question;

use crate::dialect::{self, Dialect, Rendered, Statement, Unsupported};
use crate::operation::{Ddl, DdlAction, Demand, Ident, Label, Needs, Op, ParseLimits, When};
use crate::policy::{self, Access, Limits, PolicyError, room};
use crate::schema::{self, Schema, SchemaError, Table};

/// What a step will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The operations with what they are rendered to.
    pub operations: Vec<PlannedOp>,
    /// SHA-256 over the canonical JSON of the operations alone, in hex: equal whatever the dialect and
    /// whatever language the guest is written in.
    pub digest: String,
    /// The model before it, where the effects of its operations are worked out only when they are asked for.
    #[serde(skip)]
    before: Option<Schema>,
}

/// One operation of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedOp {
    /// The operation.
    #[serde(flatten)]
    pub op: Op,
    /// The statements that carry it out, in order; none where those of a later one carry it out too.
    pub statements: Vec<Statement>,
    /// What tells whether it took effect, and takes it back; only where a step may end half way.
    #[serde(skip)]
    pub effect: Option<Effect>,
}

impl Plan {
    /// Of these operations.
    pub(crate) fn of(operations: Vec<PlannedOp>) -> Self {
        let digest = digest(operations.iter().map(|planned| &planned.op));
        Self { operations, digest, before: None }
    }

    /// Its operations, each with its effect: worked out now where only few steps may end half way.
    pub(crate) fn with_effects(&self, dialect: Dialect) -> Cow<'_, [PlannedOp]> {
        let Some(mut before) = self.before.clone() else { return Cow::Borrowed(&self.operations) };
        let with_effect = |planned: &PlannedOp| {
            let mut after = before.clone();
            let applied = schema::apply(&mut after, dialect.rules(), &planned.op);
            // It went through when it was planned.
            let effect = applied.ok().map(|()| Effect::of(dialect, &planned.op, &planned.statements, &before, &after));
            before = after;
            PlannedOp { effect, ..planned.clone() }
        };
        self.operations.iter().map(with_effect).collect()
    }

    /// All statements in order.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.operations.iter().flat_map(|planned| &planned.statements)
    }

    /// The tables that were there before and have another name afterwards, old and new.
    pub fn renamed_tables(&self) -> Vec<(String, String)> {
        self.moved_tables().into_iter().filter_map(|(from, to)| Some((from, to?))).collect()
    }

    /// The tables that were there before and have another name afterwards, or are gone, whatever goes by their name then.
    pub fn moved_tables(&self) -> Vec<(String, Option<String>)> {
        // The name that each table has by now; one that is made and renamed on the way is of no interest.
        let mut renamed: Vec<(String, Option<String>)> = Vec::new();
        let mut made = BTreeSet::new();
        for op in self.operations.iter().map(|planned| &planned.op) {
            let name = op.subject().as_str();
            let new_name = match op {
                Op::CreateTable { .. } => {
                    made.insert(name.to_owned());
                    continue;
                }
                Op::RenameTable { new_name, .. } => Some(new_name.as_str().to_owned()),
                Op::DropTable { .. } => None,
                _ => continue,
            };
            if made.remove(name) {
                made.extend(new_name);
            } else if let Some((_, now)) = renamed.iter_mut().find(|(_, now)| now.as_deref() == Some(name)) {
                *now = new_name;
            } else {
                renamed.push((name.to_owned(), new_name));
            }
        }
        renamed.into_iter().filter(|(from, to)| to.as_ref() != Some(from)).collect()
    }

    /// The enumerations that it drops or renames, if only to make them again.
    pub fn dropped_enums(&self) -> impl Iterator<Item = &Ident> {
        self.operations.iter().filter_map(|planned| match &planned.op {
            Op::DropEnum { name } | Op::RenameEnum { name, .. } => Some(name),
            _ => None,
        })
    }

    /// Rows that bulk inserts carry.
    pub fn rows(&self) -> usize {
        self.operations
            .iter()
            .map(|planned| match &planned.op {
                Op::BulkInsert { rows, .. } => rows.len(),
                _ => 0,
            })
            .sum()
    }
}

/// Why an operation did not enter the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It does not fit the model. The guest may handle it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The dialect cannot do it. The guest may handle it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Denied, or a budget is spent: the step is over.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

const NOT_WITH_AN_INDEX: &str = "on PostgreSQL a step that makes or drops an index online changes no enumeration: let \
    another step do the one or the other";

const NOT_ONE_TRANSACTION: &str = "on PostgreSQL a step that asks for rows is one transaction, and an index is made or \
    dropped online outside of any: let another step do the one or the other";

/// Builds a [`Plan`].
#[derive(Debug)]
pub struct Planner {
    dialect: Dialect,
    access: Access,
    limits: Limits,
    schema: Schema,
    operations: Vec<PlannedOp>,
    /// The model before the first of them, if the plan is to keep it.
    before: Option<Schema>,
    /// The tables that they make.
    made: BTreeSet<Ident>,
    /// The labels that they add to enumerations that are types: no values yet to the server.
    added: Vec<(Ident, Label)>,
    /// The rebuild that the last operation ended with.
    rebuild: Option<Rebuild>,
    rows: usize,
    sql_bytes: usize,
    /// How many of the operations were handed out for a question that depends on them.
    flushed: usize,
    questions: usize,
    /// Before which place an operation on a table was refused last.
    refused: BTreeMap<Ident, usize>,
    fatal: Option<PolicyError>,
}

/// A table that is built anew by the last operations, once for all of them.
#[derive(Debug)]
struct Rebuild {
    name: Ident,
    before: Arc<Table>,
    /// Whether it does what the operation before the last asked for too.
    joined: bool,
}

impl Planner {
    /// Starts from the model of what the package owns and may refer to.
    pub fn new(dialect: Dialect, schema: Schema, access: Access, limits: Limits) -> Self {
        Self {
            before: dialect.builds_concurrently().then(|| schema.clone()),
            dialect,
            access,
            limits,
            schema,
            operations: Vec::new(),
            made: BTreeSet::new(),
            added: Vec::new(),
            rebuild: None,
            rows: 0,
            sql_bytes: 0,
            flushed: 0,
            questions: 0,
            refused: BTreeMap::new(),
            fatal: None,
        }
    }

    /// The dialect planned for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The bounds on parsed text.
    pub fn parse_limits(&self) -> ParseLimits {
        ParseLimits {
            bytes: self.limits.call_bytes,
            depth: self.limits.expression_depth,
            expression_nodes: self.limits.expression_nodes,
            statement_nodes: self.limits.statement_nodes,
            text_growth: self.limits.text_growth,
            ident: self.dialect.rules().ident_limit,
        }
    }

    /// The model with everything planned so far.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The denial or spent budget that ended the step, if one did; it stands whatever the guest does.
    pub fn fatal(&self) -> Option<&PolicyError> {
        self.fatal.as_ref()
    }

    /// Judges, applies, renders and records one operation. On an error nothing is recorded.
    pub fn push(&mut self, op: Op) -> Result<(), PlanError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone().into());
        }
        let pushed = self.try_push(op);
        self.note_fatal(pushed)
    }

    /// Whether a DDL statement finds what it needs to do anything.
    pub fn meets(&self, needs: &Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Table(name) => self.schema.tables.contains_key(name),
            Needs::NoTable(name) => !self.schema.tables.contains_key(name),
        }
    }

    /// The operation that a part of a DDL statement comes to; none if it is left out.
    pub fn ddl(&self, ddl: Ddl) -> Result<Option<Op>, PlanError> {
        let found = match &ddl.action {
            DdlAction::Op(_) | DdlAction::Cover(..) | DdlAction::DropColumn(..) => None,
            DdlAction::DropIndex(name, _) | DdlAction::RenameIndex(name, _) => self.schema.table_of_index(name),
        };
        let op = match ddl.action {
            DdlAction::Op(op) => self.schema.with_labels(op)?,
            DdlAction::Cover(index, dropped) => {
                let rules = self.dialect.rules();
                let applied = |ops: &[&Op]| {
                    let mut schema = self.schema.clone();
                    ops.iter().try_for_each(|op| schema::apply(&mut schema, rules, op))
                };
                if applied(&[&dropped]).is_ok() || applied(&[&index, &dropped]).is_err() {
                    return Ok(None);
                }
                index
            }
            DdlAction::DropColumn(table, name) => self.schema.drop_column(self.dialect.rules(), table, name),
            DdlAction::DropIndex(name, online) => match found {
                Some(table) => Op::DropIndex { table: table.clone(), name, online },
                None if ddl.when == When::Exists => return Ok(None),
                None => return Err(SchemaError::NotFound(format!("there is no index {name}")).into()),
            },
            DdlAction::RenameIndex(name, new_name) => match (found, self.schema.table_of_key(&name)) {
                (Some(table), _) => Op::RenameIndex { table: table.clone(), name, new_name },
                // The index of a key has its name, and takes it along.
                (None, Some(table)) => Op::RenameConstraint { table: table.clone(), name, new_name },
                (None, None) if ddl.when == When::Exists => return Ok(None),
                (None, None) => return Err(SchemaError::NotFound(format!("there is no index {name}")).into()),
            },
        };
        let is_done = match ddl.when {
            When::Always => true,
            When::Exists => self.schema.has(&op),
            When::Missing => !self.schema.has(&op),
        };
        Ok(is_done.then_some(op))
    }

    /// How many operations there are.
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    fn note_fatal<T>(&mut self, result: Result<T, PlanError>) -> Result<T, PlanError> {
        if let Err(PlanError::Policy(error)) = &result {
            self.fatal = Some(error.clone());
        }
        result
    }

    fn try_push(&mut self, op: Op) -> Result<(), PlanError> {
        policy::judge(&self.access, &self.schema, &self.limits, &op)?;
        let op = match op {
            Op::Execute { statement } => Op::Execute { statement: self.schema.resolve(&statement)? },
            other => other,
        };
        let rows = self.rows + if let Op::BulkInsert { rows, .. } = &op { rows.len() } else { 0 };
        spent("operations", self.operations.len() + 1, &self.limits, |limits| limits.operations)?;
        spent("inserted rows", rows, &self.limits, |limits| limits.rows)?;
        if op.is_enum() && self.has_concurrent() {
            return Err(Unsupported(NOT_WITH_AN_INDEX.into()).into());
        }
        let mut after = self.schema.clone();
        schema::apply(&mut after, self.dialect.rules(), &op)?;
        let rendered = self.rendered(&op)?;
        let (statements, rebuild) = match dialect::render(self.dialect, &rendered, &self.schema, &mut after)? {
            Rendered::Statements(statements) => (statements, None),
            Rendered::Rebuild => self.rebuild(op.subject(), &after).map(|(statements, one)| (statements, Some(one)))?,
        };
        statements.iter().try_for_each(|statement| self.check_added(&statement.sql))?;
        self.check_added_in(&op, &after)?;
        let joined = rebuild.as_ref().is_some_and(|rebuild| rebuild.joined);
        let bytes = |statements: &[Statement]| statements.iter().map(|statement| statement.sql.len()).sum::<usize>();
        let saved = self.operations.last().filter(|_| joined).map_or(0, |planned| bytes(&planned.statements));
        let sql_bytes = (self.sql_bytes + bytes(&statements)).saturating_sub(saved);
        spent("bytes of SQL", sql_bytes, &self.limits, |limits| limits.sql_bytes)?;
        let effect = (!self.dialect.has_transactional_ddl())
            .then(|| Effect::of(self.dialect, &op, &statements, &self.schema, &after));
        if let Some(planned) = self.operations.last_mut().filter(|_| joined) {
            planned.statements.clear();
        }
        self.rows = rows;
        self.sql_bytes = sql_bytes;
        self.schema = after;
        self.rebuild = rebuild;
        self.follow(&op);
        self.follow_added(&op);
        self.operations.push(PlannedOp { op, statements, effect });
        Ok(())
    }

    fn has_concurrent(&self) -> bool {
        let mut statements = self.operations.iter().flat_map(|planned| &planned.statements);
        statements.any(|statement| statement.concurrent.is_some())
    }

    /// The operation as it is carried out: outside a transaction only where that is of use to anybody.
    fn rendered<'o>(&self, op: &'o Op) -> Result<Cow<'o, Op>, Unsupported> {
        let Some(demand) = op.online().filter(|_| self.dialect.builds_concurrently()) else {
            return Ok(Cow::Borrowed(op));
        };
        let has_enums = self.operations.iter().any(|planned| planned.op.is_enum());
        match demand {
            // Nobody else uses it yet.
            _ if self.made.contains(op.subject()) => Ok(Cow::Owned(op.not_online())),
            Demand::IfSupported if has_enums || self.questions > 0 => Ok(Cow::Owned(op.not_online())),
            Demand::Required if has_enums => Err(Unsupported(NOT_WITH_AN_INDEX.into())),
            _ if self.questions == 0 => Ok(Cow::Borrowed(op)),
            _ => Err(Unsupported(NOT_ONE_TRANSACTION.into())),
        }
    }

    fn follow(&mut self, op: &Op) {
        match op {
            Op::CreateTable { table } => {
                self.made.insert(table.name.clone());
            }
            Op::RenameTable { name, new_name } if self.made.remove(name) => {
                self.made.insert(new_name.clone());
            }
            Op::DropTable { name } => {
                self.made.remove(name);
            }
            _ => {}
        }
    }

    /// The statements that build a table anew, once for this operation and the one before if that ended with it too.
    fn rebuild(&self, name: &Ident, after: &Schema) -> Result<(Vec<Statement>, Rebuild), Unsupported> {
        let of = |schema: &Schema| schema.tables.get(name).cloned().unwrap_or_default();
        let (before, after) = (of(&self.schema), of(after));
        if let Some(last) = self.rebuild.as_ref().filter(|last| last.name == *name)
            && let Ok(statements) = dialect::rebuild(name, &last.before, &after)
        {
            return Ok((statements, Rebuild { name: name.clone(), before: last.before.clone(), joined: true }));
        }
        let statements = dialect::rebuild(name, &before, &after)?;
        Ok((statements, Rebuild { name: name.clone(), before, joined: false }))
    }

    /// The finished plan and the model after it.
    pub fn finish(self) -> (Plan, Schema) {
        (Plan { before: self.before, ..Plan::of(self.operations) }, self.schema)
    }
}

fn spent(what: &str, used: usize, limits: &Limits, of: fn(&Limits) -> usize) -> Result<(), PolicyError> {
    let limit = of(limits);
    if used > limit {
        let room = room(limit, of);
        return Err(PolicyError::LimitExceeded(format!("the step has more than {limit} {what}{room}")));
    }
    Ok(())
}

/// The plan digest: SHA-256 over each operation's canonical JSON and a line feed.
fn digest<'a>(operations: impl Iterator<Item = &'a Op>) -> String {
    let mut hasher = Sha256::new();
    for op in operations {
        // Serialising plain data to memory has no failing case; an empty line would still be a digest.
        hasher.update(serde_json::to_vec(op).unwrap_or_default());
        hasher.update(b"\n");
    }
    crate::hex(&hasher.finalize())
}
