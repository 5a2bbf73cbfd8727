//! Holds the rules of the house by reading the sources: one home for each concern, arrows that only point
//! down, files that stay short, copies that stay equal, links that lead somewhere.
//!
//! Reads tokens, not text: what a comment or a string says, and what `#[cfg(test)]` guards, does not count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Written by a generator: neither read nor judged by people.
const GENERATED: &[&str] = &["guest-sdk/rust/src/bindings.rs"];

const LONGEST: usize = 500;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of the project by its path from the top, with `/` between the names; not what builds leave, which
/// `.gitignore` names.
fn files() -> Vec<String> {
    fn collect(dir: &Path, top: &Path, left_by_builds: &BTreeSet<&str>, into: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let names: Vec<_> = path.strip_prefix(top).unwrap().iter().map(|name| name.to_str().unwrap()).collect();
            let from_top = names.join("/");
            if name == ".git" || left_by_builds.contains(format!("/{from_top}").as_str()) {
                continue;
            }
            if !path.is_dir() {
                into.push(from_top);
            } else if !left_by_builds.contains(format!("{name}/").as_str()) && !path.join("CACHEDIR.TAG").exists() {
                collect(&path, top, left_by_builds, into);
            }
        }
    }
    let ignored = fs::read_to_string(top().join(".gitignore")).unwrap();
    let mut found = Vec::new();
    collect(&top(), &top(), &ignored.lines().collect(), &mut found);
    found.sort();
    found
}

fn text(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The tokens of one source file that are neither comment, nor string, nor test.
struct Source {
    path: String,
    words: Vec<String>,
}

impl Source {
    fn has(&self, pattern: &[&str]) -> bool {
        self.words.windows(pattern.len()).any(|found| found.iter().zip(pattern).all(|(word, wanted)| word == wanted))
    }

    fn is_under(&self, homes: &[&str]) -> bool {
        homes.iter().any(|home| self.path.starts_with(home))
    }
}

fn words(stream: TokenStream, into: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut next = 0;
    while let Some(token) = tokens.get(next) {
        next += 1;
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' && guards_a_test(tokens.get(next)) => {
                while let Some(token) = tokens.get(next) {
                    next += 1;
                    match token {
                        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                        TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                        _ => {}
                    }
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                into.push(open.to_owned());
                words(group.stream(), into);
                into.push(close.to_owned());
            }
            TokenTree::Literal(_) => into.push("literal".to_owned()),
            other => into.push(other.to_string()),
        }
    }
}

fn guards_a_test(attribute: Option<&TokenTree>) -> bool {
    attribute.is_some_and(|token| token.to_string().replace(' ', "") == "[cfg(test)]")
}

fn source(path: &str, text: &str) -> Source {
    let mut found = Vec::new();
    words(text.parse().unwrap_or_else(|error| panic!("{path}: {error}")), &mut found);
    Source { path: path.to_owned(), words: found }
}

/// The sources of the crate `ptah-wasm`, without its test modules.
fn runtime() -> Vec<Source> {
    let sources: Vec<Source> = rust_files()
        .into_iter()
        .filter(|path| path.starts_with("runtime/src/") && !path.ends_with("/tests.rs") && !path.contains("/tests/"))
        .map(|path| source(&path, &text(&path)))
        .collect();
    assert!(sources.len() > 10, "the sources have moved: {}", sources.len());
    sources
}

fn rust_files() -> Vec<String> {
    files().into_iter().filter(|path| path.ends_with(".rs")).collect()
}

