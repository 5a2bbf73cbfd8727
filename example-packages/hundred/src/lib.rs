//! A hundred revisions in a line, `r1` to `r100`, each of which makes a table: what the benches upgrade with. A package as
//! people write them, without a script to interpret.

use ptah_guest::prelude::*;

/// Adds the revisions of these numbers, each after the one before.
macro_rules! line {
    ($package:expr; $last:literal) => { $package };
    ($package:expr; $before:literal $number:literal $($later:literal)*) => {
        line!($package.revision(revision::<$number>(concat!("r", $number)).revises(concat!("r", $before))); $number $($later)*)
    };
}

fn package() -> Package {
    line!(
        Package::new("hundred", "A hundred revisions", "1.0.0").revision(revision::<1>("r1"));
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
        26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50
        51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75
        76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100
    )
}

fn revision<const NUMBER: usize>(id: &'static str) -> Revision {
    Revision::new(id, "One more").upgrade(create::<NUMBER>).downgrade(drop::<NUMBER>)
}

fn create<const NUMBER: usize>(op: &mut Op) -> Result<()> {
    op.create_table(&format!("table_{NUMBER}"), |t| {
        t.id("id");
    })
}

fn drop<const NUMBER: usize>(op: &mut Op) -> Result<()> {
    op.drop_table(&format!("table_{NUMBER}"))
}

ptah_guest::export!(package);
