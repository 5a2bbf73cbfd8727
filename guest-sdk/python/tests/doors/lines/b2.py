"""Refers to the first line by its label"""

import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "b1"
depends_on = "main"


def upgrade() -> None:
    op.create_table("b2", sa.Column("a", sa.Integer, sa.ForeignKey("a.id")))


def downgrade() -> None:
    op.drop_table("b2")
