//! A random operation, mostly valid on the model as it is.

use ptah_wasm::operation::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Computed, ComputedStorage,
    Constraint, ConstraintSelector, Demand, Dml, ForeignKey, Ident, IdentKind, Index, IndexKey, IndexOrder, IndexPart,
    Key, LargeSize, Op, Position, ReferentialAction, TableSpec, Value,
};
use ptah_wasm::schema::{Column, ModelType, Rules, Schema, Table};

use crate::build::{TYPES, column, id, ident, key, not_null, value, with_default};
use crate::{enumeration, expression};
use ptah_wasm_tests::dice::Dice;

const TABLES: [&str; 8] = ["t0", "t1", "t2", "order", "Mixed", "mixed", "t0_c0_key", LONG_TABLE];
const COLUMNS: [&str; 8] = ["c0", "c1", "c2", LONG_COLUMN, "select", "Mixed", "mixed", "t0"];
/// As long as a name may be on every dialect.
const LONG_TABLE: &str = "a_table_whose_name_is_as_long_as_the_names_of_tables_may_ever_b";
const LONG_COLUMN: &str = "a_column_whose_name_is_as_long_as_the_names_of_columns_may_be_x";
/// Names for constraints and indexes, some of which a dialect would choose itself or has taken.
const NAMES: [&str; 15] = [
    "k0",
    "k1",
    "k 2",
    "k.3-x",
    "k`4",
    "c0",
    "c1_2",
    "t0",
    "t0_pkey",
    "t0_c0_key",
    "t1_c0_fkey",
    "t0_ibfk_1",
    "t1_ibfk_2",
    "CONSTRAINT_1",
    "t0_id_seq",
];
const COMMENTS: [&str; 5] = ["", "x'y", "a\\b \"q\" `t`", "ünï ☃\nline", "%s -- ;"];

pub(crate) fn operation(schema: &Schema, rules: &Rules, dice: &mut Dice) -> Op {
    if dice.once_in(12) {
        return enumeration::operation(schema, dice);
    }
    let tables: Vec<&Ident> = schema.tables.keys().collect();
    if tables.is_empty() || dice.once_in(if tables.len() < 3 { 5 } else { 30 }) {
        return create_table(schema, dice);
    }
    let table = (*dice.pick(&tables)).clone();
    let found = &*schema.tables[&table];
    match dice.roll(24) {
        0 => Op::DropTable { name: table },
        1 => Op::RenameTable { name: table, new_name: ident(dice.word(&TABLES)) },
        2..4 => {
            let column = random_column(dice.word(&COLUMNS), schema, dice);
            Op::AddColumn { table, column: maybe_computed(column, &expression::typed(&found.columns), dice) }
        }
        4 if dice.once_in(2) => schema.drop_column(rules, table, existing(found, dice)),
        4 => Op::DropColumn { name: existing(found, dice), table },
        5 => Op::RenameColumn { name: existing(found, dice), table, new_name: ident(dice.word(&COLUMNS)) },
        6..11 => alter_column(table, found, schema, dice),
        11 | 12 => {
            let index = random_index(found, dice);
            Op::CreateIndex { table, index, online: None }
        }
        13 => {
            let indexes = found.indexes.iter().map(|index| index.name.clone());
            let mut names: Vec<Ident> =
                indexes.chain(found.uniques.iter().filter_map(|key| key.name.clone())).collect();
            names.push(random_name(dice));
            Op::DropIndex { table, name: dice.pick(&names).clone(), online: None }
        }
        14..17 => {
            let constraint = match dice.roll(7) {
                0 => Constraint::PrimaryKey(Key { name: maybe_name(dice), columns: some_columns(found, dice) }),
                1 | 2 => Constraint::Unique(Key { name: maybe_name(dice), columns: some_columns(found, dice) }),
                3 | 4 => match check(&found.columns, dice) {
                    Some(check) => check,
                    None => Constraint::Unique(Key { name: None, columns: some_columns(found, dice) }),
                },
                _ => foreign_key(schema, found, dice),
            };
            Op::CreateConstraint { table, constraint }
        }
        17 if dice.once_in(4) => match selector(found, dice) {
            ConstraintSelector::Name(name) => Op::RenameConstraint { table, name, new_name: random_name(dice) },
            which => Op::DropConstraint { which, table },
        },
        17 => Op::DropConstraint { which: selector(found, dice), table },
        18..22 => bulk_insert(table, found, dice),
        22 => Op::Execute { statement: update(table, found, dice) },
        _ => {
            let condition =
                (!dice.once_in(8)).then(|| expression::condition(&found.columns, Position::Statement, dice));
            Op::Execute { statement: Dml::Delete { table, condition: condition.flatten() } }
        }
    }
}

