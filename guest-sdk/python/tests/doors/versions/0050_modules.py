"""Modules that come along, and another script by its name"""

import importlib

from application_server import NAME
from application_server.clock import tick
from helpers.words import later

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    assert (NAME, tick(), later()) == ("server", "tock", "late")
    assert importlib.import_module("lines.a1").revision == "a1"


def downgrade() -> None:
    pass
