"""What an INSERT of one row returns"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    bind = op.get_bind()
    parts = op.create_table(
        "parts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("word", sa.String(9)),
        sa.Column("size", sa.Integer, server_default="7"),
    )
    made = [
        bind.execute(parts.insert().values(word="a").returning(parts.c.id)).scalar_one(),
        bind.scalar(sa.insert(parts).returning(parts.c.id), {"word": "b"}),
        bind.execute(parts.insert().values(id=9, word="c").returning(parts.c.id)).scalar_one(),
    ]
    assert made == bind.scalars(sa.select(parts.c.id).order_by(parts.c.id)).all() and made[2] == 9, made
    row = bind.execute(parts.insert().returning(parts.c.size, parts.c.word), {"word": "d"}).mappings().one()
    assert row == {"size": 7, "word": "d"}, row
    # As scripts have it, without the whole table.
    light = sa.table("parts", sa.column("id"), sa.column("word"), sa.column("size"))
    for _ in range(2):
        found = bind.execute(light.insert().values(word="e", size=1).returning(light.c.id, light.c.size)).one()
        assert found == (bind.scalar(sa.select(sa.func.max(parts.c.id))), 1), found
    keyed = op.create_table("keyed", sa.Column("id", sa.Uuid, primary_key=True, default=uuid.uuid4), sa.Column("word", sa.Text))
    key = bind.execute(keyed.insert().values(word="x").returning(keyed.c.id)).scalar_one()
    assert bind.scalar(sa.select(keyed.c.word).where(keyed.c.id == key)) == "x"


def downgrade() -> None:
    op.drop_table("parts")
    op.drop_table("keyed")
