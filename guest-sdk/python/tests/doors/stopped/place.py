"""Wants a column in another place than the last"""

import sqlalchemy as sa
from alembic import op

revision = "place"
down_revision = None


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(9)))
    with op.batch_alter_table("notes", recreate="always") as batch:
        batch.add_column(sa.Column("title", sa.String(9)), insert_after="id")


def downgrade() -> None:
    pass
