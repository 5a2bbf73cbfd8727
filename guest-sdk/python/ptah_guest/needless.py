"""Statements that do nothing here, as what they ask for holds in any case.

Only whole statements of a few forms are known; whatever else stands in a text is left to the contract.
"""

from __future__ import annotations

import re

from wit_world.imports import inspect

from .errors import NotInContract
from .tables import is_alembics

_NAME = r"(?:`[^`]+`|\w+)"
_CHARSET = r"(?:CHARACTER\s+SET|CHARSET)\s*=?\s*'?utf8(?:mb3|mb4)?'?"
_COLLATE = r"(?:\s+(?:DEFAULT\s+)?COLLATE\s*=?\s*'?(?P<collation>\w+)'?)?"
_ASSIGNED = r"SET\s+(?:SESSION\s+|LOCAL\s+|@@(?:SESSION\.|LOCAL\.)?)?FOREIGN_KEY_CHECKS\s*=\s*(?:0|1|ON|OFF)"


def _whole(*forms: str) -> list[re.Pattern]:
    return [re.compile(rf"\s*{form}\s*;?\s*", re.IGNORECASE) for form in forms]


# Packages have no table of Alembic's: what a script makes of it is no matter of theirs.
_OF_ALEMBIC = r"""ALTER\s+TABLE\s+["`]?alembic_version["`]?\s[^;']+"""
_NEEDLESS = {
    # The host keeps foreign keys whole in any case; within a transaction SQLite does not even hear it.
    "sqlite": _whole(r"PRAGMA\s+foreign_keys\s*=\s*\w+", _OF_ALEMBIC),
    "postgresql": _whole(_OF_ALEMBIC),
    # Tables and the connection have utf8mb4, which holds what the others do.
    "mysql": _whole(
        _OF_ALEMBIC,
        _ASSIGNED,
        rf"SET\s+NAMES\s+'?utf8(?:mb3|mb4)?'?{_COLLATE}",
        rf"ALTER\s+(?:DATABASE|SCHEMA)(?:\s+{_NAME})?\s+(?:DEFAULT\s+)?{_CHARSET}{_COLLATE}",
        rf"ALTER\s+TABLE\s+(?P<table>{_NAME})\s+(?:CONVERT\s+TO\s+|DEFAULT\s+)?{_CHARSET}{_COLLATE}",
    ),
}
# What goes without saying for these character sets on MariaDB 10.11.
_COLLATIONS = {None, "utf8_general_ci", "utf8mb3_general_ci", "utf8mb4_general_ci"}
_PLACE = rf"(?:MODIFY(?:\s+COLUMN)?|CHANGE(?:\s+COLUMN)?\s+{_NAME})\s+{_NAME}"
_OPTION = r"(?:NOT\s+NULL|NULL|DEFAULT\s+(?:'(?:[^'\\]|'')*'|[\w.]+)|COMMENT\s+'(?:[^'\\]|'')*')"
_COLUMN = re.compile(
    rf"(?P<head>\s*ALTER\s+TABLE\s+{_NAME}\s+{_PLACE}\s+\w+(?:\s*\(\d+\))?)\s+{_CHARSET}{_COLLATE}(?P<rest>(?:\s+{_OPTION})*\s*;?\s*)",
    re.IGNORECASE,
)


def _refuse_collation(found: re.Match) -> None:
    collation = found.groupdict().get("collation")
    if (collation and collation.lower()) not in _COLLATIONS:
        raise NotInContract("a collation", collation)


def is_needless(statement: str, dialect: str) -> bool:
    """Whether it is one of these. Raises `NotInContract` for a collation that is not the default, and the contract's
    `not-found` for a table that does not exist."""
    for pattern in _NEEDLESS.get(dialect, ()):
        if found := pattern.fullmatch(statement):
            _refuse_collation(found)
            table = found.groupdict().get("table", "").strip("`")
            if table and not is_alembics(table):
                inspect.columns(table)
            return True
    return False


def without_charset(statement: str, dialect: str) -> str:
    """A MODIFY or CHANGE of a column without the character set that it has in any case."""
    found = _COLUMN.fullmatch(statement) if dialect == "mysql" else None
    if found is None:
        return statement
    _refuse_collation(found)
    return found["head"] + found["rest"]
