//! Several targets in one command: `--database` more than once, `[targets]` of `ptah.toml`.

use std::fmt::Write as _;
use std::fs;

use ptah_wasm_tests::binary::{Ptah, ptah};
use ptah_wasm_tests::on_every_database;
use serde_json::Value;
use tempfile::TempDir;

use crate::{pages, put};

/// A folder with the package and a configuration that has these targets.
fn with_targets(targets: &[(String, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages());
    let mut config = "[[package]]\nname = 'pages'\npath = 'pages.wasm'\n[targets]\n".to_owned();
    for (name, url) in targets {
        writeln!(config, "{name} = '{url}'").unwrap();
    }
    fs::write(folder.path().join("ptah.toml"), config).unwrap();
    folder
}

/// SQLite files beside the configuration, by name.
fn files(names: &[&str]) -> TempDir {
    with_targets(&names.iter().map(|name| ((*name).to_owned(), format!("sqlite:{name}.db"))).collect::<Vec<_>>())
}

fn run(folder: &TempDir, words: &str) -> Ptah {
    ptah(folder.path()).args(words)
}

fn column<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    document["targets"].as_array().unwrap().iter().map(|row| row[key].as_str().unwrap()).collect()
}

#[test]
fn fifty_files_are_upgraded_eight_at_a_time_by_one_plan() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages());
    let upgrade = || {
        let run = run(&folder, "upgrade pages.wasm --jobs 8 --json");
        (0..50).fold(run, |run, number| run.arg("--database").arg(format!("sqlite:{number}.db")))
    };
    let done = upgrade().ok().says(&["[50/50]", "50 targets: 50 applied; 1 plan, 2 guest runs"]);
    let document = done.json();
    assert_eq!(column(&document, "outcome"), ["applied"; 50]);
    assert_eq!(column(&document, "target")[7], "sqlite:7.db", "in the order in which they were given");
    assert_eq!(document["plans"].as_array().unwrap().len(), 1);
    assert_eq!(document["plans"][0]["targets"], 50);
    assert_eq!(document["summary"]["guest_runs"], 2);
    assert_eq!(document["targets"][7]["packages"][0]["records"][0], "002");
    let again = upgrade().ok().json();
    assert_eq!(column(&again, "outcome"), ["nothing-to-do"; 50]);
    for number in [0, 49] {
        run(&folder, "current").arg("--database").arg(format!("sqlite:{number}.db")).ok().prints(&["pages: 002"]);
    }
}

#[test]
fn targets_of_the_configuration_are_all_taken_and_some_by_name() {
    let folder = files(&["east", "north", "south"]);
    run(&folder, "upgrade --target north --target south").ok().says(&["2 targets: 2 applied"]);
    run(&folder, "current").ok().prints(&[
        "east: pages: None (2 pending)",
        "north: pages: 002 (head)",
        "south: pages: 002 (head)",
    ]);
    run(&folder, "current --target east").ok().prints(&["pages: None (2 pending)"]);
    run(&folder, "upgrade").ok().says(&["east: pages None -> 002", "3 targets: 1 applied, 2 nothing to do; 1 plan"]);
    run(&folder, "downgrade pages:001 --target south").ok();
    run(&folder, "current").ok().prints(&[
        "east: pages: 002 (head)",
        "north: pages: 002 (head)",
        "south: pages: 001 (1 pending)",
    ]);
    run(&folder, "upgrade --target west")
        .run()
        .ends(2)
        .says(&["west is no target of ptah.toml (there: east, north, south)"]);
    let one = run(&folder, "upgrade --json --target north").ok().json();
    assert!(one["packages"].is_array(), "one target has the document of one target: {one}");
}

#[test]
fn verbs_of_one_target_ask_which_one() {
    let folder = files(&["east", "north"]);
    for words in ["downgrade pages:base", "populate pages", "history", "list", "repair"] {
        run(&folder, words).run().ends(2).says(&["this verb takes one target and here are 2", "--target"]);
        run(&folder, words).args("--database sqlite:a.db --database sqlite:b.db").run().ends(2);
    }
    run(&folder, "history --target east").ok();
    run(&folder, "upgrade --database sqlite:a.db --target east").run().ends(2).says(&["cannot be used with"]);
    let environment = run(&folder, "current").env("DATABASE_URL", "sqlite:a.db").ok();
    environment.says(&["using DATABASE_URL, not the [targets] of ptah.toml"]).prints(&["pages: None (2 pending)"]);
}

