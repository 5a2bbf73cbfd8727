//! Many targets at once: planned once for each state, each on its own account.

use std::num::NonZeroUsize;
use std::time::Duration;

use ptah_wasm::database::Target;
use ptah_wasm::migrate::{ErrorKind as Failure, Interrupt};
use ptah_wasm::rollout::{Outcome, Report, Rollout, RolloutEvent, RolloutTarget};
use ptah_wasm_tests::proxy::{Cut, Proxy};
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

fn named(tenants: &[TestTarget]) -> Vec<RolloutTarget> {
    let name = |(number, tenant): (usize, &TestTarget)| RolloutTarget {
        name: Some(format!("t{number}")),
        target: tenant.target(),
    };
    tenants.iter().enumerate().map(name).collect()
}

fn rollout(tenants: &[TestTarget]) -> Rollout {
    Rollout::new(named(tenants), options()).unwrap()
}

/// Opens a package for all targets.
fn opened(rollout: &Rollout, target: &TestTarget, package: &GuestPackage) -> Vec<Upgrade> {
    let file = tempfile::Builder::new().suffix(".wasm").tempfile_in(target.folder()).unwrap();
    std::fs::write(file.path(), package.build()).unwrap();
    vec![Upgrade::to_head(rollout.open(file.path()).unwrap())]
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.targets.iter().map(|row| row.outcome).collect()
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

on_every_database! {
    async fn a_guest_runs_once_for_twenty_targets_in_one_state(target: &TestTarget) {
        let tenants = target.tenants(20).await;
        let rollout = rollout(&tenants);
        let crowd = opened(&rollout, target, &crowd());
        let report = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied; 20], "{report:?}");
        assert_eq!(report.guest_runs, 2, "once for each of its two steps");
        let [plan] = report.plans.as_slice() else { panic!("{:?}", report.plans) };
        assert_eq!((plan.targets, plan.packages[0].steps.len()), (20, 2));
        for (number, (row, tenant)) in report.targets.iter().zip(&tenants).enumerate() {
            assert_eq!((row.title(), &*row.target), (&*format!("t{number}"), tenant.target().label()));
            assert_eq!(row.plan.as_ref(), Some(&plan.digest));
            assert_eq!((&row.packages[0].recorded[..], &row.packages[0].records[..]), (&[][..], &["002".to_owned()][..]));
            let run = Run::on(tenant);
            assert_eq!(run.versions().await, ["crowd 002"]);
            assert_eq!(run.history().await, ["crowd upgrade 001 applied", "crowd upgrade 002 applied"]);
            run.model_holds("crowd").await;
        }
        let again = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&again), [Outcome::NothingToDo; 20]);
        assert_eq!((again.guest_runs, again.plans.len()), (0, 0));
    }

    async fn a_guest_runs_once_more_for_targets_in_another_state(target: &TestTarget) {
        let tenants = target.tenants(8).await;
        let rollout = rollout(&tenants);
        let crowd = opened(&rollout, target, &crowd());
        for tenant in tenants.iter().step_by(2) {
            let run = Run::on(tenant);
            let crowd = run.open(&self::crowd());
            run.upgrade_as(to(&crowd, "001")).await.unwrap();
        }
        tenants[1].execute("CREATE TABLE audit (id INT)").await;
        let report = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied; 8], "{report:?}");
        // 001 and 002 from nothing, 002 from the table as it is written down; what is not the package's does not count.
        assert!(matches!(report.guest_runs, 2 | 3), "{}", report.guest_runs);
        assert_eq!(report.plans.iter().map(|plan| plan.targets).collect::<Vec<_>>(), [4, 4]);
        for tenant in &tenants {
            let run = Run::on(tenant);
            assert_eq!(run.versions().await, ["crowd 002"]);
            run.model_holds("crowd").await;
        }
    }

    async fn a_table_that_was_altered_is_another_state(target: &TestTarget) {
        let tenants = target.tenants(3).await;
        let rollout = rollout(&tenants);
        let crowd = opened(&rollout, target, &crowd());
        let to_001 = [Upgrade { goal: Goal::Revision("001".into()), ..crowd[0].clone() }];
        rollout.upgrade(&to_001).await.unwrap();
        tenants[1].execute("ALTER TABLE users ADD COLUMN email VARCHAR(10)").await;
        let report = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied, Outcome::Failed, Outcome::Applied], "{report:?}");
        let error = report.targets[1].error.as_ref().unwrap();
        assert!(error.to_string().starts_with("crowd: upgrade 002: already-exists"), "{error}");
        assert_eq!(Run::on(&tenants[1]).versions().await, ["crowd 001"]);
    }

    async fn a_target_that_fails_is_a_row_and_harms_no_other(target: &TestTarget) {
        let tenants = target.tenants(5).await;
        let mut targets = named(&tenants);
        let nowhere = match target.dialect() {
            Dialect::Sqlite => "sqlite:/no-such-folder/x.db",
            Dialect::Postgres => "postgres://me:hunter2@127.0.0.1:1/x",
            Dialect::Mariadb => "mysql://me:hunter2@127.0.0.1:1/x",
        };
        targets.insert(2, RolloutTarget { name: None, target: nowhere.parse().unwrap() });
        tenants[3].execute("CREATE TABLE users (id INT)").await;
        let rollout = Rollout::new(targets, options()).unwrap();
        let crowd = opened(&rollout, target, &crowd());
        let report = rollout.upgrade(&crowd).await.unwrap();
        let rows = outcomes(&report);
        assert_eq!((rows[2], rows[4]), (Outcome::Failed, Outcome::Failed), "{report:?}");
        assert_eq!(report.summary().applied, 4);
        let errors: Vec<&Failure> = report.targets.iter().filter_map(|row| Some(&*row.error.as_ref()?.kind)).collect();
        assert!(matches!(errors[..], [Failure::Database(_) | Failure::Lock(_), Failure::Differs { .. }]), "{errors:?}");
        assert!(!format!("{report:?}").contains("hunter2"));
        for (number, tenant) in tenants.iter().enumerate() {
            let expected: &[&str] = if number == 3 { &[] } else { &["crowd 002"] };
            assert_eq!(Run::on(tenant).versions().await, expected);
        }
    }

    async fn a_refused_statement_of_one_target_leaves_the_shared_plan_to_the_others(target: &TestTarget) {
        let unique = crowd().revision("003", &["002"], "Tighten").upgrade([
            create_index("users", Index::new("users_name", ["name"]).unique()),
        ]);
        let tenants = target.tenants(3).await;
        let rollout = rollout(&tenants);
        let first = opened(&rollout, target, &crowd());
        rollout.upgrade(&first).await.unwrap();
        for tenant in &tenants[1..2] {
            tenant.execute("INSERT INTO users (name) VALUES ('a'), ('a')").await;
        }
        let second = opened(&rollout, target, &unique);
        let report = rollout.upgrade(&second).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied, Outcome::Failed, Outcome::Applied], "{report:?}");
        assert!(matches!(&*report.targets[1].error.as_ref().unwrap().kind, Failure::Refused { .. }));
        assert_eq!(report.guest_runs, 1);
        assert_eq!(Run::on(&tenants[1]).versions().await, ["crowd 002"]);
        Run::on(&tenants[2]).model_holds("crowd").await;
    }

    async fn what_a_guest_asks_of_its_run_is_planned_for_each_target(target: &TestTarget) {
        let package = GuestPackage::new("lots").revision("001", &[], "Draw lots").upgrade([
            create_table("lots", |t| {
                t.id("id");
                t.column(Column::timestamp_tz("drawn"));
                t.column(Column::big_integer("lot"));
            }),
            Action::InsertRun("lots".into(), "drawn".into(), "lot".into()),
        ]);
        let tenants = target.tenants(4).await;
        let rollout = rollout(&tenants);
        let lots = opened(&rollout, target, &package);
        let report = rollout.upgrade(&lots).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied; 4], "{report:?}");
        assert_eq!((report.guest_runs, report.plans.len()), (4, 4));
        let mut drawn = Vec::new();
        for tenant in &tenants {
            drawn.extend(tenant.fetch("SELECT lot FROM lots").await);
        }
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), 4);
    }

    async fn a_target_that_another_runner_holds_waits_behind_the_others(target: &TestTarget) {
        let tenants = target.tenants(3).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let heard = order.clone();
        let short = Options { lock_timeout: Duration::from_millis(300), ..options() };
        let rollout = Rollout::new(named(&tenants), short).unwrap().jobs(one()).observed_by(move |event| match event {
            RolloutEvent::Ended(row, _) => heard.lock().unwrap().push(row.title().to_owned()),
            RolloutEvent::Deferred(target, _) => heard.lock().unwrap().push(format!("{target} is held")),
            RolloutEvent::Target(..) => {}
        });
        let crowd = opened(&rollout, target, &crowd());
        let lock = store::acquire(&tenants[0].target(), Duration::ZERO, |_| ()).await.unwrap();
        let report = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["t0 is held", "t1", "t2", "t0"]);
        assert_eq!(outcomes(&report), [Outcome::Failed, Outcome::Applied, Outcome::Applied]);
        assert!(matches!(&*report.targets[0].error.as_ref().unwrap().kind, Failure::Lock(_)), "{report:?}");
        let (again, ()) = tokio::join!(rollout.upgrade(&crowd), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            lock.release().await;
        });
        assert_eq!(outcomes(&again.unwrap()), [Outcome::Applied, Outcome::NothingToDo, Outcome::NothingToDo]);
        assert_eq!(Run::on(&tenants[0]).versions().await, ["crowd 002"]);
    }

    async fn an_interrupt_ends_what_is_under_way_and_begins_nothing(target: &TestTarget) {
        let tenants = target.tenants(4).await;
        let interrupt = Interrupt::default();
        let raised = interrupt.clone();
        let rollout = rollout(&tenants).jobs(one()).interrupted_by(interrupt).observed_by(move |event| {
            if let RolloutEvent::Ended(row, 2) = event {
                assert_eq!(row.title(), "t1");
                raised.raise();
            }
        });
        let crowd = opened(&rollout, target, &crowd());
        let report = rollout.upgrade(&crowd).await.unwrap();
        use Outcome::{Applied, NotStarted};
        assert_eq!(outcomes(&report), [Applied, Applied, NotStarted, NotStarted]);
        assert!(Run::on(&tenants[2]).tables().await.is_empty());
    }

    async fn a_dry_run_shows_each_plan_once_and_changes_nothing(target: &TestTarget) {
        let tenants = target.tenants(4).await;
        let rollout = rollout(&tenants);
        let crowd = opened(&rollout, target, &crowd());
        let report = rollout.plan_upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Planned; 4]);
        assert_eq!((report.plans.len(), report.plans[0].targets, report.guest_runs), (1, 4, 2));
        for tenant in &tenants {
            assert!(Run::on(tenant).tables().await.is_empty());
        }
        let applied = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(applied.plans[0].digest, report.plans[0].digest);
        assert_eq!(applied.guest_runs, 0, "what was shown is what runs");
        let looks = rollout.current(&[]).await;
        assert!(looks.iter().all(|look| look.states.as_ref().unwrap()[0].recorded == ["002"]), "{looks:?}");
    }

    async fn a_target_that_is_given_twice_is_an_error_before_anything_happens(target: &TestTarget) {
        let twice = ["one", "other"].map(|name| RolloutTarget { name: Some(name.into()), target: target.target() });
        let error = Rollout::new(twice.into(), options()).unwrap_err();
        assert_eq!(error.to_string(), "one and other are the same target");
    }
}

