"""SQLAlchemy's dialects with the contract as their database.

The compilers and types are SQLAlchemy's own. What is different: parameters are positional, nothing is asked
at connect, reflection is answered by `ptah:migration/inspect`, and a DDL element that a script executes
(`CreateTable`, `table.create()`, `metadata.create_all()`) becomes operations instead of text.
"""

from __future__ import annotations

import re

from sqlalchemy import create_engine, exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.base import MySQLCompiler, MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect, DefaultExecutionContext
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.compiler import SQLCompiler
from wit_world.imports import inspect, types

from . import dbapi, errors
from . import types as column_types


_TABLE_INFO = re.compile(
    r"""\s*PRAGMA\s+table_info\s*(\(\s*|=\s*)(?P<quote>["'`]?)(?P<table>\w+)(?P=quote)\s*\)?\s*;?\s*""", re.IGNORECASE
)


class _Boolean(sqltypes.Boolean):
    """A truth value goes to the host as one, whatever the database makes of it."""

    def bind_processor(self, dialect):
        return self._strict_as_bool

    def literal_processor(self, dialect):
        strict = self._strict_as_bool

        def process(value):
            value = strict(value)
            return "NULL" if value is None else "TRUE" if value else "FALSE"

        return process


class _Numeric(sqltypes.Numeric):
    """A decimal goes to the host with all its digits."""

    def bind_processor(self, dialect):
        import decimal

        def process(value):
            return decimal.Decimal(repr(value)) if isinstance(value, float) else value

        return process


class _TruthByName:
    """TRUE and FALSE by their names, as the host's grammars take a number for a number."""

    def visit_true(self, element, **options):
        return "TRUE"

    def visit_false(self, element, **options):
        return "FALSE"

    def visit_is_true_unary_operator(self, element, operator, **options):
        return self.process(element.element, **options)

    def visit_is_false_unary_operator(self, element, operator, **options):
        return f"NOT {self.process(element.element, **options)}"


class _SQLiteCompiler(_TruthByName, SQLiteCompiler):
    def visit_empty_set_op_expr(self, type_, expand_op, **options):
        """An `IN ()` as the others have it: SQLAlchemy's own compares whatever it is with a number."""
        return SQLCompiler.visit_empty_set_op_expr(self, type_, expand_op, **options)


class _MySQLCompiler(_TruthByName, MySQLCompiler):
    def limit_clause(self, select, **options):
        """`LIMIT n OFFSET m`, as the host knows it, and not `LIMIT m, n`."""
        written = MySQLCompiler if select._limit_clause is None else SQLCompiler
        return written.limit_clause(self, select, **options)


class _PostgresCompiler(PGCompiler):
    def render_bind_cast(self, type_, dbapi_type, sqltext):
        """No cast: a value of the contract has its type."""
        return sqltext


class _Keys(list):
    """The keys of inserted rows. The database is asked for one that it drew when somebody looks at it."""

    def __init__(self, keys, drawn):
        super().__init__(keys)
        self._drawn = drawn

    def __getitem__(self, at):
        if None in super().__getitem__(at):
            self[at] = self._drawn(at)
        return super().__getitem__(at)


class HostExecutionContext(DefaultExecutionContext):
    """Asks how many rows a statement touched only when a script does."""

    def _setup_ins_pk_from_empty(self):
        with_drawn = self.compiled._inserted_primary_key_from_lastrowid_getter
        return _Keys(
            super()._setup_ins_pk_from_empty(),
            lambda at: with_drawn(self.cursor.lastrowid, self.compiled_parameters[at]),
        )

    @property
    def rowcount(self) -> int:
        count = self.cursor.rowcount if self._rowcount is None else self._rowcount
        return int(count)


def _names(columns) -> list[str]:
    return [str(name) for name in columns]


def _expression(text: types.SqlText | None) -> str | None:
    return None if text is None else text.text


