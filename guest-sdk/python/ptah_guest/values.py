"""Python values ↔ values of the contract.

Towards the host a value goes by its Python type. Coming back it becomes what the target's usual driver gives
(sqlite3, psycopg, PyMySQL), because SQLAlchemy's types of that dialect, and the scripts, expect that.
"""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Iterator

from wit_world.imports import types

from . import errors

_NULL = types.Value_Null()
# How much of rows one call carries: less than the host's `call_bytes`, as the names of columns count too.
_CALL = 900_000
# What the host counts for an item of a list.
_ITEM = 16


def to_contract(value: object) -> types.Value:
    """A value of the contract. Raises `InterfaceError` for a type that none of them takes."""
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return types.Value_Boolean(value)
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            return types.Value_Numeric(str(int(value)))
        return types.Value_Integer(int(value))
    if isinstance(value, str):
        return types.Value_Text(str(value))
    if isinstance(value, float):
        return types.Value_Double(value)
    if isinstance(value, decimal.Decimal):
        return types.Value_Numeric(format(value, "f"))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return types.Value_Binary(bytes(value))
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return types.Value_Timestamp(value.isoformat(" "))
        return types.Value_TimestampWithZone(value.isoformat())
    if isinstance(value, datetime.date):
        return types.Value_Date(value.isoformat())
    if isinstance(value, datetime.time):
        return types.Value_Time(value.isoformat())
    if isinstance(value, uuid.UUID):
        return types.Value_Uuid(str(value))
    if isinstance(value, (dict, list)):
        return types.Value_Json(json.dumps(value))
    raise errors.InterfaceError(
        f"a parameter has the type {type(value).__name__}, which no value of the contract takes"
    )


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _sqlite_moment(text: str) -> str:
    return _moment(text).replace(tzinfo=None).isoformat(" ", "microseconds")


def _duration(text: str) -> datetime.timedelta:
    time = datetime.time.fromisoformat(text)
    return datetime.timedelta(
        hours=time.hour, minutes=time.minute, seconds=time.second, microseconds=time.microsecond
    )


# Case of the value → what the driver gives.
_SQLITE = {
    "Boolean": int,
    "Numeric": float,
    "Timestamp": _sqlite_moment,
    "TimestampWithZone": _sqlite_moment,
    "Time": lambda text: datetime.time.fromisoformat(text).isoformat("microseconds"),
    "Uuid": lambda text: text.replace("-", ""),
}
_POSTGRES = {
    "Numeric": decimal.Decimal,
    "Date": datetime.date.fromisoformat,
    "Time": datetime.time.fromisoformat,
    "Timestamp": _moment,
    "TimestampWithZone": _moment,
    "Uuid": uuid.UUID,
    "Json": json.loads,
}
_MARIADB = {
    "Boolean": int,
    "Numeric": decimal.Decimal,
    "Date": datetime.date.fromisoformat,
    "Time": _duration,
    "Timestamp": _moment,
    "TimestampWithZone": lambda text: _moment(text).replace(tzinfo=None),
}
_CONVERTERS = {
    dialect: {getattr(types, "Value_" + case): convert for case, convert in cases.items()}
    for dialect, cases in (("sqlite", _SQLITE), ("postgresql", _POSTGRES), ("mysql", _MARIADB))
}


def from_contract(value: types.Value, dialect: str) -> object:
    """What the driver of that dialect gives for it."""
    if isinstance(value, types.Value_Null):
        return None
    convert = _CONVERTERS[dialect].get(type(value))
    return value.value if convert is None else convert(value.value)


def _weight(line: list[types.Value]) -> int:
    """What the host counts for a row."""
    held = (getattr(value, "value", None) for value in line)
    texts = sum(len(text.encode()) if isinstance(text, str) else len(text) for text in held if isinstance(text, (str, bytes)))
    return _ITEM + _ITEM * len(line) + texts


def calls(lines: list[list[types.Value]]) -> Iterator[list[list[types.Value]]]:
    """The rows in order, as many at a time as one call may carry."""
    begin = carried = 0
    for place, line in enumerate(lines):
        weight = _weight(line)
        if place > begin and carried + weight > _CALL:
            yield lines[begin:place]
            begin, carried = place, 0
        carried += weight
    if lines:
        yield lines[begin:]
