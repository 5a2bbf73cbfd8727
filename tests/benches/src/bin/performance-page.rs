//! Makes `docs/performance.md` of the rows that the benches printed: `performance-page VERSIONS < ROWS > PAGE`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

use serde_json::Value;

const HEAD: &str = "# Performance

What the runner costs, beside other programs that do the same work in the same run. This page is made: `tests/bench.sh page`
runs all benches and writes it. `just bench-core`, `just bench-peers` and `just bench-targets` run them one by one and print one
JSON line a row.

- The two sides take turns within a run, and so what disturbs a round disturbs both: *ratio* is the median of the rounds' ratios.
  The numbers are medians, *best* is the ratio of the best time of each side.
- The servers are private ones with durable settings (`PTAH_TEST_DURABLE=1` of `tests/servers.sh`).
- *By hand* is [tests/benches/src/reference.rs](../tests/benches/src/reference.rs): plain sqlx that sends the same statements and
  bookkeeping writes, and nothing else: it plans, checks and locks nothing.
- Sizes are set by `PTAH_BENCH_REVISIONS`, `PTAH_BENCH_TARGETS`, `PTAH_BENCH_ROUNDS` and `PTAH_BENCH_CALLS`.
";

fn main() {
    let versions = std::env::args().skip(1).collect::<Vec<_>>().join(", ");
    println!("{HEAD}\nMeasured on {}: {}. {versions}.\n", today(), machine());
    println!("| | ours | reference | ratio | best | bound | |\n| --- | --: | --: | --: | --: | --: | --- |");
    for line in std::io::stdin().lines() {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let number = |key: &str| row[key].as_f64().map_or(String::new(), |number| number.to_string());
        let sign = if row["more_is_better"] == true { "≥" } else { "≤" };
        let bound = row["bound"].as_f64().map_or(String::new(), |bound| format!("{sign} {bound}"));
        let verdict = match row["holds"].as_bool() {
            Some(true) => "holds",
            Some(false) => "**does not hold**",
            None => "",
        };
        println!(
            "| {} | {} | {} | {} | {} | {bound} | {verdict} |",
            row["name"].as_str().unwrap(),
            number("ours"),
            number("reference"),
            number("ratio"),
            number("best_ratio")
        );
    }
}

fn today() -> String {
    let done = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// What kind of machine it is.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned()));
    let architecture = std::env::consts::ARCH;
    format!("{cores} cores of {}", model.unwrap_or_else(|| architecture.to_owned()))
}
