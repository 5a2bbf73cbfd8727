"""Asks for what the host refuses, by way of another module, and takes it lightly"""

import sqlalchemy as sa
from alembic import op

revision = "refused"
down_revision = None

STATEMENTS = ["UPDATE notes SET text = 'x'", "UPDATE notes SET text = nothing_like_it(text)"]


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(9)))
    for statement in STATEMENTS:
        try:
            op.execute(statement)
        except Exception:
            pass


def downgrade() -> None:
    pass
