#!/usr/bin/env python3
"""Makes a component of a package that is written in Python with Alembic's API.

    guest-sdk/python/build.py FOLDER [-o FILE]

FOLDER holds `ptah-python.toml`, `versions/*.py` and, if there are populate steps, `populate.py`. Alembic,
SQLAlchemy and what they need, and the tool that makes components, are fetched by pip from the Python package
index, at the versions below, into a folder of their own ($PTAH_PYTHON_CACHE, or ptah-wasm/python in the
user's cache folder); a second build fetches nothing. Needs Python 3.11 or later with pip, and nothing else.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
TOOL = ["componentize-py==0.25.1"]
# All pure Python once their compiled helpers are left out. A package may pin others.
LIBRARIES = [
    "alembic==1.20.1",
    "SQLAlchemy==2.1.9",
    "Mako==1.4.3",
    "MarkupSafe==3.0.4",
    "typing_extensions==4.16.0",
]
# SQLAlchemy finds these by name when they are first needed; in a step nothing can be found any more.
ALWAYS = [
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.orm",
    "sqlalchemy.ext.declarative",
    "encodings.idna",
    "encodings.latin_1",
    "unicodedata",
]
KEYS = {
    "name",
    "title",
    "version",
    "versions",
    "populate",
    "vendor",
    "modules",
    "pin",
    "naming-convention",
    "transaction-per-migration",
    "config",
    "imports",
}


class Failed(SystemExit):
    """Why there is no component. `kind` is `package` if it is the package's doing, else `other`."""

    def __init__(self, message: str, kind: str = "package"):
        super().__init__(f"build.py: {message}")
        self.message, self.kind = message, kind


def fail(message: str, kind: str = "package") -> NoReturn:
    """Ends: there is no component."""
    raise Failed(message, kind)


def say(message: str) -> None:
    """Talk, on stderr."""
    print(f"build.py: {message}", file=sys.stderr)


def cache_folder() -> Path:
    """Where fetched libraries live."""
    if named := os.environ.get("PTAH_PYTHON_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ptah-wasm" / "python"


def fetched(requirements: list[str], pure: bool) -> Path:
    """A folder with these requirements, fetched unless an earlier build did. `pure`: without compiled
    modules."""
    name = hashlib.sha256(
        json.dumps([sorted(requirements), pure, sys.version_info[:2]]).encode()
    ).hexdigest()[:16]
    folder = cache_folder() / name
    if folder.is_dir():
        return folder
    cache_folder().mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_folder()))
    say(f"fetching {' '.join(requirements)}")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-compile",
        "--target",
        str(partial),
    ]
    if (
        subprocess.run(
            [*command, "--root-user-action", "ignore", *requirements], stdout=sys.stderr
        ).returncode
        != 0
    ):
        shutil.rmtree(partial)
        fail("pip could not fetch the libraries", "other")
    if pure:
        for compiled in [*partial.rglob("*.so"), *partial.rglob("*.pyd")]:
            compiled.unlink()
        shutil.rmtree(partial / "bin", ignore_errors=True)
    try:
        partial.rename(folder)
    except OSError:
        # Another build was faster.
        shutil.rmtree(partial)
    return folder


def read_manifest(folder: Path) -> dict:
    """The manifest, with its keys checked."""
    path = folder / "ptah-python.toml"
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fail(f"there is no {path}")
    except tomllib.TOMLDecodeError as error:
        fail(f"{path}: {error}")
    if unknown := set(manifest) - KEYS:
        fail(f"{path}: unknown key {sorted(unknown)[0]!r}; there are {', '.join(sorted(KEYS))}")
    for key in ("name", "version"):
        if not isinstance(manifest.get(key), str):
            fail(f"{path}: {key} is missing")
    manifest.setdefault("title", manifest["name"])
    return manifest


def pinned(manifest: dict) -> list[str]:
    """The libraries at the versions that the package wants."""
    name = lambda requirement: re.split(r"[<>=!~\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")  # noqa: E731
    wanted = {name(requirement): requirement for requirement in manifest.get("pin", [])}
    return [wanted.pop(name(requirement), requirement) for requirement in LIBRARIES] + list(wanted.values())


def imports_of(sources: list[str], package: str = "") -> list[str]:
    """The modules that files import anywhere, also inside functions: all have to be there when the build ends.
    `package`: what a relative import begins at."""
    found: dict[str, None] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Import(names=names):
                    found.update((alias.name, None) for alias in names)
                case ast.ImportFrom(names=names, level=level):
                    above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                    module = ".".join(part for part in (*above, node.module) if part)
                    if module:
                        found.setdefault(module)
                        found.update((f"{module}.{alias.name}", None) for alias in names)
                case ast.Call(
                    func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                    args=[ast.Constant(value=str(module)), *_],
                ) if module and not module.startswith("."):
                    found.setdefault(module)
    return list(found)


