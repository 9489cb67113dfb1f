"""Readings of the machine over time as packed bytes: equal slots with lowest, mean and highest value. No database.

Values are kept at the resolution a person or a rule can see (resolution_of); a slot without a reading is unknown.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Tier(NamedTuple):
    """How finely and how long: `blocks` blocks of `slots` slots of `step` seconds are kept."""

    step: int
    slots: int
    blocks: int


TIERS = (Tier(1, 3600, 25), Tier(10, 2160, 121), Tier(300, 1152, 93))
"""A day, thirty days and a year; the newest block is the one that is being filled."""

WINDOW_S = TIERS[-1].step
"""Readings are packed in windows of the coarsest slot, so that every slot is written once and whole."""

_RESOLUTIONS = (
    ("_bytes_per_s", 1024.0),
    ("_bytes", float(1 << 20)),
    ("_mhz", 1.0),
)


def resolution_of(name: str) -> float:
    """The smallest difference that is kept: 1 MiB, 1 KiB/s, 1 MHz, else 0.1."""
    return next((step for ending, step in _RESOLUTIONS if name.endswith(ending)), 0.1)


@dataclass(frozen=True)
class Rows:
    """Readings of several names on one time axis, rising; unknown is NaN. Columns are in the order of `names`."""

    names: tuple[str, ...]
    times: Floats
    low: Floats
    mean: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.times)

    def between(self, start: float, stop: float) -> "Rows":
        """Those with start <= time < stop."""
        first, last = np.searchsorted(self.times, (start, stop))
        part = slice(int(first), int(last))
        return Rows(self.names, self.times[part], self.low[part], self.mean[part], self.high[part])


def no_rows() -> Rows:
    """Nothing was read."""
    return Rows((), np.empty(0), *(np.empty((0, 0)) for _ in range(3)))


def from_readings(readings: Sequence[tuple[float, Mapping[str, float | None]]]) -> Rows:
    """Single readings as rows; names in the order in which they first appear."""
    names = tuple(dict.fromkeys(name for _, values in readings for name in values))
    if not names:
        return no_rows()
    matrix = np.array([[values.get(name) for name in names] for _, values in readings], dtype=np.float64)
    times = np.array([time for time, _ in readings], dtype=np.float64)
    order = np.argsort(times, kind="stable")
    matrix = np.where(np.isfinite(matrix), matrix, np.nan)[order]
    return Rows(names, times[order], matrix, matrix, matrix)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows in order of time."""
    parts = [part for part in parts if len(part)]
    if len(parts) <= 1:
        return parts[0] if parts else no_rows()
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    times = np.concatenate([part.times for part in parts])
    order = np.argsort(times, kind="stable")
    places = {name: place for place, name in enumerate(names)}
    columns = []
    for kind in ("low", "mean", "high"):
        whole = np.full((len(times), len(names)), np.nan)
        at = 0
        for part in parts:
            where = [places[name] for name in part.names]
            whole[at : at + len(part), where] = getattr(part, kind)
            at += len(part)
        columns.append(whole[order])
    return Rows(names, times[order], *columns)


def grouped(rows: Rows, groups: NDArray[np.int64]) -> Rows:
    """One row for each run of equal numbers in `groups` (as long as the rows, rising): lowest, mean, highest; the
    time is that of the last row of the group."""
    if not len(rows):
        return rows
    edges = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    counts = np.add.reduceat(~np.isnan(rows.mean), edges, axis=0)
    sums = np.add.reduceat(np.nan_to_num(rows.mean), edges, axis=0)
    mean = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    low, high = np.fmin.reduceat(rows.low, edges, axis=0), np.fmax.reduceat(rows.high, edges, axis=0)
    last = np.append(edges[1:], len(rows)) - 1
    return Rows(rows.names, rows.times[last], low, mean, high)


def slotted(rows: Rows, step: float) -> Rows:
    """One row a slot of `step` seconds; its time is the start of the slot."""
    slots = np.floor(rows.times / step).astype(np.int64)
    found = grouped(rows, slots)
    times = np.unique(slots).astype(np.float64) * step
    return Rows(rows.names, times, found.low, found.mean, found.high)


def thinned(rows: Rows, start: float, stop: float, points: int) -> Rows:
    """At most `points` rows: equal parts of start … stop, each with its extremes. All of them when they are few
    enough."""
    points = max(points, 1)
    if len(rows) <= points:
        return rows
    width = max(stop - start, 1e-9) / points
    return grouped(rows, np.clip(((rows.times - start) / width).astype(np.int64), 0, points - 1))


# ---- packed columns --------------------------------------------------------------------------------------------------


