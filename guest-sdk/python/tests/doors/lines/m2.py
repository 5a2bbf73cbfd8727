"""Merge of the lines"""

import sqlalchemy as sa
from alembic import op

revision = "m2"
down_revision = ("m1", "b2")


def upgrade() -> None:
    assert set(op.get_context().get_current_heads()) == {"m1", "b2"}
    op.create_table("e", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("e")
