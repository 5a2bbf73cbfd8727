"""Alembic's operations as operations of the contract.

Every `op.*` ends in a method of the dialect's `DefaultImpl`; these are the ones here. A batch is not a table
that is copied: its operations are sent one by one, and the host makes them lossless.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from alembic.ddl import mysql as alembic_mysql
from alembic.ddl import postgresql as alembic_postgresql
from alembic.ddl import sqlite as alembic_sqlite
from alembic.operations import base as alembic_operations
from alembic.util import sqla_compat
from sqlalchemy import ForeignKeyConstraint, schema
from sqlalchemy import types as sqltypes
from sqlalchemy.sql import ClauseElement
from wit_world.imports import data, inspect, types
from wit_world.imports import schema as contract

from . import ddl, elements, later, using, values
from . import types as column_types
from .errors import NotInContract, call, whole
from .tables import column_names, constraint_names, index_names, is_alembics, mentioned, selector

_KEEP_DEFAULT = contract.DefaultChange_Keep()
_KEEP_COMMENT = contract.CommentChange_Keep()
# Of Alembic's own table these do nothing.
_OF_ALEMBIC = (contract.alter_column, contract.create_constraint, contract.drop_constraint)
# What is to be made, for an error that says it cannot be.
_CONSTRAINTS = {
    types.Constraint_PrimaryKey: "key",
    types.Constraint_Unique: "key",
    types.Constraint_ForeignKey: "foreign-key",
    types.Constraint_Check: "check",
}


def _is_placed(names: list[str], name: str, said: dict[str, object]) -> bool:
    """Whether a column stands where a batch says that it should."""
    before, after = said.get("insert_before"), said.get("insert_after")
    place = names.index(name) if name in names else len(names)
    is_before = before is None or before in names[place + 1 : place + 2]
    return is_before and (after is None or after in names[max(place - 1, 0) : place])


class HostImpl:
    """What the three dialects have in common. Stands before Alembic's own class."""

    def _call(self, function, *arguments) -> None:
        if function in _OF_ALEMBIC and is_alembics(arguments[0]):
            return
        what = function.__name__.replace("_", "-")
        about = _CONSTRAINTS[type(arguments[1])] if function is contract.create_constraint else what
        subject = getattr(arguments[0], "name", arguments[0])
        with call(what, self.dialect.name, about, subject):
            function(*arguments)
        later.follow(what, arguments)

    # --- tables ---

    @whole
    def create_table(self, table: schema.Table, **options: object) -> None:
        if options.get("if_not_exists") and str(table.name) in inspect.tables():
            return
        self._remember_types()
        table.dispatch.before_create(table, self.connection, checkfirst=False, _ddl_runner=self)
        later.make_table(self, table)
        table.dispatch.after_create(table, self.connection, checkfirst=False, _ddl_runner=self)
        for index in elements.indexes_of(table):
            self.create_index(index)

    def _remember_types(self) -> None:
        """SQLAlchemy makes a type only once with one runner of DDL, which under Alembic lives as long as a run: so a type
        that an earlier revision made is not made again with a table."""
        self.memo["pg_enum"] = self.memo["pg_ENUM"] = {(None, found.name) for found in inspect.enums()}

    def drop_table(self, table: schema.Table, **options: object) -> None:
        elements.refuse_schema(table.schema)
        if options.get("if_exists") and str(table.name) not in inspect.tables():
            return
        table.dispatch.before_drop(table, self.connection, checkfirst=False, _ddl_runner=self)
        self._call(contract.drop_table, str(table.name))
        table.dispatch.after_drop(table, self.connection, checkfirst=False, _ddl_runner=self)

    def rename_table(self, old_table_name: str, new_table_name: str, schema: str | None = None) -> None:
        elements.refuse_schema(schema)
        self._call(contract.rename_table, str(old_table_name), str(new_table_name))

    def create_table_comment(self, table: schema.Table) -> None:
        name, text = str(table.name), table.comment
        if not self.dialect.supports_comments or (name in inspect.tables() and inspect.table_comment(name) == text):
            return
        raise NotInContract("the comment of a table that exists", name)

    def drop_table_comment(self, table: schema.Table) -> None:
        table.comment = None
        self.create_table_comment(table)

    def create_column_comment(self, column: schema.Column) -> None:
        """A column that was just made has its comment already."""
        table_name, name = str(column.table.name), str(column.name)
        there = inspect.columns(table_name) if table_name in inspect.tables() else []
        if self.dialect.supports_comments and column.comment not in [it.comment for it in there if it.name == name]:
            self.alter_column(table_name, name, comment=column.comment)

    # --- columns ---

    @whole
    def add_column(
        self,
        table_name: str,
        column: schema.Column,
        *,
        schema: str | None = None,
        if_not_exists: bool | None = None,
        inline_references: bool | None = None,
        inline_primary_key: bool | None = None,
        **options: object,
    ) -> None:
        elements.refuse_schema(schema)
        names = [*column_names(str(table_name)), str(column.name)]
        if not _is_placed(names, str(column.name), options):
            raise NotInContract("the place of a new column", str(column.name))
        if if_not_exists and str(column.name) in column_names(str(table_name)):
            return
        numbered = column.table is not None and column.table._autoincrement_column is column
        primary = bool(inline_primary_key and column.primary_key)
        made = elements.column(column, self.dialect, numbered and primary)
        self._add_column(str(table_name), made)
        for check in elements.checks_of(column, self.dialect):
            self._call(contract.create_constraint, str(table_name), elements.constraint(check, self.dialect))
        if primary:
            key = types.Constraint_PrimaryKey(types.PrimaryKey(None, [str(column.name)]))
            self._call(contract.create_constraint, str(table_name), key)
        if inline_references and len(column.foreign_keys) == 1:
            for found in column.table.constraints:
                if isinstance(found, ForeignKeyConstraint) and len(found.columns) == 1:
                    self.add_constraint(found)

    def _add_column(self, table_name: str, column: types.Column) -> None:
        self._call(contract.add_column, table_name, column)

    @whole
    def drop_column(
        self,
        table_name: str,
        column: schema.Column,
        *,
        schema: str | None = None,
        if_exists: bool | None = None,
        **options: object,
    ) -> None:
        elements.refuse_schema(schema)
        table_name, name = str(table_name), str(column.name)
        if if_exists and table_name in inspect.tables() and name not in column_names(table_name):
            return
        self._free_column(table_name, name)
        self._call(contract.drop_column, table_name, name)

    def _free_column(self, table_name: str, name: str) -> None:
        """What the database itself takes away with a column."""

    def _drop_all_with_column(self, table_name: str, name: str, *, with_expressions: bool = False) -> None:
        """Drops the keys and indexes of a table that a column is part of. `with_expressions`: checks that
        mention it and indexes over expressions too."""
        if name not in column_names(table_name):
            return
        for found in inspect.constraints(table_name):
            if isinstance(found, types.Constraint_Check):
                gone = with_expressions and mentioned(found.value.condition, [name])
            else:
                gone = name in found.value.columns
            if gone:
                self._call(contract.drop_constraint, table_name, selector(table_name, found))
        for index in inspect.indexes(table_name):
            keys = [part.key for part in index.parts]
            texts = [key.value for key in keys if isinstance(key, types.IndexKey_Expression)]
            if index.predicate is not None:
                texts.append(index.predicate)
            is_over = types.IndexKey_Column(name) in keys
            if is_over or (with_expressions and any(mentioned(text, [name]) for text in texts)):
                self._call(contract.drop_index, table_name, index.name, None)

    def _drop_checks_of(self, table_name: str, name: str) -> None:
        """Drops the checks that mention a column and no other."""
        names = column_names(table_name)
        for found in inspect.constraints(table_name) if name in names else ():
            if isinstance(found, types.Constraint_Check) and mentioned(found.value.condition, names) == [name]:
                self._call(contract.drop_constraint, table_name, selector(table_name, found))

    @whole
    def alter_column(
        self,
        table_name: str,
        column_name: str,
        *,
        nullable: bool | None = None,
        server_default: object = False,
        name: str | None = None,
        type_: sqltypes.TypeEngine | None = None,
        schema: str | None = None,
        autoincrement: bool | None = None,
        comment: str | bool | None = False,
        existing_comment: str | None = None,
        existing_type: sqltypes.TypeEngine | None = None,
        existing_server_default: object = None,
        existing_nullable: bool | None = None,
        existing_autoincrement: bool | None = None,
        **options: object,
    ) -> None:
        elements.refuse_schema(schema)
        type_, existing_type = _instance(type_), _instance(existing_type)
        table_name, column_name = str(table_name), str(column_name)
        if sqla_compat._server_default_is_computed(server_default, existing_server_default):
            raise NotInContract("changing a computed column", column_name)
        if sqla_compat._server_default_is_identity(server_default, existing_server_default):
            raise NotInContract("changing the identity of a column", column_name)
        if (
            autoincrement is not None
            and self.dialect.name == "mysql"
            and autoincrement != existing_autoincrement
        ):
            raise NotInContract("changing whether a column is numbered", column_name)
        if options.get("postgresql_using") is not None and self.dialect.name == "postgresql":
            self._check_using(table_name, column_name, str(options["postgresql_using"]), type_)
        if not _is_placed(column_names(table_name), column_name, options):
            raise NotInContract("the place of a column", column_name)

        changes = contract.ColumnChanges(None, nullable, _KEEP_DEFAULT, _KEEP_COMMENT)
        if type_ is not None:
            changes.column_type = column_types.to_contract(type_, self.dialect)
        if server_default is None:
            changes.default = contract.DefaultChange_Clear()
        elif server_default is not False:
            holder = type_ if type_ is not None else self._type_of(table_name, column_name, existing_type)
            made = elements.default(server_default, holder, self.dialect)
            changes.default = contract.DefaultChange_Set(made)
        if comment is None:
            changes.comment = contract.CommentChange_Clear()
        elif comment is not False and (self.dialect.supports_comments or changes != _NOTHING):
            changes.comment = contract.CommentChange_Set(elements.comment(comment, self.dialect))
        is_renamed = name is not None and str(name) != column_name
        if changes != _NOTHING and not (is_renamed and str(name) in column_names(table_name)):
            self._call(contract.alter_column, table_name, column_name, changes)
        if is_renamed:
            # To one that is there it is refused, before anything else is done.
            self._call(contract.rename_column, table_name, column_name, str(name))

    def _check_using(self, table_name: str, column_name: str, said: str, type_: sqltypes.TypeEngine) -> None:
        there = inspect.columns(table_name) if table_name in inspect.tables() else []
        found = next((column.column_type for column in there if column.name == column_name), None)
        if type_ is None or not using.is_plain(said, column_name, type_.compile(dialect=self.dialect), found):
            raise NotInContract("USING of a change of type", said[:40])

    def _type_of(
        self, table_name: str, column_name: str, existing: sqltypes.TypeEngine | None
    ) -> sqltypes.TypeEngine:
        for found in inspect.columns(table_name) if table_name in inspect.tables() else ():
            if found.name == column_name and found.column_type is not None:
                if isinstance(found.column_type, types.ColumnType_Boolean):
                    return sqltypes.BOOLEAN()
                return column_types.from_contract(found.column_type, self.dialect)
        return existing if existing is not None else sqltypes.NULLTYPE

    # --- constraints and indexes ---

    @whole
    def add_constraint(self, const: schema.Constraint, **options: object) -> None:
        if const._create_rule is not None and not const._create_rule(self):
            return
        elements.refuse_schema(const.table.schema)
        if isinstance(const, ForeignKeyConstraint) and later.add(self, const, str(const.table.name)):
            return
        self._call(
            contract.create_constraint, str(const.table.name), elements.constraint(const, self.dialect)
        )

    @whole
    def drop_constraint(self, const: schema.Constraint, **options: object) -> None:
        elements.refuse_schema(const.table.schema)
        table_name, name = str(const.table.name), elements.name_of(const, self.dialect)
        there = table_name in inspect.tables()
        if options.get("if_exists") and there and name not in constraint_names(table_name):
            return
        if isinstance(const, schema.PrimaryKeyConstraint):
            which: types.ConstraintSelector = types.ConstraintSelector_PrimaryKey()
        elif name is not None:
            which = types.ConstraintSelector_Name(name)
        elif isinstance(const, schema.CheckConstraint) and const._type_bound:
            which = types.ConstraintSelector_Check([str(column.name) for column in const.columns])
        else:
            raise ValueError(
                "a constraint without a name cannot be dropped: give it one by a naming convention"
            )
        self._drop_constraint(table_name, name, which)

    def _drop_constraint(self, table_name: str, name: str | None, which: types.ConstraintSelector) -> None:
        self._call(contract.drop_constraint, table_name, which)

    @whole
    def create_index(self, index: schema.Index, **options: object) -> None:
        elements.refuse_schema(index.table.schema)
        made = elements.index(index, self.dialect)
        table_name = str(index.table.name)
        if options.get("if_not_exists") and made.name in index_names(table_name):
            return
        self._call(contract.create_index, table_name, made, elements.online(index, self.dialect))

    @whole
    def drop_index(self, index: schema.Index, **options: object) -> None:
        elements.refuse_schema(index.table.schema)
        name, table_name = str(elements.name_of(index, self.dialect)), str(index.table.name)
        if table_name not in inspect.tables():
            # Without the table's name Alembic says `no_table`.
            table_name = next(
                (found for found in inspect.tables() if name in index_names(found)), table_name
            )
        if options.get("if_exists") and name not in index_names(table_name):
            return
        self._drop_index(table_name, name, elements.online(index, self.dialect))

    def _drop_index(self, table_name: str, name: str, online: types.Demand | None) -> None:
        self._call(contract.drop_index, table_name, name, online)

    # --- rows ---

    def bulk_insert(self, table: schema.Table, rows: list[dict], multiinsert: bool = True) -> None:
        if not isinstance(rows, list):
            raise TypeError("List expected")
        if rows and not isinstance(rows[0], dict):
            raise TypeError("List of dictionaries expected")
        rows = [{key: _plain(value) for key, value in row.items()} for row in rows]
        keys = {frozenset(row) for row in rows}
        plain = not any(isinstance(value, ClauseElement) for row in rows for value in row.values())
        drawn = any(column.default is not None for column in getattr(table, "columns", ()))
        plain = plain and not self.connection.connection.dbapi_connection.sends_at_once()
        if not (multiinsert and plain and len(keys) == 1) or drawn or getattr(table, "schema", None):
            super().bulk_insert(table, rows, multiinsert=multiinsert)
            return
        columns = [column for column in table.columns if column.key in rows[0]]
        processors = [column.type._cached_bind_processor(self.dialect) for column in columns]
        lines = [
            [
                values.to_contract(row[column.key] if process is None else process(row[column.key]))
                for column, process in zip(columns, processors)
            ]
            for row in rows
        ]
        if len(columns) != len(rows[0]):
            super().bulk_insert(table, rows, multiinsert=multiinsert)
            return
        for part in values.calls(lines):
            self._call(data.bulk_insert, str(table.name), [str(column.name) for column in columns], part)

    # --- DDL elements that are executed ---

    def _exec(self, construct, execution_options=None, multiparams=None, params=None):
        if isinstance(construct, schema.BaseDDLElement):
            ddl.run_element(self, construct)
            return None
        return super()._exec(
            construct, execution_options, multiparams=multiparams, params={} if params is None else params
        )