def reached(wanted: list[str], stage: Path) -> list[str]:
    """What vendored modules import that are imported themselves, inside functions too."""
    found, work = dict.fromkeys(wanted), list(wanted)
    while work:
        name = work.pop()
        place = stage.joinpath(*name.split("."))
        for file, package in ((place / "__init__.py", name), (place.with_name(f"{place.name}.py"), name.rpartition(".")[0])):
            if file.is_file():
                try:
                    more = imports_of([file.read_text(encoding="utf-8")], package)
                except (SyntaxError, UnicodeDecodeError):
                    # Python says so when it is imported.
                    continue
                work += [other for other in more if other not in found]
                found.update(dict.fromkeys(more))
    return list(found)[len(dict.fromkeys(wanted)) :]


ENTRY = '''"""Made by build.py: the component's entry."""

from ptah_guest import sandbox

sandbox.open_for_build()

import importlib

for name in {imports!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        # Not a module but a member of one, or missing: the script that needs it says so.
        pass

for name in {more!r}:
    try:
        importlib.import_module(name)
    except Exception:
        # As above; and perhaps nobody gets to the function that wants it.
        pass

from ptah_guest import package
from ptah_guest.package import Migration

package.load({manifest!r}, {scripts!r}, {extra!r})
'''


def _last_error(output: str) -> str:
    """The exception that ended a build, if its output shows one."""
    found = re.findall(r"^\s*([A-Za-z_][\w.]*(?:Error|Exception): .*)$", output, re.MULTILINE)
    return f": {found[-1][:500]}" if found else ""


def build(folder: Path, output: Path) -> None:
    """Makes the component."""
    manifest = read_manifest(folder)
    versions = folder / manifest.get("versions", "versions")
    paths = sorted(path for path in versions.glob("*.py") if path.name != "__init__.py")
    if not paths:
        fail(f"there are no revision scripts in {versions}")
    scripts = [(f"versions/{path.name}", path.read_text(encoding="utf-8")) for path in paths]
    extra = []
    populate = folder / manifest.get("populate", "populate.py")
    if populate.is_file():
        extra.append(("populate", "populate.py", populate.read_text(encoding="utf-8")))
    elif "populate" in manifest:
        fail(f"there is no {populate}")

    tool = fetched(TOOL, pure=False)
    libraries = fetched(pinned(manifest), pure=True)
    with tempfile.TemporaryDirectory() as made:
        stage = Path(made) / "stage"
        shutil.copytree(
            HERE / "ptah_guest", stage / "ptah_guest", ignore=shutil.ignore_patterns("__pycache__")
        )
        for vendored in manifest.get("vendor", []):
            source = folder / vendored
            if source.is_dir():
                shutil.copytree(
                    source, stage / source.name, ignore=shutil.ignore_patterns("__pycache__", "*.so")
                )
            elif source.is_file():
                shutil.copy(source, stage / source.name)
            else:
                fail(f"there is no {source}, which the manifest wants to vendor")
        for module, file in manifest.get("modules", {}).items():
            place = stage.joinpath(*module.split("."))
            if any(other.startswith(f"{module}.") for other in manifest["modules"]):
                place = place / "__init__.py"
            else:
                place = place.with_name(f"{place.name}.py")
            if not (folder / file).is_file():
                fail(f"there is no {folder / file}, which the manifest wants as the module {module}")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / file, place)
            for parent in place.relative_to(stage).parents[:-1]:
                (stage / parent / "__init__.py").touch()
        sources = [source for _, source in scripts] + [source for _, _, source in extra]
        try:
            wanted = ALWAYS + manifest.get("imports", []) + imports_of(sources)
        except SyntaxError as error:
            fail(f"a script is not Python: {error}")
        shown = {key: manifest[key] for key in ("name", "title", "version")}
        for key in ("naming-convention", "transaction-per-migration", "config"):
            shown[key] = manifest.get(key)
        entry = ENTRY.format(
            imports=wanted,
            more=reached(wanted, stage),
            manifest=json.dumps(shown),
            scripts=json.dumps(scripts),
            extra=json.dumps(extra),
        )
        (stage / "ptah_component.py").write_text(entry, encoding="utf-8")
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(made) / "component.wasm"
        environment = {
            **os.environ,
            "PYTHONPATH": str(tool),
            "DISABLE_SQLALCHEMY_CEXT": "1",
            "DISABLE_SQLALCHEMY_CEXT_RUNTIME": "1",
            "PYTHONHASHSEED": "0",
        }
        environment.pop("VIRTUAL_ENV", None)
        command = [
            sys.executable,
            "-c",
            "from componentize_py import script; script()",
            "-d",
            str(HERE.parent.parent / "wit"),
            "-w",
            "migrations",
            "componentize",
            "-s",
            "-p",
            str(stage),
            "-p",
            str(libraries),
            "-o",
            str(partial),
            "ptah_component",
        ]
        run = subprocess.run(
            command, env=environment, cwd=made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if run.returncode != 0 or not partial.is_file():
            print(run.stdout, file=sys.stderr)
            fail(f"the component could not be made{_last_error(run.stdout)}")
        shutil.move(partial, output)
    say(f"{output}: {output.stat().st_size} bytes, {len(scripts)} scripts")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the package's folder, with ptah-python.toml")
    parser.add_argument("-o", "--output", type=Path, help="the component; NAME.wasm in the folder without it")
    arguments = parser.parse_args()
    output = arguments.output or arguments.folder / (read_manifest(arguments.folder)["name"] + ".wasm")
    build(arguments.folder, output)


if __name__ == "__main__":
    main()
