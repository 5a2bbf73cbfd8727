"""`batch_alter_table`: no table is copied, the operations are sent one by one, and the host makes them lossless."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator

from alembic.operations import base as alembic_operations
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, Table, schema
from sqlalchemy.sql.elements import conv
from sqlalchemy.util import topological
from wit_world.imports import inspect, types
from wit_world.imports import schema as contract

from . import elements
from .errors import NotInContract, whole
from .tables import column_names, constraint_names, index_names, selector


def _plain(text: str) -> str:
    """An expression without what the host writes in its own way: spaces, quotes of names and parentheses."""
    return re.sub(r"[\s()\"`]", "", text).lower()


def _default_text(default: types.DefaultValue | None) -> object:
    """What can be compared of a default."""
    return _plain(default.value.text) if isinstance(default, types.DefaultValue_Expression) else default


def _equal(one: types.Constraint, other: types.Constraint) -> bool:
    """Whether two constraints ask for the same; a name that both have is the same too."""
    if type(one) is not type(other):
        return False
    first, second = one.value, other.value
    if None not in (first.name, second.name) and first.name != second.name:
        return False
    if isinstance(one, types.Constraint_Check):
        return _plain(first.condition.text) == _plain(second.condition.text)
    if isinstance(one, types.Constraint_ForeignKey):
        return dataclasses.replace(first, name=None) == dataclasses.replace(second, name=None)
    return first.columns == second.columns


class HostBatch(BatchOperationsImpl):
    """A batch whose operations are sent one by one."""

    @whole
    def flush(self) -> None:
        operations = list(self.batch)
        if self._should_recreate():
            self._check_names(operations)
            operations = self._as_recreated(operations)
        else:
            operations = self._freed_first(operations)
        for name, arguments, options in operations:
            getattr(self.impl, name)(*arguments, **options)
        if self._should_recreate() and self.table_args:
            self._add_said()

    def _check_names(self, operations: list[tuple]) -> None:
        """Raises what Alembic raises where it looks a name up in the table that it is to make anew, before anything is done."""
        if self.table_name not in inspect.tables():
            return
        columns, keys = set(column_names(self.table_name)), set(constraint_names(self.table_name))
        for name, arguments, options in operations:
            if options.get("if_exists"):
                continue
            if name == "add_column":
                columns.add(str(arguments[1].name))
            elif name == "add_constraint":
                keys.add(elements.name_of(arguments[0], self.impl.dialect))
            elif name in ("alter_column", "drop_column"):
                found = str(arguments[1].name if name == "drop_column" else arguments[1])
                if found not in columns:
                    raise KeyError(found)
            elif name == "drop_constraint" and not self.naming_convention:
                found, bound = elements.name_of(arguments[0], self.impl.dialect), arguments[0]._type_bound
                if found is not None and found not in keys and not bound:
                    raise ValueError(f"No such constraint: '{found}'")

    def _freed_first(self, operations: list[tuple]) -> list[tuple]:
        """A foreign key that sets a column to NULL is dropped before the column may not hold NULL any more: the
        host takes no such pair, not even for a moment."""
        needed = {
            str(arguments[1])
            for name, arguments, options in operations
            if name == "alter_column" and options.get("nullable") is False
        }
        if not needed or self.table_name not in inspect.tables():
            return operations
        setting = {
            found.value.name
            for found in inspect.constraints(self.table_name)
            if isinstance(found, types.Constraint_ForeignKey)
            and types.ReferentialAction.SET_NULL in (found.value.on_delete, found.value.on_update)
            and not needed.isdisjoint(found.value.columns)
        }
        first, rest = [], []
        for operation in operations:
            name, arguments, _ = operation
            is_first = name == "drop_constraint" and elements.name_of(arguments[0], self.impl.dialect) in setting
            (first if is_first else rest).append(operation)
        return first + rest

    def _as_recreated(self, operations: list[tuple]) -> list[tuple]:
        """What Alembic does by making the table anew: in which order operations were said makes no
        difference, constraints and indexes go with their columns, and a naming convention names those without
        a name. `reflect_args` and `reflect_kwargs` say how the table is read, which nobody needs here."""
        self._check_order(operations)
        if self.table_kwargs:
            table = Table(self.table_name, MetaData(), **self.table_kwargs)
            # A table that was made with AUTOINCREMENT keeps it.
            there = inspect.columns(self.table_name) if self.table_name in inspect.tables() else []
            kept = ("autoincrement",) if any(column.numbered_once for column in there) else ()
            elements.refuse_options(table, self.dialect, "table", kept)
        if self.copy_from is not None and self.table_name in inspect.tables():
            self._make_like(self.copy_from)
        if self.naming_convention and self.table_name in inspect.tables():
            self._name_constraints()
        for name, arguments, _ in operations:
            if name == "drop_column":
                self._drop_from_keys(str(arguments[1].name))
        gone = [operation for operation in operations if operation[0] in ("drop_constraint", "drop_index")]
        gone = [operation for operation in gone if self._still_there(operation)]
        keys = [arguments[0] for name, arguments, _ in operations if name == "add_constraint"]
        if any(isinstance(key, schema.PrimaryKeyConstraint) for key in keys) and not any(
            isinstance(arguments[0], schema.PrimaryKeyConstraint) for _, arguments, _ in gone
        ):
            there = inspect.constraints(self.table_name) if self.table_name in inspect.tables() else []
            if any(isinstance(found, types.Constraint_PrimaryKey) for found in there):
                self.impl._call(
                    contract.drop_constraint, self.table_name, types.ConstraintSelector_PrimaryKey()
                )
        last = ("add_constraint", "create_index")
        middle = [
            operation
            for operation in operations
            if operation[0] not in (*last, "drop_constraint", "drop_index")
        ]
        added = [operation for kind in last for operation in operations if operation[0] == kind]
        return gone + middle + added

    def _check_order(self, operations: list[tuple]) -> None:
        """Raises where columns are to stand in another order than that in which they were made."""
        if not self.partial_reordering:
            return
        gone = {str(arguments[1].name) for name, arguments, _ in operations if name == "drop_column"}
        names = [name for name in column_names(self.table_name) if name not in gone]
        names += [str(arguments[1].name) for name, arguments, _ in operations if name == "add_column"]
        pairs = [pair for order in self.partial_reordering for pair in itertools.pairwise(order)]
        if list(topological.sort(pairs, names, deterministic_order=True)) != names:
            raise NotInContract("the order of columns (partial_reordering)", self.table_name)

    def _make_like(self, said: Table) -> None:
        """Makes the table what `copy_from` says that it is, but for its columns' names: as Alembic would, which copies
        rows into a new table of that form."""
        made = elements.table(said, self.dialect)
        there = {column.name: column for column in inspect.columns(self.table_name)}
        if list(there) != [column.name for column in made.columns]:
            raise NotInContract("copy_from with other columns than the table has", self.table_name)
        indexes = [elements.index(item, self.dialect) for item in elements.indexes_of(said)]
        for index in inspect.indexes(self.table_name):
            if index.name not in [item.name for item in indexes]:
                self.impl._call(contract.drop_index, self.table_name, index.name, None)
        for found in inspect.constraints(self.table_name):
            if not any(_equal(found, item) for item in made.constraints):
                self.impl._call(contract.drop_constraint, self.table_name, selector(self.table_name, found))
        for column in made.columns:
            found = there[column.name]
            is_key = any(
                isinstance(key, types.Constraint_PrimaryKey) and column.name in key.value.columns
                for key in made.constraints
            )
            default = contract.DefaultChange_Keep()
            if not found.auto_increment and _default_text(column.default) != _default_text(found.default):
                wanted = column.default
                default = contract.DefaultChange_Clear() if wanted is None else contract.DefaultChange_Set(wanted)
            kept = contract.ColumnChanges(None, None, contract.DefaultChange_Keep(), contract.CommentChange_Keep())
            changes = dataclasses.replace(
                kept,
                column_type=column.column_type if column.column_type != found.column_type else None,
                nullable=column.nullable if column.nullable != found.nullable and not is_key else None,
                default=default,
            )
            if changes != kept:
                self.impl._call(contract.alter_column, self.table_name, column.name, changes)
        for item in made.constraints:
            if not any(_equal(item, found) for found in inspect.constraints(self.table_name)):
                self.impl._call(contract.create_constraint, self.table_name, item)
        for item in indexes:
            if item.name not in index_names(self.table_name):
                self.impl._call(contract.create_index, self.table_name, item, None)

    def _add_said(self) -> None:
        """The constraints and indexes of `table_args`. One that the table has already is only repeated there, as it might
        have been lost if the table were made anew."""
        for item in self.table_args:
            if not isinstance(item, (schema.Constraint, schema.Index)):
                raise NotInContract(f"table_args with {type(item).__name__}")
            owner = item.table if isinstance(item, schema.Index) else getattr(item, "parent", None)
            if owner is None:
                Table(self.table_name, MetaData(), *map(schema.Column, column_names(self.table_name)), item)
            if isinstance(item, schema.Index):
                if elements.name_of(item, self.dialect) not in index_names(self.table_name):
                    self.impl.create_index(item)
                continue
            made = elements.constraint(item, self.dialect)
            there = inspect.constraints(self.table_name)
            if any(_equal(made, found) for found in there):
                continue
            if isinstance(made, types.Constraint_PrimaryKey) and any(type(found) is type(made) for found in there):
                self.impl._call(contract.drop_constraint, self.table_name, types.ConstraintSelector_PrimaryKey())
            self.impl._call(contract.create_constraint, self.table_name, made)

    def _drop_from_keys(self, column: str) -> None:
        """Takes a column out of the primary key and drops the other keys and indexes that it is part of, and the checks of
        it alone."""
        self.impl._drop_checks_of(self.table_name, column)
        keys = inspect.constraints(self.table_name) if self.table_name in inspect.tables() else []
        self.impl._drop_all_with_column(self.table_name, column)
        for key in keys:
            if isinstance(key, types.Constraint_PrimaryKey) and column in key.value.columns:
                key.value.columns.remove(column)
                if key.value.columns:
                    self.impl._call(contract.create_constraint, self.table_name, key)

    def _still_there(self, operation: tuple) -> bool:
        """Whether what is to be dropped has not gone with its column, or never was: a check that came with a
        type."""
        name, (item, *_), _ = operation
        found = elements.name_of(item, self.dialect)
        if name == "drop_index":
            return found in index_names(self.table_name) or not self._dropped_columns()
        if getattr(item, "_type_bound", False):
            return found is not None and found in constraint_names(self.table_name)
        if isinstance(item, schema.PrimaryKeyConstraint) or not self._dropped_columns():
            return True
        return found in constraint_names(self.table_name)

    def _dropped_columns(self) -> bool:
        return any(name == "drop_column" for name, _, _ in self.batch)

    def _name_constraints(self) -> None:
        """Gives constraints without a name the one of the convention, as a table made anew has it."""
        reflected = Table(
            self.table_name, MetaData(), autoload_with=self.operations.get_bind(), resolve_fks=False
        )
        for item in (*reflected.constraints, *reflected.indexes):
            # A name that the database has is no part of a convention.
            if item.name is not None:
                item.name = conv(item.name)
        named = reflected.to_metadata(MetaData(naming_convention=self.naming_convention))
        for found in inspect.constraints(self.table_name):
            if found.value.name is not None or isinstance(found, types.Constraint_Check):
                continue
            kind = {
                types.Constraint_PrimaryKey: schema.PrimaryKeyConstraint,
                types.Constraint_Unique: schema.UniqueConstraint,
                types.Constraint_ForeignKey: schema.ForeignKeyConstraint,
            }[type(found)]
            for candidate in named.constraints:
                columns = [str(column.name) for column in getattr(candidate, "columns", ())]
                name = elements.name_of(candidate, self.dialect)
                if type(candidate) is kind and columns == found.value.columns and name is not None:
                    self.impl._call(contract.drop_constraint, self.table_name, selector(self.table_name, found))
                    found.value.name = name
                    self.impl._call(contract.create_constraint, self.table_name, found)
                    break


@contextlib.contextmanager
def _autocommit_block(_context: MigrationContext) -> Iterator[None]:
    """What is made or dropped concurrently says so itself; everything else stays in the step's
    transaction."""
    yield


def install() -> None:
    """Puts the batch and the autocommit block in the place of Alembic's own. The impls registered
    themselves."""
    alembic_operations.batch.BatchOperationsImpl = HostBatch
    MigrationContext.autocommit_block = _autocommit_block
