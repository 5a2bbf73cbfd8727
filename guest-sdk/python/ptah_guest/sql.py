"""SQL text: what kind of statement it is, and expressions of SQLAlchemy as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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


def render(element: ClauseElement | str, dialect: Dialect, place: str = "value") -> types.SqlText:
    """An expression with its constants in it, in the grammar of the target. In the `place` of an `index` it stays as
    SQLAlchemy writes it, as a query has to repeat it."""
    if isinstance(element, str):
        return types.SqlText(element, types.SqlSyntax.TARGET)
    if isinstance(element, PortableText):
        return types.SqlText(element.text, types.SqlSyntax.PORTABLE)
    compiler = dialect.ddl_compiler(dialect, None).sql_compiler
    compiler.place = place
    text = compiler.process(element, include_table=False, literal_binds=True)
    return types.SqlText(text, types.SqlSyntax.TARGET)


_DRIVER = re.compile(r"%(?:\((?P<name>\w+)\)s|(?P<next>s)|%)")
_NAMED = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|`[^`]*`|--[^\n]*|/\*.*?\*/|(?<![:\w]):(?P<name>[A-Za-z_]\w*)""", re.DOTALL)


def of_driver(text: str, parameters: Sequence | Mapping, dialect: str) -> tuple[str, Sequence]:
    """A text for `exec_driver_sql`, with the placeholders of the target's usual driver: `:name` on SQLite, `%s` and
    `%(name)s` elsewhere, where `%%` is a percent sign."""
    found: list[object] = []
    rest = iter(parameters)

    def replaced(match: re.Match) -> str:
        name = match.group("name")
        if name is None and (dialect == "sqlite" or match.group("next") is None):
            return "%" if match.group() == "%%" else match.group()
        found.append(next(rest) if name is None else parameters[name])
        return f"${len(found)}" if dialect == "postgresql" else "?"

    if dialect != "sqlite":
        text = _DRIVER.sub(replaced, text)
    elif isinstance(parameters, Mapping):
        text = _NAMED.sub(replaced, text)
    return text, found or parameters


_ROWS = re.compile(
    r"(?P<head>\s*INSERT\s+INTO\s+\S+\s*\([^()]*\)\s*VALUES\s*)(?P<row>\((?:\?|\$\d+)(?:,\s*(?:\?|\$\d+))*\))"
    r"(?P<more>(?:,\s*\((?:\?|\$\d+)(?:,\s*(?:\?|\$\d+))*\))+)\s*",
    re.IGNORECASE,
)


def rows_of(text: str, parameters: Sequence) -> tuple[str, list[Sequence]] | None:
    """An INSERT of several rows of parameters alone as one of a single row, and the rows; none if it is another."""
    found = _ROWS.fullmatch(text)
    if found is None:
        return None
    width = found["row"].count(",") + 1
    numbers = [int(number) for number in re.findall(r"\$(\d+)", found["row"] + found["more"])]
    if len(parameters) % width or (numbers and numbers != list(range(1, len(parameters) + 1))):
        return None
    lines = [parameters[at : at + width] for at in range(0, len(parameters), width)]
    return found["head"] + found["row"], lines
