//! `import alembic`: what is read of a project, what is made of it, and what is said where it cannot be. The component
//! itself is built and run by `guest-sdk/python/tests/run.py`.

use std::fs;
use std::path::Path;

use ptah_wasm_tests::binary::{Done, ptah};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(folder.path(), file, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A script that does nothing.
fn script(head: &str) -> String {
    format!(
        "\"\"\"A step\"\"\"\n\nfrom alembic import op\n\n{head}\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"
    )
}

/// A script with this id that revises others, as Python writes them.
fn revision(id: &str, down: &str) -> String {
    script(&format!("revision = {id:?}\ndown_revision = {down}"))
}

/// `import alembic app` with more words, in this folder, without building.
fn import(folder: &TempDir, words: &str) -> Done {
    ptah(folder.path()).args("import alembic app --no-build").args(words).run()
}

/// The findings of a document as `severity file:line message`.
fn findings(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|found| {
            let (severity, file, message) = (text(found, "severity"), text(found, "file"), text(found, "message"));
            format!("{severity} {file}:{} {message}", found["line"])
        })
        .collect()
}

/// Imports a project that cannot be imported, and expects these parts in one error on stderr, the same in the JSON
/// document, exit code 3, and that nothing was made.
#[track_caller]
fn refused(files: &[(&str, &str)], parts: &[&str]) {
    let folder = project(files);
    let done = import(&folder, "").ends(3).prints(&[]);
    let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
    assert!(done.stderr.lines().any(|line| line.starts_with("error: ") && has_all(line)), "{parts:?}: {}", done.stderr);
    let document = import(&folder, "--json").ends(3).json();
    assert_eq!(document["error"]["code"], 3);
    let said: Vec<String> = findings(&document);
    let whole = document["error"]["message"].as_str().unwrap();
    assert!(
        said.iter().any(|line| line.starts_with("error ") && has_all(line)) || has_all(whole),
        "{parts:?}: {said:?}"
    );
    assert!(!folder.path().join("packages").exists(), "something was made");
}

#[test]
fn a_project_becomes_a_folder_with_all_that_a_build_needs() {
    let first = "\"\"\"Create pages\n\nRevision ID: 001\n\"\"\"\nfrom app.words import WORDS\nfrom clock.now import tick\n\
                 revision: str = '001'\ndown_revision: str | None = None\nbranch_labels = ('pages',)\n\
                 def upgrade() -> None: ...\ndef downgrade() -> None: ...\n";
    let folder = project(&[
        (
            "app/alembic.ini",
            "[alembic]\nscript_location = %(here)s/db\nsqlalchemy.url = postgres://u:secret@h/d\nhouse = 7\n",
        ),
        (
            "app/db/env.py",
            "from alembic import context\nfrom sqlalchemy import MetaData\n\
             metadata = MetaData(naming_convention={'uq': 'uq_%(table_name)s'})\n\
             context.configure(target_metadata=metadata, transaction_per_migration=True)\n",
        ),
        ("app/db/versions/one.py", first),
        ("app/db/versions/two.py", &script("revision = '002'\ndown_revision = '001'\ndepends_on = ['pages']")),
        ("app/app/words.py", "WORDS = ()\n"),
        ("now.py", "def tick(): ...\n"),
        ("app/pyproject.toml", "[project]\nname = 'Page Keeper'\nversion = '2.1'\n"),
    ]);
    let words = "--vendor app.words --shim clock.now=now.py --pin sqlalchemy==2.0.48";
    let document = import(&folder, &format!("--json {words}")).ends(0).json();
    assert_eq!(findings(&document), [""; 0]);
    assert_eq!(document["package"], "Page-Keeper");
    assert_eq!(document["version"], "2.1");
    assert_eq!(document["component"], Value::Null);
    let revisions = &document["revisions"];
    assert_eq!(revisions[0]["message"], "Create pages");
    assert_eq!(revisions[0]["branch_labels"][0], "pages");
    assert_eq!(revisions[1]["depends_on"][0], "pages");
    assert_eq!(revisions[1]["file"], "db/versions/two.py");
    assert_eq!(document["heads"], serde_json::json!(["002"]));

    let made = folder.path().join("packages/Page-Keeper");
    let read = |file: &str| fs::read_to_string(made.join(file)).unwrap();
    let manifest = read("ptah-python.toml");
    for part in [
        "name = \"Page-Keeper\"",
        "transaction-per-migration = true",
        "pin = [\"sqlalchemy==2.0.48\"]",
        "\"uq\" = \"uq_%(table_name)s\"",
        "\"house\" = \"7\"",
    ] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }
    assert!(!manifest.contains("secret"), "a login came along: {manifest}");
    assert_eq!(read("versions/one.py"), first);
    assert_eq!(read("modules/app/words.py"), "WORDS = ()\n");
    assert_eq!(read("modules/app/__init__.py"), "");
    assert_eq!(read("modules/clock/now.py"), "def tick(): ...\n");
    assert!(read("ptah-package.toml").contains("components = [\"Page-Keeper.wasm\"]"));

    // Made anew: what is no part of it any more is gone.
    fs::remove_file(folder.path().join("app/db/versions/two.py")).unwrap();
    import(&folder, words)
        .ends(0)
        .prints(&["package: Page-Keeper 2.1, 1 revision, head 001", "folder: packages/Page-Keeper"]);
    assert!(!made.join("versions/two.py").exists());
}