fn random_index(table: &Table, dice: &mut Dice) -> Index {
    let mut keys: Vec<IndexKey> = some_columns(table, dice).into_iter().map(IndexKey::Column).collect();
    if dice.once_in(2) {
        let expressions = (0..=dice.roll(2)).filter_map(|_| expression::indexed(&table.columns, dice));
        keys.extend(expressions.map(IndexKey::Expression).collect::<Vec<_>>());
        if dice.once_in(2) && keys.len() > 1 {
            keys.remove(0);
        }
    }
    let order = |dice: &mut Dice| if dice.once_in(3) { IndexOrder::Descending } else { IndexOrder::Ascending };
    let parts = keys.into_iter().map(|key| IndexPart { key, order: order(dice) }).collect();
    let predicate =
        if dice.once_in(3) { expression::condition(&table.columns, Position::Predicate, dice) } else { None };
    Index { name: random_name(dice), parts, unique: dice.once_in(2), predicate }
}

fn random_name(dice: &mut Dice) -> Ident {
    Ident::parse(IdentKind::Constraint, 63, dice.word(&NAMES)).unwrap()
}

fn maybe_name(dice: &mut Dice) -> Option<Ident> {
    dice.once_in(2).then(|| random_name(dice))
}

fn existing(table: &Table, dice: &mut Dice) -> Ident {
    dice.pick(&table.columns).name.clone()
}

/// One column, or now and then a few.
fn some_columns(table: &Table, dice: &mut Dice) -> Vec<Ident> {
    let mut columns = vec![existing(table, dice)];
    while dice.once_in(3) {
        let next = existing(table, dice);
        if !columns.contains(&next) {
            columns.push(next);
        }
    }
    columns
}

fn random_comment(dice: &mut Dice) -> Comment {
    Comment { text: dice.word(&COMMENTS).to_owned(), demand: Demand::IfSupported }
}

fn random_type(schema: &Schema, dice: &mut Dice) -> ColumnType {
    match dice.roll(24) {
        0 => ColumnType::Varchar(*dice.pick(&[
            None,
            Some(9),
            Some(255),
            Some(256),
            Some(768),
            Some(769),
            Some(3_000),
            Some(16_383),
        ])),
        1 => {
            let (precision, scale) = *dice.pick(&[(9, 0), (12, 4), (38, 10), (65, 30)]);
            ColumnType::Numeric { precision, scale }
        }
        2 => ColumnType::LargeText(*dice.pick(&[LargeSize::Medium, LargeSize::Long])),
        10 => ColumnType::Char(*dice.pick(&[1, 30, 32, 63, 64, 191, 192, 255])),
        11 => ColumnType::JsonBinary,
        3 => ColumnType::LargeBinary(*dice.pick(&[LargeSize::Medium, LargeSize::Long])),
        4 | 5 => {
            let digits = *dice.pick(&[0, 1, 3, 5]);
            let of: fn(u8) -> ColumnType =
                *dice.pick(&[ColumnType::Time, ColumnType::Timestamp, ColumnType::TimestampWithZone]);
            of(digits)
        }
        6..10 => ColumnType::Enumeration(enumeration::known(schema, dice)),
        _ => dice.pick(&TYPES).clone(),
    }
}

