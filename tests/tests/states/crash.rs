//! What a runner that ended in the middle leaves behind, and packages and targets of other shapes.

use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

on_every_database! {
    async fn where_nothing_is_unfinished_there_is_nothing_to_repair(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        for how in [Repair::Resume, Repair::Undo, Repair::Discard] {
            assert_eq!(run.migrator.repair(how).await.unwrap(), None);
        }
        assert_eq!(run.tables().await, [""; 0]);
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.migrator.unfinished().await.unwrap(), None);
        assert_eq!(run.migrator.repair(Repair::Discard).await.unwrap(), None);
        assert_eq!(run.history().await, ["crowd upgrade 001 applied", "crowd upgrade 002 applied"]);
    }

    async fn a_package_of_two_components_is_one_line_of_revisions(target: &TestTarget) {
        let run = Run::on(target);
        let folder = target.folder().join("crowd");
        std::fs::create_dir(&folder).unwrap();
        let first = GuestPackage::new("crowd").revision("001", &[], "Create users").upgrade([create_table("users", |t| {
            t.id("id");
        })]);
        let second = GuestPackage::new("crowd")
            .revision("002", &["001"], "Add email")
            .upgrade([add_column("users", Column::varchar("email", 200))])
            .downgrade([drop_column("users", "email")])
            .populate("demo", [bulk_insert("users", ["email"], [("eve@example.org",)])]);
        std::fs::write(folder.join("a.wasm"), first.build()).unwrap();
        std::fs::write(folder.join("b.wasm"), second.build()).unwrap();
        let manifest = "name = \"crowd\"\nversion = \"1.0\"\ncomponents = [\"a.wasm\", \"b.wasm\"]\n";
        std::fs::write(folder.join("ptah-package.toml"), manifest).unwrap();
        let crowd = run.migrator.open(&folder).unwrap();
        run.upgrade(&crowd).await.unwrap();
        run.populate(&crowd).await.unwrap();
        assert_eq!(
            run.said(),
            [
                "crowd: running upgrade None -> 001, Create users",
                "crowd: running upgrade 001 -> 002, Add email",
                "crowd: populated demo, demo",
            ]
        );
        run.downgrade(&crowd, Some("001")).await.unwrap();
        run.model_holds("crowd").await;
    }
}

on_databases! {
    [postgres] async fn two_schemas_of_one_database_are_two_targets(target: &TestTarget) {
        target.execute("CREATE SCHEMA one; CREATE SCHEMA \"Two\"").await;
        let run = Run::on(target);
        let (crowd, minicms) = (run.open(&crowd()), run.open(&minicms()));
        let on = |schema: &str| Migrator::with_options(&format!("{}?schema={schema}", target.url()), options()).unwrap();
        let (one, two) = (on("one"), on("Two"));
        let (upgrade, other) = (Upgrade::to_head(crowd.clone()), Upgrade::to_head(minicms));
        let both = [upgrade.clone(), other];
        let (first, second) = tokio::join!(
            one.upgrade(std::slice::from_ref(&upgrade)),
            two.upgrade(&both),
        );
        first.unwrap();
        second.unwrap();
        assert_eq!(run.tables().await, [""; 0]);
        assert_eq!(one.current(&[]).await.unwrap().len(), 1);
        assert_eq!(two.current(&[]).await.unwrap().len(), 2);
        one.downgrade(&crowd, None).await.unwrap();
        two.check(std::slice::from_ref(&crowd)).await.unwrap();
        let names = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename = 'users'";
        assert_eq!(target.fetch(names).await, [[Some("Two.users".to_owned())]]);
    }
}
