"""Whether a script is ready for what a database says against rows.

To hear that, a statement has to be sent at once (`rows.attempt`), which makes the step data-dependent. So that is done only
where somebody listens: within a `try` of the project's own code, within a `with` of it that is about `suppress` or a context
manager of the project's own, and within a savepoint.
"""

from __future__ import annotations

import contextlib
import opcode
import sys
from collections.abc import Iterator
from functools import cache
from inspect import CO_GENERATOR
from types import CodeType, FrameType, FunctionType, ModuleType

from . import places

_HANDLER = opcode.opmap["PUSH_EXC_INFO"]
_OF_WITH = opcode.opmap["WITH_EXCEPT_START"]


def by_a_script() -> bool:
    """Whether a frame of the project's has a handler around what runs now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if places.is_own(frame.f_code):
            around = [of_with for start, end, of_with in _handlers(frame.f_code) if start <= frame.f_lasti < end]
            if not all(around) or (around and any(_handles(found) for found in _named(frame))):
                return True
        frame = frame.f_back
    return False


@cache
def _handlers(code: CodeType) -> tuple[tuple[int, int, bool], ...]:
    """Where handlers of exceptions cover code: from which byte on, up to which, and whether it is a `with`."""
    instructions = code.co_code
    return tuple(
        (start, end, instructions[target + 2] == _OF_WITH)
        for start, end, target in _entries(code)
        if instructions[target] == _HANDLER
    )


def _named(frame: FrameType) -> Iterator[object]:
    """What code mentions, by a name or as a member of a module: what a `with` of it is about is among these."""
    spaces = [frame.f_locals, frame.f_globals]
    spaces += [vars(found) for space in spaces for found in space.values() if isinstance(found, ModuleType)]
    for name in (*frame.f_code.co_names, *frame.f_code.co_varnames, *frame.f_code.co_freevars):
        yield from (space[name] for space in spaces if name in space)


def _handles(found: object) -> bool:
    """Whether it is, or makes, a context manager that may handle exceptions: `suppress`, or one of the project's own."""
    if isinstance(found, FunctionType):
        # Of `@contextmanager`.
        made_by = vars(found).get("__wrapped__")
        code = getattr(made_by, "__code__", None)
        return code is not None and bool(code.co_flags & CO_GENERATOR) and places.is_own(code)
    cls = found if isinstance(found, type) else type(found)
    if issubclass(cls, contextlib.suppress):
        return True
    code = getattr(getattr(cls, "__exit__", None), "__code__", None)
    return code is not None and places.is_own(code)


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
