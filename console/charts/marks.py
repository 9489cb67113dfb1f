"""Painters of shading, limit lines, event marks, dots and markers of values that are no numbers."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from console.charts.events import Mark
from console.charts.palette import colour, font, pen, pixmap, token
from console.charts.picture import Picture

LANE_CENTRE = 7.0  # below the top of the plot
ICON = 13


def paint_shades(painter: QPainter, picture: Picture) -> None:
    """Steps still to come and holes in the data; a wide hole says so."""
    plot = picture.plot
    for shade in picture.shades:
        left, right = max(plot.left(), shade.left), min(plot.right(), shade.right)
        if right <= left:
            continue
        area = QRectF(left, plot.top(), right - left, plot.height())
        alpha = float(token("future-alpha")) * (1.0 if shade.kind == "future" else 1.6)
        painter.fillRect(area, colour("text-tertiary", alpha))


def _paint_gap_texts(painter: QPainter, picture: Picture) -> None:
    """What is missing, on one line or two; above the grid, so that no line strikes it through. A narrow hole says it
    in its tip."""
    plot = picture.plot
    painter.setFont(font("caption"))
    for shade in picture.shades:
        left, right = max(plot.left(), shade.left), min(plot.right(), shade.right)
        if not shade.text or right - left < 60:
            continue
        room = QRectF(left + 3, plot.top(), right - left - 6, plot.height())
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        needed = painter.boundingRect(room, flags, shade.text)
        fits = needed.width() <= room.width() and needed.height() <= 30
        text = shade.text if fits else shade.short
        box = painter.boundingRect(room, flags, text)
        painter.fillRect(box.adjusted(-3, -1, 3, 1), colour("panel", 0.7))
        painter.setPen(colour("text-tertiary"))
        painter.drawText(room, flags, text)


def paint_above(painter: QPainter, picture: Picture) -> None:
    """Everything above the curves: limits, event lines and icons, dots, markers, the empty text."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    _paint_gap_texts(painter, picture)
    _paint_limits(painter, picture)
    _paint_events(painter, picture)
    _paint_dots(painter, picture)
    _paint_odd(painter, picture)
    if picture.empty:
        painter.setFont(font("small"))
        painter.setPen(colour("text-tertiary"))
        painter.drawText(picture.plot, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, picture.empty)


def _paint_limits(painter: QPainter, picture: Picture) -> None:
    look = token("limit-line")
    for y, role in picture.limits:
        if picture.plot.top() - 1 <= y <= picture.plot.bottom() + 1:
            painter.setPen(pen(role, float(look["alpha"]), 1.0, look["dash"]))
            row = round(y) + 0.5
            painter.drawLine(QPointF(picture.plot.left(), row), QPointF(picture.plot.right(), row))


def shows_icon(picture: Picture, mark: Mark) -> bool:
    """Icons stand in the page's first chart, and in the chart of the metric an event is about."""
    return picture.lane or any(event.key in picture.lane_keys for event in mark.events)


def _paint_events(painter: QPainter, picture: Picture) -> None:
    plot = picture.plot
    for mark in picture.marks:
        icon, role, lined = mark.leader.style
        with_icon = shows_icon(picture, mark)
        column = round(mark.pixel) + 0.5
        if lined:
            look = token("alert-line" if mark.leader.urgent else "event-line")
            shade = role if mark.leader.urgent or role == "challenger" else "text"
            painter.setPen(pen(shade, float(look["alpha"]), 1.0, look["dash"]))
            top = plot.top() + (LANE_CENTRE + ICON / 2 + 1 if with_icon else 0)
            _paint_event_line(painter, picture, column, top)
        if with_icon:
            _paint_icon(painter, mark, icon, role, QPointF(column, plot.top() + LANE_CENTRE))


def _paint_event_line(painter: QPainter, picture: Picture, column: float, top: float) -> None:
    """From top to bottom; around the words of an empty chart."""
    plot = picture.plot
    if picture.empty:
        words = QFontMetricsF(font("small")).horizontalAdvance(picture.empty)
        if abs(column - plot.center().x()) <= words / 2 + 4:
            painter.drawLine(QPointF(column, top), QPointF(column, plot.center().y() - 12))
            top = plot.center().y() + 12
    painter.drawLine(QPointF(column, top), QPointF(column, plot.bottom()))


def _paint_icon(painter: QPainter, mark: Mark, icon: str, role: str, centre: QPointF) -> None:
    dpr = painter.device().devicePixelRatioF() if painter.device() else 1.0
    size = ICON + 1 if mark.leader.urgent else ICON - 1
    picture = pixmap(icon, size, role, dpr)
    spot = QRectF(centre.x() - size / 2, centre.y() - size / 2, size, size)
    painter.drawPixmap(spot, picture, QRectF(picture.rect()))
    if len(mark.events) > 1:
        painter.setFont(font("caption", 600))
        painter.setPen(colour("text-secondary"))
        painter.drawText(
            QRectF(spot.right() + 1, spot.top(), 24, spot.height()),
            Qt.AlignmentFlag.AlignVCenter,
            str(len(mark.events)),
        )


def _paint_dots(painter: QPainter, picture: Picture) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    for dots in picture.dots:
        painter.setBrush(colour(dots.role))
        radius = dots.diameter / 2
        for x, y in zip(dots.x.tolist(), dots.y.tolist(), strict=True):
            if (
                y == y
                and picture.plot.left() - 1 <= x <= picture.plot.right() + 1
                and picture.plot.top() <= y <= picture.plot.bottom() + 1
            ):
                painter.drawEllipse(QPointF(x, y), radius, radius)


def paint_dot(painter: QPainter, x: float, y: float, role: str, diameter: float) -> None:
    """A point with a ring in the panel's colour, as the crosshair sets it on a curve."""
    look = token("point")
    ring = float(look["ring-width"])
    painter.setPen(pen(str(look["ring"]), 1.0, ring))
    painter.setBrush(colour(role))
    painter.drawEllipse(QPointF(x, y), diameter / 2, diameter / 2)


def _paint_odd(painter: QPainter, picture: Picture) -> None:
    """NaN as a cross at the bottom, +∞ as an arrow at the top, −∞ at the bottom; at most one a pixel column."""
    painter.setPen(pen("bad", 1.0, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    plot = picture.plot
    seen: set[tuple[int, str]] = set()
    for x, value in picture.odd:
        kind = "nan" if math.isnan(value) else "up" if value > 0 else "down"
        if (round(x), kind) in seen or not plot.left() <= x <= plot.right():
            continue
        seen.add((round(x), kind))
        y = plot.top() + 7 if kind == "up" else plot.bottom() - 6
        tip = 3.5 if kind != "up" else -3.5
        if kind == "nan":
            painter.drawLine(QPointF(x - 3, y - 3), QPointF(x + 3, y + 3))
            painter.drawLine(QPointF(x - 3, y + 3), QPointF(x + 3, y - 3))
        else:
            painter.drawPolyline([QPointF(x - 3.5, y), QPointF(x, y + tip), QPointF(x + 3.5, y)])