#[test]
fn nothing_of_a_project_is_executed() {
    let trap = "open('executed', 'w').close()\n";
    let folder = project(&[
        ("app/env.py", trap),
        ("app/versions/1.py", &format!("{trap}{}", revision("1", "None"))),
        ("app/words.py", trap),
        ("app/sitecustomize.py", trap),
        ("sitecustomize.py", trap),
        ("build.py", trap),
        ("json.py", trap),
    ]);
    ptah(folder.path()).args("import alembic app --no-build --vendor words").env("PYTHONPATH", ".").run().ends(0);
    for place in ["executed", "app/executed", "packages/app/executed"] {
        assert!(!folder.path().join(place).exists());
    }
}

#[test]
fn scripts_that_cannot_be_read_are_named_with_the_line() {
    let refuses = |text: &str, parts: &[&str]| refused(&[("app/versions/1.py", text)], parts);
    refuses("revision = '1'\ndef upgrade(:\n", &["versions/1.py:2", "it is not Python"]);
    refuses("revision = '1'\0", &["versions/1.py", "it is not Python"]);
    refuses(&format!("revision = {}1{}", "(".repeat(5_000), ")".repeat(5_000)), &["versions/1.py", "it is not Python"]);
    refuses("import os\nrevision = os.environ['X']\n", &["versions/1.py:2", "only running the script would tell"]);
    refuses("revision = 1\n", &["versions/1.py:1", "no string"]);
    refuses("revision = '1'\ndown_revision = {'a': 1}\n", &["versions/1.py:2", "neither None, a string nor a tuple"]);
    refuses("if X:\n    revision = '1'\nelse:\n    revision = '2'\n", &["versions/1.py:2", "only running the script"]);
    refuses(&revision("a-b", "None"), &["versions/1.py:5", "'a-b'", "letters, digits"]);
    refuses(&revision("head", "None"), &["versions/1.py:5", "stands for something else"]);
    refuses(
        &revision("1", "None").replace("upgrade()", "upgrade(engine_name)"),
        &["versions/1.py:9", "engine_name", "several databases"],
    );
    refuses(&revision("1", "None").replace("def upgrade", "async def upgrade"), &["versions/1.py:9", "asynchronous"]);
}

#[test]
fn bytes_that_are_no_text_are_an_error_and_a_declared_encoding_is_none() {
    let folder = project(&[]);
    write(folder.path(), "app/versions/1.py", b"revision = '1'\n# caf\xe9\n");
    import(&folder, "").ends(3).says(&["versions/1.py:2: it is not UTF-8 text"]);
    write(folder.path(), "app/versions/1.py", b"# -*- coding: latin-1 -*-\nrevision = '1'\nNAME = 'caf\xe9'\n");
    import(&folder, "").ends(0);
    let made = fs::read_to_string(folder.path().join("packages/app/versions/1.py")).unwrap();
    assert!(made.contains("coding: utf-8") && made.contains("café"), "{made}");
}

