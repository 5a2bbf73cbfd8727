"""Asks for the key that the database draws"""

import sqlalchemy as sa
from alembic import op

revision = "drawn"
down_revision = None


def upgrade() -> None:
    notes = op.create_table(
        "notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(9))
    )
    bind = op.get_bind()
    assert bind.execute(notes.insert().values(id=5, text="x")).inserted_primary_key == (5,)
    (key,) = bind.execute(notes.insert().values(text="y")).inserted_primary_key
    bind.execute(notes.update().values(text="z").where(notes.c.id == key))


def downgrade() -> None:
    pass
