"""The chains that tests/corpus.py knows: where each comes from, and what its import has to be told."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Chain:
    """`project` is what is imported, `options` are those of the import. Paths are taken from the folder of the unpacked
    wheels, but for those of stand-ins, which lie beside this file."""

    wheels: list[str]
    project: str
    databases: list[str]
    vendor: list[str] = dataclasses.field(default_factory=list)
    shims: dict[str, str] = dataclasses.field(default_factory=dict)


CHAINS = {
    "argilla": Chain(["argilla-server==2.8.0"], "argilla_server/alembic.ini", ["sqlite", "postgres"]),
    "octavia": Chain(
        ["octavia==19.0.0", "octavia-lib==3.12.0"],
        "octavia/db/migration/alembic.ini",
        ["mariadb"],
        ["octavia.common.constants", "octavia_lib.common.constants"],
        {"oslo_log.log": "oslo_log.py"},
    ),
    "mlflow_auth": Chain(
        ["mlflow==3.18.0"],
        "mlflow/server/auth/db/migrations",
        ["sqlite", "postgres"],
        shims={
            "mlflow.exceptions": "mlflow_exceptions.py",
            "mlflow.utils.workspace_utils": "mlflow_workspace_utils.py",
        },
    ),
    # Nothing in their scripts is the application's own.
    "placement": Chain(["openstack-placement==16.0.0"], "placement/db/sqlalchemy/alembic.ini", ["mariadb"]),
}
