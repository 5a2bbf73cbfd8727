//! Statements: INSERT, UPDATE and DELETE of one table's rows. Every part of `sqlparser`'s structs is named, so
//! that none can be overlooked.

use sqlparser::ast;

use super::expr::Reader;
use super::{Grammar, ParseError, refused, unsupported};
use crate::operation::{Conflict, ConflictAction, Dml, Expr, Ident, InsertSource, Join, JoinKind, Query};

type Result<T> = std::result::Result<T, ParseError>;

const ONLY: &str = "only INSERT, UPDATE and DELETE are allowed";

pub(super) fn read(reader: &mut Reader<'_>, statement: ast::Statement) -> Result<Dml> {
    match statement {
        ast::Statement::Insert(insert) => read_insert(reader, insert),
        ast::Statement::Update(update) => read_update(reader, update),
        ast::Statement::Delete(delete) => read_delete(reader, delete),
        ast::Statement::Query(query) => read_named(reader, *query),
        _ => Err(unsupported(ONLY)),
    }
}

fn refuse_if(condition: bool, what: &str) -> Result<()> {
    if condition { Err(unsupported(format!("{what} is not allowed"))) } else { Ok(()) }
}

/// A statement with WITH in front of it. Each query of the statement that reads one of those gets a copy of its own.
fn read_named(reader: &mut Reader<'_>, query: ast::Query) -> Result<Dml> {
    let ast::Query {
        with: Some(with),
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: _,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: _,
    } = query
    else {
        return Err(unsupported(ONLY));
    };
    refuse_if(reader.syntax.grammar == Grammar::Mariadb, "WITH in front of a statement")?;
    let named = reader.with(&with)?;
    match *body {
        ast::SetExpr::Insert(statement) | ast::SetExpr::Update(statement) | ast::SetExpr::Delete(statement) => {
            let statement = read(reader, statement)?;
            reader.with_named(statement, &named)
        }
        _ => Err(unsupported(ONLY)),
    }
}

