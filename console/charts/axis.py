"""The frame of a plot: x positions and labels, horizontal grid, labels outside. No axis lines, no tick marks."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from console.charts import format as fmt
from console.charts.palette import BOTTOM, LEFT, RIGHT, TOP, colour, font, pen
from console.charts.picture import Picture
from console.charts.series import Axis

DAY = 86_400.0
GAP = 6  # between a label and the plot
WORDS = 14.0  # half the height of what an empty chart says in its middle

Labels = str  # "number", "elapsed", "clock" or "ago"


def plot_rect(width: float, height: float, left: float = LEFT) -> QRectF:
    """The plot inside a canvas; at least one pixel."""
    return QRectF(left, TOP, max(1.0, width - left - RIGHT), max(1.0, height - TOP - BOTTOM))


def room_for(y_ticks: Iterable[tuple[float, str]]) -> float:
    """How far from the left edge a plot must begin for these labels to stand beside it in full."""
    metrics = QFontMetricsF(font("axis"))
    widest = max((metrics.horizontalAdvance(text) for _, text in y_ticks), default=0.0)
    return max(LEFT, ceil(widest) + GAP)


def x_ticks(
    low: float, high: float, width: float, labels: Labels, origin: float, newest: float
) -> list[tuple[float, str]]:
    """Positions on the x axis with their text; 36 px apart at least, about seven."""
    most = max(2, int(width // max(36.0, width / 7.0)))
    if labels == "number":
        at = fmt.ticks(low, high, most)
        return list(zip(at, fmt.tick_labels(at), strict=True))
    most = max(2, min(most, int(width // 56)))
    if labels == "clock":
        if low + origin < DAY:  # nothing is drawn yet: there is no time of day to show
            return []
        at = fmt.time_ticks(low, high, most, origin - _midnight_shift(origin))
        step = at[1] - at[0] if len(at) > 1 else high - low
        return [(t, fmt.clock_label(t + origin, step)) for t in at]
    if labels == "ago":
        at = fmt.time_ticks(low - newest, high - newest, most)
        step = max(60.0, at[1] - at[0]) if len(at) > 1 else 60.0
        return [(t + newest, "0" if t == 0 else fmt.elapsed_label(t, step)) for t in at]
    at = fmt.time_ticks(low, high, most)
    step = at[1] - at[0] if len(at) > 1 else high - low
    return [(t, fmt.elapsed_label(t, step)) for t in at]


def _midnight_shift(unix: float) -> float:
    """Seconds by which whole local hours and days differ from whole UTC ones, modulo a day."""
    import time

    return -float(time.localtime(unix).tm_gmtoff)


def axis_labels(axis: Axis, labels: Labels) -> Labels:
    """Step and epoch are numbers; time is shown as the group asks."""
    return labels if axis == "time" else "number"


def paint_grid(painter: QPainter, picture: Picture) -> None:
    """Horizontal lines at the labelled values, on whole pixels; none through the words of an empty chart."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(pen("chart-grid"))
    for y, _ in picture.y_ticks:
        row = round(y)
        if picture.empty and abs(row - picture.plot.center().y()) < WORDS:
            continue
        painter.drawLine(QPointF(picture.plot.left(), row), QPointF(picture.plot.right(), row))


def paint_labels(painter: QPainter, picture: Picture) -> None:
    """Left labels end 6 px before the plot; bottom labels are centred and never overlap."""
    painter.setFont(font("axis"))
    painter.setPen(colour("text-tertiary"))
    plot = picture.plot
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    metrics = painter.fontMetrics()
    for y, text in picture.y_ticks:
        painter.drawText(QRectF(0, y - 8, plot.left() - GAP, 16), right, text)
    reached = -1e9
    for x, text in picture.x_ticks:
        half = metrics.horizontalAdvance(text) / 2
        if x - half < reached + 6:
            continue
        painter.drawText(QRectF(x - half - 4, plot.bottom() + 4, 2 * half + 8, 16), Qt.AlignmentFlag.AlignCenter, text)
        reached = x + half
