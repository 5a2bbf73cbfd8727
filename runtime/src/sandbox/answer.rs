//! The schema model → what `inspect` tells a guest.

use super::bindings::ptah::migration::{inspect, rows, types};
use crate::dialect::{self, Dialect, Refusal, RefusalKind};
use crate::operation::{
    ColumnDefault, ColumnType, Computed, ComputedStorage, EnumType, Expr, Ident, Index, IndexKey, IndexOrder, Key,
    Label, LargeSize, ReferentialAction, Value,
};
use crate::schema::{Answer, CheckCondition, Column, ModelDefault, ModelType, Table};

pub(super) fn dialect(dialect: Dialect) -> types::Dialect {
    // Not a decision by dialect, only its name in the contract.
    match dialect {
        Dialect::Sqlite => types::Dialect::Sqlite,
        Dialect::Postgres => types::Dialect::Postgres,
        Dialect::Mariadb => types::Dialect::Mariadb,
    }
}

pub(super) fn columns(target: Dialect, table: &Table) -> Vec<inspect::ColumnInfo> {
    table.columns.iter().map(|found| column(target, found)).collect()
}

fn column(target: Dialect, column: &Column) -> inspect::ColumnInfo {
    let (portable, native_type) = match &column.column_type {
        ModelType::Portable(portable) => (Some(column_type(portable)), dialect::type_name(target, portable)),
        ModelType::Opaque(native) => (None, native.clone()),
    };
    inspect::ColumnInfo {
        name: column.name.to_string(),
        column_type: portable,
        native_type,
        nullable: column.nullable,
        default: column.default.as_ref().map(|found| default(target, found)),
        auto_increment: column.auto_increment,
        numbered_once: column.numbered_once,
        computed: column.computed.as_ref().map(|found| computed(target, found)),
        comment: column.comment.clone(),
    }
}

fn computed(target: Dialect, computed: &Computed) -> types::Computed {
    types::Computed {
        expression: expression(target, &computed.expression),
        storage: match computed.storage {
            ComputedStorage::Stored => types::ComputedStorage::Stored,
            ComputedStorage::Virtual => types::ComputedStorage::Virtual,
        },
    }
}

fn default(target: Dialect, default: &ModelDefault) -> types::DefaultValue {
    match default {
        ModelDefault::Portable(ColumnDefault::Value(constant)) => types::DefaultValue::Value(value(constant)),
        ModelDefault::Portable(ColumnDefault::Expression(expr)) => {
            types::DefaultValue::Expression(expression(target, expr))
        }
        ModelDefault::Opaque(text) => types::DefaultValue::Expression(native(text)),
    }
}

/// In the portable syntax, unless only the target has a function of it.
fn expression(target: Dialect, expr: &Expr) -> types::SqlText {
    match expr.has_own() {
        true => native(&dialect::render_expr(target, expr)),
        false => types::SqlText { text: dialect::render_portable(expr), syntax: types::SqlSyntax::Portable },
    }
}

fn native(text: &str) -> types::SqlText {
    types::SqlText { text: text.to_owned(), syntax: types::SqlSyntax::Target }
}

pub(super) fn constraints(target: Dialect, table: &Table) -> Vec<types::Constraint> {
    let primary_key = table.primary_key.iter().map(|Key { name, columns }| {
        types::Constraint::PrimaryKey(types::PrimaryKey { name: text(name.as_ref()), columns: texts(columns) })
    });
    let uniques = table.uniques.iter().map(|Key { name, columns }| {
        types::Constraint::Unique(types::UniqueConstraint { name: text(name.as_ref()), columns: texts(columns) })
    });
    let foreign_keys = table.foreign_keys.iter().map(|key| {
        types::Constraint::ForeignKey(types::ForeignKey {
            name: text(key.name.as_ref()),
            columns: texts(&key.columns),
            referred_table: key.referred_table.to_string(),
            referred_columns: texts(&key.referred_columns),
            on_update: referential_action(key.on_update),
            on_delete: referential_action(key.on_delete),
        })
    });
    let checks = table.checks.iter().map(|check| {
        types::Constraint::Check(types::Check {
            name: text(check.name.as_ref()),
            condition: match &check.condition {
                CheckCondition::Portable(expr) => expression(target, expr),
                CheckCondition::Opaque(condition) => native(condition),
            },
        })
    });
    primary_key.chain(uniques).chain(foreign_keys).chain(checks).collect()
}

pub(super) fn indexes(target: Dialect, table: &Table) -> Vec<types::Index> {
    table.indexes.iter().map(|found| index(target, found)).collect()
}

