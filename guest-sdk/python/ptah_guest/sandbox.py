"""What a step may not touch, and what it gets instead.

The component has no clock, no randomness, no file, no socket, no thread and no process: WASI is stubbed out,
and a stub that is called ends the step with a bare trap. So the doors of Python's standard library are
replaced before anything else is imported: the clock and randomness come from the run (`ptah:migration/run`),
the rest raises `SandboxError`. While the component is built there is no run either: the clock then stands
still, and a module that looked at it is remembered, so that it can be executed again inside the step.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import itertools
import sys
import time

from wit_world.imports import log, run

_REASON = "the sandbox of a migration step has no %s: %s"

# Set as long as modules are imported for the build.
building = True
# Whether a clock or randomness was asked for since this was last set to False.
touched = False


class SandboxError(PermissionError):
    """A step asked for something that the sandbox does not have."""


def _refuse(what: str, name: str):
    def refused(*_arguments, **_options):
        raise SandboxError(_REASON % (what, name))

    refused.__name__ = refused.__qualname__ = name.rpartition(".")[2]
    return refused


def _replace(module, what: str, *names: str) -> None:
    for name in names:
        if hasattr(module, name):
            setattr(module, name, _refuse(what, f"{module.__name__}.{name}"))


# --- clock ---------------------------------------------------------------------------------------

_started: float | None = None


def _now() -> float:
    """Seconds since 1970 when this run started; 2000-01-01 while the component is built."""
    global _started, touched
    touched = True
    if building:
        return 946684800.0
    if _started is None:
        import datetime

        _started = datetime.datetime.fromisoformat(run.started()).timestamp()
    return _started


def _install_clock() -> None:
    gmtime, strftime, asctime = time.gmtime, time.strftime, time.asctime
    time.time = _now
    time.time_ns = lambda: round(_now() * 1_000_000) * 1000
    # A stopwatch that stands still: nobody can measure anything, and the run's own clock is not asked for.
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, lambda: 0.0)
        setattr(time, name + "_ns", lambda: 0)
    time.gmtime = lambda seconds=None: gmtime(_now() if seconds is None else seconds)
    # The run's clock is UTC, and so is the only time zone.
    time.localtime = lambda seconds=None: gmtime(_now() if seconds is None else seconds)
    time.ctime = lambda seconds=None: asctime(time.gmtime(seconds))
    time.asctime = lambda moment=None: asctime(time.gmtime() if moment is None else moment)
    time.strftime = lambda form, moment=None: strftime(form, time.gmtime() if moment is None else moment)
    time.sleep = lambda _seconds: None
    _replace(time, "clock", "clock_gettime", "clock_gettime_ns", "clock_settime")
    # The C types read the system's clock by themselves; the ones in Python ask `time`.
    for name in ("datetime", "_datetime", "_zoneinfo", "zoneinfo"):
        sys.modules.pop(name, None)
    sys.modules["_datetime"] = None
    sys.modules["_zoneinfo"] = None


# --- randomness ----------------------------------------------------------------------------------


_seed: int | None = None
_drawn = itertools.count()


def _urandom(size: int) -> bytes:
    """Bytes that follow from the run's seed."""
    global _seed, touched
    touched = True
    if _seed is None and not building:
        _seed = run.seed()
    made = b""
    while len(made) < size:
        made += hashlib.sha256(b"ptah %d %d" % (_seed or 0, next(_drawn))).digest()
    return made[:size]


def _install_randomness() -> None:
    import os

    os.urandom = _urandom
    if hasattr(os, "getrandom"):
        os.getrandom = lambda size, flags=0: _urandom(size)
    sys.modules.pop("random", None)
    import random

    base = random.Random

    class Random(base):
        """A generator that takes its first seed from the run, when it is first asked."""

        def __new__(cls, *arguments):
            return super().__new__(cls, 0)

        def __init__(self, x=None):
            super().__init__(0 if x is None else x)
            self._pending = x is None

        def seed(self, a=None, version=2):
            self._pending = False
            if a is None:
                a = int.from_bytes(_urandom(8), "big")
            super().seed(a, version)

        def _ready(self):
            if self._pending:
                self.seed()

        def random(self):
            self._ready()
            return super().random()

        def getrandbits(self, k):
            self._ready()
            return super().getrandbits(k)

        def getstate(self):
            self._ready()
            return super().getstate()

    random.Random = Random
    random._inst = Random()
    for name in dir(random._inst):
        if not name.startswith("_") and callable(getattr(random, name, None)) and hasattr(base, name):
            setattr(random, name, getattr(random._inst, name))


