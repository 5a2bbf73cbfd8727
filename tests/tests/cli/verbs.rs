//! Every verb once on every database: what it prints as text and as JSON, and what it leaves alone.

use ptah_wasm_tests::binary::ptah;
use ptah_wasm_tests::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;

use crate::{is_empty, notes, on, pages, put};

on_every_database! {
    async fn an_upgrade_talks_on_stderr_and_prints_nothing(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        let done = on(target, "upgrade pages.wasm").ok().prints(&[]);
        let talk: Vec<&str> = done.stderr.lines().collect();
        assert_eq!(talk, [
            "pages: running upgrade None -> 001, Create pages",
            "pages: running upgrade 001 -> 002, Add summary",
        ]);
        let again = on(target, "upgrade pages.wasm").ok().prints(&[]);
        assert_eq!(again.stderr, "pages: at 002, nothing to do\n");
        let down = on(target, "downgrade pages.wasm:base").ok().prints(&[]);
        assert_eq!(down.stderr, "pages: running downgrade 002 -> 001, Add summary\n\
                                 pages: running downgrade 001 -> None, Create pages\n");
        assert!(target.tables().await.iter().all(|table| table.starts_with("ptah_db_")));
    }

    async fn quiet_says_nothing_unless_it_fails(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        for words in ["upgrade -q pages.wasm", "-q upgrade pages.wasm", "downgrade --quiet pages.wasm:001"] {
            let done = on(target, words).ok();
            assert_eq!(done.all(), "", "{words}");
        }
        on(target, "-q upgrade pages.wasm:009").run().ends(4).says(&["error: pages: ", "there is no revision 009"]);
        on(target, "-q -v current").run().ends(2);
    }

    async fn debug_messages_of_a_guest_show_with_verbose_only(target: &TestTarget) {
        let package = GuestPackage::new("chatty").revision("001", &[], "Talk").upgrade([
            Action::Message(Level::Debug, "a debug word".into()),
            Action::Message(Level::Info, "an info word".into()),
            Action::Message(Level::Warn, "a warning\u{1b}[31m red\nsecond".into()),
        ]);
        put(target.folder(), "chatty.wasm", &package);
        let done = on(target, "upgrade --dry-run chatty.wasm").ok().says(&["chatty: upgrade 001: an info word"]);
        assert!(!done.stderr.contains("a debug word"), "{}", done.stderr);
        assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
        let done = on(target, "upgrade -v chatty.wasm").ok();
        assert!(done.stderr.contains("chatty: upgrade 001: a debug word"), "{}", done.stderr);
        assert!(!done.stderr.contains("\nsecond"), "a guest began a line of its own: {}", done.stderr);
    }

    async fn a_dry_run_prints_statements_and_changes_nothing(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        let done = on(target, "upgrade --dry-run pages.wasm").ok();
        let lines: Vec<&str> = done.stdout.lines().collect();
        assert_eq!(lines[0], "-- pages: running upgrade None -> 001, Create pages");
        assert!(lines[1].starts_with("CREATE TABLE"), "{}", done.stdout);
        assert!(is_empty(target).await);
        if target.url().starts_with("sqlite") {
            assert!(!target.folder().join("test.db").exists(), "a dry run made the file");
        }
        on(target, "upgrade pages.wasm").ok();
        let before = dump::whole(target).await;
        let done = on(target, "upgrade --dry-run pages.wasm").ok().prints(&[]);
        assert_eq!(done.stderr, "pages: at 002, nothing to do\n");
        let down = on(target, "downgrade --dry-run pages.wasm:base").ok();
        assert!(down.stdout.contains("DROP TABLE"), "{}", down.stdout);
        let json = on(target, "downgrade --dry-run --json pages.wasm:001").ok().json();
        assert_eq!(json["dry_run"], true);
        assert_eq!(json["packages"][0]["steps"][0]["kind"], "downgrade");
        assert_eq!(json["packages"][0]["recorded"], serde_json::json!(["002"]));
        assert_eq!(json["packages"][0]["records"], serde_json::json!(["001"]));
        assert_eq!(dump::whole(target).await, before);
    }

    async fn verbs_that_look_write_nothing_on_an_empty_target(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        on(target, "current pages.wasm").ok().prints(&["pages: None (2 pending)"]);
        on(target, "current").ok().prints(&[]);
        on(target, "list").ok().prints(&[]);
        on(target, "history pages.wasm").ok().prints(&[
            "pages: 001 -> 002 (head, pending), Add summary",
            "pages: None -> 001 (pending), Create pages",
        ]);
        on(target, "history --records").ok().prints(&[]);
        on(target, "populate -l pages.wasm").ok().prints(&[]);
        assert!(is_empty(target).await);
        if target.url().starts_with("sqlite") {
            let files = std::fs::read_dir(target.folder()).unwrap().map(|entry| entry.unwrap().file_name());
            let odd: Vec<_> = files.filter(|name| name != "pages.wasm").collect();
            assert!(odd.is_empty(), "{odd:?}");
        }
    }

    async fn current_history_and_list_say_where_packages_stand(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        put(target.folder(), "notes.wasm", &notes());
        let config = "[[package]]\nname = 'notes'\npath = 'notes.wasm'\n\
                      [[package]]\nname = 'pages'\npath = 'pages.wasm'\ntitle = 'The pages'\n";
        std::fs::write(target.folder().join("ptah.toml"), config).unwrap();
        on(target, "upgrade pages:001").ok();
        on(target, "current").ok().prints(&["notes: None (1 pending)", "pages: 001 (1 pending)"]);
        on(target, "current pages").ok().prints(&["pages: 001 (1 pending)"]);
        on(target, "list").ok().prints(&[
            "notes: None (1 pending), Notes (notes.wasm)",
            "pages: 001 (1 pending), The pages (pages.wasm)",
        ]);
        on(target, "history pages").ok().prints(&[
            "pages: 001 -> 002 (head, pending), Add summary",
            "pages: None -> 001 (current), Create pages",
        ]);
        let current = on(target, "current --json pages").ok().json();
        assert_eq!(current[0]["recorded"], serde_json::json!(["001"]));
        assert_eq!(current[0]["pending"][0]["revision"], "002");
        assert_eq!(current[0]["tables"], serde_json::json!(["pages"]));
        let list = on(target, "list --json").ok().json();
        assert_eq!((list[1]["title"].as_str(), list[1]["path"].as_str()), (Some("The pages"), Some("pages.wasm")));
        let history = on(target, "history --json pages").ok().json();
        assert_eq!(history[0]["package"], "pages");
        assert_eq!(history[0]["revisions"][0]["current"], true);
        assert_eq!(history[0]["revisions"][1]["applied"], false);
        // No package named: all registered ones.
        on(target, "upgrade").ok().says(&["notes: running upgrade None -> n1", "pages: running upgrade 001 -> 002"]);
        on(target, "list").ok().prints(&["notes: n1 (head), Notes (notes.wasm)", "pages: 002 (head), The pages (pages.wasm)"]);
        let records = on(target, "history --records").ok();
        assert_eq!(records.stdout.lines().count(), 3, "{}", records.stdout);
        let records = on(target, "history --records --json pages").ok().json();
        assert_eq!(records[1]["step"], "002");
        assert_eq!(records[1]["outcome"], "applied");
    }

    async fn current_without_packages_shows_all_that_are_recorded(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        put(target.folder(), "notes.wasm", &notes());
        on(target, "upgrade pages.wasm notes.wasm").ok();
        on(target, "current").ok().prints(&["notes: n1", "pages: 002"]);
        on(target, "downgrade notes.wasm:base").ok();
        on(target, "current").ok().prints(&["pages: 002"]);
    }

    async fn populate_lists_runs_and_records_steps(target: &TestTarget) {
        let package = pages()
            .populate("demo", [bulk_insert("pages", ["title"], [("Home",)])])
            .populate("extra", [bulk_insert("pages", ["title"], [("More",)])])
            .requires("demo")
            .inactive();
        put(target.folder(), "pages.wasm", &package);
        on(target, "upgrade pages.wasm").ok();
        on(target, "populate -l pages.wasm").ok().prints(&["demo (active): demo", "extra (inactive, requires demo): extra"]);
        on(target, "populate pages.wasm").ok().says(&["pages: populated demo, demo"]);
        on(target, "populate -a pages.wasm").ok().says(&["pages: at 002, nothing to do"]);
        on(target, "populate pages.wasm extra").ok().says(&["pages: populated extra, extra"]);
        let titles = target.fetch("SELECT title FROM pages ORDER BY id").await;
        assert_eq!(titles.into_iter().flatten().flatten().collect::<Vec<_>>(), ["Home", "More"]);
        let listed = on(target, "populate --list --json pages.wasm").ok().json();
        assert_eq!(listed[0]["recorded"], true);
        assert_eq!(listed[1]["requires"], serde_json::json!(["demo"]));
        on(target, "populate pages.wasm none").run().ends(4).says(&["pages: ", "there is no populate step none"]);
        on(target, "populate pages.wasm:001").run().ends(2).says(&["populate takes no revision"]);
    }
}

