"""Which modules scripts import, and where they come from: Python, the bundled libraries, or the user's word."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .findings import Findings, Refused, Severity
from .source import Source, Unknown, dotted

# What every component has.
_BUNDLED = {"alembic", "sqlalchemy", "mako", "markupsafe", "typing_extensions", "ptah_guest"}
# Modules of Python that the one in a component is built without.
_NOT_BUILT = {
    "_sqlite3",
    "ctypes",
    "curses",
    "dbm",
    "multiprocessing",
    "readline",
    "sqlite3",
    "ssl",
    "tkinter",
    "turtle",
}
_COMPILED = (".so", ".pyd", ".dylib")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Modules:
    """Looks modules up, and checks that whatever is imported comes along."""

    def __init__(self, paths: list[Path], pins: list[str], scripts: list[Path], findings: Findings):
        self.paths, self.findings = paths, findings
        self.scripts = {path.resolve() for path in scripts}
        self.pinned = {
            re.split(r"[<>=!~\[; ]", pin, maxsplit=1)[0].lower().replace("-", "_").replace(".", "_") for pin in pins
        }
        # Module to the file, or to the folder of a package.
        self.carried: dict[str, Path] = {}
        self._sources: dict[Path, Source | None] = {}
        self._wanted: set[str] = set()
        self._checked: set[str] = set()
        # Modules whose way out was said once.
        self._named: dict[str, str] = {}

    # --- looking up ---

    def find(self, module: str) -> Path | None:
        """The file of a module, the folder of a package, or a compiled module's."""
        parts = module.split(".")
        for path in self.paths:
            place = path.joinpath(*parts)
            if (place / "__init__.py").is_file():
                return place
            if place.with_suffix(".py").is_file():
                return place.with_suffix(".py")
            if place.parent.is_dir():
                for other in sorted(place.parent.glob(f"{parts[-1]}.*")):
                    if other.suffix in _COMPILED:
                        return other
            if place.is_dir() and any(place.glob("*.py")):
                return place
        return None

    def source(self, module: str) -> Source | None:
        """A module of the project as it is written, if it is there and can be read."""
        found = self.find(module) if _NAME.fullmatch(module) else None
        if found is not None and found.is_dir():
            found = found / "__init__.py"
        if found is None or found.suffix != ".py" or not found.is_file():
            return None
        if found not in self._sources:
            self._sources[found] = Source.read(found, Findings(self.findings.root))
        return self._sources[found]

    def absolute(self, source: Source, node: ast.ImportFrom, package: str | None = None) -> str:
        """The module that a `from … import` means. `package`: that of the file, else told by where it lies."""
        if not node.level:
            return node.module or ""
        if package is None:
            package = self._package_of(source.path)
        parts = package.split(".") if package else []
        parts = parts[: len(parts) - (node.level - 1)]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def constant(self, source: Source, node: ast.expr, depth: int) -> object:
        """What a name stands for that a file imports, if it is a constant of a module that comes along or of the
        project. Raises `Unknown` for anything else."""
        for target in self._imported(source, dotted(node)):
            module, _, member = target.rpartition(".")
            found = self._file_of(module)
            other = self.source(module) if found is None else Source.read(found, Findings(self.findings.root))
            if other is not None:
                other.elsewhere = self.constant
                try:
                    return other.value(ast.Name(member), depth + 1)
                except Unknown:
                    break
        raise Unknown(node)

    def _imported(self, source: Source, name: str) -> Iterator[str]:
        """The dotted name of what a file calls by a name."""
        first, dot, rest = name.partition(".")
        for node, _ in _imports(source.tree, "top"):
            for alias in node.names:
                if isinstance(node, ast.ImportFrom) and (alias.asname or alias.name) == first:
                    yield f"{self.absolute(source, node)}.{alias.name}{dot}{rest}"
                elif isinstance(node, ast.Import) and alias.asname == first:
                    yield f"{alias.name}{dot}{rest}"
                elif isinstance(node, ast.Import) and alias.asname is None and name.startswith(f"{alias.name}."):
                    yield name

    def _package_of(self, path: Path) -> str:
        for base in self.paths:
            if base in path.parents:
                return ".".join(path.relative_to(base).parent.parts)
        return ""

    # --- what comes along ---

    def vendor(self, module: str) -> None:
        """A module of the project, by its name."""
        if not _NAME.fullmatch(module):
            raise Refused("usage", f"--vendor {module!r}: that is no name of a module; it is said as app.constants")
        found = self.find(module)
        if found is None:
            searched = ", ".join(map(str, self.paths))
            raise Refused("usage", f"--vendor {module}: there is no such module in {searched}; --path says where else")
        if found.suffix in _COMPILED:
            raise Refused("package", f"--vendor {module}: {found} is compiled for this machine")
        self.carried[module] = found

    def shim(self, said: str) -> None:
        """A stand-in: `module=file`, or a file that is named after the module."""
        module, equals, name = said.partition("=")
        if not equals:
            name, module = said, Path(said).name.removesuffix(".py")
        path = Path(name).resolve()
        if not path.is_file():
            raise Refused("usage", f"--shim {said}: there is no file {name}")
        if not _NAME.fullmatch(module):
            raise Refused("usage", f"--shim {said}: {module!r} is no name of a module; say --shim MODULE={name}")
        self.carried[module] = path

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file that comes along: its place below `modules`, and where it is."""
        for module, path in self.carried.items():
            place = module.replace(".", "/")
            if path.is_file():
                # A module that others are in is a package.
                is_package = any(other.startswith(f"{module}.") for other in self.carried)
                yield f"{place}/__init__.py" if is_package else f"{place}.py", path
                continue
            root = path.resolve()
            for file in sorted(path.rglob("*")):
                if not file.is_file() or "__pycache__" in file.parts or file.suffix == ".pyc":
                    continue
                if root not in file.resolve().parents:
                    self.findings.error(file, 0, f"it is a link that leads out of the vendored module {module}")
                elif file.suffix in _COMPILED:
                    message = f"it is compiled for this machine, and is left out of the vendored module {module}"
                    self.findings.warn(file, 0, message)
                else:
                    yield f"{place}/{file.relative_to(path).as_posix()}", file

    def _kind(self, module: str) -> str:
        """`there`, `parent` of something that is, `unbuilt`, `compiled`, `project` or `unknown`."""
        top = module.partition(".")[0]
        if any(module == name or (path.is_dir() and module.startswith(f"{name}.")) for name, path in self.carried.items()):
            return "there"
        if any(name.startswith(f"{module}.") for name in self.carried):
            return "parent"
        if any(name.partition(".")[0] == top for name in self.carried):
            return "project" if self.find(module) else "unknown"
        if top in _NOT_BUILT:
            return "unbuilt"
        if top in _BUNDLED or top in sys.stdlib_module_names or top.lower() in self.pinned:
            return "there"
        found = self.find(module) or self.find(top)
        if found is None:
            return "unknown"
        return "compiled" if found.suffix in _COMPILED else "project"

    def check(self, source: Source, package: str | None = None) -> None:
        """Says of every import of a file, and of the files that come along for it, where it would fail."""
        work = [(source, package)]
        while work:
            self._check_file(*work.pop())
            for module in list(self._wanted):
                self._wanted.discard(module)
                if module not in self._checked and (found := self._file_of(module)):
                    self._checked.add(module)
                    other = Source.read(found, self.findings)
                    if other is not None:
                        is_package = found.name == "__init__.py"
                        work.append((other, module if is_package else module.rpartition(".")[0]))

    def _file_of(self, module: str) -> Path | None:
        """The file of a module that comes along."""
        for name, path in self.carried.items():
            if module == name and path.is_file():
                return path
            if path.is_dir() and (module == name or module.startswith(f"{name}.")):
                place = path.joinpath(*module.removeprefix(name).split(".")[1:])
                for found in (place / "__init__.py", place.with_suffix(".py")):
                    if found.is_file():
                        return found
        return None

    def _want(self, module: str, member: str | None) -> None:
        """Notes a module that comes along, its packages and, if that is a module too, its member."""
        parts = module.split(".")
        self._wanted |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if member is not None:
            self._wanted.add(f"{module}.{member}")

    def _check_file(self, source: Source, package: str | None) -> None:
        for node in ast.walk(source.tree):
            if (module := imported_by_call(node)) is not None:
                self._check_one(source, node.lineno, "function", module, None)
        for node, place in _imports(source.tree, "top"):
            if isinstance(node, ast.Import):
                wanted = [(alias.name, None) for alias in node.names]
            else:
                module = self.absolute(source, node, package)
                wanted = [(module, alias.name) for alias in node.names]
            for module, member in wanted:
                self._check_one(source, node.lineno, place, module, member)

    def _check_one(self, source: Source, line: int, place: str, module: str, member: str | None) -> None:
        kind = self._kind(module) if module else "unknown"
        if kind == "parent" and member is not None and member != "*":
            # Of a package that is only there for what is in it, nothing but that can be had.
            module, kind = f"{module}.{member}", self._kind(f"{module}.{member}")
            if kind == "unknown" and self.find(module.rpartition(".")[0]):
                module, kind = module.rpartition(".")[0], "project"
        if kind == "project" and member is not None and self.find(f"{module}.{member}"):
            # The module that is meant, and not all of its package.
            module = f"{module}.{member}"
        if kind == "project" and (found := self.find(module)) is not None and found.resolve() in self.scripts:
            # Another script of the chain: it comes along by that name too.
            self.carried[module], kind = found, "there"
        if kind in ("there", "parent"):
            self._want(module, member)
            return
        shown = module or "its own package"
        match kind:
            case "unbuilt":
                message = f"imports {shown}, which the Python of a component does not have"
            case "compiled":
                message = f"imports {shown}, which is compiled for this machine: --shim {shown}=FILE puts a stand-in there"
            case "project":
                message = (
                    f"imports {shown}, a module of the application: --vendor {shown} takes it along, "
                    f"--shim {shown}=FILE puts a stand-in there"
                )
            case _:
                top = shown.partition(".")[0]
                message = (
                    f"imports {shown}, which is neither Python's nor in the project: --pin {top}==VERSION if it is pure "
                    f"Python and on the package index, --vendor {shown} with --path, or --shim {shown}=FILE"
                )
        first = self._named.setdefault(shown, message)
        if first is not message:
            message = f"imports {shown}, as said above"
        if place == "top":
            self.findings.add(Severity.ERROR, source.path, line, message)
        elif place == "function":
            self.findings.warn(source.path, line, f"{message}; the step fails when it gets there")
        else:
            self.findings.note(source.path, line, f"{message}; the script goes on without it")


def imported_by_call(node: ast.AST) -> str | None:
    """The module of an `import_module("…")`, if it is written down."""
    match node:
        case ast.Call(func=func, args=[ast.Constant(value=str(module)), *_]) if dotted(func).endswith("import_module"):
            return module if module and not module.startswith(".") else None
    return None


def _imports(node: ast.AST, place: str) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """The imports below a node and when they happen: at the `top`, in a `function`, or `guarded` by try."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import() | ast.ImportFrom():
                if not (isinstance(child, ast.ImportFrom) and child.module == "__future__"):
                    yield child, place
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _imports(child, "function" if place == "top" else place)
            case ast.If() if "TYPE_CHECKING" in ast.unparse(child.test):
                for other in child.orelse:
                    yield from _imports(ast.Module([other], []), place)
            case ast.Try() if any(_catches_imports(handler) for handler in child.handlers):
                yield from _imports(ast.Module(child.body, []), "guarded")
                for part in (*child.handlers, *child.orelse, *child.finalbody):
                    yield from _imports(ast.Module([part], []), place)
            case _:
                yield from _imports(child, place)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(name in ast.unparse(handler.type) for name in ("ImportError", "ModuleNotFoundError", "Exception"))
