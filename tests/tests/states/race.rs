//! Several runners at once, and other programs that change the target meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

/// A migrator whose observer runs a statement on the target, as another program would, each time that a guest speaks
/// while a step is planned, `times` at most.
fn meddled_with(run: &Run<'_>, times: usize) -> Migrator {
    let (target, count, lines) = (run.target.url().to_owned(), AtomicUsize::new(0), run.lines.clone());
    let dialect = run.target.dialect();
    run.migrator.clone().observed_by(move |event| {
        lines.lock().unwrap().push(event.to_string());
        let number = count.load(Ordering::SeqCst);
        if matches!(event, Event::Guest { .. }) && number < times {
            count.store(number + 1, Ordering::SeqCst);
            let (url, sql) = (target.clone(), format!("CREATE TABLE other_{number} (id INT)"));
            std::thread::spawn(move || ptah_wasm_tests::target::execute_on(dialect, &url, &sql)).join().unwrap();
        }
    })
}

fn talking_crowd() -> GuestPackage {
    GuestPackage::new("crowd").revision("001", &[], "Create users").upgrade([
        Action::Message(Level::Info, "now".into()),
        create_table("users", |t| {
            t.id("id");
        }),
    ])
}

on_every_database! {
    async fn who_looks_while_a_runner_is_at_work_is_not_disturbed(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&crowd());
        let work = async {
            for _ in 0..3 {
                run.upgrade(&crowd).await.unwrap();
                run.downgrade(&crowd, None).await.unwrap();
            }
        };
        let look = async {
            for _ in 0..20 {
                let state = run.migrator.current(std::slice::from_ref(&crowd)).await.unwrap();
                let behind = match state[0].recorded.first().map(String::as_str) {
                    None => 2,
                    Some("001") => 1,
                    Some(_) => 0,
                };
                assert_eq!(state[0].pending.len(), behind);
                run.records().await;
            }
        };
        tokio::join!(work, look);
    }

    async fn one_of_two_runners_applies_and_the_other_finds_nothing_to_do(target: &TestTarget) {
        let first = Run::on(target);
        let second = Run::on(target);
        let crowd = first.open(&crowd());
        for round in 1..=3 {
            let (one, other) = tokio::join!(first.upgrade(&crowd), second.upgrade(&crowd));
            let (one, other) = (one.unwrap(), other.unwrap());
            let steps = (one.steps.len(), other.steps.len());
            assert!(steps == (2, 0) || steps == (0, 2), "round {round}: {steps:?}");
            assert_eq!(first.versions().await, ["crowd 002"]);
            assert_eq!(first.history().await.len(), 4 * round - 2);
            let said: Vec<String> = first.said().into_iter().chain(second.said()).collect();
            assert_eq!(said.iter().filter(|line| line.contains("running upgrade 001 -> 002")).count(), 1, "{said:?}");
            assert!(said.contains(&"crowd: at 002, nothing to do".to_owned()), "{said:?}");
            let (one, other) = tokio::join!(first.downgrade(&crowd, None), second.downgrade(&crowd, None));
            assert_eq!(one.unwrap().steps.len() + other.unwrap().steps.len(), 2);
            first.said();
            second.said();
            first.model_holds("crowd").await;
        }
    }

    async fn two_runners_of_different_packages_both_apply(target: &TestTarget) {
        let first = Run::on(target);
        let second = Run::on(target);
        let (crowd, minicms) = (first.open(&crowd()), second.open(&minicms()));
        let (one, other) = tokio::join!(first.upgrade(&crowd), second.upgrade(&minicms));
        one.unwrap();
        other.unwrap();
        assert_eq!(first.versions().await, ["crowd 002", "minicms 002"]);
        first.model_holds("crowd").await;
        first.model_holds("minicms").await;
    }

    async fn a_target_that_changes_while_it_is_planned_for_is_planned_for_again(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&talking_crowd());
        let migrator = meddled_with(&run, 1);
        migrator.upgrade(&[Upgrade::to_head(crowd)]).await.unwrap();
        assert_eq!(
            run.said(),
            [
                "crowd: upgrade 001: now",
                "crowd: upgrade 001: now",
                "crowd: running upgrade None -> 001, Create users",
            ]
        );
        assert_eq!(run.versions().await, ["crowd 001"]);
        run.model_holds("crowd").await;
    }

    async fn a_target_that_keeps_changing_elsewhere_is_upgraded_all_the_same(target: &TestTarget) {
        let run = Run::on(target);
        let crowd = run.open(&talking_crowd());
        let migrator = meddled_with(&run, 100);
        migrator.upgrade(&[Upgrade::to_head(crowd)]).await.unwrap();
        assert_eq!(run.versions().await, ["crowd 001"]);
        run.model_holds("crowd").await;
    }
}

on_databases! {
    [postgres mariadb] async fn no_session_stands_by_while_a_guest_takes_its_time(target: &TestTarget) {
        let dialect = target.dialect();
        let others = match dialect {
            Dialect::Mariadb => "id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
            _ => "pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        };
        // Refused as long as there is another session: the answer has one row.
        let alone = format!("SELECT (SELECT 0 UNION ALL SELECT {others})");
        let (url, seen) = (target.url().to_owned(), Arc::new(AtomicUsize::new(0)));
        let counted = seen.clone();
        let run = Run::on(target);
        let migrator = run.migrator.clone().observed_by(move |event| {
            if let Event::Guest { .. } = event {
                let (url, alone) = (url.clone(), alone.clone());
                let is_alone = move || {
                    let tries = std::iter::repeat_with(|| {
                        std::thread::sleep(std::time::Duration::from_millis(10));
                        ptah_wasm_tests::target::try_execute_on(dialect, &url, &alone).is_ok()
                    });
                    tries.take(200).any(|is_alone| is_alone)
                };
                assert!(std::thread::spawn(is_alone).join().unwrap(), "a session stands by");
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let crowd = run.open(&talking_crowd());
        migrator.upgrade(&[Upgrade::to_head(crowd)]).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}
