//! What the benches have in common: their rows, how two sides are measured in turn, their sizes, and the hand-written
//! loop that they are held against ([`mod@reference`]).
//!
//! A harness of their own, since criterion measures one side to its end and then the other: on a machine that others
//! use too, only sides that take turns compare.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

pub mod reference;

use std::sync::Arc;
use std::time::Duration;

use ptah_wasm::migrate::Upgrade;
use ptah_wasm::package::Package;
use ptah_wasm::revision::Goal;
use serde_json::json;

/// The package that the benches upgrade with: a hundred revisions of one statement, `r1` to `r100`
/// (`example-packages/hundred`).
pub const HUNDRED: &[u8] = include_bytes!("../../guests/hundred.wasm");

/// To one of its revisions.
pub fn to_revision(package: Arc<Package>, revisions: usize) -> Upgrade {
    Upgrade { goal: Goal::Revision(format!("r{revisions}")), ..Upgrade::to_head(package) }
}

/// One line of a bench's output.
pub struct Row<'a> {
    /// What was measured, and in which unit.
    pub name: &'a str,
    /// Times of this program, one a round.
    pub ours: &'a [f64],
    /// Those of the other side in the same rounds; or the one number that ours must stay below.
    pub reference: &'a [f64],
    /// Whether the ratio is a rate's (more is better) or a cost's.
    pub kind: Kind,
    /// What the ratio is held to.
    pub bound: Option<f64>,
}

/// What a ratio of two numbers means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A time or a size: less is better.
    Cost,
    /// So much done in a time: more is better.
    Rate,
    /// Told for its own sake.
    Told,
}

impl Row<'_> {
    /// Prints it: both medians; the median of the rounds' ratios, as what disturbs a round disturbs both sides of it; and
    /// the ratio of the best of each side.
    pub fn print(&self) {
        let (ours, reference) = (median(self.ours), median(self.reference));
        let best = |numbers: &[f64]| match self.kind {
            Kind::Rate => numbers.iter().copied().fold(0.0, f64::max),
            Kind::Cost | Kind::Told => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        };
        let paired: Vec<f64> = self.ours.iter().zip(self.reference).map(|(ours, other)| ours / other).collect();
        let ratio = if self.ours.len() == self.reference.len() { median(&paired) } else { ours / reference };
        let holds = self.bound.map(|bound| match self.kind {
            Kind::Rate => ratio >= bound,
            Kind::Cost | Kind::Told => ratio <= bound,
        });
        let row = json!({
            "name": self.name,
            "ours": rounded(ours),
            "reference": rounded(reference),
            "ratio": rounded(ratio),
            "best_ratio": rounded(best(self.ours) / best(self.reference)),
            "rounds": self.ours.len(),
            "bound": self.bound,
            "holds": holds,
            "more_is_better": self.kind == Kind::Rate,
        });
        println!("{row}");
    }
}

/// Four digits that count.
fn rounded(number: f64) -> f64 {
    let places = 3 - number.abs().max(1e-9).log10().floor() as i32;
    let factor = 10_f64.powi(places.max(0));
    (number * factor).round() / factor
}

/// The number in the middle.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(lower, upper)
}

/// A size that a variable of the environment may change.
pub fn size(variable: &str, by_default: usize) -> usize {
    std::env::var(variable).map_or(by_default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

/// How many rounds both sides are measured: `PTAH_BENCH_ROUNDS`.
pub fn rounds(by_default: usize) -> usize {
    size("PTAH_BENCH_ROUNDS", by_default).max(1)
}

/// So many milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
