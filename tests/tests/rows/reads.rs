//! Steps that ask for rows: what they see, what they may, and what becomes of them.

use ptah_wasm::dialect::Dialect;
use ptah_wasm::policy::Limits;
use ptah_wasm_tests::on_databases;

use super::*;

fn one(number: i64) -> [(i64,); 1] {
    [(number,)]
}

on_databases! {
    [sqlite postgres mariadb] async fn a_step_sees_what_it_did_itself(target: &TestTarget) {
        let done = after(target, [
            expect_rows("SELECT count(*) FROM books", (), one(4)),
            create_table("sales", |t| {
                t.id("id");
                t.varchar("who", 40).not_null();
            }),
            execute("INSERT INTO sales (who) VALUES ('a'), ('b')", ()),
            expect_rows("SELECT s.who FROM sales AS s WHERE s.who > ? ORDER BY s.who", ("a",), [("b",)]),
            add_column("sales", Column::integer("n").not_null().default(7)),
            expect_rows("SELECT sum(n) AS n FROM sales", (), one(14)),
            insert_answer("SELECT name FROM authors ORDER BY name", (), "sales", ["who"]),
            expect_touched("UPDATE sales SET n = 1 WHERE who IN ('Ann', 'Ben')", (), 2),
            drop_table("sales"),
            expect_touched("DELETE FROM books WHERE author IS NULL", (), 1),
        ])
        .await
        .unwrap();
        assert!(done.steps.last().unwrap().reads_rows && !done.steps[0].reads_rows);
        assert!(!target.tables().await.contains(&"sales".to_owned()));
        assert_eq!(lines(target, "SELECT count(*) FROM books").await, ["3"]);
        let last = "SELECT kind, step, outcome, operations, statements FROM ptah_db_history ORDER BY id";
        let history = lines(target, last).await;
        assert!(history[1].starts_with("upgrade 002 applied 7 "), "{history:?}");
        assert_eq!(lines(target, "SELECT version_num FROM ptah_db_versions").await, ["002"]);
    }

    [sqlite postgres mariadb] async fn rows_are_counted_in_an_order_within_a_partition(target: &TestTarget) {
        let counted = "SELECT title, rank() OVER (PARTITION BY author ORDER BY price DESC) AS own, rank() OVER (ORDER BY sold DESC) AS sales, \
                       dense_rank() OVER (ORDER BY sold DESC) AS dense, row_number() OVER (ORDER BY price) AS cheap, \
                       row_number() OVER (ORDER BY title) AS place FROM books";
        after(target, [
            expect_rows(
                format!("SELECT r.title, r.own, r.sales, r.dense, r.cheap FROM ({counted}) AS r WHERE r.own < 3 ORDER BY r.place"),
                (),
                [("Banana", 1, 1, 1, 3), ("Zebra", 1, 3, 2, 4), ("apple", 2, 4, 3, 2), ("Émile", 1, 1, 1, 1)],
            ),
            create_table("firsts", |t| {
                t.id("id");
                t.varchar("title", 80).not_null();
            }),
            execute(
                "INSERT INTO firsts (title) SELECT r.title FROM (SELECT title, row_number() OVER (PARTITION BY author ORDER BY id) AS n \
                 FROM books WHERE author IS NOT NULL) AS r WHERE r.n = 1",
                (),
            ),
            expect_rows("SELECT title FROM firsts ORDER BY title", (), [("Banana",), ("Zebra",)]),
            fails(ErrorKind::Invalid, expect_rows("SELECT dense_rank() OVER (ORDER BY b.id) AS n FROM books AS b GROUP BY n", (), [(1,)])),
        ])
        .await
        .unwrap();
    }

    [sqlite postgres mariadb] async fn an_answer_comes_in_pages(target: &TestTarget) {
        let page = |rows: &[i64]| rows.iter().map(|number| vec![Value::Integer(*number)]).collect::<Vec<_>>();
        let query = || sql("SELECT id FROM books ORDER BY id");
        after(target, [
            Action::ExpectPages(query(), vec![], 3, vec![page(&[1, 2, 3]), page(&[4])]),
            Action::ExpectPages(query(), vec![], 2, vec![page(&[1, 2]), page(&[3, 4])]),
            Action::ExpectPages(query(), vec![], u32::MAX, vec![page(&[1, 2, 3, 4])]),
            Action::ExpectPages(sql("SELECT id FROM books WHERE id < 0"), vec![], 1, vec![]),
            fails(ErrorKind::Invalid, Action::ExpectPages(query(), vec![], 0, vec![])),
        ])
        .await
        .unwrap();
    }

    [sqlite postgres] async fn what_a_guest_did_is_rolled_back_when_it_ends_badly(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let before = lines(target, "SELECT id, sold FROM books ORDER BY id").await;
        let begun = [
            add_column("books", Column::integer("n")),
            expect_touched("UPDATE books SET sold = 99", (), 4),
            expect_rows("SELECT count(*) FROM books WHERE sold = 99", (), one(4)),
        ];
        let ends: [(&str, Action); 5] = [
            ("the guest crashed", Action::Trap),
            ("out of bounds memory access", Action::Recurse),
            ("failed: no", Action::Return(Error::Failed("no".into()))),
            ("memory", Action::AllocateForever),
            ("already-exists", add_column("books", Column::text("title"))),
        ];
        for (words, end) in ends {
            let actions: Vec<Action> = begun.iter().cloned().chain([end]).collect();
            let error = after(target, actions).await.unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("upgrade 002"), "{words}: {error}");
            assert_eq!(lines(target, "SELECT id, sold FROM books ORDER BY id").await, before, "{words}");
            assert_eq!(lines(target, "SELECT version_num FROM ptah_db_versions").await, ["001"]);
            assert_eq!(lines(target, "SELECT outcome FROM ptah_db_history ORDER BY id DESC LIMIT 1").await, ["failed"]);
        }
        assert!(target.try_execute("SELECT n FROM books").await.is_err());
        after(target, begun).await.unwrap();
    }

    [sqlite postgres] async fn a_refusal_before_an_answer_never_reaches_the_guest(target: &TestTarget) {
        let error = after(target, [
            execute("INSERT INTO authors (id, name) VALUES (1, 'Again')", ()),
            ignore(expect_rows("SELECT count(*) FROM authors", (), one(9))),
            execute("DELETE FROM books", ()),
        ])
        .await
        .unwrap_err()
        .to_string();
        assert!(error.contains("refused statement 1 of") && error.contains("the step is rolled back"), "{error}");
        assert_eq!(lines(target, "SELECT count(*) FROM books").await, ["4"]);
        assert_eq!(lines(target, "SELECT step, outcome FROM ptah_db_history ORDER BY id").await, ["001 applied", "002 failed"]);
    }

    [sqlite postgres mariadb] async fn steps_around_one_that_asks_are_planned_as_ever(target: &TestTarget) {
        let package = shop()
            .revision("002", &["001"], "Before")
            .upgrade([execute("DELETE FROM books WHERE id = 1", ())])
            .revision("003", &["002"], "Ask")
            .upgrade([if_rows("SELECT 1 AS one FROM books WHERE id = ?", (2,), [add_column("books", Column::integer("two"))])])
            .revision("004", &["003"], "Ask again")
            .upgrade([
                if_rows("SELECT id FROM books WHERE id = 1", (), [Action::Trap]),
                insert_answer("SELECT title, 1 AS two FROM books", (), "books", ["title", "two"]),
            ])
            .revision("005", &["004"], "After")
            .upgrade([execute("UPDATE books SET two = 5 WHERE two IS NULL", ())]);
        let done = upgrade(target, &package).await.unwrap();
        let reads: Vec<bool> = done.steps.iter().map(|step| step.reads_rows).collect();
        assert_eq!(reads, [false, false, true, true, false]);
        assert_eq!(lines(target, "SELECT two, count(*) FROM books GROUP BY two ORDER BY 1").await, ["1 3", "5 3"]);
        assert_eq!(lines(target, "SELECT step FROM ptah_db_history ORDER BY id").await, ["001", "002", "003", "004", "005"]);
        assert!(upgrade(target, &package).await.unwrap().steps.is_empty());
    }

    [sqlite postgres mariadb] async fn nothing_but_own_rows_can_be_asked_for(target: &TestTarget) {
        let ask = |sql: &str| expect_rows(sql, (), [()]);
        let hostile = [
            (ErrorKind::NotFound, "SELECT a FROM secrets"),
            (ErrorKind::Invalid, "SELECT version_num FROM ptah_db_versions"),
            (ErrorKind::Unsupported, "SELECT usename FROM pg_catalog.pg_user"),
            (ErrorKind::Invalid, "SELECT sql FROM sqlite_schema"),
            (ErrorKind::Unsupported, "SELECT load_file('x') FROM authors"),
            (ErrorKind::Invalid, "SELECT title FROM books, authors"),
            (ErrorKind::Invalid, "SELECT b.title FROM books AS b CROSS JOIN authors AS a"),
            (ErrorKind::Invalid, "SELECT b.title FROM books AS b JOIN authors AS a ON TRUE"),
            (ErrorKind::Unsupported, "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT n FROM r"),
            (ErrorKind::Unsupported, "DELETE FROM books"),
            (ErrorKind::Unsupported, "SELECT title FROM books; DELETE FROM books"),
            (ErrorKind::Unsupported, "SELECT title FROM books FOR UPDATE"),
        ];
        after(target, hostile.map(|(kind, sql)| fails(kind, ask(sql)))).await.unwrap();
        // A table of a package that it depends on: it may be referred to, and nothing else.
        let other = GuestPackage::new("other").revision("1", &[], "Ask").depends_on("shop:001").upgrade([
            ignore(expect_rows("SELECT a.name FROM authors AS a", (), [("Ann",)])),
        ]);
        let migrator = migrator(target);
        let shop = open(target, &migrator, &shop().revision("002", &["001"], "Ask"));
        let other = open(target, &migrator, &other);
        let error = migrator.knowing([shop]).upgrade(&[Upgrade::to_head(other)]).await.unwrap_err();
        assert!(error.to_string().contains("denied: table authors belongs to another package"), "{error}");
    }

    [sqlite postgres mariadb] async fn a_text_that_grows_with_every_query_of_a_with_is_refused_before_it_is_sent(target: &TestTarget) {
        let doubled = |times: usize| {
            let with = (1..=times).map(|at| match at {
                1 => "w1 AS (SELECT b.title || b.title AS x FROM books AS b)".to_owned(),
                _ => format!("w{at} AS (SELECT w.x || w.x AS x FROM w{} AS w)", at - 1),
            });
            format!("WITH {} SELECT max(length(w.x)) AS n FROM w{times} AS w", with.collect::<Vec<_>>().join(", "))
        };
        after(target, [
            fails(ErrorKind::Invalid, expect_rows(doubled(11), (), [()])),
            fails(ErrorKind::Invalid, execute(format!("UPDATE books SET sold = ({})", doubled(11)), ())),
            expect_rows(doubled(10), (), one(6 << 10)),
        ])
        .await
        .unwrap();
    }

    [sqlite postgres mariadb] async fn a_large_answer_is_given_or_said_to_be_too_large(target: &TestTarget) {
        // 64 texts of 64,000 characters, of which each takes seven bytes where MariaDB's journal keeps them.
        let package = GuestPackage::new("notes").revision("001", &[], "Fill").upgrade([
            create_table("notes", |t| {
                t.id("id");
                t.text("x");
            }),
            bulk_insert("notes", ["x"], [("\u{1}".repeat(1_000),)]),
            Action::Repeat(6, vec![execute("UPDATE notes SET x = x || x", ())]),
            Action::Repeat(6, vec![execute("INSERT INTO notes (x) SELECT n.x FROM notes AS n", ())]),
        ]);
        let package = package.revision("002", &["001"], "Ask").upgrade([
            execute("UPDATE notes SET x = 'x' WHERE id = 1", ()),
            Action::HoldCursors(1, sql("SELECT n.x FROM notes AS n")),
        ]);
        let asked = upgrade(target, &package).await;
        match target.dialect() {
            Dialect::Mariadb => {
                let error = asked.unwrap_err().to_string();
                assert!(error.contains("upgrade 002") && error.contains("ask for less in one step"), "{error}");
                assert!(error.contains("partial 1 of 1"), "{error}");
            }
            _ => assert_eq!(asked.unwrap().steps.len(), 2),
        }
    }

    [sqlite postgres mariadb] async fn answers_end_at_their_limits(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let titles = || sql("SELECT title FROM books ORDER BY id");
        let page = || vec![["Zebra", "apple", "Banana", "Émile"].map(|title| vec![Value::Text(title.into())]).to_vec()];
        let ask = || Action::ExpectPages(titles(), vec![], 9, page());
        let count = || expect_touched("UPDATE books SET sold = 1", (), 4);
        // Four rows of 22 bytes in all: 16 a row and 16 a value come to that.
        let bytes = 4 * 32 + 22;
        for (words, actions, obeyed, violated) in [
            ("more than 2 questions about rows", vec![ask(), count()], Limits { queries: 2, ..Limits::default() }, vec![ask(), count(), ask()]),
            ("more than 8 rows", vec![ask(), ask()], Limits { answer_rows: 8, ..Limits::default() }, vec![ask(), ask(), ask()]),
            ("or 150 bytes", vec![ask()], Limits { answer_bytes: bytes, ..Limits::default() }, vec![ask(), ask()]),
            ("more than 3 handles", vec![Action::HoldCursors(3, titles())], Limits { handles: 3, ..Limits::default() }, vec![Action::HoldCursors(4, titles())]),
        ] {
            let cache = CacheLocation::Directory(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code"));
            let options = Options { cache, compiler: Compiler::InProcess, limits: obeyed, ..Options::default() };
            let migrator = Migrator::with_options(target.url(), options).unwrap();
            let run = async |actions: Vec<Action>| {
                let ends = [Action::Return(Error::Failed("all went well".into()))];
                let package = shop().revision("002", &["001"], "Ask").upgrade(actions.into_iter().chain(ends).collect::<Vec<_>>());
                let package = open(target, &migrator, &package);
                let error = migrator.upgrade(&[Upgrade::to_head(package)]).await.unwrap_err().to_string();
                // MariaDB does not take the rows back.
                migrator.repair(Repair::Discard).await.unwrap();
                error
            };
            let error = run(actions).await;
            assert!(error.contains("all went well"), "{words}: {error}");
            let error = run(violated).await;
            assert!(error.contains("limit exceeded") && error.contains(words), "{words}: {error}");
        }
    }

    [mariadb] async fn a_guest_that_ends_badly_leaves_what_it_did_to_rows_and_says_so(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let columns = || execute("UPDATE books SET n = 1 WHERE id = 1", ());
        let begun = |end: Action| {
            vec![add_column("books", Column::integer("n")), expect_rows("SELECT count(*) AS c FROM books", (), one(4)), columns(),
                 expect_touched("UPDATE books SET sold = 99 WHERE id <> 1", (), 3), end]
        };
        let error = after(target, begun(Action::Trap)).await.unwrap_err().to_string();
        assert!(error.contains("the guest crashed") && error.contains("partial 3 of 3"), "{error}");
        assert_eq!(lines(target, "SELECT n, sold FROM books ORDER BY id").await, ["1 3", "- 99", "- 99", "- 99"]);
        assert_eq!(lines(target, "SELECT state FROM ptah_db_journal").await, ["refused"]);
        // One that does something else may not touch it, and one that begins alike goes on.
        let other = vec![expect_rows("SELECT count(*) AS c FROM books", (), one(4))];
        let error = after(target, other).await.unwrap_err().to_string();
        assert!(error.contains("stands half done") && error.contains("and rows were changed"), "{error}");
        let done = after(target, begun(execute("UPDATE books SET n = 2 WHERE n IS NULL", ()))).await.unwrap();
        assert_eq!(done.steps.len(), 1);
        assert_eq!(lines(target, "SELECT n, sold FROM books ORDER BY id").await, ["1 3", "2 99", "2 99", "2 99"]);
        assert_eq!(lines(target, "SELECT count(*) FROM ptah_db_journal").await, ["0"]);
        assert_eq!(lines(target, "SELECT step, outcome FROM ptah_db_history ORDER BY id").await, ["001 applied", "002 failed", "002 applied"]);
    }

    [mariadb] async fn what_a_guest_did_to_the_schema_is_undone_when_it_ends_badly(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let before = ptah_wasm_tests::dump::dump(target).await;
        for (words, end) in [
            ("the guest crashed", Action::Trap),
            ("failed: no", Action::Return(Error::Failed("no".into()))),
            ("already-exists", add_column("books", Column::text("title"))),
            ("the database refused a query", expect_rows("SELECT max(id * 9223372036854775807) AS n FROM books", (), one(1))),
            ("refused statement 3 of 3", execute("INSERT INTO authors (name) VALUES ('Ann')", ())),
        ] {
            let actions = [
                add_column("books", Column::integer("n")),
                expect_rows("SELECT count(*) AS c FROM books", (), one(4)),
                create_table("sales", |t| {
                    t.id("id");
                    t.varchar("who", 40).not_null();
                }),
                expect_rows("SELECT who FROM sales", (), [(); 0]),
                end,
                expect_rows("SELECT count(*) AS c FROM books", (), one(4)),
            ];
            let error = after(target, actions).await.unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("upgrade 002"), "{words}: {error}");
            assert_eq!(ptah_wasm_tests::dump::dump(target).await, before, "{words}");
            assert_eq!(lines(target, "SELECT outcome FROM ptah_db_history ORDER BY id DESC LIMIT 1").await, ["failed"]);
        }
    }

    [sqlite postgres mariadb] async fn the_first_step_of_all_may_ask(target: &TestTarget) {
        let package = GuestPackage::new("first").revision("001", &[], "Ask").upgrade([
            create_table("notes", |t| {
                t.id("id");
                t.integer("n");
            }),
            expect_touched("INSERT INTO notes (n) VALUES (1), (2)", (), 2),
            if_rows("SELECT n FROM notes WHERE n = 2", (), [execute("DELETE FROM notes WHERE n = 1", ())]),
        ]);
        upgrade(target, &package).await.unwrap();
        assert_eq!(lines(target, "SELECT n FROM notes").await, ["2"]);
        assert_eq!(lines(target, "SELECT version_num FROM ptah_db_versions").await, ["001"]);
        assert_eq!(lines(target, "SELECT count(*) FROM ptah_db_journal").await, ["0"]);
    }

    [sqlite postgres mariadb] async fn each_of_several_targets_is_asked_for_itself(target: &TestTarget) {
        let tenants = target.tenants(3).await;
        let package = shop().revision("002", &["001"], "Ask").upgrade([
            if_rows("SELECT id FROM books WHERE sold > 100", (), [add_column("books", Column::integer("best"))]),
        ]);
        for (number, tenant) in tenants.iter().enumerate() {
            upgrade(tenant, &shop()).await.unwrap();
            if number == 1 {
                tenant.execute("UPDATE books SET sold = 101 WHERE id = 1").await;
            }
        }
        let first = migrator(target);
        let package = open(target, &first, &package);
        for tenant in &tenants {
            first.for_target(tenant.target()).upgrade(&[Upgrade::to_head(package.clone())]).await.unwrap();
        }
        for (number, tenant) in tenants.iter().enumerate() {
            assert_eq!(tenant.try_execute("SELECT best FROM books").await.is_ok(), number == 1, "{number}");
        }
    }

    [sqlite postgres mariadb] async fn a_dry_run_says_where_its_plan_ends(target: &TestTarget) {
        let package = shop().revision("002", &["001"], "Ask").upgrade([
            execute("DELETE FROM books WHERE id = 1", ()),
            expect_rows("SELECT count(*) FROM books", (), one(3)),
            execute("DELETE FROM books", ()),
        ]);
        let migrator = migrator(target);
        let package = open(target, &migrator, &package);
        let plan = migrator.plan_upgrade(&[Upgrade::to_head(package)]).await.unwrap().remove(0);
        assert_eq!((plan.steps.len(), plan.records.as_slice()), (1, ["001".to_owned()].as_slice()));
        let next = plan.data_dependent.unwrap();
        assert_eq!((next.kind.title().as_str(), next.plan.operations.len()), ("upgrade 002", 1));
        assert!(migrator.current(&[]).await.unwrap().is_empty());
    }
}