/// A value that fits a type, whatever its length and digits.
fn fitting(column_type: &ColumnType, dice: &mut Dice) -> Value {
    match (column_type, value(column_type, dice.byte())) {
        (ColumnType::Varchar(Some(length)), Value::Text(text)) => {
            Value::Text(text.chars().take(*length as usize).collect())
        }
        (ColumnType::Numeric { .. }, _) => Value::Integer(dice.roll(9) as i64),
        (_, value) => value,
    }
}

fn random_column(name: &str, schema: &Schema, dice: &mut Dice) -> ColumnSpec {
    let column_type = random_type(schema, dice);
    let mut spec = column(name, column_type.clone());
    spec.comment = dice.once_in(4).then(|| random_comment(dice));
    match dice.roll(6) {
        0 | 1 => spec = with_default(spec, fitting(&column_type, dice)),
        2 => spec.default = default_expression(&column_type, dice),
        _ => {}
    }
    if dice.once_in(2) { not_null(spec) } else { spec }
}

/// Now and then computed from other columns.
fn maybe_computed(spec: ColumnSpec, sources: &[(Ident, ColumnType)], dice: &mut Dice) -> ColumnSpec {
    if sources.is_empty() || !dice.once_in(3) {
        return spec;
    }
    let Some(expression) = expression::computed(sources, &spec.column_type, dice) else { return spec };
    let storage = if dice.once_in(2) { ComputedStorage::Virtual } else { ComputedStorage::Stored };
    let nullable = spec.nullable || !dice.once_in(3);
    ColumnSpec { default: None, nullable, computed: Some(Computed { expression, storage }), ..spec }
}

fn default_expression(column_type: &ColumnType, dice: &mut Dice) -> Option<ColumnDefault> {
    expression::constant(column_type, dice).map(ColumnDefault::Expression)
}

fn create_table(schema: &Schema, dice: &mut Dice) -> Op {
    let mut columns = vec![];
    let mut constraints = vec![];
    let count = 1 + dice.roll(4);
    for name in &COLUMNS[..count] {
        let sources: Vec<(Ident, ColumnType)> =
            columns.iter().map(|column: &ColumnSpec| (column.name.clone(), column.column_type.clone())).collect();
        columns.push(maybe_computed(random_column(name, schema, dice), &sources, dice));
    }
    match dice.roll(5) {
        0 | 1 => {
            let column_type =
                [ColumnType::SmallInteger, ColumnType::Integer, ColumnType::BigInteger][dice.roll(3)].clone();
            let comment = dice.once_in(3).then(|| random_comment(dice));
            columns.push(ColumnSpec { column_type, auto_increment: !dice.once_in(4), comment, ..id() });
            let name = maybe_name(dice);
            constraints.push(Constraint::PrimaryKey(Key { name, ..key(&["id"]) }));
        }
        2 => {
            let members = columns.iter_mut().rev().take(1 + dice.roll(2));
            let members = members.map(|column| {
                column.nullable = false;
                column.name.clone()
            });
            constraints.push(Constraint::PrimaryKey(Key { name: maybe_name(dice), columns: members.collect() }));
        }
        _ => {}
    }
    if dice.once_in(3) {
        constraints.push(Constraint::Unique(Key { name: maybe_name(dice), ..key(&["c0"]) }));
    }
    // Another one over the columns of a key.
    while let (true, Some(Constraint::PrimaryKey(known) | Constraint::Unique(known))) =
        (dice.once_in(4), constraints.last())
    {
        let columns = known.columns.clone();
        constraints.push(Constraint::Unique(Key { name: maybe_name(dice), columns }));
    }
    let keys: Vec<(&Ident, &Table, &Key)> = keys(schema).collect();
    while !keys.is_empty() && dice.once_in(2) && columns.len() < 10 {
        let (referred_table, referred, key) = *dice.pick(&keys);
        let mut own = vec![];
        for name in &key.columns {
            let ModelType::Portable(column_type) = &referred.column(name).unwrap().column_type else { unreachable!() };
            let name = format!("r{}", columns.len());
            own.push(ident(&name));
            let spec = column(&name, near(column_type, dice));
            columns.push(if dice.once_in(4) { not_null(spec) } else { spec });
        }
        let (own, referred_columns) = maybe_turned(own, key.columns.clone(), dice);
        constraints.push(Constraint::ForeignKey(ForeignKey {
            name: maybe_name(dice),
            columns: own,
            referred_table: referred_table.clone(),
            referred_columns,
            on_update: action(dice),
            on_delete: action(dice),
        }));
    }
    let comment = dice.once_in(3).then(|| random_comment(dice));
    let spec = TableSpec { name: ident(dice.word(&TABLES)), columns, constraints, comment };
    Op::CreateTable { table: with_checks(spec, dice) }
}

