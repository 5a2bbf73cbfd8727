#!/usr/bin/env python3
"""Imports the Alembic project `doors` and runs its steps, which check what they find.

    guest-sdk/python/tests/run.py RUNNER [URL…]

Revisions 001 to 005 run on a new SQLite file and on every URL given, each of an empty database; the last one has
to fail. Those of `lines` branch, merge and depend on each other. Those of `stopped` are wrong, and the sandbox has
to stop each and say why. The default limits have to refuse the component.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What the runner says of a step that does not end by itself. How much a loop gets done in 60 seconds depends
# on the machine.
STOPPED = {
    "loops": (
        "limit exceeded: the step used more than 20000000000 units of fuel",
        "limit exceeded: the step took longer than 60 s",
    ),
    "allocates": ("limit exceeded: the step took more than 268435456 bytes of memory",),
    "recurses": ("limit exceeded: the guest's stack grew beyond 524288 bytes",),
    "logs": ("limit exceeded: the step logged more than 65536 bytes",),
    "inserts": ("limit exceeded: the step has more than 33554432 bytes of SQL",),
    "operations": ("limit exceeded: the step has more than 10000 operations",),
    "nowhere": ("a foreign key of notes to nobody, which does not exist",),
    "rollback": ("not in the contract ptah:migration: a rollback by a script that goes on",),
    "refused": (
        'unsupported: versions/refused.py:16: op.execute(statement) [UPDATE notes SET text = nothing_like_it(text)]: '
        "the function nothing_like_it is not allowed",
    ),
    "missing": (
        'not-found: versions/missing.py:10: op.drop_index( "ix_nothing", "nothing", ): table nothing does not exist',
    ),
    "place": ("versions/place.py:12: op.batch_alter_table(", "the place of a new column"),
}
PROFILE = ["--limits-profile", "language-runtime"]


class Runner:
    """The program, with a component and a folder for databases."""

    def __init__(self, program: str, component: Path):
        self.program, self.component, self.failed = program, component, False

    def start(self, url: str, *arguments: str, profile: list[str] = PROFILE) -> subprocess.Popen:
        """A command that is under way."""
        command = [self.program, *profile, "--json", "--database", url, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process: subprocess.Popen) -> tuple[str, str]:
        """The message of its error, empty if there is none, and its stderr."""
        out, err = process.communicate()
        document = json.loads(out)
        error = document.get("error") if isinstance(document, dict) else None
        return (error["message"] if error else ""), err

    def run(self, url: str, *arguments: str, profile: list[str] = PROFILE) -> tuple[str, str]:
        """A command from beginning to end."""
        return self.end(self.start(url, *arguments, profile=profile))

    def upgrade(self, url: str, revision: str, profile: list[str] = PROFILE) -> tuple[str, str]:
        """An upgrade to a revision."""
        return self.run(url, "upgrade", f"{self.component}:{revision}", profile=profile)

    def expect(self, what: str, good: bool, said: str) -> None:
        """A line for one thing that was looked at."""
        self.failed |= not good
        print(f"{what}: {'ok' if good else said}", flush=True)


def check_doors(runner: Runner, url: str) -> None:
    """The steps that check what they find, up and down again."""
    error, err = runner.upgrade(url, "005")
    good = "upgrade 005" in error and "CREATE TRIGGER" in error and "printed by a step" in err
    for verb, where in (("upgrade", "004"), ("downgrade", "base")) if good else ():
        error, err = runner.run(url, verb, f"{runner.component}:{where}")
        good = good and not error
    runner.expect(url.partition(":")[0], good, error + err)


def imported(runner: Runner, folder: Path) -> None:
    """Makes the component. Ends the test if it cannot be made."""
    command = [runner.program, "--json", "import", "alembic", str(HERE / "doors"), "--output", str(folder)]
    for module in ("words", "more", "late"):
        command += ["--vendor", f"helpers.{module}"]
    command += ["--shim", f"application_server.clock={HERE / 'doors' / 'stand_in.py'}"]
    command += ["--shim", f"application_server={HERE / 'doors' / 'stand_in_above.py'}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    document = json.loads(done.stdout)
    labels = {revision["id"]: revision["branch_labels"] for revision in document["revisions"]}
    good = document["transaction_per_migration"] and document["naming_convention"]["uq"].startswith("uq_")
    warned = {found["file"] for found in document["findings"] if found["severity"] == "warning"}
    good = good and warned == {"versions/004_refused.py", "versions/005_unsaid.py"}
    good = good and labels["b1"] == ["net"] and set(document["heads"]) > {"005", "m2", "s1"}
    runner.expect("import", good, done.stdout)


def check_lines(runner: Runner, url: str) -> None:
    """Branches, merges and dependencies, from base to both heads and down again."""
    for revision, done in (
        ("m2", ["a1", "a2", "a3", "b1", "b2", "a4", "m1", "m2"]),
        ("s1", ["s1"]),
    ):
        process = runner.start(url, "upgrade", f"{runner.component}:{revision}")
        out, err = process.communicate()
        steps = [step["revision"] for package in json.loads(out).get("packages", []) for step in package["steps"]]
        runner.expect(f"lines up to {revision}", sorted(steps) == sorted(done), out + err)
    error, err = runner.run(url, "downgrade", f"{runner.component}:base")
    left, _ = runner.start(url, "current", str(runner.component)).communicate()
    tables = [name for package in json.loads(left) for name in package["tables"]]
    runner.expect("lines down", not error and not tables, error + err + left)


def main() -> None:
    """Builds once and runs everywhere."""
    program, *urls = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(program, Path(folder, "doors", "doors.wasm"))
        imported(runner, runner.component.parent)
        error, _ = runner.upgrade(f"sqlite:{folder}/default.db", "001", profile=[])
        good = "is larger than" in error and "the limits-profile language-runtime allows" in error
        runner.expect("the default limits", good, error)
        # Compiles. The loop takes a minute, beside everything else.
        runner.run("sqlite::memory:", "inspect", str(runner.component))
        loops = runner.start(f"sqlite:{folder}/loops.db", "upgrade", f"{runner.component}:loops")
        for url in [f"sqlite:{folder}/doors.db", *urls]:
            check_doors(runner, url)
        check_lines(runner, f"sqlite:{folder}/lines.db")
        for revision, messages in STOPPED.items():
            if revision == "loops":
                error, _ = runner.end(loops)
            else:
                error, _ = runner.upgrade(f"sqlite:{folder}/{revision}.db", revision)
            runner.expect(revision, any(message in error for message in messages), error)
    raise SystemExit(runner.failed)


if __name__ == "__main__":
    main()