#[test]
fn revisions_that_make_no_graph_are_named() {
    let refuses = |files: &[(&str, String)], parts: &[&str]| {
        let files: Vec<_> = files.iter().map(|(file, text)| (*file, text.as_str())).collect();
        refused(&files, parts);
    };
    let [one, two] = ["app/versions/1.py", "app/versions/2.py"];
    refuses(
        &[(one, revision("1", "None")), (two, revision("1", "None"))],
        &["versions/2.py:5", "also that of", "1.py"],
    );
    refuses(&[(one, revision("1", "'0'"))], &["versions/1.py:5", "revises '0', which no script has"]);
    refuses(&[(one, revision("1", "'2'")), (two, revision("2", "'1'"))], &["round in a circle", "1", "2"]);
    refuses(&[(one, revision("1", "'1'"))], &["round in a circle: 1 -> 1"]);
    let depends = |on: &str| script(&format!("revision = '1'\ndown_revision = None\ndepends_on = {on}"));
    refuses(&[(one, depends("'nothing'"))], &["versions/1.py:5", "depends on 'nothing'"]);
    refuses(&[(one, depends("'1'"))], &["round in a circle"]);
    let labelled = |id: &str| script(&format!("revision = {id:?}\ndown_revision = None\nbranch_labels = 'l'"));
    refuses(
        &[(one, labelled("1")), (two, labelled("2"))],
        &["versions/2.py:5", "label 'l' is also that of revision 1"],
    );
    refused(&[("app/env.py", ""), ("app/versions/readme.txt", "")], &["there are no revision scripts"]);
}

#[test]
fn several_heads_are_worth_a_note_and_come_along() {
    let folder = project(&[
        ("app/versions/1.py", &revision("1", "None")),
        ("app/versions/2.py", &revision("2", "'1'")),
        ("app/versions/3.py", &revision("3", "('1',)")),
        ("app/versions/4.py", &revision("4", "None")),
        ("app/versions/notes.py", "TEXT = 1\n"),
        ("app/versions/.#5.py", "no Python"),
    ]);
    let document = import(&folder, "--json").ends(0).json();
    assert_eq!(document["heads"], serde_json::json!(["2", "3", "4"]));
    assert_eq!(document["bases"], serde_json::json!(["1", "4"]));
    let said = findings(&document).join("\n");
    assert!(said.contains("note ") && said.contains("there are 3 heads (2, 3, 4)"), "{said}");
    assert!(said.contains("warning versions/notes.py:0 it has no `revision`: left out"), "{said}");
}

