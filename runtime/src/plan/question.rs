//! Questions about rows, each asked once everything before it is applied.

use super::{NOT_ONE_TRANSACTION, PlanError, PlannedOp, Planner, spent};
use crate::dialect::{self, Dialect, Unsupported};
use crate::operation::{Conflict, Dml, Ident, Op, Query};
use crate::policy;
use crate::schema::{self, Answer, SchemaError};

/// A question about rows, to be asked once everything before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// What a query yields.
    Query {
        /// It, every column called by its source and every constant typed.
        query: Box<Query>,
        /// The columns of the answer.
        columns: Vec<(Ident, Answer)>,
    },
    /// How many rows the operation at this place of the plan touched.
    Touched(usize),
    /// What the database says to the last operation.
    Attempt {
        /// Its statements.
        sql: String,
        /// Whether it is told that a row refers to one that is not there: not of rows that are another package's.
        tells_references: bool,
    },
    /// The number that the database drew for the row that the operation at this place of the plan inserts.
    Drawn {
        /// The place.
        place: usize,
        /// The table.
        table: Ident,
        /// The column whose values are drawn.
        column: Ident,
    },
}

impl Question {
    /// It in words that are the same when it is asked again.
    pub(crate) fn words(&self, dialect: Dialect) -> String {
        match self {
            Self::Query { query, .. } => dialect::render_query(dialect, query),
            Self::Touched(place) => format!("touched {place}"),
            Self::Attempt { sql, .. } => format!("attempt {sql}"),
            Self::Drawn { place, .. } => format!("drawn {place}"),
        }
    }
}

impl Planner {
    /// Judges and resolves a query over what the plan makes of the tables.
    pub fn query(&mut self, query: &Query) -> Result<Question, PlanError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone().into());
        }
        let asked = self.try_query(query);
        self.note_fatal(asked)
    }

    fn try_query(&mut self, query: &Query) -> Result<Question, PlanError> {
        policy::judge_query(&self.access, query)?;
        let resolved = self.schema.resolve_query(query)?;
        let (query, columns) = schema::typed_query(&self.schema, &resolved)?;
        self.check_added(&dialect::render_query(self.dialect, &query))?;
        self.count_question()?;
        Ok(Question::Query { query: Box::new(query), columns })
    }

    /// The question how many rows an operation touched.
    pub fn touched(&mut self, operation: usize) -> Result<Question, PlanError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone().into());
        }
        let statement = self.operations.get(operation).map(|planned| &planned.op);
        if let Some(Op::Execute { statement: Dml::Insert { conflict: Some(Conflict { .. }), .. } }) = statement {
            dialect::counts_conflicts(self.dialect)?;
        }
        let counted = self.count_question();
        self.note_fatal(counted)?;
        Ok(Question::Touched(operation))
    }

    /// Adds a statement as [`Self::push`] does, with the question what the database says to it.
    pub fn attempt(&mut self, statement: Dml) -> Result<Question, PlanError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone().into());
        }
        // First: a statement that is not asked about is none of the plan's.
        let counted = self.count_question();
        self.note_fatal(counted)?;
        let table = statement.table().clone();
        self.push(Op::Execute { statement })?;
        let statements = self.operations.last().map(|planned| planned.statements.as_slice()).unwrap_or_default();
        let sql: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
        let mut keys = self.schema.tables.get(&table).into_iter().flat_map(|table| &table.foreign_keys);
        let tells_references = !keys.any(|key| self.access.referable.contains(&key.referred_table));
        Ok(Question::Attempt { sql: sql.join("; "), tells_references })
    }

    /// Takes the statement back that was attempted last, and that the database refused. Rows are no part of the model.
    pub fn take_back(&mut self) {
        if let Some(planned) = self.operations.pop() {
            self.flushed = self.operations.len();
            self.refused.insert(planned.op.subject().clone(), self.flushed);
        }
    }

    /// The question which number was drawn for the row that an operation inserts.
    pub fn drawn(&mut self, place: usize) -> Result<Question, PlanError> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone().into());
        }
        let Some(Op::Execute { statement }) = self.operations.get(place).map(|planned| &planned.op) else {
            return Err(SchemaError::Invalid("it inserts no row".into()).into());
        };
        let (table, column) = self.schema.drawn_by(statement)?;
        let draws_none = |op: &Op| matches!(op, Op::Execute { statement: Dml::Update { .. } | Dml::Delete { .. } });
        let mut later = self.operations.iter().skip(place + 1).map(|planned| &planned.op);
        if later.any(|op| *op.subject() == table && !draws_none(op)) || self.refused.get(&table) > Some(&place) {
            let why = format!("the step inserted into {table} since, and the last number is another one");
            return Err(SchemaError::Invalid(why).into());
        }
        let counted = self.count_question();
        self.note_fatal(counted)?;
        Ok(Question::Drawn { place, table, column })
    }

    fn count_question(&mut self) -> Result<(), PlanError> {
        if self.has_concurrent() {
            return Err(Unsupported(NOT_ONE_TRANSACTION.into()).into());
        }
        self.questions += 1;
        Ok(spent("questions about rows", self.questions, &self.limits, |limits| limits.queries)?)
    }

    /// The operations that were added since this was called last. They are as good as applied: what follows does not
    /// change how they are carried out.
    pub fn flush(&mut self) -> Vec<PlannedOp> {
        self.rebuild = None;
        let segment = self.operations.get(self.flushed..).unwrap_or_default().to_vec();
        self.flushed = self.operations.len();
        segment
    }
}
