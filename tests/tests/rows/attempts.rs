//! Statements whose refusal a guest may handle, and the numbers that a database draws.

use RefusalKind::{Check as Checked, ForeignKey as Referred, NotNull, Unique, Value as Valued};
use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::on_databases;

use super::*;

/// A table whose rows may be wrong in every way.
fn strict() -> Action {
    create_table("strict", |t| {
        t.id("id");
        t.varchar("code", 8).not_null();
        t.integer("n");
        t.big_integer("author");
        t.unique(["code"]);
        t.check("n < 100");
        t.foreign_key(["author"], "authors", ["id"]);
    })
}

on_databases! {
    [sqlite postgres mariadb] async fn a_refused_attempt_has_no_effect_and_the_step_goes_on(target: &TestTarget) {
        let done = after(target, [
            strict(),
            attempt("INSERT INTO strict (code, n) VALUES ('a', 1)", (), None),
            attempt("INSERT INTO strict (code, n) VALUES ('b', 2), ('a', 3)", (), Some(Unique)),
            attempt("UPDATE strict SET code = (SELECT max(name) FROM authors WHERE born = 1)", (), Some(NotNull)),
            attempt("UPDATE strict SET n = n + 99", (), Some(Checked)),
            attempt("INSERT INTO strict (code, author) VALUES (?, ?)", ("c", 99), Some(Referred)),
            expect_rows("SELECT code, n FROM strict", (), [("a", 1)]),
            attempt("INSERT INTO strict (code, n) VALUES ('b', 2)", (), None),
            execute("INSERT INTO strict (code, n) VALUES ('c', 3)", ()),
            attempt("INSERT INTO strict (code) SELECT code FROM strict WHERE n = 2", (), Some(Unique)),
            add_column("strict", Column::text("late")),
            attempt("UPDATE strict SET code = 'a'", (), Some(Unique)),
            create_index("strict", Index::new("strict_late", ["n"])),
            drop_index("strict", "strict_late"),
            attempt("INSERT INTO strict (code, n) VALUES ('a', 1)", (), Some(Unique)),
            attempt("UPDATE strict SET late = code", (), None),
        ])
        .await
        .unwrap();
        assert_eq!(lines(target, "SELECT code, n, late FROM strict ORDER BY code").await, ["a 1 a", "b 2 b", "c 3 c"]);
        assert_eq!(done.steps[1].plan.operations.len(), 8);
        assert_eq!(lines(target, "SELECT operations FROM ptah_db_history ORDER BY id").await[1], "8");
    }

    [postgres mariadb] async fn values_that_do_not_fit_are_refused(target: &TestTarget) {
        after(target, [
            strict(),
            execute("INSERT INTO strict (code, n) VALUES ('a', 1)", ()),
            attempt("UPDATE strict SET code = code || 'nine more characters'", (), Some(Valued)),
            attempt("UPDATE strict SET n = n * 2000000000 * 2", (), Some(Valued)),
            attempt("UPDATE strict SET n = CAST(code AS INTEGER)", (), Some(Valued)),
            expect_rows("SELECT code, n FROM strict", (), [("a", 1)]),
        ])
        .await
        .unwrap();
    }

    [sqlite postgres mariadb] async fn a_refusal_that_is_not_handled_ends_the_step(target: &TestTarget) {
        let code = match target.dialect() {
            Dialect::Sqlite => "1555",
            Dialect::Postgres => "23505",
            Dialect::Mariadb => "1062",
        };
        let again = attempt("INSERT INTO authors (id, name) VALUES (1, 'Again')", (), None);
        let error = after(target, [again]).await.unwrap_err().to_string();
        assert!(error.contains("refused: the database refused rows: two of them would agree in a key"), "{error}");
        assert!(error.contains(code), "{error}");
    }

    [postgres] async fn an_attempt_that_is_not_taken_is_no_part_of_the_step(target: &TestTarget) {
        // Beside an index that is built outside of any transaction nothing is asked.
        let done = after(target, [
            create_index_online("books", Index::new("books_sold", ["sold"]), Demand::Required),
            fails(ErrorKind::Unsupported, attempt("UPDATE books SET sold = 99", (), None)),
        ])
        .await
        .unwrap();
        assert_eq!(done.steps[1].plan.operations.len(), 1, "{:?}", done.steps[1].plan);
        assert_eq!(lines(target, "SELECT count(*) FROM books WHERE sold = 99").await, ["0"]);
    }

    [sqlite postgres mariadb] async fn nothing_is_told_of_rows_of_another_package(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let spy = |name: &str| {
            GuestPackage::new("spy").revision("001", &[], "Look").depends_on("shop:001").upgrade([
                create_table("probe", |t| {
                    t.id("id");
                    t.varchar("name", 40);
                    t.foreign_key(["name"], "authors", ["name"]);
                    t.unique(["name"]);
                }),
                attempt("INSERT INTO probe (name) VALUES (?)", (name,), None),
                attempt("INSERT INTO probe (name) VALUES (?)", (name,), Some(Unique)),
            ])
        };
        let error = upgrade(target, &spy("Nobody")).await.unwrap_err().to_string();
        assert!(error.contains("one would refer to a row that is not there"), "{error}");
        upgrade(target, &spy("Ann")).await.unwrap();
    }

    [sqlite postgres mariadb] async fn what_is_refused_for_more_than_rows_ends_the_step(target: &TestTarget) {
        upgrade(target, &shop()).await.unwrap();
        let trigger = match target.dialect() {
            Dialect::Sqlite => "CREATE TRIGGER no BEFORE DELETE ON books BEGIN SELECT RAISE(ABORT, 'the operator says no'); END",
            Dialect::Postgres => {
                target.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the operator says no'; END $$").await;
                "CREATE TRIGGER no BEFORE DELETE ON books FOR EACH ROW EXECUTE FUNCTION no()"
            }
            Dialect::Mariadb => {
                "CREATE TRIGGER no BEFORE DELETE ON books FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the operator says no'"
            }
        };
        target.execute(trigger).await;
        let error = after(target, [ignore(attempt("DELETE FROM books", (), Some(Unique)))]).await.unwrap_err().to_string();
        assert!(error.contains("refused statement 1 of 1"), "{error}");
        assert_eq!(lines(target, "SELECT count(*) FROM books").await, ["4"]);
    }

    [sqlite postgres mariadb] async fn a_drawn_number_is_told(target: &TestTarget) {
        let insert = "INSERT INTO strict (code) VALUES (?)";
        after(target, [
            strict(),
            expect_drawn(insert, ("a",), 1),
            execute(insert, ("b",)),
            expect_drawn(insert, ("c",), 3),
            attempt("INSERT INTO strict (code) VALUES ('c')", (), Some(Unique)),
            fails(ErrorKind::Invalid, expect_drawn("INSERT INTO strict (id, code) VALUES (70, 'd')", (), 70)),
            fails(ErrorKind::Invalid, expect_drawn("INSERT INTO strict (code) VALUES ('e'), ('f')", (), 0)),
            fails(ErrorKind::Invalid, expect_drawn("INSERT INTO strict (code) SELECT 'g'", (), 0)),
            fails(ErrorKind::Invalid, expect_drawn("UPDATE strict SET n = 1", (), 0)),
            fails(ErrorKind::Invalid, Action::DrawnLate(
                sql("INSERT INTO strict (code) VALUES ('h')"),
                sql("INSERT INTO strict (code) VALUES ('i')"),
            )),
            Action::DrawnLate(sql("INSERT INTO strict (code) VALUES ('j')"), sql("UPDATE strict SET n = 1 WHERE code = 'j'")),
        ])
        .await
        .unwrap();
        let found = lines(target, "SELECT id, code FROM strict WHERE id < 4 ORDER BY id").await;
        assert_eq!(found, ["1 a", "2 b", "3 c"]);
    }

    [postgres] async fn a_number_that_a_refused_attempt_drew_is_not_taken_for_an_earlier_one(target: &TestTarget) {
        let lost = [
            strict(),
            execute("INSERT INTO strict (code) VALUES ('a')", ()),
            Action::RefusedBetween(
                sql("INSERT INTO strict (code) VALUES ('b')"),
                sql("INSERT INTO strict (code) VALUES ('a')"),
            ),
        ];
        let error = after(target, lost).await.unwrap_err().to_string();
        assert!(error.contains("invalid: the step inserted into strict since"), "{error}");
    }
}
