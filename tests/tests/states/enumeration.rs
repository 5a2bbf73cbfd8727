//! Enumerations that are types of their own: whose they are, and what is in their way.

use ptah_wasm::migrate::OfflineRange;
use ptah_wasm_tests::{on_databases, on_every_database};

use super::*;

fn mood(labels: &[&str]) -> EnumType {
    EnumType::new("mood", labels.iter().copied())
}

/// Has a table of an enumeration, and then does this.
fn diary<const N: usize>(actions: [Action; N]) -> GuestPackage {
    GuestPackage::new("diary")
        .revision("001", &[], "Create days")
        .upgrade([
            create_enum(&mood(&["good", "bad"])),
            create_table("days", |t| {
                t.id("id");
                t.enumeration("mood", &mood(&["good", "bad"])).not_null().default("good");
            }),
            bulk_insert("days", ["mood"], [("bad",), ("good",)]),
        ])
        .downgrade([drop_table("days"), drop_enum("mood")])
        .revision("002", &["001"], "More")
        .upgrade(actions)
}

async fn objects(target: &TestTarget) -> Vec<Vec<Option<String>>> {
    target.fetch("SELECT kind, name, package FROM ptah_db_objects WHERE kind <> 'layout' ORDER BY kind, name").await
}

on_every_database! {
    async fn a_step_that_makes_an_enumeration_is_taken_back(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([]));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
        assert_eq!(target.fetch("SELECT mood FROM days ORDER BY id").await, [[Some("bad".into())], [Some("good".to_owned())]]);
        run.downgrade(&diary, None).await.unwrap();
        assert_eq!(objects(target).await, Vec::<Vec<Option<String>>>::new());
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    async fn a_label_is_a_text_to_the_guest(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([
            expect_rows("SELECT mood FROM days WHERE mood = 'bad'", (), [("bad",)]),
            expect_rows("SELECT coalesce(max(id), 0) FROM days WHERE mood IN ('good', 'bad')", (), [(2,)]),
            expect_rows("SELECT CASE WHEN id = 1 THEN 'bad' ELSE mood END AS m FROM days ORDER BY id", (), [("bad",), ("good",)]),
            expect_rows("SELECT DISTINCT mood FROM days ORDER BY mood LIMIT 1", (), [(first(target),)]),
            expect_touched("UPDATE days SET mood = ? WHERE mood = ?", ("good", "bad"), 1),
        ]));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    async fn the_latest_schema_has_its_enumerations(target: &TestTarget) {
        let run = Run::on(target);
        let make = || [
            create_enum(&mood(&["good", "bad"])),
            create_table("days", |t| {
                t.id("id");
                t.enumeration("mood", &mood(&["good", "bad"])).not_null();
            }),
        ];
        let package = GuestPackage::new("diary")
            .populate("ptah-db-schema", make())
            .revision("001", &[], "Create days")
            .upgrade(make())
            .downgrade([drop_table("days"), drop_enum("mood")]);
        let diary = run.open(&package);
        run.upgrade(&diary).await.unwrap();
        assert_eq!(run.said(), ["diary: populated, stamped 001"]);
        run.model_holds("diary").await;
        // Whole tables that are missing are made, and what they are of.
        target.execute("DROP TABLE days").await;
        if target.dialect() == Dialect::Postgres {
            target.execute("DROP TYPE mood").await;
        }
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    async fn an_offline_script_makes_what_a_run_makes(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([]));
        let range = OfflineRange::FromBase(Goal::Head);
        let script = Migrator::offline(run.migrator.sandbox(), target.dialect(), &[(diary.clone(), range)], |_| ());
        target.execute(&script.unwrap().text()).await;
        let made = (run.catalog().await, objects(target).await);
        let other = TestTarget::new(target.dialect()).await;
        let again = Run::on(&other);
        again.upgrade(&diary).await.unwrap();
        assert_eq!(made, (again.catalog().await, objects(&other).await));
    }
}

