//! Graphs of revisions: what makes none is refused, branches and merges keep the right version rows.

use ptah_wasm_tests::on_every_database;

use super::*;

/// a branches into b and c, which d merges; e and f branch off again.
fn branched() -> GuestPackage {
    let table = |name: &str| {
        create_table(name, |t| {
            t.id("id");
        })
    };
    let mut package = GuestPackage::new("tree");
    for (id, revises) in
        [("a", &[][..]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &["d"]), ("f", &["d"])]
    {
        let name = format!("t_{id}");
        package = package.revision(id, revises, "Make").upgrade([table(&name)]).downgrade([drop_table(&name)]);
    }
    package
}

on_every_database! {
    async fn branches_and_merges_keep_the_right_version_rows(target: &TestTarget) {
        let run = Run::on(target);
        let tree = run.open(&branched());
        assert_says(run.upgrade(&tree).await, &["tree: on ", "several heads, e and f: name the one"]);
        assert_eq!(run.tables().await, [""; 0]);
        run.upgrade_as(to(&tree, "b")).await.unwrap();
        assert_eq!(run.versions().await, ["tree b"]);
        run.upgrade_as(to(&tree, "c")).await.unwrap();
        assert_eq!(run.versions().await, ["tree b", "tree c"]);
        run.upgrade_as(to(&tree, "e")).await.unwrap();
        assert_eq!(run.versions().await, ["tree e"]);
        assert_eq!(
            run.said(),
            [
                "tree: running upgrade None -> a, Make",
                "tree: running upgrade a -> b, Make",
                "tree: running upgrade a -> c, Make",
                "tree: running upgrade b, c -> d, Make",
                "tree: running upgrade d -> e, Make",
            ]
        );
        run.upgrade_as(to(&tree, "f")).await.unwrap();
        assert_eq!(run.versions().await, ["tree e", "tree f"]);
        run.model_holds("tree").await;
        assert_says(run.upgrade_as(to(&tree, "d")).await, &["d is behind the recorded e, f; `downgrade` goes back"]);
        run.downgrade(&tree, Some("d")).await.unwrap();
        assert_eq!(run.versions().await, ["tree d"]);
        run.downgrade(&tree, Some("b")).await.unwrap();
        assert_eq!(run.versions().await, ["tree b", "tree c"]);
        run.model_holds("tree").await;
        assert_says(run.downgrade(&tree, Some("e")).await, &["revision e is not applied; recorded is b, c"]);
        run.downgrade(&tree, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        assert_eq!(run.tables().await.len(), 4);
        run.model_holds("tree").await;
    }

    async fn graphs_that_are_none_are_refused(target: &TestTarget) {
        let run = Run::on(target);
        let named = |revisions: &[(&str, &[&str])]| {
            let start = GuestPackage::new("bad");
            revisions.iter().fold(start, |package, (id, revises)| package.revision(id, revises, "Step"))
        };
        for (package, message) in [
            (named(&[("001", &[]), ("003", &["002"])]), "revision 003 revises 002, which the package does not have"),
            (named(&[("1", &["3"]), ("2", &["1"]), ("3", &["2"])]), "revisions form a cycle: "),
            (named(&[("1", &["1"])]), "1"),
            (named(&[("001", &[]), ("001", &[])]), "revision 001 is described twice"),
        ] {
            match open(&run.migrator, target.folder(), &package) {
                Ok(package) => {
                    assert_says(run.upgrade(&package).await, &["bad: on ", message]);
                    assert_says(run.downgrade(&package, None).await, &["bad: on ", message]);
                    assert_says(run.populate(&package).await, &["bad: on ", message]);
                }
                Err(error) => assert!(error.to_string().contains(message), "{error}"),
            }
        }
        assert_eq!(run.tables().await, [""; 0]);
    }

    async fn goals_that_make_no_sense_are_refused(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        assert_says(run.upgrade_as(to(&crowd, "007")).await, &["there is no revision 007"]);
        assert_says(run.downgrade(&crowd, Some("007")).await, &["there is no revision 007"]);
        assert_says(run.downgrade(&crowd, Some("001")).await, &["001 is not applied; recorded is None"]);
        assert_eq!(run.tables().await, [""; 0]);
        run.upgrade(&crowd).await.unwrap();
        let before = run.everything().await;
        assert_says(run.upgrade_as(to(&crowd, "001")).await, &["crowd: on ", "001 is behind the recorded 002"]);
        assert_eq!(run.everything().await, before);
        run.downgrade(&crowd, Some("002")).await.unwrap();
        assert_eq!(run.everything().await, before);
        let both = [Upgrade::to_head(crowd.clone()), Upgrade::to_head(crowd.clone())];
        let error = run.migrator.upgrade(&both).await.map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "crowd: the package is given twice");
    }

    async fn a_recorded_revision_that_the_package_does_not_know_is_refused(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&crowd())).await.unwrap();
        let before = run.everything().await;
        let other = run.open(&GuestPackage::new("crowd").revision("aaa", &[], "Start").populate("ptah-db-schema", []));
        for error in [
            run.upgrade(&other).await.err(),
            run.upgrade_as(forced(&other)).await.err(),
            run.upgrade_as(adopting(&other)).await.err(),
            run.downgrade(&other, None).await.err(),
            run.populate(&other).await.err(),
            run.migrator.check(std::slice::from_ref(&other)).await.err(),
            run.migrator.history(&other).await.err(),
        ] {
            let error = error.unwrap().to_string();
            assert!(error.contains("revision 002 is recorded on the target, but this package does not have it"), "{error}");
        }
        assert_eq!(run.everything().await, before);
    }

    async fn downgrades_go_back_step_by_step(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade(&crowd).await.unwrap();
        run.said();
        run.downgrade(&crowd, Some("001")).await.unwrap();
        assert_eq!(run.said(), ["crowd: running downgrade 002 -> 001, Add email"]);
        assert_eq!(run.versions().await, ["crowd 001"]);
        run.model_holds("crowd").await;
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.said(), ["crowd: running downgrade 001 -> None, Create users"]);
        assert_eq!(run.versions().await, [""; 0]);
        run.model_holds("crowd").await;
        assert!(!run.tables().await.contains(&"users".to_owned()));
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.said(), ["crowd: nothing to do"]);
    }
}
