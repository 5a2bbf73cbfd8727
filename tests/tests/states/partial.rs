//! Steps that are refused half way, on MariaDB and, where they make an index online, on PostgreSQL: taken back where all of
//! it can be, else left as a part that a corrected package goes on from.

use ptah_wasm::migrate::{Repair, Unfinished};
use ptah_wasm_tests::dump;
use ptah_wasm_tests::on_databases;

use super::*;

/// Its first revision makes tables with rows, of which two are alike.
fn shop() -> GuestPackage {
    GuestPackage::new("shop").revision("001", &[], "Create").upgrade([
        create_table("customer", |t| {
            t.id("id");
            t.varchar("name", 20).not_null();
            t.varchar("old", 20);
            t.integer("level").default(1);
            t.unique(["old"]).named("customer_old");
        }),
        create_table("sale", |t| {
            t.id("id");
            t.big_integer("customer").not_null();
            t.integer("amount");
            t.text("memo");
        }),
        create_index("sale", Index::new("sale_amount", ["amount"])),
        bulk_insert("customer", ["name"], [("same",), ("same",)]),
        bulk_insert("sale", ["customer", "amount"], [(1, 10), (2, 20)]),
    ])
}

/// What fails on its rows.
fn refused() -> Action {
    create_index_online("customer", Index::new("customer_name", ["name"]).unique(), Demand::IfSupported)
}

