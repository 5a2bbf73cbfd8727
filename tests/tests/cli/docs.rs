//! `docs/cli.md` names what there is: options, exit codes, and the keys of the documents.

use std::collections::BTreeSet;

use ptah_wasm_tests::binary::{Ptah, ptah};
use serde_json::Value;

use crate::{pages, put};

const DOCS: &str = include_str!("../../../docs/cli.md");
const VERBS: [&str; 8] =
    ["upgrade", "downgrade", "populate", "current", "history", "list", "inspect", "import alembic"];

#[test]
fn every_verb_option_and_exit_code_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    for verb in VERBS {
        assert!(DOCS.contains(&format!("\n### `{verb}")), "{verb}");
        let help = ptah(folder.path()).args(verb).arg("--help").ok().stdout;
        let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
        for option in options.flat_map(|line| line.trim_start().split(['[', ' ', '=', ','])) {
            let option = option.trim_end_matches(|letter: char| !letter.is_alphanumeric());
            if option.starts_with('-') && option.len() > 1 {
                let named =
                    [format!("`{option}`"), format!("`{option} "), format!("`{option}="), format!(" {option} ")];
                assert!(named.iter().any(|named| DOCS.contains(named)), "{verb}: {option}");
            }
        }
    }
    let help = ptah(folder.path()).arg("--help").ok().stdout;
    let codes: String = help.split("Exit codes:").nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let codes = codes.split(", ").filter_map(|part| part.split(' ').next()?.parse::<u8>().ok());
    let codes: Vec<u8> = codes.collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
    for code in codes {
        assert!(DOCS.contains(&format!("\n| {code} | ")), "{code}");
    }
}

/// The keys of a document, those of a plan's operations aside: they are the contract's.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                if key != "operations" {
                    keys(value, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_of_a_json_document_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pages.wasm", &pages().populate("demo", []));
    std::fs::write(folder.path().join("ptah.toml"), "[[package]]\nname = 'pages'\npath = 'pages.wasm'\n").unwrap();
    let run = |words: &str| -> Ptah { ptah(folder.path()).args(words).arg("--json") };
    let mut found = BTreeSet::new();
    for words in [
        "upgrade --dry-run pages",
        "upgrade pages:001",
        "populate --list pages",
        "populate pages",
        "current pages",
        "history pages",
        "history --records",
        "list",
        "inspect pages.wasm",
        "downgrade pages:base",
        "upgrade --sql --dialect postgres pages",
    ] {
        keys(&run(words).ok().json(), &mut found);
    }
    keys(&run("upgrade none.wasm").run().ends(3).json(), &mut found);
    for words in ["current pages.wasm", "upgrade pages.wasm"] {
        let many = run(words).args("--database sqlite:a.db --database sqlite:no/such/folder.db");
        keys(&many.run().json(), &mut found);
    }
    let unknown: Vec<&String> = found.iter().filter(|key| !DOCS.contains(&format!("\"{key}\""))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
