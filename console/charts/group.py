"""ChartGroup: one x range, one crosshair, one clock and one store for every chart of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike
from PySide6.QtCore import QObject, QTimer, Signal

from console.charts.clock import RedrawClock
from console.charts.events import ChartEvent, place
from console.charts.palette import LEFT
from console.charts.series import AXES, Axis, Series
from console.charts.store import SeriesStore
from console.charts.window import Window
from console.theme import theme
from console.words import stopwatch

if TYPE_CHECKING:
    from console.charts.chart import TimeSeriesChart

FETCH_AFTER_MS = 120


class ChartGroup(QObject):
    """Owned by a page. Pages give it data and events; charts read it.

    `labels` says how a time axis reads: `elapsed` since the first point (runs), `clock` (endpoints) or `ago`
    (overview). Positions on the time axis are unix seconds in every call and signal.

    Signals:
        range_changed(low, high): what is shown, in units of `axis`.
        axis_changed(name), follow_changed(on), smoothing_changed(value), log_changed(on): for the page's switches.
        crosshair_changed(position or None).
        request_window(low, high): a zoom settled where the store has finer data; answer with `set_detail`.
        event_selected(id): an icon was clicked or reached with E.
        note_requested(positions): "Add note here"; a dict with step, epoch and time as far as known.
        maximize_requested(chart): Enter, Esc or the menu; ChartGrid answers.
    """

    range_changed = Signal(float, float)
    axis_changed = Signal(str)
    follow_changed = Signal(bool)
    smoothing_changed = Signal(float)
    log_changed = Signal(bool)
    crosshair_changed = Signal(object)
    request_window = Signal(float, float)
    event_selected = Signal(str)
    note_requested = Signal(object)
    maximize_requested = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        axis: Axis = "step",
        labels: str = "elapsed",
        follow_span: float | None = None,
    ) -> None:
        super().__init__(parent)
        self.store = SeriesStore()
        self.clock = RedrawClock(self)
        self.clock.about_to_draw.connect(self._settle)
        self.axis: Axis = axis
        self.labels = labels
        self.smoothing = 0.0
        self.log_y = False
        self.left: float = LEFT  # where every plot begins, so that they line up
        self.events: list[ChartEvent] = []
        self.charts: list[TimeSeriesChart] = []
        self.extra_actions: list[tuple[str, Callable[[], object]]] = []  # more entries for every chart's menu
        self.actions_at: Callable[[float], list[tuple[str, Callable[[], object]]]] = lambda _at: []  # of a place
        self.crosshair: float | None = None
        self._hovered: TimeSeriesChart | None = None
        self._follow_span = follow_span
        self._window = Window(span=follow_span)
        self._total_steps: float | None = None
        self._grown = True  # the window has not learnt the newest extent
        self._known_reach: tuple[tuple[float, float], float] | None = None
        self._last_range = self._window.range
        self._fetch = QTimer(self)
        self._fetch.setSingleShot(True)
        self._fetch.setInterval(FETCH_AFTER_MS)
        self._fetch.timeout.connect(self._on_settled)
        theme.changed.connect(self._on_theme_changed)

    # -- charts ----------------------------------------------------------------------------------------------

    def add(self, chart: TimeSeriesChart) -> None:
        """Called by the chart itself."""
        self.charts.append(chart)
        self.touch(chart)

    def remove(self, chart: TimeSeriesChart) -> None:
        """The chart leaves the page."""
        if chart in self.charts:
            self.charts.remove(chart)
        if self._hovered is chart:
            self._hovered = None
        self.clock.forget(chart)

    def touch(self, chart: TimeSeriesChart, now: bool = False) -> None:
        """Redraw one chart at the next tick, or within a frame."""
        self.clock.touch(chart, now)

    def touch_all(self, now: bool = False) -> None:
        """Redraw every chart."""
        for chart in self.charts:
            self.clock.touch(chart, now)

    # -- data ------------------------------------------------------------------------------------------------

    def set_series(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """The history of a key, replacing what was there. Steps None: a sample that only knows its time."""
        self.store.replace(key, steps, times, epochs, values)
        self._arrived(key)

    def append(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """A live batch of a key; scalars and arrays alike."""
        self.store.append(key, steps, times, epochs, values)
        self._arrived(key)

    def set_detail(
        self, key: str, steps: ArrayLike | None, times: ArrayLike | None, epochs: ArrayLike | None, values: ArrayLike
    ) -> None:
        """The finer points of a window, in answer to `request_window`."""
        self.store.set_detail(key, steps, times, epochs, values)
        self._arrived(key)

    def _arrived(self, key: str) -> None:
        self._grown, self._known_reach = True, None
        moves = self._window.follow
        for chart in self.charts:
            if moves or chart.reads(key):
                self.clock.touch(chart)

    def set_events(self, events: Iterable[ChartEvent]) -> None:
        """Every mark of the page; replaces the former ones."""
        self.events = list(events)
        self.touch_all()

    def set_total_steps(self, total: float | None, steps_per_epoch: float | None = None) -> None:
        """How far the run will go (shaded as future), and how many steps make an epoch."""
        self._total_steps = total
        if steps_per_epoch:
            self.store.steps_per_epoch = steps_per_epoch
        self._grown, self._known_reach = True, None
        self.touch_all()

    def set_true_counts(self, counts: dict[str, int]) -> None:
        """How many points each key has in the store, where the history was thinned."""
        self.store.learn_counts(counts)
        self.touch_all()

    # -- what is shown ---------------------------------------------------------------------------------------

    @property
    def range(self) -> tuple[float, float]:
        """The x range of every chart."""
        if self._grown:
            self._grown = False
            self._window.grow(*self._reach())
        return self._window.range

    @property
    def follow(self) -> bool:
        return self._window.follow

    @property
    def extent(self) -> tuple[float, float]:
        """Everything there is to see on the axis."""
        return self._reach()[0]

    @property
    def origin(self) -> float:
        """The unix time at which elapsed time is 0."""
        span = self.store.reach("time")
        return span[0] if span else 0.0

    @property
    def newest(self) -> float:
        return self._reach()[1]

    @property
    def future(self) -> tuple[float, float] | None:
        """From the newest point to the planned end; None when nothing is planned or it is reached."""
        (_, high), newest = self._reach()
        return (newest, high) if self._planned_end() and newest < high else None

    def _planned_end(self) -> float | None:
        if self._total_steps is None or self.axis == "time":
            return None
        if self.axis == "step":
            return self._total_steps
        per_epoch = self.store.steps_per_epoch
        return self._total_steps / per_epoch if per_epoch else None

    def _reach(self) -> tuple[tuple[float, float], float]:
        """Extent of the axis and its newest point, worked out once for each batch."""
        if self._known_reach is None:
            self._known_reach = self._find_reach()
        return self._known_reach

    def _find_reach(self) -> tuple[tuple[float, float], float]:
        span = self.store.reach(self.axis)
        end = self._planned_end()
        low, high = span if span else (0.0, end or 1.0)
        newest = high if span else low
        if self.axis != "time":
            low = min(0.0, low) if end else low
        return (low, max(high, end or high)), newest

    def _settle(self) -> None:
        """Before a tick: tell once when the range moved with the data."""
        shown = self.range
        if shown != self._last_range:
            self._last_range = shown
            self.range_changed.emit(*shown)

    def _moved(self, was_following: bool) -> None:
        self.touch_all(now=True)
        self._settle()
        if was_following != self._window.follow:
            self.follow_changed.emit(self._window.follow)
        self._fetch.start()

    def zoom(self, factor: float, centre: float | None = None) -> None:
        """Make the range `factor` times as wide around `centre` (default: the crosshair or the middle)."""
        self.range  # noqa: B018  settle the extent first
        was = self._window.follow
        self._window.zoom(factor, centre if centre is not None else self.crosshair)
        self._moved(was)

    def zoom_to(self, low: float, high: float) -> None:
        """Show exactly [low, high]."""
        was = self._window.follow
        self._window.hold(low, high)
        self._moved(was)

    def pan(self, distance: float) -> None:
        """Shift the range by a distance on the axis."""
        self.range  # noqa: B018
        was = self._window.follow
        self._window.pan(distance)
        self._moved(was)

    def reset(self) -> None:
        """Everything, following the newest point."""
        was = self._window.follow
        self.left = LEFT
        self._window.reset(self._follow_span)
        self._moved(was)

    def set_follow(self, on: bool) -> None:
        """Keep the newest point in view, at the present width."""
        was = self._window.follow
        if on:
            self._window.resume()
        elif was:
            self._window.hold(*self.range)
        self._moved(was)

    def set_follow_span(self, span: float | None) -> None:
        """Show the newest `span` seconds or steps; None shows everything."""
        self._follow_span = span
        self.reset()

    def set_axis(self, axis: Axis) -> None:
        """Step, epoch or time; a zoomed window stays on the same points."""
        if axis not in AXES:
            raise ValueError(f"axis {axis!r} is not one of {AXES}")
        if axis == self.axis:
            return
        low, high = self.range
        ends = [self.store.position(self.axis, at).get(axis) for at in (low, high)]
        held = not self._window.follow
        self.axis = axis
        self._window = Window(span=None)
        self._grown, self._known_reach = True, None
        if held and ends[0] is not None and ends[1] is not None and ends[0] < ends[1]:
            self.range  # noqa: B018
            self._window.hold(ends[0], ends[1])
        self.set_crosshair(None)
        self.axis_changed.emit(axis)
        self._moved(self._window.follow)

    def set_smoothing(self, value: float) -> None:
        """0 … 0.999; outside raises ValueError."""
        if not 0.0 <= value < 1.0:
            raise ValueError(f"smoothing {value} is outside 0 ≤ s < 1")
        if value != self.smoothing:
            self.smoothing = value
            self.smoothing_changed.emit(value)
            self.touch_all(now=True)

    def set_log_y(self, on: bool) -> None:
        """A logarithmic y axis in every chart."""
        if on != self.log_y:
            self.log_y = on
            for chart in self.charts:
                chart.set_log(on)
            self.log_changed.emit(on)

    # -- crosshair -------------------------------------------------------------------------------------------

    def set_crosshair(self, at: float | None, hovered: TimeSeriesChart | None = None) -> None:
        """Move the line in all charts to the logged point nearest to `at`; None takes it away."""
        at = self.snapped(at)
        if at == self.crosshair and hovered is self._hovered:
            return
        self.crosshair, self._hovered = at, hovered
        for chart in self.charts:
            chart.show_crosshair(at, self.describe(at) if chart is hovered and at is not None else "")
        self.crosshair_changed.emit(at)

    def step_crosshair(self, points: int, chart: TimeSeriesChart) -> None:
        """Move the crosshair by logged points; it enters at the newest one."""
        series = self._ruler(chart)
        if series is None:
            return
        x = series.column(self.axis)
        low, high = self.range
        index = series.nearest(self.axis, self.crosshair if self.crosshair is not None else min(high, float(x[-1])))
        if index is None:
            return
        moved = index + points if self.crosshair is not None else index
        at = float(x[min(max(moved, 0), len(x) - 1)])
        if not low <= at <= high:
            self.pan(at - (high if at > high else low))
        self.set_crosshair(at, chart)

    def snapped(self, at: float | None) -> float | None:
        """The nearest logged position, so that every chart shows values of the same step."""
        series = self.store.reference or self._ruler(None)
        if at is None or series is None:
            return at
        self.store.place(series)
        index = series.nearest(self.axis, at)
        found = float(series.column(self.axis)[index]) if index is not None else at
        return found if found == found else at

    def _ruler(self, chart: TimeSeriesChart | None) -> Series | None:
        keys = [*(s.key for s in chart.spec.series)] if chart is not None else []
        for key in [*keys, *self.store.names()]:
            series = self.store.get(key)
            if series is not None:
                self.store.place(series)
                return series
        return None

    def describe(self, at: float) -> str:
        """`step 6,130 · epoch 1.53 · 30 m 51 s` for a position, leaving out what is unknown."""
        from console.charts.describe import describe_position

        return describe_position(self.store.position(self.axis, at), self.origin, self.labels, stopwatch)

    # -- events ----------------------------------------------------------------------------------------------

    def go_to_event(self, forward: bool, chart: TimeSeriesChart | None = None) -> None:
        """Put the crosshair on the next or previous event and select it."""
        placed = sorted((at, e.id) for e in self.events if (at := place(e, self.axis, self.store)) is not None)
        if not placed:
            return
        here = self.crosshair
        if forward:
            found = next((p for p in placed if here is None or p[0] > here + 1e-9), placed[-1])
        else:
            found = next((p for p in reversed(placed) if here is None or p[0] < here - 1e-9), placed[0])
        low, high = self.range
        if not low <= found[0] <= high:
            self.pan(found[0] - (low + high) / 2)
        self.crosshair = None
        self._put_crosshair(found[0], chart)
        self.event_selected.emit(found[1])

    def _put_crosshair(self, at: float, chart: TimeSeriesChart | None) -> None:
        """The crosshair exactly at `at`: an event need not stand on a logged point."""
        self.crosshair, self._hovered = at, chart
        for each in self.charts:
            each.show_crosshair(at, self.describe(at) if each is chart else "")
        self.crosshair_changed.emit(at)

    # -- slots -----------------------------------------------------------------------------------------------

    def _on_settled(self) -> None:
        if self._window.whole:
            return
        thinned = any(n > len(s) for key, n in self.store.true_counts.items() if (s := self.store.get(key)) is not None)
        if thinned:
            self.request_window.emit(*self.range)

    def _on_theme_changed(self) -> None:
        self.touch_all(now=True)
        for chart in self.charts:
            chart.repaint_frame()
