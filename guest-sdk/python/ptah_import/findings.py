"""What there is to say about a project, and where."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path


class Severity(enum.StrEnum):
    """How bad it is."""

    # Nothing is made.
    ERROR = "error"
    # A revision stops when it gets there, or something of the project does not come along.
    WARNING = "warning"
    # Worth knowing.
    NOTE = "note"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing. `line` is 0 where it concerns the whole file."""

    severity: Severity
    file: str
    line: int
    message: str


class Refused(Exception):
    """Nothing can be made, for a reason that has no place in a script. `kind` is `usage`, `package` or `other`."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class Findings:
    """All of them, in the order in which they came, none twice. Files are shown from the project's folder."""

    def __init__(self, root: Path):
        self.root = root
        self.all: dict[Finding, None] = {}

    def shown(self, path: Path) -> str:
        """A path as the user knows it."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)

    def add(self, severity: Severity, path: Path, line: int, message: str) -> None:
        """One more."""
        self.all[Finding(severity, self.shown(path), line, message)] = None

    def error(self, path: Path, line: int, message: str) -> None:
        """Nothing is made."""
        self.add(Severity.ERROR, path, line, message)

    def warn(self, path: Path, line: int, message: str) -> None:
        """Something does not come along."""
        self.add(Severity.WARNING, path, line, message)

    def note(self, path: Path, line: int, message: str) -> None:
        """Worth knowing."""
        self.add(Severity.NOTE, path, line, message)

    def count(self, severity: Severity) -> int:
        """How many of them are so bad."""
        return sum(found.severity is severity for found in self.all)
