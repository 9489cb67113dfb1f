"""One pinned thing of the rail: a ring or a dot; drag it, or Alt and an arrow, into another place."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QApplication

from console.theme import theme
from console.widgets import paint
from console.widgets.text import set_tip

STEP = 29  # an item and the gap below it


@dataclass(frozen=True)
class Pin:
    """A pinned thing: deep link, text, and either a progress fraction or a dot role."""

    link: str
    text: str
    fraction: float | None = None
    dot: str = ""


class PinItem(QAbstractButton):
    """Signals: moved(str, int): this link by so many places. menu_asked(str, QPoint): context menu."""

    moved = Signal(str, int)
    menu_asked = Signal(str, QPoint)

    def __init__(self, pin: Pin) -> None:
        super().__init__()
        self._collapsed = False
        self._pressed: float | None = None
        self._home: QPoint | None = None
        self.over = False
        self.setFixedHeight(27)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_pin(pin)

    def set_pin(self, pin: Pin) -> None:
        """What it shows now."""
        self.pin = pin
        self.setText(pin.text)
        self.setAccessibleName(pin.text if pin.fraction is None else f"{pin.text}, {pin.fraction:.0%}")
        set_tip(self, self.accessibleName())
        self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.update()

    def set_over(self, over: bool) -> None:
        """Something that can be dropped here hovers over it."""
        if over != self.over:
            self.over = over
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.globalPosition().y()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            super().mouseMoveEvent(event)
            return
        far = event.globalPosition().y() - self._pressed
        if self._home is None and abs(far) >= QApplication.startDragDistance():
            self._home = self.pos()
            self.raise_()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        if self._home is not None:
            self.move(self._home.x(), self._home.y() + round(far))  # follows the pointer; its layout puts it back

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        start, home = self._pressed, self._home
        self._pressed = self._home = None
        if start is None or home is None:
            super().mouseReleaseEvent(event)
            return
        self.setDown(False)
        self.unsetCursor()
        self.move(home)
        steps = round((event.globalPosition().y() - start) / STEP)
        if steps:
            self.moved.emit(self.pin.link, steps)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is not None and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.moved.emit(self.pin.link, step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        at = self.mapToGlobal(self.rect().bottomLeft()) if keyboard else event.globalPos()
        self.menu_asked.emit(self.pin.link, at)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        if self.underMouse() or self.isDown() or self.over:
            line = theme.role("accent") if self.over else None
            paint.box(painter, QRectF(self.rect()), theme.radius("row"), theme.role("raised"), line)
        left = (self.width() - 16) / 2 if self._collapsed else 9
        spot = QRectF(left, (self.height() - 16) / 2, 16, 16)
        if self.pin.fraction is not None:
            paint.ring(painter, spot, self.pin.fraction)
        else:
            paint.dot(painter, spot.center(), self.pin.dot or "idle", 8)
        if not self._collapsed:
            role = "text" if self.underMouse() else "text-secondary"
            area = QRectF(34, 0, self.width() - 40, self.height())
            paint.draw_text(painter, area, self.text(), theme.font("small"), role)
        painter.end()
