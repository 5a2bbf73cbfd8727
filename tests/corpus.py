#!/usr/bin/env python3
"""Runs real Alembic chains, unmodified, in the sandbox and natively, and compares what comes out.

    tests/corpus.py --runner target/release/ptah-wasm [--keep DIR] [CHAIN[:DB]…]

Fetches the wheel that a chain comes in, builds the component, runs it from base to head, runs the same
scripts with plain Alembic, and prints one JSON line a chain and database:

    {"chain", "db", "revisions", "applied", "schema_equal", "rows_equal", "raw_sql_revisions", "cpu_ratio", …}

`cpu_ratio` is the runner's CPU time with a warm cache to plain Alembic's without start and imports;
`deliberate` counts the differences of each kind that is one on purpose (DELIBERATE), `differences` and `error` say
what is not as it should be. Exits 1 if anything is not. PostgreSQL and MariaDB
are used if PTAH_TEST_POSTGRES and PTAH_TEST_MARIADB name a server (tests/servers.sh); databases py_corpus_…
are made there and dropped.
"""

from __future__ import annotations

import argparse
import dataclasses
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
sys.path.insert(0, str(HERE.parent / "guest-sdk" / "python"))
import build  # noqa: E402

DRIVERS = ["psycopg==3.3.9", "psycopg-binary==3.3.9", "PyMySQL==1.2.4"]


@dataclasses.dataclass
class Chain:
    """Where a chain comes from and what it needs. Paths are taken from the folder of the unpacked wheels;
    those that begin with `corpus/` lie beside this script."""

    wheels: list[str]
    versions: str
    databases: list[str]
    modules: dict[str, str] = dataclasses.field(default_factory=dict)


CHAINS = {
    "argilla": Chain(["argilla-server==2.8.0"], "argilla_server/alembic/versions", ["sqlite", "postgres"]),
    "octavia": Chain(
        ["octavia==19.0.0", "octavia-lib==3.12.0"],
        "octavia/db/migration/alembic_migrations/versions",
        ["mariadb"],
        {
            "octavia.common.constants": "octavia/common/constants.py",
            "octavia_lib.common.constants": "octavia_lib/common/constants.py",
            "oslo_log.log": "corpus/oslo_log.py",
        },
    ),
    "mlflow_auth": Chain(
        ["mlflow==3.18.0"],
        "mlflow/server/auth/db/migrations/versions",
        ["sqlite", "postgres"],
        {
            "mlflow.exceptions": "corpus/mlflow_exceptions.py",
            "mlflow.utils.workspace_utils": "corpus/mlflow_workspace_utils.py",
        },
    ),
}


# What is not the same on purpose: the database, what is said of the difference, and why.
DELIBERATE = [
    (
        "postgres",
        r"\S+ (default: None here, \"nextval\('.*'::regclass\)\"|identity: {.*} here, None) natively",
        "a column that the database numbers is an identity column, and not a serial one",
    ),
    (
        "sqlite",
        r"\S+ default: '[01]' here, '(true|false)' natively",
        "a boolean constant is written 1 or 0; TRUE and FALSE are that to SQLite",
    ),
    (
        "mariadb",
        r"\S+ indexes: only (here|natively) {'name': "
        r"('(?P<c>\w+)', 'column_names': \['(?P=c)'\]|'(fk_\w+|\w+_ibfk_\d+)', 'column_names': \[[^]]*\]), 'unique': False.*",
        "the index that a foreign key needs is named after the key, and goes with it",
    ),
]


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


def native_environment(*modules: Path) -> dict[str, str]:
    """The environment of native.py: the component's libraries and the drivers, after these modules."""
    libraries = [*modules, build.fetched(build.LIBRARIES, pure=True), build.fetched(DRIVERS, pure=False)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, libraries)),
        "DISABLE_SQLALCHEMY_CEXT": "1",
    }


class Target:
    """One kind of database, with an empty one for each side."""

    def __init__(self, kind: str, chain: str, folder: Path, environment: dict[str, str]):
        self.kind, self.environment = kind, environment
        self.names = [f"py_corpus_{chain}_{side}" for side in ("ours", "native")]
        self.server = {
            "postgres": os.environ.get("PTAH_TEST_POSTGRES"),
            "mariadb": os.environ.get("PTAH_TEST_MARIADB"),
        }.get(kind, "")
        if kind != "sqlite":
            # Others may run this on the same servers.
            self.names = [f"{name}_{os.getpid()}" for name in self.names]
        if kind == "sqlite":
            self.urls = [f"sqlite:{folder / name}.db" for name in self.names]
            self.native_urls = [f"sqlite:///{folder / name}.db" for name in self.names]
        elif self.server:
            base = self.server.rpartition("/")[0]
            self.urls = [f"{base}/{name}" for name in self.names]
            self.native_urls = [self._native(url) for url in self.urls]

    @staticmethod
    def _native(url: str) -> str:
        return url.replace("postgres://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")

    def native(self, *arguments: str) -> str:
        """The output of native.py."""
        # -P: the stand-ins beside native.py are no modules of its own.
        command = [sys.executable, "-P", str(HERE / "corpus" / "native.py"), *arguments]
        done = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"native {arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    def servers(self, verb: str) -> None:
        """Makes or drops the databases on a server."""
        for name in self.names if self.kind != "sqlite" else ():
            self.native(verb, self._native(self.server), name)


