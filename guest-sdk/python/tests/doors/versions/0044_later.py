"""Foreign keys to tables that come later, as SQLite takes them"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0045"


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        return
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Integer, sa.ForeignKey("states.id", name="fk_state")),
        sa.Column("parent", sa.Integer, sa.ForeignKey("runs.id")),
        sa.Column("task", sa.Integer),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_task", use_alter=True, ondelete="CASCADE"),
    )
    op.create_table("states", sa.Column("id", sa.Integer, primary_key=True), sa.Column("run", sa.Integer))
    with op.batch_alter_table("states") as batch:
        batch.create_foreign_key("fk_run", "runs", ["run"], ["id"])
        batch.create_foreign_key("fk_task", "tasks", ["run"], ["id"])
    op.create_table("tasks", sa.Column("id", sa.Integer, primary_key=True))
    keys = {
        table: {found["name"]: found["referred_table"] for found in sa.inspect(bind).get_foreign_keys(table)}
        for table in ("runs", "states")
    }
    assert keys == {
        "runs": {"fk_state": "states", "fk_task": "tasks", "fk_runs_parent": "runs"},
        "states": {"fk_run": "runs", "fk_task": "tasks"},
    }, keys


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, key in (("runs", "fk_state"), ("runs", "fk_task"), ("states", "fk_run"), ("states", "fk_task")):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(key, type_="foreignkey")
    for table in ("states", "tasks", "runs"):
        op.drop_table(table)
