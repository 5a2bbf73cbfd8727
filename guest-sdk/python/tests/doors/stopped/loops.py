"""Has to be stopped: never comes to an end"""

revision = "loops"
down_revision = None


def upgrade() -> None:
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def downgrade() -> None:
    pass
