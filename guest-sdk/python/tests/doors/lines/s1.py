"""Third line, never merged"""

import sqlalchemy as sa
from alembic import op

revision = "s1"
down_revision = None
depends_on = "left"


def upgrade() -> None:
    op.create_table("s", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("s")
