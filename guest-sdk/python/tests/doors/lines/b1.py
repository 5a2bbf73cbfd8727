"""Second line"""

import sqlalchemy as sa
from alembic import op
from helpers import words

revision = "b1"
down_revision = None
branch_labels = (words.BRANCH,)


def upgrade() -> None:
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("b")
