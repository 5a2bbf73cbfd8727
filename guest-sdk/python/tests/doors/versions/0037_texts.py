"""Texts of a fixed length, and documents kept parsed"""

import uuid

import sqlalchemy as sa
import sqlalchemy.orm
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0037"
down_revision = "0035"

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    bind = op.get_bind()
    op.create_table(
        "parcels",
        sa.Column("id", sa.CHAR(36), primary_key=True),
        sa.Column("owner", sa.Uuid(native_uuid=False), nullable=False),
        sa.Column("country", sa.CHAR(2), nullable=False, server_default="de"),
        sa.Column("content", document),
    )
    parcels = sa.table(
        "parcels",
        sa.column("id", sa.CHAR(36)),
        sa.column("owner", sa.Uuid(native_uuid=False)),
        sa.column("country", sa.CHAR(2)),
        sa.column("content", document),
    )
    one, owner = str(uuid.uuid4()), uuid.uuid4()
    op.bulk_insert(parcels, [{"id": one, "owner": owner, "country": "fr", "content": {"b": [1], "a": None}}])
    bind.execute(sa.text("INSERT INTO parcels (id, owner) VALUES ('short', :owner)"), {"owner": owner.hex})
    found = bind.execute(sa.select(parcels).order_by(parcels.c.country.desc())).all()
    expected = [(one, owner, "fr", {"b": [1], "a": None}), ("short", owner, "de", None)]
    assert [tuple(row) for row in found] == expected, found
    assert bind.scalar(sa.select(parcels.c.content).where(parcels.c.id == one)) == {"b": [1], "a": None}
    columns = {column["name"]: column["type"] for column in sa.inspect(bind).get_columns("parcels")}
    assert isinstance(columns["country"], sa.CHAR) and columns["country"].length == 2, columns
    if bind.dialect.name == "postgresql":
        assert isinstance(columns["content"], postgresql.JSONB), columns
        op.alter_column("parcels", "content", type_=postgresql.JSON(), postgresql_using="content::json")
    two = sa.select(parcels.c.id).order_by(parcels.c.country.desc()).limit(1).offset(1)
    assert bind.scalars(two).all() == ["short"]
    with sa.orm.Session(bind=bind) as session:
        session.execute(parcels.update().values(country="it").where(parcels.c.id == one))
        session.commit()
    long = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
    op.create_table("letters", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", long))
    with op.batch_alter_table("letters") as batch:
        batch.add_column(sa.Column("more", sa.JSON().with_variant(mysql.LONGTEXT(), "mysql")))
    op.drop_table("letters")
    if bind.dialect.name == "mysql":
        op.add_column("parcels", sa.Column("weight", sa.Numeric()))
        bind.execute(sa.text("UPDATE parcels SET weight = 1234567890 WHERE id = 'short'"))
        assert bind.scalar(sa.text("SELECT weight FROM parcels WHERE id = 'short'")) == 1234567890
        (found,) = [column for column in sa.inspect(bind).get_columns("parcels") if column["name"] == "weight"]
        assert (found["type"].precision, found["type"].scale) == (10, 0), found
    with op.batch_alter_table("parcels") as batch:
        batch.alter_column("country", existing_type=sa.CHAR(2), type_=sa.String(2), existing_nullable=False)


def downgrade() -> None:
    op.drop_table("parcels")
