"""Write ptah-wasm migration packages in Python, with Alembic's own API.

A package is a folder with a manifest (`ptah-python.toml`), Alembic's revision scripts (`versions/*.py`) and,
if it has populate steps, a `populate.py`. `build.py` beside this package makes a component of it.
"""

from .populate import BASE_SCHEMA, SCHEMA, populate
from .sandbox import SandboxError

__all__ = ["BASE_SCHEMA", "SCHEMA", "SandboxError", "populate", "portable"]


def __getattr__(name: str):
    # SQLAlchemy is only imported when the clock is replaced.
    if name == "portable":
        from .sql import portable

        return portable
    raise AttributeError(name)
