"""The text of a USING: whether it is what the host does with a column whose type changes, a plain cast by way of a text or
not. Anything else cannot be said."""

from __future__ import annotations

import re

from wit_world.imports import types

_TYPE = r'(?:"\w+"|\w+)(?:\s+\w+)*(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\s+\w+)*'
_CAST = re.compile(rf"CAST\s*\(\s*(?P<of>.+)\s+AS\s+(?P<type>{_TYPE})\s*\)", re.IGNORECASE | re.DOTALL)
# The last one: `.+` takes as much as it can.
_COLONS = re.compile(rf"(?P<of>.+)\s*::\s*(?P<type>{_TYPE})", re.IGNORECASE | re.DOTALL)
_WHOLE = re.compile(r"\(\s*(?P<of>.+?)\s*\)", re.DOTALL)
_TO_JSON = re.compile(r"to_(?P<type>jsonb?)\s*\(\s*(?P<of>.+?)\s*\)", re.IGNORECASE)
# Other names that PostgreSQL has for a type.
_NAMES = {
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "decimal": "numeric",
    "character varying": "varchar",
    "character": "char",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
}
_TEXTS = ("text", "varchar")
_NUMBERS = (
    types.ColumnType_SmallInteger,
    types.ColumnType_Integer,
    types.ColumnType_BigInteger,
    types.ColumnType_Float,
    types.ColumnType_Double,
    types.ColumnType_Numeric,
    types.ColumnType_Boolean,
)


def _type(said: str) -> str:
    """A type by one name, with its arguments."""
    words, _, arguments = " ".join(said.lower().replace('"', "").split()).partition("(")
    arguments, _, rest = arguments.partition(")")
    words = " ".join((words + rest).split())
    return _NAMES.get(words, words) + (f"({arguments.replace(' ', '')})" if arguments else "")


def _casts(text: str) -> tuple[str, list[str]]:
    """What is cast, and to which types, the innermost first."""
    casts: list[str] = []
    while True:
        text = text.strip()
        found = _CAST.fullmatch(text) or _COLONS.fullmatch(text) or _WHOLE.fullmatch(text)
        if found is None:
            return text, casts
        if "type" in found.groupdict():
            casts.insert(0, _type(found["type"]))
        text = found["of"]


def is_plain(using: str, column_name: str, native: str, column_type: types.ColumnType | None) -> bool:
    """Whether a column of a type becomes one of the type that PostgreSQL calls `native` as the host does it. A number
    becomes a document too."""
    wanted = _type(native)
    document = _TO_JSON.fullmatch(using.strip())
    if document is not None:
        return document["type"].lower() == wanted and isinstance(column_type, _NUMBERS) and _is(document["of"], column_name)
    of, casts = _casts(using)
    bare = wanted.partition("(")[0]
    # Without its digits or length it is assigned to the column afterwards, which has them.
    ends = (wanted, bare, *_TEXTS) if bare in _TEXTS else (wanted, bare if bare == "numeric" else wanted)
    return _is(of, column_name) and (not casts or casts[-1] in ends) and {*casts[:-1]} <= {wanted, *_TEXTS}


def _is(said: str, column_name: str) -> bool:
    return said == f'"{column_name}"' or said.lower() == column_name.lower()
