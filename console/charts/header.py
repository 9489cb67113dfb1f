"""The header of a chart: title, unit, legend with values. The unit goes first when it is too narrow, then names."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from console.charts.palette import colour, font, pen, pixmap
from console.theme import theme

LINE = 22
SWATCH, GAP, BETWEEN = 12, 5, 9


@lru_cache(maxsize=4096)
def _advance(style: str, weight: int | None, text: str) -> float:
    """Width of a text; values repeat, measuring them costs more than drawing."""
    return QFontMetricsF(font(style, weight)).horizontalAdvance(text)


theme.changed.connect(_advance.cache_clear)


@dataclass
class Entry:
    """One series in the legend."""

    key: str
    name: str
    role: str
    value: str
    off: bool = False
    stale: bool = False
    dash: tuple[int, ...] = ()


@dataclass
class _Placed:
    entry: Entry
    left: float
    width: float
    row: int
    named: bool


@dataclass
class _Arranged:
    unit: bool = True
    placed: list[_Placed] = field(default_factory=list)
    rows: int = 1


class ChartHeader(QWidget):
    """Painted in one go; legend entries answer the mouse.

    Signals:
        toggled(key, only): a legend entry was clicked; `only` with Alt.
        hovered(key): the pointer is over an entry; empty when it left.
        menu_asked(global position): the ⋯ at the right was clicked.
        dragged(global position, dropped): the title is being dragged.
        height_changed: one or two lines.
    """

    toggled = Signal(str, bool)
    hovered = Signal(str)
    menu_asked = Signal(QPoint)
    dragged = Signal(QPoint, bool)
    height_changed = Signal()

    def __init__(self, title: str, unit: str, parent: QWidget | None = None, left: int = 12, right: int = 11) -> None:
        super().__init__(parent)
        self.title, self.unit = title, unit
        self._left, self._right = left, right
        self.entries: list[Entry] = []
        self._arranged = _Arranged()
        self._hover = ""
        self._inside = False
        self._pressed: QPoint | None = None
        self._dragging = False
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(LINE)

    def sizeHint(self) -> QSize:
        return QSize(120, LINE)

    def set_texts(self, title: str, unit: str) -> None:
        """Title and unit."""
        if (title, unit) != (self.title, self.unit):
            self.title, self.unit = title, unit
            self._rearrange()

    def set_entries(self, entries: list[Entry]) -> None:
        """The legend with its values of now."""
        if entries != self.entries:
            self.entries = entries
            self._rearrange()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: ARG002
        self._rearrange()

    # -- arranging -------------------------------------------------------------------------------------------

    def _rearrange(self) -> None:
        self._arranged = self._arrange()
        height = LINE if self._arranged.rows == 1 else LINE + 18 * (self._arranged.rows - 1)
        if self.height() != height:
            self.setFixedHeight(height)
            self.height_changed.emit()
        self.update()

    def _widths(self) -> tuple[float, float]:
        title = _advance("chart-title", None, self.title)
        unit = _advance("small", None, self.unit) + 7 if self.unit else 0.0
        return title, unit

    def _entry_width(self, entry: Entry, named: bool) -> float:
        width = SWATCH + GAP + _advance("small", 600, entry.value)
        if named and entry.name:
            width += _advance("small", None, entry.name) + 6
        return width

    def _arrange(self) -> _Arranged:
        title, unit = self._widths()
        room = self.width() - self._left - self._right - title - 10
        entries = self.entries
        named = [True] * len(entries)
        for with_unit, dropped in [(True, 0), *((False, n) for n in range(len(entries) + 1))]:
            named = [i < len(entries) - dropped for i in range(len(entries))]
            if self._total(named) <= room - (unit if with_unit else 0):
                return _Arranged(with_unit, self._from_right(entries, named, 0))
        arranged = _Arranged(unit <= room)
        line: list[Entry] = []
        full = self.width() - self._left - self._right
        for entry in entries:
            if line and sum(self._entry_width(e, True) + BETWEEN for e in [*line, entry]) - BETWEEN > full:
                arranged.placed += self._from_right(line, [True] * len(line), arranged.rows)
                arranged.rows, line = arranged.rows + 1, []
            line.append(entry)
        arranged.placed += self._from_right(line, [True] * len(line), arranged.rows)
        arranged.rows += 1
        return arranged

    def _total(self, named: list[bool]) -> float:
        widths = [self._entry_width(e, n) for e, n in zip(self.entries, named, strict=True)]
        return sum(widths) + BETWEEN * max(0, len(widths) - 1)

    def _from_right(self, entries: list[Entry], named: list[bool], row: int) -> list[_Placed]:
        right = float(self.width() - self._right)
        placed = []
        for entry, with_name in reversed(list(zip(entries, named, strict=True))):
            width = self._entry_width(entry, with_name)
            placed.append(_Placed(entry, right - width, width, row, with_name))
            right -= width + BETWEEN
        return placed[::-1]

    # -- painting --------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self.draw(painter)
        if self._inside:
            icon = pixmap("ellipsis-vertical", 13, "text-tertiary", self.devicePixelRatioF())
            painter.drawPixmap(QPointF(self.width() - 12, (LINE - 13) / 2), icon)
        painter.end()

    def draw(self, painter: QPainter) -> None:
        """Title, unit and legend on any device."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        title, _ = self._widths()
        painter.setFont(font("chart-title"))
        painter.setPen(colour("text"))
        room = self.width() - self._left - self._right
        text = QFontMetricsF(font("chart-title")).elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(self._left, 0, room, LINE), middle, text)
        if self.unit and self._arranged.unit:
            painter.setFont(font("small"))
            painter.setPen(colour("text-tertiary"))
            painter.drawText(QRectF(self._left + title + 7, 0, room, LINE), middle, self.unit)
        for placed in self._arranged.placed:
            self._paint_entry(painter, placed)

    def _paint_entry(self, painter: QPainter, placed: _Placed) -> None:
        entry = placed.entry
        top = 0 if placed.row == 0 else LINE + 18 * (placed.row - 1)
        height = LINE if placed.row == 0 else 18
        dim = 0.35 if entry.off else 1.0
        left = placed.left
        painter.setPen(pen(entry.role, dim, 2.0, tuple(2 * d for d in entry.dash)))
        centre = round(top + height / 2)
        painter.drawLine(QPointF(left, centre), QPointF(left + SWATCH, centre))
        left += SWATCH + GAP
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if placed.named and entry.name:
            painter.setFont(font("small"))
            painter.setPen(colour("text-secondary", dim))
            painter.drawText(QRectF(left, top, 400, height), middle, entry.name)
            left += _advance("small", None, entry.name) + 6
        painter.setFont(font("small", 600))
        painter.setPen(colour("text-tertiary" if entry.stale else "text", dim))
        painter.drawText(QRectF(left, top, 400, height), middle, entry.value)

    # -- mouse -----------------------------------------------------------------------------------------------

    def entry_at(self, pos: QPointF) -> str:
        """Key of the legend entry under a point, or an empty string."""
        for placed in self._arranged.placed:
            top = 0 if placed.row == 0 else LINE + 18 * (placed.row - 1)
            if QRectF(placed.left - 4, top, placed.width + 8, LINE).contains(pos):
                return placed.entry.key
        return ""

    def entry_centre(self, key: str) -> QPoint:
        """Where to click a legend entry."""
        placed = next(p for p in self._arranged.placed if p.entry.key == key)
        top = 0 if placed.row == 0 else LINE + 18 * (placed.row - 1)
        return QPoint(round(placed.left + placed.width / 2), top + 10)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and not self.entry_at(QPointF(self._pressed)):
            far = (event.position().toPoint() - self._pressed).manhattanLength()
            self._dragging = self._dragging or far >= QApplication.startDragDistance()
            if self._dragging:
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
                self.dragged.emit(event.globalPosition().toPoint(), False)
                return
        key = self.entry_at(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if key else Qt.CursorShape.ArrowCursor)
        self._set_hover(key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if self._dragging:
            self._dragging = False
            self.unsetCursor()
            self.dragged.emit(event.globalPosition().toPoint(), True)
            return
        if pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        key = self.entry_at(event.position())
        if key:
            self.toggled.emit(key, bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
        elif event.position().x() >= self.width() - 16:
            self.menu_asked.emit(event.globalPosition().toPoint())

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: ARG002
        self._inside = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: ARG002
        self._inside = False
        self._set_hover("")
        self.update()

    def _set_hover(self, key: str) -> None:
        if key != self._hover:
            self._hover = key
            self.hovered.emit(key)
