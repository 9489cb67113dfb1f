"""The plot surface: pyqtgraph curves in pixel coordinates, drawn once into a picture, with a cheap overlay above it.

Moving the crosshair costs one blit per chart; curves are drawn again only when data, range or size changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsItem, QGraphicsRectItem, QStyleOptionGraphicsItem, QWidget

from console.charts import marks
from console.charts.axis import paint_grid, paint_labels, plot_rect
from console.charts.palette import colour, font, pen, token
from console.charts.picture import Area, Line, Picture


@dataclass
class Overlay:
    """What moves with the mouse: crosshair column, dots on curves, chip text, the box being dragged."""

    x: float | None = None
    dots: list[tuple[float, float, str]] = field(default_factory=list)
    chip: str = ""
    box: tuple[float, float] | None = None


class _Painted(QGraphicsItem):
    """A scene item that paints a part of the picture with a function."""

    def __init__(self, canvas: PlotCanvas, paint, z: float) -> None:
        super().__init__()
        self._canvas, self._paint = canvas, paint
        self.setZValue(z)

    def boundingRect(self) -> QRectF:
        return QRectF(self._canvas.rect())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: ARG002
        self._paint(painter, self._canvas.picture)


class PlotCanvas(pg.GraphicsView):
    """Shows a Picture and an Overlay.

    Signals:
        resized: the plot has another size; the chart must build its picture anew before the next paint.
    """

    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.setCacheMode(self.CacheModeFlag.CacheNone)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("background: transparent; border: none;")
        self.picture = Picture(plot_rect(100, 100))
        self.overlay = Overlay()
        self.on_stale = None  # called before a paint when the picture does not fit the size
        self._cache: QPixmap | None = None
        self._items: list[pg.PlotCurveItem] = []
        self._clip = QGraphicsRectItem()
        self._clip.setPen(QPen(Qt.PenStyle.NoPen))
        self._clip.setFlag(QGraphicsItem.GraphicsItemFlag.ItemClipsChildrenToShape)
        self._clip.setZValue(3)
        for paint, z in ((marks.paint_shades, 0), (paint_grid, 1), (_paint_areas, 2), (marks.paint_above, 4), (paint_labels, 5)):
            self.scene().addItem(_Painted(self, paint, z))
        self.scene().addItem(self._clip)

    # -- what is shown ---------------------------------------------------------------------------------------

    def show_picture(self, picture: Picture) -> None:
        """Draw this picture at the next paint."""
        self.picture = picture
        self._clip.setRect(picture.plot.adjusted(0, -1, 1, 1))
        while len(self._items) < len(picture.lines):
            item = pg.PlotCurveItem(antialias=True, skipFiniteCheck=True)
            item.setParentItem(self._clip)
            item.setAcceptHoverEvents(False)
            self._items.append(item)
        for item, line in zip(self._items, picture.lines, strict=False):
            _feed(item, line)
            item.setVisible(True)
        for item in self._items[len(picture.lines) :]:
            item.setVisible(False)
        self._cache = None
        self.viewport().update()

    def show_overlay(self, overlay: Overlay) -> None:
        """Move the crosshair; curves are not drawn again."""
        if overlay != self.overlay:
            self.overlay = overlay
            self.viewport().update()

    @property
    def plot(self) -> QRectF:
        """The plot rectangle at the present size."""
        return plot_rect(self.width(), self.height())

    # -- painting --------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._cache = None
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self.picture.plot != self.plot and self.on_stale is not None:
            self.on_stale()
        dpr = self.devicePixelRatioF()
        if self._cache is None or self._cache.devicePixelRatio() != dpr:
            self._cache = self._drawn(dpr)
        painter = QPainter(self.viewport())
        painter.drawPixmap(0, 0, self._cache)
        self._paint_overlay(painter)
        painter.end()

    def _drawn(self, dpr: float) -> QPixmap:
        size = QSize(max(1, round(self.width() * dpr)), max(1, round(self.height() * dpr)))
        cache = QPixmap(size)
        cache.setDevicePixelRatio(dpr)
        cache.fill(Qt.GlobalColor.transparent)
        painter = QPainter(cache)
        self.draw(painter)
        painter.end()
        return cache

    def draw(self, painter: QPainter) -> None:
        """Paint the scene without the overlay on any device of this canvas' logical size (also SVG)."""
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        area = QRectF(self.rect())
        self.scene().render(painter, area, area)

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
        base = np.full(width, area.base) if isinstance(area.base, float) else np.interp(columns, *area.base, left=np.nan, right=np.nan)
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
    return [pg.arrayToQPath(np.concatenate((x, bx[::-1])), np.concatenate((y, by[::-1])), connect="all", finiteCheck=False) for x, y, bx, by in parts]


def _runs(x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of a polyline between NaNs, of two points or more."""
    torn = np.flatnonzero(np.isnan(y))
    edges = np.concatenate(([-1], torn, [len(y)]))
    return [(x[a + 1 : b], y[a + 1 : b]) for a, b in zip(edges[:-1], edges[1:], strict=True) if b - a > 2]
