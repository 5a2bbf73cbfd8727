//! Values, SQL text and rows: how plain Rust data becomes the contract's.

use crate::bindings::ptah::migration::types::{DefaultValue, SqlSyntax, SqlText, Value};

/// SQL text in the portable grammar: `"name"`, `'text'`, `||`, `?` for a parameter.
pub fn sql(text: impl Into<String>) -> SqlText {
    SqlText { text: text.into(), syntax: SqlSyntax::Portable }
}

/// SQL text in the grammar of the target's own dialect. Such a step runs only where that is understood.
pub fn target_sql(text: impl Into<String>) -> SqlText {
    SqlText { text: text.into(), syntax: SqlSyntax::Target }
}

/// The moment of the INSERT, as a default.
pub fn now() -> SqlText {
    sql("CURRENT_TIMESTAMP")
}

impl From<&str> for SqlText {
    fn from(text: &str) -> SqlText {
        sql(text)
    }
}

impl From<String> for SqlText {
    fn from(text: String) -> SqlText {
        sql(text)
    }
}

impl From<SqlText> for DefaultValue {
    fn from(text: SqlText) -> DefaultValue {
        DefaultValue::Expression(text)
    }
}

impl From<Value> for DefaultValue {
    fn from(value: Value) -> DefaultValue {
        DefaultValue::Value(value)
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $to
            }
        }
        impl From<$from> for DefaultValue {
            fn from(value: $from) -> DefaultValue {
                DefaultValue::Value(value.into())
            }
        }
    )*};
}

value_from! {
    bool => |value| Value::Boolean(value);
    i16 => |value| Value::Integer(value.into());
    i32 => |value| Value::Integer(value.into());
    i64 => |value| Value::Integer(value);
    u32 => |value| Value::Integer(value.into());
    f64 => |value| Value::Double(value);
    &str => |value| Value::Text(value.into());
    String => |value| Value::Text(value);
    &[u8] => |value| Value::Binary(value.into());
    Vec<u8> => |value| Value::Binary(value);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A row, or the parameters of a statement: a tuple of up to twelve values, an array, or a vector.
pub trait Row {
    /// The values in order.
    fn into_values(self) -> Vec<Value>;
}

impl<T: Into<Value>> Row for Vec<T> {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Value>, const N: usize> Row for [T; N] {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

impl Row for () {
    fn into_values(self) -> Vec<Value> {
        Vec::new()
    }
}

macro_rules! row_of_tuple {
    ($($name:ident)+) => {
        impl<$($name: Into<Value>),+> Row for ($($name,)+) {
            fn into_values(self) -> Vec<Value> {
                #[allow(non_snake_case, reason = "the type parameters name the fields")]
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    };
}

row_of_tuple!(A);
row_of_tuple!(A B);
row_of_tuple!(A B C);
row_of_tuple!(A B C D);
row_of_tuple!(A B C D E);
row_of_tuple!(A B C D E F);
row_of_tuple!(A B C D E F G);
row_of_tuple!(A B C D E F G H);
row_of_tuple!(A B C D E F G H I);
row_of_tuple!(A B C D E F G H I J);
row_of_tuple!(A B C D E F G H I J K);
row_of_tuple!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_an_array_and_a_vector_are_rows() {
        let tuple = ("Home", 3, None::<i64>, true).into_values();
        assert_eq!(tuple, [Value::Text("Home".into()), Value::Integer(3), Value::Null, Value::Boolean(true)]);
        assert_eq!([1, 2].into_values(), vec![1, 2].into_values());
        assert_eq!(().into_values(), []);
    }

    #[test]
    fn text_is_a_constant_default_and_sql_is_an_expression() {
        assert_eq!(DefaultValue::from("now"), DefaultValue::Value(Value::Text("now".into())));
        assert_eq!(DefaultValue::from(now()), DefaultValue::Expression(sql("CURRENT_TIMESTAMP")));
    }
}
