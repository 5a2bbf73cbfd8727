//! Indexes over expressions and over some of the rows, and computed columns: what follows, what comes back, what is
//! said of them.

use super::*;
use crate::dialect::render_portable;
use crate::operation::{Computed, ComputedStorage};
use crate::schema::{compare, inverse};

fn over(given: &str, expression: &str, predicate: Option<&str>) -> Index {
    let part = IndexPart { key: IndexKey::Expression(expr(expression)), order: IndexOrder::Descending };
    Index { name: name(given), parts: vec![part], unique: true, predicate: predicate.map(expr) }
}

fn on_pages(index: Index) -> Op {
    Op::CreateIndex { table: name("pages"), index, online: None }
}

fn computed(text: &str, column_type: ColumnType, expression: &str) -> ColumnSpec {
    let computed = Computed { expression: expr(expression), storage: ComputedStorage::Stored };
    ColumnSpec { computed: Some(computed), ..column(text, column_type) }
}

#[test]
fn a_renamed_column_is_renamed_in_expressions_conditions_and_computed_columns() {
    for dialect in Dialect::ALL {
        let mut found = base(dialect);
        for op in [
            on_pages(over("ix", "lower(title) || body", Some("hits > 1 AND title <> ''"))),
            add_column("pages", computed("shout", ColumnType::Text, "upper(title)")),
            rename_column("pages", "title", "heading"),
        ] {
            apply(&mut found, dialect.rules(), &op).unwrap();
        }
        let json = serde_json::to_string(&table(&found, "pages")).unwrap();
        assert!(!json.contains("\"title\"") && json.matches("\"heading\"").count() == 5, "{dialect}: {json}");
    }
}

#[test]
fn what_an_index_or_a_computed_column_uses_stays_as_it_is() {
    let with = |ops: &[Op], op: Op, reason: &str| {
        for dialect in Dialect::ALL {
            let mut found = base(dialect);
            ops.iter().for_each(|op| apply(&mut found, dialect.rules(), op).unwrap());
            let error = apply(&mut found, dialect.rules(), &op).unwrap_err().to_string();
            assert!(error.contains(reason), "{dialect}: {error}");
        }
    };
    let ops = [
        on_pages(over("ix", "lower(body)", Some("hits > 1"))),
        add_column("pages", computed("twice", ColumnType::BigInteger, "author * 2")),
    ];
    let retype = |column, column_type| alter("pages", column, ColumnChanges { column_type: Some(column_type), ..KEEP });
    with(&ops, drop_column("pages", "body"), "the index ix uses it");
    with(&ops, drop_column("pages", "author"), "uses it");
    with(&ops, retype("body", ColumnType::Varchar(Some(9))), "the index ix uses it in an expression");
    with(&ops, retype("hits", ColumnType::BigInteger), "the index ix uses it in an expression");
    with(&ops, retype("twice", ColumnType::Integer), "it is computed");
    with(&ops, add_column("pages", computed("t", ColumnType::Text, "twice + 1 > 0")), "cannot take boolean");
}

#[test]
fn a_dropped_index_or_computed_column_comes_back_as_it_was() {
    for dialect in Dialect::ALL {
        let start = base(dialect);
        for op in [
            on_pages(over("ix", "lower(body)", Some("hits > 1"))),
            add_column("pages", computed("twice", ColumnType::BigInteger, "hits * 2")),
        ] {
            let mut made = start.clone();
            apply(&mut made, dialect.rules(), &op).unwrap();
            let back = inverse(&op, dialect.rules(), &start, &made).unwrap();
            let again = inverse(&back, dialect.rules(), &made, &start).unwrap();
            let mut remade = start.clone();
            apply(&mut remade, dialect.rules(), &again).unwrap();
            assert_eq!(remade, made, "{dialect}");
        }
    }
}

#[test]
fn differences_are_said_in_words() {
    let dialect = Dialect::Postgres;
    let made = |index, expression| {
        let mut made = base(dialect);
        let ops = [on_pages(index), add_column("pages", computed("c", ColumnType::Text, expression))];
        ops.iter().for_each(|op| apply(&mut made, dialect.rules(), op).unwrap());
        made
    };
    let one = made(over("ix", "lower(title)", None), "lower(title)");
    let other = made(over("ix", "lower(title)", Some("hits > 1")), "upper(title)");
    assert_eq!(
        compare(&one, &other, render_portable, &|name| name.to_string()),
        [
            "table pages: column c: computed is stored from upper(\"title\"), expected stored from lower(\"title\")",
            "table pages: index ix is unique, over lower(\"title\") descending where (\"hits\" > 1), expected unique, over \
             lower(\"title\") descending",
        ]
    );
}

#[test]
fn a_column_of_an_unknown_type_or_collation_is_in_no_expression_but_is_null() {
    for dialect in Dialect::ALL {
        let mut found = base(dialect);
        let pages = std::sync::Arc::make_mut(found.tables.get_mut(&name("pages")).unwrap());
        pages.columns[2].extra.push("COLLATE \"C\"".into());
        for expression in ["lower(body)", "body || 'x'", "coalesce(body, title)"] {
            let error = apply(&mut found, dialect.rules(), &on_pages(over("ix", expression, None))).unwrap_err();
            assert!(error.to_string().contains("cannot express"), "{dialect}: {error}");
        }
        apply(&mut found, dialect.rules(), &on_pages(over("ix", "lower(title)", Some("body IS NOT NULL")))).unwrap();
    }
}
