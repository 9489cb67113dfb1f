"""How long and until when the machine is shown: ranges, back and forth in time, and the way back to now."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console import words
from console.i18n import mark, tr
from console.widgets.buttons import Button, IconButton
from console.widgets.controls import Segmented

RANGES = (
    ("300", mark("5 min")),
    ("900", mark("15 min")),
    ("3600", mark("1 h")),
    ("21600", mark("6 h")),
    ("86400", mark("24 h")),
    ("2592000", mark("30 d")),
    ("31536000", mark("1 y")),
)
STEP = 0.5
"""Back and forth move by half of what is shown, so that the eye keeps its place."""


class TimeBar(QWidget):
    """Signals: span_changed(seconds); moved(unix time of the right edge, or None for now)."""

    span_changed = Signal(float)
    moved = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.end: float | None = None
        self._now = 0.0
        self._oldest: float | None = None
        self.earlier = IconButton("chevron-left", tr("Earlier"), small=True)
        self.later = IconButton("chevron-right", tr("Later"), small=True)
        self.live = Button(tr("Now"), icon="play", small=True)
        self.range = Segmented([(value, tr(text)) for value, text in RANGES], RANGES[0][0], name=tr("Range"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (self.live, self.earlier, self.range, self.later):
            layout.addWidget(widget)
        self.range.changed.connect(self._on_range)
        self.earlier.clicked.connect(lambda: self._move(-1))
        self.later.clicked.connect(lambda: self._move(1))
        self.live.clicked.connect(lambda: self._go(None))
        self._show()

    @property
    def span(self) -> float:
        return float(self.range.value)

    def tell(self, now: float, oldest: float | None) -> None:
        """What time it is, and since when there is a history."""
        self._now, self._oldest = now, oldest
        self._show()

    def words(self) -> str:
        """from 21 Nov 14:00 to 21 Nov 20:00; empty when what is shown is now."""
        if self.end is None:
            return ""
        start = words.day_and_time(self.end - self.span, self._now)
        return tr("from {start} to {stop}", start=start, stop=words.day_and_time(self.end, self._now))

    def _on_range(self, _value: str) -> None:
        if self.end is not None and self.end - self.span / 2 > self._now:
            self.end = None
        self.span_changed.emit(self.span)
        self._show()

    def _move(self, direction: int) -> None:
        end = (self._now if self.end is None else self.end) + direction * self.span * STEP
        if self._oldest is not None:
            end = max(end, self._oldest + self.span * STEP)
        self._go(None if end >= self._now - 1 else end)

    def _go(self, end: float | None) -> None:
        self.end = end
        self._show()
        self.moved.emit(end)

    def _show(self) -> None:
        live = self.end is None
        self.live.setVisible(not live)
        self.later.setEnabled(not live)
        edge = (self._now if self.end is None else self.end) - self.span
        self.earlier.setEnabled(self._oldest is not None and edge > self._oldest)