_NOTHING = contract.ColumnChanges(None, None, _KEEP_DEFAULT, _KEEP_COMMENT)


def _instance(type_: sqltypes.TypeEngine | type[sqltypes.TypeEngine] | None) -> sqltypes.TypeEngine | None:
    """A type that a script may have said by its class."""
    return None if type_ is None else sqltypes.to_instance(type_)


def _plain(value: object) -> object:
    """The value of an `op.inline_literal`."""
    return value.value if isinstance(value, sqla_compat._literal_bindparam) else value


# Scripts ask for these by the names that Alembic gives them.


class SQLiteImpl(HostImpl, alembic_sqlite.SQLiteImpl):
    """SQLite."""

    __dialect__ = "sqlite"


class PostgresqlImpl(HostImpl, alembic_postgresql.PostgresqlImpl):
    """PostgreSQL."""

    __dialect__ = "postgresql"

    def _free_column(self, table_name: str, name: str) -> None:
        self._drop_all_with_column(table_name, name, with_expressions=True)


class MySQLImpl(HostImpl, alembic_mysql.MySQLImpl):
    """MariaDB, as under a URL of MySQL."""

    __dialect__ = "mysql"

    def _add_column(self, table_name: str, column: types.Column) -> None:
        """A NOT NULL column without a default: rows that are there get the value that MariaDB has for its type."""
        implied = None
        if not (column.nullable or column.auto_increment or column.default or column.computed):
            implied = column_types.implied(column.column_type)
        if implied is not None:
            column.default = types.DefaultValue_Value(implied)
        super()._add_column(table_name, column)
        if implied is not None:
            changes = dataclasses.replace(_NOTHING, default=contract.DefaultChange_Clear())
            self._call(contract.alter_column, table_name, column.name, changes)

    @whole
    def alter_column(self, table_name: str, column_name: str, **said: Any) -> None:
        """Alembic sends the whole column to MySQL, and what a script does not repeat of it is gone. That is
        part of what the script does: applications have run with that schema."""
        name, nullable = said.get("name"), said.get("nullable")
        type_ = _instance(said.get("type_") if said.get("type_") is not None else said.get("existing_type"))
        if type_ is None and (name is not None or nullable is not None):
            raise alembic_operations.util.CommandError(
                "All MySQL CHANGE/MODIFY COLUMN operations require the existing type."
            )
        functional = self._is_mysql_allowed_functional_default(type_, said.get("server_default", False))
        whole = name is not None or functional or nullable is not None or said.get("type_") is not None
        if whole or said.get("autoincrement") is not None or said.get("comment", False) is not False:
            said["type_"] = type_
            if nullable is None:
                said["nullable"] = said.get("existing_nullable") is not False
            if said.get("server_default", False) is False:
                existing = said.get("existing_server_default")
                said["server_default"] = None if existing is False else existing
            if said.get("comment", False) is False:
                said["comment"] = said.get("existing_comment")
            if self._is_key(str(table_name), str(column_name)):
                said["nullable"] = None
        super().alter_column(table_name, column_name, **said)

    @staticmethod
    def _is_key(table_name: str, column_name: str) -> bool:
        """A column of the primary key stays NOT NULL whatever MODIFY says."""
        return table_name in inspect.tables() and any(
            isinstance(found, types.Constraint_PrimaryKey) and column_name in found.value.columns
            for found in inspect.constraints(table_name)
        )

    def _free_column(self, table_name: str, name: str) -> None:
        """MariaDB drops the checks that only mention a column, takes it out of its indexes and drops those that are then
        empty. With a check or a unique key over others too it refuses, as the host does."""
        if name not in column_names(table_name):
            return
        self._drop_checks_of(table_name, name)
        for found in inspect.constraints(table_name):
            if isinstance(found, types.Constraint_Unique) and found.value.columns == [name]:
                self._call(contract.drop_constraint, table_name, selector(table_name, found))
        for index in inspect.indexes(table_name):
            rest = [part for part in index.parts if part.key.value != name]
            if len(rest) == len(index.parts) or (rest and index.unique):
                continue
            self._call(contract.drop_index, table_name, index.name, None)
            if rest:
                self._call(contract.create_index, table_name, dataclasses.replace(index, parts=rest), None)

    def _drop_constraint(self, table_name: str, name: str | None, which: types.ConstraintSelector) -> None:
        """A unique key is an index there, and goes by either name."""
        if (
            name is not None
            and name in index_names(table_name)
            and name not in constraint_names(table_name)
        ):
            self._call(contract.drop_index, table_name, name, None)
            return
        super()._drop_constraint(table_name, name, which)

    def _drop_index(self, table_name: str, name: str, online: types.Demand | None) -> None:
        if name not in index_names(table_name) and name in constraint_names(table_name):
            self._call(contract.drop_constraint, table_name, types.ConstraintSelector_Name(name))
            return
        super()._drop_index(table_name, name, online)
