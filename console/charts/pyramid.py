"""What a long series remembers of itself so that a frame never looks at all of its points. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

CHUNK = 64
FACTOR = 4
"""So many chunks of one level make one of the next."""

LEAST = 4
"""Chunks in a bucket: its size is rounded up to whole chunks, so it grows by a quarter at most."""

_NO_INDEX = np.empty(0, dtype=np.intp)
_NO_VALUE = np.empty(0)


@dataclass
class _Level:
    """The extremes of every `chunk` points: where they lie and what they are.

    The values stand beside the places: fetching them from the points again, one cache line each, costs ten times more.
    """

    chunk: int
    low: Indices = field(default_factory=lambda: _NO_INDEX)
    high: Indices = field(default_factory=lambda: _NO_INDEX)
    lowest: Floats = field(default_factory=lambda: _NO_VALUE)  # inf where no value is finite
    highest: Floats = field(default_factory=lambda: _NO_VALUE)  # -inf there

    def add(self, y: Floats, low: Indices, high: Indices) -> None:
        lowest, highest = y[low], y[high]
        self.low, self.high = np.concatenate((self.low, low)), np.concatenate((self.high, high))
        self.lowest = np.concatenate((self.lowest, np.where(np.isfinite(lowest), lowest, np.inf)))
        self.highest = np.concatenate((self.highest, np.where(np.isfinite(highest), highest, -np.inf)))

    def of(self, first: int, last: int, size: int) -> tuple[Indices, Indices]:
        """Places of the extremes of buckets of `size` points in [first, last), all whole chunks."""
        rows, width = slice(first // self.chunk, last // self.chunk), size // self.chunk
        lowest, highest = (side[rows].reshape(-1, width) for side in (self.lowest, self.highest))
        base = np.arange(first // self.chunk, last // self.chunk, width)
        return self.low[base + lowest.argmin(axis=1)], self.high[base + highest.argmax(axis=1)]


class Extremes:
    """Where the lowest and the highest value of every CHUNK points lie, of every FACTOR of those, and so on: kept
    while a series grows at its end."""

    def __init__(self) -> None:
        self._levels = [_Level(CHUNK)]

    @staticmethod
    def rounded(size: int) -> int:
        """The next size of a bucket that whole chunks make, of chunks as large as LEAST of them allow."""
        if size < LEAST * CHUNK:
            return size
        chunk = _chunk_for(size)
        return -(-size // chunk) * chunk

    def learn(self, y: Floats) -> None:
        """Look at the whole chunks that are new since the last call."""
        ground = self._levels[0]
        start, stop = len(ground.low) * CHUNK, len(y) // CHUNK * CHUNK
        if stop <= start:
            return
        low, high = bucket_extremes(y[start:stop], CHUNK)
        ground.add(y, low + start, high + start)
        for below, chunk in zip(self._levels, _chunks_above(len(y)), strict=False):
            above = self._level(chunk)
            start, stop = len(above.low) * chunk, len(below.low) * below.chunk // chunk * chunk
            if stop > start:
                above.add(y, *below.of(start, stop, chunk))

    def of(self, first: int, last: int, size: int) -> tuple[Indices, Indices]:
        """Places of the extremes of buckets of `size` points, a rounded one, in [first, last), learnt before."""
        return self._level(_chunk_for(size)).of(first, last, size)

    def between(self, starts: Indices, stops: Indices) -> tuple[Indices, Indices]:
        """Places of the extremes of parts [start, stop), learnt before; rising, all whole chunks, none empty."""
        ground = self._levels[0]
        first, last = int(starts[0]) // CHUNK, int(stops[-1]) // CHUNK
        parts = np.unique(np.concatenate((starts, stops[:-1])) // CHUNK - first)
        mine = np.searchsorted(parts, starts // CHUNK - first)
        low = first_lowest(ground.lowest[first:last], parts)[mine] + first
        high = first_lowest(-ground.highest[first:last], parts)[mine] + first
        return ground.low[low], ground.high[high]

    def _level(self, chunk: int) -> _Level:
        for level in self._levels:
            if level.chunk == chunk:
                return level
        self._levels.append(_Level(chunk))
        return self._levels[-1]


def _chunk_for(size: int) -> int:
    """The largest chunk of which LEAST are no more than `size`; CHUNK when none is."""
    chunk = CHUNK
    while chunk * FACTOR * LEAST <= size:
        chunk *= FACTOR
    return chunk


def _chunks_above(count: int) -> list[int]:
    """The chunks of every level but the lowest that so many points fill."""
    found = []
    chunk = CHUNK * FACTOR
    while chunk <= count:
        found.append(chunk)
        chunk *= FACTOR
    return found


class Ruler:
    """Every CHUNK-th position of an axis, kept while it grows: a million positions lie far apart in memory."""

    def __init__(self) -> None:
        self._at = _NO_VALUE

    def learn(self, x: Floats) -> None:
        """Look at the positions that are new since the last call."""
        have = len(self._at)
        fresh = x[have * CHUNK :: CHUNK]
        if len(fresh):
            self._at = np.concatenate((self._at, fresh))

    def places(self, marks: Floats, start: int, stop: int) -> Indices:
        """Where `marks` lie among points [start, stop), over which the axis rises: up to CHUNK too far right."""
        first, last = -(-start // CHUNK), -(-stop // CHUNK)
        found = (first + np.searchsorted(self._at[first:last], marks)) * CHUNK
        return np.clip(found, start, stop)


def bucket_extremes(y: Floats, size: int) -> tuple[Indices, Indices]:
    """Position of the smallest and the largest finite value of each bucket of `size` points."""
    rows = y.reshape(-1, size)
    base = np.arange(len(rows), dtype=np.intp) * size
    low, high = rows.argmin(axis=1), rows.argmax(axis=1)
    # argmin and argmax stop at a NaN, and an infinity hides the finite extreme behind it
    torn = ~(np.isfinite(rows[np.arange(len(rows)), low]) & np.isfinite(rows[np.arange(len(rows)), high]))
    if torn.any():
        broken = rows[torn]
        finite = np.isfinite(broken)
        low[torn] = np.where(finite, broken, np.inf).argmin(axis=1)
        high[torn] = np.where(finite, broken, -np.inf).argmax(axis=1)
    return low + base, high + base


def first_lowest(values: Floats, starts: Indices) -> Indices:
    """The first place of the lowest value of each part that begins at `starts`."""
    lowest = np.minimum.reduceat(values, starts)
    hits = np.flatnonzero(values == np.repeat(lowest, np.diff(np.append(starts, len(values)))))
    return hits[np.searchsorted(hits, starts)]
