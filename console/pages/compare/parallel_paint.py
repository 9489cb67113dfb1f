"""What parallel coordinates look like: lines of runs, axes with titles and ticks, brushes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPen

from console.i18n import tr
from console.pages.compare.sweep import Axis
from console.theme import theme
from console.widgets import paint

if TYPE_CHECKING:
    from console.pages.compare.parallel import Parallel

TOP, BOTTOM, LEFT, RIGHT = 40, 16, 54, 66
"""Margins around the axes, with room for titles above and labels at the right."""


def paint_lines(plot: Parallel, painter: QPainter) -> None:
    """Runs outside first, then inside, then the compared ones, the one under the mouse last."""
    inside = [plot.is_inside(run) for run in range(len(plot.ids))]
    order = sorted(range(len(plot.ids)), key=lambda r: (r == plot.hover, inside[r], plot.ids[r] in plot.colours))
    for run in order:
        painter.setPen(_pen(plot, run, inside[run]))
        painter.drawPath(_path(plot, run))


def _pen(plot: Parallel, run: int, inside: bool) -> QPen:
    colour = plot.colours.get(plot.ids[run])
    if run == plot.hover:
        return QPen(theme.series(colour) if colour is not None else theme.role("text"), 2.0)
    if not inside:
        return QPen(theme.role("text-tertiary", 0.16), 1.0)
    if colour is not None:
        pen = QPen(theme.series(colour), 1.6)
        dash = theme.dash(colour)
        if dash:
            pen.setDashPattern([part / 1.6 for part in dash])
        return pen
    return QPen(theme.role("accent", 0.7) if plot.brushes else theme.role("text-tertiary", 0.5), 1.0)


def _path(plot: Parallel, run: int) -> QPainterPath:
    """Through the axes on which the run has a value; an unknown one breaks the line."""
    path, last = QPainterPath(), None
    for index, axis in enumerate(plot.axes):
        place = axis.place(axis.values[run])
        point = QPointF(plot.axis_x(index), plot.row_of(place)) if place is not None else None
        if point is not None and last is not None:
            middle = (last.x() + point.x()) / 2
            path.cubicTo(QPointF(middle, last.y()), QPointF(middle, point.y()), point)
        elif point is not None:
            path.moveTo(point)
        last = point
    return path


def paint_axis(plot: Parallel, painter: QPainter, index: int) -> None:
    axis, x = plot.axes[index], plot.axis_x(index)
    held = plot.dragged is not None and plot.dragged[0] == axis.key
    if held and plot.dragged is not None:
        x = plot.dragged[1]
    painter.setPen(QPen(theme.role("accent" if held else "line-strong"), 1.0))
    painter.drawLine(QPointF(round(x) + 0.5, TOP), QPointF(round(x) + 0.5, plot.height() - BOTTOM))
    brush = plot.brushes.get(axis.key)
    if brush is not None and not held:
        box = QRectF(x - 5, plot.row_of(brush[1]), 11, max(3.0, plot.row_of(brush[0]) - plot.row_of(brush[1])))
        painter.setPen(QPen(theme.role("accent"), 1.0))
        painter.setBrush(theme.role("accent", 0.25))
        painter.drawRoundedRect(box, 3, 3)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    _paint_title(plot, painter, index, x)
    if not held:
        _paint_ticks(plot, painter, axis, x)


def _paint_title(plot: Parallel, painter: QPainter, index: int, x: float) -> None:
    axis, font = plot.axes[index], theme.font("small")
    room = (plot.width() - LEFT - RIGHT) / max(1, len(plot.axes) - 1) - 10 if len(plot.axes) > 1 else 300.0
    title = tr("{name} (log)", name=axis.title) if axis.log else axis.title
    text = QFontMetricsF(font).elidedText(title, Qt.TextElideMode.ElideRight, max(60.0, room))
    width = QFontMetricsF(font).horizontalAdvance(text) + 4
    left = min(max(2.0, x - width / 2), plot.width() - width - 2)
    rect = QRectF(left, 8, width, 20)
    paint.draw_text(painter, rect, text, font, "text-secondary", paint.CENTER)
    if plot.ring and index == plot.current:
        painter.setPen(QPen(theme.role("focus-ring"), 2.0))
        painter.drawRoundedRect(rect.adjusted(-3, -1, 3, 1), 4, 4)


def _paint_ticks(plot: Parallel, painter: QPainter, axis: Axis, x: float) -> None:
    font, last = theme.font("caption"), None
    painter.setFont(font)
    for place, text in sorted(axis.ticks(), reverse=True):
        row = plot.row_of(place)
        painter.fillRect(QRectF(x - 2, row - 0.5, 5, 1), theme.role("line-strong"))
        if last is not None and row - last < 13:
            continue
        last = row
        rect = QRectF(x + 7, row - 7, QFontMetricsF(font).horizontalAdvance(text) + 4, 14)
        painter.fillRect(rect, theme.role("panel", 0.82))
        paint.draw_text(painter, rect.adjusted(2, 0, 0, 0), text, font, "text-secondary")
