//! How long a row of InnoDB may be. The server refuses a table whose rows would not fit, so it is refused
//! while the step is planned. The sizes were measured against MariaDB 10.11: utf8mb4, row format DYNAMIC,
//! pages of 16 KiB.

use crate::operation::{ColumnType, LargeSize};
use crate::schema::{Column, ModelType, Table};

/// The server's bound on a row, texts without a bound left aside.
const ROW_BYTES: usize = 65_535;
/// InnoDB's bound on what stays on the page: about half of one.
const PAGE_BYTES: usize = 8_125;
/// What every row has on the page: its header, transaction and roll pointer, and without a primary key an id.
const PAGE_OVERHEAD: usize = 5 + 6 + 7;
const ROW_ID: usize = 6;
/// What is left on the page of a value that may lie elsewhere.
const POINTER: usize = 21;

/// Why MariaDB would refuse the rows of a table.
pub(super) fn too_long(table: &Table) -> Option<String> {
    let nullable = table.columns.iter().filter(|column| column.nullable).count();
    let row: usize = table.columns.iter().map(|column| bytes(column).0).sum();
    let page: usize = table.columns.iter().map(|column| bytes(column).1).sum();
    let row_id = if table.primary_key.is_some() { 0 } else { ROW_ID };
    // The server keeps one bit more than it needs.
    let fits =
        row + (nullable + 8) / 8 <= ROW_BYTES && page + row_id + nullable.div_ceil(8) + PAGE_OVERHEAD <= PAGE_BYTES;
    (!fits).then(|| {
        format!(
            "the columns are too long for a row of MariaDB: {ROW_BYTES} bytes in all and {PAGE_BYTES} on a page, four a \
             character; a text has no such bound"
        )
    })
}

/// What a column takes of the row and of the page.
fn bytes(column: &Column) -> (usize, usize) {
    let ModelType::Portable(column_type) = &column.column_type else { return (0, 0) };
    match column_type {
        ColumnType::Text | ColumnType::Binary => (10, POINTER),
        ColumnType::LargeText(LargeSize::Medium) | ColumnType::LargeBinary(LargeSize::Medium) => (11, POINTER),
        ColumnType::LargeText(LargeSize::Long)
        | ColumnType::LargeBinary(LargeSize::Long)
        | ColumnType::Json
        | ColumnType::JsonBinary => (12, POINTER),
        ColumnType::Varchar(length) => {
            let bytes = usize::try_from(length.unwrap_or(u32::MAX)).unwrap_or(ROW_BYTES).saturating_mul(4);
            if bytes > 255 { (bytes.saturating_add(2), POINTER) } else { (bytes + 1, bytes + 1) }
        }
        // As long as its text: a character takes one to four bytes.
        ColumnType::Char(length) => {
            let bytes = usize::try_from(*length).unwrap_or(ROW_BYTES).saturating_mul(4);
            if bytes > 255 { (bytes, POINTER) } else { (bytes, bytes + 1) }
        }
        other => (fixed_bytes(other), fixed_bytes(other)),
    }
}

/// What a value of a type takes that has the same length in every row; nothing for one that has not.
pub(super) fn fixed_bytes(column_type: &ColumnType) -> usize {
    match *column_type {
        ColumnType::Boolean | ColumnType::Enumeration(_) => 1,
        ColumnType::SmallInteger => 2,
        ColumnType::Integer | ColumnType::Float => 4,
        ColumnType::BigInteger | ColumnType::Double => 8,
        ColumnType::Date => 3,
        ColumnType::Time(digits) => 3 + usize::from(digits).div_ceil(2),
        ColumnType::Timestamp(digits) | ColumnType::TimestampWithZone(digits) => 5 + usize::from(digits).div_ceil(2),
        ColumnType::Uuid => 16,
        ColumnType::Numeric { precision, scale } => digits(precision.saturating_sub(scale)) + digits(scale),
        ColumnType::Varchar(_)
        | ColumnType::Char(_)
        | ColumnType::Text
        | ColumnType::LargeText(_)
        | ColumnType::Binary
        | ColumnType::LargeBinary(_)
        | ColumnType::Json
        | ColumnType::JsonBinary => 0,
    }
}

/// Four bytes for nine digits, fewer for what is left.
fn digits(count: u8) -> usize {
    let count = usize::from(count);
    count / 9 * 4 + (count % 9).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Ident, Key};

    fn table(count: usize, column_type: ColumnType, nullable: bool) -> Table {
        let column = |number: usize, column_type, nullable| Column {
            name: Ident::internal(format!("c{number}")),
            column_type: ModelType::Portable(column_type),
            nullable,
            default: None,
            auto_increment: false,
            numbered_once: false,
            computed: None,
            comment: None,
            extra: Vec::new(),
        };
        let columns = (0..count).map(|number| column(number + 1, column_type.clone(), nullable));
        Table {
            columns: std::iter::once(column(0, ColumnType::Integer, false)).chain(columns).collect(),
            primary_key: Some(Key { name: None, columns: vec![Ident::internal("c0")] }),
            ..Table::default()
        }
    }

    #[test]
    fn as_many_columns_fit_as_the_server_takes() {
        let numeric = ColumnType::Numeric { precision: 65, scale: 30 };
        for (count, column_type, nullable) in [
            (32, ColumnType::Varchar(Some(63)), true),
            (50, ColumnType::Varchar(Some(40)), false),
            (197, ColumnType::Varchar(Some(10)), false),
            (253, ColumnType::Varchar(Some(64)), true),
            (54, ColumnType::Varchar(Some(300)), true),
            (16, ColumnType::Varchar(Some(1_000)), true),
            (383, ColumnType::Text, true),
            (383, ColumnType::Json, true),
            (383, ColumnType::LargeText(LargeSize::Medium), true),
            (385, ColumnType::LargeBinary(LargeSize::Long), false),
            (385, ColumnType::Binary, false),
            (270, numeric, false),
            (997, ColumnType::Double, true),
            (997, ColumnType::Timestamp(6), true),
            (502, ColumnType::Uuid, true),
            (197, ColumnType::Char(10), true),
            (32, ColumnType::Char(63), true),
            (255, ColumnType::Char(64), true),
            (163, ColumnType::Char(100), true),
            (85, ColumnType::Char(191), true),
            (84, ColumnType::Char(193), true),
            (64, ColumnType::Char(255), true),
        ] {
            assert_eq!(too_long(&table(count, column_type.clone(), nullable)), None, "{count} of {column_type}");
            assert!(
                too_long(&table(count + 1, column_type.clone(), nullable)).is_some(),
                "{} of {column_type}",
                count + 1
            );
        }
    }
}
