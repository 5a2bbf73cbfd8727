"""Second line"""

import sqlalchemy as sa
from alembic import op

revision = "b1"
down_revision = None
branch_labels = ("net",)


def upgrade() -> None:
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("b")
