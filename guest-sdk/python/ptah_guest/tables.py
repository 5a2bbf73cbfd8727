"""What tables have by now, by name, as the contract's `inspect` knows it."""

from __future__ import annotations

import re

from wit_world.imports import inspect, types

# Alembic's own, which it makes before the first revision. Packages have none: it is answered for as if it were there.
ALEMBIC = "alembic_version"

_QUOTED = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|`([^`]*)`""")


def column_names(table_name: str) -> list[str]:
    return [found.name for found in inspect.columns(table_name)] if table_name in inspect.tables() else []


def constraint_names(table_name: str) -> list[str]:
    if table_name not in inspect.tables():
        return []
    return [found.value.name for found in inspect.constraints(table_name) if found.value.name is not None]


def index_names(table_name: str) -> list[str]:
    return [found.name for found in inspect.indexes(table_name)] if table_name in inspect.tables() else []


def is_alembics(table_name: object) -> bool:
    """Whether Alembic's own table is meant, and not one that the package has by that name."""
    return table_name == ALEMBIC and ALEMBIC not in inspect.tables()


def mentioned(text: types.SqlText, names: list[str]) -> list[str]:
    """The columns that an expression of the host's is over. It writes every name in quotes."""
    found = {part.group(1) or part.group(2) for part in _QUOTED.finditer(text.text)}
    return [name for name in names if name in found]


def selector(table_name: str, found: types.Constraint) -> types.ConstraintSelector:
    """A constraint of a table as a selector: by its name if it has one."""
    inner = found.value
    match found:
        case types.Constraint_PrimaryKey():
            return types.ConstraintSelector_PrimaryKey()
        case _ if inner.name is not None:
            return types.ConstraintSelector_Name(inner.name)
        case types.Constraint_Unique():
            return types.ConstraintSelector_Unique(inner.columns)
        case types.Constraint_ForeignKey():
            return types.ConstraintSelector_ForeignKey(inner.columns)
    return types.ConstraintSelector_Check(mentioned(inner.condition, column_names(table_name)))
