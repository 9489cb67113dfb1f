"""Telemetry: the newest sample, and its values for a day at 1 s, thirty days at 10 s, a year at 5 min.

add() writes single readings; roll_up() packs whole windows of them into the tiers of slots.py, so that a slot is
written once, whatever dies in between. Retention counts blocks of readings, never the clock: a clock that jumps
deletes nothing, and a machine that was off keeps what it had.
"""

import fnmatch
import json
import math
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from backend.contract.resources import RunRecord, TelemetryHistory, TelemetrySample
from backend.failpoints import failpoint
from backend.store import slots, telemetry_runs
from backend.store.documents import encode, from_body, plain, to_body
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.slots import TIERS, WINDOW_S, Packed, Rows, Tier
from backend.store.tables_telemetry import TELEMETRY, TELEMETRY_BLOCKS
from backend.store.telemetry_values import flat

READINGS, NEWEST = 0, 1
"""Levels of the table telemetry: flat readings that wait to be packed, and the newest whole sample."""

MOST_READINGS = 20_000
"""More never wait, even when nothing packs them."""

MOST_ROWS = 300_000
"""Thirty days in steps of ten seconds."""

_PRUNE_EVERY = 600
_AT_ONCE = 40


class Telemetry:
    """Thread-safe; roll_up() belongs to one thread."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._since_prune = 0

    # ---- writing -----------------------------------------------------------------------------------------------------

    def add(self, sample: TelemetrySample) -> None:
        """Store a sample; published under telemetry."""
        rows = (
            {"level": READINGS, "taken_at": sample.taken_at, "body": encode(plain(flat(sample)))},
            {"level": NEWEST, "taken_at": 0.0, "body": to_body(sample)},
        )
        with self._database.writing() as connection:
            connection.execute(insert(TELEMETRY).prefix_with("OR REPLACE"), rows)
            self._since_prune += 1
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                _drop_oldest(connection)
            self._feed.publish("telemetry", "sampled", sample)

    def roll_up(self) -> int:
        """Pack every window that is over into the tiers and drop what is too old; returns how many windows.

        One transaction a batch: after a kill a reading is either still waiting or in every tier, never both.
        """
        done = 0
        while windows := self._windows():
            packed = [
                (tier, slots.slotted(slots.from_readings(readings), tier.step))
                for _, readings in windows
                for tier in TIERS
            ]
            with self._database.writing() as connection:
                for tier, rows in packed:
                    _put(connection, tier, rows)
                failpoint("telemetry.packed")
                for start, _ in windows:
                    mine = (TELEMETRY.c.level == READINGS) & _within(start, start + WINDOW_S)
                    connection.execute(delete(TELEMETRY).where(mine))
                for tier in TIERS:
                    _drop_blocks(connection, tier)
                failpoint("telemetry.rolled_up")
            done += len(windows)
        return done

    def _windows(self) -> list[tuple[float, list[tuple[float, dict[str, float | None]]]]]:
        """The oldest windows of readings that are over: those before the window of the reading stored last."""
        mine = TELEMETRY.c.level == READINGS
        with self._database.reading() as connection:
            newest = connection.exec_driver_sql(
                "SELECT taken_at FROM telemetry WHERE level = 0 ORDER BY rowid DESC LIMIT 1"
            ).scalar()
            if newest is None:
                return []
            end = newest // WINDOW_S * WINDOW_S
            query = select(TELEMETRY.c.taken_at, TELEMETRY.c.body).where(mine, TELEMETRY.c.taken_at < end)
            found = connection.execute(query.order_by(TELEMETRY.c.taken_at).limit(_AT_ONCE * WINDOW_S)).all()
        windows: dict[float, list[tuple[float, dict[str, float | None]]]] = {}
        for time, body in found:
            windows.setdefault(time // WINDOW_S * WINDOW_S, []).append((time, json.loads(body)))
        whole = list(windows.items())
        if len(found) == _AT_ONCE * WINDOW_S and len(whole) > 1:
            whole.pop()  # the limit may have cut the last one
        return whole[:_AT_ONCE]

    # ---- reading -----------------------------------------------------------------------------------------------------

    def latest(self) -> TelemetrySample | None:
        """The newest sample, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(TELEMETRY.c.body).where(TELEMETRY.c.level == NEWEST))
        return from_body(TelemetrySample, body) if body else None

    def history(self, seconds: float, points: int = 300) -> TelemetryHistory:
        """The last `seconds` before now in at most `points` steps."""
        now = self._database.clock.now()
        return self.between(now - seconds, now, points)

    def between(self, start: float, stop: float, points: int = 300, names: Sequence[str] = ()) -> TelemetryHistory:
        """start … stop (unix time) in at most `points` steps, each with mean, lowest and highest; `names` are patterns
        with *, none means all."""
        with self._database.reading() as connection:
            tier, packed, waiting = _rows_between(connection, start, stop, points, names)
            oldest = _oldest(connection)
        whole = slots.joined([packed, waiting])
        step = float(tier.step) if len(packed) else 0.0
        return as_history(slots.thinned(whole, start, stop, points), step, oldest)

    def rows(self, start: float, stop: float, names: Sequence[str], points: int = MOST_ROWS) -> Rows:
        """As between(), as columns of numbers and not thinned any further: about `points` rows."""
        with self._database.reading() as connection:
            _, packed, waiting = _rows_between(connection, start, stop, points, names)
        return slots.joined([packed, waiting])

    # ---- with a run --------------------------------------------------------------------------------------------------

    def of_run(
        self,
        run: RunRecord,
        points: int = 1200,
        names: Sequence[str] = (),
        start: float | None = None,
        stop: float | None = None,
    ) -> TelemetryHistory:
        """The machine while a run was there, or in the part start … stop of that time; kept with an ended run for as
        long as the run is. While the history of the machine still has the part more finely, that answers."""
        began, ended = run.started_at or run.created_at, run.ended_at or self._database.clock.now()
        first = began if start is None else max(start, began)
        last = ended if stop is None else min(stop, ended)
        if last < first:
            return as_history(slots.no_rows(), 0.0, None)
        with self._database.reading() as connection:
            pinned = telemetry_runs.read(connection, run.id)
            tier = _tier_for(connection, first, (last - first) / max(points, 1))
        if pinned is None:
            return self.between(first, last + 1.0, points, names)
        if tier.step < pinned.step and (last - first) / max(points, 1) < pinned.step:
            finer = self.between(first, last + 1.0, points, names)
            if finer.times:
                return finer
        rows = _chosen(pinned.rows, names).between(first - 1.0, last + 1.0)
        return as_history(slots.thinned(rows, first, last, points), pinned.step, began)

    def is_pinned(self, run_id: str) -> bool:
        """Whether the machine's values of an ended run are kept with it."""
        with self._database.reading() as connection:
            return telemetry_runs.is_pinned(connection, run_id)

    def pin_ended(self) -> list[str]:
        """Keep the values of every run that ended and whose last window is packed; returns their ids.

        A run that goes on after it ended is kept anew when it ends again, with what was kept before.
        """
        pinned = []
        with self._database.writing() as connection:
            for run in telemetry_runs.waiting(connection):
                start, stop = run.started_at or run.created_at, run.ended_at or run.created_at
                if _any_waiting(connection, start, stop):
                    continue  # its last minutes are not packed yet
                tier = telemetry_runs.tier_for(stop - start)
                rows = _blocks_between(connection, tier, start - tier.step, stop + tier.step, telemetry_runs.KEPT)
                telemetry_runs.pin(connection, run, tier, rows)
                pinned.append(run.id)
        return pinned


