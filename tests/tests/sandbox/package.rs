//! Opening packages: one file, or a folder with a manifest; nothing outside of it, nothing odd.

use std::fs;
use std::path::Path;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::package::{Package, PackageError};
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{RunValues, StepCall};
use ptah_wasm::schema::Schema;
use tempfile::TempDir;

use crate::sandbox;
use crate::wat::{Guest, OK};

fn demo(revisions: &[&str]) -> Vec<u8> {
    Guest::new(OK).described("demo", "1", revisions).component()
}

fn open(path: &Path) -> Result<Package, PackageError> {
    Package::open(&sandbox(Limits::default()), path)
}

/// A folder with these files and a manifest that lists these components.
fn folder(files: &[(&str, Vec<u8>)], listed: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let text = format!("name = 'demo'\nversion = '1'\ncomponents = {listed:?}\n");
    fs::write(folder.path().join("ptah-package.toml"), text).unwrap();
    folder
}

fn refused(files: &[(&str, Vec<u8>)], listed: &[&str]) -> PackageError {
    open(folder(files, listed).path()).unwrap_err()
}

#[test]
fn a_component_file_is_a_package() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.wasm");
    fs::write(&file, demo(&["001", "002"])).unwrap();
    let package = open(&file).unwrap();
    assert_eq!(package.info().name, "demo");
    assert_eq!(package.info().revisions.len(), 2);
    assert_eq!(package.path(), file);
    let [component] = package.components() else { panic!("{:?}", package.components()) };
    assert_eq!(component.file, "demo.wasm");
    assert_eq!(component.bytes, demo(&["001", "002"]).len());
    assert_eq!(package.digest(), component.digest);
    assert_eq!(package.digest().len(), 64);
    assert!(package.guest_for(&StepCall::Upgrade("002")).is_some());
    assert!(package.guest_for(&StepCall::Upgrade("003")).is_none());
    assert!(package.guest_for(&StepCall::Populate("001")).is_none());
}

#[test]
fn components_of_a_folder_form_one_package() {
    let files = [("one.wasm", demo(&["001"])), ("more/two.wasm", demo(&["002"]))];
    let package = open(folder(&files, &["one.wasm", "more/two.wasm"]).path()).unwrap();
    assert_eq!(package.info().revisions.iter().map(|revision| &*revision.id).collect::<Vec<_>>(), ["001", "002"]);
    assert_eq!(package.components().len(), 2);
    assert!(package.guest_for(&StepCall::Downgrade("002")).is_some());
    let turned = open(folder(&files, &["more/two.wasm", "one.wasm"]).path()).unwrap();
    assert_ne!(package.digest(), turned.digest(), "the order of components is not in the digest");
}

#[test]
fn a_revision_in_two_components_names_both() {
    let error = refused(&[("a.wasm", demo(&["001"])), ("b.wasm", demo(&["001"]))], &["a.wasm", "b.wasm"]).to_string();
    assert!(error.contains("001") && error.contains("a.wasm") && error.contains("b.wasm"), "{error}");
}

#[test]
fn a_manifest_that_contradicts_the_components_is_refused() {
    let other = Guest::new(OK).described("demo", "2", &["001"]).component();
    let error = refused(&[("a.wasm", other)], &["a.wasm"]);
    assert!(matches!(error, PackageError::ManifestContradicts { what: "version", .. }), "{error:?}");
    let other = Guest::new(OK).described("shop", "1", &["001"]).component();
    let error = refused(&[("a.wasm", other)], &["a.wasm"]);
    assert!(matches!(error, PackageError::ManifestContradicts { what: "name", .. }), "{error:?}");
}

#[test]
fn a_bad_component_is_named() {
    let error = refused(&[("a.wasm", demo(&["001"])), ("b.wasm", b"no".to_vec())], &["a.wasm", "b.wasm"]).to_string();
    assert!(error.starts_with("b.wasm: not a WebAssembly component"), "{error}");
    let traps = Guest::new(OK).before_describe("unreachable").component();
    let error = refused(&[("a.wasm", traps)], &["a.wasm"]).to_string();
    assert!(error.starts_with("a.wasm: it does not describe itself"), "{error}");
    let unnamed = Guest::new(OK).described("", "1", &["001"]).component();
    assert!(refused(&[("a.wasm", unnamed)], &["a.wasm"]).to_string().starts_with("a.wasm: the package name"));
}

