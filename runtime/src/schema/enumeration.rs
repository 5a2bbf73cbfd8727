//! Enumerations: those that are types of their own, and what a column's type says of one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{CheckCondition, ModelDefault, ModelType, Rules, Schema, SchemaError, Table, find, invalid, names};
use crate::operation::{ColumnDefault, ColumnType, EnumType, Expr, Ident, Index, Label, LabelPlace, Op, Value};

/// Makes one. Where it is part of its column there is nothing to make.
pub(super) fn create(schema: &mut Schema, rules: &Rules, name: &Ident, labels: &[Label]) -> Result<(), SchemaError> {
    check_labels(rules, &format!("the enumeration {name}"), labels)?;
    if !rules.named_enums {
        return Ok(());
    }
    names::check_enum(schema, rules, name)?;
    schema.enums.insert(name.clone(), of(name, labels.to_vec()));
    Ok(())
}

fn of(name: &Ident, labels: Vec<Label>) -> Arc<EnumType> {
    Arc::new(EnumType { name: Some(name.clone()), labels })
}

/// Drops one that no column uses.
pub(super) fn drop(schema: &mut Schema, rules: &Rules, name: &Ident) -> Result<(), SchemaError> {
    if !rules.named_enums {
        return Ok(());
    }
    find(schema, name)?;
    if let Some(user) = schema.tables.iter().find_map(|(table, found)| Some((table, found.column_of_enum(name)?))) {
        let (table, column) = user;
        return Err(invalid(format!(
            "the enumeration {name} cannot be dropped: column {column} of table {table} is of it"
        )));
    }
    schema.enums.remove(name);
    Ok(())
}

/// Renames one; columns and defaults follow.
pub(super) fn rename(schema: &mut Schema, rules: &Rules, name: &Ident, new_name: &Ident) -> Result<(), SchemaError> {
    if !rules.named_enums {
        return Ok(());
    }
    let labels = find(schema, name)?.labels.clone();
    names::check_enum(schema, rules, new_name)?;
    replace(schema, name, of(new_name, labels), &|of, _| *of = new_name.clone());
    schema.enums.remove(name);
    Ok(())
}

/// Adds a label.
pub(super) fn add_value(
    schema: &mut Schema,
    rules: &Rules,
    name: &Ident,
    label: &Label,
    place: &LabelPlace,
) -> Result<(), SchemaError> {
    if !rules.named_enums {
        return Ok(());
    }
    let mut labels = find(schema, name)?.labels.clone();
    check_free(name, &labels, label)?;
    let at = match place {
        LabelPlace::End => labels.len(),
        LabelPlace::Before(other) => position(name, &labels, other)?,
        LabelPlace::After(other) => position(name, &labels, other)? + 1,
    };
    labels.insert(at, label.clone());
    check_labels(rules, &format!("the enumeration {name}"), &labels)?;
    replace(schema, name, of(name, labels), &|_, _| {});
    Ok(())
}

/// Renames a label; rows and defaults follow.
pub(super) fn rename_value(
    schema: &mut Schema,
    rules: &Rules,
    name: &Ident,
    label: &Label,
    new_label: &Label,
) -> Result<(), SchemaError> {
    if !rules.named_enums {
        return Ok(());
    }
    let mut labels = find(schema, name)?.labels.clone();
    let at = position(name, &labels, label)?;
    if label == new_label {
        return Err(SchemaError::AlreadyExists(format!("the enumeration {name} has a label {label} already")));
    }
    labels.remove(at);
    check_free(name, &labels, new_label)?;
    labels.insert(at, new_label.clone());
    for (table_name, table) in &schema.tables {
        let columns = table.columns.iter().filter(|column| column.enum_type().is_some_and(|of| of.is(name)));
        // Their constants are those of the database, which the model has as texts.
        if let Some(user) = columns.filter_map(|column| find::expression_over(table, &column.name)).next() {
            return Err(invalid(format!(
                "the label {label} of {name} cannot be renamed: {user} of table {table_name} may mention it"
            )));
        }
    }
    replace(schema, name, of(name, labels), &|_, own| {
        if own == label {
            *own = new_label.clone();
        }
    });
    Ok(())
}

