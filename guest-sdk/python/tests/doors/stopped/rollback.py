"""Takes back rows and goes on"""

import sqlalchemy as sa
import sqlalchemy.orm
from alembic import op

revision = "rollback"
down_revision = None


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    with sa.orm.Session(bind=op.get_bind()) as session:
        try:
            session.execute(sa.text("INSERT INTO notes (id) VALUES (1)"))
            raise ValueError
        except ValueError:
            session.rollback()


def downgrade() -> None:
    pass
