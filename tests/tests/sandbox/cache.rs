//! Compiled code kept on disk: used again, and never trusted unless this user's runner wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use ptah_wasm::dialect::Dialect;
use ptah_wasm::package::Package;
use ptah_wasm::plan::Planner;
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{CacheLocation, Compiler, RunValues, Sandbox, SandboxError, StepCall, StepError};
use ptah_wasm::schema::Schema;

use crate::wat::{Guest, OK};

fn kept_in(directory: &Path) -> Sandbox {
    Sandbox::new(Limits::default(), CacheLocation::Directory(directory.to_owned()), Compiler::InProcess).unwrap()
}

/// Loads the smallest guest with a sandbox of its own, checks that it works, and counts compilations.
fn compilations(directory: &Path) -> usize {
    let sandbox = kept_in(directory);
    let guest = sandbox.load(&Guest::new(OK).component()).unwrap();
    assert_eq!(guest.describe().unwrap().name, "demo");
    run(&guest).unwrap();
    sandbox.compiled()
}

/// Runs a step, for which there has to be code.
fn run(guest: &ptah_wasm::sandbox::Guest) -> Result<(), StepError> {
    let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), Limits::default());
    guest.run(StepCall::Upgrade("001"), planner, &RunValues::default(), None, &mut |_| ()).map(drop)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    of_kind(directory, "native")
}

fn of_kind(directory: &Path, kind: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect()
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
fn what_other_limits_let_through_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let limits = Limits { functions: 2, ..Limits::default() };
    let cache = CacheLocation::Directory(folder.path().to_owned());
    let sandbox = Sandbox::new(limits, cache, Compiler::InProcess).unwrap();
    let error = sandbox.load(&Guest::new(OK).component()).unwrap_err();
    assert!(matches!(error, SandboxError::LimitExceeded(_)), "{error}");
}

#[test]
fn what_is_kept_knows_its_imports() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::new(OK).import("log", "message", "(param i32 i32 i32)").import("run", "seed", "(result i64)");
    let imports = || {
        let sandbox = kept_in(folder.path());
        (sandbox.load(&guest.component()).unwrap().imports().to_vec(), sandbox.compiled())
    };
    let (fresh, kept) = (imports(), imports());
    assert!(fresh.0.len() >= 2 && fresh.0 == kept.0, "{fresh:?}, {kept:?}");
    assert_eq!((fresh.1, kept.1), (1, 0));
}

#[test]
fn a_kept_component_of_100_kilobytes_loads_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let body = "(local.set 1 (i32.add (local.get 0) (i32.load offset=1 (local.get 1))))".repeat(40);
    let bytes =
        crate::wat::component(&Guest::new(OK).text_with(&format!("(func (param i32) (local i32) {body})").repeat(242)));
    assert!((100_000..120_000).contains(&bytes.len()), "{}", bytes.len());
    let sandbox = kept_in(folder.path());
    sandbox.load(&bytes).unwrap();
    let time = |_| {
        let started = std::time::Instant::now();
        sandbox.load(&bytes).unwrap();
        started.elapsed()
    };
    let quickest = (0..20).map(time).min().unwrap();
    assert_eq!(sandbox.compiled(), 1);
    // Without optimisation; a release build is held to less by the benches.
    assert!(quickest < std::time::Duration::from_millis(10), "{quickest:?}");
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
fn what_a_component_said_is_not_asked_again_and_its_code_is_fetched_when_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let (code, good) = (entries(folder.path()).remove(0), fs::read(&entries(folder.path())[0]).unwrap());
    fs::write(&code, "no code").unwrap();
    let sandbox = kept_in(folder.path());
    let guest = sandbox.load(&Guest::new(OK).component()).unwrap();
    assert_eq!((guest.describe().unwrap().name.as_str(), sandbox.compiled()), ("demo", 0));
    run(&guest).unwrap();
    assert_eq!(sandbox.compiled(), 1);
    assert!(fs::read(&code).unwrap() == good, "it was not written anew");
    // Where there is nothing to fetch it is made at once.
    fs::remove_file(&code).unwrap();
    let sandbox = kept_in(folder.path());
    sandbox.load(&Guest::new(OK).component()).unwrap();
    assert_eq!(sandbox.compiled(), 1);
}

#[test]
fn code_that_can_neither_be_fetched_nor_made_ends_the_step() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    fs::write(&entries(folder.path())[0], "no code").unwrap();
    let cache = CacheLocation::Directory(folder.path().to_owned());
    let guest = Sandbox::new(Limits::default(), cache, Compiler::Off).unwrap();
    let guest = guest.load(&Guest::new(OK).component()).unwrap();
    assert_eq!(run(&guest).unwrap_err(), StepError::Component(SandboxError::NoCompiler));
}

