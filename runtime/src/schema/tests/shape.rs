//! Tables, columns, constraints and indexes.

use super::*;
use crate::operation::ConstraintSelector;
use crate::schema::{CheckCondition, Column, ModelType, Opaque};
use std::sync::Arc;

fn integers(columns: &[&str]) -> Vec<ColumnSpec> {
    columns.iter().map(|text| column(text, ColumnType::Integer)).collect()
}

#[test]
fn a_table_is_made_with_its_constraints() {
    for dialect in Dialect::ALL {
        let schema = base(dialect);
        let pages = table(&schema, "pages");
        assert_eq!(pages.primary_key.unwrap().columns, names(&["id"]));
        assert_eq!(pages.foreign_keys.len(), 2);
        assert!(pages.columns[0].auto_increment);
        assert_eq!(pages.columns[1].column_type, ModelType::Portable(ColumnType::Varchar(Some(50))));
    }
}

#[test]
fn tables_that_no_database_takes_are_refused() {
    refused(vec![
        (create_table("PAGES", integers(&["a"]), vec![]), "table pages exists already"),
        (create_table("t", vec![], vec![]), "no column"),
        (create_table("t", integers(&["a", "A"]), vec![]), "named twice"),
        (create_table("t", integers(&["a"]), vec![primary(&["a"])]), "may hold NULL"),
        (
            create_table("t", vec![not_null("a", ColumnType::Integer)], vec![primary(&["a"]), primary(&["a"])]),
            "primary key already",
        ),
        (create_table("t", integers(&["a"]), vec![unique(None, &[])]), "0 columns"),
        (create_table("t", integers(&["a"]), vec![unique(None, &["a", "a"])]), "named twice"),
        (create_table("t", integers(&["a"]), vec![unique(None, &["b"])]), "no column b"),
        (create_table("t", integers(&["a"]), vec![check(None, "b > 0")]), "no column b"),
        (create_table("t", integers(&["a"]), vec![check(None, "a + 1")]), "not boolean"),
        (create_table("t", integers(&["a"]), vec![check(None, "1 = 1")]), "mentions no column"),
        (create_table("t", integers(&["a"]), vec![check(None, "lower(a) = 'x'")]), "not text"),
        (create_table("t", integers(&["a"]), vec![foreign(None, &["a"], "none", &["id"])]), "none does not exist"),
        (
            create_table("t", integers(&["a"]), vec![foreign(None, &["a"], "pages", &["hits"])]),
            "neither the primary key",
        ),
        (
            create_table("t", vec![column("a", ColumnType::Text)], vec![foreign(None, &["a"], "pages", &["id"])]),
            "is not of the type",
        ),
        (
            create_table("t", integers(&["a", "b"]), vec![foreign(None, &["a", "b"], "pages", &["id"])]),
            "not as many columns",
        ),
        (create_table("t", vec![numbered("a")], vec![]), "not alone the primary key"),
        (
            create_table("t", vec![numbered("a"), not_null("b", ColumnType::Integer)], vec![primary(&["a", "b"])]),
            "not alone the primary key",
        ),
        (
            create_table(
                "t",
                vec![ColumnSpec { column_type: ColumnType::Text, ..numbered("a") }],
                vec![primary(&["a"])],
            ),
            "not an integer",
        ),
        (
            create_table("t", vec![with_default(numbered("a"), Value::Integer(1))], vec![primary(&["a"])]),
            "has a default too",
        ),
        (
            create_table("t", integers(&["a"]), vec![check(Some("x"), "a > 0"), unique(Some("X"), &["a"])]),
            "is taken by",
        ),
    ]);
}

