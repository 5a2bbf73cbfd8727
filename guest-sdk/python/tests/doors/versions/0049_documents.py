"""Parts of documents, and functions that one kind of database has alone"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0049"
down_revision = "0048"

document = {"a": {"b": "x", "n": 5, "f": 1.5, "t": True}, "l": [1, {"k": "v"}], "s": "it's", "q": "2"}
# As prefect makes a key on SQLite.
UUID = (
    "(lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))),2) || '-' "
    "|| substr('89ab',abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))),2) || '-' || lower(hex(randomblob(6))))"
)
DEFAULTS = {
    "sqlite": [sa.text(UUID), sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")],
    "postgresql": [sa.text("gen_random_uuid()"), sa.text("clock_timestamp()")],
    "mysql": [sa.func.uuid(), sa.func.current_timestamp()],
}


def made(name: str) -> sa.Table:
    """A table of documents, with what is worked out of them."""
    kind = postgresql.JSONB() if name == "postgresql" else sa.JSON()
    key, moment = DEFAULTS[name]
    content = sa.column("content", kind)
    zoned = sa.DateTime(timezone=name == "postgresql")
    return op.create_table(
        "folders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("content", kind),
        sa.Column("plain", sa.JSON),
        sa.Column("word", sa.Text),
        sa.Column("number", sa.Integer),
        sa.Column("amount", sa.Float),
        sa.Column("price", sa.Numeric(10, 3)),
        sa.Column("known", sa.Boolean),
        sa.Column("token", sa.Uuid if name == "postgresql" else sa.CHAR(36), server_default=key),
        sa.Column("made", zoned, server_default=moment),
        sa.Column("seen", zoned, server_default=sa.func.now()),
        sa.Column("letter", sa.Text, sa.Computed(content[("a", "b")].as_string(), persisted=True)),
        sa.CheckConstraint(content["s"].as_string() != "bad", name="ck_folders"),
    )


def upgrade() -> None:
    bind = op.get_bind()
    name = bind.dialect.name
    folders = made(name)
    op.bulk_insert(folders, [{"id": 1, "content": document, "plain": {"a": "p"}, "price": 2.25}])
    op.execute("INSERT INTO folders (id) VALUES (2)")
    content = folders.c.content
    parts = {
        "object": (content["a"], document["a"]),
        "text as a document": (content["s"], "it's"),
        "place in a list": (content["l"][1], {"k": "v"}),
        "path": (content[("l", 1, "k")], "v"),
        "plain": (folders.c.plain["a"], "p"),
        "text": (content["s"].as_string(), "it's"),
        "text of a part": (content["a"]["b"].as_string(), "x"),
        "text by a path": (content[("a", "b")].as_string(), "x"),
        "number": (content[("a", "n")].as_integer(), 5),
        "double": (content[("a", "f")].as_float(), 1.5),
        "truth": (content[("a", "t")].as_boolean(), True),
        "nothing": (content["none"].as_string(), None),
        "number in a text": (sa.cast(content["q"].as_string(), sa.Integer), 2),
        "rounded": (sa.func.round(folders.c.price, 1), 2.3),
        "computed": (folders.c.letter, "x"),
    }
    if name == "postgresql":
        parts["astext"] = (content["s"].astext, "it's")
        parts["astext of a number"] = (content[("a", "n")].astext.cast(sa.Integer), 5)
    for what, (expression, expected) in parts.items():
        found = bind.scalar(sa.select(expression).where(folders.c.id == 1))
        assert (float(found) if what == "rounded" else found) == expected, (what, found)
    for condition in (
        content["s"].as_string() == "it's",
        content["s"].as_string().in_(["it's", "other"]),
        content[("a", "n")].as_integer() > 3,
        content[("a", "t")].as_boolean(),
        content[("a", "t")].as_boolean() == sa.true(),
    ):
        assert bind.scalars(sa.select(folders.c.id).where(condition)).all() == [1], condition
    values = {
        "word": content["s"].as_string(),
        "number": content[("a", "n")].as_integer(),
        "amount": content[("a", "f")].as_float(),
        "known": content[("a", "t")].as_boolean(),
        "plain": content["a"],
        "price": sa.func.round(folders.c.price),
    }
    bind.execute(folders.update().where(folders.c.id == 1).values(values))
    found = bind.execute(sa.select(folders.c[*values]).where(folders.c.id == 1)).one()
    assert (*found[:5], float(found[5])) == ("it's", 5, 1.5, True, document["a"], 2.0), found
    assert bind.scalar(sa.select(sa.func.count(folders.c.token.distinct()))) == 2
    assert bind.scalar(sa.select(sa.func.count(folders.c.made) + sa.func.count(folders.c.seen))) == 4
    if name != "mysql":
        op.create_index("ix_folders_text", "folders", [content["s"].as_string(), content[("a", "b")].as_string()])
    if name == "postgresql":
        op.create_index("ix_folders", "folders", [content["s"].astext, sa.text("(content #>> '{a,b}')")])
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_folders_s ON folders (id, (content->>'s'))")
    elif name == "sqlite":
        op.create_index("ix_folders", "folders", [sa.func.json_extract(content, "$.s")])
        op.execute("CREATE INDEX IF NOT EXISTS ix_folders_s ON folders (id, json_extract(content, '$.s'))")


def downgrade() -> None:
    op.drop_table("folders")