# --- files, sockets, threads, processes ----------------------------------------------------------


def _install_refusals() -> None:
    """Called when everything is imported: what is missing afterwards is said by name."""
    import importlib.machinery
    import os

    builtins.open = io.open = _refuse("files", "open")
    _replace(
        os,
        "files",
        "open",
        "stat",
        "lstat",
        "listdir",
        "scandir",
        "mkdir",
        "makedirs",
        "remove",
        "unlink",
        "rename",
        "replace",
        "rmdir",
        "chdir",
        "getcwd",
        "access",
        "readlink",
        "symlink",
        "link",
        "utime",
        "truncate",
        "walk",
    )
    for name in ("system", "popen", "fork", "execv", "execve", "spawnv", "spawnve", "posix_spawn", "kill"):
        # Python leaves these out where there are no processes; a script shall hear why.
        setattr(os, name, _refuse("processes", f"os.{name}"))
    for name in ("posix", "nt", "_io"):
        module = sys.modules.get(name)
        if module is not None:
            _replace(
                module, "files", "open", "open_code", "stat", "lstat", "fstat", "listdir", "scandir", "FileIO"
            )
    module = sys.modules.get("socket")
    if module is not None:
        _replace(
            module, "sockets", "socket", "create_connection", "create_server", "getaddrinfo", "gethostbyname"
        )
    module = sys.modules.get("subprocess")
    if module is not None:
        _replace(module, "processes", "Popen", "run", "call", "check_call", "check_output")
    module = sys.modules.get("_thread")
    if module is not None:
        _replace(module, "threads", "start_new_thread", "start_joinable_thread")
    module = sys.modules.get("threading")
    if module is not None:
        module.Thread.start = _refuse("threads", "threading.Thread.start")

    class NoMoreModules:
        """Says which module was not there when the component was built."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            raise ModuleNotFoundError(
                f"the module {name!r} is not part of the component: name it in the manifest, under `vendor`,"
                " `modules` or `imports`",
                name=name,
            )

    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if finder in (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)
    ] + [NoMoreModules]


_FAKES = {
    "socket": ("sockets", ("socket", "create_connection", "create_server", "getaddrinfo", "gethostbyname")),
    "subprocess": ("processes", ("Popen", "run", "call", "check_call", "check_output")),
}


def _install_fakes() -> None:
    """Modules that this Python may lack, or that cannot be imported without what they stand for."""
    import importlib
    from types import ModuleType

    for name, (what, members) in _FAKES.items():
        try:
            importlib.import_module(name)
        except Exception:
            module = ModuleType(name, f"Not in the sandbox: {what}.")
            for member in members:
                setattr(module, member, _refuse(what, f"{name}.{member}"))
            module.error = OSError
            module.timeout = TimeoutError
            sys.modules[name] = module


class _Said(io.TextIOBase):
    """What is printed goes to the operator, a line at a time."""

    def __init__(self, level: str):
        self.level, self.rest = level, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line.strip():
                log.message(log.Level[self.level], line)
        return len(text)


def open_for_build() -> None:
    """Replaces clock and randomness. To be called before any other module is imported."""
    _install_clock()
    _install_randomness()
    _install_fakes()


def close() -> None:
    """Ends the build: from now on nothing can be imported, opened or started."""
    global building, _drawn
    _install_refusals()
    _drawn = itertools.count()
    sys.stdout, sys.stderr = _Said("INFO"), _Said("WARN")
    building = False
