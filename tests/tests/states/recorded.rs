//! A package that a version is recorded of (last row of the state table).

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_every_database;

use super::*;

fn table(name: &str) -> Action {
    create_table(name, |t| {
        t.id("id");
        t.varchar("name", 50);
    })
}

/// `marks` is made by the latest schema alone, `tags` by 002 as well, `posts` by 001 as well.
fn blog() -> GuestPackage {
    GuestPackage::new("blog")
        .populate(
            "ptah-db-schema",
            [
                table("posts"),
                table("tags"),
                table("marks"),
                create_index("marks", Index::new("marks_name", ["name"])),
                bulk_insert("marks", ["name"], [("never copied",)]),
            ],
        )
        .revision("001", &[], "Create posts")
        .upgrade([table("posts")])
        .downgrade([drop_table("posts")])
        .revision("002", &["001"], "Create tags")
        .upgrade([table("tags")])
        .downgrade([drop_table("tags")])
}

/// As blog was before 002.
fn early_blog() -> GuestPackage {
    GuestPackage::new("blog").revision("001", &[], "Create posts").upgrade([table("posts")])
}

on_every_database! {
    async fn upgrade_of_a_recorded_package_runs_the_pending_steps(target: &TestTarget) {
        let run = Run::on(target);
        let (crowd, first) = (run.open(&crowd()), "001");
        run.upgrade_as(to(&crowd, first)).await.unwrap();
        run.said();
        run.upgrade(&crowd).await.unwrap();
        assert_eq!(run.said(), ["crowd: running upgrade 001 -> 002, Add email"]);
        assert_eq!(run.versions().await, ["crowd 002"]);
        run.model_holds("crowd").await;
    }

    async fn upgrade_of_a_recorded_package_makes_whole_tables_that_are_nowhere(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&early_blog())).await.unwrap();
        target.execute("INSERT INTO posts (name) VALUES ('kept')").await;
        run.said();
        let blog = run.open(&blog());
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: populated marks", "blog: running upgrade 001 -> 002, Create tags"]);
        assert_eq!(target.fetch("SELECT name FROM posts").await, [[Some("kept".to_owned())]]);
        assert_eq!(target.fetch("SELECT COUNT(*) FROM marks").await, [[Some("0".to_owned())]]);
        run.model_holds("blog").await;
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: at 002, nothing to do"]);
    }

    async fn upgrade_below_the_head_leaves_what_a_later_step_makes(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&early_blog())).await.unwrap();
        run.said();
        let blog = run.open(&blog());
        run.upgrade_as(to(&blog, "001")).await.unwrap();
        assert_eq!(run.said(), ["blog: populated marks"]);
        assert_eq!(run.versions().await, ["blog 001"]);
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: running upgrade 001 -> 002, Create tags"]);
        run.model_holds("blog").await;
    }

    async fn populate_of_a_recorded_package_leaves_what_a_pending_step_makes(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&early_blog())).await.unwrap();
        run.said();
        let blog = run.open(&blog().populate("demo", [bulk_insert("marks", ["name"], [("demo",)])]));
        run.populate(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: populated marks", "blog: populated demo, demo"]);
        assert_eq!(run.versions().await, ["blog 001"]);
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: running upgrade 001 -> 002, Create tags"]);
        run.model_holds("blog").await;
    }

    async fn a_table_that_went_missing_is_made_again_and_the_others_are_left_alone(target: &TestTarget) {
        let run = Run::on(target);
        let blog = run.open(&blog());
        run.upgrade(&blog).await.unwrap();
        target.execute("INSERT INTO posts (name) VALUES ('kept')").await;
        target.execute("DROP TABLE tags").await;
        run.said();
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: populated tags"]);
        assert_eq!(target.fetch("SELECT name FROM posts").await, [[Some("kept".to_owned())]]);
        run.model_holds("blog").await;
        run.downgrade(&blog, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
    }

    async fn what_the_latest_schema_alone_made_outlives_base_and_is_no_obstacle(target: &TestTarget) {
        let run = Run::on(target);
        let blog = run.open(&blog());
        run.upgrade(&blog).await.unwrap();
        target.execute("INSERT INTO marks (name) VALUES ('kept')").await;
        run.downgrade(&blog, None).await.unwrap();
        assert_eq!(run.versions().await, [""; 0]);
        run.said();
        run.populate(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: nothing to do"]);
        run.upgrade(&blog).await.unwrap();
        assert_eq!(
            run.said(),
            ["blog: running upgrade None -> 001, Create posts", "blog: running upgrade 001 -> 002, Create tags"]
        );
        assert_eq!(target.fetch("SELECT name FROM marks ORDER BY id").await.len(), 2);
        run.model_holds("blog").await;
    }

    async fn a_name_that_something_else_took_is_left_alone(target: &TestTarget) {
        let run = Run::on(target);
        run.upgrade(&run.open(&early_blog())).await.unwrap();
        target.execute("CREATE TABLE marks (number INT)").await;
        run.said();
        let blog = run.open(&blog());
        run.upgrade(&blog).await.unwrap();
        assert_eq!(run.said(), ["blog: running upgrade 001 -> 002, Create tags"]);
        run.model_holds("blog").await;
    }

    async fn a_pending_step_that_finds_its_table_taken_is_an_error(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        let next = crowd_with_groups();
        target.execute("CREATE TABLE grp (number INT)").await;
        let before = run.everything().await;
        assert_says(run.upgrade(&run.open(&next)).await, &["crowd: upgrade 003: on ", "table grp already"]);
        assert_eq!(run.everything().await, before);
    }

    async fn a_version_that_another_program_recorded_takes_the_tables_over_by_adopt(target: &TestTarget) {
        let run = Run::on(target);
        let id = match target.dialect() {
            Dialect::Sqlite => "id INTEGER PRIMARY KEY NOT NULL",
            Dialect::Postgres => "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            Dialect::Mariadb => "id BIGINT AUTO_INCREMENT PRIMARY KEY",
        };
        target.execute(&format!("CREATE TABLE users ({id}, name VARCHAR(80) NOT NULL)")).await;
        target.execute("CREATE TABLE ptah_db_versions (package VARCHAR(255) PRIMARY KEY, version_num VARCHAR(32))").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001'), ('cms', 'abc')").await;
        let crowd = run.open(&crowd());
        let before = run.everything().await;
        assert_says(run.upgrade(&crowd).await, &["(users)", "not recorded as its own", "equal 001", "--adopt"]);
        assert_says(run.downgrade(&crowd, None).await, &["(users)", "not recorded as its own"]);
        assert_says(run.upgrade_as(adopting_as(&crowd, "002")).await, &["equal 001"]);
        assert_eq!(run.everything().await, before);
        run.upgrade_as(adopting(&crowd)).await.unwrap();
        assert_eq!(run.said(), ["crowd: adopted users, stamped 001", "crowd: running upgrade 001 -> 002, Add email"]);
        assert_eq!(run.versions().await, ["cms abc", "crowd 002"]);
        run.model_holds("crowd").await;
    }

    async fn a_recorded_version_whose_tables_differ_is_shown_and_left_alone(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TABLE users (id INT PRIMARY KEY, nick VARCHAR(80) NOT NULL)").await;
        target.execute("CREATE TABLE ptah_db_versions (package VARCHAR(255) PRIMARY KEY, version_num VARCHAR(32))").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001')").await;
        let crowd = run.open(&crowd());
        let before = run.everything().await;
        for upgrade in [Upgrade::to_head(crowd.clone()), adopting(&crowd)] {
            assert_says(run.upgrade_as(upgrade).await, &["nearest is 001", "column nick is not expected"]);
        }
        assert_eq!(run.everything().await, before);
    }
}

fn crowd_with_groups() -> GuestPackage {
    crowd().revision("003", &["002"], "Create groups").upgrade([table("grp")])
}
