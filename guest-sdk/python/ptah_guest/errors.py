"""Errors of the contract as the exceptions that a script expects.

A script sees the classes of PEP 249, wrapped by SQLAlchemy as ever, with the SQLSTATE or number that the
target's own driver would give. What the contract cannot say at all is `NotInContract`, which is no database
error: a script that catches database errors to go on must not go on past it. Should one do so nevertheless,
the step fails when it ends.
"""

from __future__ import annotations

from componentize_py_types import Err
from sqlalchemy import exc

# --- PEP 249 ---


class Warning(Exception):  # noqa: A001
    """PEP 249."""


class Error(Exception):
    """PEP 249. `sqlstate`, `pgcode` and `args[0]` say what the target's own driver says."""

    sqlstate: str | None = None
    pgcode: str | None = None
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


# What could not be said in this step so far, caught by the script or not.
unsaid: list[Exception] = []

# How often something was changed in this step so far.
_changes = 0


def changes() -> int:
    """A number that is another one after each change of rows or the schema."""
    return _changes


def changed() -> None:
    """To be called after each change."""
    global _changes
    _changes += 1


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


def _refused(refusal: object, dialect: str) -> Error:
    """The driver's exception for rows that the database refused."""
    postgres, mariadb, sqlite = _REFUSED[refusal.kind.name]
    kind = DataError if refusal.kind.name == "VALUE" else IntegrityError
    if dialect == "postgresql":
        made = kind(postgres)
        made.sqlstate = made.pgcode = refusal.code
    elif dialect == "mysql":
        number = int(refusal.code)
        made = (OperationalError if number in _OPERATIONAL else kind)(number, mariadb)
    else:
        made = IntegrityError(sqlite)
        made.sqlite_errorcode = int(refusal.code)
    return made


# Case of the contract's error, kind of thing → class, SQLSTATE of PostgreSQL, number of MariaDB. SQLite's
# driver raises OperationalError for all of them.
_CLASSES = {
    ("AlreadyExists", "table"): (ProgrammingError, OperationalError, "42P07", 1050),
    ("AlreadyExists", "column"): (ProgrammingError, OperationalError, "42701", 1060),
    ("AlreadyExists", "index"): (ProgrammingError, OperationalError, "42P07", 1061),
    ("AlreadyExists", "constraint"): (ProgrammingError, OperationalError, "42710", 1061),
    ("NotFound", "table"): (ProgrammingError, ProgrammingError, "42P01", 1146),
    ("NotFound", "column"): (ProgrammingError, OperationalError, "42703", 1054),
    ("NotFound", "index"): (ProgrammingError, OperationalError, "42704", 1091),
    ("NotFound", "constraint"): (ProgrammingError, OperationalError, "42704", 1091),
    ("NotFound", "statement"): (ProgrammingError, ProgrammingError, "42P01", 1146),
    ("Invalid", "statement"): (ProgrammingError, ProgrammingError, "42601", 1064),
}


def _kind(message: str, default: str) -> str:
    """What a message of the contract is about: `there is no column a`, `the query has no source t`."""
    words = message.replace(",", " ").split()
    if "no source" in message and "column" not in words:
        return "table"
    return next((word for word in words[:8] if word in ("table", "column", "index", "constraint")), default)


def dbapi_error(error: object, dialect: str, about: str) -> Error:
    """The driver's exception for an error of the contract."""
    case = type(error).__name__.removeprefix("Error_")
    message = error.value
    if case == "Refused":
        made = _refused(message, dialect)
        made.contract_error = error
        return made
    if case == "Unsupported":
        made: Error = NotSupportedError(message)
        unsaid.append(made)
    elif dialect == "sqlite":
        made = OperationalError(message)
    else:
        key = (case, about if case == "Invalid" else _kind(message, about))
        postgres, mariadb, state, number = _CLASSES.get(key, (DataError, DataError, "22000", 1366))
        if dialect == "postgresql":
            made = postgres(message)
            made.sqlstate = made.pgcode = state
        else:
            made = mariadb(number, message)
    made.contract_error = error
    return made


class call:
    """Around calls of the contract that change something and that no DBAPI cursor makes: their errors leave as SQLAlchemy's
    exceptions."""

    def __init__(self, what: str, dialect: str):
        self.what, self.dialect = what, dialect

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if kind is None:
            changed()
        if isinstance(error, Err):
            original = dbapi_error(error.value, self.dialect, "table")
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
        error = error.__cause__
    return None
