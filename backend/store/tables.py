"""The tables, as SQLAlchemy Core. What is searched, ordered or constrained is a column; the rest of a record is JSON.

A new field of a contract record needs no change here; a new column needs one here and one migration.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()


def run_column() -> Column[str]:
    """The run a row hangs on; it goes with the run."""
    return Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)


META = Table("meta", METADATA, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
"""generation, created_at, open_count, written_by."""

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("archived", Boolean, nullable=False, server_default=text("0")),
    Column("queue_position", Integer),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_runs_created", "created_at"),
)

REMOVED_JOBS = Table(
    "removed_jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("removed_at", Float, nullable=False),
)
"""Jobs a person deleted: a folder that could not be removed must not bring the run back."""

RUN_EVENTS = Table(
    "run_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    run_column(),
    Column("kind", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("step", Integer),
    Column("epoch", Float),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_run_events_run", "run_id", "id"),
    sqlite_autoincrement=True,
)

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    run_column(),
    Column("name", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "name"),
)

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    Column("id", Integer, primary_key=True),
    run_column(),
    Column("body", Text, nullable=False),
    Index("ix_evaluations_run", "run_id", "id"),
)

SAMPLES = Table(
    "samples",
    METADATA,
    Column("id", Integer, primary_key=True),
    run_column(),
    Column("body", Text, nullable=False),
    Index("ix_samples_run", "run_id", "id"),
)

LOG_LINES = Table(
    "log_lines",
    METADATA,
    run_column(),
    Column("number", Integer, nullable=False),
    Column("time", Float),
    Column("level", Text, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "number"),
)

# ---- series ------------------------------------------------------------------------------------------------

SERIES_KEYS = Table(
    "series_keys",
    METADATA,
    Column("id", Integer, primary_key=True),
    run_column(),
    Column("name", Text, nullable=False),
    UniqueConstraint("run_id", "name"),
)

SERIES_ATTEMPTS = Table(
    "series_attempts",
    METADATA,
    run_column(),
    Column("attempt", Integer, nullable=False),
    Column("first_step", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt"),
)
"""The first step an attempt logged: from there on it supersedes earlier attempts on the chart."""

SERIES_BLOCKS = Table(
    "series_blocks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key_id", Integer, ForeignKey("series_keys.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_ordinal", Integer, nullable=False),
    Column("last_ordinal", Integer, nullable=False),
    Column("min_step", Integer, nullable=False),
    Column("max_step", Integer, nullable=False),
    Column("min_time", Float, nullable=False),
    Column("max_time", Float, nullable=False),
    Column("min_value", Float),
    Column("max_value", Float),
    Column("first_value", Float),
    Column("last_value", Float),
    Column("outline", LargeBinary, nullable=False),
    UniqueConstraint("key_id", "attempt", "number"),
)
"""Statistics of a block. `outline` are those of its points that a thinned picture needs; the points themselves are in
series_data."""

SERIES_DATA = Table(
    "series_data",
    METADATA,
    Column("block_id", Integer, ForeignKey("series_blocks.id", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""Apart from the statistics, so that a picture of all blocks reads none of the points."""

SERIES_TAIL = Table(
    "series_tail",
    METADATA,
    Column("id", Integer, primary_key=True),
    run_column(),
    Column("attempt", Integer, nullable=False),
    Column("first_ordinal", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("ix_series_tail_run", "run_id", "id"),
)
"""The newest points of all keys in log order, one row a commit, until there are enough to pack."""

# ---- ingest ------------------------------------------------------------------------------------------------

OFFSETS = Table(
    "offsets",
    METADATA,
    Column("job_id", Text, primary_key=True),
    Column("offset", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'{}'")),
)
"""How far each event log is in the store; `state` is what ingest must remember between lines of this job."""

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("job_id", "offset"),
)

# ---- datasets, models --------------------------------------------------------------------------------------

DATASETS = Table(
    "datasets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("name", "version"),
)

MODELS = Table(
    "models",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

VERSIONS = Table(
    "versions",
    METADATA,
    Column("model", Text, ForeignKey("models.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=text("0")),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("model", "version"),
)

ALIASES = Table(
    "aliases",
    METADATA,
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("model", "alias"),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.version"]),
)

HISTORY = Table(
    "history",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_history_model", "model", "id"),
)

# ---- serving -----------------------------------------------------------------------------------------------

ENDPOINTS = Table(
    "endpoints",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("model", Text),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_endpoints_job", "job_id"),
)

WINDOWS = Table(
    "windows",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("endpoint", Text, ForeignKey("endpoints.name", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_windows_endpoint", "endpoint", "time"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("endpoint", Text),
    Column("feature", Text),
    Column("state", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_alerts_state", "state", "opened_at"),
)

DRIFT = Table(
    "drift",
    METADATA,
    Column("endpoint", Text, primary_key=True),
    Column("checked_at", Float, nullable=False),
    Column("body", Text, nullable=False),
)
"""The newest report of each endpoint."""

DRIFT_POINTS = Table(
    "drift_points",
    METADATA,
    Column("endpoint", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("time", Float, nullable=False),
    Column("psi", Float),
    Column("js", Float),
    PrimaryKeyConstraint("endpoint", "feature", "time"),
)

# ---- system ------------------------------------------------------------------------------------------------

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
)
"""Append-only: triggers of the first migration refuse UPDATE and DELETE."""

OPERATIONS = Table(
    "operations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index("ix_operations_state", "state"),
    Index("ix_operations_started", "started_at"),
)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("status", Integer),
    Column("reply", Text),
    Column("created_at", Float, nullable=False),
)

SETTINGS = Table("settings", METADATA, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

RULES = Table("rules", METADATA, Column("id", Text, primary_key=True), Column("body", Text, nullable=False))
"""Only what a person changed; the defaults are written out in settings.py."""


def _queue(name: str) -> Table:
    """Work that waits until it is done, tried again later each time."""
    return Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("created_at", Float, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("next_at", Float, nullable=False, server_default=text("0")),
        Column("error", Text),
        Index(f"ix_{name}_next", "next_at", "id"),
        sqlite_autoincrement=True,
    )


OUTBOX = _queue("outbox")
"""What the MLflow neighbour has still to hear of."""

WEBHOOKS = _queue("webhooks")
"""Alerts the webhook has still to hear of."""

FEED = Table(
    "feed",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("topic", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_autoincrement=True,
)