def differences(ours: dict, native: dict) -> list[str]:
    """What is not the same in two dumps, in words."""
    found = []
    for table in sorted(set(ours) | set(native)):
        if table not in ours or table not in native:
            found.append(f"{table}: only {'natively' if table in native else 'here'}")
            continue
        for part in native[table]:
            mine, theirs = ours[table][part], native[table][part]
            if mine == theirs:
                continue
            if part == "columns" and [c["name"] for c in mine] == [c["name"] for c in theirs]:
                for one, other in zip(mine, theirs):
                    found += [
                        f"{table}.{one['name']} {key}: {one[key]!r} here, {other[key]!r} natively"
                        for key in other
                        if one[key] != other[key]
                    ]
            elif isinstance(mine, list):
                found += [f"{table} {part}: only here {entry}" for entry in mine if entry not in theirs]
                found += [f"{table} {part}: only natively {entry}" for entry in theirs if entry not in mine]
            else:
                found.append(f"{table} {part}: {mine} here, {theirs} natively")
    return found


def measured(command: list[str]) -> tuple[subprocess.CompletedProcess, float, float]:
    """A command, its CPU seconds and its seconds by the clock."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, cpu, time.monotonic() - begun


def prepared(name: str, chain: Chain, folder: Path) -> tuple[Path, dict[str, str], float]:
    """The component of a chain, the environment of its native run, and how long the build took."""
    source = unpacked(chain.wheels)
    package = folder / name
    package.mkdir(parents=True, exist_ok=True)
    place = lambda path: (HERE if path.startswith("corpus/") else source) / path  # noqa: E731
    lines = [f'name = "{name}"', f'version = "{chain.wheels[0].partition("==")[2]}"']
    lines += [f'versions = "{place(chain.versions)}"', "[modules]"]
    lines += [f'"{module}" = "{place(file)}"' for module, file in chain.modules.items()]
    (package / "ptah-python.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    modules = folder / f"{name}-modules"
    for module, file in chain.modules.items():
        target = modules.joinpath(*module.split(".")).with_suffix(".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(place(file).read_bytes())
    environment = native_environment(modules)
    component = folder / f"{name}.wasm"
    begun = time.monotonic()
    build.build(package, component)
    return component, environment, time.monotonic() - begun


def compared(
    runner: str, name: str, kind: str, component: Path, scripts: Path, folder: Path, environment: dict
) -> dict:
    """The line of one chain on one database."""
    line: dict = {"chain": name, "db": kind}
    target = Target(kind, name, folder, environment)
    if target.server is None:
        return line | {"error": "no server: PTAH_TEST_POSTGRES, PTAH_TEST_MARIADB"}
    target.servers("create")
    try:
        native = json.loads(target.native("upgrade", target.native_urls[1], str(scripts)))
        command = [runner, "--limits-profile", "language-runtime", "--json"]
        # Compiles, so that the run that is measured finds it compiled.
        _, _, first = measured(
            [*command, "--database", target.urls[0], "upgrade", "--dry-run", str(component)]
        )
        done, cpu, wall = measured([*command, "--database", target.urls[0], "upgrade", str(component)])
        document = json.loads(done.stdout)
        failure = document.get("error")
        packages = failure["applied"] if failure else document["packages"]
        steps = [step for package in packages for step in package["steps"]]
        line |= {"revisions": native["revisions"], "applied": len(steps)}
        ours, theirs = (json.loads(target.native("dump", url)) for url in target.native_urls)
        found = differences(ours["tables"], theirs["tables"]) if not failure else []
        deliberate = {}
        for database, said, reason in DELIBERATE:
            alike = [one for one in found if database == kind and re.fullmatch(said, one)]
            found = [one for one in found if one not in alike]
            deliberate |= {reason: len(alike)} if alike else {}
        line |= {
            "schema_equal": not failure and not found,
            "rows_equal": not failure and ours["rows"] == theirs["rows"],
            "raw_sql_revisions": sum(
                any(operation["op"] == "raw-sql" for operation in step["plan"]["operations"])
                for step in steps
            ),
            "first_start_s": round(first, 1),
            "wall_s": round(wall, 2),
        }
        if steps and not failure:
            line |= {
                "cpu_ratio": round(cpu / max(native["cpu"], 0.001), 1),
                "cpu_ms_a_revision": round(1000 * cpu / len(steps), 1),
                "native_cpu_ms_a_revision": round(1000 * native["cpu"] / native["revisions"], 1),
            }
        if deliberate:
            line["deliberate"] = deliberate
        if found:
            line["differences"] = found
        if failure:
            line["error"] = failure["message"]
    finally:
        target.servers("drop")
    return line


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "chains", nargs="*", metavar="CHAIN[:DB]", help=f"of {', '.join(CHAINS)}; all without one"
    )
    parser.add_argument("--runner", required=True, help="the ptah-wasm binary")
    parser.add_argument("--keep", type=Path, help="a folder for components and SQLite files, kept afterwards")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        for said in arguments.chains or CHAINS:
            name, _, only = said.partition(":")
            if name not in CHAINS:
                parser.error(f"no chain {name!r}")
            chain = CHAINS[name]
            component, environment, took = prepared(name, chain, folder)
            scripts = unpacked(chain.wheels) / chain.versions
            for kind in [only] if only else chain.databases:
                for side in ("ours", "native"):
                    (folder / f"py_corpus_{name}_{side}.db").unlink(missing_ok=True)
                line = compared(arguments.runner, name, kind, component, scripts, folder, environment)
                line |= {"build_s": round(took, 1), "component_bytes": component.stat().st_size}
                failed |= not (line.get("schema_equal") and line.get("rows_equal"))
                print(json.dumps(line), flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
