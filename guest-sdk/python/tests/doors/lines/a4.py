"""Another branch, after the other line"""

import sqlalchemy as sa
from alembic import op

revision = "a4"
down_revision = "a2"
depends_on = ("b2",)


def upgrade() -> None:
    op.create_table("d", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("d")
