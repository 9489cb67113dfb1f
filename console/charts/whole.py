"""Every point of what a chart shows: out of memory where all are there, else from the backend, page by page.

Nothing blocks: each page is a reply of its own, and between two of them the window does its work.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from console.charts.curves import Curves
from console.charts.series import Axis
from console.charts.store import SeriesStore

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart
    from console.charts.events import ChartEvent

PAGE_ROWS = 10_000
"""Rows asked for at once; a page that turns out to hold more than twice as many is asked for in halves."""

MOST_ROWS = 1_000_000
"""More is for a file, not for a clipboard or a table: the caller says so and names Export."""

COUNT_POINTS = 8


@dataclass(frozen=True)
class Found:
    """Points of one key in a window, and how many there are. `steps` is None for readings that only know their time."""

    steps: list[int] | None
    times: list[float] | None
    epochs: list[float] | None
    values: list[float]
    count: int


Take = Callable[[dict[str, Found]], None]
Refuse = Callable[[str], None]


class Source(Protocol):
    """Where a page's charts have their points from; a page gives it to its group."""

    def name(self, key: str) -> str:
        """How a column of this key is called where its chart gives it no name."""
        ...

    def ask(
        self, keys: tuple[str, ...], x: str, low: float, high: float, points: int, take: Take, refuse: Refuse
    ) -> None:
        """The points of each key in low ≤ x ≤ high (x: step or time), all of them when they are no more than `points`.

        Exactly one of `take` and `refuse` is called, later."""
        ...


class Gather:
    """Several requests that answer one question: `take` when all have answered, `refuse` at the first that failed."""

    def __init__(self, parts: int, take: Take, refuse: Refuse) -> None:
        self._left, self._take, self._refuse = parts, take, refuse
        self._found: dict[str, Found] = {}

    def add(self, found: dict[str, Found]) -> None:
        """One of them has answered."""
        self._found |= found
        self._left -= 1
        if self._left == 0:
            self._take(self._found)

    def fail(self, error: object) -> None:
        """One of them was refused."""
        if self._left > 0:
            self._left = -1
            self._refuse(str(getattr(error, "text", error)))


@dataclass
class _Piece:
    """A window's points as charts read them: the part of PageState that curves need to find their series."""

    store: SeriesStore
    axis: Axis
    range: tuple[float, float]
    labels: str = ""
    smoothing: float = 0.0
    events: list[ChartEvent] = field(default_factory=list)
    origin: float = 0.0
    newest: float = 0.0
    future: tuple[float, float] | None = None


