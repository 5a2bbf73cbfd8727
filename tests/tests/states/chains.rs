//! What revisions that were written for one database do because it lets them. Where a database does not, the step is told so.

use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// In the target's own grammar.
fn own(statement: &str) -> Action {
    ddl_text(target_sql(statement))
}

fn refused(action: Action) -> Action {
    fails(ErrorKind::Invalid, action)
}

/// Takes a package of these revisions to its head, and holds what it made against what is there.
async fn after<const N: usize>(target: &TestTarget, revisions: [Vec<Action>; N]) -> Run<'_> {
    let run = Run::on(target);
    let mut package = GuestPackage::new("chain");
    for (at, actions) in revisions.into_iter().enumerate() {
        let (id, before) = (format!("{}", at + 1), format!("{at}"));
        let before: &[&str] = if at == 0 { &[] } else { &[&before] };
        package = package.revision(&id, before, "One more").upgrade(actions);
    }
    run.upgrade(&run.open(&package)).await.unwrap();
    run.model_holds("chain").await;
    run
}

fn costs() -> Vec<Action> {
    vec![
        create_table("spans", |t| {
            t.big_integer("id").not_null();
            t.primary_key(["id"]);
        }),
        create_table("costs", |t| {
            t.id("id");
            t.integer("span");
        }),
    ]
}

fn words() -> Vec<Action> {
    vec![create_table("words", |t| {
        t.id("id");
        t.varchar("language", 5).not_null();
        t.integer("number").not_null();
        t.unique(["language", "number"]);
    })]
}

fn turned() -> Action {
    create_table("uses", |t| {
        t.id("id");
        t.integer("number");
        t.varchar("language", 5);
        t.foreign_key(["number", "language"], "words", ["number", "language"]);
    })
}

/// A table with equal keys, and one that refers to them.
fn instances() -> Vec<Action> {
    vec![
        create_table("instances", |t| {
            t.varchar("uuid", 36).not_null();
            t.primary_key(["uuid"]);
            t.unique(["uuid"]).named("uniq_uuid");
        }),
        create_index("instances", Index::new("by_uuid", ["uuid"])),
        create_table("mapping", |t| {
            t.id("id");
            t.varchar("instance", 36);
            t.foreign_key(["instance"], "instances", ["uuid"]).named("fk_instance");
        }),
    ]
}

fn guarded() -> Vec<Action> {
    vec![
        create_table("images", |t| {
            t.id("id");
            t.boolean("is_public").not_null();
            t.integer("size");
            t.integer("most");
            t.check("is_public IN (TRUE, FALSE)");
            t.check("size <= most").named("bounded");
        }),
        create_index("images", Index::new("ix_public", ["is_public"])),
        create_index("images", Index::new("ix_size", ["size", "most"])),
    ]
}

on_every_database! {
    async fn a_unique_constraint_may_be_over_the_columns_of_another_key(target: &TestTarget) {
        let drop = |name: &str| drop_constraint("keys", ConstraintSelector::named(name));
        let run = after(target, [
            vec![
                create_table("keys", |t| {
                    t.varchar("id", 20).not_null();
                    t.integer("n");
                    t.primary_key(["id"]);
                    t.unique(["id"]).named("uq_apikey_id");
                    t.unique(["n"]).named("one");
                    t.unique(["n"]).named("two");
                }),
                create_table("numbered", |t| {
                    t.id("id");
                    t.unique(["id"]);
                }),
            ],
            vec![create_constraint("numbered", UniqueConstraint::new(["id"]).named("again")), drop("one")],
            vec![
                drop_constraint("numbered", ConstraintSelector::named("again")),
                drop_constraint("numbered", ConstraintSelector::unique_over(["id"])),
                drop("uq_apikey_id"),
            ],
        ])
        .await;
        let catalog = run.catalog().await;
        let CatalogTable::Readable(keys) = &catalog.tables["keys"] else { panic!() };
        assert!(keys.primary_key.is_some());
        assert_eq!(keys.uniques.len(), 1, "{keys:?}");
    }
}

