"""Feeds the charts of one endpoint: history once, then every window of the feed, without gap or duplicate."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from backend.contract.events import RequestWindow
from backend.contract.resources import HistoryEntry
from console import operations
from console.charts.events import ChartEvent
from console.charts.group import ChartGroup
from console.context import Context
from console.pages.endpoints.figures import series_of

POINTS = 900
SILENCE_S = 15.0
"""A gateway says something every 10 s at least, and when it is asked each second: after this nothing came."""


class Feeder(QObject):
    """Signals: failed(text): the history cannot be read. loaded()."""

    failed = Signal(str)
    loaded = Signal()

    def __init__(self, context: Context, group: ChartGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context, self._group = context, group
        self._turn = 0
        self._reading = False
        self._waiting: list[tuple[float, RequestWindow]] = []
        self._newest = 0.0

    def open(self, name: str, seconds: float) -> None:
        """Read the last `seconds`; what belonged to another endpoint or window is forgotten."""
        self._turn += 1
        self._reading, self._waiting = True, []
        # history comes in steps of that many seconds
        self._group.store.silence_s = max(SILENCE_S, 3 * seconds / POINTS)
        call = operations.read_endpoint_history(self._context.link, name, seconds, POINTS)
        call.on_reply(partial(self._on_history, self._turn)).on_refused(partial(self._on_refused, self._turn))

    def _on_history(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn:
            return
        times = body.get("times") or []
        for key, values in (body.get("values") or {}).items():
            # A window without requests has no latency: that is a hole in the curve, not a value that is not a number.
            known = [(at, float(value)) for at, value in zip(times, values, strict=True) if value is not None]
            self._group.set_series(key, None, [at for at, _ in known], None, [value for _, value in known])
        self._newest = times[-1] if times else 0.0
        self._reading = False
        waiting, self._waiting = self._waiting, []
        self.append(waiting)
        self.loaded.emit()

    def _on_refused(self, turn: int, error: Any) -> None:
        if turn == self._turn:
            self._reading = False
            self.failed.emit(error.text)

    def append(self, windows: Iterable[tuple[float, RequestWindow]]) -> None:
        """Live windows; those of a reading wait, those it already holds are left out."""
        if self._reading:
            self._waiting.extend(windows)
            return
        newer = sorted((pair for pair in windows if pair[0] > self._newest), key=lambda pair: pair[0])
        if not newer:
            return
        columns: dict[str, list[tuple[float, float]]] = {}
        for at, window in newer:
            for key, value in series_of(window).items():
                columns.setdefault(key, []).append((at, value))
        for key, pairs in columns.items():
            self._group.append(key, None, [at for at, _ in pairs], None, [value for _, value in pairs])
        self._newest = newer[-1][0]

    def show_history(self, entries: Iterable[HistoryEntry], texts: dict[str, str]) -> None:
        """Promotions and rollbacks as marks; `texts` has one place {n} for the version."""
        marks = [
            ChartEvent(f"{entry.action}-{entry.time}", "promote" if entry.action == "promote" else "rollback",
                       texts[entry.action].format(n=entry.to_version), time=entry.time)
            for entry in entries
            if entry.action in texts and entry.result == "done"
        ]  # fmt: skip
        self._group.set_events(marks)
