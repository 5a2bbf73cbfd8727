//! PostgreSQL: everything in the connection's current schema, out of `pg_catalog`. What is *plain*, that is,
//! within what the model can express, the queries decide; the rest comes as the server prints it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    cell, check, column_name, computed, constraint_name, default, empty_table, file, group, index_key, is_bookkeeping,
    names, object_name, of, opaque, optional, precision_and_scale, rows,
};
use crate::dialect::{Catalog, Dialect, TextRow};
use crate::operation::{
    ColumnType, ComputedStorage, EnumType, ForeignKey, Ident, Index, IndexKey, IndexOrder, IndexPart, Key, Label,
    Position, ReferentialAction,
};
use crate::schema::{Column, ModelType, Table};

/// What a schema holds by itself, of one of the system's tables: neither indexes nor what composite types consist of. Asked of
/// `pg_depend`, which is the only one that has an index by schema; `pg_class` would be read whole, with all tenants'
/// tables in it.
macro_rules! own {
    ($of:literal) => {
        concat!(
            "(ARRAY(SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass \
             AND refobjid = quote_ident(current_schema())::regnamespace AND classid = '",
            $of,
            "'::regclass))"
        )
    };
}

/// Whether the schema holds any relation or type.
pub(super) const ANYTHING: &str = "SELECT 1 FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass \
    AND refobjid = quote_ident(current_schema())::regnamespace \
    AND classid IN ('pg_class'::regclass, 'pg_type'::regclass) LIMIT 1";

