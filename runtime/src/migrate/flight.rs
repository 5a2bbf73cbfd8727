//! What is written down of a step whose statements commit by themselves, and what the tables tell of how far it got.
//!
//! Every such statement changes what some table looks like. So the state of the tables says which statements took effect,
//! as long as no two of the states in question are alike; where they would be, a mark of progress is written in between
//! (see [`reach`]). Statements that share a transaction have their mark in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialect::{Catalog, CatalogTable, Dialect};
use crate::operation::{Ident, Op};
use crate::plan::{Effect, PlannedOp};
use crate::schema::Table;
use crate::store::{FlightStatement, Look, Numbered, Undo};

/// Tables by name and what they look like.
pub(super) type Looks = BTreeMap<String, Look>;

/// The statements of a plan, as they are written down. `locks`: those that a transaction of these operations begins with.
pub(super) fn statements(
    dialect: Dialect,
    operations: &[PlannedOp],
    locks: impl Fn(&[&Op]) -> Vec<String>,
) -> Vec<FlightStatement> {
    let mut made = Made::default();
    let mut statements = Vec::new();
    let mut together = Vec::new();
    for planned in operations {
        let at = statements.len();
        statements.extend(made.statements(dialect, planned));
        match statements.get(at) {
            None => {}
            Some(FlightStatement { alone: false, .. }) => together.push((at, &planned.op)),
            Some(_) => lock(&mut statements, std::mem::take(&mut together), &locks),
        }
    }
    lock(&mut statements, together, &locks);
    statements
}

/// Gives the first of the statements that share a transaction its locks.
fn lock(statements: &mut [FlightStatement], together: Vec<(usize, &Op)>, locks: impl Fn(&[&Op]) -> Vec<String>) {
    let (places, ops): (Vec<usize>, Vec<&Op>) = together.into_iter().unzip();
    if let Some(first) = places.first().and_then(|at| statements.get_mut(*at)) {
        first.locks = locks(&ops);
    }
}

/// The tables that a plan changes, as they were before it.
pub(super) fn earlier(operations: &[PlannedOp]) -> BTreeMap<String, Option<Table>> {
    let mut earlier = BTreeMap::new();
    for change in operations.iter().filter_map(|planned| planned.effect.as_ref()).flat_map(|effect| &effect.changes) {
        earlier.entry(change.name.as_str().to_owned()).or_insert_with(|| change.before.as_deref().cloned());
    }
    earlier
}

/// The tables that the step has made so far: whatever happens to them and their rows goes with them. And the former names
/// of those that it renamed.
#[derive(Default)]
struct Made {
    tables: BTreeSet<Ident>,
    earlier_names: BTreeMap<Ident, Ident>,
}

impl Made {
    fn statements(&mut self, dialect: Dialect, planned: &PlannedOp) -> Vec<FlightStatement> {
        let undo = self.undo(planned);
        self.follow(&planned.op);
        let last = planned.statements.len().saturating_sub(1);
        let leaves = |index: usize| match (&planned.effect, &planned.statements.get(index)) {
            (Some(_), Some(statement)) if index < last && statement.leaves.is_some() => {
                let table = planned.op.subject().as_str().to_owned();
                Looks::from([(table, look(statement.leaves.as_deref()))])
            }
            (Some(effect), _) => after(effect),
            (None, _) => Looks::new(),
        };
        let statements = planned.statements.iter().enumerate();
        let written = statements.map(|(index, statement)| FlightStatement {
            sql: statement.sql.clone(),
            kind: statement.kind,
            alone: dialect.commits_alone(statement),
            concurrent: statement.concurrent.as_ref().map(|index| index.as_str().to_owned()),
            locks: Vec::new(),
            leaves: leaves(index),
            // What takes the operation back does so wherever among its statements it ended.
            undo: if index == 0 { undo.clone() } else { Some(Undo::default()) },
            numbers: self.numbers(planned),
        });
        written.collect()
    }

