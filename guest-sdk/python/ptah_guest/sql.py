"""SQL text: what kind of statement it is, and expressions of SQLAlchemy as text."""

from __future__ import annotations

import re

from sqlalchemy import TextClause
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from wit_world.imports import types

_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()+", re.DOTALL)
_WORDS = re.compile(r"[A-Za-z_]+(?:\s+[A-Za-z_]+){0,2}")
_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|.""", re.DOTALL
)
_MAIN = re.compile(r"\b(select|insert|update|delete)\b", re.IGNORECASE)


class PortableText(TextClause):
    """SQL text in the contract's own grammar, the same on every target."""

    inherit_cache = True


def portable(text: str) -> PortableText:
    """SQL text in the contract's portable grammar (`"name"`, `'text'`, `||`), for checks, defaults and
    indexes."""
    return PortableText(text)


def first_words(text: str) -> str:
    """The first words of a statement, in capitals: enough to say which it is, and none of its data."""
    found = _WORDS.match(text, _LEADING.match(text).end() if _LEADING.match(text) else 0)
    return " ".join(found.group().upper().split()) if found else "?"


def is_ddl_text(text: str) -> bool:
    """Whether the contract's `ddl-text` has something to say of it: it is about a table, an index or a
    type."""
    words = first_words(text).split()
    if words[0] not in ("CREATE", "ALTER", "DROP"):
        return False
    return words[1:2] == ["TYPE"] or not {"TABLE", "INDEX"}.isdisjoint(words[1:])


def statements(text: str) -> list[str]:
    """The statements of a text, empty ones left out."""
    parts, begin = [], 0
    for token in _TOKENS.finditer(text):
        if token.group() == ";":
            parts.append(text[begin : token.start()])
            begin = token.end()
    parts.append(text[begin:])
    return [part for part in parts if _LEADING.sub("", part, count=1).strip()]


def kind(text: str) -> str:
    """`select`, `insert`, `update`, `delete`, or the first word of another statement in lower case."""
    word = first_words(text).split()[0].lower()
    if word == "with":
        depth, rest = 0, _LEADING.sub("", text, count=1)
        for token in re.finditer(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\(|\)|[A-Za-z_]+", rest):
            part = token.group()
            if part == "(":
                depth += 1
            elif part == ")":
                depth -= 1
            elif depth == 0 and _MAIN.fullmatch(part):
                return part.lower()
    return word


def render(element: ClauseElement | str, dialect: Dialect) -> types.SqlText:
    """An expression with its constants in it, in the grammar of the target."""
    if isinstance(element, str):
        return types.SqlText(element, types.SqlSyntax.TARGET)
    if isinstance(element, PortableText):
        return types.SqlText(element.text, types.SqlSyntax.PORTABLE)
    compiler = dialect.ddl_compiler(dialect, None).sql_compiler
    text = compiler.process(element, include_table=False, literal_binds=True)
    return types.SqlText(text, types.SqlSyntax.TARGET)
