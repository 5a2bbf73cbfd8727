//! What MariaDB 10.11 does on its own, as it was seen to do it.

use super::*;
use std::sync::Arc;

use crate::operation::ConstraintSelector;
use crate::schema::{ModelType, conform};

const MARIADB: Dialect = Dialect::Mariadb;

fn indexes(schema: &Schema, text: &str) -> Vec<String> {
    table(schema, text).indexes.iter().map(|index| index.name.to_string()).collect()
}

fn start(constraints: Vec<Constraint>) -> Schema {
    let p = create_table(
        "p",
        vec![numbered("id"), column("a", ColumnType::Integer), column("b", ColumnType::Integer)],
        vec![primary(&["id"]), unique(Some("p_a_b"), &["a", "b"])],
    );
    let columns = ["x", "y", "z"].map(|text| not_null(text, ColumnType::Integer)).to_vec();
    schema(MARIADB, &[p, create_table("t", columns, constraints)])
}

fn one(columns: &[&str], given: &str) -> Constraint {
    let referred: &[&str] = if columns.len() == 1 { &["id"] } else { &["a", "b"] };
    foreign(Some(given), columns, "p", referred)
}

fn change(schema: &mut Schema, op: Op) -> Result<(), SchemaError> {
    apply(schema, MARIADB.rules(), &op)
}

#[test]
fn a_foreign_key_brings_an_index_unless_one_covers_it() {
    assert_eq!(indexes(&start(vec![one(&["x"], "f")]), "t"), ["f"]);
    assert_eq!(indexes(&start(vec![one(&["x"], "f"), unique(None, &["x", "y"])]), "t"), [""; 0]);
    assert_eq!(indexes(&start(vec![one(&["x"], "f"), primary(&["x"])]), "t"), [""; 0]);
    assert_eq!(indexes(&start(vec![one(&["x"], "f"), one(&["x", "y"], "g")]), "t"), ["g"]);
    assert_eq!(indexes(&start(vec![one(&["x"], "f2"), one(&["x"], "f1")]), "t"), ["f2"]);
}

#[test]
fn that_index_goes_when_another_one_covers_the_columns() {
    for op in [
        create_index("t", "i", &["x", "y"]),
        constrain("t", unique(None, &["x"])),
        constrain("t", primary(&["x", "z"])),
        constrain("t", one(&["x", "y"], "g")),
    ] {
        let mut schema = start(vec![one(&["x"], "f")]);
        change(&mut schema, op.clone()).unwrap();
        assert!(!indexes(&schema, "t").contains(&"f".to_owned()), "{op:?}");
    }
    let mut schema = start(vec![one(&["x"], "f")]);
    change(&mut schema, create_index("t", "i", &["y", "x"])).unwrap();
    assert_eq!(indexes(&schema, "t"), ["f", "i"]);
}

#[test]
fn an_index_may_take_the_name_of_the_foreign_key_that_it_serves() {
    let rename = |from: &str, to: &str| Op::RenameIndex { table: name("t"), name: name(from), new_name: name(to) };
    let mut schema = start(vec![one(&["x"], "f")]);
    for (from, to) in [("none", "i"), ("f", "u"), ("f", "t_ibfk_1")] {
        let mut schema = start(vec![one(&["x"], "f"), unique(Some("u"), &["y"]), one(&["z"], "t_ibfk_1")]);
        assert!(change(&mut schema, rename(from, to)).is_err(), "{from} {to}");
    }
    change(&mut schema, rename("f", "x")).unwrap();
    assert_eq!(indexes(&schema, "t"), ["x"]);
    change(&mut schema, create_index("t", "i", &["x", "y"])).unwrap();
    assert_eq!(indexes(&schema, "t"), ["i", "x"], "it is an index like any other");
    change(&mut schema, drop_index("t", "i")).unwrap();
    change(&mut schema, rename("x", "f")).unwrap();
    change(&mut schema, create_index("t", "i", &["x", "y"])).unwrap();
    assert_eq!(indexes(&schema, "t"), ["i"]);
}

#[test]
fn what_another_tool_made_is_widened_and_renamed_where_nothing_is_lost() {
    let made = |constraints| {
        let times = ["at", "on"].map(|text| column(text, ColumnType::Timestamp(6)));
        let columns = times.into_iter().chain(["x", "y"].map(|text| column(text, ColumnType::Integer))).collect();
        let p = create_table("p", vec![numbered("id")], vec![primary(&["id"])]);
        schema(MARIADB, &[p, create_table("t", columns, constraints)])
    };
    let expected = made(vec![foreign(None, &["x"], "p", &["id"]), foreign(None, &["y"], "p", &["id"])]);
    let mut found = expected.clone();
    let table = Arc::make_mut(found.tables.get_mut(&name("t")).unwrap());
    table.columns[0].column_type = ModelType::Portable(ColumnType::Timestamp(0));
    table.columns[1].column_type = ModelType::Opaque("timestamp".into());
    table.indexes[0].name = name("x");
    table.indexes[1].name = name("mine");
    let operations = conform(&expected, &found, MARIADB.rules());
    let names: Vec<&str> = operations.iter().map(Op::name).collect();
    assert_eq!(names, ["alter-column", "rename-index"], "neither a timestamp nor an index that somebody named");
    for op in operations {
        change(&mut found, op).unwrap();
    }
    let left = &found.tables[&name("t")];
    assert_eq!(left.columns[0], expected.tables[&name("t")].columns[0]);
    assert_eq!(left.indexes.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["mine", "t_ibfk_1"]);
    assert_eq!(conform(&expected, &expected, MARIADB.rules()), []);
    Arc::make_mut(found.tables.get_mut(&name("t")).unwrap()).columns[0].column_type = ModelType::Opaque("time".into());
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        assert_eq!(conform(&expected, &found, dialect.rules()), [], "{dialect}");
    }
}

