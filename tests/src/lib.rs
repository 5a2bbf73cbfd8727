//! What the integration tests share: fresh databases ([`target`]) and packages made to measure ([`guest`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod guest;
pub mod target;
