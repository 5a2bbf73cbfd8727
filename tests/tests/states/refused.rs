//! A statement that the database refuses in the middle of a step, and steps that fail while they are planned.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// Its second revision inserts what its unique index then refuses.
fn stock() -> GuestPackage {
    GuestPackage::new("stock")
        .revision("001", &[], "Create parts")
        .upgrade([create_table("parts", |t| {
            t.id("id");
            t.varchar("name", 50);
        })])
        .downgrade([drop_table("parts")])
        .revision("002", &["001"], "Number parts")
        .upgrade([
            add_column("parts", Column::integer("number")),
            bulk_insert("parts", ["name", "number"], [("bolt", 1), ("nut", 1)]),
            create_index("parts", Index::new("parts_number", ["number"]).unique()),
        ])
}

/// Corrected.
fn mended_stock() -> GuestPackage {
    stock().upgrade([
        add_column("parts", Column::integer("number")),
        bulk_insert("parts", ["name", "number"], [("bolt", 1), ("nut", 2)]),
        create_index("parts", Index::new("parts_number", ["number"]).unique()),
    ])
}

const REFUSED: [&str; 3] = ["stock: upgrade 002: on ", "the database refused statement 3 of 3", "parts_number"];

/// The catalog before the refusal, and what is said of it.
async fn refused_after_a_row(run: &Run<'_>) -> (Catalog, String) {
    let stock = run.open(&stock());
    run.upgrade_as(to(&stock, "001")).await.unwrap();
    run.target.execute("INSERT INTO parts (name) VALUES ('kept')").await;
    let (catalog, versions) = (run.catalog().await, run.versions().await);
    let error = text(run.upgrade(&stock).await);
    assert!(REFUSED.iter().all(|part| error.contains(part)), "{error}");
    assert_eq!(run.history().await, ["stock upgrade 001 applied", "stock upgrade 002 failed"]);
    assert!(run.records().await[1].entry.error.as_ref().unwrap().contains("refused statement 3 of 3"));
    assert_eq!(run.versions().await, versions);
    (catalog, error)
}

on_databases! {
    [sqlite postgres] async fn a_refused_statement_leaves_all_as_it_was(target: &TestTarget) {
        let run = Run::on(target);
        let (catalog, error) = refused_after_a_row(&run).await;
        assert!(error.contains("the step is rolled back"), "{error}");
        assert_eq!(run.catalog().await, catalog);
        assert_eq!(target.fetch("SELECT name FROM parts").await, [[Some("kept".to_owned())]]);
        // The next run knows nothing of it.
        run.upgrade(&run.open(&mended_stock())).await.unwrap();
        run.model_holds("stock").await;
        assert_eq!(run.versions().await, ["stock 002"]);
    }

    [mariadb] async fn a_refused_statement_leaves_a_full_account(target: &TestTarget) {
        let (_, error) = refused_after_a_row(&Run::on(target)).await;
        assert!(error.contains("partial 2 of 3") && error.contains("--discard-journal"), "{error}");
        assert_eq!(target.fetch("SELECT name, number FROM parts WHERE name = 'kept'").await, [[Some("kept".to_owned()), None]]);
    }

    [mariadb] async fn an_account_is_respected_until_the_operator_discards_it(target: &TestTarget) {
        let run = Run::on(target);
        let stock = run.open(&stock());
        text(run.upgrade(&stock).await);
        let before = run.everything().await;
        let account = ["stock upgrade 002 was cut short, partial 2 of 3", "UNIQUE INDEX `parts_number`", "--discard-journal"];
        let mended = run.open(&mended_stock());
        let crowd = run.open(&crowd());
        assert_says(run.upgrade(&stock).await, &account);
        assert_says(run.upgrade(&mended).await, &account);
        assert_says(run.upgrade(&crowd).await, &account);
        assert_says(run.populate(&crowd).await, &account);
        assert_says(run.downgrade(&stock, None).await, &account);
        // Who looks is not kept from it.
        assert_eq!(run.migrator.current(std::slice::from_ref(&mended)).await.unwrap()[0].recorded, ["001"]);
        // A discard too early finds the column there; the account stays.
        let too_early = run.migrator.upgrade(&[Upgrade::to_head(mended.clone())], Journal::Discard).await;
        assert!(too_early.unwrap_err().to_string().contains("number"));
        assert_eq!(run.everything().await, before);
        target.execute("DELETE FROM parts; ALTER TABLE parts DROP COLUMN number").await;
        run.migrator.upgrade(&[Upgrade::to_head(mended.clone())], Journal::Discard).await.unwrap();
        assert_eq!(
            run.history().await,
            [
                "stock upgrade 001 applied",
                "stock upgrade 002 failed",
                "stock discard-journal 002 applied",
                "stock upgrade 002 applied",
            ]
        );
        run.model_holds("stock").await;
        run.upgrade(&crowd).await.unwrap();
    }

    [mariadb] async fn an_account_is_discarded_where_nothing_is_left_to_do_too(target: &TestTarget) {
        let run = Run::on(target);
        let stock = run.open(&stock());
        text(run.upgrade(&stock).await);
        target.execute("DELETE FROM parts; ALTER TABLE parts DROP COLUMN number").await;
        run.migrator.upgrade(&[to(&stock, "001")], Journal::Discard).await.unwrap();
        assert_eq!(run.history().await[2..], ["stock discard-journal 002 applied"]);
        run.upgrade_as(to(&stock, "001")).await.unwrap();
    }
}

on_every_database! {
    async fn a_first_step_that_is_refused_is_in_the_history_too(target: &TestTarget) {
        let run = Run::on(target);
        let package = run.open(&GuestPackage::new("bad").revision("1", &[], "Fail").upgrade([
            create_table("t", |t| {
                t.integer("a").not_null();
                t.primary_key(["a"]);
            }),
            bulk_insert("t", ["a"], [(1,), (1,)]),
        ]));
        assert_says(run.upgrade(&package).await, &["bad: upgrade 1: on ", "refused statement 2 of 2"]);
        assert_eq!(run.history().await, ["bad upgrade 1 failed"]);
        assert_eq!(run.versions().await, [""; 0]);
        assert_eq!(run.tables().await.contains(&"t".to_owned()), target.dialect() == Dialect::Mariadb);
    }

    async fn an_error_while_planning_writes_nothing_at_all(target: &TestTarget) {
        let run = Run::on(target);
        let endings = [
            Action::Trap,
            Action::Return(Error::Failed("no parts today".into())),
            add_column("nothing", Column::text("x")),
            bulk_insert("parts", ["nothing"], [("x",)]),
        ];
        let mut package = stock();
        for (number, ending) in endings.into_iter().enumerate() {
            package = package.revision(&format!("e{number}"), &["001"], "Fail").upgrade([
                bulk_insert("parts", ["name"], [("bolt",)]),
                ending,
            ]);
        }
        let package = run.open(&package);
        for id in ["e0", "e1", "e2", "e3"] {
            assert_says(run.upgrade_as(to(&package, id)).await, &[&format!("stock: upgrade {id}: on ")]);
        }
        assert_says(run.upgrade_as(to(&package, "e1")).await, &["no parts today"]);
        assert_eq!(run.tables().await, [""; 0]);
    }
}
