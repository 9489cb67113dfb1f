"""The y axis of a chart: which values it spans, where its labels stand, and values to pixels. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from console.charts import format as fmt
from console.charts.catalogue import ChartSpec
from console.charts.pyramid import Floats

_ENOUGH_FOR_OUTLIERS = 20

LABEL_ROOM = 28.0
"""Pixels for a label between the edge of the chart and the plot, as long as the left axis is 34 wide."""


@dataclass
class YChoice:
    """How the user wants the y axis: `robust` ignores outliers, `auto` shows all, `fixed` keeps a range."""

    mode: str = "robust"
    log: bool = False
    fixed: tuple[float, float] = (0.0, 1.0)


def to_scale(y: Floats, log: bool, floor: float) -> Floats:
    """Values as they stand on the axis. On a log axis zeros and negatives lie on its floor instead of vanishing."""
    if not log:
        return y
    return np.log10(np.where(np.isfinite(y), np.maximum(y, floor), np.nan))


def log_floor(values: Floats) -> float:
    """Half of the smallest positive value: where zeros are drawn on a log axis; 0.1 when nothing is positive."""
    positive = values[np.isfinite(values) & (values > 0)]
    return float(positive.min()) / 2 if len(positive) else 0.1


def choose_range(values: Floats, spec: ChartSpec, choice: YChoice, floor: float) -> tuple[float, float]:
    """Low < high on the (maybe logarithmic) axis."""
    if choice.mode == "fixed":
        low, high = choice.fixed
        if choice.log:
            low, high = np.log10(max(low, floor)), np.log10(max(high, floor * 10))
        return _widened(float(low), float(high))
    known = to_scale(values[np.isfinite(values)], choice.log, floor)
    if not len(known):
        return (0.0, (spec.capacity or 1.0) * 1.04) if not choice.log else (-1.0, 1.0)
    low, high = float(known.min()), float(known.max())
    if choice.mode == "robust" and spec.robust and len(known) >= _ENOUGH_FOR_OUTLIERS:
        low, high = _without_outliers(known, low, high)
    if choice.log:
        return _widened(low - 0.04 * (high - low), high + 0.04 * (high - low))
    return _linear(low, high, spec)


def _without_outliers(known: Floats, low: float, high: float) -> tuple[float, float]:
    near, far = (float(q) for q in np.quantile(known, (0.01, 0.99)))
    room = 0.1 * (far - near) or abs(far) * 0.1
    return max(low, near - room), min(high, far + room)


def _linear(low: float, high: float, spec: ChartSpec) -> tuple[float, float]:
    for limit in spec.limits:
        high = max(high, limit.value)
    if spec.capacity is not None:
        return min(0.0, low), max(spec.capacity * 1.04, high * 1.02)
    if spec.zero and low >= 0:
        return 0.0, high * 1.08 if high > 0 else 1.0
    room = 0.05 * (high - low)
    return _widened(low - room if low < 0 or low - room > 0 else low * 0.5, high + room)


def _widened(low: float, high: float) -> tuple[float, float]:
    if high - low > max(abs(low), abs(high)) * 1e-9 + 1e-300:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return low - room, high + room


def labels(low: float, high: float, spec: ChartSpec, log: bool, height: float) -> list[tuple[float, str]]:
    """Three to five labelled positions, fewer where the plot is too low, or the axis too narrow, for them."""
    most = max(2, min(5, int(height // 26)))
    if log:
        at = fmt.log_ticks(low, high, most)
        return list(zip(at, fmt.log_labels(at), strict=True))
    if spec.capacity is not None and low <= 0 and spec.capacity <= high <= spec.capacity * 1.2:
        at = [0.0, spec.capacity / 2, spec.capacity]
    else:
        found = _fitting(low, high, most, 4 if height >= 130 else 3)
        return [(v, fmt.number(v, ",.0f")) for v, _ in found if v == round(v)] if spec.whole and high < 1000 else found
    return list(zip(at, fmt.tick_labels(at), strict=True))


def _fitting(low: float, high: float, most: int, least: int) -> list[tuple[float, str]]:
    """The first labels that fit beside the plot: as many as wanted, fewer, more, two; else the narrowest."""
    narrowest: list[tuple[float, str]] = []
    least_width = math.inf
    for wanted in (*range(least, 2, -1), *range(least + 1, most + 2), 2):
        at = fmt.y_ticks(low, high, max(most, wanted), wanted)
        found = list(zip(at, fmt.tick_labels(at), strict=True))
        widest = max((fmt.width(text) for _, text in found), default=0.0)
        if widest <= LABEL_ROOM and (len(found) > 1 or not narrowest):
            return found
        if widest < least_width and len(found) > 1:
            narrowest, least_width = found, widest
    return narrowest
