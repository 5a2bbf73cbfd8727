//! What components say about themselves: checked against the grammar, and taken together.

use std::collections::{BTreeMap, BTreeSet};

use super::PackageError;
use crate::policy::Limits;
use crate::revision::{Dependency, PackageInfo, PopulateStep, Revision};
use crate::sandbox::is_deceptive;

/// Words that name something else wherever a revision is expected.
const RESERVED_IDS: [&str; 4] = ["base", "head", "heads", "None"];

/// Bytes of a name, id or step.
const NAME_BYTES: usize = 64;

/// Bytes of a title, version or message.
const TEXT_BYTES: usize = 256;

/// What one component described.
pub(super) struct Described<'a> {
    /// Its file.
    pub(super) file: &'a str,
    /// What it said.
    pub(super) info: PackageInfo,
}

/// A package's description and which component, by its place, has which step.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) revisions: BTreeMap<String, usize>,
    pub(super) populate: BTreeMap<String, usize>,
}

/// Takes checked descriptions together, in their order.
pub(super) fn merge(described: Vec<Described<'_>>, limits: &Limits) -> Result<(PackageInfo, Steps), PackageError> {
    let mut steps = Steps::default();
    let mut files = Vec::new();
    let mut whole: Option<PackageInfo> = None;
    for (place, Described { file, info }) in described.into_iter().enumerate() {
        let wrong = |reason: String| PackageError::Description { file: file.to_owned(), reason };
        check(&info).map_err(wrong)?;
        files.push(file);
        let first = |place: usize| files.get(place).copied().unwrap_or_default();
        for revision in &info.revisions {
            if let Some(other) = steps.revisions.insert(revision.id.clone(), place) {
                let what = format!("revision {}", revision.id);
                return Err(PackageError::Twice { what, first: first(other).into(), second: file.into() });
            }
        }
        for step in &info.populate_steps {
            if let Some(other) = steps.populate.insert(step.name.clone(), place) {
                let what = format!("populate step {}", step.name);
                return Err(PackageError::Twice { what, first: first(other).into(), second: file.into() });
            }
        }
        match &mut whole {
            None => whole = Some(info),
            Some(whole) => {
                for (what, mine, other) in [
                    ("name", &info.name, &whole.name),
                    ("title", &info.title, &whole.title),
                    ("version", &info.version, &whole.version),
                ] {
                    if mine != other {
                        return Err(PackageError::Disagreement {
                            what,
                            first: first(0).into(),
                            one: other.clone(),
                            second: file.into(),
                            other: mine.clone(),
                        });
                    }
                }
                whole.revisions.extend(info.revisions);
                whole.populate_steps.extend(info.populate_steps);
            }
        }
        // After each component, so that many of them cannot add up to more.
        if steps.revisions.len() > limits.revisions {
            return Err(wrong(format!("the package has more than {} revisions", limits.revisions)));
        }
        if steps.populate.len() > limits.populate_steps {
            return Err(wrong(format!("the package has more than {} populate steps", limits.populate_steps)));
        }
    }
    let whole = whole.ok_or_else(|| PackageError::Manifest { reason: "it lists no components".into() })?;
    check_requires(&whole, &steps, &files)?;
    Ok((whole, steps))
}

/// Populate steps may require each other across components.
fn check_requires(whole: &PackageInfo, steps: &Steps, files: &[&str]) -> Result<(), PackageError> {
    for step in &whole.populate_steps {
        if let Some(missing) = step.requires.iter().find(|name| !steps.populate.contains_key(*name)) {
            let file = steps.populate.get(&step.name).and_then(|place| files.get(*place));
            let reason = format!("populate step {} requires {missing:?}, which no component has", step.name);
            return Err(PackageError::Description { file: file.copied().unwrap_or_default().to_owned(), reason });
        }
    }
    Ok(())
}

