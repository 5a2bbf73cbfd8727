//! Random expressions as text of the portable grammar, parsed the way a guest's are.

use ptah_wasm::operation::{ColumnType, Expr, Ident, Position, Value};
use ptah_wasm::schema::{Column, ModelType};

use crate::build::{expr, value};
use ptah_wasm_tests::dice::Dice;

type Columns = [(Ident, ColumnType)];

/// A condition over the columns of a table.
pub(crate) fn condition(columns: &[Column], position: Position, dice: &mut Dice) -> Option<Expr> {
    condition_over(&typed(columns), position, dice)
}

/// The same for columns that are still to be made.
pub(crate) fn condition_over(columns: &Columns, position: Position, dice: &mut Dice) -> Option<Expr> {
    Some(expr(position, &boolean(columns, 3, dice)))
}

/// An expression without columns for a default.
pub(crate) fn constant(column_type: &ColumnType, dice: &mut Dice) -> Option<Expr> {
    let text = match column_type {
        ColumnType::Timestamp(_) | ColumnType::TimestampWithZone(_) => "CURRENT_TIMESTAMP".to_owned(),
        ColumnType::Date => "CURRENT_DATE".to_owned(),
        ColumnType::Boolean => boolean(&[], 2, dice),
        _ if is_number(column_type) => number(&[], 2, dice),
        ColumnType::Varchar(_) | ColumnType::Text => text(&[], 2, dice),
        _ => return None,
    };
    Some(expr(Position::Default, &text))
}

/// An expression for an index.
pub(crate) fn indexed(columns: &[Column], dice: &mut Dice) -> Option<Expr> {
    let columns = typed(columns);
    let text = match dice.roll(4) {
        0 => boolean(&columns, 2, dice),
        1 => number(&columns, 3, dice),
        _ => text(&columns, 3, dice),
    };
    Some(expr(Position::Index, &text))
}

/// What a column may be computed from.
pub(crate) fn computed(columns: &Columns, column_type: &ColumnType, dice: &mut Dice) -> Option<Expr> {
    let text = match column_type {
        _ if is_number(column_type) => number(columns, 3, dice),
        ColumnType::Boolean => boolean(columns, 2, dice),
        ColumnType::Varchar(_) | ColumnType::Text => text(columns, 3, dice),
        _ => operand(columns, dice, |other| other == column_type)?,
    };
    Some(expr(Position::Computed, &text))
}

/// What an UPDATE may set a column to.
pub(crate) fn assignable(columns: &[Column], column: &Column, dice: &mut Dice) -> Expr {
    let ModelType::Portable(column_type) = &column.column_type else { unreachable!() };
    let columns = typed(columns);
    let text = match column_type {
        _ if dice.once_in(2) => None,
        _ if is_number(column_type) => Some(number(&columns, 2, dice)),
        ColumnType::Boolean => Some(boolean(&columns, 2, dice)),
        ColumnType::Varchar(_) | ColumnType::Text => Some(text(&columns, 2, dice)),
        _ => operand(&columns, dice, |other| other == column_type),
    };
    let value = || if column.nullable { Value::Null } else { value(column_type, 0) };
    text.map(|text| expr(Position::Statement, &text)).unwrap_or_else(|| Expr::Value(value()))
}

pub(crate) fn typed(columns: &[Column]) -> Vec<(Ident, ColumnType)> {
    columns
        .iter()
        .map(|column| match &column.column_type {
            ModelType::Portable(column_type) => (column.name.clone(), column_type.clone()),
            ModelType::Opaque(_) => unreachable!("the generator makes none"),
        })
        .collect()
}

fn is_number(column_type: &ColumnType) -> bool {
    column_type.is_integer() || matches!(column_type, ColumnType::Numeric { .. } | ColumnType::Double)
}

fn is_text(column_type: &ColumnType) -> bool {
    matches!(column_type, ColumnType::Varchar(_) | ColumnType::Text)
}

/// Some column of a type, quoted.
fn operand(columns: &Columns, dice: &mut Dice, fits: impl Fn(&ColumnType) -> bool) -> Option<String> {
    let fitting: Vec<&Ident> = columns.iter().filter(|(_, own)| fits(own)).map(|(name, _)| name).collect();
    (!fitting.is_empty()).then(|| format!("\"{}\"", dice.pick(&fitting)))
}

