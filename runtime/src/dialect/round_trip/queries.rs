//! Queries that are rendered parse back, and nothing is rendered that is not on the lists.

use std::sync::Arc;

use super::super::query::{render_portable_query, render_query};
use super::*;
use crate::operation::{
    Aggregate, CastType, Join, JoinKind, OrderBy, Ordering, Query, RankKey, Ranking, Select, Source, Union,
    parse_query as parse,
};
use crate::schema::{Column, ModelType, Schema, Table};

/// Every word that may stand outside quotes in a rendered query, whatever the dialect.
const WORDS: &str = "SELECT DISTINCT AS FROM JOIN LEFT ON WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION ALL WITH \
    AND OR NOT IN BETWEEN LIKE IS NULL EXISTS CASE WHEN THEN ELSE END TRUE FALSE DESC NULLS FIRST LAST \
    COLLATE BINARY pg_catalog C utf8mb4_nopad_bin DUAL CAST DOUBLE double precision bytea uuid json X \
    DATE TIME TIMESTAMP ZONE lower upper length char_length trim abs coalesce nullif replace substr concat \
    INTEGER REAL CHAR SIGNED TEXT bigint count sum avg min max dense_rank OVER PARTITION";

pub(super) fn ident(text: &str) -> Ident {
    Ident::parse(IdentKind::Object, 63, text).unwrap()
}

/// Two tables, `x` and `y`, with the columns that [`integers`], [`texts`] and [`conditions`] use.
pub(super) fn schema() -> Schema {
    let column = |(name, column_type): &(&str, ColumnType)| Column {
        name: ident(name),
        column_type: ModelType::Portable(column_type.clone()),
        nullable: true,
        default: None,
        auto_increment: false,
        numbered_once: false,
        computed: None,
        comment: None,
        extra: Vec::new(),
    };
    let columns = [
        ("a", ColumnType::Integer),
        ("b", ColumnType::Integer),
        ("c", ColumnType::BigInteger),
        ("v", ColumnType::Varchar(Some(50))),
        ("t", ColumnType::Text),
        ("bo", ColumnType::Boolean),
        ("price", ColumnType::Numeric { precision: 20, scale: 4 }),
        ("d", ColumnType::Double),
        ("dt", ColumnType::Date),
        ("tm", ColumnType::Time(6)),
        ("ts", ColumnType::Timestamp(6)),
        ("u", ColumnType::Uuid),
        ("bin", ColumnType::Binary),
    ];
    let table = Arc::new(Table { columns: columns.iter().map(column).collect(), ..Table::default() });
    Schema { tables: [(ident("x"), table.clone()), (ident("y"), table)].into_iter().collect(), ..Schema::default() }
}

/// The columns of an expression as those of a source.
fn of(source: &str, expr: &Expr) -> Expr {
    expr.map(&|expr| match expr {
        Expr::Column(name) => Expr::Field(ident(source), name),
        // Which the parser folds.
        Expr::Unary(UnaryOperator::Negate, operand) => match &*operand {
            Expr::Value(value) => Expr::Value(value.negated().unwrap()),
            _ => Expr::Unary(UnaryOperator::Negate, operand),
        },
        other => other,
    })
}

fn equal(left: (&str, &str), right: (&str, &str)) -> Expr {
    let field = |(source, name): (&str, &str)| Expr::Field(ident(source), ident(name));
    binary(field(left), BinaryOperator::Equal, field(right))
}

fn source(name: &str, alias: &str) -> Source {
    Source { name: ident(name), alias: ident(alias) }
}

fn plain(items: Vec<(Ident, Expr)>, from: Source) -> Select {
    let (joins, group_by) = (Vec::new(), Vec::new());
    Select {
        distinct: false,
        items,
        stars: Vec::new(),
        from: Some(from),
        joins,
        condition: None,
        group_by,
        having: None,
    }
}

fn query_of(select: Select) -> Query {
    Query { with: Vec::new(), select, unions: Vec::new(), order: Vec::new(), limit: None, offset: None }
}

