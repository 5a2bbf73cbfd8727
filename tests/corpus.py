#!/usr/bin/env python3
"""Runs real Alembic chains, unmodified, in the sandbox and natively, and compares what comes out.

    tests/corpus.py --runner target/release/ptah-wasm [--keep DIR] [CHAIN[:DB]…]

Fetches the wheel that a chain comes in and imports it (`ptah-wasm import alembic`). Then twice the way up and down, each
time beside the same scripts under plain Alembic:

- from base to head in one run, and back down in one;
- in steps, with the rows of corpus/CHAIN.sql planted on the way up, before the revisions that move data. On the way down,
  which is one revision at a time if the chain has no branches, tables and rows are compared after each.

"Down" is as far as the chain's own downgrades go: the first that plain Alembic cannot do either ends it. Prints one JSON
line a chain and database:

    {"chain", "db", "revisions",
     "applied", "schema_equal", "rows_equal", "raw_sql_revisions",
     "downgraded", "down_ended": "REVISION: why" or null, "down_schema_equal", "down_rows_equal",
     "planted": rows, "planted_schema_equal", "planted_rows_equal",
     "planted_downgraded", "planted_down_ended", "planted_down_schema_equal", "planted_down_rows_equal",
     "build_s", "component_bytes", "first_start_s", "wall_s", "second_start_s", "cpu_ratio", …}

`raw_sql_revisions` is 1 if the chain ended at a revision that needs raw SQL, which the contract does not have; `error` names
it and its statement. `cpu_ratio` is the runner's CPU time with a warm cache to plain Alembic's without start and imports; `second_start_s` is a
whole process that finds nothing to do; `deliberate` counts the differences of each kind that is one on purpose
(corpus/differences.py), `differences` and `error` say what is not as it should be. Exits 1 if anything is not.
PostgreSQL and MariaDB are used if PTAH_TEST_POSTGRES and PTAH_TEST_MARIADB name a server (tests/servers.sh); databases
py_corpus_… are made there and dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "guest-sdk" / "python"), str(HERE / "corpus")]
import build  # noqa: E402
import differences  # noqa: E402
from chains import CHAINS, Chain  # noqa: E402

DRIVERS = ["psycopg==3.3.9", "psycopg-binary==3.3.9", "PyMySQL==1.2.4"]


def unpacked(requirements: list[str]) -> Path:
    """The files of wheels, fetched unless an earlier run did."""
    name = "wheels-" + "-".join(requirement.replace("==", "-") for requirement in requirements)
    folder = build.cache_folder() / name
    if folder.is_dir():
        return folder
    build.cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build.cache_folder()) as partial:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", partial, *requirements], check=True, stdout=sys.stderr)
        for wheel in list(Path(partial).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(Path(partial) / "unpacked")
        (Path(partial) / "unpacked").rename(folder)
    return folder


class Package:
    """A chain as a package of the runner. `took` is how many seconds its import took."""

    def __init__(self, runner: str, name: str, chain: Chain, folder: Path):
        source = unpacked(chain.wheels)
        self.runner, self.name, self.folder = runner, name, folder / name
        command = [runner, "--json", "import", "alembic", str(source / chain.project), "--path", str(source)]
        command += ["--name", name, "--output", str(self.folder)]
        command += ["--package-version", chain.wheels[0].partition("==")[2]]
        for module in chain.vendor:
            command += ["--vendor", module]
        for module, file in chain.shims.items():
            command += ["--shim", f"{module}={HERE / 'corpus' / file}"]
        begun = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.took = time.monotonic() - begun
        if done.returncode != 0:
            raise SystemExit(f"{name} cannot be imported:\n{done.stderr}")
        document = json.loads(done.stdout)
        self.component = Path(document["component"])
        self.naming = document["naming_convention"]
        root = source / chain.project
        root = root if root.is_dir() else root.parent
        folders = {str((root / revision["file"]).parent): None for revision in document["revisions"]}
        self.scripts = "\n".join(folders)

    def run(self, verb: str, url: str, revision: str = "", *options: str) -> Run:
        """One run of the runner."""
        said = f"{self.component}:{revision}" if revision else str(self.component)
        command = [self.runner, "--limits-profile", "language-runtime", "--json", "--database", url]
        return Run([*command, verb, *options, said])


class Run:
    """What a run of the runner did: its steps, what it failed of or none, its CPU seconds and its seconds by the
    clock."""

    def __init__(self, command: list[str]):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.wall = time.monotonic() - begun
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = {"error": {"message": f"no document: {done.stderr[-500:]}", "applied": [], "step": None}}
        failure = document.get("error")
        packages = failure["applied"] if failure else document["packages"]
        self.steps = [step for package in packages for step in package["steps"]]
        self.error = failure["message"] if failure else None
        # "downgrade REVISION"
        self.failed_at = (failure and failure["step"] or "").rpartition(" ")[2]


class Native:
    """native.py at work for the scripts in some folders, a line each, with their naming convention, if there is one, and
    with modules of theirs. Its verbs are methods here."""

    def __init__(self, scripts: str = "", naming: dict | None = None, modules: tuple[Path, ...] = ()):
        libraries = [*modules, build.fetched(build.LIBRARIES, pure=True), build.fetched(DRIVERS, pure=False)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, libraries)),
            "DISABLE_SQLALCHEMY_CEXT": "1",
        }
        # -P: the stand-ins beside native.py are no modules of its own.
        command = [sys.executable, "-P", str(HERE / "corpus" / "native.py"), scripts, json.dumps(naming)]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __getattr__(self, verb: str):
        def ask(*arguments):
            print(json.dumps([verb, *arguments]), file=self._process.stdin, flush=True)
            document = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
            if "error" in document:
                raise RuntimeError(f"native {verb}: {document['error']}")
            return document["answer"]

        return ask

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


class Target:
    """One kind of database, with an empty one for each side: `urls` as the runner has them, `ours` and `theirs` as SQLAlchemy
    does. `missing` if there is no such server."""

    def __init__(self, kind: str, chain: str, folder: Path, native: Native):
        self.kind, self.native = kind, native
        variable = {"postgres": "PTAH_TEST_POSTGRES", "mariadb": "PTAH_TEST_MARIADB"}.get(kind)
        self.server = os.environ.get(variable) if variable else None
        self.missing = variable is not None and self.server is None
        # Others may run this on the same servers.
        self.names = [f"py_corpus_{chain}_{side}_{os.getpid()}" for side in ("ours", "native")]
        if kind == "sqlite":
            self.files = [folder / f"{name}.db" for name in self.names]
            self.urls = [f"sqlite:{file}" for file in self.files]
            self.ours, self.theirs = (f"sqlite:///{file}" for file in self.files)
        elif self.server:
            base = self.server.rpartition("/")[0]
            self.urls = [f"{base}/{name}" for name in self.names]
            self.ours, self.theirs = map(self._native, self.urls)

    @staticmethod
    def _native(url: str) -> str:
        return url.replace("postgres://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")

    def make(self, *sides: int) -> None:
        """Makes the databases anew, empty."""
        self._servers("create", sides)

    def drop(self) -> None:
        """Drops them."""
        self._servers("drop", (0, 1))

    def _servers(self, verb: str, sides: tuple[int, ...]) -> None:
        for side in sides:
            if self.kind == "sqlite":
                for file in self.files[side].parent.glob(f"{self.names[side]}.db*"):
                    file.unlink()
            else:
                getattr(self.native, verb)(self._native(self.server), self.names[side])


class Journey:
    """One way up and down, on both sides. `line` is what is said of it, `found` what is not the same."""

    def __init__(self, package: Package, target: Target, prefix: str):
        self.package, self.target, self.native, self.prefix = package, target, target.native, prefix
        self.line: dict = {}
        self.found: list[str] = []
        self.deliberate: dict[str, int] = {}
        # What was done natively so far, to do it again.
        self._done: list[tuple] = []
        target.make(0, 1)

    def say(self, **said: object) -> None:
        """Adds to the line."""
        self.line |= {self.prefix + key: value for key, value in said.items()}

    def compare(self, where: str) -> tuple[bool, bool]:
        """Whether schema and rows are the same now."""
        ours, theirs = self.native.dump(self.target.ours), self.native.dump(self.target.theirs)
        tables = differences.of_tables(ours["tables"], theirs["tables"])
        tables, self.deliberate = differences.without_deliberate(tables, self.target.kind)
        rows = differences.of_rows(ours["rows"], theirs["rows"])
        self.found += [f"{self.prefix.replace('_', ', ')}{where}: {one}" for one in tables + rows]
        return not tables, not rows

    def natively(self, verb: str, *arguments: object) -> object:
        """Does something on the native side."""
        self._done.append((verb, *arguments))
        return getattr(self.native, verb)(self.target.theirs, *arguments)

    def up(self, planted: dict[str, str]) -> tuple[Run | None, dict]:
        """To the head, with statements for the way by the revision after which they are executed. The run to the head, none
        if one before it failed, and what native.py says."""
        for revision, statements in planted.items():
            run = self.package.run("upgrade", self.target.urls[0], revision)
            if run.error:
                self.say(error=run.error)
                return None, {}
            self.natively("upgrade", revision)
            self.natively("plant", statements)
            self.native.plant(self.target.ours, statements)
        natively = self.natively("upgrade")
        run = self.package.run("upgrade", self.target.urls[0])
        if run.error:
            self.say(error=run.error)
        else:
            schema, rows = self.compare("head")
            self.say(schema_equal=schema, rows_equal=rows)
            if self.deliberate:
                self.say(deliberate=self.deliberate)
        return run, natively

    def down(self, ways: list[str]) -> None:
        """Back, by a run to each of these revisions, with a comparison after each."""
        count, ended, schema, rows = 0, None, True, True
        for way in ways:
            run = self.package.run("downgrade", self.target.urls[0], way)
            revisions = [step["revision"] for step in run.steps]
            count += len(revisions)
            natively = self.natively("take_back", revisions)
            if natively["raised"]:
                ended = f"{revisions[natively['count']]}: {natively['raised']}"
                self.found.append(f"{self.prefix}down: only natively it ended at {ended}")
                schema = rows = False
                break
            if run.error:
                ended = self._ended(run)
                if ended is None:
                    schema = rows = False
                    break
            same = self.compare(f"down to {way}" if len(ways) > 1 else "down")
            schema, rows = schema and same[0], rows and same[1]
            if run.error or not (schema and rows):
                break
        self.say(downgraded=count, down_ended=ended, down_schema_equal=schema, down_rows_equal=rows)

    def _ended(self, run: Run) -> str | None:
        """Where and why plain Alembic ends too, its database as it was before that; none if it does not."""
        revision = run.failed_at
        natively = self.native.take_back(self.target.theirs, [revision] if revision else [])
        if not natively["raised"]:
            self.found.append(f"{self.prefix}down: only here it ended: {run.error}")
            return None
        self.target.make(1)
        for verb, *arguments in self._done:
            getattr(self.native, verb)(self.target.theirs, *arguments)
        return f"{revision}: {natively['raised']}"


def planted(name: str) -> dict[str, str]:
    """The statements of corpus/NAME.sql by the revision after which they are executed."""
    path = HERE / "corpus" / f"{name}.sql"
    if not path.is_file():
        return {}
    parts = re.split(r"^-- at (\S+):.*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def compared(package: Package, kind: str, native: Native, folder: Path) -> tuple[dict, bool]:
    """The line of one chain on one database, and whether all is as it should be."""
    line: dict = {"chain": package.name, "db": kind}
    target = Target(kind, package.name, folder, native)
    if target.missing:
        return line | {"error": "no server: PTAH_TEST_POSTGRES, PTAH_TEST_MARIADB"}, False
    try:
        target.make(0)
        # Compiles, so that the run that is measured finds it compiled.
        first = package.run("upgrade", target.urls[0], "", "--dry-run")
        whole = Journey(package, target, "")
        run, natively = whole.up({})
        line |= {"revisions": natively["revisions"], "applied": len(run.steps)} | whole.line
        line |= {"raw_sql_revisions": int(needs_raw_sql(run))}
        found, ways = whole.found, native.order()
        if not run.error:
            second = package.run("upgrade", target.urls[0])
            whole.down(["base"])
            line |= whole.line
            stepwise = Journey(package, target, "planted_")
            rows = planted(package.name)
            line["planted"] = sum(statements.count("INSERT") for statements in rows.values())
            last, _ = stepwise.up(rows)
            if last and not last.error:
                stepwise.down([*ways[1:], "base"] if ways else ["base"])
            line |= stepwise.line
            found += stepwise.found
            line |= {
                "first_start_s": round(first.wall, 1),
                "wall_s": round(run.wall, 2),
                "second_start_s": round(second.wall, 3),
                "cpu_ratio": round(run.cpu / max(natively["cpu"], 0.001), 1),
                "cpu_ms_a_revision": round(1000 * run.cpu / len(run.steps), 1),
                "native_cpu_ms_a_revision": round(1000 * natively["cpu"] / natively["revisions"], 1),
            }
        if found:
            line["differences"] = found
    finally:
        target.drop()
    as_it_should_be = not found and not any(key.endswith("error") for key in line)
    return line, as_it_should_be


def needs_raw_sql(run: Run) -> bool:
    """Whether the run ended at a revision that says what the contract has no word for."""
    return bool(re.search(r"not in the contract ptah:migration|\bunsupported: ", run.error or ""))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "chains", nargs="*", metavar="CHAIN[:DB]", help=f"of {', '.join(CHAINS)}; all without one"
    )
    parser.add_argument("--runner", required=True, help="the ptah-wasm binary")
    parser.add_argument("--keep", type=Path, help="a folder for packages, kept afterwards")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        for said in arguments.chains or CHAINS:
            name, _, only = said.partition(":")
            if name not in CHAINS:
                parser.error(f"no chain {name!r}")
            package = Package(arguments.runner, name, CHAINS[name], folder)
            native = Native(package.scripts, package.naming, (package.folder / "modules",))
            for kind in [only] if only else CHAINS[name].databases:
                line, as_it_should_be = compared(package, kind, native, folder)
                line |= {"build_s": round(package.took, 1), "component_bytes": package.component.stat().st_size}
                failed |= not as_it_should_be
                print(json.dumps(line), flush=True)
            native.close()
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
