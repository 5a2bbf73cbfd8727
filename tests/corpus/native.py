"""Runs a chain with plain Alembic, and shows what a schema is: the other side of tests/corpus.py.

Takes a request a line on stdin, `[verb, argument…]`, and answers with a line of JSON, `{"answer": …}` or
`{"error": …}`. The verbs are the methods of `Native` that no underscore hides. With the libraries of the component
in PYTHONPATH, and the drivers of the servers.
"""

from __future__ import annotations

import datetime
import json
import re
import resource
import sys
import tempfile
import traceback
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

ENVIRONMENT = """
from alembic import context

attributes = context.config.attributes
context.configure(connection=attributes["connection"], target_metadata=attributes["metadata"])
with context.begin_transaction():
    context.run_migrations()
"""
# Kept by the two tools about themselves.
OWN = ("alembic_version", "ptah_db_")


def _cpu() -> float:
    """Seconds of CPU of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _engine(url: str, **options: object) -> sa.Engine:
    """An engine that keeps no connection: databases are dropped here."""
    return sa.create_engine(url, poolclass=NullPool, **options)


class Native:
    """One chain. `scripts` is the folder of its revisions, `naming` the convention of the application's
    MetaData."""

    def __init__(self, folder: str, scripts: str, naming: dict | None):
        Path(folder, "env.py").write_text(ENVIRONMENT, encoding="utf-8")
        self.config = Config()
        self.config.set_main_option("script_location", folder)
        self.config.set_main_option("version_locations", scripts)
        self.config.set_main_option("path_separator", "newline")
        self.config.attributes["metadata"] = sa.MetaData(naming_convention=naming)

    def upgrade(self, url: str, *revisions: str) -> dict:
        """To these revisions, or the heads. How many there are in all, and the CPU seconds it took."""
        # Loading the scripts is no part of what is measured.
        found = list(ScriptDirectory.from_config(self.config).walk_revisions())
        with _engine(url).connect() as connection:
            self.config.attributes["connection"] = connection
            begun = _cpu()
            for revision in revisions or ("heads",):
                command.upgrade(self.config, revision)
            connection.commit()
            return {"cpu": round(_cpu() - begun, 3), "revisions": len(found)}

    def take_back(self, url: str, revisions: list[str]) -> dict:
        """Their downgrades, in this order; how many there were, and what the one raised that ended it. What that
        one left half done stays."""
        script = ScriptDirectory.from_config(self.config)
        for count, revision in enumerate(revisions):
            try:
                with _engine(url).connect() as connection:
                    self.config.attributes["connection"] = connection
                    step = MigrationStep.downgrade_from_script(script.revision_map, script.get_revision(revision))
                    with EnvironmentContext(self.config, script, fn=lambda _revision, _context: [step]):
                        script.run_env()
                    connection.commit()
            except Exception as error:  # noqa: BLE001  A script may raise anything.
                return {"count": count, "raised": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
        return {"count": len(revisions), "raised": None}

    def order(self) -> list[str]:
        """All revisions in an order in which they can be taken back, if each has one before it and one after it;
        else none."""
        found = list(ScriptDirectory.from_config(self.config).walk_revisions())
        plain = all(len(revision._all_down_revisions) == 1 for revision in found[:-1])
        return [revision.revision for revision in found] if plain and not found[-1].down_revision else []

    def plant(self, url: str, statements: str) -> int:
        """Executes INSERT statements, a `;` at the end of a line after each. How many."""
        parts = [part for part in re.split(r";\s*$", statements, flags=re.MULTILINE) if part.strip()]
        with _engine(url).begin() as connection:
            for part in parts:
                connection.exec_driver_sql(part.replace("%", "%%") if "sqlite" not in url else part)
        return len(parts)

    def dump(self, url: str) -> dict:
        """Tables with all that the inspector tells of them, and the rows."""
        with _engine(url).connect() as connection:
            names = [name for name in sorted(sa.inspect(connection).get_table_names()) if not name.startswith(OWN)]
            tables = {name: _table(connection, name) for name in names}
            rows = {name: found for name in names if (found := _rows(connection, name))}
            return {"tables": tables, "rows": rows}

    def create(self, url: str, name: str) -> None:
        """Makes an empty database on a server."""
        self.drop(url, name)
        with _engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")

    def drop(self, url: str, name: str) -> None:
        """Drops one."""
        with _engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def _shown(value: object) -> str:
    """A value as text. What the clock said in the run is no matter of either side: a moment of today, whatever
    the zone, is `now`."""
    text = str(value)
    try:
        moment = datetime.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return "now" if abs(now - moment) < datetime.timedelta(days=1) else text


def _rows(connection: sa.Connection, table: str) -> list[list[str]]:
    quoted = connection.dialect.identifier_preparer.quote(table)
    found = connection.exec_driver_sql(f"SELECT * FROM {quoted}")
    return sorted([_shown(value) for value in line] for line in found)


def _table(connection: sa.Connection, table: str) -> dict:
    inspector, dialect = sa.inspect(connection), connection.dialect
    columns = [
        {
            "name": column["name"],
            "type": column["type"].compile(dialect=dialect),
            **{key: column.get(key) for key in ("nullable", "default", "comment", "computed", "identity")},
            "autoincrement": column.get("autoincrement") if dialect.name != "sqlite" else None,
        }
        for column in inspector.get_columns(table)
    ]
    key = inspector.get_pk_constraint(table)

    def listed(answer: list[dict], *keys: str) -> list[dict]:
        found = [{name: entry.get(name) for name in keys} for entry in answer]
        return sorted(found, key=lambda entry: json.dumps(entry, sort_keys=True, default=str))

    foreign = ("name", "constrained_columns", "referred_table", "referred_columns", "options")
    index = ("name", "column_names", "unique", "expressions", "dialect_options")
    return {
        "columns": columns,
        "pk": {"name": key.get("name"), "columns": key.get("constrained_columns")},
        "fks": listed(inspector.get_foreign_keys(table), *foreign),
        "uniques": listed(inspector.get_unique_constraints(table), "name", "column_names"),
        "indexes": listed(inspector.get_indexes(table), *index),
        "checks": listed(inspector.get_check_constraints(table), "name", "sqltext"),
        "comment": inspector.get_table_comment(table)["text"] if dialect.supports_comments else None,
    }


def main() -> None:
    """Answers until stdin ends."""
    scripts, naming = sys.argv[1:]
    # What scripts print is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        native = Native(folder, scripts, json.loads(naming))
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            try:
                document = {"answer": getattr(native, verb)(*arguments)}
            except Exception as error:  # noqa: BLE001  A script may raise anything.
                traceback.print_exc()
                document = {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
            print(json.dumps(document, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
