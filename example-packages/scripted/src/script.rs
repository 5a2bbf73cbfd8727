//! The script: what the package says of itself and what each step does, as bytes in the component.
//!
//! The guest holds `CAPACITY` bytes that begin with `MAGIC`. After it come entries, each a key and a body
//! with its length before it; a length of zero ends them. A body is written by postcard. The key of a step is
//! `upgrade:001`, `downgrade:001` or `populate:demo`; `info` is the answer of `describe`, and `describe`
//! holds actions that run before it. So a guest reads only the one entry that it needs.

use ptah_guest::bindings::exports::ptah::migration::migration::PackageInfo;
use ptah_guest::bindings::ptah::migration::log::Level;
use ptah_guest::{
    AnswerColumn, Column, ColumnChanges, ColumnInfo, Constraint, ConstraintSelector, Demand, Dialect, EnumType, Error,
    Index, LabelPlace, RefusalKind, SqlText, Table, Value,
};
use serde::{Deserialize, Serialize};

/// How many bytes a script may have, its framing included.
pub const CAPACITY: usize = 512 * 1024;

/// What the place of the script begins with in a component that has none yet.
pub const MAGIC: [u8; 16] = *b"\0ptah script v1\n";

/// One thing that a step does. Where nothing else is said, an error of a call ends the step with that
/// error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Action {
    /// `schema.create-table`.
    CreateTable(Table),
    /// `schema.drop-table`.
    DropTable(String),
    /// `schema.rename-table`: name, new name.
    RenameTable(String, String),
    /// `schema.add-column`: table, column.
    AddColumn(String, Column),
    /// `schema.drop-column`: table, name.
    DropColumn(String, String),
    /// `schema.rename-column`: table, name, new name.
    RenameColumn(String, String, String),
    /// `schema.alter-column`: table, name, changes.
    AlterColumn(String, String, ColumnChanges),
    /// `schema.create-index`: table, index, online.
    CreateIndex(String, Index, Option<Demand>),
    /// `schema.drop-index`: table, name, online.
    DropIndex(String, String, Option<Demand>),
    /// `schema.create-constraint`: table, constraint.
    CreateConstraint(String, Constraint),
    /// `schema.drop-constraint`: table, which.
    DropConstraint(String, ConstraintSelector),
    /// `schema.create-enum`: name, labels.
    CreateEnum(String, Vec<String>),
    /// `schema.drop-enum`.
    DropEnum(String),
    /// `schema.rename-enum`: name, new name.
    RenameEnum(String, String),
    /// `schema.add-enum-value`: name, label, place.
    AddEnumValue(String, String, LabelPlace),
    /// `schema.rename-enum-value`: name, label, new label.
    RenameEnumValue(String, String, String),
    /// `schema.ddl-text`.
    DdlText(SqlText),

    /// `data.bulk-insert`: table, columns, rows.
    BulkInsert(String, Vec<String>, Vec<Vec<Value>>),
    /// `data.execute`: statement, parameters. The handle is dropped at once.
    Execute(SqlText, Vec<Value>),
    /// `data.execute` so many times, all handles kept open until the last.
    HoldStatements(u32, SqlText),
    /// `data.bulk-insert` of one row with text of so many bytes: table, column, bytes.
    InsertBytes(String, String, u32),
    /// `data.bulk-insert` of one row with a NaN: table, column.
    InsertNan(String, String),
    /// `data.bulk-insert` of one row with `run.started` as a timestamp with zone and `run.seed` as an
    /// integer (its upper 63 bits): table, column of the first, column of the second.
    InsertRun(String, String, String),

    /// `rows.query` in pages of so many rows, which must have these, page by page.
    ExpectPages(SqlText, Vec<Value>, u32, Vec<Vec<Vec<Value>>>),
    /// `rows.query`, whose columns must be these.
    ExpectAnswerColumns(SqlText, Vec<Value>, Vec<AnswerColumn>),
    /// `rows.query`; its rows are then inserted: table, columns.
    InsertAnswer(SqlText, Vec<Value>, String, Vec<String>),
    /// `rows.query` so many times, all cursors kept open until the last.
    HoldCursors(u32, SqlText),
    /// The actions only if `rows.query` answers with a row.
    IfRows(SqlText, Vec<Value>, Vec<Action>),
    /// `data.execute` of all of them; then `rows.touched` of each, which must be this.
    ExpectTouched(Vec<(SqlText, Vec<Value>, u64)>),
    /// `rows.attempt`, which must be refused for this; without one its error, if any, is the step's.
    Attempt(SqlText, Vec<Value>, Option<RefusalKind>),
    /// `data.execute`; then `rows.drawn` must be this.
    ExpectDrawn(SqlText, Vec<Value>, i64),
    /// `data.execute` of both; then `rows.drawn` of the first.
    DrawnLate(SqlText, SqlText),
    /// `data.execute` of the first, `rows.attempt` of the second; then `rows.drawn` of the first.
    RefusedBetween(SqlText, SqlText),
    /// `inspect.target-dialect` must answer this.
    ExpectDialect(Dialect),
    /// `inspect.tables` must answer this.
    ExpectTables(Vec<String>),
    /// `inspect.enums` must answer this.
    ExpectEnums(Vec<EnumType>),
    /// `inspect.columns` of a table must answer this; an empty native type here matches any.
    ExpectColumns(String, Vec<ColumnInfo>),
    /// `inspect.constraints` of a table must answer this.
    ExpectConstraints(String, Vec<Constraint>),
    /// `inspect.indexes` of a table must answer this.
    ExpectIndexes(String, Vec<Index>),
    /// `inspect.table-comment` of a table must answer this.
    ExpectTableComment(String, Option<String>),
    /// Logs what `inspect` says of a table, as one `info` message: the `Debug` text of the tuple of
    /// columns, constraints, indexes and comment.
    Report(String),

    /// `log.message`.
    Message(Level, String),
    /// `log.message` at `info` with so many bytes.
    MessageBytes(u32),
    /// `log.progress`.
    Progress(u64, Option<u64>),

    /// The action must fail with an error of this kind; then the step goes on.
    Fails(ErrorKind, Box<Action>),
    /// The action's error, if any, is taken no notice of.
    Ignore(Box<Action>),
    /// The actions so many times over.
    Repeat(u64, Vec<Action>),
    /// The actions only on this dialect.
    OnDialect(Dialect, Vec<Action>),
    /// Ends the step with this error.
    Return(Error),

    /// Fails if this instance has run a step before: each step must get a fresh one.
    ExpectFreshInstance,
    /// Executes `unreachable`.
    Trap,
    /// Panics with a message.
    Panic(String),
    /// Never ends.
    Loop,
    /// Allocates and touches so many bytes, and keeps them.
    Allocate(u32),
    /// Allocates until it cannot.
    AllocateForever,
    /// Calls itself until the stack is used up.
    Recurse,
}

