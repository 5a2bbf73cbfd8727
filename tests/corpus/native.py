"""Runs a chain with plain Alembic, and shows what a schema is: the other side of tests/corpus.py.

    native.py upgrade URL SCRIPTS [NAMING]   runs the scripts from base to head; prints the CPU seconds it took
    native.py dump URL                       prints the schema and the rows of a database as JSON
    native.py create|drop URL NAME           makes or drops an empty database on a server

With the libraries of the component in PYTHONPATH, and the drivers of the servers.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

ENVIRONMENT = """
from alembic import context

attributes = context.config.attributes
context.configure(connection=attributes["connection"], target_metadata=attributes["metadata"])
with context.begin_transaction():
    context.run_migrations()
"""
# Kept by the two tools about themselves.
OWN = ("alembic_version", "ptah_db_")


def cpu() -> float:
    """Seconds of CPU of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def upgrade(url: str, scripts: str, naming: str = "null") -> None:
    """From base to head."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "env.py").write_text(ENVIRONMENT, encoding="utf-8")
        config = Config()
        config.set_main_option("script_location", folder)
        config.set_main_option("version_locations", scripts)
        config.set_main_option("path_separator", "newline")
        # Loading the scripts is no part of what is measured.
        revisions = list(ScriptDirectory.from_config(config).walk_revisions())
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["metadata"] = sa.MetaData(naming_convention=json.loads(naming))
            begun = cpu()
            command.upgrade(config, "heads")
            connection.commit()
            print(json.dumps({"cpu": round(cpu() - begun, 3), "revisions": len(revisions)}))


def shown(value: object) -> str:
    """A value as text. What the clock said in the run is no matter of either side: a moment of today, whatever
    the zone, is `now`."""
    text = str(value)
    try:
        moment = datetime.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return "now" if abs(now - moment) < datetime.timedelta(days=1) else text


def dump(url: str) -> None:
    """Tables with all that the inspector tells of them, and the rows."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        inspector, dialect = sa.inspect(connection), engine.dialect
        tables, rows = {}, {}
        for table in sorted(inspector.get_table_names()):
            if table.startswith(OWN):
                continue
            columns = [
                {
                    "name": column["name"],
                    "type": column["type"].compile(dialect=dialect),
                    **{
                        key: column.get(key)
                        for key in ("nullable", "default", "comment", "computed", "identity")
                    },
                    "autoincrement": column.get("autoincrement") if dialect.name != "sqlite" else None,
                }
                for column in inspector.get_columns(table)
            ]
            key = inspector.get_pk_constraint(table)

            def listed(answer: list[dict], *keys: str) -> list[dict]:
                found = [{name: entry.get(name) for name in keys} for entry in answer]
                return sorted(found, key=lambda entry: json.dumps(entry, sort_keys=True, default=str))

            comment = inspector.get_table_comment(table)["text"] if dialect.supports_comments else None
            tables[table] = {
                "columns": columns,
                "pk": {"name": key.get("name"), "columns": key.get("constrained_columns")},
                "fks": listed(
                    inspector.get_foreign_keys(table),
                    "name",
                    "constrained_columns",
                    "referred_table",
                    "referred_columns",
                    "options",
                ),
                "uniques": listed(inspector.get_unique_constraints(table), "name", "column_names"),
                "indexes": listed(
                    inspector.get_indexes(table),
                    "name",
                    "column_names",
                    "unique",
                    "expressions",
                    "dialect_options",
                ),
                "checks": listed(inspector.get_check_constraints(table), "name", "sqltext"),
                "comment": comment,
            }
            quoted = dialect.identifier_preparer.quote(table)
            found = connection.execute(sa.text(f"SELECT * FROM {quoted}"))
            lines = sorted([shown(value) for value in line] for line in found)
            if lines:
                rows[table] = lines
        print(json.dumps({"tables": tables, "rows": rows}, default=str))


def server(verb: str, url: str, name: str) -> None:
    """Makes an empty database, or drops one."""
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}"))
        if verb == "create":
            connection.execute(sa.text(f"CREATE DATABASE {name}"))


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb in ("create", "drop"):
        server(verb, *arguments)
    else:
        {"upgrade": upgrade, "dump": dump}[verb](*arguments)
