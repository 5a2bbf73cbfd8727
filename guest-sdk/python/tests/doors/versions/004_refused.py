"""What the sandbox does not have"""

import os
import pathlib
import socket
import subprocess
import threading

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "0054"


def upgrade() -> None:
    for name, attempt in {
        "file": lambda: open("/etc/passwd"),
        "path": lambda: pathlib.Path("x").read_text(),
        "write": lambda: pathlib.Path("x").write_text("y"),
        "folder": lambda: os.listdir("."),
        "remove": lambda: os.remove("x"),
        "socket": lambda: socket.create_connection(("localhost", 1)),
        "process": lambda: subprocess.run(["true"]),
        "system": lambda: os.system("true"),
        "thread": lambda: threading.Thread(target=print).start(),
    }.items():
        try:
            attempt()
        except PermissionError as error:
            assert "sandbox" in str(error), (name, error)
        else:
            raise AssertionError(f"{name}: not refused")
    assert not os.path.exists("/etc/passwd") and os.environ.get("HOME") is None
    try:
        import http.server  # noqa: F401

        import nothing_of_that_name  # noqa: F401
    except ImportError:
        pass
    else:
        raise AssertionError("a module out of nowhere")
    for expected, attempt in (
        (sa.exc.DBAPIError, lambda: op.create_table("people", sa.Column("id", sa.Integer, primary_key=True))),
        (sa.exc.DBAPIError, lambda: op.drop_column("people", "nothing")),
        (sa.exc.DBAPIError, lambda: op.get_bind().execute(sa.text("SELECT nothing FROM people"))),
        (sa.exc.NoSuchTableError, lambda: sa.inspect(op.get_bind()).get_columns("nothing")),
    ):
        try:
            attempt()
        except expected as error:
            assert isinstance(error, sa.exc.SQLAlchemyError)
        else:
            raise AssertionError(f"no {expected.__name__}")


def downgrade() -> None:
    pass