/// The cases of the contract's error, without their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// `already-exists`.
    AlreadyExists,
    /// `not-found`.
    NotFound,
    /// `invalid`.
    Invalid,
    /// `denied`.
    Denied,
    /// `unsupported`.
    Unsupported,
    /// `limit-exceeded`.
    LimitExceeded,
    /// `refused`.
    Refused,
    /// `failed`.
    Failed,
}

impl ErrorKind {
    /// The kind of an error.
    pub fn of(error: &Error) -> ErrorKind {
        match error {
            Error::AlreadyExists(_) => ErrorKind::AlreadyExists,
            Error::NotFound(_) => ErrorKind::NotFound,
            Error::Invalid(_) => ErrorKind::Invalid,
            Error::Denied(_) => ErrorKind::Denied,
            Error::Unsupported(_) => ErrorKind::Unsupported,
            Error::LimitExceeded(_) => ErrorKind::LimitExceeded,
            Error::Refused(_) => ErrorKind::Refused,
            Error::Failed(_) => ErrorKind::Failed,
        }
    }
}

/// Writes a script: what `describe` answers, and the actions under each key.
///
/// Fails with a message if the script is longer than [`CAPACITY`] or `component` has no place for one.
pub fn write(component: &mut [u8], info: &PackageInfo, steps: &[(String, Vec<Action>)]) -> Result<(), String> {
    let mut script = Vec::new();
    entry(&mut script, "info", info)?;
    for (key, actions) in steps {
        entry(&mut script, key, actions)?;
    }
    script.extend_from_slice(&[0; 4]);

    let room = CAPACITY - MAGIC.len();
    if script.len() > room {
        return Err(format!("the script has {} bytes, but there is room for {room}", script.len()));
    }
    let mut places = component.windows(MAGIC.len()).enumerate().filter(|(_, bytes)| *bytes == MAGIC);
    let (Some((place, _)), None) = (places.next(), places.next()) else {
        return Err("the component has no place for a script, or more than one".into());
    };
    let start = place + MAGIC.len();
    match component.get_mut(start..start + script.len()) {
        Some(target) => target.copy_from_slice(&script),
        None => return Err("the component's place for a script is cut short".into()),
    }
    Ok(())
}

fn entry(script: &mut Vec<u8>, key: &str, body: &impl Serialize) -> Result<(), String> {
    let body = postcard::to_allocvec(body).map_err(|error| error.to_string())?;
    for part in [key.as_bytes(), &body] {
        script.extend_from_slice(&(part.len() as u32).to_le_bytes());
        script.extend_from_slice(part);
    }
    Ok(())
}

/// The body under a key, if there is one.
pub fn find<'script>(script: &'script [u8], key: &str) -> Option<&'script [u8]> {
    let mut rest = script.get(MAGIC.len()..)?;
    loop {
        let (found, after) = part(rest)?;
        let (body, after) = part(after)?;
        if found == key.as_bytes() {
            return Some(body);
        }
        rest = after;
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*length) {
        0 => None,
        length => rest.split_at_checked(length as usize),
    }
}