class WholePoints(QObject):
    """The rows of a chart in its present range: the axis, then a column for each series that is switched on.

    Belongs to its parent; read() begins and may finish at once. What is switched or zoomed later does not matter.

    Signals:
        advanced(rows): the next rows, in order; `fraction` tells how far it is.
        finished: that was all, or the first MOST_ROWS (`limited`).
        failed(text): the backend did not answer; the rows so far are all there are.
    """

    advanced = Signal(object)
    finished = Signal()
    failed = Signal(str)

    def __init__(self, chart: TimeSeriesChart, parent: QObject | None = None) -> None:
        super().__init__(parent)
        group = chart.group
        self._store, self._axis, self._range = group.store, group.axis, group.range
        self._source: Source | None = group.source
        self._curves = Curves(chart.spec)
        self._curves.off = set(chart.curves.off)
        self._keys = tuple(dict.fromkeys(key for key in _needed(self._curves) if key in self._store))
        shown = [spec for spec, _ in self._curves.sources(self._here())]
        self._columns = [spec.key for spec in shown]
        name = self._source.name if self._source is not None else str
        self.names = [self._axis, *(spec.name or name(spec.key) for spec in shown)]
        self.rows = 0
        self.fraction = 0.0
        self.limited = False
        self._windows: deque[tuple[float, float]] = deque()
        self._start = self._end = 0.0
        self._stopped = False

    def read(self) -> None:
        """Begin."""
        window = self._window() if self._source is not None and self._is_thinned() else None
        if window is None:
            self._hand_on(self._rows_of(self._here(), self._range, closed=True))
            return
        self._start, self._end = window
        self._ask(window, COUNT_POINTS, self._on_counted)

    def stop(self) -> None:
        """No signal follows."""
        self._stopped = True

    def _hand_on(self, table: np.ndarray) -> None:
        """What is here already, in pages as well: whoever takes them makes text of them."""
        pages = Slices(table, self)
        pages.advanced.connect(self._on_slice)
        pages.finished.connect(self._finish)
        pages.start()

    def _on_slice(self, rows: np.ndarray, fraction: float) -> None:
        if not self._stopped:
            self.fraction = fraction
            self._add(rows)

    # ---- where the points are --------------------------------------------------------------------------------------

    def _here(self) -> _Piece:
        return _Piece(self._store, self._axis, self._range)

    def _is_thinned(self) -> bool:
        return any(self._store.is_thinned(key) for key in self._keys)

    def _window(self) -> tuple[float, float] | None:
        """The range in the backend's units; epochs as steps, a little wider: they are cut by epoch later."""
        if self._axis != "epoch":
            return self._range
        low, high = (self._store.position("epoch", at).get("step") for at in self._range)
        return None if low is None or high is None else (math.floor(low) - 1.0, math.ceil(high) + 1.0)

    def _ask(self, window: tuple[float, float], points: int, take: Take) -> None:
        if self._source is not None:
            x = "time" if self._axis == "time" else "step"
            self._source.ask(self._keys, x, *window, points, take, self._on_refused)

    # ---- replies ---------------------------------------------------------------------------------------------------

    def _on_counted(self, found: dict[str, Found]) -> None:
        if self._stopped:
            return
        rows = max((one.count for one in found.values()), default=0)
        edges = np.linspace(self._start, self._end, max(1, math.ceil(rows / PAGE_ROWS)) + 1).tolist()
        self._windows.extend(pairwise(edges))
        self._next()

    def _next(self) -> None:
        if self._windows and not self.limited:
            self._ask(self._windows[0], 2 * PAGE_ROWS, self._on_page)
        else:
            self._finish()

    def _on_page(self, found: dict[str, Found]) -> None:
        if self._stopped:
            return
        low, high = self._windows.popleft()
        middle = (low + high) / 2
        if any(one.count > len(one.values) for one in found.values()) and low < middle < high and self._divides(found):
            self._windows.extendleft(((middle, high), (low, middle)))
        else:
            self.fraction = (high - self._start) / ((self._end - self._start) or 1.0)
            self._add(self._rows_of(self._piece(found), (low, high), closed=high >= self._end))
        self._next()

    def _divides(self, found: dict[str, Found]) -> bool:
        """Whether a window could be cut: not when all its points stand at one place."""
        for one in found.values():
            at = one.times if self._axis == "time" or one.steps is None else one.steps
            if one.count > len(one.values) and at and at[0] != at[-1]:
                return True
        return False

    def _on_refused(self, text: str) -> None:
        if not self._stopped:
            self._stopped = True
            self.failed.emit(text)

    # ---- rows ------------------------------------------------------------------------------------------------------

    def _piece(self, found: dict[str, Found]) -> _Piece:
        store = SeriesStore()
        store.steps_per_epoch = self._store.steps_per_epoch
        for key in self._keys:
            if (one := found.get(key)) is not None and one.values:
                store.replace(key, one.steps, one.times, one.epochs, one.values)
                series = store.get(key)
                if series is not None:
                    self._store.place(series)
        return _Piece(store, self._axis, self._range)

    def _rows_of(self, piece: _Piece, window: tuple[float, float], *, closed: bool) -> np.ndarray:
        """Rows of a window that reaches up to the next one, the last one to its end."""
        parts = []
        by = "time" if piece.axis == "time" else "step"
        for spec, series in self._curves.sources(piece):
            x, at = series.column(piece.axis), series.column(by)
            inside = (x >= self._range[0]) & (x <= self._range[1])
            if piece.axis != "epoch" or piece.store is not self._store:
                inside &= (at >= window[0]) & ((at <= window[1]) if closed else (at < window[1]))
            parts.append((self._columns.index(spec.key) + 1, x[inside], series.values[inside] * spec.scale))
        return rows_of(parts, len(self.names))

    def _add(self, table: np.ndarray) -> None:
        self.limited = self.rows + len(table) > MOST_ROWS
        table = table[: MOST_ROWS - self.rows]
        self.rows += len(table)
        if len(table):
            self.advanced.emit(table)

    def _finish(self) -> None:
        if not self._stopped:
            self._stopped, self.fraction = True, 1.0
            self.finished.emit()


class Slices(QObject):
    """A long table in parts, one at each turn of the event loop; a short one at once.

    Signals: advanced(rows, fraction done); finished().
    """

    advanced = Signal(object, float)
    finished = Signal()

    def __init__(self, table: np.ndarray, parent: QObject) -> None:
        super().__init__(parent)
        self._table, self._at = table, 0
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._on_turn)

    def start(self) -> None:
        """Begin."""
        self._on_turn()
        if self._at < len(self._table):
            self._timer.start()

    def _on_turn(self) -> None:
        rows = self._table[self._at : self._at + PAGE_ROWS]
        self._at += PAGE_ROWS
        self.advanced.emit(rows, min(1.0, self._at / max(1, len(self._table))))
        if self._at >= len(self._table):
            self._timer.stop()
            self.finished.emit()


def _needed(curves: Curves) -> list[str]:
    """Keys of what is shown, and of the parts that only make a whole."""
    return [*(spec.key for spec in curves.spec.series if spec.key not in curves.off or curves.spec.total),
            *curves.spec.total]  # fmt: skip


def rows_of(parts: Sequence[tuple[int, np.ndarray, np.ndarray]], columns: int) -> np.ndarray:
    """Rows in order of x: x, then the value of each part (column, x, values) that has one there, else NaN.

    What was logged several times at one x stands in as many rows."""
    marks = [(x, _repeats(x)) for _, x, _ in parts]
    if not any(again.any() for _, again in marks):
        rows = np.unique(np.concatenate([x for x, _ in marks])) if marks else np.empty(0)
        places = [np.searchsorted(rows, x) for x, _ in marks]
    else:
        both = np.unique(np.concatenate([np.column_stack(mark) for mark in marks]), axis=0)
        rows, last = both[:, 0], int(both[:, 1].max()) + 1
        ranks = np.searchsorted(np.unique(rows), rows) * last + both[:, 1]
        places = [np.searchsorted(ranks, np.searchsorted(np.unique(rows), x) * last + again) for x, again in marks]
    table = np.full((len(rows), columns), np.nan)
    table[:, 0] = rows
    for (column, _, values), at in zip(parts, places, strict=True):
        table[at, column] = values
    return table


def _repeats(x: np.ndarray) -> np.ndarray:
    """How often each value stood before it already."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    again = np.empty(len(x), dtype=np.intp)
    again[order] = np.arange(len(x)) - np.repeat(starts, np.diff(np.append(starts, len(x))))
    return again
