"""The package's source folder: `ptah-python.toml` and what it names, for `build.py`."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from .findings import Refused
from .modules import Modules
from .scripts import Revision

MARK = "# Made by `ptah-wasm import alembic`, which makes all of this folder anew when it runs again.\n"
_ENCODING = re.compile(r"(?m)\A((?:[^\n]*\n)?[ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+")

BASE = '''"""Made by `ptah-wasm import alembic`: what exists before the first revision."""

import ptah_base_schema
from alembic import op
from ptah_guest import BASE_SCHEMA, populate


@populate(BASE_SCHEMA, "Tables before the first revision", active=False)
def base_schema() -> None:
{body}
'''


def quoted(value: object) -> str:
    """A string or a list of strings in TOML."""
    return json.dumps(value, ensure_ascii=True)


def table(name: str, entries: dict[str, str]) -> str:
    """A table of strings in TOML, empty if there are none."""
    if not entries:
        return ""
    lines = [f"{quoted(key)} = {quoted(value)}" for key, value in entries.items()]
    return "\n".join(["", f"[{name}]", *lines, ""])


def check_free(folder: Path) -> None:
    """Raises `Refused` if there is something that an import did not make."""
    manifest = folder / "ptah-python.toml"
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_dir() and not folder.is_symlink():
        if not any(folder.iterdir()):
            return
        if manifest.is_file() and manifest.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            return
    raise Refused("usage", f"{folder} is there already, and not from an import: say another with --output")


def write(
    folder: Path,
    manifest: dict[str, object],
    revisions: list[Revision],
    modules: Modules,
    base_body: str | None,
) -> None:
    """Makes the folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        made.chmod(0o755)
        _fill(made, manifest, revisions, modules, base_body)
        if folder.is_dir():
            shutil.rmtree(folder)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _fill(
    made: Path, manifest: dict[str, object], revisions: list[Revision], modules: Modules, base_body: str | None
) -> None:
    taken: set[str] = set()
    (made / "versions").mkdir()
    for revision in revisions:
        path = revision.source.path
        name = re.sub(r"[^\w.-]+", "_", path.name, flags=re.ASCII)
        while name.lower() in taken:
            name = f"{path.parent.name}_{name}"
        taken.add(name.lower())
        text = _ENCODING.sub(r"\1utf-8", revision.source.text)
        (made / "versions" / name).write_text(text, encoding="utf-8", newline="\n")
    tops: dict[str, None] = {}
    for place, path in modules.files():
        target = made / "modules" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        tops[place.partition("/")[0]] = None
    for module, path in modules.carried.items():
        # Packages that are only there for what is in them.
        for parent in list(Path(module.replace(".", "/")).parents)[:-1]:
            (made / "modules" / parent / "__init__.py").touch()
        if path.is_dir():
            (made / "modules" / module.replace(".", "/") / "__init__.py").touch()
    if base_body is not None:
        (made / "populate.py").write_text(BASE.format(body=base_body), encoding="utf-8")
    name, version = manifest["name"], manifest["version"]
    lines = [MARK + f"name = {quoted(name)}", f"title = {quoted(manifest['title'])}"]
    lines += [f"version = {quoted(version)}", f"vendor = {quoted([f'modules/{top}' for top in tops])}"]
    lines += [f"pin = {quoted(manifest['pin'])}"]
    if manifest["transaction-per-migration"]:
        lines.append("transaction-per-migration = true")
    text = "\n".join(lines) + "\n"
    text += table("naming-convention", manifest["naming-convention"] or {})
    text += table("config", manifest["config"])
    (made / "ptah-python.toml").write_text(text, encoding="utf-8")
    package = f"name = {quoted(name)}\nversion = {quoted(version)}\ncomponents = {quoted([f'{name}.wasm'])}\n"
    (made / "ptah-package.toml").write_text(package, encoding="utf-8")
