//! Populate steps: which run, in which order, and when again.

use ptah_wasm_tests::on_every_database;

use super::*;

fn note(text: &str) -> [Action; 1] {
    [bulk_insert("notes", ["text"], [(text,)])]
}

/// `last` requires `middle`, which is inactive and requires `first`.
fn notes() -> GuestPackage {
    let create = || {
        create_table("notes", |t| {
            t.id("id");
            t.varchar("text", 50);
        })
    };
    GuestPackage::new("notes")
        .populate("ptah-db-schema", [create()])
        .populate("ptah-base-schema", [])
        .populate("last", note("last"))
        .requires("middle")
        .populate("middle", note("middle"))
        .inactive()
        .requires("first")
        .populate("first", note("first"))
        .populate("demo", note("demo"))
        .inactive()
        .revision("001", &[], "Create notes")
        .upgrade([create()])
        .downgrade([drop_table("notes")])
}

async fn texts(target: &TestTarget) -> Vec<String> {
    let rows = target.fetch("SELECT text FROM notes ORDER BY id").await;
    rows.into_iter().flatten().flatten().collect()
}

on_every_database! {
    async fn all_active_steps_run_after_what_they_require_inactive_or_not(target: &TestTarget) {
        let run = Run::on(target);
        let notes = run.open(&notes());
        run.populate(&notes).await.unwrap();
        assert_eq!(
            run.said(),
            [
                "notes: populated, stamped 001",
                "notes: populated first, first",
                "notes: populated middle, middle",
                "notes: populated last, last",
            ]
        );
        assert_eq!(texts(target).await, ["first", "middle", "last"]);
        run.populate(&notes).await.unwrap();
        assert_eq!(run.said(), ["notes: at 001, nothing to do"]);
        run.model_holds("notes").await;
    }

    async fn a_named_step_runs_again_and_what_it_requires_does_not(target: &TestTarget) {
        let run = Run::on(target);
        let notes = run.open(&notes());
        run.upgrade(&notes).await.unwrap();
        assert_eq!(texts(target).await, [""; 0]);
        run.populate_named(&notes, &["demo"]).await.unwrap();
        run.populate_named(&notes, &["middle"]).await.unwrap();
        run.populate_named(&notes, &["middle"]).await.unwrap();
        run.populate(&notes).await.unwrap();
        assert_eq!(texts(target).await, ["demo", "first", "middle", "middle", "last"]);
        let state = run.migrator.current(&[notes]).await.unwrap().remove(0);
        assert_eq!(state.populated, ["demo", "first", "last", "middle", "ptah-db-schema"]);
    }

    async fn after_a_downgrade_to_base_the_steps_run_again(target: &TestTarget) {
        let run = Run::on(target);
        let notes = run.open(&notes());
        run.populate(&notes).await.unwrap();
        run.downgrade(&notes, None).await.unwrap();
        assert!(!run.tables().await.contains(&"notes".to_owned()));
        run.populate(&notes).await.unwrap();
        assert_eq!(texts(target).await, ["first", "middle", "last"]);
        assert_eq!(run.versions().await, ["notes 001"]);
    }

    async fn steps_that_cannot_be_named_or_ordered_are_errors(target: &TestTarget) {
        let run = Run::on(target);
        let notes = run.open(&notes().populate("a", []).inactive().requires("b").populate("b", []).inactive().requires("a"));
        let before = run.everything().await;
        assert_says(run.populate_named(&notes, &["ptah-base-schema"]).await, &["ptah-base-schema runs by itself"]);
        assert_says(run.populate_named(&notes, &["nothing"]).await, &["there is no populate step nothing"]);
        assert_says(run.populate_named(&notes, &["a"]).await, &["populate steps form a cycle: a -> b -> a"]);
        assert_eq!(run.everything().await, before);
    }

    async fn populate_never_runs_a_revision(target: &TestTarget) {
        let run = Run::on(target);
        let package = crowd().revision("003", &["002"], "Last");
        let crowd = run.open(&package);
        run.upgrade_as(to(&crowd, "001")).await.unwrap();
        run.said();
        run.populate(&crowd).await.unwrap();
        assert_eq!(run.said(), ["crowd: at 001, nothing to do"]);
        assert_eq!(run.versions().await, ["crowd 001"]);
    }

    async fn a_step_that_needs_a_later_schema_says_which_revisions_are_pending(target: &TestTarget) {
        let run = Run::on(target);
        let demo = [bulk_insert("pages", ["title", "summary"], [("Home", "Start")])];
        let minicms = run.open(&minicms().populate("demo", demo));
        run.upgrade(&minicms).await.unwrap();
        run.downgrade(&minicms, None).await.unwrap();
        let before = run.everything().await;
        let parts = [
            "minicms: populate demo: on ",
            "not-found: table pages has no column summary",
            "the package is at base, and populate never runs a revision: `upgrade` it first (001, 002 pending)",
        ];
        assert_says(run.populate(&minicms).await, &parts);
        assert_says(run.populate_named(&minicms, &["demo"]).await, &parts);
        assert_eq!(run.everything().await, before);
        run.upgrade(&minicms).await.unwrap();
        run.populate(&minicms).await.unwrap();
        assert_eq!(target.fetch("SELECT summary FROM pages").await, [[Some("Start".to_owned())]]);
        // With nothing pending the guest's word stands alone.
        let broken = run.open(&self::minicms().populate("broken", [bulk_insert("pages", ["none"], [(1,)])]));
        assert!(!text(run.populate(&broken).await).contains("pending"));
    }

    async fn what_the_schema_steps_require_runs_before_them(target: &TestTarget) {
        let run = Run::on(target);
        let table = |name: &str| create_table(name, |t| { t.id("id"); });
        let package = GuestPackage::new("shop")
            .populate("ptah-base-schema", [table("b")])
            .requires("first")
            .populate("ptah-db-schema", [table("b"), table("c")])
            .requires("first")
            .populate("first", [table("a")])
            .revision("001", &[], "Create c")
            .upgrade([table("c")]);
        let shop = run.open(&package);
        run.upgrade_as(forced(&shop)).await.unwrap();
        assert_eq!(
            run.said(),
            ["shop: populated first", "shop: populated ptah-base-schema", "shop: running upgrade None -> 001, Create c"]
        );
        run.model_holds("shop").await;
    }

    async fn a_populate_step_with_two_heads_needs_no_target(target: &TestTarget) {
        let run = Run::on(target);
        let package = run.open(&GuestPackage::new("forked").revision("a", &[], "A").revision("b", &[], "B").populate("demo", []));
        run.populate(&package).await.unwrap();
        assert_eq!(run.said(), ["forked: populated demo, demo"]);
    }
}