fn read_insert(reader: &mut Reader<'_>, insert: ast::Insert) -> Result<Dml> {
    let ast::Insert {
        insert_token: _,
        optimizer_hints,
        or,
        ignore,
        into,
        table,
        table_alias,
        columns,
        overwrite,
        source,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    refuse_if(!optimizer_hints.is_empty(), "a hint")?;
    refuse_if(or.is_some_and(|or| or != ast::SqliteOnConflict::Ignore), "INSERT OR …")?;
    refuse_if(replace_into, "REPLACE")?;
    refuse_if(!into, "INSERT without INTO")?;
    refuse_if(table_alias.is_some() || insert_alias.is_some(), "an alias")?;
    refuse_if(!assignments.is_empty(), "INSERT … SET")?;
    refuse_if(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse_if(
        overwrite
            || partitioned.is_some()
            || !after_columns.is_empty()
            || has_table_keyword
            || priority.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some(),
        "this form of INSERT",
    )?;
    let ast::TableObject::TableName(name) = &table else {
        return Err(unsupported("only a table can be inserted into"));
    };
    let table = table_name(reader, name)?;
    let columns = columns.iter().map(|name| column_name(reader, name)).collect::<Result<Vec<_>>>()?;
    let Some(source) = source else {
        return Err(refused("INSERT needs VALUES or SELECT"));
    };
    let source = match &*source.body {
        ast::SetExpr::Values(_) => InsertSource::Rows(read_values(reader, *source, columns.len())?),
        _ => InsertSource::Query(Box::new(read_source(reader, &source, columns.len())?)),
    };
    let conflict = match on {
        Some(_) if ignore || or.is_some() => return Err(unsupported("IGNORE beside ON CONFLICT is not allowed")),
        Some(on) => Some(read_conflict(reader, on)?),
        None => (ignore || or.is_some()).then(|| Conflict { columns: Vec::new(), action: ConflictAction::Nothing }),
    };
    Ok(Dml::Insert { table, columns, source, conflict })
}

fn read_source(reader: &mut Reader<'_>, source: &ast::Query, width: usize) -> Result<Query> {
    let query = reader.query(source)?;
    match query.select.width() {
        Some(found) if found != width && width > 0 => {
            Err(refused(format!("the query yields {found} values for {width} columns")))
        }
        _ => Ok(query),
    }
}

fn read_conflict(reader: &mut Reader<'_>, on: ast::OnInsert) -> Result<Conflict> {
    let ast::OnInsert::OnConflict(ast::OnConflict { conflict_target, action }) = on else {
        return Err(unsupported("ON DUPLICATE KEY is not allowed: say ON CONFLICT (…) DO …, which is portable"));
    };
    let columns = match conflict_target {
        Some(ast::ConflictTarget::Columns(columns)) => columns,
        None if matches!(action, ast::OnConflictAction::DoNothing) => Vec::new(),
        _ => return Err(unsupported("ON CONFLICT needs the columns of the key: ON CONFLICT (a) DO …")),
    };
    let columns = columns.iter().map(|name| reader.ident(name)).collect::<Result<Vec<_>>>()?;
    let action = match action {
        ast::OnConflictAction::DoNothing => ConflictAction::Nothing,
        ast::OnConflictAction::DoUpdate(ast::DoUpdate { assignments, selection }) => {
            refuse_if(selection.is_some(), "WHERE in an ON CONFLICT")?;
            reader.excluded = true;
            ConflictAction::Update(read_assignments(reader, &assignments)?)
        }
    };
    Ok(Conflict { columns, action })
}

fn read_values(reader: &mut Reader<'_>, source: ast::Query, width: usize) -> Result<Vec<Vec<Expr>>> {
    let ast::Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = source
    else {
        return Err(unsupported("only VALUES may follow the columns of an INSERT"));
    };
    let ast::SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows }) = *body else {
        return Err(unsupported("this form of VALUES is not allowed"));
    };
    if !locks.is_empty() || !pipe_operators.is_empty() || rows.is_empty() {
        return Err(unsupported("only VALUES may follow the columns of an INSERT"));
    }
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        if width > 0 && row.content.len() != width {
            return Err(refused(format!("a row has {} values for {width} columns", row.content.len())));
        }
        let values = row.content.iter().map(|value| reader.expr(value)).collect::<Result<Vec<_>>>()?;
        if values.iter().any(|value| !value.columns().is_empty()) {
            return Err(refused("a column may not stand in VALUES"));
        }
        read.push(values);
    }
    Ok(read)
}

