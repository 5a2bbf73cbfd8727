"""Errors of the contract as the exceptions that a script expects.

A script sees the classes of PEP 249, wrapped by SQLAlchemy as ever, with the SQLSTATE or number that the
target's own driver would give. What the contract cannot say at all is `NotInContract`, which is no database
error: a script that catches database errors to go on must not go on past it. Should one do so nevertheless,
the step fails when it ends.
"""

from __future__ import annotations

import functools
import re

from componentize_py_types import Err
from sqlalchemy import exc

from . import places

# --- PEP 249 ---


class Warning(Exception):  # noqa: A001
    """PEP 249."""


class Error(Exception):
    """PEP 249. `sqlstate`, `pgcode` and `args[0]` say what the target's own driver says; `statement` what it is about, if
    that was a text."""

    sqlstate: str | None = None
    pgcode: str | None = None
    statement: str | None = None
    contract_error: object = None


class InterfaceError(Error):
    """PEP 249."""


class DatabaseError(Error):
    """PEP 249."""


class DataError(DatabaseError):
    """PEP 249."""


class OperationalError(DatabaseError):
    """PEP 249."""


class IntegrityError(DatabaseError):
    """PEP 249."""


class InternalError(DatabaseError):
    """PEP 249."""


class ProgrammingError(DatabaseError):
    """PEP 249."""


class NotSupportedError(DatabaseError):
    """PEP 249."""


class NotInContract(Exception):
    """The contract has no way to say what the script asks for. `feature` names it in a few words."""

    def __init__(self, feature: str, detail: str = ""):
        super().__init__(
            f"not in the contract ptah:migration: {feature}" + (f" ({detail})" if detail else "")
        )
        self.feature = feature
        unsaid.append(self)


class _Unsaid(list):
    """Errors, each with the place in the script that it came from."""

    def append(self, error: Exception) -> None:
        error.place = places.here()
        super().append(error)


# What could not be said in this step so far, caught by the script or not.
unsaid: list[Exception] = _Unsaid()

# How often something was changed in this step so far, and how often when it was the schema that was changed last.
_changes = 0
_schema_changes = 0


def changes() -> int:
    """A number that is another one after each change of rows or the schema."""
    return _changes


def schema_changes() -> int:
    """What `changes` was after the last change of the schema."""
    return _schema_changes


def changed(*, of_schema: bool = False) -> None:
    """To be called after each change."""
    global _changes, _schema_changes
    _changes += 1
    if of_schema:
        _schema_changes = _changes


# Kind of a refusal of rows → what psycopg2, PyMySQL and SQLite say, without names and values.
_REFUSED = {
    "UNIQUE": ("duplicate key value violates unique constraint", "Duplicate entry for key", "UNIQUE constraint failed"),
    "NOT_NULL": ("null value in column violates not-null constraint", "Column cannot be null", "NOT NULL constraint failed"),
    "FOREIGN_KEY": (
        "insert, update or delete violates foreign key constraint",
        "Cannot add, update or delete a row: a foreign key constraint fails",
        "FOREIGN KEY constraint failed",
    ),
    "CHECK": ("new row violates check constraint", "CONSTRAINT failed", "CHECK constraint failed"),
    "VALUE": ("value out of range or invalid", "Data out of range, too long or invalid", "datatype mismatch"),
}
# Of the numbers that a refusal may have those whose class in PyMySQL is OperationalError, by its `err.py`.
_OPERATIONAL = {1292, 1364, 1365, 1586, 1690, 4025}


def _driver_error(what: str, dialect: str, code: str) -> Error:
    """The driver's exception for rows that are refused: for what, and with which code."""
    postgres, mariadb, sqlite = _REFUSED[what]
    kind = DataError if what == "VALUE" else IntegrityError
    if dialect == "postgresql":
        made = kind(postgres)
        made.sqlstate = made.pgcode = code
    elif dialect == "mysql":
        number = int(code)
        made = (OperationalError if number in _OPERATIONAL else kind)(number, mariadb)
    else:
        made = IntegrityError(sqlite)
        made.sqlite_errorcode = int(code)
    return made


