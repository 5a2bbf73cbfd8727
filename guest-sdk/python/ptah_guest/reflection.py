"""Reflection: what `sa.inspect()` and `autoload_with` ask a dialect, answered by `ptah:migration/inspect`."""

from __future__ import annotations

from sqlalchemy import exc
from sqlalchemy.engine.default import DefaultDialect
from wit_world.imports import inspect, types

from . import types as column_types
from .errors import NotInContract
from .tables import ALEMBIC, is_alembics

# As Alembic makes its table.
_VERSION = inspect.ColumnInfo(
    name="version_num",
    column_type=types.ColumnType_Varchar(32),
    native_type="VARCHAR(32)",
    nullable=False,
    default=None,
    auto_increment=False,
    numbered_once=False,
    computed=None,
    comment=None,
)
_VERSION_KEY = types.Constraint_PrimaryKey(types.PrimaryKey(f"{ALEMBIC}_pkc", ["version_num"]))


def _names(columns) -> list[str]:
    return [str(name) for name in columns]


class Reflection:
    """The questions, and answers in the form of SQLAlchemy's own dialects. A target has one schema, which goes by
    `default_schema_name` or by no name. Alembic's own table is there if it is asked for, but not in a list."""

    def _is_own(self, schema_name: str | None) -> bool:
        return schema_name in (None, self.default_schema_name)

    def _columns(self, table_name: str, schema_name: str | None) -> list[inspect.ColumnInfo]:
        if self._is_own(schema_name) and is_alembics(table_name):
            return [_VERSION]
        if not self._is_own(schema_name) or table_name not in inspect.tables():
            raise exc.NoSuchTableError(table_name)
        return inspect.columns(table_name)

    def _constraints(self, table_name: str, schema_name: str | None, kind: type) -> list:
        self._columns(table_name, schema_name)
        there = [_VERSION_KEY] if is_alembics(table_name) else inspect.constraints(table_name)
        return [found.value for found in there if isinstance(found, kind)]

    def has_table(self, connection, table_name, schema=None, **_options) -> bool:
        return self._is_own(schema) and (table_name in inspect.tables() or is_alembics(table_name))

    def has_multi_table(self, connection, table_names, schema=None, **options):
        return {(schema, name): self.has_table(connection, name, schema) for name in table_names}

    def has_index(self, connection, table_name, index_name, schema=None, **_options) -> bool:
        if not self.has_table(connection, table_name, schema):
            return False
        return any(found["name"] == index_name for found in self.get_indexes(connection, table_name))

    def has_sequence(self, connection, sequence_name, schema=None, **_options) -> bool:
        return False

    def has_schema(self, connection, schema_name, **_options) -> bool:
        return self._is_own(schema_name)

    def has_type(self, connection, type_name, schema=None, **_options) -> bool:
        return self._is_own(schema) and column_types.enumeration_named(type_name) is not None

    def get_table_names(self, connection, schema=None, **_options) -> list[str]:
        return inspect.tables() if self._is_own(schema) else []

    def get_view_names(self, connection, schema=None, **_options) -> list[str]:
        return []

    get_materialized_view_names = get_view_names
    get_temp_table_names = get_view_names
    get_temp_view_names = get_view_names
    get_sequence_names = get_view_names
    _get_foreign_table_names = get_view_names

    def get_schema_names(self, connection, **_options) -> list[str]:
        return [self.default_schema_name]

    def get_enums(self, connection, schema=None, **_options) -> list:
        if schema != "*" and not self._is_own(schema):
            return []
        return [
            {
                "name": found.name,
                "schema": self.default_schema_name,
                "visible": True,
                "labels": list(found.labels),
            }
            for found in inspect.enums()
        ]

    # PostgreSQL's inspector asks so.
    _load_enums = get_enums

    # As above.
    _load_domains = get_view_names

    def get_table_oid(self, connection, table_name, schema=None, **_options) -> int:
        raise NotInContract("the number that PostgreSQL has for a table (oid)", table_name)

    def get_view_definition(self, connection, view_name, schema=None, **_options) -> str:
        raise exc.NoSuchTableError(view_name)

    def get_table_options(self, connection, table_name, schema=None, **_options) -> dict:
        self._columns(table_name, schema)
        return {"mysql_engine": "InnoDB", "mysql_default charset": "utf8mb4"} if self.name == "mysql" else {}

    def get_columns(self, connection, table_name, schema=None, **_options) -> list[dict]:
        key = [
            name
            for found in self._constraints(table_name, schema, types.Constraint_PrimaryKey)
            for name in found.columns
        ]
        return [self._column(found, key) for found in self._columns(table_name, schema)]

    def _column(self, found: inspect.ColumnInfo, key: list[str]) -> dict:
        column = {
            "name": found.name,
            "type": column_types.from_contract(found.column_type, self),
            "nullable": found.nullable,
            "default": self._default(found.default),
            "autoincrement": found.auto_increment,
            "comment": found.comment,
        }
        if self.name == "sqlite":
            column["primary_key"] = key.index(found.name) + 1 if found.name in key else 0
            del column["comment"], column["autoincrement"]
        if found.computed is not None:
            stored = found.computed.storage is types.ComputedStorage.STORED
            column["computed"] = {"sqltext": found.computed.expression.text, "persisted": stored}
        if self.name == "postgresql" and found.auto_increment:
            column["identity"] = {
                "always": False,
                "start": 1,
                "increment": 1,
                "minvalue": 1,
                "cycle": False,
                "cache": 1,
            }
        return column

    def _default(self, default: types.DefaultValue | None) -> str | None:
        """A default as the database would show it."""
        if default is None:
            return None
        if isinstance(default, types.DefaultValue_Expression):
            return default.value.text
        value = default.value
        match value:
            case types.Value_Null():
                return "NULL"
            case types.Value_Boolean(truth):
                return str(truth).lower() if self.name == "postgresql" else str(int(truth))
            case types.Value_Integer(number) | types.Value_Double(number):
                return repr(number)
            case types.Value_Numeric(text):
                return text
            case types.Value_Binary(data):
                return f"X'{data.hex()}'"
        quoted = value.value.replace("'", "''")
        return f"'{quoted}'"

    def get_pk_constraint(self, connection, table_name, schema=None, **_options) -> dict:
        for found in self._constraints(table_name, schema, types.Constraint_PrimaryKey):
            name = None if self.name == "mysql" else found.name
            return {"constrained_columns": _names(found.columns), "name": name, "comment": None}
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, connection, table_name, schema=None, **_options) -> list[dict]:
        answer = []
        for found in self._constraints(table_name, schema, types.Constraint_ForeignKey):
            options = {}
            for option, action in (("ondelete", found.on_delete), ("onupdate", found.on_update)):
                if action is not types.ReferentialAction.NO_ACTION:
                    options[option] = action.name.replace("_", " ")
            answer.append(
                {
                    "name": found.name,
                    "constrained_columns": _names(found.columns),
                    "referred_schema": None,
                    "referred_table": found.referred_table,
                    "referred_columns": _names(found.referred_columns),
                    "options": options,
                    "comment": None,
                }
            )
        return answer

    def get_unique_constraints(self, connection, table_name, schema=None, **_options) -> list[dict]:
        answer = []
        for found in self._constraints(table_name, schema, types.Constraint_Unique):
            answer.append({"name": found.name, "column_names": _names(found.columns)})
            if self.name == "mysql":
                answer[-1]["duplicates_index"] = found.name
            else:
                answer[-1].update(comment=None, dialect_options={})
        return answer

    def get_check_constraints(self, connection, table_name, schema=None, **_options) -> list[dict]:
        return [
            {"name": found.name, "sqltext": found.condition.text, "comment": None}
            for found in self._constraints(table_name, schema, types.Constraint_Check)
        ]

    def get_indexes(self, connection, table_name, schema=None, **_options) -> list[dict]:
        self._columns(table_name, schema)
        there = [] if is_alembics(table_name) else inspect.indexes(table_name)
        answer = [self._index(found) for found in there]
        if self.name != "sqlite":
            for found in self.get_unique_constraints(connection, table_name):
                names = found["column_names"]
                answer.append(
                    {
                        "name": found["name"],
                        "column_names": names,
                        "unique": True,
                        "duplicates_constraint": found["name"],
                        "dialect_options": {},
                    }
                )
                if self.name == "mysql":
                    del answer[-1]["duplicates_constraint"]
        return answer

    def _index(self, found: types.Index) -> dict:
        names = [
            part.key.value if isinstance(part.key, types.IndexKey_Column) else None for part in found.parts
        ]
        index: dict = {
            "name": found.name,
            "column_names": names,
            "unique": found.unique,
            "dialect_options": {},
        }
        if None in names:
            index["expressions"] = [
                name if name is not None else part.key.value.text for name, part in zip(names, found.parts)
            ]
        descending = {
            name: ("desc",)
            for name, part in zip(names, found.parts)
            if name is not None and part.order is types.IndexOrder.DESCENDING
        }
        if descending and self.name == "postgresql":
            index["column_sorting"] = descending
        if found.predicate is not None:
            index["dialect_options"][f"{self.name}_where"] = found.predicate.text
        return index

    def get_table_comment(self, connection, table_name, schema=None, **_options) -> dict:
        if not self.supports_comments:
            raise NotImplementedError()
        self._columns(table_name, schema)
        return {"text": None if is_alembics(table_name) else inspect.table_comment(table_name)}

    get_multi_table_options = DefaultDialect.get_multi_table_options
    get_multi_columns = DefaultDialect.get_multi_columns
    get_multi_pk_constraint = DefaultDialect.get_multi_pk_constraint
    get_multi_foreign_keys = DefaultDialect.get_multi_foreign_keys
    get_multi_indexes = DefaultDialect.get_multi_indexes
    get_multi_unique_constraints = DefaultDialect.get_multi_unique_constraints
    get_multi_check_constraints = DefaultDialect.get_multi_check_constraints
    get_multi_table_comment = DefaultDialect.get_multi_table_comment
