//! A run that is killed at any of its statements, and the next one.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;

use ptah_wasm_tests::dump::{difference, dump_with_history};
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use crate::chain::chain;
use crate::{brief, failing, on, on_fresh_databases, put, undisturbed, work};

/// What the next run had to do after a kill, and what then differed from an undisturbed run.
struct Next {
    work: String,
    differs: Option<String>,
}

/// Kills a run at a statement and lets the next one finish.
async fn killed(target: &TestTarget, failpoint: &str, undisturbed: &str) -> Next {
    let dialect = target.dialect();
    put(target, "chain.wasm", &chain());
    let done = failing(target, "upgrade chain.wasm").env("PTAH_FAILPOINT", failpoint).run();
    assert_eq!(done.status.signal(), Some(9), "{dialect}, {failpoint}: {done:?}");
    let mut said = String::new();
    if dialect.has_lone_statements() && failpoint.starts_with("during") {
        // What was begun needs no package.
        std::fs::remove_file(target.folder().join("chain.wasm")).unwrap();
        let repaired = on(target, "repair --resume").run();
        assert!(
            repaired.status.success() || repaired.stderr.contains("only its package knows"),
            "{dialect}, {failpoint}: {repaired:?}"
        );
        said = repaired.stderr;
        put(target, "chain.wasm", &chain());
    }
    let next = on(target, "upgrade chain.wasm").run();
    said.push_str(&next.stderr);
    let differs = match next.status.success() {
        true => difference(undisturbed, &dump_with_history(target).await),
        false => Some(format!("the next run failed\n{}", next.stderr)),
    };
    Next { work: work(&said), differs: differs.map(|lines| format!("{dialect}, {failpoint}\n{lines}\n")) }
}

/// Where runs are killed, with the statement's number. Within a transaction what is killed in the middle of a statement is
/// rolled back as what is killed before it, so that is left to the random instants.
fn failpoints(statements: &[String]) -> Vec<(usize, String)> {
    let mut failpoints = Vec::new();
    let mut is_inside = false;
    for (number, sql) in (1..).zip(statements) {
        failpoints.push((number, format!("before:{number}")));
        let begins = sql.starts_with("BEGIN") || sql.starts_with("START TRANSACTION");
        is_inside = (is_inside || begins) && !sql.starts_with("COMMIT") && !sql.starts_with("ROLLBACK");
        if !is_inside {
            failpoints.push((number, format!("during:{number}")));
        }
    }
    // What is killed after any other statement was killed before the next one.
    failpoints.push((statements.len(), format!("after:{}", statements.len())));
    failpoints
}

on_every_database! {
    async fn a_run_that_is_killed_at_any_statement_is_finished_by_the_next(target: &TestTarget) {
        let dialect = target.dialect();
        let (whole, statements) = undisturbed(target).await;
        assert!(statements.len() > 40, "{statements:#?}");
        let failpoints = failpoints(&statements);
        let nexts = on_fresh_databases(dialect, &failpoints, async |target, (_, failpoint)| killed(target, failpoint, &whole).await);
        let mut table = format!("\n{dialect}: killed before | during each of {} statements | after the last: what the next run did\n", statements.len());
        let cell = |next: &Next| format!("{:18}", format!("{}{}", next.work, if next.differs.is_some() { " WRONG" } else { "" }));
        for (index, sql) in statements.iter().enumerate() {
            let of_it = failpoints.iter().zip(&nexts).filter(|((number, _), _)| *number == index + 1);
            let cells: Vec<String> = of_it.map(|(_, next)| cell(next)).collect();
            writeln!(table, "{:4}  {:60} {}", index + 1, brief(sql), cells.join(" ").trim_end()).unwrap();
        }
        println!("{table}");
        let wrong: Vec<String> = nexts.into_iter().filter_map(|next| next.differs).collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
    }
}
