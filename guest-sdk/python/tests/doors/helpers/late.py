"""Taken along by --vendor: words.py imports it when it is called."""

LATE = "late"
