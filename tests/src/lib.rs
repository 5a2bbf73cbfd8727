//! What the integration tests share: fresh databases ([`target`]), packages made to measure ([`guest`]) and the binary
//! itself ([`binary`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod binary;
pub mod dice;
pub mod dump;
pub mod guest;
pub mod own_server;
pub mod proxy;
pub mod target;
