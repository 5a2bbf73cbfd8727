"""Questions to the server that have an answer here: what it is, and whether there is a table, a column or an index.

Only whole statements of a few forms are known; another is left to the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wit_world.imports import inspect, types

from . import tables

Answer = tuple[list[str], list[tuple]]

# What a step's database goes by; what the operator calls it is no matter of scripts.
DATABASE = "ptah"
# Which versions a target really has is the host's concern; these are plausible ones, for scripts that look.
VERSIONS = {"sqlite": (3, 45, 0), "postgresql": (15, 0), "mysql": (10, 11, 0)}

_VERSION = {name: ".".join(map(str, version)) for name, version in VERSIONS.items()}
_TOLD = {
    "sqlite": {"sqlite_version()": _VERSION["sqlite"]},
    "postgresql": {
        "current_database()": DATABASE,
        "current_schema()": "public",
        "current_schema": "public",
        "version()": f"PostgreSQL {_VERSION['postgresql']}",
    },
    "mysql": {
        "database()": DATABASE,
        "schema()": DATABASE,
        "version()": f"{_VERSION['mysql']}-MariaDB",
        "@@version": f"{_VERSION['mysql']}-MariaDB",
    },
}
_TELLS = re.compile(r"\s*SELECT\s+(?P<what>@?@?\w+(?:\(\))?)(?:\s+AS\s+(?P<name>\w+))?\s*;?\s*", re.IGNORECASE)
_VARIABLES = re.compile(r"\s*SHOW\s+(?:(?:SESSION|GLOBAL)\s+)?VARIABLES\s+LIKE\s+(?:'[^']*'|\"[^\"]*\")\s*;?\s*", re.IGNORECASE)

_COLUMN = r"""(?:\w+|"\w+"|`\w+`)"""
_ITEM = rf"(?:COUNT\(\*\)|{_COLUMN})(?:\s+AS\s+\w+)?"
_VALUE = r"(?:'(?:[^']|'')*'|\?|\$\d+|\w+\(\))"
_CONDITION = rf"{_COLUMN}\s*=\s*{_VALUE}"
_LOOKS = re.compile(
    rf"\s*SELECT\s+(?P<items>{_ITEM}(?:\s*,\s*{_ITEM})*)\s+FROM\s+(?P<source>[\w.]+)"
    rf"(?:\s+WHERE\s+(?P<where>{_CONDITION}(?:\s+AND\s+{_CONDITION})*))?"
    rf"(?:\s+ORDER\s+BY\s+(?P<order>{_COLUMN}))?(?P<limit>\s+LIMIT\s+1)?\s*;?\s*",
    re.IGNORECASE,
)
_EXISTS = re.compile(r"\s*SELECT\s+EXISTS\s*\((?P<query>[^()]*(?:\(\)[^()]*)*)\)(?:\s+AS\s+(?P<name>\w+))?\s*;?\s*", re.IGNORECASE)

# Whether an index was built to its end: one that was not is none to the host, which makes it anew.
_VALID = re.compile(
    rf"\s*SELECT\s+(?:i\.)?indisvalid\s+FROM\s+pg_index(?:\s+(?:AS\s+)?i)?\s+WHERE\s+(?:i\.)?indexrelid\s*=\s*"
    rf"(?:to_regclass\(\s*(?P<name>{_VALUE})\s*\)|(?P<cast>{_VALUE})::regclass)\s*;?\s*",
    re.IGNORECASE,
)


def answer(statement: str, parameters: Sequence[object], dialect: str) -> Answer | None:
    """Names of columns and rows; none for a statement that is no such question."""
    if dialect == "mysql" and _VARIABLES.fullmatch(statement):
        # Those of the server are the host's concern.
        return ["Variable_name", "Value"], []
    if dialect == "postgresql" and (asked := _VALID.fullmatch(statement)):
        name = _wanted(f"name = {asked['name'] or asked['cast']}", list(parameters), dialect)["name"]
        return ["indisvalid"], [(True,)] if name in (row[2] for row in _pg_indexes({})) else []
    if told := _TELLS.fullmatch(statement):
        value = _TOLD[dialect].get(told["what"].lower())
        return None if value is None else ([told["name"] or told["what"]], [(value,)])
    if exists := _EXISTS.fullmatch(statement):
        found = _look(exists["query"], parameters, dialect)
        is_there = found is not None and bool(found[1])
        return found and ([exists["name"] or "exists"], [(is_there if dialect == "postgresql" else int(is_there),)])
    return _look(statement, parameters, dialect)


def _look(statement: str, parameters: Sequence[object], dialect: str) -> Answer | None:
    asked = _LOOKS.fullmatch(statement)
    source = asked and _SOURCES[dialect].get(asked["source"].lower().removeprefix("pg_catalog."))
    if not source:
        return None
    columns, rows = source
    wanted = _wanted(asked["where"] or "", list(parameters), dialect)
    items = [(_plain(item.split()[0]), item.split()[-1].strip('"`')) for item in re.split(r"\s*,\s*", asked["items"])]
    names = {column for column, _ in items if column not in ("1", "count(*)")} | set(wanted)
    if asked["order"]:
        names.add(_plain(asked["order"]))
    if not names <= set(columns) or (rows is _of_sqlite and "name" not in wanted and wanted.get("type") != "table"):
        # Indexes that SQLite makes by itself are not known here.
        return None
    found = [dict(zip(columns, row)) for row in rows(wanted)]
    found = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    if asked["order"]:
        found.sort(key=lambda row: row[_plain(asked["order"])])
    if any(column == "count(*)" for column, _ in items):
        return ([name for _, name in items], [(len(found),)]) if len(items) == 1 else None
    found = found[:1] if asked["limit"] else found
    return [name for _, name in items], [tuple(1 if column == "1" else row[column] for column, _ in items) for row in found]


def _plain(name: str) -> str:
    return name.strip('"`').lower()


def _wanted(where: str, parameters: list[object], dialect: str) -> dict[str, object]:
    """Column → value of the conditions. What no row can equal is an object of its own."""
    wanted: dict[str, object] = {}
    for condition in re.finditer(rf"({_COLUMN})\s*=\s*({_VALUE})", where):
        name, said = _plain(condition[1]), condition[2]
        if said.startswith("'"):
            value: object = said[1:-1].replace("''", "'")
        elif said == "?":
            value = parameters.pop(0)
        elif said.startswith("$"):
            value = parameters[int(said[1:]) - 1]
        else:
            value = _TOLD[dialect].get(said.lower(), object())
        if wanted.setdefault(name, value) != value:
            wanted[name] = object()
    return wanted


def _tables(wanted: dict[str, object], column: str) -> list[str]:
    """The tables, and Alembic's own if it is asked for."""
    alembic = [tables.ALEMBIC] if wanted.get(column) == tables.ALEMBIC else []
    return [*inspect.tables(), *(name for name in alembic if name not in inspect.tables())]


