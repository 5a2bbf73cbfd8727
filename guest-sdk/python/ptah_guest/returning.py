"""INSERT … RETURNING of one row: the row is asked for by its key, which the statement says or the database draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Insert
from sqlalchemy.sql.elements import BindParameter
from wit_world.imports import inspect, types


def answered(
    connection: Connection, element: object, many: Sequence, parameters: Mapping, _options: Mapping
) -> tuple[object, Sequence, Mapping]:
    """What is executed in the place of an element: for such an INSERT, which has run by then, the query of its row. Anything
    else stays, and SQLAlchemy says that there is no RETURNING. To be called before an element is executed."""
    if not isinstance(element, Insert) or not element._returning:
        return element, many, parameters
    drawn = _drawn(element, parameters or (many[0] if many else {})) if len(many) < 2 else None
    if drawn is None:
        return element, many, parameters
    plain = element._generate()
    plain._returning = ()
    result = connection.execute(plain, *(many or ([parameters] if parameters else [])))
    given, table = result.last_inserted_params(), element.table
    key = {name: result.lastrowid if name in drawn else given[name] for name in _key(str(table.name))}
    return select(*element._returning).where(*(table.c[name] == value for name, value in key.items())), (), {}


def _key(table_name: str) -> list[str]:
    found = inspect.constraints(table_name) if table_name in inspect.tables() else []
    return next((list(one.value.columns) for one in found if isinstance(one, types.Constraint_PrimaryKey)), [])


def _drawn(element: Insert, parameters: Mapping) -> list[str] | None:
    """The column of the key that the database draws, or no column; none where not all of the key can be known: a row of a
    query, several rows, an expression, a default of the database."""
    table, key = element.table, _key(str(element.table.name))
    is_mapped = element._propagate_attrs.get("compile_state_plugin") == "orm"
    if is_mapped or element.select is not None or element._multi_values or not key or not {*key} <= {*table.c.keys()}:
        return None
    said = {getattr(column, "key", column): value for column, value in (element._values or {}).items()}
    if any(name in said and not isinstance(said[name], BindParameter) for name in key):
        return None
    missing = [name for name in key if name not in said and name not in parameters]
    defaults = {name: getattr(table.c[name], "default", None) for name in missing}
    if any(default is not None and (default.is_sequence or default.is_clause_element) for default in defaults.values()):
        return None
    missing = [name for name in missing if defaults[name] is None]
    numbered = [column.name for column in inspect.columns(str(table.name)) if column.auto_increment]
    return missing if missing in ([], numbered) else None