#[test]
fn equal_keys_have_names_of_their_own() {
    let twice =
        |names: [Option<&str>; 2]| create_table("t", integers(&["a"]), names.map(|name| unique(name, &["a"])).to_vec());
    accepted(vec![twice([Some("one"), None]), twice([Some("one"), Some("two")])]);
    for dialect in Dialect::ALL {
        let result = apply(&mut base(dialect), dialect.rules(), &twice([None, None]));
        // Where they get names they can be told apart.
        assert_eq!(result.is_err(), dialect == Dialect::Sqlite, "{dialect}: {result:?}");
    }
}

#[test]
fn a_foreign_key_that_sets_null_needs_nullable_columns() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let with = |column: ColumnSpec| {
            let Constraint::ForeignKey(key) = foreign(None, &["user"], "users", &["id"]) else { unreachable!() };
            let key = ForeignKey { on_delete: ReferentialAction::SetNull, ..key };
            create_table("t", vec![column], vec![Constraint::ForeignKey(key)])
        };
        assert!(apply(&mut schema, dialect.rules(), &with(not_null("user", ColumnType::Integer))).is_err());
        assert_eq!(apply(&mut schema, dialect.rules(), &with(column("user", ColumnType::Integer))), Ok(()));
        let change = alter("t", "user", ColumnChanges { nullable: Some(false), ..KEEP });
        assert!(apply(&mut schema, dialect.rules(), &change).is_err());
    }
}

#[test]
fn types_and_defaults_out_of_bounds_are_refused() {
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    refused(vec![
        (add_column("pages", column("x", ColumnType::Varchar(Some(0)))), "length"),
        (add_column("pages", column("x", ColumnType::Varchar(Some(1_000_000_001)))), "length"),
        (add_column("pages", column("x", ColumnType::Time(7))), "digits after the second"),
        (add_column("pages", column("x", ColumnType::Timestamp(200))), "digits after the second"),
        (add_column("pages", column("x", ColumnType::TimestampWithZone(255))), "digits after the second"),
        (add_column("pages", column("x", numeric(0, 0))), "precision"),
        (add_column("pages", column("x", numeric(66, 0))), "precision"),
        (add_column("pages", column("x", numeric(5, 6))), "scale"),
        (add_column("pages", column("x", numeric(65, 31))), "scale"),
        (add_column("pages", with_default(column("x", ColumnType::Integer), Value::Boolean(true))), "the default of"),
        (
            add_column(
                "pages",
                ColumnSpec {
                    default: Some(ColumnDefault::Expression(expr("lower('A')"))),
                    ..column("x", ColumnType::Date)
                },
            ),
            "is text",
        ),
        (
            add_column(
                "pages",
                ColumnSpec {
                    default: Some(ColumnDefault::Expression(expr("hits + 1"))),
                    ..column("x", ColumnType::Integer)
                },
            ),
            "mentions a column",
        ),
        (add_column("pages", ColumnSpec { comment: Some(comment("a\0b")), ..column("x", ColumnType::Text) }), "U+0000"),
    ]);
    accepted(vec![
        add_column("pages", column("x", ColumnType::Varchar(Some(1_000_000_000)))),
        add_column("pages", column("x", numeric(65, 30))),
        add_column("pages", column("x", numeric(3, 3))),
    ]);
}

#[test]
fn null_is_no_default_and_the_empty_text_no_comment() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let spec =
            ColumnSpec { comment: Some(comment("")), ..with_default(column("x", ColumnType::Text), Value::Null) };
        apply(&mut schema, dialect.rules(), &add_column("pages", spec)).unwrap();
        let x: Column = table(&schema, "pages").columns.last().unwrap().clone();
        assert_eq!((x.default, x.comment), (None, None));
        let spec = ColumnSpec { comment: Some(comment("why")), ..column("y", ColumnType::Text) };
        apply(&mut schema, dialect.rules(), &add_column("pages", spec)).unwrap();
        let kept = table(&schema, "pages").columns.last().unwrap().comment.clone();
        assert_eq!(kept.is_some(), dialect != Dialect::Sqlite);
    }
}

