//! What a runner that ended in the middle leaves behind, and packages and targets of other shapes.

use ptah_wasm::store::{FlightState, InFlight, Kind};
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// As if a runner had ended after so many of two statements.
async fn crashed(target: &TestTarget, position: usize) {
    let mut connection = target.target().connect_to_change().await.unwrap();
    let account = InFlight {
        package: "crowd".into(),
        kind: Kind::Upgrade,
        step: "002".into(),
        plan_digest: "0".repeat(64),
        statements: vec!["ALTER TABLE one".into(), "ALTER TABLE two".into()],
        position,
        state: FlightState::Running,
        error: None,
        started: "2026-01-02T03:04:05.000006Z".into(),
        holder: "somebody".into(),
    };
    store::announce(&mut connection, &account).await.unwrap();
    connection.close().await;
}

on_every_database! {
    async fn an_account_of_a_crash_says_what_was_in_flight(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        crashed(target, 1).await;
        let parts = [
            "crowd upgrade 002 was cut short, partial 1 of 2, started 2026-01-02T03:04:05.000006Z by somebody",
            "the runner ended while this statement was in flight; it may or may not have been applied\n  ALTER TABLE two",
        ];
        assert_says(run.upgrade(&crowd).await, &parts);
        run.said();
        run.migrator.upgrade(&[to(&crowd, "001")], Journal::Discard).await.unwrap();
        assert_eq!(run.said(), ["crowd: at 001, nothing to do"]);
        crashed(target, 2).await;
        assert_says(run.upgrade(&crowd).await, &["partial 2 of 2", "all its statements were applied, but it was not recorded"]);
        run.migrator.downgrade(&crowd, None, Journal::Discard).await.unwrap();
        assert_eq!(
            run.history().await,
            [
                "crowd upgrade 001 applied",
                "crowd discard-journal 002 applied",
                "crowd discard-journal 002 applied",
                "crowd downgrade 001 applied",
            ]
        );
        assert_eq!(run.versions().await, [""; 0]);
    }

    async fn a_discard_with_nothing_to_discard_is_an_upgrade(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.migrator.upgrade(&[Upgrade::to_head(crowd.clone())], Journal::Discard).await.unwrap();
        run.migrator.upgrade(&[Upgrade::to_head(crowd)], Journal::Discard).await.unwrap();
        assert_eq!(run.said()[2], "crowd: at 002, nothing to do");
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
            one.upgrade(std::slice::from_ref(&upgrade), Journal::Respect),
            two.upgrade(&both, Journal::Respect),
        );
        first.unwrap();
        second.unwrap();
        assert_eq!(run.tables().await, [""; 0]);
        assert_eq!(one.current(&[]).await.unwrap().len(), 1);
        assert_eq!(two.current(&[]).await.unwrap().len(), 2);
        one.downgrade(&crowd, None, Journal::Respect).await.unwrap();
        two.check(std::slice::from_ref(&crowd)).await.unwrap();
        let names = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename = 'users'";
        assert_eq!(target.fetch(names).await, [[Some("Two.users".to_owned())]]);
    }
}
