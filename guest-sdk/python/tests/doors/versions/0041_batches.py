"""The arguments of batch_alter_table"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def keys() -> dict[str, list[str]]:
    """The unique constraints, by name."""
    return {found["name"]: found["column_names"] for found in sa.inspect(op.get_bind()).get_unique_constraints("sets")}


def names() -> list[str]:
    """The columns in order."""
    return [found["name"] for found in sa.inspect(op.get_bind()).get_columns("sets")]


def batch(**options):
    """A batch that makes the table anew."""
    return op.batch_alter_table("sets", recreate="always", **options)


def upgrade() -> None:
    bind = op.get_bind()
    op.create_table(
        "sets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.CheckConstraint("a > 0", name="a_is_positive"),
    )
    op.execute("INSERT INTO sets (id, a, b) VALUES (1, 2, 3)")
    said = (
        sa.UniqueConstraint("a", "b", name="uq_sets_a"),
        sa.CheckConstraint("b > 0", name="b_is_positive"),
        sa.Index("ix_sets_c", "c"),
    )
    with batch(table_args=said, reflect_args=[sa.Column("a", sa.Integer)], reflect_kwargs={"listeners": []}) as made:
        made.add_column(sa.Column("c", sa.Integer), insert_after="b")
    assert keys() == {"uq_sets_a": ["a", "b"]} and names() == ["id", "a", "b", "c"]
    inspector = sa.inspect(bind)
    assert {found["name"] for found in inspector.get_check_constraints("sets")} == {"a_is_positive", "b_is_positive"}
    assert "ix_sets_c" in [found["name"] for found in inspector.get_indexes("sets")]
    # What is there already is only repeated.
    with batch(table_args=(sa.UniqueConstraint("a", "b", name="uq_sets_a"), sa.CheckConstraint("a > 0"))):
        pass
    assert len(sa.inspect(bind).get_check_constraints("sets")) == 2 and len(keys()) == 1
    with batch(partial_reordering=[("id", "a", "b"), ("b", "c")], table_kwargs={"mysql_engine": "InnoDB"}) as made:
        made.alter_column("b", existing_type=sa.Integer, nullable=False, insert_after="a", insert_before="c")
    like = sa.Table(
        "sets",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.BigInteger, server_default="7"),
        sa.Column("c", sa.Integer),
        sa.UniqueConstraint("b", name="uq_sets_b"),
        sa.CheckConstraint("a > 0", name="a_is_positive"),
    )
    with batch(copy_from=like) as made:
        made.drop_column("c")
    inspector = sa.inspect(bind)
    assert keys() == {"uq_sets_b": ["b"]} and names() == ["id", "a", "b"]
    assert [found["name"] for found in inspector.get_check_constraints("sets")] == ["a_is_positive"]
    columns = {found["name"]: found for found in inspector.get_columns("sets")}
    assert columns["b"]["nullable"] and isinstance(columns["b"]["type"], sa.BigInteger)
    op.execute("INSERT INTO sets (id, a) VALUES (2, 3)")
    rows = bind.execute(sa.text("SELECT id, a, b FROM sets ORDER BY id")).all()
    assert rows == [(1, 2, 3), (2, 3, 7)], rows


def downgrade() -> None:
    op.drop_table("sets")
