"""A DBAPI (PEP 249) whose database is the contract: DML goes to `data`, SELECT to `rows`."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

from componentize_py_types import Err
from wit_world.imports import data, rows, types
from wit_world.imports import schema as contract

from . import errors, handled, later, needless, questions, sql, values
from .errors import (  # noqa: F401  PEP 249 wants them in the module
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
# SQLAlchemy's dialect for SQLite looks at it.
sqlite_version_info = questions.VERSIONS["sqlite"]

# Only of so many statements it can still be asked how many rows they touched; the contract has 64 handles.
_HANDLES = 32
# Values of a statement that inserts several rows at once.
_AT_ONCE = 1500
# Rows that one call brings.
_BATCH = 500
# Statements that only mean something to a session that a script opened itself: the step's transaction is the
# host's.
_SESSION = {"begin", "start", "commit", "end", "rollback", "savepoint", "release"}
_INSERT = re.compile(
    r"""\s*INSERT\s+INTO\s+(?P<table>[\w"`]+)\s*\((?P<columns>[\w"`,\s]+)\)\s*VALUES\s*\((?P<values>[?$\d,\s]+)\)\s*;?\s*""",
    re.IGNORECASE,
)


def Binary(data: bytes) -> bytes:  # noqa: N802
    """PEP 249."""
    return bytes(data)


class Touched:
    """How many rows a statement touched. Asking is what makes a step data-dependent, so nobody asks
    unasked."""

    def __init__(self, numbers: Sequence[int], dialect: str):
        self._numbers, self._dialect = numbers, dialect

    def __int__(self) -> int:
        return sum(_touched(number, self._dialect) for number in self._numbers)

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))

    def __lt__(self, other: int) -> bool:
        return int(self) < other

    def __gt__(self, other: int) -> bool:
        return int(self) > other

    def __bool__(self) -> bool:
        return int(self) != 0

    def __repr__(self) -> str:
        return str(int(self))


_statements: OrderedDict[int, data.Statement] = OrderedDict()
_last = 0


def _keep(statement: data.Statement) -> int:
    global _last
    _last += 1
    _statements[_last] = statement
    while len(_statements) > _HANDLES:
        _, oldest = _statements.popitem(last=False)
        oldest.__exit__(None, None, None)
    return _last


def _held(number: int, what: str) -> data.Statement:
    statement = _statements.get(number)
    if statement is None:
        raise NotSupportedError(f"{what} is kept for the last {_HANDLES} statements only")
    return statement


def _touched(number: int, dialect: str) -> int:
    try:
        return rows.touched(_held(number, "the number of rows"))
    except Err as error:
        raise errors.dbapi_error(error.value, dialect, "statement") from None


class Connection:
    """The only connection of a step. Its transaction is the host's: commit is no question here, and nothing but the
    whole step is taken back."""

    def __init__(self, dialect: str):
        self.dialect = dialect
        # What `errors.changes` was at the last commit, and at each savepoint that is open, by its name.
        self._committed = errors.changes()
        self._savepoints: dict[str, int] = {}

    def cursor(self) -> Cursor:
        """A new cursor, for a script that has the words of the target's usual driver."""
        return DriverCursor(self)

    def commit(self) -> None:
        """Nothing: the host ends the step."""
        self._committed = errors.changes()

    def rollback(self) -> None:
        """A step that fails is taken back as a whole. One that goes on after this, with changes that it made, fails when it
        ends: they cannot be taken back alone. What the database refused is none, nor what came before DDL on MariaDB, which
        commits it."""
        committed = self._committed
        if self.dialect == "mysql":
            committed = max(committed, errors.schema_changes())
        if errors.changes() != committed:
            errors.NotInContract("a rollback by a script that goes on")

    def savepoint(self, name: str) -> None:
        """From here on statements are sent at once, so that their refusal is known."""
        self._savepoints[name] = errors.changes()

    def release(self, name: str) -> None:
        """Ends a savepoint."""
        self._savepoints.pop(name, None)

    def rollback_to(self, name: str) -> None:
        """As `rollback`: what was refused since the savepoint is gone anyway, and nothing else can be taken back."""
        if errors.changes() != self._savepoints.pop(name, None):
            errors.NotInContract("a rollback to a savepoint, of what was changed since")

    def sends_at_once(self) -> bool:
        """Whether somebody wants to know what the database says against the rows of a statement."""
        return bool(self._savepoints) or handled.by_a_script()

    def close(self) -> None:
        """Nothing."""


class Cursor:
    """PEP 249."""

    arraysize = 1

    def __init__(self, connection: Connection):
        self.connection = connection
        self.description: list[tuple] | None = None
        self.rowcount: int | Touched = -1
        self._answer: Iterator[tuple] = iter(())
        self._open: rows.Cursor | None = None
        self._last = 0

    @property
    def lastrowid(self) -> int:
        """The number that the database drew for the row of the last INSERT. Asking makes the step data-dependent."""
        return self._call(rows.drawn, _held(self._last, "the number that was drawn for a row"))

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """One statement; on PostgreSQL, whose drivers take them, several without parameters."""
        self._execute(statement, parameters)

    def _execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        self._release()
        if self.connection.dialect == "postgresql" and not parameters:
            parts = sql.statements(statement)
            for part in parts[:-1]:
                self._execute(part)
            statement = parts[-1] if parts else statement
        if self._call(needless.is_needless, statement, self.connection.dialect):
            self.description, self.rowcount = None, -1
            return
        kind = sql.kind(statement)
        if kind in ("select", "show"):
            answer = questions.answer(statement, parameters, self.connection.dialect)
            if answer is not None:
                self.show(*answer)
                return
        statement = needless.without_charset(statement, self.connection.dialect)
        text = types.SqlText(statement, types.SqlSyntax.TARGET)
        if kind == "select":
            self._call(self._query, text, [values.to_contract(value) for value in parameters])
        elif kind in ("insert", "update", "delete"):
            send = rows.attempt if self.connection.sends_at_once() else data.execute
            made = self._call(send, text, [values.to_contract(value) for value in parameters])
            errors.changed()
            self._last = _keep(made)
            self.description, self.rowcount = None, Touched([self._last], self.connection.dialect)
        elif sql.is_ddl_text(statement) and not parameters:
            self._call(contract.ddl_text, text)
            errors.changed(of_schema=True)
            later.follow_text(statement)
            self.description, self.rowcount = None, -1
        elif kind in _SESSION:
            raise errors.NotInContract(f"transaction control by a script: {sql.first_words(statement)}")
        else:
            raise errors.NotInContract(f"the statement {sql.first_words(statement)} …")

    def executemany(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        """One statement for many rows; a plain INSERT becomes one bulk insert."""
        plain = _INSERT.fullmatch(statement)
        columns = [_unquoted(name) for name in plain.group("columns").split(",")] if plain else []
        if plain and _in_order(plain.group("values"), len(columns)):
            if self.connection.sends_at_once():
                self._insert_at_once(statement, plain.start("values") - 1, len(columns), parameters)
                return
            self._release()
            lines = [[values.to_contract(value) for value in line] for line in parameters]
            for part in values.calls(lines):
                self._call(data.bulk_insert, _unquoted(plain.group("table")), columns, part)
                errors.changed()
            self.description, self.rowcount = None, len(lines)
            return
        made = []
        for line in parameters:
            self._execute(statement, line)
            made.append(_last)
        self.rowcount = Touched(made, self.connection.dialect)

    def _insert_at_once(
        self, statement: str, place: int, width: int, parameters: Sequence[Sequence[object]]
    ) -> None:
        """Several rows a statement, which has `width` placeholders from `place` on; on SQLite one, as its driver sends them. Where
        PyMySQL and psycopg2 send one statement, and its size takes several here, a refusal of a later one is none of theirs."""
        longest, made = 1 if self.connection.dialect == "sqlite" else max(1, _AT_ONCE // width), []
        rest = list(parameters)
        while rest:
            fitting = values.calls([[values.to_contract(value) for value in line] for line in rest[:longest]])
            many = len(next(fitting))
            lines, rest = rest[:many], rest[many:]
            marks = [
                ", ".join(f"${at * width + column + 1}" if "$" in statement[place:] else "?" for column in range(width))
                for at in range(len(lines))
            ]
            text = statement[:place] + ", ".join(f"({mark})" for mark in marks)
            try:
                self._execute(text, [value for line in lines for value in line])
            except DatabaseError:
                if made and longest > 1:
                    errors.NotInContract("rows of one INSERT that is too long for one statement, of which some are refused")
                raise
            made.append(self._last)
        self.rowcount = Touched(made, self.connection.dialect)

    def show(self, names: Sequence[str], lines: Sequence[tuple]) -> None:
        """Answers with these rows."""
        self._release()
        self.description = [(name, "Text", None, None, None, None, None) for name in names]
        self.rowcount, self._answer = -1, iter(lines)

    def _query(self, text: types.SqlText, parameters: list[types.Value]) -> None:
        self._open = rows.query(text, parameters)
        columns = self._open.columns()
        names = [type(column.column_type).__name__.removeprefix("ColumnType_") for column in columns]
        self.description = [
            (column.name, name, None, None, None, None, None) for column, name in zip(columns, names)
        ]
        self.rowcount = -1
        self._answer = self._lines()

    def _lines(self) -> Iterator[tuple]:
        while self._open is not None:
            lines = self._call(self._open.next, _BATCH)
            if not lines:
                self._release()
                return
            for line in lines:
                yield tuple(values.from_contract(value, self.connection.dialect) for value in line)

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except Err as error:
            about = errors.about_text(arguments[0].text) if function is contract.ddl_text else "statement"
            made = errors.dbapi_error(error.value, self.connection.dialect, about)
            made.statement = getattr(arguments[0], "text", None) if arguments else None
            raise made from None

    def fetchone(self) -> tuple | None:
        """PEP 249."""
        return next(self._answer, None)

    def fetchmany(self, size: int | None = None) -> list[tuple]:
        """PEP 249."""
        return [line for _, line in zip(range(size or self.arraysize), self._answer)]

    def fetchall(self) -> list[tuple]:
        """PEP 249."""
        return list(self._answer)

    def __iter__(self) -> Iterator[tuple]:
        return self._answer

    def setinputsizes(self, sizes: object) -> None:
        """PEP 249."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249."""

    def _release(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = None
        self._answer = iter(())

    def close(self) -> None:
        """PEP 249."""
        self._release()


class DriverCursor(Cursor):
    """A cursor whose statements have the placeholders of the target's usual driver, where there are parameters."""

    def execute(self, statement: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> None:
        """As the driver does it."""
        self._execute(*(sql.of_driver(statement, parameters, self.connection.dialect) if parameters else (statement,)))

    def executemany(self, statement: str, parameters: Sequence[Sequence[object] | Mapping[str, object]]) -> None:
        """As the driver does it."""
        made = [sql.of_driver(statement, line, self.connection.dialect) for line in parameters]
        if made:
            super().executemany(made[0][0], [line for _, line in made])

    def __enter__(self) -> DriverCursor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _in_order(marks: str, width: int) -> bool:
    """Whether these are placeholders alone, one for each column in their order."""
    found = [mark.strip() for mark in marks.split(",")]
    return found in (["?"] * width, [f"${at + 1}" for at in range(width)])


def _unquoted(name: str) -> str:
    return name.strip().strip('"`')