fn with_checks(mut spec: TableSpec, dice: &mut Dice) -> TableSpec {
    let columns: Vec<(Ident, ColumnType)> =
        spec.columns.iter().map(|column| (column.name.clone(), column.column_type.clone())).collect();
    while dice.once_in(3) {
        let condition = expression::condition_over(&columns, Position::Check, dice);
        let name = maybe_name(dice);
        spec.constraints.extend(condition.map(|condition| Constraint::Check(CheckSpec { name, condition })));
    }
    spec
}

fn check(columns: &[Column], dice: &mut Dice) -> Option<Constraint> {
    let condition = expression::condition(columns, Position::Check, dice)?;
    Some(Constraint::Check(CheckSpec { name: maybe_name(dice), condition }))
}

fn keys(schema: &Schema) -> impl Iterator<Item = (&Ident, &Table, &Key)> {
    schema
        .tables
        .iter()
        .flat_map(|(name, table)| table.primary_key.iter().chain(&table.uniques).map(move |key| (name, &**table, key)))
}

/// Over columns of the same types where there are such.
fn foreign_key(schema: &Schema, own: &Table, dice: &mut Dice) -> Constraint {
    let keys: Vec<(&Ident, &Table, &Key)> = keys(schema).collect();
    if keys.is_empty() {
        return Constraint::Unique(Key { name: None, columns: some_columns(own, dice) });
    }
    let (referred_table, referred, key) = *dice.pick(&keys);
    let mut columns: Vec<Ident> = vec![];
    for name in &key.columns {
        let column_type = &referred.column(name).unwrap().column_type;
        let fitting: Vec<&Column> = own
            .columns
            .iter()
            .filter(|column| is_near(&column.column_type, column_type) && !columns.contains(&column.name))
            .collect();
        columns.push(if fitting.is_empty() { existing(own, dice) } else { dice.pick(&fitting).name.clone() });
    }
    let (columns, referred_columns) = maybe_turned(columns, key.columns.clone(), dice);
    Constraint::ForeignKey(ForeignKey {
        name: maybe_name(dice),
        columns,
        referred_table: referred_table.clone(),
        referred_columns,
        on_update: action(dice),
        on_delete: action(dice),
    })
}

/// The columns of a foreign key, and of the key that it refers to, now and then the last first.
fn maybe_turned(mut own: Vec<Ident>, mut referred: Vec<Ident>, dice: &mut Dice) -> (Vec<Ident>, Vec<Ident>) {
    if own.len() > 1 && dice.once_in(4) {
        own.reverse();
        referred.reverse();
    }
    (own, referred)
}

/// The type, or now and then for an integer that of another width.
fn near(column_type: &ColumnType, dice: &mut Dice) -> ColumnType {
    let widths = [ColumnType::SmallInteger, ColumnType::Integer, ColumnType::BigInteger];
    if column_type.is_integer() && dice.once_in(6) { dice.pick(&widths).clone() } else { column_type.clone() }
}

fn is_near(one: &ModelType, other: &ModelType) -> bool {
    let is_integer = |of: &ModelType| matches!(of, ModelType::Portable(of) if of.is_integer());
    one == other || (is_integer(one) && is_integer(other))
}

fn action(dice: &mut Dice) -> ReferentialAction {
    use ReferentialAction::{Cascade, NoAction, Restrict, SetNull};
    *dice.pick(&[NoAction, Restrict, Cascade, SetNull])
}

