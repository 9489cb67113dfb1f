"""The axes of parallel coordinates: what differs among the runs of a sweep, and where each run stands. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.contract.resources import RunRecord
from console import words
from console.charts import format as fmt
from console.charts.format import number
from console.i18n import tr
from console.pages.compare import facts

MOST_AXES = 8
MOST_WORDS = 12
LOG_FROM = 8.0
"""Positive values that span so many times their smallest stand on a log axis until told otherwise."""

Value = float | str | None


@dataclass(frozen=True)
class Axis:
    """One axis: a setting or a metric, and the value of each run. A metric's `higher` says which end is better."""

    key: str
    title: str
    values: tuple[Value, ...]
    log: bool = False
    metric: bool = False

    @property
    def known(self) -> list[float]:
        """The finite numbers of the axis."""
        return [v for v in self.values if isinstance(v, float) and math.isfinite(v)]

    @property
    def words(self) -> list[str]:
        """The different words of an axis that is not of numbers, in order."""
        return sorted({v for v in self.values if isinstance(v, str)})

    @property
    def can_log(self) -> bool:
        known = self.known
        return not self.words and bool(known) and min(known) > 0

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value, as words or on the (maybe logarithmic) scale; never empty."""
        if self.words:
            return 0.0, max(1.0, len(self.words) - 1.0)
        scaled = [self._scaled(v) for v in self.known] or [0.0]
        low, high = min(scaled), max(scaled)
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log and value > 0 else value

    def place(self, value: Value) -> float | None:
        """0 at the bottom, 1 at the top; None for an unknown value, which has no line on this axis."""
        low, high = self.span
        if isinstance(value, str):
            return self.words.index(value) / (high - low) if value in self.words else None
        if value is None or not math.isfinite(value):
            return None
        return (self._scaled(value) - low) / (high - low)

    def value_at(self, place: float) -> float:
        """The number at a height; the inverse of place() for axes of numbers."""
        low, high = self.span
        at = low + place * (high - low)
        return 10**at if self.log and not self.words else at

    def ticks(self) -> list[tuple[float, str]]:
        """Heights and labels: every value when there are few of them, round ones else."""
        if self.words:
            return [(self.place(word) or 0.0, word[:14]) for word in self.words]
        different = sorted(set(self.known))
        if len(different) > 6:
            low, high = self.span
            if self.log:
                at = fmt.log_ticks(low, high, 5)
                return [((t - low) / (high - low), text) for t, text in zip(at, fmt.log_labels(at), strict=True)]
            different = [t for t in fmt.y_ticks(low, high, 5) if low <= t <= high]
        return [(self.place(v) or 0.0, number(v, ".4g") if abs(v) >= 1e-3 or v == 0 else _small(v)) for v in different]

    def text_of(self, low: float, high: float) -> str:
        """`macro F1 0.936 to 0.944` for a brushed range of heights."""
        if self.words:
            inside = [w for w in self.words if low - 1e-9 <= (self.place(w) or 0.0) <= high + 1e-9]
            return tr("{name}: {words}", name=self.title, words=", ".join(inside) or "—")
        ends = [_short(self.value_at(at)) for at in (low, high)]
        return tr("{name} {low} to {high}", name=self.title, low=ends[0], high=ends[1])


def _short(value: float) -> str:
    return number(value, ".3g") if abs(value) >= 1e-3 or value == 0 else _small(value)


def _small(value: float) -> str:
    """`2e-4`."""
    mantissa, _, power = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"


def members(compared: Sequence[RunRecord], known: Sequence[RunRecord]) -> tuple[str, list[RunRecord]]:
    """The sweep the compared runs belong to: its tag and all its runs; no tag and the compared runs when they share
    none that begins with `sweep`."""
    shared = set.intersection(*(set(run.tags) for run in compared)) if compared else set()
    for tag in sorted(tag for tag in shared if tag.lower().startswith("sweep")):
        found = [run for run in known if tag in run.tags and not run.archived]
        ids = {run.id for run in found}
        return tag, found + [run for run in compared if run.id not in ids]
    return "", list(compared)


def possible_axes(runs: Sequence[RunRecord]) -> list[Axis]:
    """Every setting that differs, then every metric that differs."""
    found = []
    for key in dict.fromkeys(key for run in runs for key in run.settings):
        axis = _axis(key, key.replace("_", " "), [run.settings.get(key) for run in runs])
        if len(set(axis.values) - {None}) > 1 and len(axis.words) <= MOST_WORDS:
            found.append(axis)
    for key in sorted({key for run in runs for key in run.metrics if key.startswith(("eval/", "test/", "train/"))}):
        axis = _axis(key, words.metric_name(key), [facts.value_of(run, key) for run in runs], True)
        if len(set(axis.known)) > 1:
            found.append(axis)
    return found


def first_axes(axes: Sequence[Axis], metric: str | None) -> list[str]:
    """Keys shown at first: the settings in their order, the metric that is compared at the right."""
    settings = [axis.key for axis in axes if not axis.metric][: MOST_AXES - 1]
    metrics = [axis.key for axis in axes if axis.metric]
    last = metric if metric in metrics else (metrics[0] if metrics else None)
    return [*settings, last] if last else settings


def _axis(key: str, title: str, raw: Sequence[object], metric: bool = False) -> Axis:
    numeric = all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in raw)
    values: list[Value] = []
    for value in raw:
        if value is None or value == "":
            values.append(None)
        elif numeric:
            values.append(float(value))  # type: ignore[arg-type]
        else:
            values.append(str(value).lower() if isinstance(value, bool) else str(value)[:60])
    axis = Axis(key, title[:40], tuple(values), metric=metric)
    known = axis.known
    wide = axis.can_log and max(known) / min(known) >= LOG_FROM
    return replace(axis, log=wide and not metric)
