//! Adding, dropping and altering columns.

use super::kind::Kind;
use super::scope::Scope;
use super::typing;
use super::{
    AutoIncrement, CheckCondition, Column, ModelDefault, ModelType, Rules, Schema, SchemaError, Table, create,
    enumeration, find, invalid, names,
};
use crate::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Computed, Expr, Ident, Index, Label,
    ReferentialAction, UnaryOperator, Value, coerce,
};

/// The most digits, and the most after the point, that a `numeric` may have on every dialect.
const NUMERIC_PRECISION: u8 = 65;
/// The longest constant that a default may be: it is kept in the catalog, where MariaDB takes no more than 64 KiB.
const DEFAULT_BYTES: usize = 16 << 10;
const NUMERIC_SCALE: u8 = 30;

/// The column of the model that a request makes.
pub(super) fn build(rules: &Rules, table: &Ident, spec: &ColumnSpec) -> Result<Column, SchemaError> {
    let at = || format!("column {} of table {table}", spec.name);
    check_name(&spec.name)?;
    check_type(&at(), &spec.column_type)?;
    if spec.auto_increment && !spec.column_type.is_integer() {
        return Err(invalid(format!("{} is auto-increment but not an integer", at())));
    }
    if spec.numbered_once && !spec.auto_increment {
        return Err(invalid(format!("{} is not auto-increment, so no number is given once", at())));
    }
    if spec.auto_increment && spec.default.is_some() {
        return Err(invalid(format!("{} is auto-increment and has a default too", at())));
    }
    if let Some(computed) = &spec.computed {
        if spec.auto_increment || spec.default.is_some() {
            return Err(invalid(format!("{} is computed: it has no default and is not auto-increment", at())));
        }
        if (rules.normal_form)(&computed.expression).columns().is_empty() {
            return Err(invalid(format!("{} is computed from no column: give it a default", at())));
        }
    }
    let numbered = if spec.auto_increment { AutoIncrement::Yes } else { AutoIncrement::No };
    let column = Column {
        name: spec.name.clone(),
        column_type: ModelType::Portable((rules.canonical)(spec.column_type.clone(), numbered)),
        nullable: spec.nullable,
        default: match &spec.default {
            Some(default) => build_default(rules, &at(), default, &spec.column_type)?,
            None => None,
        },
        auto_increment: spec.auto_increment,
        numbered_once: spec.numbered_once && rules.integer_key_is_auto_increment,
        computed: spec.computed.as_ref().map(|computed| Computed {
            expression: (rules.normal_form)(&computed.expression),
            storage: computed.storage,
        }),
        comment: comment(rules, spec.comment.as_ref())?,
        extra: Vec::new(),
    };
    check_default_null(&at(), &column)?;
    Ok(column)
}

/// Refuses a computed default that may be NULL where the column may not: MariaDB works it out at once.
fn check_default_null(at: &str, column: &Column) -> Result<(), SchemaError> {
    match &column.default {
        Some(ModelDefault::Portable(ColumnDefault::Expression(expr)))
            if !column.nullable && typing::may_be_null(expr) =>
        {
            Err(invalid(format!("the default of {at} may be NULL but the column may not")))
        }
        _ => Ok(()),
    }
}

/// Columns that every table of PostgreSQL or InnoDB has unasked, in lower case.
const SYSTEM_COLUMNS: [&str; 10] =
    ["cmax", "cmin", "ctid", "db_roll_ptr", "db_row_id", "db_trx_id", "fts_doc_id", "tableoid", "xmax", "xmin"];

/// Refuses the name of a new column that some database keeps for itself.
fn check_name(name: &Ident) -> Result<(), SchemaError> {
    if SYSTEM_COLUMNS.contains(&name.folded().as_str()) {
        return Err(invalid(format!("the column name {name} is one that some databases keep for themselves")));
    }
    Ok(())
}

