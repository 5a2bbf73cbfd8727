"""Stands in for application_server, by --shim."""

NAME = "server"
