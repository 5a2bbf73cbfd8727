"""First line"""

import sqlalchemy as sa
from alembic import context, op
from application_server.clock import tick
from helpers.words import WORDS

revision = "a1"
down_revision = None
branch_labels = ("main",)


def upgrade() -> None:
    assert WORDS == ("one", "two", "three") and tick() == "tock"
    assert context.config.get_main_option("greeting") == "100% yours"
    assert context.config.get_main_option("sqlalchemy.url") is None
    assert op.get_context().get_current_revision() is None
    op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("a")
