"""The tables of telemetry."""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from backend.store.tables import METADATA, run_column

TELEMETRY = Table(
    "telemetry",
    METADATA,
    Column("level", Integer, nullable=False),
    Column("taken_at", Float, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("level", "taken_at"),
)
"""Level 0: flat readings as taken, until they are packed. Level 1: the newest whole sample."""

TELEMETRY_BLOCKS = Table(
    "telemetry_blocks",
    METADATA,
    Column("tier", Integer, nullable=False),
    Column("start", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tier", "start", "name"),
)
"""Slots of `tier` seconds of one name, packed by slots.py."""

TELEMETRY_PINS = Table(
    "telemetry_pins",
    METADATA,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("ended_at", Float, nullable=False),
    Column("step", Integer, nullable=False),
    Column("start", Float, nullable=False),
    Column("slots", Integer, nullable=False),
)
"""Ended runs whose machine is kept with them: which end, and where the slots lie."""

TELEMETRY_RUNS = Table(
    "telemetry_runs",
    METADATA,
    run_column(),
    Column("name", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("run_id", "name"),
)
