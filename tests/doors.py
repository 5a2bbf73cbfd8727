#!/usr/bin/env python3
"""Runs the steps of the Python SDK that check what they find (guest-sdk/python/tests/run.py) on all three kinds of
database.

    tests/doors.py RUNNER

SQLite, and empty databases of the servers that PTAH_TEST_POSTGRES and PTAH_TEST_MARIADB name (tests/servers.sh);
a server that is not there is a failure.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import corpus

STEPS = corpus.HERE.parent / "guest-sdk" / "python" / "tests" / "run.py"


def main() -> None:
    """Makes the databases, runs, and drops them."""
    [runner] = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        native = corpus.Native()
        targets = [corpus.Target(kind, "doors", Path(folder), native) for kind in ("postgres", "mariadb")]
        if any(target.missing for target in targets):
            raise SystemExit("no server: PTAH_TEST_POSTGRES, PTAH_TEST_MARIADB")
        try:
            for target in targets:
                target.make(0)
            done = subprocess.run([sys.executable, STEPS, runner, *(target.urls[0] for target in targets)])
        finally:
            for target in targets:
                target.drop()
            native.close()
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
