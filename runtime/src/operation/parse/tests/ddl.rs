//! DDL as text: the operations that it becomes, and what is refused.

use super::*;
use crate::operation::{
    Change, ColumnDefault, ColumnType, Constraint, ConstraintSelector, DdlAction, Demand, IndexKey, IndexOrder, Needs,
    Op, ReferentialAction, When,
};

fn ddl(grammar: Grammar, sql: &str) -> Vec<(DdlAction, When)> {
    let read = parse_ddl(grammar, &LIMITS, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    read.parts.into_iter().map(|ddl| (ddl.action, ddl.when)).collect()
}

fn ops(grammar: Grammar, sql: &str) -> Vec<Op> {
    let op = |(action, when)| match action {
        DdlAction::Op(op) if when == When::Always => op,
        other => panic!("{sql}: {other:?} {when:?}"),
    };
    ddl(grammar, sql).into_iter().map(op).collect()
}

fn named(name: &str) -> Ident {
    Ident::parse(IdentKind::Constraint, 63, name).unwrap()
}

#[test]
fn a_table_is_read_with_its_constraints() {
    let sql = "CREATE TABLE pages (
        id INTEGER NOT NULL, -- the key
        title VARCHAR(40) DEFAULT 'x' NOT NULL CHECK (title <> ''),
        parent INTEGER REFERENCES pages (id) ON DELETE SET NULL ON UPDATE CASCADE,
        body TEXT UNIQUE, price NUMERIC(8, 2) DEFAULT -1.5,
        twice INTEGER GENERATED ALWAYS AS (id * 2) STORED,
        CONSTRAINT pages_pk PRIMARY KEY (id), UNIQUE (title, parent)
    );";
    for grammar in GRAMMARS {
        let read = ops(grammar, sql);
        let [Op::CreateTable { table }] = read.as_slice() else { panic!("{read:?}") };
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "title", "parent", "body", "price", "twice"]);
        assert_eq!(
            table.columns.iter().map(|column| column.nullable).collect::<Vec<_>>(),
            [false, false, true, true, true, true]
        );
        assert_eq!(table.columns[1].default, Some(ColumnDefault::Expression(text("x"))));
        assert_eq!(
            table.columns[4].default,
            Some(ColumnDefault::Expression(Expr::Value(Value::Numeric("-1.5".into()))))
        );
        assert_eq!(table.columns[4].column_type, ColumnType::Numeric { precision: 8, scale: 2 });
        assert!(table.columns[5].computed.is_some());
        let [
            Constraint::Check(_),
            Constraint::ForeignKey(key),
            Constraint::Unique(own),
            Constraint::PrimaryKey(primary),
            Constraint::Unique(_),
        ] = table.constraints.as_slice()
        else {
            panic!("{:?}", table.constraints)
        };
        assert_eq!((key.on_delete, key.on_update), (ReferentialAction::SetNull, ReferentialAction::Cascade));
        assert_eq!(own.columns, [ident("body")]);
        assert_eq!(primary.name, Some(named("pages_pk")));
    }
}

