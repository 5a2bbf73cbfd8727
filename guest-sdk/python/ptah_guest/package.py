"""A package: its revision scripts, loaded when the component is built, and the four exports."""

from __future__ import annotations

import json
import linecache
import sys
from collections.abc import Callable
from types import ModuleType

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script.base import Script
from componentize_py_types import Err
from sqlalchemy import MetaData
from wit_world.exports import migration
from wit_world.imports import inspect, log, types

from . import batch, dialect, errors, impl, later, places, sandbox  # noqa: F401  (impl: its classes register themselves)
from .populate import steps as populate_steps

batch.install()
_engines = dialect.engines()


class Loaded:
    """One script: its module, and whether it has to be executed again in the step because it asked for the
    time."""

    def __init__(self, name: str, filename: str, source: str):
        # Without the `from __future__` of this module.
        self.code = compile(source, filename, "exec", dont_inherit=True)
        # So that a traceback shows the line; there is no file to read it from.
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self.module = ModuleType(name)
        self.module.__file__ = filename
        sys.modules[name] = self.module
        sandbox.touched = False
        self.run()
        self.again = sandbox.touched

    def run(self) -> None:
        """Executes the script from its first line."""
        exec(self.code, self.module.__dict__)

    def ready(self) -> ModuleType:
        """The module as it is in this step."""
        if self.again:
            self.run()
            self.again = False
        return self.module


class Package:
    """What the component holds."""

    def __init__(self, manifest: dict, scripts: list[tuple[str, str]], extra: list[tuple[str, str, str]]):
        self.manifest = manifest
        for name, filename, source in extra:
            Loaded(name, filename, source)
        self.populate = populate_steps(sys.modules.get("populate"))
        self.revisions: dict[str, Loaded] = {}
        self.scripts: list[Script] = []
        for filename, source in scripts:
            stem = filename.rpartition("/")[2].removesuffix(".py")
            loaded = Loaded(f"versions.{stem}", filename, source)
            revision = getattr(loaded.module, "revision", None)
            if revision is None:
                continue
            if revision in self.revisions:
                raise ValueError(f"two scripts have the revision {revision!r}: {filename} is the second")
            self.revisions[revision] = loaded
            self.scripts.append(Script(loaded.module, revision, filename))
        self.labels = {
            label: script.revision
            for script in self.scripts
            for label in _tuple(script.module, "branch_labels")
        }

    def _id(self, said: str) -> str:
        """A revision by its id, a part of it from the beginning, or a branch label."""
        if said in self.revisions:
            return said
        if said in self.labels:
            return self.labels[said]
        found = [revision for revision in self.revisions if revision.startswith(said)]
        if len(found) != 1:
            raise ValueError(f"no revision {said!r}, or several")
        return found[0]

    def describe(self) -> migration.PackageInfo:
        """What the contract wants to know of it."""
        name = self.manifest["name"]
        revisions = []
        for script in self.scripts:
            depends = [
                said if ":" in said else f"{name}:{self._id(said)}"
                for said in _tuple(script.module, "depends_on")
            ]
            down = list(self.down_revisions(script.revision))
            revisions.append(migration.Revision(script.revision, down, _message(script), depends))
        populate = [
            migration.PopulateStep(
                step.name, step.title, step.active, list(step.requires), list(step.depends_on)
            )
            for step in self.populate.values()
        ]
        return migration.PackageInfo(
            name, self.manifest["title"], self.manifest["version"], revisions, populate
        )

    def function(self, revision: str, name: str) -> Callable[[], None]:
        """A revision's `upgrade` or `downgrade`."""
        module = self.revisions[revision].ready()
        if not hasattr(module, name):
            raise NotImplementedError(f"the script of {revision} has no {name}()")
        return getattr(module, name)

    def down_revisions(self, revision: str) -> tuple[str, ...]:
        """What a revision revises, by whole ids."""
        return tuple(self._id(said) for said in _tuple(self.revisions[revision].module, "down_revision"))

    def run(self, function: Callable[[], None], heads: tuple[str, ...] = ()) -> None:
        """Runs one step with Alembic's context around it, in which `heads` are applied. Raises what the script
        raises."""
        metadata = MetaData(naming_convention=self.manifest.get("naming-convention"))
        engine = _engines[inspect.target_dialect()]
        with engine.connect() as connection, EnvironmentContext(_config(self.manifest), None) as environment:
            environment.configure(
                connection=connection,
                target_metadata=metadata,
                transaction_per_migration=bool(self.manifest.get("transaction-per-migration")),
            )
            context = environment.get_context()
            context.get_current_heads = lambda: heads
            # A transaction is under way when a script runs, so that a session of it which ends takes nothing back.
            own = context._transaction_per_migration if context.impl.transactional_ddl else True
            with context.begin_transaction(_per_migration=own), Operations.context(context):
                function()
                later.check()
                # Before the connection is closed, which rolls back what is no matter of the host's.
                if errors.unsaid:
                    raise errors.unsaid[0]