#[test]
fn columns_are_added_and_dropped_only_where_nothing_is_in_the_way() {
    refused(vec![
        (add_column("none", column("x", ColumnType::Text)), "table none does not exist"),
        (add_column("pages", column("TITLE", ColumnType::Text)), "has a column title already"),
        (add_column("pages", column("XMin", ColumnType::Text)), "keep for themselves"),
        (rename_column("pages", "body", "db_row_id"), "keep for themselves"),
        (create_table("t", integers(&["ctid"]), vec![]), "keep for themselves"),
        (add_column("pages", numbered("x")), "not the primary key"),
        (drop_column("pages", "none"), "no column none"),
        (drop_column("pages", "id"), "the primary key uses it"),
        (drop_column("pages", "parent"), "the foreign key fk_parent uses it"),
        (drop_column("pages", "title"), "the check title_given uses it"),
        (drop_column("pages", "hits"), "the index ix_hits uses it"),
        (drop_column("users", "email"), "the unique constraint users_email uses it"),
    ]);
    accepted(vec![drop_column("pages", "body"), add_column("pages", not_null("x", ColumnType::Text))]);
    for dialect in Dialect::ALL {
        let mut one = schema(dialect, &[create_table("t", integers(&["a"]), vec![])]);
        assert!(apply(&mut one, dialect.rules(), &drop_column("t", "a")).unwrap_err().to_string().contains("last one"));
    }
}

#[test]
fn a_table_that_another_refers_to_stays() {
    refused(vec![
        (Op::DropTable { name: name("users") }, "table pages refers to it"),
        (Op::DropTable { name: name("none") }, "does not exist"),
    ]);
    accepted(vec![Op::DropTable { name: name("pages") }]);
}

#[test]
fn a_key_that_something_refers_to_stays() {
    let drop = |table: &str, which| Op::DropConstraint { table: name(table), which };
    refused(vec![
        (drop("users", ConstraintSelector::PrimaryKey), "refers to it"),
        (drop("users", ConstraintSelector::Unique(names(&["age"]))), "no unique constraint over age"),
        (drop("users", ConstraintSelector::Name(name("none"))), "no constraint none"),
        (drop("pages", ConstraintSelector::ForeignKey(names(&["hits"]))), "no foreign key of hits"),
        (drop("pages", ConstraintSelector::Check(names(&["title", "body"]))), "no check of title, body"),
    ]);
    accepted(vec![
        drop("users", ConstraintSelector::Name(name("users_email"))),
        drop("users", ConstraintSelector::Unique(names(&["email"]))),
        drop("pages", ConstraintSelector::ForeignKey(names(&["author"]))),
        drop("pages", ConstraintSelector::Check(names(&["title"]))),
    ]);
}

#[test]
fn the_key_of_a_column_that_numbers_itself_stays() {
    for dialect in Dialect::ALL {
        let mut one = schema(dialect, &[create_table("t", vec![numbered("id")], vec![primary(&["id"])])]);
        let drop = Op::DropConstraint { table: name("t"), which: ConstraintSelector::PrimaryKey };
        assert!(apply(&mut one, dialect.rules(), &drop).unwrap_err().to_string().contains("auto-increment"));
    }
}

#[test]
fn indexes_need_columns_and_a_free_name() {
    refused(vec![
        (create_index("pages", "x", &[]), "0 columns"),
        (create_index("pages", "x", &["none"]), "no column none"),
        (create_index("pages", "x", &["hits", "hits"]), "named twice"),
        (create_index("pages", "IX_HITS", &["title"]), "is taken by"),
        (drop_index("pages", "none"), "no index none"),
    ]);
    // A constraint has no index, but for a key.
    let others = [create_index("pages", "x", &["title"]), create_index("pages", "title_given", &["title"])];
    accepted([others.to_vec(), vec![drop_index("pages", "ix_hits")]].concat());
}

