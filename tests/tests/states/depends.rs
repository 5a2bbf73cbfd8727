//! Packages that depend on revisions of others.

use ptah_wasm_tests::on_every_database;

use super::*;

/// Its second revision refers to crowd's users.
fn blog() -> GuestPackage {
    GuestPackage::new("blog")
        .revision("001", &[], "Create posts")
        .upgrade([create_table("posts", |t| {
            t.id("id");
            t.big_integer("writer");
        })])
        .downgrade([drop_table("posts")])
        .revision("002", &["001"], "Create likes")
        .depends_on("crowd:001")
        .upgrade([
            Action::Report("users".into()),
            create_table("likes", |t| {
                t.id("id");
                t.big_integer("liker").not_null();
                t.foreign_key(["liker"], "users", ["id"]).on_delete(Cascade);
            }),
        ])
        .downgrade([drop_table("likes")])
}

/// The same, made at once.
fn blog_at_once() -> GuestPackage {
    blog()
        .populate(
            "ptah-db-schema",
            [
                create_table("posts", |t| {
                    t.id("id");
                    t.big_integer("writer");
                }),
                create_table("likes", |t| {
                    t.id("id");
                    t.big_integer("liker").not_null();
                    t.foreign_key(["liker"], "users", ["id"]).on_delete(Cascade);
                }),
            ],
        )
        .depends_on("crowd:001")
}

on_every_database! {
    async fn a_dependency_that_is_not_met_is_named(target: &TestTarget) {
        let run = Run::on(target);
        let blog = run.open(&blog());
        assert_says(run.upgrade(&blog).await, &["blog: upgrade 002: on ", "depends on crowd:001, which is not applied here"]);
        let at_once = run.open(&blog_at_once());
        assert_says(run.upgrade(&at_once).await, &["depends on crowd:001, which is not applied here"]);
        assert_says(run.populate(&at_once).await, &["depends on crowd:001, which is not applied here"]);
        assert_eq!(run.tables().await, [""; 0]);
        run.upgrade_as(to(&blog, "001")).await.unwrap();
        assert_eq!(run.versions().await, ["blog 001"]);
    }

    async fn once_met_it_may_be_inspected_and_referred_to(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade_as(to(&run.open(&crowd()), "001")).await.unwrap();
        let blog = run.open(&blog());
        run.said();
        run.upgrade(&blog).await.unwrap();
        let said = run.said();
        assert!(said[0].starts_with("blog: upgrade 002: ") && said[0].contains("name"), "{said:?}");
        run.model_holds("blog").await;
        target.execute("INSERT INTO users (name) VALUES ('Eve')").await;
        target.execute("INSERT INTO likes (liker) VALUES (1)").await;
        assert!(target.try_execute("INSERT INTO likes (liker) VALUES (2)").await.is_err());
    }

    async fn what_is_depended_on_is_not_downgraded_until_the_dependent_is(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, blog) = (run.open(&crowd()), run.open(&blog()));
        run.upgrade(&crowd).await.unwrap();
        run.upgrade(&blog).await.unwrap();
        // The dependent's file is not given, and this is another process.
        let run = Run::on(target);
        let before = run.everything().await;
        assert_says(run.downgrade(&crowd, None).await, &["crowd: downgrade 001: on ", "blog:002 depends on revision 001"]);
        assert_eq!(run.everything().await, before);
        run.downgrade(&crowd, Some("001")).await.unwrap();
        run.downgrade(&blog, Some("001")).await.unwrap();
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.versions().await, ["blog 001"]);
        run.model_holds("crowd").await;
        run.model_holds("blog").await;
    }

    async fn stamped_revisions_are_depended_on_and_depend(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd().populate("ptah-db-schema", [create_table("users", |t| {
            t.id("id");
            t.varchar("name", 80).not_null();
            t.varchar("email", 200);
        })]));
        let blog = run.open(&blog_at_once());
        run.upgrade(&crowd).await.unwrap();
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["crowd: populated, stamped 002", "blog: populated, stamped 002"]);
        assert_says(run.downgrade(&crowd, None).await, &["blog:", "depends on revision 001; downgrade that first"]);
        run.downgrade(&blog, None).await.unwrap();
        run.downgrade(&crowd, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
    }

    async fn adopted_revisions_depend(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, blog) = (run.open(&crowd()), run.open(&blog()));
        run.upgrade(&crowd).await.unwrap();
        run.upgrade(&blog).await.unwrap();
        // As if another program had made them.
        target.execute("DELETE FROM ptah_db_versions WHERE package = 'blog'").await;
        target.execute("DELETE FROM ptah_db_objects WHERE package = 'blog'").await;
        run.upgrade_as(adopting(&blog)).await.unwrap();
        assert_eq!(run.versions().await, ["blog 002", "crowd 002"]);
        assert_says(run.downgrade(&crowd, None).await, &["blog:002 depends on revision 001"]);
    }

    async fn packages_are_taken_in_dependency_order(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, blog) = (run.open(&crowd()), run.open(&blog()));
        let both = [Upgrade::to_head(blog.clone()), Upgrade::to_head(crowd.clone())];
        let plans = run.migrator.plan_upgrade(&both).await.unwrap();
        assert_eq!(plans.iter().map(|plan| plan.package.as_str()).collect::<Vec<_>>(), ["crowd", "blog"]);
        assert_eq!(run.tables().await, [""; 0]);
        run.said();
        run.migrator.upgrade(&both).await.unwrap();
        assert_eq!(
            run.said().iter().filter(|line| line.contains("running")).collect::<Vec<_>>(),
            [
                "crowd: running upgrade None -> 001, Create users",
                "crowd: running upgrade 001 -> 002, Add email",
                "blog: running upgrade None -> 001, Create posts",
                "blog: running upgrade 001 -> 002, Create likes",
            ]
        );
        assert_eq!(run.versions().await, ["blog 002", "crowd 002"]);
    }

    async fn packages_that_depend_on_each_other_are_refused(target: &TestTarget) {
        let run = Run::on(target);
        let named = |name: &str, on: &str| run.open(&GuestPackage::new(name).revision("1", &[], "Start").depends_on(on));
        let (a, b) = (named("a", "b:1"), named("b", "a:1"));
        let both = [Upgrade::to_head(a), Upgrade::to_head(b)];
        let error = run.migrator.upgrade(&both).await.unwrap_err().to_string();
        assert!(error.contains("packages form a cycle: a -> b -> a"), "{error}");
        assert_eq!(run.tables().await, [""; 0]);
    }

    async fn a_populate_step_depends_too_until_base(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        let blog = run.open(&GuestPackage::new("blog").revision("1", &[], "Start").populate("demo", []).depends_on("crowd:002"));
        run.upgrade(&blog).await.unwrap();
        assert_says(run.populate(&blog).await, &["blog: populate demo: on ", "depends on crowd:002"]);
        run.upgrade(&crowd).await.unwrap();
        run.populate(&blog).await.unwrap();
        assert_says(run.downgrade(&crowd, Some("001")).await, &["blog:demo depends on revision 002"]);
        run.downgrade(&blog, None).await.unwrap();
        run.downgrade(&crowd, Some("001")).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 001"]);
    }

    async fn a_failure_in_the_second_package_keeps_the_first(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        let broken = run.open(&GuestPackage::new("broken").revision("1", &[], "Fail").depends_on("crowd:002").upgrade([Action::Trap]));
        let both = [Upgrade::to_head(broken), Upgrade::to_head(crowd)];
        let error = run.migrator.upgrade(&both).await.unwrap_err().to_string();
        assert!(error.starts_with("broken: upgrade 1: on "), "{error}");
        assert_eq!(run.versions().await, ["crowd 002"]);
    }
}