#[test]
fn that_index_goes_with_its_foreign_key() {
    let drop = |given: &str| Op::DropConstraint { table: name("t"), which: ConstraintSelector::Name(name(given)) };
    let mut schema = start(vec![one(&["x"], "f"), one(&["x"], "g")]);
    assert_eq!(indexes(&schema, "t"), ["g"]);
    change(&mut schema, drop("g")).unwrap();
    assert_eq!(indexes(&schema, "t"), ["f"], "the other foreign key needs one");
    change(&mut schema, drop("f")).unwrap();
    assert_eq!(indexes(&schema, "t"), [""; 0]);
}

#[test]
fn an_index_that_a_foreign_key_needs_stays() {
    let mut schema = start(vec![one(&["x"], "f"), unique(Some("u"), &["x"])]);
    for op in [
        drop_index("t", "u"),
        Op::DropConstraint { table: name("t"), which: ConstraintSelector::Unique(names(&["x"])) },
        drop_index("p", "p_a_b"),
    ] {
        let needed = change(&mut schema, op.clone());
        assert_eq!(needed.is_err(), op.subject() == &name("t"), "{op:?}: {needed:?}");
    }
    change(&mut schema, create_index("t", "i", &["x", "y"])).unwrap();
    assert_eq!(change(&mut schema, drop_index("t", "u")), Ok(()));
}

#[test]
fn a_unique_index_is_a_unique_constraint() {
    let unique_index =
        |order| Op::CreateIndex { table: name("t"), index: index_of("u", &[("x", order)], true), online: None };
    let mut schema = start(vec![]);
    change(&mut schema, unique_index(IndexOrder::Ascending)).unwrap();
    assert_eq!(table(&schema, "t").uniques[0].name, Some(name("u")));
    change(&mut schema, drop_index("t", "u")).unwrap();
    assert_eq!(table(&schema, "t").uniques, []);
    change(&mut schema, unique_index(IndexOrder::Descending)).unwrap();
    assert_eq!(indexes(&schema, "t"), ["u"]);
}

#[test]
fn innodb_names_follow_the_table_and_their_index_is_still_known() {
    let mut schema = start(vec![foreign(None, &["x"], "p", &["id"]), one(&["y"], "named")]);
    change(&mut schema, rename_table("t", "u")).unwrap();
    let keys: Vec<_> =
        table(&schema, "u").foreign_keys.iter().map(|key| key.name.clone().unwrap().to_string()).collect();
    assert_eq!(keys, ["named", "u_ibfk_1"]);
    assert_eq!(indexes(&schema, "u"), ["named", "t_ibfk_1"]);
    change(&mut schema, create_index("u", "i", &["x", "z"])).unwrap();
    assert_eq!(indexes(&schema, "u"), ["i", "named"]);
}

#[test]
fn names_that_the_server_keeps_for_itself_are_refused() {
    let mut schema = start(vec![one(&["x"], "f")]);
    for op in [
        create_index("t", "Primary", &["x"]),
        create_index("t", "GEN_CLUST_INDEX", &["x"]),
        create_index("t", "t_ibfk_1", &["x"]),
        create_index("t", "f", &["y"]),
    ] {
        assert!(change(&mut schema, op.clone()).is_err(), "{op:?}");
    }
}

#[test]
fn a_json_column_brings_a_check_of_its_name() {
    let mut schema = start(vec![check(Some("j"), "x > 0")]);
    assert!(change(&mut schema, add_column("t", column("J", ColumnType::Json))).is_err());
    change(&mut schema, add_column("t", column("k", ColumnType::Json))).unwrap();
    assert!(change(&mut schema, rename_column("t", "k", "j")).is_err());
    assert!(change(&mut schema, constrain("t", check(Some("K"), "y > 0"))).is_err());
    let op = create_table("v", vec![column("a", ColumnType::Json)], vec![check(Some("a"), "a IS NULL")]);
    assert!(change(&mut schema, op).is_err());
}

#[test]
fn restrict_and_no_action_are_one() {
    let Constraint::ForeignKey(key) = one(&["x"], "f") else { unreachable!() };
    let restrict = ForeignKey { on_delete: ReferentialAction::Restrict, ..key.clone() };
    assert_eq!(start(vec![Constraint::ForeignKey(restrict)]), start(vec![Constraint::ForeignKey(key)]));
}