#[test]
fn every_part_of_an_alter_is_an_operation() {
    use Grammar::{Mariadb, Portable, Postgres};
    let t = || ident("t");
    let drop = |which| Op::DropConstraint { table: t(), which };
    let alter = |read: Vec<Op>| match read.as_slice() {
        [Op::AlterColumn { changes, .. }] => changes.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ops(Portable, "ALTER TABLE t RENAME TO u; "), [Op::RenameTable { name: t(), new_name: ident("u") }]);
    let dropped = drop(ConstraintSelector::PrimaryKey);
    let made = Op::CreateConstraint {
        table: t(),
        constraint: Constraint::PrimaryKey(crate::operation::Key { name: None, columns: vec![ident("id")] }),
    };
    let sql = "ALTER TABLE t DROP PRIMARY KEY,ADD PRIMARY KEY(id);";
    assert_eq!(ops(Portable, sql), [dropped.clone(), made.clone()]);
    let changed = ddl(Mariadb, sql);
    let [(DdlAction::Cover(_, needs), When::Always), rest @ .., (DdlAction::Op(Op::DropIndex { .. }), When::Exists)] =
        changed.as_slice()
    else {
        panic!("{changed:?}")
    };
    assert_eq!(**needs, dropped);
    assert_eq!(rest, [(DdlAction::Op(dropped), When::Always), (DdlAction::Op(made), When::Always)]);
    let swapped = ops(Mariadb, "ALTER TABLE t DROP INDEX `uq`, ADD UNIQUE KEY `uq` (`a`, `b`), DROP FOREIGN KEY fk");
    let [
        Op::CreateIndex { .. },
        Op::DropIndex { .. },
        Op::CreateConstraint { constraint: Constraint::Unique(key), .. },
        Op::DropIndex { .. },
        last,
    ] = swapped.as_slice()
    else {
        panic!("{swapped:?}")
    };
    assert_eq!((key.name.clone(), last), (Some(named("uq")), &drop(ConstraintSelector::Name(named("fk")))));
    assert_eq!(
        ops(Postgres, "ALTER TABLE ONLY t RENAME COLUMN A TO \"B\""),
        [Op::RenameColumn { table: t(), name: ident("a"), new_name: ident("B") }]
    );
    let changes = alter(ops(Postgres, "ALTER TABLE t ALTER COLUMN a TYPE text USING a::text"));
    assert_eq!((changes.column_type, changes.nullable), (Some(ColumnType::Text), None));
    assert_eq!(alter(ops(Postgres, "ALTER TABLE t ALTER a SET NOT NULL")).nullable, Some(false));
    assert_eq!(alter(ops(Portable, "ALTER TABLE t ALTER a DROP DEFAULT")).default, Change::Clear);
    assert_eq!(
        alter(ops(Portable, "ALTER TABLE t ALTER a SET DEFAULT 5")).default,
        Change::Set(ColumnDefault::Expression(integer(5)))
    );
    let whole = alter(ops(Mariadb, "ALTER TABLE t MODIFY id varchar(36) NOT NULL"));
    assert_eq!((whole.nullable, whole.default), (Some(false), Change::Clear));
    let moved = ops(Mariadb, "ALTER TABLE t CHANGE a b INT NULL COMMENT 'x'");
    assert!(matches!(moved.as_slice(), [Op::AlterColumn { .. }, Op::RenameColumn { .. }]), "{moved:?}");
    let added = ops(Portable, "ALTER TABLE t ADD COLUMN a INTEGER DEFAULT 1 NOT NULL REFERENCES u (id)");
    assert!(matches!(added.as_slice(), [Op::AddColumn { .. }, Op::CreateConstraint { .. }]), "{added:?}");
}

#[test]
fn indexes_and_what_is_there_are_told_apart() {
    let read = ddl(
        Grammar::Postgres,
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ix ON t USING btree (a, lower(b) DESC) WHERE c IS NOT NULL",
    );
    let [(DdlAction::Op(Op::CreateIndex { index, online, .. }), When::Missing)] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert!(index.unique && index.predicate.is_some() && *online == Some(Demand::Required));
    assert_eq!(index.parts[1].order, IndexOrder::Descending);
    assert!(matches!(index.parts[1].key, IndexKey::Expression(_)));
    for (grammar, sql, action, when) in [
        (Grammar::Sqlite, "DROP INDEX IF EXISTS ix", DdlAction::DropIndex(named("ix"), None), When::Exists),
        (
            Grammar::Mariadb,
            "DROP INDEX ix ON t",
            DdlAction::Op(Op::DropIndex { table: ident("t"), name: named("ix"), online: None }),
            When::Always,
        ),
        (Grammar::Postgres, "ALTER INDEX a RENAME TO b", DdlAction::RenameIndex(named("a"), named("b")), When::Always),
        (
            Grammar::Postgres,
            "ALTER TABLE t RENAME CONSTRAINT a TO \"B c\"",
            DdlAction::Op(Op::RenameConstraint { table: ident("t"), name: named("a"), new_name: named("B c") }),
            When::Always,
        ),
        (Grammar::Portable, "DROP TABLE IF EXISTS t", DdlAction::Op(Op::DropTable { name: ident("t") }), When::Exists),
        (
            Grammar::Postgres,
            "ALTER TABLE t DROP COLUMN a CASCADE",
            DdlAction::DropColumn(ident("t"), ident("a")),
            When::Always,
        ),
        (
            Grammar::Postgres,
            "ALTER TABLE t DROP CONSTRAINT IF EXISTS x",
            DdlAction::Op(Op::DropConstraint { table: ident("t"), which: ConstraintSelector::Name(named("x")) }),
            When::Exists,
        ),
    ] {
        assert_eq!(ddl(grammar, sql), [(action, when)], "{sql}");
    }
    for (grammar, sql, needs) in [
        (Grammar::Postgres, "ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS a integer", Needs::Table(ident("t"))),
        (Grammar::Mariadb, "CREATE TABLE IF NOT EXISTS t (a int, key ix (a))", Needs::NoTable(ident("t"))),
        (Grammar::Sqlite, "CREATE INDEX IF NOT EXISTS ix ON t (a)", Needs::Nothing),
    ] {
        assert_eq!(parse_ddl(grammar, &LIMITS, sql).unwrap().needs, needs, "{sql}");
    }
}

