"""Schema version 2: removed jobs are remembered, and drift history keeps the Jensen-Shannon distance beside the
stability index."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a table and a column."""
    op.execute("CREATE TABLE removed_jobs (id TEXT NOT NULL, removed_at FLOAT NOT NULL, PRIMARY KEY (id))")
    # NULL for the points of version 1: it was not measured then.
    op.execute("ALTER TABLE drift_points ADD COLUMN js FLOAT")
