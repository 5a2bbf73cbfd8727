"""Merge of the lines"""

import sqlalchemy as sa
from alembic import op

revision = "m2"
down_revision = ("m1", "b2")


def upgrade() -> None:
    op.create_table("e", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("e")
