"""SQLAlchemy's dialects with the contract as their database.

The compilers and types are SQLAlchemy's own. What is different: parameters are positional, nothing is asked
at connect, reflection is answered by `ptah:migration/inspect`, and a DDL element that a script executes
(`CreateTable`, `table.create()`, `metadata.create_all()`) becomes operations instead of text.
"""

from __future__ import annotations

import re

from sqlalchemy import URL, create_engine, event
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.pool import QueuePool
from wit_world.imports import inspect, types

from . import compilers, dbapi, questions, returning, sql
from .reflection import Reflection


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


# Under SQLAlchemy 2.0 a double is a kind of decimal.
_DECIMALS = {sqltypes.Numeric: _Numeric, sqltypes.Float: sqltypes.Float}


class _Keys(list):
    """The keys of inserted rows. The database is asked for one that it drew when somebody looks at it."""

    def __init__(self, keys, drawn):
        super().__init__(keys)
        self._drawn = drawn

    def __getitem__(self, at):
        if None in super().__getitem__(at):
            self[at] = self._drawn(at)
        return super().__getitem__(at)

    def __iter__(self):
        return (self[at] for at in range(len(self)))


class HostExecutionContext(DefaultExecutionContext):
    """Asks how many rows a statement touched only when a script does."""

    def create_default_cursor(self):
        return dbapi.Cursor(self._dbapi_connection.dbapi_connection)

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


class HostDialect(Reflection):
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
    default_isolation_level = "SERIALIZABLE"

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

    def _is_driver_sql(self, context) -> bool:
        """Whether a text came by `exec_driver_sql`, in the words of the target's usual driver."""
        return context is not None and context.compiled is None and getattr(context, "is_text", False)

    def do_execute(self, cursor, statement, parameters, context=None) -> None:
        if context is not None and context.isddl:
            from . import ddl

            # The driver answers DDL with nothing; its errors are wrapped by who called.
            ddl.execute_ddl(context.compiled.statement, context.root_connection)
            return
        if self._is_driver_sql(context):
            statement, parameters = sql.of_driver(statement, parameters, self.name)
        elif context is not None and context.isinsert:
            rows = sql.rows_of(statement, parameters)
            if rows is not None:
                cursor.executemany(*rows)
                return
        cursor.execute(statement, parameters)

    def do_execute_no_params(self, cursor, statement, context=None) -> None:
        cursor.execute(statement)

    def do_executemany(self, cursor, statement, parameters, context=None) -> None:
        if self._is_driver_sql(context):
            made = [sql.of_driver(statement, line, self.name) for line in parameters]
            statement, parameters = made[0][0], [line for _, line in made]
        cursor.executemany(statement, parameters)


class SQLite(HostDialect, SQLiteDialect):
    """SQLite as sqlite3 shows it."""

    supports_statement_cache = True
    default_paramstyle = "qmark"
    statement_compiler = compilers.SQLite
    colspecs = {**SQLiteDialect.colspecs, sqltypes.Boolean: _Boolean, sqltypes.Numeric: _Numeric}
    default_schema_name = "main"
    server_version_info = questions.VERSIONS["sqlite"]

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
    statement_compiler = compilers.PostgreSQL
    colspecs = {**PGDialect.colspecs, **_DECIMALS}
    default_schema_name = "public"
    server_version_info = questions.VERSIONS["postgresql"]
    supports_native_decimal = True
    # The host knows `x -> key`, which is the same.
    _supports_jsonb_subscripting = False

    def __init__(self, **options):
        super().__init__(json_deserializer=lambda value: value, **options)


class MariaDB(HostDialect, MySQLDialect):
    """MariaDB as PyMySQL shows it under `mysql+pymysql`."""

    supports_statement_cache = True
    default_paramstyle = "qmark"
    statement_compiler = compilers.MariaDB
    colspecs = {**MySQLDialect.colspecs, sqltypes.Boolean: _Boolean, **_DECIMALS}
    default_schema_name = questions.DATABASE
    server_version_info = questions.VERSIONS["mysql"]
    supports_native_decimal = True
    # Or SQLAlchemy would leave out a cast to FLOAT.
    _support_float_cast = True

    def __init__(self, **options):
        super().__init__(**options)
        self._set_mariadb(True, self.server_version_info)
        # What SQLAlchemy finds out about a MariaDB of that version when it connects.
        self._allows_uuid_binds = self.supports_sequences = True
        # SQLAlchemy 2.0 has no type of its own for it there, and keeps a text.
        self.supports_native_uuid = sqltypes.Uuid in self.colspecs
        for name in ("insert_returning", "update_returning", "delete_returning", "use_insertmanyvalues"):
            setattr(self, name, False)

    def _extract_error_code(self, exception) -> int:
        return exception.args[0]


_URLS = {
    types.Dialect.SQLITE: ("sqlite", SQLite),
    types.Dialect.POSTGRES: ("postgresql", PostgreSQL),
    types.Dialect.MARIADB: ("mysql", MariaDB),
}


# Connections of a step, its own and those that a script opens beside it. What one of these takes back when it is closed
# is no matter of the others.
_CONNECTIONS = 4


def engines() -> dict[types.Dialect, Engine]:
    """An engine for each kind of target, with connections made: making one looks at the clock, and then the step would
    depend on it."""
    made = {}
    for target, (name, cls) in _URLS.items():
        registry.register(f"{name}.ptah", __name__, cls.__name__)
        engine = create_engine(
            f"{name}+ptah://", poolclass=QueuePool, pool_size=_CONNECTIONS, paramstyle=cls.default_paramstyle
        )
        # What was changed before a connection is opened is none of its own.
        event.listen(engine, "checkout", lambda connection, _record, _proxy: connection.commit())
        event.listen(engine, "before_execute", returning.answered, retval=True)
        for connection in [engine.connect() for _ in range(_CONNECTIONS)]:
            connection.close()
        # No driver, as scripts compare with the name of the database.
        login = {} if name == "sqlite" else {"username": questions.DATABASE, "host": "localhost"}
        engine.url = URL.create(name, database=questions.DATABASE, **login)
        made[target] = engine
    return made
