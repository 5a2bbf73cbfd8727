//! A run that is killed while it takes back a step that was refused half way, and the next one.

use std::os::unix::process::ExitStatusExt as _;

use ptah_wasm_tests::dump::{difference, dump};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_databases;
use ptah_wasm_tests::target::TestTarget;

use crate::{failing, on, on_fresh_databases, put, statements};

/// Its second step is refused at its end.
fn refused() -> GuestPackage {
    GuestPackage::new("chain")
        .revision("001", &[], "Create")
        .upgrade([
            create_table("author", |t| {
                t.id("id");
                t.varchar("name", 50).not_null();
            }),
            bulk_insert("author", ["name"], [("same",), ("same",)]),
        ])
        .revision("002", &["001"], "Tighten")
        .upgrade([
            create_table("book", |t| {
                t.id("id");
                t.integer("author");
            }),
            bulk_insert("book", ["author"], [(1,)]),
            rename_table("book", "work"),
            // Two that the step makes and that refer to each other.
            create_table("shelf", |t| {
                t.id("id");
                t.big_integer("best");
                t.foreign_key(["best"], "work", ["id"]);
            }),
            add_column("work", Column::big_integer("shelf")),
            create_constraint("work", Constraint::ForeignKey(ForeignKey::new(["shelf"], "shelf", ["id"]))),
            add_column("author", Column::text("about")),
            rename_column("author", "name", "full_name"),
            create_index_online("author", Index::new("author_name", ["full_name"]).unique(), Demand::IfSupported),
        ])
}

/// Kills the run that is refused and lets the next one settle what it left; what then differs from an undisturbed run.
async fn killed(target: &TestTarget, failpoint: &str, undisturbed: &str) -> Option<String> {
    put(target, "chain.wasm", &refused());
    on(target, "upgrade chain.wasm:001").ok();
    let done = failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT", failpoint).run();
    assert_eq!(done.status.signal(), Some(9), "{failpoint}: {done:?}");
    // What was begun is refused once more, or taken back; then all of it is tried again.
    on(target, "repair --resume").run();
    on(target, "upgrade chain.wasm").run().ends(6).says(&["what the step had applied was undone"]);
    on(target, "repair").ok().prints(&[]);
    difference(undisturbed, &dump(target).await).map(|lines| format!("{failpoint}\n{lines}\n"))
}

on_databases! {
    [postgres mariadb] async fn a_step_that_is_taken_back_is_so_wherever_its_run_is_killed(target: &TestTarget) {
        put(target, "chain.wasm", &refused());
        on(target, "upgrade chain.wasm:001").ok();
        let log = target.folder().join("statements");
        failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT_LOG", &log).run().ends(6);
        let (whole, statements) = (dump(target).await, statements(&log));
        assert!(statements.len() > 20, "{statements:#?}");
        let failpoints: Vec<String> = (1..=statements.len()).map(|number| format!("during:{number}")).collect();
        let wrong = on_fresh_databases(target.dialect(), &failpoints, async |target, failpoint| {
            killed(target, failpoint, &whole).await
        });
        let wrong: Vec<String> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
    }
}
