//! The main oracle: whatever the model accepts and the dialect renders, the database takes, and what is
//! read back equals the model. Operations are drawn at random from a fixed seed, most of them from what
//! the model holds, so that many are accepted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use ptah_wasm::database::Connection;
use ptah_wasm::dialect::{CatalogTable, Dialect, render, render_portable};
use ptah_wasm::operation::{
    Change, CheckSpec, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Comment, Constraint, ConstraintSelector,
    Demand, Dml, Expr, ForeignKey, Grammar, Ident, IdentKind, Index, IndexColumn, IndexOrder, Key, Op, ParseLimits,
    Position, ReferentialAction, TableSpec, Value, parse_expr,
};
use ptah_wasm::schema::{ModelType, Schema, Table, apply, compare};
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

/// Sequences for each database, and operations tried in each.
const SEQUENCES: u64 = 5;
const OPERATIONS: usize = 120;

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn name(text: impl AsRef<str>) -> Ident {
    let text = text.as_ref();
    Ident::parse(IdentKind::Constraint, 63, text).unwrap()
}

fn expr(text: &str, position: Position) -> Expr {
    let limits = ParseLimits { bytes: 1_000, depth: 32, expression_nodes: 256, statement_nodes: 4_096, ident: 63 };
    parse_expr(Grammar::Portable, position, &limits, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

const TYPES: [ColumnType; 25] = [
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Boolean,
    ColumnType::SmallInteger,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::Integer,
    ColumnType::BigInteger,
    ColumnType::Numeric { precision: 10, scale: 2 },
    ColumnType::Numeric { precision: 65, scale: 30 },
    ColumnType::Double,
    ColumnType::Varchar(1),
    ColumnType::Varchar(40),
    ColumnType::Text,
    ColumnType::Binary,
    ColumnType::Date,
    ColumnType::Time,
    ColumnType::Timestamp,
    ColumnType::TimestampWithZone,
    ColumnType::Uuid,
];

fn default_of(dice: &mut Dice, column_type: ColumnType) -> Option<ColumnDefault> {
    let value = |value: Value| Some(ColumnDefault::Value(value));
    let expression = |text: &str| Some(ColumnDefault::Expression(expr(text, Position::Default)));
    match (column_type, dice.below(4)) {
        (_, 0) => None,
        (ColumnType::Boolean, n) => value(Value::Boolean(n == 1)),
        (ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger, 1) => expression("1 + 2"),
        (ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger, n) => {
            value(Value::Integer(if n == 2 { -7 } else { 32_767 }))
        }
        (ColumnType::Numeric { .. }, 1) => value(Value::Integer(5)),
        (ColumnType::Numeric { .. }, _) => value(Value::numeric("-12.50").unwrap()),
        (ColumnType::Double, 1) => value(Value::double(1e300).unwrap()),
        (ColumnType::Double, _) => value(Value::double(-0.5).unwrap()),
        (ColumnType::Varchar(1), _) => value(Value::text("'").unwrap()),
        (ColumnType::Varchar(_) | ColumnType::Text, 1) => value(Value::text("").unwrap()),
        (ColumnType::Varchar(_) | ColumnType::Text, 2) => expression("lower('ABC')"),
        (ColumnType::Varchar(_) | ColumnType::Text, _) => value(Value::text("it's a \\ \"ä\" %\n`x`").unwrap()),
        (ColumnType::Binary, _) => value(Value::Binary(vec![0, 1, 255])),
        (ColumnType::Date, 1) => expression("CURRENT_DATE"),
        (ColumnType::Date, _) => value(Value::date("2026-01-02").unwrap()),
        (ColumnType::Time, _) => value(Value::time("10:11:12.5").unwrap()),
        (ColumnType::Timestamp | ColumnType::TimestampWithZone, 1) => expression("CURRENT_TIMESTAMP"),
        (ColumnType::Timestamp, _) => value(Value::timestamp("2026-01-02 03:04:05").unwrap()),
        (ColumnType::TimestampWithZone, _) => value(Value::timestamp_with_zone("2026-01-02T03:04:05.25Z").unwrap()),
        (ColumnType::Uuid, _) => value(Value::uuid("67e55044-10b1-426f-9247-bb680e5fe0c8").unwrap()),
        (ColumnType::Json, _) => value(Value::json("{\"a\": [1, null]}").unwrap()),
    }
}

fn comment(dice: &mut Dice) -> Option<Comment> {
    let text = (*dice.pick(&["", "plain", "it's \\ a \"comment\"\nof two lines"])).to_owned();
    dice.one_in(3).then_some(Comment { text, demand: Demand::IfSupported })
}

const TABLES: [&str; 6] =
    ["pages", "users", "Order", "t", "u", "a_table_with_quite_a_long_name_that_makes_names_be_cut"];
const COLUMNS: [&str; 8] =
    ["id", "a", "b", "c", "title", "select", "parent", "a_column_with_a_long_name_too_to_be_cut"];
const NAMES: [&str; 7] = ["a", "one", "t_pkey", "my constraint", "fk.a-b", "t_a_key", "CONSTRAINT_1"];

fn column(dice: &mut Dice, text: &str) -> ColumnSpec {
    let json = dice.one_in(20);
    let column_type = if json { ColumnType::Json } else { *dice.pick(&TYPES) };
    let default = if dice.one_in(2) { default_of(dice, column_type) } else { None };
    let (nullable, comment) = (dice.one_in(2), comment(dice));
    ColumnSpec { name: name(text), column_type, nullable, default, auto_increment: false, comment }
}

fn given(dice: &mut Dice) -> Option<Ident> {
    dice.one_in(2).then(|| name(dice.pick(&NAMES)))
}

fn some(dice: &mut Dice, columns: &[Ident]) -> Vec<Ident> {
    let mut picked: Vec<Ident> = Vec::new();
    for _ in 0..=dice.below(3) {
        let column = dice.pick(columns);
        if !picked.contains(column) {
            picked.push(column.clone());
        }
    }
    picked
}

/// A condition or value over columns of some kind.
fn condition(dice: &mut Dice, columns: &[(Ident, Option<ColumnType>)], position: Position) -> Expr {
    let (column, column_type) = dice.pick(columns).clone();
    let (other, _) = dice.pick(columns).clone();
    let text = match column_type {
        Some(ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger | ColumnType::Numeric { .. }) => {
            *dice.pick(&[
                "@ > 0",
                "@ % 2 = 0",
                "@ IN (1, 2, -3)",
                "@ BETWEEN 1 AND 9",
                "NOT (@ = 1 OR @ + 1 < 5 * @)",
                "abs(@) >= 1.5",
                "@ < #",
                "coalesce(@, 0) <> 1",
                "-@ < (1 - 2) - 3",
                "@ / 2 > 1",
            ])
        }
        Some(ColumnType::Double) => *dice.pick(&["@ > 0.5", "@ * 2 < 1e3"]),
        Some(ColumnType::Varchar(_) | ColumnType::Text) => *dice.pick(&[
            "length(@) > 0",
            "@ <> ''",
            "@ LIKE 'a%'",
            "@ NOT LIKE '%''_'",
            "lower(@) = @",
            "trim(@) || 'x' <> 'ä''x'",
            "@ IN ('a', 'b')",
            "substr(@, 1, 2) <> replace(@, 'a', 'b')",
            "nullif(@, '') IS NOT NULL",
            "@ = 'x' AND @ <> 'y' OR @ IS NULL",
        ]),
        Some(ColumnType::Boolean) => *dice.pick(&["@", "NOT @", "@ OR @ IS NULL", "@ = TRUE"]),
        Some(ColumnType::Date) => *dice.pick(&["@ > '2000-01-01'", "@ <> #"]),
        Some(ColumnType::Timestamp) => "@ > '2000-01-01 10:00:00'",
        Some(ColumnType::Uuid) => "@ <> '67e55044-10b1-426f-9247-bb680e5fe0c8'",
        _ => *dice.pick(&["@ IS NOT NULL", "@ IS NULL OR # IS NULL", "1 = 1"]),
    };
    let quoted = |name: &Ident| format!("\"{name}\"");
    expr(&text.replace('@', &quoted(&column)).replace('#', &quoted(&other)), position)
}

fn typed(table: &Table) -> Vec<(Ident, Option<ColumnType>)> {
    let portable = |column_type: &ModelType| match column_type {
        ModelType::Portable(column_type) => Some(*column_type),
        ModelType::Opaque(_) => None,
    };
    table.columns.iter().map(|column| (column.name.clone(), portable(&column.column_type))).collect()
}

fn constraint(dice: &mut Dice, schema: &Schema, columns: &[(Ident, Option<ColumnType>)]) -> Constraint {
    let names: Vec<Ident> = columns.iter().map(|(name, _)| name.clone()).collect();
    match dice.below(6) {
        0 => Constraint::PrimaryKey(Key { name: given(dice), columns: some(dice, &names) }),
        1 => Constraint::Unique(Key { name: given(dice), columns: some(dice, &names) }),
        2 => {
            let condition = condition(dice, columns, Position::Check);
            Constraint::Check(CheckSpec { name: given(dice), condition })
        }
        _ => {
            let action = |dice: &mut Dice| {
                *dice.pick(&[
                    ReferentialAction::NoAction,
                    ReferentialAction::Restrict,
                    ReferentialAction::Cascade,
                    ReferentialAction::SetNull,
                ])
            };
            let tables: Vec<(&Ident, &Arc<Table>)> = schema.tables.iter().collect();
            let keys = |table: &Table| table.primary_key.iter().chain(&table.uniques).cloned().collect::<Vec<_>>();
            let (referred_table, referred_columns) = match tables.get(dice.below(tables.len() + 1)) {
                Some((name, table)) if !keys(table).is_empty() => {
                    ((*name).clone(), dice.pick(&keys(table)).columns.clone())
                }
                _ => (name("none"), names.clone()),
            };
            // Columns of the types referred to, where there are such.
            let wanted = schema.tables.get(&referred_table).map(|table| {
                let all = typed(table);
                let type_of =
                    |column: &Ident| all.iter().find(|(name, _)| name == column).and_then(|(_, found)| *found);
                referred_columns.iter().map(type_of).collect::<Vec<_>>()
            });
            let fitting = wanted.into_iter().flatten().map(|wanted| {
                let same: Vec<Ident> =
                    columns.iter().filter(|(_, own)| *own == wanted).map(|(name, _)| name.clone()).collect();
                if same.is_empty() { names[0].clone() } else { dice.pick(&same).clone() }
            });
            let columns = fitting.collect();
            let (on_update, on_delete) = (action(dice), action(dice));
            let name = given(dice);
            Constraint::ForeignKey(ForeignKey { name, columns, referred_table, referred_columns, on_update, on_delete })
        }
    }
}

fn create_table(dice: &mut Dice, schema: &Schema) -> Op {
    let mut columns: Vec<ColumnSpec> = Vec::new();
    for _ in 0..3 + dice.below(6) {
        let text = dice.pick(&COLUMNS);
        if columns.iter().all(|column| column.name.as_str() != *text) {
            columns.push(column(dice, text));
        }
    }
    let mut constraints = Vec::new();
    if dice.below(4) > 0 {
        let first = &mut columns[0];
        first.nullable = false;
        if dice.below(3) > 0 {
            *first = ColumnSpec {
                column_type: *dice.pick(&[ColumnType::Integer, ColumnType::BigInteger, ColumnType::Integer]),
                default: None,
                auto_increment: dice.one_in(2),
                ..first.clone()
            };
        }
        constraints.push(Constraint::PrimaryKey(Key { name: given(dice), columns: vec![first.name.clone()] }));
    }
    let typed: Vec<_> = columns.iter().map(|column| (column.name.clone(), Some(column.column_type))).collect();
    for _ in 0..dice.below(6) {
        constraints.push(constraint(dice, schema, &typed));
    }
    let text = *dice.pick(&TABLES);
    Op::CreateTable { table: TableSpec { name: name(text), columns, constraints, comment: comment(dice) } }
}

fn operation(dice: &mut Dice, schema: &Schema) -> Op {
    let tables: Vec<&Ident> = schema.tables.keys().collect();
    if tables.len() < 4 || dice.one_in(16) {
        return create_table(dice, schema);
    }
    let table = (*dice.pick(&tables)).clone();
    let model = &schema.tables[&table];
    let columns = typed(model);
    let names: Vec<Ident> = columns.iter().map(|(name, _)| name.clone()).collect();
    let one = dice.pick(&names).clone();
    match dice.below(20) {
        0 => Op::DropTable { name: table },
        1 => Op::RenameTable { name: table, new_name: name(dice.pick(&TABLES)) },
        2 | 3 => {
            let text = *dice.pick(&COLUMNS);
            Op::AddColumn { table, column: column(dice, text) }
        }
        4 => Op::DropColumn { table, name: one },
        5 => Op::RenameColumn { table, name: one, new_name: name(dice.pick(&COLUMNS)) },
        6 | 7 => {
            let (_, old_type) = columns.iter().find(|(name, _)| *name == one).unwrap();
            let new_type = dice.one_in(2).then(|| *dice.pick(&TYPES));
            let default = match (dice.below(3), new_type.or(*old_type)) {
                (0, _) | (_, None) => Change::Keep,
                (1, _) => Change::Clear,
                (_, Some(column_type)) => default_of(dice, column_type).map_or(Change::Clear, Change::Set),
            };
            let comment = comment(dice).map_or(Change::Keep, Change::Set);
            let nullable = dice.one_in(2).then(|| dice.one_in(2));
            let changes = ColumnChanges { column_type: new_type, nullable, default, comment };
            Op::AlterColumn { table, name: one, changes }
        }
        8 | 9 => {
            let order = |dice: &mut Dice| if dice.one_in(4) { IndexOrder::Descending } else { IndexOrder::Ascending };
            let columns = some(dice, &names).into_iter().map(|name| IndexColumn { name, order: order(dice) }).collect();
            let index = Index { name: name(format!("ix {}", dice.below(9))), columns, unique: dice.one_in(3) };
            Op::CreateIndex { table, index }
        }
        10 if !model.indexes.is_empty() => {
            let name = dice.pick(&model.indexes).name.clone();
            Op::DropIndex { table, name }
        }
        11 | 12 | 16 | 17 | 18 => {
            let constraint = constraint(dice, schema, &columns);
            Op::CreateConstraint { table, constraint }
        }
        13 | 19 => {
            let mut all = vec![ConstraintSelector::PrimaryKey];
            all.extend(model.uniques.iter().map(|key| ConstraintSelector::Unique(key.columns.clone())));
            all.extend(model.foreign_keys.iter().map(|key| ConstraintSelector::ForeignKey(key.columns.clone())));
            all.extend(model.checks.iter().filter_map(|check| check.name.clone()).map(ConstraintSelector::Name));
            Op::DropConstraint { table, which: dice.pick(&all).clone() }
        }
        14 => {
            let condition = Some(condition(dice, &columns, Position::Statement));
            Op::Execute { statement: Dml::Delete { table, condition } }
        }
        _ => {
            let (_, column_type) = columns.iter().find(|(name, _)| *name == one).unwrap();
            let value = match column_type.and_then(|column_type| default_of(dice, column_type)) {
                Some(ColumnDefault::Value(value)) => Expr::Value(value),
                Some(ColumnDefault::Expression(expr)) => expr,
                None => Expr::Column(dice.pick(&names).clone()),
            };
            let condition = Some(condition(dice, &columns, Position::Statement));
            Op::Execute { statement: Dml::Update { table, assignments: vec![(one, value)], condition } }
        }
    }
}

async fn read_back(connection: &mut Connection) -> Schema {
    let catalog = connection.catalog().await.unwrap();
    let tables = catalog.tables.into_iter().map(|(text, table)| match table {
        CatalogTable::Readable(table) => (name(&text), Arc::new(table)),
        CatalogTable::Unreadable(why) => panic!("{text}: {why}"),
    });
    Schema { tables: tables.collect() }
}

async fn run_sequence(target: &TestTarget, seed: u64) -> usize {
    let dialect = target.dialect();
    let mut connection = target.target().connect_to_change().await.unwrap();
    let mut dice = Dice(seed);
    let (mut model, mut done) = (Schema::default(), 0);
    let mut history: Vec<String> = Vec::new();
    for _ in 0..OPERATIONS {
        let op = operation(&mut dice, &model);
        let mut after = model.clone();
        if apply(&mut after, dialect.rules(), &op).is_err() {
            continue;
        }
        let Ok(statements) = render(dialect, &op, &model, &after) else { continue };
        for statement in statements {
            history.push(statement.sql.clone());
            if let Err(error) = connection.execute(&statement.sql).await {
                panic!("seed {seed}: {error}\n{op:?}\n{}", history.join(";\n"));
            }
        }
        model = after;
        done += 1;
        let found = read_back(&mut connection).await;
        let differences = compare(&model, &found, render_portable);
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}\n{op:?}\n{}", history.join(";\n"));
        assert_eq!(model.digest(), found.digest(), "seed {seed}: {op:?}\n{}", history.join(";\n"));
    }
    connection.close().await;
    done
}

on_every_database! {
    async fn what_the_model_accepts_the_database_takes_and_gives_back(target: &TestTarget) {
        // PTAH_TEST_SEEDS=first,end looks for more than the few sequences of every day.
        let asked = std::env::var("PTAH_TEST_SEEDS").ok();
        let (first, end) = asked.as_deref().and_then(|text| text.split_once(',')).map_or((0, SEQUENCES), |(first, end)| {
            (first.parse().unwrap(), end.parse().unwrap())
        });
        let mut done = 0;
        for seed in first..end {
            let fresh = TestTarget::new(target.dialect()).await;
            done += run_sequence(&fresh, seed).await;
        }
        assert!(done > 20, "only {done} operations were accepted on {}", Dialect::as_str(target.dialect()));
    }
}
