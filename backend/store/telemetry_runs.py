"""The machine's values kept with an ended run, so that its curves outlive the history of the machine."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from backend.contract.resources import RunRecord
from backend.contract.states import FINAL_RUN_STATES
from backend.store import slots
from backend.store.documents import from_body
from backend.store.slots import TIERS, Rows, Tier
from backend.store.tables import RUNS
from backend.store.tables_telemetry import TELEMETRY_PINS, TELEMETRY_RUNS

KEPT = (
    "cpu/*",
    "memory/*",
    "disk/*",
    "net/*",
    "gpu/*/utilization_percent",
    "gpu/*/memory_used_bytes",
    "gpu/*/memory_total_bytes",
    "gpu/*/temperature_c",
    "gpu/*/power_w",
    "gpu/*/power_limit_w",
    "gpu/*/sm_clock_mhz",
)

MOST_SLOTS = 21_600
"""A run has at most so many of each: six hours at 1 s, sixty hours at 10 s; longer ones are kept at 5 min."""


class Pinned(NamedTuple):
    """What is kept of a run, and how finely."""

    step: float
    rows: Rows


def tier_for(seconds: float) -> Tier:
    """How finely a run of this length is kept."""
    return next((tier for tier in TIERS if seconds / tier.step <= MOST_SLOTS), TIERS[-1])


def waiting(connection: Connection) -> list[RunRecord]:
    """Ended runs whose values are not kept yet, or not up to their present end."""
    ended_at = func.json_extract(RUNS.c.body, "$.ended_at")
    query = (
        select(RUNS.c.body, TELEMETRY_PINS.c.ended_at)
        .join_from(RUNS, TELEMETRY_PINS, RUNS.c.id == TELEMETRY_PINS.c.run_id, isouter=True)
        .where(RUNS.c.state.in_(tuple(str(state) for state in FINAL_RUN_STATES)))
        .where(TELEMETRY_PINS.c.ended_at.is_(None) | (func.abs(TELEMETRY_PINS.c.ended_at - ended_at) > 0.001))
    )
    runs = [from_body(RunRecord, row.body) for row in connection.execute(query)]
    return [run for run in runs if run.ended_at is not None]


def pin(connection: Connection, run: RunRecord, tier: Tier, rows: Rows) -> None:
    """Keep these rows with the run, beside what an earlier end had kept; without any, note that there are none."""
    before = read(connection, run.id)
    if before is not None and len(before.rows):
        first = float(rows.times[0]) if len(rows) else float("inf")
        earlier = before.rows.between(float("-inf"), first - tier.step / 2)
        rows = slots.joined([earlier, rows])
    whole = slots.slotted(rows, tier.step)
    start, count = 0.0, 0
    connection.execute(delete(TELEMETRY_RUNS).where(TELEMETRY_RUNS.c.run_id == run.id))
    if len(whole):
        start = float(whole.times[0])
        count = round((float(whole.times[-1]) - start) / tier.step) + 1
    row = {"run_id": run.id, "ended_at": run.ended_at, "step": tier.step, "start": start, "slots": count}
    connection.execute(insert(TELEMETRY_PINS).prefix_with("OR REPLACE"), row)
    values = [
        {"run_id": run.id, "name": name, "data": slots.pack(name, column, count)}
        for name, column in slots.columns_of(whole, start, tier.step)
    ]
    if values:
        connection.execute(insert(TELEMETRY_RUNS), values)


def is_pinned(connection: Connection, run_id: str) -> bool:
    """Whether something, or nothing to keep, was noted of the run."""
    return connection.scalar(select(TELEMETRY_PINS.c.run_id).where(TELEMETRY_PINS.c.run_id == run_id)) is not None


def read(connection: Connection, run_id: str) -> Pinned | None:
    """What is kept of a run; None when it has not ended (again) yet."""
    head = connection.execute(select(TELEMETRY_PINS).where(TELEMETRY_PINS.c.run_id == run_id)).one_or_none()
    if head is None:
        return None
    query = select(TELEMETRY_RUNS.c.name, TELEMETRY_RUNS.c.data).where(TELEMETRY_RUNS.c.run_id == run_id)
    columns = {name: [(head.start, slots.unpack(name, data))] for name, data in connection.execute(query)}
    return Pinned(head.step, slots.from_columns(columns, head.step))
