"""Popover: a floating panel under a button; menus built from actions."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.focusring import FocusRing


class Popover(QWidget):
    """A floating panel that closes on Esc or a click elsewhere; fill `body`, then `show_under(button)`."""

    def __init__(self, width: int = 360, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setFixedWidth(width)
        self.setAccessibleName(name)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(12, 10, 12, 12)
        self.body.setSpacing(8)
        self._ring = FocusRing(self)

    def show_under(self, anchor: QWidget, *, align_right: bool = True) -> None:
        """Show below `anchor` (above, when there is no room), inside the screen."""
        self.adjustSize()
        below = anchor.mapToGlobal(QPoint(0, anchor.height() + 6))
        left = below.x() + anchor.width() - self.width() if align_right else below.x()
        area = anchor.screen().availableGeometry()
        top = below.y()
        if top + self.height() > area.bottom():
            top = anchor.mapToGlobal(QPoint(0, 0)).y() - self.height() - 6
        self.move(max(area.left() + 8, min(left, area.right() - self.width() - 8)), top)
        self.show()

    def focusNextPrevChild(self, forward: bool) -> bool:
        moved = super().focusNextPrevChild(forward)
        self._ring.show_now()
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        rect = QRectF(self.rect())
        paint.box(painter, rect, theme.radius("panel"), theme.role("panel"), theme.role("line-control"))
        painter.end()
