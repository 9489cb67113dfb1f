"""Feeds the charts of one run: history once, then every batch of the feed, without gap or duplicate.

What arrives while the history is being read waits. A point is taken only when it is newer than its curve's history.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.contract.answers import readable_items
from backend.contract.resources import RunEvent, RunRecord, TelemetrySample
from console import alert_words
from console.charts import detail
from console.charts.events import KINDS, ChartEvent
from console.charts.extremes import spread
from console.charts.group import ChartGroup
from console.context import Context
from console.said import said
from console.state.changes import Changes, Point

POINTS = 2400
TELEMETRY_POINTS = 1200
HOST_VALUES = {
    "cpu/utilization_percent": "cpu_percent",
    "memory/used_bytes": "memory_used_bytes",
    "disk/read_bytes_per_s": "disk_read_bytes_per_s",
    "disk/write_bytes_per_s": "disk_write_bytes_per_s",
    "net/in_bytes_per_s": "net_in_bytes_per_s",
    "net/out_bytes_per_s": "net_out_bytes_per_s",
}
GPU_VALUES = ("utilization_percent", "memory_used_bytes", "temperature_c", "power_w")
TELEMETRY_NAMES = ",".join((*HOST_VALUES, *(f"gpu/*/{name}" for name in GPU_VALUES)))


def telemetry_values(sample: TelemetrySample) -> dict[str, float]:
    """The known readings of a sample under the names of their series."""
    host = sample.host
    found = {key: getattr(host, name) for key, name in HOST_VALUES.items()}
    for gpu in sample.gpus:
        found.update({f"gpu/{gpu.index}/{name}": getattr(gpu, name) for name in GPU_VALUES})
    return {key: float(value) for key, value in found.items() if value is not None}


def readings_of(body: dict[str, Any]) -> Iterator[tuple[str, list[float], list[float]]]:
    """Key, times and values of each series of a TelemetryHistory that has any."""
    lows, highs = body.get("lows") or {}, body.get("highs") or {}
    for key, means in (body.get("values") or {}).items():
        times, values = spread(body.get("times") or [], means, lows.get(key), highs.get(key))
        if times:
            yield key, times, values


def chart_event(event: RunEvent) -> ChartEvent | None:
    """The marker of an event; states that other markers already tell have none."""
    if event.kind not in KINDS:
        return None
    key = event.data.get("metric") if isinstance(event.data.get("metric"), str) else None
    return ChartEvent(str(event.id), event.kind, said(event.text), event.step, event.time, event.epoch, key)


class Feeder(QObject):
    """Signals: loaded(): the history is on the charts; failed(text); events_changed(list of RunEvent)."""

    loaded = Signal()
    failed = Signal(str)
    events_changed = Signal(list)

    def __init__(self, context: Context, group: ChartGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._group = group
        self._run: RunRecord | None = None
        self._reading = False
        self._waiting: list[Point] = []
        self._last: dict[str, tuple[int, float]] = {}  # step and time of the last point of each curve's history
        self._events: dict[int, RunEvent] = {}
        self._alerts: dict[str, int] = {}  # alert → the number of its event, below zero
        self._turn = 0
        group.request_window.connect(self._on_window_wanted)

    def close(self) -> None:
        """The page shows another run: replies under way are for nobody."""
        self._turn += 1
        self._run = None

    @property
    def events(self) -> list[RunEvent]:
        """In the order of the job's life."""
        return sorted(self._events.values(), key=lambda event: (event.time, event.id))

    def open(self, run: RunRecord) -> None:
        """Read everything of a run; what belonged to another one is forgotten."""
        self._run = run
        self._turn += 1
        self._reading, self._waiting, self._last, self._events = True, [], {}, {}
        link, turn = self._context.link, self._turn
        query = {"points": POINTS, "x": "step"}
        reading = _Turn(self, turn)
        call = link.get(f"/runs/{run.id}/series", query, detail.ACCEPT)
        call.on_reply(reading.series).on_refused(reading.refused)
        link.get(f"/runs/{run.id}/events").on_reply(reading.events)
        self._read_telemetry(reading)

    def _read_telemetry(self, reading: _Turn) -> None:
        if self._run is None or self._run.started_at is None:
            return
        query = {"points": TELEMETRY_POINTS, "names": TELEMETRY_NAMES}
        self._context.link.get(f"/runs/{self._run.id}/telemetry", query).on_reply(reading.telemetry)

    # ---- replies -------------------------------------------------------------------------------------------

    def take_series(self, turn: int, body: Any) -> None:
        """The history has come: draw it, then what waited."""
        if turn != self._turn:
            return
        counts = {}
        for key, curve in detail.curves_of(body).items():
            self._group.set_series(key, curve.steps, curve.times, curve.epochs, curve.values)
            counts[key] = curve.count
            if curve.last is not None:
                self._last[key] = curve.last
        self._group.set_true_counts(counts)
        self._reading = False
        waiting, self._waiting = self._waiting, []
        self._append(waiting)
        self.loaded.emit()

    def take_events(self, turn: int, body: dict[str, Any]) -> None:
        """All events so far."""
        if turn == self._turn:
            self.add_events(readable_items(RunEvent, body))
            self._take_alerts()

    def take_telemetry(self, turn: int, body: dict[str, Any]) -> None:
        """The machine during the run, on the run's own axis."""
        if turn != self._turn or self._run is None:
            return
        for key, times, values in readings_of(body):
            self._group.set_series(key, None, times, None, values)
        times = body.get("times") or []
        if len(times) > TELEMETRY_POINTS // 2 or (times and times[-1] - times[0] > TELEMETRY_POINTS):
            self._group.store.coarsely_read.update(body.get("values") or {})

    def refuse(self, turn: int, text: str) -> None:
        """The history cannot be read: the page says why."""
        if turn == self._turn:
            self._reading = False
            self.failed.emit(text)

    # ---- live ----------------------------------------------------------------------------------------------

    def take(self, changes: Changes, run: RunRecord) -> None:
        """Append what a batch of the feed says of this run."""
        before, self._run = self._run, run
        if before is not None and before.attempt != run.attempt:
            self.open(run)  # a resumed run repeats steps; the store knows which ones count
            return
        if points := changes.points.get(run.id):
            self._waiting.extend(points) if self._reading else self._append(points)
        if events := changes.run_events.get(run.id):
            self.add_events(events)
        if changes.alerts or changes.everything:
            self._take_alerts()
        if changes.telemetry and self._context.state.telemetry and run.ended_at is None and run.started_at:
            sample = self._context.state.telemetry
            for key, value in telemetry_values(sample).items():
                self._group.append(key, None, [sample.taken_at], None, [value])

    def _append(self, points: Iterable[Point]) -> None:
        by_key: dict[str, list[Point]] = defaultdict(list)
        for point in points:
            step, time = self._last.get(point[0], (-1, -math.inf))
            # the feed may be behind the history: what that had already comes again
            if point[1] > step or point[2] > time:
                by_key[point[0]].append(point)
        for key, batch in by_key.items():
            epochs = [point[3] for point in batch]
            known = [epoch for epoch in epochs if epoch is not None]
            self._group.append(
                key,
                [point[1] for point in batch],
                [point[2] for point in batch],
                known if len(known) == len(batch) else None,
                detail.numbers([point[4] for point in batch]),
            )

    def _take_alerts(self) -> None:
        """Alerts about this run stand on its charts like its own events; they have no step, only a time."""
        if self._run is None:
            return
        mine = [alert for alert in self._context.state.alerts.values() if alert.run_id == self._run.id]
        found = []
        for alert in mine:
            number = self._alerts.setdefault(alert.id, -1 - len(self._alerts))
            text = alert_words.headline(alert) or alert_words.moved(alert)
            found.append(RunEvent(id=number, run_id=self._run.id, kind="alert", time=alert.opened_at, text=text))
        if found:
            self.add_events(found)

    def add_events(self, events: Iterable[RunEvent]) -> None:
        """Markers and list follow; an event heard twice counts once."""
        self._events.update((event.id, event) for event in events)
        marks = (chart_event(event) for event in self.events)
        self._group.set_events([mark for mark in marks if mark is not None])
        self.events_changed.emit(self.events)

    # ---- zoom ----------------------------------------------------------------------------------------------

    def _on_window_wanted(self, low: float, high: float) -> None:
        if self._run is None:
            return
        reading = _Turn(self, self._turn)
        if found := detail.wanted(self._group, low, high):
            for _, names in detail.key_queries(found.keys):
                query = {**found.query, **names}
                self._context.link.get(f"/runs/{self._run.id}/series", query, detail.ACCEPT).on_reply(reading.detail)
        if found := detail.wanted_of_machine(self._group, low, high):
            names = {"names": ",".join(found.keys), "points": found.points, "from": found.low, "to": found.high}
            call = self._context.link.get(f"/runs/{self._run.id}/telemetry", names)
            call.on_reply(partial(self.take_machine, self._turn, found.high))

    def take_detail(self, turn: int, body: Any) -> None:
        """Finer points of the window in view."""
        if turn != self._turn:
            return
        for key, curve in detail.curves_of(body).items():
            self._group.set_detail(key, curve.steps, curve.times, curve.epochs, curve.values)

    def take_machine(self, turn: int, until: float, body: dict[str, Any]) -> None:
        """Finer readings of the window in view; behind one that reaches the present, what came live meanwhile."""
        if turn != self._turn:
            return
        for key, times, values in readings_of(body):
            whole = self._group.store.get(key)
            if whole is not None and until >= whole.column("time")[-1]:
                newer = whole.column("time") > times[-1]
                newer[: whole.history] = False
                times.extend(whole.column("time")[newer].tolist())
                values.extend(whole.values[newer].tolist())
            self._group.set_detail(key, None, times, None, values)


class _Turn:
    """The replies of one opening; those of an earlier one are ignored."""

    def __init__(self, feeder: Feeder, turn: int) -> None:
        self._feeder = feeder
        self._turn = turn

    def series(self, body: Any) -> None:
        self._feeder.take_series(self._turn, body)

    def events(self, body: Any) -> None:
        self._feeder.take_events(self._turn, body)

    def telemetry(self, body: Any) -> None:
        self._feeder.take_telemetry(self._turn, body)

    def detail(self, body: Any) -> None:
        self._feeder.take_detail(self._turn, body)

    def refused(self, error: Any) -> None:
        self._feeder.refuse(self._turn, error.text)