// The schema's own name is taken out of definitions: tenants differ in it.
// What not every supported version has (`indnullsnotdistinct`, `confdelsetcols`, …) is asked of the row as JSON.
pub(super) const QUERIES: &[&str] = &[
    // Relations and types: name, kind, the table it belongs to, comment or the labels of an enumeration.
    concat!(
        r#"SELECT c.relname::text,
          CASE WHEN c.relkind IN ('r', 'p') THEN 'table' WHEN c.relkind = 'v' THEN 'view'
            WHEN c.relkind = 'm' THEN 'materialized view' WHEN c.relkind = 'S' THEN 'sequence'
            WHEN c.relkind = 'f' THEN 'foreign table' WHEN c.relkind IN ('i', 'I') THEN 'index'
            ELSE 'type' END::text,
          coalesce(it.relname, st.relname)::text,
          CASE WHEN c.relkind IN ('r', 'p') THEN obj_description(c.oid, 'pg_class') END::text
        FROM pg_class c
        LEFT JOIN pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_class it ON it.oid = i.indrelid
        LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
        LEFT JOIN pg_class st ON st.oid = d.refobjid
        WHERE c.relkind <> 't' AND c.oid = ANY (ARRAY(
          SELECT oid FROM pg_class WHERE oid = ANY "#,
        own!("pg_class"),
        " UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = ANY ",
        own!("pg_class"),
        " UNION ALL SELECT typrelid FROM pg_type WHERE typrelid <> 0 AND oid = ANY ",
        own!("pg_type"),
        r#"))
      UNION ALL
      SELECT t.typname::text, CASE WHEN t.typtype = 'e' THEN 'enum' ELSE 'type' END, NULL,
          CASE WHEN t.typtype = 'e' THEN coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
            FROM pg_enum e WHERE e.enumtypid = t.oid), '[]') END::text FROM pg_type t
        WHERE t.typrelid = 0 AND t.typcategory <> 'A' AND t.oid = ANY "#,
        own!("pg_type"),
        " ORDER BY 1"
    ),
    // Columns: table, name, type, not null, default or generation expression, identity, generated, collation,
    // comment, whether the default is the next value of the column's own sequence, that sequence's odd options.
    concat!(
        r#"SELECT c.relname::text, a.attname::text,
          CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN format_type(a.atttypid, a.atttypmod)
            ELSE CASE WHEN t.typnamespace = c.relnamespace THEN '*' ELSE quote_ident(tn.nspname) END || '.'
              || quote_ident(t.typname) || ' ' || a.atttypmod END::text,
          a.attnotnull::text, pg_get_expr(ad.adbin, ad.adrelid)::text, a.attidentity::text, a.attgenerated::text,
          CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(co.collname) END::text,
          col_description(c.oid, a.attnum)::text,
          (own.objid IS NOT NULL AND pg_get_expr(ad.adbin, ad.adrelid) ~ '^nextval\(''[^'']*''::regclass\)$'
            AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = ad.oid
              AND u.refclassid = 'pg_class'::regclass AND u.refobjid = own.objid))::text,
          CASE WHEN (s.seqstart, s.seqincrement, s.seqmin, s.seqcache, s.seqcycle) <> (1, 1, 1, 1, false)
            THEN format('START %s INCREMENT %s MINVALUE %s CACHE %s CYCLE %s',
              s.seqstart, s.seqincrement, s.seqmin, s.seqcache, s.seqcycle) END::text
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        LEFT JOIN pg_attrdef ad ON ad.adrelid = c.oid AND ad.adnum = a.attnum
        LEFT JOIN LATERAL (SELECT min(d.objid) AS objid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
          AND d.deptype IN ('a', 'i')) own ON true
        LEFT JOIN pg_sequence s ON s.seqrelid = own.objid
        WHERE c.relkind IN ('r', 'p') AND c.oid = ANY "#,
        own!("pg_class"),
        " ORDER BY c.relname, a.attnum"
    ),
    // Constraints: table, name, kind, plain, columns, referred table, referred columns, on update, on delete,
    // condition, definition.
    concat!(
        r#"SELECT c.relname::text, k.conname::text, k.contype::text,
          (NOT k.condeferrable AND k.convalidated AND k.coninhcount = 0
            AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'
            AND coalesce(to_jsonb(k) ->> 'conperiod', 'false') = 'false'
            AND CASE k.contype WHEN 'c' THEN NOT k.connoinherit
              WHEN 'f' THEN k.confmatchtype = 's' AND to_jsonb(k) ->> 'confdelsetcols' IS NULL
                AND r.relnamespace = c.relnamespace AND r.relkind = 'r'
              ELSE coalesce(i.indnatts = i.indnkeyatts AND i.indisvalid AND ic.reloptions IS NULL
                AND coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false', false) END)::text,
          (SELECT json_agg(a.attname ORDER BY n.position) FROM unnest(k.conkey) WITH ORDINALITY n(attnum, position)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum)::text,
          r.relname::text,
          (SELECT json_agg(a.attname ORDER BY n.position) FROM unnest(k.confkey) WITH ORDINALITY n(attnum, position)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.attnum)::text,
          k.confupdtype::text, k.confdeltype::text, pg_get_expr(k.conbin, k.conrelid)::text,
          replace(pg_get_constraintdef(k.oid), quote_ident(current_schema()) || '.', '')::text
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        LEFT JOIN pg_class r ON r.oid = k.confrelid
        LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
        LEFT JOIN pg_class ic ON ic.oid = i.indexrelid
        WHERE c.relkind IN ('r', 'p') AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND c.oid = ANY "#,
        own!("pg_class"),
        " ORDER BY c.relname, k.conname"
    ),
    // Indexes of no constraint: table, name, unique, plain, columns, which of them descend, definition, expressions,
    // condition. An expression of another collation than the database's own is not plain. An index that is not valid, as it
    // is being built or was not built to its end, is none that anybody can rely on: it is left out.
    concat!(
        r#"SELECT c.relname::text, ic.relname::text, i.indisunique::text,
          (am.amname = 'btree' AND i.indnatts = i.indnkeyatts
            AND ic.reloptions IS NULL AND ic.relkind = 'i'
            AND coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false'
            AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = ic.oid)
            AND k.default_order AND k.default_class AND k.default_collation)::text,
          k.columns::text, k.descending::text,
          replace(pg_get_indexdef(ic.oid), quote_ident(current_schema()) || '.', '')::text,
          k.expressions::text, pg_get_expr(i.indpred, i.indrelid)::text
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class ic ON ic.oid = i.indexrelid
        JOIN pg_am am ON am.oid = ic.relam
        CROSS JOIN LATERAL (SELECT json_agg(a.attname ORDER BY n.position) AS columns,
            json_agg(CASE WHEN n.attnum = 0 THEN pg_get_indexdef(i.indexrelid, n.position::int, false) END
              ORDER BY n.position) AS expressions,
            json_agg(n.option & 1 ORDER BY n.position) AS descending,
            bool_and(n.option IN (0, 3)) AS default_order, bool_and(o.opcdefault) AS default_class,
            bool_and(CASE WHEN n.attnum = 0 THEN n.coll IN (0, 'pg_catalog."default"'::regcollation)
              ELSE n.coll = a.attcollation END) AS default_collation
          FROM ROWS FROM (unnest(i.indkey::int2[]), unnest(i.indoption::int2[]), unnest(i.indclass::oid[]),
            unnest(i.indcollation::oid[])) WITH ORDINALITY n(attnum, option, class, coll, position)
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.attnum AND n.attnum > 0
          LEFT JOIN pg_opclass o ON o.oid = n.class) k
        WHERE c.relkind IN ('r', 'p') AND c.oid = ANY "#,
        own!("pg_class"),
        r#" AND (i.indisvalid AND i.indisready OR ic.relkind <> 'i')
          AND NOT EXISTS (SELECT FROM pg_constraint q WHERE q.conindid = i.indexrelid AND q.contype IN ('p', 'u', 'x'))
        ORDER BY c.relname, ic.relname"#
    ),
    // Everything else on a table: table, kind, name, definition.
    concat!(
        "WITH c AS (SELECT * FROM pg_class WHERE relkind IN ('r', 'p') AND oid = ANY ",
        own!("pg_class"),
        r#")
      SELECT c.relname::text, 'trigger', g.tgname::text,
          replace(pg_get_triggerdef(g.oid), quote_ident(current_schema()) || '.', '') || ' ' || g.tgenabled::text
        FROM c JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal
      UNION ALL SELECT c.relname::text, 'rule', w.rulename::text,
          replace(pg_get_ruledef(w.oid), quote_ident(current_schema()) || '.', '') || ' ' || w.ev_enabled::text
        FROM c JOIN pg_rewrite w ON w.ev_class = c.oid
      UNION ALL SELECT c.relname::text, 'policy', p.polname::text, format('%s %s %s USING %s WITH CHECK %s',
          p.polcmd, p.polpermissive,
          (SELECT string_agg(o.rolname, ', ' ORDER BY o.rolname) FROM pg_roles o WHERE o.oid = ANY (p.polroles)),
          pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
        FROM c JOIN pg_policy p ON p.polrelid = c.oid
      UNION ALL SELECT c.relname::text, 'statistics', s.stxname::text,
          replace(pg_get_statisticsobjdef(s.oid), quote_ident(current_schema()) || '.', '')
        FROM c JOIN pg_statistic_ext s ON s.stxrelid = c.oid
      UNION ALL SELECT c.relname::text, 'option', 'INHERITS', p.relname::text
        FROM c JOIN pg_inherits h ON h.inhrelid = c.oid JOIN pg_class p ON p.oid = h.inhparent
      UNION ALL SELECT c.relname::text, 'option', 'INHERITED BY', p.relname::text
        FROM c JOIN pg_inherits h ON h.inhparent = c.oid JOIN pg_class p ON p.oid = h.inhrelid
      UNION ALL SELECT c.relname::text, 'option', 'PARTITION BY', pg_get_partkeydef(c.oid) FROM c WHERE relkind = 'p'
      UNION ALL SELECT c.relname::text, 'option', 'PARTITION OF', pg_get_expr(c.relpartbound, c.oid)
        FROM c WHERE relispartition
      UNION ALL SELECT c.relname::text, 'option', 'OF', c.reloftype::regtype::text FROM c WHERE reloftype <> 0
      UNION ALL SELECT c.relname::text, 'option', 'UNLOGGED', 'UNLOGGED' FROM c WHERE relpersistence = 'u'
      UNION ALL SELECT c.relname::text, 'option', 'WITH', array_to_string(reloptions, ', ')
        FROM c WHERE reloptions IS NOT NULL
      UNION ALL SELECT c.relname::text, 'option', 'USING', m.amname::text
        FROM c JOIN pg_am m ON m.oid = c.relam WHERE m.amname <> 'heap'
      UNION ALL SELECT c.relname::text, 'option', 'ROW LEVEL SECURITY',
          CASE WHEN relforcerowsecurity THEN 'FORCE ' ELSE '' END
          || CASE WHEN relrowsecurity THEN 'ENABLE' ELSE '' END
        FROM c WHERE relrowsecurity OR relforcerowsecurity
      UNION ALL SELECT c.relname::text, 'option', 'REPLICA IDENTITY', relreplident::text
        FROM c WHERE relreplident <> 'd'"#
    ),
];

const DIALECT: Dialect = Dialect::Postgres;

/// What the database says, by table.
struct Facts<'a> {
    columns: BTreeMap<&'a str, Vec<&'a TextRow>>,
    constraints: BTreeMap<&'a str, Vec<&'a TextRow>>,
    indexes: BTreeMap<&'a str, Vec<&'a TextRow>>,
    others: BTreeMap<&'a str, Vec<&'a TextRow>>,
    enums: BTreeMap<String, Arc<EnumType>>,
}

