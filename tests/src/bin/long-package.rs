//! Writes a package of so many revisions, for benches: `long-package REVISIONS FILE [REVISIONS_PER_TABLE]`. The first
//! revision of each table makes it, every other one adds a column; ten to a table without another word.
#![allow(clippy::unwrap_used)]

use ptah_wasm_tests::guest::*;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let revisions: usize = arguments.next().unwrap().parse().unwrap();
    let file = arguments.next().unwrap();
    let per_table: usize = arguments.next().map_or(10, |number| number.parse().unwrap());
    std::fs::write(file, long("long", revisions, per_table).build()).unwrap();
}
