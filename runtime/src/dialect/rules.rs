//! The naming and typing rules by which each dialect shapes the schema model.

use std::sync::Arc;

use super::{Dialect, default_normal_form, normal_form};
use crate::operation::{ColumnType, EnumType};
use crate::schema::{AutoIncrement, DefaultNames, GoesWithColumn, NameScope, Rules};

/// The types of `pg_catalog`, where a name is looked up first: those of PostgreSQL 15, apart from what begins with `pg_`
/// or `_`; and what it takes for one of them, whether quoted or not.
const POSTGRES_TYPES: [&str; 104] = [
    "bigserial",
    "serial",
    "serial2",
    "serial4",
    "serial8",
    "smallserial",
    "aclitem",
    "any",
    "anyarray",
    "anycompatible",
    "anycompatiblearray",
    "anycompatiblemultirange",
    "anycompatiblenonarray",
    "anycompatiblerange",
    "anyelement",
    "anyenum",
    "anymultirange",
    "anynonarray",
    "anyrange",
    "bit",
    "bool",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cid",
    "cidr",
    "circle",
    "cstring",
    "date",
    "datemultirange",
    "daterange",
    "event_trigger",
    "fdw_handler",
    "float4",
    "float8",
    "gtsvector",
    "index_am_handler",
    "inet",
    "int2",
    "int2vector",
    "int4",
    "int4multirange",
    "int4range",
    "int8",
    "int8multirange",
    "int8range",
    "internal",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "language_handler",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "point",
    "polygon",
    "record",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "table_am_handler",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "trigger",
    "tsm_handler",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "unknown",
    "uuid",
    "varbit",
    "varchar",
    "void",
    "xid",
    "xid8",
    "xml",
];

pub(super) const SQLITE: Rules = Rules {
    ident_limit: 128,
    default_names: DefaultNames::None,
    primary_key_name: None,
    reserved_names: &[],
    index_scope: NameScope::Schema,
    key_scope: NameScope::Table,
    foreign_key_scope: NameScope::Table,
    foreign_key_makes_index: false,
    loose_references: true,
    goes_with_column: GoesWithColumn::Nothing,
    references_one_key: false,
    restrict_is_no_action: false,
    unique_index_is_constraint: false,
    json_is_check: false,
    named_enums: false,
    labels_by_number: false,
    reserved_types: &[],
    keeps_attributes: true,
    comments: false,
    canonical: sqlite_type,
    integer_key_is_auto_increment: true,
    normal_form: |expr| normal_form(Dialect::Sqlite, expr),
    default_form: |default, column_type| default_normal_form(Dialect::Sqlite, default, column_type),
};

pub(super) const POSTGRES: Rules = Rules {
    ident_limit: 63,
    default_names: DefaultNames::Postgres,
    primary_key_name: None,
    reserved_names: &[],
    index_scope: NameScope::Schema,
    key_scope: NameScope::Schema,
    foreign_key_scope: NameScope::Table,
    foreign_key_makes_index: false,
    loose_references: true,
    goes_with_column: GoesWithColumn::WhatNamesIt,
    references_one_key: true,
    restrict_is_no_action: false,
    unique_index_is_constraint: false,
    json_is_check: false,
    named_enums: true,
    labels_by_number: false,
    reserved_types: &POSTGRES_TYPES,
    keeps_attributes: false,
    comments: true,
    canonical: |column_type, _| one_size(column_type),
    integer_key_is_auto_increment: false,
    normal_form: |expr| normal_form(Dialect::Postgres, expr),
    default_form: |default, column_type| default_normal_form(Dialect::Postgres, default, column_type),
};

pub(super) const MARIADB: Rules = Rules {
    ident_limit: 64,
    default_names: DefaultNames::Mariadb,
    primary_key_name: Some("PRIMARY"),
    reserved_names: &["primary", "gen_clust_index"],
    index_scope: NameScope::Table,
    key_scope: NameScope::Table,
    foreign_key_scope: NameScope::Schema,
    foreign_key_makes_index: true,
    loose_references: false,
    goes_with_column: GoesWithColumn::WhatIsOverItAlone,
    references_one_key: false,
    restrict_is_no_action: true,
    unique_index_is_constraint: true,
    json_is_check: true,
    named_enums: false,
    labels_by_number: true,
    reserved_types: &[],
    keeps_attributes: false,
    comments: true,
    canonical: |column_type, _| without_name(one_json(without_zone(column_type))),
    integer_key_is_auto_increment: false,
    normal_form: |expr| normal_form(Dialect::Mariadb, expr),
    default_form: |default, column_type| default_normal_form(Dialect::Mariadb, default, column_type),
};

/// Only a column of the very type INTEGER is an alias of the row id, which numbers itself.
fn sqlite_type(column_type: ColumnType, auto_increment: AutoIncrement) -> ColumnType {
    match auto_increment {
        AutoIncrement::Yes => ColumnType::Integer,
        AutoIncrement::No => short_as_uuid(one_json(as_text(whole_fraction(one_size(without_zone(column_type)))))),
    }
}

/// Moments are kept in UTC where the dialect has no type with a zone.
fn without_zone(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::TimestampWithZone(digits) => ColumnType::Timestamp(digits),
        other => other,
    }
}

/// Where the dialect has one type for texts and one for bytes.
fn one_size(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::LargeText(_) => ColumnType::Text,
        ColumnType::LargeBinary(_) => ColumnType::Binary,
        other => other,
    }
}

/// Where the dialect has one type for documents.
fn one_json(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::JsonBinary => ColumnType::Json,
        other => other,
    }
}

/// Where the dialect's name for a UUID is that of a text of 32 characters.
fn short_as_uuid(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Char(32) => ColumnType::Uuid,
        other => other,
    }
}

/// Where an enumeration is part of its column.
fn without_name(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Enumeration(of) if of.name.is_some() => {
            ColumnType::Enumeration(Arc::new(EnumType { name: None, labels: of.labels.clone() }))
        }
        other => other,
    }
}

/// Where the dialect has no enumerations.
fn as_text(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Enumeration(of) => ColumnType::Varchar(u32::try_from(of.longest()).ok()),
        other => other,
    }
}

/// Where the dialect keeps whatever digits a time is given with.
fn whole_fraction(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Time(_) => ColumnType::Time(ColumnType::FRACTION),
        ColumnType::Timestamp(_) => ColumnType::Timestamp(ColumnType::FRACTION),
        other => other,
    }
}
