"""Has to be stopped: floods the operator"""

revision = "logs"
down_revision = None


def upgrade() -> None:
    while True:
        try:
            print("and again")
        except BaseException:
            pass


def downgrade() -> None:
    pass
