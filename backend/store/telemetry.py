"""Telemetry samples: every one for an hour, one in ten seconds for a day."""

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, insert, select

from backend.contract.resources import GpuReading, HostReading, TelemetryHistory, TelemetrySample
from backend.store.buckets import Reading, history
from backend.store.documents import from_body, to_body
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import TELEMETRY

RAW_S = 3600.0
COARSE = 10
COARSE_S = 86_400.0
_PRUNE_EVERY = 60


class Telemetry:
    """Rows of samples. Retention counts back from the newest stored sample that looks sane, never from the clock
    alone."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._since_prune = 0
        self._last_coarse = -1.0
        database.after_rollback.append(self._start_over)

    def add(self, sample: TelemetrySample) -> None:
        """Store a sample; published under telemetry."""
        body = to_body(sample)
        with self._database.writing() as connection:
            row = {"level": 0, "taken_at": sample.taken_at, "body": body}
            connection.execute(insert(TELEMETRY).prefix_with("OR REPLACE"), row)
            slot = sample.taken_at // COARSE * COARSE
            if slot != self._last_coarse:
                coarse = {"level": COARSE, "taken_at": slot, "body": body}
                connection.execute(insert(TELEMETRY).prefix_with("OR REPLACE"), coarse)
                self._last_coarse = slot
            self._since_prune += 1
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                self._prune(connection, sample.taken_at)
            self._feed.publish("telemetry", "sampled", sample)

    def _prune(self, connection: Connection, newest: float) -> None:
        for level, seconds, most in ((0, RAW_S, 40_000), (COARSE, COARSE_S, 10_000)):
            mine = TELEMETRY.c.level == level
            # A clock that jumped forward must not empty the table: with few rows nothing is deleted.
            if (connection.scalar(select(func.count()).where(mine)) or 0) > seconds / max(level, 1) * 0.5:
                connection.execute(delete(TELEMETRY).where(mine, TELEMETRY.c.taken_at < newest - seconds))
            over = select(TELEMETRY.c.taken_at).where(mine).order_by(TELEMETRY.c.taken_at.desc()).offset(most).limit(1)
            limit = connection.scalar(over)
            if limit is not None:
                connection.execute(delete(TELEMETRY).where(mine, TELEMETRY.c.taken_at <= limit))

    def _start_over(self) -> None:
        self._last_coarse = -1.0

    def latest(self) -> TelemetrySample | None:
        """The newest sample, or None."""
        query = select(TELEMETRY.c.body).where(TELEMETRY.c.level == 0).order_by(TELEMETRY.c.taken_at.desc()).limit(1)
        with self._database.reading() as connection:
            body = connection.scalar(query)
        return from_body(TelemetrySample, body) if body else None

    def samples(self, seconds: float) -> list[TelemetrySample]:
        """Samples of the last `seconds` before now, oldest first: every one within an hour, else one in ten seconds."""
        now = self._database.clock.now()
        level = 0 if seconds <= RAW_S else COARSE
        query = select(TELEMETRY.c.body).where(TELEMETRY.c.level == level, TELEMETRY.c.taken_at > now - seconds)
        with self._database.reading() as connection:
            bodies = connection.scalars(query.order_by(TELEMETRY.c.taken_at)).all()
        return [from_body(TelemetrySample, body) for body in bodies]

    def history(self, seconds: float, points: int = 300) -> TelemetryHistory:
        """The flat names of DESIGN section 5 over the last `seconds` in at most `points` steps."""
        now = self._database.clock.now()
        readings: list[Reading] = [(sample.taken_at, flat(sample)) for sample in self.samples(seconds)]
        return history(readings, now - seconds, now, points)


def flat(sample: TelemetrySample) -> dict[str, float | None]:
    """A sample under the names of DESIGN section 5."""
    values = dict(_host(sample.host))
    for gpu in sample.gpus:
        values.update(_gpu(gpu))
    return values


def _gpu(gpu: GpuReading) -> Iterator[tuple[str, float | None]]:
    for name in (
        "utilization_percent",
        "memory_used_bytes",
        "memory_total_bytes",
        "temperature_c",
        "power_w",
        "power_limit_w",
        "fan_percent",
        "sm_clock_mhz",
        "memory_clock_mhz",
        "pcie_rx_bytes_per_s",
        "pcie_tx_bytes_per_s",
    ):
        # a lost card shows its last values, but they are no readings of now
        yield f"gpu/{gpu.index}/{name}", getattr(gpu, name) if gpu.lost is None else None


def _host(host: HostReading) -> Iterator[tuple[str, float | None]]:
    yield "cpu/utilization_percent", host.cpu_percent
    yield "memory/used_bytes", host.memory_used_bytes
    yield "memory/total_bytes", host.memory_total_bytes
    yield "disk/used_bytes", host.disk_used_bytes
    yield "disk/total_bytes", host.disk_total_bytes
    yield "disk/read_bytes_per_s", host.disk_read_bytes_per_s
    yield "disk/write_bytes_per_s", host.disk_write_bytes_per_s
    yield "net/in_bytes_per_s", host.net_in_bytes_per_s
    yield "net/out_bytes_per_s", host.net_out_bytes_per_s
