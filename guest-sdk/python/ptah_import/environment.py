"""What `env.py` would give the scripts: read, never run."""

from __future__ import annotations

import ast

from .findings import Findings
from .modules import Modules
from .source import Source, Unknown, dotted

# Classes and functions of libraries that carry a MetaData without a naming convention, unless they are given one.
_PLAIN = {"DeclarativeBase", "declarative_base", "MetaData", "SQLModel", "SQLAlchemy", "automap_base", "registry"}
_LIBRARIES = {"sqlalchemy", "sqlmodel", "flask_sqlalchemy", "typing"}
_DEPTH = 12


class Environment:
    """`naming_convention` is None where there is none or it cannot be known, which a finding says."""

    def __init__(self, source: Source | None, modules: Modules, findings: Findings):
        self.source, self.modules, self.findings = source, modules, findings
        self.naming_convention: dict[str, str] | None = None
        self.transaction_per_migration = False
        if source is not None:
            self._read(source)

    def _read(self, source: Source) -> None:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            last = name.rpartition(".")[2]
            if last == "configure" and name.partition(".")[0] in ("context", "configure", "alembic"):
                self._configured(source, node)
            elif name == "context.run_migrations" and (node.args or node.keywords):
                message = "env.py gives arguments to every step: several databases, or settings of its own"
                self.findings.error(source.path, node.lineno, message)
            elif last in ("execute", "exec_driver_sql") and node.args:
                message = "env.py runs a statement of its own: it is not carried, and has to be done before"
                self.findings.warn(source.path, node.lineno, message)
            elif last in ("listens_for", "listen"):
                self.findings.warn(source.path, node.lineno, "env.py listens to events: that is not carried")
            elif last in ("async_engine_from_config", "create_async_engine"):
                message = "an asynchronous engine is not needed: scripts get a connection of the sandbox"
                self.findings.note(source.path, node.lineno, message)

    def _configured(self, source: Source, call: ast.Call) -> None:
        for keyword in call.keywords:
            line = keyword.value.lineno
            match keyword.arg:
                case "transaction_per_migration":
                    self._transactions(source, keyword.value)
                case "target_metadata":
                    self._metadata(source, keyword.value)
                case "version_table_schema" | "include_schemas":
                    if not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
                        message = f"{keyword.arg} is not carried: a package has the one schema of its target"
                        self.findings.note(source.path, line, message)
                case "on_version_apply":
                    self.findings.warn(source.path, line, "on_version_apply is not carried")
                case None:
                    message = "settings that only running env.py would tell: say them with options of `import alembic`"
                    self.findings.note(source.path, line, message)

    def _transactions(self, source: Source, node: ast.expr) -> None:
        try:
            self.transaction_per_migration |= bool(source.value(node))
        except Unknown:
            message = "transaction_per_migration depends on what runs: say it with --transaction-per-migration"
            self.findings.note(source.path, node.lineno, message)

    def _metadata(self, source: Source, node: ast.expr) -> None:
        try:
            found = self._of(source, node, 0)
        except Unknown as error:
            message = f"the naming convention of target_metadata cannot be read ({error}): if it has one, say it with --naming-convention"
            self.findings.note(source.path, node.lineno, message)
            return
        if found:
            self.naming_convention = found

    def _of(self, source: Source, node: ast.expr, depth: int) -> dict[str, str] | None:
        """The convention of an expression that stands for a MetaData or something that has one."""
        if depth > _DEPTH:
            raise Unknown(node)
        match node:
            case ast.Constant(value=None):
                return None
            case ast.List() | ast.Tuple():
                answers = [self._of(source, item, depth + 1) for item in node.elts]
                return next((answer for answer in answers if answer), None)
            case ast.Attribute(value=value, attr="metadata"):
                return self._of(source, value, depth + 1)
            case ast.Attribute() if dotted(node):
                module, _, name = dotted(node).rpartition(".")
                return self._of_member(source, module, name, node, depth)
            case ast.Name():
                return self._of_name(source, node.id, node, depth)
            case ast.Call():
                kind = dotted(node.func).rpartition(".")[2]
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                if "naming_convention" in given:
                    return self._convention(source, given["naming_convention"], depth)
                if "metadata" in given:
                    return self._of(source, given["metadata"], depth + 1)
                if kind in _PLAIN:
                    return None
        raise Unknown(node)

    def _of_name(self, source: Source, name: str, node: ast.expr, depth: int) -> dict[str, str] | None:
        if depth > _DEPTH:
            raise Unknown(node)
        bound = source.assigned(name)
        if bound is not None:
            return self._of(source, bound, depth + 1)
        for found in source.tree.body:
            if isinstance(found, ast.ClassDef) and found.name == name:
                inner = Source(source.path, "", ast.Module(found.body, []))
                metadata = inner.assigned("metadata")
                if metadata is not None:
                    return self._of(source, metadata, depth + 1)
                answers = [self._of(source, base, depth + 1) for base in found.bases]
                return next((answer for answer in answers if answer), None)
        module, member = self._imported(source, name)
        if module is None:
            raise Unknown(node)
        return self._of_member(source, module, member, node, depth)

    def _of_member(self, source: Source, module: str, member: str, node: ast.expr, depth: int) -> dict[str, str] | None:
        """What a name of another module has, if that is the project's or a library's well-known one."""
        if module.partition(".")[0] in _LIBRARIES:
            return None
        other = self.modules.source(module)
        if other is None and "." not in module:
            alias, _ = self._imported(source, module)
            other = self.modules.source(alias) if alias else None
        if other is None:
            raise Unknown(node)
        return self._of_name(other, member, node, depth + 1)

    def _imported(self, source: Source, name: str) -> tuple[str | None, str]:
        """Module and name that a name of this file was imported from."""
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom):
                module = self.modules.absolute(source, node)
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        if self.modules.source(f"{module}.{alias.name}") is not None:
                            return f"{module}.{alias.name}", ""
                        return module, alias.name
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return alias.name, ""
        return None, ""

    def _convention(self, source: Source, node: ast.expr, depth: int) -> dict[str, str]:
        try:
            found = source.value(node)
        except Unknown:
            if not isinstance(node, ast.Name) or depth > _DEPTH:
                raise
            module, member = self._imported(source, node.id)
            other = self.modules.source(module) if module else None
            bound = other.assigned(member) if other else None
            if other is None or bound is None:
                raise
            return self._convention(other, bound, depth + 1)
        if not isinstance(found, dict) or not all(isinstance(part, str) for pair in found.items() for part in pair):
            raise Unknown(node)
        return found
