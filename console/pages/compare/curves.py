"""Overlaid curves of several runs: every chart shares axis and crosshair, a run keeps its colour everywhere."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.contract.resources import RunRecord
from console import words
from console.charts import detail
from console.charts.catalogue import ChartSpec, SeriesSpec, overlay
from console.charts.chart import TimeSeriesChart
from console.charts.group import ChartGroup
from console.charts.whole import Found, Gather, Refuse, Take
from console.context import Context
from console.i18n import mark, tr
from console.state.changes import Changes
from console.theme import theme

POINTS = 2000
CHARTS: tuple[tuple[str, str, str], ...] = (
    ("eval/loss", mark("Eval loss"), ".4f"),
    ("eval/f1", mark("Eval F1"), ".4f"),
    ("eval/accuracy", mark("Eval accuracy"), ".4f"),
    ("train/loss", mark("Train loss"), ".4f"),
    ("train/grad_norm", mark("Gradient norm"), ".2f"),
    ("train/step_s", mark("Step time, s"), ".3f"),
    ("train/learning_rate", mark("Learning rate"), ".2e"),
)
MOST_CHARTS = 4


def charts_of(runs: Sequence[RunRecord], added: Sequence[str] = (), hidden: Collection[str] = ()) -> list[str]:
    """Keys worth a chart: metrics that some run has logged, held-out ones first; then what most runs have logged; then
    what the user has added. Without what the user has hidden."""
    judged = dict.fromkeys(str((run.best or {}).get("metric") or "") for run in runs)
    found = [key for key, _, _ in CHARTS if any(key in run.metrics for run in runs)]
    found = [*(key for key in judged if key and key not in found), *found]
    if len(found) < MOST_CHARTS:
        count = Counter(key for run in runs for key in run.metrics if key not in found)
        found += [key for key, n in count.most_common() if n > 1 or not found]
    wanted = [*found[:MOST_CHARTS], *(key for key in added if any(key in run.metrics for run in runs))]
    return [key for key in dict.fromkeys(wanted) if key not in hidden]


def logged(runs: Sequence[RunRecord]) -> list[str]:
    """Every metric that one of the runs has logged, those of most runs first."""
    return [key for key, _ in Counter(key for run in runs for key in run.metrics).most_common()]


def _title(key: str) -> str:
    """eval/bleu is Eval BLEU; the name of anybody's own metric stays as it is."""
    name = words.metric_name(key)
    return name[:1].upper() + name[1:60] if key.startswith(("eval/", "test/")) else key[:60]


def _spec(key: str, runs: Iterable[str]) -> ChartSpec:
    """The chart of one metric with a curve for each run."""
    title, style = next(((title, style) for known, title, style in CHARTS if known == key), (_title(key), ""))
    single = SeriesSpec(key, "single-neutral", "", style=style, smooth=key.startswith("train/"))
    return overlay(
        ChartSpec(f"compare:{key}", title, (single,)), [(run_id, "") for run_id in runs], theme.series_order()
    )