on_every_database! {
    async fn a_revision_may_depend_on_another_line_of_its_package(target: &TestTarget) {
        let table = |name: &str| create_table(name, |t| {
            t.id("id");
        });
        let package = GuestPackage::new("lines")
            .revision("a1", &[], "First of one line")
            .depends_on("lines:z2")
            .upgrade([create_table("made_last", |t| {
                t.big_integer("other");
                t.foreign_key(["other"], "made_second", ["id"]);
            })])
            .downgrade([drop_table("made_last")])
            .revision("z1", &[], "First of another line")
            .upgrade([table("made_first")])
            .downgrade([drop_table("made_first")])
            .revision("z2", &["z1"], "Second")
            .upgrade([table("made_second")])
            .downgrade([drop_table("made_second")]);
        let run = Run::on(target);
        let lines = run.open(&package);
        run.upgrade_as(to(&lines, "a1")).await.unwrap();
        assert_eq!(run.versions().await, ["lines a1", "lines z2"]);
        run.model_holds("lines").await;
        run.downgrade(&lines, Some("z1")).await.unwrap();
        assert_eq!(run.versions().await, ["lines z1"]);
        run.upgrade_as(to(&lines, "a1")).await.unwrap();
        run.downgrade(&lines, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        let tables = run.tables().await;
        assert!(tables.iter().all(|table| table.starts_with("ptah_db_")), "{tables:?}");
    }
}
