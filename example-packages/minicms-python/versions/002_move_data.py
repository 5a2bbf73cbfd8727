"""Move data

Revision ID: 002
Revises: 001
"""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"
branch_labels = None
# A revision of another package.
depends_on = "crowd:001"

pages = sa.table("pages", sa.column("body"), sa.column("content"))


def upgrade() -> None:
    op.execute(pages.update().values(content=pages.c.body).where(pages.c.content.is_(None)))
    op.execute(pages.update().values(body=sa.null()))
    op.create_table(
        "page_authors",
        sa.Column("page", sa.BigInteger, sa.ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("author", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("page_authors_author", "page_authors", ["author"])


def downgrade() -> None:
    op.drop_table("page_authors")
    op.execute(pages.update().values(body=pages.c.content))
    op.execute(pages.update().values(content=sa.null()))
