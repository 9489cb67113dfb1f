"""The one clock of a page: redraws what is dirty and visible, each chart at most once a tick."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QCoreApplication, QElapsedTimer, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

INTERACTIVE_MS = 16  # a zoom or pan is answered within one frame, still once per frame


class Redrawable(Protocol):
    """What the clock keeps: a widget that can rebuild its picture."""

    def redraw(self) -> None: ...
    def isVisible(self) -> bool: ...
    def window(self) -> QWidget: ...


class RedrawClock(QObject):
    """10 Hz while the window is active, 1 Hz while another is, nothing while hidden or minimized, idle when clean.

    Signals:
        about_to_draw: before the charts of a tick are redrawn; the group settles its range here.
    """

    about_to_draw = Signal()

    def __init__(self, parent: QObject | None = None, hz: float = 10.0, background_hz: float = 1.0) -> None:
        super().__init__(parent)
        self._dirty: dict[int, Redrawable] = {}
        self._hz, self._background_hz = hz, background_hz
        self._since_tick = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(INTERACTIVE_MS)
        self._soon.timeout.connect(self.tick)
        self.ticks = 0
        self.redraws = 0

    def set_rate(self, hz: float, background_hz: float | None = None) -> None:
        """Ticks per second of an active and a background window."""
        self._hz = max(0.1, hz)
        self._background_hz = background_hz if background_hz is not None else self._background_hz
        if self._timer.isActive():
            self._timer.start(self._interval())

    def touch(self, chart: Redrawable, now: bool = False) -> None:
        """Mark a chart dirty; `now` answers a hand on the mouse within a frame instead of at the next tick."""
        self._dirty[id(chart)] = chart
        if now and not self._soon.isActive():
            self._soon.start()
        elif not self._timer.isActive():
            self._timer.start(max(INTERACTIVE_MS, self._interval() - self._rested()))

    def _rested(self) -> int:
        """Milliseconds since the last tick: after a rest the first change is drawn at once, a stream keeps the rate."""
        return self._since_tick.elapsed() if self._since_tick.isValid() else self._interval()

    def forget(self, chart: Redrawable) -> None:
        """The chart is gone."""
        self._dirty.pop(id(chart), None)

    def is_dirty(self, chart: Redrawable) -> bool:
        return id(chart) in self._dirty

    def tick(self) -> None:
        """Redraw every dirty chart that can be seen; the others stay dirty until they are shown."""
        self.ticks += 1
        self._since_tick.start()
        self.about_to_draw.emit()
        seen = [chart for chart in self._dirty.values() if self._can_be_seen(chart)]
        for chart in seen:
            self._dirty.pop(id(chart), None)
            self.redraws += 1
            chart.redraw()
        if not self._dirty or not seen:
            self._timer.stop()
        elif self._timer.interval() != self._interval():
            self._timer.start(self._interval())

    def wake(self) -> None:
        """Something became visible: draw what was left dirty."""
        if self._dirty and not self._soon.isActive():
            self._soon.start()

    def _interval(self) -> int:
        active = QCoreApplication.instance() is not None and any(
            chart.window().isActiveWindow() for chart in self._dirty.values()
        )
        return round(1000 / (self._hz if active else self._background_hz))

    @staticmethod
    def _can_be_seen(chart: Redrawable) -> bool:
        return chart.isVisible() and not chart.window().isMinimized()