pub(super) fn read(results: &[Vec<TextRow>]) -> Catalog {
    let mut catalog = Catalog::default();
    for row in rows(results, 0).iter().filter(|row| cell(row, 1) == "enum") {
        let name = cell(row, 0);
        match enum_type(name, cell(row, 3)) {
            Some(of) => catalog.enums.insert(name.to_owned(), of).map(|_| ()),
            None => catalog.other_names.insert(name.to_owned(), "type".to_owned()).map(|_| ()),
        };
    }
    let facts = Facts {
        enums: catalog.enums.clone(),
        columns: group(rows(results, 1), 0),
        constraints: group(rows(results, 2), 0),
        indexes: group(rows(results, 3), 0),
        others: group(rows(results, 4), 0),
    };
    for row in rows(results, 0) {
        let (name, kind, table) = (cell(row, 0), cell(row, 1), cell(row, 2));
        match kind {
            "enum" => {}
            "table" => file(&mut catalog, DIALECT, name, |_| facts.table(name, optional(row, 3))),
            _ if is_bookkeeping(name) || is_bookkeeping(table) => {}
            _ => {
                let what = if table.is_empty() { kind.to_owned() } else { format!("{kind} of {table}") };
                catalog.other_names.insert(name.to_owned(), what);
            }
        }
    }
    catalog
}