/// Something that yields a number, with a subquery bound to `p` now and then.
fn items() -> BoxedStrategy<Expr> {
    let bound = |condition: Expr| {
        let mut select =
            plain(vec![(ident("m"), aggregate(Aggregate::Max, false, of("i", &column("c"))))], source("y", "i"));
        select.condition = Some(binary(equal(("i", "a"), ("p", "a")), BinaryOperator::And, of("i", &condition)));
        select
    };
    prop_oneof![
        3 => integers(2).prop_map(|expr| of("p", &expr)),
        1 => (conditions(1), integers(1)).prop_map(|(when, then)| Expr::Case {
            operand: None,
            arms: vec![(of("p", &when), of("p", &then))],
            otherwise: None,
        }),
        1 => (integers(1), integers(1), integers(0)).prop_map(|(operand, when, then)| Expr::Case {
            operand: Some(Box::new(of("p", &operand))),
            arms: vec![(of("p", &when), of("p", &then))],
            otherwise: Some(Box::new(Expr::Value(Value::Integer(7)))),
        }),
        1 => (integers(1), integers(1), any::<bool>()).prop_map(|(partition, by, descending)| Expr::Rank {
            ranking: Ranking::DenseRank,
            partition: vec![of("p", &partition)],
            order: vec![
                RankKey { by: of("p", &by), descending, text: false },
                RankKey { by: of("p", &column("t")), descending: false, text: true },
            ],
        }),
        1 => (integers(1), prop::sample::select(vec![CastType::Integer, CastType::Double]))
            .prop_map(|(operand, to)| Expr::Cast(Box::new(of("p", &operand)), to)),
        1 => conditions(1).prop_map(move |condition| Expr::Scalar(Box::new(query_of(bound(condition))))),
    ]
    .boxed()
}

fn aggregate(function: Aggregate, distinct: bool, argument: Expr) -> Expr {
    Expr::Aggregate { function, distinct, argument: Some(Box::new(argument)) }
}

fn wheres() -> BoxedStrategy<Expr> {
    let inner = || plain(vec![(ident("o"), of("o", &column("a")))], source("y", "o"));
    prop_oneof![
        3 => conditions(2).prop_map(|expr| of("p", &expr)),
        1 => any::<bool>().prop_map(move |negated| Expr::InQuery {
            operand: Box::new(of("p", &column("b"))),
            query: Box::new(query_of(inner())),
            negated,
        }),
        1 => any::<bool>().prop_map(move |negated| {
            let mut select = inner();
            select.condition = Some(equal(("o", "c"), ("p", "c")));
            let exists = Expr::Exists(Box::new(query_of(select)));
            if negated { Expr::Unary(UnaryOperator::Not, Box::new(exists)) } else { exists }
        }),
    ]
    .boxed()
}

