"""Statements that do nothing here, and character sets"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0047"
down_revision = "0046"

NEEDLESS = {
    "sqlite": ["PRAGMA foreign_keys = OFF", "pragma foreign_keys=ON;"],
    "postgresql": [],
    "mysql": [
        "SET foreign_key_checks = 0",
        "SET SESSION FOREIGN_KEY_CHECKS=1;",
        "set @@session.foreign_key_checks = OFF",
        "SET NAMES utf8mb4",
        "SET NAMES 'utf8'",
        "ALTER DATABASE `ptah` DEFAULT CHARACTER SET utf8",
        "ALTER DATABASE DEFAULT CHARACTER SET utf8;",
        "ALTER DATABASE ptah CHARACTER SET = utf8mb4 COLLATE utf8mb4_general_ci",
        "ALTER TABLE verses CONVERT TO CHARACTER SET utf8",
        "ALTER TABLE `verses` DEFAULT CHARACTER SET utf8mb4",
        "ALTER TABLE verses CHARSET utf8mb3",
    ],
}


def upgrade() -> None:
    bind = op.get_bind()
    op.create_table(
        "verses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text),
        sa.Column("line", sa.String(20).with_variant(mysql.VARCHAR(20, charset="utf8"), "mysql")),
        mysql_charset="latin1",
        mysql_DEFAULT_CHARSET="UTF8MB3",
    )
    for statement in NEEDLESS[bind.dialect.name]:
        op.execute(statement)
        op.execute(sa.DDL(statement))
        bind.exec_driver_sql(statement)
    # No DDL at all, but that is what scripts do.
    op.execute(sa.DDL("INSERT INTO verses (body, line) VALUES ('100%% of %%s', '%(kind)s')", context={"kind": ":all"}))
    assert bind.execute(sa.text("SELECT body, line FROM verses")).all() == [("100% of %s", ":all")]
    if bind.dialect.name == "mysql":
        # Seen by the import, which has nothing to say of them.
        op.execute("SET foreign_key_checks = 0")
        op.execute(f"ALTER DATABASE `{bind.engine.url.database}` DEFAULT CHARACTER SET utf8")
        op.execute("ALTER TABLE verses MODIFY COLUMN body TEXT CHARACTER SET utf8mb4 NOT NULL")
        op.execute("ALTER TABLE verses MODIFY line VARCHAR(30) CHARACTER SET utf8 DEFAULT 'CHARACTER SET utf8'")
        op.execute("ALTER TABLE alembic_version CONVERT TO CHARACTER SET utf8mb4")
        try:
            op.execute("ALTER TABLE nothing CONVERT TO CHARACTER SET utf8")
            raise AssertionError("a table that is not there was converted")
        except sa.exc.ProgrammingError as error:
            assert error.orig.args[0] == 1146, error
        _, body, line = sa.inspect(bind).get_columns("verses")
        assert not body["nullable"] and line["type"].length == 30 and line["default"] == "'CHARACTER SET utf8'"


def downgrade() -> None:
    op.drop_table("verses")
