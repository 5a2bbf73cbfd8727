//! Tables of SQLite as other programs make them, altered at random: what has no place in the model stays as it is.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use ptah_wasm::dialect::Dialect;
use ptah_wasm::operation::{
    Change, ColumnChanges, ColumnDefault, ColumnSpec, ColumnType, Constraint, ConstraintSelector, Op, Position,
    ReferentialAction, Value,
};
use ptah_wasm_tests::target::TestTarget;

use crate::build::{check, column, expr, foreign_key, ident, idents, key, not_null};
use crate::twin::{Outcome, Twin};
use ptah_wasm_tests::dice::Dice;

const CASES: u32 = 40;

const KEYS: [&str; 5] = [
    "id INTEGER PRIMARY KEY",
    "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "id INTEGER CONSTRAINT \"the key\" PRIMARY KEY ON CONFLICT FAIL",
    "id INT UNIQUE",
    "id TEXT NOT NULL PRIMARY KEY",
];
const COLUMNS: [&str; 12] = [
    "b TEXT COLLATE NOCASE UNIQUE",
    "c uuid",
    "d money (10, 2) DEFAULT (abs(-1))",
    "e INT CHECK (e IS NULL OR e > -100) -- e, (\n",
    "f INT REFERENCES q (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
    "g INT AS (length(t))",
    "h TEXT GENERATED ALWAYS AS (upper(t) || '(') STORED",
    "[k] VARCHAR(20) /* ) */ NOT NULL DEFAULT 'it''s, ('",
    "l",
    "m DECIMAL(5,1) CONSTRAINT \"not, null\" NOT NULL DEFAULT 1.5",
    "n FLOAT NULL",
    "\"select\" BLOB DEFAULT x'00ff'",
];
const CONSTRAINTS: [&str; 5] = [
    "UNIQUE (t, id)",
    "CONSTRAINT \"a t\" UNIQUE (a, t)",
    "CHECK (length(t) < 100)",
    "CONSTRAINT named CHECK (a < 1000)",
    "UNIQUE (t COLLATE RTRIM DESC)",
];
const OBJECTS: [&str; 7] = [
    "CREATE INDEX \"i, 1\" ON p (lower(t))",
    "CREATE INDEX i2 ON p (a) WHERE a > 1",
    "CREATE UNIQUE INDEX i3 ON p (t COLLATE NOCASE DESC, id)",
    "CREATE INDEX i4 ON p (a DESC, t)",
    "CREATE TRIGGER t1 AFTER UPDATE ON P BEGIN INSERT INTO log VALUES (old.a || '-' || new.a); END",
    "CREATE TRIGGER t0 BEFORE DELETE ON p BEGIN INSERT INTO log VALUES (old.t); END",
    "CREATE VIEW v AS SELECT id, t FROM p",
];

/// Some of them, in their order.
fn some<'a>(all: &[&'a str], dice: &mut Dice) -> Vec<&'a str> {
    all.iter().copied().filter(|_| dice.once_in(2)).collect()
}

fn make(dice: &mut Dice) -> String {
    let id = *dice.pick(&KEYS);
    let mut elements = vec![id, "a INT", "t TEXT"];
    elements.extend(some(&COLUMNS, dice));
    if id.starts_with("id INTEGER") && dice.once_in(2) {
        elements.push("up INT REFERENCES p (id) ON DELETE CASCADE");
    }
    elements.extend(some(&CONSTRAINTS, dice));
    let without = if id.contains("TEXT") && dice.once_in(2) { " WITHOUT ROWID" } else { "" };
    let objects = some(&OBJECTS, dice).join("; ");
    format!(
        "CREATE TABLE q (id INTEGER PRIMARY KEY); INSERT INTO q VALUES (1), (2); CREATE TABLE log (line TEXT); \
         CREATE TABLE p ({}){without}; CREATE TABLE child (p INTEGER REFERENCES p (id) ON DELETE CASCADE); \
         INSERT INTO p (id, a, t) VALUES (1, 1, 'a'), (2, NULL, 'b'), (30, 2, 'c'); INSERT INTO child VALUES (1), (30); \
         DELETE FROM p WHERE id = '2' AND {}; {objects}",
        elements.join(", "),
        u8::from(dice.once_in(2))
    )
}

