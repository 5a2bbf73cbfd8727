"""Drops what is not there"""

from alembic import op

revision = "missing"
down_revision = None


def upgrade() -> None:
    op.drop_index(
        "ix_nothing",
        "nothing",
    )


def downgrade() -> None:
    pass
