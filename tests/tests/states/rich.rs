//! Packages that use most of the contract: the model is what the database reads back after every step, up and down.

use std::sync::Arc;

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::run as run_on;

use super::*;

/// Every operation of the contract, up and down.
pub(crate) fn library() -> GuestPackage {
    GuestPackage::new("library")
        .populate(
            "ptah-base-schema",
            [create_table("shelves", |t| {
                t.id("id");
                t.varchar("place", 20).not_null().default("hall");
                t.comment(Comment::if_supported("where books stand"));
            })],
        )
        .revision("001", &[], "Create authors and books")
        .upgrade([
            create_table("authors", |t| {
                t.id("id");
                t.varchar("name", 80).not_null();
                t.date("born");
                t.numeric("rating", 6, 2).not_null().default(sql("0.5"));
                t.boolean("active").not_null().default(true);
                t.small_integer("small").default(-1);
                t.integer("medium");
                t.double("score").default(2.25);
                t.binary("photo");
                t.json("meta");
                t.uuid("token");
                t.time("wakes");
                t.timestamp("updated");
                t.timestamp_tz("created").not_null().default(now());
                t.unique(["name"]).named("authors name");
                t.check(r#"length("name") > 0 AND "rating" >= 0"#).named("sane");
            }),
            create_table("books", |t| {
                t.id("id");
                t.big_integer("author").not_null();
                t.big_integer("sequel");
                t.varchar("title", 200).not_null().comment(Comment::if_supported("as printed"));
                t.text("blurb");
                t.foreign_key(["author"], "authors", ["id"]).on_delete(Cascade);
                t.foreign_key(["sequel"], "books", ["id"]).on_delete(SetNull);
                t.unique(["author", "title"]);
            }),
            create_index("books", Index::new("books_title", ["title"]).descending("id")),
            bulk_insert("authors", ["name"], [("Ann",), ("Ben",)]),
            bulk_insert("books", ["author", "title"], [(1, "One"), (2, "Two")]),
        ])
        .downgrade([drop_table("books"), drop_table("authors")])
        .revision("002", &["001"], "Add and rename columns")
        .upgrade([
            add_column("books", Column::integer("pages")),
            add_column("books", Column::varchar("state", 10).not_null().default("draft")),
            rename_column("books", "blurb", "summary"),
            create_index("books", Index::new("books_state", ["state", "pages"])),
            create_index("authors", Index::new("authors_token", ["token"]).unique()),
            execute(r#"UPDATE "books" SET "summary" = "title" || '.' , "pages" = ? WHERE "id" = ?"#, (7, 1)),
        ])
        .downgrade([
            drop_index("authors", "authors_token"),
            drop_index("books", "books_state"),
            rename_column("books", "summary", "blurb"),
            drop_column("books", "state"),
            drop_column("books", "pages"),
        ])
        .revision("003", &["002"], "Rename tables")
        .upgrade([
            rename_table("books", "works"),
            create_table("reviews", |t| {
                t.id("id");
                t.big_integer("work").not_null();
                t.foreign_key(["work"], "works", ["id"]).on_update(Restrict);
            }),
            rename_table("shelves", "racks"),
            bulk_insert("reviews", ["work"], [(1,), (2,)]),
            execute(r#"DELETE FROM "works" WHERE "id" = 2 AND "author" = 9"#, ()),
        ])
        .downgrade([rename_table("racks", "shelves"), drop_table("reviews"), rename_table("works", "books")])
        .revision("004", &["003"], "Alter")
        .upgrade([
            alter_column(
                "works",
                "title",
                ColumnChanges::new().set_type(ColumnType::Varchar(Some(250))).set_default("untitled"),
            ),
            alter_column(
                "works",
                "pages",
                ColumnChanges::new().set_type(ColumnType::BigInteger).set_comment(Comment::if_supported("counted")),
            ),
            alter_column("works", "state", ColumnChanges::new().set_nullable().clear_default()),
            create_constraint("works", Check::new(r#""pages" > 0"#).named("some pages")),
            create_constraint("works", UniqueConstraint::new(["title", "state"]).named("one_each")),
            drop_constraint("authors", ConstraintSelector::named("sane")),
            add_column("works", Column::timestamp_tz("seen").not_null().default(now())),
        ])
        .downgrade([
            drop_column("works", "seen"),
            create_constraint("authors", Check::new(r#"length("name") > 0 AND "rating" >= 0"#).named("sane")),
            drop_constraint("works", ConstraintSelector::named("one_each")),
            drop_constraint("works", ConstraintSelector::check_of(["pages"])),
            alter_column("works", "state", ColumnChanges::new().set_not_null().set_default("draft")),
            alter_column("works", "pages", ColumnChanges::new().set_type(ColumnType::Integer).clear_comment()),
            alter_column(
                "works",
                "title",
                ColumnChanges::new().set_type(ColumnType::Varchar(Some(200))).clear_default(),
            ),
        ])
}

on_every_database! {
    async fn the_model_is_what_the_database_reads_back_after_every_step(target: &TestTarget) {
        let run = Run::on(target);
        let library = run.open(&library());
        let mut catalogs = Vec::new();
        for id in ["001", "002", "003", "004"] {
            run.upgrade_as(to(&library, id)).await.unwrap();
            run.model_holds("library").await;
            catalogs.push(run.shapes().await);
        }
        for id in ["003", "002", "001"] {
            catalogs.pop();
            run.downgrade(&library, Some(id)).await.unwrap();
            run.model_holds("library").await;
            assert_eq!(Some(&run.shapes().await), catalogs.last(), "back at {id}");
        }
        run.downgrade(&library, None).await.unwrap();
        run.model_holds("library").await;
        let tables = run.tables().await;
        assert_eq!(tables.iter().filter(|table| !table.starts_with("ptah_db_")).collect::<Vec<_>>(), ["shelves"]);
        let base = run.shapes().await;
        // All at once comes to the same as one by one, and so does the way back.
        run.upgrade(&library).await.unwrap();
        run.model_holds("library").await;
        assert_eq!(target.fetch("SELECT title FROM works ORDER BY id").await.len(), 2);
        run.downgrade(&library, None).await.unwrap();
        assert_eq!(run.shapes().await, base);
        let populates = run.history().await.into_iter().filter(|line| line.contains("populate")).count();
        assert_eq!(populates, 1);
    }

    async fn a_text_may_refer_to_one_of_another_length(target: &TestTarget) {
        let run = Run::on(target);
        let package = GuestPackage::new("names").revision("001", &[], "Create").upgrade([
            create_table("kinds", |t| {
                t.varchar("name", 30).not_null();
                t.primary_key(["name"]);
            }),
            create_table("things", |t| {
                t.id("id");
                t.varchar("kind", 255);
                t.varchar("other", 10);
                t.foreign_key(["kind"], "kinds", ["name"]);
            }),
            create_constraint("things", ForeignKey::new(["other"], "kinds", ["name"]).named("things_other")),
            create_constraint("things", Check::new(sql(r#"length("kind") > 2"#)).named("things_kind")),
            bulk_insert("kinds", ["name"], [("tall",)]),
            bulk_insert("things", ["kind", "other"], [("tall", "tall")]),
        ]);
        run.upgrade(&run.open(&package)).await.unwrap();
        run.model_holds("names").await;
        for column in ["kind", "other"] {
            let orphan = format!("INSERT INTO things ({column}) VALUES ('none')");
            assert!(target.try_execute(&orphan).await.is_err(), "{orphan}");
        }
        if target.dialect() == Dialect::Sqlite {
            // SQLAlchemy takes two constraints on one line for one.
            let made = target.fetch("SELECT sql FROM sqlite_schema WHERE name = 'things'").await;
            let made = made[0][0].clone().unwrap();
            let named = made.lines().filter(|line| line.trim_start().starts_with("CONSTRAINT"));
            assert_eq!(named.count(), made.matches("CONSTRAINT").count(), "{made}");
        }
    }

    async fn a_table_keeps_its_origin_under_another_name(target: &TestTarget) {
        let run = Run::on(target);
        let other = |name: &str| create_table(name, |t| {
            t.id("id");
        });
        let package = crowd()
            .revision("003", &["002"], "Rename")
            .upgrade([
                other("early"),
                rename_table("users", "people"),
                rename_table("people", "folk"),
                rename_table("early", "late"),
                other("gone"),
                rename_table("gone", "away"),
                drop_table("away"),
            ])
            .downgrade([drop_table("late"), rename_table("folk", "users")])
            .revision("004", &["003"], "Swap")
            .upgrade([rename_table("folk", "other"), rename_table("late", "folk"), rename_table("other", "late")]);
        let crowd = run.open(&package);
        let owners = async || -> Vec<String> {
            let sql = "SELECT name, history_id FROM ptah_db_objects WHERE kind = 'table' ORDER BY 1";
            target.fetch(sql).await.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
        };
        run.upgrade_as(to(&crowd, "003")).await.unwrap();
        assert_eq!(owners().await, ["folk 1", "late 3"]);
        run.model_holds("crowd").await;
        run.downgrade(&crowd, Some("002")).await.unwrap();
        assert_eq!(owners().await, ["users 1"]);
        run.upgrade(&crowd).await.unwrap();
        run.model_holds("crowd").await;
    }

    async fn a_downgrade_to_base_leaves_a_target_as_it_was(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TABLE invoices (number INT)").await;
        run.upgrade(&run.open(&crowd())).await.unwrap();
        let before = run.shapes().await;
        let package = GuestPackage::new("shop")
            .revision("001", &[], "Create")
            .depends_on("crowd:001")
            .upgrade([
                create_table("orders", |t| {
                    t.id("id");
                    t.big_integer("buyer").not_null();
                    t.foreign_key(["buyer"], "users", ["id"]).on_delete(Cascade);
                }),
                create_index("orders", Index::new("orders_by_buyer", ["buyer", "id"]).unique()),
            ])
            .downgrade([drop_table("orders")]);
        let shop = run.open(&package);
        run.upgrade(&shop).await.unwrap();
        run.model_holds("shop").await;
        assert_ne!(run.shapes().await, before);
        run.downgrade(&shop, None).await.unwrap();
        assert_eq!(run.shapes().await, before);
    }

    async fn a_step_planned_twice_has_one_digest(target: &TestTarget) {
        let run = Run::on(target);
        let library = Upgrade::to_head(run.open(&library()));
        let first = run.migrator.plan_upgrade(std::slice::from_ref(&library)).await.unwrap();
        let second = run.migrator.plan_upgrade(std::slice::from_ref(&library)).await.unwrap();
        assert_eq!(digests(&first[0]), digests(&second[0]));
        let applied = run.upgrade_as(library).await.unwrap();
        assert_eq!(digests(&first[0]), digests(&applied));
        let recorded: Vec<_> = run.records().await.into_iter().filter_map(|row| row.entry.plan_digest).collect();
        assert_eq!(recorded, digests(&applied));
    }
}

#[test]
fn many_revisions_are_applied_in_several_runs() {
    run_on(Dialect::Sqlite, async |target: &TestTarget| {
        let run = Run::on(target);
        let mut package = GuestPackage::new("long").revision("r100", &[], "Create").upgrade([create_table("t", |t| {
            t.id("id");
            t.varchar("a", 10);
        })]);
        for number in 101..400 {
            let (id, revises) = (format!("r{number}"), format!("r{}", number - 1));
            package = package.revision(&id, &[&revises], "Insert").upgrade([bulk_insert("t", ["a"], [("x",)])]);
        }
        let long = run.open(&package);
        for id in ["r159", "r219", "r279", "r339", "r399"] {
            assert_eq!(run.upgrade_as(to(&long, id)).await.unwrap().steps.len(), 60);
        }
        assert_eq!(run.versions().await, ["long r399"]);
        let rows = run.migrator.history(&long).await.unwrap();
        assert!(rows.len() == 300 && rows.iter().all(|row| row.applied));
    });
}

fn digests(plan: &PackagePlan) -> Vec<String> {
    plan.steps.iter().map(|step| step.plan.digest.clone()).collect()
}

#[test]
fn the_digests_of_a_package_are_the_same_on_every_database() {
    let all = Arc::new(Mutex::new(Vec::new()));
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mariadb] {
        run_on(dialect, async |target: &TestTarget| {
            let run = Run::on(target);
            let library = run.open(&library());
            let plan = run.upgrade_as(to(&library, "003")).await.unwrap();
            let back = run.downgrade(&library, None).await.unwrap();
            all.lock().unwrap().push([digests(&plan), digests(&back)]);
        });
    }
    let all = all.lock().unwrap();
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    assert_eq!(all[0][0].len(), 4);
}
