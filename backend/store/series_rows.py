"""Rows of the series tables as points, and points as what callers get."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from backend.contract.resources import SeriesData
from backend.store import blocks
from backend.store.blocks import NO_EPOCH, NO_VALUE, TAIL, Columns
from backend.store.tables import SERIES_ATTEMPTS, SERIES_KEYS, SERIES_TAIL


class Exported(NamedTuple):
    """One line of an export."""

    key: str
    step: int
    time: float
    value: float | None


class Last(NamedTuple):
    """The newest point of a key."""

    step: int
    time: float
    epoch: float | None
    value: float | None


def key_ids(connection: Connection, run_id: str) -> dict[str, int]:
    """Name → id of all keys of a run, in the order they first appeared."""
    query = (
        select(SERIES_KEYS.c.name, SERIES_KEYS.c.id).where(SERIES_KEYS.c.run_id == run_id).order_by(SERIES_KEYS.c.id)
    )
    return {row.name: row.id for row in connection.execute(query)}


def superseded_from(connection: Connection, run_id: str) -> dict[int, float]:
    """Attempt → the step from which a later attempt supersedes it."""
    query = select(SERIES_ATTEMPTS).where(SERIES_ATTEMPTS.c.run_id == run_id).order_by(SERIES_ATTEMPTS.c.attempt.desc())
    cuts, lowest = {}, np.inf
    for row in connection.execute(query):
        cuts[row.attempt] = lowest
        lowest = min(lowest, row.first_step)
    return cuts


def tail_rows(connection: Connection, run_id: str) -> list[tuple[int, int, NDArray[Any]]]:
    """(attempt, first ordinal, points) of the tail; neighbouring rows of one attempt are joined."""
    query = select(SERIES_TAIL).where(SERIES_TAIL.c.run_id == run_id).order_by(SERIES_TAIL.c.id)
    joined: list[tuple[int, int, int, list[bytes]]] = []
    for row in connection.execute(query):
        if joined and joined[-1][0] == row.attempt and joined[-1][2] == row.first_ordinal:
            attempt, first, _, parts = joined[-1]
            parts.append(row.data)
            joined[-1] = (attempt, first, row.first_ordinal + len(row.data) // TAIL.itemsize, parts)
        else:
            end = row.first_ordinal + len(row.data) // TAIL.itemsize
            joined.append((row.attempt, row.first_ordinal, end, [row.data]))
    return [(attempt, first, np.frombuffer(b"".join(parts), TAIL)) for attempt, first, _, parts in joined]


def sorted_columns(points: NDArray[Any], ordinals: NDArray[np.int64]) -> Columns:
    """Points of one key as columns."""
    plain = {name: np.ascontiguousarray(points[name]) for name in ("step", "time", "epoch", "value", "flags")}
    return Columns(ordinals, plain["step"], plain["time"], plain["epoch"], plain["value"], plain["flags"])


def statistics(columns: Columns) -> dict[str, Any]:
    """The row of a block: its bounds and its outline."""
    finite = columns.values[np.isfinite(columns.values)]
    first, last = float(columns.values[0]), float(columns.values[-1])
    return {
        "count": len(columns),
        "first_ordinal": int(columns.ordinals[0]),
        "last_ordinal": int(columns.ordinals[-1]),
        "min_step": int(columns.steps.min()),
        "max_step": int(columns.steps.max()),
        "min_time": float(columns.times.min()),
        "max_time": float(columns.times.max()),
        "min_value": float(finite.min()) if len(finite) else None,
        "max_value": float(finite.max()) if len(finite) else None,
        "first_value": first if np.isfinite(first) else None,
        "last_value": last if np.isfinite(last) else None,
        "outline": blocks.pack_outline(columns),
    }


def in_order(columns: Columns, x: str) -> Columns:
    """In rising order of x, as charts need it; points of one x stay in log order."""
    along = columns.times if x == "time" else columns.steps
    if len(along) < 2 or bool((along[1:] >= along[:-1]).all()):
        return columns
    return columns.take(np.argsort(along, kind="stable"))


def series_data(columns: Columns, total: int) -> SeriesData:
    """The contract's record; unknown values and epochs become None again."""
    values = columns.values.tolist()
    for place in np.flatnonzero(columns.flags & NO_VALUE):
        values[place] = None
    epochs = columns.epochs.tolist()
    for place in np.flatnonzero(columns.flags & NO_EPOCH):
        epochs[place] = None
    # model_construct: the types are right by construction, and validating thousands of numbers one by one costs
    # more than reading them.
    return SeriesData.model_construct(
        steps=tuple(columns.steps.tolist()),
        times=tuple(columns.times.tolist()),
        epochs=tuple(epochs),
        values=tuple(values),
        count=total,
    )


def last_of(columns: Columns) -> Last:
    """The last of some points."""
    data = series_data(columns.take(slice(-1, None)), 1)
    return Last(data.steps[0], data.times[0], data.epochs[0], data.values[0])


def last_in_tail(tail: list[tuple[int, int, NDArray[Any]]], key: int) -> Last | None:
    """The newest point of a key in the tail, or None."""
    for _, first, points in reversed(tail):
        mine = blocks.from_tail(points, first, key)
        if len(mine):
            return last_of(mine)
    return None


def split_at(
    parts: list[tuple[int, Columns]], limit: int | None
) -> tuple[list[tuple[int, Columns]], list[tuple[int, Columns]]]:
    """Points below the limit, and the rest."""
    if limit is None:
        return parts, []
    ready, rest = [], []
    for key, columns in parts:
        place = int(np.searchsorted(columns.ordinals, limit))
        if place:
            ready.append((key, columns.take(slice(place))))
        if place < len(columns):
            rest.append((key, columns.take(slice(place, None))))
    return ready, rest


def merged(parts: list[tuple[int, Columns]], names: dict[int, str]) -> Iterator[Exported]:
    """Points of several keys in log order."""
    if not parts:
        return
    joined = blocks.join([columns for _, columns in parts])
    keys = np.concatenate([np.full(len(columns), key) for key, columns in parts if len(columns)])
    order = np.argsort(joined.ordinals, kind="stable")
    rows = zip(
        keys[order].tolist(),
        joined.steps[order].tolist(),
        joined.times[order].tolist(),
        joined.values[order].tolist(),
        joined.flags[order].tolist(),
        strict=True,
    )
    for key, step, time, value, flags in rows:
        yield Exported(names[key], step, time, None if flags & NO_VALUE else value)
