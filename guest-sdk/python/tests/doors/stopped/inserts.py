"""Has to be stopped: floods the plan with rows"""

import sqlalchemy as sa
from alembic import op

revision = "inserts"
down_revision = None


def upgrade() -> None:
    op.create_table("floods", sa.Column("text", sa.Text))
    table = sa.table("floods", sa.column("text", sa.Text))
    while True:
        try:
            op.bulk_insert(table, [{"text": "x" * 100_000}])
        except BaseException:
            pass


def downgrade() -> None:
    pass
