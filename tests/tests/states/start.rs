//! A package that nothing is recorded of and nothing is there of (first and fourth row of the state table).

use ptah_wasm_tests::on_every_database;

use super::*;

on_every_database! {
    async fn upgrade_of_a_fresh_target_populates_the_latest_schema_and_stamps_the_head(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        run.upgrade(&minicms).await.unwrap();
        assert_eq!(run.said(), ["minicms: populated, stamped 002"]);
        assert_eq!(run.versions().await, ["minicms 002"]);
        run.model_holds("minicms").await;
        assert_eq!(
            run.history().await,
            [
                "minicms populate ptah-db-schema applied",
                "minicms stamp 001 applied",
                "minicms stamp 002 applied",
            ]
        );
        run.upgrade(&minicms).await.unwrap();
        assert_eq!(run.said(), ["minicms: at 002, nothing to do"]);
        assert_eq!(run.history().await.len(), 3);
    }

    async fn populate_of_a_fresh_target_populates_the_latest_schema_and_stamps_the_head(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms().populate("demo", [bulk_insert("pages", ["title"], [("Home",)])]));
        run.populate(&minicms).await.unwrap();
        assert_eq!(run.said(), ["minicms: populated, stamped 002", "minicms: populated demo, demo"]);
        assert_eq!(run.versions().await, ["minicms 002"]);
        assert_eq!(target.fetch("SELECT title FROM pages").await, [[Some("Home".to_owned())]]);
        run.model_holds("minicms").await;
    }

    async fn upgrade_of_a_fresh_target_by_force_takes_the_base_schema_and_every_step(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        run.upgrade_as(forced(&minicms)).await.unwrap();
        assert_eq!(
            run.said(),
            [
                "minicms: populated ptah-base-schema",
                "minicms: running upgrade None -> 001, Add column",
                "minicms: running upgrade 001 -> 002, Move data",
            ]
        );
        assert_eq!(run.versions().await, ["minicms 002"]);
        run.model_holds("minicms").await;
    }

    async fn upgrade_of_a_fresh_target_below_the_head_takes_the_base_schema_and_the_steps(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        run.upgrade_as(to(&minicms, "001")).await.unwrap();
        assert_eq!(
            run.said(),
            ["minicms: populated ptah-base-schema", "minicms: running upgrade None -> 001, Add column"]
        );
        assert_eq!(run.versions().await, ["minicms 001"]);
        run.model_holds("minicms").await;
    }

    async fn upgrade_of_a_fresh_target_without_a_latest_schema_takes_every_step_from_base(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(
            run.said(),
            ["crowd: running upgrade None -> 001, Create users", "crowd: running upgrade 001 -> 002, Add email"]
        );
        assert_eq!(run.versions().await, ["crowd 002"]);
        run.model_holds("crowd").await;
    }

    async fn populate_of_a_fresh_target_by_force_stamps_nothing(target: &TestTarget) {
        let run = Run::on(target);
        let package = minicms().populate("notes", []);
        let minicms = run.open(&package);
        run.populate_as(&forced(&minicms)).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        // The base schema and the steps make them all, and are still to come.
        assert_eq!(run.said(), ["minicms: populated notes, notes"]);
        run.upgrade_as(forced(&minicms)).await.unwrap();
        assert_eq!(run.versions().await, ["minicms 002"]);
        run.model_holds("minicms").await;
    }

    async fn populate_of_a_fresh_target_by_force_makes_what_neither_base_nor_steps_make(target: &TestTarget) {
        let run = Run::on(target);
        let package = GuestPackage::new("blog")
            .populate("ptah-base-schema", [table("posts")])
            .populate("ptah-db-schema", [table("posts"), table("marks"), table("tags")])
            .revision("001", &[], "Create tags")
            .upgrade([table("tags"), add_column("posts", Column::text("body"))]);
        let blog = run.open(&package);
        run.populate_as(&forced(&blog)).await.unwrap();
        assert_eq!(run.said(), ["blog: populated marks"]);
        assert_eq!(run.versions().await, [""; 0]);
        run.model_holds("blog").await;
        run.populate_as(&forced(&blog)).await.unwrap();
        assert_eq!(run.said(), ["blog: nothing to do"]);
        run.upgrade(&blog).await.unwrap();
        assert_eq!(
            run.said(),
            ["blog: populated ptah-base-schema", "blog: running upgrade None -> 001, Create tags"]
        );
        run.model_holds("blog").await;
    }

    async fn populate_of_a_fresh_target_below_the_head_stamps_nothing(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        run.populate_as(&to(&minicms, "001")).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        run.upgrade_as(to(&minicms, "001")).await.unwrap();
        assert_eq!(run.versions().await, ["minicms 001"]);
    }

    async fn populate_without_a_latest_schema_runs_the_active_steps_alone(target: &TestTarget) {
        let run = Run::on(target);
        let package = run.open(&crowd().populate("greet", [Action::Message(Level::Info, "hello".into())]));
        run.populate(&package).await.unwrap();
        assert_eq!(run.said(), ["crowd: populate greet: hello", "crowd: populated greet, greet"]);
        assert_eq!(run.versions().await, [""; 0]);
        run.upgrade(&package).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 002"]);
    }

    async fn verbs_that_look_create_nothing(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        let packages = std::slice::from_ref(&minicms);
        assert_says(run.migrator.check(packages).await, &["minicms: at None, pending 001, 002"]);
        assert_eq!(run.migrator.current(packages).await.unwrap()[0].recorded, [""; 0]);
        assert!(run.migrator.current(&[]).await.unwrap().is_empty());
        assert_eq!(run.migrator.history(&minicms).await.unwrap().len(), 2);
        assert!(run.migrator.records(&[]).await.unwrap().is_empty());
        let plans = run.migrator.plan_upgrade(&[Upgrade::to_head(minicms.clone())]).await.unwrap();
        assert_eq!(plans[0].records, ["002"]);
        run.migrator.plan_populate(&Upgrade::to_head(minicms.clone()), &Populate::Active).await.unwrap();
        run.migrator.plan_downgrade(&minicms, None).await.unwrap();
        if target.dialect() == ptah_wasm::dialect::Dialect::Sqlite {
            assert!(!target.folder().join("test.db").exists());
        } else {
            assert_eq!(target.tables().await, [""; 0]);
        }
    }

    async fn a_package_without_revisions_populates_once(target: &TestTarget) {
        let run = Run::on(target);
        let package = run.open(&GuestPackage::new("settings").populate("ptah-db-schema", [table("settings")]));
        run.upgrade(&package).await.unwrap();
        assert_eq!(run.said(), ["settings: populated"]);
        run.upgrade(&package).await.unwrap();
        assert_eq!(run.said(), ["settings: nothing to do"]);
        run.model_holds("settings").await;
    }
}

fn table(name: &str) -> Action {
    create_table(name, |t| {
        t.id("id");
        t.varchar("name", 50);
    })
}
