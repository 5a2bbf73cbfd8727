"""Has to be stopped: floods the plan with operations"""

import sqlalchemy as sa
from alembic import op

revision = "operations"
down_revision = None


def upgrade() -> None:
    while True:
        try:
            op.create_table("floods", sa.Column("text", sa.Text))
            op.drop_table("floods")
        except BaseException:
            pass


def downgrade() -> None:
    pass
