//! A target whose tables another program holds.

use std::time::{Duration, Instant};

use ptah_wasm_tests::guest::*;
use ptah_wasm_tests::on_every_database;

use crate::{on, put};

on_every_database! {
    async fn a_blocked_step_ends_with_its_own_exit_code_and_the_next_run_goes_through(target: &TestTarget) {
        let shop = GuestPackage::new("shop")
            .revision("001", &[], "Create orders")
            .upgrade([create_table("orders", |t| {
                t.id("id");
                t.integer("n");
            })])
            .revision("002", &["001"], "Change orders")
            .upgrade([add_column("orders", Column::integer("m"))]);
        put(target.folder(), "shop.wasm", &shop);
        on(target, "upgrade shop.wasm:001").ok();
        let mut holder = target.target().connect_to_change().await.unwrap();
        holder.begin().await.unwrap();
        holder.execute("INSERT INTO orders (n) VALUES (1)").await.unwrap();
        let begun = Instant::now();
        on(target, "upgrade shop.wasm --lock-timeout 5").run().ends(7).says(&[
            "shop: upgrade 002: another session holds a lock, trying again\n",
            "error: shop: upgrade 002: on ",
            target.target().label(),
            "another session holds a lock that is needed: ",
        ]);
        assert!(begun.elapsed() >= Duration::from_secs(5), "it gave up after {:?}", begun.elapsed());
        holder.rollback().await.unwrap();
        holder.close().await;
        on(target, "upgrade shop.wasm").ok();
        on(target, "current shop.wasm").ok().prints(&["shop: 002 (head)"]);
    }
}
