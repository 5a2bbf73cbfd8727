//! Typed literals and casts, those too that PostgreSQL prints.

use sqlparser::ast::{self, DataType, ExactNumberInfo, TimezoneInfo};

use super::expr::{Reader, bytes, number, text_value};
use super::syntax::Source;
use super::{Grammar, ParseError, refused, unsupported};
use crate::operation::{CastType, Expr, Function, Label, OwnFunction, Position, Value};

type Result<T> = std::result::Result<T, ParseError>;

impl Reader<'_> {
    /// `DATE '2024-01-01'` and its like.
    pub(super) fn typed_string(&self, typed: &ast::TypedString) -> Result<Value> {
        let (false, ast::Value::SingleQuotedString(text)) = (typed.uses_odbc_syntax, &typed.value.value) else {
            return Err(unsupported("this kind of literal is not allowed"));
        };
        match target(&typed.data_type) {
            Some(target @ (Target::Date | Target::Time | Target::Timestamp | Target::TimestampWithZone)) => {
                constant(text, target)
            }
            Some(target @ (Target::Uuid | Target::Json)) if self.syntax.grammar != Grammar::Mariadb => {
                constant(text, target)
            }
            _ => Err(unsupported("a literal of this type is not allowed")),
        }
    }

    /// `CAST(x AS type)` and PostgreSQL's `x::type`. Of a literal it is a typed literal, of anything else only in a
    /// statement, or as PostgreSQL prints the casts that it put in itself.
    pub(super) fn cast(&mut self, kind: &ast::CastKind, operand: &ast::Expr, data_type: &DataType) -> Result<Expr> {
        let not_allowed = || unsupported("casts to this type are not allowed");
        let is_postgres = self.syntax.grammar == Grammar::Postgres;
        match kind {
            ast::CastKind::DoubleColon if is_postgres => {}
            ast::CastKind::Cast if self.says_casts() => {}
            _ => return Err(unsupported("casts of this form are not allowed")),
        }
        if self.syntax.source == Source::Server
            && let ast::Expr::Value(value) = operand
            && value.value == ast::Value::Null
        {
            return Ok(Expr::Value(Value::Null));
        }
        if let Some(label) = self.label(operand, data_type)? {
            return Ok(Expr::Value(label));
        }
        if is_postgres
            && let (ast::Expr::Value(value), DataType::Array(ast::ArrayElemTypeDef::SquareBracket(of, None))) =
                (operand, data_type)
            && matches!(**of, DataType::Text)
            && let ast::Value::SingleQuotedString(path) = &value.value
        {
            // As a path into a document is printed.
            return text_value(path).map(Expr::Value);
        }
        let bounded = self.bounded(data_type);
        let target = if bounded.is_some() { Target::Text } else { target(data_type).ok_or_else(not_allowed)? };
        if let Some(length) = bounded.filter(|_| self.says_casts()) {
            return self.cut(operand, length);
        }
        if let ast::Expr::Value(value) = operand
            && let ast::Value::SingleQuotedString(text) = &value.value
        {
            return constant(text, target).map(Expr::Value);
        }
        if let ast::Expr::Value(value) = operand
            && let ast::Value::Placeholder(_) = &value.value
            && let read @ Value::Text(_) = self.value(&value.value)?
            && let Value::Text(text) = &read
        {
            return constant(text, target).map(Expr::Value);
        }
        if self.says_casts() {
            let read = self.expr(operand)?;
            if let (Target::Text, true) = (target, is_postgres)
                && let Expr::Call(Function::Own(OwnFunction::JsonKeyText | OwnFunction::JsonPathText), _) = read
            {
                // It is a text already.
                return Ok(read);
            }
            self.allow_cast()?;
            let to = match target {
                Target::Text => CastType::Text,
                Target::Integer => CastType::Integer,
                Target::Double => CastType::Double,
                _ => return Err(not_allowed()),
            };
            // A parameter is a constant too.
            return Ok(match read {
                Expr::Value(Value::Null) => read,
                other => Expr::Cast(Box::new(other), to),
            });
        }
        match target {
            Target::Text | Target::Integer | Target::Numeric | Target::Double => self.expr(operand),
            _ => Err(not_allowed()),
        }
    }

    /// Whether a cast means what it says: PostgreSQL prints its own beside those of a guest, SQLite keeps texts as they are.
    fn says_casts(&self) -> bool {
        self.syntax.source == Source::Guest || self.syntax.grammar == Grammar::Sqlite
    }

    fn allow_cast(&self) -> Result<()> {
        match self.is_statement() || self.syntax.grammar == Grammar::Sqlite {
            true => Ok(()),
            false => Err(unsupported("casts are allowed in a statement only")),
        }
    }

    /// How many characters a type of text keeps in a cast; none for one that is not bounded. SQLite keeps all.
    fn bounded(&self, data_type: &DataType) -> Option<i64> {
        let length = match data_type {
            DataType::Varchar(Some(length)) | DataType::CharacterVarying(Some(length)) => length,
            // Elsewhere it would fill the text up.
            DataType::Char(Some(length)) if self.syntax.grammar == Grammar::Mariadb => length,
            _ => return None,
        };
        match length {
            ast::CharacterLength::IntegerLength { length, unit: None } => i64::try_from(*length).ok(),
            _ => None,
        }
    }

    /// A text of at most so many characters: what a cast to a bounded text is, but on SQLite.
    fn cut(&mut self, operand: &ast::Expr, length: i64) -> Result<Expr> {
        self.allow_cast()?;
        let keeps_all = self.syntax.grammar == Grammar::Sqlite;
        Ok(match self.expr(operand)? {
            Expr::Value(Value::Null) => Expr::Value(Value::Null),
            Expr::Value(Value::Text(text)) if keeps_all => Expr::Value(Value::Text(text)),
            Expr::Value(Value::Text(text)) => {
                let kept = usize::try_from(length).unwrap_or(usize::MAX);
                Expr::Value(Value::Text(text.chars().take(kept).collect()))
            }
            other if keeps_all => Expr::Cast(Box::new(other), CastType::Text),
            other => {
                let numbers = [1, length].map(|number| Expr::Value(Value::Integer(number)));
                let text = Expr::Cast(Box::new(other), CastType::Text);
                Expr::Call(Function::Substr, std::iter::once(text).chain(numbers).collect())
            }
        })
    }

    /// `'a'::mood`: a label of an enumeration. What a server prints so is known by the column that it stands beside; of what
    /// a guest writes so the model has to know it.
    fn label(&mut self, operand: &ast::Expr, data_type: &DataType) -> Result<Option<Value>> {
        let (DataType::Custom(name, modifiers), ast::Expr::Value(value)) = (data_type, operand) else {
            return Ok(None);
        };
        let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return Ok(None) };
        if self.syntax.grammar != Grammar::Postgres || !modifiers.is_empty() {
            return Ok(None);
        }
        let text = match self.value(&value.value)? {
            Value::Text(text) => text,
            Value::Null => return Ok(Some(Value::Null)),
            _ => return Ok(None),
        };
        if self.syntax.source == Source::Server {
            return Ok(Some(Value::Text(text)));
        }
        if !self.is_statement() && self.position != Position::Default {
            return Err(unsupported("a label beside a column of an enumeration needs no cast here"));
        }
        let label = Label::parse(&text).map_err(|error| refused(error.to_string()))?;
        Ok(Some(Value::Label(Some(self.ident(name)?), label)))
    }
}

