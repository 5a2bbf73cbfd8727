"""SQLAlchemy's compilers of statements, with what the host's grammars have in other words."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy import cast
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.mysql.base import MySQLCompiler
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.sql.compiler import SQLCompiler

# SQLAlchemy 2.0 takes what JSON_EXTRACT yields as it is, 2.1 casts it.
_CASTS = tuple(map(int, sqlalchemy.__version__.split(".")[:2])) >= (2, 1)
# What PostgreSQL takes for true.
_TRUE = "'t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'"


class _Host:
    """`place` is where an expression of DDL stands: `index`, or another, a `value`; none in a statement."""

    place: str | None = None


class _TruthByName(_Host):
    """TRUE and FALSE by their names, as the host's grammars take a number for a number."""

    def visit_true(self, element, **options):
        return "TRUE"

    def visit_false(self, element, **options):
        return "FALSE"

    def visit_is_true_unary_operator(self, element, operator, **options):
        return self.process(element.element, **options)

    def visit_is_false_unary_operator(self, element, operator, **options):
        return f"NOT {self.process(element.element, **options)}"


def _is_plain_text(type_: sqltypes.TypeEngine) -> bool:
    return type_._type_affinity is sqltypes.String and type_.length is None


class SQLite(_TruthByName, SQLiteCompiler):
    """SQLite."""

    def visit_empty_set_op_expr(self, type_, expand_op, **options):
        """An `IN ()` as the others have it: SQLAlchemy's own compares whatever it is with a number."""
        return SQLCompiler.visit_empty_set_op_expr(self, type_, expand_op, **options)

    def visit_json_getitem_op_binary(self, binary, operator, _cast_applied=False, **options):
        """A part of a document. The answer to a query needs a type, and a cast to a boolean is unknown to the host, as is any
        in DDL: there a text is made of it by joining."""
        affinity = binary.type._type_affinity
        answers = options.get("within_columns_clause", False)
        if not _cast_applied and affinity is not sqltypes.JSON and (_CASTS or answers):
            is_otherwise = affinity is sqltypes.Boolean or (self.place == "value" and _is_plain_text(binary.type))
            if self.place == "index" or not is_otherwise:
                return self.process(cast(binary, binary.type), _cast_applied=True, **options)
        extract = f"JSON_EXTRACT({self.process(binary.left, **options)}, {self.process(binary.right, **options)})"
        if affinity is sqltypes.JSON:
            return f"JSON_QUOTE({extract})"
        if _cast_applied:
            return extract
        if affinity is sqltypes.Boolean:
            return extract if self.place else f"(CAST({extract} AS REAL) <> 0)"
        return f"({extract} || '')" if _CASTS else extract

    visit_json_path_getitem_op_binary = visit_json_getitem_op_binary


class MariaDB(_TruthByName, MySQLCompiler):
    """MariaDB."""

    def limit_clause(self, select, **options):
        """`LIMIT n OFFSET m`, as the host knows it, and not `LIMIT m, n`."""
        written = MySQLCompiler if select._limit_clause is None else SQLCompiler
        return written.limit_clause(self, select, **options)

    def _render_json_extract_from_binary(self, binary, operator, **options):
        """A part of a document. The answer to a query needs a type, and DDL has no CASE."""
        if self.place and _is_plain_text(binary.type):
            left, right = self.process(binary.left, **options), self.process(binary.right, **options)
            return f"JSON_UNQUOTE(NULLIF(JSON_EXTRACT({left}, {right}), 'null'))"
        text = super()._render_json_extract_from_binary(binary, operator, **options)
        if binary.type._type_affinity is sqltypes.JSON and options.get("within_columns_clause", False):
            return f"CAST({text} AS CHAR)"
        return text


class PostgreSQL(_Host, PGCompiler):
    """PostgreSQL."""

    def render_bind_cast(self, type_, dbapi_type, sqltext):
        """No cast: a value of the contract has its type."""
        return sqltext

    def visit_json_getitem_op_binary(self, binary, operator, _cast_applied=False, **options):
        """A part of a document. The host has no cast to a boolean, and none in DDL, where it only matters to an index that a
        text is cast to one."""
        return self._part(super().visit_json_getitem_op_binary, binary, operator, _cast_applied, options)

    def visit_json_path_getitem_op_binary(self, binary, operator, _cast_applied=False, **options):
        """As above."""
        return self._part(super().visit_json_path_getitem_op_binary, binary, operator, _cast_applied, options)

    def _part(self, written, binary, operator, cast_applied, options):
        if not cast_applied and self.place != "index" and binary.type._type_affinity is sqltypes.Boolean:
            return f"(LOWER(TRIM({written(binary, operator, _cast_applied=True, **options)})) IN ({_TRUE}))"
        if not cast_applied and self.place == "value" and _is_plain_text(binary.type):
            return f"({written(binary, operator, _cast_applied=True, **options)})"
        return written(binary, operator, _cast_applied=cast_applied, **options)
