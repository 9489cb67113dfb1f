"""Traffic slider: champion and challenger on one two-colour track; drag it, or use arrows and Enter."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets import paint
from console.widgets.spoken import Role

TRACK_TOP = 29


class TrafficSlider(QWidget):
    """Shows and changes which share of the requests goes to the challenger.

    Signals:
        changed(int): the handle moved; percent of the right one. committed(int): Enter was pressed.
    """

    spoken_role = Role.Slider

    changed = Signal(int)
    committed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left, self._right, self._percent = "", "", 0
        self._dragging = False
        self.setFixedHeight(48)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def percent(self) -> int:
        return self._percent

    def set_split(self, left: str, right: str, percent: int) -> None:
        """Names of both and the right one's share, 0…100; ignored while the handle is dragged."""
        self._left, self._right = left, right
        if not self._dragging:
            self._percent = max(0, min(100, percent))
        self._named()

    def _named(self) -> None:
        text = tr(
            "{left} {a}%, {right} {b}%", left=self._left, a=100 - self._percent, right=self._right, b=self._percent
        )
        self.setAccessibleName(tr("Traffic: {shares}", shares=text))
        self.update()

    def spoken_value(self) -> str:
        return f"{self._percent}%"

    def spoken_range(self) -> tuple[float, float, float]:
        return float(self._percent), 0.0, 100.0

    def spoken_set(self, value: float) -> None:
        self._move(round(value))

    def sizeHint(self) -> QSize:
        return QSize(260, 48)

    def _move(self, percent: int) -> None:
        percent = max(0, min(100, percent))
        if percent != self._percent:
            self._percent = percent
            self._named()
            self.changed.emit(percent)

    def _handle_x(self) -> float:
        return 6 + (self.width() - 12) * (1 - self._percent / 100)

    def _percent_at(self, x: float) -> int:
        return round(100 * (1 - (x - 6) / max(1.0, self.width() - 12)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.isEnabled():
            self._dragging = True
            self._move(self._percent_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move(self._percent_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self._move(self._percent + step)
        elif event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Down):
            self._move(self._percent - step)
        elif event.key() == Qt.Key.Key_Home:
            self._move(100)
        elif event.key() == Qt.Key.Key_End:
            self._move(0)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.committed.emit(self._percent)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        top = QRectF(0, 0, self.width(), 20)
        self._paint_name(painter, top, self._left, 100 - self._percent, False)
        self._paint_name(painter, top, self._right, self._percent, True)
        x = self._handle_x()
        track = QRectF(0, TRACK_TOP, self.width(), 12)
        paint.box(painter, track, 5, theme.role("challenger" if self.isEnabled() else "line-control"))
        painter.save()
        painter.setClipRect(QRectF(0, TRACK_TOP, x, 12))
        paint.box(painter, track, 5, theme.role("accent-fill" if self.isEnabled() else "line-strong"))
        painter.restore()
        handle = QRectF(x - 6, TRACK_TOP - 6, 12, 24)
        paint.box(painter, handle, 4, theme.role("on-accent"), theme.role("line-control"))
        for offset in (-1.5, 1.5):
            painter.setPen(theme.role("line-strong"))
            painter.drawLine(QPointF(x + offset, TRACK_TOP + 2), QPointF(x + offset, TRACK_TOP + 10))
        painter.end()

    @staticmethod
    def _paint_name(painter: QPainter, area: QRectF, name: str, percent: int, right: bool) -> None:
        small, strong = theme.font("small"), theme.font("body", 600)
        value = f"{percent}%"
        width = paint.text_width(name, small) + 6 + paint.text_width(value, strong)
        left = area.right() - width if right else area.left()
        paint.draw_text(painter, QRectF(left, area.top(), width, area.height()), name, small, "text-secondary")
        paint.draw_text(
            painter, QRectF(left, area.top(), width + 1, area.height()), value, strong, "text", paint.CENTER_RIGHT
        )
