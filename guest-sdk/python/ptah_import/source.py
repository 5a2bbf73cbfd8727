"""One Python file: its text, its syntax tree, and what its module-level names stand for."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from pathlib import Path

from .findings import Findings

# A script that is larger was not written by anybody.
BYTES = 4 << 20


class Unknown(Exception):
    """Only running the file would tell. `node` is where."""

    def __init__(self, node: ast.AST):
        super().__init__(ast.unparse(node)[:60])
        self.line = getattr(node, "lineno", 0)


class Source:
    """A file that could be read. Text and tree are those of Python: a declared encoding is honoured."""

    def __init__(self, path: Path, text: str, tree: ast.Module):
        self.path, self.text, self.tree = path, text, tree
        # What a name or an attribute stands for that this file imports; raises `Unknown`.
        self.elsewhere: Callable[[Source, ast.expr, int], object] | None = None

    @classmethod
    def read(cls, path: Path, findings: Findings) -> Source | None:
        """The file; what is wrong with it is an error among the findings."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            findings.error(path, 0, f"it cannot be read: {error.strerror or error}")
            return None
        if len(raw) > BYTES:
            findings.error(path, 0, f"it is larger than {BYTES >> 20} MiB")
            return None
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            text = raw.decode(encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            at = getattr(error, "start", None)
            line = 1 if at is None else raw[:at].count(b"\n") + 1
            findings.error(path, line, "it is not UTF-8 text, nor in the encoding that it declares")
            return None
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        try:
            return cls(path, text, ast.parse(text))
        except SyntaxError as error:
            findings.error(path, error.lineno or 0, f"it is not Python: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            findings.error(path, 0, f"it is not Python: {error or type(error).__name__}")
        return None

    def assigned(self, name: str) -> ast.expr | None:
        """What a module-level name is set to: the only assignment, or the last of several that run one after the
        other. Raises `Unknown` if it depends on what happens."""
        found: ast.expr | None = None
        for node in self.tree.body:
            for target, value in _bindings(node):
                if target == name:
                    found = value
            if isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
                inner = [
                    value
                    for child in ast.walk(node)
                    for target, value in _bindings(child)
                    if target == name and value is not None
                ]
                if inner and {ast.dump(value) for value in inner} != {ast.dump(found or inner[0])}:
                    raise Unknown(inner[0])
                found = found or (inner[0] if inner else None)
        return found

    def value(self, node: ast.expr, depth: int = 0) -> object:
        """What an expression of constants, names of this module, tuples and strings put together stands for."""
        if depth > 20:
            raise Unknown(node)
        match node:
            case ast.Constant():
                return node.value
            case ast.Tuple() | ast.List():
                return tuple(self.value(item, depth + 1) for item in node.elts)
            case ast.Set():
                return tuple(sorted({str(self.value(item, depth + 1)) for item in node.elts}))
            case ast.Dict():
                return {self.value(key, depth + 1): self.value(v, depth + 1) for key, v in _pairs(node)}
            case ast.Name():
                bound = self.assigned(node.id)
                if bound is not None:
                    return self.value(bound, depth + 1)
                if self.elsewhere is not None:
                    return self.elsewhere(self, node, depth)
            case ast.Attribute() if self.elsewhere is not None:
                return self.elsewhere(self, node, depth)
            case ast.JoinedStr():
                return "".join(str(self.value(part, depth + 1)) for part in node.values)
            case ast.FormattedValue(format_spec=None, conversion=-1):
                return self.value(node.value, depth + 1)
            case ast.BinOp(op=ast.Add()):
                left, right = self.value(node.left, depth + 1), self.value(node.right, depth + 1)
                if isinstance(left, (str, tuple)) and type(left) is type(right):
                    return left + right
            case ast.Call(func=ast.Name(id="tuple" | "list" | "dict" as kind), args=args):
                if kind == "dict" and not args and all(keyword.arg for keyword in node.keywords):
                    return {keyword.arg: self.value(keyword.value, depth + 1) for keyword in node.keywords}
                if len(args) == 1 and not node.keywords:
                    return self.value(args[0], depth + 1)
        raise Unknown(node)


def _pairs(node: ast.Dict) -> list[tuple[ast.expr, ast.expr]]:
    if None in node.keys:
        raise Unknown(node)
    return list(zip(node.keys, node.values))


def _bindings(node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(target.id, value) for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return [(name, value)]
    return []


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attributes of one; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
