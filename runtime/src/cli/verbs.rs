//! One function a verb: from arguments to a library call to what is printed.

use serde::Serialize;

use super::CliError;
use super::args::{DowngradeArgs, HistoryArgs, InspectArgs, PackagesArgs, PopulateArgs, RepairArgs, UpgradeArgs};
use super::output::Output;
use super::registry::Registry;
use crate::migrate::{
    Current, MigrateError, Migrator, OfflineRange, PackagePlan, PackageState, Populate, Repair, Settled, Unfinished,
    Upgrade,
};
use crate::package::Package;
use crate::revision::{Dependency, Goal, PackageInfo, list as revisions};
use crate::sandbox::Sandbox;

pub(super) async fn upgrade(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &UpgradeArgs,
) -> Result<(), CliError> {
    let upgrades = upgrades(registry, migrator.sandbox(), args)?;
    if args.discard_journal {
        migrator.repair(Repair::Discard).await?;
    }
    let plans = match args.dry_run {
        true => migrator.plan_upgrade(&upgrades).await?,
        false => migrator.upgrade(&upgrades).await?,
    };
    report(output, args.dry_run, &plans)
}

/// The packages that are to be upgraded.
pub(super) fn upgrades(registry: &Registry, sandbox: &Sandbox, args: &UpgradeArgs) -> Result<Vec<Upgrade>, CliError> {
    let named = registry.open(sandbox, &args.packages)?;
    if named.is_empty() {
        return Err(CliError::Usage("no package named, and none is registered in ptah.toml".to_owned()));
    }
    if let Some(range) = named.iter().filter_map(|named| named.revision.as_deref()).find(|range| range.contains(':')) {
        return Err(CliError::Usage(format!("{range}: a part of a chain is for --sql only")));
    }
    Ok(named.into_iter().map(|named| named.upgrade(args.force, args.adopt.as_ref())).collect())
}

pub(super) async fn downgrade(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &DowngradeArgs,
) -> Result<(), CliError> {
    let named = registry.open_one(migrator.sandbox(), &args.package)?;
    let Some(target) = named.revision else {
        return Err(CliError::Usage(format!("say how far: {0}:REV or {0}:base", args.package)));
    };
    let target = (target != "base").then_some(target);
    let plan = match args.dry_run {
        true => migrator.plan_downgrade(&named.package, target.as_deref()).await?,
        false => migrator.downgrade(&named.package, target.as_deref()).await?,
    };
    report(output, args.dry_run, &[plan])
}

pub(super) async fn populate(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &PopulateArgs,
) -> Result<(), CliError> {
    let named = registry.open_one(migrator.sandbox(), &args.package)?;
    if named.revision.is_some() {
        return Err(CliError::Usage("populate takes no revision".to_owned()));
    }
    if args.list {
        return list_populate(migrator, output, &named.package).await;
    }
    let upgrade = named.upgrade(false, args.adopt.as_ref());
    let steps = match args.steps.as_slice() {
        [] => Populate::Active,
        names => Populate::Named(names.to_vec()),
    };
    let plan = match args.dry_run {
        true => migrator.plan_populate(&upgrade, &steps).await?,
        false => migrator.populate(&upgrade, &steps).await?,
    };
    report(output, args.dry_run, &[plan])
}

#[derive(Serialize)]
struct PopulateLine<'a> {
    name: &'a str,
    title: &'a str,
    active: bool,
    requires: &'a [String],
    recorded: bool,
}

async fn list_populate(
    migrator: &Migrator,
    output: &Output,
    package: &std::sync::Arc<Package>,
) -> Result<(), CliError> {
    let states = migrator.current(std::slice::from_ref(package)).await?;
    let recorded = |name: &String| states.iter().any(|state| state.populated.contains(name));
    let lines: Vec<PopulateLine<'_>> = package
        .info()
        .populate_steps
        .iter()
        .map(|step| PopulateLine {
            name: &step.name,
            title: &step.title,
            active: step.active,
            requires: &step.requires,
            recorded: recorded(&step.name),
        })
        .collect();
    if output.is_json() {
        return output.document(&lines);
    }
    for line in lines {
        let active = if line.active { "active" } else { "inactive" };
        let requires =
            if line.requires.is_empty() { String::new() } else { format!(", requires {}", line.requires.join(", ")) };
        let recorded = if line.recorded { ", recorded" } else { "" };
        output.line(&format!("{} ({active}{requires}{recorded}): {}", line.name, line.title))?;
    }
    Ok(())
}