class HostDialect:
    """What the three have in common. Stands before SQLAlchemy's own class."""

    driver = "ptah"
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    postfetch_lastrowid = False
    preexecute_autoincrement_sequences = False
    insert_returning = False
    update_returning = False
    delete_returning = False
    insert_executemany_returning = False
    use_insertmanyvalues = False
    use_insertmanyvalues_wo_returning = False
    execution_ctx_cls = HostExecutionContext
    default_schema_name = None

    @classmethod
    def import_dbapi(cls):
        return dbapi

    def connect(self, *_arguments, **_options):
        return dbapi.Connection(self.name)

    def create_connect_args(self, url):
        return [], {}

    def initialize(self, connection) -> None:
        """Nothing is asked: what differs between versions is the host's concern."""

    def on_connect(self):
        return None

    def do_ping(self, dbapi_connection) -> bool:
        return True

    def is_disconnect(self, error, connection, cursor) -> bool:
        """Never: a step without its host has ended."""
        return False

    def get_isolation_level(self, dbapi_connection) -> str:
        return "SERIALIZABLE"

    def get_default_isolation_level(self, dbapi_connection) -> str:
        return "SERIALIZABLE"

    def set_isolation_level(self, dbapi_connection, level) -> None:
        """Nothing: the transaction is the host's."""

    def reset_isolation_level(self, dbapi_connection) -> None:
        """Nothing."""

    def do_savepoint(self, connection, name) -> None:
        connection.connection.dbapi_connection.savepoint(name)

    def do_release_savepoint(self, connection, name) -> None:
        connection.connection.dbapi_connection.release(name)

    def do_rollback_to_savepoint(self, connection, name) -> None:
        connection.connection.dbapi_connection.rollback_to(name)

    def _execute(self, cursor, context, run) -> None:
        if context is not None and context.isddl:
            from . import impl

            # The driver answers DDL with nothing; its errors are wrapped by who called.
            impl.execute_ddl(context.compiled.statement, context.root_connection)
            return
        run()

    def do_execute(self, cursor, statement, parameters, context=None) -> None:
        self._execute(cursor, context, lambda: cursor.execute(statement, parameters))

    def do_execute_no_params(self, cursor, statement, context=None) -> None:
        self._execute(cursor, context, lambda: cursor.execute(statement))

    def do_executemany(self, cursor, statement, parameters, context=None) -> None:
        cursor.executemany(statement, parameters)

    # --- reflection ---

    def _columns(self, table_name: str, schema_name: str | None) -> list[inspect.ColumnInfo]:
        if schema_name is not None or table_name not in inspect.tables():
            raise exc.NoSuchTableError(table_name)
        return inspect.columns(table_name)

    def _constraints(self, table_name: str, schema_name: str | None, kind: type) -> list:
        self._columns(table_name, schema_name)
        return [found.value for found in inspect.constraints(table_name) if isinstance(found, kind)]

    def has_table(self, connection, table_name, schema=None, **_options) -> bool:
        return schema is None and table_name in inspect.tables()

    def has_multi_table(self, connection, table_names, schema=None, **options):
        return {(schema, name): self.has_table(connection, name, schema) for name in table_names}

    def has_index(self, connection, table_name, index_name, schema=None, **_options) -> bool:
        if not self.has_table(connection, table_name, schema):
            return False
        return any(found["name"] == index_name for found in self.get_indexes(connection, table_name))

    def has_sequence(self, connection, sequence_name, schema=None, **_options) -> bool:
        return False

    def has_schema(self, connection, schema_name, **_options) -> bool:
        return False

    def has_type(self, connection, type_name, schema=None, **_options) -> bool:
        return schema is None and column_types.enumeration_named(type_name) is not None

    def get_table_names(self, connection, schema=None, **_options) -> list[str]:
        return inspect.tables() if schema is None else []

    def get_view_names(self, connection, schema=None, **_options) -> list[str]:
        return []

    get_materialized_view_names = get_view_names
    get_temp_table_names = get_view_names
    get_temp_view_names = get_view_names
    get_sequence_names = get_view_names
    get_foreign_table_names = get_view_names

    def get_schema_names(self, connection, **_options) -> list[str]:
        return [self.default_schema_name] if self.default_schema_name else []

    def get_enums(self, connection, schema=None, **_options) -> list:
        if schema not in (None, "*", self.default_schema_name):
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

    def get_domains(self, connection, schema=None, **_options) -> list:
        return []

    def get_view_definition(self, connection, view_name, schema=None, **_options) -> str:
        raise exc.NoSuchTableError(view_name)

    def get_table_options(self, connection, table_name, schema=None, **_options) -> dict:
        self._columns(table_name, schema)
        return {}

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
            "autoincrement": found.auto_increment or "auto",
            "comment": found.comment,
        }
        if self.name == "sqlite":
            column["primary_key"] = key.index(found.name) + 1 if found.name in key else 0
            del column["comment"]
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
        return [
            {
                "name": found.name,
                "column_names": _names(found.columns),
                "comment": None,
                "dialect_options": {},
            }
            for found in self._constraints(table_name, schema, types.Constraint_Unique)
        ]

    def get_check_constraints(self, connection, table_name, schema=None, **_options) -> list[dict]:
        return [
            {"name": found.name, "sqltext": found.condition.text, "comment": None}
            for found in self._constraints(table_name, schema, types.Constraint_Check)
        ]

    def get_indexes(self, connection, table_name, schema=None, **_options) -> list[dict]:
        self._columns(table_name, schema)
        answer = [self._index(found) for found in inspect.indexes(table_name)]
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
        return {"text": inspect.table_comment(table_name)}

    get_multi_table_options = DefaultDialect.get_multi_table_options
    get_multi_columns = DefaultDialect.get_multi_columns
    get_multi_pk_constraint = DefaultDialect.get_multi_pk_constraint
    get_multi_foreign_keys = DefaultDialect.get_multi_foreign_keys
    get_multi_indexes = DefaultDialect.get_multi_indexes
    get_multi_unique_constraints = DefaultDialect.get_multi_unique_constraints
    get_multi_check_constraints = DefaultDialect.get_multi_check_constraints
    get_multi_table_comment = DefaultDialect.get_multi_table_comment


