//! Default names, as PostgreSQL 15 and MariaDB 10.11 were seen to choose them.

use super::*;

fn integers(columns: &[&str]) -> Vec<ColumnSpec> {
    columns.iter().map(|text| column(text, ColumnType::Integer)).collect()
}

fn all_names(table: &Table) -> Vec<String> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| key.name.as_ref());
    let foreign_keys = table.foreign_keys.iter().map(|key| key.name.as_ref());
    let checks = table.checks.iter().map(|check| check.name.as_ref());
    keys.chain(foreign_keys).chain(checks).map(|name| name.map_or("-".into(), ToString::to_string)).collect()
}

fn many() -> [Op; 2] {
    let p = create_table("p", vec![numbered("id")], vec![primary(&["id"])]);
    let t = create_table(
        "t",
        vec![not_null("id", ColumnType::Integer), column("a", ColumnType::Integer), column("b", ColumnType::Integer)],
        vec![
            primary(&["id"]),
            unique(None, &["a"]),
            unique(None, &["a", "b"]),
            foreign(None, &["b"], "p", &["id"]),
            foreign(None, &["b"], "p", &["id"]),
            check(None, "a > 0"),
            check(None, "a < 9"),
            check(None, "a > b"),
        ],
    );
    [p, t]
}

#[test]
fn postgres_names_are_those_of_postgres() {
    assert_eq!(
        all_names(&table(&schema(Dialect::Postgres, &many()), "t")),
        ["t_pkey", "t_a_b_key", "t_a_key", "t_b_fkey", "t_b_fkey1", "t_a_check", "t_a_check1", "t_check"]
    );
}

#[test]
fn mariadb_names_are_those_of_mariadb() {
    assert_eq!(
        all_names(&table(&schema(Dialect::Mariadb, &many()), "t")),
        ["PRIMARY", "a", "a_2", "t_ibfk_1", "t_ibfk_2", "CONSTRAINT_1", "CONSTRAINT_2", "CONSTRAINT_3"]
    );
}

#[test]
fn sqlite_has_no_default_names() {
    assert_eq!(all_names(&table(&schema(Dialect::Sqlite, &many()), "t")), ["-"; 8]);
}

#[test]
fn long_names_are_cut_as_postgres_cuts_them() {
    let long = "abcdefghij".repeat(6);
    let col = "columnnameverylongindeedcolumnnameverylongindeed";
    let op = create_table(
        &long,
        integers(&[col, "b"]),
        vec![unique(None, &[col]), unique(None, &["b"]), unique(None, &[col, "b"]), check(None, &format!("{col} > 0"))],
    );
    assert_eq!(
        all_names(&table(&schema(Dialect::Postgres, &[op]), &long)),
        [
            "abcdefghijabcdefghijabcdefghi_columnnameverylongindeedcolu_key1",
            "abcdefghijabcdefghijabcdefghi_columnnameverylongindeedcolum_key",
            "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefg_b_key",
            "abcdefghijabcdefghijabcdefgh_columnnameverylongindeedcolu_check",
        ]
    );
}

#[test]
fn a_name_that_the_operation_gives_elsewhere_is_not_taken() {
    let op = |given| create_table("t", integers(&["a"]), vec![unique(None, &["a"]), check(Some(given), "a > 0")]);
    assert_eq!(all_names(&table(&schema(Dialect::Postgres, &[op("t_a_key")]), "t")), ["t_a_key1", "t_a_key"]);
    assert_eq!(all_names(&table(&schema(Dialect::Mariadb, &[op("A")]), "t")), ["a_2", "A"]);
}

#[test]
fn postgres_keys_share_their_scope_with_tables() {
    let taken = create_table("t_pkey", integers(&["a"]), vec![]);
    let t = create_table("t", vec![numbered("id")], vec![primary(&["id"])]);
    let both = schema(Dialect::Postgres, &[taken.clone(), t.clone()]);
    assert_eq!(all_names(&table(&both, "t")), ["t_pkey1"]);
    let mut schema = schema(Dialect::Postgres, &[t]);
    assert!(matches!(apply(&mut schema, Dialect::Postgres.rules(), &taken), Err(SchemaError::AlreadyExists(_))));
}

#[test]
fn a_postgres_sequence_keeps_its_name() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let result = apply(&mut schema, dialect.rules(), &create_table("pages_id_seq", integers(&["a"]), vec![]));
        assert_eq!(result.is_ok(), dialect != Dialect::Postgres, "{dialect}");
    }
}

#[test]
fn index_names_are_unique_in_the_schema_except_on_mariadb() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let result = apply(&mut schema, dialect.rules(), &create_index("users", "ix_hits", &["age"]));
        assert_eq!(result.is_ok(), dialect == Dialect::Mariadb, "{dialect}");
        let result = apply(&mut schema, dialect.rules(), &create_table("ix_hits", integers(&["a"]), vec![]));
        assert_eq!(result.is_ok(), dialect == Dialect::Mariadb, "{dialect}");
    }
}

#[test]
fn foreign_key_names_are_unique_in_the_schema_on_mariadb_alone() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let op = create_table("t", integers(&["a"]), vec![foreign(Some("FK_Author"), &["a"], "users", &["id"])]);
        assert_eq!(apply(&mut schema, dialect.rules(), &op).is_ok(), dialect != Dialect::Mariadb, "{dialect}");
    }
}
