"""Mapped classes of a script's own"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    import datetime
    from typing import Optional

    from sqlalchemy import orm
    from sqlalchemy.orm import Mapped, mapped_column

    op.create_table("owners", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
    op.create_table(
        "cats",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner_id", sa.Integer, sa.ForeignKey("owners.id")),
        sa.Column("name", sa.String(20)),
        sa.Column("born", sa.DateTime),
    )

    class Base(orm.DeclarativeBase):
        pass

    class Owner(Base):
        __tablename__ = "owners"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(sa.String(20))
        cats: Mapped[list["Cat"]] = orm.relationship(back_populates="owner")

    class Cat(Base):
        __tablename__ = "cats"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[Optional[int]] = mapped_column(sa.ForeignKey("owners.id"))
        name: Mapped[str | None] = mapped_column(sa.String(20))
        born: Mapped[datetime.datetime | None]
        owner: Mapped["Owner | None"] = orm.relationship(back_populates="cats")

    bind = op.get_bind()
    session = orm.Session(bind=bind)
    session.add_all([Owner(id=1, name="Ann"), Owner(id=2, name="Bo")])
    session.add(Cat(id=1, owner_id=1, name="Tom", born=datetime.datetime(2020, 1, 2)))
    session.flush()
    session.add(Cat(id=2, name="Kit", owner=session.get(Owner, 2)))
    session.commit()
    assert [cat.name for cat in session.get(Owner, 1).cats] == ["Tom"]
    assert [cat.owner.name for cat in session.query(Cat).options(orm.joinedload(Cat.owner)).order_by(Cat.id)] == [
        "Ann",
        "Bo",
    ]
    assert [owner.id for owner in session.query(Owner).filter(Owner.name == "Bo").all()] == [2]
    session.execute(sa.select(Owner).where(Owner.id == 2)).scalar_one().name = "Bob"
    session.commit()
    assert session.scalars(sa.select(Owner.name).order_by(Owner.id)).all() == ["Ann", "Bob"]
    session.bulk_insert_mappings(Cat, [{"id": 3, "name": "x"}, {"id": 4, "name": "y"}])
    session.bulk_update_mappings(Cat, [{"id": 3, "name": "X"}, {"id": 4, "name": "Y"}])
    assert session.query(Cat).filter(Cat.id == 4).update({"name": "Z"}) == 1
    session.delete(session.get(Cat, 3))
    session.flush()
    with orm.sessionmaker(bind=bind)() as other, other.begin():
        other.add(Owner(id=3, name="Cy"))
    with orm.Session(bind) as other, other.begin():
        other.delete(other.get(Owner, 3))
    assert session.scalars(sa.select(Cat.name).order_by(Cat.id)).all() == ["Tom", "Kit", "Z"]
    assert session.query(Owner).count() == 2


def downgrade() -> None:
    op.drop_table("cats")
    op.drop_table("owners")