#[track_caller]
fn none(what: &str, offenders: impl IntoIterator<Item = impl ToString>) {
    let offenders: Vec<String> = offenders.into_iter().map(|offender| offender.to_string()).collect();
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

/// The files of the runner outside `homes` that contain one of the token sequences.
fn outside(homes: &[&str], patterns: &[&[&str]]) -> Vec<String> {
    let strays = runtime().into_iter().filter(|source| !source.is_under(homes));
    strays.filter(|source| patterns.iter().any(|pattern| source.has(pattern))).map(|source| source.path).collect()
}

#[test]
fn the_reader_leaves_out_comments_strings_and_tests() {
    let found = source(
        "sample.rs",
        r##"
        //! sqlx
        /// wasmtime
        fn a<'a>(b: &'a str) -> char { /* tokio */ let _ = (r#"println!()"#, "sqlx"); Dialect::Sqlite; 'x' }
        #[cfg(test)]
        #[allow(clippy::panic)]
        mod tests { use sqlx; }
        #[cfg(test)]
        mod more;
        fn last() {}
        "##,
    );
    for absent in ["sqlx", "wasmtime", "tokio", "println", "tests", "more"] {
        assert!(!found.has(&[absent]), "{absent} in {:?}", found.words);
    }
    assert!(found.has(&["Dialect", ":", ":", "Sqlite"]) && found.has(&["fn", "last"]));
    assert!(!found.has(&["Dialect", ":", ":", "Postgres"]));
}

#[test]
fn a_database_is_spoken_to_only_in_the_database_module() {
    none("sqlx outside database", outside(&["runtime/src/database"], &[&["sqlx"]]));
}

#[test]
fn wasmtime_is_used_only_in_the_sandbox() {
    none("wasmtime outside sandbox", outside(&["runtime/src/sandbox"], &[&["wasmtime"]]));
}

#[test]
fn the_bindings_of_the_contract_are_generated_once() {
    let all: Vec<Source> = rust_files().iter().map(|path| source(path, &text(path))).collect();
    let found: Vec<&str> =
        all.iter().filter(|source| source.has(&["bindgen", "!"])).map(|source| source.path.as_str()).collect();
    assert_eq!(found, ["runtime/src/sandbox/bindings.rs"]);
}

#[test]
fn the_dialect_is_told_apart_only_where_databases_differ() {
    let homes = &[
        "runtime/src/dialect/",
        // The connections themselves, and what locks them.
        "runtime/src/database",
        "runtime/src/store/",
        // Its name in the contract.
        "runtime/src/sandbox/answer.rs",
    ];
    let strays = runtime().into_iter().filter(|source| !source.is_under(homes)).filter(|source| {
        source.words.windows(4).any(|found| {
            found[0] == "Dialect"
                && found[1] == ":"
                && found[2] == ":"
                && (found[3] == "{" || found[3] == "*" || found[3].starts_with(char::is_uppercase))
        })
    });
    none("names one dialect", strays.map(|source| source.path));
}

#[test]
fn only_the_command_line_prints() {
    let macros = ["print", "println", "eprint", "eprintln", "dbg"];
    let prints = |source: &Source| {
        macros.iter().any(|name| source.has(&[name, "!"]))
            || ["stdout", "stderr"].iter().any(|stream| {
                // `command.stdout(…)` sets a child's stream up.
                source.words.windows(3).any(|found| found[0] != "." && found[1] == *stream && found[2] == "(")
            })
    };
    // The compiler's child sends its parent the code that way.
    let homes = &["runtime/src/cli/", "runtime/src/main.rs", "runtime/src/sandbox/child.rs"];
    let strays = runtime().into_iter().filter(|source| !source.is_under(homes)).filter(prints);
    none("prints", strays.map(|source| source.path));
}

#[test]
fn the_pure_modules_know_neither_wasmtime_nor_sqlx_nor_tokio() {
    let pure = ["operation/", "schema/", "policy/", "dialect/", "revision.rs", "plan.rs"];
    let pure: Vec<String> = pure.iter().map(|home| format!("runtime/src/{home}")).collect();
    let sources = runtime();
    for home in &pure {
        assert!(sources.iter().any(|source| source.path.starts_with(home)), "{home} has moved");
    }
    let strays = sources.iter().filter(|source| pure.iter().any(|home| source.path.starts_with(home)));
    let impure = ["wasmtime", "sqlx", "tokio"];
    none(
        "knows more than data",
        strays.filter(|source| impure.iter().any(|name| source.has(&[name]))).map(|source| source.path.as_str()),
    );
}

#[test]
fn nothing_calls_up() {
    // From the top down: a module may mention those after its own line, and those of its own line.
    let floors: &[&[&str]] = &[
        &["cli"],
        &["rollout"],
        &["config", "migrate"],
        &["store", "package"],
        &["database", "sandbox"],
        &["plan", "policy", "revision", "dialect", "schema", "operation"],
    ];
    let floor_of = |module: &str| floors.iter().position(|floor| floor.contains(&module));
    let mut strays = Vec::new();
    for source in runtime() {
        let own = source.path.trim_start_matches("runtime/src/");
        let own = own.split(['/', '.']).next().unwrap();
        let Some(floor) = floor_of(own) else { continue };
        for found in source.words.windows(4).filter(|found| found[0] == "crate" && found[1] == ":" && found[2] == ":") {
            if floor_of(&found[3]).is_some_and(|other| other < floor) {
                strays.push(format!("{} mentions crate::{}", source.path, found[3]));
            }
        }
    }
    none("calls up", strays);
}

#[test]
fn unsafe_code_is_only_where_guests_are_compiled_and_loaded_and_in_generated_bindings() {
    let homes = ["runtime/src/sandbox/cache", "runtime/src/sandbox/child.rs", "runtime/src/sandbox/engine.rs"];
    let strays = rust_files().into_iter().filter(|path| !GENERATED.contains(&path.as_str()));
    let strays = strays.filter(|path| !homes.iter().any(|home| path.starts_with(home)));
    none("unsafe", strays.filter(|path| source(path, &text(path)).has(&["unsafe"])));
}

#[test]
fn files_stay_short() {
    let people = rust_files().into_iter().filter(|path| !GENERATED.contains(&path.as_str()));
    let lengths: BTreeMap<String, usize> = people.map(|path| (path.clone(), text(&path).lines().count())).collect();
    let long = lengths.iter().filter(|(_, lines)| **lines > LONGEST);
    none("split by noun", long.map(|(path, lines)| format!("{path}: {lines} lines")));
}

#[test]
fn no_test_returns_early() {
    let tests = rust_files().into_iter().filter(|path| path.starts_with("tests/tests/") || path.contains("/tests/"));
    let early = tests.filter(|path| source(path, &text(path)).has(&["return", ";"]));
    none("a test that stops half way proves nothing: declare it with `on_databases!`", early);
}

#[test]
fn every_module_opens_with_what_it_owns() {
    let people = rust_files().into_iter().filter(|path| !GENERATED.contains(&path.as_str()));
    let silent = people.filter(|path| {
        let text = text(path);
        let words = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap_or_default();
        words.split_whitespace().count() < 2
    });
    none("opens without a `//!` that says what it owns", silent);
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    let drawers = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
    let strays = rust_files().into_iter().filter(|path| path.split(['/', '.']).any(|name| drawers.contains(&name)));
    none("name it by its noun", strays);
}

#[test]
fn the_crates_carry_exact_copies_of_the_contract() {
    let contract = |dir: &str| -> BTreeMap<String, String> {
        let names = fs::read_dir(top().join(dir)).unwrap_or_else(|error| panic!("{dir}: {error}"));
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| (name.clone(), text(&format!("{dir}/{name}")))).collect()
    };
    let original = contract("wit");
    assert!(original.contains_key("migration.wit"));
    for copy in ["runtime/wit", "guest-sdk/rust/wit"] {
        assert_eq!(contract(copy), original, "{copy} is out of date: run `just wit`");
    }
}

/// The targets of `[text](target)` outside code, without a title.
fn links(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second part lies between backticks.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        for rest in prose.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            found.extend(target.split_whitespace().next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_link_in_the_documents_leads_to_a_file() {
    assert_eq!(links("a [b](c.md#d \"e\") `[x](y)`, [`z`](w.md)\n```\n[n](o)\n```\n"), ["c.md#d", "w.md"]);
    let mut broken = Vec::new();
    for path in files().into_iter().filter(|path| path.ends_with(".md")) {
        for link in links(&text(&path)) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let target = top().join(&path).parent().unwrap().join(file);
            let inside = inside(Path::new(&path).parent().unwrap(), Path::new(file));
            if !inside || !target.exists() {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    none("leads nowhere", broken);
}

/// Whether `link`, followed from the directory `from`, stays in the project.
fn inside(from: &Path, link: &Path) -> bool {
    let mut depth = 0_i32;
    from.join(link).components().all(|part| {
        depth += match part {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            Component::CurDir => 0,
            Component::RootDir | Component::Prefix(_) => return false,
        };
        depth >= 0
    })
}

#[test]
fn every_document_is_in_the_index() {
    let index = text("docs/README.md");
    let documents = files().into_iter().filter_map(|path| path.strip_prefix("docs/").map(str::to_owned));
    let documents = documents.filter(|path| path.ends_with(".md") && path != "README.md");
    let known = links(&index);
    none("not in docs/README.md", documents.filter(|path| !known.contains(path)));
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    let places: Vec<Vec<u8>> = ["work", "root", "farm"].iter().map(|place| format!("/{place}/").into_bytes()).collect();
    let registry = [b"/.cargo/".as_slice(), b"registry/"].concat();
    let names_one = |path: &String| {
        let bytes = fs::read(top().join(path)).unwrap();
        let mut needles = places.iter().chain([&registry]);
        needles.any(|needle| bytes.windows(needle.len()).any(|found| found == needle.as_slice()))
    };
    none("names a machine's own path", files().into_iter().filter(names_one));
}
