"""Thinning that keeps every bucket's minimum and maximum, and time-weighted smoothing. No Qt."""

from __future__ import annotations

import numpy as np

from console.charts.pyramid import CHUNK, LEAST, Extremes, Floats, Indices, Ruler, bucket_extremes, first_lowest

# Beyond this product of decays an older point weighs less than a double can show.
_FORGOTTEN = 1e-14
_MANY = 256
_MOST, _LEAST = 1.5, 0.5  # of the usual number of points: columns are still even
_FEW = 16  # points a column up to which exact columns cost nothing to speak of


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
    chunks = known is not None and size >= LEAST * CHUNK
    if chunks:
        size = Extremes.rounded(size)
    first = min(-(-start // size) * size, stop)
    last = max(first, stop // size * size)
    if known is not None and chunks and last > first:
        known.learn(y)
        low, high = known.of(first, last, size)
    else:
        low, high = (side + first for side in bucket_extremes(y[first:last], size))
    parts = [np.sort(np.stack((low, high), axis=1), axis=1).ravel()]
    for a, b in ((start, first), (last, stop)):
        if b > a:
            low, high = bucket_extremes(y[a:b], b - a)
            parts.append(np.array([low[0], high[0]], dtype=np.intp) + a)
    chosen = np.sort(np.concatenate([*parts, np.array([start, stop - 1], dtype=np.intp)]))
    fresh = np.concatenate(([True], chosen[1:] != chosen[:-1]))
    return chosen[fresh & np.isfinite(y[chosen])]


def column_indices(
    x: Floats,
    y: Floats,
    span: tuple[int, int],
    window: tuple[float, float],
    columns: int,
    known: Extremes | None = None,
    ruler: Ruler | None = None,
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
    if ruler is not None and stop - start >= LEAST * CHUNK * columns:
        ruler.learn(x)
        if _even(np.diff(ruler.places(marks, start, stop))):
            return minmax_indices(y, start, stop, columns, known)
    edges = _rising(np.concatenate(([start], start + np.searchsorted(x[start:stop], marks), [stop])))
    if stop - start > _FEW * columns and _even(np.diff(edges)):
        return minmax_indices(y, start, stop, columns, known)
    low_at, high_at = _extremes_between(y, edges, known)
    chosen = _rising(np.concatenate(([start, stop - 1], low_at, high_at)))
    return chosen[np.isfinite(y[chosen])].astype(np.intp)


def _even(counts: Indices) -> bool:
    """Whether columns that hold so many points are about equally full; the window may cut off most of the outer two."""
    inner = counts[1:-1]
    if not len(inner):
        return False
    usual = inner.mean()
    return bool(counts.max() <= _MOST * usual and inner.min() >= _LEAST * usual)


def _rising(places: Indices) -> Indices:
    """In order, each once: numpy's own goes through a hash table, which takes longer for so few."""
    places = np.sort(places)
    return places[np.diff(places, prepend=-1) > 0]


def _extremes_between(y: Floats, edges: Indices, known: Extremes | None) -> tuple[Indices, Indices]:
    """Places of the lowest and the highest value between neighbouring edges, where there is a finite one.

    With `known`, edges between columns of many points move by up to a chunk, so that chunks looked at before make them.
    """
    if known is None:
        return _looked_up(y, edges[:-1], np.diff(edges))
    crowded = np.diff(edges) >= LEAST * CHUNK
    inner = np.flatnonzero(crowded[:-1] & crowded[1:]) + 1
    edges = edges.copy()
    edges[inner] = -(-edges[inner] // CHUNK) * CHUNK
    starts, stops = edges[:-1], edges[1:]
    whole = crowded & (starts % CHUNK == 0) & (stops % CHUNK == 0)
    if not whole.any():
        return _looked_up(y, starts, stops - starts)
    known.learn(y)
    low, high = known.between(starts[whole], stops[whole])
    if whole.all():
        return low, high
    few = _looked_up(y, starts[~whole], (stops - starts)[~whole])
    return np.concatenate((low, few[0])), np.concatenate((high, few[1]))


def _looked_up(y: Floats, starts: Indices, sizes: Indices) -> tuple[Indices, Indices]:
    """Places of the extremes of parts of `sizes` points, from the points themselves."""
    ends = np.cumsum(sizes)
    begins = ends - sizes
    at = np.repeat(starts - begins, sizes) + np.arange(ends[-1])
    part = y[at]
    finite = np.isfinite(part)
    low = first_lowest(np.where(finite, part, np.inf), begins)
    return at[low], at[first_lowest(np.where(finite, -part, np.inf), begins)]


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
