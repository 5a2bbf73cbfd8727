//! Files that are no package: each on every database, with nothing changed.

use std::fs;
use std::path::Path;

use ptah_wasm_tests::binary::ptah;
use ptah_wasm_tests::on_every_database;

use crate::{pages, put, refused};

/// Writes files that are no package, each with what is said of it.
fn write_all(folder: &Path) -> Vec<(&'static str, &'static [&'static str])> {
    let component = pages().build();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("empty.wasm", b"");
    write("text.wasm", b"CREATE TABLE pages (id INTEGER);\n");
    write("png.wasm", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    write("module.wasm", &wat::parse_str("(module (memory 1))").unwrap());
    write("text-format.wasm", b"(component)");
    write("other-world.wasm", &wat::parse_str("(component)").unwrap());
    let command = r#"(component (type (instance)) (import "wasi:cli/environment@0.2.0" (instance (type 0)))
        (import "wasi:filesystem/types@0.2.0" (instance (type 0)))
        (instance $i) (export "ptah:migration/migration@0.1.0" (instance $i)))"#;
    write("wasi.wasm", &wat::parse_str(command).unwrap());
    let foreign = r#"(component (type (instance)) (import "acme:thing/thing" (instance (type 0)))
        (instance $i) (export "ptah:migration/migration@0.1.0" (instance $i)))"#;
    write("foreign.wasm", &wat::parse_str(foreign).unwrap());
    write("cut.wasm", &component[..component.len() / 2]);
    write("longer.wasm", &[component.as_slice(), b"more"].concat());
    write("huge.wasm", &vec![0; 5 << 20]);
    fs::create_dir(folder.join("bare")).unwrap();
    for (name, manifest) in [
        ("listed", "name = 'pages'\nversion = '1.0'\ncomponents = ['none.wasm']\n"),
        ("nothing", "name = 'pages'\nversion = '1.0'\ncomponents = []\n"),
        ("garbled", "name = \n"),
        ("other", "name = 'sheets'\nversion = '1.0'\ncomponents = ['p.wasm']\n"),
        ("outside", "name = 'pages'\nversion = '1.0'\ncomponents = ['../pages.wasm']\n"),
        ("double", "name = 'pages'\nversion = '1.0'\ncomponents = ['p.wasm', 'q.wasm']\n"),
    ] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("ptah-package.toml"), manifest).unwrap();
        fs::write(folder.join(name).join("p.wasm"), &component).unwrap();
        fs::write(folder.join(name).join("q.wasm"), &component).unwrap();
    }
    vec![
        ("empty.wasm", &["empty.wasm"]),
        ("text.wasm", &["text.wasm", "not a WebAssembly component"]),
        ("png.wasm", &["png.wasm", "not a WebAssembly component"]),
        ("module.wasm", &["module.wasm", "core module"]),
        ("text-format.wasm", &["text-format.wasm", "not a WebAssembly component"]),
        ("other-world.wasm", &["other-world.wasm", "ptah:migration/migration"]),
        ("wasi.wasm", &["wasi.wasm", "wasi:cli/environment", "wasi:filesystem/types", "wasm32-unknown-unknown"]),
        ("foreign.wasm", &["foreign.wasm", "acme:thing/thing"]),
        ("cut.wasm", &["cut.wasm"]),
        ("longer.wasm", &["longer.wasm"]),
        ("huge.wasm", &["huge.wasm", "larger than", "; the limits-profile language-runtime allows"]),
        ("bare", &["bare", "ptah-package.toml"]),
        ("listed", &["./listed: ", "none.wasm"]),
        ("nothing", &["./nothing: ", "ptah-package.toml"]),
        ("garbled", &["./garbled: ", "ptah-package.toml"]),
        ("other", &["./other: ", "ptah-package.toml", "sheets", "pages"]),
        ("outside", &["./outside: ", "../pages.wasm", "outside"]),
        ("double", &["./double: ", "revision 001", "p.wasm", "q.wasm"]),
        ("/dev/null", &["null"]),
    ]
}

on_every_database! {
    async fn a_file_that_is_no_package_is_refused_and_nothing_is_changed(target: &TestTarget) {
        let files = write_all(target.folder());
        for (file, parts) in files {
            refused(target, &format!("upgrade ./{file}").replace(".//", "/"), 3, parts).await;
        }
        refused(target, "downgrade text.wasm:base", 3, &["text.wasm"]).await;
        refused(target, "populate text.wasm", 3, &["text.wasm"]).await;
        // The good one that is named beside a bad one is not touched either.
        refused(target, "upgrade pages.wasm text.wasm", 3, &["text.wasm"]).await;
    }
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages());
    let component = pages().build();
    let cuts = (0..40).map(|at| at * component.len() / 40).chain([1, 4, 7, 8, 9, component.len() - 1]);
    for cut in cuts {
        fs::write(folder.path().join("cut.wasm"), &component[..cut]).unwrap();
        let done = ptah(folder.path()).args("upgrade cut.wasm").run().ends(3).says(&["error: cut.wasm: "]);
        assert!(!done.stderr.contains("panic") && done.stdout.is_empty(), "{cut}: {}", done.all());
    }
    assert!(!folder.path().join("ptah.db").exists());
}

#[test]
fn a_component_with_a_flipped_bit_runs_as_a_package_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let component = pages().build();
    let mut at = 9_usize;
    for _ in 0..40 {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut flipped = component.clone();
        let byte = at % component.len();
        flipped[byte] ^= 1 << (at >> 40 & 7);
        fs::write(folder.path().join("flipped.wasm"), &flipped).unwrap();
        let done = ptah(folder.path()).args("inspect flipped.wasm").run();
        assert!(matches!(done.status.code(), Some(0 | 3)), "{byte}: {}\n{}", done.status, done.all());
    }
}
