"""Where in a project's own files something happened: not in a library, and not in this SDK."""

from __future__ import annotations

import linecache
import sys
from types import CodeType, FrameType, TracebackType

# The longest text of a statement or a call that is shown.
_SHOWN = 200
# Folder of the SDK and of what a package vendors; libraries lie elsewhere.
_STAGE = __file__.rpartition("/")[0].rpartition("/")[0] + "/"


def is_own(code: CodeType) -> bool:
    """Whether code is the project's: a script, or a module that it vendors."""
    filename = code.co_filename
    if filename.startswith(_STAGE):
        return not filename.startswith((_STAGE + "ptah_guest/", _STAGE + "ptah_component"))
    return not filename.startswith(("/", "<"))


def here() -> str | None:
    """The innermost place of the project that is being executed."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_own(frame.f_code):
            return _shown(frame.f_code, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    return None


def of(error: BaseException) -> str | None:
    """The innermost place of the project that an exception went through."""
    found: TracebackType | None = None
    at = error.__traceback__
    while at is not None:
        if is_own(at.tb_frame.f_code):
            found = at
        at = at.tb_next
    return None if found is None else _shown(found.tb_frame.f_code, found.tb_lasti, found.tb_lineno)


def short(text: str) -> str:
    """A text on one line, cut if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _shown(code: CodeType, instruction: int, line: int) -> str:
    """File and line, and what is called there."""
    filename = code.co_filename.removeprefix(_STAGE)
    first, last, begin, end = next(
        (place for number, place in enumerate(code.co_positions()) if number == instruction // 2),
        (line, line, None, None),
    )
    if first is None:
        first, last, begin, end = line, line, None, None
    lines = [text.encode() for text in linecache.cache.get(code.co_filename, (0, None, [], ""))[2][first - 1 : last]]
    if lines and begin is not None:
        # Columns are bytes.
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][begin:]
    source = short(b"".join(lines).decode(errors="replace"))
    return f"{filename}:{first}" + (f": {source}" if source else "")
