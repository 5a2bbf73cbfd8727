#!/usr/bin/env python3
"""Holds the two minicms packages against each other: their plans are byte-equal, whichever language they are
in.

    tests/plans.py RUNNER RUST.wasm PYTHON.wasm CROWD.wasm [URL…]

Every step, up, down and populate, is planned and applied on new SQLite files, and on every URL given: with
`{}` in it, which becomes 0 to 3, the names of four empty databases. The JSON of the plans must be the same
text. Prints one JSON line a kind of database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

# What the runner reports of a step and the language of its package has no part in.
STEP = (
    "kind",
    "line",
    "plan",
    "add",
    "remove",
    "stamps",
    "requires",
    "reads_rows",
    "reads_run_values",
    "schema_digest",
)


def run(runner: str, url: str, *arguments: str) -> dict:
    """The JSON document of a command."""
    command = [runner, "--limits-profile", "language-runtime", "--json", "--database", url, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def plans(runner: str, urls: list[str], package: str, crowd: str) -> list[str]:
    """The plans of all steps of a package, up, down, and populated, as JSON texts."""
    found = []
    for target, verb, *arguments in (
        (urls[0], "upgrade", "--force", crowd, package),
        (urls[0], "downgrade", f"{package}:base"),
        (urls[1], "upgrade", crowd),
        (urls[1], "populate", "-a", package),
    ):
        document = run(runner, target, verb, *arguments)
        for steps in (entry["steps"] for entry in document["packages"] if entry["package"] == "minicms"):
            found += [json.dumps({key: step.get(key) for key in STEP}, sort_keys=True) for step in steps]
    return found


def main() -> None:
    """Compares on every target."""
    runner, rust, python, crowd, *urls = sys.argv[1:]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for url in [None, *urls]:
            targets = [
                (url or f"sqlite:{os.path.join(folder, '{}.db')}").format(number) for number in range(4)
            ]
            answers = [plans(runner, targets[:2], rust, crowd), plans(runner, targets[2:], python, crowd)]
            equal = answers[0] == answers[1]
            failed |= not equal
            kind = (url or "sqlite").partition(":")[0]
            print(json.dumps({"db": kind, "steps": len(answers[0]), "plans_equal": equal}))
            if not equal:
                for mine, theirs in zip(*answers):
                    if mine != theirs:
                        print(mine, theirs, sep="\n", file=sys.stderr)
                        break
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