#[test]
fn inspect_needs_no_database_and_shows_what_a_package_holds() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages().version("2.1"));
    let inspect = || ptah(folder.path()).args("inspect pages.wasm").env("DATABASE_URL", "postgres://127.0.0.1:1/x");
    let done = inspect().ok();
    assert_eq!(done.stderr, "");
    for part in
        ["name: pages", "title: Pages", "version: 2.1", "  001 -> 002, Add summary", "imports ptah:migration/schema@"]
    {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    let json = inspect().arg("--json").ok().json();
    assert_eq!(json["revisions"][1]["down_revisions"], serde_json::json!(["001"]));
    let bytes = std::fs::metadata(folder.path().join("pages.wasm")).unwrap().len();
    assert_eq!(json["components"][0]["bytes"], bytes);
    assert_eq!(json["digest"].as_str().unwrap().len(), 64);
    let minicms = concat!(env!("CARGO_MANIFEST_DIR"), "/../example-packages/minicms/minicms.wasm");
    let done = ptah(folder.path()).args("inspect").arg(minicms).ok();
    for part in [
        "  001 -> 002, Move data (depends on crowd:001)",
        "  ptah-db-schema (active, depends on crowd:001), Tables",
        "  demo-pages (active, requires ptah-db-schema), Sample pages",
    ] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
}

