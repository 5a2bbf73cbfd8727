//! How words become packages, revisions and a database: paths, registered names, flags, variables, `ptah.toml`.

use std::fs;
use std::path::Path;

use ptah_wasm_tests::binary::{Ptah, ptah};
use tempfile::TempDir;

use crate::{notes, pages, put};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages());
    folder
}

fn run(folder: &TempDir, words: &str) -> Ptah {
    ptah(folder.path()).args(words)
}

fn write(folder: &TempDir, file: &str, text: &str) {
    let path = folder.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn is_there(folder: &TempDir, file: &str) -> bool {
    folder.path().join(file).exists()
}

#[test]
fn the_default_database_is_ptah_db_in_the_current_folder_and_said() {
    let folder = folder();
    run(&folder, "upgrade pages.wasm").ok().says(&["using ptah.db in the current folder"]);
    assert!(is_there(&folder, "ptah.db"));
    run(&folder, "current --json").ok().says(&["using ptah.db"]).json();
    assert_eq!(run(&folder, "-q upgrade pages.wasm").ok().all(), "");
    // An empty variable is none.
    run(&folder, "current").env("DATABASE_URL", "").ok().says(&["using ptah.db"]);
}

#[test]
fn the_flag_beats_the_variable_which_beats_the_file() {
    let folder = folder();
    write(&folder, "ptah.toml", "database = 'sqlite:file.db'\n");
    let done = run(&folder, "upgrade pages.wasm").ok();
    assert!(is_there(&folder, "file.db") && !done.stderr.contains("ptah.db"));
    run(&folder, "upgrade pages.wasm").env("DATABASE_URL", "sqlite:variable.db").ok();
    assert!(is_there(&folder, "variable.db"));
    run(&folder, "upgrade pages.wasm --database sqlite:flag.db").env("DATABASE_URL", "sqlite:other.db").ok();
    assert!(is_there(&folder, "flag.db") && !is_there(&folder, "other.db") && !is_there(&folder, "ptah.db"));
}

#[test]
fn paths_in_a_configuration_elsewhere_are_of_its_folder() {
    let folder = folder();
    write(&folder, "app 50%?/ptah.toml", "database = 'sqlite:app.db'\n[[package]]\nname = 'notes'\npath = 'n.wasm'\n");
    put(&folder.path().join("app 50%?"), "n.wasm", &notes());
    ptah(folder.path()).args("upgrade notes --config").arg("app 50%?/ptah.toml").ok();
    assert!(is_there(&folder, "app 50%?/app.db"), "the database is not where its configuration is");
    run(&folder, "list --config none.toml").run().ends(1).says(&["none.toml"]);
}

#[test]
fn a_configuration_that_cannot_be_used_is_named_with_the_reason() {
    let folder = folder();
    let twice = "[[package]]\nname = 'a'\npath = 'a'\n[[package]]\nname = 'a'\npath = 'b'\n";
    for (text, part) in [
        (twice, "package a is registered twice"),
        ("databse = 'x'", "databse"),
        ("[[package]]\nname = 'a'\n", "path"),
        ("[", "ptah.toml"),
    ] {
        write(&folder, "ptah.toml", text);
        run(&folder, "list").run().ends(1).says(&["ptah.toml", part]);
        let document = run(&folder, "list --json").run().ends(1).json();
        assert!(document["error"]["message"].as_str().unwrap().contains(part));
    }
    fs::write(folder.path().join("ptah.toml"), b"\xff\xfe").unwrap();
    run(&folder, "list").run().ends(1).says(&["ptah.toml"]);
    assert!(!is_there(&folder, "ptah.db"));
}

#[test]
fn a_registered_name_must_be_what_the_package_says() {
    let folder = folder();
    write(&folder, "ptah.toml", "[[package]]\nname = 'sheets'\npath = 'pages.wasm'\n");
    run(&folder, "upgrade sheets").run().ends(2).says(&["sheets", "pages"]);
    run(&folder, "upgrade pages").run().ends(2).says(&["pages is neither a file nor a registered package", "sheets"]);
}

#[test]
fn what_names_no_package_is_said() {
    let folder = folder();
    run(&folder, "upgrade").run().ends(2).says(&["no package named, and none is registered"]);
    run(&folder, "upgrade crowd").run().ends(2).says(&["crowd is neither a file nor a registered package"]);
    run(&folder, "upgrade none.wasm").run().ends(3).says(&["none.wasm"]);
    run(&folder, "upgrade ./none").run().ends(3).says(&["./none"]);
    run(&folder, "history").run().ends(2).says(&["no package named"]);
    run(&folder, "inspect none.wasm").run().ends(3).says(&["none.wasm"]);
    run(&folder, "downgrade pages.wasm").run().ends(2).says(&["pages.wasm:REV or pages.wasm:base"]);
    ptah(folder.path()).arg("upgrade").arg("").run().ends(2);
    assert!(!is_there(&folder, "ptah.db"));
}

#[test]
fn a_package_named_twice_is_refused() {
    let folder = folder();
    fs::copy(folder.path().join("pages.wasm"), folder.path().join("copy.wasm")).unwrap();
    run(&folder, "upgrade pages.wasm:001:002").run().ends(2).says(&["001:002", "--sql only"]);
    for words in ["upgrade pages.wasm pages.wasm:001", "upgrade pages.wasm copy.wasm"] {
        run(&folder, words).run().ends(4).says(&["pages: the package is given twice"]);
    }
    assert!(!is_there(&folder, "ptah.db"));
}

#[test]
fn odd_paths_and_revisions_are_told_apart() {
    let folder = folder();
    let names = ["a:b.wasm", "with space.wasm", "größe-包.wasm", "001", "x:001", "sub/deep.wasm", "no-suffix"];
    fs::create_dir(folder.path().join("sub")).unwrap();
    for (at, name) in names.iter().enumerate() {
        put(folder.path(), name, &pages());
        let database = format!("sqlite:{at}.db");
        let run = |word: &str| ptah(folder.path()).args("upgrade --database").arg(&database).arg(word);
        run(&format!("{name}:001")).ok().says(&["pages: running upgrade None -> 001"]);
        let done = run(name).ok();
        assert!(done.stderr.contains("pages: running upgrade 001 -> 002"), "{name}: {}", done.stderr);
        let whole = folder.path().join(name);
        run(whole.to_str().unwrap()).ok().says(&["at 002"]);
        run(&format!("{name}:head")).ok().says(&["at 002"]);
        run(&format!("{name}:009")).run().ends(4).says(&["there is no revision 009"]);
        run(&format!("{name}:")).run().ends(2);
    }
}

#[test]
fn a_registered_name_beats_a_file_of_that_name() {
    let folder = folder();
    put(folder.path(), "notes", &pages());
    put(folder.path(), "n.wasm", &notes());
    write(&folder, "ptah.toml", "[[package]]\nname = 'notes'\npath = 'n.wasm'\n");
    run(&folder, "upgrade notes").ok().says(&["notes: running upgrade None -> n1"]);
    run(&folder, "upgrade ./notes").ok().says(&["pages: running upgrade None -> 001"]);
    run(&folder, "upgrade notes:n1").ok().says(&["notes: at n1"]);
}

#[test]
fn force_in_the_configuration_holds_for_the_name_and_for_the_path() {
    for word in ["pages", "pages.wasm"] {
        let folder = tempfile::tempdir().unwrap();
        let package = pages().populate(
            "ptah-db-schema",
            [ptah_wasm_tests::guest::create_table("pages", |t| {
                t.id("id");
                t.varchar("title", 200).not_null();
                t.text("summary");
            })],
        );
        put(folder.path(), "pages.wasm", &package);
        write(&folder, "ptah.toml", "[[package]]\nname = 'pages'\npath = 'pages.wasm'\n");
        run(&folder, "upgrade --dry-run").arg(word).ok();
        run(&folder, "upgrade --database sqlite:one.db").arg(word).ok().says(&["pages: populated, stamped 002"]);
        write(&folder, "ptah.toml", "[[package]]\nname = 'pages'\npath = 'pages.wasm'\nforce = true\n");
        run(&folder, "upgrade --database sqlite:two.db").arg(word).ok().says(&["running upgrade None -> 001"]);
    }
}

#[test]
fn a_url_that_cannot_be_read_is_not_repeated() {
    let folder = folder();
    for url in ["oracle://me:hunter2@x/y", "postgres://me:hunter2@x:port/y", "mysql://me:hunter2@x/", "hunter2"] {
        let done = run(&folder, "upgrade pages.wasm --database").arg(url).run().ends(7);
        assert!(!done.all().contains("hunter2"), "{}", done.all());
    }
    assert!(Path::new(&folder.path().join("pages.wasm")).exists());
}
