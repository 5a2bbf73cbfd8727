//! The kinds of functions that one kind of database has alone.

use super::kind::Kind;
use super::scope::Scope;
use super::{SchemaError, invalid};
use crate::operation::{Expr, OwnFunction};

impl Scope<'_> {
    pub(super) fn own_call(&self, function: OwnFunction, arguments: &[Expr]) -> Result<Kind, SchemaError> {
        let kinds = arguments.iter().map(|argument| self.kind(argument)).collect::<Result<Vec<_>, _>>()?;
        let first = kinds.first().cloned().unwrap_or(Kind::Any);
        let yields = match function {
            OwnFunction::Hex => Kind::Text,
            OwnFunction::RandomBlob => Kind::Binary,
            OwnFunction::Random => Kind::Number,
            OwnFunction::RandomUuid => Kind::Uuid,
            OwnFunction::ClockTimestamp => Kind::Timestamp,
            OwnFunction::Round => first.clone(),
            OwnFunction::JsonKey | OwnFunction::JsonPath | OwnFunction::JsonQuote => Kind::Json,
            OwnFunction::JsonKeyText | OwnFunction::JsonPathText | OwnFunction::JsonUnquote => Kind::Text,
            // Of what type it is the row says, or the format.
            OwnFunction::Strftime | OwnFunction::JsonExtract => Kind::Any,
        };
        let takes = match function {
            OwnFunction::Hex => matches!(first, Kind::Any | Kind::Binary | Kind::Text),
            // PostgreSQL rounds no double to digits.
            OwnFunction::Round => first.is_number() && (first != Kind::Double || arguments.len() == 1),
            OwnFunction::JsonKey | OwnFunction::JsonKeyText | OwnFunction::JsonPath | OwnFunction::JsonPathText => {
                matches!(first, Kind::Any | Kind::Json)
            }
            OwnFunction::JsonExtract | OwnFunction::JsonUnquote => matches!(first, Kind::Any | Kind::Json | Kind::Text),
            _ => true,
        };
        match takes {
            true => Ok(yields),
            false => Err(invalid(format!("an operand of a function is {first}, which it does not take"))),
        }
    }
}
