"""Stands in for application_server.clock, by --shim."""


def tick() -> str:
    return "tock"
