"""Operations and reflection"""

import sqlalchemy as sa
from alembic import context, op

revision = "001"
down_revision = None

OPTIONS = context.config.attributes


def upgrade() -> None:
    assert OPTIONS == {} and not context.is_offline_mode()
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True, server_default="nobody"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("score", sa.Numeric(8, 2), server_default="1.50"),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now(), index=True),
        sa.Column("token", sa.Uuid),
        sa.Column("data", sa.JSON, server_default="[]"),
        sa.Column("blob", sa.LargeBinary),
        sa.CheckConstraint("score > 0", name="positive"),
    )
    op.create_table(
        "pets",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("owner", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE")),
        sa.Column("name", sa.String(80)),
        sa.Column("kind", sa.Enum("cat", "dog", name="kind", native_enum=False, create_constraint=True)),
    )
    inspector = sa.inspect(op.get_bind())
    assert inspector.get_table_names() == ["people", "pets"], inspector.get_table_names()
    assert inspector.has_table("pets") and not inspector.has_table("dogs")
    columns = {column["name"]: column for column in inspector.get_columns("people")}
    assert list(columns)[:3] == ["id", "name", "active"] and not columns["name"]["nullable"]
    assert inspector.get_pk_constraint("people")["constrained_columns"] == ["id"]
    [key] = inspector.get_foreign_keys("pets")
    assert key["referred_table"] == "people" and key["options"] == {"ondelete": "CASCADE"}, key
    assert key["name"] == "fk_pets_owner", key
    assert [index["name"] for index in inspector.get_indexes("people") if not index["unique"]] == [
        "ix_people_made"
    ]
    assert [unique["column_names"] for unique in inspector.get_unique_constraints("people")] == [["name"]]
    assert any(check["name"] == "kind" for check in inspector.get_check_constraints("pets"))
    table = sa.Table("pets", sa.MetaData(), autoload_with=op.get_bind())
    assert table.c.owner.foreign_keys and isinstance(table.c.id.type, sa.BigInteger | sa.Integer)

    with op.batch_alter_table("pets") as batch:
        batch.add_column(sa.Column("born", sa.Date))
        batch.alter_column("name", new_column_name="called", existing_type=sa.String(80), nullable=False)
        batch.create_unique_constraint("uq_pets_called", ["called", "owner"])
        batch.create_index("ix_pets_born", ["born"])
    with op.batch_alter_table("pets", recreate="always") as batch:
        batch.drop_column("born")
        batch.drop_constraint("uq_pets_called", type_="unique")
        batch.alter_column(
            "called", type_=sa.String(100), existing_type=sa.String(80), existing_nullable=False
        )
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("pets")]
    assert names == ["id", "owner", "called", "kind"], names
    op.create_table(
        "owned",
        sa.Column("a", sa.Integer, nullable=False),
        sa.Column("b", sa.Integer, nullable=False),
        sa.Column("c", sa.Integer, index=True),
        sa.PrimaryKeyConstraint("a", "b"),
        sa.CheckConstraint("b > 0", name="b_is_positive"),
    )
    with op.batch_alter_table("owned", recreate="always") as batch:
        batch.drop_column("a")
    inspector = sa.inspect(op.get_bind())
    assert inspector.get_pk_constraint("owned")["constrained_columns"] == ["b"]
    op.drop_index("ix_owned_c", if_exists=True)
    op.drop_index("ix_owned_c", "owned", if_exists=True)
    op.add_column("owned", sa.Column("d", sa.SmallInteger, server_default="7", nullable=False))
    op.add_column("owned", sa.Column("d", sa.SmallInteger), if_not_exists=True)
    op.alter_column("owned", "d", type_=sa.Integer, existing_type=sa.SmallInteger, server_default=None)
    op.drop_column("owned", "nothing", if_exists=True)
    op.rename_table("owned", "kept")
    op.drop_table("kept")
    op.drop_table("kept", if_exists=True)
    op.create_table(
        "keyed",
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.PrimaryKeyConstraint("a"),
        sa.UniqueConstraint("a", name="also_a"),
        sa.UniqueConstraint("b"),
    )
    inspector = sa.inspect(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        assert inspector.get_pk_constraint("keyed")["name"] == "also_a"
    # PostgreSQL makes one key of two that are equal, the others both.
    expected = [["b"]] if op.get_bind().dialect.name == "postgresql" else [["a"], ["b"]]
    assert sorted(key["column_names"] for key in inspector.get_unique_constraints("keyed")) == expected
    op.drop_table("keyed")
    # DDL elements of SQLAlchemy's own, executed by the script.
    metadata = sa.MetaData()
    extra = sa.Table(
        "extra", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Text)
    )
    metadata.create_all(op.get_bind())
    extra.drop(op.get_bind())
    metadata.create_all(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("extra")
    op.drop_table("pets")
    op.drop_table("people")
