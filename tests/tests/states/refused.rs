//! A statement that the database refuses in the middle of a step, and steps that fail while they are planned.

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
    [sqlite postgres] async fn what_is_refused_at_the_commit_is_refused_like_a_statement(target: &TestTarget) {
        let run = Run::on(target);
        let empty = |asks: &[Action]| {
            let delete = execute("DELETE FROM parts", ());
            stock().upgrade([delete].iter().chain(asks).cloned().collect::<Vec<_>>())
        };
        run.upgrade_as(to(&run.open(&stock()), "001")).await.unwrap();
        target.execute("INSERT INTO parts (id, name) VALUES (1, 'bolt')").await;
        target.execute("CREATE TABLE uses (part BIGINT REFERENCES parts (id) DEFERRABLE INITIALLY DEFERRED)").await;
        target.execute("INSERT INTO uses VALUES (1)").await;
        for asks in [&[][..], &[expect_rows("SELECT count(*) AS n FROM parts", (), [(0,)])]] {
            let error = run.upgrade(&run.open(&empty(asks))).await.unwrap_err();
            assert!(matches!(*error.kind, ptah_wasm::migrate::ErrorKind::Refused { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("COMMIT") && text.contains("the step is rolled back"), "{text}");
            assert_eq!(target.fetch("SELECT name FROM parts").await, [[Some("bolt".to_owned())]]);
            assert_eq!(run.history().await.last().unwrap(), "stock upgrade 002 failed");
        }
        target.execute("DELETE FROM uses").await;
        run.upgrade(&run.open(&empty(&[]))).await.unwrap();
    }

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
        assert!(!run.tables().await.contains(&"t".to_owned()));
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
