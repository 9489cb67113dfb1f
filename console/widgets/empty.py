"""What a page shows when it has nothing: the empty state and the skeleton of what is being read."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import Icon, Kbd
from console.widgets.panel import row
from console.widgets.spoken import Role
from console.widgets.text import Text

SKELETON_AFTER_MS = 150
SKELETON_TEXT_AFTER_MS = 2_000


class EmptyState(QWidget):
    """Icon 28 px, title 15/600, one or two lines, buttons, and an action with its key; centred in what is left."""

    def __init__(
        self,
        icon: str,
        title: str,
        text: str = "",
        buttons: tuple[Button, ...] = (),
        *,
        shortcut: tuple[str, str] | None = None,
        role: str = "text-tertiary",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setSpacing(0)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout.addStretch(1)
        layout.addWidget(Icon(icon, role, theme.size("icon-empty")), 0, centre)
        layout.addSpacing(10)
        heading = Text(title, "panel-title")
        font = theme.font("body", 600)
        font.setPixelSize(15)
        heading.setFont(font)
        layout.addWidget(heading, 0, centre)
        layout.addSpacing(8)
        self.text = Text(text, "body", "text-secondary", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        width = _even_width(self.text, text)
        self.text.setFixedWidth(width)
        self.text.setMinimumHeight(max(0, self.text.heightForWidth(width)))
        layout.addWidget(self.text, 0, centre)
        self.text.setHidden(not text)
        if buttons:
            layout.addSpacing(10)
            holder = QWidget()
            inner = QHBoxLayout(holder)
            inner.setContentsMargins(0, 0, 0, 0)
            inner.setSpacing(8)
            for button in buttons:
                inner.addWidget(button)
            layout.addWidget(holder, 0, centre)
        if shortcut is not None:
            layout.addSpacing(10)
            layout.addWidget(
                row(Kbd(action=shortcut[0]), Text(shortcut[1], "small", "text-tertiary"), gap=6), 0, centre
            )
        layout.addStretch(1)
        self.setAccessibleName(f"{title}. {text}".strip())


def _even_width(label: Text, text: str) -> int:
    """The narrowest width that needs no more lines than the widest one: no last line of a single word."""
    widest = min(460, max(200, round(paint.text_width(text, label.font())) + 12))
    height = label.heightForWidth(widest)
    even = next((width for width in range(200, widest, 10) if label.heightForWidth(width) <= height), widest)
    return min(widest, even + 6)


class Skeleton(QWidget):
    """Grey blocks in the shape of rows to come: nothing for 150 ms, after 2 s also what is being read."""

    spoken_role = Role.Animation

    WIDTHS = (0.08, 0.34, 0.14, 0.10, 0.10)

    def __init__(self, what: str = "", rows: int = 5, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what, self._rows = what, rows
        self._stage = 0
        self._first, self._second = QTimer(self), QTimer(self)
        for timer, wait, stage in ((self._first, SKELETON_AFTER_MS, 1), (self._second, SKELETON_TEXT_AFTER_MS, 2)):
            timer.setSingleShot(True)
            timer.setInterval(wait)
            timer.timeout.connect(lambda stage=stage: self._enter(stage))
            timer.start()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(what)

    def _enter(self, stage: int) -> None:
        self._stage = stage
        self.update()

    def show_now(self) -> None:
        """Skip the wait."""
        self._enter(max(1, self._stage))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self._stage:
            return
        painter = QPainter(self)
        fill = theme.role("raised")
        for index in range(self._rows):
            left = 14.0
            top = 14 + index * 38
            for column, share in enumerate(self.WIDTHS):
                width = (self.width() - 76) * share * (1 - 0.12 * ((index * 2 + column) % 3) * (column == 1))
                paint.box(painter, QRectF(left, top, width, 12), 4, fill)
                left += (self.width() - 76) * share + 12 + (40 if column == 1 else 0)
        if self._stage == 2 and self._what:
            area = QRectF(14, 14 + self._rows * 38, self.width() - 28, 20)
            paint.draw_text(painter, area, self._what, theme.font("small"), "text-tertiary")
        painter.end()
