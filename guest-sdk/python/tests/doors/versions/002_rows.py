"""Rows, with bound parameters"""

import datetime
import decimal
import uuid

import sqlalchemy as sa
from alembic import op
from sqlalchemy import orm

revision = "002"
down_revision = "001"

people = sa.table(
    "people",
    sa.column("id", sa.Integer),
    sa.column("name", sa.String),
    sa.column("active", sa.Boolean),
    sa.column("score", sa.Numeric(8, 2)),
    sa.column("made", sa.DateTime(timezone=True)),
    sa.column("token", sa.Uuid),
    sa.column("data", sa.JSON),
    sa.column("blob", sa.LargeBinary),
)
TOKEN = uuid.UUID("67e55044-10b1-426f-9247-bb680e5fe0c8")
MADE = datetime.datetime(2026, 1, 2, 3, 4, 5, 600000)


class Base(orm.DeclarativeBase):
    pass


class Pet(Base):
    __tablename__ = "pets"
    id = sa.Column(sa.BigInteger, primary_key=True)
    owner = sa.Column(sa.Integer)
    called = sa.Column(sa.String(100))


def upgrade() -> None:
    bind = op.get_bind()
    op.bulk_insert(
        people, [{"id": 1, "name": "Ada", "active": True}, {"id": 2, "name": "Bob", "active": False}]
    )
    made = MADE if bind.dialect.name != "postgresql" else MADE.replace(tzinfo=datetime.timezone.utc)
    bind.execute(
        people.insert().values(
            id=3,
            name="It's",
            score=decimal.Decimal("12.30"),
            made=made,
            token=TOKEN,
            data={"a": [1]},
            blob=b"\x00\xff",
        )
    )
    bind.execute(people.insert(), [{"id": 4, "name": "Dan"}, {"id": 5, "name": "Eve"}])
    row = bind.execute(sa.select(people).where(people.c.id == 3)).mappings().one()
    assert row["name"] == "It's" and row["active"] is True, dict(row)
    assert row["score"] == decimal.Decimal("12.30") and row["token"] == TOKEN and row["data"] == {"a": [1]}, (
        dict(row)
    )
    # As under PyMySQL: a DATETIME without digits has whole seconds.
    kept = made.replace(microsecond=0) if bind.dialect.name == "mysql" else made
    assert row["made"] == kept and bytes(row["blob"]) == b"\x00\xff", dict(row)
    assert bind.execute(sa.text("SELECT count(*) FROM people WHERE id > :low"), {"low": 2}).scalar_one() == 3
    changed = bind.execute(people.update().where(people.c.id.in_([1, 2])).values(score=2))
    assert changed.rowcount == 2, changed.rowcount
    for number in range(100):
        bind.execute(people.update().where(people.c.id == 1).values(name=f"Ada {number}"))
    gone = bind.execute(sa.text("DELETE FROM people WHERE name = :name"), {"name": "Eve"})
    assert gone.rowcount == 1
    names = (
        bind.execute(sa.select(people.c.name).where(people.c.active == sa.true()).order_by(people.c.id))
        .scalars()
        .all()
    )
    assert names == ["Ada 99", "It's", "Dan"], names
    session = orm.Session(bind=bind)
    session.add(Pet(id=1, owner=1, called="Rex"))
    session.commit()
    pet = session.query(Pet).filter(Pet.called == "Rex").one()
    pet.called = "Max"
    session.flush()
    assert session.scalars(sa.select(Pet.called)).all() == ["Max"]
    reflected = sa.Table("people", sa.MetaData(), autoload_with=bind)
    assert len(bind.execute(reflected.select()).all()) == 4
    if bind.dialect.name == "sqlite":
        shown = bind.execute(sa.text('PRAGMA table_info("people")')).all()
        assert [line[1] for line in shown] == [found["name"] for found in sa.inspect(bind).get_columns("people")]
        assert shown[0][5] == 1 and bind.execute(sa.text("PRAGMA table_info(nothing)")).all() == []
    assert bind.execute(people.select().where(people.c.id.in_([]))).all() == []
    if bind.dialect.name == "mysql":
        # MariaDB has a value for rows that are there.
        op.add_column("people", sa.Column("visits", sa.Integer, nullable=False))
        op.add_column("people", sa.Column("word", sa.String(10), nullable=False))
        assert bind.execute(sa.text("SELECT DISTINCT visits, word FROM people")).all() == [(0, "")]
        assert all(found["default"] is None for found in sa.inspect(bind).get_columns("people")[-2:])
        op.drop_column("people", "word")
        op.drop_column("people", "visits")


def downgrade() -> None:
    op.execute("DELETE FROM pets")
    op.execute("DELETE FROM people")
