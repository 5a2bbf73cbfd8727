"""Foreign keys to tables that a step makes only after them. SQLite looks at neither end when a table is made; the
contract wants both to be there, so such a key waits for its table, until the step ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import schema
from wit_world.imports import inspect, types
from wit_world.imports import schema as contract

from . import elements
from .errors import NotInContract

if TYPE_CHECKING:
    from .impl import HostImpl

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
    _make_waiting(impl)


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


def _make_waiting(impl: HostImpl) -> None:
    there = set(inspect.tables())
    ready = [found for found in _waiting if found[1].value.referred_table in there]
    for table_name, key in ready:
        _waiting.remove((table_name, key))
        impl._call(contract.create_constraint, table_name, key)
