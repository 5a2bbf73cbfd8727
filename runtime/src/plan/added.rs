//! Labels that a step adds to an enumeration: PostgreSQL takes one for a value only once the transaction has ended that
//! added it, whoever made the type.

use super::Planner;
use crate::dialect::{self, Unsupported};
use crate::operation::{Ident, Label, Op, Value};
use crate::schema::Schema;

impl Planner {
    /// Refuses a statement that holds such a label, or may meet one.
    pub(super) fn check_added(&self, sql: &str) -> Result<(), Unsupported> {
        let holds = |(name, label): &&(Ident, Label)| {
            let constant = Value::Label(Some(name.clone()), label.clone());
            // A cast of what is no constant may meet the label in a row.
            sql.contains(&dialect::literal(self.dialect, &constant, None))
                || sql.contains(&format!("::TEXT::{}", dialect::quote(self.dialect, name)))
        };
        self.added.iter().find(holds).map_or(Ok(()), |(name, label)| Err(not_yet(name, label)))
    }

    /// As [`Self::check_added`], of expressions that a table comes with: in those a label is a text.
    pub(super) fn check_added_in(&self, op: &Op, after: &Schema) -> Result<(), Unsupported> {
        let table = after.tables.get(op.subject()).filter(|_| !op.is_data());
        let holds = |(name, label): &&(Ident, Label)| table.is_some_and(|table| table.may_hold(name, label));
        self.added.iter().find(holds).map_or(Ok(()), |(name, label)| Err(not_yet(name, label)))
    }

    /// Follows an operation that was planned.
    pub(super) fn follow_added(&mut self, op: &Op) {
        match op {
            Op::AddEnumValue { name, label, .. } if self.dialect.rules().named_enums => {
                self.added.push((name.clone(), label.clone()));
            }
            Op::RenameEnumValue { name, label, new_label } => {
                for (of, own) in &mut self.added {
                    if (&*of, &*own) == (name, label) {
                        *own = new_label.clone();
                    }
                }
            }
            Op::RenameEnum { name, new_name } => {
                for (of, _) in self.added.iter_mut().filter(|(of, _)| of == name) {
                    *of = new_name.clone();
                }
            }
            Op::DropEnum { name } => self.added.retain(|(of, _)| of != name),
            _ => {}
        }
    }
}

fn not_yet(name: &Ident, label: &Label) -> Unsupported {
    Unsupported(format!(
        "PostgreSQL takes {label} for a value of {name} only once the step that adds it has ended: let another step use it"
    ))
}
