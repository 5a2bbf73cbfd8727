//! Databases that cannot be used: unreachable, closed to the login, read-only, full; and what is never printed.

use std::fs;

use ptah_wasm_tests::binary::{Ptah, ptah};
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::target::TestTarget;
use ptah_wasm_tests::{on_databases, on_every_database};
use tempfile::TempDir;

use crate::{on, pages, put};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages());
    folder
}

fn run(folder: &TempDir, words: &str) -> Ptah {
    ptah(folder.path()).args(words)
}

/// The names in a folder besides these.
fn others(folder: &TempDir, known: &[&str]) -> Vec<String> {
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !known.contains(&name.as_str())).collect()
}

#[test]
fn a_server_that_does_not_answer_is_named_without_its_login() {
    let folder = folder();
    for (url, place) in [
        ("postgres://me:hunter2@127.0.0.1:1/x", "postgres://127.0.0.1:1/x"),
        ("mysql://me:hunter2@127.0.0.1:1/x", "mariadb://127.0.0.1:1/x"),
        ("postgres://me:hunter2@no-such-host.invalid/x", "postgres://no-such-host.invalid:5432/x"),
        ("mariadb://me:hunter2@no-such-host.invalid/x", "mariadb://no-such-host.invalid:3306/x"),
    ] {
        for words in
            ["upgrade pages.wasm", "downgrade pages.wasm:base", "current", "history pages.wasm", "populate pages.wasm"]
        {
            let done = run(&folder, words).env("DATABASE_URL", url).run().ends(7).says(&["cannot connect to", place]);
            assert!(!done.all().contains("hunter2") && done.stdout.is_empty(), "{}", done.all());
        }
        let json = run(&folder, "upgrade --json -v pages.wasm").env("DATABASE_URL", url).run().ends(7);
        assert_eq!(json.json()["error"]["target"], place);
        assert!(!json.all().contains("hunter2"), "{}", json.all());
    }
}

/// A package at its first revision whose second one the database refuses at its second statement; what is then said.
fn odd(target: &TestTarget) -> [String; 4] {
    let package = GuestPackage::new("odd")
        .revision("001", &[], "Make")
        .upgrade([
            create_table("odd", |t| {
                t.id("id");
                t.varchar("name", 20).not_null();
            }),
            bulk_insert("odd", ["name"], [("same",), ("same",)]),
        ])
        .revision("002", &["001"], "Tighten")
        .upgrade([
            add_column("odd", Column::text("more")),
            create_index("odd", Index::new("odd_name", ["name"]).unique()),
            add_column("odd", Column::text("never")),
        ]);
    put(target.folder(), "odd.wasm", &package);
    put(target.folder(), "pages.wasm", &pages());
    on(target, "upgrade pages.wasm:001").ok();
    on(target, "upgrade odd.wasm:001").ok();
    ["odd: upgrade 002: ", target.target().label(), "the database refused statement 2 of 3", "odd_name"]
        .map(str::to_owned)
}

