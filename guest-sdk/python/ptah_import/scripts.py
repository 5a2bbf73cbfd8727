"""Revision scripts: what their first lines say, and the graph that they make."""

from __future__ import annotations

import ast
import dataclasses
import graphlib
import re
from pathlib import Path

from .findings import Findings
from .modules import Modules
from .source import Source, Unknown

# What the runner records. `@` and `:` mean something to Alembic too.
_ID = re.compile(r"[A-Za-z0-9_.]{1,64}")
_RESERVED = {"base", "head", "heads", "None"}


@dataclasses.dataclass
class Revision:
    """One script."""

    source: Source
    id: str
    down: tuple[str, ...]
    labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    message: str
    line: int


# Of scripts that were not understood: the ids that are known, and None for one that is not.
Missed = set[str | None]


def read_all(sources: list[Source | None], modules: Modules, findings: Findings) -> tuple[list[Revision], Missed]:
    """The revisions of all scripts, and what is known of those that were not understood. None is a file that could not be
    read at all."""
    missing: dict[str, list[Path]] = {}
    missed: Missed = set()
    read = []
    for source in sources:
        if source is None:
            missed.add(None)
            continue
        source.elsewhere = modules.constant
        read.append(_read(source, findings, missing, missed))
    for name, paths in missing.items():
        if len(paths) > 3:
            message = f"{len(paths)} scripts have no {name}(), {paths[0].name} the first: such a step fails when it is run"
            findings.note(paths[0].parent, 0, message)
        else:
            for path in paths:
                findings.note(path, 0, f"it has no {name}(): the step fails when it is run")
    return [revision for revision in read if revision is not None], missed


def _read(source: Source, findings: Findings, missing: dict[str, list[Path]], missed: Missed) -> Revision | None:
    """What a script says of itself, or why that cannot be known."""
    path, identity = source.path, None

    def said(name: str) -> tuple[object, int]:
        node = source.assigned(name)
        return (None, 0) if node is None else (source.value(node), node.lineno)

    try:
        identity, line = said("revision")
        if identity is None:
            findings.warn(path, 0, "it has no `revision`: left out")
            return None
        if not isinstance(identity, str):
            findings.error(path, line, "`revision` is no string")
            missed.add(None)
            return None
        parts = {}
        for name in ("down_revision", "branch_labels", "depends_on"):
            value, at = said(name)
            value = () if value is None else (value,) if isinstance(value, str) else value
            if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
                findings.error(path, at, f"`{name}` is neither None, a string nor a tuple of strings")
                missed.add(identity)
                return None
            parts[name] = tuple(dict.fromkeys(value))
    except Unknown as error:
        findings.error(path, error.line, f"only running the script would tell what this is: {error}")
        missed.add(identity)
        return None
    doc = ast.get_docstring(source.tree) or ""
    message = " ".join(re.split(r"\n\n", doc)[0].split())
    _functions(source, findings, missing)
    return Revision(
        source, identity, parts["down_revision"], parts["branch_labels"], parts["depends_on"], message, line
    )


def _functions(source: Source, findings: Findings, missing: dict[str, list[Path]]) -> None:
    """`upgrade` and `downgrade` as they are called here: without arguments."""
    found = {
        node.name: node for node in source.tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for name in ("upgrade", "downgrade"):
        node = found.get(name)
        if node is None:
            imported = any(
                (alias.asname or alias.name) == name
                for part in ast.walk(source.tree)
                if isinstance(part, ast.ImportFrom)
                for alias in part.names
            )
            if not imported and not _assigns(source, name):
                missing.setdefault(name, []).append(source.path)
            continue
        if isinstance(node, ast.AsyncFunctionDef):
            findings.error(source.path, node.lineno, f"{name}() is asynchronous, and nothing would await it")
        arguments = node.args
        needed = len(arguments.posonlyargs + arguments.args) - len(arguments.defaults)
        needed += sum(default is None for default in arguments.kw_defaults)
        if needed > 0:
            first = (arguments.posonlyargs + arguments.args + arguments.kwonlyargs)[0].arg
            several = " (several databases: import the chain of each for itself)" if "engine" in first else ""
            findings.error(source.path, node.lineno, f"{name}() takes the argument `{first}`{several}")


def _assigns(source: Source, name: str) -> bool:
    try:
        return source.assigned(name) is not None
    except Unknown:
        return True


class Graph:
    """The revisions of a project, checked against each other. What one says of a script that was not understood is no error
    of its own."""

    def __init__(self, revisions: list[Revision], missed: Missed, findings: Findings):
        self.missed, self.findings = missed, findings
        self.revisions: dict[str, Revision] = {}
        for revision in revisions:
            first = self.revisions.setdefault(revision.id, revision)
            if first is not revision:
                where = findings.shown(first.source.path)
                self._error(revision, f"the revision {revision.id!r} is also that of {where}")
            self._check_id(revision)
        self.labels: dict[str, Revision] = {}
        for revision in self.revisions.values():
            for label in revision.labels:
                first = self.labels.setdefault(label, revision)
                if first is not revision:
                    self._error(revision, f"the branch label {label!r} is also that of revision {first.id}")
                if label in self.revisions:
                    self._error(revision, f"the branch label {label!r} is also the id of a revision")
        for revision in self.revisions.values():
            for down in revision.down:
                if down not in self.revisions and missed.isdisjoint((down, None)):
                    self._error(revision, f"it revises {down!r}, which no script has")
            for said in revision.depends_on:
                # A branch label may be that of any script.
                if ":" not in said and self.resolved(said) is None and not missed:
                    self._error(revision, f"it depends on {said!r}, which is no revision and no branch label")
        self._check_cycles()

    def _error(self, revision: Revision, message: str) -> None:
        self.findings.error(revision.source.path, revision.line, message)

    def _check_id(self, revision: Revision) -> None:
        if revision.id in _RESERVED:
            self._error(revision, f"no revision may have the id {revision.id!r}: it stands for something else")
        elif not _ID.fullmatch(revision.id):
            message = f"the id {revision.id!r} is not 1 to 64 of letters, digits, `_` and `.`"
            self._error(revision, message)

    def resolved(self, said: str) -> str | None:
        """The revision that an id, its beginning or a branch label means."""
        if said in self.revisions:
            return said
        if said in self.labels:
            return self.labels[said].id
        found = [revision for revision in self.revisions if revision.startswith(said)]
        return found[0] if len(found) == 1 and said else None

    def _before(self, revision: Revision) -> list[str]:
        depends = [self.resolved(said) for said in revision.depends_on if ":" not in said]
        return [name for name in (*revision.down, *depends) if name in self.revisions]

    def _check_cycles(self) -> None:
        """Names one cycle, if there is any."""
        before = {name: self._before(revision) for name, revision in self.revisions.items()}
        try:
            graphlib.TopologicalSorter(before).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1]
            shown = " -> ".join(circle[:20])
            self._error(self.revisions[circle[0]], f"the revisions go round in a circle: {shown}")

    def heads(self) -> list[str]:
        """The revisions that nothing revises."""
        revised = {down for revision in self.revisions.values() for down in revision.down}
        return [name for name in self.revisions if name not in revised]

    def bases(self) -> list[str]:
        """The revisions that revise nothing."""
        return [revision.id for revision in self.revisions.values() if not revision.down]
