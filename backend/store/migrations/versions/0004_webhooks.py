"""Schema version 4: alerts the webhook has still to hear of."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the queue."""
    op.execute(
        """
        CREATE TABLE webhooks ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "key" TEXT NOT NULL,
            body TEXT NOT NULL, created_at FLOAT NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL,
            next_at FLOAT DEFAULT 0 NOT NULL, error TEXT )
        """
    )
    op.execute("CREATE INDEX ix_webhooks_next ON webhooks (next_at, id)")
