#!/usr/bin/env python3
"""Holds the two minicms packages against each other: their plans are byte-equal, whichever language they are
in.

    tests/plans.py RUNNER

Builds the one in Python, and plans and applies every step of both, up, down and populate, on new SQLite files
and on empty databases of the servers that PTAH_TEST_POSTGRES and PTAH_TEST_MARIADB name (tests/servers.sh).
The JSON of the plans must be the same text. Prints one JSON line a kind of database; a server that is not
there is a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import corpus

EXAMPLES = corpus.HERE.parent / "example-packages"
CROWD, RUST = (str(EXAMPLES / name / f"{name}.wasm") for name in ("crowd", "minicms"))
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


def plans(runner: str, urls: list[str], package: str) -> list[str]:
    """The plans of all steps of a package, up, down, and populated, as JSON texts."""
    found = []
    for target, verb, *arguments in (
        (urls[0], "upgrade", "--force", CROWD, package),
        (urls[0], "downgrade", f"{package}:base"),
        (urls[1], "upgrade", CROWD),
        (urls[1], "populate", "-a", package),
    ):
        document = run(runner, target, verb, *arguments)
        for steps in (entry["steps"] for entry in document["packages"] if entry["package"] == "minicms"):
            found += [json.dumps({key: step.get(key) for key in STEP}, sort_keys=True) for step in steps]
    return found


def compared(runner: str, kind: str, python: str, folder: Path, native: corpus.Native) -> bool:
    """Whether the plans are equal on one kind of database. `native` makes the databases."""
    targets = [corpus.Target(kind, f"minicms_{language}", folder, native) for language in ("rust", "python")]
    if any(target.missing for target in targets):
        print(json.dumps({"db": kind, "error": "no server: PTAH_TEST_POSTGRES, PTAH_TEST_MARIADB"}))
        return False
    try:
        for target in targets:
            target.make(0, 1)
        rust, python = (plans(runner, t.urls, package) for t, package in zip(targets, (RUST, python)))
    finally:
        for target in targets:
            target.drop()
    print(json.dumps({"db": kind, "steps": len(rust), "plans_equal": rust == python}), flush=True)
    for mine, theirs in zip(rust, python):
        if mine != theirs:
            print(mine, theirs, sep="\n", file=sys.stderr)
    return rust == python


def main() -> None:
    """Compares on every kind of database."""
    [runner] = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        package = folder / "minicms.wasm"
        corpus.build.build(EXAMPLES / "minicms-python", package)
        native = corpus.Native()
        kinds = ("sqlite", "postgres", "mariadb")
        equal = [compared(runner, kind, str(package), folder, native) for kind in kinds]
        native.close()
    raise SystemExit(not all(equal))


if __name__ == "__main__":
    main()