fn index(target: Dialect, index: &Index) -> types::Index {
    let parts = index.parts.iter().map(|part| types::IndexPart {
        key: match &part.key {
            IndexKey::Column(name) => types::IndexKey::Column(name.to_string()),
            IndexKey::Expression(expr) => types::IndexKey::Expression(expression(target, expr)),
        },
        order: match part.order {
            IndexOrder::Ascending => types::IndexOrder::Ascending,
            IndexOrder::Descending => types::IndexOrder::Descending,
        },
    });
    let predicate = index.predicate.as_ref().map(|predicate| expression(target, predicate));
    types::Index { name: index.name.to_string(), parts: parts.collect(), unique: index.unique, predicate }
}

fn text(name: Option<&Ident>) -> Option<String> {
    name.map(ToString::to_string)
}

fn texts(names: &[Ident]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A column of an answer.
pub(super) fn answer_column((name, answer): &(Ident, Answer)) -> rows::AnswerColumn {
    let column_type = match answer {
        Answer::Exact(exact) => Some(column_type(exact)),
        Answer::Decimal => None,
    };
    rows::AnswerColumn { name: name.to_string(), column_type }
}

pub(super) fn refusal(Refusal { kind, code }: Refusal) -> types::Refusal {
    let kind = match kind {
        RefusalKind::Unique => types::RefusalKind::Unique,
        RefusalKind::NotNull => types::RefusalKind::NotNull,
        RefusalKind::ForeignKey => types::RefusalKind::ForeignKey,
        RefusalKind::Check => types::RefusalKind::Check,
        RefusalKind::Value => types::RefusalKind::Value,
    };
    types::Refusal { kind, code }
}

/// What is said of a refusal that a guest did not handle.
pub(super) fn refused(refusal: &types::Refusal) -> String {
    let kind = match refusal.kind {
        types::RefusalKind::Unique => RefusalKind::Unique,
        types::RefusalKind::NotNull => RefusalKind::NotNull,
        types::RefusalKind::ForeignKey => RefusalKind::ForeignKey,
        types::RefusalKind::Check => RefusalKind::Check,
        types::RefusalKind::Value => RefusalKind::Value,
    };
    format!("the database refused rows: {} ({})", kind.words(), refusal.code)
}

pub(super) fn value(value: &Value) -> types::Value {
    match value {
        Value::Null => types::Value::Null,
        Value::Boolean(truth) => types::Value::Boolean(*truth),
        Value::Integer(number) => types::Value::Integer(*number),
        Value::Double(number) => types::Value::Double(number.get()),
        Value::Numeric(text) => types::Value::Numeric(text.clone()),
        Value::Text(text) => types::Value::Text(text.clone()),
        Value::Label(_, label) => types::Value::Text(label.to_string()),
        Value::Binary(bytes) => types::Value::Binary(bytes.clone()),
        Value::Date(text) => types::Value::Date(text.clone()),
        Value::Time(text) => types::Value::Time(text.clone()),
        Value::Timestamp(text) => types::Value::Timestamp(text.clone()),
        // The canonical form is UTC without a suffix; the contract's is RFC 3339.
        Value::TimestampWithZone(text) => types::Value::TimestampWithZone(format!("{}Z", text.replace(' ', "T"))),
        Value::Uuid(text) => types::Value::Uuid(text.clone()),
        Value::Json(text) => types::Value::Json(text.clone()),
    }
}

fn column_type(column_type: &ColumnType) -> types::ColumnType {
    match *column_type {
        ColumnType::Boolean => types::ColumnType::Boolean,
        ColumnType::SmallInteger => types::ColumnType::SmallInteger,
        ColumnType::Integer => types::ColumnType::Integer,
        ColumnType::BigInteger => types::ColumnType::BigInteger,
        ColumnType::Numeric { precision, scale } => types::ColumnType::Numeric(types::NumericType { precision, scale }),
        ColumnType::Float => types::ColumnType::Float,
        ColumnType::Double => types::ColumnType::Double,
        ColumnType::Varchar(length) => types::ColumnType::Varchar(length),
        ColumnType::Char(length) => types::ColumnType::Char(length),
        ColumnType::Text => types::ColumnType::Text,
        ColumnType::LargeText(size) => types::ColumnType::LargeText(large_size(size)),
        ColumnType::Binary => types::ColumnType::Binary,
        ColumnType::LargeBinary(size) => types::ColumnType::LargeBinary(large_size(size)),
        ColumnType::Date => types::ColumnType::Date,
        ColumnType::Time(digits) => types::ColumnType::Time(digits),
        ColumnType::Timestamp(digits) => types::ColumnType::Timestamp(digits),
        ColumnType::TimestampWithZone(digits) => types::ColumnType::TimestampWithZone(digits),
        ColumnType::Uuid => types::ColumnType::Uuid,
        ColumnType::Json => types::ColumnType::Json,
        ColumnType::JsonBinary => types::ColumnType::JsonBinary,
        ColumnType::Enumeration(ref of) => types::ColumnType::Enumeration(enum_type(of)),
    }
}

/// An enumeration.
pub(super) fn enum_type(of: &EnumType) -> types::EnumType {
    let labels = of.labels.iter().map(Label::to_string).collect();
    types::EnumType { name: of.name.as_ref().map(Ident::to_string), labels }
}

fn large_size(size: LargeSize) -> types::LargeSize {
    match size {
        LargeSize::Medium => types::LargeSize::Medium,
        LargeSize::Long => types::LargeSize::Long,
    }
}

fn referential_action(action: ReferentialAction) -> types::ReferentialAction {
    match action {
        ReferentialAction::NoAction => types::ReferentialAction::NoAction,
        ReferentialAction::Restrict => types::ReferentialAction::Restrict,
        ReferentialAction::Cascade => types::ReferentialAction::Cascade,
        ReferentialAction::SetNull => types::ReferentialAction::SetNull,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::dialect;
    use crate::operation::{ColumnSpec, Constraint, Demand, Grammar, IdentKind, IndexPart, Op, Position, TableSpec};
    use crate::operation::{Comment, ForeignKey, parse_expr};
    use crate::plan::Planner;
    use crate::policy::{Access, Limits};
    use crate::sandbox::convert::{self, Converter};
    use crate::schema::Schema;

    fn planner(dialect: Dialect) -> Planner {
        Planner::new(dialect, Schema::default(), Access::default(), Limits::default())
    }

    fn ident(name: &str) -> Ident {
        Ident::parse(IdentKind::Object, 63, name).unwrap()
    }

    #[test]
    fn a_value_that_is_answered_is_the_same_value_when_it_is_asked_for() {
        for constant in [
            Value::Null,
            Value::Boolean(true),
            Value::Integer(-7),
            Value::double(1.5).unwrap(),
            Value::numeric("-12.50").unwrap(),
            Value::text("it's").unwrap(),
            Value::Binary(vec![0, 255]),
            Value::date("2026-01-02").unwrap(),
            Value::time("03:04:05.000006").unwrap(),
            Value::timestamp("2026-01-02 03:04:05").unwrap(),
            Value::timestamp_with_zone("2026-01-02T03:04:05.000006+02:00").unwrap(),
            Value::uuid("67e55044-10b1-426f-9247-bb680e5fe0c8").unwrap(),
            Value::json("{\"a\":1}").unwrap(),
        ] {
            assert_eq!(convert::value(value(&constant)).unwrap(), constant);
        }
    }

    /// A table with one of everything that the contract has.
    fn everything(planner: &Planner) -> Vec<Op> {
        let column = |name: &str, column_type, default| ColumnSpec {
            name: ident(name),
            column_type,
            nullable: name != "id",
            default,
            auto_increment: name == "id",
            numbered_once: false,
            computed: None,
            comment: Some(Comment { text: format!("about {name}"), demand: Demand::IfSupported }),
        };
        let parse = |position, text| parse_expr(Grammar::Portable, position, &planner.parse_limits(), text).unwrap();
        let clock = ColumnDefault::Expression(parse(Position::Default, "CURRENT_TIMESTAMP"));
        let table = TableSpec {
            name: ident("pages"),
            columns: vec![
                column("id", ColumnType::BigInteger, None),
                column("parent", ColumnType::BigInteger, None),
                column("title", ColumnType::Varchar(Some(80)), Some(ColumnDefault::Value(Value::text("new").unwrap()))),
                column("price", ColumnType::Numeric { precision: 8, scale: 2 }, None),
                column("made", ColumnType::TimestampWithZone(6), Some(clock)),
                ColumnSpec {
                    computed: Some(Computed {
                        expression: parse(Position::Computed, "upper(\"title\") || '?'"),
                        storage: ComputedStorage::Stored,
                    }),
                    ..column("shout", ColumnType::Text, None)
                },
            ],
            constraints: vec![
                Constraint::PrimaryKey(Key { name: None, columns: vec![ident("id")] }),
                Constraint::Unique(Key { name: Some(ident("by_title")), columns: vec![ident("title")] }),
                Constraint::ForeignKey(ForeignKey {
                    name: Some(ident("to_parent")),
                    columns: vec![ident("parent")],
                    referred_table: ident("pages"),
                    referred_columns: vec![ident("id")],
                    on_update: ReferentialAction::NoAction,
                    on_delete: ReferentialAction::Cascade,
                }),
                Constraint::Check(crate::operation::CheckSpec {
                    name: Some(ident("priced")),
                    condition: parse(Position::Check, "\"price\" > 0 AND length(\"title\") <= 80"),
                }),
            ],
            comment: Some(Comment { text: "all pages".into(), demand: Demand::IfSupported }),
        };
        let index = Index {
            name: ident("pages_by_made"),
            parts: vec![IndexPart::column(ident("made"), IndexOrder::Descending)],
            unique: false,
            predicate: None,
        };
        let mut operations =
            vec![Op::CreateTable { table }, Op::CreateIndex { table: ident("pages"), index, online: None }];
        // What only some dialects have.
        if !planner.dialect().rules().unique_index_is_constraint {
            let expression = parse(Position::Index, "lower(\"title\") || 'it''s'");
            let index = Index {
                name: ident("pages_priced"),
                parts: vec![
                    IndexPart { key: IndexKey::Expression(expression), order: IndexOrder::Descending },
                    IndexPart::column(ident("price"), IndexOrder::Ascending),
                ],
                unique: true,
                predicate: Some(parse(Position::Predicate, "\"price\" BETWEEN 1 AND 2.5 AND \"parent\" IS NULL")),
            };
            operations.push(Op::CreateIndex { table: ident("pages"), index, online: None });
        }
        operations
    }

    #[test]
    fn a_table_made_from_the_answers_is_the_same_table() {
        for target in Dialect::ALL {
            let mut first = planner(target);
            for op in everything(&first) {
                first.push(op).unwrap();
            }
            let table = first.schema().tables.get(&ident("pages")).unwrap().clone();
            let mut second = planner(target);
            let convert = Converter::new(&second);
            let comment = |text: &Option<String>| {
                text.clone().map(|text| types::Comment { text, demand: types::Demand::Required })
            };
            let columns = columns(target, &table)
                .into_iter()
                .map(|column| types::Column {
                    name: column.name,
                    column_type: column.column_type.unwrap(),
                    nullable: column.nullable,
                    default: column.default,
                    auto_increment: column.auto_increment,
                    numbered_once: column.numbered_once,
                    computed: column.computed,
                    comment: comment(&column.comment),
                })
                .collect();
            let asked = types::Table {
                name: "pages".into(),
                columns,
                constraints: constraints(target, &table),
                comment: comment(&table.comment),
            };
            let table_again = convert.table(asked).unwrap();
            let indexes_again =
                indexes(target, &table).iter().map(|index| convert.index(index).unwrap()).collect::<Vec<_>>();
            second.push(Op::CreateTable { table: table_again }).unwrap();
            for index in indexes_again {
                // MariaDB makes the index of a foreign key by itself.
                let made = second.schema().tables.get(&ident("pages")).unwrap().indexes.clone();
                if !made.iter().any(|made| made.name == index.name) {
                    second.push(Op::CreateIndex { table: ident("pages"), index, online: None }).unwrap();
                }
            }
            assert_eq!(**second.schema().tables.get(&ident("pages")).unwrap(), *table, "{target}");
        }
    }

    #[test]
    fn what_the_contract_cannot_express_is_answered_as_the_database_says_it() {
        let opaque = Column {
            name: ident("shape"),
            column_type: ModelType::Opaque("geometry(Point,4326)".into()),
            nullable: true,
            default: Some(ModelDefault::Opaque("st_point(0, 0)".into())),
            auto_increment: false,
            numbered_once: false,
            computed: None,
            comment: None,
            extra: vec![],
        };
        let answer = column(Dialect::Postgres, &opaque);
        assert!(answer.column_type.is_none());
        assert_eq!(answer.native_type, "geometry(Point,4326)");
        let Some(types::DefaultValue::Expression(text)) = answer.default else { unreachable!() };
        assert_eq!((text.text.as_str(), text.syntax), ("st_point(0, 0)", types::SqlSyntax::Target));
        assert_eq!(dialect::type_name(Dialect::Sqlite, &ColumnType::Boolean), "BOOLEAN");
    }
}