#[test]
fn folders_of_versions_are_found_where_the_configuration_has_them() {
    let folder = project(&[
        (
            "app/alembic.ini",
            "[alembic]\nscript_location = keeper:db\nversion_locations = %(here)s/one, keeper:more versions/odd\n",
        ),
        ("app/src/keeper/db/env.py", ""),
        ("app/one/same.py", &revision("1", "None")),
        ("app/src/keeper/more/same.py", &revision("2", "'1'")),
        ("app/versions/odd/what is 'this'?.py", &revision("3", "'2'")),
    ]);
    let document = import(&folder, "--json").ends(0).json();
    assert_eq!(document["heads"], serde_json::json!(["3"]));
    let mut made: Vec<_> = fs::read_dir(folder.path().join("packages/app/versions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made, ["more_same.py", "same.py", "what_is_this_.py"]);

    let folder = project(&[
        (
            "app/pyproject.toml",
            "[tool.alembic]\nscript_location = '%(here)s/db'\nversion_locations = ['%(here)s/v 1', 'v2']\n",
        ),
        ("app/db/env.py", ""),
        ("app/v 1/1.py", &revision("1", "None")),
        ("app/v2/2.py", &revision("2", "'1'")),
    ]);
    // Alembic would split at the space too, were it not a list.
    let document = import(&folder, "--json").ends(0).json();
    assert_eq!(document["heads"], serde_json::json!(["2"]));
}

#[test]
fn a_project_that_is_not_there_is_not_one_or_is_several_says_so() {
    let folder = project(&[("app/readme.txt", ""), ("two/a/env.py", ""), ("two/a/versions/1.py", "")]);
    write(folder.path(), "two/b/env.py", b"");
    write(folder.path(), "two/b/versions/1.py", b"");
    let run = |words: &str| ptah(folder.path()).args("import alembic --no-build").args(words).run();
    run("nothing").ends(2).says(&["there is no nothing"]);
    run("app/readme.txt").ends(2).says(&["neither a folder nor an alembic.ini"]);
    run("app").ends(3).says(&["is no Alembic project"]);
    run("two").ends(2).says(&["several Alembic projects: a, b"]);
    write(folder.path(), "app/alembic.ini", b"script_location = x\n");
    run("app").ends(3).says(&["alembic.ini"]);
    write(folder.path(), "app/alembic.ini", b"[alembic]\nscript_location = nowhere\n");
    run("app").ends(3).says(&["script_location 'nowhere' is no folder"]);
    write(folder.path(), "app/alembic.ini", b"[alembic]\nscript_location = .\ndatabases = one, two\n");
    write(folder.path(), "app/versions/1.py", revision("1", "None").as_bytes());
    run("app").ends(3).says(&["alembic.ini:3: the project has several databases"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_the_project_are_not_followed() {
    let folder = project(&[("app/versions/1.py", &revision("1", "None")), ("outside/2.py", "secret = 1\n")]);
    let link = folder.path().join("app/versions/2.py");
    std::os::unix::fs::symlink("../../outside/2.py", &link).unwrap();
    let done = import(&folder, "").ends(3).says(&["error: versions/2.py: it is outside of"]);
    assert!(!done.stderr.contains("secret"));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("2.py", &link).unwrap();
    import(&folder, "").ends(3).says(&["error: versions/2.py"]);
    fs::remove_file(&link).unwrap();
    // Within the project a link is as good as a file.
    write(folder.path(), "app/elsewhere/2.py", revision("2", "'1'").as_bytes());
    std::os::unix::fs::symlink("../elsewhere/2.py", &link).unwrap();
    import(&folder, "").ends(0).prints(&["package: app 1.0.0, 2 revisions, head 2", "folder: packages/app"]);
    write(folder.path(), "app/alembic.ini", b"[alembic]\nscript_location = .\nversion_locations = ../outside\n");
    import(&folder, "").ends(3).says(&["outside"]);
}

#[test]
fn imports_that_would_fail_are_named_and_what_helps() {
    let with = |imports: &str| format!("{imports}\n{}", revision("1", "None"));
    let refuses = |imports: &str, parts: &[&str]| {
        let text = with(imports);
        refused(&[("app/versions/1.py", &text), ("app/models.py", ""), ("app/fast.cpython-311.so", "")], parts);
    };
    refuses("import models", &["versions/1.py:1", "imports models", "--vendor models", "--shim models=FILE"]);
    refuses("import os, fast", &["versions/1.py:1", "imports fast", "compiled for this machine"]);
    refuses("from pytz.zone import Z", &["versions/1.py:1", "imports pytz.zone", "--pin pytz==VERSION"]);
    refuses("import sqlite3", &["versions/1.py:1", "imports sqlite3", "the Python of a component does not have"]);
    refuses("from . import models", &["versions/1.py:1", "imports"]);

    let text = "import typing\nif typing.TYPE_CHECKING:\n    import nothing\ntry:\n    import maybe\nexcept ImportError:\n    \
                maybe = None\ndef upgrade():\n    import later\ndef downgrade(): ...\nrevision = '1'\n";
    let folder = project(&[("app/versions/1.py", text)]);
    let said = findings(&import(&folder, "--json").ends(0).json());
    assert!(said[0].starts_with("note versions/1.py:5 imports maybe"), "{said:?}");
    assert!(said[1].starts_with("warning versions/1.py:9 imports later"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn what_a_vendored_module_imports_has_to_come_along_too() {
    let folder = project(&[
        ("app/versions/1.py", &format!("from keeper.words import A\n{}", revision("1", "None"))),
        ("app/keeper/__init__.py", "import heavy\n"),
        ("app/keeper/words.py", "import re\nfrom .more import A\n"),
        ("app/keeper/more.py", "import pytz\nA = 1\n"),
        ("more.py", "A = 2\n"),
    ]);
    import(&folder, "").ends(3).says(&["versions/1.py:1: imports keeper.words", "--vendor keeper.words"]);
    import(&folder, "--vendor keeper.words").ends(3).says(&["keeper/words.py:2: imports keeper.more"]);
    import(&folder, "--vendor keeper.words --vendor keeper.more").ends(3).says(&["keeper/more.py:1: imports pytz"]);
    import(&folder, "--vendor keeper.words --vendor keeper.more --pin pytz==2026.1").ends(0);
    import(&folder, "--vendor keeper.words --shim keeper.more=more.py").ends(0);
    assert_eq!(fs::read_to_string(folder.path().join("packages/app/modules/keeper/more.py")).unwrap(), "A = 2\n");
    // The whole package: its own file comes along, and what that imports.
    import(&folder, "--vendor keeper").ends(3).says(&["keeper/__init__.py:1: imports heavy"]);
}

#[test]
fn what_a_step_would_be_stopped_for_is_said_with_its_place() {
    let body = "import sqlalchemy as sa\nfrom alembic import op\nrevision = '1'\n\
                NAME = 't'\n\
                def upgrade():\n    \
                    op.execute('CREATE TRIGGER x AFTER INSERT ON y BEGIN SELECT 1; END')\n    \
                    op.get_bind().execute(sa.text(f'PRAGMA {NAME} = off'))\n    \
                    op.execute('UPDATE a SET b = 1; SET search_path = c')\n    \
                    op.execute('''\n        -- first\n        create or replace view v as select 1''')\n    \
                    op.create_table('a', schema='other')\n    \
                    open('data.csv')\n    \
                    sa.create_engine('x')\n    \
                    op.execute('UPDATE t SET note = \\'do; set\\'')\n\
                def downgrade(): ...\n";
    let folder = project(&[("app/versions/1.py", body)]);
    let said = findings(&import(&folder, "--json").ends(0).json());
    for (line, part) in [
        (6, "CREATE TRIGGER"),
        (7, "PRAGMA"),
        (8, "SET"),
        (9, "CREATE OR REPLACE VIEW"),
        (12, "schema=…"),
        (13, "open: the sandbox of a step has no files"),
        (14, "create_engine"),
    ] {
        let place = format!("warning versions/1.py:{line} ");
        assert!(said.iter().any(|found| found.starts_with(&place) && found.contains(part)), "{line} {part}: {said:?}");
    }
    assert_eq!(said.len(), 7, "{said:?}");
}

#[test]
fn a_naming_convention_is_read_wherever_it_is_written_or_given() {
    let env = "from alembic import context\nfrom keeper.models import Base\ntarget = [Base.metadata]\n\
               context.configure(target_metadata=target)\n";
    let convention = |models: &str, words: &str| {
        let folder = project(&[
            ("app/env.py", env),
            ("app/versions/1.py", &revision("1", "None")),
            ("app/keeper/models.py", models),
            (
                "app/keeper/names.py",
                "NAMES = {'pk': 'pk_%(table_name)s', **{}}\nPLAIN = dict(pk='pk_%(table_name)s')\n",
            ),
            ("names.json", "{\"pk\": \"other\"}"),
        ]);
        let document = import(&folder, &format!("--json {words}")).ends(0).json();
        (document["naming_convention"]["pk"].clone(), findings(&document))
    };
    let base = "from sqlalchemy import MetaData\nfrom sqlalchemy.orm import DeclarativeBase, declarative_base\n";
    for models in [
        "class Base(DeclarativeBase):\n    metadata = MetaData(naming_convention={'pk': 'pk_%(table_name)s'})\n",
        "meta = MetaData(naming_convention={'pk': 'pk_%(table_name)s'})\nBase = declarative_base(metadata=meta)\n",
        "from .names import PLAIN as p\nclass Mine(DeclarativeBase):\n    metadata = MetaData(naming_convention=p)\nclass Base(Mine): ...\n",
    ] {
        let (found, said) = convention(&format!("{base}{models}"), "");
        assert_eq!(found, "pk_%(table_name)s", "{models}: {said:?}");
    }
    let (found, said) = convention(&format!("{base}class Base(DeclarativeBase): ...\n"), "");
    assert!(found.is_null() && said.is_empty(), "{said:?}");
    for unclear in [
        "Base = make()\n",
        "from .names import NAMES\nfrom sqlalchemy import MetaData\nclass Base:\n    metadata = MetaData(naming_convention=NAMES)\n",
    ] {
        let (found, said) = convention(unclear, "");
        assert!(
            found.is_null() && said[0].contains("note env.py:4") && said[0].contains("--naming-convention"),
            "{said:?}"
        );
    }
    assert_eq!(convention("Base = make()\n", "--naming-convention pk=given"), ("given".into(), vec![]));
    assert_eq!(convention("Base = make()\n", "--naming-convention names.json"), ("other".into(), vec![]));
}

#[test]
fn what_env_py_does_by_itself_is_said() {
    let env = "from alembic import context\nfrom sqlalchemy import event, text\n\
               context.configure(version_table_schema='x', on_version_apply=f, **more)\n\
               connection.execute(text('CREATE SCHEMA x'))\n@event.listens_for(E, 'connect')\ndef f(): ...\n\
               e = async_engine_from_config({})\n";
    let folder = project(&[("app/env.py", env), ("app/versions/1.py", &revision("1", "None"))]);
    let said = findings(&import(&folder, "--json").ends(0).json()).join("\n");
    for part in [
        "note env.py:3 version_table_schema",
        "warning env.py:3 on_version_apply",
        "note env.py:3 settings that only running",
        "warning env.py:4 env.py runs a statement",
        "warning env.py:5 env.py listens",
        "note env.py:7 an asynchronous engine",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let env = "from alembic import context\ncontext.run_migrations(engine_name='x')\n";
    refused(&[("app/env.py", env), ("app/versions/1.py", &revision("1", "None"))], &["env.py:2", "several databases"]);
}

#[test]
fn a_base_schema_becomes_a_populate_step() {
    let step = |base: &str, words: &str| {
        let folder = project(&[("app/versions/1.py", &revision("1", "None")), ("base.py", base)]);
        let done = import(&folder, words);
        let made = folder.path().join("packages/app/populate.py");
        (done, fs::read_to_string(made).unwrap_or_default())
    };
    for (base, words, body) in [
        ("def upgrade(): ...\n", "base.py", "ptah_base_schema.upgrade()"),
        ("import sqlalchemy as sa\nmeta = sa.MetaData()\n", "base.py", "found = ptah_base_schema.meta"),
        ("from sqlalchemy.orm import *\nclass B(DeclarativeBase): ...\n", "base.py", "found = ptah_base_schema.B"),
        ("a = b = c()\n", "base.py:b", "found = ptah_base_schema.b"),
    ] {
        let (done, made) = step(base, &format!("--base-schema {words}"));
        done.ends(0);
        assert!(made.contains(body) && made.contains("@populate(BASE_SCHEMA"), "{made}");
    }
    step("x = 1\n", "--base-schema base.py").0.ends(2).says(&["base.py: a base schema has a function"]);
    step("import models\ndef upgrade(): ...\n", "--base-schema base.py").0.ends(3).says(&["base.py:1: imports models"]);
    step("", "--base-schema none.py").0.ends(2).says(&["there is no file none.py"]);
}

#[test]
fn words_that_make_no_sense_are_wrong_usage_and_change_nothing() {
    let folder = project(&[("app/versions/1.py", &revision("1", "None")), ("mine/file.txt", "mine"), ("x.py", "")]);
    for (words, part) in [
        ("--vendor nothing", "--vendor nothing: there is no such module"),
        ("--vendor ../x", "no name of a module"),
        ("--shim x=none.py", "there is no file none.py"),
        ("--shim ..=x.py", "no name of a module"),
        ("--pin sqlalchemy", "is not NAME==VERSION"),
        ("--pin --index-url=http://x", "is not NAME==VERSION"),
        ("--path none", "there is no such folder"),
        ("--name a/b", "letters, digits"),
        ("--naming-convention none.json", "none.json"),
        ("--output mine", "mine is there already, and not from an import"),
        ("--output app", "app is there already"),
        ("--output x.py", "x.py is there already"),
    ] {
        let (flag, value) = words.split_once(' ').unwrap();
        let done = ptah(folder.path()).args("import alembic app --no-build").arg(format!("{flag}={value}")).run();
        done.ends(2).says(&[part]).prints(&[]);
    }
    assert_eq!(fs::read_to_string(folder.path().join("mine/file.txt")).unwrap(), "mine");
    assert!(!folder.path().join("packages").exists());
}

#[cfg(unix)]
#[test]
fn a_python_that_is_missing_or_too_old_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = project(&[("app/versions/1.py", &revision("1", "None"))]);
    let run =
        |python: &Path| ptah(folder.path()).args("import alembic app --no-build").env("PTAH_PYTHON", python).run();
    run(Path::new("no-such-python")).ends(1).says(&["there is no no-such-python", "Python 3.11 or later"]);
    let old = folder.path().join("old");
    write(folder.path(), "old", b"#!/bin/sh\necho 3.9 >&2\nexit 1\n");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    run(&old).ends(1).says(&["is Python 3.9: importing needs Python 3.11 or later"]);
}