#[test]
fn a_component_that_is_changed_after_it_was_opened_is_not_run() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(compilations(cache.path()), 1);
    let file = folder.path().join("demo.wasm");
    let bytes = Guest::new(OK).component();
    fs::write(&file, &bytes).unwrap();
    let sandbox = kept_in(cache.path());
    let open = || Package::open(&sandbox, &file).unwrap();
    let step = |package: &Package| run(package.guest_for(&StepCall::Upgrade("001")).unwrap());
    // It is read again where there is no code of it, and only then.
    let (unused, replaced, changed) = (open(), open(), open());
    fs::rename(&file, folder.path().join("away.wasm")).unwrap();
    fs::write(&file, "another").unwrap();
    step(&unused).unwrap();
    fs::write(&entries(cache.path())[0], "no code").unwrap();
    step(&replaced).unwrap();
    assert_eq!(sandbox.compiled(), 1);
    fs::write(&entries(cache.path())[0], "no code").unwrap();
    let last = bytes.len() - 1;
    for altered in [[&bytes[..last], &[bytes[last] ^ 1]].concat(), [&bytes[..], &[0]].concat(), bytes[..last].to_vec()]
    {
        fs::write(folder.path().join("away.wasm"), altered).unwrap();
        let error = step(&changed).unwrap_err();
        assert!(matches!(error, StepError::Component(SandboxError::Changed(_))), "{error}");
    }
    fs::write(folder.path().join("away.wasm"), &bytes).unwrap();
    step(&changed).unwrap();
}

#[test]
fn every_altered_byte_of_a_description_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compilations(folder.path()), 1);
    let entry = of_kind(folder.path(), "described").remove(0);
    let good = fs::read(&entry).unwrap();
    let said = String::from_utf8_lossy(&good).into_owned();
    assert!(said.contains("demo"), "{said}");
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&entry, bad).unwrap();
        assert_eq!(compilations(folder.path()), 0);
        assert!(fs::read(&entry).unwrap() == good, "byte {at} was not noticed");
    }
    // Another component's, though it is authentic.
    let other = Guest::new(OK).described("other", "1", &["001"]).component();
    let sandbox = kept_in(folder.path());
    sandbox.load(&other).unwrap().describe().unwrap();
    let others = of_kind(folder.path(), "described").into_iter().find(|path| *path != entry).unwrap();
    fs::copy(others, &entry).unwrap();
    assert_eq!(compilations(folder.path()), 0);
}

#[test]
fn what_ends_while_it_describes_itself_is_not_kept_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Guest::new(OK).before_describe("(unreachable)").component();
    for _ in 0..2 {
        kept_in(folder.path()).load(&bytes).unwrap().describe().unwrap_err();
    }
    assert!(of_kind(folder.path(), "described").is_empty());
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
        assert_eq!(left_over, 3, "a temporary file was left");
        assert_eq!(mode(&of_kind(&cache, "described")[0]), 0o600);
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
    fn a_planted_file_is_not_used_whatever_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(compilations(folder.path()), 1);
        let entry = entries(folder.path()).remove(0);
        let elsewhere = folder.path().join("elsewhere");
        // Even the very bytes, where others could have written or exchanged them.
        for mode in [0o644, 0o620, 0o602, 0o666] {
            set_mode(&entry, mode);
            assert_eq!(compilations(folder.path()), 1, "{mode:o}");
            assert_eq!(compilations(folder.path()), 0, "{mode:o}");
        }
        fs::rename(&entry, &elsewhere).unwrap();
        symlink(&elsewhere, &entry).unwrap();
        assert_eq!(compilations(folder.path()), 1);
        assert!(fs::symlink_metadata(&entry).unwrap().is_file() && elsewhere.exists());
        fs::remove_file(&entry).unwrap();
        fs::create_dir(&entry).unwrap();
        assert_eq!(compilations(folder.path()), 1);
        fs::remove_dir(&entry).unwrap();
        // What a runner with another secret made of the same component has the same name.
        let theirs = tempfile::tempdir().unwrap();
        assert_eq!(compilations(theirs.path()), 1);
        fs::copy(&entries(theirs.path())[0], &entry).unwrap();
        assert_eq!(compilations(folder.path()), 1);
    }

    #[test]
    fn what_another_user_owns_is_not_used() {
        use std::os::unix::fs::{MetadataExt, chown};

        let folder = tempfile::tempdir().unwrap();
        let nobody = Some(65_534);
        // Only the administrator can give a file away; everybody else finds what the administrator owns.
        let of_another = match fs::metadata(folder.path()).unwrap().uid() {
            0 => {
                assert_eq!(compilations(folder.path()), 1);
                chown(&entries(folder.path())[0], nobody, None).unwrap();
                assert_eq!(compilations(folder.path()), 1);
                chown(folder.path().join("secret"), nobody, None).unwrap();
                assert_eq!(compilations(folder.path()), 1);
                chown(folder.path(), nobody, None).unwrap();
                folder.path()
            }
            _ => Path::new("/"),
        };
        assert!(kept_in(of_another).cache_warning().unwrap().contains("another user"));
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
