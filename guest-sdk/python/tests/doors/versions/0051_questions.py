"""Questions to the server, and Alembic's own table"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"

TOLD = {
    "sqlite": {"SELECT sqlite_version()": "3.45.0"},
    "postgresql": {
        "SELECT current_database()": "ptah",
        "select current_schema()": "public",
        "SELECT version() AS v": "PostgreSQL 15.0",
    },
    "mysql": {"SELECT DATABASE()": "ptah", "SELECT version()": "10.11.0-MariaDB", "SELECT @@version;": "10.11.0-MariaDB"},
}
# With `:t`, `:c` and `:i` for a table, a column and an index.
LOOKS = {
    "sqlite": {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = :t": [("asked",)],
        "SELECT tbl_name FROM sqlite_master WHERE type='index' AND name=:i": [("asked",)],
        "SELECT COUNT(*) FROM sqlite_master WHERE name = 'ix_asked' AND type = 'table'": [(0,)],
    },
    "postgresql": {
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = :t": [(1,)],
        "SELECT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = :t AND column_name = :c)": [(True,)],
        "SELECT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'asked' AND column_name = 'd')": [(False,)],
        "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = :t ORDER BY ordinal_position": [
            ("id", "NO"),
            ("word", "YES"),
        ],
        "SELECT indexname FROM pg_indexes WHERE tablename = :t AND indexname = :i": [("ix_asked",)],
        "SELECT indexname FROM pg_catalog.pg_indexes WHERE schemaname = current_schema() AND indexname = 'uq_asked' LIMIT 1": [
            ("uq_asked",)
        ],
        "SELECT tablename FROM pg_tables WHERE schemaname = 'other'": [],
    },
    "mysql": {
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :t": [(1,)],
        "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE `table_name` = :t AND column_name = :c": [("word",)],
        "SELECT table_name FROM information_schema.tables WHERE table_name = 'it''s'": [],
        "SHOW SESSION VARIABLES LIKE \"sql_require_primary_key\";": [],
    },
}
PLACES = {"sqlite": "sqlite_master", "postgresql": "information_schema.tables", "mysql": "information_schema.tables"}
NAMES = {"sqlite": "name", "postgresql": "table_name", "mysql": "table_name"}


def upgrade() -> None:
    bind = op.get_bind()
    name = bind.dialect.name
    op.create_table(
        "asked",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("word", sa.String(9)),
        sa.UniqueConstraint("word", name="uq_asked"),
    )
    op.create_index("ix_asked", "asked", ["word", "id"])
    for question, answer in TOLD[name].items():
        assert bind.scalar(sa.text(question)) == answer, question
    for question, answer in LOOKS[name].items():
        text = sa.text(question)
        given = {key: value for key, value in {"t": "asked", "c": "word", "i": "ix_asked"}.items() if key in text._bindparams}
        found = [tuple(row) for row in bind.execute(text, given)]
        assert found == answer, (question, found)
    if name == "postgresql":
        valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
        assert [bind.scalar(valid, {"name": index}) for index in ("ix_asked", "nothing")] == [True, None]
    table, column = PLACES[name], NAMES[name]
    assert bind.scalar(sa.text(f"SELECT {column} FROM {table} WHERE {column} = 'alembic_version'")) == "alembic_version"
    listed = "type = 'table'" if name == "sqlite" else "table_type = 'BASE TABLE'"
    found = bind.scalars(sa.text(f"SELECT {column} FROM {table} WHERE {listed} ORDER BY {column}")).all()
    assert found == sorted(sa.inspect(bind).get_table_names()) and "asked" in found, found
    of_alembic(bind)


def of_alembic(bind: sa.Connection) -> None:
    """As if its table were there; what is done to it does nothing."""
    inspector = sa.inspect(bind)
    assert inspector.has_table("alembic_version") and "alembic_version" not in inspector.get_table_names()
    key = inspector.get_pk_constraint("alembic_version")
    assert key["constrained_columns"] == ["version_num"], key
    (column,) = inspector.get_columns("alembic_version")
    assert column["name"] == "version_num" and column["type"].length == 32 and not column["nullable"]
    assert inspector.get_indexes("alembic_version") == inspector.get_foreign_keys("alembic_version") == []
    assert sa.Table("alembic_version", sa.MetaData(), autoload_with=bind).c.keys() == ["version_num"]
    longer = {"existing_type": sa.String(32), "type_": sa.String(255), "existing_nullable": False}
    with op.batch_alter_table("alembic_version") as batch:
        batch.alter_column("version_num", **longer)
    if bind.dialect.name != "sqlite":
        op.alter_column("alembic_version", "version_num", **longer)
        op.create_primary_key("pk_alembic_version", "alembic_version", ["version_num"])
        op.execute("ALTER TABLE alembic_version MODIFY version_num VARCHAR(255) NOT NULL")


def downgrade() -> None:
    op.drop_table("asked")
