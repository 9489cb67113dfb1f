"""Popover: a floating panel under a button; menus built from actions."""

from __future__ import annotations

from math import floor, sqrt

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.focusring import FocusRing


def always_composited() -> bool:
    """Whether this platform can be relied upon to show what lies below see-through pixels; X11 may have nobody for it,
    and shows black then."""
    return QGuiApplication.platformName() != "xcb"


def rounded(size: QSize, radius: int) -> QRegion:
    """Every pixel that a rectangle with round corners touches."""
    region = QRegion(0, radius, size.width(), max(0, size.height() - 2 * radius))
    for line in range(radius):
        inset = floor(radius - sqrt(radius**2 - (radius - line - 1) ** 2))
        for y in (line, size.height() - 1 - line):
            region += QRegion(inset, y, size.width() - 2 * inset, 1)
    return region


class Popover(QWidget):
    """A floating panel that closes on Esc or a click elsewhere; fill `body`, then `show_under(button)`."""

    def __init__(self, width: int = 360, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._shaped = not always_composited()
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, not self._shaped)
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._shaped:
            self.setMask(rounded(event.size(), round(theme.radius("panel"))))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        rect = QRectF(self.rect())
        if self._shaped:  # the corner's half-covered pixels blend with what a popover mostly lies on
            painter.fillRect(rect, theme.role("canvas"))
        paint.box(painter, rect, theme.radius("panel"), theme.role("panel"), theme.role("line-control"))
        painter.end()