fn check_type(at: &str, column_type: &ColumnType) -> Result<(), SchemaError> {
    match *column_type {
        ColumnType::Varchar(Some(length)) | ColumnType::Char(length)
            if !(1..=ColumnType::VARCHAR).contains(&length) =>
        {
            Err(invalid(format!("the length of {at} is not in 1 to {}", ColumnType::VARCHAR)))
        }
        ColumnType::Numeric { precision, .. } if !(1..=NUMERIC_PRECISION).contains(&precision) => {
            Err(invalid(format!("the precision of {at} is not in 1 to {NUMERIC_PRECISION}")))
        }
        ColumnType::Numeric { precision, scale } if scale > precision.min(NUMERIC_SCALE) => {
            Err(invalid(format!("the scale of {at} is larger than its precision or {NUMERIC_SCALE}")))
        }
        ColumnType::Time(digits) | ColumnType::Timestamp(digits) | ColumnType::TimestampWithZone(digits)
            if digits > ColumnType::FRACTION =>
        {
            Err(invalid(format!("{at} has more than {} digits after the second", ColumnType::FRACTION)))
        }
        _ => Ok(()),
    }
}

/// Refuses a column of an enumeration that is not there as it is said to be.
pub(super) fn check_enum(
    schema: &Schema,
    rules: &Rules,
    table: &Ident,
    name: &Ident,
    column_type: &ColumnType,
) -> Result<(), SchemaError> {
    match column_type {
        ColumnType::Enumeration(asked) => {
            enumeration::check_type(schema, rules, &format!("column {name} of table {table}"), asked)
        }
        _ => Ok(()),
    }
}

/// The default of the model; none for NULL.
fn build_default(
    rules: &Rules,
    at: &str,
    default: &ColumnDefault,
    column_type: &ColumnType,
) -> Result<Option<ModelDefault>, SchemaError> {
    let constant = match default {
        ColumnDefault::Value(value) => Some(value.clone()),
        ColumnDefault::Expression(expr) => constant(expr),
    };
    let checked = match (default, constant) {
        (_, Some(Value::Null)) => return Ok(None),
        (_, Some(value)) if value.bytes() > DEFAULT_BYTES => {
            return Err(invalid(format!("the default of {at} is longer than {DEFAULT_BYTES} bytes")));
        }
        (_, Some(value)) => {
            let fitting =
                coerce(&value, column_type).map_err(|error| invalid(format!("the default of {at} is {error}")))?;
            ColumnDefault::Value(fitting)
        }
        (ColumnDefault::Expression(expr), None) => {
            check_default_expression(at, expr, column_type)?;
            default.clone()
        }
        (ColumnDefault::Value(_), None) => default.clone(),
    };
    let canonical = (rules.canonical)(column_type.clone(), AutoIncrement::No);
    Ok(Some(ModelDefault::Portable((rules.default_form)(&checked, &canonical))))
}

/// The constant that an expression is, a negated one among them: servers take it for no expression.
fn constant(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Value(value) => Some(value.clone()),
        Expr::Unary(UnaryOperator::Negate, operand) => constant(operand)?.negated(),
        _ => None,
    }
}

fn check_default_expression(at: &str, expr: &Expr, column_type: &ColumnType) -> Result<(), SchemaError> {
    if !expr.columns().is_empty() {
        return Err(invalid(format!("the default of {at} mentions a column")));
    }
    let kind = typing::kind_of_constant(expr).map_err(|error| invalid(format!("the default of {at}: {error}")))?;
    if !Kind::of_type(column_type).takes(&kind) {
        return Err(invalid(format!("the default of {at}, a {column_type}, is {kind}")));
    }
    Ok(())
}

/// The comment of the model; none on a dialect without comments (which the renderer refuses if it was
/// demanded) and for the empty text.
pub(super) fn comment(rules: &Rules, comment: Option<&Comment>) -> Result<Option<String>, SchemaError> {
    match comment {
        Some(comment) if comment.text.contains('\0') => Err(invalid("a comment holds U+0000")),
        Some(comment) if rules.comments && !comment.text.is_empty() => Ok(Some(comment.text.clone())),
        _ => Ok(None),
    }
}

/// Adds a column at the end.
pub(super) fn add(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    spec: &ColumnSpec,
) -> Result<(), SchemaError> {
    check_enum(schema, rules, table_name, &spec.name, &spec.column_type)?;
    let table = find::table_mut(schema, table_name)?;
    check_free(table, table_name, &spec.name)?;
    if spec.auto_increment {
        return Err(invalid(format!(
            "column {} cannot be added as auto-increment: it is not the primary key",
            spec.name
        )));
    }
    let column = build(rules, table_name, spec)?;
    names::check_json(rules, table, &column.name, &column.column_type)?;
    table.columns.push(column);
    check_computed(table, table_name, spec)
}