#[test]
fn what_no_operation_says_is_unsupported() {
    for (grammar, sql) in [
        (Grammar::Postgres, "CREATE EXTENSION pg_trgm"),
        (Grammar::Postgres, "CREATE INDEX ix ON t USING gin (a)"),
        (Grammar::Postgres, "CREATE INDEX ix ON t (a) INCLUDE (b)"),
        (Grammar::Postgres, "CREATE INDEX ix ON t (a gin_trgm_ops)"),
        (Grammar::Sqlite, "CREATE INDEX ix ON t (a COLLATE NOCASE)"),
        (Grammar::Postgres, "ALTER TABLE t ALTER COLUMN a TYPE json USING to_json(a)"),
        (Grammar::Postgres, "CREATE TABLE s.t (a INTEGER)"),
        (Grammar::Postgres, "CREATE TABLE t AS SELECT 1"),
        (Grammar::Mariadb, "CREATE TABLE t LIKE u"),
        (Grammar::Mariadb, "CREATE TABLE t (a INT) ENGINE=MyISAM"),
        (Grammar::Mariadb, "ALTER TABLE t CONVERT TO CHARACTER SET utf8"),
        (Grammar::Mariadb, "ALTER TABLE t ADD a INT FIRST"),
        (Grammar::Portable, "ALTER TABLE t ADD a point"),
        (Grammar::Portable, "ALTER TABLE t RENAME CONSTRAINT a TO b"),
        (Grammar::Mariadb, "ALTER TABLE t RENAME CONSTRAINT a TO b"),
        (Grammar::Portable, "CREATE TRIGGER x"),
        (Grammar::Portable, "CREATE VIEW v AS SELECT 1"),
        (Grammar::Portable, "DROP DATABASE x"),
        (Grammar::Portable, "GRANT ALL"),
        (Grammar::Portable, "DROP TABLE t; DROP TABLE u"),
        (Grammar::Portable, "CREATE TABLE t (a INTEGER DEFAULT pg_sleep(1))"),
        (Grammar::Portable, ""),
    ] {
        let read = parse_ddl(grammar, &LIMITS, sql);
        assert!(matches!(read, Err(ParseError::Unsupported(_))), "{sql}: {read:?}");
    }
    for sql in
        ["CREATE TABLE t (", "ALTER TABLE t ADD CONSTRAINT x y", "DROP TABLE 'x'", "CREATE TABLE ptah_db_x (a INTEGER)"]
    {
        let read = parse_ddl(Grammar::Portable, &LIMITS, sql);
        assert!(read.is_err(), "{sql}: {read:?}");
    }
}

#[test]
fn hostile_ddl_is_refused_quickly() {
    let many = |part: &str| part.repeat((1 << 20) / part.len());
    let starts = [
        "",
        "CREATE TABLE t (",
        "CREATE TABLE t (a ",
        "ALTER TABLE t ",
        "CREATE INDEX i ON t (",
        "ALTER TABLE t ADD CHECK (",
    ];
    for start in starts {
        for part in
            ["(", "a,", "a INTEGER,", "NOT NULL ", "ADD ", "DROP a, ", "array<", "CHECK (", "DEFAULT ", "-", "/*", "\""]
        {
            for text in [many(part), part.repeat(200)] {
                for grammar in GRAMMARS {
                    let _ = parse_ddl(grammar, &LIMITS, &format!("{start}{text}"));
                }
            }
        }
    }
}
