//! The scripted guest does what its script says, and the sandbox sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::LazyLock;

use ptah_wasm::dialect::Dialect;
use ptah_wasm::plan::{Plan, Planner};
use ptah_wasm::policy::{Access, Limits};
use ptah_wasm::sandbox::{CacheLocation, Compiler, RunValues, Sandbox, StepCall, StepError};
use ptah_wasm::schema::Schema;
use ptah_wasm_tests::guest::{self, *};

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(Limits::default(), CacheLocation::Off, Compiler::InProcess).unwrap());

/// The plan of an upgrade to 001 from nothing, and what was logged, on SQLite.
fn upgrade(actions: impl Into<Vec<Action>>) -> (Result<Plan, StepError>, Vec<String>) {
    let package = GuestPackage::new("p").revision("001", &[], "Test").upgrade(actions);
    let guest = SANDBOX.load(&package.build()).unwrap();
    let planner = Planner::new(Dialect::Sqlite, Schema::default(), Access::default(), Limits::default());
    let values = RunValues { started: "2025-01-02T03:04:05.000006Z".into(), seed: 7 };
    let mut log = Vec::new();
    let outcome =
        guest.run(StepCall::Upgrade("001"), planner, &values, None, &mut |event| log.push(format!("{event:?}")));
    (outcome.map(|outcome| outcome.planner.finish().0), log)
}

fn pages() -> Action {
    create_table("pages", |t| {
        t.id("id");
        t.varchar("title", 200).not_null().default("untitled");
        t.timestamp_tz("created");
        t.double("rank");
    })
}

#[test]
fn a_scripted_package_describes_itself_as_it_was_built() {
    let package = GuestPackage::new("minicms")
        .title("Mini CMS")
        .revision("001", &[], "Add column")
        .revision("002", &["001"], "Move data")
        .depends_on("crowd:001")
        .populate("ptah-db-schema", [pages()])
        .populate("demo", [])
        .inactive()
        .requires("ptah-db-schema");
    let info = SANDBOX.load(&package.build()).unwrap().describe().unwrap();
    assert_eq!((info.name.as_str(), info.title.as_str()), ("minicms", "Mini CMS"));
    assert_eq!(info.revisions[1].down_revisions, ["001"]);
    assert_eq!(info.revisions[1].depends_on.len(), 1);
    assert!(info.populate_steps[0].active && !info.populate_steps[1].active);
    assert_eq!(info.populate_steps[1].requires, ["ptah-db-schema"]);
}

#[test]
fn every_call_of_the_contract_can_be_scripted() {
    let (plan, _) = upgrade([
        Action::ExpectFreshInstance,
        Action::ExpectDialect(guest::Dialect::Sqlite),
        Action::ExpectTables(vec![]),
        pages(),
        add_column("pages", Column::text("body")),
        rename_column("pages", "body", "text"),
        create_index("pages", Index::new("pages_text", ["text"]).descending("title")),
        fails(ErrorKind::AlreadyExists, pages()),
        fails(ErrorKind::NotFound, drop_column("pages", "body")),
        fails(ErrorKind::Unsupported, alter_column("pages", "text", ColumnChanges::new().set_comment("why"))),
        alter_column("pages", "text", ColumnChanges::new().set_default("none")),
        create_constraint("pages", UniqueConstraint::new(["title"])),
        fails(ErrorKind::NotFound, drop_constraint("pages", ConstraintSelector::named("x"))),
        bulk_insert("pages", ["title"], [("Home",), ("About",)]),
        fails(ErrorKind::Invalid, Action::InsertNan("pages".into(), "rank".into())),
        Action::InsertRun("pages".into(), "created".into(), "id".into()),
        execute(r#"UPDATE "pages" SET "text" = ? WHERE "id" = ?"#, ("x", 1)),
        Action::ExpectTables(vec!["pages".into()]),
        Action::ExpectIndexes("pages".into(), vec![Index::new("pages_text", ["text"]).descending("title").clone()]),
        Action::ExpectTableComment("pages".into(), None),
        drop_index("pages", "pages_text"),
        rename_table("pages", "sheets"),
        drop_table("sheets"),
    ]);
    assert_eq!(plan.unwrap().operations.len(), 12);
}

#[test]
fn a_wrong_expectation_ends_the_step_and_says_what_was_found() {
    let (plan, _) = upgrade([pages(), Action::ExpectTables(vec!["users".into()])]);
    let error = plan.unwrap_err().to_string();
    assert!(error.contains("pages"), "{error}");
    let (plan, _) = upgrade([fails(ErrorKind::Invalid, pages())]);
    assert!(plan.is_err());
}

#[test]
fn messages_and_reports_reach_the_log() {
    let (plan, log) = upgrade([
        pages(),
        Action::Message(Level::Warn, "look".into()),
        Action::Progress(1, Some(2)),
        Action::Report("pages".into()),
    ]);
    plan.unwrap();
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(log[0].contains("look"));
    assert!(log[2].contains("title"));
}

#[test]
fn ignore_repeat_and_on_dialect_steer_the_script() {
    let row = || bulk_insert("pages", ["title"], [("x",)]);
    let (plan, _) = upgrade([
        pages(),
        ignore(pages()),
        Action::Repeat(3, vec![row()]),
        Action::OnDialect(guest::Dialect::Mariadb, vec![row()]),
    ]);
    assert_eq!(plan.unwrap().operations.len(), 4);
}

#[test]
fn misbehaviour_ends_the_step() {
    for action in [
        Action::Trap,
        Action::Panic("boom".into()),
        Action::Loop,
        Action::AllocateForever,
        Action::Recurse,
        Action::Return(Error::Failed("no".into())),
        Action::Repeat(3, vec![Action::InsertBytes("pages".into(), "title".into(), 1_000_000)]),
        Action::HoldStatements(1_000, sql(r#"DELETE FROM "pages""#)),
    ] {
        let (plan, _) = upgrade([pages(), action.clone()]);
        assert!(plan.is_err(), "{action:?}");
    }
    let (plan, _) = upgrade([Action::Allocate(1 << 20), Action::MessageBytes(100)]);
    plan.unwrap();
}

#[test]
fn what_a_panic_says_reaches_the_log() {
    let (plan, log) = upgrade([Action::Panic("boom".into())]);
    plan.unwrap_err();
    assert!(log.iter().any(|line| line.contains("boom")), "{log:?}");
}

#[test]
fn describe_may_not_change_anything() {
    let package = GuestPackage::new("p").describe([pages()]);
    assert!(SANDBOX.load(&package.build()).unwrap().describe().is_err());
}
