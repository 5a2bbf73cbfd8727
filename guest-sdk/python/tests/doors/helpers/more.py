"""Taken along by --vendor, since words.py imports it."""

LAST = "three"
