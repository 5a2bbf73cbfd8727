//! Values that a new type rounds: every database comes to the same ones.

use ptah_wasm_tests::on_every_database;

use super::*;

on_every_database! {
    async fn halves_of_doubles_become_even_and_those_of_decimals_go_away_from_zero(target: &TestTarget) {
        let run = Run::on(target);
        let cents = || ColumnChanges::new().set_type(ColumnType::Numeric(NumericType { precision: 12, scale: 2 })).clone();
        let whole = || ColumnChanges::new().set_type(ColumnType::Integer).clone();
        let package = run.open(&GuestPackage::new("shop")
            .revision("001", &[], "Make it")
            .upgrade([create_table("sums", |t| {
                t.integer("id").not_null();
                t.double("d");
                t.double("e");
                t.numeric("n", 12, 3);
                t.numeric("m", 12, 3);
                t.primary_key(["id"]);
            })])
            .revision("002", &["001"], "Round")
            .upgrade([
                alter_column("sums", "d", whole()),
                alter_column("sums", "e", cents()),
                alter_column("sums", "n", cents()),
                alter_column("sums", "m", whole()),
            ]));
        run.upgrade_as(to(&package, "001")).await.unwrap();
        // A double to an integer; a double to cents, a decimal to cents, a decimal to an integer.
        let rounded = [
            ("2.5", 2.0, "1.005", 1.01, "1.005", 1.01, "2.500", 3.0),
            ("-0.5", 0.0, "2.675", 2.68, "2.675", 2.68, "-0.500", -1.0),
            ("0.5", 0.0, "1.115", 1.12, "1.115", 1.12, "0.500", 1.0),
            ("-2.5", -2.0, "-1.255", -1.26, "-1.255", -1.26, "-2.500", -3.0),
            ("0.49999999999999994", 0.0, "0.285", 0.29, "0.285", 0.29, "2.499", 2.0),
            ("3.5", 4.0, "0.045", 0.05, "0.045", 0.05, "3.501", 4.0),
            ("-3.5", -4.0, "0.0449999", 0.04, "0.044", 0.04, "-3.499", -3.0),
            ("100000000.5", 100_000_000.0, "99999.995", 100_000.0, "999999999.995", 1e9, "99999.500", 100_000.0),
            ("1.4999999999999998", 1.0, "0.004", 0.0, "0.005", 0.01, "0.499", 0.0),
            ("-7", -7.0, "-0.015", -0.02, "-0.014", -0.01, "7", 7.0),
        ];
        for (id, (d, _, e, _, n, _, m, _)) in rounded.iter().enumerate() {
            target.execute(&format!("INSERT INTO sums (id, d, e, n, m) VALUES ({id}, {d}, {e}, {n}, {m})")).await;
        }
        run.upgrade_as(to(&package, "002")).await.unwrap();
        let read = |cell: &Option<String>| cell.as_ref().unwrap().parse::<f64>().unwrap();
        for (row, (.., d, e, n, m)) in target.fetch("SELECT d, e, n, m FROM sums ORDER BY id").await.iter().zip(
            rounded.map(|(of_d, d, of_e, e, of_n, n, of_m, m)| ((of_d, of_e, of_n, of_m), d, e, n, m)),
        ) {
            assert_eq!(row.iter().map(read).collect::<Vec<_>>(), [d, e, n, m], "{}", target.dialect());
        }
    }
}
