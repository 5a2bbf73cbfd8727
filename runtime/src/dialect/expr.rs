//! Expressions and constants as SQL, and their normal form. Stub signatures first.

use super::Dialect;
use crate::operation::{ColumnDefault, ColumnType, Expr, Ident, Value};

/// A name, always quoted.
pub fn quote(_dialect: Dialect, _name: &Ident) -> String {
    todo!()
}

/// A constant as SQL. With the type of the column that it goes into, in that type's own form (a UUID on
/// SQLite, a boolean on MariaDB); without, typed so that the server takes it for what it is.
pub fn literal(_dialect: Dialect, _value: &Value, _into: Option<ColumnType>) -> String {
    todo!()
}

/// An expression as SQL, parenthesised so that it parses back to the same tree.
pub fn render_expr(_dialect: Dialect, _expr: &Expr) -> String {
    todo!()
}

/// An expression in the contract's portable syntax, for `inspect`.
pub fn render_portable(_expr: &Expr) -> String {
    todo!()
}

/// See [`crate::schema::Rules::normal_form`].
pub fn normal_form(_dialect: Dialect, _expr: &Expr) -> Expr {
    todo!()
}

/// A default in the form in which a planned and an introspected one compare equal: a constant in the
/// canonical form of the column's type, an expression in its [`normal_form`]. A default of NULL is no
/// default: leave it out before calling. A constant that does not fit the type stays as it is.
pub fn default_normal_form(_dialect: Dialect, _default: &ColumnDefault, _column_type: ColumnType) -> ColumnDefault {
    todo!()
}
