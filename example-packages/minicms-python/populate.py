"""The pages of a site. The first table is older than the first revision, so `ptah-base-schema` makes what
revision 001 starts from, and `ptah-db-schema` makes at once what all revisions lead to."""

import sqlalchemy as sa
from alembic import op
from ptah_guest import BASE_SCHEMA, SCHEMA, populate
from sqlalchemy.dialects import mysql

# MariaDB's DATETIME has no digits after the second unless they are asked for.
MOMENT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(timezone=True, fsp=6), "mysql", "mariadb")


@populate(BASE_SCHEMA, "Tables before the first revision", active=False)
def base_schema() -> None:
    op.create_table("pages", *pages_as_ever())
    op.create_index("pages_created", "pages", ["created"])


@populate(SCHEMA, "Tables", depends_on=["crowd:001"])
def latest_schema() -> None:
    op.create_table("pages", *pages_as_ever(), sa.Column("content", sa.Text))
    op.create_index("pages_created", "pages", ["created"])
    op.create_table(
        "page_authors",
        sa.Column("page", sa.BigInteger, sa.ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("author", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("page_authors_author", "page_authors", ["author"])


@populate("demo-pages", "Sample pages", requires=[SCHEMA])
def demo_pages() -> None:
    pages = sa.table("pages", sa.column("title", sa.String), sa.column("content", sa.Text))
    op.bulk_insert(
        pages,
        [{"title": "Home", "content": "Welcome."}, {"title": "About", "content": "A small site."}],
    )


def pages_as_ever() -> list[sa.schema.SchemaItem]:
    """The columns and constraints that `pages` has had from the beginning."""
    return [
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("created", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("title"),
        sa.CheckConstraint("char_length(title) > 0"),
    ]