#[test]
fn a_rename_reaches_everything_that_names_the_column() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        for (from, to) in [("id", "number"), ("title", "heading"), ("hits", "views"), ("parent", "above")] {
            apply(&mut schema, dialect.rules(), &rename_column("pages", from, to)).unwrap();
        }
        let pages = table(&schema, "pages");
        assert_eq!(pages.primary_key.as_ref().unwrap().columns, names(&["number"]));
        assert_eq!(
            pages.checks[0].condition,
            CheckCondition::Portable((dialect.rules().normal_form)(&expr("length(heading) > 0")))
        );
        assert!(pages.indexes.iter().any(|index| index.parts[0].name() == Some(&name("views"))));
        let own = pages.foreign_keys.iter().find(|key| key.name == Some(name("fk_parent"))).unwrap();
        assert_eq!((&own.columns, &own.referred_columns), (&names(&["above"]), &names(&["number"])));
        let json = serde_json::to_string(&schema).unwrap();
        for old in ["\"title\"", "\"hits\"", "\"parent\""] {
            assert!(!json.contains(old), "{dialect}: {old} is left in {json}");
        }
    }
}

#[test]
fn foreign_keys_follow_the_table_that_they_refer_to() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        apply(&mut schema, dialect.rules(), &rename_table("users", "people")).unwrap();
        apply(&mut schema, dialect.rules(), &rename_table("pages", "leaves")).unwrap();
        let referred: Vec<_> =
            table(&schema, "leaves").foreign_keys.iter().map(|key| key.referred_table.clone()).collect();
        assert_eq!(referred, names(&["people", "leaves"]));
    }
    refused(vec![
        (rename_table("pages", "Users"), "exists already"),
        (rename_table("none", "x"), "does not exist"),
        (rename_column("pages", "title", "BODY"), "has a column body already"),
        (rename_column("pages", "none", "x"), "no column none"),
    ]);
}

#[test]
fn a_column_is_altered_as_far_as_what_hangs_on_it_allows() {
    let retype = |column_type| ColumnChanges { column_type: Some(column_type), ..KEEP };
    refused(vec![
        (alter("pages", "none", retype(ColumnType::Text)), "no column none"),
        (alter("pages", "body", KEEP), "no change"),
        (alter("pages", "body", retype(ColumnType::Varchar(Some(0)))), "length"),
        (alter("pages", "author", retype(ColumnType::Numeric { precision: 9, scale: 0 })), "a foreign key uses it"),
        (alter("pages", "title", retype(ColumnType::Text)), "the check title_given uses it"),
        (alter("pages", "hits", retype(ColumnType::Date)), "number does not become date"),
        (alter("pages", "body", retype(ColumnType::Binary)), "text does not become binary"),
        (alter("pages", "body", retype(ColumnType::Boolean)), "text does not become boolean"),
        (alter("pages", "hits", retype(ColumnType::Text)), "does not fit the new type"),
        (alter("pages", "id", ColumnChanges { nullable: Some(true), ..KEEP }), "part of the primary key"),
        (
            alter(
                "pages",
                "id",
                ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Integer(1))), ..KEEP },
            ),
            "auto-increment",
        ),
        (
            alter(
                "pages",
                "hits",
                ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Boolean(true))), ..KEEP },
            ),
            "the default of",
        ),
    ]);
    accepted(vec![
        alter("pages", "body", retype(ColumnType::Varchar(Some(20)))),
        alter("pages", "hits", retype(ColumnType::BigInteger)),
        alter("pages", "hits", ColumnChanges { default: Change::Clear, ..retype(ColumnType::Text) }),
        alter("pages", "title", ColumnChanges { nullable: Some(true), ..KEEP }),
    ]);
}