/// Checks what a column of a table is computed from, if it is.
pub(super) fn check_computed(table: &Table, table_name: &Ident, spec: &ColumnSpec) -> Result<(), SchemaError> {
    let Some(computed) = &spec.computed else { return Ok(()) };
    let column = find::column(table, table_name, &spec.name)?;
    let at = format!("column {} of table {table_name}", spec.name);
    Scope::of_table(table, table_name).check_computed(&at, column, &computed.expression)
}

/// Refuses a new column name that is taken.
pub(super) fn check_free(table: &Table, table_name: &Ident, name: &Ident) -> Result<(), SchemaError> {
    check_name(name)?;
    match table.columns.iter().find(|column| column.name.is_like(name.as_str())) {
        Some(found) => {
            Err(SchemaError::AlreadyExists(format!("table {table_name} has a column {} already", found.name)))
        }
        None => Ok(()),
    }
}

/// Drops a column that nothing else uses.
pub(super) fn drop(schema: &mut Schema, table_name: &Ident, name: &Ident) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    find::column(table, table_name, name)?;
    let refused =
        |user: String| Err(invalid(format!("column {name} of table {table_name} cannot be dropped: {user} uses it")));
    if let Some(user) = user_of(schema, table_name, table, name) {
        return refused(user);
    }
    if table.columns.len() == 1 {
        return Err(invalid(format!("column {name} cannot be dropped: it is the last one of table {table_name}")));
    }
    find::table_mut(schema, table_name)?.columns.retain(|column| column.name != *name);
    Ok(())
}

/// What uses a column, or may use it, for a message.
fn user_of(schema: &Schema, table_name: &Ident, table: &Table, column: &Ident) -> Option<String> {
    if table.primary_key.as_ref().is_some_and(|key| key.columns.contains(column)) {
        return Some("the primary key".to_owned());
    }
    if let Some(key) = table.uniques.iter().find(|key| key.columns.contains(column)) {
        return Some(format!("the unique constraint {}", find::shown(key.name.as_ref())));
    }
    if let Some(key) = table.foreign_keys.iter().find(|key| key.columns.contains(column)) {
        return Some(format!("the foreign key {}", find::shown(key.name.as_ref())));
    }
    if let Some(check) = table.checks.iter().find(|check| find::check_uses(check, column)) {
        return Some(format!("the check {}", find::shown(check.name.as_ref())));
    }
    if let Some(index) = table.indexes.iter().find(|index| find::index_uses(index, column)) {
        return Some(format!("the index {}", index.name));
    }
    if let Some(user) = table.columns.iter().find(|other| other.is_computed_from(column)) {
        return Some(format!("the computed column {}", user.name));
    }
    let referring = find::references_to(schema, table_name).find(|(_, key)| key.referred_columns.contains(column));
    if let Some((referring, _)) = referring {
        return Some(format!("a foreign key of table {referring}"));
    }
    find::opaque_mention(table, column)
}