impl Facts<'_> {
    fn table(&self, name: &str, comment: Option<&str>) -> Result<Table, String> {
        let mut table = empty_table();
        table.comment = comment.filter(|text| !text.is_empty()).map(str::to_owned);
        for row in of(&self.columns, name) {
            table.columns.push(column(row, &self.enums)?);
        }
        let all = table.columns.clone();
        for (row, column) in of(&self.columns, name).iter().zip(&mut table.columns) {
            let (text, storage) = match (optional(row, 4), cell(row, 6)) {
                (Some(text), "s") => (text, ComputedStorage::Stored),
                (Some(text), "v") => (text, ComputedStorage::Virtual),
                _ => continue,
            };
            column.computed = computed(DIALECT, text, storage, &all);
            if column.computed.is_none() {
                let kept = if storage == ComputedStorage::Stored { "STORED" } else { "VIRTUAL" };
                column.extra.push(format!("GENERATED ALWAYS AS ({text}) {kept}"));
            }
        }
        for row in of(&self.constraints, name) {
            if add_constraint(row, &mut table).is_none() {
                table.opaque.push(opaque("constraint", cell(row, 1), cell(row, 10)));
            }
        }
        for row in of(&self.indexes, name) {
            match index(row, &table.columns) {
                Some(index) => table.indexes.push(index),
                None => table.opaque.push(opaque("index", cell(row, 1), cell(row, 6))),
            }
        }
        table.opaque.extend(of(&self.others, name).iter().map(|row| opaque(cell(row, 1), cell(row, 2), cell(row, 3))));
        Ok(table)
    }
}

