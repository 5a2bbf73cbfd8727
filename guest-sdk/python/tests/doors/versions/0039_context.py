"""What a script asks its context and its connection"""

from alembic import context, op
from alembic.ddl.mysql import MySQLImpl
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl

revision = "0039"
down_revision = "0038"

IMPLS = {"sqlite": SQLiteImpl, "postgresql": PostgresqlImpl, "mysql": MySQLImpl}
VERSIONS = {"sqlite": (3, 45, 0), "postgresql": (15, 0), "mysql": (10, 11, 0)}


def upgrade() -> None:
    bind, migration = op.get_bind(), op.get_context()
    assert migration.get_current_revision() == "0038" and migration.get_current_heads() == ("0038",)
    name = bind.dialect.name
    assert type(migration.impl).__name__ == IMPLS[name].__name__ and isinstance(migration.impl, IMPLS[name])
    assert bind.dialect.server_version_info == VERSIONS[name]
    assert getattr(bind.dialect, "is_mariadb", False) == (name == "mysql")
    url = bind.engine.url
    assert url.database == "ptah" and url.drivername == url.get_backend_name() == name and url.render_as_string()
    assert bind.engine.name == bind.engine.dialect.name == migration.dialect.name == name
    assert bind.default_isolation_level == bind.get_isolation_level()
    assert not context.is_offline_mode() and not migration.as_sql
    assert context.get_x_argument() == [] and context.get_x_argument(as_dictionary=True) == {}
    assert migration.connection is bind and migration.bind is bind and op.get_bind() is bind
    assert migration.opts["target_metadata"] is not None and migration.opts["transaction_per_migration"]


def downgrade() -> None:
    assert op.get_context().get_current_revision() == "0039"