on_databases! {
    [postgres mariadb] async fn a_login_that_is_refused_is_said_without_its_password(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        let url = target.url().replace("ptah:ptah@", "ptah:hunter2@");
        assert_ne!(url, target.url());
        for words in ["upgrade pages.wasm", "upgrade -v --json pages.wasm", "current", "current --json"] {
            let done = ptah(target.folder()).args(words).env("DATABASE_URL", &url).run().ends(7).says(&["cannot connect to"]);
            assert!(!done.all().contains("hunter2"), "{}", done.all());
        }
        let none = format!("{}_none", target.url());
        let done = ptah(target.folder()).args("upgrade pages.wasm").env("DATABASE_URL", &none).run().ends(7);
        assert!(done.stderr.contains("_none"), "{}", done.stderr);
        assert!(target.tables().await.is_empty());
    }

    [postgres] async fn a_schema_that_is_missing_is_said_and_not_made(target: &TestTarget) {
        put(target.folder(), "pages.wasm", &pages());
        let url = format!("{}?schema=north", target.url());
        let run = |words: &str| ptah(target.folder()).args(words).env("DATABASE_URL", &url);
        run("upgrade pages.wasm").run().ends(7).says(&["there is no schema \"north\"", "CREATE SCHEMA"]);
        run("current").run().ends(7).says(&["there is no schema \"north\""]);
        target.execute("CREATE SCHEMA north").await;
        run("upgrade pages.wasm").ok();
        run("current").ok().prints(&["pages: 002"]);
        on(target, "current").ok().prints(&[]);
        assert!(target.tables().await.is_empty(), "something is in the default schema");
    }

    [sqlite postgres] async fn a_refused_statement_half_way_is_rolled_back_and_says_so(target: &TestTarget) {
        let parts = odd(target);
        let parts = parts.each_ref().map(String::as_str);
        let failed = on(target, "upgrade odd.wasm").run().ends(6).says(&parts).says(&["the step is rolled back"]);
        assert!(!failed.stderr.contains("'same'"), "a row's value is shown: {}", failed.stderr);
        on(target, "current odd.wasm").ok().prints(&["odd: 001 (1 pending)"]);
        on(target, "history --records odd.wasm").ok();
        let json = on(target, "upgrade --json odd.wasm").run().ends(6).json();
        assert_eq!(json["error"]["step"], "upgrade 002");
        target.execute("UPDATE odd SET name = 'other' WHERE id = 1").await;
        on(target, "upgrade odd.wasm").ok().says(&["odd: running upgrade 001 -> 002"]);
    }

    [mariadb] async fn a_refused_statement_half_way_is_undone_and_says_so(target: &TestTarget) {
        let parts = odd(target);
        let parts = parts.each_ref().map(String::as_str);
        let failed = on(target, "upgrade odd.wasm").run().ends(6).says(&parts).says(&["what the step had applied was undone"]);
        assert!(!failed.stderr.contains("'same'"), "a row's value is shown: {}", failed.stderr);
        on(target, "current odd.wasm").ok().prints(&["odd: 001 (1 pending)"]);
        on(target, "repair").ok().prints(&[]).says(&["no step stands unfinished"]);
        target.execute("UPDATE odd SET name = 'other' WHERE id = 1").await;
        on(target, "upgrade odd.wasm").ok().says(&["odd: running upgrade 001 -> 002"]);
        on(target, "current odd.wasm").ok().prints(&["odd: 002 (head)"]);
    }

    [mariadb] async fn an_upgrade_forgets_first_what_stands_half_done_if_told_to(target: &TestTarget) {
        let package = GuestPackage::new("half")
            .revision("001", &[], "Make")
            .upgrade([create_table("half", |t| { t.id("id"); t.varchar("name", 20).not_null(); })])
            .revision("002", &["001"], "Fill")
            .upgrade([
                add_column("half", Column::text("more")),
                bulk_insert("half", ["name"], [("same",), ("same",)]),
                create_index("half", Index::new("half_name", ["name"]).unique()),
            ]);
        put(target.folder(), "half.wasm", &package);
        put(target.folder(), "pages.wasm", &pages());
        let account = ["half: upgrade 002: ", "refused statement 3 of 3", "half_name", "partial 2 of 3"];
        on(target, "upgrade half.wasm").run().ends(6).says(&account);
        on(target, "upgrade pages.wasm").run().ends(4).says(&["upgrade 002 stands half done, partial 2 of 3"]);
        on(target, "upgrade --dry-run --discard-journal half.wasm").run().ends(2);
        target.execute("DELETE FROM half; ALTER TABLE half DROP COLUMN more").await;
        on(target, "upgrade --discard-journal pages.wasm").ok().says(&["upgrade 002 is forgotten"]);
        on(target, "upgrade --discard-journal half.wasm:001").ok();
        on(target, "current").ok().prints(&["half: 001", "pages: 002"]);
        on(target, "repair").ok().says(&["no step stands unfinished"]);
    }
}