# What the host's messages are about, by the case of its error and its words: all that there are (`find.rs`, `names.rs`,
# `constraint.rs`, `index.rs`, `enumeration.rs`, `query.rs` and `scope.rs` of its schema).
_ABOUT = [
    (case, re.compile(pattern), kind)
    for case, pattern, kind in (
        ("AlreadyExists", r"table (?P<table>\S+) has a column \S+ already", "column exists"),
        ("AlreadyExists", r"table (?P<table>\S+) has a primary key already", "second primary key"),
        ("AlreadyExists", r"the enumeration \S+ has a label", "type exists"),
        ("AlreadyExists", r"table (?P<table>\S+) exists already", "table exists"),
        ("AlreadyExists", r"json column \S+ comes with a check", "check exists"),
        ("AlreadyExists", r".*: there is a foreign key", "foreign key exists"),
        ("AlreadyExists", r"the name .* is taken by", "name is taken"),
        ("Invalid", r"column \S+ of table (?P<table>\S+) is named twice", "column exists"),
        ("Invalid", r"table \S+ cannot be dropped: table \S+ refers to it", "table in use"),
        ("NotFound", r"(there is no table (?P<there>\S+)|table (?P<table>\S+) does not exist)", "no table"),
        ("NotFound", r"table (?P<table>\S+) has no column", "no column"),
        ("NotFound", r"(no source of the query has a|there is no) column", "no column"),
        ("NotFound", r"the query has no source", "no source"),
        ("NotFound", r"(there is no|table \S+ has no) index", "no such key"),
        ("NotFound", r"table \S+ has no (constraint|primary key|unique constraint|foreign key|check)", "no such key"),
        ("NotFound", r"there is no type", "no type"),
        ("NotFound", r"(there is no|the) enumeration .* label", "no label"),
    )
]
# What a taken name was for, by what made it; an index or a key without one of these.
_TAKEN = {
    "create-table": "table exists",
    "rename-table": "table exists",
    "create-enum": "type exists",
    "rename-enum": "type exists",
    "foreign-key": "foreign key exists",
    "check": "check exists",
}
# Kind → class and SQLSTATE of psycopg2, number of MariaDB. SQLite's driver raises OperationalError for all of them.
_CODES = {
    "table exists": (ProgrammingError, "42P07", 1050),
    "column exists": (ProgrammingError, "42701", 1060),
    "key exists": (ProgrammingError, "42P07", 1061),
    "foreign key exists": (ProgrammingError, "42710", 1005),
    "check exists": (ProgrammingError, "42710", 1826),
    "second primary key": (ProgrammingError, "42P16", 1068),
    "type exists": (ProgrammingError, "42710", 1050),
    "table in use": (InternalError, "2BP01", 1451),
    "no table": (ProgrammingError, "42P01", 1146),
    "no referred table": (ProgrammingError, "42P01", 1005),
    "no referred column": (ProgrammingError, "42703", 1005),
    "no column": (ProgrammingError, "42703", 1054),
    "no source": (ProgrammingError, "42P01", 1054),
    "no such key": (ProgrammingError, "42704", 1091),
    "no type": (ProgrammingError, "42704", 1146),
    "no label": (DataError, "22023", 1366),
    "syntax": (ProgrammingError, "42601", 1064),
}
_OTHER = (DataError, "22000", 1366)
# Where MariaDB has a number of its own: kind and what was done → number.
_MARIADB = {
    ("no table", "drop-table"): 1051,
    ("no column", "drop-column"): 1091,
    ("no column", "create-index"): 1072,
    ("no column", "create-table"): 1072,
    ("no column", "key"): 1072,
    ("no column", "foreign-key"): 1072,
}
# PyMySQL's classes of the numbers above, OperationalError for the others.
_PYMYSQL = {1146: ProgrammingError, 1064: ProgrammingError, 1451: IntegrityError, 1366: DataError}


def _kind(case: str, message: str, about: str, subject: str | None) -> str | None:
    """What an error of the contract is about. `subject`: the table that something was done to."""
    for of, pattern, kind in _ABOUT:
        found = pattern.match(message) if of == case else None
        if found is None:
            continue
        if kind == "name is taken" or (kind == "table exists" and about in _TAKEN):
            return _TAKEN.get(about, "key exists")
        said = next((name for name in found.groupdict().values() if name is not None), subject)
        if about in ("create-table", "foreign-key") and said != subject and kind in ("no table", "no column"):
            return kind.replace("no ", "no referred ")
        return kind
    return "syntax" if case == "Invalid" and about == "statement" else None