pub(super) async fn current(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &PackagesArgs,
) -> Result<(), CliError> {
    let packages = migrator.open_words(registry, &args.packages)?;
    let states = migrator.current(&packages).await?;
    if output.is_json() {
        return output.document(&states);
    }
    for state in &states {
        output.line(&state_line(state))?;
    }
    Ok(())
}

pub(super) fn state_line(state: &PackageState) -> String {
    let at = revisions(&state.recorded);
    match (&state.heads, state.pending.len()) {
        (None, _) => format!("{}: {at}", state.package),
        (Some(_), 0) => format!("{}: {at} (head)", state.package),
        (Some(_), pending) => format!("{}: {at} ({pending} pending)", state.package),
    }
}

#[derive(Serialize)]
struct PackageHistory {
    package: String,
    revisions: Vec<Current>,
}

pub(super) async fn history(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &HistoryArgs,
) -> Result<(), CliError> {
    if args.records {
        return records(migrator, output, registry, args).await;
    }
    let packages = migrator.open_words(registry, &args.packages)?;
    if packages.is_empty() {
        return Err(CliError::Usage("no package named, and none is registered in ptah.toml".to_owned()));
    }
    let mut histories = Vec::with_capacity(packages.len());
    for package in &packages {
        let name = package.info().name.clone();
        histories.push(PackageHistory { package: name, revisions: migrator.history(package).await? });
    }
    if output.is_json() {
        return output.document(&histories);
    }
    for history in &histories {
        // The latest first, as Alembic has it.
        for line in history.revisions.iter().rev() {
            let mut marks: Vec<&str> = Vec::new();
            marks.extend(line.head.then_some("head"));
            marks.extend(line.current.then_some("current"));
            marks.extend((!line.applied).then_some("pending"));
            let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
            let revision = &line.revision;
            let from = revisions(&revision.down_revisions);
            output.line(&format!("{}: {from} -> {}{marks}, {}", history.package, revision.id, revision.message))?;
        }
    }
    Ok(())
}

