"""The command: a request in, a document out."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from pathlib import Path

import build

from . import folder, scripts, surface
from .environment import Environment
from .findings import Findings, Refused, Severity
from .modules import Modules
from .project import Project
from .source import Source

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def run(request: dict) -> dict:
    """What was made, and all that there is to say about it. Raises nothing that the user could have caused."""
    document: dict = {"findings": [], "error": None}
    made: Import | None = None
    try:
        made = Import(request, document)
        made.run()
    except Refused as refused:
        document["error"] = {"kind": refused.kind, "message": str(refused)}
    except build.Failed as failed:
        document["error"] = {"kind": failed.kind, "message": failed.message}
    except OSError as error:
        document["error"] = {"kind": "other", "message": str(error)}
    except KeyboardInterrupt:
        document["error"] = {"kind": "interrupted", "message": "interrupted: no component was made"}
    if made is not None:
        document["findings"] = [dataclasses.asdict(finding) for finding in made.findings.all]
    return document


class Import:
    """One import."""

    def __init__(self, request: dict, document: dict):
        self.request, self.document = request, document
        self.project = Project(request["project"], _folders(request["path"]))
        self.findings: Findings = self.project.findings

    def run(self) -> None:
        """From the project to the component."""
        request, project = self.request, self.project
        name = request["name"] or project.name()
        if not _NAME.fullmatch(name):
            raise Refused("usage", f"the name {name!r} is not 1 to 64 of letters, digits, `_`, `.` and `-`: say --name")
        output = Path(request["output"] or Path("packages", name))
        folder.check_free(output)
        if output.resolve() == project.root or output.resolve() in project.root.parents:
            raise Refused("usage", f"{output} holds the project itself: say another with --output")
        modules = self._modules()
        base = self._base_schema(modules)
        read = [Source.read(path, self.findings) for path in project.scripts]
        found, missed = scripts.read_all(read, modules, self.findings)
        graph = scripts.Graph(found, missed, self.findings)
        for revision in found:
            modules.check(revision.source, "")
            surface.check(revision.source, self.findings)
        environment = self._environment(modules)
        self._describe(name, found, graph, environment, modules)
        if not project.scripts:
            where = project.location / "versions"
            raise Refused("package", f"there are no revision scripts in {self.findings.shown(where)}")
        if errors := self.findings.count(Severity.ERROR):
            things = "one thing stands" if errors == 1 else f"{errors} things stand"
            raise Refused("package", f"{name}: {things} in the way, nothing was made")
        manifest = {
            "name": name,
            "title": self.document["title"],
            "version": self.document["version"],
            "pin": request["pin"],
            "naming-convention": environment.naming_convention,
            "transaction-per-migration": environment.transaction_per_migration,
            "config": project.options(),
        }
        folder.write(output, manifest, found, modules, base)
        self.document["folder"] = str(output)
        if request["build"]:
            component = output / f"{name}.wasm"
            build.build(output, component)
            self.document["component"] = str(component)

    def _modules(self) -> Modules:
        for pin in self.request["pin"]:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+", pin):
                raise Refused("usage", f"--pin {pin!r} is not NAME==VERSION")
        project = self.project
        modules = Modules([*project.more, *project.paths], self.request["pin"], project.scripts, self.findings)
        for said in self.request["vendor"]:
            modules.vendor(said)
        for said in self.request["shim"]:
            modules.shim(said)
        return modules

    def _base_schema(self, modules: Modules) -> str | None:
        """The body of the populate step that makes what the first revision starts from."""
        said = self.request["base_schema"]
        if said is None:
            return None
        name, colon, member = said.rpartition(":")
        if not colon or not member.isidentifier():
            name, member = said, ""
        path = Path(name).resolve()
        if not path.is_file():
            raise Refused("usage", f"--base-schema {said}: there is no file {name}")
        source = Source.read(path, self.findings)
        if source is None:
            return None
        member = member or _schema_of(source)
        if not member:
            message = "a base schema has a function `upgrade`, a MetaData or a declarative base; which it is, --base-schema FILE:NAME says"
            raise Refused("usage", f"{name}: {message}")
        modules.carried["ptah_base_schema"] = path
        modules.check(source, "")
        surface.check(source, self.findings)
        if any(isinstance(node, ast.FunctionDef) and node.name == member for node in source.tree.body):
            return f"    ptah_base_schema.{member}()"
        return (
            f"    found = ptah_base_schema.{member}\n"
            '    getattr(found, "metadata", found).create_all(op.get_bind(), checkfirst=False)'
        )

    def _environment(self, modules: Modules) -> Environment:
        source = Source.read(self.project.env, self.findings) if self.project.env else None
        environment = Environment(source, modules, self.findings)
        environment.transaction_per_migration |= self.request["transaction_per_migration"]
        if said := self.request["naming_convention"]:
            environment.naming_convention = _convention(said)
            self.findings.all = {
                finding: None for finding in self.findings.all if "--naming-convention" not in finding.message
            }
        return environment

    def _describe(
        self, name: str, found: list[scripts.Revision], graph: scripts.Graph, environment: Environment, modules: Modules
    ) -> None:
        heads = graph.heads()
        if len(heads) > 1 and not graph.missed:
            message = f"there are {len(heads)} heads ({', '.join(heads[:8])}): an upgrade names one"
            self.findings.note(self.project.location, 0, message)
        self.document |= {
            "package": name,
            "title": self.request["title"] or name,
            "version": self.request["package_version"] or self.project.version(),
            "folder": None,
            "component": None,
            "revisions": [
                {
                    "id": revision.id,
                    "down_revisions": list(revision.down),
                    "branch_labels": list(revision.labels),
                    "depends_on": list(revision.depends_on),
                    "message": revision.message,
                    "file": self.findings.shown(revision.source.path),
                }
                for revision in found
            ],
            "bases": graph.bases(),
            "heads": heads,
            "naming_convention": environment.naming_convention,
            "transaction_per_migration": environment.transaction_per_migration,
            "modules": sorted(modules.carried),
        }


def _folders(said: list[str]) -> list[Path]:
    """The folders of `--path`."""
    for name in said:
        if not Path(name).is_dir():
            raise Refused("usage", f"--path {name}: there is no such folder")
    return [Path(name).resolve() for name in said]


def _schema_of(source: Source) -> str:
    """The name in a file that makes a schema, if there is exactly one kind of it."""
    functions = [node.name for node in source.tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    if functions:
        return "upgrade"
    found = []
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            if ast.unparse(node.value.func).rpartition(".")[2] in ("MetaData", "declarative_base"):
                found.append(node.targets[0].id)
        elif isinstance(node, ast.ClassDef):
            if any(ast.unparse(base).rpartition(".")[2] == "DeclarativeBase" for base in node.bases):
                found.append(node.name)
    return found[0] if len(found) == 1 else ""


def _convention(said: list[str]) -> dict[str, str]:
    """`KEY=TEMPLATE` each, or the name of a JSON file."""
    convention = {}
    for part in said:
        key, equals, template = part.partition("=")
        if equals:
            convention[key] = template
            continue
        try:
            found = json.loads(Path(part).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused("usage", f"--naming-convention {part}: {error}") from None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise Refused("usage", f"--naming-convention {part}: it is no JSON object of strings")
        convention |= found
    return convention
