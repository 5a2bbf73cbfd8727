"""What is sent as it is said, and what is caught of it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError, IntegrityError

revision = "0054"
down_revision = "0053"


def attempted(statement, parameters=None) -> DBAPIError | None:
    try:
        op.get_bind().execute(statement, parameters)
    except DBAPIError as error:
        return error
    return None


def upgrade() -> None:
    bind = op.get_bind()
    name = bind.dialect.name
    pairs = op.create_table(
        "pairs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("word", sa.String(3)),
        sqlite_autoincrement=False,
    )
    drawn = op.create_table("drawn", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
    bind.execute(sa.text("INSERT INTO pairs (id, n) VALUES (:id, 7)"), [{"id": 1}, {"id": 2}])
    bind.execute(sa.text("INSERT INTO pairs (id, n) VALUES (:x, :x)"), [{"x": 3}, {"x": 4}])
    try:
        bind.execute(sa.text("INSERT INTO pairs (id, n) VALUES (:id, 8)"), [{"id": 5}, {"id": 6}])
    except DBAPIError:
        raise AssertionError("rows were refused that are none") from None
    found = [tuple(row) for row in bind.execute(sa.text("SELECT id, n FROM pairs ORDER BY id"))]
    assert found == [(1, 7), (2, 7), (3, 3), (4, 4), (5, 8), (6, 8)], found
    keys = [key for n in (5, 6) for (key,) in bind.execute(drawn.insert().values(n=n)).inserted_primary_key_rows]
    assert keys == [1, 2], keys
    # Rows that the host refuses before a database does.
    for values, code, kind in (
        ({"id": 7, "n": None}, ("23502", 1048, 1299), IntegrityError),
        ({"id": 7}, ("23502", 1364, 1299), DBAPIError),
        *(() if name == "sqlite" else (({"id": 7, "n": 1, "word": "long"}, ("22001", 1406, None), sa.exc.DataError),)),
    ):
        error = attempted(pairs.insert(), values)
        assert isinstance(error, kind), (values, error)
        if name == "postgresql":
            assert error.orig.pgcode == code[0], error
        elif name == "mysql":
            assert error.orig.args[0] == code[1], error
        else:
            assert error.orig.sqlite_errorcode == code[2], error
    # A column right before a row that is refused.
    op.add_column("pairs", sa.Column("late", sa.Integer))
    assert isinstance(attempted(pairs.insert(), {"id": 1, "n": 1}), IntegrityError)
    op.create_index("ix_pairs", "pairs", ["late"])
    assert isinstance(attempted(pairs.insert(), {"id": 1, "n": 1}), IntegrityError)
    # As sqlite3 sends them, row by row; the others in one statement.
    try:
        op.bulk_insert(pairs, [{"id": 20, "n": 1}, {"id": 21, "n": 1}, {"id": 20, "n": 2}, {"id": 22, "n": 1}])
    except IntegrityError:
        pass
    kept = bind.scalars(sa.select(pairs.c.id).where(pairs.c.id >= 20).order_by(pairs.c.id)).all()
    assert kept == ([20, 21] if name == "sqlite" else []), kept
    if name == "sqlite":
        bind.exec_driver_sql("INSERT INTO pairs (id, n) VALUES (?2, ?1)", [(1, 30), (3, 31)])
        assert bind.scalars(sa.text("SELECT n FROM pairs WHERE id >= 30 ORDER BY id")).all() == [1, 3]
        waits()
        looks_up()


def looks_up() -> None:
    """As Alembic looks names up in the table that it makes anew, before it does anything."""
    for expected, said in (
        (ValueError, lambda batch: batch.drop_constraint("uq_nothing", type_="unique")),
        (KeyError, lambda batch: batch.drop_column("nothing")),
        (KeyError, lambda batch: batch.alter_column("nothing", type_=sa.String(4))),
    ):
        try:
            with op.batch_alter_table("pairs") as batch:
                batch.add_column(sa.Column("more", sa.Integer))
                said(batch)
        except expected:
            pass
        else:
            raise AssertionError(f"no {expected.__name__}")
    assert "more" not in [found["name"] for found in sa.inspect(op.get_bind()).get_columns("pairs")]


def waits() -> None:
    """Keys that wait go with their tables, and by their names."""
    bind = op.get_bind()

    def child(name: str = "child") -> None:
        op.create_table(
            name,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("p", sa.Integer, sa.ForeignKey("parent.id", name="fk_p")),
        )

    child()
    op.drop_table("child")
    child()
    op.rename_table("child", "kid")
    op.create_table("child", sa.Column("id", sa.Integer, primary_key=True), sa.Column("p", sa.Integer))
    op.alter_column("kid", "p", new_column_name="old_p")
    op.execute("CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY)")
    keys = {table: sa.inspect(bind).get_foreign_keys(table) for table in ("kid", "child")}
    assert [key["constrained_columns"] for key in keys["kid"]] == [["old_p"]] and keys["child"] == [], keys
    for table in ("kid", "child", "parent"):
        op.drop_table(table)


def downgrade() -> None:
    op.drop_table("pairs")
    op.drop_table("drawn")
