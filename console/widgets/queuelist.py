"""An ordered list that a person reorders: drag a row, or Alt and an arrow; Delete takes a row out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role
from console.widgets.text import set_tip

ROW = 34
GRIP = 26
CROSS = 30


@dataclass(frozen=True)
class QueueItem:
    """One row: key, name, and a grey note at the right."""

    key: str
    text: str
    note: str = ""


class QueueList(QWidget):
    """One tab stop; arrows choose, Alt and an arrow moves, Delete takes out, Enter opens.

    Signals:
        moved(str, int): a key and its wanted place, counted from 1. removed(str). opened(str).
    """

    spoken_role = Role.List

    moved = Signal(str, int)
    removed = Signal(str)
    opened = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._items: list[QueueItem] = []
        self._current = 0
        self._hover = -1
        self._grabbed: int | None = None
        self._pressed: QPointF | None = None
        self._gap: int | None = None
        self._reason = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tell()

    def set_items(self, items: Sequence[QueueItem]) -> None:
        """Show these in this order; the chosen one stays chosen, a drag under way is given up when they change."""
        if list(items) == self._items:
            return
        chosen = self._items[self._current].key if self._current < len(self._items) else ""
        self._items = list(items)
        self._current = next((i for i, item in enumerate(self._items) if item.key == chosen), 0)
        self._let_go()
        self._tell()
        self.updateGeometry()

    def items(self) -> list[QueueItem]:
        return list(self._items)

    def set_reason(self, reason: str) -> None:
        """Why nothing can be changed now; empty when it can."""
        self._reason = reason
        self.update()

    def row_rect(self, index: int) -> QRectF:
        """Where a row is."""
        return QRectF(0, index * ROW, self.width(), ROW)

    def cross_rect(self, index: int) -> QRectF:
        """Where a row's cross is."""
        return QRectF(self.width() - CROSS, index * ROW, CROSS, ROW)

    def spoken_value(self) -> str:
        return self._items[self._current].text if self._current < len(self._items) else ""

    def sizeHint(self) -> QSize:
        return QSize(340, max(1, len(self._items)) * ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    # -- doing -----------------------------------------------------------------------------------------------

    def _move(self, index: int, place: int) -> None:
        place = max(0, min(len(self._items) - 1, place))
        if place == index or self._reason:
            return
        item = self._items.pop(index)
        self._items.insert(place, item)  # shown at once; what the backend says replaces it
        self._current = place
        self._tell()
        self.moved.emit(item.key, place + 1)

    def _remove(self, index: int) -> None:
        if 0 <= index < len(self._items) and not self._reason:
            self.removed.emit(self._items[index].key)

    def _choose(self, index: int) -> None:
        self._current = max(0, min(len(self._items) - 1, index))
        self._tell()

    def _tell(self) -> None:
        name = self._name
        if self._current < len(self._items):
            item = self._items[self._current]
            name = tr("{list}: {item}, {place} of {count}", list=name, item=f"{item.text}, {item.note}",
                      place=self._current + 1, count=len(self._items))  # fmt: skip
        self.setAccessibleName(name)
        self.update()

    def _let_go(self) -> None:
        self._grabbed = self._pressed = self._gap = None
        self.unsetCursor()
        self.update()

    # -- events ----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, at = event.key(), self._current
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if not self._items:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self._move(at, at + step) if alt else self._choose(at + step)
        elif key == Qt.Key.Key_Delete:
            self._remove(at)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(self._items[at].key)
        elif key == Qt.Key.Key_Escape and self._gap is not None:
            self._let_go()
        else:
            super().keyPressEvent(event)

    def _index_at(self, point: QPointF) -> int:
        index = int(point.y() // ROW)
        return index if 0 <= index < len(self._items) and 0 <= point.x() < self.width() else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._choose(index)
            if not self.cross_rect(index).contains(event.position()) and not self._reason:
                self._grabbed, self._pressed = index, event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index != self._hover:
            self._hover = index
            self._show_tip(index)
            self.update()
        if self._grabbed is None or self._pressed is None:
            return
        far = abs(event.position().y() - self._pressed.y()) >= QApplication.startDragDistance()
        if far or self._gap is not None:
            self._gap = max(0, min(len(self._items), round(event.position().y() / ROW)))
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        grabbed, gap, index = self._grabbed, self._gap, self._index_at(event.position())
        self._let_go()
        if grabbed is not None and gap is not None:
            self._move(grabbed, gap - 1 if gap > grabbed else gap)
        elif index >= 0 and self.cross_rect(index).contains(event.position()):
            self._remove(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index >= 0 and not self.cross_rect(index).contains(event.position()):
            self.opened.emit(self._items[index].key)

    def leaveEvent(self, event: object) -> None:  # noqa: ARG002
        self._hover = -1
        self.update()

    def focusInEvent(self, event: object) -> None:  # noqa: ARG002
        self.update()

    def focusOutEvent(self, event: object) -> None:  # noqa: ARG002
        self.update()

    def _show_tip(self, index: int) -> None:
        if index >= 0:
            item = self._items[index]
            set_tip(self, item.text, line=self._reason or tr("Drag to reorder, Delete takes it out of the queue."))

    # -- painting --------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, item in enumerate(self._items):
            self._paint_row(painter, index, item)
        if self._gap is not None:
            y = min(self.height() - 2, max(0, self._gap * ROW - 1))
            painter.fillRect(QRectF(4, y, self.width() - 8, 2), theme.role("accent"))
        painter.end()

    def _paint_row(self, painter: QPainter, index: int, item: QueueItem) -> None:
        rect = self.row_rect(index)
        chosen = index == self._current and self.hasFocus()
        if chosen or index in (self._hover, self._grabbed):
            fill = theme.role("selected" if chosen or index == self._grabbed else "raised")
            paint.box(painter, rect.adjusted(0, 1, 0, -1), theme.radius("row"), fill)
        weak = "text-disabled" if self._reason else "text-tertiary"
        theme.paint_icon(painter, "grip-vertical", QRectF(6, rect.center().y() - 7, 14, 14), weak)
        note_font, font = theme.font("small"), theme.font("body")
        note = paint.text_width(item.note, note_font)
        right = rect.right() - CROSS - 6
        paint.draw_text(painter, QRectF(right - note, rect.top(), note + 1, ROW), item.note, note_font, "text-tertiary")
        name = QRectF(GRIP, rect.top(), right - note - 12 - GRIP, ROW)
        paint.draw_text(painter, name, item.text, font, "text")
        theme.paint_icon(painter, "x", self.cross_rect(index).adjusted(8, 10, -8, -10), weak)
