"""More rows than one call may carry"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"

COUNT = 130
TEXT = "ü" * 5_000


def upgrade() -> None:
    bind = op.get_bind()
    op.create_table(
        "loads", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("text", sa.Text)
    )
    loads = sa.table("loads", sa.column("id", sa.Integer), sa.column("text", sa.Text))
    rows = [[{"id": at * COUNT + number, "text": TEXT} for number in range(COUNT)] for at in range(3)]
    op.bulk_insert(loads, rows[0])
    bind.execute(loads.insert(), rows[1])
    done = bind.execute(loads.insert().values(rows[2]))
    assert done.rowcount == COUNT, done.rowcount
    assert bind.scalar(sa.select(sa.func.count()).select_from(loads)) == 3 * COUNT
    assert bind.scalar(sa.select(loads.c.text).where(loads.c.id == 3 * COUNT - 1)) == TEXT
    found = bind.execute(loads.insert().values([{"id": 900, "text": "a"}, {"id": 901, "text": sa.func.lower("B")}]))
    assert found.rowcount == 2
    assert bind.scalars(sa.select(loads.c.text).where(loads.c.id >= 900).order_by(loads.c.id)).all() == ["a", "b"]


def downgrade() -> None:
    op.drop_table("loads")