def as_history(rows: Rows, step: float, oldest: float | None) -> TelemetryHistory:
    """Rows as callers get them: unknown becomes None."""
    columns = [
        {name: _numbers(kind[:, place]) for place, name in enumerate(rows.names)}
        for kind in (rows.mean, rows.low, rows.high)
    ]
    # model_construct: the types are right by construction, and validating each number costs more than reading them.
    return TelemetryHistory.model_construct(
        times=tuple(rows.times.tolist()), values=columns[0], lows=columns[1], highs=columns[2], step_seconds=step,
        oldest=oldest,
    )  # fmt: skip


def _numbers(column: slots.Floats) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in column.tolist())


def _within(start: float, stop: float) -> ColumnElement[bool]:
    return (TELEMETRY.c.taken_at >= start) & (TELEMETRY.c.taken_at < stop)


def _any_waiting(connection: Connection, start: float, stop: float) -> bool:
    mine = (TELEMETRY.c.level == READINGS) & _within(start, math.nextafter(stop, math.inf))
    return connection.scalar(select(TELEMETRY.c.taken_at).where(mine).limit(1)) is not None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _chosen(rows: Rows, patterns: Sequence[str]) -> Rows:
    which = [place for place, name in enumerate(rows.names) if _matches(name, patterns)]
    names = tuple(rows.names[place] for place in which)
    return Rows(names, rows.times, rows.low[:, which], rows.mean[:, which], rows.high[:, which])


def _rows_between(
    connection: Connection, start: float, stop: float, points: int, names: Sequence[str]
) -> tuple[Tier, Rows, Rows]:
    """What is packed, in the tier that fits, and what is not packed yet."""
    tier = _tier_for(connection, start, (stop - start) / max(points, 1))
    packed = _blocks_between(connection, tier, start, stop, names)
    return tier, packed, _readings_between(connection, start, stop, names)


