"""Has to be stopped: takes all memory"""

revision = "allocates"
down_revision = None


def upgrade() -> None:
    kept = []
    while True:
        try:
            kept.append(bytearray(1 << 20))
        except BaseException:
            pass


def downgrade() -> None:
    pass
