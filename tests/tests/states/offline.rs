//! Scripts made without a database, run by another client on the real one: afterwards the package is recorded and
//! the target is as if it had been upgraded.

use ptah_wasm::migrate::{OfflineRange, Script};
use ptah_wasm_tests::on_every_database;

use super::*;

fn script(run: &Run<'_>, packages: &[(Arc<Package>, OfflineRange)]) -> Result<Script, MigrateError> {
    Migrator::offline(run.migrator.sandbox(), run.target.dialect(), packages, |_| ())
}

fn whole(package: &Arc<Package>) -> (Arc<Package>, OfflineRange) {
    (package.clone(), OfflineRange::FromBase(Goal::Head))
}

fn lines(script: &Script) -> Vec<&str> {
    script.steps.iter().map(|step| step.line.as_str()).collect()
}

/// The catalog and version rows of a fresh target on which `with` was done.
async fn reference(target: &TestTarget, with: impl AsyncFnOnce(&Run<'_>)) -> (Catalog, Vec<String>) {
    let other = TestTarget::new(target.dialect()).await;
    let run = Run::on(&other);
    with(&run).await;
    (run.catalog().await, run.versions().await)
}

/// Refers to crowd's users.
fn blog() -> GuestPackage {
    GuestPackage::new("blog").revision("001", &[], "Create posts").depends_on("crowd:001").upgrade([
        create_table("posts", |t| {
            t.id("id");
            t.big_integer("writer");
            t.varchar("title", 80).default("it's a \\ 'title';");
            t.foreign_key(["writer"], "users", ["id"]);
        }),
        bulk_insert("posts", ["title"], [("-- no; comment\\",), ("\n'quoted'",)]),
    ])
}

on_every_database! {
    async fn a_script_from_base_leaves_the_package_recorded_and_up_to_date(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        let script = script(&run, &[whole(&minicms)]).unwrap();
        assert_eq!(
            lines(&script),
            [
                "minicms: populated ptah-base-schema",
                "minicms: running upgrade None -> 001, Add column",
                "minicms: running upgrade 001 -> 002, Move data",
            ]
        );
        assert_eq!(run.tables().await, [""; 0]);
        target.execute(&script.text()).await;
        let expected = reference(target, async |run| {
            run.upgrade_as(forced(&minicms)).await.unwrap();
        });
        assert_eq!((run.catalog().await, run.versions().await), expected.await);
        run.upgrade(&minicms).await.unwrap();
        assert_eq!(run.said(), ["minicms: at 002, nothing to do"]);
        run.downgrade(&minicms, None).await.unwrap();
        run.model_holds("minicms").await;
    }

    async fn a_script_goes_on_from_a_revision(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        let first = script(&run, &[(crowd.clone(), OfflineRange::FromBase(Goal::Revision("001".into())))]).unwrap();
        let rest = script(&run, &[(crowd.clone(), OfflineRange::Between("001".into(), Goal::Head))]).unwrap();
        assert_eq!(lines(&first), ["crowd: running upgrade None -> 001, Create users"]);
        assert_eq!(lines(&rest), ["crowd: running upgrade 001 -> 002, Add email"]);
        target.execute(&first.text()).await;
        assert_eq!(run.versions().await, ["crowd 001"]);
        target.execute(&rest.text()).await;
        let expected = reference(target, async |run| {
            run.upgrade(&crowd).await.unwrap();
        });
        assert_eq!((run.catalog().await, run.versions().await), expected.await);
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.said(), ["crowd: at 002, nothing to do"]);
        let backwards = script(&run, &[(crowd, OfflineRange::Between("002".into(), Goal::Revision("001".into())))]);
        assert_says(backwards, &["001 is behind"]);
    }

    async fn a_script_that_populates_stamps_the_head(target: &TestTarget) {
        let run = Run::on(target);
        let minicms = run.open(&minicms());
        let script_of = |package: &Arc<Package>| script(&run, &[(package.clone(), OfflineRange::Populate)]);
        let made = script_of(&minicms).unwrap();
        assert_eq!(lines(&made), ["minicms: populated, stamped 002"]);
        target.execute(&made.text()).await;
        let expected = reference(target, async |run| {
            run.upgrade(&minicms).await.unwrap();
        });
        assert_eq!((run.catalog().await, run.versions().await), expected.await);
        run.upgrade(&minicms).await.unwrap();
        assert_eq!(run.said(), ["minicms: at 002, nothing to do"]);
        assert_says(script_of(&run.open(&crowd())), &["crowd: ", "no populate step ptah-db-schema"]);
    }

    async fn a_script_holds_every_operation(target: &TestTarget) {
        let run = Run::on(target);
        let library = run.open(&super::rich::library());
        let script = script(&run, &[whole(&library)]).unwrap();
        assert_eq!(script.text().contains(".dbconfig defensive off"), target.dialect() == Dialect::Sqlite);
        target.execute(&script.text()).await;
        let expected = reference(target, async |run| {
            run.upgrade(&library).await.unwrap();
        });
        assert_eq!((run.catalog().await, run.versions().await), expected.await);
        run.upgrade(&library).await.unwrap();
        assert_eq!(run.said(), ["library: at 004, nothing to do"]);
    }

    async fn a_script_needs_the_packages_that_are_depended_on(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, blog) = (run.open(&crowd()), run.open(&blog()));
        assert_says(script(&run, &[whole(&blog)]), &["blog: upgrade 001: ", "crowd:001", "cannot be known offline"]);
        let both = script(&run, &[whole(&blog), whole(&crowd)]).unwrap();
        assert_eq!(
            lines(&both),
            [
                "crowd: running upgrade None -> 001, Create users",
                "crowd: running upgrade 001 -> 002, Add email",
                "blog: running upgrade None -> 001, Create posts",
            ]
        );
        target.execute(&both.text()).await;
        assert_eq!(run.versions().await, ["blog 001", "crowd 002"]);
        let titles = target.fetch("SELECT title FROM posts ORDER BY id").await;
        assert_eq!(titles, [[Some("-- no; comment\\".to_owned())], [Some("\n'quoted'".to_owned())]]);
        run.upgrade(&blog).await.unwrap();
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.said(), ["blog: at 001, nothing to do", "crowd: at 002, nothing to do"]);
        // What a script records as relied on is not taken away.
        assert_says(run.downgrade(&crowd, None).await, &["blog:001 depends on revision 001"]);
        run.downgrade(&crowd, Some("001")).await.unwrap();
    }

    async fn a_script_begins_where_a_target_was_upgraded_to(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        let rest = script(&run, &[(crowd.clone(), OfflineRange::Between("001".into(), Goal::Head))]).unwrap();
        target.execute(&rest.text()).await;
        run.said();
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.said(), ["crowd: at 002, nothing to do"]);
        run.downgrade(&crowd, None).await.unwrap();
        run.model_holds("crowd").await;
        run.history().await;
    }
}
