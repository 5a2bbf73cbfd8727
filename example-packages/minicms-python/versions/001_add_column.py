"""Add column

Revision ID: 001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pages", sa.Column("content", sa.Text))


def downgrade() -> None:
    op.drop_column("pages", "content")