def _tuple(module: ModuleType, name: str) -> tuple[str, ...]:
    said = getattr(module, name, None)
    return () if said is None else (said,) if isinstance(said, str) else tuple(said)


def _config(manifest: dict) -> Config:
    """What `context.config` is: the settings of the manifest, as those of an alembic.ini."""
    config = Config()
    for key, value in (manifest.get("config") or {}).items():
        config.set_main_option(key, str(value).replace("%", "%%"))
    return config


def _message(script: Script) -> str:
    message = " ".join(script.doc.split())
    # The contract has 256 bytes for it, and nothing that is invisible.
    message = "".join(letter if letter.isprintable() else "?" for letter in message)
    return message.encode()[:256].decode(errors="ignore")


package: Package | None = None


def load(manifest: str, scripts: str, extra: str) -> None:
    """Loads what the build found, each as JSON, and closes the sandbox."""
    global package
    # As under Alembic a script may look at `context.config` when it is imported.
    described = json.loads(manifest)
    with EnvironmentContext(_config(described), None):
        package = Package(described, json.loads(scripts), json.loads(extra))
    package.describe()
    sandbox.close()


def _trace(error: BaseException) -> str:
    """Where an exception came from. (Python's own `traceback` parses source lines again, which takes a
    file.)"""
    places = []
    at = error.__traceback__
    while at is not None:
        filename = at.tb_frame.f_code.co_filename
        line = linecache.cache.get(filename, (0, None, [], ""))[2][at.tb_lineno - 1 : at.tb_lineno]
        shown = "".join(f": {text.strip()}" for text in line)
        places.append(f"  {filename}:{at.tb_lineno} in {at.tb_frame.f_code.co_name}{shown}")
        at = at.tb_next
    return "\n".join([*places[-12:], f"{type(error).__name__}: {error}"])[:4000]


# The longest message of a step that failed, in characters.
_MESSAGE = 1000


def _said(error: BaseException, message: str) -> str:
    """The message with the place in the project that it comes from, and the statement if that does not show it."""
    place = getattr(error, "place", None) or places.of(error)
    if place is None:
        return message[:_MESSAGE]
    statement = places.short(getattr(error, "statement", None) or "")
    if statement and not statement.startswith("<") and statement[:20] not in place:
        place += f" [{statement}]"
    return f"{place}: {message}"[:_MESSAGE]


def _step(function: Callable[[], None], heads: tuple[str, ...] = ()) -> None:
    assert package is not None
    try:
        package.run(function, heads)
    except BaseException as error:
        log.message(log.Level.DEBUG, _trace(error))
        found = errors.contract_error_of(error)
        if found is not None:
            if isinstance(found.value, str):
                raise Err(type(found)(_said(error, found.value))) from None
        raise Err(types.Error_Failed(_said(error, f"{type(error).__name__}: {error}"))) from None


class Migration:
    """The exports of the component."""

    def describe(self) -> migration.PackageInfo:
        """Says what the package is."""
        return package.describe()

    def populate(self, step: str) -> None:
        """Runs a populate step."""
        _step(lambda: package.populate[step].function())

    def upgrade(self, revision: str) -> None:
        """Runs the upgrade of a revision."""
        _step(lambda: package.function(revision, "upgrade")(), package.down_revisions(revision))

    def downgrade(self, revision: str) -> None:
        """Runs the downgrade of a revision."""
        _step(lambda: package.function(revision, "downgrade")(), (revision,))