#[test]
fn what_is_not_there_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(&folder.path().join("none.wasm")), Err(PackageError::NotFound { .. })));
    assert!(matches!(open(folder.path()), Err(PackageError::NoManifest { .. })));
    let error = refused(&[], &["gone.wasm"]);
    assert!(matches!(&error, PackageError::Unreadable { file, .. } if file == "gone.wasm"), "{error:?}");
}

#[test]
fn no_name_leads_out_of_the_folder() {
    for name in ["../a.wasm", "/a.wasm", "x/../../a.wasm", "", "..", "x\\..\\a.wasm", "c:a.wasm"] {
        let error = refused(&[("x/b.wasm", demo(&["001"]))], &[name]);
        assert!(matches!(error, PackageError::Outside { .. }), "{name:?}: {error:?}");
    }
}

#[test]
fn a_folder_is_no_component() {
    let error = refused(&[("x/b.wasm", demo(&["001"]))], &["x"]);
    assert!(matches!(error, PackageError::NotAFile { .. } | PackageError::Unreadable { .. }), "{error:?}");
}

#[test]
fn sizes_are_checked_before_reading() {
    let component = demo(&["001"]);
    let limits = Limits { component_bytes: component.len(), ..Limits::default() };
    let files = |extra: usize| {
        let mut bytes = component.clone();
        bytes.resize(component.len() + extra, 0);
        folder(&[("a.wasm", bytes)], &["a.wasm"])
    };
    Package::open(&sandbox(limits.clone()), files(0).path()).unwrap();
    let error = Package::open(&sandbox(limits), files(1).path()).unwrap_err();
    assert!(matches!(error, PackageError::TooLarge { .. }), "{error:?}");
    let folder = folder(&[], &[]);
    fs::write(folder.path().join("ptah-package.toml"), "#".repeat((64 << 10) + 1)).unwrap();
    assert!(matches!(open(folder.path()), Err(PackageError::TooLarge { .. })));
}

#[test]
fn a_package_has_a_bounded_number_of_components() {
    let limits = Limits { components: 1, ..Limits::default() };
    let files = [("a.wasm", demo(&["001"])), ("b.wasm", demo(&["002"]))];
    Package::open(&sandbox(limits.clone()), folder(&files, &["a.wasm"]).path()).unwrap();
    let error = Package::open(&sandbox(limits), folder(&files, &["a.wasm", "b.wasm"]).path()).unwrap_err();
    assert!(error.to_string().contains("more than 1 components"), "{error}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_may_not_lead_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("a.wasm");
        fs::write(&target, demo(&["001"])).unwrap();
        let folder = folder(&[], &["a.wasm"]);
        symlink(&target, folder.path().join("a.wasm")).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, PackageError::Outside { .. }), "{error:?}");
    }

    #[test]
    fn a_link_inside_of_the_folder_is_followed_and_so_is_one_that_the_operator_names() {
        let folder = folder(&[("real.wasm", demo(&["001"]))], &["a.wasm"]);
        symlink("real.wasm", folder.path().join("a.wasm")).unwrap();
        open(folder.path()).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("package");
        symlink(folder.path(), &link).unwrap();
        open(&link).unwrap();
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_a_writer() {
        let folder = folder(&[], &["a.wasm"]);
        let pipe = folder.path().join("a.wasm");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, PackageError::NotAFile { .. }), "{error:?}");
        assert!(matches!(open(&pipe), Err(PackageError::NotAFile { .. })));
    }

    #[test]
    fn a_device_is_refused() {
        assert!(matches!(open(Path::new("/dev/zero")), Err(PackageError::NotAFile { .. })));
    }
}

#[test]
fn a_package_written_with_the_rust_sdk_opens_and_plans_its_first_revision() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../example-packages/crowd/crowd.wasm");
    let package = open(&path).unwrap();
    assert_eq!(package.info().name, "crowd");
    assert!(!package.components()[0].imports.is_empty());
    let first = package.info().revisions.iter().find(|revision| revision.down_revisions.is_empty()).unwrap();
    let call = StepCall::Upgrade(&first.id);
    for dialect in Dialect::ALL {
        let planner = Planner::new(dialect, Schema::default(), Access::default(), Limits::default());
        let guest = package.guest_for(&call).unwrap();
        let outcome = guest.run(call, planner, &RunValues::default(), None, &mut |_| ()).unwrap();
        assert!(!outcome.planner.finish().0.operations.is_empty());
    }
}