class Packed(NamedTuple):
    """One name's slots of a block: the places that hold a reading, and their values."""

    places: NDArray[np.int64]
    low: Floats
    mean: Floats
    high: Floats


NOTHING = Packed(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


def merge(old: Packed, new: Packed) -> Packed:
    """Both; a slot that is in both has the new values."""
    kept = ~np.isin(old.places, new.places)
    places = np.concatenate([old.places[kept], new.places])
    order = np.argsort(places, kind="stable")
    values = (np.concatenate([a[kept], b])[order] for a, b in zip(old[1:], new[1:], strict=True))
    return Packed(places[order], *values)


def pack(name: str, column: Packed, slots: int) -> bytes:
    """Compressed bytes of a block of `slots` slots; values are rounded to the resolution of the name."""
    unit = resolution_of(name)
    mean = np.rint(column.mean / unit).astype(np.int64)
    present = np.zeros(slots, np.bool_)
    present[column.places] = True
    parts = [np.uint32(slots).tobytes(), np.packbits(present).tobytes()]
    below = mean - np.rint(column.low / unit).astype(np.int64)
    above = np.rint(column.high / unit).astype(np.int64) - mean
    for numbers in (np.diff(mean, prepend=np.int64(0)), below, above):
        parts.append(_narrow(_zigzag(numbers)))
    return zlib.compress(b"".join(parts), 6)


def unpack(name: str, data: bytes) -> Packed:
    """The slots behind pack(); ValueError when the bytes are not ours."""
    try:
        raw = zlib.decompress(data)
        slots = int(np.frombuffer(raw, np.uint32, 1)[0])
        end = 4 + -(-slots // 8)
        present = np.unpackbits(np.frombuffer(raw, np.uint8, end - 4, 4), count=slots).astype(np.bool_)
        places = np.flatnonzero(present).astype(np.int64)
        numbers = []
        for _ in range(3):
            column, end = _wide(raw, end, len(places))
            numbers.append(column)
    except (zlib.error, IndexError, ValueError) as error:
        raise ValueError(f"a block of {name} is damaged: {error}") from error
    mean = np.cumsum(numbers[0])
    low, middle, high = (
        column.astype(np.float64) * resolution_of(name) for column in (mean - numbers[1], mean, mean + numbers[2])
    )
    return Packed(places, low, middle, high)


def split(rows: Rows, span: float) -> Iterator[tuple[float, Rows]]:
    """(start, rows) of each stretch of `span` seconds that has any."""
    for start in np.unique(np.floor(rows.times / span)) * span:
        yield float(start), rows.between(float(start), float(start) + span)


def columns_of(rows: Rows, start: float, step: float) -> Iterator[tuple[str, Packed]]:
    """Each name's slots counted from `start`; names without any reading are left out. Times are starts of slots."""
    places = np.rint((rows.times - start) / step).astype(np.int64)
    for index, name in enumerate(rows.names):
        known = np.flatnonzero(~np.isnan(rows.mean[:, index]))
        if len(known):
            yield (
                name,
                Packed(places[known], rows.low[known, index], rows.mean[known, index], rows.high[known, index]),
            )


def from_columns(columns: Mapping[str, Sequence[tuple[float, Packed]]], step: float) -> Rows:
    """(start, slots) of each name as rows; the time of a row is the middle of its slot."""
    starts = [first + column.places * step for parts in columns.values() for first, column in parts]
    if not starts:
        return no_rows()
    times = np.unique(np.concatenate(starts))
    shape = (len(times), len(columns))
    low, mean, high = (np.full(shape, np.nan) for _ in range(3))
    for index, parts in enumerate(columns.values()):
        for first, column in parts:
            at = np.searchsorted(times, first + column.places * step)
            low[at, index], mean[at, index], high[at, index] = column[1:]
    return Rows(tuple(columns), times + step / 2, low, mean, high)


def _zigzag(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Small numbers of either sign become small numbers."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _narrow(numbers: NDArray[np.uint64]) -> bytes:
    """The width in bytes, then the numbers, bytes of equal weight side by side."""
    most = int(numbers.max()) if len(numbers) else 0
    width = next(size for size in (1, 2, 4, 8) if most < 1 << (8 * size))
    planes = numbers.astype(f"<u{width}").view(np.uint8).reshape(-1, width).T
    return bytes([width]) + planes.tobytes()


def _wide(raw: bytes, at: int, count: int) -> tuple[NDArray[np.int64], int]:
    width = raw[at]
    planes = np.frombuffer(raw, np.uint8, count * width, at + 1).reshape(width, count)
    numbers = np.ascontiguousarray(planes.T).reshape(-1).view(f"<u{width}").astype(np.uint64)
    signed = (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)
    return signed, at + 1 + count * width
