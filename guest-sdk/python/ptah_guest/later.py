"""Foreign keys to tables that a step makes only after them. SQLite looks at neither end when a table is made; the
contract wants both to be there, so such a key waits for its table, until the step ends."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import schema
from wit_world.imports import inspect, types
from wit_world.imports import schema as contract

from . import elements
from .errors import NotInContract, call

if TYPE_CHECKING:
    from .impl import HostImpl

_MAKES = re.compile(r"\s*CREATE\s", re.IGNORECASE)

# Of this step: the table of each, and the key.
_waiting: list[tuple[str, types.Constraint_ForeignKey]] = []


def make_table(
    impl: HostImpl, table: schema.Table, keys: Collection[schema.ForeignKeyConstraint] | None = None
) -> None:
    """Makes a table, of its foreign keys only `keys` if given, and those that waited for it."""
    wanted = table.foreign_key_constraints if keys is None else keys
    later = [key for key in wanted if _waits(impl, key, str(table.name))]
    now = keys if not later else [key for key in wanted if key not in later]
    impl._call(contract.create_table, elements.table(table, impl.dialect, now))
    for key in (found for found in table._sorted_constraints if found in later):
        _waiting.append((str(table.name), elements.constraint(key, impl.dialect)))
    make()


def add(impl: HostImpl, key: schema.ForeignKeyConstraint, table_name: str) -> bool:
    """Whether a foreign key that is added to a table waits now."""
    if not _waits(impl, key, table_name):
        return False
    _waiting.append((table_name, elements.constraint(key, impl.dialect)))
    return True


def check() -> None:
    """To be called when the step ends: whatever still waits is a key to nothing."""
    for table_name, key in _waiting:
        raise NotInContract(f"a foreign key of {table_name} to {key.value.referred_table}, which does not exist")


def _waits(impl: HostImpl, key: schema.ForeignKeyConstraint, own: str) -> bool:
    if impl.dialect.name != "sqlite":
        return False
    referred = str(key.elements[0].target_fullname).rpartition(".")[0]
    return referred != own and referred not in inspect.tables()


def make() -> None:
    """Makes those whose table is there now."""
    there = set(inspect.tables())
    for found in [found for found in _waiting if found[1].value.referred_table in there]:
        _waiting.remove(found)
        table_name, key = found
        with call("create-constraint", "sqlite", "foreign-key", table_name):
            contract.create_constraint(table_name, key)


def follow(function: str, arguments: tuple) -> None:
    """After a call of the contract: keys that wait go with their tables, and by their names."""
    if not _waiting:
        return
    name, rest = arguments[0], arguments[1:]
    own = [key for table_name, key in _waiting if table_name == name]
    match function:
        case "drop-table":
            _waiting[:] = [found for found in _waiting if found[0] != name]
        case "rename-table":
            _waiting[:] = [(rest[0] if table_name == name else table_name, key) for table_name, key in _waiting]
            make()
        case "rename-column":
            for key in own:
                key.value.columns = [rest[1] if column == rest[0] else column for column in key.value.columns]
        case "drop-column" if any(rest[0] in key.value.columns for key in own):
            raise NotInContract(f"to drop a column whose foreign key waits for its table ({name}.{rest[0]})")


def follow_text(statement: str) -> None:
    """After DDL as text."""
    if not _waiting:
        return
    if not _MAKES.match(statement):
        raise NotInContract("DDL as text, but of what it makes, while a foreign key waits for its table")
    make()