/// A constant to compare a column with.
fn literal(column_type: &ColumnType, dice: &mut Dice) -> String {
    match value(column_type, dice.byte()) {
        Value::Null | Value::Binary(_) => "NULL".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => format!("{:e}", number.get()),
        Value::Numeric(digits) => digits,
        Value::Text(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::TimestampWithZone(text)
        | Value::Uuid(text)
        | Value::Json(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Label(..) => unreachable!("a constant is given as a text"),
    }
}

fn boolean(columns: &Columns, depth: usize, dice: &mut Dice) -> String {
    if depth > 0 && dice.once_in(2) {
        let depth = depth - 1;
        return match dice.roll(6) {
            0 | 1 => format!("{} AND {}", boolean(columns, depth, dice), boolean(columns, depth, dice)),
            2 | 3 => format!("({} OR {})", boolean(columns, depth, dice), boolean(columns, depth, dice)),
            4 => format!("NOT ({})", boolean(columns, depth, dice)),
            _ => format!("({}) {} ({})", boolean(columns, depth, dice), compare(dice), boolean(columns, depth, dice)),
        };
    }
    let not = if dice.once_in(2) { "NOT " } else { "" };
    match dice.roll(8) {
        0 | 1 if !columns.is_empty() => {
            let (name, column_type) = dice.pick(columns);
            if matches!(column_type, ColumnType::Json | ColumnType::Binary) {
                return format!("\"{name}\" IS {not}NULL");
            }
            if matches!(column_type, ColumnType::Enumeration(_)) && dice.once_in(2) {
                return format!("\"{name}\" {} {}", dice.word(&["=", "<>"]), literal(column_type, dice));
            }
            match dice.roll(5) {
                0 => format!("\"{name}\" IS {not}NULL"),
                1 => {
                    let items: Vec<String> = (0..=dice.roll(3)).map(|_| literal(column_type, dice)).collect();
                    format!("\"{name}\" {not}IN ({})", items.join(", "))
                }
                2 => {
                    let (low, high) = (literal(column_type, dice), literal(column_type, dice));
                    format!("\"{name}\" {not}BETWEEN {low} AND {high}")
                }
                3 => format!("{} {} \"{name}\"", literal(column_type, dice), compare(dice)),
                _ => format!("\"{name}\" {} {}", compare(dice), literal(column_type, dice)),
            }
        }
        2 | 3 => {
            let pattern = dice.word(&["'a%'", "'%_x'", "'it''s%'", "'50\\%'"]);
            format!("{} {not}LIKE {pattern}", text(columns, 1, dice))
        }
        4 => match operand(columns, dice, |own| own == &ColumnType::Boolean) {
            Some(column) => format!("{not}{column}"),
            None => dice.word(&["TRUE", "FALSE", "1 = 1", "'a' <> 'b'"]).to_string(),
        },
        5 => format!("{} {} {}", text(columns, 1, dice), compare(dice), text(columns, 1, dice)),
        6 => {
            let (low, high) = (number(columns, 1, dice), number(columns, 1, dice));
            format!("{} {not}BETWEEN {low} AND {high}", number(columns, 1, dice))
        }
        _ => format!("{} {} {}", number(columns, 2, dice), compare(dice), number(columns, 2, dice)),
    }
}

fn compare(dice: &mut Dice) -> &'static str {
    dice.word(&["=", "<>", "<", "<=", ">", ">="])
}

fn number(columns: &Columns, depth: usize, dice: &mut Dice) -> String {
    if depth == 0 || dice.once_in(3) {
        let column = operand(columns, dice, is_number).filter(|_| !dice.once_in(3));
        return column.unwrap_or_else(|| dice.word(&["0", "1", "2.50", "-3", "1e3", "7", "-0.5"]).to_string());
    }
    let depth = depth - 1;
    match dice.roll(9) {
        0..4 => {
            let operator = dice.word(&["+", "-", "*", "/"]);
            format!("({} {operator} {})", number(columns, depth, dice), number(columns, depth, dice))
        }
        4 => {
            let integer = operand(columns, dice, ColumnType::is_integer).unwrap_or_else(|| "9".to_owned());
            format!("({integer} % 4)")
        }
        5 => format!("abs({})", number(columns, depth, dice)),
        6 => format!("coalesce({}, {})", number(columns, depth, dice), number(columns, depth, dice)),
        7 => format!("length({})", text(columns, depth, dice)),
        _ => format!("(- {})", number(columns, depth, dice)),
    }
}

fn text(columns: &Columns, depth: usize, dice: &mut Dice) -> String {
    if depth == 0 || dice.once_in(3) {
        let column = operand(columns, dice, is_text).filter(|_| !dice.once_in(3));
        return column.unwrap_or_else(|| {
            dice.word(&["''", "'a'", "'it''s'", "'a\\b'", "'ünï ☃'", "'2026-01-02'", "'10:00:00'", "'1'"]).to_string()
        });
    }
    let depth = depth - 1;
    let one = text(columns, depth, dice);
    match dice.roll(8) {
        0 => format!("lower({one})"),
        1 => format!("upper({one})"),
        2 => format!("trim({one})"),
        3 => format!("replace({one}, 'a', {})", text(columns, depth, dice)),
        4 => format!("substr({one}, {})", dice.word(&["1", "2, 3"])),
        5 => format!("coalesce({one}, {})", text(columns, depth, dice)),
        6 => format!("nullif({one}, {})", text(columns, depth, dice)),
        _ => format!("({one} || {})", text(columns, depth, dice)),
    }
}