/// PostgreSQL and MariaDB go by the order of the labels.
fn first(target: &TestTarget) -> &'static str {
    if target.dialect() == Dialect::Sqlite { "bad" } else { "good" }
}

on_databases! {
    [postgres] async fn an_enumeration_is_recorded_as_the_packages(target: &TestTarget) {
        let run = Run::on(target);
        let more = EnumType::new("weather", ["sun", "rain"]);
        let diary = run.open(&diary([
            create_enum(&more),
            add_column("days", Column::enumeration("sky", &more)),
            Action::ExpectEnums(vec![mood(&["good", "bad"]), more.clone()]),
            Action::RenameEnum("weather".into(), "sky".into()),
            Action::RenameEnumValue("sky".into(), "sun".into(), "clear".into()),
            Action::ExpectEnums(vec![mood(&["good", "bad"]), EnumType::new("sky", ["clear", "rain"])]),
        ]));
        let plan = run.upgrade(&diary).await.unwrap();
        assert_eq!((&plan.steps[0].claimed_enums[..], &plan.steps[1].claimed_enums[..]), (&["mood".to_owned()][..], &["sky".to_owned()][..]));
        let owned = |kind: &str, name: &str| vec![Some(kind.to_owned()), Some(name.to_owned()), Some("diary".to_owned())];
        assert_eq!(objects(target).await, [owned("enum", "mood"), owned("enum", "sky"), owned("table", "days")]);
        run.model_holds("diary").await;
        let state = run.migrator.current(&[]).await.unwrap();
        assert_eq!((state[0].tables.clone(), state[0].enums.clone()), (vec!["days".to_owned()], vec!["mood".to_owned(), "sky".to_owned()]));
    }

    [postgres] async fn an_enumeration_of_another_package_is_not_to_be_had(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([]));
        run.upgrade(&diary).await.unwrap();
        let of = mood(&["good", "bad"]);
        for (actions, message) in [
            (vec![create_enum(&of)], "enumeration mood is recorded as the package diary's"),
            (vec![drop_enum("mood")], "mood"),
            (vec![add_enum_value("mood", "fine")], "mood"),
            (vec![Action::RenameEnum("mood".into(), "mine".into())], "mood"),
            (vec![create_table("own", |t| { t.enumeration("mood", &of); })], "there is no type mood that is the package's enumeration"),
            (vec![create_table("mood", |t| { t.id("id"); })], "there is an enumeration mood already, which is not the package's"),
        ] {
            for depends in [false, true] {
                let mut other = GuestPackage::new("other").revision("001", &[], "Take it");
                if depends {
                    other = other.depends_on("diary:001");
                }
                let other = run.open(&other.upgrade(actions.clone()));
                let before = run.everything().await;
                assert_says(run.upgrade(&other).await, &["other: upgrade 001", message]);
                assert_eq!(run.everything().await, before);
            }
        }
    }

    [postgres] async fn what_is_there_already_is_in_the_way(target: &TestTarget) {
        let run = Run::on(target);
        for (make, clear, message) in [
            ("CREATE TYPE mood AS ENUM ('x')", "DROP TYPE mood", "there is an enumeration mood already, which is not the package's"),
            ("CREATE TYPE mood AS ENUM ('ä')", "DROP TYPE mood", "there is a type named mood already"),
            ("CREATE TABLE mood (id INTEGER)", "DROP TABLE mood", "there is a table mood already, which is not the package's"),
            ("CREATE DOMAIN mood AS INTEGER", "DROP DOMAIN mood", "there is a type named mood already"),
            ("CREATE VIEW mood AS SELECT 1 AS one", "DROP VIEW mood", "there is a view named mood already"),
        ] {
            target.execute(make).await;
            let package = GuestPackage::new("diary").revision("001", &[], "Make").upgrade([create_enum(&mood(&["good"]))]);
            let forced = forced(&run.open(&package));
            let before = run.everything().await;
            let said = text(run.upgrade_as(forced).await);
            assert!(said.contains(message) || said.contains("mood"), "{make}: {said}");
            assert_eq!(run.everything().await, before);
            target.execute(clear).await;
        }
    }

    [postgres] async fn an_enumeration_that_something_else_is_of_stays(target: &TestTarget) {
        let run = Run::on(target);
        for (number, action) in [drop_enum("mood"), Action::RenameEnum("mood".into(), "gone".into())].into_iter().enumerate() {
            let days = [drop_table("days"), action];
            let diary = run.open(&diary(days));
            if number == 0 {
                run.upgrade_as(to(&diary, "001")).await.unwrap();
                target.execute("CREATE TABLE theirs (m mood)").await;
            }
            let before = run.everything().await;
            assert_says(
                run.upgrade(&diary).await,
                &["diary: upgrade 002", "column m of table theirs, which is not the package's, is of the enumeration mood"],
            );
            assert_eq!(run.everything().await, before);
        }
    }

    [postgres] async fn a_label_is_a_value_once_the_step_that_adds_it_has_ended(target: &TestTarget) {
        let run = Run::on(target);
        let of = mood(&["good", "bad", "fine"]);
        let refused = |action| fails(ErrorKind::Unsupported, action);
        let first = diary([
            add_enum_value("mood", "fine"),
            refused(execute("UPDATE days SET mood = 'fine'", ())),
            refused(execute("DELETE FROM days WHERE mood = ?", ("fine",))),
            refused(execute("INSERT INTO days (mood) SELECT 'fine' FROM days", ())),
            refused(bulk_insert("days", ["mood"], [("fine",)])),
            refused(expect_rows("SELECT id FROM days WHERE mood = 'fine'", (), [(0,); 0])),
            refused(alter_column("days", "mood", ColumnChanges::new().set_default("fine"))),
            refused(create_table("more", |t| {
                t.enumeration("mood", &of).default("fine");
            })),
            create_table("texts", |t| {
                t.text("mood");
            }),
            refused(alter_column("texts", "mood", ColumnChanges::new().set_type(ColumnType::Enumeration(of.clone())))),
            Action::RenameEnumValue("mood".into(), "fine".into(), "well".into()),
            refused(execute("UPDATE days SET mood = 'well'", ())),
            Action::RenameEnum("mood".into(), "feeling".into()),
            refused(execute("UPDATE days SET mood = 'well'", ())),
            execute("UPDATE days SET mood = 'good'", ()),
        ]);
        let last = first.revision("003", &["002"], "Use").upgrade([
            execute("UPDATE days SET mood = 'well'", ()),
            expect_rows("SELECT id FROM days WHERE mood = 'well' ORDER BY id", (), [(1,), (2,)]),
        ]);
        let diary = run.open(&last);
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    [postgres] async fn a_check_over_a_label_that_was_just_added_waits_too(target: &TestTarget) {
        let run = Run::on(target);
        let mut filtered = Index::new("fine", ["id"]);
        filtered.filter(sql("mood = 'fine'"));
        let diary = run.open(&diary([
            add_enum_value("mood", "fine"),
            fails(ErrorKind::Unsupported, create_constraint("days", Check::new(sql("mood = 'fine'")))),
            fails(ErrorKind::Unsupported, create_index("days", filtered)),
        ]));
        run.upgrade(&diary).await.unwrap();
    }

    [postgres] async fn tables_are_taken_over_with_their_enumeration(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TYPE mood AS ENUM ('good', 'bad')").await;
        target
            .execute("CREATE TABLE days (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, mood mood NOT NULL DEFAULT 'good')")
            .await;
        let diary = run.open(&diary([add_enum_value("mood", "fine")]));
        assert_says(run.upgrade(&diary).await, &["(days, mood)", "--adopt"]);
        run.upgrade_as(adopting(&diary)).await.unwrap();
        assert_eq!(run.said()[0], "diary: adopted days, mood, stamped 001");
        let owned = |kind: &str, name: &str| vec![Some(kind.to_owned()), Some(name.to_owned()), Some("diary".to_owned())];
        assert_eq!(objects(target).await, [owned("enum", "mood"), owned("table", "days")]);
        run.model_holds("diary").await;
    }

    [postgres] async fn tables_with_other_labels_are_not_taken_over(target: &TestTarget) {
        let run = Run::on(target);
        target.execute("CREATE TYPE mood AS ENUM ('bad', 'good')").await;
        target
            .execute("CREATE TABLE days (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, mood mood NOT NULL DEFAULT 'good')")
            .await;
        let diary = run.open(&diary([]));
        let before = run.everything().await;
        assert_says(
            run.upgrade_as(adopting(&diary)).await,
            &["enumeration mood: it is enumeration mood('bad', 'good'), expected enumeration mood('good', 'bad')"],
        );
        assert_eq!(run.everything().await, before);
    }

    [postgres] async fn an_index_is_not_built_online_in_a_step_that_changes_an_enumeration(target: &TestTarget) {
        let run = Run::on(target);
        let online = |demand| create_index_online("days", Index::new("by_mood", ["mood"]), demand);
        let diary = run.open(&diary([
            add_enum_value("mood", "fine"),
            fails(ErrorKind::Unsupported, online(Demand::Required)),
            online(Demand::IfSupported),
        ]).revision("003", &["002"], "Index").upgrade([
            create_index_online("days", Index::new("again", ["mood"]), Demand::Required),
            fails(ErrorKind::Unsupported, add_enum_value("mood", "well")),
        ]));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    [postgres] async fn labels_that_somebody_else_changed_are_seen(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([add_column("days", Column::enumeration("evening", &mood(&["good", "bad"])))]));
        run.upgrade_as(to(&diary, "001")).await.unwrap();
        target.execute("ALTER TYPE mood ADD VALUE 'fine'").await;
        let before = run.everything().await;
        assert_says(
            run.upgrade(&diary).await,
            &["column evening of table days is of the enumeration mood with other labels than that has"],
        );
        assert_eq!(run.everything().await, before);
    }

    [postgres] async fn what_the_database_takes_for_another_type_is_no_name_of_one(target: &TestTarget) {
        let names = ["_text", "_mood", "double", "string", "serial", "bigserial", "mediumint", "int8", "pg_mood"];
        let refused = names.map(|name| fails(ErrorKind::Invalid, create_enum(&EnumType::new(name, ["a"]))));
        let run = Run::on(target);
        let diary = run.open(&diary(refused));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    [mariadb] async fn no_row_gets_the_label_of_another_number(target: &TestTarget) {
        let run = Run::on(target);
        let to = |labels: &[&str]| ColumnChanges::new().set_type(ColumnType::Enumeration(mood(labels))).clone();
        let diary = run.open(&diary([
            create_table("notes", |t| {
                t.id("id");
                t.varchar("text", 9);
                t.enumeration("number", &mood(&["1", "2"]));
                t.enumeration("mood", &mood(&["GOOD", "bad"]));
            }),
            fails(ErrorKind::Invalid, alter_column("notes", "text", to(&["good", "bad"]))),
            fails(ErrorKind::Invalid, alter_column("notes", "number", to(&["good", "bad"]))),
            fails(ErrorKind::Invalid, alter_column("notes", "mood", to(&["good", "bad"]))),
            alter_column("notes", "mood", to(&["bad", "fine", "GOOD"])),
            alter_column("notes", "number", to(&["1", "2", "3"])),
        ]));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
    }

    [mariadb] async fn an_enumeration_of_a_column_is_widened_by_altering_it(target: &TestTarget) {
        let run = Run::on(target);
        let diary = run.open(&diary([
            Action::ExpectEnums(vec![]),
            fails(ErrorKind::Unsupported, add_enum_value("mood", "fine")),
            alter_column("days", "mood", ColumnChanges::new().set_type(ColumnType::Enumeration(mood(&["good", "bad", "fine"])))),
            bulk_insert("days", ["mood"], [("fine",)]),
        ]));
        run.upgrade(&diary).await.unwrap();
        run.model_holds("diary").await;
        assert_eq!(target.fetch("SELECT mood FROM days ORDER BY mood").await.len(), 3);
    }
}
