"""One metric's points in preallocated columns: append, window, gaps, traces for drawing. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from console.charts.pyramid import Extremes, Floats, Indices, Ruler
from console.charts.reduce import Smoother, column_indices, every_nth, typical_spacing

Axis = Literal["step", "epoch", "time"]
AXES: tuple[Axis, ...] = ("step", "epoch", "time")

_ROW = {"step": 0, "time": 1, "epoch": 2, "value": 3}
GAP_FACTOR = 10.0  # a hole this many times the usual distance is shown as "no data"
NEIGHBOURS = 3
GAP_SECONDS = 5.0  # and never below this many seconds: an evaluation between two steps is not a hole
MOST_POINTS = 131_072  # 4 MB; beyond this the older ones are thinned: a page may stay open for weeks
KEPT = 0.25  # of that many, what is thinned leaves this share


_NONE = np.empty(0, dtype=np.intp)
_ENOUGH = 8  # points before their usual distance says anything


@dataclass(frozen=True)
class _Breaks:
    """Where the line is torn, from the first `seen` points; `spacing` of history and live part at `base` points."""

    seen: int = 0
    base: int = 0
    spacing: tuple[float, float] = (0.0, 0.0)
    found: Indices = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class Trace:
    """What to draw of a series in a window: NaN in `y` lifts the pen."""

    x: Floats
    y: Floats
    alone: Indices  # positions in x, y without a neighbour to be joined to
    gaps: tuple[tuple[float, float], ...]  # windows without data
    odd_x: Floats  # where the value was not finite
    odd_y: Floats  # that value: nan, inf or -inf


class _Smoothed:
    """A smoothed curve in a buffer with room to grow: a live point must not copy all that came before it."""

    def __init__(self, smoother: Smoother) -> None:
        self._smoother = smoother
        self._data = np.empty(0)
        self._size = 0

    def follow(self, x: Floats, y: Floats) -> Floats:
        """The smoothed values of all of these points, of which only the new ones are looked at."""
        if self._size < len(y):
            fresh = self._smoother.extend(x[self._size :], y[self._size :])
            if len(y) > len(self._data):
                grown = np.empty(max(len(y), len(self._data) * 5 // 4))
                grown[: self._size] = self._data[: self._size]
                self._data = grown
            self._data[self._size : len(y)] = fresh
            self._size = len(y)
        return self._data[: self._size]


class Series:
    """Columns step, time, epoch and value of one key. Unknown steps and epochs are NaN until they are placed."""

    def __init__(self, capacity: int = 1024, limit: int = MOST_POINTS, silence_s: float = 0.0) -> None:
        self._data = np.empty((4, max(16, capacity)))
        self._size = 0
        self._limit = limit
        self._odd = np.empty(0, dtype=np.intp)
        self._breaks: dict[str, _Breaks] = {}
        self._reach: dict[str, tuple[int, float, float]] = {}
        self._smooth: dict[tuple[str, float], _Smoothed] = {}
        self._extremes = Extremes()
        self._rulers: dict[str, Ruler] = {}
        self.total = 0  # points ever given
        self.coarse = False  # fewer are kept than were given, or the store has more
        self.history = 0  # points before this index came from the store, maybe thinned; later ones are live
        self.placed = 0  # points before this index have their final step and epoch
        self.silence_s = silence_s  # a hole while too few points tell what is usual; 0: not known
        self.timed = False  # only its time is known; the store places it on the other axes

    def __len__(self) -> int:
        return self._size

    def column(self, name: str) -> Floats:
        """A view of one column: step, time, epoch or value. Do not keep it: appending may move the data."""
        return self._data[_ROW[name], : self._size]

    @property
    def values(self) -> Floats:
        return self.column("value")

    def extend(
        self, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """Append a batch. Columns that are None become NaN; lengths that differ raise ValueError."""
        fresh = np.atleast_1d(np.asarray(values, dtype=np.float64))
        count = len(fresh)
        self._reserve(count)
        self.timed = self.timed or steps is None
        span = slice(self._size, self._size + count)
        for name, given in (("step", steps), ("time", times), ("epoch", epochs)):
            column = np.full(count, np.nan) if given is None else np.atleast_1d(np.asarray(given, dtype=np.float64))
            if len(column) != count:
                raise ValueError(f"{count} values came with {len(column)} entries of {name!r}")
            self._data[_ROW[name], span] = column
        self._data[3, span] = fresh
        odd = np.flatnonzero(~np.isfinite(fresh))
        if len(odd):
            self._odd = np.concatenate((self._odd, odd + self._size))
        self._size += count
        self.total += count

    def _reserve(self, count: int) -> None:
        if self._size + count > self._limit and count < self._limit // 2:
            self._thin(self._size - self._limit // 4)
        need = self._size + count
        if need > self._data.shape[1]:
            grown = np.empty((4, max(need, self._data.shape[1] * 2)))
            grown[:, : self._size] = self._data[:, : self._size]
            self._data = grown

    def _thin(self, count: int) -> None:
        """Thin the oldest points: every extreme of equal times stays, of values that are no numbers a part.

        The store has them all, and a zoom fetches them. Equal times, not equal numbers of points: what was thinned
        before is not thinned again more than the rest.
        """
        times, keep = self.column("time"), int(self._limit * KEPT)
        span = (float(times[0]), float(times[count - 1])) if count else (0.0, 0.0)
        even = span if np.isfinite(span).all() and bool((np.diff(times[:count]) >= 0).all()) else (0.0, 0.0)
        kept = column_indices(times, self.values, (0, count), even, max(1, keep // 2))
        odd = self._odd[self._odd < count]
        kept = np.union1d(kept, odd[every_nth(0, len(odd), keep // 4)] if len(odd) else odd)
        rest = self._size - count
        self._data[:, : len(kept)] = self._data[:, kept]
        self._data[:, len(kept) : len(kept) + rest] = self._data[:, count : self._size].copy()
        self.placed = (
            int(np.searchsorted(kept, self.placed)) if self.placed < count else self.placed - count + len(kept)
        )
        self._size, self.history, self.coarse = len(kept) + rest, len(kept), True
        self._odd = np.flatnonzero(~np.isfinite(self.values))
        self._extremes = Extremes()
        self.invalidate()

    def invalidate(self) -> None:
        """Forget what was derived from the columns (after steps or epochs were placed anew)."""
        self._breaks.clear()
        self._smooth.clear()
        self._reach.clear()
        self._rulers.clear()

    # -- windows ---------------------------------------------------------------------------------------------

    def breaks(self, axis: Axis) -> Indices:
        """Indices i where the line must not join i−1 and i: a hole in the data or a step back (a resumed run).

        History and live points are measured by their own usual distance: thinned history is no row of holes.
        """
        known = self._breaks.get(axis, _Breaks())
        if known.seen == self._size:
            return known.found
        if self._size >= 2 * known.base:
            known = _Breaks(0, self._size, self._spacings(self.column(axis)))
        start = max(known.seen, 1)
        x = self.column(axis)
        with np.errstate(invalid="ignore"):
            torn = x[start:] < x[start - 1 : -1]
            by_time = self.timed and axis != "time"
            usual = self._spacings(self.column("time")) if by_time else known.spacing
            if known.base >= _ENOUGH and max(usual) > 0:
                torn |= self._holes("time" if by_time else axis, start, usual)
            elif self.silence_s > 0 and (by_time or axis == "time"):
                torn |= np.diff(self.column("time")[start - 1 :]) > self.silence_s
        found = np.concatenate((known.found, np.flatnonzero(torn) + start)) if torn.any() else known.found
        self._breaks[axis] = _Breaks(self._size, known.base, known.spacing, found)
        return found

    def _spacings(self, x: Floats) -> tuple[float, float]:
        """The usual distance in the history and among live points; one stands for both when the other is unknown."""
        before = typical_spacing(x[: self.history]) if self.history >= _ENOUGH else 0.0
        since = typical_spacing(x[self.history :]) if self._size - self.history >= _ENOUGH else 0.0
        return before or since, since or before

    def _holes(self, axis: Axis, start: int, usual: tuple[float, float]) -> NDArray[np.bool_]:
        """For every point from `start` on: is it much farther from the one before than is usual here?

        A series of which only the time is known is judged by its time: during a pause of the run its samples crowd at
        one step. History is kept more coarsely than the newest minutes, so the distances just before count, too.
        """
        x = self.column(axis)
        apart = np.diff(x[max(0, start - 1 - NEIGHBOURS) :])
        padded = np.concatenate((np.full(NEIGHBOURS, np.inf), apart))
        near = np.min([padded[i : i + len(apart)] for i in range(NEIGHBOURS)], axis=0)
        if len(apart) > 1 and not np.isfinite(near[0]):
            near[0] = np.min(apart[1 : 1 + NEIGHBOURS])
        torn = (apart > GAP_FACTOR * near) | ~np.isfinite(near)
        return torn[len(torn) - (len(x) - start) :] & (x[start:] - x[start - 1 : -1] > self._most(axis, start, usual))

    def _most(self, axis: Axis, start: int, usual: tuple[float, float]) -> Floats | float:
        """The longest distance that is no hole, for each pair of neighbours from `start` on."""
        least = GAP_SECONDS if axis == "time" else 0.0
        before, since = (max(s * GAP_FACTOR, least) if s > 0 else np.inf for s in usual)
        if start > self.history:
            return since
        # the pair that joins history to live points may be as far apart as either
        joined = np.full(self._size - start, since)
        joined[: self.history - start] = before
        joined[self.history - start : self.history - start + 1] = max(before, since)
        return joined

    def spacing(self, axis: Axis) -> float:
        """The usual distance between points, the wider one of history and live points; 0 when unknown."""
        self.breaks(axis)
        return max(self._breaks.get(axis, _Breaks()).spacing)

    def _backs(self, axis: Axis) -> list[int]:
        """Where the axis steps back: a resumed run repeats steps."""
        x, breaks = self.column(axis), self.breaks(axis)
        with np.errstate(invalid="ignore"):
            found: list[int] = breaks[x[breaks] < x[breaks - 1]].tolist()
        return found

    def spans(self, axis: Axis, low: float, high: float) -> list[tuple[int, int]]:
        """Index ranges inside [low, high], one point wider on each side so that lines reach the edge."""
        x = self.column(axis)
        spans = []
        for a, b in pairwise([0, *self._backs(axis), self._size]):
            s = a + int(np.searchsorted(x[a:b], low, side="left"))
            e = a + int(np.searchsorted(x[a:b], high, side="right"))
            s, e = max(a, s - 1), min(b, e + 1)
            if e > s and x[e - 1] >= low and x[s] <= high:
                spans.append((s, e))
        return spans

    def trace(self, axis: Axis, low: float, high: float, pixels: int, smoothing: float | None = None) -> Trace:
        """The window [low, high] for a plot `pixels` wide: at most about two points a pixel, spikes kept.

        With `smoothing` (0 … 0.999) the smoothed curve, at most one point a pixel.
        """
        x = self.column(axis)
        source = self.values if smoothing is None else self.smoothed(axis, smoothing)
        chosen: list[Indices] = []
        for start, stop in self.spans(axis, low, high):
            if smoothing is None:
                known, ruler = self._extremes, self._rulers.setdefault(axis, Ruler())
                chosen.append(column_indices(x, source, (start, stop), (low, high), max(1, pixels), known, ruler))
            else:
                picked = every_nth(start, stop, max(2, pixels))
                chosen.append(picked[np.isfinite(source[picked])])
        index = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)
        return self._assemble(axis, index, x, source, (low, high))

    def _assemble(self, axis: Axis, index: Indices, x: Floats, y: Floats, window: tuple[float, float]) -> Trace:
        breaks = self.breaks(axis)
        tx, ty = x[index], y[index]
        if len(index) and (len(breaks) or len(self._odd)):
            order = np.searchsorted(breaks, index, side="right") + np.searchsorted(self._odd, index, side="right")
            torn = np.flatnonzero((np.diff(order) != 0) | (np.diff(index) < 0)) + 1
            tx, ty = np.insert(tx, torn, tx[torn]), np.insert(ty, torn, np.nan)
        return Trace(
            tx,
            ty,
            _alone(ty) if len(ty) != len(index) or len(ty) == 1 else _NONE,
            self._gaps(breaks, x, window),
            *self._odd_in(x, window),
        )

    def _gaps(self, breaks: Indices, x: Floats, window: tuple[float, float]) -> tuple[tuple[float, float], ...]:
        low, high = window
        ends = [(float(x[i - 1]), float(x[i])) for i in breaks[-200:]]
        return tuple((a, b) for a, b in ends if b > a and b > low and a < high)

    def _odd_in(self, x: Floats, window: tuple[float, float]) -> tuple[Floats, Floats]:
        if not len(self._odd):
            return np.empty(0), np.empty(0)
        at = x[self._odd]
        inside = (at >= window[0]) & (at <= window[1])
        return at[inside], self.values[self._odd[inside]]

    def smoothed(self, axis: Axis, weight: float) -> Floats:
        """The smoothed values of all points, extended, not recomputed, when points were appended."""
        key = (axis, weight)
        if key not in self._smooth:
            self._smooth.clear()
            self._smooth[key] = _Smoothed(Smoother(weight, self.spacing(axis)))
        return self._smooth[key].follow(self.column(axis), self.values)

    # -- single points ---------------------------------------------------------------------------------------

    def nearest(self, axis: Axis, at: float) -> int | None:
        """Index of the point nearest to `at`; the later one where a resumed run passed twice. None when empty."""
        x = self.column(axis)
        if not self._size:
            return None
        backs = self._backs(axis)
        start = backs[-1] if backs and at >= x[backs[-1]] else 0
        stop = self._size if start or not backs else backs[0]
        i = start + int(np.searchsorted(x[start:stop], at))
        if i >= stop:
            return stop - 1
        return i - 1 if i > start and at - x[i - 1] <= x[i] - at else i

    def reach(self, axis: Axis) -> tuple[float, float] | None:
        """Smallest and largest known position on an axis; looks only at points it has not seen."""
        seen, low, high = self._reach.get(axis, (0, np.inf, -np.inf))
        if seen < self._size:
            fresh = self.column(axis)[seen:]
            fresh = fresh[np.isfinite(fresh)]
            if len(fresh):
                low, high = min(low, float(fresh.min())), max(high, float(fresh.max()))
            self._reach[axis] = (self._size, low, high)
        return (low, high) if low <= high else None


def _alone(y: Floats) -> Indices:
    """Positions of finite values whose neighbours are both missing: a line would not show them."""
    known = np.isfinite(y)
    left = np.concatenate(([False], known[:-1]))
    right = np.concatenate((known[1:], [False]))
    return np.flatnonzero(known & ~left & ~right)
