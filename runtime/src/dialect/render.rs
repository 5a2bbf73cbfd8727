//! `Op` + model → statements. Stub signature first.

use super::{Dialect, Statement, Unsupported};
use crate::operation::Op;
use crate::schema::Schema;

/// Renders one operation that `schema::apply` took from `before` to `after`.
///
/// # Errors
/// What the dialect cannot do is refused with the reason; nothing is dropped silently.
pub fn render(_dialect: Dialect, _op: &Op, _before: &Schema, _after: &Schema) -> Result<Vec<Statement>, Unsupported> {
    todo!()
}
