//! The main oracle: after any sequence of operations that the model accepts, the database accepts the
//! rendered statements, and introspection reads back the very model. `PTAH_ORACLE_CASES` sets the number of
//! random sequences a dialect.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod build;
mod computed;
mod ddl;
mod enumeration;
mod expression;
mod fixed;
mod generate;
mod odd;
mod random;
mod regressions;
mod scale;
mod statements;
mod texts;
mod twin;
