"""Whether a script is ready for what a database says against rows.

To hear that, a statement has to be sent at once (`rows.attempt`), which makes the step data-dependent. So that is done only
where somebody listens: within a `try` of a script or of one of its modules (or a `with` of a function that has `suppress` in
it), and within a savepoint.
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType

# Their own handlers are none of a script's.
_LIBRARIES = {"alembic", "sqlalchemy", "ptah_guest", "wit_world"} | sys.stdlib_module_names
_HANDLER = opcode.opmap["PUSH_EXC_INFO"]
_OF_WITH = opcode.opmap["WITH_EXCEPT_START"]


def by_a_script() -> bool:
    """Whether a frame of a script, or of a module that it brought, has a handler around what runs now."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        if name.partition(".")[0] not in _LIBRARIES:
            if any(start <= frame.f_lasti < end for start, end in _handled(frame.f_code)):
                return True
        frame = frame.f_back
    return False


@cache
def _handled(code: CodeType) -> tuple[tuple[int, int], ...]:
    """Where handlers of exceptions cover a function: from which byte on, and up to which."""
    instructions, suppresses = code.co_code, "suppress" in code.co_names

    def handles(target: int) -> bool:
        if instructions[target] != _HANDLER:
            return False
        return suppresses or instructions[target + 2] != _OF_WITH

    return tuple((start, end) for start, end, target in _entries(code) if handles(target))


def _entries(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """The exception table: first byte, the one behind the last, and the handler's. Its format is in CPython's
    InternalDocs/exception_handling.md."""
    data = iter(code.co_exceptiontable)

    def number(byte: int) -> int:
        value = byte & 63
        while byte & 64:
            byte = next(data)
            value = value << 6 | byte & 63
        return value

    for first in data:
        start, length, target = number(first) * 2, number(next(data)) * 2, number(next(data)) * 2
        number(next(data))
        yield start, start + length, target
