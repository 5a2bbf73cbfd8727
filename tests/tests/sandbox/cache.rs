//! Compiled code kept on disk: used again, and never trusted unless this user's runner wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use ptah_wasm::policy::Limits;
use ptah_wasm::sandbox::{CacheLocation, Compiler, Sandbox};

use crate::wat::{Guest, OK};

fn kept_in(directory: &Path) -> Sandbox {
    Sandbox::new(Limits::default(), CacheLocation::Directory(directory.to_owned()), Compiler::InProcess).unwrap()
}

/// Loads the smallest guest with a sandbox of its own, checks that it works, and counts compilations.
fn compilations(directory: &Path) -> usize {
    let sandbox = kept_in(directory);
    let guest = sandbox.load(&Guest::new(OK).component()).unwrap();
    assert_eq!(guest.describe().unwrap().name, "demo");
    sandbox.compiled()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "native")).collect()
}

#[test]
fn a_second_run_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("made/when/needed");
    assert_eq!(compilations(&cache), 1);
    assert_eq!(compilations(&cache), 0);
    assert_eq!(entries(&cache).len(), 1);
}

#[test]
fn other_limits_that_change_the_code_do_not_share_it() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let bytes = Guest::new("(i32.const 32)").component();
    let sandbox = kept_in(folder.path());
    sandbox.load(&bytes).unwrap();
    assert_eq!(sandbox.compiled(), 1);
    assert_eq!(entries(folder.path()).len(), 2);
}

#[test]
fn every_altered_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let entry = entries(folder.path()).remove(0);
    let good = fs::read(&entry).unwrap();
    for at in [0, 31, 32, 33, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&entry, bad).unwrap();
        assert_eq!(compilations(folder.path()), 1, "byte {at} was not noticed");
        assert_eq!(compilations(folder.path()), 0, "it was not written anew");
    }
}

#[test]
fn truncated_empty_and_planted_files_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let entry = entries(folder.path()).remove(0);
    let good = fs::read(&entry).unwrap();
    let mut other = vec![0; 32];
    other.extend_from_slice(&good[32..]);
    for bad in [&good[..good.len() - 1], &good[..20], &[], &good[32..], &other] {
        fs::write(&entry, bad).unwrap();
        assert_eq!(compilations(folder.path()), 1);
    }
}

#[test]
fn code_of_one_component_does_not_stand_in_for_another() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let first = entries(folder.path()).remove(0);
    let sandbox = kept_in(folder.path());
    let other = Guest::new(OK).described("other", "1", &["001"]).component();
    sandbox.load(&other).unwrap();
    let second = entries(folder.path()).into_iter().find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    let sandbox = kept_in(folder.path());
    assert_eq!(sandbox.load(&other).unwrap().describe().unwrap().name, "other");
    assert_eq!(sandbox.compiled(), 1);
}

#[test]
fn code_kept_with_another_secret_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let secret = folder.path().join("secret");
    let mut bytes = fs::read(&secret).unwrap();
    bytes[0] ^= 1;
    fs::write(&secret, bytes).unwrap();
    assert_eq!(compilations(folder.path()), 1);
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn nobody_else_can_read_or_write_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        compilations(&cache);
        assert_eq!(mode(&cache), 0o700);
        assert_eq!(mode(&cache.join("secret")), 0o600);
        assert_eq!(mode(&entries(&cache)[0]), 0o600);
        let left_over = fs::read_dir(&cache).unwrap().count();
        assert_eq!(left_over, 2, "a temporary file was left");
    }

    #[test]
    fn a_secret_that_others_could_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        compilations(folder.path());
        let secret = folder.path().join("secret");
        let before = fs::read(&secret).unwrap();
        set_mode(&secret, 0o644);
        assert_eq!(compilations(folder.path()), 1);
        assert_ne!(fs::read(&secret).unwrap(), before);
        assert_eq!(mode(&secret), 0o600);
    }

    #[test]
    fn a_secret_that_is_a_link_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, [7; 64]).unwrap();
        set_mode(&elsewhere, 0o600);
        let cache = folder.path().join("cache");
        fs::create_dir(&cache).unwrap();
        set_mode(&cache, 0o700);
        symlink(&elsewhere, cache.join("secret")).unwrap();
        compilations(&cache);
        assert_ne!(fs::read(cache.join("secret")).unwrap(), [7; 64]);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used_and_the_operator_is_told() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o777);
        let sandbox = kept_in(folder.path());
        assert!(sandbox.cache_warning().unwrap().contains("other users"));
        sandbox.load(&Guest::new(OK).component()).unwrap();
        assert_eq!(sandbox.compiled(), 1);
        assert!(entries(folder.path()).is_empty());
    }
}

#[test]
fn a_folder_that_cannot_be_made_only_costs_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let sandbox = kept_in(&file.join("below"));
    assert!(sandbox.cache_warning().is_some());
    assert!(sandbox.load(&Guest::new(OK).component()).is_ok());
}

#[test]
fn the_oldest_files_go_when_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
    for number in 0..300 {
        let file = fs::File::create(folder.path().join(format!("{number}.native"))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    fs::File::create(folder.path().join("dead.new")).unwrap().set_modified(long_ago).unwrap();
    fs::write(folder.path().join("alive.new"), "").unwrap();
    assert_eq!(compilations(folder.path()), 1);
    assert_eq!(entries(folder.path()).len(), 256);
    assert_eq!(compilations(folder.path()), 0, "the newest was deleted");
    assert!(!folder.path().join("dead.new").exists());
    assert!(folder.path().join("alive.new").exists());
}

#[test]
fn the_oldest_files_go_when_they_are_too_large() {
    let folder = tempfile::tempdir().unwrap();
    for (name, age) in [("oldest", 300), ("older", 200), ("old", 100)] {
        // Holes take no space on the disk, but count.
        let file = fs::File::create(folder.path().join(name).with_extension("native")).unwrap();
        file.set_len(400 << 20).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
    }
    assert_eq!(compilations(folder.path()), 1);
    let mut left: Vec<_> = entries(folder.path()).iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
    left.retain(|name| name.len() < 10);
    left.sort();
    assert_eq!(left, ["old", "older"]);
}
