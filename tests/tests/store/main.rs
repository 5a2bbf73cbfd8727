//! The runner's own tables, on every database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod books;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ptah_wasm::database::Connection;
use ptah_wasm::dialect::{Dialect, StatementKind};
use ptah_wasm::operation::{Finite, Value};
use ptah_wasm::revision::Dependency;
use ptah_wasm::schema::Table;
use ptah_wasm::store::{
    self, Answered, Author, Conversation, FlightState, FlightStatement, HistoryEntry, InFlight, Kind, Look, Numbered,
    Outcome, Owner, OwnerChange, Reply, State, StepRecord, StoreError, Undo, VersionChange,
};
use ptah_wasm_tests::on_every_database;
use ptah_wasm_tests::target::TestTarget;

use books::*;

/// A step that was announced.
fn flight(statements: &[&str]) -> InFlight {
    let record = upgrade("crowd", &["001"], "002");
    let statement = |sql: &&str| FlightStatement {
        sql: (*sql).to_owned(),
        kind: StatementKind::Schema,
        concurrent: None,
        locks: Vec::new(),
        alone: true,
        leaves: BTreeMap::from([("a".to_owned(), Look::Digest("d".repeat(64))), ("b".to_owned(), Look::Absent)]),
        undo: Some(Undo {
            statements: vec![ODD.to_owned()],
            leaves: BTreeMap::from([("a".to_owned(), Look::Present)]),
        }),
        numbers: Some(Numbered { table: "a".into(), earlier: None }),
    };
    let author = Author { actor: ODD.into(), host: "here".into(), runner_version: "0.1.0".into() };
    InFlight {
        package: "crowd".into(),
        kind: Kind::Upgrade,
        step: "002".into(),
        plan_digest: "p".repeat(64),
        statements: statements.iter().map(statement).collect(),
        earlier: BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(Table::default()))]),
        counters: BTreeMap::from([("a".to_owned(), u64::MAX)]),
        records: vec![StepRecord { author: Some(author), ..owned(record, &["a"]) }],
        conversation: None,
        position: 0,
        state: FlightState::Running,
        error: None,
        started: "2026-01-02T03:04:05Z".into(),
        holder: "me@here:1".into(),
    }
}

