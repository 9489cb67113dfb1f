"""Interval bar: a point with its 95 % band around a zero line; colour only when the whole band is on one side."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role


def verdict_role(low: float | None, high: float | None, higher_is_better: bool | None = True) -> str:
    """`ok` when the whole interval is better, `bad` when it is worse, `idle` otherwise or when nobody can say."""
    if low is None or high is None or higher_is_better is None:
        return "idle"
    if low > 0:
        return "ok" if higher_is_better else "bad"
    if high < 0:
        return "bad" if higher_is_better else "ok"
    return "idle"


def paint_interval(
    painter: QPainter,
    rect: QRectF,
    point: float | None,
    low: float | None,
    high: float | None,
    span: float,
    role: str,
    *,
    zero: float = 0.0,
) -> None:
    """Draw into `rect`: the zero line in the middle, ±`span` at the edges. Values outside are drawn at the edge."""

    def place(value: float) -> float:
        share = max(-1.0, min(1.0, (value - zero) / span)) if span > 0 else 0.0
        return rect.center().x() + share * (rect.width() / 2 - 4)

    middle = rect.center().y()
    painter.fillRect(QRectF(rect.center().x() - 0.5, middle - 9, 1, 18), theme.role("line-strong"))
    if low is not None and high is not None:
        left, right = place(low), place(high)
        paint.box(painter, QRectF(left, middle - 2.5, max(3.0, right - left), 5), 1.5, theme.role(role, 0.4))
    if point is not None:
        paint.dot(painter, QPointF(place(point), middle), role, 7)


class IntervalBar(QWidget):
    """The same as a widget."""

    spoken_role = Role.Indicator

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._point: float | None = None
        self._low: float | None = None
        self._high: float | None = None
        self._span, self._role = 1.0, "idle"
        self.setFixedHeight(22)
        self.setMinimumWidth(60)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_interval(
        self,
        point: float | None,
        low: float | None,
        high: float | None,
        span: float,
        higher_is_better: bool | None = True,
    ) -> None:
        """`span` is the value at the edges; rows that are to be compared share it."""
        self._point, self._low, self._high, self._span = point, low, high, span
        self._role = verdict_role(low, high, higher_is_better)
        self.setAccessibleName(f"{self._name} {point}, {low} – {high}")
        self.update()

    def spoken_value(self) -> str:
        return (
            ""
            if self._point is None
            else f"{self._point:.4g} ({self._low:.4g} – {self._high:.4g})"
            if self._low is not None and self._high is not None
            else f"{self._point:.4g}"
        )

    def sizeHint(self) -> QSize:
        return QSize(80, 22)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint_interval(painter, QRectF(self.rect()), self._point, self._low, self._high, self._span, self._role)
        painter.end()
