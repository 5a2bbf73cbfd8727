//! A version table that the original Ptah wrote: the package alone is its primary key.

use ptah_wasm_tests::on_every_database;

use super::*;

const TABLE: &str =
    "CREATE TABLE ptah_db_versions (package VARCHAR(255) NOT NULL PRIMARY KEY, version_num VARCHAR(32))";

async fn legacy(target: &TestTarget) {
    target.execute(TABLE).await;
    target.execute("INSERT INTO ptah_db_versions VALUES ('cms', 'abc'), ('shop', '17')").await;
}

fn forked() -> GuestPackage {
    GuestPackage::new("forked").revision("a", &[], "A").revision("b", &["a"], "B").revision("c", &["a"], "C").revision(
        "a-very-long-one-of-more-than-thirty-two-characters".replace('-', "_").as_str(),
        &["b", "c"],
        "Merge",
    )
}

on_every_database! {
    async fn it_is_used_as_it_is(target: &TestTarget) {
        let run = Run::on(target);
        legacy(target).await;
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc", "crowd 002", "shop 17"]);
        run.downgrade(&crowd, Some("001")).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc", "crowd 001", "shop 17"]);
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc", "shop 17"]);
        // It still has its own key.
        target.execute("INSERT INTO ptah_db_versions VALUES ('x', '1')").await;
        assert!(target.try_execute("INSERT INTO ptah_db_versions VALUES ('x', '2')").await.is_err());
        run.model_holds("crowd").await;
    }

    async fn two_heads_widen_it(target: &TestTarget) {
        let run = Run::on(target);
        legacy(target).await;
        let forked = run.open(&forked());
        run.upgrade_as(to(&forked, "b")).await.unwrap();
        run.upgrade_as(to(&forked, "c")).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc", "forked b", "forked c", "shop 17"]);
        run.upgrade(&forked).await.unwrap();
        let merge = "forked a_very_long_one_of_more_than_thirty_two_characters";
        assert_eq!(run.versions().await, ["cms abc", merge, "shop 17"]);
        run.downgrade(&forked, None).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc", "shop 17"]);
        run.history().await;
    }

    async fn a_row_without_a_version_is_base(target: &TestTarget) {
        let run = Run::on(target);
        legacy(target).await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', NULL)").await;
        let crowd = run.open(&crowd());
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.said()[0], "crowd: running upgrade None -> 001, Create users");
        assert_eq!(run.versions().await, ["cms abc", "crowd 002", "shop 17"]);
    }

    async fn a_long_revision_widens_it(target: &TestTarget) {
        let run = Run::on(target);
        legacy(target).await;
        let long = "x".repeat(64);
        let package = run.open(&GuestPackage::new("long").revision(&long, &[], "Long"));
        run.upgrade(&package).await.unwrap();
        assert_eq!(run.versions().await, ["cms abc".to_owned(), format!("long {long}"), "shop 17".to_owned()]);
    }

    async fn packages_that_only_the_table_knows_are_listed(target: &TestTarget) {
        let run = Run::on(target);
        legacy(target).await;
        let before = run.everything().await;
        let states = run.migrator.current(&[]).await.unwrap();
        let states: Vec<_> = states.iter().map(|state| (state.package.as_str(), state.recorded.join(" "))).collect();
        assert_eq!(states, [("cms", "abc".to_owned()), ("shop", "17".to_owned())]);
        assert_eq!(run.everything().await, before);
    }
}
