"""Steps with a lowest and a highest value as points of a curve: no spike of a coarse history is lost. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Values = Sequence[float | None]


def spread(
    times: Sequence[float], means: Values, lows: Values | None, highs: Values | None
) -> tuple[list[float], list[float]]:
    """Known points in order of time: a step whose extremes differ becomes two, lowest first; unknown is left out."""
    if not lows or not highs:
        known = [(time, value) for time, value in zip(times, means, strict=True) if value is not None]
        return [time for time, _ in known], [value for _, value in known]
    at: list[float] = []
    values: list[float] = []
    quarter = _step(times) / 4
    for time, mean, low, high in zip(times, means, lows, highs, strict=True):
        if mean is None:
            continue
        if low is None or high is None or low == high:
            at.append(time)
            values.append(mean)
        else:
            at += (time - quarter, time + quarter)
            values += (low, high)
    return at, values


def _step(times: Sequence[float]) -> float:
    """The smallest distance between two neighbours, so that points never cross."""
    return min((after - before for before, after in pairwise(times)), default=0.0)
