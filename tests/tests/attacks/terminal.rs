//! What is printed: a package decides over none of its lines, and no byte of a script is lost.

use ptah_wasm_tests::binary::ptah;
use ptah_wasm_tests::guest::*;

/// Clears the screen, goes up a line, turns text around, and looks like a line of the runner.
const EVIL: &str = "x\u{1b}[2J\u{9b}1A\r\u{202e}\nother: populated, stamped 009\n";

fn package(upgrade: impl Into<Vec<Action>>) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.wasm");
    std::fs::write(&path, GuestPackage::new("evil").revision("001", &[], "Begin").upgrade(upgrade).build()).unwrap();
    (folder, path)
}

fn table() -> Action {
    create_table("notes", |t| {
        t.id("id");
        t.text("body");
    })
}

#[track_caller]
fn is_clean(stderr: &str) {
    assert!(!stderr.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']), "{stderr:?}");
    assert!(!stderr.lines().any(|line| line.starts_with("other:")), "{stderr}");
}

#[test]
fn a_script_holds_every_byte_of_a_literal() {
    let (folder, _) = package([table(), bulk_insert("notes", ["body"], [(EVIL,)])]);
    let script = ptah(folder.path()).args("upgrade evil.wasm --sql --dialect sqlite").ok();
    assert!(script.stdout.contains(EVIL), "{:?}", script.stdout);
    let plan = ptah(folder.path()).args("upgrade evil.wasm --dry-run --database sqlite:x.db").ok();
    assert!(plan.stdout.contains(EVIL), "{:?}", plan.stdout);
}

#[test]
fn a_package_cannot_forge_a_line_or_move_the_cursor() {
    let rows = || [(1, EVIL), (1, EVIL)];
    for (upgrade, code) in [
        (vec![table(), bulk_insert("notes", ["id", "body"], rows())], 6),
        (vec![Action::Message(Level::Warn, EVIL.into()), Action::Return(Error::Failed(EVIL.into()))], 5),
        (vec![Action::Return(Error::NotFound(EVIL.into()))], 5),
        (vec![Action::Panic(EVIL.into())], 5),
        (vec![drop_table(EVIL)], 5),
        (vec![table(), execute(sql(format!("DELETE FROM \"notes\" WHERE {EVIL}()")), ())], 5),
    ] {
        let (folder, _) = package(upgrade);
        let done = ptah(folder.path()).args("upgrade evil.wasm -v --database sqlite:x.db").run().ends(code);
        is_clean(&done.stderr);
        let records = ptah(folder.path()).args("history evil.wasm --records --database sqlite:x.db").ok();
        is_clean(&records.stdout);
    }
}

#[test]
fn a_package_that_describes_itself_with_more_than_words_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let with = |change: &dyn Fn(GuestPackage) -> GuestPackage| {
        let package = change(GuestPackage::new("evil"));
        std::fs::write(folder.path().join("evil.wasm"), package.build()).unwrap();
        let done = ptah(folder.path()).args("inspect evil.wasm").run().ends(3);
        is_clean(&done.all());
    };
    with(&|package| package.title(EVIL));
    with(&|package| package.version(EVIL));
    with(&|package| package.revision("001", &[], EVIL));
    with(&|package| package.revision(EVIL, &[], ""));
    with(&|package| package.revision("001", &[EVIL], ""));
    with(&|package| package.revision("001", &[], "").depends_on(&format!("a:{EVIL}")));
    with(&|package| package.populate(EVIL, []));
    with(&|package| package.populate("a", []).requires(EVIL));
    with(&|_| GuestPackage::new(EVIL));
}

#[test]
fn a_manifest_cannot_either() {
    let folder = tempfile::tempdir().unwrap();
    let quoted = EVIL.escape_unicode().to_string();
    let quoted: String = quoted
        .replace("\\u{", "\\U")
        .split('}')
        .map(|part| match part.strip_prefix("\\U") {
            Some(digits) => format!("\\U{digits:0>8}"),
            None => part.to_owned(),
        })
        .collect();
    for manifest in [
        format!("name = 'evil'\nversion = '1'\ncomponents = [\"{quoted}\"]"),
        format!("name = \"{quoted}\"\nversion = '1'\ncomponents = ['a.wasm']"),
        format!("\"{quoted}\" = 'evil'"),
        format!("name = 5 # {EVIL}"),
    ] {
        std::fs::write(folder.path().join("ptah-package.toml"), &manifest).unwrap();
        std::fs::write(folder.path().join("a.wasm"), GuestPackage::new("evil").build()).unwrap();
        let done = ptah(folder.path()).args("inspect .").run().ends(3);
        is_clean(&done.all());
    }
}
