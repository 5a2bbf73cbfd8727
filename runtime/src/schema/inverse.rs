//! The operation that takes back what another one did, where there is one that brings everything back.

use std::sync::Arc;

use super::{CheckCondition, Column, ModelDefault, ModelType, Rules, Schema, Table, apply, creation};
use crate::operation::{
    Change, CheckSpec, ColumnChanges, ColumnType, Comment, Constraint, ConstraintSelector, Demand, Ident, Index,
    IndexOrder, IndexPart, Key, Op,
};

/// The operation that leads from `after` back to `before`, which `op` led from: none where values or rows that are gone
/// would not come back, or where the model knows no way.
pub fn inverse(op: &Op, rules: &Rules, before: &Schema, after: &Schema) -> Option<Op> {
    let back = candidate(op, before, after)?;
    let mut led = after.clone();
    apply(&mut led, rules, &back).ok()?;
    (led == *before).then_some(back)
}

fn candidate(op: &Op, before: &Schema, after: &Schema) -> Option<Op> {
    let name = op.subject();
    let (old, new) = (before.tables.get(name).map(Arc::as_ref), after.tables.get(name).map(Arc::as_ref));
    Some(match op {
        Op::CreateTable { .. } => Op::DropTable { name: name.clone() },
        Op::RenameTable { name, new_name } => Op::RenameTable { name: new_name.clone(), new_name: name.clone() },
        Op::AddColumn { table, column } => Op::DropColumn { table: table.clone(), name: column.name.clone() },
        Op::RenameColumn { table, name, new_name } => {
            Op::RenameColumn { table: table.clone(), name: new_name.clone(), new_name: name.clone() }
        }
        Op::AlterColumn { table, name, .. } => {
            let changes = changes(old?.column(name)?, new?.column(name)?)?;
            Op::AlterColumn { table: table.clone(), name: name.clone(), changes }
        }
        Op::CreateIndex { table, index, online } => {
            Op::DropIndex { table: table.clone(), name: index.name.clone(), online: *online }
        }
        Op::RenameIndex { table, name, new_name } => {
            Op::RenameIndex { table: table.clone(), name: new_name.clone(), new_name: name.clone() }
        }
        Op::DropIndex { table, name, online } => {
            Op::CreateIndex { table: table.clone(), index: index(old?, name)?, online: *online }
        }
        Op::CreateConstraint { table, .. } => {
            let which = selector(&difference(new?, old?)?)?;
            Op::DropConstraint { table: table.clone(), which }
        }
        Op::DropConstraint { table, .. } => {
            Op::CreateConstraint { table: table.clone(), constraint: difference(old?, new?)? }
        }
        Op::RenameConstraint { table, name, new_name } => {
            Op::RenameConstraint { table: table.clone(), name: new_name.clone(), new_name: name.clone() }
        }
        // Nothing is lost with values that are worked out anew.
        Op::DropColumn { table, name } => {
            let column =
                old?.column(name).filter(|column| column.computed.is_some()).and_then(creation::column_spec)?;
            Op::AddColumn { table: table.clone(), column }
        }
        Op::CreateEnum { name, .. } => Op::DropEnum { name: name.clone() },
        Op::DropEnum { name } => Op::CreateEnum { name: name.clone(), labels: before.enums.get(name)?.labels.clone() },
        Op::RenameEnum { name, new_name } => Op::RenameEnum { name: new_name.clone(), new_name: name.clone() },
        Op::RenameEnumValue { name, label, new_label } => {
            Op::RenameEnumValue { name: name.clone(), label: new_label.clone(), new_label: label.clone() }
        }
        Op::DropTable { .. }
        | Op::DropUsedColumn { .. }
        | Op::BulkInsert { .. }
        | Op::Execute { .. }
        | Op::AddEnumValue { .. } => return None,
    })
}

