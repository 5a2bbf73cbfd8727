"""Taken along by --vendor."""

from .more import LAST

WORDS = ("one", "two", LAST)
BRANCH = "net"


def later() -> str:
    """Imports when it is called."""
    from .late import LATE

    return LATE


class Ignoring:
    """A context manager of the project's own."""

    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, self.kind)