#[test]
fn usage_mistakes_end_with_2_and_with_json_in_a_document() {
    let folder = tempfile::tempdir().unwrap();
    for words in
        ["", "upgrade --nope", "downgrade", "upgrade --sql x", "upgrade --sql --dialect oracle x", "frobnicate"]
    {
        let done = ptah(folder.path()).args(words).run().ends(2);
        assert!(done.stdout.is_empty() && !done.stderr.is_empty(), "{words}: {}", done.all());
        let document = ptah(folder.path()).args(words).arg("--json").run().ends(2).json();
        assert_eq!(document["error"]["code"], 2);
    }
    let help = ptah(folder.path()).arg("--help").ok();
    assert!(help.stdout.contains("Exit codes:") && help.stderr.is_empty());
    ptah(folder.path()).arg("--version").ok();
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut package = GuestPackage::new("long");
    let ids: Vec<String> = (0..2_000).map(|number| format!("r{number:04}")).collect();
    for (at, id) in ids.iter().enumerate() {
        let down = at.checked_sub(1).map(|before| ids[before].as_str());
        package =
            package.revision(id, &down.into_iter().collect::<Vec<_>>(), "A message that fills the pipe with words");
    }
    put(folder.path(), "long.wasm", &package);
    let mut run = ptah(folder.path()).args("history long.wasm");
    let (reader, writer) = std::io::pipe().unwrap();
    run.command().stdout(writer);
    drop(reader);
    let done = run.run().ends(0);
    assert!(!done.stderr.contains("panic"), "{}", done.stderr);
}