#[test]
fn some_that_fail_end_with_the_code_of_a_part_and_all_alike_with_their_own() {
    let folder = files(&["east", "north"]);
    fs::write(folder.path().join("north.db"), "this is no database, it is a text that is long enough").unwrap();
    let part = run(&folder, "upgrade").run().ends(8);
    part.says(&["error: [", "north: ", "error: 1 of 2 targets failed", "2 targets: 1 applied, 1 failed"]).prints(&[]);
    let document = run(&folder, "upgrade --json").run().ends(8).json();
    assert_eq!(column(&document, "outcome"), ["nothing-to-do", "failed"]);
    assert_eq!(document["targets"][0]["error"], Value::Null);
    assert_eq!(document["targets"][1]["error"]["code"], 7);
    assert!(document["targets"][1]["error"]["message"].is_string());
    fs::copy(folder.path().join("north.db"), folder.path().join("east.db")).unwrap();
    run(&folder, "upgrade").run().ends(7).says(&["2 of 2 targets failed"]);
    let look = run(&folder, "current --json").run().ends(7).json();
    assert_eq!(look[0]["error"]["code"], 7);
    run(&folder, "current").run().ends(7).says(&["error: east: "]);
}

#[test]
fn a_target_that_is_given_twice_and_a_url_that_cannot_be_read_are_said_before_anything_is_done() {
    let folder = files(&["east"]);
    let twice = run(&folder, "upgrade --database sqlite:a.db --database sqlite:./a.db").run().ends(2);
    twice.says(&["sqlite:a.db and sqlite:./a.db are the same target"]);
    assert!(!folder.path().join("a.db").exists());
    let bad = [
        ("east".to_owned(), "sqlite:e.db".to_owned()),
        ("west".to_owned(), "postgres://me:hunter2@db:port/x".to_owned()),
    ];
    let folder = with_targets(&bad);
    let done = run(&folder, "upgrade").run().ends(7).says(&["west"]);
    assert!(!done.all().contains("hunter2") && !folder.path().join("e.db").exists());
}

#[test]
fn a_dry_run_prints_each_plan_once_with_its_targets() {
    let folder = files(&["east", "north", "south"]);
    run(&folder, "upgrade pages:001 --target south").ok();
    let done = run(&folder, "upgrade --dry-run").ok();
    let heads: Vec<&str> = done.stdout.lines().filter(|line| line.starts_with("-- on ")).collect();
    assert_eq!(heads.len(), 2, "{}", done.stdout);
    assert!(heads.contains(&"-- on east, north") && heads.contains(&"-- on south"));
    assert_eq!(done.stdout.matches("CREATE TABLE \"pages\"").count(), 1, "{}", done.stdout);
    assert!(!folder.path().join("east.db").exists());
    let document = run(&folder, "upgrade --dry-run --json").ok().json();
    assert_eq!(column(&document, "outcome"), ["planned"; 3]);
    assert_eq!(document["dry_run"], true);
}

#[test]
fn what_a_guest_says_is_told_once_for_all_targets() {
    let folder = files(&["east", "north", "south"]);
    let talking = pages().revision("003", &["002"], "Talk").upgrade([ptah_wasm_tests::guest::Action::Message(
        ptah_wasm_tests::guest::Level::Warn,
        "old rows stay".into(),
    )]);
    put(folder.path(), "pages.wasm", &talking);
    let done = run(&folder, "upgrade").ok();
    assert_eq!(done.stderr.matches("old rows stay").count(), 1, "{}", done.stderr);
    assert!(!done.stderr.contains("running upgrade"), "{}", done.stderr);
}

on_every_database! {
    async fn one_of_several_targets_that_cannot_be_reached_does_not_stop_the_others(target: &TestTarget) {
        let tenants = target.tenants(3).await;
        let mut targets: Vec<(String, String)> = Vec::new();
        for (number, tenant) in tenants.iter().enumerate() {
            targets.push((format!("t{number}"), tenant.url().to_owned()));
        }
        let nowhere = "postgres://me:hunter2@127.0.0.1:1/x";
        targets.push(("nowhere".to_owned(), nowhere.to_owned()));
        let folder = with_targets(&targets);
        let done = run(&folder, "upgrade --json").run().ends(8).says(&["4 targets: 3 applied, 1 failed"]);
        let document = done.json();
        assert_eq!(column(&document, "name"), ["nowhere", "t0", "t1", "t2"]);
        assert_eq!(document["targets"][0]["error"]["code"], 7);
        assert_eq!(document["targets"][1]["target"], tenants[0].target().label());
        assert!(!done.all().contains("hunter2") && !done.all().contains("ptah:ptah@"), "{}", done.all());
        for number in 0..3 {
            run(&folder, "current").args(&format!("--target t{number}")).ok().prints(&["pages: 002 (head)"]);
        }
    }
}
