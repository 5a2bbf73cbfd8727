"""Merge of the branches"""

import sqlalchemy as sa
from alembic import op

revision = "m1"
down_revision = ("a3", "a4")


def upgrade() -> None:
    op.drop_column("a", "x")


def downgrade() -> None:
    op.add_column("a", sa.Column("x", sa.Integer))