# Rows that the host refuses before a database does: what of, by its words.
_ROWS = [
    (re.compile(r"(row \d+: )?column \S+ of table \S+ cannot hold NULL"), "NOT_NULL", ("23502", 1048, 1299)),
    (re.compile(r"column \S+ of table \S+ is not nullable, has no default and is left out"), "NOT_NULL", ("23502", 1364, 1299)),
    (re.compile(r"(row \d+: )?the value for column \S+ of table \S+ is .*longer"), "VALUE", ("22001", 1406, None)),
    (re.compile(r"(row \d+: )?the value for column \S+ of table \S+ is .*none of its labels"), "VALUE", ("22P02", 1265, None)),
    (re.compile(r"(row \d+: )?the value for column \S+ of table \S+ is "), "VALUE", ("22003", 1264, None)),
]


def _of_rows(message: str, dialect: str) -> Error | None:
    """The driver's exception for rows that the host refuses. What SQLite would have taken fails the step, caught or not."""
    for pattern, kind, codes in _ROWS:
        if not pattern.match(message):
            continue
        code = codes[{"postgresql": 0, "mysql": 1, "sqlite": 2}[dialect]]
        if code is not None:
            made = _driver_error(kind, dialect, str(code))
            made.args = (*made.args[:-1], f"{made.args[-1]}: {message}")
            return made
        made = OperationalError(message)
        unsaid.append(made)
        return made
    return None


def about_text(text: str) -> str:
    """What a statement of DDL does, in the words of the contract's own functions."""
    found = re.match(r"\s*(\w+)\s+(?:UNIQUE\s+)?(\w+)", text, re.IGNORECASE)
    verb, what = (found.group(1).lower(), found.group(2).lower()) if found else ("", "")
    if verb == "alter" and (part := re.search(r"\b(add|drop)\s+(constraint|column)?", text, re.IGNORECASE)):
        verb, what = part.group(1).lower(), (part.group(2) or "column").lower()
    return f"{verb}-{'enum' if what == 'type' else what}"


def dbapi_error(error: object, dialect: str, about: str, subject: str | None = None) -> Error:
    """The driver's exception for an error of the contract. `about`: the contract's function, or what was to be made; a
    `statement` of a script, whatever it is."""
    case = type(error).__name__.removeprefix("Error_")
    message = error.value
    if case == "Refused":
        made = _driver_error(message.kind.name, dialect, message.code)
        made.contract_error = error
        return made
    if case == "Unsupported":
        made: Error = NotSupportedError(message)
        unsaid.append(made)
    elif case == "Invalid" and (of_rows := _of_rows(message, dialect)) is not None:
        made = of_rows
    elif dialect == "sqlite":
        made = OperationalError(message)
    else:
        kind = _kind(case, message, about, subject)
        cls, state, number = _CODES.get(kind, _OTHER)
        if dialect == "postgresql":
            made = cls(message)
            made.sqlstate = made.pgcode = state
        else:
            number = _MARIADB.get((kind, about), number)
            made = _PYMYSQL.get(number, OperationalError)(number, message)
    made.contract_error = error
    return made


def whole(method):
    """An operation of Alembic's that may take several calls: where one of them fails, what the others did stands, and nothing of the
    database's own is like that. So the step fails when it ends, caught or not."""

    @functools.wraps(method)
    def run(*arguments, **said):
        before = changes()
        try:
            return method(*arguments, **said)
        except Exception as error:
            if changes() != before and error not in unsaid:
                unsaid.append(error)
            raise

    return run


class call:
    """Around calls of the contract that change something and that no DBAPI cursor makes: their errors leave as SQLAlchemy's
    exceptions."""

    def __init__(self, what: str, dialect: str, about: str | None = None, subject: str | None = None):
        self.what, self.dialect, self.about, self.subject = what, dialect, about or what, subject

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if kind is None:
            changed(of_schema=self.what != "bulk-insert")
        if isinstance(error, Err):
            original = dbapi_error(error.value, self.dialect, self.about, self.subject)
            raise exc.DBAPIError.instance(
                f"<{self.what}>", None, original, Error, hide_parameters=True, connection_invalidated=False
            ) from None


def contract_error_of(error: BaseException | None) -> object | None:
    """The contract's own error that an exception came from, if any."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, Err):
            return error.value
        found = getattr(getattr(error, "orig", error), "contract_error", None)
        if found is not None:
            return found
        # What it was raised for, and not what was handled when it was raised.
        error = error.__cause__ if isinstance(error, exc.SQLAlchemyError) else None
    return None