class Curves(QObject):
    """Charts of these runs. Signals: failed(name of the run, text): its history could not be read.
    hide_wanted(key): the menu of a chart."""

    failed = Signal(str, str)
    hide_wanted = Signal(str)

    def __init__(
        self, context: Context, runs: Sequence[RunRecord], keys: Sequence[str], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self.runs = {run.id: run for run in runs}
        self.group = ChartGroup(self, axis="step", labels="elapsed")
        self.group.source = ComparedPoints(context, self)
        self._charts: dict[str, TimeSeriesChart] = {}
        self._hidden: set[str] = set()
        self._waiting: dict[str, list[Any]] = {}  # points of the feed for curves whose history is being read
        self._last: dict[str, tuple[int, float]] = {}
        for key in keys:
            self._make(key)
        self.group.crosshair_changed.connect(self._on_crosshair)
        self.group.request_window.connect(self._on_window_wanted)

    @property
    def charts(self) -> list[TimeSeriesChart]:
        """In the order in which they stand."""
        return list(self._charts.values())

    @property
    def keys(self) -> list[str]:
        """The metrics of the charts, in the same order."""
        return list(self._charts)

    def _make(self, key: str) -> None:
        chart = TimeSeriesChart(self.group, _spec(key, self.runs))
        chart.setMinimumHeight(180)
        chart.hide_requested.connect(self._on_hide_requested)
        self._charts[key] = chart

    def add(self, key: str) -> None:
        """One more metric at the end; its history is read."""
        if key not in self._charts:
            self._make(key)
            for run_id in self._hidden:
                self._charts[key].toggle_series(full(run_id, key))
            self._read([key])

    def remove(self, key: str) -> None:
        """A chart goes; its points stay until the page shows other runs."""
        chart = self._charts.pop(key)
        chart.closing()
        chart.hide()
        chart.deleteLater()

    def _on_hide_requested(self) -> None:
        chart = self.sender()
        key = next((key for key, known in self._charts.items() if known is chart), None)
        if key is not None:
            self.hide_wanted.emit(key)

    # ---- history ---------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Ask for the history of every run; what comes meanwhile waits."""
        self._read(self.keys)

    def _read(self, keys: list[str]) -> None:
        for run_id in self.runs:
            self._waiting |= {full(run_id, key): [] for key in keys}
            for some, names in detail.key_queries(keys):
                reading = _Reading(self, run_id, some)
                call = self._context.link.get(f"/runs/{run_id}/series", {**names, "points": POINTS, "x": "step"})
                call.on_reply(reading.take).on_refused(reading.refuse)

    def take(self, run_id: str, keys: list[str], body: dict[str, Any]) -> None:
        """The history of some curves of one run, then what waited for them."""
        if run_id not in self.runs:
            return
        counts = {}
        for key, data in (body.get("series") or {}).items():
            name = full(run_id, key)
            self.group.set_series(name, *self.columns(run_id, data))
            counts[name] = data["count"]
            if data["steps"]:
                self._last[name] = (data["steps"][-1], data["times"][-1])
        self.group.set_true_counts(counts)
        self._append(run_id, [point for key in keys for point in self._waiting.pop(full(run_id, key), [])])

    def columns(self, run_id: str, data: dict[str, Any]) -> tuple[Any, ...]:
        """Columns of a series of the interface, times as seconds since the run began."""
        steps, times, epochs, values = detail.columns_of(data)
        return steps, [self._since_start(run_id, at) for at in times], epochs, values

    def refuse(self, run_id: str, keys: list[str], text: str) -> None:
        """The others still show."""
        for key in keys:
            self._waiting.pop(full(run_id, key), None)
        if run_id in self.runs:
            self.failed.emit(self.runs[run_id].name, text)

    def take_changes(self, changes: Changes) -> None:
        """Append what the feed says of these runs."""
        for run_id in self.runs:
            fresh = []
            for point in changes.points.get(run_id, ()):
                waiting = self._waiting.get(full(run_id, point[0]))
                if waiting is not None:
                    waiting.append(point)
                elif point[0] in self._charts:
                    fresh.append(point)
            self._append(run_id, fresh)

    def _append(self, run_id: str, points: Sequence[Any]) -> None:
        by_key: dict[str, list[Any]] = defaultdict(list)
        for point in points:
            step, time = self._last.get(full(run_id, point[0]), (-1, -math.inf))
            # the feed may be behind the history: what that had already comes again
            if point[1] > step or point[2] > time:
                by_key[point[0]].append(point)
        for key, batch in by_key.items():
            times = [self._since_start(run_id, point[2]) for point in batch]
            epochs = [point[3] for point in batch]
            known = epochs if all(epoch is not None for epoch in epochs) else None
            values = detail.numbers([point[4] for point in batch])
            self.group.append(full(run_id, key), [point[1] for point in batch], times, known, values)

    # ---- what is in view -------------------------------------------------------------------------------------------

    def _on_window_wanted(self, low: float, high: float) -> None:
        """A zoom: ask for the window of every run whose curves were thinned."""
        found = detail.wanted(self.group, low, high)
        if found is None:
            return
        for run_id, path, query in self.queries(found.keys, found.x, found.low, found.high, found.points):
            self._context.link.get(path, query).on_reply(partial(self.take_detail, run_id))

    def queries(
        self, keys: Iterable[str], x: str, low: float, high: float, points: int
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Run, path and query that ask for a window of these curves of each run."""
        for run_id, run in self.runs.items():
            mine = [key.partition(":")[2] for key in keys if key.startswith(f"{run_id}:")]
            began = (run.started_at or 0.0) if x == "time" else 0.0
            query = {"points": points, "x": x, "from": low + began, "to": high + began}
            for _, names in detail.key_queries(mine):
                yield run_id, f"/runs/{run_id}/series", {**query, **names}

    def take_detail(self, run_id: str, body: dict[str, Any]) -> None:
        """Finer points of the window in view."""
        if run_id not in self.runs:
            return
        for key, data in (body.get("series") or {}).items():
            self.group.set_detail(full(run_id, key), *self.columns(run_id, data))

    def _since_start(self, run_id: str, at: float) -> float:
        """Seconds since the run began: runs of different days lie over each other on the time axis."""
        return at - (self.runs[run_id].started_at or at)

    def set_hidden(self, run_id: str, hidden: bool) -> None:
        """Hide a run's curve in every chart."""
        (self._hidden.add if hidden else self._hidden.discard)(run_id)
        for key, chart in self._charts.items():
            if (full(run_id, key) in chart.curves.off) != hidden:
                chart.toggle_series(full(run_id, key))

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
    """The reply about some metrics of one run."""

    def __init__(self, curves: Curves, run_id: str, keys: list[str]) -> None:
        self._curves, self._run_id, self._keys = curves, run_id, keys

    def take(self, body: Any) -> None:
        self._curves.take(self._run_id, self._keys, body)

    def refuse(self, error: Any) -> None:
        self._curves.refuse(self._run_id, self._keys, error.text)


class ComparedPoints:
    """The Source of these charts: every point of a window, one request for each run."""

    def __init__(self, context: Context, curves: Curves) -> None:
        self._context, self._curves = context, curves

    def name(self, key: str) -> str:
        """The run: a chart has one metric."""
        run = self._curves.runs.get(key.partition(":")[0])
        return run.name if run is not None else key

    def ask(
        self, keys: tuple[str, ...], x: str, low: float, high: float, points: int, take: Take, refuse: Refuse
    ) -> None:
        """See console.charts.whole.Source."""
        asked = list(self._curves.queries(keys, x, low, high, points))
        gather = Gather(len(asked), take, refuse)
        for run_id, path, query in asked:
            call = self._context.link.get(path, query)
            call.on_reply(partial(self._give, gather, run_id)).on_refused(gather.fail)
        if not asked:
            take({})

    def _give(self, gather: Gather, run_id: str, body: dict[str, Any]) -> None:
        found = {}
        if run_id in self._curves.runs:
            for key, data in body["series"].items():
                steps, times, epochs, values = self._curves.columns(run_id, data)
                found[full(run_id, key)] = Found(steps, times, epochs, values, data["count"])
        gather.add(found)


def full(run_id: str, key: str) -> str:
    """The name of one run's curve of a metric."""
    return f"{run_id}:{key}"
