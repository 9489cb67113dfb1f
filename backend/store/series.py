"""Metric series: packed blocks with statistics, a small tail in log order, thinned reading, lossless export.

A commit writes one row of points (the tail). When the tail is long enough its points are sorted by key into blocks of
4,096, each
with an outline, so that the picture of ten million points reads outlines only. A later attempt supersedes earlier
ones on the chart
from its first step on; the export has every point ever logged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from backend.contract.resources import SeriesData
from backend.store import blocks
from backend.store.blocks import BLOCK_POINTS, NO_VALUE, Columns
from backend.store.engine import Database
from backend.store.series_reading import View, Window, read_keys, whole_blocks
from backend.store.series_rows import (
    Exported,
    Last,
    key_ids,
    last_in_tail,
    last_of,
    merged,
    series_data,
    sorted_columns,
    split_at,
    statistics,
    superseded_from,
    tail_rows,
)
from backend.store.tables import SERIES_ATTEMPTS, SERIES_BLOCKS, SERIES_DATA, SERIES_KEYS, SERIES_TAIL

TAIL_POINTS = 16_384
TAIL_ROWS = 400
"""The tail is packed when it has more points or more rows than this."""

Point = tuple[str, int, float, float | None, float | None]
"""(key, step, time, epoch, value) as logged."""


@dataclass
class _RunCache:
    """What the writer knows of a run; thrown away whenever a transaction fails."""

    keys: dict[str, int]
    attempts: set[int]
    next_ordinal: int
    tail_points: int
    tail_rows: int


class Series:
    """Series of all runs. Points may arrive in any order of steps; their order in the log is what is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._caches: dict[str, _RunCache] = {}
        database.after_rollback.append(self._caches.clear)

    # ---- writing ---------------------------------------------------------------------------------------------------

    def append(self, run_id: str, attempt: int, points: Sequence[Point]) -> int:
        """Store points in log order; the ordinal of the first in its run, -1 without any.

        ValueError, TypeError or OverflowError for what is no number; then nothing is stored.
        """
        if not points:
            return -1
        names, *columns = zip(*points, strict=True)
        with self._database.writing() as connection:
            cache = self._cache(connection, run_id)
            fresh = set(names) - cache.keys.keys()
            for name in sorted(fresh, key=names.index):  # in the order they first appeared
                cache.keys[name] = connection.execute(insert(SERIES_KEYS), {"run_id": run_id, "name": name}).lastrowid
            tail = blocks.to_tail([cache.keys[name] for name in names], columns)
            if attempt not in cache.attempts:
                row = {"run_id": run_id, "attempt": attempt, "first_step": int(tail["step"][0])}
                connection.execute(insert(SERIES_ATTEMPTS).prefix_with("OR IGNORE"), row)
                cache.attempts.add(attempt)
            first = cache.next_ordinal
            self._store(connection, run_id, attempt, cache, tail)
        return first

    def _store(self, connection: Connection, run_id: str, attempt: int, cache: _RunCache, tail: NDArray[Any]) -> None:
        first = cache.next_ordinal
        cache.next_ordinal += len(tail)
        if len(tail) + cache.tail_points >= TAIL_POINTS:
            # A long batch goes into blocks at once: as a tail row it would be written twice.
            self._pack_tail(connection, run_id, [(attempt, first, tail)])
            cache.tail_points = cache.tail_rows = 0
            return
        row = {"run_id": run_id, "attempt": attempt, "first_ordinal": first, "count": len(tail), "data": tail.tobytes()}
        connection.execute(insert(SERIES_TAIL), row)
        cache.tail_points += len(tail)
        cache.tail_rows += 1
        if cache.tail_rows >= TAIL_ROWS:
            self._pack_tail(connection, run_id, [])
            cache.tail_points = cache.tail_rows = 0

    def _cache(self, connection: Connection, run_id: str) -> _RunCache:
        found = self._caches.get(run_id)
        if found is not None:
            return found
        if len(self._caches) > 64:
            self._caches.clear()
        tail = select(
            func.count(), func.sum(SERIES_TAIL.c.count), func.max(SERIES_TAIL.c.first_ordinal + SERIES_TAIL.c.count)
        )
        rows, points, tail_end = connection.execute(tail.where(SERIES_TAIL.c.run_id == run_id)).one()
        in_blocks = (
            select(func.max(SERIES_BLOCKS.c.last_ordinal)).join(SERIES_KEYS).where(SERIES_KEYS.c.run_id == run_id)
        )
        last = connection.scalar(in_blocks)
        attempts = connection.scalars(select(SERIES_ATTEMPTS.c.attempt).where(SERIES_ATTEMPTS.c.run_id == run_id))
        cache = _RunCache(
            keys=key_ids(connection, run_id),
            attempts=set(attempts),
            next_ordinal=tail_end if tail_end is not None else (last + 1 if last is not None else 0),
            tail_points=points or 0,
            tail_rows=rows or 0,
        )
        self._caches[run_id] = cache
        return cache

    def forget(self, run_id: str) -> None:
        """Drop what is remembered of a run that was removed."""
        with self._database.writing():
            self._caches.pop(run_id, None)

    # ---- packing ---------------------------------------------------------------------------------------------------

    def _pack_tail(self, connection: Connection, run_id: str, more: list[tuple[int, int, NDArray[Any]]]) -> None:
        """Move the tail of a run, and what would have been its next rows, into blocks."""
        parts = tail_rows(connection, run_id) + more
        connection.execute(delete(SERIES_TAIL).where(SERIES_TAIL.c.run_id == run_id))
        for attempt in sorted({part[0] for part in parts}):
            mine = [part for part in parts if part[0] == attempt]
            joined = np.concatenate([part[2] for part in mine])
            ordinals = np.concatenate([np.arange(first, first + len(points)) for _, first, points in mine])
            order = np.argsort(joined["key"], kind="stable")
            sorted_keys = joined["key"][order]
            starts = np.flatnonzero(np.diff(sorted_keys, prepend=sorted_keys[0] - 1))
            for places in np.split(order, starts[1:]):
                points = joined[places]
                self._extend(connection, int(points["key"][0]), attempt, sorted_columns(points, ordinals[places]))

    def _extend(self, connection: Connection, key: int, attempt: int, columns: Columns) -> None:
        """Fill the last block of a key, then write new ones."""
        table = SERIES_BLOCKS.c
        query = select(table.id, table.number, table.count.label("points"), SERIES_DATA.c.data).join(SERIES_DATA)
        query = query.where(table.key_id == key, table.attempt == attempt).order_by(table.number.desc()).limit(1)
        last = connection.execute(query).one_or_none()
        number = 0 if last is None else last.number + 1
        if last is not None and last.points < BLOCK_POINTS:
            columns = blocks.join([blocks.unpack(last.data), columns])
            number = last.number
            self._write(
                connection,
                {"id": last.id, "key_id": key, "attempt": attempt, "number": number},
                columns.take(slice(BLOCK_POINTS)),
            )
            columns = columns.take(slice(BLOCK_POINTS, None))
            number += 1
        for start in range(0, len(columns), BLOCK_POINTS):
            part = columns.take(slice(start, start + BLOCK_POINTS))
            self._write(connection, {"id": None, "key_id": key, "attempt": attempt, "number": number}, part)
            number += 1

    def _write(self, connection: Connection, place: dict[str, Any], columns: Columns) -> None:
        row = {**place, **statistics(columns)}
        data = blocks.pack(columns)
        if place["id"] is None:
            row.pop("id")
            block_id = connection.execute(insert(SERIES_BLOCKS), row).lastrowid
            connection.execute(insert(SERIES_DATA), {"block_id": block_id, "data": data})
            return
        connection.execute(SERIES_BLOCKS.update().where(SERIES_BLOCKS.c.id == place["id"]), row)
        connection.execute(SERIES_DATA.update().where(SERIES_DATA.c.block_id == place["id"]), {"data": data})

    # ---- reading ---------------------------------------------------------------------------------------------------

    def read(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        start: float | None = None,
        stop: float | None = None,
        points: int = 2000,
        x: str = "step",
    ) -> dict[str, SeriesData]:
        """As windows(), as the contract's records."""
        windows = self.windows(run_id, keys, start, stop, points, x)
        return {name: series_data(*window) for name, window in windows.items()}

    def windows(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        start: float | None = None,
        stop: float | None = None,
        points: int = 2000,
        x: str = "step",
    ) -> dict[str, Window]:
        """At most `points` points a key within start ≤ x ≤ stop (x: step or time), first, last and every extreme
        among them.

        All points when there are no more than that. `count` is how many there are. Unknown keys are left out; None
        means all.
        """
        with self._database.reading() as connection:
            ids = key_ids(connection, run_id)
            view = View(
                x,
                -np.inf if start is None else start,
                np.inf if stop is None else stop,
                superseded_from(connection, run_id),
            )
            wanted = ids if keys is None else {name: ids[name] for name in keys if name in ids}
            return read_keys(connection, wanted, view, tail_rows(connection, run_id), points)

    def _points(self, connection: Connection, block_id: int) -> Columns:
        return whole_blocks(connection, [block_id])[block_id]

    def between(self, connection: Connection, run_id: str, first: int, stop: int) -> list[Point]:
        """Points with first ≤ ordinal < stop in log order; for the feed, which stores only their place."""
        names = {key: name for name, key in key_ids(connection, run_id).items()}
        table = SERIES_BLOCKS.c
        query = select(table.id, table.key_id).join(SERIES_KEYS).where(SERIES_KEYS.c.run_id == run_id)
        query = query.where(table.first_ordinal < stop, table.last_ordinal >= first)
        parts = [(row.key_id, self._points(connection, row.id)) for row in connection.execute(query).all()]
        for _, start, points in tail_rows(connection, run_id):
            if start < stop and start + len(points) > first:
                parts += [(key, blocks.from_tail(points, start, key)) for key in names]
        found: list[tuple[int, Point]] = []
        for key, part in parts:
            columns = part.take((part.ordinals >= first) & (part.ordinals < stop))
            data = series_data(columns, 0)
            rows = zip(data.steps, data.times, data.epochs, data.values, strict=True)
            found += [(at, (names[key], *row)) for at, row in zip(columns.ordinals.tolist(), rows, strict=True)]
        found.sort(key=lambda item: item[0])
        return [point for _, point in found]

    def keys(self, run_id: str) -> list[str]:
        """The names of all series of a run in the order they first appeared."""
        with self._database.reading() as connection:
            return list(key_ids(connection, run_id))

    def count(self, run_id: str) -> int:
        """How many points were ever logged."""
        with self._database.reading() as connection:
            packed = select(func.sum(SERIES_BLOCKS.c.count)).join(SERIES_KEYS).where(SERIES_KEYS.c.run_id == run_id)
            loose = select(func.sum(SERIES_TAIL.c.count)).where(SERIES_TAIL.c.run_id == run_id)
            return (connection.scalar(packed) or 0) + (connection.scalar(loose) or 0)

    def last(self, run_id: str) -> dict[str, Last]:
        """The newest point of each key in log order."""
        with self._database.reading() as connection:
            ids = key_ids(connection, run_id)
            tail = tail_rows(connection, run_id)
            found = {}
            for name, key in ids.items():
                point = last_in_tail(tail, key) or self._last_in_blocks(connection, key)
                if point is not None:
                    found[name] = point
            return found

    def _last_in_blocks(self, connection: Connection, key: int) -> Last | None:
        table = SERIES_BLOCKS.c
        query = select(table.outline).where(table.key_id == key).order_by(table.last_ordinal.desc()).limit(1)
        outline = connection.scalar(query)
        return last_of(blocks.unpack_outlines([outline])) if outline else None

    # ---- export ----------------------------------------------------------------------------------------------------

    def export(self, run_id: str) -> Iterator[Exported]:
        """Every point that had been stored when the first is taken, in log order, bit for bit; holds no transaction
        between points."""
        with self._database.reading() as connection:
            names = {key: name for name, key in key_ids(connection, run_id).items()}
            tail = tail_rows(connection, run_id)
            table = SERIES_BLOCKS.c
            query = select(table.id, table.key_id, table.first_ordinal, table.last_ordinal).join(SERIES_KEYS)
            rows = connection.execute(query.where(SERIES_KEYS.c.run_id == run_id).order_by(table.first_ordinal)).all()
        yield from self._export_blocks(rows, names)
        for _, _, points in tail:
            for key, flags, step, time, _epoch, value in points.tolist():
                yield Exported(names[key], step, time, None if flags & NO_VALUE else value)

    def _export_blocks(self, rows: Sequence[Any], names: dict[int, str]) -> Iterator[Exported]:
        """Merge blocks of all keys by ordinal. Blocks only ever grow at their end, so what grew meanwhile is cut off
        again."""
        open_parts: list[tuple[int, Columns]] = []
        for index, row in enumerate(rows):
            with self._database.reading() as connection:
                part = self._points(connection, row.id)
            open_parts.append((row.key_id, part.take(part.ordinals <= row.last_ordinal)))
            # Everything below the first ordinal of the next block is complete.
            limit = rows[index + 1].first_ordinal if index + 1 < len(rows) else None
            ready, open_parts = split_at(open_parts, limit)
            yield from merged(ready, names)
