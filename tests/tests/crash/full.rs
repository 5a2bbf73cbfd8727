//! Databases that run out of space in the middle of a step, and have some again.

use ptah_wasm::dialect::Dialect;
use ptah_wasm_tests::dump::dump;
use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_databases;
use ptah_wasm_tests::own_server::OwnServers;
use ptah_wasm_tests::target::TestTarget;

use crate::{on, put};

/// How often the second step doubles the rows, of 1,000 bytes each: to some 65 MB.
const DOUBLINGS: usize = 16;

fn hoard() -> GuestPackage {
    let double = execute("INSERT INTO hoard (x) SELECT h.x FROM hoard AS h", ());
    let swell = [add_column("hoard", Column::integer("n")), create_index("hoard", Index::new("hoard_n", ["n"]))];
    let swell = swell.into_iter().chain(std::iter::repeat_n(double, DOUBLINGS));
    GuestPackage::new("hoard")
        .revision("001", &[], "Create")
        .upgrade([
            create_table("hoard", |t| {
                t.id("id");
                t.text("x");
            }),
            bulk_insert("hoard", ["x"], [("0123456789".repeat(100),)]),
        ])
        .revision("002", &["001"], "Swell")
        .upgrade(swell.collect::<Vec<_>>())
}

on_databases! {
    [postgres mariadb] async fn a_step_for_which_there_is_no_space_is_undone_and_then_there_is_some(shared: &TestTarget) {
        let dialect = shared.dialect();
        let servers = OwnServers::start_with_scarce_space();
        let target = &TestTarget::on_server(dialect, servers.url(dialect)).await;
        put(target, "hoard.wasm", &hoard());
        on(target, "upgrade hoard.wasm:001").ok();
        let before = dump(target).await;
        let left = match dialect {
            Dialect::Mariadb => "what the step had applied was undone",
            _ => "the step is rolled back",
        };
        let done = on(target, "upgrade hoard.wasm").run().ends(6).says(&["error: hoard: upgrade 002: on ", "refused statement", left]);
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        assert_eq!(dump(target).await, before);
        assert_eq!(target.fetch("SELECT step, outcome FROM ptah_db_history ORDER BY id").await[1][1].as_deref(), Some("failed"));
        servers.stop();
        servers.start_again();
        on(target, "upgrade hoard.wasm").ok();
        let rows = target.fetch("SELECT count(*) FROM hoard").await;
        assert_eq!(rows[0][0].as_deref(), Some((1 << DOUBLINGS).to_string().as_str()));
    }

    [sqlite] async fn a_file_for_which_there_is_no_space_is_as_before_and_then_there_is_some(target: &TestTarget) {
        put(target, "hoard.wasm", &hoard());
        on(target, "upgrade hoard.wasm:001").ok();
        let before = dump(target).await;
        // No file grows beyond 24 MB.
        let scarce = ["-c", r#"trap '' XFSZ; ulimit -f 24576; exec "$0" "$@""#];
        let done = on(target, "upgrade hoard.wasm").through("bash", &scarce).run().ends(6);
        let done = done.says(&["error: hoard: upgrade 002: on ", "refused statement", "the step is rolled back"]);
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        assert_eq!(dump(target).await, before);
        assert_eq!(target.fetch("SELECT step, outcome FROM ptah_db_history ORDER BY id").await[1][1].as_deref(), Some("failed"));
        on(target, "upgrade hoard.wasm").ok();
        let rows = target.fetch("SELECT count(*) FROM hoard").await;
        assert_eq!(rows[0][0].as_deref(), Some((1 << DOUBLINGS).to_string().as_str()));
    }
}
