//! The verbs that take many targets: from arguments to a call of the library to a row a target.

use serde::Serialize;

use super::args::{PackagesArgs, UpgradeArgs};
use super::output::{Output, without_logins};
use super::registry::Registry;
use super::verbs::{print_plan, state_line, upgrades};
use super::{CliError, code};
use crate::migrate::{MigrateError, PackageState};
use crate::revision::list as revisions;
use crate::rollout::{Look, Outcome, PackageRow, Report, Rollout, Row, SharedPlan, Summary};

/// How many targets of a plan are called by their names.
const NAMED: usize = 10;

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    targets: Vec<Line<'a, PackageRow>>,
    plans: &'a [SharedPlan],
    summary: Summary,
}

/// A target's row.
#[derive(Serialize)]
struct Line<'a, T> {
    name: Option<&'a str>,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    packages: &'a [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    error: Option<Failure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u8,
    message: String,
    package: Option<&'a str>,
    step: Option<&'a str>,
}

impl<'a> Failure<'a> {
    fn of(error: &'a MigrateError) -> Self {
        let message = without_logins(&error.to_string()).into_owned();
        Self { code: code(error), message, package: error.package.as_deref(), step: error.step.as_deref() }
    }
}

pub(super) async fn upgrade(
    rollout: &Rollout,
    output: &Output,
    registry: &Registry,
    args: &UpgradeArgs,
) -> Result<(), CliError> {
    let upgrades = upgrades(registry, rollout.sandbox(), args)?;
    let report = match args.dry_run {
        true => rollout.plan_upgrade(&upgrades).await?,
        false => rollout.upgrade(&upgrades).await?,
    };
    if output.is_json() {
        let targets = report.targets.iter().map(|row| Line {
            name: row.name.as_deref(),
            target: &row.target,
            outcome: Some(row.outcome),
            packages: &row.packages,
            plan: row.plan.as_deref(),
            error: row.error.as_ref().map(Failure::of),
            duration_ms: Some(row.duration_ms),
        });
        let (plans, summary) = (&report.plans, report.summary());
        output.document(&Document { dry_run: args.dry_run, targets: targets.collect(), plans, summary })?;
    } else if args.dry_run {
        for plan in &report.plans {
            output.line(&format!("-- on {}", on(&report, plan)))?;
            plan.packages.iter().try_for_each(|package| print_plan(output, package))?;
        }
    }
    output.note(&in_short(&report.summary()));
    ending(&report.targets)
}

/// The targets of a plan, the first few by their names.
fn on(report: &Report, plan: &SharedPlan) -> String {
    let rows = report.targets.iter().filter(|row| row.plan.as_ref() == Some(&plan.digest));
    let named: Vec<&str> = rows.map(Row::title).take(NAMED).collect();
    let more = plan.targets.saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", named.join(", "))
}

/// `20 targets: 18 applied, 2 failed; 1 plan, 3 guest runs`
fn in_short(summary: &Summary) -> String {
    let counted = [
        (summary.applied, "applied"),
        (summary.planned, "planned"),
        (summary.nothing_to_do, "nothing to do"),
        (summary.failed, "failed"),
        (summary.interrupted, "interrupted"),
        (summary.not_started, "not started"),
    ];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0);
    let counted: Vec<String> = counted.map(|(count, what)| format!("{count} {what}")).collect();
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}: {}; {}, {}",
        many(summary.targets, "target"),
        counted.join(", "),
        many(summary.plans, "plan"),
        many(summary.guest_runs, "guest run")
    )
}

/// How the command ends: as all targets did, if they did alike.
fn ending(rows: &[Row]) -> Result<(), CliError> {
    let is = |outcome: Outcome| rows.iter().filter(move |row| row.outcome == outcome);
    let stopped = is(Outcome::Interrupted).chain(is(Outcome::NotStarted)).count();
    if stopped > 0 {
        let message = format!("interrupted: {stopped} of {} targets are not done", rows.len());
        return Err(CliError::Targets { code: 130, message });
    }
    ended(is(Outcome::Failed).filter_map(|row| row.error.as_ref()).map(code).collect(), rows.len())
}

/// With the exit codes of those that failed, of so many in all.
fn ended(failed: Vec<u8>, all: usize) -> Result<(), CliError> {
    let Some(first) = failed.first().copied() else { return Ok(()) };
    let alike = failed.len() == all && failed.iter().all(|code| *code == first);
    let message = format!("{} of {all} targets failed", failed.len());
    Err(CliError::Targets { code: if alike { first } else { super::PARTIAL }, message })
}

/// A target that has ended, on a line.
pub(super) fn row_line(row: &Row, count: usize, all: usize) -> String {
    let seconds = std::time::Duration::from_millis(row.duration_ms).as_secs_f64();
    let moved = row.packages.iter().filter(|package| package.steps > 0).map(|package| {
        format!("{} {} -> {}", package.package, revisions(&package.recorded), revisions(&package.records))
    });
    let moved = moved.collect::<Vec<_>>().join(", ");
    let what = match (row.outcome, &row.error) {
        (Outcome::NothingToDo, _) => "nothing to do".to_owned(),
        (Outcome::NotStarted, _) => "not started".to_owned(),
        (Outcome::Planned, _) => format!("would be {moved}"),
        (_, Some(error)) if moved.is_empty() => error.to_string(),
        (_, Some(error)) => format!("{moved}, then {error}"),
        (_, None) => moved,
    };
    format!("[{count}/{all}] {}: {what} ({seconds:.1} s)", row.title())
}

pub(super) async fn current(
    rollout: &Rollout,
    output: &Output,
    registry: &Registry,
    args: &PackagesArgs,
) -> Result<(), CliError> {
    let packages = registry.open(rollout.sandbox(), &args.packages)?;
    let packages: Vec<_> = packages.into_iter().map(|named| named.package).collect();
    let looks = rollout.current(&packages).await;
    let failed = looks.iter().filter_map(|look| look.states.as_ref().err()).map(code).collect();
    if output.is_json() {
        output.document(&looks.iter().map(look_line).collect::<Vec<_>>())?;
        return ended(failed, looks.len());
    }
    for look in &looks {
        let title = look.name.as_deref().unwrap_or(&look.target);
        match &look.states {
            Ok(states) => {
                for state in states {
                    output.line(&format!("{title}: {}", state_line(state)))?;
                }
            }
            Err(error) => output.complain(&format!("{title}: {error}")),
        }
    }
    ended(failed, looks.len())
}

fn look_line(look: &Look) -> Line<'_, PackageState> {
    let (packages, error) = match &look.states {
        Ok(states) => (states.as_slice(), None),
        Err(error) => (Default::default(), Some(Failure::of(error))),
    };
    let (name, target) = (look.name.as_deref(), look.target.as_str());
    Line { name, target, outcome: None, packages, plan: None, error, duration_ms: None }
}