fn queries() -> BoxedStrategy<Query> {
    let functions = prop::sample::select(vec![Aggregate::Count, Aggregate::Sum, Aggregate::Avg, Aggregate::Min]);
    let rows = (items(), wheres(), prop::option::of(any::<bool>()), any::<bool>()).prop_map(
        |(item, condition, join, distinct)| {
            let items = vec![(ident("first"), item), (ident("title"), of("p", &column("t")))];
            let mut select = plain(items, source("x", "p"));
            select.distinct = distinct;
            select.condition = Some(condition);
            if let Some(left) = join {
                let kind = if left { JoinKind::Left } else { JoinKind::Inner };
                select.joins.push(Join { kind, source: source("y", "q"), on: equal(("q", "a"), ("p", "b")) });
            }
            select
        },
    );
    let groups =
        (integers(1), functions, integers(1), any::<bool>()).prop_map(|(key, function, argument, distinct)| {
            let key = binary(of("p", &key), BinaryOperator::Add, of("p", &column("a")));
            let items = vec![
                (ident("first"), aggregate(function, distinct, of("p", &argument))),
                (ident("title"), aggregate(Aggregate::Max, false, of("p", &column("t")))),
                (ident("key"), key.clone()),
            ];
            let mut select = plain(items, source("x", "p"));
            select.group_by = vec![key];
            let count = Expr::Aggregate { function: Aggregate::Count, distinct: false, argument: None };
            select.having = Some(binary(count, BinaryOperator::Greater, Expr::Value(Value::Integer(1))));
            select
        });
    let order = || {
        let key = |name: &'static str, text| {
            any::<bool>().prop_map(move |descending| Ordering { by: OrderBy::Output(ident(name)), descending, text })
        };
        prop::option::of((key("first", false), key("title", true)))
    };
    (prop_oneof![2 => rows, 1 => groups], prop::option::of(any::<bool>()), order(), any::<bool>(), 0_u64..5)
        .prop_map(|(select, union, order, with, offset)| {
            let mut query = query_of(select);
            if let Some(all) = union {
                let mut second = query.select.clone();
                if with {
                    // A query with a name in place of the table, with all that is asked of it.
                    let names = ["a", "b", "c", "v", "t", "bo", "price", "d", "dt", "tm", "ts", "u", "bin"];
                    let items = names.iter().map(|name| (ident(name), of("n", &column(name)))).collect();
                    query.with.push((ident("named"), query_of(plain(items, source("x", "n")))));
                    second.from = Some(source("named", "p"));
                }
                query.unions.push((if all { Union::All } else { Union::Distinct }, second));
            }
            if let Some((first, title)) = order {
                query.order = vec![first, title];
                query.limit = Some(10);
                query.offset = (offset > 0).then_some(offset);
            }
            query
        })
        .boxed()
}

/// What stands outside quotes.
pub(super) fn bare(sql: &str) -> String {
    let mut quote = None;
    let keep = |letter: char| match quote {
        Some(open) if letter == open => {
            quote = None;
            ' '
        }
        Some(_) => ' ',
        None if matches!(letter, '\'' | '"' | '`') => {
            quote = Some(letter);
            ' '
        }
        None => letter,
    };
    sql.chars().map(keep).collect()
}

/// The words of it; the exponent of a number is none.
pub(super) fn words(bare: &str) -> Vec<&str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_number =
        |word: &str| word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == 'e').is_empty();
    bare.split(|letter| !is_word(letter)).filter(|word| !is_number(word)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_query_in_portable_form_parses_back_to_the_same_tree(query in queries()) {
        let schema = schema();
        let resolved = schema.resolve_query(&query);
        prop_assert!(resolved.is_ok(), "{}: {resolved:?}", render_portable_query(&query));
        let resolved = resolved.unwrap();
        let sql = render_portable_query(&resolved);
        let back = parse(Grammar::Portable, &LIMITS, &sql, &[]);
        prop_assert!(back.is_ok(), "{sql}: {back:?}");
        // Two spellings of one number are the only difference that text can make.
        let again = schema.resolve_query(&back.unwrap());
        prop_assert!(again.is_ok(), "{sql}: {again:?}");
        prop_assert_eq!(render_portable_query(&again.unwrap()), sql);
    }

    #[test]
    fn nothing_is_rendered_that_is_not_on_the_lists(query in queries()) {
        let resolved = schema().resolve_query(&query).unwrap();
        let (typed, _) = crate::schema::typed_query(&schema(), &resolved).unwrap();
        for dialect in Dialect::ALL {
            let sql = render_query(dialect, &typed);
            let bare = bare(&sql);
            let known = |word: &&str| WORDS.split_whitespace().any(|known| known == *word);
            let strange: Vec<&str> = words(&bare).into_iter().filter(|word| !known(word)).collect();
            prop_assert!(strange.is_empty(), "{dialect}: {strange:?} in {sql}");
            prop_assert!(!["--", "/*", "#", ";"].iter().any(|sign| bare.contains(sign)), "{dialect}: {sql}");
        }
    }
}
