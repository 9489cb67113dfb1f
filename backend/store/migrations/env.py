"""Only for alembic's own command line when a migration is written; the product runs migrations through
backend/store/upgrade.py."""

from alembic import context
from sqlalchemy import create_engine

from backend.store.tables import METADATA

with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
