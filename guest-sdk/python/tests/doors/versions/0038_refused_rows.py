"""Rows that a database refuses, and keys that it draws"""

import contextlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy import orm
from sqlalchemy.exc import DBAPIError, IntegrityError

from helpers import words

revision = "0038"
down_revision = "0037"


class Base(orm.DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id = sa.Column(sa.Integer, primary_key=True)
    text = sa.Column(sa.String(9), nullable=False, unique=True)
    size = sa.Column(sa.Integer, sa.CheckConstraint("size < 100", name="size_small"))
    parent = sa.Column(sa.Integer, sa.ForeignKey("notes.id"))
    labels = orm.relationship("Label")


class Label(Base):
    __tablename__ = "labels"
    __table_args__ = {"sqlite_autoincrement": True}
    id = sa.Column(sa.Integer, primary_key=True)
    note = sa.Column(sa.Integer, sa.ForeignKey("notes.id"))
    word = sa.Column(sa.String(9))


CODES = {
    "unique": ("23505", 1062, 2067),
    "null": ("23502", 1048, 1299),
    "check": ("23514", 4025, 275),
    "parent": ("23503", 1452, 787),
}


def code(error: DBAPIError) -> object:
    if op.get_bind().dialect.name == "postgresql":
        assert error.orig.pgcode == error.orig.sqlstate
        return error.orig.pgcode
    return error.orig.args[0] if op.get_bind().dialect.name == "mysql" else error.orig.sqlite_errorcode


@contextlib.contextmanager
def ignoring():
    try:
        yield
    except IntegrityError:
        pass


def insert(**values) -> None:
    """A helper, so that it is not the frame with the handler that executes."""
    op.get_bind().execute(Note.__table__.insert().values(**values))


def upgrade() -> None:
    bind = op.get_bind()
    Base.metadata.create_all(bind)
    op.add_column("labels", sa.Column("rank", sa.Integer, sa.CheckConstraint("rank > 0", name="rank_positive")))
    checks = {found["name"] for table in ("notes", "labels") for found in sa.inspect(bind).get_check_constraints(table)}
    assert checks == {"size_small", "rank_positive"}, checks
    with op.batch_alter_table("labels", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.alter_column("word", existing_type=sa.String(9), type_=sa.String(12))
    place = {"postgresql": 0, "mysql": 1, "sqlite": 2}[bind.dialect.name]
    insert(text="a")
    for what, attempt in {
        "unique": lambda: insert(text="a"),
        "null": lambda: bind.execute(sa.text("UPDATE notes SET text = (SELECT max(word) FROM labels)")),
        "check": lambda: bind.execute(sa.text("UPDATE notes SET size = id + 99")),
        "parent": lambda: insert(text="b", parent=99),
    }.items():
        try:
            attempt()
        except DBAPIError as error:
            # PyMySQL has another class for a check.
            assert isinstance(error, IntegrityError) or (what == "check" and place == 1), error
            assert code(error) == CODES[what][place], (what, code(error))
            said = str(error.orig).lower()
            assert what != "unique" or "unique" in said or "duplicate" in said, said
        else:
            raise AssertionError(f"{what}: not refused")
    with ignoring():
        op.execute("INSERT INTO notes (text) VALUES ('a')")
    with words.Ignoring(IntegrityError):
        op.execute("INSERT INTO notes (text) VALUES ('a')")
    with contextlib.suppress(IntegrityError):
        op.execute("INSERT INTO notes (text) VALUES ('a')")
    try:
        op.bulk_insert(Note.__table__, [{"text": "a"}, {"text": "c"}])
        raise AssertionError("a bulk insert was not refused")
    except IntegrityError:
        pass
    for text in ("a", "d"):
        try:
            with bind.begin_nested():
                insert(text=text)
        except IntegrityError:
            assert text == "a"
    assert bind.execute(sa.select(Note.text).order_by(Note.text)).scalars().all() == ["a", "d"]
    try:
        bind.execute(Note.__table__.insert(), [{"text": f"many {number}"} for number in range(300)])
    except IntegrityError:
        raise AssertionError("rows were refused that are none") from None
    assert bind.scalar(sa.select(sa.func.count()).select_from(Note)) == 302
    result = bind.execute(Note.__table__.insert().values(text="key"))
    (key,) = result.inserted_primary_key
    assert bind.scalar(sa.select(Note.text).where(Note.id == key)) == "key"
    if place != 0:
        assert result.lastrowid == key
    session = orm.Session(bind=bind)
    note = Note(text="orm", labels=[Label(word="x"), Label(word="y")])
    session.add(note)
    session.flush()
    assert note.id == key + 1, (note.id, key)
    assert session.scalars(sa.select(Label.word).where(Label.note == note.id)).all() == ["x", "y"]
    note.text = "changed"
    session.commit()
    assert bind.scalar(sa.select(Note.text).where(Note.id == note.id)) == "changed"
    with orm.Session(bind=bind) as other:
        # It ends without a commit; the transaction is not its own.
        assert other.query(Note).filter(Note.text == "orm").count() == 0
        op.add_column("labels", sa.Column("late", sa.Integer))
        other.execute(sa.update(Note).where(Note.text == "d").values(size=1))
    assert bind.scalar(sa.select(Note.size).where(Note.text == "d")) == 1
    try:
        with session.begin_nested():
            session.add(Note(text="a"))
        raise AssertionError("an object was not refused")
    except IntegrityError:
        pass
    session.add(Note(text="last"))
    session.commit()
    assert bind.scalar(sa.select(sa.func.count()).select_from(Note)) == 305


def downgrade() -> None:
    Base.metadata.drop_all(op.get_bind())
