//! Guests that misbehave: each on every database, with nothing changed and an end in good time.

use std::time::Instant;

use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::{on_databases, on_every_database};

use crate::{on, put, refused};

on_every_database! {
    async fn a_guest_that_misbehaves_is_stopped_and_nothing_is_changed(target: &TestTarget) {
        let name = target.target().label().to_owned();
        let make = || create_table("odd", |t| {
            t.id("id");
            t.text("body");
        });
        let cases: Vec<(&str, Action, &[&str])> = vec![
            ("traps", Action::Trap, &["crashed"]),
            ("panics", Action::Panic("boom".into()), &["crashed"]),
            ("loops", Action::Loop, &["limit exceeded"]),
            ("eats", Action::AllocateForever, &["memory"]),
            ("takes", Action::Allocate(100 << 20), &["memory"]),
            ("recurses", Action::Recurse, &["crashed"]),
            ("returns", Action::Return(Error::Failed("no can do".into())), &["no can do"]),
            ("talks", Action::Repeat(1_000, vec![Action::MessageBytes(1_000)]), &["log"]),
            ("calls", Action::Repeat(200_000, vec![Action::Progress(1, None)]), &[]),
            ("floods", Action::Repeat(200_000, vec![Action::Ignore(Box::new(drop_table("none")))]), &[]),
            ("stuffs", Action::Repeat(20, vec![Action::InsertBytes("odd".into(), "body".into(), 900_000)]), &["bytes"]),
            ("bulks", Action::InsertBytes("odd".into(), "body".into(), 2 << 20), &["bytes"]),
            ("operates", Action::Repeat(3_000, vec![bulk_insert("odd", ["body"], [("x",)])]), &["operations"]),
            ("holds", Action::HoldStatements(1_000, sql(r#"DELETE FROM "odd""#)), &["handles"]),
        ];
        // All in one package: a step each, run by its name.
        let mut package = GuestPackage::new("odd");
        for (what, action, _) in &cases {
            package = package.populate(what, [make(), action.clone()]).inactive();
        }
        put(target.folder(), "odd.wasm", &package);
        for (what, _, parts) in cases {
            let begun = Instant::now();
            let place = format!("odd: populate {what}: on {name}: ");
            let parts: Vec<&str> = std::iter::once(place.as_str()).chain(parts.iter().copied()).collect();
            refused(target, &format!("populate odd.wasm {what}"), 5, &parts).await;
            assert!(begun.elapsed().as_secs() < 60, "{what} took {:?}", begun.elapsed());
        }
    }

    async fn a_guest_that_misbehaves_while_it_describes_itself_is_refused(target: &TestTarget) {
        for (action, part) in [(Action::Trap, "crashed"), (Action::Loop, "limit exceeded"), (Action::AllocateForever, "memory")] {
            put(target.folder(), "odd.wasm", &GuestPackage::new("odd").describe([action]));
            refused(target, "upgrade odd.wasm", 3, &["odd.wasm: it does not describe itself", part]).await;
        }
    }

    async fn steps_before_the_bad_one_are_not_applied_either(target: &TestTarget) {
        let package = GuestPackage::new("odd")
            .revision("001", &[], "x")
            .upgrade([create_table("odd", |t| { t.id("id"); })])
            .revision("002", &["001"], "y")
            .upgrade([Action::Trap]);
        put(target.folder(), "odd.wasm", &package);
        refused(target, "upgrade odd.wasm", 5, &["odd: upgrade 002: ", "crashed"]).await;
        on(target, "upgrade odd.wasm:001").ok();
        refused(target, "upgrade odd.wasm", 5, &["odd: upgrade 002: "]).await;
    }

    async fn what_a_guest_says_cannot_pass_for_something_else(target: &TestTarget) {
        let lie = "no\nerror: disk on fire\u{1b}[2J\u{202e}";
        for action in [Action::Return(Error::Failed(lie.into())), Action::Panic(lie.into())] {
            let package = GuestPackage::new("odd").revision("001", &[], lie).upgrade([action]);
            put(target.folder(), "odd.wasm", &package);
            let done = on(target, "upgrade odd.wasm").run();
            assert!(matches!(done.status.code(), Some(3 | 5)), "{}", done.all());
            assert!(!done.stderr.contains("\nerror: disk") && !done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
            assert!(!done.stderr.contains('\u{202e}'), "{:?}", done.stderr);
        }
    }
}

on_databases! {
    [sqlite] async fn a_text_that_outgrows_the_memory_is_a_refused_statement(target: &TestTarget) {
        // The whole text once for each of its letters: more than 600 MB.
        let package = GuestPackage::new("odd").revision("001", &[], "Grow").upgrade([
            create_table("odd", |t| {
                t.id("id");
                t.text("body");
            }),
            bulk_insert("odd", ["body"], [("x".repeat(25_000),)]),
            execute("UPDATE odd SET body = replace(body, 'x', body)", ()),
        ]);
        put(target.folder(), "odd.wasm", &package);
        let refusal = ["odd: upgrade 001: on ", "refused statement 3 of 3", "out of memory", "the step is rolled back"];
        on(target, "upgrade odd.wasm").run().ends(6).says(&refusal);
        assert!(!target.tables().await.contains(&"odd".to_owned()));
    }
}