on_every_database! {
    async fn looking_at_an_empty_target_finds_nothing_and_makes_nothing(target: &TestTarget) {
        if target.dialect() == Dialect::Sqlite {
            target.execute("PRAGMA user_version = 0").await;
        }
        let state = load(target).await;
        assert!(state.is_empty());
        let mut connection = connect(target).await;
        assert_eq!(store::history(&mut connection, &BTreeSet::new(), &[]).await.unwrap(), []);
        assert!(target.tables().await.is_empty());
    }

    async fn two_packages_of_two_steps_each_interleaved_touch_only_their_own_rows(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        for (step, expected) in [
            (upgrade("crowd", &[], "001"), rows(&[("crowd", "001")])),
            (upgrade("minicms", &[], "001"), rows(&[("crowd", "001"), ("minicms", "001")])),
            (upgrade("crowd", &["001"], "002"), rows(&[("crowd", "002"), ("minicms", "001")])),
            (upgrade("minicms", &["001"], "002"), rows(&[("crowd", "002"), ("minicms", "002")])),
            (step("crowd", Kind::Downgrade, "002", &["002"], &["001"]), rows(&[("crowd", "001"), ("minicms", "002")])),
            (step("crowd", Kind::Downgrade, "001", &["001"], &[]), rows(&[("minicms", "002")])),
        ] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(version_rows(target).await, expected);
            assert_eq!(state, load(target).await, "what is kept up to date is what is read back");
        }
        assert_eq!(state.versions, versions(&[("minicms", &["002"])]));
        assert_eq!(state.applied, versions(&[("minicms", &["001", "002"])]));
    }

    async fn a_package_has_a_row_for_each_head(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        for step in [
            upgrade("crowd", &[], "001"),
            step("crowd", Kind::Upgrade, "002a", &["001"], &["002a"]),
            step("crowd", Kind::Upgrade, "002b", &["002a"], &["002a", "002b"]),
            step("other", Kind::Upgrade, "002a", &[], &["002a"]),
            step("crowd", Kind::Upgrade, "003", &["002a", "002b"], &["003"]),
        ] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(state, load(target).await);
        }
        assert_eq!(version_rows(target).await, rows(&[("crowd", "003"), ("other", "002a")]));
        assert_eq!(state.applied["crowd"], heads(&["001", "002a", "002b", "003"]));
    }

    async fn what_is_rolled_back_was_never_recorded(target: &TestTarget) {
        let mut connection = connect(target).await;
        let state = load(target).await;
        let step = owned(upgrade("crowd", &[], "001"), &["users"]);
        if !target.dialect().has_transactional_ddl() {
            store::ensure_tables(&mut connection, &state, "crowd", &step.versions).await.unwrap();
        }
        connection.begin().await.unwrap();
        if target.dialect().has_transactional_ddl() {
            store::ensure_tables(&mut connection, &state, "crowd", &step.versions).await.unwrap();
        }
        store::record(&mut connection, &step).await.unwrap();
        connection.rollback().await.unwrap();
        assert!(load(target).await.is_empty());
        if target.dialect().has_transactional_ddl() {
            assert!(target.tables().await.is_empty());
        }
        record(&mut connection, &load(target).await, &step).await.unwrap();
        assert_eq!(load(target).await.versions, versions(&[("crowd", &["001"])]));
    }

    async fn a_version_that_changed_meanwhile_is_an_error_and_nothing_is_recorded(target: &TestTarget) {
        let mut connection = connect(target).await;
        let state = load(target).await;
        record(&mut connection, &state, &upgrade("crowd", &[], "001")).await.unwrap();
        let state = load(target).await;
        target.execute("UPDATE ptah_db_versions SET version_num = '009' WHERE package = 'crowd'").await;
        let error = record(&mut connection, &state, &upgrade("crowd", &["001"], "002")).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed(_)), "{error:?}");
        assert_eq!(version_rows(target).await, rows(&[("crowd", "009")]));
        assert_eq!(target.fetch("SELECT * FROM ptah_db_history").await.len(), 1);
    }

    async fn a_table_of_the_original_ptah_is_kept_as_it_is_while_it_suffices(target: &TestTarget) {
        target.execute("CREATE TABLE ptah_db_versions (package VARCHAR(100) NOT NULL PRIMARY KEY, version_num VARCHAR(32))").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001')").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('minicms', '')").await;
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        assert_eq!(state.versions, versions(&[("crowd", &["001"])]), "an empty version is base");
        for step in [upgrade("crowd", &["001"], "002"), upgrade("minicms", &[], "001"), upgrade("other", &[], "001")] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(state.versions, load(target).await.versions);
        }
        assert_eq!(version_rows(target).await, rows(&[("crowd", "002"), ("minicms", "001"), ("other", "001")]));
        let again = target.try_execute("INSERT INTO ptah_db_versions VALUES ('crowd', '003')").await;
        assert!(again.is_err(), "its key is still the package alone");
    }

    async fn a_table_of_the_original_ptah_gets_the_wider_key_with_the_second_head(target: &TestTarget) {
        target.execute("CREATE TABLE ptah_db_versions (package VARCHAR(100) NOT NULL PRIMARY KEY, version_num VARCHAR(32) NOT NULL)").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001'), ('minicms', '002')").await;
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        for step in [
            step("crowd", Kind::Upgrade, "001b", &["001"], &["001", "001b"]),
            step("minicms", Kind::Upgrade, "002b", &["002"], &["002", "002b"]),
        ] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(state.versions, load(target).await.versions);
        }
        assert_eq!(
            version_rows(target).await,
            rows(&[("crowd", "001"), ("crowd", "001b"), ("minicms", "002"), ("minicms", "002b")])
        );
        assert!(target.try_execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001')").await.is_err(), "both are the key");
    }

    async fn a_table_of_the_original_ptah_grows_with_an_id_that_does_not_fit(target: &TestTarget) {
        target.execute("CREATE TABLE ptah_db_versions (package VARCHAR(10), version_num VARCHAR(32) NOT NULL)").await;
        target.execute("INSERT INTO ptah_db_versions VALUES ('crowd', '001')").await;
        let mut connection = connect(target).await;
        let long = "a".repeat(64);
        record(&mut connection, &load(target).await, &upgrade("crowd", &["001"], &long)).await.unwrap();
        record(&mut connection, &load(target).await, &upgrade("a_package_of_a_long_name", &[], "001")).await.unwrap();
        assert_eq!(version_rows(target).await, rows(&[("a_package_of_a_long_name", "001"), ("crowd", &long)]));
    }

    async fn an_id_that_fits_no_column_is_an_error_that_says_so(target: &TestTarget) {
        let mut connection = connect(target).await;
        let error = record(&mut connection, &load(target).await, &upgrade("crowd", &[], &"a".repeat(65))).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLong { limit: 64, .. }), "{error:?}");
        assert!(load(target).await.is_empty());
    }

    async fn packages_and_revisions_that_differ_by_case_are_two(target: &TestTarget) {
        let mut connection = connect(target).await;
        for package in ["crowd", "Crowd"] {
            record(&mut connection, &load(target).await, &upgrade(package, &[], "a")).await.unwrap();
        }
        record(&mut connection, &load(target).await, &step("crowd", Kind::Upgrade, "A", &["a"], &["A", "a"])).await.unwrap();
        assert_eq!(load(target).await.versions, versions(&[("Crowd", &["a"]), ("crowd", &["A", "a"])]));
    }

    async fn who_owns_a_table_follows_its_renames_and_ends_with_it(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        let created = record(&mut connection, &state, &owned(upgrade("crowd", &[], "001"), &["users", "groups"])).await.unwrap();
        state.apply(&owned(upgrade("crowd", &[], "001"), &["users", "groups"]), created);
        let mut renamed = upgrade("crowd", &["001"], "002");
        renamed.tables = vec![
            OwnerChange::Renamed { from: "users".into(), to: "people".into() },
            OwnerChange::Dropped("groups".into()),
            OwnerChange::Owned("groups".into()),
        ];
        let id = record(&mut connection, &state, &renamed).await.unwrap();
        state.apply(&renamed, id);
        assert_eq!(state, load(target).await);
        assert_eq!(state.tables["people"], Owner { package: "crowd".into(), history_id: created });
        assert_eq!(state.tables["groups"], Owner { package: "crowd".into(), history_id: id });
        assert_eq!(state.tables_of("crowd").collect::<Vec<_>>(), ["groups", "people"]);
    }

    async fn another_packages_table_is_not_dropped_renamed_or_taken_in_the_books(target: &TestTarget) {
        let mut connection = connect(target).await;
        record(&mut connection, &load(target).await, &owned(upgrade("crowd", &[], "001"), &["users"])).await.unwrap();
        let state = load(target).await;
        for change in [
            OwnerChange::Dropped("users".into()),
            OwnerChange::Renamed { from: "users".into(), to: "mine".into() },
            OwnerChange::Owned("users".into()),
        ] {
            let mut step = upgrade("minicms", &[], "001");
            step.tables = vec![change];
            assert!(record(&mut connection, &state, &step).await.is_err());
            assert_eq!(state, load(target).await);
        }
    }

    async fn what_a_step_relies_on_is_kept_until_it_is_released(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        let on = |revision: &str| Dependency { package: "crowd".into(), revision: revision.into() };
        let mut first = upgrade("minicms", &[], "001");
        first.relies_on = vec![on("001"), on("002")];
        let mut populate = step("minicms", Kind::Populate, "pages", &["001"], &["001"]);
        populate.relies_on = vec![on("001")];
        let mut back = step("minicms", Kind::Downgrade, "001", &["001"], &[]);
        back.releases = vec!["001".into()];
        for (step, left) in [(first.clone(), 2), (populate.clone(), 3), (populate, 3), (back, 1)] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(state, load(target).await);
            assert_eq!(state.dependencies.len(), left);
        }
        assert_eq!((state.dependencies[0].step.as_str(), &state.dependencies[0].on), ("pages", &on("001")));
    }

    async fn populate_steps_are_recorded_until_the_package_is_at_base(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        for (step, expected) in [
            (step("minicms", Kind::Populate, "ptah-db-schema", &[], &["002"]), versions(&[("minicms", &["ptah-db-schema"])])),
            (step("minicms", Kind::Populate, "pages", &["002"], &["002"]), versions(&[("minicms", &["pages", "ptah-db-schema"])])),
            (step("minicms", Kind::Downgrade, "002", &["002"], &["001"]), versions(&[("minicms", &["pages", "ptah-db-schema"])])),
            (step("minicms", Kind::Downgrade, "001", &["001"], &[]), BTreeMap::new()),
        ] {
            let id = record(&mut connection, &state, &step).await.unwrap();
            state.apply(&step, id);
            assert_eq!(state.populated, expected);
            assert_eq!(state, load(target).await);
        }
        assert!(state.applied.is_empty());
    }

    async fn the_history_reads_back_as_written_and_its_chain_holds(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut full = upgrade("crowd", &["a", "b"], "c");
        full.versions = VersionChange::default();
        full.entry = HistoryEntry {
            outcome: Outcome::Applied,
            error: Some(ODD.to_owned()),
            started: "2026-01-02T03:04:05.000006Z".to_owned(),
            duration_ms: 12,
            component_digest: Some("c".repeat(64)),
            plan_digest: Some("p".repeat(64)),
            schema_digest: Some("s".repeat(64)),
            fuel: Some(1_000_000),
            operations: 3,
            rows: 100_000,
            statements: 4,
            seed: Some(u64::MAX),
            ..full.entry
        };
        for step in [full.clone(), upgrade("minicms", &[], "001")] {
            record(&mut connection, &load(target).await, &step).await.unwrap();
        }
        let failed = HistoryEntry { outcome: Outcome::Failed, ..upgrade("minicms", &["001"], "002").entry };
        store::record_failure(&mut connection, &failed).await.unwrap();
        let present = bookkeeping(&mut connection).await;
        let all = store::history(&mut connection, &present, &[]).await.unwrap();
        assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(all[0].entry, full.entry);
        assert_eq!(all[2].entry, failed);
        assert_eq!(store::verify_chain(&all), Ok(()));
        let some = store::history(&mut connection, &present, &["minicms", "it's"]).await.unwrap();
        assert_eq!(some, all[1..]);
        assert_eq!(load(target).await.applied["minicms"], heads(&["001"]), "what failed is not applied");

        target.execute("UPDATE ptah_db_history SET step = '003' WHERE id = 2").await;
        let altered = store::history(&mut connection, &present, &[]).await.unwrap();
        assert_eq!(store::verify_chain(&altered).unwrap_err().id, 2);
    }

    async fn a_failure_stays_recorded_after_the_rollback_of_its_step(target: &TestTarget) {
        let mut connection = connect(target).await;
        let state = load(target).await;
        let step = upgrade("crowd", &[], "001");
        store::ensure_tables(&mut connection, &state, "crowd", &step.versions).await.unwrap();
        connection.begin().await.unwrap();
        assert!(connection.execute("CREATE TABLE nonsense (").await.is_err());
        connection.rollback().await.unwrap();
        let entry = HistoryEntry { outcome: Outcome::Failed, error: Some("refused".into()), ..step.entry };
        store::record_failure(&mut connection, &entry).await.unwrap();
        let present = bookkeeping(&mut connection).await;
        let rows = store::history(&mut connection, &present, &["crowd"]).await.unwrap();
        assert_eq!(rows.into_iter().map(|row| row.entry).collect::<Vec<_>>(), [entry]);
        assert!(load(target).await.versions.is_empty());
    }

    async fn an_announced_step_can_be_read_until_it_is_cleared(target: &TestTarget) {
        let mut connection = connect(target).await;
        let state = load(target).await;
        store::ensure_tables(&mut connection, &state, "crowd", &VersionChange::default()).await.unwrap();
        let mut flight = flight(&["CREATE TABLE a", ODD, &"x".repeat(100_000)]);
        store::announce(&mut connection, &flight).await.unwrap();
        assert_eq!(load(target).await.journal, Some(flight.clone()));
        assert!(matches!(store::announce(&mut connection, &flight).await, Err(StoreError::Changed(_))));

        store::advance(&mut connection, 1, None).await.unwrap();
        store::refuse(&mut connection, 1, ODD, &flight.records[0].entry).await.unwrap();
        flight = InFlight { position: 1, state: FlightState::Refused, error: Some(ODD.into()), ..flight };
        let read = load(target).await.journal.unwrap();
        assert_eq!(read, flight);
        assert_eq!(read.next().unwrap().sql, ODD);
        assert_eq!(read.applied().len(), 1);
        flight = InFlight { plan_digest: "q".repeat(64), state: FlightState::Running, error: None, ..flight };
        store::replace(&mut connection, &flight).await.unwrap();
        assert_eq!(load(target).await.journal, Some(flight));

        store::clear(&mut connection).await.unwrap();
        assert_eq!(load(target).await.journal, None);
        assert!(matches!(store::advance(&mut connection, 2, None).await, Err(StoreError::Changed(_))));
    }

    async fn what_a_step_was_answered_is_kept_until_it_is_cleared(target: &TestTarget) {
        let mut connection = connect(target).await;
        store::ensure_tables(&mut connection, &load(target).await, "crowd", &VersionChange::default()).await.unwrap();
        let said = Conversation { seed: u64::MAX, open: true, ..Conversation::default() };
        let mut flight = InFlight { conversation: Some(said), ..flight(&["CREATE TABLE a"]) };
        store::announce(&mut connection, &flight).await.unwrap();
        assert_eq!(load(target).await.journal, Some(flight.clone()));
        let values = vec![
            Value::Null, Value::Boolean(true), Value::Integer(i64::MIN), Value::Double(Finite::new(0.1).unwrap()),
            Value::Numeric("0.10".into()), Value::Text("a\r\nb\u{2028}'\\\"".into()), Value::Binary(vec![0, 10, 255]),
            Value::Json("{\n}".into()),
        ];
        let answers = [Answered::Rows(vec![values.clone(), values]), Answered::Touched(u64::MAX), Answered::Rows(vec![])];
        for (after, answer) in answers.into_iter().enumerate() {
            let reply = Reply { after, question: ODD.into(), answer };
            store::answer(&mut connection, &reply).await.unwrap();
            flight.conversation.as_mut().unwrap().answers.push(reply);
        }
        flight.position = 1;
        flight.conversation.as_mut().unwrap().touched.insert(0, u64::MAX);
        store::advance(&mut connection, 1, flight.conversation.as_ref()).await.unwrap();
        assert_eq!(load(target).await.journal, Some(flight.clone()));
        // With more of it known the answers stay.
        flight.conversation.as_mut().unwrap().open = false;
        store::replace(&mut connection, &flight).await.unwrap();
        assert_eq!(load(target).await.journal, Some(flight));
        store::clear(&mut connection).await.unwrap();
        assert!(target.fetch("SELECT * FROM ptah_db_journal").await.is_empty());
    }

    async fn progress_and_rows_are_noted_together_or_not_at_all(target: &TestTarget) {
        target.execute("CREATE TABLE t (n INTEGER)").await;
        let mut connection = connect(target).await;
        store::ensure_tables(&mut connection, &load(target).await, "crowd", &VersionChange::default()).await.unwrap();
        let flight = flight(&["INSERT INTO t VALUES (1)"]);
        store::announce(&mut connection, &flight).await.unwrap();
        connection.begin().await.unwrap();
        connection.execute("INSERT INTO t VALUES (1)").await.unwrap();
        store::advance(&mut connection, 1, None).await.unwrap();
        drop(connection);
        // The server may take a moment to notice.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(load(target).await.journal.unwrap().position, 0);
        assert!(target.fetch("SELECT * FROM t").await.is_empty());
    }

    async fn a_layout_of_a_later_version_is_refused(target: &TestTarget) {
        let mut connection = connect(target).await;
        record(&mut connection, &load(target).await, &upgrade("crowd", &[], "001")).await.unwrap();
        target.execute("UPDATE ptah_db_objects SET history_id = 99 WHERE kind = 'layout'").await;
        assert!(matches!(try_load(target).await, Err(StoreError::NewerLayout { found: 99, .. })));
    }

    async fn rows_that_nobody_writes_are_damage_and_not_a_crash(target: &TestTarget) {
        let mut connection = connect(target).await;
        record(&mut connection, &load(target).await, &owned(upgrade("crowd", &[], "001"), &["users"])).await.unwrap();
        for (damage, mend) in [
            ("UPDATE ptah_db_history SET kind = 'odd'", "UPDATE ptah_db_history SET kind = 'upgrade'"),
            ("UPDATE ptah_db_objects SET kind = 'odd' WHERE kind = 'table'", "UPDATE ptah_db_objects SET kind = 'table' WHERE kind = 'odd'"),
        ] {
            target.execute(damage).await;
            assert!(matches!(try_load(target).await, Err(StoreError::Damaged(_))), "{damage}");
            target.execute(mend).await;
            load(target).await;
        }
    }

    async fn a_thousand_recorded_steps_load_at_once(target: &TestTarget) {
        let mut connection = connect(target).await;
        let mut state = load(target).await;
        let first = upgrade("crowd", &[], "r0");
        let id = record(&mut connection, &state, &first).await.unwrap();
        state.apply(&first, id);
        connection.begin().await.unwrap();
        for number in 1..1_000 {
            let step = upgrade("crowd", &[&format!("r{}", number - 1)], &format!("r{number}"));
            let id = store::record(&mut connection, &step).await.unwrap().id();
            state.apply(&step, id);
        }
        connection.commit().await.unwrap();
        let present = bookkeeping(&mut connection).await;
        let started = Instant::now();
        let loaded = store::load(&mut connection, &present).await.unwrap();
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        assert_eq!(loaded, state);
        assert_eq!(loaded.applied["crowd"].len(), 1_000);
    }
}

