"""Read by `ptah-wasm import alembic` and never run, like this line: """

from alembic import context
from helpers.models import Base

raise SystemExit("env.py was run")

context.configure(
    connection=None, target_metadata=Base.metadata, transaction_per_migration=True
)
