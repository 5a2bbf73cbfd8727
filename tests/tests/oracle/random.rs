//! Random operations, mostly valid on the model as it is.

use super::*;

/// An operation out of a few bytes, mostly valid on the model as it is.
pub(super) fn random_op(schema: &Schema, seed: [u8; 8]) -> Op {
    let [kind, a, b, c, d, e, f, g] = seed.map(usize::from);
    let tables: Vec<&Ident> = schema.tables.keys().collect();
    let new_table = || ident(["t0", "t1", "t2", "order"][a % 4]);
    let new_column = |n: usize| ["c0", "c1", "c2", "c3", "select"][n % 5];
    if tables.is_empty() || kind % 16 < 3 {
        let mut columns = vec![];
        let mut constraints = vec![];
        if b % 3 > 0 {
            columns.push(ColumnSpec { column_type: [ColumnType::Integer, ColumnType::BigInteger][b % 2], ..id() });
            constraints.push(Constraint::PrimaryKey(key(&["id"])));
        }
        for n in 0..=(c % 4) {
            columns.push(random_column(new_column(n), (d + n * 7) as u8, (e + n) as u8));
        }
        if f % 3 == 0 {
            constraints.push(Constraint::Unique(key(&["c0"])));
        }
        if let Some(referred) = tables.get(g % (tables.len() + 1)) {
            columns.push(column("ref", ColumnType::BigInteger));
            columns.push(column("ref4", ColumnType::Integer));
            constraints.push(foreign_key(&[["ref", "ref4"][d % 2]], referred.as_str(), actions(e), actions(f)));
        }
        return Op::CreateTable { table: TableSpec { name: new_table(), columns, constraints, comment: None } };
    }
    let table = tables[a % tables.len()].clone();
    let found = &schema.tables[&table];
    let existing = |n: usize| found.columns[n % found.columns.len()].name.clone();
    let name = Ident::parse(IdentKind::Constraint, 63, ["k0", "k1", "k 2"][e % 3]).unwrap();
    match kind % 16 {
        3 => Op::DropTable { name: table },
        4 => Op::RenameTable { name: table, new_name: ident(["t0", "t1", "t2", "t3", "order"][b % 5]) },
        5 | 6 => Op::AddColumn { table, column: random_column(new_column(b), c as u8, d as u8) },
        7 => Op::DropColumn { name: existing(b), table: table.clone() },
        8 => Op::RenameColumn { name: existing(b), table: table.clone(), new_name: ident(new_column(c)) },
        9 | 10 => Op::AlterColumn {
            name: existing(b),
            table: table.clone(),
            changes: ColumnChanges {
                column_type: (c % 3 == 0).then(|| TYPES[d % TYPES.len()]),
                nullable: [None, Some(true), Some(false)][e % 3],
                default: match f % 3 {
                    0 => Change::Keep,
                    1 => Change::Clear,
                    _ => Change::Set(ColumnDefault::Value(value(TYPES[d % TYPES.len()], g as u8))),
                },
                comment: if g % 4 == 0 {
                    Change::Set(Comment { text: "x'y".into(), demand: Demand::IfSupported })
                } else {
                    Change::Keep
                },
            },
        },
        11 => {
            let order = |n: usize| [IndexOrder::Ascending, IndexOrder::Descending][n % 2];
            let mut columns = vec![IndexColumn { name: existing(b), order: order(f) }];
            if g % 2 == 0 {
                columns.push(IndexColumn { name: existing(c), order: order(g / 2) });
            }
            Op::CreateIndex { table: table.clone(), index: Index { name, columns, unique: d % 2 == 0 } }
        }
        12 => {
            let names: Vec<&Ident> = found
                .indexes
                .iter()
                .map(|index| &index.name)
                .chain(found.uniques.iter().filter_map(|key| key.name.as_ref()))
                .collect();
            let name = names.get(b % names.len().max(1)).map_or(name, |name| (*name).clone());
            Op::DropIndex { table, name }
        }
        13 | 14 => {
            let name = (f % 2 == 0).then_some(name);
            let constraint = match b % 5 {
                0 => Constraint::Unique(Key { name, columns: vec![existing(c)] }),
                1 => Constraint::Unique(Key { name, columns: vec![existing(c), existing(d)] }),
                2 => Constraint::PrimaryKey(Key { name, columns: vec![existing(c)] }),
                3 => Constraint::Check(CheckSpec {
                    name,
                    condition: expr(Position::Check, &format!("{} IS NOT NULL OR 1 = {}", existing(c), d % 3)),
                }),
                _ => {
                    let referred = tables[d % tables.len()].clone();
                    let columns = vec![existing(c)];
                    Constraint::ForeignKey(ForeignKey {
                        name,
                        columns,
                        referred_table: referred,
                        referred_columns: idents(&["id"]),
                        on_update: actions(e),
                        on_delete: actions(g),
                    })
                }
            };
            Op::CreateConstraint { table, constraint }
        }
        _ => {
            let which = match b % 5 {
                0 => ConstraintSelector::PrimaryKey,
                1 => found
                    .foreign_keys
                    .first()
                    .map_or(ConstraintSelector::PrimaryKey, |key| ConstraintSelector::ForeignKey(key.columns.clone())),
                2 => found
                    .uniques
                    .first()
                    .map_or(ConstraintSelector::PrimaryKey, |key| ConstraintSelector::Unique(key.columns.clone())),
                3 => found
                    .checks
                    .first()
                    .and_then(|check| check.name.clone())
                    .map_or(ConstraintSelector::PrimaryKey, ConstraintSelector::Name),
                _ => ConstraintSelector::Check(vec![existing(c)]),
            };
            Op::DropConstraint { table, which }
        }
    }
}

pub(super) fn random_column(name: &str, kind: u8, options: u8) -> ColumnSpec {
    let column_type = TYPES[usize::from(kind) % TYPES.len()];
    let with = column(name, column_type);
    let with = if options.is_multiple_of(3) { with_default(with, value(column_type, options)) } else { with };
    if options.is_multiple_of(2) { not_null(with) } else { with }
}

pub(super) fn actions(n: usize) -> ReferentialAction {
    [ReferentialAction::NoAction, ReferentialAction::Restrict, ReferentialAction::Cascade, ReferentialAction::SetNull]
        [n % 4]
}