fn check(info: &PackageInfo) -> Result<(), String> {
    check_name("package name", &info.name)?;
    check_text("title", &info.title)?;
    check_text("version", &info.version)?;
    info.revisions.iter().try_for_each(check_revision)?;
    info.populate_steps.iter().try_for_each(check_step)
}

fn check_revision(revision: &Revision) -> Result<(), String> {
    let id = &revision.id;
    check_id(id)?;
    for down in &revision.down_revisions {
        check_id(down).map_err(|reason| format!("revision {id}: {reason}"))?;
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = revision.down_revisions.iter().find(|down| !seen.insert(down.as_str())) {
        return Err(format!("revision {id} revises {twice} twice"));
    }
    check_text("message", &revision.message).map_err(|reason| format!("revision {id}: {reason}"))?;
    check_dependencies(&revision.depends_on).map_err(|reason| format!("revision {id}: {reason}"))
}

fn check_step(step: &PopulateStep) -> Result<(), String> {
    let name = &step.name;
    check_name("populate step", name)?;
    check_text("title", &step.title).map_err(|reason| format!("populate step {name}: {reason}"))?;
    check_dependencies(&step.depends_on).map_err(|reason| format!("populate step {name}: {reason}"))
}

fn check_dependencies(dependencies: &[Dependency]) -> Result<(), String> {
    for Dependency { package, revision } in dependencies {
        if !is_name(package) || !is_id(revision) {
            let text = format!("{package}:{revision}");
            return Err(format!("depends-on {:?} is not `package:revision`", cut(text.trim_end_matches(':'))));
        }
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), String> {
    if RESERVED_IDS.contains(&id) {
        return Err(format!("no revision may have the id {id}: it stands for something else"));
    }
    if !is_id(id) {
        let shown = cut(id);
        return Err(format!("the revision id {shown:?} is not 1 to {NAME_BYTES} of letters, digits, `_` and `.`"));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    if !is_name(name) {
        let shown = cut(name);
        return Err(format!("the {what} {shown:?} is not 1 to {NAME_BYTES} of letters, digits, `_`, `.` and `-`"));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES {
        return Err(format!("the {what} is longer than {TEXT_BYTES} bytes"));
    }
    match text.chars().find(|character| is_deceptive(*character)) {
        Some(found) => Err(format!("the {what} holds {found:?}, a character that is invisible or moves text")),
        None => Ok(()),
    }
}

fn is_id(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn cut(text: &str) -> String {
    crate::sandbox::escaped(text, NAME_BYTES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn revision(id: &str) -> Revision {
        Revision { id: id.into(), down_revisions: vec![], message: String::new(), depends_on: vec![] }
    }

    fn step(name: &str, requires: &[&str]) -> PopulateStep {
        PopulateStep {
            name: name.into(),
            title: String::new(),
            active: true,
            requires: requires.iter().map(|&name| name.to_owned()).collect(),
            depends_on: vec![],
        }
    }

    fn package(revisions: &[&str]) -> PackageInfo {
        PackageInfo {
            name: "shop".into(),
            title: "A shop".into(),
            version: "1.0".into(),
            revisions: revisions.iter().map(|id| revision(id)).collect(),
            populate_steps: vec![],
        }
    }

    fn merged(infos: Vec<PackageInfo>) -> Result<(PackageInfo, Steps), String> {
        let files = ["a.wasm", "b.wasm", "c.wasm"];
        let described = files.into_iter().zip(infos).map(|(file, info)| Described { file, info }).collect();
        let limits = Limits { revisions: 4, populate_steps: 2, ..Limits::default() };
        merge(described, &limits).map_err(|error| error.to_string())
    }

    fn refused(change: impl FnOnce(&mut PackageInfo)) -> String {
        let mut info = package(&["001"]);
        change(&mut info);
        merged(vec![info]).unwrap_err()
    }

    #[test]
    fn components_are_taken_together_in_order() {
        let (info, steps) = merged(vec![package(&["001", "002"]), package(&["003"])]).unwrap();
        assert_eq!(
            info.revisions.iter().map(|revision| revision.id.as_str()).collect::<Vec<_>>(),
            ["001", "002", "003"]
        );
        assert_eq!(steps.revisions.get("003"), Some(&1));
        assert_eq!(steps.revisions.get("002"), Some(&0));
    }

    #[test]
    fn a_revision_in_two_components_names_both_files() {
        let error = merged(vec![package(&["001"]), package(&["002"]), package(&["001"])]).unwrap_err();
        assert!(error.contains("revision 001") && error.contains("a.wasm") && error.contains("c.wasm"), "{error}");
    }

    #[test]
    fn a_revision_twice_in_one_component_is_refused() {
        assert!(merged(vec![package(&["001", "001"])]).unwrap_err().contains("001"));
    }

    #[test]
    fn components_that_disagree_are_refused() {
        let mut other = package(&["002"]);
        other.version = "2.0".into();
        let error = merged(vec![package(&["001"]), other]).unwrap_err();
        assert!(error.contains("version") && error.contains("1.0") && error.contains("2.0"), "{error}");
    }

    #[test]
    fn names_and_ids_outside_the_grammar_are_refused() {
        let long = "n".repeat(65);
        for bad in ["", "a b", "a/b", "../x", "é", "a\u{202e}", &long] {
            assert!(refused(|info| info.name = bad.into()).contains("package name"), "{bad:?}");
            assert!(refused(|info| info.revisions = vec![revision(bad)]).contains("revision id"), "{bad:?}");
            assert!(refused(|info| info.populate_steps = vec![step(bad, &[])]).contains("populate step"), "{bad:?}");
        }
        for reserved in RESERVED_IDS {
            assert!(refused(|info| info.revisions = vec![revision(reserved)]).contains(reserved));
        }
        assert!(refused(|info| info.revisions = vec![revision("a-b")]).contains("a-b"));
        assert!(refused(|info| info.name = "a\u{202e}b".into()).is_ascii());
    }

    #[test]
    fn texts_are_bounded_and_hide_nothing() {
        assert!(
            merged(vec![{
                let mut info = package(&["001"]);
                info.title = "é".repeat(128);
                info
            }])
            .is_ok()
        );
        assert!(refused(|info| info.title = "t".repeat(257)).contains("256"));
        assert!(refused(|info| info.version = "1\n2".into()).contains("version"));
        assert!(refused(|info| info.title = "a\u{202e}b".into()).contains("title"));
    }

    #[test]
    fn dependencies_are_package_and_revision() {
        for (package, revision) in [("crowd", ""), ("", "001"), ("crowd", "a:b"), ("a b", "001")] {
            let dependency = Dependency { package: package.into(), revision: revision.into() };
            let error = refused(|info| {
                info.revisions.iter_mut().for_each(|revision| revision.depends_on = vec![dependency.clone()]);
            });
            assert!(error.contains("package:revision"), "{error}");
        }
    }

    #[test]
    fn a_required_step_may_be_in_another_component_and_must_be_somewhere() {
        let mut one = package(&[]);
        one.populate_steps = vec![step("sample", &["schema"])];
        let mut two = package(&[]);
        two.populate_steps = vec![step("schema", &[])];
        assert!(merged(vec![one.clone(), two]).is_ok());
        assert!(merged(vec![one]).unwrap_err().contains("schema"));
    }

    #[test]
    fn counts_are_limited_over_all_components() {
        assert!(merged(vec![package(&["1", "2"]), package(&["3", "4"])]).is_ok());
        assert!(merged(vec![package(&["1", "2"]), package(&["3", "4", "5"])]).unwrap_err().contains("4 revisions"));
        let mut info = package(&[]);
        info.populate_steps = vec![step("a", &[]), step("b", &[]), step("c", &[])];
        assert!(merged(vec![info]).unwrap_err().contains("2 populate steps"));
    }
}
