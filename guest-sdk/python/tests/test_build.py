"""What build.py reads, without any network: `python3 -m unittest guest-sdk/python/tests/test_build.py`."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import build  # noqa: E402


class Manifest(unittest.TestCase):
    """ptah-python.toml"""

    def read(self, text: str) -> dict | str:
        """The manifest, or what build.py says about it."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "ptah-python.toml").write_text(text, encoding="utf-8")
            try:
                return build.read_manifest(Path(folder))
            except build.Failed as failed:
                return failed.message

    def test_the_title_is_the_name_unless_it_is_given(self):
        self.assertEqual(self.read('name = "a"\nversion = "1"')["title"], "a")
        self.assertEqual(self.read('name = "a"\nversion = "1"\ntitle = "A"')["title"], "A")

    def test_an_unknown_key_and_a_missing_one_are_named(self):
        self.assertIn("'colour'", self.read('name = "a"\nversion = "1"\ncolour = "red"'))
        self.assertIn("version is missing", self.read('name = "a"'))


class Libraries(unittest.TestCase):
    """Pins and imports"""

    def test_a_pin_replaces_a_library_or_comes_along(self):
        found = build.pinned({"pin": ["sqlalchemy==2.0.45", "toolz==1.0.0"]})
        self.assertIn("sqlalchemy==2.0.45", found)
        self.assertIn("toolz==1.0.0", found)
        self.assertEqual(len(found), len(build.LIBRARIES) + 1)

    def test_imports_inside_functions_are_found(self):
        source = "import a.b\nfrom c import d\ndef f():\n    from e import g\n    import h as i\n"
        source += "    import_module('j.k')\n    import_module('.l', 'm')\n    import_module('')\n"
        self.assertEqual(set(build.imports_of([source])), {"a.b", "c", "c.d", "e", "e.g", "h", "j.k"})

    def test_imports_of_vendored_modules_are_found_where_they_are_reached(self):
        files = {
            "helpers/__init__.py": "",
            "helpers/words.py": "def f():\n    from . import late\n    import importlib\n    importlib.import_module('z.1a')\n",
            "helpers/late.py": "from .more import X\n",
            "helpers/more/__init__.py": "def g():\n    from ..other import Y\n",
            "helpers/nobody.py": "import antigravity\n",
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name).parent.mkdir(exist_ok=True)
                Path(folder, name).write_text(text, encoding="utf-8")
            found = build.reached(["helpers", "helpers.words"], Path(folder))
        self.assertEqual(
            set(found),
            {"helpers.late", "importlib", "z.1a", "helpers.more", "helpers.more.X", "helpers.other", "helpers.other.Y"},
        )


if __name__ == "__main__":
    unittest.main()
