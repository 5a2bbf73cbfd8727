"""What else scripts call"""

import contextlib

import sqlalchemy as sa
from alembic import op
from alembic.operations.ops import CreateTableOp

revision = "0045"
down_revision = "0043"

things = sa.table("things", sa.column("id", sa.Integer), sa.column("word", sa.String))


def statements() -> None:
    """By the connection and by the driver's own words."""
    bind = op.get_bind()
    name = bind.dialect.name
    op.execute(sa.text("UPDATE things SET word = :word WHERE id = 1").bindparams(word="50%"))
    op.execute("UPDATE things SET word = 'b' WHERE id = 2", execution_options={"autocommit": True})
    op.execute(things.update().where(things.c.word == op.inline_literal("b")).values(word=op.inline_literal("B")))
    op.bulk_insert(things, [{"id": 3, "word": op.inline_literal("c")}], multiinsert=False)
    mark = "?" if name == "sqlite" else "%s"
    named = "SELECT word FROM things WHERE id = " + (":id" if name == "sqlite" else "%(id)s")
    assert bind.exec_driver_sql(f"SELECT word FROM things WHERE id = {mark}", (1,)).scalar() == "50%"
    assert bind.exec_driver_sql(named, {"id": 2}).scalar() == "B"
    assert bind.exec_driver_sql(f"INSERT INTO things (id, word) VALUES ({mark}, {mark})", [(4, "d"), (5, "e")]).rowcount == 2
    with contextlib.closing(bind.connection.cursor()) as cursor:
        cursor.execute(f"INSERT INTO things (id, word) VALUES ({mark}, {mark})", (6, "100%s"))
        cursor.executemany(f"INSERT INTO things (id, word) VALUES ({mark}, {mark})", [(7, "g"), (8, "h")])
        cursor.execute(named, {"id": 6})
        assert cursor.fetchall() == [("100%s",)]
        cursor.execute("DELETE FROM things WHERE word LIKE '100%' OR id > 6")
        assert cursor.rowcount == 3
    like = "50%" if name == "sqlite" else "50%%"
    assert bind.exec_driver_sql(f"SELECT id FROM things WHERE word LIKE '{like}'").scalars().all() == [1]
    chosen = bind.execution_options(stream_results=True).execute(sa.select(things).order_by(things.c.id))
    assert chosen.fetchone() == (1, "50%") and len(chosen.fetchmany(2)) == 2 and len(chosen.mappings().all()) == 2
    assert bind.scalars(sa.select(things.c.id).where(things.c.id > 3).order_by(things.c.id)).all() == [4, 5]
    with bind.begin_nested():
        op.execute("DELETE FROM things WHERE id = 5")
    assert op.invoke(CreateTableOp("others", [sa.Column("id", sa.Integer, primary_key=True)])).name == "others"
    bind.execute(sa.schema.CreateTable(sa.Table("others", sa.MetaData()), if_not_exists=True))
    op.drop_table("others")


def reflection() -> None:
    """By the inspector, and by tables that load themselves."""
    bind = op.get_bind()
    inspector, name = sa.inspect(bind), bind.dialect.name
    own = inspector.default_schema_name
    assert own == {"sqlite": "main", "postgresql": "public", "mysql": "ptah"}[name]
    assert inspector.has_schema(own) and own in inspector.get_schema_names() and not inspector.has_schema("other")
    assert inspector.has_table("things", schema=own) and not inspector.has_table("things", schema="other")
    assert "things" in inspector.get_table_names(schema=own) and inspector.get_columns("things", schema=own)
    assert inspector.has_index("things", "ix_things_word") and not inspector.has_sequence("none")
    assert inspector.get_view_names() == inspector.get_sequence_names() == []
    assert (None, "things") in inspector.get_multi_columns(filter_names=["things"])
    number, word = inspector.get_columns("things")
    if name != "sqlite":
        assert number["autoincrement"] is True and word["autoincrement"] is False
        assert inspector.get_table_comment("things") == {"text": "Things"} and word["comment"] == "A word"
    if name == "postgresql":
        assert inspector.get_domains() == inspector.get_foreign_table_names() == []
    if name == "mysql":
        assert inspector.get_table_options("things")["mysql_engine"] == "InnoDB"
        assert inspector.get_unique_constraints("things")[0]["duplicates_index"] == "uq_things"
    assert bind.dialect.has_table(bind, "things") and len(bind.dialect.get_columns(bind, "things")) == 2
    metadata = sa.MetaData()
    metadata.reflect(bind, only=["things"])
    # A connection of its own, closed afterwards.
    loaded = sa.Table("things", sa.MetaData(), autoload_with=bind.engine)
    with bind.engine.connect() as other:
        assert other.scalar(sa.select(things.c.word).where(things.c.id == 4)) == "d"
    assert loaded.c.keys() == metadata.tables["things"].c.keys() == ["id", "word"]


def upgrade() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("word", sa.String(9), index=True, comment="A word"),
        sa.UniqueConstraint("id", "word", name="uq_things"),
        comment="Things",
    )
    metadata.create_all(op.get_bind())
    op.bulk_insert(things, [{"id": 1, "word": "a"}, {"id": 2, "word": "b"}])
    statements()
    reflection()


def downgrade() -> None:
    op.drop_table("things")