    fn undo(&self, planned: &PlannedOp) -> Option<Undo> {
        let is_made = self.tables.contains(planned.op.subject());
        let moves = matches!(planned.op, Op::CreateTable { .. } | Op::RenameTable { .. });
        match &planned.effect {
            _ if is_made && !moves => Some(Undo::default()),
            None => None,
            Some(effect) => {
                let statements = effect.undo.as_ref()?.iter().map(|statement| statement.sql.clone()).collect();
                let changes = effect.changes.iter().map(|change| {
                    let earlier = match &change.before {
                        // What was done to it meanwhile is not taken back.
                        Some(_) if is_made => Look::Present,
                        table => look(table.as_deref()),
                    };
                    (change.name.as_str().to_owned(), earlier)
                });
                Some(Undo { statements, leaves: changes.collect() })
            }
        }
    }

    fn numbers(&self, planned: &PlannedOp) -> Option<Numbered> {
        planned.effect.as_ref().filter(|effect| effect.numbers_rows)?;
        let name = planned.op.subject();
        let earlier = self.earlier_names.get(name).unwrap_or(name);
        let earlier = (!self.tables.contains(name)).then(|| earlier.as_str().to_owned());
        Some(Numbered { table: name.as_str().to_owned(), earlier })
    }

    fn follow(&mut self, op: &Op) {
        match op {
            Op::CreateTable { table } => {
                self.tables.insert(table.name.clone());
            }
            Op::RenameTable { name, new_name } => {
                if self.tables.remove(name) {
                    self.tables.insert(new_name.clone());
                } else {
                    let earlier = self.earlier_names.remove(name).unwrap_or_else(|| name.clone());
                    self.earlier_names.insert(new_name.clone(), earlier);
                }
            }
            _ => {}
        }
    }
}

fn after(effect: &Effect) -> Looks {
    effect.changes.iter().map(|change| (change.name.as_str().to_owned(), look(change.after.as_deref()))).collect()
}

fn look(table: Option<&Table>) -> Look {
    table.map_or(Look::Absent, |table| Look::Digest(table.digest()))
}

/// What a step's tables look like when so many of its statements are applied.
pub(super) fn expected(
    earlier: &BTreeMap<String, Option<Table>>,
    statements: &[FlightStatement],
    position: usize,
) -> Looks {
    let mut looks: Looks = earlier.iter().map(|(name, table)| (name.clone(), look(table.as_ref()))).collect();
    for statement in statements.iter().take(position) {
        looks.extend(statement.leaves.clone());
    }
    looks
}

/// How far the statements after `marked` may be applied before another mark of progress is due: no two states on the way
/// look alike.
pub(super) fn reach(earlier: &BTreeMap<String, Option<Table>>, statements: &[FlightStatement], marked: usize) -> usize {
    let mut now = expected(earlier, statements, marked);
    let mut seen = vec![now.clone()];
    let mut end = marked;
    for statement in statements.iter().skip(marked).take_while(|statement| statement.alone) {
        now.extend(statement.leaves.clone());
        let repeats = seen.contains(&now);
        // One that changes nothing may be sent again.
        if repeats && end > marked {
            break;
        }
        end += 1;
        if repeats {
            break;
        }
        seen.push(now.clone());
    }
    end
}

/// How many statements are applied, by what the tables look like; none if they look like nothing that the step made of
/// them.
pub(super) fn position(
    earlier: &BTreeMap<String, Option<Table>>,
    statements: &[FlightStatement],
    marked: usize,
    catalog: &Catalog,
) -> Option<usize> {
    (marked..=reach(earlier, statements, marked))
        .find(|position| holds(&expected(earlier, statements, *position), catalog))
}

/// Whether tables look like this.
pub(super) fn holds(looks: &Looks, catalog: &Catalog) -> bool {
    looks.iter().all(|(name, expected)| match (expected, catalog.tables.get(name)) {
        (Look::Absent, found) => found.is_none(),
        (Look::Present, found) => found.is_some(),
        (Look::Digest(digest), Some(CatalogTable::Readable(table))) => table.digest() == *digest,
        (Look::Digest(_), _) => false,
    })
}