#[test]
fn what_the_model_does_not_understand_is_not_altered_nor_left_behind() {
    for dialect in Dialect::ALL {
        let mut schema = base(dialect);
        let pages = Arc::make_mut(schema.tables.get_mut(&name("pages")).unwrap());
        let trigger = "CREATE TRIGGER tr AFTER INSERT ON pages SET Body = 1";
        pages.opaque.push(Opaque { kind: "trigger".into(), name: "tr".into(), definition: trigger.into() });
        pages.columns[5].extra.push("GENERATED".into());
        for op in [
            drop_column("pages", "body"),
            rename_column("pages", "body", "text"),
            rename_table("pages", "leaves"),
            alter("pages", "body", ColumnChanges { column_type: Some(ColumnType::Varchar(Some(9))), ..KEEP }),
        ] {
            let error = apply(&mut schema, dialect.rules(), &op).unwrap_err();
            assert!(matches!(error, SchemaError::Invalid(_)), "{dialect}: {op:?}: {error:?}");
        }
        assert_eq!(apply(&mut schema, dialect.rules(), &rename_column("pages", "author", "writer")), Ok(()));
        // SQLite changes a definition in place.
        let altered = alter("pages", "hits", ColumnChanges { nullable: Some(true), ..KEEP });
        assert_eq!(apply(&mut schema, dialect.rules(), &altered).is_ok(), dialect == Dialect::Sqlite);
    }
}

#[test]
fn sqlite_makes_its_types_and_keys_what_they_are_there() {
    let big = ColumnSpec { column_type: ColumnType::BigInteger, ..numbered("id") };
    let moment = column("at", ColumnType::TimestampWithZone(6));
    let ops = [
        create_table("t", vec![big, moment], vec![primary(&["id"])]),
        create_table("u", vec![not_null("id", ColumnType::Integer)], vec![primary(&["id"])]),
        create_table("v", vec![column("t", ColumnType::BigInteger)], vec![foreign(None, &["t"], "t", &["id"])]),
    ];
    let sqlite = schema(Dialect::Sqlite, &ops);
    let types = |schema: &Schema| {
        table(schema, "t").columns.iter().map(|column| column.column_type.clone()).collect::<Vec<_>>()
    };
    assert_eq!(types(&sqlite), [ColumnType::Integer, ColumnType::Timestamp(6)].map(ModelType::Portable));
    assert!(table(&sqlite, "u").columns[0].auto_increment);
    assert_eq!(table(&sqlite, "t").primary_key.unwrap().name, None);
    let postgres = schema(Dialect::Postgres, &ops);
    assert_eq!(types(&postgres), [ColumnType::BigInteger, ColumnType::TimestampWithZone(6)].map(ModelType::Portable));
    assert!(!table(&postgres, "u").columns[0].auto_increment);
}

#[test]
fn a_column_that_follows_updates_is_nullable_if_what_it_follows_is() {
    let key = |columns: &[&str]| {
        let Constraint::ForeignKey(key) = foreign(None, columns, "p", &["a"]) else { unreachable!() };
        Constraint::ForeignKey(ForeignKey { on_update: ReferentialAction::Cascade, ..key })
    };
    let nullable =
        |table: &str, column: &str, nullable| alter(table, column, ColumnChanges { nullable: Some(nullable), ..KEEP });
    for dialect in Dialect::ALL {
        let p = create_table("p", integers(&["a"]), vec![unique(None, &["a"])]);
        let c = create_table("c", integers(&["x"]), vec![key(&["x"])]);
        let mut schema = schema(dialect, &[p, c]);
        let mut change = |op: Op| apply(&mut schema, dialect.rules(), &op);
        let strict = create_table("d", vec![not_null("x", ColumnType::Integer)], vec![key(&["x"])]);
        assert!(change(strict.clone()).is_err());
        assert!(change(nullable("c", "x", false)).is_err());
        assert_eq!(change(nullable("p", "a", false)), Ok(()));
        assert_eq!(change(nullable("c", "x", false)), Ok(()));
        assert_eq!(change(strict), Ok(()));
        assert!(change(nullable("p", "a", true)).is_err());
    }
}
