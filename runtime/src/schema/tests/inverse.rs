//! What can be taken back, and what cannot because something would not come back with it.

use super::*;
use crate::operation::ConstraintSelector;
use crate::schema::inverse;

fn retype(column_type: ColumnType) -> Op {
    alter("t", "a", ColumnChanges { column_type: Some(column_type), ..KEEP })
}

#[test]
fn a_type_is_taken_back_only_if_every_value_comes_back() {
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    for (from, to, comes_back) in [
        (ColumnType::Integer, ColumnType::BigInteger, true),
        (ColumnType::BigInteger, ColumnType::Integer, false),
        (ColumnType::Varchar(Some(10)), ColumnType::Varchar(Some(20)), true),
        (ColumnType::Varchar(Some(20)), ColumnType::Varchar(Some(10)), false),
        (ColumnType::Varchar(Some(10)), ColumnType::Text, true),
        (ColumnType::Text, ColumnType::Varchar(Some(10)), false),
        (numeric(5, 2), numeric(9, 2), true),
        (numeric(5, 2), numeric(9, 1), false),
        (ColumnType::Double, ColumnType::Integer, false),
        (ColumnType::Integer, ColumnType::Text, false),
    ] {
        for dialect in [Dialect::Postgres, Dialect::Mariadb] {
            let before = schema(dialect, &[create_table("t", vec![column("a", from.clone())], vec![])]);
            let (op, mut after) = (retype(to.clone()), before.clone());
            apply(&mut after, dialect.rules(), &op).unwrap();
            let found = inverse(&op, dialect.rules(), &before, &after);
            assert_eq!(found.is_some(), comes_back, "{dialect}: {from} to {to}: {found:?}");
        }
    }
}

#[test]
fn constraints_and_indexes_come_back_as_they_were() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        let tables = [
            create_table("p", vec![not_null("id", ColumnType::Integer)], vec![primary(&["id"])]),
            create_table(
                "c",
                vec![column("p", ColumnType::Integer), column("n", ColumnType::Integer)],
                vec![unique(Some("c_n"), &["n"]), foreign(None, &["p"], "p", &["id"]), check(Some("c_c"), "n > 0")],
            ),
            create_index("c", "c_both", &["n", "p"]),
        ];
        let before = schema(dialect, &tables);
        let drop = |which| Op::DropConstraint { table: name("c"), which };
        for op in [
            drop(ConstraintSelector::Name(name("c_n"))),
            drop(ConstraintSelector::ForeignKey(names(&["p"]))),
            drop(ConstraintSelector::Name(name("c_c"))),
            drop_index("c", "c_both"),
            create_index("c", "c_other", &["n"]),
            constrain("c", unique(None, &["n", "p"])),
            constrain("c", check(None, "p > 1")),
            Op::RenameConstraint { table: name("c"), name: name("c_c"), new_name: name("c_d") },
        ] {
            let mut after = before.clone();
            apply(&mut after, dialect.rules(), &op).unwrap();
            let back = inverse(&op, dialect.rules(), &before, &after).unwrap_or_else(|| panic!("{dialect}: {op:?}"));
            apply(&mut after, dialect.rules(), &back).unwrap();
            assert_eq!(after, before, "{dialect}: {op:?}");
        }
        // MariaDB drops the index of the foreign key for it, and would not make it again.
        let mut after = before.clone();
        let covering = create_index("c", "c_p", &["p"]);
        apply(&mut after, dialect.rules(), &covering).unwrap();
        let found = inverse(&covering, dialect.rules(), &before, &after);
        assert_eq!(found.is_some(), dialect == Dialect::Postgres, "{found:?}");
    }
}