fn read_update(reader: &mut Reader<'_>, update: ast::Update) -> Result<Dml> {
    let ast::Update {
        update_token: _,
        optimizer_hints,
        table,
        assignments,
        from,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
    } = update;
    refuse_if(!optimizer_hints.is_empty(), "a hint")?;
    refuse_if(or.is_some(), "UPDATE OR …")?;
    refuse_if(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse_if(!order_by.is_empty() || limit.is_some(), "ORDER BY or LIMIT")?;
    let target = single_table(reader, &table.relation)?;
    reader.derived.push(Vec::new());
    let joins = read_joins(reader, &target, &table.joins, from)?;
    let with = reader.derived.pop().unwrap_or_default();
    let set = read_assignments(reader, &assignments)?;
    let condition = selection.as_ref().map(|condition| reader.expr(condition)).transpose()?;
    Ok(Dml::Update { table: target, assignments: set, with, joins, condition })
}

/// `UPDATE t JOIN …` on MariaDB and `UPDATE t … FROM …` elsewhere.
fn read_joins(
    reader: &mut Reader<'_>,
    target: &Ident,
    joins: &[ast::Join],
    from: Option<ast::UpdateTableFromKind>,
) -> Result<Vec<Join>> {
    let is_mariadb = reader.syntax.grammar == Grammar::Mariadb;
    let from = match from {
        Some(ast::UpdateTableFromKind::AfterSet(from)) if !is_mariadb && joins.is_empty() => from,
        None if is_mariadb || joins.is_empty() => Vec::new(),
        _ if is_mariadb => return Err(unsupported("UPDATE … FROM is not allowed: UPDATE t JOIN u ON … SET …")),
        _ => return Err(unsupported("a join before SET is not allowed: UPDATE t SET … FROM u WHERE …")),
    };
    if joins.is_empty() && from.is_empty() {
        return Ok(Vec::new());
    }
    reader.joined = true;
    let mut read = reader.joins(joins, 0)?;
    for ast::TableWithJoins { relation, joins } in &from {
        read.push(reader.join(JoinKind::Inner, relation, &ast::JoinConstraint::None, 0)?);
        read.extend(reader.joins(joins, 0)?);
    }
    let called = reader.alias.as_ref().unwrap_or(target);
    if let Some(same) = read.iter().find(|join| join.source.alias.is_like(called.as_str())) {
        return Err(refused(format!("two sources are called {}: give one an alias", same.source.alias)));
    }
    if !is_mariadb && read.iter().any(|join| join.kind == JoinKind::Left) {
        return Err(unsupported("LEFT JOIN in UPDATE is not allowed: WHERE NOT EXISTS (SELECT …)"));
    }
    Ok(read)
}

fn read_assignments(reader: &mut Reader<'_>, assignments: &[ast::Assignment]) -> Result<Vec<(Ident, Expr)>> {
    let mut set = Vec::with_capacity(assignments.len());
    for ast::Assignment { target, value } in assignments {
        let ast::AssignmentTarget::ColumnName(name) = target else {
            return Err(unsupported("SET (a, b) = … is not allowed"));
        };
        reader.node()?;
        set.push((column_name(reader, name)?, reader.expr(value)?));
    }
    if set.is_empty() {
        return Err(refused("UPDATE needs SET"));
    }
    Ok(set)
}

fn read_delete(reader: &mut Reader<'_>, delete: ast::Delete) -> Result<Dml> {
    let ast::Delete {
        delete_token: _,
        optimizer_hints,
        tables,
        from,
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
    } = delete;
    refuse_if(!optimizer_hints.is_empty(), "a hint")?;
    refuse_if(using.is_some(), "DELETE … USING")?;
    refuse_if(returning.is_some() || output.is_some(), "RETURNING")?;
    refuse_if(!order_by.is_empty() || limit.is_some(), "ORDER BY or LIMIT")?;
    let ast::FromTable::WithFromKeyword(from) = &from else {
        return Err(refused("DELETE needs FROM"));
    };
    let ([from], true) = (from.as_slice(), tables.is_empty()) else {
        return Err(unsupported("only one table can be deleted from"));
    };
    refuse_if(!from.joins.is_empty(), "a join in DELETE")?;
    let table = single_table(reader, &from.relation)?;
    let condition = selection.as_ref().map(|condition| reader.expr(condition)).transpose()?;
    Ok(Dml::Delete { table, condition })
}

/// The table that is changed. What it is called instead stands for its name from now on.
fn single_table(reader: &mut Reader<'_>, table: &ast::TableFactor) -> Result<Ident> {
    let ast::TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints,
        version: None,
        with_ordinality: false,
        partitions,
        json_path: None,
        sample: None,
        index_hints,
    } = table
    else {
        return Err(unsupported("only a table can be changed"));
    };
    refuse_if(!with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty(), "a hint or partition")?;
    reader.alias = alias.as_ref().map(|alias| reader.plain_alias(alias)).transpose()?;
    table_name(reader, name)
}

/// The statement's table, which from now on may qualify a column.
fn table_name(reader: &mut Reader<'_>, name: &ast::ObjectName) -> Result<Ident> {
    let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
        return Err(unsupported("a table may not be qualified by a schema"));
    };
    let table = reader.ident(name)?;
    reader.table = Some(table.clone());
    Ok(table)
}

fn column_name(reader: &Reader<'_>, name: &ast::ObjectName) -> Result<Ident> {
    match name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(name)] => reader.ident(name),
        [ast::ObjectNamePart::Identifier(table), ast::ObjectNamePart::Identifier(name)]
            if reader.is_target(table)? =>
        {
            reader.ident(name)
        }
        _ => Err(unsupported(
            "only columns of the one table can be set, and a name of more than two parts is not allowed",
        )),
    }
}
