//! Things on the target that are no package's: a step that collides with one is refused before anything is
//! applied, and the target is as before.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// Runs statements of another program, then an upgrade of crowd that must be refused in these words; then, with
/// the obstacle gone, it goes through.
async fn refused(target: &TestTarget, make: &str, clear: &str, package: &GuestPackage, message: &str) {
    let run = Run::on(target);
    target.execute(make).await;
    let package = run.open(package);
    let before = run.everything().await;
    assert_says(run.upgrade(&package).await, &[message]);
    assert_eq!(run.everything().await, before);
    target.execute(clear).await;
    run.upgrade(&package).await.unwrap();
    run.model_holds("crowd").await;
}

fn indexed() -> GuestPackage {
    crowd().revision("003", &["002"], "Index").upgrade([create_index("users", Index::new("by_name", ["name"]))])
}

on_every_database! {
    async fn a_view_of_the_name_of_a_table(target: &TestTarget) {
        let message = "there is a view named users already";
        refused(target, "CREATE VIEW users AS SELECT 1 AS one", "DROP VIEW users", &crowd(), message).await;
    }

    async fn a_table_of_the_name_of_a_table_that_is_renamed_to(target: &TestTarget) {
        let package = crowd().revision("003", &["002"], "Rename").upgrade([rename_table("users", "people")]);
        let run = Run::on(target);
        let crowd = run.open(&package);
        run.upgrade_as(to(&crowd, "002")).await.unwrap();
        target.execute("CREATE TABLE people (id INT)").await;
        let before = run.everything().await;
        let message = "there is a table people already, which is not the package's";
        assert_says(run.upgrade(&crowd).await, &["crowd: upgrade 003: on ", message]);
        assert_eq!(run.everything().await, before);
        target.execute("DROP TABLE people").await;
        run.upgrade(&crowd).await.unwrap();
        run.model_holds("crowd").await;
    }
}

/// Its third revision makes a unique constraint and a foreign key with names.
fn posts() -> GuestPackage {
    crowd().revision("003", &["002"], "Create posts").upgrade([create_table("posts", |t| {
        t.id("id");
        t.big_integer("writer");
        t.foreign_key(["writer"], "users", ["id"]).named("fk_writer");
        t.unique(["writer"]).named("one_post");
    })])
}

on_databases! {
    [sqlite postgres] async fn a_name_of_an_index(target: &TestTarget) {
        let make = "CREATE TABLE other (id INT); CREATE INDEX by_name ON other (id)";
        let message = "the name by_name of an index or key is taken";
        refused(target, make, "DROP TABLE other", &indexed(), message).await;
    }

    [mariadb] async fn an_index_has_a_name_of_its_table_s_own(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TABLE other (id INT, KEY by_name (id))").await;
        run.upgrade(&run.open(&indexed())).await.unwrap();
        run.model_holds("crowd").await;
    }

    [postgres mariadb] async fn a_name_of_a_key_or_foreign_key(target: &TestTarget) {
        let message = match target.dialect() {
            Dialect::Postgres => "the name one_post of an index or key is taken",
            _ => "the name fk_writer of a foreign key is taken",
        };
        let make = "CREATE TABLE top (id INT PRIMARY KEY); CREATE TABLE other (id INT, CONSTRAINT one_post UNIQUE (id),
            CONSTRAINT fk_writer FOREIGN KEY (id) REFERENCES top (id))";
        refused(target, make, "DROP TABLE other", &posts(), message).await;
    }

    [sqlite] async fn a_constraint_has_a_name_of_its_table_s_own(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TABLE other (id INT CONSTRAINT one_post UNIQUE)").await;
        run.upgrade(&run.open(&posts())).await.unwrap();
        run.model_holds("crowd").await;
    }
}

on_every_database! {
    async fn a_foreign_key_of_an_unowned_table_to_what_goes(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade(&crowd).await.unwrap();
        let id = if target.dialect() == Dialect::Sqlite { "INTEGER" } else { "BIGINT" };
        target.execute(&format!("CREATE TABLE orders (writer {id}, FOREIGN KEY (writer) REFERENCES users (id))")).await;
        let before = run.everything().await;
        assert_says(run.downgrade(&crowd, None).await, &["downgrade 001", "table orders, which is not the package's, refers to users (id)"]);
        assert_eq!(run.everything().await, before);
        run.downgrade(&crowd, Some("001")).await.unwrap();
        target.execute("DROP TABLE orders").await;
        run.downgrade(&crowd, None).await.unwrap();
        run.model_holds("crowd").await;
    }

    async fn a_foreign_key_of_an_unowned_table_to_what_goes_and_is_made_again(target: &TestTarget) {
        let again = crowd().revision("003", &["002"], "Anew").upgrade([
            drop_table("users"),
            create_table("users", |t| { t.id("id"); }),
        ]);
        let run = Run::on(target);
        run.upgrade(&run.open(&crowd())).await.unwrap();
        let id = if target.dialect() == Dialect::Sqlite { "INTEGER" } else { "BIGINT" };
        target
            .execute(&format!("CREATE TABLE orders (writer {id}, FOREIGN KEY (writer) REFERENCES users (id) ON DELETE CASCADE)"))
            .await;
        let before = run.everything().await;
        assert_says(run.upgrade(&run.open(&again)).await, &["table orders, which is not the package's, refers to users (id)"]);
        assert_eq!(run.everything().await, before);
        target.execute("DROP TABLE orders").await;
        run.upgrade(&run.open(&again)).await.unwrap();
        run.model_holds("crowd").await;
    }

    async fn an_own_table_that_the_contract_cannot_express_is_named(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        let odd = match target.dialect() {
            Dialect::Mariadb => "ALTER TABLE users ADD COLUMN `odd name` INT",
            _ => r#"ALTER TABLE users ADD COLUMN "odd name" INT"#,
        };
        target.execute(odd).await;
        let before = run.everything().await;
        assert_says(run.upgrade(&crowd).await, &["table users is not one that this runner can manage", "odd name"]);
        assert_eq!(run.everything().await, before);
    }

    async fn an_index_made_behind_the_runner_s_back_is_kept(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        target.execute("CREATE INDEX mine ON users (name)").await;
        run.upgrade(&crowd).await.unwrap();
        run.model_holds("crowd").await;
        assert!(run.everything().await.contains("mine"));
    }

    async fn a_table_dropped_and_made_again_in_one_plan_may_have_the_same_names(target: &TestTarget) {
        let run = Run::on(target);
        let make = || create_table("users", |t| {
            t.id("id");
            t.varchar("name", 80).not_null();
            t.unique(["name"]);
        });
        let index = || create_index("users", Index::new("by_name", ["name", "id"]));
        let package = GuestPackage::new("crowd")
            .revision("001", &[], "Create")
            .upgrade([make(), index()])
            .revision("002", &["001"], "Drop")
            .upgrade([drop_table("users")])
            .revision("003", &["002"], "Create again")
            .upgrade([make(), index()]);
        let crowd = run.open(&package);
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        run.upgrade(&crowd).await.unwrap();
        run.model_holds("crowd").await;
        let first = run.open(&GuestPackage::new("other").revision("001", &[], "All").upgrade([
            create_table("by_id", |t| { t.id("id"); }),
        ]));
        run.upgrade(&first).await.unwrap();
        run.model_holds("other").await;
    }
}
