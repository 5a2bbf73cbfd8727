#!/usr/bin/env python3
"""Builds the package `doors` and runs its steps, which check what they find.

    guest-sdk/python/tests/run.py RUNNER [URL…]

Runs on a new SQLite file and on every URL given, each of an empty database. The last revision has to fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import build  # noqa: E402


def main() -> None:
    """Builds once and runs everywhere."""
    runner, *urls = sys.argv[1:]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        component = Path(folder, "doors.wasm")
        build.build(HERE / "doors", component)
        for url in [f"sqlite:{folder}/doors.db", *urls]:
            command = [runner, "--limits-profile", "language-runtime", "--json", "--database", url, "upgrade"]
            done = subprocess.run(
                [*command, str(component)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            error = json.loads(done.stdout).get("error") or {"message": "nothing failed"}
            good = "upgrade 005" in error["message"] and "CREATE TRIGGER" in error["message"]
            good = good and "printed by a step" in done.stderr
            for verb, where in (("upgrade", "004"), ("downgrade", "base")) if good else ():
                again = subprocess.run(
                    [*command[:-1], verb, f"{component}:{where}"], stdout=subprocess.PIPE, text=True
                )
                good, error = again.returncode == 0, {"message": again.stdout}
            failed |= not good
            print(f"{url.partition(':')[0]}: {'ok' if good else error['message'] + done.stderr}", flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
