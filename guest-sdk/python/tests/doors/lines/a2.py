"""A column"""

import sqlalchemy as sa
from alembic import op

revision = "a2"
down_revision = "a1"


def upgrade() -> None:
    op.add_column("a", sa.Column("x", sa.Integer))


def downgrade() -> None:
    op.drop_column("a", "x")
