"""Clock and randomness of the run"""

import datetime
import random
import secrets
import time
import uuid

import sqlalchemy as sa
from alembic import op

revision = "003"
down_revision = "002"

# The script is executed again in the step, because it asks at once.
LOADED = datetime.datetime.now()


def upgrade() -> None:
    now = datetime.datetime.now()
    assert now.year > 2020 and now == LOADED, (now, LOADED)
    assert datetime.datetime.utcnow() == now and datetime.date.today() == now.date()
    assert datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) == now
    assert abs(time.time() - now.replace(tzinfo=datetime.timezone.utc).timestamp()) < 0.001
    assert time.strftime("%Y") == str(now.year) and time.localtime().tm_year == now.year
    assert time.perf_counter() == time.monotonic() == 0
    drawn = [uuid.uuid4(), uuid.uuid4(), uuid.uuid1()]
    assert len(set(drawn)) == 3 and drawn[0].version == 4
    assert random.random() != random.random() and random.Random().random() != random.Random().random()
    assert random.Random(7).random() == random.Random(7).random() and random.randint(3, 3) == 3
    assert secrets.token_hex(4) != secrets.token_hex(4)
    random.shuffle([1, 2, 3])
    assert isinstance(now, datetime.datetime) and isinstance(now, datetime.date)
    op.execute(sa.text("UPDATE extra SET x = :now").bindparams(now=now.isoformat()))
    print("printed by a step")


def downgrade() -> None:
    pass
