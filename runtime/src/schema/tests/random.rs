//! Any sequence of operations: nothing panics, a refusal changes nothing, and the model stays whole.

use proptest::prelude::*;

use super::*;
use crate::operation::ConstraintSelector;
use crate::schema::inverse;

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "A", "b", "c", "id", "t", "u", "t_ibfk_1", "t_pkey", "CONSTRAINT_1"])
}

fn words() -> impl Strategy<Value = Vec<Ident>> {
    prop::collection::vec(word(), 0..3).prop_map(|words| names(&words))
}

fn column_type() -> impl Strategy<Value = ColumnType> {
    prop::sample::select(vec![
        ColumnType::Integer,
        ColumnType::BigInteger,
        ColumnType::Text,
        ColumnType::Varchar(Some(0)),
        ColumnType::Numeric { precision: 5, scale: 6 },
        ColumnType::TimestampWithZone(6),
    ])
}

fn spec() -> impl Strategy<Value = ColumnSpec> {
    (word(), column_type(), any::<bool>(), any::<bool>()).prop_map(|(text, column_type, nullable, auto_increment)| {
        ColumnSpec { nullable, auto_increment, ..column(text, column_type) }
    })
}

fn constraint() -> impl Strategy<Value = Constraint> {
    let given = || prop::option::of(word());
    prop_oneof![
        (given(), words()).prop_map(|(given, columns)| Constraint::PrimaryKey(Key { name: given.map(name), columns })),
        (given(), words()).prop_map(|(given, columns)| Constraint::Unique(Key { name: given.map(name), columns })),
        (given(), word()).prop_map(|(given, column)| check(given, &format!("{column} > 0"))),
        (given(), words(), word(), words()).prop_map(|(given, columns, referred, referred_columns)| {
            let Constraint::ForeignKey(key) = foreign(given, &[], referred, &[]) else { unreachable!() };
            Constraint::ForeignKey(ForeignKey { columns, referred_columns, ..key })
        }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let table = || prop::sample::select(vec!["t", "T", "u", "v"]).prop_map(name);
    prop_oneof![
        4 => (table(), prop::collection::vec(spec(), 1..4), prop::collection::vec(constraint(), 0..3)).prop_map(
            |(name, columns, constraints)| Op::CreateTable { table: TableSpec { name, columns, constraints, comment: None } }
        ),
        1 => table().prop_map(|name| Op::DropTable { name }),
        1 => (table(), table()).prop_map(|(name, new_name)| Op::RenameTable { name, new_name }),
        2 => (table(), spec()).prop_map(|(table, column)| Op::AddColumn { table, column }),
        1 => (table(), word()).prop_map(|(table, text)| Op::DropColumn { table, name: name(text) }),
        1 => (table(), word(), word())
            .prop_map(|(table, from, to)| Op::RenameColumn { table, name: name(from), new_name: name(to) }),
        1 => (table(), word(), column_type()).prop_map(|(table, text, column_type)| Op::AlterColumn {
            table,
            name: name(text),
            changes: ColumnChanges { column_type: Some(column_type), ..KEEP },
        }),
        2 => (table(), word(), prop::collection::vec(word(), 0..3), any::<bool>()).prop_map(|(table, given, columns, unique)| {
            let columns: Vec<_> = columns.into_iter().map(|column| (column, IndexOrder::Ascending)).collect();
            Op::CreateIndex { table, index: index_of(given, &columns, unique), online: None }
        }),
        1 => (table(), word()).prop_map(|(table, text)| Op::DropIndex { table, name: name(text), online: None }),
        2 => (table(), constraint()).prop_map(|(table, constraint)| Op::CreateConstraint { table, constraint }),
        1 => (table(), words()).prop_map(|(table, columns)| Op::DropConstraint {
            table,
            which: ConstraintSelector::ForeignKey(columns),
        }),
        1 => table().prop_map(|table| Op::DropConstraint { table, which: ConstraintSelector::PrimaryKey }),
    ]
}

/// What holds of every model: names and columns resolve, foreign keys have their key and, on MariaDB, an
/// index, and everything is in order.
fn is_whole(dialect: Dialect, schema: &Schema) {
    for (name, table) in &schema.tables {
        assert!(!table.columns.is_empty());
        let mut sorted = (**table).clone();
        sorted.sort();
        assert_eq!(sorted, **table, "{dialect}: {name} is out of order");
        for key in table.primary_key.iter().chain(&table.uniques) {
            assert!(key.columns.iter().all(|column| table.column(column).is_some()));
            assert_eq!(key.name.is_none(), dialect == Dialect::Sqlite && key.name.is_none());
        }
        for key in &table.foreign_keys {
            let referred = &schema.tables[&key.referred_table];
            let keys = referred.primary_key.iter().chain(&referred.uniques);
            assert!(keys.clone().any(|one| one.columns == key.referred_columns), "{dialect}: {key:?}");
            let own = table.primary_key.iter().chain(&table.uniques).any(|one| one.columns.starts_with(&key.columns));
            let index = table
                .indexes
                .iter()
                .any(|index| index.parts.iter().filter_map(IndexPart::name).take(key.columns.len()).eq(&key.columns));
            assert!(own || index || dialect != Dialect::Mariadb, "{dialect}: {key:?} has no index in {table:?}");
        }
    }
}

/// A model read back from its JSON is the same, and what only adds or renames a column or makes a table can be taken back.
fn comes_back(dialect: Dialect, op: &Op, before: &Schema, after: &Schema) {
    for table in after.tables.values() {
        let read: Table = serde_json::from_str(&serde_json::to_string(&**table).unwrap()).unwrap();
        assert_eq!(read.digest(), table.digest());
    }
    let inverse = inverse(op, dialect.rules(), before, after);
    if matches!(op, Op::CreateTable { .. } | Op::AddColumn { .. } | Op::RenameColumn { .. }) {
        assert!(inverse.is_some(), "{dialect}: {op:?}");
    }
    if matches!(op, Op::DropTable { .. } | Op::DropColumn { .. }) {
        assert_eq!(inverse, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_sequence_keeps_the_model_whole(ops in prop::collection::vec(op(), 1..40)) {
        for dialect in Dialect::ALL {
            let mut schema = Schema::default();
            for op in &ops {
                let before = schema.clone();
                match apply(&mut schema, dialect.rules(), op) {
                    Ok(()) => {
                        is_whole(dialect, &schema);
                        comes_back(dialect, op, &before, &schema);
                    }
                    Err(_) => assert_eq!(schema, before, "{}: {:?}", dialect, op),
                }
            }
        }
    }
}
