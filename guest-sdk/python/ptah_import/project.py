"""Where an Alembic project has its things: `alembic.ini` or `pyproject.toml`, `env.py`, the folders of scripts."""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from pathlib import Path

from .findings import Findings, Refused

# Folders that hold other people's projects.
_FOREIGN = {"node_modules", "site-packages", "venv", "env", "build", "dist", "__pycache__"}
# Folders that are called after what is in them.
_NAMELESS = {"alembic", "migrations", "migration", "versions", "db", "src", "database"}
# Settings that only concern how Alembic itself is run, and the one that may hold a login.
_OWN_SETTINGS = {
    "script_location",
    "version_locations",
    "path_separator",
    "version_path_separator",
    "prepend_sys_path",
    "recursive_version_locations",
    "file_template",
    "timezone",
    "truncate_slug_length",
    "revision_environment",
    "sourceless",
    "output_encoding",
    "sqlalchemy.url",
    "databases",
    "here",
}


class Project:
    """The project of a folder. `scripts` has every file in the folders of versions; `paths` where its modules
    are looked for. `more` are folders of modules that the user named."""

    def __init__(self, said: str, more: list[Path]):
        given = Path(said)
        if not given.exists():
            raise Refused("usage", f"there is no {said}")
        self.ini: Path | None = None
        if given.is_file():
            if given.suffix not in (".ini", ".toml", ".cfg"):
                raise Refused("usage", f"{said} is neither a folder nor an alembic.ini")
            self.ini = given.resolve()
        self.root = (given.parent if given.is_file() else given).resolve()
        self.more = more
        self.findings = Findings(self.root)
        self.settings = self._settings()
        self.location = self._location()
        env = self.location / "env.py"
        self.env = env if env.is_file() and self._is_inside(env) else None
        self.paths = self._paths()
        self.scripts = self._scripts()

    def _is_inside(self, path: Path) -> bool:
        """Whether a file really lies in the project's folder, or in one that the user named; if not, that is an error."""
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            self.findings.error(path, 0, "it is a link that leads nowhere")
            return False
        if any(base == real or base in real.parents for base in (self.root, *self.more)):
            return True
        self.findings.error(path, 0, f"it is outside of {self.root}, by a link or by its path: copy it into the project")
        return False

    # --- settings ---

    def _settings(self) -> dict[str, str]:
        """The section `[alembic]` of alembic.ini, or of pyproject.toml."""
        ini = self.ini or self.root / "alembic.ini"
        if ini.suffix != ".toml" and ini.is_file():
            self.ini = ini
            return self._ini(ini)
        project = self.ini or self.root / "pyproject.toml"
        if project.is_file():
            try:
                table = tomllib.loads(project.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise Refused("package", f"{project}: {error}") from None
            found = table.get("tool", {}).get("alembic")
            if isinstance(found, dict):
                self.ini = project
                return {key: self._joined(value) for key, value in found.items()}
        return {}

    def _joined(self, value: object) -> str:
        """A setting of pyproject.toml as alembic.ini would have it: lists a line an entry."""
        here = lambda text: str(text).replace("%(here)s", str(self.root))  # noqa: E731
        return "\n".join(map(here, value)) if isinstance(value, list) else here(value)

    def _ini(self, path: Path) -> dict[str, str]:
        parser = configparser.ConfigParser({"here": str(path.parent)})
        try:
            parser.read_string(path.read_text(encoding="utf-8-sig"))
        except (configparser.Error, UnicodeDecodeError) as error:
            raise Refused("package", f"{path}: {' '.join(str(error).split())}") from None
        if not parser.has_section("alembic"):
            raise Refused("package", f"{path} has no section [alembic]")
        settings = {}
        for key in parser.options("alembic"):
            try:
                settings[key] = parser.get("alembic", key)
            except configparser.InterpolationError:
                settings[key] = parser.get("alembic", key, raw=True)
        if parser.has_option("alembic", "databases"):
            line = self._line(path, "databases")
            self.findings.error(
                path, line, "the project has several databases (`databases`): import each chain for itself"
            )
        return settings

    @staticmethod
    def _line(path: Path, key: str) -> int:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return next((number for number, line in enumerate(lines, 1) if re.match(rf"\s*{key}\s*=", line)), 0)

    def options(self) -> dict[str, str]:
        """The settings that a script may ask for."""
        return {key: value for key, value in self.settings.items() if key not in _OWN_SETTINGS}

    # --- folders ---

    def _folder(self, said: str) -> Path:
        """A folder of the settings: relative to the project, or `package:folder`."""
        package, colon, rest = said.partition(":")
        if colon and not os.path.isabs(said) and re.fullmatch(r"[A-Za-z_][\w.]*", package):
            for base in (self.root, self.root / "src", *self.more):
                found = base.joinpath(*package.split("."), *rest.split("/"))
                if found.is_dir():
                    return found
            raise Refused("package", f"{self.ini}: there is no folder for {said}; --path says where {package} is")
        return Path(os.path.normpath(self.root / said))

    def _location(self) -> Path:
        """The folder with `env.py`, or what stands for it."""
        if said := self.settings.get("script_location", "").strip():
            found = self._folder(said)
            if not found.is_dir() and (self.root / "env.py").is_file():
                # Said from where the application is started, and that is somewhere above.
                return self.root
            if not found.is_dir():
                raise Refused("package", f"{self.ini}: script_location {said!r} is no folder")
            if not self._is_inside(found):
                raise Refused("package", f"{self.ini}: script_location {said!r} is outside of the project")
            return found
        if (self.root / "env.py").is_file() or (self.root / "versions").is_dir():
            return self.root
        found = self._candidates()
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(path.relative_to(self.root).as_posix() for path in found[:8])
            raise Refused("usage", f"{self.root} holds several Alembic projects: {listed}; name the one that is meant")
        if any(_looks_like_a_script(path) for path in sorted(self.root.glob("*.py"))):
            return self.root
        raise Refused(
            "package",
            f"{self.root} is no Alembic project: there is no alembic.ini, and no env.py beside a folder `versions`",
        )

    def _candidates(self) -> list[Path]:
        found = []
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(name for name in names if name not in _FOREIGN and not name.startswith("."))
            if len(Path(folder).relative_to(self.root).parts) > 6:
                names.clear()
            if "env.py" in files and "versions" in names:
                found.append(Path(folder))
        return found

    def _version_folders(self) -> list[Path]:
        said = self.settings.get("version_locations", "").strip()
        if not said:
            versions = self.location / "versions"
            return [versions if versions.is_dir() else self.location]
        named = self.settings.get("path_separator") or self.settings.get("version_path_separator")
        pattern = {
            # Entries of pyproject.toml, and of an alembic.ini that has one a line.
            None: r"\n" if "\n" in said else r",\s*|\s+",
            "space": r"\s+",
            "newline": r"\n",
            "os": re.escape(os.pathsep),
        }.get(named, re.escape(named or ""))
        parts = [part.strip() for part in re.split(pattern, said)]
        return [self._folder(part) for part in parts if part]

    def _scripts(self) -> list[Path]:
        recursive = self.settings.get("recursive_version_locations", "").lower() in ("true", "1", "yes", "on")
        found: dict[Path, Path] = {}
        for folder in self._version_folders():
            if not folder.is_dir():
                self.findings.error(self.ini or folder, 0, f"there is no folder of versions {folder}")
            elif self._is_inside(folder):
                paths = folder.rglob("*.py") if recursive else folder.glob("*.py")
                for path in sorted(paths):
                    # As Alembic: neither an editor's leavings nor a package's own file.
                    if path.name.startswith((".#", "__init__")) or path == self.env or path.is_dir():
                        continue
                    if self._is_inside(path):
                        found.setdefault(path.resolve(), path)
        for folder in self._version_folders():
            below = [path for path in folder.glob("*/**/*.py") if path.resolve() not in found]
            if left := sum(map(_looks_like_a_script, below)):
                message = f"{left} scripts in subfolders are not taken: version_locations names them, or recursive_version_locations"
                self.findings.warn(folder, 0, message)
        return list(found.values())

    def _paths(self) -> list[Path]:
        """Where modules of the application may be: what Python's path would have."""
        said = self.settings.get("prepend_sys_path", "").strip()
        listed = [self.root / part for part in re.split(r"[,:;\s]+", said) if part]
        top = self.location
        while (top / "__init__.py").is_file() and top != self.root:
            top = top.parent
        listed += [self.root, self.root / "src", top, self.location, *self.more]
        if (self.root / "__init__.py").is_file():
            above = self.root
            while (above / "__init__.py").is_file():
                above = above.parent
            listed.append(above)
        return list(dict.fromkeys(path for path in listed if path.is_dir()))

    def _declared(self, key: str) -> str:
        """What `[project]` of pyproject.toml says, or nothing."""
        project = self.root / "pyproject.toml"
        if not project.is_file():
            return ""
        try:
            table = tomllib.loads(project.read_text(encoding="utf-8")).get("project")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return ""
        return str(table.get(key, "")) if isinstance(table, dict) else ""

    def name(self) -> str:
        """What the package is called if nobody says: as the application, or its folder."""
        folder = self.root
        while folder.name.lower() in _NAMELESS:
            folder = folder.parent
        name = self._declared("name") or folder.name
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:64] or "package"

    def version(self) -> str:
        """Its version if nobody says."""
        return self._declared("version") or "1.0.0"


def _looks_like_a_script(path: Path) -> bool:
    try:
        return re.search(rb"^down_revision\b", path.read_bytes(), re.MULTILINE) is not None
    except OSError:
        return False
