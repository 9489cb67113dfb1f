"""Words about data: where the crosshair stands, and what a screen reader says of a chart. No Qt widgets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from console.charts.format import clock_label, number
from console.charts.pyramid import Floats
from console.charts.series import Axis
from console.i18n import tr


def describe_position(at: dict[Axis, float], origin: float, labels: str, duration: Callable[[float], str]) -> str:
    """`step 6,130 · epoch 1.53 · 30 m 51 s`, leaving out what is unknown."""
    parts = []
    if at.get("step") is not None and np.isfinite(at["step"]):
        parts.append(tr("step {n}", n=f"{at['step']:,.0f}"))
    if at.get("epoch") is not None and np.isfinite(at["epoch"]):
        parts.append(tr("epoch {n}", n=f"{at['epoch']:.2f}"))
    if at.get("time") is not None and np.isfinite(at["time"]):
        time = at["time"]
        parts.append(duration(time - origin) if labels == "elapsed" else clock_label(time, 1.0))
    return " · ".join(parts)


def trend(values: Floats) -> str:
    """`rising`, `falling` or `steady`: the mean of the last fifth against the first, in units of their spread."""
    known = values[np.isfinite(values)]
    if len(known) < 5:
        return tr("steady")
    part = max(1, len(known) // 5)
    first, last = known[:part], known[-part:]
    noise = float(np.std(known[-part:]) + np.std(known[:part])) / 2 + 1e-12 + 0.02 * abs(float(first.mean()))
    moved = float(last.mean() - first.mean())
    return tr("rising") if moved > noise else tr("falling") if moved < -noise else tr("steady")


def spoken(name: str, values: Floats, style: str) -> str:
    """`train: 0.2523, lowest 0.2010, highest 1.5022, falling`."""
    known = values[np.isfinite(values)]
    if not len(known):
        return tr("{name}: no values", name=name)
    low, high = number(float(known.min()), style), number(float(known.max()), style)
    text = tr(
        "{name}: {last}, lowest {low}, highest {high}, {trend}",
        name=name,
        last=number(float(known[-1]), style),
        low=low,
        high=high,
        trend=trend(values),
    )
    odd = len(values) - len(known)
    return text + (tr(", {n} values are not numbers", n=odd) if odd else "")
