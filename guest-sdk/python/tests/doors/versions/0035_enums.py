"""Native enums"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0035"
down_revision = "003"

state = sa.Enum("draft", "public", name="page_state")
mood = postgresql.ENUM("good", "bad", name="mood", create_type=False)


def upgrade() -> None:
    bind = op.get_bind()
    native = bind.dialect.name == "postgresql"
    if native:
        mood.create(bind, checkfirst=True)
        mood.create(bind, checkfirst=True)
    op.create_table(
        "papers",
        sa.Column("id", sa.Integer, primary_key=True),
        # Its type is made with the table.
        sa.Column("state", state, nullable=False, server_default="draft"),
        sa.Column("mood", mood if native else sa.Enum("good", "bad", name="mood")),
        sa.Column("was", sa.String(20), server_default="good"),
    )
    papers = sa.table("papers", sa.column("id", sa.Integer), sa.column("state", state), sa.column("mood", mood))
    rows = [{"id": 1, "state": "public", "mood": "bad"}, {"id": 2, "state": "draft", "mood": None}]
    op.bulk_insert(papers, rows)
    bind.execute(papers.update().where(papers.c.state == "draft").values(mood="good"))
    found = bind.execute(sa.select(papers.c.state, papers.c.mood).order_by(papers.c.id)).all()
    assert [tuple(row) for row in found] == [("public", "bad"), ("draft", "good")], found
    if native:
        bind.execute(sa.text("UPDATE papers SET was = 'draft'"))
        op.alter_column("papers", "was", server_default=None)
        op.alter_column("papers", "was", type_=state, postgresql_using="was::text::page_state")
        op.execute("ALTER TYPE mood RENAME VALUE 'bad' TO 'awful'")
        op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'good'")
        op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'fine' AFTER 'good'")
        op.execute("CREATE TYPE other AS ENUM ('x')")
        op.execute("DROP TYPE IF EXISTS other")
        names = {found["name"]: found["labels"] for found in sa.inspect(bind).get_enums()}
        assert names == {"mood": ["good", "fine", "awful"], "page_state": ["draft", "public"]}, names
        types = {column["name"]: column["type"] for column in sa.inspect(bind).get_columns("papers")}
        assert isinstance(types["state"], postgresql.ENUM) and types["state"].name == "page_state"
        assert list(types["was"].enums) == ["draft", "public"]
        assert bind.dialect.has_type(bind, "mood") and not bind.dialect.has_type(bind, "other")
    elif bind.dialect.name == "mysql":
        types = {column["name"]: column["type"] for column in sa.inspect(bind).get_columns("papers")}
        assert isinstance(types["state"], mysql.ENUM) and list(types["state"].enums) == ["draft", "public"]


def downgrade() -> None:
    bind = op.get_bind()
    op.drop_table("papers")
    if bind.dialect.name == "postgresql":
        mood.drop(bind)
    state.drop(bind, checkfirst=True)
