//! Packages that contradict themselves or the target: each on every database, with nothing changed.

use ptah_wasm_tests::binary::ptah;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::{on, pages, put, refused};

/// Writes a package named `odd` and runs it.
async fn odd(target: &TestTarget, package: GuestPackage, words: &str, code: i32, parts: &[&str]) {
    put(target.folder(), "odd.wasm", &package);
    refused(target, words, code, parts).await;
}

fn new() -> GuestPackage {
    GuestPackage::new("odd")
}

on_every_database! {
    async fn revisions_that_make_no_line_are_refused(target: &TestTarget) {
        let upgrade = "upgrade odd.wasm";
        let target_name = target.target().label().to_owned();
        odd(target, new().revision("001", &["000"], "x"), upgrade, 4, &[
            "odd: ", &target_name, "revision 001 revises 000, which the package does not have",
        ]).await;
        let heads = new().revision("001", &[], "x").revision("a", &["001"], "x").revision("b", &["001"], "x");
        odd(target, heads.clone(), upgrade, 4, &["odd: ", &target_name, "several heads, a and b"]).await;
        odd(target, heads, "downgrade odd.wasm:001", 4, &["odd: ", "revision 001 is not applied"]).await;
        let cycle = new().revision("001", &["003"], "x").revision("002", &["001"], "x").revision("003", &["002"], "x");
        odd(target, cycle, upgrade, 4, &["odd: ", "cycle: 001 -> 003 -> 002 -> 001"]).await;
        odd(target, new().revision("001", &["001"], "x"), upgrade, 4, &["cycle: 001 -> 001"]).await;
        let twice = new().revision("001", &[], "x").revision("001", &[], "y");
        odd(target, twice, upgrade, 3, &["odd.wasm", "revision 001"]).await;
        odd(target, new().revision("001", &[], "x").depends_on("crowd:007"), upgrade, 4, &[
            "odd: upgrade 001: ", &target_name, "depends on crowd:007, which is not applied here",
        ]).await;
        odd(target, new().revision("001", &[], "x").depends_on("pages:002"), upgrade, 4, &["pages:002", "not applied"]).await;
        let loops = new().populate("a", []).requires("b").populate("b", []).requires("a");
        odd(target, loops, "populate odd.wasm", 4, &["odd: ", "cycle: a -> b -> a"]).await;
        let missing = new().populate("a", []).requires("none");
        odd(target, missing, "populate odd.wasm", 3, &["odd.wasm", "populate step a requires \"none\""]).await;
    }

    async fn two_packages_that_need_each_other_are_refused(target: &TestTarget) {
        put(target.folder(), "one.wasm", &GuestPackage::new("one").revision("001", &[], "x").depends_on("two:001"));
        put(target.folder(), "two.wasm", &GuestPackage::new("two").revision("001", &[], "x").depends_on("one:001"));
        refused(target, "upgrade one.wasm two.wasm", 4, &["packages form a cycle: one -> two -> one"]).await;
    }

    async fn tables_outside_the_grammar_or_of_others_are_out_of_reach(target: &TestTarget) {
        let make = |name: &str| create_table(name, |t| { t.id("id"); });
        let long = "x".repeat(200);
        let names = ["", "a b", "a;b", "ptah_db_versions", "sqlite_x", "pg_x", "a\"b", "a`b", "ä", "1a", &long];
        let others = [
            drop_table("pages"),
            add_column("pages", Column::text("x")),
            rename_table("pages", "mine"),
            execute(r#"DELETE FROM "pages""#, ()),
            bulk_insert("pages", ["title"], [("x",)]),
            drop_table("ptah_db_versions"),
            execute(r#"DELETE FROM "ptah_db_versions""#, ()),
            rename_table("none", "ptah_db_x"),
        ];
        // All in one package: a step each, run by its name.
        let mut package = new().populate("taken", [make("Pages")]).inactive();
        let actions: Vec<Action> = names.into_iter().map(make).chain(others).collect();
        for (at, action) in actions.iter().enumerate() {
            package = package.populate(&format!("p{at}"), [action.clone()]).inactive();
        }
        put(target.folder(), "odd.wasm", &package);
        for at in 0..actions.len() {
            refused(target, &format!("populate odd.wasm p{at}"), 5, &[&format!("odd: populate p{at}: ")]).await;
        }
        refused(target, "populate odd.wasm taken", 4, &["odd: populate taken: ", "table Pages"]).await;
    }

    async fn a_target_that_does_not_fit_the_package_is_refused(target: &TestTarget) {
        let name = target.target().label().to_owned();
        put(target.folder(), "pages.wasm", &pages());
        on(target, "upgrade pages.wasm:001").ok();
        refused(target, "upgrade pages.wasm:009", 4, &["pages: ", &name, "there is no revision 009"]).await;
        refused(target, "downgrade pages.wasm:002", 4, &["pages: ", &name, "revision 002 is not applied; recorded is 001"]).await;
        refused(target, "downgrade pages.wasm:009", 4, &["there is no revision 009"]).await;
        on(target, "upgrade pages.wasm").ok();
        refused(target, "upgrade pages.wasm:001", 4, &["pages: ", &name, "revision 001 is behind the recorded 002"]).await;
        // Another package of that name, which does not know what is recorded.
        let stranger = GuestPackage::new("pages").revision("x1", &[], "x").upgrade([drop_table("pages")]);
        put(target.folder(), "stranger.wasm", &stranger);
        for verb in ["upgrade stranger.wasm", "downgrade stranger.wasm:base", "populate stranger.wasm", "current stranger.wasm"] {
            refused(target, verb, 4, &["pages: ", &name, "revision 002 is recorded on the target"]).await;
        }
    }

    async fn a_table_that_is_there_and_differs_is_shown_and_left_alone(target: &TestTarget) {
        target.execute("CREATE TABLE sheets (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(100) NOT NULL)").await;
        let make = |width| create_table("sheets", move |t| {
            t.integer("id").not_null();
            t.varchar("title", width).not_null();
            t.primary_key(["id"]);
        });
        let package = |width| new().revision("001", &[], "x").upgrade([make(width)]).revision("002", &["001"], "y")
            .upgrade([add_column("sheets", Column::text("body"))]);
        odd(target, package(200), "upgrade odd.wasm", 4, &["odd: ", "equal no revision", "nearest is 001", "title"]).await;
        odd(target, package(200), "upgrade --adopt odd.wasm", 4, &["odd: ", "nearest is 001", "title"]).await;
        odd(target, package(100), "upgrade odd.wasm", 4, &["odd: ", "sheets", "they equal 001", "--adopt"]).await;
        odd(target, package(100), "upgrade --adopt=002 odd.wasm", 4, &["they equal 001"]).await;
        on(target, "upgrade --adopt=001 odd.wasm").ok().says(&["odd: adopted sheets, stamped 001", "running upgrade 001 -> 002"]);
        on(target, "current odd.wasm").ok().prints(&["odd: 002 (head)"]);
    }
}

#[test]
fn ids_and_names_that_break_the_grammar_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |package: GuestPackage| {
        put(folder.path(), "odd.wasm", &package);
        let done = ptah(folder.path()).args("upgrade odd.wasm").run().ends(3).says(&["error: odd.wasm: "]).prints(&[]);
        assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
    };
    let long = "x".repeat(65);
    for id in ["", "a b", "a:b", "a/b", "'", "ä", "base", "head", "a\nb", &long] {
        refuse(new().revision(id, &[], "x"));
    }
    for name in ["", "a b", "a:b", "../x", "\u{1b}[31m", "ptah_db_x y", &"x".repeat(300)] {
        refuse(GuestPackage::new(name));
    }
    refuse(new().populate("a b", []));
    refuse(new().revision("001", &[], "x").depends_on("crowd"));
    refuse(new().revision("001", &[], "x").depends_on("a b:001"));
    assert!(!folder.path().join("ptah.db").exists());
}