/// Everything that can be taken back, and then a refusal.
fn reversible() -> GuestPackage {
    shop().revision("002", &["001"], "Change much").upgrade([
        create_table("visit", |t| {
            t.id("id");
            t.integer("customer");
            t.text("note");
        }),
        bulk_insert("visit", ["customer", "note"], [(1, "hello"), (2, "again")]),
        create_index("visit", Index::new("visit_customer", ["customer"])),
        drop_index("visit", "visit_customer"),
        drop_column("visit", "customer"),
        rename_table("visit", "talk"),
        execute(r#"UPDATE "talk" SET "note" = 'seen' WHERE "id" = 1"#, ()),
        add_column("talk", Column::integer("length")),
        add_column("customer", Column::varchar("email", 50)),
        add_column("customer", Column::integer("points").not_null().default(0)),
        alter_column("customer", "name", ColumnChanges::new().set_type(ColumnType::Varchar(Some(200)))),
        alter_column("customer", "level", ColumnChanges::new().set_not_null().set_default(7)),
        rename_column("customer", "old", "older"),
        drop_constraint("customer", ConstraintSelector::named("customer_old")),
        drop_index("sale", "sale_amount"),
        create_constraint("sale", ForeignKey::new(["customer"], "customer", ["id"])),
        create_constraint("sale", Check::new(r#""amount" > 0"#)),
        rename_table("sale", "deal"),
        refused(),
    ])
}

async fn unfinished(run: &Run<'_>) -> Unfinished {
    run.migrator.unfinished().await.unwrap().expect("a step stands unfinished")
}

/// A run on a target where the first step is applied and the second one failed.
async fn fails<'t>(target: &'t TestTarget, package: &GuestPackage, parts: &[&str]) -> Run<'t> {
    let run = Run::on(target);
    let package = run.open(package);
    run.upgrade_as(to(&package, "001")).await.unwrap();
    assert_says(run.upgrade(&package).await, parts);
    run.said();
    run
}

/// Of its second step a statement on the schema stands, which cannot be taken back.
fn dropping() -> GuestPackage {
    shop().revision("002", &["001"], "Drop").upgrade([
        create_table("visit", |t| {
            t.id("id");
        }),
        drop_column("sale", "memo"),
        refused(),
    ])
}

/// Of its second step rows stand.
fn filling(mend: impl Into<Vec<Action>>, rows: &[(&str,)]) -> GuestPackage {
    let mut actions =
        vec![add_column("customer", Column::varchar("email", 50)), bulk_insert("customer", ["name"], rows.to_vec())];
    actions.extend(mend.into());
    actions.push(refused());
    shop().revision("002", &["001"], "Fill").upgrade(actions)
}

on_databases! {
    [postgres mariadb] async fn a_step_of_which_all_can_be_taken_back_is(target: &TestTarget) {
        let plain = TestTarget::new(target.dialect()).await;
        let untouched = Run::on(&plain);
        untouched.upgrade(&untouched.open(&shop())).await.unwrap();
        let run = fails(target, &reversible(), &["refused statement ", "what the step had applied was undone"]).await;
        let named = |text: String| text.replace(&target.url()[target.url().rfind('/').unwrap()..], "");
        let columns = |dump: String| dump.lines().filter(|line| !line.starts_with("shop | ")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(columns(named(dump::dump(target).await)), columns(named(dump::dump(&plain).await)));
        assert_eq!(run.catalog().await, untouched.catalog().await);
        assert_eq!(run.history().await, ["shop upgrade 001 applied", "shop upgrade 002 failed"]);
        assert_eq!(run.migrator.unfinished().await.unwrap(), None);
        // With the rows put right the very same package goes through.
        target.execute("UPDATE customer SET name = concat(name, id)").await;
        run.upgrade(&run.open(&reversible())).await.unwrap();
        run.model_holds("shop").await;
        assert_eq!(target.fetch("SELECT id, note FROM talk ORDER BY 1").await.len(), 2);
    }

    [mariadb] async fn a_column_that_needs_an_empty_table_is_taken_back_with_its_guard(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Add").upgrade([
            create_table("visit", |t| {
                t.id("id");
            }),
            add_column("visit", Column::integer("number").not_null()),
            refused(),
        ]);
        let run = fails(target, &package, &["refused statement 4 of 4", "undone"]).await;
        assert!(!run.tables().await.contains(&"visit".to_owned()));
        // Refused at the first of the two statements, by the rows that are there.
        let package = shop().revision("002", &["001"], "Add").upgrade([
            add_column("customer", Column::integer("fine")),
            add_column("customer", Column::integer("number").not_null()),
        ]);
        let before = run.catalog().await;
        assert_says(run.upgrade(&run.open(&package)).await, &["refused statement 2 of 3", "needs an empty table", "undone"]);
        assert_eq!(run.catalog().await, before);
        // And one whose second statement was the last to be applied.
        target.execute("CREATE TABLE keep AS SELECT * FROM customer; DELETE FROM customer").await;
        let package = shop().revision("002", &["001"], "Add").upgrade([
            add_column("customer", Column::integer("number").not_null()),
            execute(r#"INSERT INTO "sale" ("id", "customer") VALUES (1, 1)"#, ()),
        ]);
        let before = run.catalog().await;
        assert_says(run.upgrade(&run.open(&package)).await, &["refused statement 3 of 3", "undone"]);
        assert_eq!(run.catalog().await, before);
    }

    [postgres mariadb] async fn a_corrected_package_goes_on_after_what_was_applied(target: &TestTarget) {
        let package = filling([], &[("third",)]);
        let run = fails(target, &package, &["refused statement 3 of 3", "partial 2 of 3", "`ptah-wasm repair`"]).await;
        let step = unfinished(&run).await;
        assert_eq!((step.applied, step.statements, step.can_be_undone), (Some(2), 3, false));
        assert!(step.next.unwrap().contains("customer_name"));
        // As it is it fails again at the same statement, and changes nothing.
        assert_says(run.upgrade(&run.open(&package)).await, &["refused statement 3 of 3", "partial 2 of 3"]);
        assert_eq!(target.fetch("SELECT name FROM customer WHERE name = 'third'").await.len(), 1);
        let mend = execute(r#"UPDATE "customer" SET "name" = 'other' WHERE "id" = 1"#, ());
        let mended = run.open(&filling([mend], &[("third",)]));
        run.said();
        run.upgrade(&mended).await.unwrap();
        assert_eq!(
            run.said(),
            ["shop: upgrade 002 goes on after 2 of 4 statements", "shop: running upgrade 001 -> 002, Fill"]
        );
        assert_eq!(target.fetch("SELECT name FROM customer WHERE name = 'third'").await.len(), 1);
        run.model_holds("shop").await;
        assert_eq!(
            run.history().await,
            [
                "shop upgrade 001 applied",
                "shop upgrade 002 failed",
                "shop upgrade 002 failed",
                "shop upgrade 002 applied",
            ]
        );
        assert_eq!(run.migrator.unfinished().await.unwrap(), None);
    }

    [postgres mariadb] async fn the_same_package_goes_on_once_the_rows_are_right(target: &TestTarget) {
        let package = filling([], &[("third",)]);
        let run = fails(target, &package, &["partial 2 of 3"]).await;
        target.execute("UPDATE customer SET name = concat(name, id)").await;
        run.upgrade(&run.open(&package)).await.unwrap();
        run.model_holds("shop").await;
        assert_eq!(target.fetch("SELECT name FROM customer WHERE name LIKE 'third%'").await.len(), 1);
    }

    [postgres mariadb] async fn another_plan_is_not_made_on_rows_that_stand(target: &TestTarget) {
        let run = fails(target, &filling([], &[("third",)]), &["partial 2 of 3"]).await;
        let (before, crowd) = (run.everything().await, run.open(&crowd()));
        let another = run.open(&filling([], &[("fourth",)]));
        let account = ["shop: on ", "upgrade 002 stands half done, partial 2 of 3", "refused statement 3 of 3"];
        assert_says(run.upgrade(&another).await, &account);
        assert_says(run.upgrade(&another).await, &["does not begin with the statements that were applied, and rows were changed"]);
        assert_says(run.upgrade(&run.open(&shop())).await, &["the package has nothing to do here, and rows were changed"]);
        // Another package might refer to what stands half done; with nothing to do it is none the wiser.
        assert_says(run.upgrade(&crowd).await, &["crowd: on ", "upgrade 002 stands half done"]);
        run.upgrade(&run.open(&GuestPackage::new("idle"))).await.unwrap();
        assert!(run.migrator.check(&[another]).await.unwrap_err().to_string().contains("stands half done"));
        assert_eq!(run.everything().await, before);
        assert_says(run.migrator.repair(Repair::Undo).await, &["nothing takes this statement back", "INSERT INTO "]);
        assert_says(run.migrator.repair(Repair::Resume).await, &["refused statement 3 of 3"]);
        target.execute("DELETE FROM customer WHERE name = 'third'; ALTER TABLE customer DROP COLUMN email").await;
        run.migrator.repair(Repair::Discard).await.unwrap().unwrap();
        run.upgrade(&crowd).await.unwrap();
        target.execute("UPDATE customer SET name = concat(name, id)").await;
        run.upgrade(&run.open(&filling([], &[("fourth",)]))).await.unwrap();
        run.model_holds("shop").await;
    }

    [postgres mariadb] async fn another_plan_is_made_on_the_tables_that_stand(target: &TestTarget) {
        let run = fails(target, &dropping(), &["refused statement 3 of 3", "partial 2 of 3"]).await;
        let step = unfinished(&run).await;
        assert_eq!((step.applied, step.tables), (Some(2), vec!["customer".into(), "sale".into(), "visit".into()]));
        let without = run.open(&shop().revision("002", &["001"], "Drop").upgrade([Action::Trap]));
        let before = run.everything().await;
        assert_says(run.upgrade(&without).await, &["shop: upgrade 002: "]);
        assert_eq!(run.everything().await, before);
        let corrected = run.open(&shop().revision("002", &["001"], "Use").upgrade([
            add_column("visit", Column::text("note")),
            ptah_wasm_tests::guest::fails(ErrorKind::NotFound, drop_column("sale", "memo")),
            create_index_online("customer", Index::new("customer_name", ["name"]), Demand::IfSupported),
        ]));
        run.upgrade(&corrected).await.unwrap();
        assert_eq!(
            run.history().await,
            [
                "shop upgrade 001 applied",
                "shop upgrade 002 failed",
                "shop discard-journal 002 applied",
                "shop upgrade 002 applied",
            ]
        );
        run.model_holds("shop").await;
        let states = run.migrator.current(&[]).await.unwrap();
        assert_eq!(states[0].tables, ["customer", "sale", "visit"]);
    }

    [postgres mariadb] async fn a_part_is_finished_or_forgotten_without_its_package(target: &TestTarget) {
        let run = fails(target, &dropping(), &["partial 2 of 3"]).await;
        assert_says(run.migrator.repair(Repair::Undo).await, &["nothing takes this statement back", "DROP COLUMN "]);
        target.execute("UPDATE customer SET name = concat(name, id)").await;
        let settled = run.migrator.repair(Repair::Resume).await.unwrap().unwrap();
        assert_eq!((settled.step.applied, settled.by), (Some(2), Repair::Resume));
        run.model_holds("shop").await;
        assert_eq!(run.versions().await, ["shop 002"]);
        let other = TestTarget::new(target.dialect()).await;
        let run = fails(&other, &dropping(), &["partial 2 of 3"]).await;
        run.migrator.repair(Repair::Discard).await.unwrap().unwrap();
        assert_eq!(run.history().await[2..], ["shop discard-journal 002 applied"]);
        // What stands is the package's own: its author can see to it.
        assert_eq!(run.migrator.current(&[]).await.unwrap()[0].tables, ["customer", "sale", "visit"]);
        let next = shop().revision("002", &["001"], "Use").upgrade([drop_table("visit")]);
        run.upgrade(&run.open(&next)).await.unwrap();
        run.model_holds("shop").await;
    }

    [postgres mariadb] async fn tables_that_somebody_else_changed_meanwhile_are_said_and_left(target: &TestTarget) {
        let run = fails(target, &dropping(), &["partial 2 of 3"]).await;
        target.execute("ALTER TABLE sale ADD COLUMN mine INTEGER").await;
        let whole = dump::whole(target).await;
        assert_says(run.upgrade(&run.open(&dropping())).await, &["customer, sale, visit look neither as before nor as after"]);
        assert_eq!(dump::whole(target).await, whole);
        target.execute("UPDATE ptah_db_journal SET state = 'running'").await;
        let step = unfinished(&run).await;
        assert_eq!((step.applied, step.can_be_undone), (None, false));
        let (before, crowd) = (dump::whole(target).await, run.open(&crowd()));
        assert_says(run.upgrade(&crowd).await, &["shop: upgrade 002: ", "customer, sale, visit look neither as before nor as after", "repair --discard"]);
        assert_says(run.migrator.repair(Repair::Resume).await, &["look neither as before"]);
        assert_says(run.migrator.repair(Repair::Undo).await, &["look neither as before"]);
        assert_eq!(dump::whole(target).await, before);
        run.migrator.repair(Repair::Discard).await.unwrap().unwrap();
        run.upgrade(&crowd).await.unwrap();
    }
}

on_databases! {
    [mariadb] async fn an_index_with_a_comment_is_not_dropped_since_it_would_come_back_without(target: &TestTarget) {
        let run = Run::on(target);
        let package = shop().revision("002", &["001"], "Drop").upgrade([drop_index("sale", "sale_amount"), refused()]);
        run.upgrade_as(Upgrade { goal: Goal::Revision("001".into()), ..Upgrade::to_head(run.open(&package)) }).await.unwrap();
        target.execute("ALTER TABLE sale DROP INDEX sale_amount, ADD INDEX sale_amount (amount) COMMENT 'it''s for reports'").await;
        let before = run.catalog().await;
        let error = run.upgrade(&run.open(&package)).await.unwrap_err().to_string();
        assert!(error.contains("sale_amount"), "{error}");
        assert!(run.catalog().await == before);
        assert_eq!(run.versions().await, ["shop 001"]);
    }
}