async fn records(
    migrator: &Migrator,
    output: &Output,
    registry: &Registry,
    args: &HistoryArgs,
) -> Result<(), CliError> {
    let names = if args.packages.is_empty() {
        Vec::new()
    } else {
        let packages = migrator.open_words(registry, &args.packages)?;
        packages.iter().map(|package| package.info().name.clone()).collect()
    };
    let rows = migrator.records(&names).await?;
    if output.is_json() {
        return output.document(&rows);
    }
    for row in &rows {
        output.line(&row.to_string())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ListLine {
    title: String,
    path: String,
    #[serde(flatten)]
    state: PackageState,
}

pub(super) async fn list(migrator: &Migrator, output: &Output, registry: &Registry) -> Result<(), CliError> {
    let packages = migrator.open_words(registry, &[])?;
    let states = if packages.is_empty() { Vec::new() } else { migrator.current(&packages).await? };
    let lines: Vec<ListLine> = states
        .into_iter()
        .zip(packages.iter().zip(registry.registered()))
        .map(|(state, (package, registered))| ListLine {
            title: registered.title.clone().unwrap_or_else(|| package.info().title.clone()),
            path: registered.path.display().to_string(),
            state,
        })
        .collect();
    if output.is_json() {
        return output.document(&lines);
    }
    for line in &lines {
        output.line(&format!("{}, {} ({})", state_line(&line.state), line.title, line.path))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Repairs {
    unfinished: Option<Unfinished>,
    settled: Option<Settled>,
}

pub(super) async fn repair(migrator: &Migrator, output: &Output, args: &RepairArgs) -> Result<(), CliError> {
    let repairs = match args.how() {
        None => Repairs { unfinished: migrator.unfinished().await?, settled: None },
        Some(how) => Repairs { settled: migrator.repair(how).await?, unfinished: None },
    };
    if output.is_json() {
        return output.document(&repairs);
    }
    match repairs {
        Repairs { unfinished: Some(step), .. } => output.line(&step.to_string()),
        Repairs { settled: Some(_), .. } => Ok(()),
        _ => {
            output.note("no step stands unfinished");
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Inspection<'a> {
    #[serde(flatten)]
    info: &'a PackageInfo,
    digest: &'a str,
    components: Vec<ComponentLine<'a>>,
}

#[derive(Serialize)]
struct ComponentLine<'a> {
    file: &'a str,
    bytes: usize,
    digest: &'a str,
    imports: &'a [String],
}

/// What a step depends on, in words; none for nothing.
fn needs(dependencies: &[Dependency]) -> Option<String> {
    let each: Vec<String> = dependencies.iter().map(|other| format!("{}:{}", other.package, other.revision)).collect();
    (!each.is_empty()).then(|| format!("depends on {}", each.join(", ")))
}

pub(super) fn inspect(sandbox: &Sandbox, output: &Output, args: &InspectArgs) -> Result<(), CliError> {
    let package = Package::open(sandbox, &args.file).map_err(|error| MigrateError::opening(&args.file, error))?;
    let components = package.components().iter().map(|component| ComponentLine {
        file: &component.file,
        bytes: component.bytes,
        digest: &component.digest,
        imports: &component.imports,
    });
    let shown = Inspection { info: package.info(), digest: package.digest(), components: components.collect() };
    if output.is_json() {
        return output.document(&shown);
    }
    let info = shown.info;
    output.line(&format!("name: {}\ntitle: {}\nversion: {}", info.name, info.title, info.version))?;
    output.line(&format!("digest: sha256:{}\nrevisions:", shown.digest))?;
    for revision in &info.revisions {
        let from = revisions(&revision.down_revisions);
        let needs = needs(&revision.depends_on).map(|needs| format!(" ({needs})")).unwrap_or_default();
        output.line(&format!("  {from} -> {}, {}{needs}", revision.id, revision.message))?;
    }
    output.line("populate steps:")?;
    for step in &info.populate_steps {
        let mut marks = vec![if step.active { "active" } else { "inactive" }.to_owned()];
        if !step.requires.is_empty() {
            marks.push(format!("requires {}", step.requires.join(", ")));
        }
        marks.extend(needs(&step.depends_on));
        output.line(&format!("  {} ({}), {}", step.name, marks.join(", "), step.title))?;
    }
    output.line("components:")?;
    for component in &shown.components {
        output.line(&format!("  {}: {} bytes, sha256:{}", component.file, component.bytes, component.digest))?;
        for import in component.imports {
            output.line(&format!("    imports {import}"))?;
        }
    }
    Ok(())
}

pub(super) fn sql(sandbox: &Sandbox, output: &Output, registry: &Registry, args: &UpgradeArgs) -> Result<(), CliError> {
    let Some(dialect) = args.dialect else {
        return Err(CliError::Usage("--sql needs --dialect".to_owned()));
    };
    let named = registry.open(sandbox, &args.packages)?;
    if named.is_empty() {
        return Err(CliError::Usage("no package named, and none is registered in ptah.toml".to_owned()));
    }
    let goal = |word: &str| if word == "head" { Goal::Head } else { Goal::Revision(word.to_owned()) };
    let short = named.iter().filter_map(|named| named.revision.as_deref()).find(|revision| *revision != "head");
    if let Some(revision) = short.filter(|_| args.populate) {
        return Err(CliError::Usage(format!("{revision}: --populate makes the latest schema and stamps the head")));
    }
    let packages: Vec<_> = named
        .into_iter()
        .map(|named| {
            let range = match named.revision.as_deref() {
                _ if args.populate => OfflineRange::Populate,
                None => OfflineRange::FromBase(Goal::Head),
                Some(range) => match range.split_once(':') {
                    Some((from, to)) => OfflineRange::Between(from.to_owned(), goal(to)),
                    None => OfflineRange::FromBase(goal(range)),
                },
            };
            (named.package, range)
        })
        .collect();
    let script = Migrator::offline(sandbox, dialect, &packages, output.observer())?;
    if output.is_json() { output.document(&script) } else { output.line(script.text().trim_end()) }
}

#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    packages: &'a [PackagePlan],
}

/// What was done, or would be: in text only a dry run has data, its statements.
fn report(output: &Output, dry_run: bool, plans: &[PackagePlan]) -> Result<(), CliError> {
    if output.is_json() {
        return output.document(&Report { dry_run, packages: plans });
    }
    if !dry_run {
        return Ok(());
    }
    for plan in plans {
        if plan.steps.is_empty() && plan.data_dependent.is_none() {
            output.note(&format!("{}: at {}, nothing to do", plan.package, revisions(&plan.recorded)));
        }
        print_plan(output, plan)?;
    }
    Ok(())
}

/// The statements of a plan.
pub(super) fn print_plan(output: &Output, plan: &PackagePlan) -> Result<(), CliError> {
    for step in &plan.steps {
        output.line(&format!("-- {}", step.line))?;
        for statement in step.plan.statements() {
            output.line(&format!("{};", statement.sql))?;
        }
    }
    if let Some(next) = &plan.data_dependent {
        output.line(&format!("-- {}: {} is data-dependent", plan.package, next.kind.title()))?;
        for statement in next.plan.statements() {
            output.line(&format!("{};", statement.sql))?;
        }
        output.line("-- here it asks for rows: the plan ends, what follows depends on the answer")?;
    }
    Ok(())
}