/// Changes a column in place.
pub(super) fn alter(
    schema: &mut Schema,
    rules: &Rules,
    table_name: &Ident,
    name: &Ident,
    changes: &ColumnChanges,
) -> Result<(), SchemaError> {
    let table = find::table(schema, table_name)?;
    let column = find::column(table, table_name, name)?;
    let at = format!("column {name} of table {table_name}");
    if *changes == (ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep }) {
        return Err(invalid(format!("no change of {at} is asked for")));
    }
    let numbered = if column.auto_increment { AutoIncrement::Yes } else { AutoIncrement::No };
    let asked_type = changes.column_type.clone().map(|asked| (rules.canonical)(asked, numbered));
    let old_type = match &column.column_type {
        ModelType::Portable(known) => Some(known),
        ModelType::Opaque(_) => None,
    };
    let is_kept = rules.keeps_attributes && asked_type.is_none();
    if (old_type.is_none() && !is_kept) || (!column.extra.is_empty() && !rules.keeps_attributes) {
        return Err(not_kept(&at));
    }
    let mut altered = column.clone();
    let retyped = asked_type.filter(|new_type| column.portable_type() != Some(new_type));
    if let Some(asked) = &changes.column_type {
        check_type(&at, asked)?;
        check_enum(schema, rules, table_name, name, asked)?;
        // On SQLite any type that numbers itself is INTEGER.
        if retyped.is_some() || (column.auto_increment && !asked.is_integer()) {
            check_retype(schema, rules, table_name, table, column, asked)?;
        }
    }
    if let Some(new_type) = retyped.clone().map(ModelType::Portable) {
        names::check_json(rules, table, name, &new_type)?;
        altered.column_type = new_type;
    }
    if let Some(nullable) = changes.nullable {
        check_nullable(schema, table_name, table, name, nullable)?;
        // What SQLite does on a conflict may be part of what is dropped.
        if nullable != column.nullable && column.extra.iter().any(|text| text.starts_with("ON CONFLICT")) {
            return Err(not_kept(&at));
        }
        altered.nullable = nullable;
    }
    altered.default = match &changes.default {
        Change::Set(_) if column.auto_increment => {
            return Err(invalid(format!("{at} is auto-increment and has no default")));
        }
        Change::Set(_) if column.computed.is_some() => {
            return Err(invalid(format!("{at} is computed and has no default")));
        }
        Change::Set(default) => {
            let column_type = changes.column_type.as_ref().or(old_type).ok_or_else(|| not_kept(&at))?;
            build_default(rules, &at, default, column_type)?
        }
        Change::Clear => None,
        Change::Keep => match (column.default.clone(), &retyped) {
            (Some(default), Some(new_type)) => retype_default(rules, &at, &default, new_type)?,
            (same, _) => same,
        },
    };
    match &changes.comment {
        Change::Set(text) => altered.comment = comment(rules, Some(text))?,
        Change::Clear => altered.comment = None,
        Change::Keep => {}
    }
    check_default_null(&at, &altered)?;
    let table = find::table_mut(schema, table_name)?;
    if let Some(column) = table.columns.iter_mut().find(|column| column.name == *name) {
        *column = altered;
    }
    create::number_key(table, rules);
    Ok(())
}

fn not_kept(at: &str) -> SchemaError {
    invalid(format!("{at} cannot be altered: it has attributes that this version does not keep"))
}

/// Which values a database would silently take for labels that they are not.
fn taken_for_others(column: &Column, asked: &ColumnType) -> Option<String> {
    let ColumnType::Enumeration(new) = asked else { return None };
    let Some(ColumnType::Enumeration(old)) = column.portable_type() else {
        return Some(
            "a text that is none of the labels is taken for the number of one here; add a column and fill it".into(),
        );
    };
    let mut gone = old.labels.iter().filter(|label| !new.labels.contains(label));
    let is_taken = |label: &&Label| {
        label.as_str().trim().bytes().all(|byte| byte.is_ascii_digit())
            || new.labels.iter().any(|new| new.folded() == label.folded())
    };
    let label = gone.find(is_taken)?;
    Some(format!("rows of the label '{label}', which goes, are taken for those of another one here"))
}

