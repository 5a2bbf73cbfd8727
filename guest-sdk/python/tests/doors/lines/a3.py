"""One branch"""

import sqlalchemy as sa
from alembic import op

revision = "a3"
down_revision = "a2"
branch_labels = ("left",)


def upgrade() -> None:
    op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("c")