fn operation(dice: &mut Dice) -> Op {
    let p = || ident("p");
    let none = ColumnChanges { column_type: None, nullable: None, default: Change::Keep, comment: Change::Keep };
    let alter = |name: &str, changes| Op::AlterColumn { table: p(), name: ident(name), changes };
    let create = |constraint| Op::CreateConstraint { table: p(), constraint };
    let drop = |which| Op::DropConstraint { table: p(), which };
    let any = ["a", "t", "b", "c", "d", "e", "f", "h", "k", "l", "m", "n", "select"];
    match dice.roll(16) {
        0..3 => alter(dice.word(&any), ColumnChanges { nullable: Some(dice.once_in(2)), ..none }),
        3 => alter(dice.word(&any), ColumnChanges { default: Change::Clear, ..none }),
        4 => alter("a", ColumnChanges { default: Change::Set(ColumnDefault::Value(Value::Integer(5))), ..none }),
        5 => {
            let types = [ColumnType::BigInteger, ColumnType::Text, ColumnType::Integer, ColumnType::Double];
            alter("a", ColumnChanges { column_type: Some(dice.pick(&types).clone()), ..none })
        }
        6 => {
            let default = Some(ColumnDefault::Expression(expr(Position::Default, "lower('X')")));
            let added = ColumnSpec { default, ..not_null(column("z", ColumnType::Text)) };
            Op::AddColumn { table: p(), column: added }
        }
        7 => create(Constraint::Unique(key(&["a"]))),
        8 => create(check("a > -5")),
        9 => create(foreign_key(&["a"], "q", ReferentialAction::Cascade, ReferentialAction::NoAction)),
        10 => drop(ConstraintSelector::Name(ident("named"))),
        11 => drop(ConstraintSelector::Unique(idents(&["a"]))),
        12 => drop(ConstraintSelector::ForeignKey(idents(&["a"]))),
        13 => drop(ConstraintSelector::Check(idents(&["a"]))),
        14 => Op::DropColumn { table: p(), name: ident("z") },
        _ => Op::RenameColumn { table: p(), name: ident("z"), new_name: ident("y") },
    }
}

/// All that no operation here is about.
const OTHERS: &str = "SELECT type, name, tbl_name, iif(type = 'index', NULL, sql) FROM sqlite_schema \
    WHERE name NOT IN ('p', 'sqlite_sequence') AND name NOT LIKE 'sqlite_autoindex%' \
    UNION ALL SELECT 'index', l.name, x.name, x.desc || x.coll || x.key || l.partial || l.\"unique\" \
    FROM pragma_index_list('p') l, pragma_index_xinfo(l.name) x WHERE l.origin = 'c' AND x.key = 1 \
    UNION ALL SELECT 'child', p, '', '' FROM child ORDER BY 1, 2, 3, 4";

/// The number of operations that were taken.
async fn case(target: &TestTarget, seeds: &[u64]) -> Result<u32, String> {
    let make = make(&mut Dice(seeds[0]));
    target.execute(&make).await;
    let others = target.fetch(OTHERS).await;
    let last = "SELECT count(*) FROM sqlite_schema WHERE name = 'p' AND sql LIKE '%AUTOINCREMENT%'";
    let mut twin = Twin::of_what_is_there(target).await;
    let mut taken = 0;
    for seed in &seeds[1..] {
        let op = operation(&mut Dice(*seed));
        let told = |error: String| format!("{make}\n{}\n{error}", serde_json::to_string(&op).unwrap());
        let numbered = target.fetch(last).await;
        let outcome = twin.push(&op).await.map_err(told)?;
        taken += u32::from(outcome == Outcome::Taken);
        if target.fetch(OTHERS).await != others || target.fetch(last).await != numbered {
            return Err(told("something else has changed".into()));
        }
    }
    let sound = target
        .fetch("SELECT count(*) FROM pragma_foreign_key_check UNION ALL SELECT * FROM pragma_integrity_check")
        .await;
    let expected = ["0", "ok"].map(|text| vec![Some(text.to_owned())]);
    if sound == expected { Ok(taken) } else { Err(format!("{make}\n{sound:?}")) }
}

#[test]
fn odd_tables_keep_what_no_operation_is_about() {
    ptah_wasm_tests::target::run(Dialect::Sqlite, async |target: &TestTarget| {
        let cases = std::env::var("PTAH_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
        let taken = AtomicU32::new(0);
        let handle = tokio::runtime::Handle::current();
        let outcome = tokio::task::block_in_place(|| {
            TestRunner::new(config).run(&prop::collection::vec(any::<u64>(), 2..9), |seeds| {
                handle.block_on(async {
                    let result = case(target, &seeds).await;
                    crate::random::wipe(target).await;
                    taken.fetch_add(result.map_err(TestCaseError::fail)?, Ordering::Relaxed);
                    Ok(())
                })
            })
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
        assert!(taken.load(Ordering::Relaxed) > cases, "hardly anything was altered");
    });
}
