"""A session around changes of rows and of the schema, as MariaDB has it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import orm

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    bind = op.get_bind()
    shares = op.create_table("shares", sa.Column("id", sa.Integer, primary_key=True), sa.Column("place", sa.Integer))
    if bind.dialect.name == "mysql":
        # Rolled back when it is closed, but DDL has committed everything by then.
        with orm.Session(bind=bind) as session:
            assert session.query(shares).all() == []
            op.bulk_insert(shares, [{"id": 1, "place": 2}])
            op.drop_column("shares", "place")
        assert bind.scalar(sa.select(sa.func.count()).select_from(shares)) == 1


def downgrade() -> None:
    op.drop_table("shares")