/// None for an enumeration that the model cannot hold.
fn enum_type(name: &str, labels: &str) -> Option<Arc<EnumType>> {
    let labels: Vec<Label> = serde_json::from_str(labels).ok()?;
    (labels.len() <= EnumType::LABELS).then_some(())?;
    Some(Arc::new(EnumType { name: Some(object_name(DIALECT, name)?), labels }))
}

/// The schema's own type that a column is of, if it is: no schema is printed as `*`.
fn own_type(printed: &str) -> Option<&str> {
    let name = printed.strip_prefix("*.")?.strip_suffix(" -1")?;
    // A name that the model holds has no quotation mark in it.
    Some(name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name))
}

fn column(row: &TextRow, enums: &BTreeMap<String, Arc<EnumType>>) -> Result<Column, String> {
    let column_type = match own_type(cell(row, 2)).and_then(|name| enums.get(name)) {
        Some(of) => ModelType::Portable(ColumnType::Enumeration(of.clone())),
        None => model_type(cell(row, 2)),
    };
    let (expression, identity, generated) = (optional(row, 4), cell(row, 5), cell(row, 6));
    let serial = cell(row, 9) == "true";
    let mut extra = Vec::new();
    if let Some(collation) = optional(row, 7) {
        extra.push(format!("COLLATE {collation}"));
    }
    if identity == "a" {
        extra.push("GENERATED ALWAYS AS IDENTITY".to_owned());
    }
    if let Some(options) = optional(row, 10) {
        extra.push(format!("sequence {options}"));
    }
    let default = match expression {
        Some(text) if generated.is_empty() && !serial => default(DIALECT, text, &column_type),
        _ => None,
    };
    Ok(Column {
        name: column_name(DIALECT, cell(row, 1))?,
        column_type,
        nullable: cell(row, 3) != "true",
        default,
        auto_increment: serial || identity == "d",
        numbered_once: false,
        computed: None,
        comment: optional(row, 8).filter(|text| !text.is_empty()).map(str::to_owned),
        extra,
    })
}

/// None for a constraint that the model cannot hold.
fn add_constraint(row: &TextRow, table: &mut Table) -> Option<()> {
    let name = Some(constraint_name(DIALECT, cell(row, 1)).filter(|_| cell(row, 3) == "true")?);
    match cell(row, 2) {
        "p" => table.primary_key = Some(Key { name, columns: columns(row, 4)? }),
        "u" => table.uniques.push(Key { name, columns: columns(row, 4)? }),
        "f" => table.foreign_keys.push(ForeignKey {
            name,
            columns: columns(row, 4)?,
            referred_table: object_name(DIALECT, cell(row, 5))?,
            referred_columns: columns(row, 6)?,
            on_update: action(cell(row, 7))?,
            on_delete: action(cell(row, 8))?,
        }),
        "c" => table.checks.push(check(DIALECT, name, cell(row, 9))),
        _ => return None,
    }
    Some(())
}