def _readings_between(connection: Connection, start: float, stop: float, names: Sequence[str]) -> Rows:
    query = select(TELEMETRY.c.taken_at, TELEMETRY.c.body).where(
        TELEMETRY.c.level == READINGS, TELEMETRY.c.taken_at >= start, TELEMETRY.c.taken_at <= stop
    )
    found = [(time, json.loads(body)) for time, body in connection.execute(query.order_by(TELEMETRY.c.taken_at))]
    rows = slots.from_readings(found)
    return _chosen(rows, names) if names and len(rows) else rows


def _tier_for(connection: Connection, start: float, width: float) -> Tier:
    """The coarsest tier that is fine enough for steps of `width` seconds; a coarser one where only that reaches back
    to `start`."""
    fit = [tier for tier in TIERS if tier.step <= width] or [TIERS[0]]
    for tier in TIERS[TIERS.index(fit[-1]) :]:
        if _reaches(connection, tier, start):
            return tier
    return TIERS[-1]


def _reaches(connection: Connection, tier: Tier, start: float) -> bool:
    """Whether a tier holds everything there is from `start` on: nothing of it was dropped yet, or only older."""
    mine = TELEMETRY_BLOCKS.c.tier == tier.step
    count = func.count(TELEMETRY_BLOCKS.c.start.distinct())
    blocks, first = connection.execute(select(count, func.min(TELEMETRY_BLOCKS.c.start)).where(mine)).one()
    return blocks < tier.blocks or first <= start


def _oldest(connection: Connection) -> float | None:
    """When the history begins."""
    block = connection.scalar(select(func.min(TELEMETRY_BLOCKS.c.start)))
    reading = connection.scalar(select(func.min(TELEMETRY.c.taken_at)).where(TELEMETRY.c.level == READINGS))
    return min((time for time in (block, reading) if time is not None), default=None)


def _blocks_between(connection: Connection, tier: Tier, start: float, stop: float, names: Sequence[str]) -> Rows:
    """Slots of a tier that begin in start … stop; their time is the middle of the slot."""
    span = tier.step * tier.slots
    block = TELEMETRY_BLOCKS.c
    mine = (block.tier == tier.step) & (block.start > start - span) & (block.start <= stop)
    if names:  # chosen before the bytes are read: a year of everything is large
        known = set(connection.scalars(select(block.name).where(mine)))
        mine = mine & block.name.in_([name for name in known if _matches(name, names)])
    query = select(block.name, block.start, block.data).where(mine)
    columns: dict[str, list[tuple[float, Packed]]] = {}
    for name, first, data in connection.execute(query.order_by(block.start)):
        columns.setdefault(name, []).append((first, slots.unpack(name, data)))
    return slots.from_columns(columns, tier.step).between(start, math.nextafter(stop, math.inf))


def _put(connection: Connection, tier: Tier, rows: Rows) -> None:
    """Merge slots into the blocks they belong to."""
    span = tier.step * tier.slots
    block = TELEMETRY_BLOCKS.c
    for start, part in slots.split(rows, span):
        query = select(block.name, block.data).where(block.tier == tier.step, block.start == start)
        known: dict[str, bytes] = {row.name: row.data for row in connection.execute(query)}
        changed = []
        for name, column in slots.columns_of(part, start, tier.step):
            old = slots.unpack(name, known[name]) if name in known else slots.NOTHING
            data = slots.pack(name, slots.merge(old, column), tier.slots)
            changed.append({"tier": tier.step, "start": start, "name": name, "data": data})
        if changed:
            connection.execute(insert(TELEMETRY_BLOCKS).prefix_with("OR REPLACE"), changed)


def _drop_blocks(connection: Connection, tier: Tier) -> None:
    """Keep the newest blocks of a tier, as many as it may have."""
    block = TELEMETRY_BLOCKS.c
    mine = block.tier == tier.step
    starts = select(block.start).where(mine).distinct().order_by(block.start.desc()).offset(tier.blocks).limit(1)
    last = connection.scalar(starts)
    if last is not None:
        connection.execute(delete(TELEMETRY_BLOCKS).where(mine, block.start <= last))


def _drop_oldest(connection: Connection) -> None:
    mine = TELEMETRY.c.level == READINGS
    over = select(TELEMETRY.c.taken_at).where(mine).order_by(TELEMETRY.c.taken_at.desc()).offset(MOST_READINGS).limit(1)
    limit = connection.scalar(over)
    if limit is not None:
        connection.execute(delete(TELEMETRY).where(mine, TELEMETRY.c.taken_at <= limit))
