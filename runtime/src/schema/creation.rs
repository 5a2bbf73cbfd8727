//! A model's tables as the operations that make them.

use std::collections::BTreeSet;

use super::index::is_implicit;
use super::{Check, CheckCondition, Column, ModelDefault, Rules, Schema, Table};
use crate::operation::{CheckSpec, ColumnSpec, Comment, Constraint, Demand, Ident, Op, TableSpec};

/// The operations that make these enumerations and tables with their indexes, each after the tables that it refers to. What
/// the contract cannot express is left out; a model that the contract made has none of it.
pub fn creations(schema: &Schema, rules: &Rules) -> Vec<Op> {
    let mut made: BTreeSet<&Ident> = BTreeSet::new();
    let enums = schema.enums.iter();
    let mut operations: Vec<Op> =
        enums.map(|(name, of)| Op::CreateEnum { name: name.clone(), labels: of.labels.clone() }).collect();
    while made.len() < schema.tables.len() {
        let ready = |(name, table): &(&Ident, &std::sync::Arc<Table>)| {
            let waits = |other: &Ident| other != *name && schema.tables.contains_key(other) && !made.contains(other);
            !made.contains(name) && !table.foreign_keys.iter().any(|key| waits(&key.referred_table))
        };
        // Tables that refer to each other in a circle: any order is as wrong; the model says so.
        let open = |(name, _): &(&Ident, &std::sync::Arc<Table>)| !made.contains(name);
        let next = schema.tables.iter().find(ready).or_else(|| schema.tables.iter().find(open));
        let Some((name, table)) = next else { break };
        made.insert(name);
        operations.push(Op::CreateTable { table: table_spec(name, table) });
        let implied = |index: &&crate::operation::Index| rules.foreign_key_makes_index && is_implicit(table, index);
        for index in table.indexes.iter().filter(|index| !implied(index)) {
            operations.push(Op::CreateIndex { table: name.clone(), index: index.clone(), online: None });
        }
    }
    operations
}

fn table_spec(name: &Ident, table: &Table) -> TableSpec {
    let keys = table.primary_key.iter().cloned().map(Constraint::PrimaryKey);
    let uniques = table.uniques.iter().cloned().map(Constraint::Unique);
    let foreign_keys = table.foreign_keys.iter().cloned().map(Constraint::ForeignKey);
    let checks = table.checks.iter().filter_map(check_spec);
    TableSpec {
        name: name.clone(),
        columns: table.columns.iter().filter_map(column_spec).collect(),
        constraints: keys.chain(uniques).chain(foreign_keys).chain(checks).collect(),
        comment: table.comment.as_deref().map(comment),
    }
}

fn check_spec(check: &Check) -> Option<Constraint> {
    match &check.condition {
        CheckCondition::Portable(condition) => {
            Some(Constraint::Check(CheckSpec { name: check.name.clone(), condition: condition.clone() }))
        }
        CheckCondition::Opaque(_) => None,
    }
}

pub(super) fn column_spec(column: &Column) -> Option<ColumnSpec> {
    let column_type = column.portable_type()?.clone();
    Some(ColumnSpec {
        name: column.name.clone(),
        column_type,
        nullable: column.nullable,
        default: match &column.default {
            Some(ModelDefault::Portable(default)) => Some(default.clone()),
            _ => None,
        },
        auto_increment: column.auto_increment,
        numbered_once: column.numbered_once,
        computed: column.computed.clone(),
        comment: column.comment.as_deref().map(comment),
    })
}

fn comment(text: &str) -> Comment {
    Comment { text: text.to_owned(), demand: Demand::Required }
}
