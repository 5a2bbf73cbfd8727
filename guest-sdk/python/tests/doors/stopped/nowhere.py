"""A foreign key to a table that nothing makes"""

import sqlalchemy as sa
from alembic import op

revision = "nowhere"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.Integer, sa.ForeignKey("nobody.id")),
    )


def downgrade() -> None:
    pass
