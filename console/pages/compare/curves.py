"""Overlaid curves of several runs: every chart shares axis and crosshair, a run keeps its colour everywhere."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.contract.resources import RunRecord
from console import words
from console.charts import detail
from console.charts.catalogue import ChartSpec, SeriesSpec, overlay
from console.charts.chart import TimeSeriesChart
from console.charts.group import ChartGroup
from console.context import Context
from console.i18n import mark, tr
from console.state.changes import Changes
from console.theme import theme

POINTS = 2000
CHARTS: tuple[tuple[str, str, str], ...] = (
    ("eval/loss", mark("Eval loss"), ".4f"),
    ("eval/f1", mark("Eval macro F1"), ".4f"),
    ("eval/accuracy", mark("Eval accuracy"), ".4f"),
    ("train/loss", mark("Train loss"), ".4f"),
    ("train/grad_norm", mark("Gradient norm"), ".2f"),
    ("train/step_s", mark("Step time, s"), ".3f"),
    ("train/learning_rate", mark("Learning rate"), ".2e"),
)
MOST_CHARTS = 4


def charts_of(runs: Sequence[RunRecord]) -> list[tuple[str, str, str]]:
    """What is worth a chart: metrics that some run has logged, held-out ones first; then what most runs have logged."""
    found = [chart for chart in CHARTS if any(chart[0] in run.metrics for run in runs)]
    if len(found) < MOST_CHARTS:
        known = {chart[0] for chart in CHARTS}
        count = Counter(key for run in runs for key in run.metrics if key not in known)
        found += [(key, key[:60], "") for key, n in count.most_common() if n > 1 or not found]
    return found[:MOST_CHARTS]


class Curves(QObject):
    """Charts of these runs. Signals: failed(name of the run, text): its history could not be read."""

    failed = Signal(str, str)

    def __init__(self, context: Context, runs: Sequence[RunRecord], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.runs = {run.id: run for run in runs}
        self.group = ChartGroup(self, axis="step", labels="elapsed")
        self.charts: list[TimeSeriesChart] = []
        self._keys: list[str] = []
        self._reading: dict[str, list[Any]] = {}
        self._last: dict[str, tuple[int, float]] = {}
        order = theme.series_order()
        for key, title, style in charts_of(runs):
            single = SeriesSpec(key, "single-neutral", "", style=style, smooth=key.startswith("train/"))
            spec = overlay(ChartSpec(f"compare:{key}", title, (single,)), [(run.id, "") for run in runs], order)
            chart = TimeSeriesChart(self.group, spec)
            chart.setMinimumHeight(180)
            self.charts.append(chart)
            self._keys.append(key)
        self.group.crosshair_changed.connect(self._on_crosshair)
        self.group.request_window.connect(self._on_window_wanted)

    def read(self) -> None:
        """Ask for the history of every run; what comes meanwhile waits."""
        for run_id in self.runs:
            self._reading[run_id] = []
            query = {"keys": ",".join(self._keys), "points": POINTS, "x": "step"}
            reading = _Reading(self, run_id)
            call = self._context.link.get(f"/runs/{run_id}/series", query)
            call.on_reply(reading.take).on_refused(reading.refuse)

    def take(self, run_id: str, body: dict[str, Any]) -> None:
        """The history of one run, then what waited for it."""
        if run_id not in self.runs:
            return
        counts = {}
        for key, data in (body.get("series") or {}).items():
            full = f"{run_id}:{key}"
            self.group.set_series(full, *self._columns(run_id, data))
            counts[full] = data["count"]
            if data["steps"]:
                self._last[full] = (data["steps"][-1], data["times"][-1])
        self.group.set_true_counts(counts)
        self._append(run_id, self._reading.pop(run_id, []))

    def _columns(self, run_id: str, data: dict[str, Any]) -> tuple[Any, ...]:
        steps, times, epochs, values = detail.columns_of(data)
        return steps, [self._since_start(run_id, at) for at in times], epochs, values

    def refuse(self, run_id: str, text: str) -> None:
        """The others still show."""
        self._reading.pop(run_id, None)
        if run_id in self.runs:
            self.failed.emit(self.runs[run_id].name, text)

    def take_changes(self, changes: Changes) -> None:
        """Append what the feed says of these runs."""
        for run_id in self.runs:
            points = [point for point in changes.points.get(run_id, ()) if point[0] in self._keys]
            if points and run_id in self._reading:
                self._reading[run_id].extend(points)
            elif points:
                self._append(run_id, points)

    def _append(self, run_id: str, points: Sequence[Any]) -> None:
        by_key: dict[str, list[Any]] = defaultdict(list)
        for point in points:
            step, time = self._last.get(f"{run_id}:{point[0]}", (-1, -math.inf))
            # the feed may be behind the history: what that had already comes again
            if point[1] > step or point[2] > time:
                by_key[point[0]].append(point)
        for key, batch in by_key.items():
            times = [self._since_start(run_id, point[2]) for point in batch]
            epochs = [point[3] for point in batch]
            known = epochs if all(epoch is not None for epoch in epochs) else None
            values = detail.numbers([point[4] for point in batch])
            self.group.append(f"{run_id}:{key}", [point[1] for point in batch], times, known, values)

    def _on_window_wanted(self, low: float, high: float) -> None:
        """A zoom: ask for the window of every run whose curves were thinned."""
        found = detail.wanted(self.group, low, high)
        if found is None:
            return
        for run_id, run in self.runs.items():
            keys = [key.partition(":")[2] for key in found.keys if key.startswith(f"{run_id}:")]
            query = {**found.query, "keys": ",".join(keys)}
            if found.x == "time":
                query |= {end: query[end] + (run.started_at or 0.0) for end in ("from", "to")}
            if keys:
                self._context.link.get(f"/runs/{run_id}/series", query).on_reply(_Reading(self, run_id).take_detail)

    def take_detail(self, run_id: str, body: dict[str, Any]) -> None:
        """Finer points of the window in view."""
        if run_id not in self.runs:
            return
        for key, data in (body.get("series") or {}).items():
            self.group.set_detail(f"{run_id}:{key}", *self._columns(run_id, data))

    def _since_start(self, run_id: str, at: float) -> float:
        """Seconds since the run began: runs of different days lie over each other on the time axis."""
        return at - (self.runs[run_id].started_at or at)

    def set_hidden(self, run_id: str, hidden: bool) -> None:
        """Hide a run's curve in every chart."""
        for chart, key in zip(self.charts, self._keys, strict=True):
            full = f"{run_id}:{key}"
            if (full in chart.curves.off) != hidden:
                chart.toggle_series(full)

    def _on_crosshair(self, at: float | None) -> None:
        text = ""
        if at is not None:
            text = {
                "step": tr("at step {n}", n=words.count(at)),
                "epoch": tr("at epoch {n}", n=f"{at:.2f}"),
                "time": tr("after {time}", time=words.stopwatch(at)),
            }[self.group.axis]
        for chart in self.charts:
            chart.header.set_texts(tr(chart.spec.title), text)

    def close(self) -> None:
        """Before the charts are thrown away."""
        self.runs = {}
        for chart in self.charts:
            chart.closing()


class _Reading:
    """The reply about one run."""

    def __init__(self, curves: Curves, run_id: str) -> None:
        self._curves, self._run_id = curves, run_id

    def take(self, body: Any) -> None:
        self._curves.take(self._run_id, body)

    def take_detail(self, body: Any) -> None:
        self._curves.take_detail(self._run_id, body)

    def refuse(self, error: Any) -> None:
        self._curves.refuse(self._run_id, error.text)
