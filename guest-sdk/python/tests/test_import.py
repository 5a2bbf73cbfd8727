"""What is read of a project, without any network: `python3 -m unittest guest-sdk/python/tests/test_import.py`."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ptah_import import command  # noqa: E402

STEPS = "\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"


def script(identity: str, down: str = "None", more: str = "", head: str = "") -> str:
    """A script that does nothing."""
    return f"{head}\nrevision = {identity!r}\ndown_revision = {down}\n{more}\n{STEPS}"


class Imports(unittest.TestCase):
    """Projects that are made of a few files"""

    def imported(self, files: dict[str, str], project: str = "app", **said: object) -> tuple[dict, list[str]]:
        """The document of an import, and its findings as `severity file message`."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        request = dict.fromkeys(("title", "package_version", "base_schema", "naming_convention"))
        request |= {"project": str(folder / project), "name": "p", "output": str(folder / "made"), "build": False}
        request |= {"path": [], "pin": [], "vendor": [], "shim": [], "transaction_per_migration": False}
        for key, value in said.items():
            request[key] = [part.replace("@", str(folder)) for part in value] if isinstance(value, list) else value
        document = command.run(request)
        self.made = folder / "made"
        return document, [f"{found['severity']} {found['file']} {found['message']}" for found in document["findings"]]

    def test_stand_ins_are_taken_in_any_order(self):
        files = {
            "app/versions/1.py": script("1", head="from server import NAME\nfrom server.clock import tick\n"),
            "server.py": "NAME = 1\n",
            "clock.py": "def tick(): ...\n",
        }
        shims = ["server.clock=@/clock.py", "server=@/server.py"]
        for order in (shims, shims[::-1]):
            document, found = self.imported(files, shim=order)
            self.assertIsNone(document["error"], found)
            self.assertTrue((self.made / "modules/server/__init__.py").read_text().startswith("NAME"))

    def test_a_location_may_be_a_package_somewhere_else(self):
        files = {
            "app/alembic.ini": "[alembic]\nscript_location = keeper.db:alembic\n",
            "lib/keeper/db/alembic/env.py": "",
            "lib/keeper/db/alembic/versions/1.py": script("1"),
        }
        document, found = self.imported(files, path=["@/lib"])
        self.assertEqual(document.get("heads"), ["1"], (document["error"], found))
        document, _ = self.imported(files)
        self.assertIn("--path says where keeper.db is", document["error"]["message"])

    def test_labels_are_read_from_modules_of_constants(self):
        head = "from app.db.migration import cli\nfrom app.db import migration\nimport app.db.ids\n"
        files = {
            "lib/app/db/migration/__init__.py": "CONTRACT = 'contract'\n",
            "lib/app/db/migration/cli.py": "from app.db import migration\nEXPAND = 'ex' + 'pand'\nCONTRACT = migration.CONTRACT\n",
            "lib/app/db/ids.py": "FIRST = '1'\n",
            "app/versions/1.py": script("1", more="branch_labels = (cli.EXPAND,)", head=head),
            "app/versions/2.py": script("2", "app.db.ids.FIRST", "depends_on = [cli.CONTRACT]", head),
            "app/versions/3.py": script("3", more="branch_labels = migration.CONTRACT", head=head),
        }
        vendored = ["app.db.migration.cli", "app.db.migration", "app.db.ids"]
        document, found = self.imported(files, path=["@/lib"], vendor=vendored)
        self.assertIsNone(document["error"], found)
        said = [(one["branch_labels"], one["down_revisions"], one["depends_on"]) for one in document["revisions"]]
        self.assertEqual(said, [(["expand"], [], []), ([], ["1"], ["contract"]), (["contract"], [], [])])
        files["lib/app/db/migration/cli.py"] = "import os\nEXPAND = os.environ['X']\nCONTRACT = EXPAND\n"
        _, found = self.imported(files, path=["@/lib"], vendor=vendored)
        errors = [line for line in found if line.startswith("error")]
        self.assertIn("error versions/1.py only running the script would tell what this is: cli.EXPAND", errors)

    def test_what_revises_a_script_that_was_not_understood_is_no_error_of_its_own(self):
        unknown = "import os\nrevision = '1'\ndown_revision = os.name\n"
        files = {"app/versions/1.py": unknown + STEPS, "app/versions/2.py": script("2", "'1'")}
        _, found = self.imported(files)
        self.assertEqual(len([line for line in found if line.startswith("error")]), 1, found)
        files["app/versions/2.py"] = script("2", "'0'")
        _, found = self.imported(files)
        self.assertIn("error versions/2.py it revises '0', which no script has", found)
        files["app/versions/1.py"] = "no Python"
        _, found = self.imported(files)
        self.assertNotIn("which no script has", " ".join(found))

    def test_scripts_in_subfolders_are_missed(self):
        files = {"app/env.py": "", "app/versions/1.py": script("1"), "app/versions/old/0.py": script("0")}
        files["app/versions/old/notes.py"] = ""
        _, found = self.imported(files)
        self.assertEqual([line.split(" are not taken")[0] for line in found], ["warning versions 1 scripts in subfolders"])
        files["app/alembic.ini"] = "[alembic]\nscript_location = .\nversion_locations = versions versions/old\n"
        document, found = self.imported(files)
        self.assertNotIn("subfolders", " ".join(found))
        self.assertEqual(len(document["revisions"]), 2)

    def test_a_script_that_another_imports_comes_along_by_its_name(self):
        files = {
            "app/alembic.ini": "[alembic]\nscript_location = keeper:db\n",
            "app/keeper/db/env.py": "",
            "app/keeper/db/versions/1a_first.py": script("1a", more="WORD = 'x'"),
            "app/keeper/db/versions/b.py": script(
                "2", "'1a'", "import importlib\nfirst = importlib.import_module(\n    'keeper.db.versions.' '1a_first')"
            ),
        }
        document, found = self.imported(files)
        self.assertEqual((document["error"], document["modules"]), (None, ["keeper.db.versions.1a_first"]), found)
        self.assertIn("WORD", (self.made / "modules/keeper/db/versions/1a_first.py").read_text())


if __name__ == "__main__":
    unittest.main()
