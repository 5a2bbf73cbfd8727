"""Stands in for oslo_log.log: a script says a line through it."""

from logging import getLogger  # noqa: F401
