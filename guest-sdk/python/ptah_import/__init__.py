"""Makes a package's source out of an Alembic project, without running anything of it: `ptah-wasm import alembic`.

Everything is read as text and with Python's own parser. `command.py` is the way through.
"""