fn alter_column(table: Ident, found: &Table, schema: &Schema, dice: &mut Dice) -> Op {
    let old = dice.pick(&found.columns);
    let ModelType::Portable(old_type) = &old.column_type else { unreachable!() };
    let new_type = dice.once_in(2).then(|| random_type(schema, dice));
    let kept = new_type.as_ref().unwrap_or(old_type).clone();
    let changes = ColumnChanges {
        column_type: new_type,
        nullable: *dice.pick(&[None, None, Some(true), Some(false)]),
        default: match dice.roll(6) {
            0 => Change::Clear,
            1 | 2 => Change::Set(ColumnDefault::Value(fitting(&kept, dice))),
            3 => default_expression(&kept, dice).map_or(Change::Keep, Change::Set),
            _ => Change::Keep,
        },
        comment: match dice.roll(6) {
            0 => Change::Clear,
            1 => Change::Set(random_comment(dice)),
            _ => Change::Keep,
        },
    };
    Op::AlterColumn { table, name: old.name.clone(), changes }
}

fn selector(table: &Table, dice: &mut Dice) -> ConstraintSelector {
    let mut choices = vec![ConstraintSelector::Check(vec![existing(table, dice)])];
    for key in table.primary_key.iter().chain(&table.uniques) {
        choices.push(ConstraintSelector::Unique(key.columns.clone()));
        choices.extend(key.name.clone().map(ConstraintSelector::Name));
    }
    if table.primary_key.is_some() {
        choices.push(ConstraintSelector::PrimaryKey);
    }
    for key in &table.foreign_keys {
        choices.push(ConstraintSelector::ForeignKey(key.columns.clone()));
        choices.extend(key.name.clone().map(ConstraintSelector::Name));
    }
    choices.extend(table.checks.iter().filter_map(|check| check.name.clone()).map(ConstraintSelector::Name));
    dice.pick(&choices).clone()
}

/// A value for a row: small numbers among them, so that rows refer to each other.
fn row_value(column: &Column, dice: &mut Dice) -> Value {
    let ModelType::Portable(column_type) = &column.column_type else { unreachable!() };
    if column.nullable && dice.once_in(3) {
        return Value::Null;
    }
    match column_type {
        _ if column_type.is_integer() && !dice.once_in(4) => Value::Integer(dice.roll(6) as i64),
        _ => fitting(column_type, dice),
    }
}

fn bulk_insert(table: Ident, found: &Table, dice: &mut Dice) -> Op {
    let given: Vec<&Column> = found
        .columns
        .iter()
        .filter(|column| {
            let left_out = column.computed.is_some()
                || (column.auto_increment && !dice.once_in(4))
                || (column.default.is_some() && dice.once_in(3));
            !left_out
        })
        .collect();
    let all = || found.columns.iter().filter(|column| column.computed.is_none()).collect();
    let given = if given.is_empty() { all() } else { given };
    let count = 1 + dice.roll(3);
    let rows = (0..count).map(|_| given.iter().map(|column| row_value(column, dice)).collect()).collect();
    Op::BulkInsert { table, columns: given.iter().map(|column| column.name.clone()).collect(), rows }
}

fn update(table: Ident, found: &Table, dice: &mut Dice) -> Dml {
    let mut assignments: Vec<(Ident, _)> = vec![];
    while assignments.is_empty() || dice.once_in(3) {
        let column = dice.pick(&found.columns);
        if column.computed.is_some() && !assignments.is_empty() {
            break;
        }
        if assignments.iter().any(|(name, _)| *name == column.name) {
            break;
        }
        let value = expression::assignable(&found.columns, column, dice);
        assignments.push((column.name.clone(), value));
    }
    let condition = (!dice.once_in(3)).then(|| expression::condition(&found.columns, Position::Statement, dice));
    Dml::Update { table, assignments, with: Vec::new(), joins: Vec::new(), condition: condition.flatten() }
}