#[test]
fn a_schema_of_any_name_has_books_of_its_own() {
    ptah_wasm_tests::target::run(Dialect::Postgres, async |target| {
        target.execute("CREATE SCHEMA \"No\"\"rth\"; CREATE SCHEMA south").await;
        target
            .execute("CREATE TABLE south.ptah_db_versions (package VARCHAR(9) PRIMARY KEY, version_num VARCHAR(9))")
            .await;
        target.execute("INSERT INTO south.ptah_db_versions VALUES ('crowd', '001')").await;
        for (schema, from) in [("No%22rth", &[] as &[&str]), ("south", &["001"])] {
            let url = format!("{}?schema={schema}", target.url());
            let mut connection = ptah_wasm::database::Target::parse(&url).unwrap().connect_to_change().await.unwrap();
            let present = bookkeeping(&mut connection).await;
            let mut state = store::load(&mut connection, &present).await.unwrap();
            for step in [
                upgrade("crowd", from, "a_longer_id"),
                step("crowd", Kind::Upgrade, "two", &["a_longer_id"], &["a_longer_id", "two"]),
            ] {
                let id = record(&mut connection, &state, &step).await.unwrap();
                state.apply(&step, id);
            }
            let present = bookkeeping(&mut connection).await;
            assert_eq!(store::load(&mut connection, &present).await.unwrap(), state);
        }
        assert!(target.tables().await.is_empty(), "nothing is in the schema public");
    });
}
