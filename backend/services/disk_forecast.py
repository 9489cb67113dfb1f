"""Where the disk of the home folder goes: what is free, how fast that shrinks, and when nothing is left."""

from collections.abc import Iterable

from backend.contract.resources import DiskForecast, RunRecord
from backend.contract.states import RunState
from backend.store import Store

RATE_S = 900.0
RATE_LEAST_S = 240.0


def disk_growth(store: Store, now: float) -> float | None:
    """Bytes a second over the last quarter of an hour; None with too little history."""
    history = store.telemetry.between(now - RATE_S, now, 60, ("disk/used_bytes",))
    values = history.values.get("disk/used_bytes", ())
    known = [(time, value) for time, value in zip(history.times, values, strict=False) if value is not None]
    if len(known) < 2 or known[-1][0] - known[0][0] < RATE_LEAST_S:
        return None
    return (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0])


def room(used: float, total: float, reserve: float) -> float:
    """Bytes that may still be written; never below 0."""
    return max(total - used - reserve, 0.0)


def forecast(store: Store, runs: Iterable[RunRecord]) -> DiskForecast:
    """What a forecast rule looks at now, with the running run that needs the disk longest."""
    sample, growth = store.telemetry.latest(), disk_growth(store, store.clock.now())
    used, total = (sample.host.disk_used_bytes, sample.host.disk_total_bytes) if sample else (None, None)
    free = None if used is None or total is None else room(used, total, store.settings.get().reserve_disk_bytes)
    full_in = free / growth if free is not None and growth is not None and growth > 0 else None
    busy = [run for run in runs if run.state == RunState.RUNNING and run.eta_seconds is not None]
    longest = max(busy, key=lambda run: run.eta_seconds or 0.0, default=None)
    return DiskForecast(
        free_bytes=None if free is None else int(free), growth_bytes_per_s=growth, full_in_s=full_in,
        run_id=longest.id if longest else None, run_name=longest.name if longest else "",
        run_needs_s=longest.eta_seconds if longest else None,
    )  # fmt: skip