/// None for an index that the model cannot hold.
fn index(row: &TextRow, columns: &[Column]) -> Option<Index> {
    let name = constraint_name(DIALECT, cell(row, 1)).filter(|_| cell(row, 3) == "true")?;
    let descending: Vec<u8> = serde_json::from_str(cell(row, 5)).ok()?;
    let names: Vec<Option<String>> = serde_json::from_str(cell(row, 4)).ok()?;
    let expressions: Vec<Option<String>> = serde_json::from_str(cell(row, 7)).ok()?;
    if descending.len() != names.len() || expressions.len() != names.len() {
        return None;
    }
    let mut parts = Vec::with_capacity(names.len());
    for ((name, expression), bit) in names.iter().zip(&expressions).zip(descending) {
        let key = match (name, expression) {
            (Some(name), None) => IndexKey::Column(object_name(DIALECT, name)?),
            (None, Some(text)) => index_key(DIALECT, text, columns)?,
            _ => return None,
        };
        parts.push(IndexPart { key, order: if bit == 1 { IndexOrder::Descending } else { IndexOrder::Ascending } });
    }
    let predicate = match optional(row, 8) {
        Some(text) => Some(super::expression(DIALECT, Position::Predicate, text, columns)?),
        None => None,
    };
    Some(Index { name, parts, unique: cell(row, 2) == "true", predicate })
}

fn columns(row: &TextRow, position: usize) -> Option<Vec<Ident>> {
    names(cell(row, position))?.iter().map(|name| object_name(DIALECT, name)).collect()
}

fn action(code: &str) -> Option<ReferentialAction> {
    match code {
        "a" => Some(ReferentialAction::NoAction),
        "r" => Some(ReferentialAction::Restrict),
        "c" => Some(ReferentialAction::Cascade),
        "n" => Some(ReferentialAction::SetNull),
        _ => None,
    }
}

/// A type as `format_type` prints it.
fn model_type(printed: &str) -> ModelType {
    let arguments = |name: &str| printed.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    let portable = match printed {
        "boolean" => Some(ColumnType::Boolean),
        "smallint" => Some(ColumnType::SmallInteger),
        "integer" => Some(ColumnType::Integer),
        "bigint" => Some(ColumnType::BigInteger),
        "real" => Some(ColumnType::Float),
        "double precision" => Some(ColumnType::Double),
        "character varying" => Some(ColumnType::Varchar(None)),
        "text" => Some(ColumnType::Text),
        "bytea" => Some(ColumnType::Binary),
        "date" => Some(ColumnType::Date),
        "uuid" => Some(ColumnType::Uuid),
        "json" => Some(ColumnType::Json),
        "jsonb" => Some(ColumnType::JsonBinary),
        _ => match (arguments("numeric"), arguments("character varying"), arguments("character")) {
            (Some(numeric), ..) => {
                precision_and_scale(numeric).map(|(precision, scale)| ColumnType::Numeric { precision, scale })
            }
            (_, Some(length), _) => length.parse().ok().map(|length| ColumnType::Varchar(Some(length))),
            (.., Some(length)) => length.parse().ok().map(ColumnType::Char),
            _ => moment_type(printed),
        },
    };
    portable.map_or_else(|| ModelType::Opaque(printed.to_owned()), ModelType::Portable)
}

/// A type of times: all six digits after the second go without saying.
fn moment_type(printed: &str) -> Option<ColumnType> {
    let (name, rest) = printed.split_at_checked(printed.find(['(', ' '])?)?;
    let (digits, zone) = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?,
        None => ("6", rest),
    };
    let digits = digits.parse().ok().filter(|digits| *digits <= ColumnType::FRACTION)?;
    match (name, zone) {
        ("time", " without time zone") => Some(ColumnType::Time(digits)),
        ("timestamp", " without time zone") => Some(ColumnType::Timestamp(digits)),
        ("timestamp", " with time zone") => Some(ColumnType::TimestampWithZone(digits)),
        _ => None,
    }
}
