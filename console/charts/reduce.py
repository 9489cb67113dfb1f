"""Thinning that keeps every bucket's minimum and maximum, and time-weighted smoothing. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Beyond this product of decays an older point weighs less than a double can show.
_FORGOTTEN = 1e-14
CHUNK = 64
_MANY = 256
_FEW = 16  # points a column up to which exact columns cost nothing to speak of


class Extremes:
    """Where the lowest and the highest value of every CHUNK points lie, kept while a series grows at its end."""

    def __init__(self) -> None:
        self.low = np.empty(0, dtype=np.intp)
        self.high = np.empty(0, dtype=np.intp)

    def learn(self, y: Floats) -> None:
        """Look at the whole chunks that are new since the last call."""
        start, stop = len(self.low) * CHUNK, len(y) // CHUNK * CHUNK
        if stop > start:
            low, high = _extremes(y[start:stop], CHUNK)
            self.low = np.concatenate((self.low, low + start))
            self.high = np.concatenate((self.high, high + start))

    def of(self, y: Floats, first: int, last: int, size: int) -> tuple[Indices, Indices]:
        """Places of the extremes of buckets of `size` points in [first, last), all whole chunks."""
        rows = slice(first // CHUNK, last // CHUNK)
        low, high = (side[rows].reshape(-1, size // CHUNK) for side in (self.low, self.high))
        lowest, highest = y[low], y[high]
        at = np.arange(len(low))
        return (
            low[at, np.where(np.isfinite(lowest), lowest, np.inf).argmin(axis=1)],
            high[at, np.where(np.isfinite(highest), highest, -np.inf).argmax(axis=1)],
        )


def minmax_indices(y: Floats, start: int, stop: int, buckets: int, known: Extremes | None = None) -> Indices:
    """Indices in [start, stop) that keep the minimum and maximum of each bucket, plus the first and last point.

    Buckets start at multiples of their size, so a curve that grows at its end does not shimmer. Non-finite values
    are never chosen. At most 2·buckets + 6 indices, ascending and unique.

    numpy's argmin over a reshaped view is as fast as tsdownsample here (1.2 ms against 1.1 ms for a million points)
    and lets the buckets be anchored. With `known` large buckets are put together from chunks looked at before.
    """
    count = stop - start
    if count <= 2 * buckets:
        chosen = np.arange(start, stop, dtype=np.intp)
        return chosen[np.isfinite(y[start:stop])]
    size = -(-count // buckets)
    chunks = known is not None and size >= 4 * CHUNK
    if chunks:
        size = -(-size // CHUNK) * CHUNK
    first = min(-(-start // size) * size, stop)
    last = max(first, stop // size * size)
    if known is not None and chunks and last > first:
        known.learn(y)
        low, high = known.of(y, first, last, size)
    else:
        low, high = (side + first for side in _extremes(y[first:last], size))
    parts = [np.sort(np.stack((low, high), axis=1), axis=1).ravel()]
    for a, b in ((start, first), (last, stop)):
        if b > a:
            low, high = _extremes(y[a:b], b - a)
            parts.append(np.array([low[0], high[0]], dtype=np.intp) + a)
    chosen = np.sort(np.concatenate([*parts, np.array([start, stop - 1], dtype=np.intp)]))
    fresh = np.concatenate(([True], chosen[1:] != chosen[:-1]))
    return chosen[fresh & np.isfinite(y[chosen])]


def _extremes(y: Floats, size: int) -> tuple[Indices, Indices]:
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


def column_indices(
    x: Floats,
    y: Floats,
    span: tuple[int, int],
    window: tuple[float, float],
    columns: int,
    known: Extremes | None = None,
) -> Indices:
    """Like `minmax_indices`, with a bucket for each of `columns` equal parts of `window` where points are uneven.

    `x` rises within `span` (start, stop). Equal counts would leave a sparse part, a thinned history beside dense live
    points, with a handful of points over half of the plot. Evenly spaced points take the faster way.
    """
    start, stop = span
    low, high = window
    width = (high - low) / columns
    if stop - start <= 2 * columns or not width > 0:
        return minmax_indices(y, start, stop, columns)
    first, last = max(float(x[start]), low), min(float(x[stop - 1]), high)
    # multiples of the width, so that a window that follows the newest point does not shimmer
    marks = np.arange(np.floor(first / width), np.ceil(last / width) + 1) * width
    edges = np.unique(np.concatenate(([start], start + np.searchsorted(x[start:stop], marks), [stop])))
    inner = np.diff(edges[1:-1])
    if stop - start > _FEW * columns and len(inner) and inner.max() <= 1.5 * inner.mean():
        return minmax_indices(y, start, stop, columns, known)
    starts = edges[:-1] - start
    part = y[start:stop]
    finite = np.isfinite(part)
    low_at = _first_lowest(np.where(finite, part, np.inf), starts)
    high_at = _first_lowest(np.where(finite, -part, np.inf), starts)
    chosen = np.unique(np.concatenate(([0, len(part) - 1], low_at, high_at)))
    return (chosen[finite[chosen]] + start).astype(np.intp)


def _first_lowest(values: Floats, starts: Indices) -> Indices:
    """The first place of the lowest value of each part that begins at `starts`."""
    lowest = np.minimum.reduceat(values, starts)
    hits = np.flatnonzero(values == np.repeat(lowest, np.diff(np.append(starts, len(values)))))
    return hits[np.searchsorted(hits, starts)]


def every_nth(start: int, stop: int, most: int) -> Indices:
    """About `most` evenly spaced indices of [start, stop) with both ends: enough for a curve that is already smooth."""
    count = stop - start
    if count <= most:
        return np.arange(start, stop, dtype=np.intp)
    size = -(-count // most)
    anchored = np.arange(-(-start // size) * size, stop, size, dtype=np.intp)
    return np.unique(np.concatenate(([start], anchored, [stop - 1])).astype(np.intp))


class Smoother:
    """Exponential mean weighted by distance on the axis, with bias correction, extended as points arrive.

    A point's weight decays by `weight` for each median distance between points, so irregular logging does not change
    the curve's character. Bias correction divides by the sum of weights (Kingma & Ba 2015, section 3), so the curve
    starts at the first value instead of at zero. Non-finite values weigh nothing.
    """

    def __init__(self, weight: float, spacing: float = 0.0) -> None:
        """`spacing`: the distance after which a weight has decayed once; 0 takes the usual one of the first part."""
        if not 0.0 <= weight < 1.0:
            raise ValueError(f"smoothing {weight} is outside 0 ≤ s < 1")
        self.weight = weight
        self._mean, self._sum, self._x, self._spacing = 0.0, 0.0, 0.0, spacing

    def extend(self, x: Floats, y: Floats) -> Floats:
        """The smoothed values of the next points; call with consecutive parts of one series."""
        if not len(y):
            return np.empty(0)
        if self.weight == 0.0:
            return y.copy()
        first = self._sum == 0.0
        if not self._spacing:
            self._spacing = typical_spacing(x) or 1.0
        steps = np.diff(x, prepend=x[0] - self._spacing if first else self._x) / self._spacing
        steps = np.where(np.isfinite(steps), np.clip(steps, 0.0, 1e6), 1.0)
        decay = np.power(self.weight, steps)
        finite = np.isfinite(y)
        gain = np.where(finite, 1.0 - np.minimum(decay, self.weight**0.01), 0.0)
        mean = _scan(decay, gain * np.where(finite, y, 0.0), self._mean)
        total = _scan(decay, gain, self._sum)
        self._mean, self._sum = float(mean[-1]), float(total[-1])
        if np.isfinite(x[-1]):
            self._x = float(x[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            smooth = mean / total
        return np.where(finite, smooth, np.nan)


def _scan(decay: Floats, added: Floats, carried: float) -> Floats:
    """s[i] = decay[i]·s[i−1] + added[i] by doubling (Hillis and Steele 1986): no Python loop, no underflow trouble."""
    total, factor = added.copy(), decay.copy()
    total[0] += decay[0] * carried
    reach = 1
    while reach < len(total):
        total[reach:] += factor[reach:] * total[:-reach].copy()
        factor[reach:] *= factor[:-reach].copy()
        factor[:reach] = 0.0
        if factor.max() < _FORGOTTEN:
            break
        reach *= 2
    return total


def typical_spacing(x: Floats) -> float:
    """Median positive distance between neighbours, from at most 2,000 of them; 0 when there is none.

    Of many points the distance over four neighbours counts: the lowest and the highest of a bucket lie next to each
    other at its edges when a thinned curve only falls, and half of the single distances would be 1.
    """
    if len(x) < 2:
        return 0.0
    wide = 4 if len(x) >= _MANY else 1
    stride = max(1, (len(x) - wide) // 2000)
    ahead = x[wide::stride]
    distance = (ahead - x[:-wide:stride][: len(ahead)]) / wide
    distance = distance[np.isfinite(distance) & (distance > 0)]
    return float(np.median(distance)) if len(distance) else 0.0