on_databases! {
    [sqlite postgres] async fn an_integer_may_refer_to_one_of_another_width(target: &TestTarget) {
        after(target, [
            costs(),
            vec![
                create_constraint("costs", ForeignKey::new(["span"], "spans", ["id"]).named("fk")),
                own("CREATE TABLE more (span SMALLINT REFERENCES spans (id))"),
                bulk_insert("spans", ["id"], [(7,)]),
                bulk_insert("costs", ["span"], [(7,)]),
            ],
            vec![alter_column("costs", "span", ColumnChanges::new().set_type(ColumnType::BigInteger))],
            vec![alter_column("spans", "id", ColumnChanges::new().set_type(ColumnType::Integer))],
        ])
        .await;
        assert_eq!(target.fetch("SELECT span FROM costs").await, [[Some("7".to_owned())]]);
    }

    [mariadb] async fn an_integer_refers_to_one_of_its_width(target: &TestTarget) {
        let key = create_constraint("costs", ForeignKey::new(["span"], "spans", ["id"]));
        after(target, [costs(), vec![refused(key)]]).await;
    }

    [sqlite postgres] async fn a_foreign_key_names_the_columns_of_a_key_in_any_order(target: &TestTarget) {
        after(target, [words(), vec![
            turned(),
            bulk_insert("words", ["language", "number"], [("de", 1)]),
            bulk_insert("uses", ["number", "language"], [(1, "de")]),
            refused(drop_constraint("words", ConstraintSelector::unique_over(["language", "number"]))),
        ]])
        .await;
    }

    [mariadb] async fn a_foreign_key_names_the_columns_of_a_key_in_its_order(target: &TestTarget) {
        after(target, [words(), vec![refused(turned())]]).await;
    }

    [sqlite mariadb] async fn a_key_that_is_referred_to_goes_where_an_equal_one_stays(target: &TestTarget) {
        let drop = || drop_constraint("instances", ConstraintSelector::PrimaryKey);
        after(target, [
            instances(),
            vec![drop_constraint("instances", ConstraintSelector::named("uniq_uuid")), refused(drop())],
            vec![
                create_constraint("instances", UniqueConstraint::new(["uuid"]).named("again")),
                drop(),
                refused(drop_constraint("instances", ConstraintSelector::named("again"))),
            ],
        ])
        .await;
    }

    [postgres] async fn a_key_that_may_be_the_one_referred_to_stays(target: &TestTarget) {
        after(target, [instances(), vec![
            refused(drop_constraint("instances", ConstraintSelector::named("uniq_uuid"))),
            refused(drop_constraint("instances", ConstraintSelector::PrimaryKey)),
        ]])
        .await;
    }

    [postgres] async fn equal_keys_of_one_statement_are_one(target: &TestTarget) {
        let run = after(target, [vec![
            own("CREATE TABLE a (id INTEGER NOT NULL, CONSTRAINT uq UNIQUE (id), PRIMARY KEY (id))"),
            own("CREATE TABLE b (id INTEGER NOT NULL CONSTRAINT uq_b UNIQUE CONSTRAINT pk_b PRIMARY KEY, \
                 n INTEGER UNIQUE, CONSTRAINT n UNIQUE (n), CONSTRAINT m UNIQUE (n))"),
        ]])
        .await;
        let catalog = run.catalog().await;
        let names = |table: &str| {
            let CatalogTable::Readable(table) = &catalog.tables[table] else { panic!() };
            let keys = table.primary_key.iter().chain(&table.uniques);
            keys.map(|key| key.name.as_ref().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!((names("a"), names("b")), (vec!["uq".to_owned()], vec!["pk_b".to_owned(), "n".to_owned()]));
        // As the server has it when it reads them itself.
        target.execute("CREATE TABLE c (id INTEGER NOT NULL, CONSTRAINT uq_c UNIQUE (id), PRIMARY KEY (id))").await;
        target.execute("CREATE TABLE d (id INTEGER NOT NULL CONSTRAINT uq_d UNIQUE CONSTRAINT pk_d PRIMARY KEY, \
                        n INTEGER UNIQUE, CONSTRAINT n_d UNIQUE (n), CONSTRAINT m_d UNIQUE (n))").await;
        let catalog = run.catalog().await;
        let keys = |table: &str| match &catalog.tables[table] {
            CatalogTable::Readable(table) => (table.primary_key.clone(), table.uniques.clone()),
            CatalogTable::Unreadable(reason) => panic!("{reason}"),
        };
        assert_eq!(format!("{:?}", (keys("a"), keys("b"))), format!("{:?}", (keys("c"), keys("d"))).replace("_c\"", "\"").replace("pk_d", "pk_b").replace("_d\"", "\""));
    }

    [mariadb] async fn an_index_may_have_the_name_of_the_foreign_key_that_it_serves(target: &TestTarget) {
        let key = |name: &str| {
            let mut key = ForeignKey::new(["instance"], "instances", ["uuid"]);
            key.named(name);
            key
        };
        let table = |name: &str| create_table(name, |t| {
            t.id("id");
            t.varchar("instance", 36);
            t.integer("n");
        });
        let index = |name: &str, columns: &[&str]| Index::new(name, columns.iter().copied());
        after(target, [
            instances(),
            vec![
                // In place of the one that the database made for it, whether it still knows or not.
                create_index("mapping", index("fk_instance", &["instance"])),
                fails(ErrorKind::AlreadyExists, create_index("mapping", index("fk_instance", &["id"]))),
                table("first"),
                create_index("first", index("fk", &["instance", "n"])),
                create_constraint("first", key("fk")),
            ],
            vec![
                drop_constraint("first", ConstraintSelector::named("fk")),
                drop_index("first", "fk"),
                create_constraint("first", key("fk")),
                create_index("first", index("fk", &["instance", "n"])),
                table("second"),
                create_index("second", index("other", &["n"])),
                fails(ErrorKind::AlreadyExists, create_constraint("second", key("other"))),
                create_constraint("second", key("second_fk")),
                rename_table("second", "third"),
            ],
            vec![
                create_index("third", index("second_fk", &["instance"])),
                drop_constraint("third", ConstraintSelector::named("second_fk")),
                own("CREATE TABLE both_of (id INTEGER NOT NULL PRIMARY KEY, instance VARCHAR(36), UNIQUE KEY named (instance), \
                     CONSTRAINT named FOREIGN KEY (instance) REFERENCES instances (uuid))"),
            ],
        ])
        .await;
    }

    [sqlite postgres] async fn an_index_may_have_the_name_of_a_foreign_key(target: &TestTarget) {
        after(target, [instances(), vec![
            create_index("mapping", Index::new("fk_instance", ["instance"])),
            drop_constraint("mapping", ConstraintSelector::named("fk_instance")),
            create_constraint("mapping", ForeignKey::new(["instance"], "instances", ["uuid"]).named("fk_instance")),
            drop_index("mapping", "fk_instance"),
        ]])
        .await;
    }

    [postgres] async fn a_constraint_is_renamed_and_its_index_with_it(target: &TestTarget) {
        let mut first = instances();
        first.push(own("CREATE TABLE checked (n INTEGER CONSTRAINT small CHECK (n < 9))"));
        after(target, [
            first,
            vec![
                own("ALTER INDEX instances_pkey RENAME TO pk_instances"),
                own("ALTER INDEX uniq_uuid RENAME TO uq"),
                own("ALTER TABLE mapping RENAME CONSTRAINT fk_instance TO fk_of_instance"),
                own("ALTER TABLE checked RENAME CONSTRAINT small TO tiny"),
                own("ALTER TABLE mapping RENAME CONSTRAINT mapping_pkey TO pk_mapping"),
                own("ALTER INDEX IF EXISTS nothing RENAME TO something"),
                fails(ErrorKind::NotFound, own("ALTER INDEX nothing RENAME TO something")),
                fails(ErrorKind::NotFound, own("ALTER TABLE mapping RENAME CONSTRAINT nothing TO something")),
                fails(ErrorKind::AlreadyExists, own("ALTER TABLE instances RENAME CONSTRAINT uq TO mapping")),
                fails(ErrorKind::AlreadyExists, own("ALTER TABLE instances RENAME CONSTRAINT uq TO by_uuid")),
            ],
            vec![
                drop_constraint("mapping", ConstraintSelector::named("fk_of_instance")),
                drop_constraint("instances", ConstraintSelector::named("uq")),
                drop_constraint("checked", ConstraintSelector::named("tiny")),
            ],
        ])
        .await;
    }

    [sqlite mariadb] async fn a_constraint_keeps_its_name(target: &TestTarget) {
        let rename = own("ALTER TABLE mapping RENAME CONSTRAINT fk_instance TO fk_of_instance");
        after(target, [instances(), vec![fails(ErrorKind::Unsupported, rename)]]).await;
    }

    [mariadb] async fn a_check_of_one_column_goes_with_it_where_the_database_says_it(target: &TestTarget) {
        after(target, [guarded(), vec![
            refused(drop_column("images", "is_public")),
            refused(ddl_text("ALTER TABLE images DROP COLUMN is_public")),
            refused(own("ALTER TABLE images DROP COLUMN size")),
            own("ALTER TABLE images DROP COLUMN is_public, ADD COLUMN n INTEGER"),
            own("ALTER TABLE images DROP CONSTRAINT bounded"),
            // An index over more than that.
            refused(own("ALTER TABLE images DROP COLUMN size")),
            drop_index("images", "ix_size"),
            own("ALTER TABLE images DROP COLUMN size"),
        ]])
        .await;
    }

    [postgres] async fn what_names_a_column_goes_with_it_where_the_database_says_it(target: &TestTarget) {
        let mut first = guarded();
        first.extend(instances());
        after(target, [first, vec![
            refused(drop_column("images", "is_public")),
            refused(ddl_text("ALTER TABLE images DROP COLUMN is_public")),
            own("CREATE UNIQUE INDEX part ON images (most) WHERE size > 0"),
            own("ALTER TABLE images DROP COLUMN is_public, DROP COLUMN IF EXISTS size"),
            // Something of another table.
            refused(own("ALTER TABLE instances DROP COLUMN uuid CASCADE")),
            own("ALTER TABLE mapping DROP COLUMN instance"),
            own("ALTER TABLE images DROP COLUMN id"),
        ]])
        .await;
    }

    [mariadb] async fn a_primary_key_that_a_foreign_key_needs_is_changed_by_one_statement(target: &TestTarget) {
        let run = after(target, [
            vec![
                create_table("hosts", |t| {
                    t.id("id");
                }),
                create_table("ports", |t| {
                    t.varchar("host", 40).not_null();
                    t.big_integer("port_id").not_null();
                    t.primary_key(["port_id"]);
                    t.foreign_key(["port_id"], "hosts", ["id"]);
                }),
                create_table("free", |t| {
                    t.integer("a").not_null();
                    t.integer("b").not_null();
                    t.primary_key(["a"]);
                }),
            ],
            vec![
                refused(own("ALTER TABLE ports DROP PRIMARY KEY")),
                own("ALTER TABLE ports DROP PRIMARY KEY, ADD PRIMARY KEY(port_id, host)"),
                own("ALTER TABLE free DROP PRIMARY KEY, ADD PRIMARY KEY(b, a)"),
            ],
        ])
        .await;
        let catalog = run.catalog().await;
        for table in ["ports", "free"] {
            let CatalogTable::Readable(table) = &catalog.tables[table] else { panic!() };
            assert_eq!(table.primary_key.as_ref().map(|key| key.columns.len()), Some(2));
            assert!(table.indexes.is_empty(), "{table:?}");
        }
    }
}