on_databases! {
    [sqlite] async fn a_file_that_is_given_by_another_path_is_given_twice(target: &TestTarget) {
        target.execute("CREATE TABLE other (id INT)").await;
        let folder = target.folder();
        std::os::unix::fs::symlink(folder.join("test.db"), folder.join("link.db")).unwrap();
        let around = folder.join("..").join(folder.file_name().unwrap()).join("test.db");
        for path in [folder.join("link.db"), around] {
            let url = format!("sqlite:{}", path.display());
            let targets = [target.url(), &url].map(|url| RolloutTarget { name: None, target: url.parse().unwrap() });
            let error = Rollout::new(targets.into(), options()).unwrap_err();
            assert!(matches!(*error.kind, Failure::TargetTwice { .. }), "{error}");
        }
    }

    [sqlite] async fn a_file_that_cannot_be_written_harms_no_other(target: &TestTarget) {
        let tenants = target.tenants(2).await;
        let mut targets = named(&tenants);
        let url = format!("{}?mode=ro", target.url());
        target.execute("CREATE TABLE other (id INT)").await;
        targets.insert(1, RolloutTarget { name: None, target: url.parse().unwrap() });
        let rollout = Rollout::new(targets, options()).unwrap();
        let crowd = opened(&rollout, target, &crowd());
        let report = rollout.upgrade(&crowd).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied, Outcome::Failed, Outcome::Applied]);
        let error = report.targets[1].error.as_ref().unwrap();
        assert!(error.to_string().contains("mode=ro"), "{error}");
    }
}

on_databases! {
    [postgres mariadb] async fn a_plan_that_is_soon_there_goes_through_the_connection_of_the_look(target: &TestTarget) {
        let tenants = target.tenants(3).await;
        let ways: Vec<Proxy> = tenants.iter().map(|tenant| Proxy::to(tenant.url(), Cut::Nowhere)).collect();
        let through = |way: &Proxy| RolloutTarget { name: None, target: Target::parse(way.url()).unwrap() };
        let rollout = Rollout::new(ways.iter().map(through).collect(), options()).unwrap().jobs(one());
        let report = rollout.upgrade(&opened(&rollout, target, &crowd())).await.unwrap();
        assert_eq!(outcomes(&report), [Outcome::Applied; 3], "{report:?}");
        // One for the lock; one does for looking and changing.
        assert_eq!(ways.iter().map(Proxy::connections).collect::<Vec<_>>(), [2; 3]);
        for tenant in &tenants {
            Run::on(tenant).model_holds("crowd").await;
        }
    }
}