/// What a literal can be cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Text,
    Integer,
    Numeric,
    Double,
    Date,
    Time,
    Timestamp,
    TimestampWithZone,
    Uuid,
    Json,
    Binary,
}

fn target(data_type: &DataType) -> Option<Target> {
    Some(match data_type {
        DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None) | DataType::Char(None) => {
            Target::Text
        }
        DataType::SmallInt(None) | DataType::Int(None) | DataType::Integer(None) | DataType::BigInt(None) => {
            Target::Integer
        }
        DataType::Numeric(ExactNumberInfo::None) => Target::Numeric,
        DataType::Signed | DataType::SignedInteger => Target::Integer,
        DataType::DoublePrecision
        | DataType::Double(ExactNumberInfo::None)
        | DataType::Float(ExactNumberInfo::None)
        | DataType::Real => Target::Double,
        DataType::Date => Target::Date,
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Target::Time,
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Target::Timestamp,
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Target::TimestampWithZone,
        DataType::Uuid => Target::Uuid,
        DataType::JSON | DataType::JSONB => Target::Json,
        DataType::Bytea => Target::Binary,
        _ => return None,
    })
}

/// The value that a literal of a type is.
fn constant(text: &str, target: Target) -> Result<Value> {
    let value = match target {
        Target::Text => return text_value(text),
        Target::Integer => text.parse().map(Value::Integer).ok(),
        Target::Numeric => Value::numeric(text).ok(),
        Target::Double => number(&format!("{text}e0")).or_else(|_| number(text)).ok(),
        Target::Date => Value::date(text).ok(),
        Target::Time => Value::time(text).ok(),
        Target::Timestamp => Value::timestamp(text).ok(),
        Target::TimestampWithZone => Value::timestamp_with_zone(text).ok(),
        Target::Uuid => Value::uuid(text).ok(),
        Target::Json => Value::json(text).ok(),
        Target::Binary => text.strip_prefix("\\x").and_then(bytes).map(Value::Binary),
    };
    value.ok_or_else(|| refused("a typed literal holds no value of its type"))
}