on_every_database! {
    async fn a_failure_lists_in_json_what_was_applied_before_it(target: &TestTarget) {
        let late = GuestPackage::new("late")
            .revision("001", &[], "Make")
            .upgrade([
                create_table("late", |t| { t.id("id"); t.varchar("name", 20).not_null(); }),
                bulk_insert("late", ["name"], [("same",), ("same",)]),
            ])
            .revision("002", &["001"], "Widen")
            .upgrade([add_column("late", Column::text("more"))])
            .revision("003", &["002"], "Tighten")
            .upgrade([create_index("late", Index::new("late_name", ["name"]).unique())]);
        put(target.folder(), "late.wasm", &late);
        put(target.folder(), "pages.wasm", &pages());
        let applied = |json: &serde_json::Value| -> Vec<String> {
            let packages = json["error"]["applied"].as_array().unwrap();
            let step = |step: &serde_json::Value| step["revision"].as_str().unwrap().to_owned();
            packages.iter().map(|one| {
                let steps: Vec<String> = one["steps"].as_array().unwrap().iter().map(step).collect();
                format!("{} {}, at {}", one["package"].as_str().unwrap(), steps.join(" "), one["records"])
            }).collect()
        };
        let json = on(target, "upgrade --json pages.wasm late.wasm").run().ends(6).json();
        assert_eq!(json["error"]["step"], "upgrade 003");
        assert_eq!(applied(&json), ["pages 001 002, at [\"002\"]", "late 001 002, at [\"002\"]"]);
        on(target, "current").ok().prints(&["late: 002", "pages: 002"]);
        let json = on(target, "upgrade --json none.wasm").run().ends(3).json();
        assert_eq!(applied(&json), [""; 0]);
    }
}

#[test]
fn a_sqlite_file_that_cannot_be_one_is_refused() {
    let folder = folder();
    fs::create_dir(folder.path().join("folder.db")).unwrap();
    fs::write(
        folder.path().join("text.db"),
        "this is no database, and long enough to have a header of its own: ".repeat(20),
    )
    .unwrap();
    let before = fs::read(folder.path().join("text.db")).unwrap();
    for (file, code, part) in [
        ("folder.db", 7, "folder.db"),
        ("text.db", 7, "is not a SQLite database"),
        ("none/deeper/x.db", 7, "none/deeper/x.db"),
        ("/proc/version", 7, "/proc/version"),
        ("/proc/x.db", 7, "/proc/x.db"),
        ("pages.wasm/x.db", 7, "pages.wasm/x.db"),
    ] {
        let done =
            run(&folder, "upgrade pages.wasm --database").arg(format!("sqlite:{file}")).run().ends(code).says(&[part]);
        assert!(!done.stderr.contains("panic"), "{}", done.stderr);
    }
    assert_eq!(fs::read(folder.path().join("text.db")).unwrap(), before);
    assert_eq!(
        others(&folder, &["folder.db", "text.db", "pages.wasm"])
            .iter()
            .filter(|name| !name.ends_with("-ptah-lock"))
            .count(),
        0
    );
}

#[test]
fn a_target_that_is_read_only_by_its_url_is_not_written() {
    let folder = folder();
    run(&folder, "upgrade pages.wasm:001 --database sqlite:x.db").ok();
    let before = fs::read(folder.path().join("x.db")).unwrap();
    run(&folder, "upgrade pages.wasm --database sqlite:x.db?mode=ro").run().ends(7).says(&["read-only"]);
    run(&folder, "current pages.wasm --database sqlite:x.db?mode=ro").ok().prints(&["pages: 001 (1 pending)"]);
    assert_eq!(fs::read(folder.path().join("x.db")).unwrap(), before);
}

