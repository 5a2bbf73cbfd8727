"""Errors as the databases' own drivers raise them"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0044"

# What psycopg2 and PyMySQL say (seen on PostgreSQL 15 and MariaDB 10.11): SQLSTATE, and number with the class.
CASES = {
    "table twice": ("42P07", 1050, lambda: op.create_table("tt", sa.Column("id", sa.Integer))),
    "table twice, in text": ("42P07", 1050, lambda: op.execute("CREATE TABLE tt (id INTEGER)")),
    "column twice": ("42701", 1060, lambda: op.add_column("tt", sa.Column("a", sa.Integer))),
    "column twice, in text": ("42701", 1060, lambda: op.execute("ALTER TABLE tt ADD COLUMN a INTEGER")),
    "index twice": ("42P07", 1061, lambda: op.create_index("ix_tt_a", "tt", ["b"])),
    "key twice": ("42P07", 1061, lambda: op.create_unique_constraint("uq_tt", "tt", ["b"])),
    "key named like an index": ("42P07", 1061, lambda: op.create_unique_constraint("ix_tt_a", "tt", ["b"])),
    "check twice": ("42710", 1826, lambda: op.create_check_constraint("ck_tt", "tt", "b > 1")),
    "foreign key twice": ("42710", 1005, lambda: op.create_foreign_key("fk_tt", "tt", "uu", ["b"], ["id"])),
    "primary key twice": ("42P16", 1068, lambda: op.create_primary_key("pk_2", "tt", ["a"])),
    "table renamed to one": ("42P07", 1050, lambda: op.rename_table("tt", "uu")),
    "column renamed to one": (
        "42701",
        1060,
        lambda: op.alter_column("tt", "a", new_column_name="b", existing_type=sa.Integer),
    ),
    "table referred to": (
        "42P01",
        1005,
        lambda: op.create_table("ww", sa.Column("id", sa.Integer, sa.ForeignKey("nope.id"))),
    ),
    "no table to drop": ("42P01", 1051, lambda: op.drop_table("nope")),
    "no table to drop, in text": ("42P01", 1051, lambda: op.execute("DROP TABLE nope")),
    "no table to rename": ("42P01", 1146, lambda: op.rename_table("nope", "other")),
    "no table for a column": ("42P01", 1146, lambda: op.add_column("nope", sa.Column("a", sa.Integer))),
    "no table of a column": ("42P01", 1146, lambda: op.drop_column("nope", "a", if_exists=True)),
    "no table for an index": ("42P01", 1146, lambda: op.create_index("ix_n", "nope", ["a"])),
    "no table of a key": ("42P01", 1146, lambda: op.drop_constraint("uq", "nope", type_="unique", if_exists=True)),
    "no column to drop": ("42703", 1091, lambda: op.drop_column("tt", "nope")),
    "no column to drop, in text": ("42703", 1091, lambda: op.execute("ALTER TABLE tt DROP COLUMN nope")),
    "no column to alter": (
        "42703",
        1054,
        lambda: op.alter_column("tt", "nope", type_=sa.BigInteger, existing_type=sa.Integer),
    ),
    "no column to rename": (
        "42703",
        1054,
        lambda: op.alter_column("tt", "nope", new_column_name="x", existing_type=sa.Integer),
    ),
    "no column for an index": ("42703", 1072, lambda: op.create_index("ix_n", "tt", ["nope"])),
    "no column for a key": ("42703", 1072, lambda: op.create_unique_constraint("uq_n", "tt", ["nope"])),
    "no column for a foreign key": (
        "42703",
        1072,
        lambda: op.create_foreign_key("fk_n", "tt", "uu", ["nope"], ["id"]),
    ),
    "foreign key to no table": ("42P01", 1005, lambda: op.create_foreign_key("fk_n", "tt", "nope", ["a"], ["id"])),
    "foreign key to no column": ("42703", 1005, lambda: op.create_foreign_key("fk_n", "tt", "uu", ["a"], ["nope"])),
    "no index": ("42704", 1091, lambda: op.drop_index("nope", "tt")),
    "no key": ("42704", 1091, lambda: op.drop_constraint("nope", "tt", type_="unique")),
    "no foreign key": ("42704", 1091, lambda: op.drop_constraint("nope", "tt", type_="foreignkey")),
    "no check": ("42704", 1091, lambda: op.drop_constraint("nope", "tt", type_="check")),
    "select of no table": ("42P01", 1146, lambda: op.get_bind().execute(sa.text("SELECT 1 FROM nope"))),
    "select of no column": ("42703", 1054, lambda: op.get_bind().execute(sa.text("SELECT nope FROM tt"))),
    "select of no source": ("42P01", 1054, lambda: op.get_bind().execute(sa.text("SELECT x.a FROM tt"))),
    "update of no table": ("42P01", 1146, lambda: op.execute("UPDATE nope SET a = 1")),
    "update of no column": ("42703", 1054, lambda: op.execute("UPDATE tt SET nope = 1")),
    "insert of no column": ("42703", 1054, lambda: op.execute("INSERT INTO tt (nope) VALUES (1)")),
    "delete of no table": ("42P01", 1146, lambda: op.execute("DELETE FROM nope")),
    "rows of no table": ("42P01", 1146, lambda: op.bulk_insert(sa.table("nope", sa.column("a")), [{"a": 1}])),
    "rows of no column": ("42703", 1054, lambda: op.bulk_insert(sa.table("tt", sa.column("nope")), [{"nope": 1}])),
    "no statement": ("42601", 1064, lambda: op.execute("SELECT FROM WHERE")),
    "table in use": ("2BP01", 1451, lambda: op.drop_table("uu")),
}
CLASSES = {
    1146: sa.exc.ProgrammingError,
    1064: sa.exc.ProgrammingError,
    1451: sa.exc.IntegrityError,
    "2BP01": sa.exc.InternalError,
}
TYPES = {
    "42710": lambda: op.execute("CREATE TYPE tone AS ENUM ('a')"),
    "42704": lambda: op.execute("DROP TYPE nope"),
    "22023": lambda: op.execute("ALTER TYPE tone RENAME VALUE 'x' TO 'y'"),
}


def said(attempt) -> sa.exc.DBAPIError:
    """The error that it ends in."""
    try:
        attempt()
    except sa.exc.DBAPIError as error:
        return error
    raise AssertionError("no error")


def upgrade() -> None:
    name = op.get_bind().dialect.name
    op.create_table("uu", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer))
    op.create_table(
        "tt",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.UniqueConstraint("a", name="uq_tt"),
        sa.CheckConstraint("a > 0", name="ck_tt"),
        sa.ForeignKeyConstraint(["a"], ["uu.id"], name="fk_tt"),
    )
    op.create_index("ix_tt_a", "tt", ["a", "b"])
    for what, (state, number, attempt) in CASES.items():
        if name == "sqlite" and what in ("table referred to", "foreign key to no table"):
            # There the key waits for its table.
            continue
        error = said(attempt)
        if name == "postgresql":
            found, expected = error.orig.pgcode, state
        elif name == "mysql":
            found, expected = error.orig.args[0], number
        else:
            found, expected = type(error), sa.exc.OperationalError
        assert found == expected, (what, found, error)
        default = {"postgresql": sa.exc.ProgrammingError}.get(name, sa.exc.OperationalError)
        assert type(error) is CLASSES.get(expected, default), (what, error)
    if name == "postgresql":
        op.execute("CREATE TYPE tone AS ENUM ('a')")
        for state, attempt in TYPES.items():
            assert said(attempt).orig.pgcode == state, state
        op.execute("DROP TYPE tone")


def downgrade() -> None:
    op.drop_table("tt")
    op.drop_table("uu")
