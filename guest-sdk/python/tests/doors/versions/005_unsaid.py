"""Fails: a statement that the contract cannot say, which the script takes lightly"""

from alembic import op

revision = "005"
down_revision = "004"


def upgrade() -> None:
    try:
        op.execute("CREATE TRIGGER t AFTER INSERT ON people BEGIN SELECT 1; END")
    except Exception:
        pass


def downgrade() -> None:
    pass