/// Refuses a change of type that something else does not survive.
fn check_retype(
    schema: &Schema,
    rules: &Rules,
    table_name: &Ident,
    table: &Table,
    column: &Column,
    asked: &ColumnType,
) -> Result<(), SchemaError> {
    let name = &column.name;
    let refused =
        |why: String| Err(invalid(format!("the type of column {name} of table {table_name} cannot change: {why}")));
    if column.auto_increment && !asked.is_integer() {
        return refused("it is auto-increment".to_owned());
    }
    if column.computed.is_some() {
        return refused("it is computed; drop it and add it anew".to_owned());
    }
    let (old, new) = (Kind::of_column(column), Kind::of_type(asked));
    if !new.converts_from(&old) {
        return refused(format!("{old} does not become {new} in the same way on every database"));
    }
    if rules.labels_by_number
        && let Some(why) = taken_for_others(column, asked)
    {
        return refused(why);
    }
    let stays_comparable =
        rules.loose_references && asked.is_integer() && column.portable_type().is_some_and(ColumnType::is_integer);
    if !stays_comparable && table.foreign_keys.iter().any(|key| key.columns.contains(name)) {
        return refused("a foreign key uses it".to_owned());
    }
    let referring = find::references_to(schema, table_name).find(|(_, key)| key.referred_columns.contains(name));
    if let Some((referring, _)) = referring.filter(|_| !stays_comparable) {
        return refused(format!("a foreign key of table {referring} refers to it"));
    }
    if let Some(user) = find::opaque_mention(table, name) {
        return refused(format!("{user} uses it"));
    }
    let portable_check = |condition: &CheckCondition| match condition {
        CheckCondition::Portable(condition) => condition.columns().contains(name),
        CheckCondition::Opaque(_) => false,
    };
    if let Some(check) = table.checks.iter().find(|check| portable_check(&check.condition)) {
        return refused(format!("the check {} uses it", find::shown(check.name.as_ref())));
    }
    let computes = |index: &&Index| index.expressions().any(|expression| expression.columns().contains(name));
    if let Some(index) = table.indexes.iter().find(computes) {
        return refused(format!("the index {} uses it in an expression", index.name));
    }
    if let Some(user) = table.columns.iter().find(|other| other.is_computed_from(name)) {
        return refused(format!("column {} is computed from it", user.name));
    }
    Ok(())
}

fn check_nullable(
    schema: &Schema,
    table_name: &Ident,
    table: &Table,
    name: &Ident,
    nullable: bool,
) -> Result<(), SchemaError> {
    let refused = |why: &str| Err(invalid(format!("column {name} of table {table_name} {why}")));
    if nullable && table.primary_key.as_ref().is_some_and(|key| key.columns.contains(name)) {
        return refused("is part of the primary key and cannot hold NULL");
    }
    let sets_null = table.foreign_keys.iter().any(|key| {
        key.columns.contains(name)
            && (key.on_delete == ReferentialAction::SetNull || key.on_update == ReferentialAction::SetNull)
    });
    if !nullable && sets_null {
        return refused("is set to NULL by a foreign key and has to be nullable");
    }
    // The column may stand on either side of a foreign key through which updates go.
    let is_nullable = |table: &Ident, column: &Ident| {
        let found = schema.tables.get(table).and_then(|table| table.column(column));
        found.is_some_and(|found| found.nullable)
    };
    let own = table.foreign_keys.iter().map(|key| (table_name, key));
    let mut pairs = own.chain(find::references_to(schema, table_name)).flat_map(|(referring, key)| {
        let cascades = key.on_update == ReferentialAction::Cascade;
        let columns = key.columns.iter().zip(&key.referred_columns).filter(move |_| cascades);
        columns.map(move |(own, other)| ((referring, own), (&key.referred_table, other)))
    });
    let follows = pairs.any(|((referring, own), (referred, other))| {
        let after = |table: &Ident, column: &Ident| {
            if table == table_name && column == name { nullable } else { is_nullable(table, column) }
        };
        let changed = [is_nullable(referring, own), is_nullable(referred, other)]
            != [after(referring, own), after(referred, other)];
        changed && after(referred, other) && !after(referring, own)
    });
    if follows {
        return refused("has to be nullable if what it refers to is, as updates of that go through");
    }
    Ok(())
}

/// The default that a column keeps when its type changes.
fn retype_default(
    rules: &Rules,
    at: &str,
    default: &ModelDefault,
    new_type: &ColumnType,
) -> Result<Option<ModelDefault>, SchemaError> {
    match default {
        // By its label.
        ModelDefault::Portable(ColumnDefault::Value(Value::Label(_, label))) => {
            let text = ColumnDefault::Value(Value::Text(label.as_str().to_owned()));
            retype_default(rules, at, &ModelDefault::Portable(text), new_type)
        }
        ModelDefault::Portable(default) => build_default(rules, at, default, new_type).map_err(|_| {
            invalid(format!("the default of {at} does not fit the new type: set or clear it in the same call"))
        }),
        ModelDefault::Opaque(_) => Err(not_kept(at)),
    }
}