class SQLite(HostDialect, SQLiteDialect):
    """SQLite as sqlite3 shows it."""

    supports_statement_cache = True
    default_paramstyle = "qmark"
    statement_compiler = _SQLiteCompiler
    colspecs = {**SQLiteDialect.colspecs, sqltypes.Boolean: _Boolean, sqltypes.Numeric: _Numeric}
    default_schema_name = "main"

    def do_execute(self, cursor, statement, parameters, context=None) -> None:
        asked = _TABLE_INFO.fullmatch(statement)
        if asked is None:
            super().do_execute(cursor, statement, parameters, context)
            return
        names = ("cid", "name", "type", "notnull", "dflt_value", "pk")
        table_name = asked.group("table")
        found = self.get_columns(None, table_name) if table_name in inspect.tables() else []
        lines = [
            (place, column["name"], column["type"].compile(dialect=self), int(not column["nullable"]))
            + (column["default"], column["primary_key"])
            for place, column in enumerate(found)
        ]
        cursor.show(names, lines)


class PostgreSQL(HostDialect, PGDialect):
    """PostgreSQL as psycopg shows it."""

    supports_statement_cache = True
    default_paramstyle = "numeric_dollar"
    statement_compiler = _PostgresCompiler
    default_schema_name = "public"
    supports_native_decimal = True

    def __init__(self, **options):
        super().__init__(json_deserializer=lambda value: value, **options)


class MariaDB(HostDialect, MySQLDialect):
    """MariaDB as PyMySQL shows it under `mysql+pymysql`."""

    supports_statement_cache = True
    default_paramstyle = "qmark"
    statement_compiler = _MySQLCompiler
    colspecs = {**MySQLDialect.colspecs, sqltypes.Boolean: _Boolean}
    server_version_info = (10, 11, 0)
    supports_native_decimal = True

    def __init__(self, **options):
        super().__init__(**options)
        self._set_mariadb(True, self.server_version_info)
        # What SQLAlchemy finds out about a MariaDB of that version when it connects.
        self._allows_uuid_binds = self.supports_native_uuid = self.supports_sequences = True
        for name in ("insert_returning", "update_returning", "delete_returning", "use_insertmanyvalues"):
            setattr(self, name, False)

    def _extract_error_code(self, exception) -> int:
        return exception.args[0]


_URLS = {
    types.Dialect.SQLITE: ("sqlite", SQLite),
    types.Dialect.POSTGRES: ("postgresql", PostgreSQL),
    types.Dialect.MARIADB: ("mysql", MariaDB),
}


def engines() -> dict[types.Dialect, Engine]:
    """An engine for each kind of target, connected once so that nothing is left to do in a step."""
    made = {}
    for target, (name, cls) in _URLS.items():
        registry.register(f"{name}.ptah", __name__, cls.__name__)
        engine = create_engine(f"{name}+ptah://", poolclass=StaticPool, paramstyle=cls.default_paramstyle)
        engine.connect().close()
        made[target] = engine
    return made
