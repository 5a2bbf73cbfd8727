"""Taken along by --vendor."""

from .more import LAST

WORDS = ("one", "two", LAST)