impl Table {
    /// Whether an expression of it may hold a label of an enumeration, which is a text there.
    pub fn may_hold(&self, name: &Ident, label: &Label) -> bool {
        let checks = self.checks.iter().filter_map(|check| match &check.condition {
            CheckCondition::Portable(condition) => Some(condition),
            CheckCondition::Opaque(_) => None,
        });
        let computed = self.columns.iter().filter_map(|column| Some(&column.computed.as_ref()?.expression));
        let mut all = checks.chain(computed).chain(self.indexes.iter().flat_map(Index::expressions));
        let is_of =
            |column: &Ident| self.column(column).and_then(super::Column::enum_type).is_some_and(|of| of.is(name));
        all.any(|expression| expression.columns().into_iter().any(is_of) && holds(expression, label))
    }
}

fn holds(expression: &Expr, label: &Label) -> bool {
    matches!(expression, Expr::Value(Value::Text(text)) if text == label.as_str())
        || expression.children().into_iter().any(|child| holds(child, label))
}

impl Schema {
    /// The operation with the labels of enumerations that a text only names.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn with_labels(&self, mut op: Op) -> Result<Op, SchemaError> {
        let named = |column_type: &mut ColumnType| match column_type {
            ColumnType::Enumeration(of) => {
                if let (Some(name), true) = (&of.name, of.labels.is_empty()) {
                    *of = find(self, name)?.clone();
                }
                Ok(())
            }
            _ => Ok(()),
        };
        match &mut op {
            Op::CreateTable { table } => {
                table.columns.iter_mut().try_for_each(|column| named(&mut column.column_type))?
            }
            Op::AddColumn { column, .. } => named(&mut column.column_type)?,
            Op::AlterColumn { changes, .. } => changes.column_type.iter_mut().try_for_each(named)?,
            _ => {}
        }
        Ok(op)
    }
}

fn find<'a>(schema: &'a Schema, name: &Ident) -> Result<&'a Arc<EnumType>, SchemaError> {
    schema
        .enums
        .get(name)
        .ok_or_else(|| SchemaError::NotFound(format!("there is no type {name} that is the package's enumeration")))
}

fn position(name: &Ident, labels: &[Label], label: &Label) -> Result<usize, SchemaError> {
    let found = labels.iter().position(|other| other == label);
    found.ok_or_else(|| SchemaError::NotFound(format!("the enumeration {name} has no label {label}")))
}

fn check_free(name: &Ident, labels: &[Label], label: &Label) -> Result<(), SchemaError> {
    match labels.iter().find(|other| other.folded() == label.folded()) {
        Some(other) => Err(SchemaError::AlreadyExists(format!("the enumeration {name} has a label {other} already"))),
        None => Ok(()),
    }
}

/// Puts another enumeration in the place of one, as the type of columns too, and changes their defaults.
fn replace(schema: &mut Schema, name: &Ident, new: Arc<EnumType>, change: &dyn Fn(&mut Ident, &mut Label)) {
    for table in schema.tables.values_mut().filter(|table| table.column_of_enum(name).is_some()) {
        let table = Arc::make_mut(table);
        for column in &mut table.columns {
            if let ModelType::Portable(ColumnType::Enumeration(of)) = &mut column.column_type
                && of.is(name)
            {
                *of = new.clone();
                if let Some(ModelDefault::Portable(ColumnDefault::Value(Value::Label(Some(of), label)))) =
                    &mut column.default
                {
                    change(of, label);
                }
            }
        }
    }
    if let Some(name) = &new.name {
        schema.enums.insert(name.clone(), new.clone());
    }
}

fn check_labels(rules: &Rules, at: &str, labels: &[Label]) -> Result<(), SchemaError> {
    // A type may get them later.
    if labels.is_empty() && !rules.named_enums {
        return Err(invalid(format!("{at} has no labels")));
    }
    if labels.len() > EnumType::LABELS {
        return Err(invalid(format!("{at} has more than {} labels", EnumType::LABELS)));
    }
    let mut folded = BTreeSet::new();
    match labels.iter().find(|label| !folded.insert(label.folded())) {
        Some(label) => Err(invalid(format!("{at} has the label {label} twice, case and spaces apart"))),
        None => Ok(()),
    }
}

/// Refuses an enumeration that a column cannot be of: one that is not there as it is said to be.
pub(super) fn check_type(schema: &Schema, rules: &Rules, at: &str, asked: &EnumType) -> Result<(), SchemaError> {
    check_labels(rules, at, &asked.labels)?;
    if !rules.named_enums {
        return Ok(());
    }
    let Some(name) = &asked.name else {
        return Err(invalid(format!("{at} is of an enumeration without a name, which PostgreSQL does not have")));
    };
    if find(schema, name)?.labels != asked.labels {
        return Err(invalid(format!("{at} is of the enumeration {name} with other labels than that has")));
    }
    Ok(())
}
