//! Several packages on one target: none touches what is another's, nor the runner's own tables.

use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// crowd under another name, with tables of another name.
fn forum() -> GuestPackage {
    GuestPackage::new("forum")
        .revision("001", &[], "Create threads")
        .upgrade([create_table("threads", |t| {
            t.id("id");
            t.varchar("title", 80);
        })])
        .downgrade([drop_table("threads")])
        .revision("002", &["001"], "Add body")
        .upgrade([add_column("threads", Column::text("body"))])
        .downgrade([drop_column("threads", "body")])
}

/// forum with a revision for each of these actions, all of which revise 002, and their ids.
fn meddling(actions: impl IntoIterator<Item = Action>) -> (GuestPackage, Vec<String>) {
    let mut package = forum();
    let mut ids = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        let id = format!("m{number}");
        package = package.revision(&id, &["002"], "Meddle").upgrade([action]);
        ids.push(id);
    }
    (package, ids)
}

on_every_database! {
    async fn two_packages_run_interleaved_without_touching_each_other(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, forum) = (run.open(&crowd()), run.open(&forum()));
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        run.upgrade_as(to(&forum, "001")).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 001", "forum 001"]);
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 002", "forum 001"]);
        run.upgrade(&forum).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 002", "forum 002"]);
        run.model_holds("crowd").await;
        run.model_holds("forum").await;
        run.downgrade(&forum, Some("001")).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 002", "forum 001"]);
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.versions().await, ["forum 001"]);
        run.upgrade(&forum).await.unwrap();
        run.downgrade(&forum, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        assert_eq!(
            run.history().await,
            [
                "crowd upgrade 001 applied",
                "forum upgrade 001 applied",
                "crowd upgrade 002 applied",
                "forum upgrade 002 applied",
                "forum downgrade 002 applied",
                "crowd downgrade 002 applied",
                "crowd downgrade 001 applied",
                "forum upgrade 002 applied",
                "forum downgrade 002 applied",
                "forum downgrade 001 applied",
            ]
        );
        run.model_holds("crowd").await;
        run.model_holds("forum").await;
    }

    async fn what_is_another_package_s_is_as_good_as_not_there(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&crowd())).await.unwrap();
        run.upgrade(&run.open(&forum())).await.unwrap();
        let before = run.everything().await;
        let to_users = || ForeignKey::new(["id"], "users", ["id"]);
        let actions = [
            drop_table("users"),
            rename_table("users", "people"),
            add_column("users", Column::text("body")),
            drop_column("users", "email"),
            create_index("users", Index::new("mine", ["name"])),
            bulk_insert("users", ["name"], [("Eve",)]),
            execute(r#"UPDATE "users" SET "name" = 'Eve'"#, ()),
            execute(r#"DELETE FROM "users""#, ()),
            create_table("likes", |t| {
                t.id("id");
                t.foreign_key(["id"], "users", ["id"]);
            }),
            create_constraint("threads", to_users()),
        ];
        let (package, ids) = meddling(actions.clone());
        let package = run.open(&package);
        for id in ids {
            let parts = [&format!("forum: upgrade {id}: on "), "table users does not exist"];
            assert_says(run.upgrade_as(to(&package, &id)).await, &parts);
        }
        // A guest that swallows them goes on, and has done nothing.
        let swallowed = forum().revision("003", &["002"], "Meddle").upgrade(actions.map(ignore));
        let swallowed = Upgrade::to_head(run.open(&swallowed));
        let plans = run.migrator.plan_upgrade(&[swallowed]).await.unwrap();
        assert_eq!(plans[0].steps[0].plan.operations.len(), 0);
        assert_eq!(run.everything().await, before);
    }

    async fn a_name_that_is_another_package_s_ends_the_step(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&crowd())).await.unwrap();
        run.upgrade(&run.open(&forum())).await.unwrap();
        let before = run.everything().await;
        let users = || create_table("users", |t| {
            t.id("id");
        });
        let (package, ids) = meddling([users(), rename_table("threads", "users")].map(ignore));
        let package = run.open(&package);
        for id in ids {
            assert_says(run.upgrade_as(to(&package, &id)).await, &[&format!("forum: upgrade {id}: on "), "users"]);
        }
        assert_eq!(run.everything().await, before);
    }

    async fn what_is_the_runner_s_own_is_refused(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&forum())).await.unwrap();
        let before = run.everything().await;
        let (package, ids) = meddling([
            drop_table("ptah_db_versions"),
            rename_table("threads", "ptah_db_history"),
            rename_table("ptah_db_history", "mine"),
            add_column("ptah_db_versions", Column::text("note")),
            bulk_insert("ptah_db_versions", ["package", "version_num"], [("forum", "9")]),
            execute(r#"DELETE FROM "ptah_db_history""#, ()),
            execute(r#"UPDATE "Ptah_DB_versions" SET "version_num" = '9'"#, ()),
            create_table("ptah_db_mine", |t| {
                t.id("id");
            }),
        ]);
        let package = run.open(&package);
        for id in ids {
            assert_says(run.upgrade_as(to(&package, &id)).await, &[&format!("forum: upgrade {id}: on "), "reserved"]);
        }
        assert_eq!(run.everything().await, before);
    }

    async fn a_table_of_another_package_that_is_depended_on_ends_the_step(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&crowd())).await.unwrap();
        run.upgrade(&run.open(&forum())).await.unwrap();
        let before = run.everything().await;
        let actions = [
            drop_table("users"),
            rename_table("users", "people"),
            rename_table("threads", "users"),
            add_column("users", Column::text("body")),
            create_index("users", Index::new("mine", ["name"])),
            bulk_insert("users", ["name"], [("Eve",)]),
            execute(r#"DELETE FROM "users""#, ()),
        ];
        let (package, ids) = meddling(actions.map(ignore));
        let package = run.open(&package.depends_on("crowd:001"));
        for id in ids {
            let parts = [&format!("forum: upgrade {id}: on "), "table users belongs to another package"];
            assert_says(run.upgrade_as(to(&package, &id)).await, &parts);
        }
        assert_eq!(run.everything().await, before);
    }
}

on_databases! {
    [postgres] async fn an_index_whose_concurrent_build_failed_is_not_taken_for_one(target: &TestTarget) {
        let run = Run::on(target);
        let forum = run.open(&forum());
        run.upgrade_as(to(&forum, "001")).await.unwrap();
        target.execute("INSERT INTO threads (title) VALUES ('twice'), ('twice')").await;
        target.try_execute("CREATE UNIQUE INDEX CONCURRENTLY once ON threads (title)").await.unwrap_err();
        let left = target.fetch("SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'once'::regclass").await;
        assert_eq!(left, [[Some("false".to_owned())]]);
        run.model_holds("forum").await;
        // Its name is taken all the same.
        let named = GuestPackage::new("other").revision("001", &[], "Make").upgrade([create_table("once", |t| {
            t.id("id");
        })]);
        assert_says(run.upgrade(&run.open(&named)).await, &["once already"]);
        run.upgrade(&forum).await.unwrap();
        run.model_holds("forum").await;
    }
}