/// What makes a column again what it was, if its values survived.
fn changes(old: &Column, new: &Column) -> Option<ColumnChanges> {
    let (ModelType::Portable(from), ModelType::Portable(to)) = (&old.column_type, &new.column_type) else {
        return None;
    };
    if !keeps_values(from, to) {
        return None;
    }
    let comment = |text: &String| Comment { text: text.clone(), demand: Demand::Required };
    Some(ColumnChanges {
        column_type: (from != to).then(|| from.clone()),
        nullable: (old.nullable != new.nullable).then_some(old.nullable),
        default: match &old.default {
            old_default if *old_default == new.default => Change::Keep,
            Some(ModelDefault::Portable(default)) => Change::Set(default.clone()),
            Some(ModelDefault::Opaque(_)) => return None,
            None => Change::Clear,
        },
        comment: match &old.comment {
            old_comment if *old_comment == new.comment => Change::Keep,
            Some(text) => Change::Set(comment(text)),
            None => Change::Clear,
        },
    })
}

/// Whether every value of a column comes through a change of its type and back as it was.
fn keeps_values(from: &ColumnType, to: &ColumnType) -> bool {
    use ColumnType::{
        BigInteger, Binary, Char, Double, Float, Integer, Json, JsonBinary, LargeBinary, LargeText, Numeric,
        SmallInteger, Text, Time, Timestamp, TimestampWithZone, Varchar,
    };
    match (from, to) {
        (SmallInteger, Integer | BigInteger)
        | (Integer, BigInteger)
        | (Float, Double)
        | (Varchar(_) | Char(_), Text | LargeText(_) | Varchar(None))
        | (JsonBinary, Json)
        | (Text, LargeText(_))
        | (Binary, LargeBinary(_)) => true,
        (LargeText(short), LargeText(long)) | (LargeBinary(short), LargeBinary(long)) => short <= long,
        (Varchar(Some(short)) | Char(short), Varchar(Some(long))) | (Char(short), Char(long)) => short <= long,
        (Time(few), Time(more))
        | (Timestamp(few), Timestamp(more))
        | (TimestampWithZone(few), TimestampWithZone(more)) => few <= more,
        (Numeric { precision, scale }, Numeric { precision: wider, scale: same }) => {
            precision <= wider && scale == same
        }
        _ => from == to,
    }
}

fn index(table: &Table, name: &Ident) -> Option<Index> {
    let plain = table.indexes.iter().find(|index| index.name == *name).cloned();
    plain.or_else(|| {
        // A dialect on which a unique index is a constraint.
        let key = table.uniques.iter().find(|key| key.name.as_ref() == Some(name))?;
        let part = |name: &Ident| IndexPart::column(name.clone(), IndexOrder::Ascending);
        let parts = key.columns.iter().map(part).collect();
        Some(Index { name: name.clone(), parts, unique: true, predicate: None })
    })
}

/// The constraint that one table has and the other has not.
fn difference(more: &Table, fewer: &Table) -> Option<Constraint> {
    let key = more.primary_key.iter().filter(|_| fewer.primary_key.is_none()).cloned().map(Constraint::PrimaryKey);
    let uniques = more.uniques.iter().filter(|key| !fewer.uniques.contains(key)).cloned().map(Constraint::Unique);
    let foreign = more.foreign_keys.iter().filter(|key| !fewer.foreign_keys.contains(key));
    let checks = more.checks.iter().filter(|check| !fewer.checks.contains(check)).filter_map(|check| {
        let CheckCondition::Portable(condition) = &check.condition else { return None };
        Some(Constraint::Check(CheckSpec { name: check.name.clone(), condition: condition.clone() }))
    });
    key.chain(uniques).chain(foreign.cloned().map(Constraint::ForeignKey)).chain(checks).next()
}

fn selector(constraint: &Constraint) -> Option<ConstraintSelector> {
    let name = match constraint {
        Constraint::PrimaryKey(_) => return Some(ConstraintSelector::PrimaryKey),
        Constraint::Unique(Key { name, .. }) => name,
        Constraint::ForeignKey(key) => &key.name,
        Constraint::Check(check) => &check.name,
    };
    name.clone().map(ConstraintSelector::Name)
}
