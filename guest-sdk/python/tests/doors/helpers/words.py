"""Taken along by --vendor."""

from .more import LAST

WORDS = ("one", "two", LAST)
BRANCH = "net"


def later() -> str:
    """Imports when it is called."""
    from .late import LATE

    return LATE