/// As an ordinary user: the permissions of files bind nobody who is root.
#[cfg(target_os = "linux")]
fn unprivileged(run: Ptah) -> Ptah {
    use std::os::unix::fs::MetadataExt as _;
    match fs::metadata("/proc/self").unwrap().uid() {
        0 => run.through("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups"]),
        _ => run,
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_sqlite_file_or_folder_without_write_permission_is_said_and_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    // The target directory may lie where only root may go: the binary is copied beside the package.
    let copy = folder.path().join("ptah-wasm");
    fs::copy(ptah_wasm_tests::binary::binary(), &copy).unwrap();
    run(&folder, "upgrade pages.wasm:001 --database sqlite:x.db").ok();
    fs::remove_file(folder.path().join("x.db-ptah-lock")).unwrap();
    let before = fs::read(folder.path().join("x.db")).unwrap();
    let mode = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let run = |words: &str| {
        unprivileged(Ptah::of(&copy, folder.path()).args(words).env("PTAH_WASM_CACHE", folder.path().join("cache")))
    };
    for (file_mode, folder_mode) in [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)] {
        mode(&folder.path().join("x.db"), file_mode);
        mode(folder.path(), folder_mode);
        let done = run("upgrade pages.wasm --database sqlite:x.db").run().ends(7);
        assert!(done.stderr.contains("read-only") || done.stderr.contains("ermission"), "{}", done.stderr);
        run("current pages.wasm --database sqlite:x.db").ok().prints(&["pages: 001 (1 pending)"]);
        assert_eq!(fs::read(folder.path().join("x.db")).unwrap(), before);
    }
    mode(folder.path(), 0o555);
    let done = run("upgrade pages.wasm --database sqlite:new.db").run().ends(7).says(&["new.db"]);
    assert!(!done.stderr.contains("panic"), "{}", done.stderr);
    mode(&folder.path().join("x.db"), 0o000);
    run("current pages.wasm --database sqlite:x.db").run().ends(7).says(&["x.db"]);
    mode(&folder.path().join("pages.wasm"), 0o000);
    run("inspect pages.wasm").run().ends(3).says(&["pages.wasm"]);
    mode(folder.path(), 0o755);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_at_the_commit_is_the_error_that_is_shown() {
    let folder = folder();
    let fill = |times| [Action::Repeat(times, vec![Action::InsertBytes("large".into(), "body".into(), 900_000)])];
    let package = GuestPackage::new("large")
        .revision("001", &[], "Make")
        .upgrade([create_table("large", |t| {
            t.id("id");
            t.text("body");
        })])
        .revision("002", &["001"], "Fill")
        .upgrade(fill(4))
        .revision("003", &["002"], "One more, which is written when it is committed")
        .upgrade(fill(1));
    put(folder.path(), "large.wasm", &package);
    run(&folder, "upgrade large.wasm:002 --database sqlite:x.db").ok();
    let limit = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\"";
    let full = run(&folder, "upgrade large.wasm --database sqlite:x.db").through("bash", &["-c", limit]).run().ends(7);
    assert!(full.stderr.contains("disk") && !full.stderr.contains("cannot rollback"), "{}", full.stderr);
    run(&folder, "current large.wasm --database sqlite:x.db").ok().prints(&["large: 002 (1 pending)"]);
    run(&folder, "upgrade large.wasm --database sqlite:x.db").ok();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_rolls_the_step_back() {
    let folder = folder();
    let package = GuestPackage::new("large")
        .revision("001", &[], "Make")
        .upgrade([create_table("large", |t| {
            t.id("id");
            t.text("body");
        })])
        .downgrade([drop_table("large")])
        .revision("002", &["001"], "Fill")
        .upgrade([Action::Repeat(7, vec![Action::InsertBytes("large".into(), "body".into(), 900_000)])]);
    put(folder.path(), "large.wasm", &package);
    run(&folder, "upgrade large.wasm:001 --database sqlite:x.db").ok();
    // A limit on the size of files is to SQLite what a full disk is; the signal that comes with it is ignored. The
    // memory of the guest is a file too, of one to two megabytes.
    let limit = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\"";
    let full = run(&folder, "upgrade large.wasm --database sqlite:x.db").through("bash", &["-c", limit]).run();
    assert!(matches!(full.status.code(), Some(6 | 7)), "{}\n{}", full.status, full.all());
    assert!(full.stderr.contains("large: upgrade 002: "), "{}", full.stderr);
    run(&folder, "current large.wasm --database sqlite:x.db").ok().prints(&["large: 001 (1 pending)"]);
    run(&folder, "upgrade large.wasm --database sqlite:x.db").ok();
    run(&folder, "downgrade large.wasm:base --database sqlite:x.db").ok();
}

#[test]
fn a_login_typed_in_the_wrong_place_is_not_shown() {
    let folder = folder();
    let url = "postgres://me:hunter2@db.example/x?password=hunter2";
    for words in
        ["", "upgrade", "upgrade --lock-timeout", "inspect", "--config", "upgrade --dialect", "upgrade --adopt"]
    {
        for json in ["-v", "--json"] {
            let done = run(&folder, words).arg(url).arg(json).run();
            assert!(!done.status.success() && !done.all().contains("hunter2"), "{words}: {}", done.all());
        }
    }
    fs::write(folder.path().join("ptah.toml"), format!("databse = '{url}'\n")).unwrap();
    let done = run(&folder, "list").run().ends(1);
    assert!(!done.all().contains("hunter2"), "{}", done.all());
    let help = run(&folder, "--help").env("DATABASE_URL", url).ok();
    assert!(!help.all().contains("hunter2"));
}
