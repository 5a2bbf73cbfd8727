"""Types by their classes, types that are there, and what goes with a column"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0048"
down_revision = "0047"


USING = [
    (sa.Text, "'{\"a\": 1}'", postgresql.JSONB, "CAST(kept AS jsonb)", {"a": 1}),
    (sa.Text, "'{\"a\": 1}'", sa.JSON, "(kept)::varchar::json", {"a": 1}),
    (sa.Text, "'7'", sa.BigInteger, 'CAST(CAST("kept" AS text) AS int8)', 7),
    (sa.Integer, "7", postgresql.JSONB, "to_jsonb(kept)", 7),
    (sa.Integer, "7", sa.String(9), "kept::character varying", "7"),
    (sa.Text, "'2.5'", sa.Numeric(10, 2), "kept::numeric", 2.5),
    (sa.Numeric(10, 2), "2.5", sa.Float, "kept::double precision", 2.5),
    (sa.Text, "'2026-01-02 03:04:05'", sa.DateTime(timezone=True), "kept::timestamp with time zone", None),
    (sa.Integer, "7", sa.BigInteger, "kept", 7),
]


def conversions(bind: sa.Connection) -> None:
    """What USING may say where it is what the host does."""
    for before, value, after, using, expected in USING:
        op.create_table("keeps", sa.Column("id", sa.Integer, primary_key=True), sa.Column("kept", before))
        op.execute(f"INSERT INTO keeps (id, kept) VALUES (1, {value})")
        op.alter_column("keeps", "kept", type_=after, existing_type=before, postgresql_using=using)
        found = bind.scalar(sa.select(sa.column("kept", after)).select_from(sa.table("keeps")))
        assert expected is None or found == expected, (using, found)
        op.drop_table("keeps")


def by_class(name: str) -> None:
    op.create_table("tools", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tools", sa.JSON))
    if name == "postgresql":
        op.alter_column("tools", "tools", type_=postgresql.JSONB, existing_type=sa.JSON, postgresql_using="tools::jsonb")
    with op.batch_alter_table("tools") as batch:
        batch.add_column(sa.Column("count", sa.Integer))
        batch.alter_column("count", type_=sa.BigInteger, existing_type=sa.Integer, server_default="1")
    found = {column["name"]: column["type"] for column in sa.inspect(op.get_bind()).get_columns("tools")}
    assert isinstance(found["count"], sa.BigInteger), found
    op.drop_table("tools")


def enumerations() -> None:
    """The type that the first table makes is there for the others, made by another revision or not."""
    for number in (1, 2):
        op.create_table(
            f"moves{number}",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("direction", sa.Enum("up", "down", name="direction"), nullable=False),
            # Made in revision 0035.
            sa.Column("state", sa.Enum("draft", "public", name="page_state")),
        )
        op.bulk_insert(sa.table(f"moves{number}", sa.column("direction")), [{"direction": "up"}])


def gone_with_columns(name: str) -> None:
    """Checks of a column alone and its indexes, as far as the database itself takes them away."""
    op.create_table(
        "switches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("is_on", sa.Boolean(create_constraint=True)),
        sa.Column("is_new", sa.Boolean(create_constraint=True, name="ck_is_new")),
        sa.Column("volts", sa.Integer),
        sa.Column("amperes", sa.Integer),
        sa.CheckConstraint("volts > 0 AND volts < 400", name="ck_volts"),
        sa.CheckConstraint("amperes > 0", name="ck_amperes"),
    )
    op.create_index("ix_switches", "switches", ["volts", "amperes"])
    if name == "sqlite":
        with op.batch_alter_table("switches") as batch:
            batch.drop_column("is_on")
            batch.drop_column("is_new")
            batch.drop_column("volts")
    else:
        for column in ("is_on", "is_new", "volts"):
            op.drop_column("switches", column)
    inspector = sa.inspect(op.get_bind())
    assert [found["name"] for found in inspector.get_check_constraints("switches")] == ["ck_amperes"]
    left = [found["column_names"] for found in inspector.get_indexes("switches")]
    assert left == ([["amperes"]] if name == "mysql" else []), left
    op.drop_table("switches")


def upgrade() -> None:
    name = op.get_bind().dialect.name
    by_class(name)
    enumerations()
    gone_with_columns(name)
    if name == "postgresql":
        conversions(op.get_bind())


def downgrade() -> None:
    op.drop_table("moves1")
    op.drop_table("moves2")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TYPE direction")
