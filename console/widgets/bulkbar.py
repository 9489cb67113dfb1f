"""Bulk bar: rises at the bottom centre of its page when something is ticked; Esc clears."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.i18n import tr_n
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import Kbd
from console.widgets.text import Text


class BulkBar(QWidget):
    """A floating child of `owner`.

    Signals:
        cleared: Esc was pressed in it.
    """

    cleared = Signal()

    def __init__(self, owner: QWidget, buttons: Sequence[Button] = (), *, bottom: int = 20) -> None:
        super().__init__(owner)
        self._owner = owner
        self._bottom = bottom
        self._count = Text("", "body", weight=600)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(16, 8, 14, 8)
        self._layout.setSpacing(8)
        self._layout.addWidget(self._count)
        self._layout.addSpacing(6)
        for button in buttons:
            self._layout.addWidget(button)
        self._layout.addSpacing(4)
        self._layout.addWidget(Kbd("Esc"))
        self.hide()
        owner.installEventFilter(self)

    def show_count(self, count: int) -> None:
        """Say how many are ticked; zero hides the bar."""
        self._count.setText(tr_n(count, "{n} selected", "{n} selected"))
        self.setAccessibleName(self._count.text())
        self.setVisible(count > 0)
        if count:
            self._fit()
            self.raise_()

    def _fit(self) -> None:
        owner = self._owner
        size = self.sizeHint()
        self.setGeometry(
            (owner.width() - size.width()) // 2, owner.height() - size.height() - self._bottom, size.width(), 44
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parent() and not self.isHidden():
            self._fit()
        return False

    def keyPressEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        if event.key() == Qt.Key.Key_Escape:
            self.cleared.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        fill = theme.role("raised" if theme.is_dark else "panel")
        paint.box(painter, QRectF(self.rect()), theme.radius("bar"), fill, theme.role("line-control"))
        painter.end()
