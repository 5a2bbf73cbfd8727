"""Has to be stopped: goes deeper than the stack, once Python does not look any more"""

import sys

revision = "recurses"
down_revision = None


def deeper(number: int) -> list:
    return sorted([number], key=lambda number: deeper(number + 1))


def upgrade() -> None:
    try:
        deeper(0)
    except RecursionError:
        pass
    sys.setrecursionlimit(1 << 30)
    try:
        deeper(0)
    except BaseException:
        pass


def downgrade() -> None:
    pass
