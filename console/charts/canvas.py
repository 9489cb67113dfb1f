"""The plot surface: pyqtgraph curves in pixel coordinates, drawn once into a picture, with a cheap overlay above it.

Moving the crosshair costs one blit per chart; curves are drawn again only when data, range or size changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from console.charts import marks
from console.charts.axis import paint_grid, paint_labels, plot_rect
from console.charts.palette import LEFT, colour, font, pen, token
from console.charts.picture import Area, Line, Picture


@dataclass
class Overlay:
    """What moves with the mouse: crosshair column, dots on curves, chip text, the box being dragged."""

    x: float | None = None
    dots: list[tuple[float, float, str]] = field(default_factory=list)
    chip: str = ""
    box: tuple[float, float] | None = None


class PlotCanvas(QWidget):
    """Shows a Picture and an Overlay.

    The curves are pyqtgraph items painted directly, not through a QGraphicsScene: rendering a scene costs more than
    the curves.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.left: float = LEFT  # where the plot begins
        self.picture = Picture(plot_rect(100, 100))
        self.overlay = Overlay()
        self.on_stale: Callable[[], None] | None = None  # called before a paint when the picture has another size
        self._cache = QPixmap()
        self._stale = True
        self._curves: list[pg.PlotCurveItem] = []

    # -- what is shown ---------------------------------------------------------------------------------------

    def show_picture(self, picture: Picture) -> None:
        """Draw this picture at the next paint."""
        self.picture = picture
        while len(self._curves) < len(picture.lines):
            self._curves.append(pg.PlotCurveItem(antialias=True, skipFiniteCheck=True))
        for curve, line in zip(self._curves, picture.lines, strict=False):
            _feed(curve, line)
        self._stale = True
        self.update()

    def show_overlay(self, overlay: Overlay) -> None:
        """Move the crosshair; curves are not drawn again."""
        if overlay != self.overlay:
            self.overlay = overlay
            self.update()

    @property
    def plot(self) -> QRectF:
        """The plot rectangle at the present size."""
        return plot_rect(self.width(), self.height(), self.left)

    # -- painting --------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._stale = True

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self.picture.plot != self.plot and self.on_stale is not None:
            self.on_stale()
        if self._cache.devicePixelRatio() != self.devicePixelRatioF():
            self._stale = True
        if self._stale:
            self._stale = False
            self._draw_cache(self.devicePixelRatioF())
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._cache)
        self._paint_overlay(painter)
        painter.end()

    def _draw_cache(self, dpr: float) -> None:
        """The pixmap is kept: a new one each time costs time and leaks references to None (6 with PySide6 6.11)."""
        size = QSize(max(1, round(self.width() * dpr)), max(1, round(self.height() * dpr)))
        if self._cache.size() != size or self._cache.devicePixelRatio() != dpr:
            self._cache = QPixmap(size)
            self._cache.setDevicePixelRatio(dpr)
        self._cache.fill(Qt.GlobalColor.transparent)
        painter = QPainter(self._cache)
        self.draw(painter)
        painter.end()

    def draw(self, painter: QPainter) -> None:
        """Paint everything but the overlay on any device of this canvas' logical size (also SVG)."""
        picture = self.picture
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        marks.paint_shades(painter, picture)
        paint_grid(painter, picture)
        _paint_areas(painter, picture)
        painter.save()
        painter.setClipRect(picture.plot.adjusted(0, -1, 1, 1))
        for curve, _ in zip(self._curves, picture.lines, strict=False):
            curve.paint(painter, None, self)
        painter.restore()
        marks.paint_above(painter, picture)
        paint_labels(painter, picture)

    def _paint_overlay(self, painter: QPainter) -> None:
        over, plot = self.overlay, self.picture.plot
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if over.box is not None:
            left, right = sorted(over.box)
            painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), colour("accent", 0.16))
        if over.x is None or not plot.left() - 1 <= over.x <= plot.right() + 1:
            return
        look = token("crosshair")
        column = round(over.x) + 0.5
        painter.setPen(pen(str(look["color"]), float(look["alpha"]), 1.0))
        painter.drawLine(QPointF(column, plot.top()), QPointF(column, plot.bottom()))
        for x, y, role in over.dots:
            marks.paint_dot(painter, x, y, role, float(token("point")["diameter"]))
        if over.chip:
            self._paint_chip(painter, over.x, over.chip)

    def _paint_chip(self, painter: QPainter, x: float, text: str) -> None:
        painter.setFont(font("caption"))
        width = painter.fontMetrics().horizontalAdvance(text) + 10
        plot = self.picture.plot
        left = x + 5 if x + 5 + width <= self.width() - 2 else x - 5 - width
        box = QRectF(max(2.0, left), plot.top() + (21 if plot.height() > 120 else 16), width, 22)
        painter.setPen(pen("line-control"))
        painter.setBrush(colour("selected"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
        painter.setPen(colour("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def _feed(item: pg.PlotCurveItem, line: Line) -> None:
    torn = bool(np.isnan(line.y).any())
    item.setPen(pen(line.role, line.alpha, line.width, line.dash))
    item.setData(line.x, line.y, connect="finite" if torn else "all", skipFiniteCheck=not torn)


def _paint_areas(painter: QPainter, picture: Picture) -> None:
    """Fills as one picture: a column-wise mask costs a tenth of filling a polygon with a thousand edges."""
    if not picture.areas:
        return
    if isinstance(painter.device(), QSvgGenerator):
        _paint_area_paths(painter, picture)
        return
    dpr = painter.device().devicePixelRatioF() if painter.device() else 1.0
    painter.drawImage(picture.plot.topLeft(), area_image(picture, dpr))


def _paint_area_paths(painter: QPainter, picture: Picture) -> None:
    painter.save()
    painter.setClipRect(picture.plot)
    for area in picture.areas:
        for path in area_paths(area):
            painter.fillPath(path, colour(area.role, area.alpha))
    painter.restore()


def _premultiplied(shade: QColor) -> int:
    alpha = shade.alpha()
    red, green, blue = (part * alpha // 255 for part in (shade.red(), shade.green(), shade.blue()))
    return alpha << 24 | red << 16 | green << 8 | blue


def area_image(picture: Picture, dpr: float) -> QImage:
    """Every area of a picture, later ones over earlier ones, as premultiplied pixels of the plot rectangle."""
    plot = picture.plot
    width, height = max(1, round(plot.width() * dpr)), max(1, round(plot.height() * dpr))
    pixels = np.zeros((height, width), dtype=np.uint32)
    columns = plot.left() + (np.arange(width) + 0.5) / dpr
    rows = plot.top() + (np.arange(height)[:, None] + 0.5) / dpr
    for area in picture.areas:
        if len(area.x) < 2:
            continue
        top = np.interp(columns, area.x, area.y, left=np.nan, right=np.nan)
        base = (
            np.full(width, area.base)
            if isinstance(area.base, float)
            else np.interp(columns, *area.base, left=np.nan, right=np.nan)
        )
        # a comparison with NaN is false: no fill where a curve is torn
        mask = (rows >= np.minimum(top, base)) & (rows < np.maximum(top, base))
        pixels[mask] = _premultiplied(colour(area.role, area.alpha))
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()
    image.setDevicePixelRatio(dpr)
    return image


def area_paths(area: Area) -> list[QPainterPath]:
    """Closed outlines of an area, one for each unbroken part."""
    if isinstance(area.base, float):
        parts = [(x, y, np.array([x[0], x[-1]]), np.array([area.base, area.base])) for x, y in _runs(area.x, area.y)]
    else:
        tops, bases = _runs(area.x, area.y), _runs(*area.base)
        if len(tops) != len(bases):
            return []
        parts = [(x, y, bx, by) for (x, y), (bx, by) in zip(tops, bases, strict=True)]
    return [
        pg.arrayToQPath(np.concatenate((x, bx[::-1])), np.concatenate((y, by[::-1])), connect="all", finiteCheck=False)
        for x, y, bx, by in parts
    ]


def _runs(x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of a polyline between NaNs, of two points or more."""
    torn = np.flatnonzero(np.isnan(y))
    edges = np.concatenate(([-1], torn, [len(y)]))
    return [(x[a + 1 : b], y[a + 1 : b]) for a, b in pairwise(edges.tolist()) if b - a > 2]
