"""Populate steps, which Alembic does not have: functions in the package's `populate.py`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import ModuleType

# Makes what exists before the first revision.
BASE_SCHEMA = "ptah-base-schema"
# Makes at once what all revisions lead to.
SCHEMA = "ptah-db-schema"


@dataclasses.dataclass
class Step:
    """One populate step."""

    name: str
    title: str
    active: bool
    requires: Sequence[str]
    depends_on: Sequence[str]
    function: Callable[[], None]


def populate(
    name: str,
    title: str,
    *,
    active: bool = True,
    requires: Sequence[str] = (),
    depends_on: Sequence[str] = (),
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Makes a function a populate step of this name. Steps run in the order in which they are written."""

    def mark(function: Callable[[], None]) -> Callable[[], None]:
        function.__ptah_step__ = Step(name, title, active, tuple(requires), tuple(depends_on), function)
        return function

    return mark


def steps(module: ModuleType | None) -> dict[str, Step]:
    """The populate steps of a module by their names, in the order in which they are written."""
    found = [
        getattr(member, "__ptah_step__", None) for member in vars(module or ModuleType("populate")).values()
    ]
    return {step.name: step for step in found if step is not None}