def _of_sqlite(wanted: dict[str, object]) -> Iterator[tuple]:
    for table in _tables(wanted, "name"):
        yield "table", table, table
    for table in inspect.tables():
        yield from (("index", name, table) for name in tables.index_names(table))


def _of_schema(schema: str, catalog: str) -> dict:
    def columns(_wanted: dict[str, object]) -> Iterator[tuple]:
        for table in inspect.tables():
            for place, column in enumerate(inspect.columns(table), 1):
                yield catalog, schema, table, column.name, place, "YES" if column.nullable else "NO"

    named = ("table_catalog", "table_schema", "table_name")
    return {
        "information_schema.tables": (
            (*named, "table_type"),
            lambda wanted: ((catalog, schema, table, "BASE TABLE") for table in _tables(wanted, "table_name")),
        ),
        "information_schema.columns": ((*named, "column_name", "ordinal_position", "is_nullable"), columns),
    }


def _pg_indexes(_wanted: dict[str, object]) -> Iterator[tuple]:
    for table in inspect.tables():
        keys = (types.Constraint_PrimaryKey, types.Constraint_Unique)
        made = [found.value.name for found in inspect.constraints(table) if isinstance(found, keys)]
        yield from (("public", table, name) for name in (*tables.index_names(table), *filter(None, made)))


_MASTER = (("type", "name", "tbl_name"), _of_sqlite)
_SOURCES: dict[str, dict] = {
    "sqlite": {"sqlite_master": _MASTER, "sqlite_schema": _MASTER},
    "postgresql": {
        **_of_schema("public", DATABASE),
        "pg_tables": (
            ("schemaname", "tablename"),
            lambda wanted: (("public", table) for table in _tables(wanted, "tablename")),
        ),
        "pg_indexes": (("schemaname", "tablename", "indexname"), _pg_indexes),
    },
    "mysql": _of_schema(DATABASE, "def"),
}
